"""The names for which a container relies on the embedded DNS, and who answers to each.

The embedded DNS knows who is on the container's own networks. It answers from the first network on
which anyone has the name, with the addresses of all who have it there (engine lab). The alias of a
link is private to its target and stands for the source's name, which may be anyone's.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.knowledge import image_name
from linkdoctor.model.report import Severity
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import DEFAULT_BRIDGE, Link, LinkKind, Topology
from linkdoctor.rulekit.expectations import Expectation, ExpectationOrigin, expectations_of
from linkdoctor.rulekit.fixes import compose_service
from linkdoctor.rulekit.reach import is_local

__all__ = ["EMBEDDED", "DnsName", "are_replicas", "bypasses", "names_by_dns", "names_in_doubt"]

EMBEDDED = "127.0.0.11"
"""Where the embedded DNS listens, in each container of a user-defined network."""

_SEPARATORS = str.maketrans("_.", "--")
_DIGITS = "0123456789"


class DnsName(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A name that a container dials and the embedded DNS answers."""

    name: str
    """As it is dialled: the alias of a link, or the host of a setting."""
    where: str
    """Where that stands."""
    severity: Severity
    """How bad it is if the name leads astray: a bare word in a setting may be in no use."""
    answering: tuple[tuple[str, tuple[Container, ...]], ...]
    """The networks on which anyone has it, each with all who have it."""
    link: Link | None = None

    @property
    def holders(self) -> tuple[Container, ...]:
        """Return all who have it, on whatever network."""
        found = {each.id: each for _, there in self.answering for each in there}
        return tuple(found.values())


def names_by_dns(host: str, container: Container, topology: Topology) -> Iterator[DnsName]:
    """Yield the names that a container dials and the embedded DNS gives it, each once.

    Whether the hosts file has a name too, which then comes first, is left to the caller.
    """
    done: set[str] = set()
    for found in _candidates(host, container, topology):
        if found.name.lower() in done or not found.answering:
            continue
        done.add(found.name.lower())
        if container not in found.holders:
            yield found


def _candidates(host: str, container: Container, topology: Topology) -> Iterator[DnsName]:
    networks = _networks_with_dns(host, container, topology)
    if not networks:
        return
    for link in topology.links_of(host, container):
        if link.kind is LinkKind.NETWORK and link.network in networks:
            there = topology.answering(host, link.network, link.source_name)
            yield DnsName(
                name=link.alias,
                where=f"link to {link.source_name} on network {link.network}",
                severity=Severity.ERROR,
                answering=((link.network, there),) if there else (),
                link=link,
            )
    try:
        for expectation in expectations_of(host, container, topology):
            severity = _severity_of(expectation)
            if severity is not None:
                name = expectation.names[0]
                yield DnsName(
                    name=name,
                    where=expectation.where,
                    severity=severity,
                    answering=tuple(
                        (network, there)
                        for network in networks
                        if (there := topology.answering(host, network, name))
                    ),
                )
    except MissingEvidence:
        return  # what is left are link variables, which are no names


def _networks_with_dns(host: str, container: Container, topology: Topology) -> tuple[str, ...]:
    names = [
        each.network
        for each in topology.details(container).endpoints
        if each.network not in (DEFAULT_BRIDGE, "host", "none")
    ]
    return tuple(name for name in names if is_local(topology.network(host, name)))


def _severity_of(expectation: Expectation) -> Severity | None:
    match expectation.origin:
        case ExpectationOrigin.VARIABLE:
            return None
        case ExpectationOrigin.LABEL | ExpectationOrigin.CONFIGURATION:
            return Severity.ERROR
        case ExpectationOrigin.SETTING:
            return Severity.ERROR if expectation.ports else Severity.WARNING
        case ExpectationOrigin.SCRIPT:
            return Severity.ERROR if expectation.ports else None
        case ExpectationOrigin.IMAGE:
            return Severity.WARNING


def are_replicas(containers: tuple[Container, ...]) -> bool:
    """Whether containers with one name are of one service, as far as can be seen.

    Compose says which service a container is of. Containers that somebody made by hand, or of
    several services of one project, are replicas if they have one image and are called alike, as
    `search1` and `search2`, or `app-blue` and `app-green`.
    """
    return all(_are_alike(containers[0], each) for each in containers[1:])


def _are_alike(one: Container, other: Container) -> bool:
    mine, theirs = compose_service(one), compose_service(other)
    if mine is not None and mine == theirs:
        return True
    if (mine or ("",))[0] != (theirs or ("",))[0]:
        return False
    return image_name(one.image) == image_name(other.image) and _stem(one) == _stem(other)


def _stem(container: Container) -> str:
    owner = compose_service(container)
    name = owner[1] if owner is not None else container.name
    return name.translate(_SEPARATORS).partition("-")[0].rstrip(_DIGITS)


def bypasses(container: Container, topology: Topology) -> bool:
    """Whether the first server of a container's ``resolv.conf`` is not the embedded DNS."""
    return topology.resolver(container).nameservers[:1] != (EMBEDDED,)


def names_in_doubt(host: str, container: Container, topology: Topology) -> Iterator[str]:
    """Yield the names of which only the container's own resolver can say where they lead.

    They have several holders, or are looked up with another server than the embedded DNS.
    """
    try:
        elsewhere = bypasses(container, topology)
    except MissingEvidence:
        elsewhere = False
    for each in names_by_dns(host, container, topology):
        if elsewhere or not are_replicas(each.holders):
            yield each.name
