"""The picture of a topology: what is drawn, whatever the format; a part of it, and its words.

Containers stand in groups, by host and network. An arrow leads from a target to its source, as
everywhere in linkdoctor: the way that the target dials. Findings have numbers, which are those of
the whole report, and mark the arrow, the container or the host that they are about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec

from linkdoctor.model.report import Severity
from linkdoctor.render.card import PublishedPort
from linkdoctor.render.layout import counted, listed

__all__ = [
    "COLOURS",
    "SCHEMA",
    "SIGNS",
    "Arrow",
    "ArrowKind",
    "HostFrame",
    "Mark",
    "NetworkGroup",
    "Node",
    "Picture",
    "arrow_label",
    "focused",
    "is_broken",
    "legend",
    "link_fault",
    "numbers",
    "places_of",
    "published_port_label",
    "published_ports_label",
    "shown_state",
    "size_of",
    "unlinked_label",
]

SCHEMA = "linkdoctor.graph/1"
SIGNS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "i"}
"""A sign for each severity: colour alone tells nothing to many."""

COLOURS = {Severity.ERROR: "#b3261e", Severity.WARNING: "#8a5a00", Severity.INFO: "#1f5fa8"}
"""For the formats that others draw; each is readable on white."""

_MOST_PORTS = 2
_LONGEST_NAME = 40
_UNLINKED_NAMED = 5


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


class NetworkGroup(msgspec.Struct, frozen=True, kw_only=True):
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
    groups: tuple[NetworkGroup, ...] = ()


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn."""

    schema: str = SCHEMA
    taken_at: str
    hosts: tuple[HostFrame, ...]
    arrows: tuple[Arrow, ...]
    findings: tuple[Mark, ...]
    left_out: int = 0
    """Containers that a focus leaves out."""


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


def _kept_groups(groups: Iterable[NetworkGroup], kept: Collection[str]) -> Iterator[NetworkGroup]:
    for group in groups:
        nodes = tuple(each for each in (*group.nodes, *group.unlinked) if each.id in kept)
        if nodes:
            # One that was asked for is drawn, whether or not it has links.
            yield NetworkGroup(network=group.network, nodes=nodes)


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


def published_port_label(published: PublishedPort) -> str:
    """Return a published port: ``8080``, ``8080→80`` or ``127.0.0.1:8080→80/udp``."""
    inside, outside = published.port.removesuffix("/tcp"), str(published.host_port)
    same = inside == outside
    if published.host_address:
        address = published.host_address
        outside = f"[{address}]:{outside}" if ":" in address else f"{address}:{outside}"
    return outside if same else f"{outside}→{inside}"


def published_ports_label(node: Node) -> str:
    """Return the first published port of a container, and how many there are more."""
    if not node.published:
        return ""
    first, *others = node.published
    more = f" +{len(others)}" if others else ""
    return f"{published_port_label(first)}{more}"


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
