"""The picture of a topology: what is drawn where, before anything is drawn.

Containers stand in groups, by host and network. An arrow leads from a target to its source, as
everywhere in linkdoctor: the way that the target dials. Findings have numbers, which are those of
the whole report, and mark the arrow, the container or the host that they are about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.network_mode import Host, Isolated, Own, Shared
from linkdoctor.model.report import Finding, Report, Severity
from linkdoctor.model.snapshot import Container, Publication
from linkdoctor.model.topology import Link, Topology
from linkdoctor.render.card import PublishedPort, link_status
from linkdoctor.render.layout import counted, listed
from linkdoctor.render.phrases import subject
from linkdoctor.rulekit.link_ports import dialled_ports
from linkdoctor.rulekit.reach import effective_mode, networks_of

__all__ = [
    "COLOURS",
    "SCHEMA",
    "SIGNS",
    "Arrow",
    "ArrowKind",
    "Group",
    "HostFrame",
    "Mark",
    "Node",
    "Picture",
    "arrow_label",
    "door_label",
    "doors_label",
    "focused",
    "is_broken",
    "legend",
    "link_fault",
    "numbers",
    "picture_of",
    "places_of",
    "shown_state",
    "size_of",
    "unlinked_label",
]

SCHEMA = "linkdoctor.graph/1"
SIGNS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "i"}
"""A sign for each severity: colour alone tells nothing to many."""

COLOURS = {Severity.ERROR: "#b3261e", Severity.WARNING: "#8a5a00", Severity.INFO: "#1f5fa8"}
"""For the formats that others draw; each is readable on white."""

_EVERY_ADDRESS = ("0.0.0.0", "::", "")
_MOST_PORTS = 2
_LONGEST_NAME = 40
_UNLINKED_NAMED = 5
_UNKNOWN_NETWORK = "network not known"
_NO_NETWORK = "no network"


class ArrowKind(StrEnum):
    """What an arrow stands for."""

    LEGACY = "legacy"
    """A link on the default bridge."""
    NETWORK = "network"
    """A link on a user-defined network."""
    WANTED = "wanted"
    """No link: what a finding says that the container reaches for."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A finding, by its number."""

    number: int
    severity: Severity
    code: str
    name: str
    host: str
    subject: str
    message: str
    fingerprint: str


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A container, or the place of one that is gone."""

    id: str
    name: str
    state: str
    """As the engine says; `gone` for the source of a link that is not there, '' if not known."""
    container: str = ""
    """The container's id; '' for one that is gone."""
    image: str = ""
    published: tuple[PublishedPort, ...] = ()
    """The ports of the host that lead here; the address is '' where it is every one."""
    severity: Severity | None = None
    """The worst of its own findings."""
    findings: tuple[int, ...] = ()


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """What leads from a target to a source, both by the ids of their nodes."""

    target: str
    source: str
    alias: str
    kind: ArrowKind
    ports: tuple[str, ...] = ()
    """Those that the target is known to dial, else those that the source exposes."""
    status: str = "live"
    """`live`, or what is wrong in a few words."""
    severity: Severity | None = None
    findings: tuple[int, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The containers of one host on one network; each is where its links are."""

    network: str
    nodes: tuple[Node, ...]
    """Those that have arrows or findings."""
    unlinked: tuple[Node, ...] = ()


class HostFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One host; `engine` is empty if it could not be asked."""

    name: str
    engine: str
    severity: Severity | None = None
    findings: tuple[int, ...] = ()
    """What is about the host itself, or about what is not drawn."""
    groups: tuple[Group, ...] = ()


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn."""

    schema: str = SCHEMA
    taken_at: str
    hosts: tuple[HostFrame, ...]
    arrows: tuple[Arrow, ...]
    findings: tuple[Mark, ...]
    left_out: int = 0
    """Containers that a focus leaves out."""


# --- from report and topology -----------------------------------------------------------------


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
    """Return each port once: the same on IPv4 and IPv6, on every address, is one door."""
    seen: dict[tuple[str, int, str], PublishedPort] = {}
    for each in published:
        address = "" if each.host_address in _EVERY_ADDRESS else each.host_address
        door = PublishedPort(host_address=address, host_port=each.host_port, port=str(each.port))
        seen.setdefault((address, each.host_port, door.port), door)
    return tuple(seen[key] for key in sorted(seen))


def _groups(
    drafts: Mapping[_Spot, _Draft],
    ids: Mapping[_Spot, str],
    ends: Collection[_Spot],
    severities: Mapping[int, Severity],
) -> Iterator[Group]:
    for network in dict.fromkeys(draft.network for draft in drafts.values()):
        drawn: list[Node] = []
        unlinked: list[Node] = []
        for spot, draft in drafts.items():
            if draft.network == network:
                kept = spot in ends or draft.findings
                (drawn if kept else unlinked).append(_node(draft, ids[spot], severities))
        yield Group(network=network, nodes=tuple(drawn), unlinked=tuple(unlinked))


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


# --- a part of it -----------------------------------------------------------------------------


def focused(picture: Picture, names: Collection[str], depth: int) -> Picture:
    """Keep the containers of these names, and what is at most `depth` arrows away from them."""
    kept = {node.id for node in _all_nodes(picture) if node.name in names}
    for _ in range(depth):
        reached = {
            end
            for arrow in picture.arrows
            if arrow.target in kept or arrow.source in kept
            for end in (arrow.target, arrow.source)
        }
        if reached <= kept:
            break
        kept |= reached
    arrows = tuple(each for each in picture.arrows if {each.target, each.source} <= kept)
    hosts = tuple(
        msgspec.structs.replace(host, groups=groups, findings=(), severity=None)
        for host in picture.hosts
        if (groups := tuple(_kept_groups(host.groups, kept)))
    )
    shown = {number for arrow in arrows for number in arrow.findings}
    shown |= {n for host in hosts for group in host.groups for x in group.nodes for n in x.findings}
    return msgspec.structs.replace(
        picture,
        hosts=hosts,
        arrows=arrows,
        findings=tuple(each for each in picture.findings if each.number in shown),
        left_out=sum(each.id not in kept and each.state != "gone" for each in _all_nodes(picture)),
    )


def _kept_groups(groups: Iterable[Group], kept: Collection[str]) -> Iterator[Group]:
    for group in groups:
        nodes = tuple(each for each in (*group.nodes, *group.unlinked) if each.id in kept)
        if nodes:
            # One that was asked for is drawn, whether or not it has links.
            yield Group(network=group.network, nodes=nodes)


def places_of(picture: Picture) -> dict[str, tuple[str, str, Node]]:
    """Return host, network and node by the id of the node."""
    return {
        node.id: (host.name, group.network, node)
        for host in picture.hosts
        for group in host.groups
        for node in (*group.nodes, *group.unlinked)
    }


def _all_nodes(picture: Picture) -> Iterator[Node]:
    return (node for _, _, node in places_of(picture).values())


# --- in words ---------------------------------------------------------------------------------


def arrow_label(arrow: Arrow) -> str:
    """Return alias and ports: ``db:5432``, ``db:53/udp,80``; any of it may be hostile."""
    ports = [each.removesuffix("/tcp") for each in arrow.ports]
    more = [f"+{len(ports) - _MOST_PORTS}"] if len(ports) > _MOST_PORTS else []
    shown = ",".join([*ports[:_MOST_PORTS], *more])
    return f"{arrow.alias}:{shown}" if shown else arrow.alias


def door_label(door: PublishedPort) -> str:
    """Return a published port: ``8080``, ``8080→80`` or ``127.0.0.1:8080→80/udp``."""
    inside = door.port.removesuffix("/tcp")
    address = f"[{door.host_address}]" if ":" in door.host_address else door.host_address
    outside = f"{address}:{door.host_port}" if address else str(door.host_port)
    return outside if inside == str(door.host_port) else f"{outside}→{inside}"


def doors_label(node: Node) -> str:
    """Return the first published port of a container, and how many there are more."""
    if not node.published:
        return ""
    first, *others = node.published
    return f"{door_label(first)} +{len(others)}" if others else door_label(first)


def numbers(findings: Sequence[int], severity: Severity | None) -> str:
    """Return the sign of the worst finding and the numbers of all: ``✗1,4``; '' without any."""
    if severity is None:
        return ""
    return f"{SIGNS[severity]}{','.join(map(str, findings))}"


def shown_state(node: Node) -> str:
    """Return the state of a container that does not run; '' for one that does."""
    return "" if node.state in ("running", "") else node.state


def is_broken(arrow: Arrow) -> bool:
    """Whether an arrow is drawn dashed: a link that does not work, or none at all."""
    return arrow.status != "live" or arrow.kind is ArrowKind.WANTED


def link_fault(arrow: Arrow, source: Node) -> str:
    """Return what is wrong with a link, unless its source's own state says it; '' if nothing."""
    if not is_broken(arrow) or arrow.kind is ArrowKind.WANTED:
        return ""
    said = source.state == "gone" or arrow.status == f"source {source.state}"
    return "" if said else arrow.status


def legend(picture: Picture) -> tuple[str, ...]:
    """Return a line for each finding."""
    return tuple(
        f"{numbers((each.number,), each.severity)} {each.code} {each.name}: {each.subject}"
        for each in picture.findings
    )


def unlinked_label(nodes: Sequence[Node], most: int = _UNLINKED_NAMED) -> str:
    """Name the containers of a group that have no links, in one line."""
    names = [each.name[:_LONGEST_NAME] for each in nodes]
    return f"{len(nodes)} without links: {listed(names, most)}"


def size_of(picture: Picture) -> str:
    """Return how much is drawn, and how much is not."""
    nodes = [each for each in _all_nodes(picture) if each.state != "gone"]
    links = [each for each in picture.arrows if each.kind is not ArrowKind.WANTED]
    words = f"{counted(len(nodes), 'container')}, {counted(len(links), 'link')}"
    if picture.left_out:
        words += f"; {counted(picture.left_out, 'further container')} not shown"
    return words
