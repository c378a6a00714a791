"""Circles in the links of one engine, found in one walk over all links."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from linkdoctor.model.snapshot import Container

__all__ = ["CycleLink", "cycles", "leads_to"]


class CycleLink(msgspec.Struct, frozen=True, kw_only=True):
    """One link of a cycle, as the next start of the engine will see it."""

    target: Container
    alias: str
    typed: str
    source: Container


def cycles(steps: Mapping[str, Sequence[CycleLink]]) -> Iterator[tuple[CycleLink, ...]]:
    """Yield one shortest cycle of each knot of links, from the first of its containers on."""
    # By place, not by name: snapshots have them sorted, and pseudonyms keep the order.
    place = {container: number for number, container in enumerate(steps)}
    for knot in _knots(steps):
        members = set(knot)
        starts = [step.target for each in knot for step in steps[each][:1]]
        if not starts:
            continue
        start = min(starts, key=lambda each: place[each.id])
        cycle = _way_back(start.id, members, steps)
        if cycle:
            yield cycle


def _way_back(
    start: str, members: set[str], steps: Mapping[str, Sequence[CycleLink]]
) -> tuple[CycleLink, ...]:
    """Find the shortest way from a container back to itself, breadth first."""
    came_by: dict[str, CycleLink] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for step in steps[here]:
            there = step.source.id
            if there == start:
                cycle = [step]
                while cycle[-1].target.id != start:
                    cycle.append(came_by[cycle[-1].target.id])
                return tuple(reversed(cycle))
            if there in members and there not in came_by:
                came_by[there] = step
                waiting.append(there)
    return ()


def _knots(steps: Mapping[str, Sequence[CycleLink]]) -> Iterator[list[str]]:
    """Yield the sets of containers that all lead to each other (Tarjan's way, without recursion).

    A container by itself is one too; whether it leads back to itself is for the caller to see.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    for root in steps:
        if root in number:
            continue
        work = [(root, iter(steps[root]))]
        number[root] = lowest[root] = len(number)
        path.append(root)
        on_path.add(root)
        while work:
            here, left = work[-1]
            step = next(left, None)
            if step is None:
                work.pop()
                if work:
                    before = work[-1][0]
                    lowest[before] = min(lowest[before], lowest[here])
                if lowest[here] == number[here]:
                    knot: list[str] = []
                    while here not in knot[-1:]:
                        knot.append(path.pop())
                    on_path.difference_update(knot)
                    yield knot
                continue
            there = step.source.id
            if there not in steps:
                continue
            if there not in number:
                number[there] = lowest[there] = len(number)
                path.append(there)
                on_path.add(there)
                work.append((there, iter(steps[there])))
            elif there in on_path:
                lowest[here] = min(lowest[here], number[there])


def leads_to(
    container_id: str, starts: Iterable[str], steps: Mapping[str, Sequence[CycleLink]]
) -> bool:
    """Whether a container is one of these, or links lead from one of them to it."""
    waiting = list(starts)
    seen: set[str] = set()
    while waiting:
        here = waiting.pop()
        if here == container_id:
            return True
        if here not in seen:
            seen.add(here)
            waiting += [step.source.id for step in steps.get(here, ())]
    return False
