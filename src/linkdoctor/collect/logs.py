"""What containers' logs and health checks say of peers. Their text ends here.

It is reduced to complaints (:mod:`linkdoctor.reading.log_complaints`), which name nothing but hosts
that are known otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from linkdoctor.collect.answers import CheckAnswer, ContainerAnswer
from linkdoctor.collect.engine import (
    Deadline,
    EngineClient,
    EngineError,
    NotThere,
    Refused,
    TooLarge,
    segment,
)
from linkdoctor.collect.unknown_reasons import GONE, LATE
from linkdoctor.collect.workers import map_concurrently
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.snapshot import Complaint, Container, Details, Snapshot, Status

__all__ = ["lines_of_log", "with_health_complaints", "with_log_complaints"]

_WORKERS = 8
_LINES = 200
_FEWER_LINES = 20
"""Asked for where more are too large."""
_LARGEST = 1 << 20
_HEADER = 8
_STREAMS = (0, 1, 2)
_RECENTLY = timedelta(days=1)
_RUNNING = (Status.RUNNING, Status.PAUSED, Status.RESTARTING, Status.STOPPING)
_DIALS_NOBODY = Unknown(
    gap=Gap.NOT_COLLECTED, detail="it has no link, and its settings name no host"
)
_LONG_GONE = Unknown(gap=Gap.NOT_COLLECTED, detail="it has not run in the last day")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{8,18}(?:Z|[+-]\d\d:\d\d)")


def with_health_complaints(
    containers: Iterable[Container], answers: Iterable[ContainerAnswer | Unknown]
) -> list[Container]:
    """Put into each container what its last failed health check complains of."""
    found = list(containers)
    checks = [_failed_check(answer) for answer in answers]
    if not any(checks):
        return found

    from linkdoctor.reading.log_complaints import names_of_containers

    names = names_of_containers(found)
    return [
        _with_health_complaints(container, check, names) if check else container
        for container, check in zip(found, checks, strict=True)
    ]


def _failed_check(answer: ContainerAnswer | Unknown) -> CheckAnswer | None:
    if isinstance(answer, Unknown) or answer.State.Health is None:
        return None
    checks = answer.State.Health.Log
    return checks[-1] if checks and checks[-1].ExitCode != 0 else None


def _with_health_complaints(
    container: Container, check: CheckAnswer, names: Collection[str]
) -> Container:

    from linkdoctor.reading.log_complaints import complaints_in, known_hosts

    details = container.details
    if isinstance(details, Unknown) or details.value.health is None:
        return container
    health = details.value.health
    lines = ((check.End, line) for line in check.Output.splitlines())
    complaints = complaints_in(lines, known_hosts(container, names))
    health = msgspec.structs.replace(health, complaints=complaints)
    changed = msgspec.structs.replace(details.value, health=health)
    return msgspec.structs.replace(container, details=Known(changed, details.source))


def with_log_complaints(
    client: EngineClient,
    snapshot: Snapshot,
    deadline: Deadline,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Snapshot:
    """Read the last lines of the logs of containers that dial somebody, several at once."""
    from linkdoctor.reading.log_complaints import names_of_containers

    progress("reading logs")
    names = names_of_containers(snapshot.containers)

    def heard(container: Container) -> Container:
        complaints = _complaints(client, container, snapshot.taken_at, names, deadline)
        return msgspec.structs.replace(container, complaints=complaints)

    containers = map_concurrently(_WORKERS, heard, snapshot.containers)
    return msgspec.structs.replace(snapshot, containers=tuple(containers))


def _complaints(
    client: EngineClient,
    container: Container,
    now: str,
    names: Collection[str],
    deadline: Deadline,
) -> Evidence[tuple[Complaint, ...]]:
    if isinstance(container.details, Unknown):
        return container.details
    if not _dials(container, container.details.value):
        return _DIALS_NOBODY
    if not _ran_lately(container.details.value, now):
        return _LONG_GONE
    if deadline.left() <= 0:
        return LATE
    try:
        text, lines = _read(client, container.id)
    except NotThere:
        return GONE
    except Refused as error:
        return Unknown(
            gap=Gap.UNSUPPORTED,
            detail="its log driver keeps nothing that the engine could read "
            f"(status {error.status})",
        )
    except EngineError as error:
        gap = Gap.TIMED_OUT if deadline.left() <= 0 else Gap.UNSUPPORTED
        return Unknown(gap=gap, detail=str(error))

    from linkdoctor.reading.log_complaints import complaints_in, known_hosts

    found = complaints_in(lines_of_log(text), known_hosts(container, names))
    return Known(found, f"docker logs --tail {lines} {container.name}")


def _dials(container: Container, details: Details) -> bool:
    linked = details.stored_links or any(each.links for each in details.endpoints)
    scripted = isinstance(container.script_hosts, Known) and container.script_hosts.value
    return bool(linked or details.references or details.reads or scripted)


def _ran_lately(details: Details, now: str) -> bool:
    if details.status in _RUNNING:
        return True
    try:
        # The engine prints nanoseconds, which Python does not read.
        ended = datetime.fromisoformat(details.finished_at[:19] + "+00:00")
        return datetime.fromisoformat(now.replace("Z", "+00:00")) - ended < _RECENTLY
    except ValueError:
        return False


def _read(client: EngineClient, identity: str) -> tuple[bytes, int]:
    try:
        return _tail(client, identity, _LINES), _LINES
    except TooLarge:
        return _tail(client, identity, _FEWER_LINES), _FEWER_LINES


def _tail(client: EngineClient, identity: str, lines: int) -> bytes:
    return client.get_bytes(
        f"/containers/{segment(identity)}/logs",
        limit=_LARGEST,
        stdout="1",
        stderr="1",
        timestamps="1",
        tail=str(lines),
    )


def lines_of_log(content: bytes) -> tuple[tuple[str, str], ...]:
    """Take the engine's answer apart into times and lines.

    Without a terminal it comes in frames, each with a header of eight bytes that begins with the
    number of the stream; with one, as it was printed. Every line begins with a time, so the first
    byte tells which.
    """
    text = b"".join(_frames(content)) if content[:1] in map(_byte, _STREAMS) else content
    return tuple(map(_time_and_text, text.decode("utf-8", "replace").splitlines()))


def _byte(number: int) -> bytes:
    return bytes([number])


def _frames(content: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HEADER <= len(content):
        size = int.from_bytes(content[at + 4 : at + _HEADER], "big")
        yield content[at + _HEADER : at + _HEADER + size]
        at += _HEADER + size


def _time_and_text(line: str) -> tuple[str, str]:
    time, _, text = line.partition(" ")
    return (time, text) if _TIME.fullmatch(time[:64]) else ("", line)
