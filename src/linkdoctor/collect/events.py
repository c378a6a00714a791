"""What the engine did with containers lately, as far as it remembers: its last 256 events.

Events of ``docker exec`` hold command lines. Only the actions below are asked for, and of their
attributes, which hold all labels, only the container's name and its exit code are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from linkdoctor.collect.answers import EventAnswer
from linkdoctor.collect.engine import EngineClient, EngineError, NotThere, TooLarge
from linkdoctor.collect.unknown_reasons import unanswered
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.snapshot import Event

__all__ = ["read_events"]

_ACTIONS = (
    *("create", "start", "die", "stop", "kill", "restart", "pause", "unpause"),
    *("rename", "destroy", "oom"),
)
_LARGEST = 4 << 20  # each event repeats all labels of its container
_LONGEST_NAME = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_NO_CLOCK = Unknown(gap=Gap.UNSUPPORTED, detail="the engine does not report its time")
_OF_PODMAN = Unknown(gap=Gap.UNSUPPORTED, detail="Podman's events are not read")


def read_events(
    client: EngineClient, system_time: str, *, podman: bool
) -> Evidence[tuple[Event, ...]]:
    """Read the events of containers up to a time that is past, so that the stream ends at once.

    Args:
        client: the engine.
        system_time: the engine's own clock (``docker info``); this machine's may be ahead of it.
        podman: the engine is Podman, which gives past events or none, by its settings.
    """
    until = _seconds(system_time)
    if podman or until is None:
        return _OF_PODMAN if podman else _NO_CLOCK
    filters = json.dumps({"type": ["container"], "event": _ACTIONS})
    try:
        body = client.get_bytes("/events", limit=_LARGEST, since="0", until=until, filters=filters)
    except TooLarge as error:
        return unanswered(error)
    except (EngineError, NotThere) as error:
        return Unknown(gap=Gap.UNSUPPORTED, detail=str(error) or "the engine has no events")
    return Known(tuple(sorted(_events(body))), "GET /events")


def _seconds(text: str) -> str | None:
    """Turn RFC 3339 into the seconds and nanoseconds that the engine wants; None if it is none."""
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    try:
        then = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    except ValueError:
        return None
    return f"{int(then.timestamp())}.{(match[2] or '0').ljust(9, '0')}"


def _events(body: bytes) -> Iterator[Event]:
    for line in body.splitlines():
        try:
            answer = msgspec.json.decode(line, type=EventAnswer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        actor = answer.Actor
        attributes = (actor.Attributes or {}) if actor else {}
        name = attributes.get("name", "")
        if actor is None or not name or answer.Action not in _ACTIONS:
            continue
        yield Event(
            time=_time(answer),
            action=answer.Action,
            container=name[:_LONGEST_NAME],
            container_id=actor.ID[:_LONGEST_NAME],
            exit_code=_exit_code(attributes.get("exitCode", "")),
        )


def _exit_code(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text) else -1


def _time(answer: EventAnswer) -> str:
    """Return the time to the microsecond: a restart's events follow one another within a second."""
    microseconds = answer.nanoseconds // 1000 or answer.time * 1_000_000
    try:
        then = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return ""
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
