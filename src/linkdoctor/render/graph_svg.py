"""The picture as SVG: alone in a file, or within the HTML report."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from importlib import resources

from markupsafe import escape

from linkdoctor.model.report import Severity
from linkdoctor.render.graph import (
    Mark,
    Picture,
    arrow_label,
    is_broken,
    numbers,
    published_port_label,
    published_ports_label,
    shown_state,
    size_of,
)
from linkdoctor.render.graph_block import Box, BoxKind, EdgePath
from linkdoctor.render.graph_labels import CELL, LINE, Label, LabelLine
from linkdoctor.render.graph_layout import Frame, GraphLayout, HostArea, layout_of
from linkdoctor.render.layout import text_of, width_of
from linkdoctor.render.sanitize import sanitize

__all__ = ["picture_css", "render_svg", "svg_in_page"]

_LETTER = {"host": 9.5, "name": 7.7, "note": 6.6, "port": 6.6}
"""The width of an ordinary letter, by what is written; fonts differ, and this is a wide one."""
_WIDE = re.compile(r"[MWmw@%]|[^\W\d_a-z]")
_LEGEND_ROW = 21
_HEAD = 7
"""The length of an arrow's head."""


def render_svg(picture: Picture) -> str:
    """Write a picture as a file of its own, with its style in it."""
    return text_of(_svg(picture, inline=False))


def svg_in_page(picture: Picture) -> str:
    """Write a picture for a page that has its style already; containers lead to their cards."""
    return text_of(_svg(picture, inline=True))


def picture_css() -> str:
    """Read the style of pictures."""
    return resources.files("linkdoctor.data").joinpath("picture.css").read_text("utf-8")


def _svg(picture: Picture, *, inline: bool) -> Iterator[str]:
    places = layout_of(picture)
    # In a page the findings stand below the picture anyway.
    legend = () if inline or not picture.findings else picture.findings
    height = places.height + (_LEGEND_ROW * len(legend) + 44 if legend else 0)
    size = f'viewBox="0 0 {_n(places.width)} {_n(height)}"'
    size += f' width="{_n(places.width)}" height="{_n(height)}"'
    role = "group" if inline else "img"
    name = f"Links between containers: {size_of(picture)}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" {size} role="{role}" '
        f'aria-label="{_text(name)}">'
    )
    if not inline:
        yield f"<title>{_text(name)}</title>"
        yield f"<style>{picture_css()}</style>"
        yield '<rect class="sheet" width="100%" height="100%"/>'
    for area in places.hosts:
        yield from _host(area, places)
    for path in places.paths:
        yield from _edge_path(path, inline)
    for box in places.boxes:
        yield from _box(box, inline)
    for path in places.paths:
        if path.label is not None:
            yield f'<g class="words"{_ends(path.ends, inline)}>'
            yield from _label(path.label)
            yield "</g>"
    if legend:
        yield from _legend(legend, places)
    yield "</svg>"


def _legend(marks: Sequence[Mark], places: GraphLayout) -> Iterator[str]:
    y = places.height + 30
    yield f'<text class="network" x="16" y="{_n(y)}">Findings</text>'
    widest = max(_badge_width(numbers((each.number,), each.severity)) for each in marks)
    several = len(places.hosts) > 1
    for mark in marks:
        y += _LEGEND_ROW
        badge = numbers((mark.number,), mark.severity)
        yield _badge(badge, mark.severity, 16 + widest / 2, y - 4)
        where = f" on {mark.host}" if several else ""
        told = f"{mark.code} {mark.name}: {mark.subject}{where}"
        shown = escape(_fitted(told, "note", places.width - widest - 48))
        yield f'<text class="finding" x="{_n(widest + 26)}" y="{_n(y)}">{shown}</text>'


def _host(area: HostArea, places: GraphLayout) -> Iterator[str]:
    host = area.host
    yield (
        f'<rect class="host" x="0.5" y="{_n(area.y + 0.5)}" width="{_n(places.width - 1)}" '
        f'height="{_n(area.height - 1)}" rx="8"/>'
    )
    room = places.width - 180
    name = _fitted(host.name, "host", room / 2)
    engine = _fitted(host.engine or "could not be asked", "note", room / 2)
    yield (
        f'<text x="16" y="{_n(area.y + 26)}"><tspan class="host-name">{escape(name)}</tspan>'
        f'<tspan class="host-engine" dx="10">{escape(engine)}</tspan></text>'
    )
    if host.severity is not None:
        badge = numbers(host.findings, host.severity)
        x = places.width - 16 - _badge_width(badge) / 2
        yield _badge(badge, host.severity, x, area.y + 21)
    for frame in area.frames:
        yield from _frame(frame)


def _frame(frame: Frame) -> Iterator[str]:
    yield (
        f'<rect class="frame" x="{_n(frame.x)}" y="{_n(frame.y)}" width="{_n(frame.width)}" '
        f'height="{_n(frame.height)}" rx="6"/>'
    )
    yield (
        f'<text class="network" x="{_n(frame.x + 16)}" y="{_n(frame.y + 18)}">'
        f"{escape(_fitted(frame.title, 'name', frame.width - 32))}</text>"
    )
    for number, line in enumerate(frame.unlinked):
        y = frame.unlinked_y + LINE * number + 10
        yield f'<text class="unlinked" x="{_n(frame.x + 16)}" y="{_n(y)}">{_text(line)}</text>'


# --- paths --------------------------------------------------------------------------------------


def _ends(ids: Sequence[str], inline: bool) -> str:
    """Let the page's script know which containers something belongs to."""
    return f' data-ends="{" ".join(dict.fromkeys(ids))}"' if inline else ""


def _edge_path(path: EdgePath, inline: bool) -> Iterator[str]:
    looks = ["wire"]
    severity = _worst(path)
    if severity is not None:
        looks.append(severity.value)
    if not path.arrows:
        looks.append("way-in")
    elif all(map(is_broken, path.arrows)):
        looks.append("dashed")
    yield f'<g class="{" ".join(looks)}"{_ends(path.ends, inline)}>'
    if path.arrows:
        told = "\n".join(
            f"{arrow_label(each)} ({each.kind.value}): {each.status}" for each in path.arrows
        )
        yield f"<title>{_title(told)}</title>"
    yield f'<path class="line" d="{_curve(path)}"/>'
    x, y = path.points[0] if path.backwards else path.points[-1]
    back = _HEAD if path.backwards else -_HEAD
    yield (f'<path class="head" d="M{_n(x)} {_n(y)}L{_n(x + back)} {_n(y - 4)}V{_n(y + 4)}Z"/></g>')


def _worst(path: EdgePath) -> Severity | None:
    found = [each.severity for each in path.arrows if each.severity is not None]
    return min(found, key=lambda each: each.rank, default=None)


def _curve(path: EdgePath) -> str:
    """Return the curve; it ends where the head begins, or its end would show beside the tip."""
    points = list(path.points)
    if path.backwards:
        points[0] = (points[0][0] + _HEAD, points[0][1])
    else:
        points[-1] = (points[-1][0] - _HEAD, points[-1][1])
    steps = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for (x, y), (to_x, to_y) in itertools.pairwise(points):
        middle = (x + to_x) / 2
        if y == to_y:
            steps.append(f"H{_n(to_x)}")
        else:
            steps.append(f"C{_n(middle)} {_n(y)} {_n(middle)} {_n(to_y)} {_n(to_x)} {_n(to_y)}")
    return "".join(steps)


def _label(label: Label) -> Iterator[str]:
    for number, line in enumerate(label.lines):
        yield from _label_line(line, label.x, label.y + LINE * number)


def _label_line(line: LabelLine, x: float, y: float) -> Iterator[str]:
    left = x - line.width / 2
    yield (
        f'<rect class="mask" x="{_n(left - 3)}" y="{_n(y - LINE / 2)}" '
        f'width="{_n(line.width + 6)}" height="{LINE}"/>'
    )
    yield f'<text class="label" x="{_n(left)}" y="{_n(y + 4)}">{_text(line.text)}</text>'
    if line.badge and line.arrow is not None and line.arrow.severity is not None:
        middle = left + line.width - _badge_width(line.badge) / 2
        yield _badge(line.badge, line.arrow.severity, middle, y)


# --- boxes --------------------------------------------------------------------------------------


def _box(box: Box, inline: bool) -> Iterator[str]:
    node = box.node
    looks = [box.kind.value]
    if box.kind is BoxKind.NODE and node.severity is not None:
        looks.append(node.severity.value)
    if shown_state(node):
        looks.append("down")
    linked = inline and node.state != "gone" and box.kind is not BoxKind.PUBLISHED_PORTS
    start = f'<a href="#{node.id}" data-card="{node.id}"' if linked else "<g"
    if not linked:
        start += _ends((node.id,), inline)
    yield f'{start} class="{" ".join(looks)}">'
    yield f"<title>{_title(_told(box))}</title>"
    radius = box.height / 2 if box.kind is BoxKind.PUBLISHED_PORTS else 6
    yield (
        f'<rect class="box" x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" '
        f'height="{_n(box.height)}" rx="{_n(radius)}"/>'
    )
    yield from _writing(box)
    yield "</a>" if linked else "</g>"


def _told(box: Box) -> str:
    node = box.node
    if box.kind is BoxKind.PUBLISHED_PORTS:
        ports = ", ".join(map(published_port_label, node.published))
        return f"published ports of {node.name}: {ports}"
    parts = [node.name, node.state, box.where and f"on {box.where}", node.image]
    return ", ".join(part for part in parts if part)


def _writing(box: Box) -> Iterator[str]:
    node, middle = box.node, box.x + box.width / 2
    if box.kind is BoxKind.PUBLISHED_PORTS:
        text = _fitted(published_ports_label(node), "port", box.width - 14)
        yield _line(text, "port", middle, box.y + box.height / 2 + 4)
        return
    badge = numbers(node.findings, node.severity) if box.kind is BoxKind.NODE else ""
    note = f"on {box.where}" if box.where else shown_state(node)
    room = box.width - 12 - (_badge_width(badge) + 4 if badge else 0)
    if badge:
        middle -= _badge_width(badge) / 2
    name, rest = (_fitted(node.name, "name", room), "") if note else _halves(node.name, room)
    both = bool(note or rest)
    yield _line(name, "name", middle, box.y + (16 if both else box.height / 2 + 5))
    if note:
        yield _line(_fitted(note, "note", room), "note", middle, box.y + 29)
    elif rest:
        yield _line(rest, "name", middle, box.y + 30)
    if badge and node.severity is not None:
        x = box.x + box.width - _badge_width(badge) / 2 - 7
        yield _badge(badge, node.severity, x, box.y + box.height / 2)


def _line(text: str, look: str, x: float, y: float) -> str:
    return f'<text class="{look}" x="{_n(x)}" y="{_n(y)}" text-anchor="middle">{_text(text)}</text>'


def _badge_width(badge: str) -> float:
    return width_of(badge) * CELL + 10


def _badge(badge: str, severity: Severity, x: float, y: float) -> str:
    """Draw signs and numbers of findings on a coloured ground, about a point."""
    width = _badge_width(badge)
    shown = _text(badge)
    return (
        f'<rect class="{severity.value}-badge" x="{_n(x - width / 2)}" y="{_n(y - 8)}" '
        f'width="{_n(width)}" height="16" rx="8"/>'
        f'<text class="badge" x="{_n(x)}" y="{_n(y + 4)}" text-anchor="middle">{shown}</text>'
    )


# --- texts and numbers --------------------------------------------------------------------------


def _halves(name: str, room: float) -> tuple[str, str]:
    """Return a name in one line, or in two where it is too long for one."""
    whole = sanitize(name)
    first = whole[: _count(whole, room / _LETTER["name"])]
    if first == whole:
        return whole, ""
    cut = max(first.rfind(sign) for sign in "-_.") + 1
    # A name that has no place to be parted is parted anywhere.
    first = first[:cut] if cut > len(first) // 2 else first
    return first, _fitted(whole[len(first) :], "name", room)


def _fitted(text: str, what: str, room: float) -> str:
    """Cut a text to what fits, whatever its letters; it is harmless then.

    What is left out stood in the middle: names often differ at their ends only.
    """
    whole = sanitize(text)
    letters = room / _LETTER[what]
    if _count(whole, letters) == len(whole):
        return whole
    head = whole[: _count(whole, letters * 0.55 - 1)]
    tail = whole[len(whole) - _count(whole[::-1], letters * 0.45) :]
    return f"{head}…{tail}"


def _count(text: str, letters: float) -> int:
    """Return how many characters fit in the room of some ordinary letters."""
    for place, character in enumerate(text):
        letters -= _breadth(character)
        if letters < 0:
            return place
    return len(text)


def _breadth(character: str) -> float:
    """Return how many ordinary letters wide a character is."""
    cells = width_of(character)
    if cells != 1:
        return 0.9 * cells
    return 1.75 if _WIDE.match(character) else 1


def _n(number: float) -> str:
    """Return a coordinate, which needs no more than a decimal."""
    return f"{round(number, 1):g}"


def _text(text: str, limit: int = 1000) -> str:
    return str(escape(sanitize(text, limit)))


def _title(text: str) -> str:
    """Return a text of several lines, each of them harmless."""
    return "\n".join(_text(line) for line in text.split("\n"))
