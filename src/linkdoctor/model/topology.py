"""Snapshots joined: names, addresses, links, and who lives where.

A rule reads the topology only through its methods. A method that touches evidence that is
Unknown raises :class:`~linkdoctor.model.evidence.MissingEvidence`, so that a rule needs no
``if`` for it, and every kind of evidence that was touched is recorded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from linkdoctor.model.evidence import Evidence, Gap, Known, MissingEvidence, Need, Unknown
from linkdoctor.model.knowledge import Declaration, ImageExpectation, Knowledge
from linkdoctor.model.links import (
    HostsLine,
    StoredLink,
    engine_version,
    environment_prefix,
    injected_variables,
    parse_link_name,
)
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.similarity import Similarity, similarity
from linkdoctor.model.snapshot import (
    Complaint,
    Container,
    Details,
    Endpoint,
    Event,
    Firewall,
    Interface,
    Listener,
    NameLookup,
    Namespaces,
    Network,
    Probe,
    Publication,
    Resolver,
    Route,
    Snapshot,
    Status,
)
from linkdoctor.model.swarm import is_swarm_task
from linkdoctor.model.variables import (
    LinkField,
    LinkVariable,
    Variable,
    address_in,
    is_address,
    parse_link_variable,
)
from linkdoctor.moved import renamed

__all__ = ["DEFAULT_BRIDGE", "Link", "LinkKind", "Provider", "Topology", "TracedVariable"]

T = TypeVar("T")

DEFAULT_BRIDGE = "bridge"
"""The name of the network that a container joins unless it is told otherwise."""

_DEFAULT_MODES = ("default", DEFAULT_BRIDGE, "")


class LinkKind(StrEnum):
    """Where a link works."""

    LEGACY = "legacy"
    """On the default bridge: variables, a hosts line, a start-up check."""
    NETWORK = "network"
    """On a user-defined network: a name that the embedded DNS answers to this target."""


class Link(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One link of one target, as the engine prints it."""

    host: str
    kind: LinkKind
    target: Container
    alias: str
    source_name: str
    network: str

    @cached_property
    def prefix(self) -> str:
        """Return the prefix of the variables that this link sets."""
        return environment_prefix(self.alias)

    @cached_property
    def kept(self) -> dict[str, tuple[object, Any]]:
        """Return what :meth:`Topology.once_of` keeps, each with the topology that it is true of."""
        return {}


class TracedVariable(msgspec.Struct, frozen=True, gc=False):
    """A variable of a link in the target's process that is to hold an address, taken apart."""

    variable: Variable
    parsed: LinkVariable
    address: str
    """'' if it holds none."""


class Provider(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something that gives a container an answer for a name."""

    what: str


class _Host:
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
        self.by_short_id = {
            container.id[:_SHORT_ID]: container for container in self.by_id.values()
        }
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
            for link in _links_of(snapshot.host, container)
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
            if details.status in _UP:
                self.answering.setdefault(place, []).append(container)


class _Fleet:
    """All hosts, with what is looked up across them; made when it is first asked for."""

    def __init__(self, hosts: Mapping[str, _Host]) -> None:
        self._hosts = hosts

    @cached_property
    def by_name(self) -> dict[str, list[tuple[str, Container]]]:
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
        found: dict[str, list[str]] = {}
        for host, each in self._hosts.items():
            for address in each.by_address:
                found.setdefault(address, []).append(host)
        return found

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        return tuple(host.snapshot for host in self._hosts.values())

    @cached_property
    def places(self) -> dict[str, int]:
        return {host: number for number, host in enumerate(self._hosts)}


class Topology:
    """Several snapshots, joined, as a rule reads them."""

    def __init__(
        self,
        snapshots: Sequence[Snapshot],
        knowledge: Knowledge = Knowledge(),  # noqa: B008 - frozen
    ) -> None:
        """Join snapshots, whose host names differ, with what is known beforehand."""
        self._hosts = {snapshot.host: _Host(snapshot) for snapshot in snapshots}
        self._knowledge = knowledge
        self._reads: set[Need] | None = None
        """Where it is recorded what evidence is asked for; a rule that is applied records none."""
        self._expected: dict[str, tuple[ImageExpectation, ...]] = {}
        self._fleet = _Fleet(self._hosts)
        self._memo: dict[tuple[object, str, int], tuple[object, Any]] = {}

    def recording(self, reads: set[Need]) -> Topology:
        """Return a view on the same topology that records in `reads` what it is asked for."""
        view = object.__new__(Topology)
        view._hosts, view._knowledge, view._reads = self._hosts, self._knowledge, reads
        view._expected, view._fleet, view._memo = self._expected, self._fleet, self._memo
        return view

    def once(self, what: object, host: str, subject: object, find: Callable[[], T]) -> T:
        """Find something out about a link or a container, and keep it for whoever asks next.

        Where it is recorded what evidence is asked for, nothing is kept.

        Args:
            what: tells apart what is found out; the function that does it will do.
            host: of the subject.
            subject: the link or the container.
            find: finds it out; what it raises is raised, and not kept.
        """
        if self._reads is not None:
            return find()
        key = (what, host, id(subject))
        kept = self._memo.get(key)
        if kept is not None and kept[0] is subject:
            value: T = kept[1]
            return value
        value = find()
        self._memo[key] = (subject, value)
        return value

    def once_of(self, link: Link, what: str, find: Callable[[], T]) -> T:
        """As :meth:`once`, of a link: quicker, since most rules ask for most links."""
        if self._reads is not None:
            return find()
        kept = link.kept.get(what)
        if kept is not None and kept[0] is self._memo:
            value: T = kept[1]
            return value
        value = find()
        link.kept[what] = (self._memo, value)
        return value

    # --- what there is -----------------------------------------------------------------

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return the snapshots, one a host."""
        return self._fleet.snapshots

    def links(self, host: str | None = None) -> Iterator[Link]:
        """Yield every link that the engines print, of one host or of all."""
        hosts = self._hosts.values() if host is None else (self._hosts[host],)
        for each in hosts:
            yield from each.links

    def links_of(self, host: str, target: Container) -> tuple[Link, ...]:
        """Return the links of one target, sorted by alias."""
        return self._hosts[host].links_of.get(target.id, ())

    def links_to(self, host: str, source: Container) -> tuple[Link, ...]:
        """Return the links of other containers that lead to this one."""
        each = self._hosts[host]
        if each.links_to is None:
            each.links_to = {}
            for link in each.links:
                shown = self.source_or_namesake(link)
                if shown is not None:
                    each.links_to.setdefault(shown.id, []).append(link)
        if each.has_legacy_links:
            self._touch(Need.LINK_ANSWER)
        return tuple(each.links_to.get(source.id, ()))

    def published_at(self, host: str, port: int) -> tuple[tuple[Container, Publication], ...]:
        """Return the containers to which a TCP port of a host leads, with the binding of each."""
        self._touch(Need.DETAILS)
        return tuple(self._hosts[host].by_host_port.get(port, ()))

    def containers(self, host: str | None = None) -> Iterator[tuple[str, Container]]:
        """Yield every container with its host."""
        for name, each in self._hosts.items():
            if host in (None, name):
                for container in each.snapshot.containers:
                    yield name, container

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return renamed(self, name)

    def container_named(self, host: str, name: str) -> Container | None:
        """Return the container that has this name on this host today."""
        return self._hosts[host].by_name.get(name)

    def resolve_reference(self, host: str, reference: str) -> Container | None:
        """Return the container that the engine finds by what was typed.

        It tries the id, then the name, then the beginning of an id that no other one shares.
        """
        each = self._hosts[host]
        found = each.by_id.get(reference) or each.by_name.get(reference)
        if found is not None or not reference:
            return found
        first = bisect_left(each.ids, reference)
        begun = [one for one in each.ids[first : first + 2] if one.startswith(reference)]
        return each.by_id[begun[0]] if len(begun) == 1 else None

    def engine_version(self, host: str) -> tuple[int, ...]:
        """Return the version of a host's engine."""
        return self._hosts[host].version

    def network(self, host: str, name: str) -> Network | None:
        """Return a network of a host by its name."""
        self.networks(host)
        return self._hosts[host].networks.get(name)

    def networks(self, host: str) -> tuple[Network, ...]:
        """Return the networks of a host; raises MissingEvidence if they could not be read."""
        return self._had(Need.NETWORKS, host, self._hosts[host].snapshot.networks)

    def talks_only_over_links(self, host: str) -> bool:
        """Whether the default bridge was made with ``icc=false``."""
        bridge = self.network(host, DEFAULT_BRIDGE)
        return bridge is not None and not bridge.icc

    def product(self, host: str) -> str:
        """Return the kind of a host's engine: Docker, or Podman, which has no links."""
        return self._hosts[host].snapshot.engine.product

    def taken_at(self, host: str) -> str:
        """Return the time of a host's snapshot, RFC 3339."""
        return self._hosts[host].snapshot.taken_at

    def engine_time(self, host: str) -> str:
        """Return the engine's own time then, or the snapshot's if the engine does not tell."""
        snapshot = self._hosts[host].snapshot
        return snapshot.engine_time or snapshot.taken_at

    # --- evidence of one container -----------------------------------------------------

    def _touch(self, need: Need) -> None:
        if self._reads is not None:
            self._reads.add(need)

    def _had(self, need: Need, subject: str, evidence: Evidence[T]) -> T:
        if self._reads is not None:
            self._reads.add(need)
        if isinstance(evidence, Known):
            if not evidence.cut:
                return evidence.value
            evidence = Unknown(gap=Gap.CUT, detail=evidence.cut)
        raise MissingEvidence(need, subject, evidence)

    def _kept(self, need: Need, subject: str, evidence: Evidence[T]) -> T:
        """Return what a limit left of a piece of evidence: for what needs no more than a part."""
        if isinstance(evidence, Known):
            self._touch(need)
            return evidence.value
        return self._had(need, subject, evidence)

    def details(self, container: Container) -> Details:
        """Return what inspect reports about a container.

        Raises:
            MissingEvidence: as every method of this section, if it could not be read.
        """
        details = container.details
        if self._reads is None and isinstance(details, Known):
            return details.value  # this is asked for more often than all else together
        return self._had(Need.DETAILS, container.name, details)

    def all_references(self, container: Container) -> tuple[HostReference, ...]:
        """Return the hosts that a container's settings name; raises where a limit left some out."""
        details = self.details(container)
        if details.references_cut:
            raise MissingEvidence(Need.DETAILS, container.name, _MORE_HOSTS)
        return details.references

    def process_environment(self, container: Container) -> tuple[Variable, ...]:
        """Return the environment that the running process got, which exec does not show."""
        return self._had(Need.PROCESS_ENV, container.name, container.process_environment)

    def hosts_file(self, container: Container) -> tuple[HostsLine, ...]:
        """Return the lines of the container's hosts file."""
        return self._had(Need.HOSTS_FILE, container.name, container.hosts_file)

    def hosts_lines_with(self, container: Container, name: str) -> tuple[HostsLine, ...]:
        """Return the lines of the hosts file with a name, which resolvers compare without case."""
        return self._lines_with(self.hosts_file(container), name)

    def _lines_with(self, lines: tuple[HostsLine, ...], name: str) -> tuple[HostsLine, ...]:
        by_name = self.once(_lines_by_name, "", lines, lambda: _lines_by_name(lines))
        return by_name.get(name.lower(), ())

    def first_hosts_line(
        self, container: Container, name: str, *, beside: Iterable[str] = ()
    ) -> HostsLine | None:
        """Return the line of the hosts file that decides about a name, or None.

        Args:
            container: whose file it is.
            name: that is looked up.
            beside: addresses that it may have; a line of a family that none of them is of decides
                nothing, since programs go on to the other family. Empty: every line counts.
        """
        families = {":" in each for each in beside} or {True, False}
        lines = self._kept(Need.HOSTS_FILE, container.name, container.hosts_file)
        for line in self._lines_with(lines, name):
            if (":" in line.address) in families:
                return line
        # Where the file was cut, the line may be among what was not read.
        self.hosts_file(container)
        return None

    def listeners(self, container: Container) -> tuple[Listener, ...]:
        """Return the listening sockets of the container's network namespace."""
        return self._had(Need.LISTENERS, container.name, container.listeners)

    def script_reads(self, container: Container) -> tuple[VariableRead, ...]:
        """Return the link variables that the container's entry-point script reads."""
        return self._had(Need.ENTRY_SCRIPT, container.name, container.script_reads)

    def script_hosts_if_had(self, container: Container) -> tuple[HostReference, ...]:
        """Return the hosts that the entry-point script names, or none if it could not be read."""
        self._touch(Need.ENTRY_SCRIPT)
        return container.script_hosts.value if isinstance(container.script_hosts, Known) else ()

    def dns_answer(self, container: Container, name: str) -> tuple[str, ...]:
        """Return the addresses that the container's own resolver answers for a name."""
        for answer in container.dns_answers:
            if answer.name == name:
                return self._had(Need.DNS_ANSWER, f"{container.name} for {name}", answer.addresses)
        return self._had(Need.DNS_ANSWER, f"{container.name} for {name}", _NOT_ASKED)

    def dns_answer_if_had(self, container: Container, name: str) -> tuple[str, ...] | None:
        """Return what :meth:`dns_answer` gives, or None if that is Unknown."""
        try:
            return self.dns_answer(container, name)
        except MissingEvidence:
            return None

    def listeners_if_had(self, container: Container) -> tuple[Listener, ...]:
        """Return what :meth:`listeners` gives, or nothing if that is Unknown."""
        try:
            return self.listeners(container)
        except MissingEvidence:
            return ()

    def resolver(self, container: Container) -> Resolver:
        """Return what the container's ``resolv.conf`` says."""
        return self._had(Need.DNS_ANSWER, container.name, container.resolver)

    def name_lookup(self, container: Container) -> NameLookup:
        """Return what the container's programs ask for a name."""
        return self._had(Need.NAME_LOOKUP, container.name, container.name_lookup)

    def read_from(self, evidence: Evidence[T]) -> str:
        """Return the place where a piece of evidence was read; '' if it was not had."""
        return evidence.source if isinstance(evidence, Known) else ""

    def host_addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses of the host itself."""
        return self._had(Need.HOST_ADDRESSES, host, self._hosts[host].snapshot.host_addresses)

    def host_listeners(self, host: str) -> tuple[Listener, ...]:
        """Return the listening sockets of the host itself."""
        return self._had(Need.HOST_LISTENERS, host, self._hosts[host].snapshot.host_listeners)

    def firewall(self, host: str) -> Firewall:
        """Return the firewall rules of a host that concern containers."""
        return self._had(Need.FIREWALL, host, self._hosts[host].snapshot.firewall)

    def firewall_read_from(self, host: str) -> str:
        """Return the place where the firewall rules of a host were read; '' if they were not."""
        return self.read_from(self._hosts[host].snapshot.firewall)

    def routes(self, host: str) -> tuple[Route, ...]:
        """Return the routes of a host."""
        return self._had(Need.ROUTES, host, self._hosts[host].snapshot.routes)

    def routes_read_from(self, host: str) -> str:
        """Return the place where the routes of a host were read; '' if they were not."""
        return self.read_from(self._hosts[host].snapshot.routes)

    def interfaces_read_from(self, host: str) -> str:
        """Return the place where the interfaces of a host were read; '' if they were not."""
        return self.read_from(self._hosts[host].snapshot.interfaces)

    def interfaces(self, host: str) -> tuple[Interface, ...]:
        """Return the network interfaces of a host."""
        return self._had(Need.INTERFACES, host, self._hosts[host].snapshot.interfaces)

    def keeps_link_variables(self, host: str) -> bool:
        """Whether the engine was told to go on setting link variables from 29 on."""
        return self._had(Need.ENGINE_ENV, host, self._hosts[host].snapshot.keeps_link_variables)

    def stored_links(self, container: Container) -> tuple[StoredLink, ...]:
        """Return the links as typed, which the engine looks up by name at its next start."""
        return self._had(Need.STORED_LINKS, container.name, container.stored_links)

    def is_typed(self, host: str, name: str) -> bool:
        """Whether a link on the engine's disk, as far as it was read, asks for this name."""
        self._touch(Need.STORED_LINKS)
        return name in self._hosts[host].typed

    def was_probed(self, host: str) -> bool:
        """Whether the user asked for probes."""
        return self._hosts[host].snapshot.probed

    def probes(self, container: Container) -> tuple[Probe, ...]:
        """Return what came of the probes from a container's network namespace."""
        return self._had(Need.PROBES, container.name, container.probes)

    def found_by_probes(self, container: Container, alias: str) -> tuple[Probe, ...]:
        """Return the probes of one alias, to support what is proved otherwise."""
        known = container.probes.value if isinstance(container.probes, Known) else ()
        return tuple(probe for probe in known if probe.alias == alias)

    def complaints(self, container: Container) -> tuple[Complaint, ...]:
        """Return what the container's log says of peers; nothing if it was not read."""
        return container.complaints.value if isinstance(container.complaints, Known) else ()

    def events(self, host: str, container: str) -> tuple[Event, ...]:
        """Return what the engine remembers of a container of that name, the oldest first."""
        events = self._hosts[host].snapshot.events
        remembered = events.value if isinstance(events, Known) else ()
        return tuple(sorted(event for event in remembered if event.container == container))

    def is_inspected(self, container: Container) -> bool:
        """Return whether inspect told of a container."""
        return isinstance(container.details, Known)

    def remembered(self, host: str) -> tuple[Event, ...]:
        """Return all that the engine remembers of any container."""
        return self._had(Need.EVENTS, host, self._hosts[host].snapshot.events)

    def namespaces(self, container: Container) -> Namespaces:
        """Return the kernel's numbers of the namespaces that the container's process lives in."""
        return self._had(Need.NAMESPACES, container.name, container.namespaces)

    def is_running(self, container: Container) -> bool:
        """Whether the container's process exists."""
        return self.details(container).status in _UP

    def running_on(self, host: str, network: str) -> tuple[Container, ...]:
        """Return the running containers on a network; one of which nothing is known is left out."""
        self._touch(Need.DETAILS)
        return tuple(
            container
            for container in self._hosts[host].snapshot.containers
            if isinstance(container.details, Known)
            and container.details.value.status in _UP
            and any(each.network == network for each in container.details.value.endpoints)
        )

    def answering(self, host: str, network: str, name: str) -> tuple[Container, ...]:
        """Return the containers with whose addresses the embedded DNS answers a name on a network.

        Public names are compared without case; the alias of a link is private to its target and is
        not among them (engine lab).
        """
        self._touch(Need.DETAILS)
        return tuple(self._hosts[host].answering.get((network, name.lower()), ()))

    # --- links ---------------------------------------------------------------------------

    def source_of(self, link: Link) -> Container | None:
        """Return the container to which the engine's own pointer leads, or None for a ghost.

        The list's ``Names`` show every live legacy link; where they do not, the answer of
        ``GET /containers/<target>/<alias>/json`` decides (engine lab). A link on a
        user-defined network is resolved by name, at each query.
        """
        host = self._hosts[link.host]
        if self._reads is None and (known := host.leads.get(id(link))) is not None:
            return known
        if link.kind is LinkKind.NETWORK:
            return self._network_source(link)
        if live := host.live.get((link.target.name, link.alias)):
            self._touch(Need.LINK_ANSWER)
            return live
        subject = f"{link.target.name}/{link.alias}"
        for answer in link.target.link_answers:
            if answer.alias == link.alias:
                found = self._had(Need.LINK_ANSWER, subject, answer.container_id)
                return None if found is None else host.by_id.get(found)
        return self._had(Need.LINK_ANSWER, subject, _NOT_ASKED)

    def source_or_namesake(self, link: Link) -> Container | None:
        """Return the container to which a link leads, or that has its source's name today."""
        try:
            source = self.source_of(link)
        except MissingEvidence:
            source = None
        return source or self.container_named(link.host, link.source_name)

    def _network_source(self, link: Link) -> Container | None:
        host, name = self._hosts[link.host], link.source_name
        by_id = host.by_short_id.get(name[:_SHORT_ID]) if len(name) >= _SHORT_ID else None
        if by_id is not None and not by_id.id.startswith(name):
            by_id = None
        there = host.by_network_name.get((link.network, name.lower()))
        named = host.by_name.get(name)
        if named is not None and self.endpoint(named, link.network) is not None:
            return named
        # The embedded DNS knows only who is on the network: there an alias counts before a name.
        return there or named or by_id

    def endpoint(self, container: Container, network: str) -> Endpoint | None:
        """Return a container's endpoint on a network, or None if it is not on it."""
        if isinstance(container.details, Known):
            for endpoint in container.details.value.endpoints:
                if endpoint.network == network:
                    return endpoint
        return None

    def link_addresses(self, link: Link, source: Container) -> tuple[str, ...]:
        """Return the source's addresses on the network of the link, IPv4 first."""
        self.details(source)
        endpoint = self.endpoint(source, link.network)
        if endpoint is None:
            return ()
        if endpoint.address and not endpoint.address6:
            return (endpoint.address,)
        return tuple(address for address in (endpoint.address, endpoint.address6) if address)

    def variables_today(self, link: Link, source: Container) -> tuple[Variable, ...]:
        """Return the variables that the engine would set for this link if the target started."""
        details = self.details(source)
        addresses = self.link_addresses(link, source)
        return injected_variables(
            version=self.engine_version(link.host),
            target=link.target.name,
            alias=link.alias,
            address=addresses[0] if addresses else "",
            exposed=details.exposed,
            source_environment=(variable.name for variable in details.environment),
        )

    def variables_of(self, link: Link) -> tuple[Variable, ...]:
        """Return the variables in the target's process that carry this link's prefix.

        Variables that the image or the user set are not the link's and are left out.
        """
        return self.once_of(link, "variables_of", lambda: self._variables_of(link))

    def _variables_of(self, link: Link) -> tuple[Variable, ...]:
        details, process = self.details(link.target), self.process_environment(link.target)
        begins = f"{link.prefix}_"
        own = {each.name for each in details.environment if each.name.startswith(begins)}
        names = self.once(_sorted_names, link.host, process, lambda: _sorted_names(process))
        if names is None:
            found = tuple(each for each in process if each.name.startswith(begins))
        else:
            # What follows an underscore in the order of characters ends them.
            end = f"{link.prefix}{chr(ord('_') + 1)}"
            found = process[bisect_left(names, begins) : bisect_left(names, end)]
        return tuple(each for each in found if each.name not in own) if own else found

    def variable_of(self, link: Link, name: str) -> Variable | None:
        """Return that of :meth:`variables_of` which has a name, or None."""
        for variable in self.variables_of(link):
            if variable.name == name:
                return variable
        return None

    def names_of_variables(self, host: str, container: Container) -> frozenset[str]:
        """Return the names of the variables that the running process got."""
        process = self.process_environment(container)
        return self.once(frozenset, host, process, lambda: _set_of_names(process))

    def traces_of(self, link: Link) -> tuple[TracedVariable, ...]:
        """Return those of :meth:`variables_of` that are to hold an address, taken apart."""
        return self.once_of(link, "traces_of", lambda: _traces(link, self.variables_of(link)))

    def traces_elsewhere(self, link: Link) -> tuple[tuple[int, tuple[TracedVariable, ...]], ...]:
        """Return the same of the target's other processes, by pid, where it is not the same.

        Raises:
            MissingEvidence: they were to be looked at, and could not be.
        """
        evidence = link.target.other_processes
        if isinstance(evidence, Unknown) and evidence.gap not in _HINDERED:
            return ()
        others = self._had(Need.PROCESS_ENV, link.target.name, evidence)
        own = {each.name for each in self.details(link.target).environment}
        return tuple(
            (each.pid, _traces(link, (one for one in each.variables if one.name not in own)))
            for each in others
        )

    def hosts_lines_of(self, link: Link) -> tuple[HostsLine, ...]:
        """Return the lines that the engine wrote for a legacy link: those the alias leads.

        Lines that ``--add-host`` asked for are the user's and are left out.
        """
        return self.once_of(link, "hosts_lines_of", lambda: self._hosts_lines_of(link))

    def _hosts_lines_of(self, link: Link) -> tuple[HostsLine, ...]:
        target, alias = link.target, link.alias
        extra = self.details(target).extra_hosts
        lines = self._kept(Need.HOSTS_FILE, target.name, target.hosts_file)
        found = tuple(line for line in lines if line.names[0] == alias and line not in extra)
        if not found:
            self.hosts_file(target)  # where it was cut, they may be among what was not read
        return found

    # --- names -----------------------------------------------------------------------------

    def providers_of(
        self, host: str, target: Container, name: str, *, links: bool = True
    ) -> tuple[Provider, ...]:
        """Return what gives `target` an answer for `name`, DNS servers of the world left aside.

        Names are compared without case; but the alias of a link on a user-defined network is found
        only as it is spelled (engine lab). A link counts whether or not it works; with
        `links=False` none counts.
        """
        return tuple(self._providers(host, target, name, links))

    def providers_beside(self, link: Link) -> tuple[Provider, ...]:
        """Return what else gives the target of a link on a network an answer for its alias.

        On the link's own network nothing does: where an alias is a link's, the embedded DNS looks
        up the link's source there and nothing else, even if it does not exist (engine lab).
        """
        name = link.alias.lower()
        return tuple(self._providers(link.host, link.target, name, False, link.network))

    def is_provided(self, host: str, target: Container, name: str) -> bool:
        """Whether :meth:`providers_of` gives anything."""
        details, wanted = self.details(target), name.lower()
        own = details.network_mode.startswith("container:")
        if not own and all(each.network == DEFAULT_BRIDGE for each in details.endpoints):
            # Nearly always it is a link, and then no network needs to be looked at.
            self._touch(Need.HOSTS_FILE)
            links = self.links_of(host, target)
            aliases = self.once(_lower_aliases, host, target, lambda: _lower_aliases(links))
            if wanted in aliases:
                return True
        if self.providers_of(host, target, name):
            return True
        if isinstance(target.hosts_file, Known) and target.hosts_file.cut:
            self.hosts_file(target)  # raises: its line may be among what was not read
        return False

    def _providers(
        self, host: str, target: Container, spelled: str, links: bool, hidden: str = ""
    ) -> Iterator[Provider]:
        details, name = self.details(target), spelled.lower()
        if name in (details.hostname.lower(), "localhost"):
            yield Provider(what="its own hostname")
        for link in self.links_of(host, target) if links else ():
            private = link.kind is LinkKind.NETWORK
            if (link.alias == spelled) if private else (link.alias.lower() == name):
                yield Provider(what=f"the link to {link.source_name}")
        for line in (*details.extra_hosts, *self.hosts_lines_if_had(target)):
            if name in (each.lower() for each in line.names):
                yield Provider(what=f"a hosts line with {line.address}")
        for endpoint in details.endpoints:
            if endpoint.network in (*_WITHOUT_NAMES, hidden):
                continue
            network = self.network(host, endpoint.network)
            there = self._hosts[host].by_network_name.get((endpoint.network, name))
            if there is not None:
                yield Provider(what=f"container {there.name} on network {endpoint.network}")
            if network is not None and network.driver not in _LOCAL_DRIVERS:
                yield Provider(what=f"perhaps a container elsewhere on network {network.name}")
        if details.network_mode.startswith("container:"):
            owner = self._owner_of(host, details.network_mode.partition(":")[2])
            if owner is not None and owner is not target:
                yield from self._providers(host, owner, spelled, links, hidden)

    def namespace_owner(self, host: str, container: Container) -> Container | None:
        """Return the container whose network namespace this one shares (``container:`` mode)."""
        mode, _, reference = self.details(container).network_mode.partition(":")
        return self._owner_of(host, reference) if mode == "container" else None

    def hosts_lines_if_had(self, target: Container) -> Iterable[HostsLine]:
        """Return the lines of a container's hosts file, or none if it could not be read."""
        self._touch(Need.HOSTS_FILE)
        return target.hosts_file.value if isinstance(target.hosts_file, Known) else ()

    def _owner_of(self, host: str, reference: str) -> Container | None:
        each = self._hosts[host]
        return each.by_id.get(reference) or each.by_name.get(reference)

    def similarity(self, host: str, one: str, other: str) -> Similarity:
        """Return how alike two names in lower case are, or were before they were replaced."""
        each = self._hosts[host]
        if each.snapshot.renamed and one != other:
            return each.alike.get((one, other), Similarity.NONE)
        return similarity(one, other)

    def elsewhere(self, host: str, name: str) -> tuple[tuple[str, Container], ...]:
        """Return the containers of that name on the other examined hosts."""
        found = self._fleet.by_name.get(name, ())
        return tuple(each for each in found if each[0] != host)

    def holder_of(self, host: str, address: str) -> Container | None:
        """Return the container of this host that has an address now."""
        return self._hosts[host].by_address.get(address)

    def holders_of(self, address: str) -> Iterator[tuple[str, Container]]:
        """Yield the containers of all hosts that have an address now, with their hosts."""
        for host in self._fleet.by_container_address.get(address, ()):
            yield host, self._hosts[host].by_address[address]

    def hosts_meant(self, name: str) -> tuple[str, ...]:
        """Return the hosts that may be meant by a name or an address: for no other is it its own.

        One whose addresses could not be read may have any.
        """
        found = set(self._fleet.by_own_name.get(name.lower(), ()))
        if is_address(name):
            self._touch(Need.HOST_ADDRESSES)
            found.update(self._fleet.by_own_address.get(name, ()))
            found.update(self._fleet.without_address)
        return tuple(sorted(found, key=self._fleet.places.__getitem__)) if found else ()

    def is_host_address(self, host: str, name: str) -> bool:
        """Whether a name or an address is one of the host itself."""
        snapshot = self._hosts[host].snapshot
        if name.lower() in (snapshot.host.lower(), snapshot.engine.name.lower()):
            return True
        return is_address(name) and name in self.host_addresses(host)

    # --- what is known beforehand -----------------------------------------------------------

    def image_expectations(self, container: Container) -> tuple[ImageExpectation, ...]:
        """Return what the container's image is known to expect."""
        found = self._expected.get(container.image)
        if found is None:
            found = self._expected[container.image] = self._knowledge.of_image(container.image)
        return found

    def declarations(self, container: Container) -> tuple[Declaration, ...]:
        """Return what the user's configuration says of a container."""
        if not self._knowledge.declarations:
            return ()
        return tuple(
            each
            for each in self._knowledge.declarations
            if fnmatchcase(container.name, each.container)
        )


_UP = (Status.RUNNING, Status.PAUSED, Status.STOPPING)
_SHORT_ID = 12
_MORE_HOSTS = Unknown(gap=Gap.CUT, detail="its settings name more hosts than are read")
_WITHOUT_NAMES = (DEFAULT_BRIDGE, "host", "none")
"""The networks on which no embedded DNS answers."""
_LOCAL_DRIVERS = ("bridge", "macvlan", "ipvlan", "host", "null")
_HINDERED = (Gap.DENIED, Gap.CUT, Gap.TIMED_OUT)
_FIRST_WITH_HOSTNAMES = (25,)
"""The first engine whose embedded DNS knows a container's hostname too (engine lab: 26.1, 28.5)."""
_NOT_ASKED = Unknown(gap=Gap.NOT_COLLECTED, detail="it was not asked for")


def _links_of(host: str, target: Container) -> Iterator[Link]:
    if isinstance(target.details, Unknown):
        return
    details = target.details.value
    if is_swarm_task(target):
        return  # a service has no links, and the mode of its tasks means nothing
    # One that was made without a network may have been connected to the bridge since; its links
    # work from its next start on (engine lab).
    joined = details.network_mode == "none" and any(
        each.network == DEFAULT_BRIDGE for each in details.endpoints
    )
    if details.network_mode in _DEFAULT_MODES or joined:
        for stored in details.stored_links:
            yield _link(host, LinkKind.LEGACY, target, stored, DEFAULT_BRIDGE)
    for endpoint in details.endpoints:
        if endpoint.network != DEFAULT_BRIDGE:
            for stored in endpoint.links:
                yield _link(host, LinkKind.NETWORK, target, stored, endpoint.network)


def _lines_by_name(lines: Iterable[HostsLine]) -> dict[str, tuple[HostsLine, ...]]:
    found: dict[str, tuple[HostsLine, ...]] = {}
    for line in lines:
        for name in dict.fromkeys(map(str.lower, line.names)):
            found[name] = (*found.get(name, ()), line)
    return found


def _sorted_names(variables: Iterable[Variable]) -> list[str] | None:
    names = [variable.name for variable in variables]
    return names if names == sorted(names) else None


_WITH_ADDRESS = (
    LinkField.ADDR,
    LinkField.URL,
    LinkField.DEFAULT,
    LinkField.START,
    LinkField.END,
)


def _lower_aliases(links: Iterable[Link]) -> frozenset[str]:
    return frozenset([link.alias.lower() for link in links])


def _set_of_names(variables: Iterable[Variable]) -> frozenset[str]:
    return frozenset([variable.name for variable in variables])


def _traces(link: Link, variables: Iterable[Variable]) -> tuple[TracedVariable, ...]:
    prefix = link.prefix
    found = [
        TracedVariable(variable, parsed, address)
        for variable in variables
        if (parsed := parse_link_variable(variable.name)) is not None
        and parsed.field in _WITH_ADDRESS
        and parsed.prefix == prefix
        and variable.value is not None
        and (address := address_in(parsed, variable.value)) is not None
    ]
    return tuple(found)


def _link(host: str, kind: LinkKind, target: Container, stored: StoredLink, network: str) -> Link:
    return Link(
        host=host,
        kind=kind,
        target=target,
        alias=stored.alias,
        source_name=stored.source,
        network=network,
    )


def _names_on(container: Container, endpoint: Endpoint) -> set[str]:
    names = {container.name, container.id[:_SHORT_ID], *endpoint.aliases}
    return {name.lower() for name in names}
