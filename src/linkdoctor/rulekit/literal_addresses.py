"""Addresses that a container's settings hold, and whose they are.

A container's address lasts until its next start. Only its name is sure, unless ``--ip`` gave it
the address for good.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import msgspec

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.links import environment_prefix
from linkdoctor.model.snapshot import Container, Details, Network
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.model.variables import address_of, is_address, parse_link_variable
from linkdoctor.rulekit.reach import subnets_in

__all__ = [
    "Literal",
    "bridge_of",
    "has_for_good",
    "is_of_the_host",
    "is_on",
    "literals_of",
    "meant_container",
    "meant_link",
]

_OF_THE_SWARM = "docker_gwbridge"
"""On it an engine in swarm mode has addresses that are no container's."""


class Literal(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """An address in the settings of a container."""

    address: str
    where: str
    """``environment variable DB_PORT_5432_TCP_ADDR``, ``argument 3`` or ``extra host db``."""
    name: str = ""
    """The extra host that has the address."""
    prefix: str = ""
    """The prefix of the link variable that has it."""


def literals_of(container: Container, topology: Topology) -> tuple[Literal, ...]:
    """Return the addresses that the user or the image wrote into a container's settings.

    Those that a link put into the running process are not settings, and extra hosts for the alias
    of a link on the default bridge are that link's affair (LD304).
    """
    details = topology.details(container)
    return topology.once(literals_of, "", container, lambda: _literals_in(details))


def _literals_in(details: Details) -> tuple[Literal, ...]:
    found = {
        Literal(address=reference.host, where=reference.where)
        for reference in details.references
        if is_address(reference.host)
    }
    for variable in details.environment:
        parsed = parse_link_variable(variable.name)
        address = address_of(variable) if parsed is not None else None
        if parsed is not None and address and is_address(address):
            found.add(
                Literal(
                    address=address,
                    where=f"environment variable {variable.name}",
                    prefix=parsed.prefix,
                )
            )
    aliases = {link.alias.lower() for link in details.stored_links}
    for line in details.extra_hosts:
        name = line.names[0]
        if is_address(line.address) and name.lower() not in aliases:
            found.add(Literal(address=line.address, where=f"extra host {name}", name=name))
    return tuple(sorted(found))


def bridge_of(host: str, address: str, topology: Topology) -> Network | None:
    """Return the bridge network of a host among whose containers' addresses this one is.

    An address that is the network's own, the gateway's or set aside is none of them. On other
    kinds of networks an address may well belong to something outside the host.
    """
    for network in topology.networks(host):
        if network.driver != "bridge" or network.name == _OF_THE_SWARM:
            continue
        if is_on(network, address) and not _is_reserved(network, address):
            return network
    return None


def is_on(network: Network, address: str) -> bool:
    """Whether an address can be that of a container on a network."""
    parsed = ipaddress.ip_address(address)
    for subnet in subnets_in(network.subnets):
        if parsed in subnet:
            return parsed not in (subnet.network_address, subnet.broadcast_address)
    return False


def _is_reserved(network: Network, address: str) -> bool:
    """Whether an address is the gateway's or set aside; a gateway untold is the first."""
    parsed = ipaddress.ip_address(address)
    reserved = {ipaddress.ip_address(each) for each in network.reserved if is_address(each)}
    for subnet in subnets_in(network.subnets):
        if parsed in subnet and not any(each in subnet for each in reserved):
            return parsed == subnet.network_address + 1
    return parsed in reserved


def has_for_good(container: Container, address: str, topology: Topology) -> bool:
    """Whether ``--ip`` gave a container an address, which then is its own, running or not."""
    return any(address == each.fixed_address for each in topology.details(container).endpoints)


def is_of_the_host(host: str, address: str, topology: Topology) -> bool:
    """Whether an address is known to be one of the host itself."""
    try:
        return topology.is_host_address(host, address)
    except MissingEvidence:
        return False


def meant_link(
    host: str, container: Container, literal: Literal, topology: Topology
) -> Link | None:
    """Return the container's link on the default bridge whose source the setting speaks of."""
    for link in topology.links_of(host, container):
        if link.kind is LinkKind.LEGACY and literal.prefix == link.prefix:
            return link
    return None


def meant_container(
    host: str, container: Container, literal: Literal, topology: Topology
) -> Container | None:
    """Return the container that the setting speaks of by its name; None if it cannot be told."""
    link = meant_link(host, container, literal, topology)
    if link is not None:
        return topology.source_or_namesake(link)
    if literal.name:
        return topology.container_named(host, literal.name)
    fitting = list(_with_prefix(host, literal.prefix, topology)) if literal.prefix else []
    return fitting[0] if len(fitting) == 1 else None


def _with_prefix(host: str, prefix: str, topology: Topology) -> Iterator[Container]:
    for _, each in topology.containers(host):
        if environment_prefix(each.name) == prefix:
            yield each
