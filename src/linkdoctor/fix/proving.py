"""Whether a container runs as it is to, once it was started."""

from __future__ import annotations

import time

import msgspec

from linkdoctor.collect.control import Control, Seen

__all__ = ["NotGood", "Patience", "prove"]

_LATE = 3.0
_GLANCE = 0.2
_NANO = 1e-9
_HEALTH_INTERVAL = 30.0
_HEALTH_RETRIES = 3


class NotGood(Exception):
    """A container did not prove itself; the message is a clause that says why."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are waited for, in seconds."""

    steady: float = 1.5
    """A container has to run that long without a restart."""
    health: float = 300.0
    """A health check gets its own time, but no longer than this."""
    glance: float = _GLANCE
    """Between two looks."""


def prove(
    control: Control, container: str, patience: Patience, *, was_unhealthy: bool = False
) -> str:
    """Wait until a container runs steadily and, if it has a health check, is healthy.

    One that was unhealthy before the step, for whatever reason, may be so after it: that does not
    tell whether the step helped. Returns a clause on this, or ''.

    Raises:
        NotGood: it does not, or not in time.
        EngineError: it cannot be seen.
    """
    first = control.look(container)
    began = time.monotonic()
    allowed = min(_health_time(control, container), patience.health) if first.health else 0.0
    seen = first
    while True:
        _still_good(seen, first, was_unhealthy=was_unhealthy)
        passed = time.monotonic() - began
        if passed >= patience.steady and seen.health in ("", "healthy"):
            return ""
        over = passed >= max(allowed, patience.steady)
        if was_unhealthy and (over or (passed >= patience.steady and seen.health == "unhealthy")):
            return "its health check fails, as it did before"
        if over:
            raise NotGood(f"its health check did not succeed within {passed:.0f} s")
        time.sleep(patience.glance)
        seen = control.look(container)


def _still_good(seen: Seen, first: Seen, *, was_unhealthy: bool) -> None:
    if seen.status == "restarting" or seen.restart_count > first.restart_count:
        raise NotGood(f"it ended (exit code {seen.exit_code}) and keeps restarting")
    if not seen.running:
        raise NotGood(f"it ended at once, with exit code {seen.exit_code}")
    if seen.started_at != first.started_at:
        raise NotGood("it was restarted meanwhile")
    if seen.health == "unhealthy" and not was_unhealthy:
        raise NotGood("its health check fails")


def _health_time(control: Control, container: str) -> float:
    """Return the time after which a health check must have spoken, from its own settings."""
    check = control.inspect_raw(container)["Config"].get("Healthcheck") or {}
    interval = (check.get("Interval") or 0) * _NANO or _HEALTH_INTERVAL
    timeout = (check.get("Timeout") or 0) * _NANO or _HEALTH_INTERVAL
    retries = check.get("Retries") or _HEALTH_RETRIES
    start = (check.get("StartPeriod") or 0) * _NANO
    return float(start + (interval + timeout) * retries + _LATE)
