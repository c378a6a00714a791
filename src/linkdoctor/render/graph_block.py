"""One block of a picture: boxes that arrows connect, in columns from left to right.

Each target stands left of its sources, published ports at the left edge. A path that passes a
column has a bend there, which takes a place of its own, so that it crosses no box.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from linkdoctor.render.graph import Arrow, Node
from linkdoctor.render.graph_labels import Area, FreeSpace, Label, label_lines

__all__ = ["PITCH", "TALL", "Block", "Box", "BoxKind", "Edge", "EdgePath", "block_of"]

PITCH = 52
"""From the top of a box to that of the box below it."""
TALL = 36
"""The height of a container's box."""
_BOX = 158
_GAPS = (116, 150, 190, 250)
"""The distances of two columns: few, so that what stands below one another lines up."""
_PORT_BOX_GAP = 40
_CROWD = 10
"""More paths than that from one column need all the room that there can be."""
_PASSES = 4


class BoxKind(StrEnum):
    """What a box stands for."""

    NODE = "node"
    PUBLISHED_PORTS = "door"
    """Those of a container; the value is a class of the stylesheet."""
    AWAY = "away"
    """A stand-in for a container of another group."""


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A box, by its upper left corner."""

    kind: BoxKind
    node: Node
    x: float
    y: float
    width: float = _BOX
    height: float = TALL
    where: str = ""
    """For a stand-in: the host or network of its container."""


class EdgePath(msgspec.Struct, frozen=True, kw_only=True):
    """All arrows between the same two boxes, as one path from left to right."""

    points: tuple[tuple[float, float], ...]
    ends: tuple[str, str]
    """The ids of the nodes at its ends; the same twice for a way in."""
    arrows: tuple[Arrow, ...]
    """None for the way in through a published port."""
    backwards: bool = False
    """The head is at the left end."""
    label: Label | None = None


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes a path: from one box to another, by their keys."""

    left: str
    right: str
    arrows: tuple[Arrow, ...]


class _Item(msgspec.Struct, kw_only=True):
    """What becomes a box, or a bend of a path that passes a column."""

    key: str
    box: Box | None
    column: int = 0
    row: int = 0


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """What hangs together, its upper left corner at the origin."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    paths: tuple[EdgePath, ...]


def block_of(boxes: Mapping[str, Box], edges: Sequence[Edge]) -> Block:
    """Return boxes and edges that hang together, each in its place."""
    items = {key: _Item(key=key, box=box) for key, box in boxes.items()}
    turned = _turned_edges(items, edges)
    _set_columns(items, edges, turned)
    chains = [_chain(items, number, edge, number in turned) for number, edge in enumerate(edges)]
    _set_rows(items, chains)
    lefts, width = _lefts(items, edges, chains)
    placed = {
        item.key: msgspec.structs.replace(
            item.box,
            x=lefts[item.column],
            y=item.row * PITCH + (TALL - item.box.height) / 2,
        )
        for item in items.values()
        if item.box is not None
    }
    free = FreeSpace(map(_area, placed.values()), PITCH)
    paths = []
    for number, (edge, chain) in enumerate(zip(edges, chains, strict=True)):
        points = tuple(_points([items[key] for key in chain], placed, lefts))
        paths.append(
            EdgePath(
                points=points,
                ends=(boxes[edge.left].node.id, boxes[edge.right].node.id),
                arrows=edge.arrows,
                backwards=number in turned,
                label=free.place_label(points, label_lines(edge.arrows)),
            )
        )
    high = max(item.row for item in items.values()) * PITCH + TALL
    return Block(width=width, height=high, boxes=tuple(placed.values()), paths=tuple(paths))


def _area(box: Box) -> Area:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _turned_edges(items: Mapping[str, _Item], edges: Sequence[Edge]) -> set[int]:
    """Return the edges that close a cycle: turned round, all lead from left to right."""
    out: dict[str, list[tuple[int, str]]] = {key: [] for key in items}
    entered = {edge.right for edge in edges}
    for number, edge in enumerate(edges):
        out[edge.left].append((number, edge.right))
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


def _ends(edge: Edge, turned: bool) -> tuple[str, str]:
    return (edge.right, edge.left) if turned else (edge.left, edge.right)


def _set_columns(
    items: Mapping[str, _Item], edges: Sequence[Edge], turned: Collection[int]
) -> None:
    """Put each item right of all that lead to it; published ports into a column of their own."""
    port_boxes = {
        key
        for key, item in items.items()
        if item.box is not None and item.box.kind is BoxKind.PUBLISHED_PORTS
    }
    pairs = [
        _ends(edge, number in turned)
        for number, edge in enumerate(edges)
        if edge.left not in port_boxes
    ]
    incoming = dict.fromkeys(items, 0)
    out: dict[str, list[str]] = {}
    for left, right in pairs:
        incoming[right] += 1
        out.setdefault(left, []).append(right)
    ready = [key for key, count in incoming.items() if not count]
    first = 1 if port_boxes else 0
    for key in ready:
        items[key].column = max(items[key].column, first)
        for right in out.get(key, ()):
            items[right].column = max(items[right].column, items[key].column + 1)
            incoming[right] -= 1
            if not incoming[right]:
                ready.append(right)
    for key in port_boxes:
        items[key].column = 0


def _chain(items: dict[str, _Item], number: int, edge: Edge, turned: bool) -> tuple[str, ...]:
    """Return the keys from left to right, with a bend in every column between."""
    left, right = _ends(edge, turned)
    bends = []
    for column in range(items[left].column + 1, items[right].column):
        key = f"{number} bend {column}"
        items[key] = _Item(key=key, box=None, column=column)
        bends.append(key)
    return (left, *bends, right)


def _set_rows(items: Mapping[str, _Item], chains: Iterable[Sequence[str]]) -> None:
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
    items: Mapping[str, _Item], edges: Sequence[Edge], chains: Sequence[Sequence[str]]
) -> tuple[list[float], float]:
    """Return where each column begins, and the width of all."""
    count = max(item.column for item in items.values()) + 1
    widths, gaps = [0.0] * count, [0.0] * count
    for item in items.values():
        widths[item.column] = max(widths[item.column], item.box.width if item.box else 0)
    crowds = Counter(items[chain[0]].column for chain in chains)
    for edge, chain in zip(edges, chains, strict=True):
        column = items[chain[0]].column
        lines = label_lines(edge.arrows)
        needed = max((line.width + 48 for line in lines), default=0.0)
        if crowds[column] > _CROWD:
            needed = _GAPS[-1]
        enough = next((each for each in _GAPS if each >= needed), _GAPS[-1])
        gaps[column] = max(gaps[column], enough if lines else _PORT_BOX_GAP)
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
        y = item.row * PITCH + TALL / 2
        left = lefts[item.column]
        right = left + (placed[item.key].width if item.key in placed else _BOX)
        if number:
            yield left, y
        if number < len(chain) - 1:
            yield right, y
