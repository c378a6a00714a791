"""Containers that live in another one's namespaces, and what a restart of that one does to them.

A container that was run with ``--network container:web`` joined the namespace that web had at that
moment. When web starts again it gets a new one, and the sharer is left in the old one, where there
is nothing but its own loopback device. The same holds for ``--ipc container:web``; with ``--pid``
the sharer is killed. The engine keeps the owner by its id: after a recreation of web the sharer
cannot be started any more. ``--volumes-from web`` is looked up once, when a container is created,
and outlives both (engine lab: ``test_sharers``).
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from linkdoctor.model.actions import Joined, Namespace
from linkdoctor.model.evidence import Gap, Known
from linkdoctor.model.network_mode import shared_reference
from linkdoctor.model.snapshot import Container, Details, Status
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.reach import namespace_of

__all__ = [
    "Sharer",
    "all_sharers_of",
    "has_lost_owner",
    "joins_of",
    "network_sharers_of",
    "owners_of",
    "references_of",
    "sharers_of",
    "stays_down",
    "waits_for_owner",
]

_REFUSED = re.compile(r"non running container|container \S+ is not running")
_UP = (Status.RUNNING, Status.PAUSED, Status.RESTARTING, Status.STOPPING)


class Sharer(msgspec.Struct, frozen=True, kw_only=True):
    """A container, and the namespaces of one other container that it lives in."""

    container: Container
    details: Details
    namespaces: tuple[Namespace, ...]

    @property
    def up(self) -> bool:
        """It runs, or the engine is about to start it again."""
        return self.details.status in _UP

    @property
    def dies_with_owner(self) -> bool:
        """Its processes end when the owner's first one ends."""
        return Namespace.PID in self.namespaces

    @property
    def shared(self) -> str:
        """The namespaces in words: ``network and pid namespaces``."""
        kinds = " and ".join(each.value for each in self.namespaces)
        return f"{kinds} namespace{'s' if len(self.namespaces) > 1 else ''}"


class _Index(msgspec.Struct, frozen=True, kw_only=True):
    """Who shares what, on one host."""

    sharers: dict[str, tuple[Sharer, ...]]
    """By the owner's id."""
    missing: tuple[Container, ...]
    """The containers that were not inspected: each might be a sharer."""


def references_of(details: Details) -> tuple[tuple[Namespace, str], ...]:
    """Return the namespaces of other containers that one lives in, with what refers to each."""
    modes = (
        (Namespace.NETWORK, details.network_mode),
        (Namespace.PID, details.pid_mode),
        (Namespace.IPC, details.ipc_mode),
    )
    found = ((namespace, shared_reference(mode)) for namespace, mode in modes)
    return tuple((namespace, reference) for namespace, reference in found if reference is not None)


def owners_of(topology: Topology, host: str, container: Container) -> tuple[Container, ...]:
    """Return the containers whose namespaces one lives in, as far as they are there."""
    if not isinstance(container.details, Known):
        return ()
    found = (
        topology.resolve_reference(host, name) for _, name in references_of(container.details.value)
    )
    return tuple({each.id: each for each in found if each is not None}.values())


def has_lost_owner(topology: Topology, host: str, container: Container) -> bool:
    """Whether a container shares the namespaces of one that is gone: it cannot start again."""
    return any(
        topology.resolve_reference(host, name) is None
        for _, name in references_of(topology.details(container))
    )


def sharers_of(topology: Topology, host: str, owner: Container) -> tuple[Sharer, ...]:
    """Return the containers that live in a container's namespaces, running or not, by their names.

    Raises:
        MissingEvidence: a container was not inspected, and might be one of them.
    """
    index = _index_of(topology, host)
    for missing in index.missing:
        if missing.id != owner.id:
            topology.details(missing)
    return index.sharers.get(owner.id, ())


def all_sharers_of(topology: Topology, host: str, owner: Container) -> tuple[Sharer, ...]:
    """Return the sharers of a container, those of each of these, and so on: owners come first.

    One that joined a sharer's network lives in the namespace of the sharer's owner, too.
    Raises MissingEvidence.
    """
    last_first: list[Sharer] = []
    seen = {owner.id}

    def visit(container: Container) -> None:
        for each in reversed(sharers_of(topology, host, container)):
            if each.container.id not in seen:
                seen.add(each.container.id)
                visit(each.container)
                last_first.append(each)

    visit(owner)
    return tuple(reversed(last_first))


def network_sharers_of(
    topology: Topology, host: str, container: Container
) -> tuple[Container, ...]:
    """Return the running containers that are to be in one network namespace with a container.

    The one that the namespace belongs to comes first. A container of which nothing is known may
    be in any namespace, and is left out.
    """
    owner = namespace_of(host, container, topology)
    if owner is None:  # nobody can be reached in it, even if it is shared
        return ()
    sharers = _index_of(topology, host).sharers
    found = {owner.id: owner}
    unvisited = [owner.id]
    while unvisited:
        for sharer in sharers.get(unvisited.pop(), ()):
            identity = sharer.container.id
            if Namespace.NETWORK in sharer.namespaces and identity not in found:
                found[identity] = sharer.container
                unvisited.append(identity)
    first, *others = found.values()
    together = (first, *sorted(others, key=lambda each: each.name))
    return tuple(each for each in together if each is not container and topology.is_running(each))


def joins_of(
    topology: Topology, host: str, details: Details, replaced: Collection[str]
) -> tuple[Joined, ...]:
    """Return what joins a sharer to those of its owners that are replaced, given by name."""
    found = (
        (namespace, topology.resolve_reference(host, reference))
        for namespace, reference in references_of(details)
    )
    return tuple(
        Joined(namespace=namespace, container=owner.name)
        for namespace, owner in found
        if owner is not None and owner.name in replaced
    )


def waits_for_owner(sharer: Sharer) -> bool:
    """Whether a sharer is down because its owner was, when the engine tried to start it."""
    return not sharer.up and _REFUSED.search(sharer.details.error) is not None


def stays_down(sharer: Sharer) -> bool:
    """Whether a sharer that is replaced is not to be started."""
    return not sharer.up and not waits_for_owner(sharer)


def _index_of(topology: Topology, host: str) -> _Index:
    snapshot = next(each for each in topology.snapshots() if each.host == host)
    return topology.once(_indexed, host, snapshot.containers, lambda: _indexed(topology, host))


def _indexed(topology: Topology, host: str) -> _Index:
    found: dict[str, list[Sharer]] = {}
    missing: list[Container] = []
    for _, container in topology.containers(host):
        details = container.details
        if not isinstance(details, Known):
            if details.gap is not Gap.VANISHED:
                missing.append(container)
            continue
        namespaces: dict[str, list[Namespace]] = {}
        for namespace, reference in references_of(details.value):
            owner = topology.resolve_reference(host, reference)
            if owner is not None and owner.id != container.id:
                namespaces.setdefault(owner.id, []).append(namespace)
        for identity, shared in namespaces.items():
            sharer = Sharer(container=container, details=details.value, namespaces=tuple(shared))
            found.setdefault(identity, []).append(sharer)
    return _Index(
        sharers={
            identity: tuple(sorted(sharers, key=lambda each: each.container.name))
            for identity, sharers in found.items()
        },
        missing=tuple(missing),
    )
