"""The picture for a terminal: a line for each link, with the edge of its host on the left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from linkdoctor.model.report import Severity
from linkdoctor.render.graph import (
    Arrow,
    ArrowKind,
    HostFrame,
    Mark,
    NetworkGroup,
    Node,
    Picture,
    arrow_label,
    link_fault,
    numbers,
    places_of,
    published_port_label,
    shown_state,
    size_of,
)
from linkdoctor.render.layout import Style, TextStyle, text_of, width_of, wrapped
from linkdoctor.render.phrases import SEVERITY_STYLES

__all__ = ["render_graph_text"]

_WIDEST_NAME = 24
_WIDEST_PORTS = 12
_LONGEST_LABEL = 64
_PORTS_SHOWN = 2
_UNLINKED_SHOWN = 40


class _Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The widths of what stands before the arrows: badges, published ports and names."""

    badge: int
    ports: int
    name: int


class _Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What every line needs to know."""

    medium: TextStyle
    columns: _Columns
    picture: Picture
    arrows: Mapping[str, Sequence[Arrow]]
    """By target."""
    ends: Mapping[str, tuple[str, str, Node]]
    """Host, network and node, by the node's id."""


def render_graph_text(
    picture: Picture, *, width: int, colour: bool, ascii_only: bool = False
) -> str:
    """Draw a picture with lines of text, and the legend of its findings beneath.

    Args:
        picture: what is drawn.
        width: of a line, in terminal cells.
        colour: paint with SGR sequences.
        ascii_only: use no sign beyond ASCII.
    """
    arrows: dict[str, list[Arrow]] = {}
    for arrow in picture.arrows:
        arrows.setdefault(arrow.target, []).append(arrow)
    medium = TextStyle(width=width, colour=colour, ascii_only=ascii_only)
    drawing = _Drawing(
        medium=medium,
        columns=_columns(picture, arrows, medium),
        picture=picture,
        arrows=arrows,
        ends=places_of(picture),
    )
    return text_of(_lines(drawing))


def _lines(drawing: _Drawing) -> Iterator[str]:
    picture, medium = drawing.picture, drawing.medium
    yield from medium.paragraph(size_of(picture), hanging="  ")
    for host in picture.hosts:
        yield ""
        yield from _host(host, drawing)
    if picture.findings:
        yield ""
        yield medium.paint("findings", Style.STRONG)
        widest = _widest(_badge((x.number,), x.severity, medium) for x in picture.findings)
        for mark in picture.findings:
            yield from _legend(mark, widest, medium, several=len(picture.hosts) > 1)


def _host(host: HostFrame, drawing: _Drawing) -> Iterator[str]:
    medium = drawing.medium
    name = medium.name(host.name)
    badge = _badge(host.findings, host.severity, medium)
    words = [badge, name, "" if host.engine else "could not be asked"]
    text = "  ".join(word for word in words if word)
    first, *others = wrapped(text, medium.width, "", "  ")
    first = first.replace(name, medium.paint(name, Style.STRONG), 1)
    yield first.replace(badge, _painted(badge, host.severity, medium), 1) if badge else first
    yield from others
    for group in host.groups:
        yield from _group(group, drawing)


def _group(group: NetworkGroup, drawing: _Drawing) -> Iterator[str]:
    medium = drawing.medium
    for line in wrapped(medium.name(group.network), medium.width, "  "):
        yield medium.paint(line, Style.FAINT)
    for node in _with_a_line(group, drawing.arrows):
        yield from _rows(node, drawing)
    if group.unlinked:
        yield from _unlinked(group.unlinked, medium)


def _with_a_line(group: NetworkGroup, arrows: Collection[str]) -> Iterator[Node]:
    """Yield the nodes that are more than the end of an arrow."""
    for node in group.nodes:
        if node.id in arrows or node.published or node.findings:
            yield node


def _columns(picture: Picture, arrows: Collection[str], medium: TextStyle) -> _Columns:
    rows = [
        node
        for host in picture.hosts
        for group in host.groups
        for node in _with_a_line(group, arrows)
    ]
    marked = [(each.findings, each.severity) for each in rows]
    marked += [(each.findings, each.severity) for each in picture.arrows]
    ports = min(_widest(_published_ports(each, medium) for each in rows), _WIDEST_PORTS)
    return _Columns(
        badge=_widest(_badge(*each, medium) for each in marked),
        # On a narrow terminal nothing is lined up with the edge.
        ports=ports if 3 * ports < medium.width else 0,
        name=min(_widest(_title(each, medium) for each in rows), _WIDEST_NAME),
    )


def _widest(texts: Iterable[str]) -> int:
    return max(map(width_of, texts), default=0)


def _rows(node: Node, drawing: _Drawing) -> Iterator[str]:
    """Draw a container and its arrows, the first of them on its own line."""
    medium, columns = drawing.medium, drawing.columns
    arrows = drawing.arrows.get(node.id, ())
    title, ports = _title(node, medium), _published_ports(node, medium)
    way_in = f" {medium.say('→')} "
    before = f"{_padding(ports, columns.ports)}{ports}{way_in}" if ports else ""
    before += _padding(before, columns.ports + width_of(way_in)) if columns.ports else ""
    front = f"{before}{title}"
    apart = (
        bool(node.findings)
        or not arrows
        or width_of(title) > columns.name
        or columns.badge + width_of(front) > medium.width // 2
    )
    if apart:
        badge = _badge(node.findings, node.severity, medium)
        yield from _row(badge, node.severity, front, "", columns, medium)
        front = " " * (columns.ports and width_of(before))
    else:
        front += _padding(title, columns.name) + " "
    blank = " " * width_of(front)
    for number, (arrow, stem) in enumerate(
        zip(arrows, _stems(len(arrows), medium, apart=apart), strict=True)
    ):
        badge = _badge(arrow.findings, arrow.severity, medium)
        text = f"{stem} {_arrow(arrow, drawing)}"
        before = blank if number else front
        yield from _row(badge, arrow.severity, before, text, columns, medium)


def _row(
    badge: str,
    severity: Severity | None,
    front: str,
    text: str,
    columns: _Columns,
    medium: TextStyle,
) -> Iterator[str]:
    """Set a line whose badge stands on the left; what does not fit goes on beneath the text."""
    margin = f" {badge}{_padding(badge, columns.badge)}  "
    hanging = " " * min(width_of(margin) + width_of(front) + 3, medium.width // 2)
    if text:
        start = f"{margin}{front}"
        lines = list(wrapped(text, medium.width, start, hanging))
    else:
        lines = list(wrapped(front.lstrip(" "), medium.width, _blanks_of(margin, front), hanging))
    first, *others = lines
    yield first.replace(badge, _painted(badge, severity, medium), 1) if badge else first
    yield from others


def _blanks_of(margin: str, front: str) -> str:
    return margin + " " * (len(front) - len(front.lstrip(" ")))


def _padding(text: str, width: int) -> str:
    return " " * max(width - width_of(text), 0)


def _stems(count: int, medium: TextStyle, *, apart: bool) -> list[str]:
    """Return the beginnings of the arrows of one container, which may stand on a line above."""
    only, top, middle, last = (
        ("--", "+-", "|-", "`-") if medium.ascii_only else ("──", "┬─", "├─", "└─")
    )
    if not count:
        return []
    if apart:
        return [*[middle] * (count - 1), last]
    return [only] if count == 1 else [top, *[middle] * (count - 2), last]


def _arrow(arrow: Arrow, drawing: _Drawing) -> str:
    medium = drawing.medium
    host, network, node = drawing.ends[arrow.source]
    own_host, own_network, _ = drawing.ends[arrow.target]
    where = host if host != own_host else network if network != own_network else ""
    words = [
        medium.say(arrow_label(arrow), _LONGEST_LABEL),
        medium.say("→"),
        _title(node, medium),
        f"on {medium.name(where)}" if where else "",
        "(no link)" if arrow.kind is ArrowKind.WANTED else "",
    ]
    fault = link_fault(arrow, node)
    if fault and host == own_host:
        words.append(f"({medium.say(fault)})")
    return " ".join(word for word in words if word)


def _title(node: Node, medium: TextStyle) -> str:
    state = medium.say(shown_state(node))
    return f"{medium.name(node.name)} ({state})" if state else medium.name(node.name)


def _published_ports(node: Node, medium: TextStyle) -> str:
    ports = [medium.say(published_port_label(each), _LONGEST_LABEL) for each in node.published]
    more = [f"+{len(ports) - _PORTS_SHOWN}"] if len(ports) > _PORTS_SHOWN else []
    return " ".join([*ports[:_PORTS_SHOWN], *more])


def _badge(findings: Sequence[int], severity: Severity | None, medium: TextStyle) -> str:
    return medium.say(numbers(findings, severity))


def _painted(badge: str, severity: Severity | None, medium: TextStyle) -> str:
    return badge if severity is None else medium.paint(badge, SEVERITY_STYLES[severity])


def _unlinked(nodes: Sequence[Node], medium: TextStyle) -> Iterator[str]:
    shown = [
        f"{_title(each, medium)} [{_published_ports(each, medium)}]"
        if each.published
        else _title(each, medium)
        for each in nodes[:_UNLINKED_SHOWN]
    ]
    more = [f"and {len(nodes) - _UNLINKED_SHOWN} more"] if len(nodes) > _UNLINKED_SHOWN else []
    text = f"{len(nodes)} without links: {', '.join([*shown, *more])}"
    for line in wrapped(text, medium.width, "    ", "      "):
        yield medium.paint(line, Style.FAINT)


def _legend(mark: Mark, widest: int, medium: TextStyle, *, several: bool) -> Iterator[str]:
    badge = _badge((mark.number,), mark.severity, medium)
    where = f"  on {medium.name(mark.host)}" if several else ""
    text = f"{medium.name(mark.code)} {medium.name(mark.name)}  {medium.say(mark.subject)}{where}"
    start = f" {badge}{_padding(badge, widest)}  "
    first, *others = wrapped(text, medium.width, start, " " * (width_of(start) + 2))
    yield first.replace(badge, _painted(badge, mark.severity, medium), 1)
    yield from others
