"""What every format says in few words: the counts, the subject of a finding, what was missed."""

from __future__ import annotations

from datetime import UTC, datetime

from linkdoctor.model.own_codes import UNREACHABLE_CODE
from linkdoctor.model.report import Because, Finding, Report, Severity, Verdict
from linkdoctor.model.suppression import token
from linkdoctor.render.layout import Style, TextStyle, counted, text_of
from linkdoctor.render.sanitize import sanitize
from linkdoctor.render.scope import elsewhere, label_of, left_open, so_far

__all__ = [
    "SEVERITY_STYLES",
    "UNREACHABLE",
    "because_of",
    "counts",
    "details",
    "headline",
    "is_incomplete",
    "moment",
    "named",
    "subject",
    "title",
    "typed",
]

UNREACHABLE = UNREACHABLE_CODE
"""The code of the skip that stands for an engine that could not be asked."""

SEVERITY_STYLES = {
    Severity.ERROR: Style.ERROR,
    Severity.WARNING: Style.WARNING,
    Severity.INFO: Style.INFO,
}
"""How a terminal paints what is of a severity."""

_LONGEST_NAME = 64
_ORIGINS = {
    "ignore": "--ignore or ignore of the configuration",
    "configuration": "[[ignore]] of the configuration",
    "label": "label of the target",
}


def named(text: str) -> str:
    """Make a name fit to stand within a line."""
    return sanitize(text, _LONGEST_NAME)


def counts(report: Report) -> str:
    """Return the number of findings of each severity: ``2 errors, 1 warning``; '' without any."""
    summary = report.summary
    return ", ".join(
        counted(number, severity.value)
        for severity, number in (
            (Severity.ERROR, summary.error),
            (Severity.WARNING, summary.warning),
            (Severity.INFO, summary.info),
        )
        if number
    )


def headline(report: Report) -> str:
    """Return the verdict, what it is about and what was examined in one line.

    It begins with a word of ours, and the names in it are harmless in a terminal.
    """
    lost = sum(not host.engine for host in report.hosts)
    links = sum(host.links for host in report.hosts)
    containers = sum(host.containers for host in report.hosts)
    label = label_of(report)
    parts = [
        f"{report.summary.verdict.value}{so_far(report)}: {f'{label}: ' if label else ''}"
        f"{counts(report) or 'no findings'}",
        f"{counted(containers, 'container')} and {counted(links, 'link')} examined "
        f"on {counted(len(report.hosts) - lost, 'host')}",
    ]
    if lost:
        parts.append(f"{counted(lost, 'engine')} could not be asked")
    if there := elsewhere(report, ""):
        parts.insert(1, there)
    if report.summary.lacking:
        parts.append(f"{counted(report.summary.lacking, 'check')} skipped")
    parts += left_open(report)
    return "; ".join(parts)


def is_incomplete(report: Report) -> bool:
    """Whether a host was not examined, or evidence lacked that the verdict needed."""
    return report.summary.verdict is Verdict.INCOMPLETE or any(
        not host.engine for host in report.hosts
    )


def subject(finding: Finding) -> str:
    """Return what a finding is about: ``web → app as helloapp``, or the host."""
    if not finding.target:
        return f"host {named(finding.host)}"
    source = f" → {named(finding.source)}" if finding.source else ""
    alias = f" as {named(finding.alias)}" if finding.alias else ""
    return f"{named(finding.target)}{source}{alias}"


def title(finding: Finding) -> str:
    """Return code, name and subject of a finding."""
    return f"{named(finding.code)} {named(finding.name)}: {subject(finding)}"


def details(finding: Finding) -> str:
    """Return message, proofs, consequences, fixes and token in plain, harmless lines."""
    lines = [sanitize(finding.message)]
    for proof in finding.evidence:
        seen = sanitize(proof.observed) or "(empty)"
        if proof.expected and proof.expected != proof.observed:
            seen = f"observed {seen}, expected {sanitize(proof.expected)}"
        line = f"{sanitize(proof.what)}: {seen}"
        lines.append(f"{line} ({sanitize(proof.where)})" if proof.where else line)
    if finding.consequences:
        lines.append(f"also causes: {', '.join(map(named, finding.consequences))}")
    for number, fix in enumerate(finding.fixes):
        label = "or" if number else "fix"
        lines.append(f"{label}: {sanitize(fix.title)} [{fix.safety.value}]")
        lines += [f"    {TextStyle().command(command)}" for command in fix.commands]
    lines.append(f"to ignore it: --ignore {sanitize(token(finding, with_host=True))}")
    lines.append(f"page: {sanitize(finding.docs)}")
    return text_of(lines)


def because_of(because: Because) -> str:
    """Return what suppresses a finding, and why and until when; not yet harmless."""
    end = f", until {because.until}" if because.until else ""
    reason = f": {because.reason}" if because.reason else ""
    return f"{_ORIGINS.get(because.origin, because.origin)}, {because.entry}{end}{reason}"


def typed(command: str) -> str:
    """Return a command for a block that is copied as a whole.

    What cannot be copied is said in a comment: it will not run when pasted.
    """
    shown = TextStyle().command(command)
    return shown if shown == command else f"# {shown}"


def moment(taken_at: str) -> datetime | None:
    """Read the time of a report; None if it is none, as a snapshot file may have it."""
    try:
        read = datetime.fromisoformat(taken_at)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
