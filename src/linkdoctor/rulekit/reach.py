"""Which networks a source and a target share, and what a container's resolver makes of an alias."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from linkdoctor.model.network_mode import NetworkMode, Shared
from linkdoctor.model.snapshot import Container, Network
from linkdoctor.model.topology import Link, LinkKind, Topology

__all__ = [
    "Subnet",
    "addresses_of",
    "effective_mode",
    "has_hosts_line",
    "is_answered",
    "is_inside",
    "is_local",
    "namespace_of",
    "networks_of",
    "nobodys_address",
    "owner_of",
    "searched_names",
    "share_a_namespace",
    "subnets_in",
    "subnets_of",
]

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOCAL_DRIVERS = ("bridge", "macvlan", "ipvlan", "host", "null")


def owner_of(host: str, container: Container, topology: Topology) -> Container:
    """Return the container whose network namespace a container lives in: often its own.

    Where an owner is gone, it is the last one that is there: :func:`namespace_of` tells that apart.
    """
    return _followed(host, container, topology)[0]


def namespace_of(host: str, container: Container, topology: Topology) -> Container | None:
    """Return the container whose network namespace one lives in, or None where that is gone."""
    owner, mode = _followed(host, container, topology)
    return None if isinstance(mode, Shared) else owner


def effective_mode(host: str, container: Container, topology: Topology) -> NetworkMode:
    """Return the network mode of the container whose namespace one lives in.

    It is `Shared`, without an owner, only where that container is gone.
    """
    return _followed(host, container, topology)[1]


def _followed(host: str, container: Container, topology: Topology) -> tuple[Container, NetworkMode]:
    mode = topology.network_mode(host, container)
    if not isinstance(mode, Shared):
        return container, mode
    seen = {container.id}
    while isinstance(mode, Shared) and mode.owner is not None:
        if mode.owner.id in seen:
            return container, Shared(mode.reference)  # they share in a circle: nobody owns it
        container = mode.owner
        seen.add(container.id)
        mode = topology.network_mode(host, container)
    return container, mode


def share_a_namespace(host: str, one: Container, other: Container, topology: Topology) -> bool:
    """Whether two containers live in the network namespace of one container that is there."""
    owner = namespace_of(host, one, topology)
    return owner is not None and owner is namespace_of(host, other, topology)


def networks_of(host: str, container: Container, topology: Topology) -> tuple[str, ...]:
    """Return the names of the networks that a container is on; in container mode, its owner's.

    There are none where the owner is gone.
    """
    owner = namespace_of(host, container, topology)
    return (
        () if owner is None else tuple(each.network for each in topology.details(owner).endpoints)
    )


def addresses_of(host: str, container: Container, topology: Topology) -> frozenset[str]:
    """Return all addresses of a container, on whatever network; none where their owner is gone."""
    owner = namespace_of(host, container, topology)
    if owner is None:
        return frozenset()
    return frozenset(
        address
        for each in topology.details(owner).endpoints
        for address in (each.address, each.address6)
        if address
    )


def is_local(network: Network | None) -> bool:
    """Whether all containers of a network are on one host; an unknown network is taken so."""
    return network is None or network.driver in _LOCAL_DRIVERS


def nobodys_address(host: str, topology: Topology) -> str:
    """Return how an address is called that no container is seen to have."""

    def all_inspected() -> bool:
        return all(topology.is_inspected(each) for _, each in topology.containers(host))

    if topology.once(nobodys_address, host, nobodys_address, all_inspected):
        return "an unused address"
    return "the address of no container that could be inspected"


def has_hosts_line(target: Container, name: str, topology: Topology) -> bool:
    """Return whether a line of the target's hosts file, as far as it was read, has a name."""
    lines = (*topology.details(target).extra_hosts, *topology.hosts_lines_if_had(target))
    wanted = name.lower()
    return any(wanted == each.lower() for line in lines for each in line.names)


def is_answered(link: Link, topology: Topology) -> bool:
    """Whether the embedded DNS knows the source of a link: it runs on the link's network.

    A source that shares another container's network namespace has no name there (engine lab).
    """
    source = topology.source_of(link)
    return (
        source is not None
        and topology.endpoint(source, link.network) is not None
        and topology.is_running(source)
    )


def searched_names(link: Link, topology: Topology) -> tuple[str, ...]:
    """Return the names that the target's resolver tries before the alias of a link, in its order.

    That is so if the alias has fewer dots than ``ndots``, for which Docker sets 0 on user-defined
    networks unless it is told otherwise. A hosts line comes before any of it, so a link on the
    default bridge is never searched for.
    """
    resolver = topology.resolver(link.target)
    if link.kind is not LinkKind.NETWORK or link.alias.count(".") >= resolver.ndots:
        return ()
    return tuple(f"{link.alias}.{domain.rstrip('.')}" for domain in resolver.search)


def subnets_of(host: str, container: Container, topology: Topology) -> tuple[str, ...] | None:
    """Return the subnets of all networks of a container, or None where one of them has none."""
    found: list[str] = []
    for name in networks_of(host, container, topology):
        network = topology.network(host, name)
        if network is None or not network.subnets:
            return None
        found += network.subnets
    return tuple(found)


def is_inside(address: str, subnets: Iterable[str]) -> bool:
    """Whether an address belongs to one of some subnets; what is neither is outside."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in subnet for subnet in subnets_in(subnets))


def subnets_in(texts: Iterable[str]) -> Iterator[Subnet]:
    """Yield the subnets in texts that anyone may have written; any other text is left out."""
    for text in texts:
        try:
            yield ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
