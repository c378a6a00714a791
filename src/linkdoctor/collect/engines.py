"""Asks several engines at once: what is seen of each, and which did not answer."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

import msgspec

from linkdoctor import __version__
from linkdoctor.collect.answers import ListAnswer
from linkdoctor.collect.collector import CollectOptions, collect
from linkdoctor.collect.engine import (
    ContextName,
    Deadline,
    EngineClient,
    EngineError,
    Url,
    connect,
    endpoint_of,
)
from linkdoctor.collect.unknown_reasons import internal_error
from linkdoctor.model.examination import Examination
from linkdoctor.model.links import parse_link_name
from linkdoctor.model.snapshot import Snapshot, Tool, Unreachable

__all__ = ["DEFAULT_TIMEOUT", "TOOL", "Progress", "container_names", "examine"]

TOOL = Tool(name="linkdoctor", version=__version__)
DEFAULT_TIMEOUT = 30.0
"""Seconds that the examination of one engine may take."""

_POLL_INTERVAL = 0.2
_INTERRUPT_GRACE = 1.5
"""Seconds that a reader may take to give up after an interruption."""

Progress = Callable[[str], None]


def examine(
    engines: Sequence[Url | ContextName] = (Url(),),
    *,
    timeout: float = DEFAULT_TIMEOUT,
    further: CollectOptions = CollectOptions(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
    keep_what_is_known: bool = False,
) -> Examination:
    """Take a snapshot of each engine, all at once; one that fails does not hide the others.

    Args:
        engines: where the engines are; by default the one that the docker CLI would use.
        timeout: seconds that each engine may take, whatever it does.
        further: what is read or tried only if asked for.
        environment: ``DOCKER_*`` variables are read from it.
        progress: is told what is being read.
        keep_what_is_known: let Ctrl-C end the reading, not the call: what was read by then is
            given, and the rest is Unknown.

    Raises:
        EndpointError: an engine is named in a way that cannot be right.
        KeyboardInterrupt: Ctrl-C, unless `keep_what_is_known`.
    """
    environment = os.environ if environment is None else environment
    for where in engines:
        endpoint_of(where, environment)
    seen: dict[int, Snapshot] = {}
    failed: dict[int, Unreachable] = {}
    deadlines = [Deadline(timeout) for _ in engines]
    clients: list[EngineClient] = []

    def work(number: int, where: Url | ContextName) -> None:
        deadline = deadlines[number]
        try:
            client = connect(where, deadline, environment)
            clients.append(client)
            try:
                seen[number] = collect(
                    client, deadline, tool=TOOL, further=further, progress=progress
                )
            finally:
                client.close()
        except EngineError as error:
            failed[number] = _unreachable(where, environment, str(error))
        except Exception as error:  # one engine must not hide the others
            failed[number] = _unreachable(where, environment, internal_error(error))
        finally:
            done.put(number)

    # Not threads that are joined: Python takes one for ended whose join was interrupted.
    done: SimpleQueue[int] = SimpleQueue()
    waiting = set(range(len(engines)))
    late = f"it did not answer within {timeout:g} s"
    interrupted = False
    try:
        for number, where in enumerate(engines):
            threading.Thread(target=work, args=(number, where), daemon=True).start()
        # Every request has its own deadline; this is the last resort.
        _wait(waiting, done, timeout + 2)
    except KeyboardInterrupt:
        if not keep_what_is_known:
            raise
        interrupted, late = True, "it was interrupted before the engine had answered"
        failed_before = set(failed)
        for deadline in deadlines:
            deadline.end()
        for client in tuple(clients):
            client.hang_up()
        _wait(waiting, done, _INTERRUPT_GRACE)
        waiting |= failed.keys() - failed_before
    for number in waiting:
        failed[number] = _unreachable(engines[number], environment, late)
    snapshots = [seen[number] for number in sorted(seen) if number not in failed]
    return Examination(
        snapshots=_distinct(snapshots),
        unreachable=tuple(failed[number] for number in sorted(failed)),
        interrupted=interrupted,
    )


def _wait(waiting: set[int], done: SimpleQueue[int], seconds: float) -> None:
    """Take out of what is waited for all that is done within the time.

    Poll, because a signal delivered to another thread does not wake this one.
    """
    clock = Deadline(seconds)
    while waiting:
        try:
            waiting.discard(done.get(timeout=min(clock.left(), _POLL_INTERVAL)))
        except Empty:
            if clock.left() <= 0:
                return


def container_names(
    engines: Sequence[Url | ContextName] = (Url(),),
    *,
    timeout: float = 1.0,
    environment: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Return the names of all containers, for completion; an engine that does not answer has none.

    Args:
        engines: where the engines are; by default the one that the docker CLI would use.
        timeout: seconds that all of it may take, whatever the engines do.
        environment: ``DOCKER_*`` variables are read from it.
    """
    environment = os.environ if environment is None else environment
    deadline = Deadline(timeout)
    found: set[str] = set()

    def work(where: Url | ContextName) -> None:
        with contextlib.suppress(Exception):  # a key was pressed: no explanation is wanted
            client = connect(where, deadline, environment)
            with contextlib.closing(client):
                found.update(_names_of(client))

    threads = [threading.Thread(target=work, args=(each,), daemon=True) for each in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline.left())
    return tuple(sorted(found.copy()))


def _names_of(client: EngineClient) -> tuple[str, ...]:
    """Ask for the list of containers; their aliases in others are no names. Raises EngineError."""
    listed = client.get("/containers/json", list[ListAnswer], all="1")
    names = (name for each in listed for name in each.Names or ())
    return tuple(sorted(name.removeprefix("/") for name in names if parse_link_name(name) is None))


def _unreachable(
    where: Url | ContextName, environment: Mapping[str, str], reason: str
) -> Unreachable:
    try:
        endpoint = endpoint_of(where, environment)
    except EngineError:
        endpoint = ""
    if isinstance(where, ContextName):
        return Unreachable(host=f"context {where.name}", endpoint=endpoint, reason=reason)
    return Unreachable(host=endpoint or "the engine", endpoint=endpoint, reason=reason)


def _distinct(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """Return each snapshot a host name of its own: engines on one machine share theirs."""
    counts = Counter(snapshot.host for snapshot in snapshots)
    distinct: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        name = snapshot.host
        if counts[name] > 1:
            name = f"{name} ({snapshot.endpoint})"
        # The same engine given twice is one host.
        distinct.setdefault(name, msgspec.structs.replace(snapshot, host=name))
    return tuple(distinct.values())
