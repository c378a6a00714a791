"""What a later look found changed, for ``check --watch``: a line for each finding."""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.changes import Absence, Changes, GoneFinding
from linkdoctor.model.report import Finding, Report
from linkdoctor.render.layout import Style, TextStyle, text_of
from linkdoctor.render.phrases import SEVERITY_STYLES, counts
from linkdoctor.render.scope import so_far

__all__ = ["render_look"]

_INDENT = " " * 11


def render_look(report: Report, changes: Changes, medium: TextStyle, *, clock: str) -> str:
    """Lay out what changed since the last look; '' if nothing did.

    Args:
        report: of this look.
        changes: from the last look's report to it.
        medium: what it is written on.
        clock: the time of this look, as it is shown.
    """
    lines = list(_lines(report, changes, medium, several=len(report.hosts) > 1))
    if not lines:
        return ""
    summary = report.summary
    now = counts(report)
    head = f"{clock}  {summary.verdict.value}{so_far(report)}" + (f": {now}" if now else "")
    return text_of([medium.paint(head, Style.STRONG), *lines])


def _lines(report: Report, changes: Changes, medium: TextStyle, *, several: bool) -> Iterator[str]:
    for found in changes.hosts:
        yield from _line("host", Style.STRONG, f"{found.host}: {found.event.value}", medium)
    for new in changes.new:
        text = f"{_about(new, several=several)}: {new.message}"
        yield from _line("new", SEVERITY_STYLES[new.severity], text, medium)
    for each in changes.changed:
        rose = "severity" in each.fields
        if rose or each.before.message != each.after.message:
            text = f"{_about(each.after, several=several)}: {each.after.message}"
            yield from _line("changed", SEVERITY_STYLES[each.after.severity], text, medium)
    for gone in changes.gone:
        yield from _line("gone", Style.GOOD, _gone(gone, several=several), medium)


def _gone(gone: GoneFinding, *, several: bool) -> str:
    about = _about(gone.finding, several=several)
    if gone.absence is Absence.EXPLAINED:
        return f"{about}: follows from {gone.reason} now"
    if gone.absence is Absence.UNSEEN:
        return f"{about}: could not be looked for ({gone.reason})"
    return f"{about}: gone"


def _about(finding: Finding, *, several: bool) -> str:
    subject = finding.target or f"host {finding.host}"
    alias = f"/{finding.alias}" if finding.alias else ""
    on = f" on {finding.host}" if several and finding.target else ""
    return f"{finding.severity.value} {finding.code} {finding.name} {subject}{alias}{on}"


def _line(what: str, style: Style, text: str, medium: TextStyle) -> Iterator[str]:
    room = len(_INDENT)
    first, *rest = medium.paragraph(text, indent=_INDENT, hanging=_INDENT)
    yield f"  {medium.paint(what, style)}{' ' * (room - 2 - len(what))}{first[room:]}"
    yield from rest
