"""The picture of a topology and of what was found in it: nodes, arrows, and the marks on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.network_mode import Host, Isolated, Own, Shared
from linkdoctor.model.report import Finding, Report, Severity
from linkdoctor.model.snapshot import Container, Publication
from linkdoctor.model.topology import Link, Topology
from linkdoctor.render.card import PublishedPort, link_status
from linkdoctor.render.graph import Arrow, ArrowKind, HostFrame, Mark, NetworkGroup, Node, Picture
from linkdoctor.render.phrases import subject
from linkdoctor.rulekit.link_ports import dialled_ports
from linkdoctor.rulekit.reach import effective_mode, networks_of

__all__ = ["picture_of"]

_EVERY_ADDRESS = ("0.0.0.0", "::", "")
_UNKNOWN_NETWORK = "network not known"
_NO_NETWORK = "no network"


class _Spot(msgspec.Struct, frozen=True):
    """What makes a node the same node: a container, or a name that leads nowhere."""

    host: str
    key: str


class _Draft(msgspec.Struct, kw_only=True):
    """A node while findings still gather on it."""

    name: str
    state: str
    network: str
    container: str = ""
    image: str = ""
    published: tuple[PublishedPort, ...] = ()
    findings: list[int]


class _ArrowDraft(msgspec.Struct, kw_only=True):
    """An arrow while findings still gather on it."""

    target: _Spot
    source: _Spot
    source_name: str
    alias: str
    kind: ArrowKind
    ports: tuple[str, ...] = ()
    status: str
    findings: list[int]


def picture_of(report: Report, topology: Topology) -> Picture:
    """Make the picture of a topology and of what was found in it."""
    canvas = _Canvas(topology)
    for link in topology.links():
        canvas.draw(link)
    for number, finding in enumerate(report.findings, 1):
        canvas.mark(number, finding)
    severities = {number: each.severity for number, each in enumerate(report.findings, 1)}
    return canvas.finished(report, severities)


class _Canvas:
    """A picture in the making."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._nodes: dict[_Spot, _Draft] = {}
        self._arrows: list[_ArrowDraft] = []
        self._of_target: dict[_Spot, list[_ArrowDraft]] = {}
        self._hosts: dict[str, list[int]] = {}
        for host, container in topology.containers():
            details = container.details.value if isinstance(container.details, Known) else None
            self._nodes[_spot(host, container)] = _Draft(
                name=container.name,
                state=details.status.value if details else "",
                network=_network_of(topology, host, container),
                container=container.id,
                image=container.image,
                published=_merged(details.published) if details else (),
                findings=[],
            )

    def draw(self, link: Link) -> None:
        """Add the arrow of a link."""
        source, status = self._end_of(link)
        kind = ArrowKind(link.kind.value)
        ports = _ports(link, self._topology, source[1])
        self._add(link.host, link.target, source, link.alias, kind, status, ports)

    def _add(
        self,
        host: str,
        target: Container,
        source: tuple[str, Container | str],
        alias: str,
        kind: ArrowKind,
        status: str,
        ports: tuple[str, ...] = (),
    ) -> _ArrowDraft:
        where, what = source
        arrow = _ArrowDraft(
            target=_spot(host, target),
            source=_spot(where, what),
            source_name=what if isinstance(what, str) else what.name,
            alias=alias,
            kind=kind,
            ports=ports,
            status=status,
            findings=[],
        )
        if isinstance(what, str):
            network = self._nodes[arrow.target].network
            gone = _Draft(name=what, state="gone", network=network, findings=[])
            self._nodes.setdefault(arrow.source, gone)
        self._arrows.append(arrow)
        self._of_target.setdefault(arrow.target, []).append(arrow)
        return arrow

    def _end_of(self, link: Link) -> tuple[tuple[str, Container | str], str]:
        """Return where a link ends, with the host, and its state in a few words."""
        shown = self._topology.source_or_namesake(link)
        if shown is not None:
            return (link.host, shown), link_status(self._topology, link)
        for host, container in self._topology.elsewhere(link.host, link.source_name):
            return (host, container), f"the source is on {host}"
        return (link.host, link.source_name), link_status(self._topology, link)

    def mark(self, number: int, finding: Finding) -> None:
        """Put the number of a finding where it belongs."""
        target = self._found(finding.host, finding.target)
        if target is None:
            self._hosts.setdefault(finding.host, []).append(number)
            return
        spot = _spot(finding.host, target)
        arrows = self._arrows_meant(spot, finding)
        for arrow in arrows:
            arrow.findings.append(number)
        if not arrows:
            self._nodes[spot].findings.append(number)

    def _found(self, host: str, name: str) -> Container | None:
        there = any(each.host == host for each in self._topology.snapshots())
        return self._topology.container_named(host, name) if there and name else None

    def _arrows_meant(self, target: _Spot, finding: Finding) -> list[_ArrowDraft]:
        own = self._of_target.get(target, [])
        if finding.alias:
            named = [each for each in own if each.alias == finding.alias]
            exact = [each for each in named if each.source_name == finding.source]
            if named:
                return exact or named
            wanted = self._wanted(finding)
            if wanted:
                return wanted
        if not finding.source:
            return []
        return [each for each in own if each.source_name == finding.source]

    def _wanted(self, finding: Finding) -> list[_ArrowDraft]:
        target = self._found(finding.host, finding.target)
        here = self._found(finding.host, finding.source)
        others = self._topology.elsewhere(finding.host, finding.source) if finding.source else ()
        ends = [(finding.host, here)] if here is not None else list(others)
        if target is None or not ends or here is target:
            return []
        status = "no link"
        return [self._add(finding.host, target, ends[0], finding.alias, ArrowKind.WANTED, status)]

    def finished(self, report: Report, severities: Mapping[int, Severity]) -> Picture:
        """Return the picture; nodes are numbered in the order of hosts, networks and names."""
        order = {host.name: place for place, host in enumerate(report.hosts)}
        drafts = sorted(
            self._nodes.items(),
            key=lambda pair: (
                order.get(pair[0].host, len(order)),
                pair[0].host,
                pair[1].network,
                pair[1].name,
                pair[0].key,
            ),
        )
        ids = {spot: f"n{number}" for number, (spot, _) in enumerate(drafts, 1)}
        ends = {each for arrow in self._arrows for each in (arrow.target, arrow.source)}
        frames = []
        for host in report.hosts:
            own = {spot: draft for spot, draft in drafts if spot.host == host.name}
            numbers_here = tuple(self._hosts.get(host.name, ()))
            frames.append(
                HostFrame(
                    name=host.name,
                    engine=host.engine,
                    severity=_worst(numbers_here, severities),
                    findings=numbers_here,
                    groups=tuple(_groups(own, ids, ends, severities)),
                )
            )
        return Picture(
            taken_at=report.taken_at,
            hosts=tuple(frames),
            arrows=tuple(_arrow(each, ids, severities) for each in self._arrows),
            findings=tuple(_mark(number, each) for number, each in enumerate(report.findings, 1)),
        )


def _spot(host: str, what: Container | str) -> _Spot:
    return _Spot(host, f"gone {what}" if isinstance(what, str) else f"id {what.id}")


def _network_of(topology: Topology, host: str, container: Container) -> str:
    """Return the network that a container is shown on: that of its links, else its first one."""
    if not isinstance(container.details, Known):
        return _UNKNOWN_NETWORK
    try:
        links = (*topology.links_of(host, container), *topology.links_to(host, container))
        if links:
            return links[0].network
        networks = sorted(networks_of(host, container, topology))
        mode = effective_mode(host, container, topology)
    except MissingEvidence:
        return _UNKNOWN_NETWORK
    if networks:
        return networks[0]
    match mode:
        case Own(network=network):
            return network.partition(":")[0]  # Podman names options behind it
        case Host():
            return "host"
        case Isolated():
            return "none"
        case Shared():
            return _NO_NETWORK


def _ports(link: Link, topology: Topology, source: Container | str) -> tuple[str, ...]:
    dialled = sorted(dialled_ports(link, topology))
    if dialled:
        return tuple(f"{port}/tcp" for port in dialled)
    if isinstance(source, str) or not isinstance(source.details, Known):
        return ()
    return tuple(map(str, source.details.value.exposed))


def _merged(published: Iterable[Publication]) -> tuple[PublishedPort, ...]:
    """Return each port once: the same on IPv4 and IPv6, on every address, is one."""
    seen: dict[tuple[str, int, str], PublishedPort] = {}
    for each in published:
        address = "" if each.host_address in _EVERY_ADDRESS else each.host_address
        port = PublishedPort(host_address=address, host_port=each.host_port, port=str(each.port))
        seen.setdefault((address, each.host_port, port.port), port)
    return tuple(seen[key] for key in sorted(seen))


def _groups(
    drafts: Mapping[_Spot, _Draft],
    ids: Mapping[_Spot, str],
    ends: Collection[_Spot],
    severities: Mapping[int, Severity],
) -> Iterator[NetworkGroup]:
    for network in dict.fromkeys(draft.network for draft in drafts.values()):
        drawn: list[Node] = []
        unlinked: list[Node] = []
        for spot, draft in drafts.items():
            if draft.network == network:
                kept = spot in ends or draft.findings
                (drawn if kept else unlinked).append(_node(draft, ids[spot], severities))
        yield NetworkGroup(network=network, nodes=tuple(drawn), unlinked=tuple(unlinked))


def _node(draft: _Draft, id_: str, severities: Mapping[int, Severity]) -> Node:
    return Node(
        id=id_,
        name=draft.name,
        state=draft.state,
        container=draft.container,
        image=draft.image,
        published=draft.published,
        severity=_worst(draft.findings, severities),
        findings=tuple(draft.findings),
    )


def _arrow(
    draft: _ArrowDraft, ids: Mapping[_Spot, str], severities: Mapping[int, Severity]
) -> Arrow:
    return Arrow(
        target=ids[draft.target],
        source=ids[draft.source],
        alias=draft.alias,
        kind=draft.kind,
        ports=draft.ports,
        status=draft.status,
        severity=_worst(draft.findings, severities),
        findings=tuple(draft.findings),
    )


def _mark(number: int, finding: Finding) -> Mark:
    return Mark(
        number=number,
        severity=finding.severity,
        code=finding.code,
        name=finding.name,
        host=finding.host,
        subject=subject(finding),
        message=finding.message,
        fingerprint=finding.fingerprint,
    )


def _worst(found: Iterable[int], severities: Mapping[int, Severity]) -> Severity | None:
    return min((severities[each] for each in found), key=lambda each: each.rank, default=None)
