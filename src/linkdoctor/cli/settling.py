"""``check --settle``: look again until nothing is too early to judge."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from linkdoctor.model.examination import Diagnosis

__all__ = ["settled"]

_PAUSE = 2.0
"""Seconds between two looks: one that just started is let be for ten."""


def settled(
    seconds: float,
    first: Diagnosis,
    look: Callable[[], Diagnosis],
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Diagnosis:
    """Look again while something is too early to judge, for so many seconds at most.

    So it is done where containers kept changing while they were read.

    The last look begins when they are over at the latest. Ctrl-C ends it: what was known by then
    is given, and said to be interrupted.

    Args:
        seconds: how long, altogether.
        first: what is known already.
        look: examines and diagnoses once more.
        now: the clock.
        pause: waits for so many seconds.
    """
    end = now() + seconds
    diagnosis = first
    while _may_change(diagnosis) and (left := end - now()) > 0:
        try:
            pause(min(_PAUSE, left))
        except KeyboardInterrupt:
            examination = msgspec.structs.replace(diagnosis.examination, interrupted=True)
            return msgspec.structs.replace(diagnosis, examination=examination)
        diagnosis = look()
    return diagnosis


def _may_change(diagnosis: Diagnosis) -> bool:
    examination = diagnosis.examination
    if examination.interrupted:
        return False
    early = diagnosis.report.summary.too_early
    return bool(early) or not all(each.settled for each in examination.snapshots)
