"""The picture in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from linkdoctor.model.report import Severity
from linkdoctor.render.graph import (
    COLOURS,
    Arrow,
    NetworkGroup,
    Node,
    Picture,
    arrow_label,
    is_broken,
    legend,
    link_fault,
    numbers,
    places_of,
    published_port_label,
    shown_state,
    unlinked_label,
)
from linkdoctor.render.layout import text_of
from linkdoctor.render.sanitize import sanitize

__all__ = ["render_dot"]

_LONGEST = 64
_PLAIN = "#57606a"


def render_dot(picture: Picture) -> str:
    """Write a digraph: a cluster for each host and network, a legend of the findings."""
    return text_of(_lines(picture))


def _lines(picture: Picture) -> Iterator[str]:
    yield "digraph linkdoctor {"
    yield "  rankdir=LR; compound=true; nodesep=0.25; ranksep=1.1;"
    yield '  graph [fontname="Helvetica", fontsize=12, color="#8c959f"];'
    yield (
        '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#57606a", '
        'fontname="Helvetica", fontsize=11];'
    )
    yield f'  edge [fontname="Helvetica", fontsize=10, color="{_PLAIN}"];'
    for place, host in enumerate(picture.hosts, 1):
        yield f"  subgraph cluster_{place} {{"
        lost = "" if host.engine else " (could not be asked)"
        label = _joined(f"{host.name}{lost}", numbers(host.findings, host.severity))
        yield f"    label={label}; style=rounded;"
        for number, group in enumerate(host.groups, 1):
            yield from _group(group, f"cluster_{place}_{number}")
        yield "  }"
    places = places_of(picture)
    for arrow in picture.arrows:
        yield _arrow(arrow, places)
    yield from _legend(picture)
    yield "}"


def _group(group: NetworkGroup, name: str) -> Iterator[str]:
    # What is outside the network stands outside its frame, at the host's edge.
    for node in group.nodes:
        yield from _published_ports(node)
    yield f"    subgraph {name} {{"
    yield f"      label={_quoted(group.network)}; style=dashed;"
    for node in group.nodes:
        label = _joined(node.name, shown_state(node), numbers(node.findings, node.severity))
        style = ', style="rounded,dashed"' if node.state == "gone" else ""
        yield f"      {node.id} [label={label}{style}{_coloured(node.severity)}];"
    if group.unlinked:
        label = _quoted(unlinked_label(group.unlinked))
        yield f'      {name}_unlinked [label={label}, shape=plaintext, style=""];'
    yield "    }"


def _published_ports(node: Node) -> Iterator[str]:
    for number, published in enumerate(node.published, 1):
        name = f"{node.id}_port{number}"
        label = _quoted(published_port_label(published))
        yield f'    {name} [label={label}, shape=cds, style="", fontsize=10];'
        yield f"    {name} -> {node.id} [style=bold, arrowhead=vee];"


def _arrow(arrow: Arrow, places: Mapping[str, tuple[str, str, Node]]) -> str:
    fault = link_fault(arrow, places[arrow.source][2])
    label = _joined(arrow_label(arrow), fault, numbers(arrow.findings, arrow.severity))
    style = ", style=dashed" if is_broken(arrow) else ""
    return f"  {arrow.target} -> {arrow.source} [label={label}{style}{_coloured(arrow.severity)}];"


def _coloured(severity: Severity | None) -> str:
    if severity is None:
        return ""
    colour = COLOURS[severity]
    return f', color="{colour}", fontcolor="{colour}", penwidth=2'


def _legend(picture: Picture) -> Iterator[str]:
    if not picture.findings:
        return
    # \l ends a line that is set to the left.
    text = "".join(f"{_escaped(row, 300)}\\l" for row in legend(picture))
    yield f'  legend [shape=note, style="", fontsize=10, label="{text}"];'


def _joined(*parts: str) -> str:
    """Return a label of several lines."""
    text = "\\n".join(_escaped(each) for each in parts if each)
    return f'"{text}"'


def _quoted(text: str) -> str:
    return _joined(text)


def _escaped(text: str, limit: int = _LONGEST) -> str:
    """Make any text harmless within quotation marks: Graphviz reads escapes and entities there."""
    shown = sanitize(text, limit)
    for sign, escape in (("\\", "\\\\"), ('"', '\\"'), ("&", "&amp;")):
        shown = shown.replace(sign, escape)
    return shown
