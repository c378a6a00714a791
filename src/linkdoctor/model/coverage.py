"""How much of each kind of evidence was had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from linkdoctor.model.evidence import Gap, Known, Need, Unknown
from linkdoctor.model.evidence_kinds import CONTAINER_EVIDENCE, HOST_EVIDENCE, EvidenceKind
from linkdoctor.model.snapshot import Container, DnsAnswer, Engine, LinkAnswer, Snapshot, Tool

__all__ = [
    "SELF_CHECK_SCHEMA",
    "CoverageGap",
    "EngineSeen",
    "EvidenceCoverage",
    "EvidenceItem",
    "SelfCheck",
    "SilentEngine",
    "coverage_of",
    "evidence_of_container",
    "evidence_of_host",
    "is_complete",
]

SELF_CHECK_SCHEMA = "linkdoctor.self-check/1"


class EvidenceItem(msgspec.Struct, frozen=True):
    """A piece of evidence, or the reason why it was not had."""

    kind: EvidenceKind
    what: str
    """What it is called."""
    evidence: Known[Any] | Unknown


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


def evidence_of_host(snapshot: Snapshot) -> Iterator[EvidenceItem]:
    """Yield the evidence of a host."""
    for kind in HOST_EVIDENCE:
        yield EvidenceItem(kind, kind.label, getattr(snapshot, kind.field))


def evidence_of_container(container: Container) -> Iterator[EvidenceItem]:
    """Yield the evidence of a container."""
    for kind in CONTAINER_EVIDENCE:
        if not kind.listed or _is_told_already(kind, container):
            continue
        for holder in _holders(kind, container):
            what = kind.each.format(holder) if kind.each else kind.label
            yield EvidenceItem(kind, what, getattr(holder, kind.field))


def _is_told_already(kind: EvidenceKind, container: Container) -> bool:
    return bool(kind.told_with) and isinstance(getattr(container, kind.told_with), Unknown)


def _holders(kind: EvidenceKind, container: Container) -> tuple[msgspec.Struct, ...]:
    if kind.holder is LinkAnswer:
        return container.link_answers
    if kind.holder is DnsAnswer:
        return container.dns_answers
    return (container,)


def is_complete(found: SelfCheck) -> bool:
    """Whether every engine answered and nothing stood in the way of any evidence."""
    sights = (sight for engine in found.engines for sight in engine.sights)
    return not found.silent and not any(each.hindrances for each in sights)


def coverage_of(snapshot: Snapshot) -> tuple[EvidenceCoverage, ...]:
    """Count what was had of one engine, kind by kind; what there cannot be is not counted."""
    of_host = [
        _coverage(snapshot.host, each.kind, [each.evidence]) for each in evidence_of_host(snapshot)
    ]
    found: dict[str, list[EvidenceItem]] = {}
    for container in snapshot.containers:
        for each in evidence_of_container(container):
            if each.kind.counted:
                found.setdefault(each.kind.label, []).append(each)
    of_containers = (
        _coverage(snapshot.host, items[0].kind, [each.evidence for each in items])
        for items in found.values()
    )
    return (*of_host, *of_containers)


def _whole(evidence: Known[Any] | Unknown) -> Known[Any] | Unknown:
    """Return a piece of evidence; one that a limit cut is not had."""
    cut = evidence.cut if isinstance(evidence, Known) else ""
    return Unknown(gap=Gap.CUT, detail=cut) if cut else evidence


def _coverage(
    host: str, kind: EvidenceKind, evidence: Iterable[Known[Any] | Unknown]
) -> EvidenceCoverage:
    found = tuple(map(_whole, evidence))
    on_demand = kind.on_demand
    missing: dict[Unknown, int] = {}
    for each in found:
        if isinstance(each, Unknown) and each.gap is not Gap.NOT_COLLECTED:
            missing[each] = missing.get(each, 0) + 1
    had = sum(isinstance(each, Known) for each in found)
    return EvidenceCoverage(
        host=host,
        what=kind.label,
        of_host=kind.holder is Snapshot,
        need=kind.need,
        had=had,
        of=had + sum(missing.values()),
        hindrances=tuple(
            CoverageGap(gap=each.gap, reason=each.detail, count=count)
            for each, count in missing.items()
        ),
        option=on_demand.option if on_demand and on_demand.unasked in found else "",
    )
