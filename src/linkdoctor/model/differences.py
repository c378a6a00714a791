"""What changed between two looks at the same hosts: their findings, and what lies behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

import msgspec

from linkdoctor.model.changes import Absence, Changes
from linkdoctor.model.evidence import Evidence, Known
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import Container, Details, Endpoint, Network, Snapshot
from linkdoctor.model.topology import Topology

__all__ = [
    "SCHEMA",
    "Comparison",
    "ContainerChange",
    "ContainerEvent",
    "Kept",
    "LinkChange",
    "Move",
    "NetworkChange",
    "NetworkEvent",
    "Side",
    "State",
    "looked_for",
    "notes_on",
    "side_of",
    "state_between",
]

SCHEMA = "linkdoctor.diff/1"
_SHORT_ID = 12


class Kept(StrEnum):
    """What was kept of a look at hosts."""

    SNAPSHOT = "snapshot"
    REPORT = "report"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two looks."""

    kept: Kept
    taken_at: str
    hosts: tuple[str, ...]


class ContainerEvent(StrEnum):
    """What became of a container."""

    ADDED = "added"
    REMOVED = "removed"
    RECREATED = "recreated"
    """Another container has its name."""
    RENAMED = "renamed"
    RESTARTED = "restarted"
    STATUS = "status"
    """It stopped, started, or is in another state."""


class ContainerChange(msgspec.Struct, frozen=True, kw_only=True):
    """A container that came, went, or is not as it was."""

    container: str
    """Its name afterwards, or the last that it had."""
    event: ContainerEvent
    before: str = ""
    """The short id, name, time of the start or status before; '' if there was none."""
    after: str = ""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A container that has another address on a network, or came to it, or left it."""

    container: str
    network: str
    before: str = ""
    """The address; '' if it had none there."""
    after: str = ""


class NetworkEvent(StrEnum):
    """What became of a network."""

    ADDED = "added"
    REMOVED = "removed"
    RECREATED = "recreated"
    CHANGED = "changed"


class NetworkChange(msgspec.Struct, frozen=True, kw_only=True):
    """A network that came, went, or is not as it was."""

    network: str
    event: NetworkEvent
    before: str = ""
    """Its short id, or its driver, subnets and options."""
    after: str = ""


class LinkChange(msgspec.Struct, frozen=True, kw_only=True):
    """A link that came, went, or leads to another source."""

    target: str
    alias: str
    network: str
    before: str = ""
    """The name of the source; '' if there was no such link."""
    after: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What changed on a host besides its findings."""

    containers: tuple[ContainerChange, ...] = ()
    addresses: tuple[Move, ...] = ()
    networks: tuple[NetworkChange, ...] = ()
    links: tuple[LinkChange, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What changed between two snapshots, two reports, or one of each."""

    schema: str = SCHEMA
    before: Side
    after: Side
    findings: Changes
    state: Evidence[State]
    """Known where both are snapshots of one host: reports hold neither addresses nor starts."""
    notes: tuple[str, ...] = ()
    """What keeps the two from being compared in full."""


def side_of(kept: Snapshot | Report) -> Side:
    """Return what a comparison says of one of its two sides."""
    if isinstance(kept, Snapshot):
        return Side(kept=Kept.SNAPSHOT, taken_at=kept.taken_at, hosts=(kept.host,))
    hosts = tuple(each.name for each in kept.hosts)
    return Side(kept=Kept.REPORT, taken_at=kept.taken_at, hosts=hosts)


def notes_on(
    before: Snapshot | Report, after: Snapshot | Report, old: Report, new: Report
) -> Iterator[str]:
    """Yield what keeps two sides from being compared in full.

    Args:
        before: what was kept first.
        after: what was kept later.
        old: the report on the first.
        new: the report on the later.
    """
    if not {each.name for each in old.hosts} & {each.name for each in new.hosts}:
        yield "they have no host in common"
    if old.taken_at > new.taken_at:
        yield "the second is older than the first"
    for which, kept in (("first", before), ("second", after)):
        if isinstance(kept, Report) and kept.summary.suppressed:
            many = kept.summary.suppressed
            findings = "finding" if many == 1 else "findings"
            yield f"the {which} has {many} suppressed {findings}, which cannot be compared"


def state_between(before: Topology, after: Topology) -> State:
    """Compare two snapshots of one host, each of them joined."""
    (old,), (new,) = before.snapshots(), after.snapshots()
    return State(
        containers=tuple(_containers(old, new)),
        addresses=tuple(_moves(old, new)),
        networks=tuple(_networks(old, new)),
        links=tuple(_links(before, after)),
    )


def looked_for(changes: Changes, why_not: Callable[[str], str]) -> Changes:
    """Separate findings that were not looked for afterwards from those that are fixed.

    Args:
        changes: in which all that is gone was taken for looked for, unless evidence was missing.
        why_not: tells by its code why a finding could not have been made; '' if it could.
    """
    gone = tuple(
        msgspec.structs.replace(each, absence=Absence.UNSEEN, reason=why_not(each.finding.code))
        if each.absence is Absence.FIXED and why_not(each.finding.code)
        else each
        for each in changes.gone
    )
    return msgspec.structs.replace(changes, gone=gone)


# --- containers -----------------------------------------------------------------------------


def _containers(before: Snapshot, after: Snapshot) -> Iterator[ContainerChange]:
    old_names, new_names = _by_name(before), _by_name(after)
    old_ids = {each.id: each for each in before.containers}
    new_ids = {each.id: each for each in after.containers}
    for name in sorted({*old_names, *new_names}):
        was, now = old_names.get(name), new_names.get(name)
        if now is None:
            if was is not None and was.id not in new_ids:
                yield _change(name, ContainerEvent.REMOVED, before=_status(was))
        elif now.id in old_ids:
            yield from _same_container(old_ids[now.id], now)
        elif was is None or was.id in new_ids:
            yield _change(name, ContainerEvent.ADDED, after=_status(now))
        else:
            yield _change(
                name, ContainerEvent.RECREATED, before=was.id[:_SHORT_ID], after=now.id[:_SHORT_ID]
            )
            yield from _another_status(was, now)


def _same_container(was: Container, now: Container) -> Iterator[ContainerChange]:
    if was.name != now.name:
        yield _change(now.name, ContainerEvent.RENAMED, before=was.name, after=now.name)
    old, new = _details(was), _details(now)
    if old is None or new is None:
        return
    if old.started_at != new.started_at and new.started_at:
        yield _change(
            now.name, ContainerEvent.RESTARTED, before=old.started_at, after=new.started_at
        )
    yield from _another_status(was, now)


def _another_status(was: Container, now: Container) -> Iterator[ContainerChange]:
    before, after = _status(was), _status(now)
    if before != after and before and after:
        yield _change(now.name, ContainerEvent.STATUS, before=before, after=after)


def _change(
    container: str, event: ContainerEvent, *, before: str = "", after: str = ""
) -> ContainerChange:
    return ContainerChange(container=container, event=event, before=before, after=after)


def _by_name(snapshot: Snapshot) -> dict[str, Container]:
    return {each.name: each for each in snapshot.containers}


def _details(container: Container) -> Details | None:
    return container.details.value if isinstance(container.details, Known) else None


def _status(container: Container) -> str:
    """Return the status of a container; '' if it was not inspected."""
    details = _details(container)
    return details.status.value if details is not None else ""


# --- addresses ------------------------------------------------------------------------------


def _moves(before: Snapshot, after: Snapshot) -> Iterator[Move]:
    """Yield the moves of containers that are in both, by their names or, renamed, by their ids."""
    old_names, new_names = _by_name(before), _by_name(after)
    old_ids = {each.id: each for each in before.containers}
    for name, now in sorted(new_names.items()):
        was = old_ids.get(now.id) or old_names.get(name)
        if was is None or _details(was) is None or _details(now) is None:
            continue
        old, new = _endpoints(was), _endpoints(now)
        for network in sorted({*old, *new}):
            there, here = _addresses(old.get(network)), _addresses(new.get(network))
            if there != here:
                yield Move(container=name, network=network, before=there, after=here)


def _endpoints(container: Container) -> dict[str, Endpoint]:
    details = _details(container)
    return {each.network: each for each in details.endpoints} if details is not None else {}


def _addresses(endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return ""
    return ", ".join(each for each in (endpoint.address, endpoint.address6) if each)


# --- networks and links -----------------------------------------------------------------------


def _networks(before: Snapshot, after: Snapshot) -> Iterator[NetworkChange]:
    if not isinstance(before.networks, Known) or not isinstance(after.networks, Known):
        return
    old = {each.name: each for each in before.networks.value}
    new = {each.name: each for each in after.networks.value}
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was is None and now is not None:
            yield NetworkChange(network=name, event=NetworkEvent.ADDED, after=_made(now))
        elif was is not None and now is None:
            yield NetworkChange(network=name, event=NetworkEvent.REMOVED, before=_made(was))
        elif was is not None and now is not None:
            yield from _same_network(was, now)


def _same_network(was: Network, now: Network) -> Iterator[NetworkChange]:
    if was.id != now.id:
        before, after = was.id[:_SHORT_ID], now.id[:_SHORT_ID]
        yield NetworkChange(
            network=now.name, event=NetworkEvent.RECREATED, before=before, after=after
        )
    if _made(was) != _made(now):
        yield NetworkChange(
            network=now.name, event=NetworkEvent.CHANGED, before=_made(was), after=_made(now)
        )


def _made(network: Network) -> str:
    options: Mapping[str, bool] = {"icc=false": not network.icc, "internal": network.internal}
    return ", ".join(
        (
            network.driver,
            *network.subnets,
            *(option for option, given in options.items() if given),
            *((f"mtu {network.mtu}",) if network.mtu is not None else ()),
        )
    )


def _links(before: Topology, after: Topology) -> Iterator[LinkChange]:
    old, new = _sources(before), _sources(after)
    seen = _inspected(before) & _inspected(after)
    for target, alias, network in sorted({*old, *new}):
        key = (target, alias, network)
        was, now = old.get(key, ""), new.get(key, "")
        if was != now and target in seen:
            yield LinkChange(target=target, alias=alias, network=network, before=was, after=now)


def _sources(topology: Topology) -> dict[tuple[str, str, str], str]:
    return {
        (link.target.name, link.alias, link.network): link.source_name for link in topology.links()
    }


def _inspected(topology: Topology) -> set[str]:
    return {each.name for _, each in topology.containers() if isinstance(each.details, Known)}
