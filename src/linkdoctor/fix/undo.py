"""Takes finished steps back, and brings interrupted ones to an end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from linkdoctor.collect.control import Control, Seen
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.guardian import Guardian, GuardianError
from linkdoctor.fix.interruption import come_to_an_end
from linkdoctor.fix.journal import Call, Journal, JournalStep
from linkdoctor.fix.lock import Lock
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.proving import NotGood, Patience, prove
from linkdoctor.fix.recorder import Recorder
from linkdoctor.fix.recovery import (
    Lost,
    Which,
    put_back,
    resume_recreation,
    served_by,
    start_sources,
)
from linkdoctor.fix.reversible import changed_something, why_irreversible
from linkdoctor.fix.sharing import orphans, rejoin
from linkdoctor.model.actions import (
    ConnectNetwork,
    Joined,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)

__all__ = ["Dependents", "Reversal", "resume", "reversals", "undo"]

_ANOTHER_ENGINE = "the journal is about another engine"
_MOST_NAMES = 5
_LONGEST_RESTART = 600
_STARTED_WITHIN = 8.0


class _CannotUndo(Exception):
    """A step cannot be taken back; the message is a clause that says why."""


def resume(
    journal: Journal,
    control: Control,
    *,
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> tuple[Outcome, ...]:
    """Bring each interrupted step to one of its two ends, and clean up what it left.

    A recreation whose new container had proved itself is finished; any other is put back. Gives
    one outcome for each step that was open. Raises JournalError.
    """
    return tuple(_resume(journal, control, each, patience) for each in journal.steps() if each.open)


Dependents = Callable[[JournalStep], tuple[str, ...]]
"""Names the containers that rely on what a step did."""


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """A step, and whether it can be taken back."""

    step: JournalStep
    why_not: str = ""
    """A clause; '' if it can be taken back, as far as is known before it is tried."""


def reversals(
    steps: Sequence[JournalStep], engine: str, dependents: Dependents
) -> tuple[Reversal, ...]:
    """Return whether each step can be taken back, the last first.

    Steps that changed nothing, and those that were taken back before, are left out.
    """
    return tuple(
        Reversal(step=step, why_not=_why_not(step, engine, dependents, steps))
        for step in _last_first(steps)
        if changed_something(step) and not step.undone
    )


def _why_not(
    step: JournalStep, engine: str, dependents: Dependents, steps: Sequence[JournalStep]
) -> str:
    if step.engine != engine:
        return _ANOTHER_ENGINE
    if why := why_irreversible(step):
        return why
    names = [each for each in dependents(step) if each not in _taken_back_after(step, steps)]
    if names:
        return f"{_listed(names)} would break, because of what depends on it; deal with that first"
    return ""


def _taken_back_after(step: JournalStep, steps: Sequence[JournalStep]) -> set[str]:
    """Return the sharers of a container that was replaced which are put back once it is."""
    return {
        each.before.name
        for each in steps
        if changed_something(each)
        and not why_irreversible(each)
        and step.before.name in {own.container for own in _joins(each)}
    }


def _listed(names: Sequence[str]) -> str:
    few = names[:_MOST_NAMES]
    more = f" and {len(names) - len(few)} more" if len(names) > len(few) else ""
    return ", ".join(few) + more


def undo(
    journal: Journal,
    control: Control,
    *,
    dependents: Dependents = lambda _: (),
    lock: Lock | None = None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
) -> tuple[Outcome, ...]:
    """Take the steps of a journal back, the last one first; open ones are brought to an end first.

    Steps that failed, and those that were taken back before, are left out. A step that cannot be
    taken back, or that something depends on, does not keep the others from it. Raises JournalError.
    """
    environment = os.environ if environment is None else environment
    interrupted = [each for each in reversed(journal.steps()) if each.open]
    outcomes = [_resume(journal, control, each, patience) for each in interrupted]
    run = _Run(
        journal=journal,
        control=control,
        dependents=dependents,
        lock=lock,
        patience=patience,
        environment=environment,
    )
    outcomes += [
        _undo(run, step)
        for step in _last_first(journal.steps())
        if changed_something(step) and not step.undone
    ]
    return tuple(outcomes)


def _last_first(steps: Sequence[JournalStep]) -> tuple[JournalStep, ...]:
    """Return steps in the order in which they are taken back: the last one first.

    But who shares the namespaces of a container that was replaced comes after it: as it was it can
    run again only when the one that it refers to does.
    """
    left, ordered = list(reversed(steps)), list[JournalStep]()
    while left:
        names = {each.before.name for each in left}
        ready = [each for each in left if not names & {own.container for own in _joins(each)}]
        ordered.append((ready or left)[0])
        left.remove(ordered[-1])
    return tuple(ordered)


def _joins(step: JournalStep) -> tuple[Joined, ...]:
    return step.action.joins if isinstance(step.action, Recreate) else ()


def _outcome(
    step: JournalStep, result: Result, reason: str = "", notes: tuple[str, ...] = ()
) -> Outcome:
    return Outcome(
        action=step.action,
        result=result,
        reason=reason,
        notes=tuple(f"{each}." for each in notes),
        step=step.number,
    )


def _strange(step: JournalStep, control: Control) -> str | None:
    if step.engine != control.engine_id():
        return _ANOTHER_ENGINE
    return None


def _resume(journal: Journal, control: Control, step: JournalStep, patience: Patience) -> Outcome:
    try:
        if (why := _strange(step, control)) is not None:
            return _outcome(step, Result.NOT_FIXED, why)
        if not isinstance(step.action, Recreate):
            return _resume_one_call(journal, control, step, patience)
        ended = resume_recreation(control, journal, step, patience)
    except (EngineError, Lost) as error:
        return _outcome(step, Result.NOT_FIXED, str(error))
    if ended.which is Which.OLD:
        return _outcome(step, Result.UNDONE, served_by(ended), ended.notes)
    notes = (*ended.notes, *orphans(control, step.before.id, step.before.name))
    if not ended.proved:
        return _outcome(step, Result.NOT_FIXED, served_by(ended), notes)
    return _outcome(step, Result.FIXED, notes=(served_by(ended, capital=True), *notes))


def _resume_one_call(
    journal: Journal, control: Control, step: JournalStep, patience: Patience
) -> Outcome:
    """See whether the one call of a step was carried out; what a restart stopped is started."""
    seen = control.find(step.before.id)
    if isinstance(step.action, Restart) and seen is not None and step.calls:
        seen = _restarted(
            control, step, seen, Recorder(journal, step.number, strict=False), patience
        )
    done = seen is not None and bool(step.calls) and _is_done(step, seen)
    result = Result.FIXED if done else Result.NOT_FIXED
    notes: tuple[str, ...] = ()
    if done and isinstance(step.action, Restart):
        do = Recorder(journal, step.number)
        notes = tuple(rejoin(control, step.before.id, do.restart(control)))
    journal.end(step.number, result)
    reason = "" if done else "it was interrupted before it was done"
    return _outcome(step, result, reason, notes)


def _restarted(
    control: Control, step: JournalStep, seen: Seen, do: Recorder, patience: Patience
) -> Seen | None:
    """Wait for a restart that may still be under way; start what was stopped and not started."""
    longest = max(0, min(seen.stop_timeout, _LONGEST_RESTART)) + _STARTED_WITHIN
    until = time.monotonic() + longest
    now: Seen | None = seen
    while now is not None and now.started_at == step.before.started_at:
        if time.monotonic() >= until:
            break
        time.sleep(patience.glance)
        now = control.find(seen.id)
    if now is not None and not now.wanted_up and step.before.running:
        start_sources(control, step.before, do)
        do.call(Call.START, seen.id, "", lambda: control.start(seen.id))
        now = control.find(seen.id)
    return now


def _is_done(step: JournalStep, seen: Seen) -> bool:
    match step.action:
        case Start():
            return seen.running
        case Restart():
            # One that runs as it did before may not even have been asked.
            return seen.running and seen.started_at != step.before.started_at
        case Unpause():
            return seen.running and seen.status != "paused"
        case Rename(to=name):
            return seen.name == name
        case SetRestartPolicy(policy=policy):
            return seen.restart_policy == policy
        case ConnectNetwork(network=network):
            return any(network in (name, identity) for name, identity, _ in seen.networks)
        case Recreate():
            return False


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """What all steps are taken back with."""

    journal: Journal
    control: Control
    dependents: Dependents
    lock: Lock | None
    patience: Patience
    environment: Mapping[str, str]


def _undo(run: _Run, step: JournalStep) -> Outcome:
    try:
        engine = run.control.engine_id()
        if why := _why_not(step, engine, run.dependents, run.journal.steps()):
            return _outcome(step, Result.NOT_FIXED, why)
        if isinstance(step.action, Recreate):
            return _take_back_recreation(run, step)
        _take_back(run.control, step, Recorder(run.journal, step.number))
    except (EngineError, _CannotUndo) as error:
        return _outcome(step, Result.NOT_FIXED, str(error))
    run.journal.undone(step.number)
    return _outcome(step, Result.UNDONE)


def _take_back(control: Control, step: JournalStep, do: Recorder) -> None:
    before = step.before
    match step.action:
        case Recreate() | Restart():
            raise _CannotUndo(why_irreversible(step))
        case Start():
            if not before.running:
                do.call(Call.STOP, before.id, "", lambda: control.stop(before.id))
        case Unpause():
            do.call(Call.PAUSE, before.id, "", lambda: control.pause(before.id))
        case Rename():
            name = before.name
            do.call(Call.RENAME, before.id, name, lambda: control.rename(before.id, name))
        case SetRestartPolicy():
            policy = before.restart_policy
            act = partial(control.update_restart_policy, before.id, policy)
            do.call(Call.RESTART_POLICY, before.id, policy, act)
        case ConnectNetwork(network=network):
            act = partial(control.disconnect_network, network, before.id)
            do.call(Call.DISCONNECT, before.id, network, act)


def _take_back_recreation(run: _Run, step: JournalStep) -> Outcome:
    """Put the old container back; meanwhile a guardian sees to it that one of the two serves."""
    if run.control.find(step.before.id) is None:
        raise _CannotUndo("the old container is gone: it was removed since")
    holder = run.control.find(step.before.name)
    if holder is not None and holder.id not in (step.new_id, step.before.id):
        raise _CannotUndo(f"{step.before.name} is now a different container, created since")
    run.journal.undoing(step.number)
    try:
        with Guardian(
            run.control.where,
            run.journal.path,
            step.number,
            environment=run.environment,
            lock=run.lock,
            patience=run.patience,
        ):
            return _put_back(run, step)
    except GuardianError as error:
        run.journal.end(step.number, step.result, kept=step.kept)
        return _outcome(step, Result.NOT_FIXED, str(error))


def _put_back(run: _Run, step: JournalStep) -> Outcome:
    do = Recorder(run.journal, step.number)
    try:
        ended = put_back(run.control, step, do, run.patience)
    except (EngineError, Lost) as error:
        later = f"it is tried again for a while; then use --resume {run.journal.path}"
        return _outcome(step, Result.NOT_FIXED, f"{error}; {later}")
    except BaseException as interrupt:
        note = come_to_an_end(run.control, run.journal, step.number, run.patience)
        interrupt.add_note(note)
        raise
    if ended.which is Which.NEW:
        run.journal.end(step.number, step.result, kept=step.kept)
        reason = "; ".join(ended.notes) or "the old container cannot be started"
        return _outcome(step, Result.NOT_FIXED, reason)
    run.journal.undone(step.number)
    ill = ""
    try:
        if step.before.running:
            ill = prove(
                run.control, step.before.id, run.patience, was_unhealthy=step.before.unhealthy
            )
    except (EngineError, NotGood) as error:
        why = f"the old container is back, but {error}"
        return _outcome(step, Result.NOT_FIXED, why, ended.notes)
    return _outcome(step, Result.UNDONE, notes=(*ended.notes, *([ill] if ill else [])))
