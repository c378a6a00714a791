"""What can be done with the journal of an earlier run: take it back, or bring it to an end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import msgspec

from linkdoctor.api import ContextName, EngineError, Url, examine, join
from linkdoctor.collect.control import Control, controlling
from linkdoctor.fix.dependents import dependents, namespace_sharers
from linkdoctor.fix.journal import Journal, JournalError, JournalStep, journals, state_directory
from linkdoctor.fix.journal import read as read_journal
from linkdoctor.fix.journal import steps as steps_of
from linkdoctor.fix.lock import Lock, LockError, locked
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.undo import Dependents, Reversal, reversals
from linkdoctor.fix.undo import resume as resume_steps
from linkdoctor.fix.undo import undo as undo_steps
from linkdoctor.fix.use_cases import FixError
from linkdoctor.model.actions import Recreate

__all__ = ["NoJournalError", "Undoing", "how_it_ended", "interrupted", "resume", "undo"]


class NoJournalError(FixError):
    """There is no such journal, or nothing stands in it; the message is one line."""


class Undoing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be taken back."""

    journal: Path
    interrupted: tuple[JournalStep, ...]
    """The steps that are brought to an end first."""
    reversals: tuple[Reversal, ...]
    """The steps that left a change, the last first, each with whether it can be taken back."""


def undo(
    journal: Path | None,
    engine: Url | ContextName = Url(),  # noqa: B008 - frozen
    *,
    agree: Callable[[Undoing], bool] = lambda _: True,
    wait: float = 0.0,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
) -> tuple[Outcome, ...]:
    """Take the steps of a journal back, the last one first; None: the newest of this engine.

    A step that something depends on by now is left. `agree` is shown what is to be done, and
    nothing is done if it says no.

    Raises:
        EngineError: the engine does not answer.
        NoJournalError: there is no such journal, or nothing stands in it.
        FixError: another run holds the lock, or the journal cannot be written.
    """
    environment = os.environ if environment is None else environment
    if journal is not None:
        _steps_in(journal)
    with _engine(engine, wait, environment) as (control, lock):
        path = _newest(control.engine_id(), environment) if journal is None else journal
        relying = _relying(engine, control, environment)
        with _continued(path) as written:
            found = written.steps()
            undoing = Undoing(
                journal=path,
                interrupted=tuple(each for each in found if each.open),
                reversals=reversals(found, control.engine_id(), relying),
            )
            if not agree(undoing):
                return ()
            return undo_steps(
                written,
                control,
                dependents=relying,
                lock=lock,
                patience=patience,
                environment=environment,
            )


def resume(
    journal: Path,
    engine: Url | ContextName = Url(),  # noqa: B008 - frozen
    *,
    wait: float = 0.0,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
) -> tuple[Outcome, ...]:
    """Bring the interrupted steps of a journal to an end.

    Raises:
        EngineError: the engine does not answer.
        NoJournalError: there is no such journal, or nothing stands in it.
        FixError: another run holds the lock, or the journal cannot be written.
    """
    environment = os.environ if environment is None else environment
    _steps_in(journal)
    with _engine(engine, wait, environment) as (control, _), _continued(journal) as written:
        return resume_steps(written, control, patience=patience)


def how_it_ended(journal: Path) -> tuple[str, ...]:
    """Return, for each recreation in a journal, how it ended and which container serves.

    Raises:
        NoJournalError: there is no such journal, or nothing stands in it.
    """
    serves = {
        Result.FIXED: "the new container serves",
        Result.NOT_FIXED: "the new container serves, unproved",
        Result.UNDONE: "the old container serves",
    }
    return tuple(
        f"recreate {each.before.name}: ended before as {each.result}: {serves[Result(each.result)]}"
        for each in _steps_in(journal)
        if isinstance(each.action, Recreate) and each.calls and each.result and not each.undone
    )


def interrupted(
    engine: Url | ContextName = Url(),  # noqa: B008 - frozen
    *,
    environment: Mapping[str, str] | None = None,
) -> tuple[Path, ...]:
    """Find the journals in the state directory with a step on this engine that is not over.

    Raises:
        EngineError: the engine does not answer.
    """
    environment = os.environ if environment is None else environment
    left = [
        (path, {each.engine for each in known if each.open})
        for path, known in journals(environment)
        if any(each.open for each in known)
    ]
    if not left:
        return ()
    with controlling(engine, environment) as control:
        identity = control.engine_id()
    return tuple(path for path, engines in left if identity in engines)


def _newest(engine: str, environment: Mapping[str, str]) -> Path:
    """Return the newest journal of an engine in the state directory."""
    for path, known in reversed(journals(environment)):
        if any(each.engine == engine for each in known):
            return path
    raise NoJournalError(
        f"{state_directory(environment)} holds no journal of a fix on this engine; name one"
    )


def _steps_in(path: Path) -> tuple[JournalStep, ...]:
    """Read a journal that is to be used; raises NoJournalError."""
    if not path.is_file():
        raise NoJournalError(f"there is no journal {path}")
    try:
        found = steps_of(read_journal(path))
    except JournalError as error:
        raise NoJournalError(str(error)) from None
    if not found:
        raise NoJournalError(f"{path} is empty: no step was started, and there is nothing to do")
    return found


def _relying(
    engine: Url | ContextName, control: Control, environment: Mapping[str, str]
) -> Dependents:
    """Make what names the containers that rely on a step, as the engine is now."""

    def names(step: JournalStep) -> tuple[str, ...]:
        seen = examine([engine], environment=environment)
        for lost in seen.unreachable:
            raise EngineError(f"the engine cannot be examined: {lost.reason}")
        (snapshot,) = seen.snapshots
        found = dependents(step, join(seen).topology, snapshot.host)
        return tuple(sorted({*found, *namespace_sharers(step, control)}))

    return names


@contextlib.contextmanager
def _engine(
    engine: Url | ContextName, wait: float, environment: Mapping[str, str]
) -> Generator[tuple[Control, Lock], None, None]:
    try:
        with (
            controlling(engine, environment) as control,
            locked(control.installation(), at=control.socket_path, wait=wait) as lock,
        ):
            yield control, lock
    except (LockError, JournalError) as error:
        raise FixError(str(error)) from None


def _continued(path: Path) -> Journal:
    return Journal(path, continued=True)
