"""Rules × subjects → findings and skips, before anything is folded or left out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

import msgspec

from linkdoctor.model.evidence import Known, MissingEvidence, Unknown
from linkdoctor.model.memory import without_collector
from linkdoctor.model.own_codes import CRASH_CODE
from linkdoctor.model.report import Finding, Proof, Severity, Skipped, fingerprint
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.rulekit import EachHost, EachLink, Hit, HostContainer, Rule
from linkdoctor.rulekit.printed_fixes import printed

__all__ = ["Evaluation", "evaluate"]

T = TypeVar("T")


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What applying rules gave, before anything is folded or left out."""

    findings: tuple[Finding, ...]
    skipped: tuple[tuple[Skipped, str], ...]
    """Each skip with the alias it is about ('' for a container)."""


def evaluate(topology: Topology, rules: Iterable[Rule]) -> Evaluation:
    """Apply each rule to each of its subjects. A rule that crashes becomes a finding."""
    with without_collector():
        return _evaluate(topology, rules)


def _evaluate(topology: Topology, rules: Iterable[Rule]) -> Evaluation:
    outcome = _Evaluation()
    subjects = _Subjects(topology)
    hosts = [snapshot.host for snapshot in topology.snapshots()]
    for rule in rules:
        # A healthy subject, which nearly every one is, costs no more than the call of its check.
        check = rule.check
        if isinstance(check, EachLink):
            links = subjects.links(check.kind, check.up)
            _apply(rule, check.check, links, topology, _subject_of_link, outcome)
        elif isinstance(check, EachHost):
            _apply(rule, check.check, hosts, topology, _subject_of_host, outcome)
        else:
            if check.up:
                _apply(rule, _is_up, subjects.unknown, topology, _subject_of_place, outcome)
            places = subjects.up if check.up else subjects.places
            _apply(rule, check.check, places, topology, _subject_of_place, outcome)
    return Evaluation(findings=tuple(outcome.findings), skipped=tuple(outcome.skipped.items()))


class _Subjects:
    """What rules are asked about, sorted once and not by every rule."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._links: dict[tuple[LinkKind | None, bool], list[Link]] = {}
        self.places = [
            HostContainer(host=host, container=each) for host, each in topology.containers()
        ]

    def links(self, kind: LinkKind | None, up: bool) -> list[Link]:
        """Return the links of a kind, or of any; those of targets that are up, or all."""
        found = self._links.get((kind, up))
        if found is None:
            found = self._links[kind, up] = [
                link
                for link in self._topology.links()
                if kind in (None, link.kind)
                if not up or self._topology.is_running(link.target)
            ]
        return found

    @cached_property
    def unknown(self) -> list[HostContainer]:
        """Return the containers of which nothing is known."""
        return [each for each in self.places if isinstance(each.container.details, Unknown)]

    @cached_property
    def up(self) -> list[HostContainer]:
        """Return the containers that are known to be up."""
        return [
            each
            for each in self.places
            if isinstance(each.container.details, Known)
            and self._topology.is_running(each.container)
        ]


def _is_up(place: HostContainer, topology: Topology) -> Iterable[Hit]:
    """Ask what is not known: it raises, and the rule is skipped with the reason."""
    topology.is_running(place.container)
    return ()


class _Evaluation:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.skipped: dict[Skipped, str] = {}


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    target: str = ""
    source: str = ""
    alias: str = ""


def _subject_of_link(link: Link) -> _Subject:
    return _Subject(
        host=link.host, target=link.target.name, source=link.source_name, alias=link.alias
    )


def _subject_of_host(host: str) -> _Subject:
    return _Subject(host=host)


def _subject_of_place(place: HostContainer) -> _Subject:
    return _Subject(host=place.host, target=place.container.name)


def _apply(
    rule: Rule,
    check: Callable[[T, Topology], Iterable[Hit]],
    subjects: Iterable[T],
    topology: Topology,
    named: Callable[[T], _Subject],
    outcome: _Evaluation,
) -> None:
    crashed = False
    for subject in subjects:
        try:
            for hit in check(subject, topology):
                # One by one: what was found before evidence was missing counts.
                outcome.findings.append(_finding(rule, named(subject), hit, topology))
        except MissingEvidence as missing:
            about = named(subject)
            outcome.skipped[_skip(rule, about, missing)] = about.alias
        except Exception as error:
            # The first crash speaks for all; the other subjects are still examined.
            if not crashed:
                outcome.findings.append(_crash(rule, named(subject), error))
            crashed = True


def _finding(rule: Rule, subject: _Subject, hit: Hit, topology: Topology) -> Finding:
    target = subject.target if hit.target is None else hit.target
    source = subject.source if hit.source is None else hit.source
    alias = subject.alias if hit.alias is None else hit.alias
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=hit.severity or rule.severity,
        host=subject.host,
        target=target,
        source=source,
        alias=alias,
        message=hit.message,
        evidence=hit.evidence,
        fixes=printed(topology, subject.host, target or subject.target, hit.fixes),
        fingerprint=fingerprint(
            code=rule.code, host=subject.host, target=target, alias=alias, key=hit.key
        ),
        docs=f"linkdoctor explain {rule.code}",
    )


def _skip(rule: Rule, subject: _Subject, missing: MissingEvidence) -> Skipped:
    about = f"{subject.target}/{subject.alias}" if subject.alias else subject.target or subject.host
    return Skipped(
        code=rule.code,
        host=subject.host,
        subject=about,
        missing=f"{missing.need.value} of {missing.subject}",
        reason=missing.unknown.detail,
        gap=missing.unknown.gap,
        need=missing.need.value,
    )


def _crash(rule: Rule, subject: _Subject, error: Exception) -> Finding:
    # Only the place and the kind: the text of an exception may hold what it was looking at.
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = place.filename.replace("\\", "/").rpartition("/")[2]
    return Finding(
        code=CRASH_CODE,
        name="rule-crashed",
        severity=Severity.ERROR,
        host=subject.host,
        target=subject.target,
        source=subject.source,
        alias=subject.alias,
        message=f"Rule {rule.code} {rule.name} crashed; its diagnosis is missing from this report.",
        evidence=(
            Proof(
                what="error in the rule",
                observed=f"{type(error).__name__} in {file}, line {place.lineno}",
                expected="no error",
                where=rule.code,
            ),
        ),
        fingerprint=fingerprint(
            code=CRASH_CODE, host=subject.host, target=subject.target, alias="", key=rule.code
        ),
        docs=f"linkdoctor explain {CRASH_CODE}",
    )
