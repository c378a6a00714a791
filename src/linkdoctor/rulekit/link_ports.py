"""Which ports a link is about, and whether anything listens there."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache

import msgspec

from linkdoctor.model.evidence import Gap, MissingEvidence, Need, Unknown
from linkdoctor.model.snapshot import Container, Details, Listener, Status
from linkdoctor.model.topology import Link, Topology
from linkdoctor.rulekit.reach import namespace_of

__all__ = [
    "LinkPorts",
    "PortState",
    "bound_places",
    "dialled_addresses",
    "dialled_ports",
    "door_of",
    "doors_of",
    "is_loopback",
    "judged_only_later",
    "place_of",
    "starting",
]

_STARTING = timedelta(seconds=10)
_ROUNDED = timedelta(seconds=1)
"""The time of a snapshot is in whole seconds: by that much a start can seem to come after it."""
_JUST_STARTED = Unknown(
    gap=Gap.TOO_EARLY,
    detail=f"it started less than {_STARTING.seconds} s before it was examined: not judged yet",
)
_NOT_HEALTHY_YET = Unknown(
    gap=Gap.TOO_EARLY, detail="its health check still says starting: not judged yet"
)
_LOOPBACK_DEVICE = "lo"


class PortState(Enum):
    """How a TCP port of a container answers from outside it."""

    OPEN = "open"
    LOOPBACK = "loopback"
    """Something listens, but only on the container's own loopback address."""
    ELSEWHERE = "elsewhere"
    """Something listens, but only on an address or interface that the target does not come by."""
    WRONG_FAMILY = "wrong family"
    """Something listens on every address, but not of the family that the target dials."""
    CLOSED = "closed"


class LinkPorts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The TCP ports of a source that a link is about."""

    dialled: tuple[tuple[int, PortState], ...]
    """The ports that the target is known to dial."""
    exposed: tuple[tuple[int, PortState], ...]
    """The exposed ports that it is not known to dial."""
    all_open: bool = False

    def judged(self, door: PortState) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the ports with this door: those that matter to the target, and the others.

        A dialled port matters. If none is known to be dialled, the exposed ports matter where
        not one of them is open.
        """
        if self.all_open and door is not PortState.OPEN:
            return (), ()
        dialled = tuple(port for port, found in self.dialled if found is door)
        exposed = tuple(port for port, found in self.exposed if found is door)
        if self.dialled or any(found is PortState.OPEN for _, found in self.exposed):
            return dialled, exposed
        return exposed, ()


def dialled_ports(link: Link, topology: Topology) -> dict[int, str]:
    """Return the ports that the target's settings dial at the link's alias, and where they do."""
    return topology.once_of(link, "dialled_ports", lambda: _dialled_ports(link, topology))


def _dialled_ports(link: Link, topology: Topology) -> dict[int, str]:
    found: dict[int, str] = {}
    references = topology.details(link.target).references
    alias = link.alias.lower() if references else ""
    for reference in references:
        port = reference.port or reference.default_port
        if reference.host == alias and port is not None:
            found.setdefault(port, reference.where)
    return found


def doors_of(link: Link, source: Container, topology: Topology) -> LinkPorts | None:
    """Look at the ports of a link; None where there is nothing to judge yet.

    That is so if the source does not run, or neither exposes a TCP port nor is known to be dialled.

    Raises:
        MissingEvidence: the sockets could not be seen; or a port is not open, but the source is
            still on its way up.
    """
    of, doors = topology.once_of(link, "doors_of", lambda: (source, _doors(link, source, topology)))
    return doors if of is source else _doors(link, source, topology)


def _doors(link: Link, source: Container, topology: Topology) -> LinkPorts | None:
    details = topology.details(source)
    if details.status is not Status.RUNNING:
        return None
    dialled = dialled_ports(link, topology)
    exposed = [
        port.number
        for port in details.exposed
        if port.protocol == "tcp" and port.number not in dialled
    ]
    if not dialled and not exposed:
        return None
    listeners = topology.listeners(source)
    at = dialled_addresses(link, source, topology)
    doors = topology.once(("doors", at), link.host, source, lambda: _open_doors(listeners, at))
    behind = [(port, doors.get(port, PortState.CLOSED)) for port in sorted(dialled)]
    before = [(port, doors.get(port, PortState.CLOSED)) for port in sorted(exposed)]
    open_door = PortState.OPEN
    all_open = all(found is open_door for _, found in behind + before)
    if not all_open:
        judged_only_later(link.host, source, topology)
    return LinkPorts(dialled=tuple(behind), exposed=tuple(before), all_open=all_open)


def dialled_addresses(link: Link, source: Container, topology: Topology) -> frozenset[str]:
    """Return the addresses at which the target dials the source of a link; none if it is not known.

    That is so where both share one network namespace, in which every address is near, and where
    the source shares that of a container that is gone.
    """
    owner = namespace_of(link.host, source, topology)
    if owner is None or namespace_of(link.host, link.target, topology) is owner:
        return frozenset()
    return frozenset(topology.link_addresses(link, owner))


def _open_doors(
    listeners: Iterable[Listener], at: frozenset[str] = frozenset()
) -> dict[int, PortState]:
    """Return the TCP ports on which anything listens; dialled at some addresses, or at any."""
    doors: dict[int, PortState] = {}
    for each in listeners:
        if each.protocol == "tcp":
            door = _door_at(each, at)
            before = doors.get(each.port, PortState.CLOSED)
            doors[each.port] = max(door, before, key=_FROM_CLOSED_TO_OPEN.index)
    return doors


_FROM_CLOSED_TO_OPEN = (
    PortState.CLOSED,
    PortState.LOOPBACK,
    PortState.ELSEWHERE,
    PortState.WRONG_FAMILY,
    PortState.OPEN,
)
"""Of several listeners on a port, the one that comes last here counts."""


def _door_at(listener: Listener, at: frozenset[str]) -> PortState:
    """Return how one listener answers connections to some addresses of its namespace."""
    if listener.device == _LOOPBACK_DEVICE or is_loopback(listener.address):
        return PortState.LOOPBACK
    near = listener.device_addresses
    if at and near and at.isdisjoint(near):
        return PortState.ELSEWHERE
    accepts, wildcard = _accepted(listener.address, ipv6_only=listener.ipv6_only)
    if not at or any(accepts(each) for each in at):
        return PortState.OPEN
    return PortState.WRONG_FAMILY if wildcard else PortState.ELSEWHERE


def _accepted(address: str, *, ipv6_only: bool) -> tuple[Callable[[str], bool], bool]:
    """Return which addresses a socket takes connections at, and whether it is bound to none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return (lambda _: True), True
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    own = mapped or parsed
    if not own.is_unspecified:
        return (lambda dialled: dialled == str(own)), False
    if own.version == 4:
        return (lambda dialled: ":" not in dialled), True
    return (lambda dialled: ":" in dialled or not ipv6_only), True


def judged_only_later(
    host: str, container: Container, topology: Topology, need: Need = Need.LISTENERS
) -> None:
    """Let no fault be found in a container that may still be on its way up.

    A rule asks this once it would report something that may be well in a moment. What is well
    already needs no asking.

    Raises:
        MissingEvidence: it is too early to judge the container.
    """
    early = starting(host, container, topology)
    if early is not None:
        raise MissingEvidence(need, container.name, early)


def starting(host: str, container: Container, topology: Topology) -> Unknown | None:
    """Return why a container may still be on its way up: 10 s, or as its health check says."""
    details = topology.details(container)
    return topology.once(
        starting, host, container, lambda: _starting(details, topology.taken_at(host))
    )


def _starting(details: Details, taken_at: str) -> Unknown | None:
    if details.status is not Status.RUNNING:
        return None
    if details.health is not None and details.health.status == "starting":
        return _NOT_HEALTHY_YET
    started, now = _time(details.started_at), _time(taken_at)
    if started is None or now is None:
        return None
    # One that started in the future did not just start: the clock was set back since.
    return _JUST_STARTED if -_ROUNDED < now - started < _STARTING else None


@lru_cache(maxsize=1024)
def _time(text: str) -> datetime | None:
    try:
        # The engine prints nanoseconds, which Python does not read.
        head, dot, _ = text.partition(".")
        return datetime.fromisoformat(head + "+00:00" if dot else text.replace("Z", "+00:00"))
    except ValueError:
        return None


def door_of(
    port: int, listeners: Iterable[Listener], at: frozenset[str] = frozenset()
) -> PortState:
    """Return how a TCP port of the container with these listening sockets answers.

    Args:
        port: of the container.
        listeners: all of its listening sockets.
        at: the addresses at which it is dialled; none for any.
    """
    return _open_doors(listeners, at).get(port, PortState.CLOSED)


def bound_places(source: Container, ports: Collection[int], topology: Topology) -> tuple[str, ...]:
    """Return where the listeners on some TCP ports of a container are bound, each place once."""
    places = {
        place_of(each)
        for each in topology.listeners(source)
        if each.protocol == "tcp" and each.port in ports
    }
    return tuple(sorted(places))


def place_of(listener: Listener) -> str:
    """Return where a listener is bound, as a person would write it, and whose it is."""
    host = f"[{listener.address}]" if ":" in listener.address else listener.address
    device = f"%{listener.device}" if listener.device else ""
    only = " (IPv6 only)" if listener.ipv6_only else ""
    who = f"{listener.owner} listens on " if listener.owner else ""
    return f"{who}{host}:{listener.port}{device}{only}"


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether only a namespace itself reaches an address: 127.0.0.0/8 and ::1."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
