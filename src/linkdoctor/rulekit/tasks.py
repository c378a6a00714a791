"""What is to be done with containers, and in which order. Pure.

The tasks of one container are merged as they come; those of several stand after what they need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import TypeAlias, TypeVar

import msgspec

from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import Known
from linkdoctor.model.links import StoredLink
from linkdoctor.model.report import Safety
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.merging import merged
from linkdoctor.rulekit.shared_namespaces import owners_of

__all__ = [
    "Key",
    "Phase",
    "Role",
    "Task",
    "Work",
    "in_sequence",
    "needs_of",
    "phase_of",
    "rank",
    "safety_of",
    "with_task",
]

_T = TypeVar("_T")


class Phase(IntEnum):
    """The order of the tasks of one container."""

    RENAME = 0
    UNPAUSE = 1
    RESTART_POLICY = 2
    CONNECT = 3
    START = 4
    RESTART = 5
    RECREATE = 6
    CONNECT_AFTERWARDS = 7


class Role(IntEnum):
    """Why something is done; of two roles of one task the first counts."""

    ASKED = 0
    """A rule or a person asked for it."""
    BEFORE = 1
    """What was asked for could not be done without it."""
    SHARER = 2
    """The container shares the namespaces of one that starts anew."""
    TARGET = 3
    """The container is linked to one that is replaced."""


Key: TypeAlias = tuple[str, str]
"""A container: its host and its name."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """An action on a container, and what it is for."""

    phase: Phase
    action: Action
    role: Role
    findings: tuple[int, ...] = ()
    """The numbers of the findings that asked for it."""
    why: tuple[str, ...] = ()
    """Why it is needed, a clause each, if nothing asked for it."""


Work: TypeAlias = Mapping[Key, tuple[Task, ...]]
"""The tasks of each container."""

_SAFETY = {Phase.RESTART: Safety.RESTART, Phase.RECREATE: Safety.RECREATE}
_RANKS = (Safety.SAFE, Safety.RESTART, Safety.RECREATE, Safety.MANUAL)

_SUPERSEDED = {
    (Phase.RECREATE, Phase.START),
    (Phase.RECREATE, Phase.RESTART),
    (Phase.START, Phase.RESTART),
}


def safety_of(phase: Phase) -> Safety:
    """Return what a task does to what is running."""
    return _SAFETY.get(phase, Safety.SAFE)


def rank(safety: Safety) -> int:
    """Return how far a step goes: 0 interrupts nothing."""
    return _RANKS.index(safety)


def phase_of(action: Action, *, afterwards: bool = False) -> Phase:
    """Return when an action is done; `afterwards`: its container is replaced before it."""
    match action:
        case Rename():
            return Phase.RENAME
        case Unpause():
            return Phase.UNPAUSE
        case SetRestartPolicy():
            return Phase.RESTART_POLICY
        case ConnectNetwork():
            return Phase.CONNECT_AFTERWARDS if afterwards else Phase.CONNECT
        case Start():
            return Phase.START
        case Restart():
            return Phase.RESTART
        case Recreate():
            return Phase.RECREATE


def with_task(
    tasks: tuple[Task, ...], new: Task, present: tuple[StoredLink, ...]
) -> tuple[Task, ...]:
    """Add a task to those of a container; what it makes needless goes.

    Args:
        tasks: of the container.
        new: one more.
        present: the links that the container has now.

    Raises:
        Contradiction: both cannot be done.
    """
    kept: list[Task] = []
    for each in tasks:
        if each.action == new.action and each.phase is new.phase:
            new = _joined(each, new, present)
        elif each.phase is new.phase and each.phase is not Phase.CONNECT_AFTERWARDS:
            if each.phase is Phase.CONNECT and not _same_network(each.action, new.action):
                kept.append(each)
            else:
                new = _joined(each, new, present)
        elif (new.phase, each.phase) in _SUPERSEDED:
            new = _serving_both(each, new)
        else:
            kept.append(each)
    return tuple(sorted([*kept, new], key=_task_order))


def _same_network(one: Action, other: Action) -> bool:
    return (
        isinstance(one, ConnectNetwork)
        and isinstance(other, ConnectNetwork)
        and one.network == other.network
    )


def _joined(old: Task, new: Task, present: tuple[StoredLink, ...]) -> Task:
    action = merged(old.action, new.action, present)
    return msgspec.structs.replace(_serving_both(old, new), phase=old.phase, action=action)


def _serving_both(old: Task, new: Task) -> Task:
    return msgspec.structs.replace(
        new,
        role=min(old.role, new.role),
        findings=_union(old.findings, new.findings),
        why=_union(old.why, new.why),
    )


def _union(one: tuple[_T, ...], other: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _task_order(task: Task) -> tuple[int, str]:
    return (task.phase, str(task.action))


# --- order ----------------------------------------------------------------------------------------


def needs_of(
    topology: Topology, work: Work, earlier: Iterable[tuple[Key, Key]]
) -> dict[Key, tuple[Key, ...]]:
    """Return for each container with work those whose work comes before it: its sources, mostly.

    `earlier` are pairs besides: the first comes after the second.
    """
    explicit: dict[Key, set[Key]] = {}
    for after, before in earlier:
        explicit.setdefault(after, set()).add(before)
    return {key: _before(topology, key, work, explicit.get(key, set())) for key in work}


def _before(topology: Topology, key: Key, work: Work, explicit: Iterable[Key]) -> tuple[Key, ...]:
    host, name = key
    container = topology.container_named(host, name)
    found = set(explicit)
    if container is not None and isinstance(container.details, Known):
        for link in topology.links_of(host, container):
            source = topology.source_or_namesake(link)
            if source is not None:
                found.add((host, source.name))
        found |= {(host, owner.name) for owner in owners_of(topology, host, container)}
    for task in work[key]:
        if isinstance(task.action, Recreate):
            found |= {(host, link.source) for link in task.action.links or ()}
    return tuple(sorted(each for each in found if each in work and each != key))


def in_sequence(needs: Mapping[Key, tuple[Key, ...]]) -> Iterator[Key]:
    """Yield each key after those that it needs; a circle is opened at its first name."""
    done: set[Key] = set()
    entered: set[Key] = set()
    for start in sorted(needs):
        stack = [start]
        while stack:
            key = stack[-1]
            entered.add(key)
            waiting = next((each for each in needs[key] if each not in entered), None)
            if waiting is not None:
                stack.append(waiting)
                continue
            stack.pop()
            if key not in done:
                done.add(key)
                yield key
