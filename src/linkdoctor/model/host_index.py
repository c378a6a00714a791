"""Look-ups over snapshots, made once: names, addresses, ports and links of one host, and of all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.links import engine_version, parse_link_name
from linkdoctor.model.printed_links import Link, LinkKind, printed_links
from linkdoctor.model.snapshot import (
    Container,
    Details,
    Endpoint,
    Publication,
    Snapshot,
    Status,
)

__all__ = ["SHORT_ID", "UP", "FleetIndex", "HostIndex"]

UP = (Status.RUNNING, Status.PAUSED, Status.STOPPING)
"""The states in which a container's process exists."""
SHORT_ID = 12
"""The length of an id that stands for the whole."""
_FIRST_WITH_HOSTNAMES = (25,)
"""The first engine whose embedded DNS knows a container's hostname too (engine lab: 26.1, 28.5)."""


class HostIndex:
    """One snapshot with the look-ups that the topology needs."""

    __slots__ = (
        "alike",
        "answering",
        "by_address",
        "by_host_port",
        "by_id",
        "by_name",
        "by_network_name",
        "by_short_id",
        "has_legacy_links",
        "ids",
        "leads",
        "links",
        "links_of",
        "links_to",
        "live",
        "networks",
        "snapshot",
        "typed",
        "version",
    )

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.version = engine_version(snapshot.engine.version)
        networks = snapshot.networks.value if isinstance(snapshot.networks, Known) else ()
        self.networks = {network.name: network for network in reversed(networks)}
        self.by_id = {container.id: container for container in snapshot.containers}
        self.by_name = {container.name: container for container in snapshot.containers}
        self.by_short_id = {container.id[:SHORT_ID]: container for container in self.by_id.values()}
        self.ids = sorted(self.by_id)
        self.alike = {(each.one, each.other): each.how for each in snapshot.alike}
        self.typed = frozenset(
            link.source
            for container in snapshot.containers
            if isinstance(container.stored_links, Known)
            for link in container.stored_links.value
        )
        """The names under which sources were typed, of all links on the engine's disk."""
        self.by_network_name: dict[tuple[str, str], Container] = {}
        """By network and name in lower case: what the embedded DNS answers there."""
        self.answering: dict[tuple[str, str], list[Container]] = {}
        """As `by_network_name`, but all that are up: the embedded DNS answers with each of them."""
        self.live: dict[tuple[str, str], Container] = {}
        self.by_address: dict[str, Container] = {}
        self.by_host_port: dict[int, list[tuple[Container, Publication]]] = {}
        """The TCP ports of the host that lead to containers."""
        self.links_to: dict[str, list[Link]] | None = None
        """By the source's id; made when it is first asked for."""
        for container in snapshot.containers:
            for name in container.names:
                if link_name := parse_link_name(name):
                    self.live[link_name] = container
            if isinstance(container.details, Known):
                for endpoint in container.details.value.endpoints:
                    for address in (endpoint.address, endpoint.address6):
                        if address:
                            self.by_address[address] = container
                    self._add_names(container, container.details.value, endpoint)
                for each in container.details.value.published:
                    if each.port.protocol == "tcp":
                        self.by_host_port.setdefault(each.host_port, []).append((container, each))
        self.links = tuple(
            link
            for container in snapshot.containers
            for link in printed_links(snapshot.host, container)
        )
        self.leads = {
            id(link): live
            for link in self.links
            if link.kind is LinkKind.LEGACY
            and (live := self.live.get((link.target.name, link.alias))) is not None
        }
        """Where live links of this very topology lead, by the identity of the link."""
        self.has_legacy_links = any(link.kind is LinkKind.LEGACY for link in self.links)
        links_of: dict[str, list[Link]] = {}
        for link in self.links:
            links_of.setdefault(link.target.id, []).append(link)
        self.links_of = {target: tuple(links) for target, links in links_of.items()}

    def _add_names(self, container: Container, details: Details, endpoint: Endpoint) -> None:
        names = _names_on(container, endpoint)
        if self.version >= _FIRST_WITH_HOSTNAMES:
            names.add(details.hostname.lower())
        for name in names:
            place = (endpoint.network, name)
            self.by_network_name.setdefault(place, container)
            if details.status in UP:
                self.answering.setdefault(place, []).append(container)


class FleetIndex:
    """All hosts, with what is looked up across them; made when it is first asked for."""

    def __init__(self, hosts: Mapping[str, HostIndex]) -> None:
        self._hosts = hosts

    @cached_property
    def by_name(self) -> dict[str, list[tuple[str, Container]]]:
        """Return the containers of a name, each with its host."""
        found: dict[str, list[tuple[str, Container]]] = {}
        for host, each in self._hosts.items():
            for name, container in each.by_name.items():
                found.setdefault(name, []).append((host, container))
        return found

    @cached_property
    def by_own_name(self) -> dict[str, list[str]]:
        """Return the hosts by their names, in lower case."""
        found: dict[str, list[str]] = {}
        for host, each in self._hosts.items():
            for name in {each.snapshot.host.lower(), each.snapshot.engine.name.lower()}:
                found.setdefault(name, []).append(host)
        return found

    @cached_property
    def by_own_address(self) -> dict[str, list[str]]:
        """Return the hosts by their own addresses."""
        found: dict[str, list[str]] = {}
        for host, each in self._hosts.items():
            addresses = each.snapshot.host_addresses
            for address in set(addresses.value) if isinstance(addresses, Known) else ():
                found.setdefault(address, []).append(host)
        return found

    @cached_property
    def without_address(self) -> list[str]:
        """Return the hosts whose own addresses could not be read."""
        return [
            host
            for host, each in self._hosts.items()
            if isinstance(each.snapshot.host_addresses, Unknown)
        ]

    @cached_property
    def by_container_address(self) -> dict[str, list[str]]:
        """Return the hosts by the addresses that their containers have now."""
        found: dict[str, list[str]] = {}
        for host, each in self._hosts.items():
            for address in each.by_address:
                found.setdefault(address, []).append(host)
        return found

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return the snapshots, one a host."""
        return tuple(host.snapshot for host in self._hosts.values())

    @cached_property
    def places(self) -> dict[str, int]:
        """Return the place of each host in the order in which they were given."""
        return {host: number for number, host in enumerate(self._hosts)}


def _names_on(container: Container, endpoint: Endpoint) -> set[str]:
    names = {container.name, container.id[:SHORT_ID], *endpoint.aliases}
    return {name.lower() for name in names}
