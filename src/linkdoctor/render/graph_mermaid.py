"""The picture as a Mermaid flowchart, which code hosts draw within Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from linkdoctor.render.graph import (
    COLOURS,
    Arrow,
    HostFrame,
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

__all__ = ["render_mermaid"]

_LONGEST = 64
_MEANINGFUL = re.compile(r"(?<=[A-Za-z0-9])(?:[-.](?=[A-Za-z0-9])|:(?=[0-9]))|([^\w ,()→✗…]|_)")
"""What may mean something in a label: all signs, but for a few, and some only between letters."""


def render_mermaid(picture: Picture) -> str:
    """Write a flowchart: a subgraph for each host and network; and a node for the findings."""
    return text_of(_lines(picture))


def _lines(picture: Picture) -> Iterator[str]:
    yield "flowchart LR"
    for place, host in enumerate(picture.hosts, 1):
        yield from _host(host, f"h{place}")
    places = places_of(picture)
    ways_in = sum(len(each.published) for each in _drawn(picture))
    for arrow in picture.arrows:
        yield _arrow(arrow, places)
    yield from _legend(picture)
    yield "  classDef gone stroke-dasharray:4 3"
    yield "  classDef port stroke-width:1px"
    for severity, colour in COLOURS.items():
        yield f"  classDef {severity.value} stroke:{colour},stroke-width:3px"
    for number, arrow in enumerate(picture.arrows, ways_in):
        if arrow.severity is not None:
            yield f"  linkStyle {number} stroke:{COLOURS[arrow.severity]},stroke-width:3px"


def _drawn(picture: Picture) -> Iterator[Node]:
    return (node for host in picture.hosts for group in host.groups for node in group.nodes)


def _host(host: HostFrame, name: str) -> Iterator[str]:
    lost = "" if host.engine else " (could not be asked)"
    label = _label(f"{host.name}{lost}", numbers(host.findings, host.severity))
    yield f"  subgraph {name}[{label}]"
    for number, group in enumerate(host.groups, 1):
        yield f"    subgraph {name}g{number}[{_label(group.network)}]"
        for node in group.nodes:
            yield f"      {_node(node)}"
        if group.unlinked:
            yield f"      {name}u{number}[/{_label(unlinked_label(group.unlinked))}/]"
        yield "    end"
        for node in group.nodes:
            for place, published in enumerate(node.published, 1):
                port = f"{node.id}p{place}([{_label(published_port_label(published))}]):::port"
                yield f"    {port} ==> {node.id}"
    yield "  end"


def _node(node: Node) -> str:
    label = _label(node.name, shown_state(node), numbers(node.findings, node.severity))
    look = node.severity.value if node.severity else "gone" if node.state == "gone" else ""
    return f"{node.id}[{label}]{':::' + look if look else ''}"


def _arrow(arrow: Arrow, places: Mapping[str, tuple[str, str, Node]]) -> str:
    fault = link_fault(arrow, places[arrow.source][2])
    label = _label(arrow_label(arrow), fault, numbers(arrow.findings, arrow.severity))
    return f"  {arrow.target} {'-.->' if is_broken(arrow) else '-->'}|{label}| {arrow.source}"


def _legend(picture: Picture) -> Iterator[str]:
    if not picture.findings:
        return
    yield f"  legend[{_label(*legend(picture), limit=300)}]"


def _label(*parts: str, limit: int = _LONGEST) -> str:
    """Return a label in quotation marks, of one line for each part that is not empty."""
    lines = (_escaped(sanitize(each, limit)) for each in parts if each)
    return f'"{"<br>".join(lines)}"'


def _escaped(text: str) -> str:
    # Markdown, HTML and Mermaid's own signs become entities.
    return _MEANINGFUL.sub(lambda sign: f"#{ord(sign[0])};" if sign[1] else sign[0], text)
