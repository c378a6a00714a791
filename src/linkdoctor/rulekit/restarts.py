"""How often a container died of itself lately: what a look at its state alone does not show.

A container that a restart policy, or whatever else, starts again and again *runs* at most looks.
The engine's events tell when it died, inspect how often its policy started it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from linkdoctor.model.evidence import Gap, MissingEvidence, Need, Unknown
from linkdoctor.model.snapshot import Container, Details, Event, Status
from linkdoctor.model.topology import Topology

__all__ = ["MANY", "WINDOW", "Death", "deaths_lately", "died_of_itself", "time_of"]

WINDOW = timedelta(minutes=10)
MANY = 3
"""So many deaths within the window are a loop; a program that waits for another one at its start
may die once or twice."""

_DEFAULT_STOP = timedelta(seconds=10)
_SLACK = timedelta(seconds=5)
_SHORTEST_RECOVERY = timedelta(minutes=1)
_FORGOTTEN = Unknown(
    gap=Gap.CUT,
    detail="the engine remembers too few events to tell when it was restarted "
    "(it keeps the last 256 of all kinds)",
)


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a container's process that nobody requested."""

    time: datetime
    exit_code: int
    """-1 if the engine does not tell."""
    lived: timedelta | None
    """How long the process ran; None if its start is forgotten."""


def deaths_lately(host: str, container: Container, topology: Topology) -> tuple[Death, ...]:
    """Return the deaths of a looping container within the last ten minutes; none if it is in none.

    A container that has run for a minute and twice as long as before has got over it.

    Raises:
        MissingEvidence: it started lately, and events do not tell how often.
    """
    details = topology.details(container)
    now = time_of(topology.engine_time(host))
    started = time_of(details.started_at)
    up = details.status is Status.RUNNING
    if now is None or not (up or details.status is Status.RESTARTING):
        return ()
    if up and started is not None and now - started >= WINDOW:
        return ()
    count = details.restart_count
    events = topology.remembered(host)  # a policy counts; what else starts it again does not
    all_deaths = died_of_itself(host, container, topology)
    lately = tuple(each for each in all_deaths if now - WINDOW < each.time)
    if len(lately) >= MANY:
        return () if up and _got_over_it(lately, started, now) else lately
    oldest = min((moment for each in events if (moment := time_of(each.time))), default=now)
    is_complete = oldest <= now - WINDOW or (count or 0) <= len(all_deaths)
    if (count or 0) >= MANY and not is_complete:
        raise MissingEvidence(Need.EVENTS, container.name, _FORGOTTEN)
    return ()


def died_of_itself(host: str, container: Container, topology: Topology) -> tuple[Death, ...]:
    """Return the deaths of a container that the engine remembers and that nobody requested.

    Raises:
        MissingEvidence: its events could not be read.
    """
    details = topology.details(container)
    own = (each for each in topology.remembered(host) if each.container_id == container.id)
    return tuple(_deaths(own, details))


def _got_over_it(deaths: tuple[Death, ...], started: datetime | None, now: datetime) -> bool:
    # How long it ran before it died for the first time says nothing of the loop.
    lives = [each.lived for each in deaths[1:] if each.lived is not None]
    longest = max(lives, default=timedelta())
    return started is not None and now - started >= max(_SHORTEST_RECOVERY, 2 * longest)


def _deaths(events: Iterable[Event], details: Details) -> Iterator[Death]:
    """Return the deaths among a container's events, but for those that somebody asked for.

    Whoever stops, restarts or kills a container sends it a signal, which is an event of its own.
    A program without a restart policy that ends well is a job that was started several times.
    """
    started: datetime | None = None
    signalled: datetime | None = None
    seconds = details.stop_timeout
    patience = timedelta(seconds=max(seconds, 0)) if seconds is not None else _DEFAULT_STOP
    for event in sorted(events):
        moment = time_of(event.time)
        if moment is None:
            continue
        if event.action == "start":
            started, signalled = moment, None
        elif event.action == "kill":
            signalled = moment
        elif event.action == "die":
            asked_for = signalled is not None and (
                seconds == -1 or moment - signalled <= patience + _SLACK
            )
            ended_well = event.exit_code == 0 and details.restart_policy in ("no", "on-failure")
            if not asked_for and not ended_well:
                yield Death(
                    time=moment,
                    exit_code=event.exit_code,
                    lived=moment - started if started is not None else None,
                )
            started, signalled = None, None


@lru_cache(maxsize=4096)
def time_of(text: str) -> datetime | None:
    """Read a time of the engine's, to the microsecond; None if it is none."""
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    fraction = f".{digits[:6]:0<6}" if dot else ""
    zone = rest[len(digits) :] if dot else ""
    try:
        found = datetime.fromisoformat(f"{head}{fraction}{zone}".replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
