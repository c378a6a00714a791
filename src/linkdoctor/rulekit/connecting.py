"""How a source is brought to where its target can find it, whatever the network mode of either.

A container with the network of the host, of another container or with none is never connected to a
network, and nothing is ever connected to the network ``host``: the engine refuses both.
"""

from __future__ import annotations

from linkdoctor.model.actions import ConnectNetwork, Recreate
from linkdoctor.model.links import HostsLine, StoredLink
from linkdoctor.model.network_mode import Host
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container, Details
from linkdoctor.model.topology import DEFAULT_BRIDGE, Link, Topology
from linkdoctor.rulekit.compose import compose_service, to_correct
from linkdoctor.rulekit.fixes import doing, owner_is_gone, present_links, recreate
from linkdoctor.rulekit.reach import effective_mode, namespace_of, networks_of

__all__ = [
    "HOST_MODE",
    "dial_the_host",
    "from_the_host",
    "join",
    "user_network_of",
]

HOST_MODE = "host"
_NO_NETWORK = "none"
_GATEWAY = "host-gateway"
_SINCE = (20, 10)
"""The engine that knows ``host-gateway``."""


def user_network_of(host: str, container: Container, topology: Topology) -> str | None:
    """Return a network on which names work for a container, or for whose network it shares."""
    others = (DEFAULT_BRIDGE, HOST_MODE, _NO_NETWORK)
    names = networks_of(host, container, topology)
    return next((each for each in names if each not in others), None)


def join(topology: Topology, host: str, source: Container, network: str, *names: str) -> Fix:
    """Advise to connect a source that is not on a network to it, under further names."""
    owner = namespace_of(host, source, topology)
    if owner is None:
        return owner_is_gone(source)
    under = f" under the name {' and '.join(names)}" if names else ""
    if owner is not source:
        known = (source.name, *(each for each in names if each != source.name))
        return doing(
            f"connect {owner.name}, whose network {source.name} shares, to network {network} under "
            f"the name {' and '.join(known)} too",
            Safety.SAFE,
            ConnectNetwork(network=network, container=owner.name, aliases=known),
        )
    if topology.endpoint(source, _NO_NETWORK) is not None:
        why = "it has no network, and cannot join one as it is"
        return recreate(topology, host, source, network=network, aliases=names, why=why)
    title = f"connect {source.name} to network {network}{under}"
    connect = ConnectNetwork(network=network, container=source.name, aliases=names)
    return doing(title, Safety.SAFE, connect)


def dial_the_host(
    topology: Topology,
    host: str,
    target: Container,
    source: Container,
    name: str,
    *,
    link: Link | None = None,
) -> tuple[Fix, ...]:
    """Advise to let a name mean the host, whose network the source has."""
    owner = compose_service(target)
    old_engine = topology.engine_version(host) < _SINCE
    where = "the host's address" if old_engine else _GATEWAY
    title = (
        f"make {name} mean the host in {target.name} ({name}:{where}): {source.name} has the "
        "host's network, and no name of its own"
    )
    off = Fix(
        title=f"create {source.name} again on a network of {target.name} instead of the host's, "
        "which no container can leave",
        safety=Safety.MANUAL,
    )
    line = HostsLine(address=_GATEWAY, names=(name,))
    links = None if link is None else _without(topology.details(target), link.alias)
    if owner is not None:
        action = Recreate(container=target.name, extra_hosts=(line,), links=links)
        first = to_correct(topology, host, target, action)
        return (Fix(title=f"{first}: {title}", safety=Safety.MANUAL), off)
    if old_engine:
        return (Fix(title=f"{title}, with --add-host", safety=Safety.MANUAL), off)
    anew = recreate(
        topology,
        host,
        target,
        extra_hosts=(line,),
        drop_extra_hosts=(name,),
        links=links,
        why=title,
    )
    return (anew, off)


def _without(details: Details, alias: str) -> tuple[StoredLink, ...]:
    return tuple(each for each in present_links(details) if each.alias != alias)


def from_the_host(topology: Topology, host: str, target: Container, source: Container) -> Fix:
    """Advise how a target with the host's network reaches a source: names do not lead anywhere."""
    mode = effective_mode(host, source, topology)
    published = sorted(
        {each.host_port for each in topology.details(source).published if each.host_port}
    )
    if isinstance(mode, Host):
        where = "localhost: both have the network of the host"
    elif published:
        ports = ", ".join(map(str, published))
        where = (
            f"localhost at its published port ({ports}): container names do not resolve on the host"
        )
    else:
        where = "localhost once a port is published: container names do not resolve on the host"
    return Fix(
        title=f"make {target.name}, which has the network of the host, dial {source.name} at "
        f"{where}",
        safety=Safety.MANUAL,
    )
