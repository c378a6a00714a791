"""What a report only counts, for a person: each finding with all that keeps it back."""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.report import Report, Suppressed
from linkdoctor.render.layout import TextStyle, counted
from linkdoctor.render.phrases import because_of, title

__all__ = ["suppressed_lines"]


def suppressed_lines(report: Report, medium: TextStyle, *, verbose: bool) -> Iterator[str]:
    """List what is suppressed, if the report holds it, and what is to be said of suppressions."""
    if isinstance(report.suppressed, tuple):
        folded = sum(len(each.finding.consequences) for each in report.suppressed)
        more = f", and {counted(folded, 'consequence')} with them" if folded else ""
        yield ""
        yield from medium.paragraph(
            f"suppressed: {counted(len(report.suppressed), 'finding')}{more}"
        )
        for each in report.suppressed:
            yield from _suppressed(each, medium, several=len(report.hosts) > 1)
    if isinstance(report.notes, tuple) and (verbose or isinstance(report.suppressed, tuple)):
        for note in report.notes:
            yield from medium.paragraph(f"→ {note}", hanging="  ")


def _suppressed(suppressed: Suppressed, medium: TextStyle, *, several: bool) -> Iterator[str]:
    finding = suppressed.finding
    on = f"   on {finding.host}" if several and finding.target else ""
    text = f"{finding.severity.value} {title(finding)}{on}"
    yield from medium.paragraph(text, indent="  ", hanging="    ")
    for because in suppressed.by:
        yield from medium.paragraph(because_of(because), indent="    ", hanging="      ")
    if finding.consequences:
        codes = f"with it: {', '.join(finding.consequences)}"
        yield from medium.paragraph(codes, indent="    ", hanging="      ")
