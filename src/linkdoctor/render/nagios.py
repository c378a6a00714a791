"""The report for Nagios, Icinga and the like, as the Monitoring Plugins guidelines want it.

One line with state, counts and performance data, then a line for each finding. The exit code is
the state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Finding, Report
from linkdoctor.render.layout import counted
from linkdoctor.render.phrases import UNREACHABLE, counts, is_incomplete, named, subject
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import sanitize
from linkdoctor.render.scope import elsewhere, label_of, left_open, so_far
from linkdoctor.render.thresholds import Range, parse_range

__all__ = ["Range", "State", "parse_range", "render", "render_nagios", "state_of"]

_LONGEST_OUTPUT = 4000
"""Bytes; the server reads 4 KiB."""
_LONGEST_HEADING = 700
"""Bytes of the first line before its performance data: NRPE may carry 1 KiB only."""
_LONGEST_LINE = 400
# A pipe begins performance data; the others are markup to a web page that shows the output.
_UNWANTED = str.maketrans({"|": "¦", "<": "‹", ">": "›", "&": "+"})  # noqa: RUF001 - meant


class State(IntEnum):
    """The state of the service, which is also the exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


def state_of(report: Report, *, warning: Range = Range(), critical: Range = Range()) -> State:  # noqa: B008 - frozen
    """Judge a report.

    Args:
        report: what is judged.
        warning: for errors and warnings together; more than none, by default.
        critical: for errors; more than none, by default.

    Returns:
        CRITICAL before UNKNOWN, which is a report that is incomplete, before WARNING.
    """
    summary = report.summary
    if critical.alarms(summary.error):
        return State.CRITICAL
    if is_incomplete(report):
        return State.UNKNOWN
    return State.WARNING if warning.alarms(summary.error + summary.warning) else State.OK


def render(diagnosis: Diagnosis, request: RenderRequest) -> str:
    """Write the report as the output of a plugin."""
    return render_nagios(diagnosis.report, warning=request.warning, critical=request.critical)


def render_nagios(
    report: Report,
    *,
    warning: Range = Range(),  # noqa: B008 - frozen
    critical: Range = Range(),  # noqa: B008 - frozen
) -> str:
    """Write a report as the output of a plugin, of at most 4 kB; the arguments as in `state_of`."""
    state = state_of(report, warning=warning, critical=critical)
    heading = _cut(f"LINKDOCTOR {state.name} - {_heading(report)}", _LONGEST_HEADING)
    text = f"{heading} | {_performance(report, warning, critical)}\n"
    room = _LONGEST_OUTPUT - len(text.encode()) - 80  # for the line that tells what was left out
    lines = list(_long_output(report))
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            return f"{text}and {counted(len(lines) - number, 'more line')}; see linkdoctor check\n"
        text += f"{line}\n"
    return text


def _heading(report: Report) -> str:
    lost = sum(not host.engine for host in report.hosts)
    label = label_of(report)
    parts = [f"{f'{label}: ' if label else ''}{counts(report) or 'no findings'}{so_far(report)}"]
    if there := elsewhere(report, ""):
        parts.append(there)
    if lost:
        parts.append(f"{counted(lost, 'engine')} could not be asked")
    elif is_incomplete(report):
        parts.append(f"{counted(report.summary.lacking, 'check')} lacked evidence")
    parts += left_open(report)
    found = ", ".join(f"{each.code} {_place(each)}" for each in report.findings)
    return _line(", ".join(parts) + (f": {found}" if found else ""), 10 * _LONGEST_HEADING)


def _place(finding: Finding) -> str:
    if not finding.target:
        return named(finding.host)
    return "/".join(named(each) for each in (finding.target, finding.alias) if each)


def _performance(report: Report, warning: Range, critical: Range) -> str:
    summary = report.summary
    values = (
        ("errors", summary.error, "", critical.text),
        ("warnings", summary.warning, "", ""),
        ("problems", summary.error + summary.warning, warning.text, ""),
        ("info", summary.info, "", ""),
        ("skipped", summary.skipped, "", ""),
        ("suppressed", summary.suppressed, "", ""),
        ("containers", sum(host.containers for host in report.hosts), "", ""),
        ("links", sum(host.links for host in report.hosts), "", ""),
    )
    return " ".join(f"{label}={value};{warn};{crit};0" for label, value, warn, crit in values)


def _long_output(report: Report) -> Iterator[str]:
    for each in report.findings:
        severity = each.severity.value.upper()
        place = f"{subject(each)} on {named(each.host)}" if each.target else subject(each)
        yield _line(f"{severity} {named(each.code)} {named(each.name)}, {place}: {each.message}")
        for number, fix in enumerate(each.fixes):
            yield _line(f"  {'or' if number else 'fix'}: {fix.title} ({fix.safety.value})")
    for skip in report.skipped:
        if skip.code == UNREACHABLE:
            yield _line(f"UNKNOWN {named(skip.host)} could not be asked: {skip.reason}")
    lacking = sum(skip.code != UNREACHABLE and skip.is_lacking for skip in report.skipped)
    if lacking:
        yield f"{counted(lacking, 'check')} lacked evidence"


def _line(text: str, limit: int = _LONGEST_LINE) -> str:
    return sanitize(text, limit).translate(_UNWANTED)


def _cut(text: str, size: int) -> str:
    """Cut a text to a size in bytes, between characters."""
    encoded = text.encode()
    if len(encoded) <= size:
        return text
    return encoded[: size - len("…".encode())].decode(errors="ignore") + "…"
