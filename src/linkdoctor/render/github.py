"""Annotations of a GitHub workflow: one command a finding, and a line for the log."""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Report, Severity, Verdict
from linkdoctor.render.layout import counted, text_of
from linkdoctor.render.phrases import UNREACHABLE, details, headline, named, title
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import sanitize
from linkdoctor.render.scope import left_open

__all__ = ["render", "render_github"]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_IN_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = _IN_DATA | str.maketrans({":": "%3A", ",": "%2C"})


def render(diagnosis: Diagnosis, _: RenderRequest) -> str:
    """Write the report as commands of a workflow."""
    return render_github(diagnosis.report)


def render_github(report: Report) -> str:
    """Write a report as workflow commands; an engine that could not be asked is an error."""
    return text_of(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield _command(_COMMANDS[finding.severity], title(finding), details(finding))
    lacking = 0
    for skip in report.skipped:
        if skip.code == UNREACHABLE:
            words = f"{UNREACHABLE} engine-unreachable: {named(skip.host)}"
            yield _command("error", words, sanitize(skip.reason))
        elif skip.is_lacking:
            lacking += 1
    if lacking:
        needed = report.summary.verdict is Verdict.INCOMPLETE
        text = f"{counted(lacking, 'check')} lacked evidence; --format json tells which"
        yield _command("warning" if needed else "notice", "linkdoctor did not see everything", text)
    for text in left_open(report):
        yield _command("notice", "what linkdoctor's verdict leaves open", text)
    # It begins with a word of ours and is one line: it cannot be taken for a command.
    yield f"linkdoctor: {headline(report)}"


def _command(command: str, title_: str, text: str) -> str:
    data = text.strip("\n").translate(_IN_DATA)
    return f"::{command} title={title_.translate(_IN_PROPERTY)}::{data}"
