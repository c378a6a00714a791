"""Brings an interrupted recreation to one of its two ends: the old container, or the new one.

What it does depends on what there is and on what was asked of the engine and not yet answered: a
container that is being stopped still runs, and does not count as running. Doing it twice does no
harm, so the run itself, its guardian and a later ``--resume`` all call the same functions.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from enum import StrEnum
from functools import partial

import msgspec

from linkdoctor.collect.control import Conflict, Control, ControlError, Missing, Seen
from linkdoctor.fix.journal import Before, Call, Journal, JournalStep
from linkdoctor.fix.left_behind import Copies, holds_more, why_kept
from linkdoctor.fix.pending_stop import asked_to_stop, wait_for_stop
from linkdoctor.fix.proving import NotGood, Patience, prove
from linkdoctor.fix.recorder import Recorder
from linkdoctor.fix.recreation import NEW_SUFFIX, UNDONE_SUFFIX, aside_name, is_copy_of
from linkdoctor.fix.reversible import undo_command
from linkdoctor.fix.sharing import rejoin
from linkdoctor.model.actions import Recreate
from linkdoctor.model.plan import Files

__all__ = [
    "Ended",
    "Kept",
    "Lost",
    "Which",
    "can_start",
    "finish",
    "keep_quiet",
    "put_back",
    "restart_sharers",
    "resume_recreation",
    "served_by",
    "start_sources",
    "watch",
]

_LATE = 3.0


class Lost(Exception):
    """Neither end can be reached; the message is a clause that says why."""


class Which(StrEnum):
    """One of the two containers of a recreation."""

    OLD = "old"
    NEW = "new"


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Which container runs under the name now."""

    which: Which
    notes: tuple[str, ...] = ()
    """Clauses on what is not as it was."""
    proved: bool = True
    """False for a new container that did not prove itself and was left, for want of the old."""


def served_by(ended: Ended, *, capital: bool = False) -> str:
    """Say which container serves after an interrupted recreation: a clause, or a sentence."""
    if ended.which is Which.OLD:
        said = "it was interrupted and put back: the old container serves"
    elif ended.proved:
        said = "it was interrupted and finished: the new container serves"
    else:
        said = "it was interrupted: the new container serves, unproved"
    return said[0].upper() + said[1:] if capital else said


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The old container, where it is kept."""

    id: str = ""
    """'' if it is not kept."""
    notes: tuple[str, ...] = ()
    """Clauses on why it is kept, and what can be done with it."""


def can_start(control: Control, container: Seen) -> bool:
    """Whether each link on the default bridge leads to a running source.

    And whether the containers run whose namespaces it shares. Otherwise the engine refuses to start
    it, or to start it again (engine lab).
    """
    sources = (control.link(container.name, alias) for alias in container.link_aliases)
    owners = (control.find(reference) for _, reference in container.shares)
    return all(each is not None and each.running for each in (*sources, *owners))


def put_back(control: Control, step: JournalStep, do: Recorder, patience: Patience) -> Ended:
    """Bring the old container back to its name, and to run if it did.

    Where the old one cannot be started again (its link's source is gone) the new one is started
    instead: never neither. What decides is whether the old one will run, not whether it runs now:
    a stop that was asked for and not answered is waited for first.

    Raises:
        Lost: no end could be reached; what is there was left as it is.
        EngineError: the engine cannot be asked.
    """
    before = step.before
    old = control.find(before.id)
    if old is not None:
        old = wait_for_stop(control, step, old, patience.glance)
    new = _new_one(control, step)
    if old is None:
        if new is None:
            raise Lost("the old container is gone, and there is no new one")
        return _forward(control, step, None, new, do, patience)
    if not before.running or _stays_up(control, step, old):
        kept = () if new is None else _retire_new(control, step, new, do)
        notes = _take_name(control, before, old, do)
        _restore_policy(control, before, old, do)
        return Ended(which=Which.OLD, notes=(*notes, *kept))
    start_sources(control, before, do)
    if new is not None and not can_start(control, old):
        why = f"{before.name} as it was cannot start again, because of its links"
        return _forward(control, step, old, new, do, patience, (why,))
    return _swap_back(control, step, old, new, do, patience)


def _stays_up(control: Control, step: JournalStep, old: Seen) -> bool:
    """Whether the old container runs and will go on to."""
    if old.status == "restarting":
        return can_start(control, old)
    # Only one without a time limit is still being stopped when it was waited for.
    return old.running and not (step.before.stop_timeout < 0 and asked_to_stop(step, old))


def start_sources(control: Control, before: Before, do: Recorder) -> None:
    """Start again what ran when the step began and without which nothing can start.

    They went down with the engine; where they do not start, what needs them will say so.
    """
    for identity in before.sources:
        source = control.find(identity)
        if source is None or source.wanted_up or source.status == "paused":
            continue
        with contextlib.suppress(ControlError):
            do.call(Call.START, identity, "", partial(control.start, identity))


def _swap_back(
    control: Control,
    step: JournalStep,
    old: Seen,
    new: Seen | None,
    do: Recorder,
    patience: Patience,
) -> Ended:
    """Start the old container in the new one's place; remove the new one only after that."""
    before = step.before
    if new is not None:
        _halt(control, new, do)
        if new.name == before.name:
            aside = before.name + NEW_SUFFIX
            do.call(Call.RENAME, new.id, aside, lambda: control.rename(new.id, aside))
    notes = _take_name(control, before, old, do)
    try:
        do.call(Call.START, old.id, "", lambda: control.start(old.id))
    except ControlError as error:
        if new is None:
            raise Lost(f"the old container does not start: {error}") from None
        away = before.away
        do.call(Call.RENAME, old.id, away, lambda: control.rename(old.id, away))
        why = f"The old container does not start again: {error}"
        return _forward(control, step, old, control.look(new.id), do, patience, (why,))
    kept = () if new is None else _retire_new(control, step, control.look(new.id), do)
    _restore_policy(control, before, old, do)
    return Ended(which=Which.OLD, notes=(*notes, *kept))


def _forward(
    control: Control,
    step: JournalStep,
    old: Seen | None,
    new: Seen,
    do: Recorder,
    patience: Patience,
    notes: tuple[str, ...] = (),
) -> Ended:
    """Let the new container serve: it is what was asked for."""
    before = step.before
    if old is not None and not step.overlap:
        _halt(control, old, do)  # it is being stopped and has no time limit for it
    if old is not None and old.name == before.name:
        away = before.away
        do.call(Call.RENAME, old.id, away, lambda: control.rename(old.id, away))
    if new.name != before.name:
        do.call(Call.RENAME, new.id, before.name, lambda: control.rename(new.id, before.name))
    now = wait_for_stop(control, step, new, patience.glance)
    if now is None or not now.running:
        try:
            do.call(Call.START, new.id, "", lambda: control.start(new.id))
        except ControlError as error:
            raise Lost(f"neither the old container nor the new one starts: {error}") from None
    return Ended(which=Which.NEW, notes=notes)


def _take_name(control: Control, before: Before, old: Seen, do: Recorder) -> tuple[str, ...]:
    if old.name == before.name:
        return ()
    try:
        do.call(Call.RENAME, old.id, before.name, lambda: control.rename(old.id, before.name))
    except Conflict:
        return (
            f"The name {before.name} was taken by another container meanwhile: "
            f"the old container is now called {old.name}",
        )
    if old.link_aliases and before.running:
        return (
            f"{before.name} was renamed and renamed back: until the engine restarts, its hosts "
            "file is not updated when a source gets another address",
        )
    return ()


def _restore_policy(control: Control, before: Before, old: Seen, do: Recorder) -> None:
    if old.restart_policy != before.restart_policy:
        policy = before.restart_policy
        act = partial(control.update_restart_policy, old.id, policy)
        do.call(Call.RESTART_POLICY, old.id, policy, act)


def _halt(control: Control, container: Seen, do: Recorder) -> None:
    if container.wanted_up:
        do.call(Call.STOP, container.id, "", lambda: control.stop(container.id))


def _retire(control: Control, container: Seen, do: Recorder) -> None:
    """Stop a container and remove it. Its volumes stay: they are the old one's."""
    try:
        now = control.look(container.id)
        _halt(control, now, do)
        act = partial(control.remove, container.id, force=True)
        do.call(Call.REMOVE, container.id, "", act)
    except Missing:
        pass  # gone already


def _retire_new(control: Control, step: JournalStep, new: Seen, do: Recorder) -> tuple[str, ...]:
    """Remove the new container; one that served is kept where it wrote what the old one has not.

    Returns clauses on one that is kept.
    """
    if not step.served:
        _retire(control, new, do)
        return ()
    _halt(control, new, do)
    if UNDONE_SUFFIX not in new.name:
        away = _free_name(control, step.before.name)
        do.call(Call.RENAME, new.id, away, lambda: control.rename(new.id, away))
    why = holds_more(control, new.id, step.before.id)
    if not why:
        _retire(control, new, do)
        return ()
    _silence(control, new, do)
    now = control.look(new.id)
    return (
        f"{now.name}, which had replaced it, is kept, stopped: {why}",
        f"To remove it: docker rm {now.name} (without -v, since its volumes are used)",
    )


def _free_name(control: Control, name: str) -> str:
    taken = control.names()
    return next(
        each
        for each in (aside_name(name, number, UNDONE_SUFFIX) for number in itertools.count(1))
        if each not in taken
    )


def _silence(control: Control, container: Seen, do: Recorder) -> None:
    """Keep a container from coming back at the next boot."""
    if container.restart_policy != "no":
        act = partial(control.update_restart_policy, container.id, "no")
        do.call(Call.RESTART_POLICY, container.id, "no", act)


def _new_one(control: Control, step: JournalStep) -> Seen | None:
    """Find the new container, even if the engine's answer to its creation was never seen."""
    found = control.find(step.new_id) if step.new_id else None
    if found is not None:
        return found
    if not step.called(Call.CREATE):
        return None
    names = control.names()
    for name in (step.before.name, step.before.name + NEW_SUFFIX):
        identity = names.get(name)
        if identity is None or identity == step.before.id:
            continue
        found = control.find(identity)
        if found is not None and _is_ours(control, found, step):
            return found
    return None


def _is_ours(control: Control, found: Seen, step: JournalStep) -> bool:
    # A stranger may have taken the name: ours never ran, and is set up as the old one is.
    if not found.never_started:
        return False
    try:
        return is_copy_of(control.inspect_raw(found.id), control.inspect_raw(step.before.id))
    except Missing:
        return False


def watch(control: Control, step: JournalStep, do: Recorder, patience: Patience) -> Ended | None:
    """Wait for what a call may still bring about whose answer was not seen, and put it right.

    Stops are waited for before anything is decided. Gives the last end that was reached, or None
    if nothing more happened.
    """
    if all(each.call is Call.STOP for each in step.pending):
        return None
    until = time.monotonic() + _LATE
    ended: Ended | None = None
    while time.monotonic() < until:
        time.sleep(patience.glance)
        if not _is_put_back(control, step):
            ended = put_back(control, step, do, patience)
            if ended.which is Which.NEW:
                break
    return ended


def restart_sharers(control: Control, step: JournalStep, do: Recorder, ended: Ended) -> Ended:
    """Restart those whom the old container's stop left behind, when it was put back."""
    if ended.which is not Which.OLD or not step.called(Call.STOP):
        return ended
    notes = tuple(rejoin(control, step.before.id, do.restart(control)))
    return msgspec.structs.replace(ended, notes=(*ended.notes, *notes))


def _is_put_back(control: Control, step: JournalStep) -> bool:
    old = control.find(step.before.id)
    if old is None or (step.before.running and not old.wanted_up):
        return False
    # A rename that comes late leaves the name to nobody.
    named = old.name == step.before.name or control.find(step.before.name) is not None
    new = _new_one(control, step)
    return named and (new is None or (UNDONE_SUFFIX in new.name and not new.wanted_up))


def finish(control: Control, step: JournalStep, do: Recorder, copies: Copies | None = None) -> Kept:
    """Remove the old container, or keep it, stopped: also where it holds what nobody else has.

    Args:
        control: the engine.
        step: a recreation whose new container serves.
        do: makes the calls.
        copies: what was copied into the new container while the old one ran.
    """
    old = control.find(step.before.id)
    if old is None:
        return Kept()
    _halt(control, old, do)
    why = why_kept(control, step, copies)
    if not step.keep_old and not why:
        _retire(control, old, do)
        return Kept()
    _silence(control, old, do)
    return Kept(id=old.id, notes=_on_kept(control, step, old, do, why) if why else ())


def _on_kept(
    control: Control, step: JournalStep, old: Seen, do: Recorder, why: str
) -> tuple[str, ...]:
    undo = undo_command(control.where, str(do.journal.path), os.environ)
    lasting = step.before.running and step.before.stranded
    return (
        f"{old.name} is kept, stopped: {why}",
        f"To remove it: docker rm {old.name} (without -v, since the new container has its volumes)",
        f"To copy from it: docker cp {old.name}:PATH ." if lasting else f"To take it back: {undo}",
    )


def keep_quiet(control: Control, step: JournalStep, do: Recorder) -> Kept:
    """Keep the old container from coming back beside the new one at the next boot."""
    quiet = msgspec.structs.replace(step, keep_old=True, files=Files.DROP)
    return finish(control, quiet, do)


def _stays_down(step: JournalStep) -> bool:
    return isinstance(step.action, Recreate) and step.action.stays_down


def resume_recreation(
    control: Control, journal: Journal, step: JournalStep, patience: Patience
) -> Ended:
    """Bring an interrupted recreation to an end, and note it.

    Raises:
        Lost: no end could be reached; the step stays open.
        EngineError: the engine cannot be asked.
    """
    do = Recorder(journal, step.number, strict=False)
    if step.verified and _still_serves(control, step, do):
        kept = finish(control, step, do)
        journal.end(step.number, "fixed", kept=kept.id)
        return Ended(which=Which.NEW, notes=kept.notes)
    ended = put_back(control, step, do, patience)
    ended = watch(control, step, do, patience) or ended
    ended = restart_sharers(control, step, do, ended)
    if ended.which is Which.OLD:
        journal.end(step.number, "undone")
        return ended
    found = _new_one(control, step)
    new = found.id if found else step.new_id
    try:
        ill = prove(control, new, patience, was_unhealthy=step.before.unhealthy)
    except NotGood as error:
        return _left_unproved(control, journal, step, new, ended, str(error))
    kept = finish(control, step, do)
    journal.end(step.number, "fixed", kept=kept.id)
    notes = (*ended.notes, *kept.notes, *((ill,) if ill else ()))
    return msgspec.structs.replace(ended, notes=notes)


def _still_serves(control: Control, step: JournalStep, do: Recorder) -> bool:
    """Return whether the proved new container is as it is to be; one that went down is started."""
    new = control.find(step.new_id) if step.new_id else None
    if new is None or new.running or _stays_down(step):
        return new is not None
    start_sources(control, step.before, do)
    with contextlib.suppress(ControlError):
        do.call(Call.START, new.id, "", partial(control.start, new.id))
        return True
    return False


def _left_unproved(
    control: Control, journal: Journal, step: JournalStep, new: str, ended: Ended, why: str
) -> Ended:
    """End with a new container that runs unproved, where the old one cannot run at all."""
    seen = control.find(new)
    if seen is None or not seen.running:
        raise Lost(f"the new container did not prove itself: {why}")
    kept = keep_quiet(control, step, Recorder(journal, step.number, strict=False))
    journal.end(step.number, "not-fixed", kept=kept.id)
    notes = (*ended.notes, f"The new container runs, but did not prove itself: {why}")
    if old := control.find(kept.id) if kept.id else None:
        notes = (*notes, f"{old.name} is kept")
    return Ended(which=Which.NEW, notes=notes, proved=False)
