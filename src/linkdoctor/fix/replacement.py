"""Replaces a container by another one, proves that, and puts the old one back if it fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from linkdoctor.collect.control import Control, ControlError, Raw
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.carrying import carry, made_by_engine
from linkdoctor.fix.guardian import Guardian, GuardianError
from linkdoctor.fix.interruption import come_to_an_end
from linkdoctor.fix.journal import Call, Journal, JournalError
from linkdoctor.fix.left_behind import Copies
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.pinning import is_port_taken, moved_ports
from linkdoctor.fix.preparation import Prepared, dead_ends, prepare, refuse_too_large
from linkdoctor.fix.proving import NotGood, prove
from linkdoctor.fix.recorder import Recorder, state_before
from linkdoctor.fix.recovery import (
    Kept,
    Lost,
    Which,
    finish,
    keep_quiet,
    put_back,
    restart_sharers,
    watch,
)
from linkdoctor.fix.recreation import Recreation, owner
from linkdoctor.fix.reversible import stranded
from linkdoctor.fix.step_run import StepRun, journal_step, left_to_owner, sentence
from linkdoctor.model.actions import Recreate
from linkdoctor.model.plan import Files

__all__ = ["replace_container"]

T = TypeVar("T")


def replace_container(run: StepRun, action: Recreate) -> Outcome:
    """Carry out a recreation; raises Refused, EngineError or JournalError.

    Whatever fails or is raised once something was changed, the old container is put back.
    """
    raw = run.control.inspect_raw(action.container)
    seen = run.control.look(raw["Id"])
    owned = owner(raw)
    if owned is not None:
        return left_to_owner(action, seen, owned)
    prepared = prepare(run.control, action, raw, seen)
    if run.files is Files.CARRY:
        refuse_too_large(run.control, seen)
    before = msgspec.structs.replace(
        state_before(seen, prepared.sources),
        aside=prepared.aside,
        stranded=stranded(dead_ends(run.control, seen)),
    )
    if action.joins and not action.stays_down:
        # What shares its owner's processes was killed when the owner was replaced.
        before = msgspec.structs.replace(before, running=True)
    number = run.journal.begin(
        action,
        before,
        engine=run.control.engine_id(),
        keep_old=run.keep_old,
        overlap=prepared.overlap,
        files=run.files,
    )
    try:
        guardian = Guardian(
            run.control.where,
            run.journal.path,
            number,
            environment=run.environment,
            lock=run.lock,
            patience=run.patience,
        )
    except GuardianError as error:
        run.journal.end(number, Result.NOT_FIXED)
        return Outcome(action=action, result=Result.NOT_FIXED, reason=str(error), step=number)
    with guardian:
        outcome = _replace(run, action, prepared, number)
    if (
        outcome.result is Result.NOT_FIXED
        and journal_step(run.journal, number).result == Result.UNDONE
    ):
        # What could not be put back at once, the guardian has put back since.
        return msgspec.structs.replace(
            outcome, result=Result.UNDONE, notes=(), container=seen.id, kept=""
        )
    return outcome


class _Clock:
    """How long nothing served under the name."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since: float | None = None

    def begin(self) -> None:
        self._since = self._since or time.monotonic()

    def end(self) -> None:
        if self._since is not None:
            self.seconds += time.monotonic() - self._since
            self._since = None


def _replace(run: StepRun, action: Recreate, prepared: Prepared, number: int) -> Outcome:
    do = Recorder(run.journal, number)
    clock = _Clock()
    try:
        up = _bring_up(run, action, prepared, do, clock)
        carried = up.copies is not None and up.copies.all_there
        run.journal.verified(number, up.id, carried=carried)
    except (EngineError, JournalError, NotGood) as error:
        return _fall_back(run, action, number, str(error), clock)
    except BaseException as interrupt:
        interrupt.add_note(come_to_an_end(run.control, run.journal, number, run.patience))
        raise
    notes = up.notes
    kept = Kept()
    try:
        kept = finish(run.control, journal_step(run.journal, number), do.relaxed(), up.copies)
        copied = up.copies.in_words() if up.copies is not None else ""
        notes = (*(sentence(each) for each in (copied, *kept.notes) if each), *up.notes)
        run.journal.end(number, Result.FIXED, kept=kept.id)
    except (EngineError, JournalError) as error:
        notes = (
            *notes,
            f"The new container runs, but {prepared.aside} could not be put away "
            f"({error}): use --resume.",
        )
    except BaseException as interrupt:
        interrupt.add_note(come_to_an_end(run.control, run.journal, number, run.patience))
        raise
    return Outcome(
        action=action,
        result=Result.FIXED,
        notes=notes,
        step=number,
        container=up.id,
        kept=kept.id,
        interrupted=clock.seconds,
    )


class _Up(msgspec.Struct, frozen=True, kw_only=True):
    """The new container, which proved itself."""

    id: str
    copies: Copies | None = None
    """What was copied into it."""
    notes: tuple[str, ...] = ()
    """Sentences on what is not as it was."""


def _bring_up(
    run: StepRun, action: Recreate, prepared: Prepared, do: Recorder, clock: _Clock
) -> _Up:
    """Put the new container in the old one's place, and prove it.

    The new one is created under its final name, since a rename would keep its hosts file from
    following its sources (engine lab); the old one makes way for it, running.
    """
    control, old, order = run.control, prepared.seen, prepared.order
    away = prepared.aside
    do.call(Call.RENAME, old.id, away, lambda: control.rename(old.id, away))
    new = _create(run, prepared, order, do)
    carry_over = _carrying(run, new, prepared)
    if old.wanted_up and not prepared.overlap:
        clock.begin()
        do.call(Call.STOP, old.id, "", lambda: control.stop(old.id))
    copies = carry_over()
    if not prepared.starts:
        return _Up(id=new, copies=copies)
    started, copies = _start_new(run, prepared, new, copies, do)
    clock.end()
    ill = prove(control, started, run.patience, was_unhealthy=old.health == "unhealthy")
    if fault := run.verify():
        raise NotGood(fault)
    notes = () if started == new else (moved_ports(action),)
    return _Up(id=started, copies=copies, notes=(*notes, *((sentence(ill),) if ill else ())))


def _create(run: StepRun, prepared: Prepared, order: Recreation, do: Recorder) -> str:
    control, name = run.control, prepared.seen.name
    new = do.call(Call.CREATE, "", name, lambda: control.create(name, order.body))
    for network, endpoint in order.connect:
        do.call(Call.CONNECT, new, network, _connecting(control, network, new, endpoint))
    return new


def _carrying(run: StepRun, new: str, prepared: Prepared) -> Callable[[], Copies | None]:
    """Find out whether files can be copied into the new container; return what does it.

    What cannot be done is found out before the old container is stopped.
    """
    if run.files is not Files.CARRY:
        return lambda: None
    old = prepared.seen
    running = old.wanted_up and prepared.overlap
    made = _or_not_good(lambda: made_by_engine(run.control, new))

    def copied() -> Copies:
        found = _or_not_good(lambda: carry(run.control, old.id, new, made))
        return Copies(copied=found, running=running)

    return copied


def _or_not_good(act: Callable[[], T]) -> T:
    try:
        return act()
    except EngineError as error:
        raise NotGood(f"its files could not be carried over: {error}") from None


def _start_new(
    run: StepRun, prepared: Prepared, new: str, copies: Copies | None, do: Recorder
) -> tuple[str, Copies | None]:
    """Start the new container, without a port of the engine's choice if it is taken by now.

    Then it is another container, into which the files are copied as well.
    """
    control = run.control
    try:
        do.call(Call.START, new, "", lambda: control.start(new))
    except ControlError as error:
        if prepared.unpinned is None or not is_port_taken(str(error)):
            raise
        do.call(Call.REMOVE, new, "", lambda: control.remove(new, force=True))
        new = _create(run, prepared, prepared.unpinned, do)
        copies = _carrying(run, new, prepared)()
        do.call(Call.START, new, "", lambda: control.start(new))
    return new, copies


def _connecting(control: Control, network: str, new: str, endpoint: Raw) -> Callable[[], None]:
    return lambda: control.connect_network(network, new, endpoint)


def _fall_back(run: StepRun, action: Recreate, number: int, reason: str, clock: _Clock) -> Outcome:
    """Put the old container back; where that fails, the guardian goes on trying."""
    step = journal_step(run.journal, number)
    do = Recorder(run.journal, number, strict=False)
    ran = step.before.running
    if ran and step.called(Call.STOP):
        clock.begin()
    try:
        ended = put_back(run.control, step, do, run.patience)
        ended = watch(run.control, step, do, run.patience) or ended
        ended = restart_sharers(run.control, step, do, ended)
    except (EngineError, Lost) as error:
        return Outcome(
            action=action,
            result=Result.NOT_FIXED,
            reason=reason,
            notes=(
                f"The old container could not be put back ({error}). It is tried again for a while "
                f"in the background; then use --resume with {run.journal.path}.",
            ),
            step=number,
        )
    clock.end()
    if ended.which is Which.OLD:
        _end(run.journal, number, Result.UNDONE)
        return Outcome(
            action=action,
            result=Result.UNDONE,
            reason=reason,
            notes=tuple(f"{each}." for each in ended.notes),
            step=number,
            container=step.before.id,
            interrupted=clock.seconds,
        )
    with contextlib.suppress(EngineError):
        keep_quiet(run.control, step, do)
    _end(run.journal, number, Result.NOT_FIXED, kept=step.before.id)
    return Outcome(
        action=action,
        result=Result.NOT_FIXED,
        reason=reason,
        notes=(
            *(f"{each}." for each in ended.notes),
            f"The new container was left in its place; {step.before.away} is kept.",
        ),
        step=number,
        container=step.new_id,
        kept=step.before.id,
        interrupted=clock.seconds,
    )


def _end(journal: Journal, number: int, result: Result, *, kept: str = "") -> None:
    try:
        journal.end(number, result, kept=kept)
    except JournalError:
        pass  # the guardian finds the step open, and nothing left to do
