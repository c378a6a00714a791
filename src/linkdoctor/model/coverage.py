"""Which kinds of evidence there are, and how much of each was had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from linkdoctor.model.evidence import Gap, Known, Need, Unknown
from linkdoctor.model.snapshot import LOG_NOT_READ, NOT_PROBED, Container, Engine, Snapshot, Tool

__all__ = [
    "SELF_CHECK_SCHEMA",
    "CoverageGap",
    "EngineSeen",
    "EvidenceCoverage",
    "EvidenceItem",
    "SelfCheck",
    "SilentEngine",
    "coverage_of",
    "is_complete",
    "pieces_of_container",
    "pieces_of_host",
]

EvidenceItem: TypeAlias = tuple[str, Known[Any] | Unknown]
"""A kind of evidence, and what was had of it."""

_NEEDS = {
    "networks": Need.NETWORKS,
    "addresses": Need.HOST_ADDRESSES,
    "listening sockets": Need.HOST_LISTENERS,
    "firewall": Need.FIREWALL,
    "routes": Need.ROUTES,
    "interfaces": Need.INTERFACES,
    "environment of the engine": Need.ENGINE_ENV,
    "details": Need.DETAILS,
    "environment": Need.PROCESS_ENV,
    "hosts file": Need.HOSTS_FILE,
    "resolver": Need.DNS_ANSWER,
    "name service switch": Need.NAME_LOOKUP,
    "sockets": Need.LISTENERS,
    "script": Need.ENTRY_SCRIPT,
    "stored links": Need.STORED_LINKS,
    "probes": Need.PROBES,
    "events": Need.EVENTS,
    "namespaces": Need.NAMESPACES,
}
SELF_CHECK_SCHEMA = "linkdoctor.self-check/1"
_ON_DEMAND = {NOT_PROBED: "--probe", LOG_NOT_READ: "--logs"}


class CoverageGap(msgspec.Struct, frozen=True, kw_only=True):
    """Why a kind of evidence was not had everywhere."""

    gap: Gap
    reason: str
    count: int
    """Of how many containers, or 1 for a host."""


class EvidenceCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one kind of evidence was had of one engine."""

    host: str
    what: str
    of_host: bool
    """It is the host's own, not its containers'."""
    need: Need | None
    """What rules call it."""
    had: int
    of: int
    """Of how many containers there is such evidence, or 1 for a host."""
    hindrances: tuple[CoverageGap, ...]
    option: str
    """The option that asks for it, where it was not given."""


class EngineSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One engine, and what was had of it."""

    host: str
    endpoint: str
    engine: Engine
    containers: int
    sights: tuple[EvidenceCoverage, ...]


class SilentEngine(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that could not be asked."""

    host: str
    endpoint: str
    reason: str


class SelfCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, whom, and with what success."""

    schema: str = SELF_CHECK_SCHEMA
    tool: Tool
    python: str
    user: int
    """The user id; 0 is root."""
    engines: tuple[EngineSeen, ...]
    silent: tuple[SilentEngine, ...]


def pieces_of_host(snapshot: Snapshot) -> Iterator[EvidenceItem]:
    """Yield the kinds of evidence of a host."""
    yield "networks", snapshot.networks
    yield "addresses", snapshot.host_addresses
    yield "listening sockets", snapshot.host_listeners
    yield "firewall", snapshot.firewall
    yield "routes", snapshot.routes
    yield "interfaces", snapshot.interfaces
    yield "environment of the engine", snapshot.keeps_link_variables
    yield "events", snapshot.events


def pieces_of_container(container: Container) -> Iterator[EvidenceItem]:
    """Yield the kinds of evidence of a container."""
    yield "details", container.details
    for answer in container.link_answers:
        yield f"where link {answer.alias} leads", answer.container_id
    yield "environment", container.process_environment
    yield "environment of other processes", container.other_processes
    yield "namespaces", container.namespaces
    yield "hosts file", container.hosts_file
    yield "resolver", container.resolver
    yield "name service switch", container.name_lookup
    yield "sockets", container.listeners
    yield "script", container.script_reads
    if isinstance(container.script_reads, Known):
        yield "hosts in the script", container.script_hosts
    yield "stored links", container.stored_links
    for asked in container.dns_answers:
        yield f"answer of the resolver for {asked.name}", asked.addresses
    yield "probes", container.probes
    yield "log", container.complaints


def is_complete(found: SelfCheck) -> bool:
    """Whether every engine answered and nothing stood in the way of any evidence."""
    sights = (sight for engine in found.engines for sight in engine.sights)
    return not found.silent and not any(each.hindrances for each in sights)


def coverage_of(snapshot: Snapshot) -> tuple[EvidenceCoverage, ...]:
    """Count what was had of one engine, kind by kind; what there cannot be is not counted."""
    of_host = [
        _sight(snapshot.host, what, [piece], True) for what, piece in pieces_of_host(snapshot)
    ]
    kinds: dict[str, list[Known[Any] | Unknown]] = {}
    for container in snapshot.containers:
        for what, piece in pieces_of_container(container):
            kinds.setdefault(
                "where links lead" if what.startswith("where link") else what, []
            ).append(piece)
    kinds = {what: found for what, found in kinds.items() if not what.startswith("answer of")}
    return (*of_host, *(_sight(snapshot.host, what, found, False) for what, found in kinds.items()))


def _whole(piece: Known[Any] | Unknown) -> Known[Any] | Unknown:
    """Return a piece of evidence; one that a limit cut is not had."""
    cut = piece.cut if isinstance(piece, Known) else ""
    return Unknown(gap=Gap.CUT, detail=cut) if cut else piece


def _sight(
    host: str, what: str, pieces: Iterable[Known[Any] | Unknown], of_host: bool
) -> EvidenceCoverage:
    found = tuple(map(_whole, pieces))
    option = next(
        (_ON_DEMAND[each] for each in found if isinstance(each, Unknown) and each in _ON_DEMAND), ""
    )
    missing: dict[Unknown, int] = {}
    for each in found:
        if isinstance(each, Unknown) and each.gap is not Gap.NOT_COLLECTED:
            missing[each] = missing.get(each, 0) + 1
    had = sum(isinstance(each, Known) for each in found)
    return EvidenceCoverage(
        host=host,
        what=what,
        of_host=of_host,
        need=Need.LINK_ANSWER if what == "where links lead" else _NEEDS.get(what),
        had=had,
        of=had + sum(missing.values()),
        hindrances=tuple(
            CoverageGap(gap=each.gap, reason=each.detail, count=count)
            for each, count in missing.items()
        ),
        option=option,
    )
