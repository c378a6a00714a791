"""Carries out one action on an engine, proves it, and puts things back if it fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from linkdoctor.collect.control import Control, Raw, Seen, Unanswered
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.journal import Call, Journal, JournalError
from linkdoctor.fix.lock import Lock
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.proving import NotGood, Patience, prove
from linkdoctor.fix.recorder import Recorder, state_before
from linkdoctor.fix.recreation import owner
from linkdoctor.fix.replacement import replace_container
from linkdoctor.fix.step_run import (
    Refused,
    StepRun,
    Verify,
    left_to_owner,
    may_go_on,
    restartable,
    sentence,
)
from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.plan import Files

__all__ = ["Verify", "perform"]


def perform(
    action: Action,
    control: Control,
    journal: Journal,
    *,
    verify: Verify = lambda: None,
    keep_old: bool = False,
    files: Files = Files.KEEP,
    lock: Lock | None = None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Carry out one action and prove it.

    A recreation that fails is put back; the others leave what they did, for
    :func:`linkdoctor.fix.undo.undo`. Whatever is raised midway, a Ctrl-C too, a recreation is put
    back first.

    Args:
        action: what to do.
        control: the engine.
        journal: notes each call before it is made.
        verify: is asked after the action; a recreation is put back if it finds fault.
        keep_old: the old container of a recreation stays, stopped, with its restart policy off.
        files: what becomes of what the old container of a recreation wrote outside volumes.
        lock: of the engine; a guardian holds it as long as it has something to do.
        patience: how long things are waited for.
        environment: of the guardian, which needs ``DOCKER_*`` to find the engine.
    """
    environment = os.environ if environment is None else environment
    run = StepRun(
        control=control,
        journal=journal,
        verify=verify,
        keep_old=keep_old,
        files=files,
        lock=lock,
        patience=patience,
        environment=environment,
    )
    try:
        return _carry_out(run, action)
    except (Refused, EngineError, JournalError) as error:
        return _refused(action, str(error))


def _carry_out(run: StepRun, action: Action) -> Outcome:
    match action:
        case Start():
            return _start(run, action)
        case Unpause():
            return _unpause(run, action)
        case Restart():
            return _restart(run, action)
        case Rename():
            return _rename(run, action)
        case SetRestartPolicy():
            return _set_policy(run, action)
        case ConnectNetwork():
            return _connect(run, action)
        case Recreate():
            return replace_container(run, action)


def _refused(action: Action, reason: str) -> Outcome:
    return Outcome(action=action, result=Result.NOT_FIXED, reason=reason)


# Steps of one call


def _start(run: StepRun, action: Start) -> Outcome:
    seen = run.control.look(action.container)
    if seen.running:
        return _nothing_to_do(run, action, seen)
    act = partial(run.control.start, seen.id)
    return _one_call(run, action, seen, Call.START, "", act, prove_it=True)


def _unpause(run: StepRun, action: Unpause) -> Outcome:
    seen = run.control.look(action.container)
    if seen.status != "paused":
        return _nothing_to_do(run, action, seen)
    act = partial(run.control.unpause, seen.id)
    return _one_call(run, action, seen, Call.UNPAUSE, "", act, prove_it=True)


def _restart(run: StepRun, action: Restart) -> Outcome:
    seen, sources = restartable(run.control, action)
    act = partial(run.control.restart, seen.id)
    return _one_call(
        run, action, seen, Call.RESTART, "", act, prove_it=True, interrupts=True, sources=sources
    )


def _rename(run: StepRun, action: Rename) -> Outcome:
    seen = run.control.look(action.container)
    if seen.name == action.to:
        return _nothing_to_do(run, action, seen)
    owned = owner(run.control.inspect_raw(seen.id))
    if owned is not None:
        return left_to_owner(action, seen, owned)
    act = partial(run.control.rename, seen.id, action.to)
    outcome = _one_call(run, action, seen, Call.RENAME, action.to, act)
    if outcome.result is Result.FIXED and seen.link_aliases:
        note = (
            f"Until the engine restarts, the hosts file of {action.to} does not follow when a "
            "source gets another address."
        )
        return msgspec.structs.replace(outcome, notes=(note,))
    return outcome


def _set_policy(run: StepRun, action: SetRestartPolicy) -> Outcome:
    seen = run.control.look(action.container)
    if seen.restart_policy == action.policy:
        return _nothing_to_do(run, action, seen)
    act = partial(run.control.update_restart_policy, seen.id, action.policy)
    return _one_call(run, action, seen, Call.RESTART_POLICY, action.policy, act)


def _connect(run: StepRun, action: ConnectNetwork) -> Outcome:
    seen = run.control.look(action.container)
    for name, identity, aliases in seen.networks:
        if action.network not in (name, identity):
            continue
        if set(action.aliases) <= set(aliases):
            return _nothing_to_do(run, action, seen)
        raise Refused(f"{seen.name} is on {name} already, without these aliases; recreate it")
    endpoint: Raw = {"Aliases": list(action.aliases)} if action.aliases else {}
    act = partial(run.control.connect_network, action.network, seen.id, endpoint)
    return _one_call(run, action, seen, Call.CONNECT, action.network, act)


def _one_call(
    run: StepRun,
    action: Action,
    seen: Seen,
    kind: Call,
    name: str,
    act: Callable[[], object],
    *,
    prove_it: bool = False,
    interrupts: bool = False,
    sources: tuple[str, ...] = (),
) -> Outcome:
    before = state_before(seen, sources)
    number = run.journal.begin(action, before, engine=run.control.engine_id())
    do = Recorder(run.journal, number)
    began = time.monotonic()
    took = 0.0
    notes: tuple[str, ...] = ()
    result, reason = Result.FIXED, ""
    try:
        do.call(kind, seen.id, name, act)
        took = time.monotonic() - began
        if prove_it:
            ill = prove(
                run.control, seen.id, run.patience, was_unhealthy=seen.health == "unhealthy"
            )
            notes = (sentence(ill),) if ill else ()
        reason = run.verify() or ""
    except Unanswered as error:
        # The step stays open in the journal: whether it was done is for `resume` to find out.
        return Outcome(
            action=action,
            result=Result.NOT_FIXED,
            reason=str(error),
            step=number,
            container=seen.id,
        )
    except (EngineError, NotGood) as error:
        reason = str(error)
    except BaseException as interrupt:
        interrupt.add_note(may_go_on(seen.name, run.journal))
        raise
    if reason:
        result = Result.NOT_FIXED
    run.journal.end(number, result)
    return Outcome(
        action=action,
        result=result,
        reason=reason,
        notes=notes,
        step=number,
        container=seen.id,
        interrupted=took if interrupts else 0.0,
    )


def _nothing_to_do(run: StepRun, action: Action, seen: Seen) -> Outcome:
    reason = run.verify()
    result = Result.NOT_FIXED if reason else Result.FIXED
    return Outcome(
        action=action,
        result=result,
        reason=reason or "",
        notes=("Nothing had to be changed.",),
        container=seen.id,
    )
