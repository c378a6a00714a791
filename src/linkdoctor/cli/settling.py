"""``check --settle``: look again until nothing is too early to judge."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from linkdoctor.model.report import Report

if TYPE_CHECKING:
    from linkdoctor.api import Examination

__all__ = ["settled"]

_PAUSE = 2.0
"""Seconds between two looks: one that just started is let be for ten."""


def settled(
    seconds: float,
    first: tuple[Examination, Report],
    examine_targets: Callable[[], Examination],
    diagnose: Callable[[Examination], Report],
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Examination, Report]:
    """Examine and diagnose again while something is too early, for so many seconds at most.

    So it is done where containers kept changing while they were read.

    The last look begins when they are over at the latest. Ctrl-C ends it: what was known by then
    is given, and said to be interrupted.
    """
    end = now() + seconds
    examination, report = first
    while _may_change(examination, report) and (left := end - now()) > 0:
        try:
            pause(min(_PAUSE, left))
        except KeyboardInterrupt:
            return msgspec.structs.replace(examination, interrupted=True), report
        examination = examine_targets()
        report = diagnose(examination)
    return examination, report


def _may_change(examination: Examination, report: Report) -> bool:
    if examination.interrupted:
        return False
    return bool(report.summary.too_early) or not all(each.settled for each in examination.snapshots)
