"""What a verdict is about, and what it leaves open, in words that every format uses."""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.evidence import Gap
from linkdoctor.model.report import Report, Severity, Verdict
from linkdoctor.render.layout import counted, listed
from linkdoctor.render.sanitize import sanitize

__all__ = ["elsewhere", "label_of", "left_open", "so_far"]

_LONGEST_NAME = 64
_NAMED = 3


def label_of(report: Report) -> str:
    """Return what was asked for: containers, or the only rules; '' for everything."""
    names = report.scope.containers or report.scope.select
    return listed([sanitize(each, _LONGEST_NAME) for each in names], _NAMED)


def so_far(report: Report) -> str:
    """Return the words that a good verdict is not the last one; '' if it is."""
    early = report.summary.too_early and report.summary.verdict is Verdict.HEALTHY
    return " so far" if early else ""


def elsewhere(report: Report, where: str) -> str:
    """Return what concerns only containers that were not asked for; '' if all were.

    Args:
        report: of some containers.
        where: the place, with its preposition: ``on vm``; '' to leave it out.
    """
    if not report.scope.containers:
        return ""
    there = report.scope.elsewhere
    found = [
        counted(number, severity.value)
        for severity, number in (
            (Severity.ERROR, there.error),
            (Severity.WARNING, there.warning),
        )
        if number
    ]
    if there.skipped:
        found.append(f"{counted(there.skipped, 'check')} skipped")
    return f"{', '.join(found) or 'nothing wrong'} elsewhere {where}".rstrip()


def left_open(report: Report) -> Iterator[str]:
    """Yield what was not looked at, what is too early to judge, and what may be missing."""
    scope, summary = report.scope, report.summary
    if scope.not_running:
        names = listed([sanitize(each, _LONGEST_NAME) for each in scope.not_running], _NAMED)
        yield f"not running: {names}"
    if scope.rules_left_out:
        yield f"not looked at: {counted(scope.rules_left_out, 'other rule')}"
    if scope.ignore:
        yield f"ignored: {listed([sanitize(each) for each in scope.ignore], _NAMED)}"
    if summary.too_early:
        yield (
            f"{counted(summary.too_early, 'check')} too early for {_starting(report)} "
            "(--settle SECONDS waits for that)"
        )
    if summary.accepted:
        kinds = listed([sanitize(each) for each in scope.accept_missing], _NAMED)
        yield f"{counted(summary.accepted, 'check')} skipped, accepted as missing ({kinds})"


def _starting(report: Report) -> str:
    """Name what only just started."""
    names = dict.fromkeys(
        sanitize(each.missing.removeprefix(f"{each.need} of "), _LONGEST_NAME)
        for each in report.skipped
        if each.gap is Gap.TOO_EARLY
    )
    return listed(list(names), _NAMED)
