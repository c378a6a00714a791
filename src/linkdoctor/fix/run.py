"""Carries out a plan: one step after another, each proved by a new examination of its host.

Restarts that do not depend on one another may run side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from linkdoctor.collect.control import Control
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.journal import Journal
from linkdoctor.fix.lock import Lock
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.perform import perform
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.restarting import Faults, restart_side_by_side
from linkdoctor.fix.reversible import changed_something, why_irreversible
from linkdoctor.fix.sharing import still_due
from linkdoctor.model.actions import Action, Recreate, Restart
from linkdoctor.model.plan import Files, Plan, Step
from linkdoctor.model.report import Finding, Report, Safety

__all__ = [
    "Answer",
    "Confirm",
    "Done",
    "EngineSession",
    "Examine",
    "SideBySide",
    "Told",
    "carry_out",
]

_PAUSE = 0.5


class Answer(StrEnum):
    """What is said to a step before it is carried out."""

    YES = "yes"
    NO = "no"
    STOP = "stop"
    """No, and to all that follow."""


Confirm = Callable[[Step], Answer]
"""Is asked before each step."""

Examine = Callable[[str], Report]
"""Examines a host once more; raises EngineError if it cannot be asked."""


class EngineSession(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine is changed with."""

    control: Control
    journal: Journal
    lock: Lock


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one step of a plan."""

    step: Step
    result: Result | None
    """None if it was not begun."""
    reason: str = ""
    """Why it is not fixed, or was not begun; a clause."""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    """For how long nothing served under the container's name."""
    kept: str = ""
    """The id of the old container, where it was kept."""
    reversible: bool = False
    """``--undo`` can take it back, as far as is known before it is tried."""
    irreversible: str = ""
    """Why it cannot be taken back, where it changed something; a clause."""


Told = Callable[[Step, Done | None], None]
"""Is told that a step begins (None), and how it ended."""


SideBySide = Callable[[int], int]
"""Says how many steps may run side by side, from the one at an index of the plan on."""


def carry_out(
    plan: Plan,
    hands: Mapping[str, EngineSession],
    examine: Examine,
    *,
    confirm: Confirm = lambda _: Answer.YES,
    on_step: Told = lambda _, __: None,
    side_by_side: SideBySide = lambda _: 1,
    keep_old: bool = False,
    files: Files = Files.KEEP,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    settle: float = 5.0,
    environment: Mapping[str, str],
) -> tuple[Done, ...]:
    """Carry out the steps of a plan in their order; one that needs a failed one is left out.

    Args:
        plan: what to do.
        hands: of each host that the plan has steps for.
        examine: is asked after each step that is to fix something.
        confirm: is asked before each step; of those that run side by side, before the first.
        on_step: is told how it goes.
        side_by_side: restarts of one host that do not depend on one another.
        keep_old: containers that are replaced stay, stopped.
        files: what becomes of what these wrote outside volumes.
        patience: how long a container is waited for.
        settle: seconds that a fault may still be seen after a step that is to fix it.
        environment: ``DOCKER_*`` variables, for guardians.

    Raises:
        JournalError: nothing more can be written down, so nothing more is done.
    """
    run = _Run(
        hands=hands,
        examine=examine,
        on_step=on_step,
        keep_old=keep_old,
        files=files,
        patience=patience,
        settle=settle,
        environment=environment,
    )
    done: list[Done] = []
    failed: dict[int, bool] = {}
    """The steps that did not succeed, and whether they were begun."""
    stopped = False
    while len(done) < len(plan.steps):
        group = _next(plan.steps, len(done), 1 if stopped else side_by_side(len(done)), failed)
        ended: dict[int, tuple[Done, bool]] = {}
        agreed: list[Step] = []
        for planned in group:
            step: Step | None = planned
            missing = [number for number in planned.after if number in failed]
            if missing and not stopped:
                tried = any(failed[number] for number in missing)
                step = _still_due(planned, hands[planned.host].control) if tried else None
            if stopped:
                result = Done(step=planned, result=None, reason="declined")
            elif step is None:
                numbers = " and ".join(map(str, missing))
                reason = f"step {numbers}, which it needs, was not carried out"
                result = Done(step=planned, result=None, reason=reason)
            elif (answer := confirm(step)) is not Answer.YES:
                stopped = answer is Answer.STOP
                result = Done(step=step, result=None, reason="declined")
            else:
                agreed.append(step)
                continue
            ended[planned.number] = result, False
        ended.update(_carried_out(run, agreed))
        for planned in group:
            result, begun = ended[planned.number]
            if result.result is not Result.FIXED:
                failed[planned.number] = begun
            done.append(result)
    return tuple(_with_later(each, done) for each in done)


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """What all steps are carried out with."""

    hands: Mapping[str, EngineSession]
    examine: Examine
    on_step: Told
    keep_old: bool
    files: Files
    patience: Patience
    settle: float
    environment: Mapping[str, str]


def _next(
    steps: Sequence[Step], first: int, most: int, failed: Mapping[int, bool]
) -> Sequence[Step]:
    """Return the steps that come next; one that needs a failed one is looked at alone."""
    group = steps[first : first + most]
    needs_failed = any(number in failed for each in group for number in each.after)
    return steps[first : first + 1] if needs_failed else group


def _carried_out(run: _Run, steps: Sequence[Step]) -> dict[int, tuple[Done, bool]]:
    """Carry out steps that may run side by side: what became of each, and whether it was begun."""
    for step in steps:
        run.on_step(step, None)
    restarts = [each.action for each in steps if isinstance(each.action, Restart)]
    if len(steps) == len(restarts) > 1:
        hand = run.hands[steps[0].host]
        outcomes = restart_side_by_side(
            restarts,
            hand.control,
            hand.journal,
            faults=_finding_faults(steps, run.examine, run.settle),
            patience=run.patience,
        )
    else:
        outcomes = tuple(_performed(run, each) for each in steps)
    ended: dict[int, tuple[Done, bool]] = {}
    for step, outcome in zip(steps, outcomes, strict=True):
        result = _done(step, outcome, run.hands[step.host].journal)
        ended[step.number] = result, outcome.step is not None
        run.on_step(step, result)
    return ended


def _performed(run: _Run, step: Step) -> Outcome:
    hand = run.hands[step.host]
    return perform(
        step.action,
        hand.control,
        hand.journal,
        verify=_verifying(step, run.examine, run.settle),
        keep_old=run.keep_old,
        files=run.files,
        lock=hand.lock,
        patience=run.patience,
        environment=run.environment,
    )


def _with_later(one: Done, done: Sequence[Done]) -> Done:
    """Return what became of a step, knowing the later ones, which may keep it from being undone."""
    if not one.reversible:
        return one
    name = one.step.action.container
    later = [
        each
        for each in done
        if each.result is Result.FIXED
        and isinstance(each.step.action, Recreate)
        and one.step.number in each.step.after
    ]
    why = ""
    if any(each.step.action.container == name and not each.reversible for each in later):
        why = f"{name} was replaced after it"
    elif isinstance(one.step.action, Recreate):
        keepers = [
            each.step.action.container
            for each in later
            if not _is_sharer(each.step.action) or not each.reversible
        ]
        if keepers:
            verb = "was" if len(keepers) == 1 else "were"
            needs = "needs" if len(keepers) == 1 else "need"
            names = ", ".join(keepers)
            why = f"{names}, which {verb} replaced after it, {needs} the new one"
    return msgspec.structs.replace(one, reversible=not why, irreversible=why)


def _is_sharer(action: Action) -> bool:
    return isinstance(action, Recreate) and bool(action.joins)


def _still_due(step: Step, control: Control) -> Step | None:
    """Return the step of a sharer whose owner was started anew, although its step failed."""
    try:
        action = still_due(control, step.action)
    except EngineError:
        return None
    if action is None or action == step.action:
        return step if action is not None else None
    return msgspec.structs.replace(
        step,
        action=action,
        safety=Safety.RESTART,
        title=f"restart {action.container}",
        reason="It shares the namespaces of a container that was restarted in vain.",
    )


def _done(step: Step, outcome: Outcome, journal: Journal) -> Done:
    noted = [each for each in journal.steps() if each.number == outcome.step]
    changed = [each for each in noted if each.open or changed_something(each)]
    why_not = why_irreversible(changed[0]) if changed else ""
    return Done(
        reversible=bool(changed) and not why_not,
        irreversible=why_not,
        step=step,
        result=outcome.result,
        reason=outcome.reason,
        notes=outcome.notes,
        seconds=round(outcome.interrupted, 1),
        kept=outcome.kept,
    )


def _verifying(step: Step, examine: Examine, settle: float) -> Callable[[], str | None]:
    """Make the look at what a step is to have fixed."""

    def verify() -> str | None:
        if not step.fixes:
            return None
        until = time.monotonic() + settle
        while True:
            fault = _fault(step, examine(step.host))
            if fault is None or time.monotonic() >= until:
                return fault
            time.sleep(_PAUSE)

    return verify


def _finding_faults(steps: Sequence[Step], examine: Examine, settle: float) -> Faults:
    """Make the looks at what steps of one host are to have fixed, each for all of them."""

    def faults(places: Sequence[int]) -> Iterator[tuple[int, str | None]]:
        yield from ((place, None) for place in places if not steps[place].fixes)
        left = [place for place in places if steps[place].fixes]
        until = time.monotonic() + settle
        while left:
            try:
                report = examine(steps[left[0]].host)
            except EngineError as error:
                yield from ((place, str(error)) for place in left)
                return
            found = {place: _fault(steps[place], report) for place in left}
            late = time.monotonic() >= until
            yield from (each for each in found.items() if late or each[1] is None)
            left = [] if late else [place for place in left if found[place] is not None]
            if left:
                time.sleep(_PAUSE)

    return faults


def _fault(step: Step, report: Report) -> str | None:
    """Say what is still wrong of what a step is to have fixed; None if nothing is."""
    left = [each for each in report.findings if each.fingerprint in step.fixes]
    if left:
        return f"{_named(left[0])} is still there"
    unseen = [
        each
        for each in report.skipped
        if each.code in step.codes and each.subject.partition("/")[0] == step.action.container
    ]
    if unseen and not isinstance(step.action, Recreate):
        # A recreation is not put back for want of evidence.
        return f"{unseen[0].code} could not be looked for again: no {unseen[0].missing}"
    return None


def _named(finding: Finding) -> str:
    where = f"{finding.target}/{finding.alias}" if finding.alias else finding.target
    return f"{finding.code} {where}"
