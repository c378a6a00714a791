"""Where everything of a picture stands: boxes, paths and frames, in pixels.

Within a group, containers that arrows connect form a block of columns: each target left of its
sources, published ports at the left edge. Blocks are set like words, in rows of a given width. An
arrow that leaves its group ends at a stand-in that says where the container is: so no line crosses
the whole picture, however many containers there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from linkdoctor.model.report import Severity
from linkdoctor.render.graph import (
    Arrow,
    HostFrame,
    NetworkGroup,
    Node,
    Picture,
    places_of,
    published_ports_label,
    unlinked_label,
)
from linkdoctor.render.graph_block import (
    PITCH,
    TALL,
    Block,
    Box,
    BoxKind,
    Edge,
    EdgePath,
    block_of,
)
from linkdoctor.render.graph_labels import CELL, LINE
from linkdoctor.render.layout import width_of, wrapped
from linkdoctor.render.sanitize import sanitize

__all__ = ["WIDEST", "Frame", "GraphLayout", "HostArea", "layout_of"]

WIDEST = 1156
"""The width that blocks are set in; a block that is wider makes the picture wider."""

_NARROWEST = 360
_PORT_BOX, _PORT_BOX_TALL = (72, 150), 24
"""The least and the greatest width of a box for published ports, and its height."""
_APART = 28
_PAD = 16
_HEAD, _GROUP_HEAD = 40, 28
_UNLINKED_NAMED = 40
_UNLINKED_CELLS = 150


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


class GraphLayout(msgspec.Struct, frozen=True, kw_only=True):
    """A whole picture."""

    width: float
    height: float
    hosts: tuple[HostArea, ...]
    boxes: tuple[Box, ...]
    paths: tuple[EdgePath, ...]


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the frame of a group."""

    spots: tuple[tuple[Block, float, float], ...]
    """Blocks and where they are, from the frame's own corner."""
    width: float
    height: float
    unlinked: tuple[str, ...]


def layout_of(picture: Picture) -> GraphLayout:
    """Return where everything in a picture stands."""
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
    paths: list[EdgePath] = []
    areas: list[HostArea] = []
    y = 0.0
    for host, own in zip(picture.hosts, contents, strict=True):
        top, frames = y, []
        y += _HEAD
        for group, content in zip(host.groups, own, strict=True):
            left, head = 2 * _PAD, y + _GROUP_HEAD
            for block, dx, dy in content.spots:
                boxes += (_box_moved(each, left + dx, head + dy) for each in block.boxes)
                paths += (_path_moved(each, left + dx, head + dy) for each in block.paths)
            frames.append(_frame(group.network, content, y, inner + 2 * _PAD))
            y += frames[-1].height + _PAD
        areas.append(HostArea(host=host, y=top, height=y - top, frames=tuple(frames)))
        y += _PAD
    return GraphLayout(
        width=inner + 4 * _PAD,
        height=max(y - _PAD, _HEAD),
        hosts=tuple(areas),
        boxes=tuple(boxes),
        paths=tuple(paths),
    )


def _content(
    group: NetworkGroup,
    host: str,
    by_target: Mapping[str, Sequence[Arrow]],
    places: Mapping[str, tuple[str, str, Node]],
) -> _Content:
    spots, width, height = _set(_blocks(group, host, by_target, places))
    unlinked = _unlinked(group)
    return _Content(
        spots=spots,
        width=max([width, *(width_of(line) * CELL for line in unlinked)]),
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


def _unlinked(group: NetworkGroup) -> tuple[str, ...]:
    if not group.unlinked:
        return ()
    text = unlinked_label(group.unlinked, _UNLINKED_NAMED)
    return tuple(wrapped(sanitize(text, 10_000), _UNLINKED_CELLS))


def _set(blocks: Sequence[Block]) -> tuple[tuple[tuple[Block, float, float], ...], float, float]:
    """Set blocks in rows, high ones first; return their places, and the width and height of all."""
    spots = []
    x = y = widest = high = 0.0
    for block in blocks:
        if x and x + block.width > WIDEST:
            x, y, high = 0.0, y + high + PITCH - TALL, 0.0
        spots.append((block, x, y))
        widest, high = max(widest, x + block.width), max(high, block.height)
        x += block.width + _APART
    return tuple(spots), widest, y + high


def _box_moved(box: Box, dx: float, dy: float) -> Box:
    return msgspec.structs.replace(box, x=box.x + dx, y=box.y + dy)


def _path_moved(path: EdgePath, dx: float, dy: float) -> EdgePath:
    label = path.label
    if label is not None:
        label = msgspec.structs.replace(label, x=label.x + dx, y=label.y + dy)
    points = tuple((x + dx, y + dy) for x, y in path.points)
    return msgspec.structs.replace(path, points=points, label=label)


# --- what hangs together ------------------------------------------------------------------------


def _blocks(
    group: NetworkGroup,
    host: str,
    by_target: Mapping[str, Sequence[Arrow]],
    places: Mapping[str, tuple[str, str, Node]],
) -> tuple[Block, ...]:
    boxes: dict[str, Box] = {}
    edges: list[Edge] = []
    here = {node.id for node in group.nodes}
    for node in group.nodes:
        boxes[node.id] = Box(kind=BoxKind.NODE, node=node, x=0, y=0)
        if node.published:
            ports = f"{node.id} ports"
            boxes[ports] = _published_port_box(node)
            edges.append(Edge(left=ports, right=node.id, arrows=()))
        bundles: dict[str, list[Arrow]] = {}
        for arrow in by_target.get(node.id, ()):
            bundles.setdefault(arrow.source, []).append(arrow)
        for source, arrows in bundles.items():
            right = source
            if source not in here or source == node.id:
                right = f"{node.id if source == node.id else ''} away {source}"
                boxes[right] = _away(source, node, host, places)
            edges.append(Edge(left=node.id, right=right, arrows=tuple(arrows)))
    found = (block_of({key: boxes[key] for key in keys}, own) for keys, own in _parts(boxes, edges))
    return tuple(sorted(found, key=_urgency))


def _urgency(block: Block) -> tuple[float, int, float]:
    """Sort high blocks first, so that rows waste little, then those with the worst findings."""
    marked: list[Severity | None] = [box.node.severity for box in block.boxes]
    marked += [arrow.severity for path in block.paths for arrow in path.arrows]
    worst = min((each.rank for each in marked if each is not None), default=len(Severity))
    return -block.height, worst, -block.width


def _published_port_box(node: Node) -> Box:
    needed = width_of(sanitize(published_ports_label(node))) * CELL + 22
    width = min(max(needed, _PORT_BOX[0]), _PORT_BOX[1])
    kind = BoxKind.PUBLISHED_PORTS
    return Box(kind=kind, node=node, x=0, y=0, width=width, height=_PORT_BOX_TALL)


def _away(source: str, target: Node, host: str, places: Mapping[str, tuple[str, str, Node]]) -> Box:
    there, network, node = places[source]
    where = "itself" if source == target.id else there if there != host else network
    return Box(kind=BoxKind.AWAY, node=node, x=0, y=0, where=where)


def _parts(keys: Iterable[str], edges: Sequence[Edge]) -> Iterator[tuple[list[str], list[Edge]]]:
    """Part boxes and edges into those that hang together."""
    leader = {key: key for key in keys}

    def led(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for edge in edges:
        leader[led(edge.right)] = led(edge.left)
    members: dict[str, list[str]] = {}
    for key in leader:
        members.setdefault(led(key), []).append(key)
    own: dict[str, list[Edge]] = {}
    for edge in edges:
        own.setdefault(led(edge.left), []).append(edge)
    for first, found in members.items():
        yield found, own.get(first, [])
