"""One cause, one finding: what a fault brings about on the same link is named in its finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from linkdoctor.model.report import Finding, Severity
from linkdoctor.model.suppression import Suppressions
from linkdoctor.rulekit import Rule
from linkdoctor.rulekit.cause_order import causes_first

__all__ = ["Explained", "Policy", "explained_codes", "fold"]

Explained: TypeAlias = tuple[str, str, str, str]
"""A host, a target, an alias, and the code that is explained there."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How findings are judged, beyond being found."""

    rules: dict[str, Rule]
    """Those that are applied, by code."""
    severities: dict[str, Severity]
    suppressions: Suppressions
    accept_missing: frozenset[str] = frozenset()

    def severity_of(self, code: str) -> Severity:
        """Return the severity of a rule as it is here; ERROR for what no rule stands behind."""
        rule = self.rules.get(code)
        return self.severities.get(code, rule.severity) if rule else Severity.ERROR

    def shows_events(self, code: str) -> bool:
        """Whether the engine's events are further proof of a rule's findings."""
        rule = self.rules.get(code)
        return rule is not None and rule.shows_events

    def judged(self, finding: Finding) -> Finding:
        """Return a finding with the severity that it has here."""
        severity = self.severities.get(finding.code, finding.severity)
        return msgspec.structs.replace(finding, severity=severity)

    def explains(self, cause: Finding, code: str, severity: Severity) -> bool:
        """Whether a finding follows from a cause; what is graver than the cause does not.

        What follows from what is decided by the rules' own severities. Only a consequence that was
        itself made graver than its cause stands beside it: that is what was asked for.
        """
        declared = cause.code in self.rules and code in self.rules[cause.code].explains
        if not declared or cause.severity.rank > severity.rank:
            return False
        made = self.severities.get(code)
        return made is None or self.judged(cause).severity.rank <= made.rank

    def rank(self, cause: Finding) -> tuple[bool, int, str]:
        """Return a key that sorts causes of the same consequence: the lowest one names it.

        One that is reported comes first: its consequences are not to vanish with those of a cause
        that is suppressed.
        """
        precedence = self.rules[cause.code].precedence
        return (bool(self.suppressions.of(cause)), -precedence, cause.code)


def fold(findings: Iterable[Finding], policy: Policy) -> list[Finding]:
    """Return the findings that no other one of the same link explains, with what they explain.

    Raises:
        CauseCycleError: rules explain each other in a circle.
    """
    place = {code: number for number, code in enumerate(causes_first(policy.rules.values()))}
    by_link: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        by_link.setdefault((finding.host, finding.target, finding.alias), []).append(finding)
    return [
        finding
        for of_one_link in by_link.values()
        for finding in _fold_one(of_one_link, policy, place)
    ]


def explained_codes(findings: Iterable[Finding], policy: Policy) -> set[Explained]:
    """Return what need not be checked, by the link, since a finding of the link explains it."""
    return {
        (finding.host, finding.target, finding.alias, code)
        for finding in findings
        if finding.code in policy.rules
        for code in policy.rules[finding.code].explains
        if code in policy.rules and policy.explains(finding, code, policy.rules[code].severity)
    }


def _fold_one(
    findings: list[Finding], policy: Policy, place: Mapping[str, int]
) -> Iterator[Finding]:
    causes: list[Finding] = []
    consequences: dict[int, set[str]] = {}
    for finding in sorted(findings, key=lambda each: place.get(each.code, len(place))):
        explaining = [
            index
            for index, cause in enumerate(causes)
            if policy.explains(cause, finding.code, finding.severity)
        ]
        if explaining:
            first = min(explaining, key=lambda index: policy.rank(causes[index]))
            consequences.setdefault(first, set()).add(finding.code)
        else:
            causes.append(finding)
    for index, cause in enumerate(causes):
        codes = tuple(sorted(consequences.get(index, ())))
        yield msgspec.structs.replace(cause, consequences=codes) if codes else cause
