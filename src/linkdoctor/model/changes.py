"""What changed between two reports: new, gone and changed findings, and the hosts examined.

Findings are the same if their fingerprints are. One that is no longer reported is not fixed
for that: the evidence may be missing now, or the fault may have become a consequence of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec

from linkdoctor.model.own_codes import UNREACHABLE_CODE
from linkdoctor.model.report import Finding, HostSummary, Report, Severity, Skipped

__all__ = [
    "Absence",
    "Change",
    "Changes",
    "GoneFinding",
    "HostChange",
    "HostEvent",
    "changes_between",
    "has_new_at",
]

_COMPARED = ("severity", "message", "evidence", "consequences", "fixes")


class Absence(StrEnum):
    """Why a finding is no longer reported."""

    FIXED = "mended"
    """It was looked for and is not there."""
    EXPLAINED = "explained"
    """Another finding of the same link names it among its consequences."""
    UNSEEN = "unseen"
    """It could not be looked for."""


class GoneFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of before that is no longer reported."""

    finding: Finding
    absence: Absence
    reason: str = ""
    """What was missing, or the code of the finding that explains it; '' if it is fixed."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One finding that is in both reports and not the same in them."""

    before: Finding
    after: Finding
    fields: tuple[str, ...]
    """Those that differ, of severity, message, evidence, consequences and fixes."""


class HostEvent(StrEnum):
    """What became of an examined host."""

    ADDED = "added"
    REMOVED = "removed"
    LOST = "unreachable"
    """Its engine could be asked before."""
    BACK = "reachable again"
    ENGINE = "another engine"


class HostChange(msgspec.Struct, frozen=True, kw_only=True):
    """A host that was not examined in both reports, or whose engine is another."""

    host: str
    event: HostEvent
    before: str = ""
    """The engine and its version; '' if it was not seen."""
    after: str = ""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one report to another, each part in the order of its report."""

    new: tuple[Finding, ...] = ()
    gone: tuple[GoneFinding, ...] = ()
    changed: tuple[Change, ...] = ()
    unchanged: int = 0
    """How many findings are the same in both."""
    hosts: tuple[HostChange, ...] = ()


def changes_between(before: Report, after: Report) -> Changes:
    """Compare two reports of the same hosts, finding by finding."""
    old, new = _by_fingerprint(before.findings), _by_fingerprint(after.findings)
    both = [(old[key], new[key]) for key in new if key in old]
    changed = tuple(_changed(both))
    absence = _absences(after)
    return Changes(
        new=tuple(each for key, each in new.items() if key not in old),
        gone=tuple(absence(each) for key, each in old.items() if key not in new),
        changed=changed,
        unchanged=len(both) - len(changed),
        hosts=tuple(_hosts(before.hosts, after.hosts)),
    )


def has_new_at(changes: Changes, level: Severity) -> bool:
    """Whether a finding at or above a level is new, or has risen to it."""
    risen = (
        each.after
        for each in changes.changed
        if each.before.severity.rank > level.rank >= each.after.severity.rank
    )
    return any(each.severity.rank <= level.rank for each in (*changes.new, *risen))


def _by_fingerprint(findings: Iterable[Finding]) -> dict[tuple[str, int], Finding]:
    """Return findings by their fingerprints; of several that share one, each has a number."""
    found: dict[tuple[str, int], Finding] = {}
    counts: dict[str, int] = {}
    for each in findings:
        number = counts.get(each.fingerprint, 0)
        counts[each.fingerprint] = number + 1
        found[each.fingerprint, number] = each
    return found


def _changed(pairs: Iterable[tuple[Finding, Finding]]) -> Iterator[Change]:
    for before, after in pairs:
        fields = tuple(name for name in _COMPARED if getattr(before, name) != getattr(after, name))
        if fields:
            yield Change(before=before, after=after, fields=fields)


def _absences(after: Report) -> Callable[[Finding], GoneFinding]:
    """Return a function that tells why a finding is not in a report."""
    explained = {
        (each.host, each.target, each.alias, code): each.code
        for each in after.findings
        for code in each.consequences
    }
    skips: dict[tuple[str, str], list[Skipped]] = {}
    for skip in after.skipped:
        skips.setdefault((skip.host, skip.code), []).append(skip)
    examined = {each.name for each in after.hosts}

    def absence(finding: Finding) -> GoneFinding:
        if finding.host not in examined:
            return GoneFinding(
                finding=finding, absence=Absence.UNSEEN, reason=f"{finding.host} was not examined"
            )
        for skip in (
            *skips.get((finding.host, UNREACHABLE_CODE), ()),
            *skips.get((finding.host, finding.code), ()),
        ):
            if skip.subject in _subjects(finding):
                reason = f"{skip.missing}: {skip.reason}"
                return GoneFinding(finding=finding, absence=Absence.UNSEEN, reason=reason)
        cause = explained.get((finding.host, finding.target, finding.alias, finding.code))
        if cause is not None:
            return GoneFinding(finding=finding, absence=Absence.EXPLAINED, reason=cause)
        return GoneFinding(finding=finding, absence=Absence.FIXED)

    return absence


def _subjects(finding: Finding) -> tuple[str, ...]:
    """Return the subjects of skips that would have kept a finding from being made."""
    link = f"{finding.target}/{finding.alias}" if finding.alias else finding.target
    return (finding.host, finding.target, finding.source, link)


def _hosts(before: Iterable[HostSummary], after: Iterable[HostSummary]) -> Iterator[HostChange]:
    old, new = ({each.name: each.engine for each in hosts} for hosts in (before, after))
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was != now:
            yield HostChange(host=name, event=_event(was, now), before=was or "", after=now or "")


def _event(was: str | None, now: str | None) -> HostEvent:
    """Return what became of a host; '' is an engine that could not be reached."""
    if was is None:
        return HostEvent.ADDED
    if now is None:
        return HostEvent.REMOVED
    if not now:
        return HostEvent.LOST
    return HostEvent.ENGINE if was else HostEvent.BACK
