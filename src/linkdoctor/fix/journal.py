"""What was done, step by step, on disk before it is done: for undoing, and for finishing.

One JSON object per line. It holds ids and names only: no environment, no command line, none of the
engine's words. The configuration of a container that is replaced stays with that container.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from linkdoctor.fix.recreation import aside_name
from linkdoctor.given_files import read_regular
from linkdoctor.model.actions import Action
from linkdoctor.model.plan import Files

__all__ = [
    "SCHEMA",
    "Before",
    "Call",
    "Entry",
    "Event",
    "Journal",
    "JournalError",
    "JournalStep",
    "default_path",
    "journals",
    "read",
    "state_directory",
    "steps",
]

SCHEMA = "linkdoctor.journal/1"
_MODE = 0o600
_LARGEST = 64 * 1024 * 1024


class JournalError(Exception):
    """The journal cannot be written or read; the message is one line."""


class Event(StrEnum):
    """What a line of the journal tells."""

    BEGIN = "begin"
    """A step begins; nothing has been changed for it yet."""
    BEFORE = "before"
    """A call to the engine is about to be made."""
    AFTER = "after"
    """The engine has answered it."""
    VERIFIED = "verified"
    """The new container proved itself: from here on the step is finished, not taken back."""
    END = "end"
    """The step is over."""
    UNDOING = "undoing"
    """A finished step is about to be taken back; it is open again until that is done."""
    UNDONE = "undone"
    """A finished step was taken back."""


class Call(StrEnum):
    """A change that is asked of the engine."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    RENAME = "rename"
    RESTART_POLICY = "set-restart-policy"
    CREATE = "create"
    REMOVE = "remove"
    CONNECT = "connect-network"
    DISCONNECT = "disconnect-network"


class Before(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A container before a step: what taking the step back needs."""

    id: str
    name: str
    running: bool = False
    paused: bool = False
    restart_policy: str = "no"
    stop_timeout: int = 10
    """Seconds; below zero: for ever."""
    networks: tuple[str, ...] = ()
    started_at: str = ""
    """When it was started last: another time means that it was started anew."""
    sources: tuple[str, ...] = ()
    """The ids of the running containers without which it cannot start, nor what replaces it."""
    unhealthy: bool = False
    """Its health check failed."""
    aside: str = ""
    """The name under which it is put aside, where the usual one was taken."""
    stranded: str = ""
    """Why it could not be started again as it was, a clause; '' if it could."""

    @property
    def away(self) -> str:
        """The name under which it is put aside."""
        return self.aside or aside_name(self.name)


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line."""

    time: str
    """RFC 3339, UTC."""
    step: int
    event: Event
    schema: str = ""
    """In the first line of a file."""
    engine: str = ""
    """The engine's id, at the beginning of a step."""
    action: Action | None = None
    """What the step is to do, at its beginning."""
    before: Before | None = None
    keep_old: bool = False
    overlap: bool = False
    """The new container starts before the old one stops."""
    files: Files = Files.KEEP
    """What becomes of what the old container wrote outside volumes."""
    carried: bool = False
    """All of that is in the new container, which proved itself."""
    call: Call | None = None
    container: str = ""
    """The id of the container that the call is about."""
    name: str = ""
    """The name, network or policy that the call gives."""
    failed: bool = False
    """The engine refused the call, or gave no answer."""
    result: str = ""
    """``fixed``, ``not-fixed`` or ``undone``, at the end."""
    kept: str = ""
    """The id of the old container that is still there, at the end."""


class JournalStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step, put together from its lines."""

    number: int
    engine: str
    action: Action
    before: Before
    keep_old: bool = False
    overlap: bool = False
    files: Files = Files.KEEP
    carried: bool = False
    calls: tuple[Entry, ...] = ()
    """The lines before and after each call."""
    verified: bool = False
    served: bool = False
    """The new container has served, and may hold what was written to it since."""
    result: str = ""
    """'' while it is not over."""
    kept: str = ""
    ended_at: str = ""
    """RFC 3339, UTC; '' while it is not over."""
    undone: bool = False

    @property
    def open(self) -> bool:
        """It was interrupted, or is being done."""
        return not self.result

    @property
    def new_id(self) -> str:
        """The id of the container that was created; '' if the engine's answer was not seen."""
        created = [
            each.container
            for each in self.calls
            if each.call is Call.CREATE and each.event is Event.AFTER and not each.failed
        ]
        return created[-1] if created else ""

    @property
    def unanswered(self) -> Entry | None:
        """The last call, if its answer was not seen."""
        last = self.calls[-1] if self.calls else None
        return last if last is not None and last.event is Event.BEFORE else None

    @property
    def pending(self) -> tuple[Entry, ...]:
        """The calls that may still be at work: made, and their answers not seen.

        A container that was asked to start after it was asked to stop had stopped by then.
        """
        waiting: list[Entry] = []
        for each in self.calls:
            if each.event is Event.BEFORE:
                over = _OPPOSITE.get(each.call) if each.call is not None else None
                waiting = [
                    one
                    for one in waiting
                    if not (one.call is over and one.container == each.container)
                ]
                waiting.append(each)
            else:
                waiting = [one for one in waiting if not _answers(each, one)]
        return tuple(waiting)

    def is_stopping(self, container: str) -> bool:
        """Whether a container was asked to stop, and the answer was not seen."""
        return any(each.call is Call.STOP and each.container == container for each in self.pending)

    def called(self, call: Call) -> bool:
        """Whether a call was made, answered or not."""
        return any(each.call is call for each in self.calls)


_OPPOSITE = {Call.START: Call.STOP, Call.STOP: Call.START}


def _answers(after: Entry, before: Entry) -> bool:
    """Whether a line tells how the call of another line went; a creation has its id only then."""
    about = after.call is Call.CREATE or after.container == before.container
    return after.call is before.call and after.name == before.name and about


class Journal:
    """A journal that is written to. Each line is on disk when its method returns."""

    def __init__(self, path: Path, *, continued: bool = False) -> None:
        """Open a new file, or continue one that exists; raises JournalError."""
        self.path = path
        kind = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            if not continued:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make = 0 if continued else os.O_CREAT
            self._file = os.open(path, kind | make, _MODE)
        except OSError as error:
            raise JournalError(f"{path} cannot be written: {error.strerror}") from None
        try:
            os.fchmod(self._file, _MODE)
            _cut_torn_line(self._file)
            known = steps(read(path))
            _sync_directory(path.parent)
        except OSError as error:
            os.close(self._file)
            raise JournalError(f"{path} cannot be written: {error.strerror}") from None
        except JournalError:
            os.close(self._file)
            raise
        self._fresh = not known
        self._last = max((each.number for each in known), default=0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def begin(
        self,
        action: Action,
        before: Before,
        *,
        engine: str,
        keep_old: bool = False,
        overlap: bool = False,
        files: Files = Files.KEEP,
    ) -> int:
        """Note that a step begins; gives its number. Raises JournalError, as all that write."""
        self._last += 1
        entry = Entry(
            time=_now(),
            step=self._last,
            event=Event.BEGIN,
            schema=SCHEMA if self._fresh else "",
            engine=engine,
            action=action,
            before=before,
            keep_old=keep_old,
            overlap=overlap,
            files=files,
        )
        self._append(entry)
        self._fresh = False
        return self._last

    def before(self, step: int, call: Call, container: str, name: str = "") -> None:
        """Note a call that is about to be made."""
        self._note(step, Event.BEFORE, call=call, container=container, name=name)

    def after(
        self, step: int, call: Call, container: str, name: str = "", *, failed: bool = False
    ) -> None:
        """Note how a call went."""
        self._note(step, Event.AFTER, call=call, container=container, name=name, failed=failed)

    def verified(self, step: int, container: str, *, carried: bool = False) -> None:
        """Note that the new container proved itself, and whether it has all of the old one's."""
        self._note(step, Event.VERIFIED, container=container, carried=carried)

    def end(self, step: int, result: str, *, kept: str = "") -> None:
        """Note that a step is over."""
        self._note(step, Event.END, result=result, kept=kept)

    def undoing(self, step: int) -> None:
        """Note that a finished step is about to be taken back."""
        self._note(step, Event.UNDOING)

    def undone(self, step: int) -> None:
        """Note that a finished step was taken back."""
        self._note(step, Event.UNDONE)

    def steps(self) -> tuple[JournalStep, ...]:
        """Read what stands in it so far."""
        return steps(read(self.path))

    def _note(
        self,
        step: int,
        event: Event,
        *,
        call: Call | None = None,
        container: str = "",
        name: str = "",
        failed: bool = False,
        result: str = "",
        kept: str = "",
        carried: bool = False,
    ) -> None:
        self._append(
            Entry(
                time=_now(),
                step=step,
                event=event,
                call=call,
                container=container,
                name=name,
                failed=failed,
                result=result,
                kept=kept,
                carried=carried,
            )
        )

    def _append(self, entry: Entry) -> None:
        line = msgspec.json.encode(entry) + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                _cut_torn_line(self._file)
                raise JournalError(f"{self.path} cannot be written: the disk is full")
            os.fsync(self._file)
        except OSError as error:
            raise JournalError(f"{self.path} cannot be written: {error.strerror}") from None


def state_directory(environment: Mapping[str, str] | None = None) -> Path:
    """Return the directory for journals and locks: ``$XDG_STATE_HOME/linkdoctor``."""
    environment = os.environ if environment is None else environment
    given = environment.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "linkdoctor"


def default_path(environment: Mapping[str, str] | None = None) -> Path:
    """Return the path of a new journal, named after the time and this process."""
    environment = os.environ if environment is None else environment
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return state_directory(environment) / f"fix-{stamp}-{os.getpid()}.jsonl"


def journals(
    environment: Mapping[str, str] | None = None,
) -> tuple[tuple[Path, tuple[JournalStep, ...]], ...]:
    """Return the journals in the state directory that hold a step, the newest last.

    What cannot be read, and what is no journal, is left out.
    """
    environment = os.environ if environment is None else environment
    found: list[tuple[str, Path, tuple[JournalStep, ...]]] = []
    for path in sorted(state_directory(environment).glob("fix-*.jsonl")):
        with contextlib.suppress(JournalError):
            if (entries := read(path)) and (known := steps(entries)):
                found.append((entries[0].time, path, known))
    return tuple((path, known) for _, path, known in sorted(found, key=lambda each: each[:2]))


def read(path: Path) -> tuple[Entry, ...]:
    """Read a journal; a last line that was cut off by a crash is left out.

    Raises:
        JournalError: it cannot be read, or is none.
    """
    try:
        content = read_regular(path, _LARGEST)
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise JournalError(f"{path} is larger than any journal")
    return tuple(_entries(path, content))


def _entries(path: Path, content: bytes) -> Iterator[Entry]:
    *lines, _torn = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise JournalError(f"{path}, line {number}: this is not a journal") from None
        if number == 1 and entry.schema != SCHEMA:
            raise JournalError(f"{path} is not a journal that this version can read")
        yield entry


def steps(entries: Sequence[Entry]) -> tuple[JournalStep, ...]:
    """Put a journal's lines together into steps, in the order of their beginning."""
    found: dict[int, JournalStep] = {}
    for entry in entries:
        if entry.event is Event.BEGIN and entry.action is not None and entry.before is not None:
            found[entry.step] = JournalStep(
                number=entry.step,
                engine=entry.engine,
                action=entry.action,
                before=entry.before,
                keep_old=entry.keep_old,
                overlap=entry.overlap,
                files=entry.files,
            )
        elif entry.step in found:
            found[entry.step] = _with(found[entry.step], entry)
    return tuple(found.values())


def _with(step: JournalStep, entry: Entry) -> JournalStep:
    change = msgspec.structs.replace
    match entry.event:
        case Event.BEFORE | Event.AFTER:
            return change(step, calls=(*step.calls, entry))
        case Event.VERIFIED:
            return change(step, verified=True, served=True, carried=entry.carried)
        case Event.END:
            served = step.served or entry.result != "undone"
            return change(
                step, result=entry.result, kept=entry.kept, ended_at=entry.time, served=served
            )
        case Event.UNDOING:
            return change(step, result="", verified=False)
        case Event.UNDONE:
            return change(step, undone=True, result=step.result or "fixed")
        case _:
            return step


def _cut_torn_line(file: int) -> None:
    """Remove a last line without an end, which a crash left."""
    size = os.fstat(file).st_size
    start = max(0, size - (1 << 20))
    tail = os.pread(file, size - start, start)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(file, start + tail.rfind(b"\n") + 1)


def _sync_directory(directory: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
