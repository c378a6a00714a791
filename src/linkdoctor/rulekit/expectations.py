"""Which names a container expects, and which of them nothing provides.

False alarms would come from here. So an expectation is either certain (the user or the command
line says so) or needs support: a link under another alias that fits, a container of that very
name out of reach, the container's own resolver saying that there is no such name, or its log
saying that the name did not resolve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.knowledge import Reading, image_name
from linkdoctor.model.links import environment_prefix
from linkdoctor.model.references import Form, HostReference, VariableRead
from linkdoctor.model.similarity import Similarity
from linkdoctor.model.snapshot import Complaint, ComplaintKind, Container, Status
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.rulekit.candidates import Candidate, KnownAs, candidates_for
from linkdoctor.rulekit.reach import is_answered, searched_names

__all__ = [
    "LABEL",
    "Expectation",
    "ExpectationOrigin",
    "Unmet",
    "expectations_of",
    "names_to_ask",
    "unmet_expectations",
]

LABEL = "linkdoctor.expects"
_LONGEST_NAME = 253
_SECONDS = len("2026-01-01T10:00:00")


class ExpectationOrigin(StrEnum):
    """Where an expectation comes from, the strongest first."""

    LABEL = "label"
    CONFIGURATION = "configuration"
    VARIABLE = "link variable"
    SETTING = "setting"
    SCRIPT = "entry script"
    IMAGE = "image"


_ASKED = (
    ExpectationOrigin.SETTING,
    ExpectationOrigin.SCRIPT,
    ExpectationOrigin.LABEL,
    ExpectationOrigin.CONFIGURATION,
)


class Expectation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A name, or one of several, that a container expects to reach."""

    names: tuple[str, ...]
    origin: ExpectationOrigin
    where: str
    ports: tuple[int, ...] = ()
    certain: bool = False
    in_a_url: bool = False
    """A program may turn the host of a URL into lower case before it asks for it."""


class Unmet(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An expectation that nothing provides, with what supports it."""

    expectation: Expectation
    link: Link | None = None
    """The link that was probably meant, under another alias."""
    nearby: tuple[Container, ...] = ()
    """The containers of that name on the same engine that support it: the name itself, a service of
    the target's own Compose project, or the name behind a prefix that Compose left."""
    candidates: tuple[Candidate, ...] = ()
    """All that may be meant, whether or not they support it."""
    elsewhere: tuple[tuple[str, Container], ...] = ()
    """Containers of that name on other examined engines."""
    asked: bool = False
    """The container's own resolver says that there is no such name."""
    complaint: Complaint | None = None
    """The container's log says, since its last start, that the name did not resolve."""
    undecided: bool = False
    """Nothing supports it, but the container's own resolver could not be asked either."""

    @property
    def rests_on_the_resolver_alone(self) -> bool:
        """Whether no link, no container, no declaration and no log supports it.

        A service of the target's own Compose project is a hint only: services often share one file
        of settings, of which each uses its own.
        """
        named = [each for each in self.candidates if each.known_as is not KnownAs.SERVICE]
        supported = self.link or (self.nearby and named) or self.elsewhere or self.complaint
        return not (self.expectation.certain or supported)


def unmet_expectations(host: str, container: Container, topology: Topology) -> Iterator[Unmet]:
    """Yield the supported expectations of a container that nothing provides; one for each name."""
    found, missing = topology.once(
        unmet_expectations, host, container, lambda: _all_unmet(host, container, topology)
    )
    yield from found
    if missing is not None:
        raise MissingEvidence(missing.need, missing.subject, missing.unknown)


def _all_unmet(
    host: str, container: Container, topology: Topology
) -> tuple[tuple[Unmet, ...], MissingEvidence | None]:
    """Return also the evidence that was missing in the end: what was found before it counts."""
    found: list[Unmet] = []
    try:
        for unmet in _unmet(host, container, topology):
            found.append(unmet)  # noqa: PERF402
    except MissingEvidence as missing:
        return tuple(found), missing
    return tuple(found), None


def _unmet(host: str, container: Container, topology: Topology) -> Iterator[Unmet]:
    if topology.details(container).status not in (Status.RUNNING, Status.RESTARTING):
        return
    done: set[str] = set()
    for expectation in expectations_of(host, container, topology):
        names = {name.lower() for name in expectation.names}
        if done.intersection(names):
            continue
        unmet = None
        if not _is_met(host, container, expectation, topology):
            unmet = _supported(host, container, expectation, topology)
            if unmet is None:
                continue  # a weaker kind of expectation may have support for the same name
            yield unmet
        done.update(names)
    topology.all_references(container)  # where a limit left some out, that is said


def names_to_ask(host: str, container: Container, topology: Topology) -> tuple[str, ...]:
    """Return the names that only the container's own resolver can decide on.

    A name with a dot at its end is to be asked for as it is, without search domains.
    """
    if topology.details(container).status is not Status.RUNNING:
        return ()
    names = {
        expectation.names[0]
        for expectation in expectations_of(host, container, topology)
        if _can_be_asked(expectation) and not _is_met(host, container, expectation, topology)
    }
    # The embedded DNS forwards what it does not know: anything may answer in the source's place.
    # And on a network that spans hosts the source may be on another one.
    links = [link for link in topology.links_of(host, container) if link.kind is LinkKind.NETWORK]
    names |= {link.alias for link in links if not is_answered(link, topology)}
    names |= {f"{name}." for link in links for name in _searched_names(link, topology)}
    return tuple(sorted(names))


def _searched_names(link: Link, topology: Topology) -> tuple[str, ...]:
    try:
        return searched_names(link, topology)
    except MissingEvidence:
        return ()


def expectations_of(host: str, container: Container, topology: Topology) -> Iterator[Expectation]:
    """Yield what a container expects, the strongest first; the script's evidence may be missing."""
    details = topology.details(container)
    for label in container.labels:
        if label.name == LABEL:
            for name in _names(label.value):
                yield Expectation(
                    names=(name,),
                    origin=ExpectationOrigin.LABEL,
                    where=f"label {LABEL}",
                    certain=True,
                )
    for declaration in topology.declarations(container):
        for name in declaration.expects:
            yield Expectation(
                names=(name,),
                origin=ExpectationOrigin.CONFIGURATION,
                where="configuration",
                certain=True,
            )
    set_by_user = {variable.name for variable in details.environment}
    yield from _of_reads(details.reads, set_by_user, certain=True)
    yield from _of_references(details.references, ExpectationOrigin.SETTING)
    yield from _of_references(topology.script_hosts_if_had(container), ExpectationOrigin.SCRIPT)
    for row in topology.image_expectations(container):
        if not set_by_user.intersection(row.settings):
            how = "variables" if row.reads is Reading.VARIABLES else "host name"
            yield Expectation(
                names=row.names,
                origin=ExpectationOrigin.IMAGE,
                where=f"{how} that image {image_name(container.image)} uses by default",
                ports=row.ports,
            )
    # Only a link under another alias can support what a script reads.
    if details.status is Status.RUNNING and topology.links_of(host, container):
        yield from _of_reads(topology.script_reads(container), set_by_user, certain=False)


def _of_references(
    references: Iterable[HostReference], origin: ExpectationOrigin
) -> Iterator[Expectation]:
    for reference in references:
        if "." not in reference.host and ":" not in reference.host:
            port = reference.port or reference.default_port
            yield Expectation(
                names=(reference.asked_for,),
                origin=origin,
                where=reference.where,
                ports=(port,) if port else (),
                in_a_url=reference.form is Form.URL,
            )


def _names(text: str) -> list[str]:
    """Return the names in a list of names; what is too long for DNS is none."""
    return [name for name in text.replace(",", " ").split() if len(name) <= _LONGEST_NAME]


def _of_reads(
    reads: Iterable[VariableRead], set_by_user: set[str], *, certain: bool
) -> Iterator[Expectation]:
    for read in reads:
        if not read.optional and read.variable not in set_by_user:
            yield Expectation(
                names=(read.prefix.lower(),),
                origin=ExpectationOrigin.VARIABLE,
                where=f"${read.variable} in {read.where}",
                ports=(read.port,),
                certain=certain,
            )


def _is_met(host: str, container: Container, expectation: Expectation, topology: Topology) -> bool:
    if expectation.origin is ExpectationOrigin.VARIABLE:
        wanted = {environment_prefix(name) for name in expectation.names}
        return any(link.prefix in wanted for link in topology.links_of(host, container))
    names = expectation.names
    if expectation.in_a_url:
        names = tuple(dict.fromkeys((*names, *map(str.lower, names))))
    return any(topology.is_provided(host, container, name) for name in names)


def _supported(
    host: str, container: Container, expectation: Expectation, topology: Topology
) -> Unmet | None:
    name = expectation.names[0]
    link = _meant_link(host, container, expectation, topology)
    asks = _can_be_asked(expectation)
    answer = topology.dns_answer_if_had(container, name) if asks else None
    if answer:
        return None
    complaint = _complaint(container, expectation, topology)
    if expectation.origin is ExpectationOrigin.IMAGE and complaint is None and link is None:
        return None
    if (
        expectation.origin is not ExpectationOrigin.VARIABLE
        and name.lower() == container.name.lower()
    ):
        return None  # itself
    candidates = candidates_for(
        host, container, name, topology, as_prefix=expectation.origin is ExpectationOrigin.VARIABLE
    )
    nearby = _nearby(candidates, expectation, topology)
    elsewhere: tuple[tuple[str, Container], ...] = ()
    if expectation.origin is ExpectationOrigin.SETTING:
        elsewhere = topology.elsewhere(host, name) or topology.elsewhere(host, name.lower())
    # A bare word in a variable may be no host at all: with a port it surely is one.
    asked = answer == () and (expectation.certain or bool(expectation.ports))
    if not (expectation.certain or link or nearby or elsewhere or asked or complaint):
        undecided = (
            expectation.origin in (ExpectationOrigin.SETTING, ExpectationOrigin.SCRIPT)
            and answer is None
            and bool(expectation.ports)
        )
        return Unmet(expectation=expectation, undecided=True) if undecided else None
    return Unmet(
        expectation=expectation,
        link=link,
        nearby=nearby,
        candidates=candidates,
        elsewhere=() if nearby else elsewhere,
        asked=asked,
        complaint=complaint,
    )


def _can_be_asked(expectation: Expectation) -> bool:
    """Whether the resolver's answer counts: what a script waits for has a port."""
    return expectation.origin in _ASKED and (
        expectation.origin is not ExpectationOrigin.SCRIPT or bool(expectation.ports)
    )


def _nearby(
    candidates: Iterable[Candidate], expectation: Expectation, topology: Topology
) -> tuple[Container, ...]:
    """Find the containers of that name. A script comes with the image: its port must fit too."""
    if expectation.origin is ExpectationOrigin.VARIABLE:
        return ()
    found = tuple(each.container for each in candidates if _supports(each))
    if expectation.origin is not ExpectationOrigin.SCRIPT:
        return found
    return tuple(each for each in found if _offers(each, expectation, topology))


def _supports(candidate: Candidate) -> bool:
    """Whether a container of that kind of name shows that it is a container that is meant."""
    return candidate.known_as in (KnownAs.NAME, KnownAs.MADE_UP) or (
        candidate.known_as is KnownAs.SERVICE and candidate.same_project
    )


def _offers(container: Container, expectation: Expectation, topology: Topology) -> bool:
    if not topology.is_inspected(container):
        return False
    exposed = {port.number for port in topology.details(container).exposed}
    return bool(exposed.intersection(expectation.ports))


def _complaint(
    container: Container, expectation: Expectation, topology: Topology
) -> Complaint | None:
    """Find in the log, since the last start, that the name did not resolve."""
    if expectation.origin is ExpectationOrigin.VARIABLE:
        return None
    names = {name.lower() for name in expectation.names}
    begun = topology.details(container).started_at[:_SECONDS]
    for complaint in topology.complaints(container):
        if (
            complaint.kind is ComplaintKind.UNRESOLVED
            and complaint.host.lower() in names
            and complaint.last[:_SECONDS] >= begun
        ):
            return complaint
    return None


def _is_configured(container: Container, link: Link, topology: Topology) -> bool:
    """Whether the container's settings or its script name the link: it is in use as it is."""
    used = (*topology.details(container).references, *topology.script_hosts_if_had(container))
    return any(_leads_to(each, link) for each in used)


def _leads_to(reference: HostReference, link: Link) -> bool:
    """Whether a setting names a link's alias, as its target looks names up, or its source."""
    if reference.host == link.source_name.lower():
        return True
    if link.kind is LinkKind.LEGACY:
        return reference.host == link.alias.lower()
    folded = reference.form is Form.URL and reference.host == link.alias
    return folded or reference.asked_for == link.alias


def _meant_link(
    host: str, container: Container, expectation: Expectation, topology: Topology
) -> Link | None:
    """Find the link that was meant: its source exposes the port, or its names are alike.

    A link that is in use as it is was not meant.
    """
    fitting = [
        link
        for link in topology.links_of(host, container)
        if not _is_configured(container, link, topology)
        and (_exposes(link, expectation, topology) or _alike(link, expectation, topology))
    ]
    return fitting[0] if fitting else None


def _exposes(link: Link, expectation: Expectation, topology: Topology) -> bool:
    source = topology.source_or_namesake(link)
    if source is None or not expectation.ports:
        return False
    exposed = {port.number for port in topology.details(source).exposed}
    return bool(exposed.intersection(expectation.ports))


def _alike(link: Link, expectation: Expectation, topology: Topology) -> bool:
    # `app` for `helloapp`: enough to name the link where the name is certainly expected.
    enough = (
        (Similarity.SIMILAR, Similarity.CONTAINS) if expectation.certain else (Similarity.SIMILAR,)
    )
    return any(
        topology.similarity(link.host, mine, name) in enough
        for mine in (link.alias.lower(), link.source_name.lower())
        for name in map(str.lower, expectation.names)
    )
