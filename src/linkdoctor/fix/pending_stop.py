"""Waits for a stop that was asked of the engine and whose answer was not seen.

The engine goes on with it when its client is gone. Until it is done the container still runs, and
whoever took it for running would find nothing running a moment later.
"""

from __future__ import annotations

import time

from linkdoctor.collect.control import Control, Seen
from linkdoctor.fix.journal import JournalStep

__all__ = ["asked_to_stop", "wait_for_stop"]

_KILLED_WITHIN = 5.0
"""Seconds from the end of a container's time to stop until the engine has killed it."""
_LONGEST_STOP = 600.0
_ENDLESS_STOP = 30.0
"""Seconds for which a container is waited for that has no time limit to stop."""


def asked_to_stop(step: JournalStep, container: Seen) -> bool:
    """Whether a stop may still be at work on a container, in the life that it has now."""
    started_anew = (
        container.id == step.before.id
        and step.before.started_at not in ("", container.started_at)
        and container.running
    )
    return step.is_stopping(container.id) and not started_anew


def wait_for_stop(
    control: Control, step: JournalStep, container: Seen, glance: float
) -> Seen | None:
    """Wait until a stop whose answer was not seen has done its work; give what is there then.

    Counted from now, not from when it was asked for: the engine may have been held up since.
    """
    if not asked_to_stop(step, container):
        return container
    asked = container.stop_timeout
    longest = _ENDLESS_STOP if asked < 0 else min(asked + _KILLED_WITHIN, _LONGEST_STOP)
    until = time.monotonic() + longest
    seen: Seen | None = container
    while seen is not None and seen.wanted_up and asked_to_stop(step, seen):
        if time.monotonic() >= until:
            break
        time.sleep(glance)
        seen = control.find(container.id)
    return seen
