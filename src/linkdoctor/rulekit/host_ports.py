"""The ports of a host: who needs them from outside its networks, and who holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.network_mode import Host
from linkdoctor.model.references import HostReference
from linkdoctor.model.report import Proof
from linkdoctor.model.snapshot import Container, Publication
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.link_ports import is_loopback
from linkdoctor.rulekit.reach import effective_mode

__all__ = [
    "LABEL",
    "Binding",
    "Dial",
    "PortConflict",
    "bindings",
    "dialled_by",
    "dials",
    "dials_at",
    "free_port",
    "host_named",
    "hosts_dialled",
    "is_bound_to_loopback",
    "meant_for_outside",
    "overlap",
    "parse_port_conflict",
    "published_as",
    "wanted_ports",
]

LABEL = "linkdoctor.publish"
"""The label that says which TCP ports are meant to be reached from outside the host."""

_ANY = ("", "0.0.0.0", "::")
_LAST_PORT = 65535


class Dial(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A host and port that a container's settings name."""

    host: str
    """As the setting names it: a name or an address."""
    port: int
    where: str


class Binding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A port of a host that leads to a container."""

    container: Container
    publication: Publication


class PortConflict(msgspec.Struct, frozen=True, kw_only=True):
    """An error of ``State.Error`` about a taken port of the host, understood."""

    address: str
    port: int
    protocol: str | None = None
    """None where the engine does not say it."""


def wanted_ports(container: Container, topology: Topology) -> dict[int, str]:
    """Return the TCP ports that are said to be meant for outside, and where that is said."""
    wanted: dict[int, str] = {}
    for label in container.labels:
        if label.name == LABEL:
            for word in label.value.replace(",", " ").split():
                if word.removesuffix("/tcp").isdecimal():
                    wanted.setdefault(int(word.removesuffix("/tcp")), f"label {LABEL}")
    for declaration in topology.declarations(container):
        for number in declaration.publishes:
            wanted.setdefault(number, "configuration")
    return wanted


def dials(container: Container, topology: Topology) -> tuple[Dial, ...]:
    """Return what the settings of a container dial, each host and port once."""
    references = topology.details(container).references
    if not references:
        return ()
    return topology.once(dials, "", container, lambda: _dials(references))


def _dials(references: Iterable[HostReference]) -> tuple[Dial, ...]:
    found: dict[tuple[str, int], Dial] = {}
    for reference in references:
        port = reference.port or reference.default_port
        if port is not None and (reference.host, port) not in found:
            found[reference.host, port] = Dial(
                host=reference.host, port=port, where=reference.where
            )
    return tuple(found.values())


def meant_for_outside(port: int, where: str) -> Proof:
    """Prove that a port is said to be meant for outside."""
    return Proof(what="meant for outside", observed=f"port {port}", where=where)


def dialled_by(caller: Container, dial: Dial) -> Proof:
    """Prove that a container's settings dial something."""
    return Proof(
        what=f"dialled by {caller.name}", observed=f"{dial.host}:{dial.port}", where=dial.where
    )


def published_as(container: Container, port: int, topology: Topology) -> tuple[Publication, ...]:
    """Return the bindings of one of a container's TCP ports."""
    return tuple(
        each
        for each in topology.details(container).published
        if each.port.number == port and each.port.protocol == "tcp"
    )


def host_named(name: str, topology: Topology) -> str | None:
    """Return the examined host that has this name or address, or None."""
    for host in topology.hosts_meant(name):
        if topology.is_host_address(host, name):
            return host
    return None


def hosts_dialled(caller: Container, topology: Topology) -> tuple[str, ...]:
    """Return the hosts for which :func:`dials_at` may give anything, each once."""
    dialled = dials(caller, topology)
    if not dialled:
        return ()
    return topology.once(hosts_dialled, "", caller, lambda: _hosts_dialled(dialled, topology))


def _hosts_dialled(dialled: Iterable[Dial], topology: Topology) -> tuple[str, ...]:
    meant = (topology.hosts_meant(dial.host) for dial in dialled)
    return tuple(dict.fromkeys(host for hosts in meant for host in hosts))


def bindings(host: str, topology: Topology) -> Iterator[Binding]:
    """Yield the TCP and UDP ports of a host that lead to containers, as far as they were seen."""
    for _, container in topology.containers(host):
        try:
            published = topology.details(container).published
        except MissingEvidence:
            continue
        for publication in published:
            yield Binding(container=container, publication=publication)


def dials_at(
    host: str, caller: Container, caller_host: str, topology: Topology
) -> Iterator[tuple[Dial, tuple[Binding, ...]]]:
    """Yield what a container dials at a host's own address, with the bindings of that TCP port.

    Only ports that lead to *other* containers are given. A container on the network of that very
    host is left out: it may reach what is bound to the loopback address.
    """
    if not topology.details(caller).references:
        return
    if caller_host == host and isinstance(effective_mode(host, caller, topology), Host):
        return
    for dial in dials(caller, topology):
        found = tuple(
            Binding(container=container, publication=publication)
            for container, publication in topology.published_at(host, dial.port)
        )
        if any(each.container is caller for each in found) or not found:
            continue
        if topology.is_host_address(host, dial.host):
            yield dial, found


def is_bound_to_loopback(publication: Publication) -> bool:
    """Whether only the host itself reaches a binding."""
    return is_loopback(publication.host_address)


def overlap(one: str, other: str) -> bool:
    """Whether two addresses of a host cannot both be listened on at one port."""
    return one in _ANY or other in _ANY or one == other


def free_port(host: str, start: int, protocol: str, topology: Topology) -> int | None:
    """Return the first port of a host, from `start` on, that nobody holds or has asked for."""
    taken = {each.port for each in topology.host_listeners(host) if each.protocol == protocol} | {
        publication.host_port
        for _, container in topology.containers(host)
        for publication in _asked_or_given(container, topology)
        if publication.port.protocol == protocol
    }
    return next((each for each in range(start, _LAST_PORT + 1) if each not in taken), None)


def _asked_or_given(container: Container, topology: Topology) -> tuple[Publication, ...]:
    try:
        details = topology.details(container)
    except MissingEvidence:
        return ()
    return (*details.published, *details.requested)


_CONFLICTS = (
    # All: another container of this engine has it. The address of IPv6 has no brackets.
    re.compile(r"Bind for (?P<address>\S*):(?P<port>\d{1,5}) failed: port is already allocated"),
    # 20.10, 26.1: a process of the host, or another container at an address that overlaps.
    re.compile(
        r"listen (?P<protocol>tcp|udp)[46]? (?P<address>\S*):(?P<port>\d{1,5}): "
        r"bind: address already in use"
    ),
    # 28.5: the same. The container's address and port follow.
    re.compile(
        r"failed to bind host port (?:for )?(?P<address>\[[0-9A-Fa-f:.]*\]|[0-9.]*):"
        r"(?P<port>\d{1,5})[:/](?:\S*/)?(?P<protocol>tcp|udp)\b\S*: address already in use"
    ),
)


def parse_port_conflict(error: str) -> PortConflict | None:
    """Understand ``State.Error`` if it speaks of a taken port, in the words of known engines."""
    for pattern in _CONFLICTS:
        if match := pattern.search(error[:4096]):
            groups = match.groupdict()
            port = int(groups["port"])
            if 0 < port <= _LAST_PORT:
                return PortConflict(
                    address=groups["address"].strip("[]"),
                    port=port,
                    protocol=groups.get("protocol"),
                )
    return None
