"""Where everything of a picture stands: boxes, paths and frames, in pixels.

Within a group, containers that arrows connect form a block of columns: each target left of its
sources, published ports at the left edge. Blocks are set like words, in rows of a given width. An
arrow that leaves its group ends at a stand-in that says where the container is: so no line crosses
the whole picture, however many containers there are.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from linkdoctor.model.report import Severity
from linkdoctor.render.graph import (
    Arrow,
    Group,
    HostFrame,
    Node,
    Picture,
    arrow_label,
    doors_label,
    numbers,
    places_of,
    unlinked_label,
)
from linkdoctor.render.layout import width_of, wrapped
from linkdoctor.render.sanitize import sanitize

__all__ = [
    "LINE",
    "WIDEST",
    "Arrangement",
    "Box",
    "BoxKind",
    "Frame",
    "HostArea",
    "Label",
    "LabelLine",
    "Wire",
    "arranged",
]

WIDEST = 1156
"""The width that blocks are set in; a block that is wider makes the picture wider."""

_NARROWEST = 360
_BOX, _TALL = 158, 36
_DOOR, _DOOR_TALL = (72, 150), 24
"""The least and the greatest width of a box for published ports, and its height."""
_PITCH = 52
_GAPS = (116, 150, 190, 250)
"""The distances of two columns: few, so that what stands below one another lines up."""
_DOOR_GAP = 40
_CROWD = 10
"""More wires than that from one column need all the room that there can be."""
_CLEAR = 8
"""How far a label keeps from a box."""
_CELL = 6.7
"""The width of a character of a label."""
_LABEL_CELLS = 30
_LINES_SHOWN = 3
LINE = 15
"""The height of a line of a label."""
_APART = 28
_PAD = 16
_HEAD, _GROUP_HEAD = 40, 28
_UNLINKED_NAMED = 40
_UNLINKED_CELLS = 150
_PASSES = 4
_PLACES = tuple(sorted((place / 100 for place in range(14, 90, 4)), key=lambda x: abs(x - 0.5)))


class BoxKind(StrEnum):
    """What a box stands for."""

    NODE = "node"
    DOOR = "door"
    """The published ports of a container."""
    AWAY = "away"
    """A stand-in for a container of another group."""


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A box, by its upper left corner."""

    kind: BoxKind
    node: Node
    x: float
    y: float
    width: float = _BOX
    height: float = _TALL
    where: str = ""
    """For a stand-in: the host or network of its container."""


class LabelLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one arrow says: its text, and the signs of its findings."""

    text: str
    badge: str
    arrow: Arrow | None

    @property
    def width(self) -> float:
        """Return the width of text and badge."""
        badge = width_of(self.badge) * _CELL + 14 if self.badge else 0
        return width_of(self.text) * _CELL + badge


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The lines about a wire, by the middle of the first of them."""

    x: float
    y: float
    lines: tuple[LabelLine, ...]


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """All arrows between the same two boxes, as one path from left to right."""

    points: tuple[tuple[float, float], ...]
    ends: tuple[str, str]
    """The ids of the nodes at its ends; the same twice for a way in."""
    arrows: tuple[Arrow, ...]
    """None for the way in through a published port."""
    backwards: bool = False
    """The head is at the left end."""
    label: Label | None = None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The area of a group."""

    title: str
    x: float
    y: float
    width: float
    height: float
    unlinked: tuple[str, ...]
    """Lines that name the containers without links."""
    unlinked_y: float


class HostArea(msgspec.Struct, frozen=True, kw_only=True):
    """The area of a host, as wide as the picture."""

    host: HostFrame
    y: float
    height: float
    frames: tuple[Frame, ...]


class Arrangement(msgspec.Struct, frozen=True, kw_only=True):
    """A whole picture."""

    width: float
    height: float
    hosts: tuple[HostArea, ...]
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


class _Strand(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes a wire: from one box to another, by their keys."""

    left: str
    right: str
    arrows: tuple[Arrow, ...]


class _Item(msgspec.Struct, kw_only=True):
    """What becomes a box, or a bend of a wire that passes a column."""

    key: str
    box: Box | None
    column: int = 0
    row: int = 0


class _Block(msgspec.Struct, frozen=True, kw_only=True):
    """What hangs together, at the origin."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the frame of a group."""

    spots: tuple[tuple[_Block, float, float], ...]
    """Blocks and where they are, from the frame's own corner."""
    width: float
    height: float
    unlinked: tuple[str, ...]


def arranged(picture: Picture) -> Arrangement:
    """Return everything in a picture its place."""
    places = places_of(picture)
    by_target: dict[str, list[Arrow]] = {}
    for arrow in picture.arrows:
        by_target.setdefault(arrow.target, []).append(arrow)
    contents = [
        [_content(group, host.name, by_target, places) for group in host.groups]
        for host in picture.hosts
    ]
    inner = max([_NARROWEST, *(each.width for host in contents for each in host)])
    boxes: list[Box] = []
    wires: list[Wire] = []
    areas: list[HostArea] = []
    y = 0.0
    for host, own in zip(picture.hosts, contents, strict=True):
        top, frames = y, []
        y += _HEAD
        for group, content in zip(host.groups, own, strict=True):
            left, head = 2 * _PAD, y + _GROUP_HEAD
            for block, dx, dy in content.spots:
                boxes += (_box_moved(each, left + dx, head + dy) for each in block.boxes)
                wires += (_wire_moved(each, left + dx, head + dy) for each in block.wires)
            frames.append(_frame(group.network, content, y, inner + 2 * _PAD))
            y += frames[-1].height + _PAD
        areas.append(HostArea(host=host, y=top, height=y - top, frames=tuple(frames)))
        y += _PAD
    return Arrangement(
        width=inner + 4 * _PAD,
        height=max(y - _PAD, _HEAD),
        hosts=tuple(areas),
        boxes=tuple(boxes),
        wires=tuple(wires),
    )


def _content(
    group: Group,
    host: str,
    by_target: Mapping[str, Sequence[Arrow]],
    places: Mapping[str, tuple[str, str, Node]],
) -> _Content:
    spots, width, height = _set(_blocks(group, host, by_target, places))
    unlinked = _unlinked(group)
    return _Content(
        spots=spots,
        width=max([width, *(width_of(line) * _CELL for line in unlinked)]),
        height=height,
        unlinked=unlinked,
    )


def _frame(title: str, content: _Content, y: float, width: float) -> Frame:
    below = content.height + (_PAD if content.spots else 0)
    return Frame(
        title=title,
        x=_PAD,
        y=y,
        width=width,
        height=_GROUP_HEAD + below + (LINE * len(content.unlinked) + 8 if content.unlinked else 0),
        unlinked=content.unlinked,
        unlinked_y=y + _GROUP_HEAD + below,
    )


def _unlinked(group: Group) -> tuple[str, ...]:
    if not group.unlinked:
        return ()
    text = unlinked_label(group.unlinked, _UNLINKED_NAMED)
    return tuple(wrapped(sanitize(text, 10_000), _UNLINKED_CELLS))


def _set(blocks: Sequence[_Block]) -> tuple[tuple[tuple[_Block, float, float], ...], float, float]:
    """Set blocks in rows, high ones first; give their places, and the width and height of all."""
    spots = []
    x = y = widest = high = 0.0
    for block in blocks:
        if x and x + block.width > WIDEST:
            x, y, high = 0.0, y + high + _PITCH - _TALL, 0.0
        spots.append((block, x, y))
        widest, high = max(widest, x + block.width), max(high, block.height)
        x += block.width + _APART
    return tuple(spots), widest, y + high


def _box_moved(box: Box, dx: float, dy: float) -> Box:
    return msgspec.structs.replace(box, x=box.x + dx, y=box.y + dy)


def _wire_moved(wire: Wire, dx: float, dy: float) -> Wire:
    label = wire.label
    if label is not None:
        label = msgspec.structs.replace(label, x=label.x + dx, y=label.y + dy)
    points = tuple((x + dx, y + dy) for x, y in wire.points)
    return msgspec.structs.replace(wire, points=points, label=label)


# --- what hangs together ------------------------------------------------------------------------


def _blocks(
    group: Group,
    host: str,
    by_target: Mapping[str, Sequence[Arrow]],
    places: Mapping[str, tuple[str, str, Node]],
) -> tuple[_Block, ...]:
    boxes: dict[str, Box] = {}
    strands: list[_Strand] = []
    here = {node.id for node in group.nodes}
    for node in group.nodes:
        boxes[node.id] = Box(kind=BoxKind.NODE, node=node, x=0, y=0)
        if node.published:
            door = f"{node.id} door"
            boxes[door] = _door(node)
            strands.append(_Strand(left=door, right=node.id, arrows=()))
        bundles: dict[str, list[Arrow]] = {}
        for arrow in by_target.get(node.id, ()):
            bundles.setdefault(arrow.source, []).append(arrow)
        for source, arrows in bundles.items():
            right = source
            if source not in here or source == node.id:
                right = f"{node.id if source == node.id else ''} away {source}"
                boxes[right] = _away(source, node, host, places)
            strands.append(_Strand(left=node.id, right=right, arrows=tuple(arrows)))
    found = (_block({key: boxes[key] for key in keys}, own) for keys, own in _parts(boxes, strands))
    return tuple(sorted(found, key=_urgency))


def _urgency(block: _Block) -> tuple[float, int, float]:
    """Sort high blocks first, so that rows waste little, then those with the worst findings."""
    marked: list[Severity | None] = [box.node.severity for box in block.boxes]
    marked += [arrow.severity for wire in block.wires for arrow in wire.arrows]
    worst = min((each.rank for each in marked if each is not None), default=len(Severity))
    return -block.height, worst, -block.width


def _door(node: Node) -> Box:
    needed = width_of(sanitize(doors_label(node))) * _CELL + 22
    width = min(max(needed, _DOOR[0]), _DOOR[1])
    return Box(kind=BoxKind.DOOR, node=node, x=0, y=0, width=width, height=_DOOR_TALL)


def _away(source: str, target: Node, host: str, places: Mapping[str, tuple[str, str, Node]]) -> Box:
    there, network, node = places[source]
    where = "itself" if source == target.id else there if there != host else network
    return Box(kind=BoxKind.AWAY, node=node, x=0, y=0, where=where)


def _parts(
    keys: Iterable[str], strands: Sequence[_Strand]
) -> Iterator[tuple[list[str], list[_Strand]]]:
    """Part boxes and strands into those that hang together."""
    leader = {key: key for key in keys}

    def led(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for strand in strands:
        leader[led(strand.right)] = led(strand.left)
    members: dict[str, list[str]] = {}
    for key in leader:
        members.setdefault(led(key), []).append(key)
    own: dict[str, list[_Strand]] = {}
    for strand in strands:
        own.setdefault(led(strand.left), []).append(strand)
    for first, found in members.items():
        yield found, own.get(first, [])


# --- one block --------------------------------------------------------------------------------


def _block(boxes: Mapping[str, Box], strands: Sequence[_Strand]) -> _Block:
    items = {key: _Item(key=key, box=box) for key, box in boxes.items()}
    turned = _turned(items, strands)
    _give_columns(items, strands, turned)
    chains = [
        _chain(items, number, strand, number in turned) for number, strand in enumerate(strands)
    ]
    _give_rows(items, chains)
    lefts, width = _lefts(items, strands, chains)
    placed = {
        item.key: msgspec.structs.replace(
            item.box,
            x=lefts[item.column],
            y=item.row * _PITCH + (_TALL - item.box.height) / 2,
        )
        for item in items.values()
        if item.box is not None
    }
    room = _Room(placed.values())
    wires = []
    for number, (strand, chain) in enumerate(zip(strands, chains, strict=True)):
        points = tuple(_points([items[key] for key in chain], placed, lefts))
        wires.append(
            Wire(
                points=points,
                ends=(boxes[strand.left].node.id, boxes[strand.right].node.id),
                arrows=strand.arrows,
                backwards=number in turned,
                label=room.label(points, _label_lines(strand, boxes)),
            )
        )
    high = max(item.row for item in items.values()) * _PITCH + _TALL
    return _Block(width=width, height=high, boxes=tuple(placed.values()), wires=tuple(wires))


def _turned(items: Mapping[str, _Item], strands: Sequence[_Strand]) -> set[int]:
    """Return the strands that close a circle: turned round, all lead from left to right."""
    out: dict[str, list[tuple[int, str]]] = {key: [] for key in items}
    entered = {strand.right for strand in strands}
    for number, strand in enumerate(strands):
        out[strand.left].append((number, strand.right))
    turned: set[int] = set()
    done: set[str] = set()
    for root in sorted(items, key=lambda key: key in entered):
        if root in done:
            continue
        path, waiting = {root}, [(root, iter(out[root]))]
        while waiting:
            key, following = waiting[-1]
            number, right = next(following, (-1, ""))
            if number < 0:
                waiting.pop()
                path.discard(key)
                done.add(key)
            elif right in path:
                turned.add(number)
            elif right not in done:
                path.add(right)
                waiting.append((right, iter(out[right])))
    return turned


def _ends(strand: _Strand, turned: bool) -> tuple[str, str]:
    return (strand.right, strand.left) if turned else (strand.left, strand.right)


def _give_columns(
    items: Mapping[str, _Item], strands: Sequence[_Strand], turned: Collection[int]
) -> None:
    """Put each item right of all that lead to it; published ports into a column of their own."""
    doors = {key for key, item in items.items() if item.box and item.box.kind is BoxKind.DOOR}
    pairs = [
        _ends(strand, number in turned)
        for number, strand in enumerate(strands)
        if strand.left not in doors
    ]
    incoming = dict.fromkeys(items, 0)
    out: dict[str, list[str]] = {}
    for left, right in pairs:
        incoming[right] += 1
        out.setdefault(left, []).append(right)
    ready = [key for key, count in incoming.items() if not count]
    first = 1 if doors else 0
    for key in ready:
        items[key].column = max(items[key].column, first)
        for right in out.get(key, ()):
            items[right].column = max(items[right].column, items[key].column + 1)
            incoming[right] -= 1
            if not incoming[right]:
                ready.append(right)
    for key in doors:
        items[key].column = 0


def _chain(items: dict[str, _Item], number: int, strand: _Strand, turned: bool) -> tuple[str, ...]:
    """Return the keys from left to right, with a bend in every column between."""
    left, right = _ends(strand, turned)
    bends = []
    for column in range(items[left].column + 1, items[right].column):
        key = f"{number} bend {column}"
        items[key] = _Item(key=key, box=None, column=column)
        bends.append(key)
    return (left, *bends, right)


def _give_rows(items: Mapping[str, _Item], chains: Iterable[Sequence[str]]) -> None:
    """Order each column by its neighbours, and put each item level with them where it can be."""
    before: dict[str, list[str]] = {key: [] for key in items}
    after: dict[str, list[str]] = {key: [] for key in items}
    for chain in chains:
        for left, right in itertools.pairwise(chain):
            after[left].append(right)
            before[right].append(left)
    columns: list[list[str]] = [[] for _ in range(max(x.column for x in items.values()) + 1)]
    for key, item in items.items():
        columns[item.column].append(key)
    spot = {key: float(place) for column in columns for place, key in enumerate(column)}

    def middle(key: str, neighbours: Mapping[str, Sequence[str]]) -> float:
        own = neighbours[key]
        return sum(spot[each] for each in own) / len(own) if own else spot[key]

    for number in range(_PASSES):
        forward = number % 2 == 0
        for column in columns if forward else reversed(columns):
            column.sort(key=lambda key: middle(key, before if forward else after))
            spot.update((key, float(place)) for place, key in enumerate(column))
    fullest = max(range(len(columns)), key=lambda place: len(columns[place]))
    for place, key in enumerate(columns[fullest]):
        spot[key] = float(place)
    for column, neighbours in (
        *((column, after) for column in reversed(columns[:fullest])),
        *((column, before) for column in columns[fullest + 1 :]),
    ):
        free = 0
        for key in sorted(column, key=lambda key: middle(key, neighbours)):
            row = max(round(middle(key, neighbours)), free)
            spot[key] = float(row)
            free = row + 1
    for key, item in items.items():
        item.row = int(spot[key])


def _lefts(
    items: Mapping[str, _Item], strands: Sequence[_Strand], chains: Sequence[Sequence[str]]
) -> tuple[list[float], float]:
    """Return where each column begins, and the width of all."""
    count = max(item.column for item in items.values()) + 1
    widths, gaps = [0.0] * count, [0.0] * count
    for item in items.values():
        widths[item.column] = max(widths[item.column], item.box.width if item.box else 0)
    boxes = {key: item.box for key, item in items.items() if item.box is not None}
    crowds = Counter(items[chain[0]].column for chain in chains)
    for strand, chain in zip(strands, chains, strict=True):
        column = items[chain[0]].column
        lines = _label_lines(strand, boxes)
        needed = max((line.width + 48 for line in lines), default=0.0)
        if crowds[column] > _CROWD:
            needed = _GAPS[-1]
        enough = next((each for each in _GAPS if each >= needed), _GAPS[-1])
        gaps[column] = max(gaps[column], enough if lines else _DOOR_GAP)
    lefts: list[float] = []
    x = 0.0
    for width, gap in zip(widths, gaps, strict=True):
        lefts.append(x)
        x += width + gap
    return lefts, x - gaps[-1]


def _points(
    chain: Sequence[_Item], placed: Mapping[str, Box], lefts: Sequence[float]
) -> Iterator[tuple[float, float]]:
    for number, item in enumerate(chain):
        y = item.row * _PITCH + _TALL / 2
        left = lefts[item.column]
        right = left + (placed[item.key].width if item.key in placed else _BOX)
        if number:
            yield left, y
        if number < len(chain) - 1:
            yield right, y


# --- labels -----------------------------------------------------------------------------------


def _label_lines(strand: _Strand, boxes: Mapping[str, Box]) -> tuple[LabelLine, ...]:
    lines = []
    for arrow in strand.arrows[:_LINES_SHOWN]:
        text = sanitize(arrow_label(arrow), _LABEL_CELLS)
        lines.append(
            LabelLine(text=text, badge=numbers(arrow.findings, arrow.severity), arrow=arrow)
        )
    more = len(strand.arrows) - _LINES_SHOWN
    if more > 0:
        lines.append(LabelLine(text=f"and {more} more", badge="", arrow=None))
    return tuple(lines)


class _Room:
    """What is taken already, in bands of rows, so that looking it up takes no time."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        self._bands: dict[int, list[tuple[float, float, float, float]]] = {}
        for box in boxes:
            left, right = box.x - _CLEAR, box.x + box.width + _CLEAR
            self._take(left, box.y, right, box.y + box.height)

    def label(
        self, points: Sequence[tuple[float, float]], lines: tuple[LabelLine, ...]
    ) -> Label | None:
        """Find a free place for a label on its path; the middle if there is none."""
        if not lines:
            return None
        half = max(line.width for line in lines) / 2 + 2
        high = LINE * len(lines)
        places = [
            _on_curve(start, end, place)
            for start, end in itertools.pairwise(points)
            for place in _PLACES
        ]
        x, y = self._freest(places, half, high / 2)
        self._take(x - half, y - high / 2, x + half, y + high / 2)
        return Label(x=x, y=y - high / 2 + LINE / 2, lines=lines)

    def _take(self, left: float, top: float, right: float, bottom: float) -> None:
        for band in range(int(top // _PITCH), int(bottom // _PITCH) + 1):
            self._bands.setdefault(band, []).append((left, top, right, bottom))

    def _freest(
        self, places: Sequence[tuple[float, float]], half: float, rise: float
    ) -> tuple[float, float]:
        """Return the first free place, else the one where the least is in the way."""
        least: float = math.inf
        best = places[0]
        for x, y in places:
            met = self._met(x - half, y - rise, x + half, y + rise)
            if met < least:
                least, best = met, (x, y)
            if not met:
                break
        return best

    def _met(self, left: float, top: float, right: float, bottom: float) -> float:
        """Return the area that is taken already."""
        return sum(
            max(min(right, other[2]) - max(left, other[0]), 0)
            * max(min(bottom, other[3]) - max(top, other[1]), 0)
            for band in range(int(top // _PITCH), int(bottom // _PITCH) + 1)
            for other in self._bands.get(band, ())
        )


def _on_curve(
    start: tuple[float, float], end: tuple[float, float], place: float
) -> tuple[float, float]:
    """Return a point of the curve that `curve_to` draws between two points."""
    rest = 1 - place
    middle = (start[0] + end[0]) / 2
    weights = (rest**3, 3 * place * rest**2 + 3 * place**2 * rest, place**3)
    x = weights[0] * start[0] + weights[1] * middle + weights[2] * end[0]
    y = start[1] * (rest**3 + 3 * place * rest**2) + end[1] * (3 * place**2 * rest + place**3)
    return x, y
