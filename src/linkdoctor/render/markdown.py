"""The report as GitHub-flavoured Markdown, to be pasted into a ticket.

What containers are called stays text: no HTML, no links, no tables torn apart, and nobody is
mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Finding, Fix, HostSummary, Proof, Report, Severity, Skipped
from linkdoctor.model.suppression import token
from linkdoctor.render.layout import counted, text_of
from linkdoctor.render.once import ALL_IN_ORDER, once
from linkdoctor.render.phrases import headline, title, typed
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import sanitize

__all__ = ["render", "render_markdown"]

_HEADINGS = {
    Severity.ERROR: "Errors",
    Severity.WARNING: "Warnings",
    Severity.INFO: "Worth knowing",
}
_MOST_SKIPPED = 50
_APART = "&#8203;"
"""A blank without width: trackers look for mentions, numbers and addresses in what is shown."""

_MARKS = re.compile(r"[\\`*_\[\]<>&|~$#!{}]")
_BLOCK = re.compile(r"^(\d*)([-+=.)])(?!\d)")
"""What would begin a list, a line or a heading."""
_REFERENCE = re.compile(
    r"@|(?:#|!|&amp;|~|\$|%)(?=\w)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=GH)(?=-\d)", re.IGNORECASE
)


def render(diagnosis: Diagnosis, request: RenderRequest) -> str:
    """Write the report for a ticket."""
    return render_markdown(diagnosis.report, request.in_order)


def render_markdown(report: Report, in_order: Sequence[str] = ()) -> str:
    """Lay out a report for a ticket: verdict, findings by severity with proofs and fixes.

    Args:
        report: what is shown.
        in_order: the commands of all findings, where they are not pasted as they stand.
    """
    return text_of(_lines(report, in_order))


def _lines(report: Report, in_order: Sequence[str]) -> Iterator[str]:
    yield "# linkdoctor report"
    yield ""
    yield f"**{_text(headline(report))}**"
    yield ""
    yield from _table(
        ("Host", "Engine", "Containers", "Links", "Evidence"), map(_host, report.hosts)
    )
    every = once(report.findings)
    for severity in Severity:
        findings = [each for each in every if each.severity is severity]
        if findings:
            yield from ("", f"## {_HEADINGS[severity]} ({len(findings)})")
        for finding in findings:
            yield from _finding(finding)
    if in_order:
        yield from ("", _text(ALL_IN_ORDER), *_commands(in_order))
    yield from _skips(report.skipped)
    yield ""
    suppressed = counted(report.summary.suppressed, "finding")
    tool = f"{report.tool.name} {report.tool.version}"
    yield f"Seen at {_text(report.taken_at)} by {_text(tool)}; {suppressed} suppressed."


def _host(host: HostSummary) -> tuple[str, ...]:
    engine = host.engine or "not reached"
    numbers = (str(host.containers), str(host.links))
    return (_text(host.name), _text(engine), *numbers, host.evidence.value)


def _finding(finding: Finding) -> Iterator[str]:
    yield from ("", f"### {_text(title(finding), 300)}", "", _text(finding.message))
    if finding.evidence:
        yield ""
        yield from _table(
            ("Evidence", "Observed", "Expected", "Where"), map(_proof, finding.evidence)
        )
    if finding.consequences:
        yield from ("", f"Also causes: {_text(', '.join(finding.consequences))}")
    for number, fix in enumerate(finding.fixes):
        yield ""
        yield from _fix(fix, "Or" if number else "Fix")
    words = f"On {finding.host}; fingerprint {finding.fingerprint}; {finding.docs}"
    ignoring = _value(f"--ignore {token(finding, with_host=True)}")
    yield from ("", f"{_text(words)}; to ignore it: {ignoring}")


def _proof(proof: Proof) -> tuple[str, ...]:
    observed = _value(proof.observed) or "(empty)"
    return (_text(proof.what), observed, _value(proof.expected), _value(proof.where))


def _fix(fix: Fix, label: str) -> Iterator[str]:
    yield f"**{label}:** {_text(fix.title)} ({fix.safety.value})"
    if fix.commands:
        yield from _commands(fix.commands)


def _commands(typed_in: Sequence[str]) -> Iterator[str]:
    commands = [typed(command) for command in typed_in]
    longest = max((len(run) for each in commands for run in re.findall("`+", each)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from ("", f"{fence}sh", *commands, fence)


def _skips(skipped: Sequence[Skipped]) -> Iterator[str]:
    if not skipped:
        return
    yield from ("", f"## Not seen ({counted(len(skipped), 'check')} skipped)", "")
    yield from _table(
        ("Check", "Host", "Subject", "Missing", "Reason", "Gap"),
        (tuple(map(_text, _skip(each))) for each in skipped[:_MOST_SKIPPED]),
    )
    if len(skipped) > _MOST_SKIPPED:
        yield from ("", f"and {len(skipped) - _MOST_SKIPPED} more; --format json has them all")


def _skip(skip: Skipped) -> tuple[str, ...]:
    gap = f"{skip.gap.value}{', accepted' if skip.accepted else ''}"
    return (skip.code, skip.host, skip.subject, skip.missing, skip.reason, gap)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(' --- ' for _ in heads)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _text(text: str, limit: int = 1000) -> str:
    """Make any text prose that is shown as it is."""
    shown = _MARKS.sub(_escaped, sanitize(text, limit).strip())
    shown = _BLOCK.sub(r"\1\\\2", shown)
    return _REFERENCE.sub(lambda mark: f"{mark[0]}{_APART}", shown)


def _value(text: str) -> str:
    """Make any text a cell's code, which is copied as it is; prose where it cannot be code."""
    shown = sanitize(text)
    if not shown or "`" in shown or "|" in shown or shown != shown.strip():
        return _text(text)
    return f"`{shown}`"


def _escaped(mark: re.Match[str]) -> str:
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(mark[0], f"\\{mark[0]}")
