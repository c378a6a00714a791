"""Snapshots joined: names, addresses, links, and who lives where.

A rule reads the topology only through its methods. A method that touches evidence that is
Unknown raises :class:`~linkdoctor.model.evidence.MissingEvidence`, so that a rule needs no
``if`` for it, and every kind of evidence that was touched is recorded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from linkdoctor.model.evidence import Gap, Known, MissingEvidence, Need, Unknown
from linkdoctor.model.host_index import SHORT_ID
from linkdoctor.model.knowledge import Declaration, ImageExpectation, Knowledge
from linkdoctor.model.links import HostsLine, injected_variables
from linkdoctor.model.network_mode import DEFAULT_BRIDGE, shared_reference
from linkdoctor.model.printed_links import Link, LinkKind, TracedVariable, traced
from linkdoctor.model.recorded_evidence import NOT_ASKED, RecordedEvidence
from linkdoctor.model.similarity import Similarity, similarity
from linkdoctor.model.snapshot import Container, Snapshot
from linkdoctor.model.variables import Variable, is_address
from linkdoctor.moved import renamed

__all__ = ["DEFAULT_BRIDGE", "Link", "LinkKind", "Provider", "Topology", "TracedVariable"]

_WITHOUT_NAMES = (DEFAULT_BRIDGE, "host", "none")
"""The networks on which no embedded DNS answers."""
_LOCAL_DRIVERS = ("bridge", "macvlan", "ipvlan", "host", "null")
_HINDERED = (Gap.DENIED, Gap.CUT, Gap.TIMED_OUT)


class Provider(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something that gives a container an answer for a name."""

    what: str


class Topology(RecordedEvidence):
    """Several snapshots, joined, as a rule reads them."""

    def __init__(
        self,
        snapshots: Sequence[Snapshot],
        knowledge: Knowledge = Knowledge(),  # noqa: B008 - frozen
    ) -> None:
        """Join snapshots, whose host names differ, with what is known beforehand."""
        super().__init__(snapshots)
        self._knowledge = knowledge
        self._expected: dict[str, tuple[ImageExpectation, ...]] = {}

    def recording(self, reads: set[Need]) -> Topology:
        """Return a view on the same topology that records in `reads` what it is asked for."""
        view = object.__new__(Topology)
        view._hosts, view._knowledge, view._reads = self._hosts, self._knowledge, reads
        view._expected, view._fleet, view._memo = self._expected, self._fleet, self._memo
        return view

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return renamed(self, name)

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
                found = self._require(Need.LINK_ANSWER, subject, answer.container_id)
                return None if found is None else host.by_id.get(found)
        return self._require(Need.LINK_ANSWER, subject, NOT_ASKED)

    def source_or_namesake(self, link: Link) -> Container | None:
        """Return the container to which a link leads, or that has its source's name today."""
        try:
            source = self.source_of(link)
        except MissingEvidence:
            source = None
        return source or self.container_named(link.host, link.source_name)

    def _network_source(self, link: Link) -> Container | None:
        host, name = self._hosts[link.host], link.source_name
        by_id = host.by_short_id.get(name[:SHORT_ID]) if len(name) >= SHORT_ID else None
        if by_id is not None and not by_id.id.startswith(name):
            by_id = None
        there = host.by_network_name.get((link.network, name.lower()))
        named = host.by_name.get(name)
        if named is not None and self.endpoint(named, link.network) is not None:
            return named
        # The embedded DNS knows only who is on the network: there an alias counts before a name.
        return there or named or by_id

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
        return self.once_of(link, "traces_of", lambda: traced(link, self.variables_of(link)))

    def traces_elsewhere(self, link: Link) -> tuple[tuple[int, tuple[TracedVariable, ...]], ...]:
        """Return the same of the target's other processes, by pid, where it is not the same.

        Raises:
            MissingEvidence: they were to be looked at, and could not be.
        """
        evidence = link.target.other_processes
        if isinstance(evidence, Unknown) and evidence.gap not in _HINDERED:
            return ()
        others = self._require(Need.PROCESS_ENV, link.target.name, evidence)
        own = {each.name for each in self.details(link.target).environment}
        return tuple(
            (each.pid, traced(link, (one for one in each.variables if one.name not in own)))
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
        lines = self._require_part(Need.HOSTS_FILE, target.name, target.hosts_file)
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
        shares = shared_reference(details.network_mode) is not None
        if not shares and all(each.network == DEFAULT_BRIDGE for each in details.endpoints):
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
        self,
        host: str,
        target: Container,
        spelled: str,
        links: bool,
        hidden: str = "",
        sharers: tuple[str, ...] = (),
    ) -> Iterator[Provider]:
        """Yield what a namespace gives; `sharers` are the ids of those that led there."""
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
        owner = self.namespace_owner(host, target)
        if owner is not None and owner is not target and owner.id not in sharers:
            yield from self._providers(host, owner, spelled, links, hidden, (*sharers, target.id))

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


def _sorted_names(variables: Iterable[Variable]) -> list[str] | None:
    names = [variable.name for variable in variables]
    return names if names == sorted(names) else None


def _lower_aliases(links: Iterable[Link]) -> frozenset[str]:
    return frozenset([link.alias.lower() for link in links])


def _set_of_names(variables: Iterable[Variable]) -> frozenset[str]:
    return frozenset([variable.name for variable in variables])
