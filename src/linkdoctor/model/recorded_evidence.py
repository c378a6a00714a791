"""What was seen of hosts and containers, as rules read it: what is asked for is recorded.

A method that reads evidence that is Unknown raises
:class:`~linkdoctor.model.evidence.MissingEvidence`, so that a rule needs no ``if`` for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from linkdoctor.model.evidence import Evidence, Gap, Known, MissingEvidence, Need, Unknown
from linkdoctor.model.host_index import UP, FleetIndex, HostIndex
from linkdoctor.model.links import HostsLine, StoredLink
from linkdoctor.model.network_mode import (
    DEFAULT_BRIDGE,
    NetworkMode,
    Shared,
    parse_network_mode,
    shared_reference,
)
from linkdoctor.model.printed_links import Link
from linkdoctor.model.references import HostReference, VariableRead
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
)
from linkdoctor.model.variables import Variable

__all__ = ["NOT_ASKED", "RecordedEvidence"]

T = TypeVar("T")

NOT_ASKED = Unknown(gap=Gap.NOT_COLLECTED, detail="it was not asked for")
"""Of what is asked of an engine one by one: nobody asked it."""
_MORE_HOSTS = Unknown(gap=Gap.CUT, detail="its settings name more hosts than are read")


class RecordedEvidence:
    """The evidence of several snapshots, whose host names differ."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        """Index snapshots."""
        self._hosts = {snapshot.host: HostIndex(snapshot) for snapshot in snapshots}
        self._fleet = FleetIndex(self._hosts)
        self._reads: set[Need] | None = None
        """Where it is recorded what evidence is asked for; a rule that is applied records none."""
        self._memo: dict[tuple[object, str, int], tuple[object, Any]] = {}

    def once(self, what: object, host: str, subject: object, find: Callable[[], T]) -> T:
        """Find something out about a link or a container, and keep it for the next who asks.

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
        return self._require(Need.NETWORKS, host, self._hosts[host].snapshot.networks)

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

    def _require(self, need: Need, subject: str, evidence: Evidence[T]) -> T:
        if self._reads is not None:
            self._reads.add(need)
        if isinstance(evidence, Known):
            if not evidence.cut:
                return evidence.value
            evidence = Unknown(gap=Gap.CUT, detail=evidence.cut)
        raise MissingEvidence(need, subject, evidence)

    def _require_part(self, need: Need, subject: str, evidence: Evidence[T]) -> T:
        """Return what a limit left of a piece of evidence: for what needs no more than a part."""
        if isinstance(evidence, Known):
            self._touch(need)
            return evidence.value
        return self._require(need, subject, evidence)

    def details(self, container: Container) -> Details:
        """Return what inspect reports about a container.

        Raises:
            MissingEvidence: as every method of this section, if it could not be read.
        """
        details = container.details
        if self._reads is None and isinstance(details, Known):
            return details.value  # this is asked for more often than all else together
        return self._require(Need.DETAILS, container.name, details)

    def all_references(self, container: Container) -> tuple[HostReference, ...]:
        """Return the hosts that a container's settings name; raises where a limit left some out."""
        details = self.details(container)
        if details.references_cut:
            raise MissingEvidence(Need.DETAILS, container.name, _MORE_HOSTS)
        return details.references

    def process_environment(self, container: Container) -> tuple[Variable, ...]:
        """Return the environment that the running process got, which exec does not show."""
        return self._require(Need.PROCESS_ENV, container.name, container.process_environment)

    def hosts_file(self, container: Container) -> tuple[HostsLine, ...]:
        """Return the lines of the container's hosts file."""
        return self._require(Need.HOSTS_FILE, container.name, container.hosts_file)

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
        lines = self._require_part(Need.HOSTS_FILE, container.name, container.hosts_file)
        for line in self._lines_with(lines, name):
            if (":" in line.address) in families:
                return line
        # Where the file was cut, the line may be among what was not read.
        self.hosts_file(container)
        return None

    def listeners(self, container: Container) -> tuple[Listener, ...]:
        """Return the listening sockets of the container's network namespace."""
        return self._require(Need.LISTENERS, container.name, container.listeners)

    def script_reads(self, container: Container) -> tuple[VariableRead, ...]:
        """Return the link variables that the container's entry-point script reads."""
        return self._require(Need.ENTRY_SCRIPT, container.name, container.script_reads)

    def script_hosts_if_had(self, container: Container) -> tuple[HostReference, ...]:
        """Return the hosts that the entry-point script names, or none if it could not be read."""
        self._touch(Need.ENTRY_SCRIPT)
        return container.script_hosts.value if isinstance(container.script_hosts, Known) else ()

    def dns_answer(self, container: Container, name: str) -> tuple[str, ...]:
        """Return the addresses that the container's own resolver answers for a name."""
        subject = f"{container.name} for {name}"
        for answer in container.dns_answers:
            if answer.name == name:
                return self._require(Need.DNS_ANSWER, subject, answer.addresses)
        return self._require(Need.DNS_ANSWER, subject, NOT_ASKED)

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
        return self._require(Need.DNS_ANSWER, container.name, container.resolver)

    def name_lookup(self, container: Container) -> NameLookup:
        """Return what the container's programs ask for a name."""
        return self._require(Need.NAME_LOOKUP, container.name, container.name_lookup)

    def read_from(self, evidence: Evidence[T]) -> str:
        """Return the place where a piece of evidence was read; '' if it was not had."""
        return evidence.source if isinstance(evidence, Known) else ""

    def host_addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses of the host itself."""
        return self._require(Need.HOST_ADDRESSES, host, self._hosts[host].snapshot.host_addresses)

    def host_listeners(self, host: str) -> tuple[Listener, ...]:
        """Return the listening sockets of the host itself."""
        return self._require(Need.HOST_LISTENERS, host, self._hosts[host].snapshot.host_listeners)

    def firewall(self, host: str) -> Firewall:
        """Return the firewall rules of a host that concern containers."""
        return self._require(Need.FIREWALL, host, self._hosts[host].snapshot.firewall)

    def firewall_read_from(self, host: str) -> str:
        """Return the place where the firewall rules of a host were read; '' if they were not."""
        return self.read_from(self._hosts[host].snapshot.firewall)

    def routes(self, host: str) -> tuple[Route, ...]:
        """Return the routes of a host."""
        return self._require(Need.ROUTES, host, self._hosts[host].snapshot.routes)

    def routes_read_from(self, host: str) -> str:
        """Return the place where the routes of a host were read; '' if they were not."""
        return self.read_from(self._hosts[host].snapshot.routes)

    def interfaces_read_from(self, host: str) -> str:
        """Return the place where the interfaces of a host were read; '' if they were not."""
        return self.read_from(self._hosts[host].snapshot.interfaces)

    def interfaces(self, host: str) -> tuple[Interface, ...]:
        """Return the network interfaces of a host."""
        return self._require(Need.INTERFACES, host, self._hosts[host].snapshot.interfaces)

    def keeps_link_variables(self, host: str) -> bool:
        """Whether the engine was told to go on setting link variables from 29 on."""
        return self._require(Need.ENGINE_ENV, host, self._hosts[host].snapshot.keeps_link_variables)

    def stored_links(self, container: Container) -> tuple[StoredLink, ...]:
        """Return the links as typed, which the engine looks up by name at its next start."""
        return self._require(Need.STORED_LINKS, container.name, container.stored_links)

    def is_typed(self, host: str, name: str) -> bool:
        """Whether a link on the engine's disk, as far as it was read, asks for this name."""
        self._touch(Need.STORED_LINKS)
        return name in self._hosts[host].typed

    def was_probed(self, host: str) -> bool:
        """Whether the user asked for probes."""
        return self._hosts[host].snapshot.probed

    def probes(self, container: Container) -> tuple[Probe, ...]:
        """Return what came of the probes from a container's network namespace."""
        return self._require(Need.PROBES, container.name, container.probes)

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
        return self._require(Need.EVENTS, host, self._hosts[host].snapshot.events)

    def namespaces(self, container: Container) -> Namespaces:
        """Return the kernel's numbers of the namespaces that the container's process lives in."""
        return self._require(Need.NAMESPACES, container.name, container.namespaces)

    def is_running(self, container: Container) -> bool:
        """Whether the container's process exists."""
        return self.details(container).status in UP

    def running_on(self, host: str, network: str) -> tuple[Container, ...]:
        """Return the running containers on a network; one of which nothing is known is left out."""
        self._touch(Need.DETAILS)
        return tuple(
            container
            for container in self._hosts[host].snapshot.containers
            if isinstance(container.details, Known)
            and container.details.value.status in UP
            and any(each.network == network for each in container.details.value.endpoints)
        )

    def answering(self, host: str, network: str, name: str) -> tuple[Container, ...]:
        """Return the containers with whose addresses the embedded DNS answers a name on a network.

        Public names are compared without case; the alias of a link is private to its target and is
        not among them (engine lab).
        """
        self._touch(Need.DETAILS)
        return tuple(self._hosts[host].answering.get((network, name.lower()), ()))

    def endpoint(self, container: Container, network: str) -> Endpoint | None:
        """Return a container's endpoint on a network, or None if it is not on it."""
        if isinstance(container.details, Known):
            for endpoint in container.details.value.endpoints:
                if endpoint.network == network:
                    return endpoint
        return None

    def network_mode(self, host: str, container: Container) -> NetworkMode:
        """Return a container's network mode; where it shares a namespace, with its owner."""
        mode = parse_network_mode(self.details(container).network_mode)
        if isinstance(mode, Shared):
            return Shared(mode.reference, self.resolve_reference(host, mode.reference))
        return mode

    def namespace_owner(self, host: str, container: Container) -> Container | None:
        """Return the container whose network namespace this one shares (``container:`` mode).

        None says that it shares none or that the owner is gone: :meth:`network_mode` tells which.
        """
        reference = shared_reference(self.details(container).network_mode)
        return None if reference is None else self.resolve_reference(host, reference)

    def hosts_lines_if_had(self, target: Container) -> Iterable[HostsLine]:
        """Return the lines of a container's hosts file, or none if it could not be read."""
        self._touch(Need.HOSTS_FILE)
        return target.hosts_file.value if isinstance(target.hosts_file, Known) else ()


def _lines_by_name(lines: Iterable[HostsLine]) -> dict[str, tuple[HostsLine, ...]]:
    found: dict[str, tuple[HostsLine, ...]] = {}
    for line in lines:
        for name in dict.fromkeys(map(str.lower, line.names)):
            found[name] = (*found.get(name, ()), line)
    return found
