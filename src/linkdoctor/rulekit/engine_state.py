"""What an engine that is modelled holds: look-ups in a snapshot, and small changes of it.

:mod:`~linkdoctor.rulekit.engine_actions` says what it is for.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from linkdoctor.model.evidence import Evidence, Known
from linkdoctor.model.links import StoredLink
from linkdoctor.model.network_mode import Host, Shared, parse_network_mode, shared_reference
from linkdoctor.model.snapshot import Container, Details, Event, Network, Snapshot, Status
from linkdoctor.model.topology import DEFAULT_BRIDGE, Topology

__all__ = [
    "UP",
    "EngineRefusal",
    "NotModelled",
    "bridge_of",
    "container_named",
    "details_of",
    "following_id",
    "free_address",
    "has_networks_of_its_own",
    "later",
    "legacy_links",
    "live_source",
    "network_owner",
    "owner_of",
    "recorded",
    "with_container",
    "with_details",
]

UP = (Status.RUNNING, Status.PAUSED, Status.RESTARTING)
_DEFAULT_MODES = ("default", DEFAULT_BRIDGE, "")
_PAUSE = timedelta(minutes=10)
"""How long after an action one looks again: longer than anything takes to settle."""
_ANY_SUBNET = "172.31.0.0/16"
"""Of a network whose subnet was not seen, and on which nobody has an address."""


class EngineRefusal(Exception):
    """The engine would refuse an action; the message is what it says."""


class NotModelled(Exception):
    """What an action does cannot be told from what was seen."""


def container_named(snapshot: Snapshot, name: str) -> Container:
    """Return the container of that name.

    Raises:
        EngineRefusal: there is none.
    """
    for each in snapshot.containers:
        if each.name == name:
            return each
    raise EngineRefusal(f"No such container: {name}")


def details_of(container: Container) -> Details:
    """Return what inspect tells of a container.

    Raises:
        NotModelled: it was not inspected.
    """
    if not isinstance(container.details, Known):
        raise NotModelled(f"{container.name} was not inspected")
    return container.details.value


def owner_of(snapshot: Snapshot, mode: str) -> Container | None:
    """Return the container whose namespace ``container:…`` means; None for any other mode.

    Raises:
        EngineRefusal: it is gone.
    """
    reference = shared_reference(mode)
    if reference is None:
        return None
    found = Topology((snapshot,)).resolve_reference(snapshot.host, reference)
    if found is None:
        raise EngineRefusal(f"No such container: {reference}")
    return found


def network_owner(snapshot: Snapshot, container: Container) -> Container:
    """Return the container whose network one lives in: itself, where it has its own.

    Raises:
        EngineRefusal: it is gone.
    """
    owner = owner_of(snapshot, details_of(container).network_mode)
    return container if owner is None else network_owner(snapshot, owner)


def live_source(snapshot: Snapshot, target: Container, alias: str) -> Container | None:
    """Return the container to which the engine's pointer leads; None for a ghost."""
    name = f"{target.name}/{alias}"
    return next((each for each in snapshot.containers if name in each.names), None)


def legacy_links(details: Details) -> tuple[StoredLink, ...]:
    """Return the links that a start of a container sees to: those of one on the default bridge."""
    on_bridge = any(each.network == DEFAULT_BRIDGE for each in details.endpoints)
    private = details.network_mode in (*_DEFAULT_MODES, "none")
    return details.stored_links if on_bridge and private else ()


def has_networks_of_its_own(details: Details) -> bool:
    """Whether a container is, or can be, on networks: not in host or container mode."""
    return not isinstance(parse_network_mode(details.network_mode), Host | Shared)


def bridge_of(snapshot: Snapshot) -> Network | None:
    """Return the default bridge."""
    networks = snapshot.networks.value if isinstance(snapshot.networks, Known) else ()
    return next((each for each in networks if each.name == DEFAULT_BRIDGE), None)


def free_address(snapshot: Snapshot, network: str) -> str:
    """Return the address that the engine gives next: the lowest that nobody has."""
    taken = set(_addresses(snapshot.containers, network))
    known = snapshot.networks.value if isinstance(snapshot.networks, Known) else ()
    for each in known:
        if each.name == network and each.driver in ("host", "null"):
            return ""
    reserved = {address for each in known if each.name == network for address in each.reserved}
    subnet = _subnet(known, network, taken)
    hosts = (str(each) for each in subnet.hosts())
    next(hosts)  # the gateway's
    return next(each for each in hosts if each not in taken and each not in reserved)


def _addresses(containers: Iterable[Container], network: str) -> Iterator[str]:
    for container in containers:
        if isinstance(container.details, Known):
            for each in container.details.value.endpoints:
                if each.network == network and each.address:
                    yield each.address
                if each.network == network and each.fixed_address:
                    yield each.fixed_address


def _subnet(
    networks: Iterable[Network], network: str, taken: Iterable[str]
) -> ipaddress.IPv4Network:
    for each in networks:
        for text in each.subnets if each.name == network else ():
            subnet = ipaddress.ip_network(text)
            if isinstance(subnet, ipaddress.IPv4Network):
                return subnet
    near = min(taken, default="")
    return ipaddress.IPv4Network(f"{near}/16" if near else _ANY_SUBNET, strict=False)


def following_id(container: Container) -> str:
    """Return the id of the container that takes another one's place: it is another one."""
    return hashlib.sha256(container.id.encode()).hexdigest()


# --- small changes ----------------------------------------------------------------------------


def with_container(snapshot: Snapshot, container: Container) -> Snapshot:
    """Return a snapshot in which a container is as given, by its id."""
    return msgspec.structs.replace(
        snapshot,
        containers=tuple(
            container if each.id == container.id else each for each in snapshot.containers
        ),
    )


def with_details(container: Container, **changes: object) -> Container:
    """Return a container of which inspect tells something else."""
    details = msgspec.structs.replace(details_of(container), **changes)
    return msgspec.structs.replace(container, details=_like(container.details, details))


def _like(evidence: Evidence[Details], details: Details) -> Known[Details]:
    return Known(details, evidence.source if isinstance(evidence, Known) else "inspect")


def later(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot that is taken a while later."""
    return msgspec.structs.replace(
        snapshot,
        taken_at=_after(snapshot.taken_at),
        engine_time=_after(snapshot.engine_time) if snapshot.engine_time else "",
    )


def _after(moment: str) -> str:
    then = datetime.fromisoformat(moment.replace("Z", "+00:00")) + _PAUSE
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def recorded(
    snapshot: Snapshot, action: str, container: Container, exit_code: int = -1
) -> Snapshot:
    """Return a snapshot whose engine remembers one event more, if it was asked for them."""
    if not isinstance(snapshot.events, Known):
        return snapshot
    event = Event(
        time=snapshot.engine_time or snapshot.taken_at,
        action=action,
        container=container.name,
        container_id=container.id,
        exit_code=exit_code,
    )
    events = Known((*snapshot.events.value, event), snapshot.events.source)
    return msgspec.structs.replace(snapshot, events=events)
