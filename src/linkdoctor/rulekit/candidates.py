"""Which container may be meant by a name that nothing gives to a target.

*Create the container* is wrong advice where it exists under another of its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from linkdoctor.model.evidence import Known
from linkdoctor.model.links import environment_prefix
from linkdoctor.model.snapshot import Container, Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.fixes import compose_service
from linkdoctor.rulekit.namesakes import name_before_compose

__all__ = ["Candidate", "KnownAs", "candidates_for", "replicas_of"]


class KnownAs(Enum):
    """By which of its names a container is found; the surest first."""

    NAME = "container name"
    SERVICE = "Compose service"
    ALIAS = "network alias"
    HOSTNAME = "hostname"
    MADE_UP = "name that Compose left"
    FORMER_NAME = "name, until it was renamed"
    """Nothing but the engine's events tells of it; no answer of `candidates_for`."""


class Candidate(NamedTuple):
    """A container that may be meant, and why."""

    container: Container
    known_as: KnownAs
    same_project: bool


def candidates_for(
    host: str, target: Container, name: str, topology: Topology, *, as_prefix: bool = False
) -> tuple[Candidate, ...]:
    """Return the containers that go by a name, of the surest kind of name that any goes by.

    Those of the target's own Compose project come before all others. Names are compared as
    resolvers do: without case.

    Args:
        host: of the target.
        target: the container that expects the name; it is none of them.
        name: that is expected.
        topology: what was seen.
        as_prefix: compare names as link variables have them: ``db-1`` as ``DB_1``.
    """
    snapshot = next(each for each in topology.snapshots() if each.host == host)
    known = topology.once(
        (candidates_for, as_prefix), host, snapshot, lambda: _index(snapshot, as_prefix=as_prefix)
    )
    mine = _project(target)
    found = [
        Candidate(container, kind, _project(container) == mine != "")
        for container, kind in known.get(_form(name, as_prefix=as_prefix), ())
        if container is not target
    ]
    own = [each for each in found if each.same_project]
    for some in (own, found):
        for kind in KnownAs:
            alike = tuple(each for each in some if each.known_as is kind)
            if alike:
                return alike
    return ()


def replicas_of(
    host: str, target: Container, name: str, topology: Topology
) -> tuple[Container, ...]:
    """Return the other replicas of a container that is gone, in the target's Compose project.

    ``shop_db_2`` is one of ``shop_db_1``, and so is ``shop-db-1``, as Compose 2 calls it.
    """
    wanted = _service_in(name)
    mine = _project(target)
    if not mine or not wanted:
        return ()
    return tuple(
        each
        for _, each in topology.containers(host)
        if _project(each) == mine and _service_in(each.name) == wanted
    )


_REPLICA = re.compile(r"(.+)[-_][0-9]{1,5}")


def _service_in(name: str) -> str:
    """Return what replicas of one service have in common; '' if the name is not a replica's."""
    match = _REPLICA.fullmatch(name.lower())
    return match[1].replace("_", "-") if match else ""


def _project(container: Container) -> str:
    owner = compose_service(container)
    return owner[0] if owner is not None else ""


def _index(snapshot: Snapshot, *, as_prefix: bool) -> dict[str, list[tuple[Container, KnownAs]]]:
    """Return who goes by which name; each container once for each, by the surest kind."""
    found: dict[str, list[tuple[Container, KnownAs]]] = {}
    for container in snapshot.containers:
        seen: set[str] = set()
        for kind, known in _names(container):
            form = _form(known, as_prefix=as_prefix)
            if known and form not in seen:
                seen.add(form)
                found.setdefault(form, []).append((container, kind))
    return found


def _form(name: str, *, as_prefix: bool) -> str:
    return environment_prefix(name) if as_prefix else name.lower()


def _names(container: Container) -> Iterator[tuple[KnownAs, str]]:
    yield KnownAs.NAME, container.name
    owner = compose_service(container)
    if owner is not None:
        yield KnownAs.SERVICE, owner[1]
    if isinstance(container.details, Known):
        details = container.details.value
        for endpoint in details.endpoints:
            for alias in endpoint.aliases:
                yield KnownAs.ALIAS, alias
        yield KnownAs.HOSTNAME, details.hostname
    yield KnownAs.MADE_UP, name_before_compose(container.name)
