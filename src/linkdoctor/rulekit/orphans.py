"""Containers that share the namespace of another one that has it no more.

A container in `container:<id>` mode joined the namespace that the other one, its owner, had at that
moment. A restarted owner gets a new one, and the sharer is left in the old one, where there is
nothing but a loopback device (engine lab). The kernel's number of the namespace tells; from afar
the times of the two starts do: a sharer cannot start before its owner, so one that has run longer
joined an earlier namespace. Who listens where the owner's own namespace has no listener is in
another one, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum

import msgspec

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.network_mode import shared_reference
from linkdoctor.model.report import Proof
from linkdoctor.model.snapshot import Container, Details, Status
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.link_ports import PortState, door_of
from linkdoctor.rulekit.restarts import died_of_itself, time_of
from linkdoctor.rulekit.shared_namespaces import network_sharers_of, references_of

__all__ = ["Orphan", "Shared", "State", "is_join_refusal", "listens_apart", "orphan_of"]

_TOGETHER = timedelta(seconds=2)
_REFUSALS = re.compile(
    r"\bjoin(?:ing)? (?:the )?(?:network|pid|ipc)\b|namespace of (?:a )?(?:non running )?container",
    re.IGNORECASE,
)
_GONE = "No such container"
_KILLED = 137


class Shared(StrEnum):
    """What is shared."""

    NETWORK = "network"
    PID = "process"
    IPC = "IPC"


class State(StrEnum):
    """What became of the owner."""

    GONE = "was removed"
    DOWN = "does not run"
    RESTARTED = "was restarted"
    REFUSED = "did not run when it should have been joined"


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A container that does not live in the namespace that it is to share."""

    shared: Shared
    reference: str
    """The owner's id, as the engine keeps it."""
    owner: Container | None
    """None if no container has that id."""
    state: State
    what: str
    observed: str
    expected: str
    where: str

    @property
    def owner_name(self) -> str:
        """The owner's name; '' if it is gone."""
        return self.owner.name if self.owner is not None else ""

    @property
    def proof(self) -> Proof:
        """What shows it."""
        return Proof(
            what=self.what, observed=self.observed, expected=self.expected, where=self.where
        )


def is_join_refusal(error: str) -> bool:
    """Whether ``State.Error`` speaks of a namespace that could not be joined."""
    return _REFUSALS.search(error[:4096]) is not None


def orphan_of(host: str, sharer: Container, topology: Topology) -> Orphan | None:
    """Return the first namespace that a container is to share and does not, or None.

    Raises:
        MissingEvidence: neither the namespaces nor the times of the starts tell, or no event.
    """
    details = topology.details(sharer)
    shared = tuple(_shared(details))
    if not shared:
        return None
    if details.status in (Status.RUNNING, Status.PAUSED):
        for kind, reference in shared:
            if kind is not Shared.PID and (
                found := _left_behind(host, sharer, kind, reference, topology)
            ):
                return found
        return None
    if details.status in (Status.CREATED, Status.EXITED, Status.DEAD):
        return _refused(host, sharer, shared, topology) or _killed(host, sharer, shared, topology)
    return None


def listens_apart(
    host: str, container: Container, port: int, topology: Topology
) -> Container | None:
    """Return a sharer that listens on a port where the container's own namespace has no listener.

    It sits in another namespace than the container, whatever its network mode says.

    Raises:
        MissingEvidence: the listening sockets of a sharer could not be read.
    """
    for each in network_sharers_of(topology, host, container):
        if door_of(port, topology.listeners(each)) is PortState.OPEN:
            return each
    return None


def _shared(details: Details) -> Iterator[tuple[Shared, str]]:
    for namespace, reference in references_of(details):
        yield Shared[namespace.name], reference


def _left_behind(
    host: str, sharer: Container, kind: Shared, reference: str, topology: Topology
) -> Orphan | None:
    owner = topology.resolve_reference(host, reference)
    inspected = topology.read_from(sharer.details)
    if owner is None:
        if topology.product(host) != "Docker":
            return None  # the owner may be one that is not listed, as that of a pod
        return Orphan(
            shared=kind,
            reference=reference,
            owner=None,
            state=State.GONE,
            what=f"owner of the {kind.value} namespace of {sharer.name}",
            observed=f"container {reference[:12]}, which does not exist",
            expected="a container that runs",
            where=inspected,
        )
    status = topology.details(owner).status
    if status not in (Status.RUNNING, Status.PAUSED, Status.STOPPING):
        return Orphan(
            shared=kind,
            reference=reference,
            owner=owner,
            state=State.DOWN,
            what=f"state of {owner.name}, whose {kind.value} namespace {sharer.name} shares",
            observed=status.value,
            expected="running",
            where=topology.read_from(owner.details),
        )
    return _by_numbers(sharer, owner, kind, reference, topology)


def _by_numbers(
    sharer: Container, owner: Container, kind: Shared, reference: str, topology: Topology
) -> Orphan | None:
    """Compare the kernel's numbers of the namespaces; where they were not had, the two starts."""
    try:
        mine, theirs = topology.namespaces(sharer), topology.namespaces(owner)
    except MissingEvidence as missing:
        return _by_times(sharer, owner, kind, reference, topology, missing)
    own = mine.network if kind is Shared.NETWORK else mine.ipc
    its = theirs.network if kind is Shared.NETWORK else theirs.ipc
    if own == its:
        return None
    return Orphan(
        shared=kind,
        reference=reference,
        owner=owner,
        state=State.RESTARTED,
        what=f"{kind.value} namespace of {sharer.name}",
        observed=str(own),
        expected=f"{its}, that of {owner.name}",
        where=topology.read_from(sharer.namespaces),
    )


def _by_times(
    sharer: Container,
    owner: Container,
    kind: Shared,
    reference: str,
    topology: Topology,
    missing: MissingEvidence,
) -> Orphan | None:
    details = topology.details(owner)
    mode = details.network_mode if kind is Shared.NETWORK else details.ipc_mode
    if mode == "host" or shared_reference(mode) is not None:
        return None  # what it shares itself outlives its own restarts
    begun, joined = time_of(details.started_at), time_of(topology.details(sharer).started_at)
    if begun is None or joined is None:
        raise missing
    if begun <= joined:
        return None
    return Orphan(
        shared=kind,
        reference=reference,
        owner=owner,
        state=State.RESTARTED,
        what=f"start of {owner.name}, whose {kind.value} namespace {sharer.name} shares",
        observed=f"{details.started_at}, after that of {sharer.name}",
        expected=f"before {topology.details(sharer).started_at}",
        where=topology.read_from(owner.details),
    )


def _refused(
    host: str, sharer: Container, shared: tuple[tuple[Shared, str], ...], topology: Topology
) -> Orphan | None:
    """Find that the engine refused to start it because of its owner."""
    error = topology.details(sharer).error
    owners = {kind: topology.resolve_reference(host, reference) for kind, reference in shared}
    gone = [kind for kind, owner in owners.items() if owner is None]
    refused = is_join_refusal(error)
    if not refused and not (gone and _GONE in error):
        return None
    kind, reference = next(each for each in shared if not gone or each[0] in gone)
    return Orphan(
        shared=kind,
        reference=reference,
        owner=owners[kind],
        state=State.GONE if gone else State.REFUSED,
        what=f"State.Error of {sharer.name}",
        observed=error,
        expected="none",
        where=topology.read_from(sharer.details),
    )


def _killed(
    host: str, sharer: Container, shared: tuple[tuple[Shared, str], ...], topology: Topology
) -> Orphan | None:
    """Find that it was killed because the owner of its processes ended, which nobody asked for."""
    details = topology.details(sharer)
    reference = next((each for kind, each in shared if kind is Shared.PID), None)
    ended = time_of(details.finished_at)
    if reference is None or details.exit_code != _KILLED or ended is None:
        return None
    owner = topology.resolve_reference(host, reference)
    if owner is not None and not topology.is_running(owner):
        return None
    events = topology.remembered(host)
    own = died_of_itself(host, sharer, topology)
    if not any(abs(each.time - ended) < _TOGETHER for each in own):
        return None
    identity = owner.id if owner is not None else reference
    owners = (time_of(e.time) for e in events if e.container_id == identity and e.action == "die")
    if not any(each is not None and abs(each - ended) < _TOGETHER for each in owners):
        return None
    return Orphan(
        shared=Shared.PID,
        reference=reference,
        owner=owner,
        state=State.GONE if owner is None else State.RESTARTED,
        what=f"end of {sharer.name}",
        observed=f"killed at {details.finished_at}, together with its owner",
        expected="running",
        where="docker events",
    )
