"""Takes finished steps back, and brings interrupted ones to an end."""

from __future__ import annotations

from functools import partial

from linkdoctor.collect.control import Control, Seen
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.journal import Call, Journal, Step
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.recovery import (
    Lost,
    NotGood,
    Patience,
    Recorder,
    Which,
    prove,
    put_back,
    resume_recreation,
)
from linkdoctor.model.actions import (
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)

__all__ = ["resume", "undo"]


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


def undo(
    journal: Journal,
    control: Control,
    *,
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> tuple[Outcome, ...]:
    """Take the steps of a journal back, the last one first; open ones are brought to an end first.

    Steps that failed, and those that were taken back before, are left out. A step that cannot be
    taken back does not keep the others from it. Raises JournalError.
    """
    interrupted = [each for each in reversed(journal.steps()) if each.open]
    outcomes = [_resume(journal, control, each, patience) for each in interrupted]
    for step in reversed(journal.steps()):
        changed = step.result == Result.FIXED or (step.result == Result.NOT_FIXED and _acted(step))
        if changed and not step.undone:
            outcomes.append(_undo(journal, control, step, patience))
    return tuple(outcomes)


def _acted(step: Step) -> bool:
    """Tell whether a step that did not help did something all the same."""
    last = step.calls[-1] if step.calls else None
    return last is not None and not last.failed


def _outcome(step: Step, result: Result, reason: str = "", notes: tuple[str, ...] = ()) -> Outcome:
    return Outcome(
        action=step.action,
        result=result,
        reason=reason,
        notes=tuple(f"{each}." for each in notes),
        step=step.number,
    )


def _strange(step: Step, control: Control) -> str | None:
    if step.engine != control.engine_id():
        return "the journal is about another engine"
    return None


def _resume(journal: Journal, control: Control, step: Step, patience: Patience) -> Outcome:
    try:
        if (why := _strange(step, control)) is not None:
            return _outcome(step, Result.NOT_FIXED, why)
        if not isinstance(step.action, Recreate):
            return _resume_one_call(journal, control, step)
        ended = resume_recreation(control, journal, step, patience)
    except (EngineError, Lost) as error:
        return _outcome(step, Result.NOT_FIXED, str(error))
    if ended.which is Which.NEW:
        return _outcome(step, Result.FIXED, notes=ended.notes)
    return _outcome(step, Result.UNDONE, "it was interrupted", ended.notes)


def _resume_one_call(journal: Journal, control: Control, step: Step) -> Outcome:
    """See whether the one call of a step was carried out."""
    seen = control.find(step.before.id)
    done = seen is not None and bool(step.calls) and _is_done(step, seen)
    result = Result.FIXED if done else Result.NOT_FIXED
    journal.end(step.number, result)
    reason = "" if done else "it was interrupted before it was done"
    return _outcome(step, result, reason)


def _is_done(step: Step, seen: Seen) -> bool:
    match step.action:
        case Start() | Restart():
            return seen.running
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


def _undo(journal: Journal, control: Control, step: Step, patience: Patience) -> Outcome:
    do = Recorder(journal, step.number)
    try:
        if (why := _strange(step, control)) is not None:
            return _outcome(step, Result.NOT_FIXED, why)
        notes = _take_back(control, step, do, patience)
    except (EngineError, Lost, NotGood, _CannotUndo) as error:
        return _outcome(step, Result.NOT_FIXED, str(error))
    journal.undone(step.number)
    return _outcome(step, Result.UNDONE, notes=notes)


def _take_back(control: Control, step: Step, do: Recorder, patience: Patience) -> tuple[str, ...]:
    before = step.before
    match step.action:
        case Recreate():
            return _take_back_recreation(control, step, do, patience)
        case Restart():
            raise _CannotUndo("a restart leaves nothing to take back")
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
            do.call(Call.POLICY, before.id, policy, act)
        case ConnectNetwork(network=network):
            act = partial(control.disconnect_network, network, before.id)
            do.call(Call.DISCONNECT, before.id, network, act)
    return ()


def _take_back_recreation(
    control: Control, step: Step, do: Recorder, patience: Patience
) -> tuple[str, ...]:
    if control.find(step.before.id) is None:
        raise _CannotUndo(
            "the old container was removed when the new one had proved itself; --keep-old keeps it"
        )
    ended = put_back(control, step, do)
    if ended.which is Which.NEW:
        raise _CannotUndo("; ".join(ended.notes) or "the old container cannot be started")
    if step.before.running:
        prove(control, step.before.id, patience, was_unhealthy=step.before.unhealthy)
    return ended.notes
