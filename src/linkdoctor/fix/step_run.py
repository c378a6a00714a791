"""What every step is carried out with, and what its outcome says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from linkdoctor.collect.control import Control, Seen
from linkdoctor.fix.journal import Journal, JournalStep
from linkdoctor.fix.lock import Lock
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.recreation import Owner
from linkdoctor.fix.sharing import missing_owner
from linkdoctor.model.actions import Action, Restart
from linkdoctor.model.plan import Files

__all__ = [
    "Refused",
    "StepRun",
    "Verify",
    "journal_step",
    "left_to_owner",
    "live_sources",
    "may_go_on",
    "restartable",
    "sentence",
]

Verify = Callable[[], str | None]
"""Looks at the concerned links again: None if they are clean, else what is still wrong, a clause
without a full stop."""


class Refused(Exception):
    """The action is refused; nothing was changed."""


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """What all steps are carried out with."""

    control: Control
    journal: Journal
    verify: Verify
    keep_old: bool
    files: Files
    lock: Lock | None
    patience: Patience
    environment: Mapping[str, str]


def sentence(clause: str) -> str:
    """Return a clause as a sentence."""
    return (clause[:1].upper() + clause[1:] if clause.startswith("its ") else clause) + "."


def live_sources(control: Control, target: Seen) -> Iterator[str]:
    """Yield the ids of the running containers without which a target cannot start.

    These are the sources of its links, and the owners of the namespaces that it shares.
    """
    sources = (control.link(target.name, alias) for alias in target.link_aliases)
    owners = (control.find(reference) for _, reference in target.shares)
    for each in (*owners, *sources):
        if each is not None and each.running:
            yield each.id


def restartable(control: Control, action: Restart) -> tuple[Seen, tuple[str, ...]]:
    """Return a container that may be restarted, and the ids of what it cannot start without.

    Raises:
        Refused: it would not start again, or is paused.
        EngineError: the engine cannot be asked, or there is no such container.
    """
    seen = control.look(action.container)
    if seen.status == "paused":
        raise Refused(f"{seen.name} is paused; unpause it first")
    for alias in seen.link_aliases:
        source = control.link(seen.name, alias)
        if source is None:
            raise Refused(
                f"{seen.name} has a ghost link, {alias}: a restart would kill it; recreate it"
            )
        if not source.running:
            raise Refused(
                f"{source.name}, the source of {seen.name}'s link {alias}, does not run: a restart "
                f"would kill {seen.name}; start the source first"
            )
    if why := missing_owner(control, seen.shares):
        raise Refused(f"{seen.name} cannot be restarted: {why}")
    return seen, tuple(live_sources(control, seen))


def may_go_on(name: str, journal: Journal) -> str:
    """Say of an interrupted step of one call what becomes of it."""
    return (
        f"{name}: it was interrupted; the engine may go on with it: --resume {journal.path} "
        "finds out"
    )


def left_to_owner(action: Action, seen: Seen, owned: Owner) -> Outcome:
    """Return the outcome of an action on a container that another tool owns: nothing is done."""
    whose = f"{owned.kind} project {owned.project}" if owned.project else owned.kind
    return Outcome(
        action=action,
        result=Result.NOT_FIXED,
        reason=f"{seen.name} belongs to {whose}, which would undo the change; use its own command",
        container=seen.id,
        owner=owned,
    )


def journal_step(journal: Journal, number: int) -> JournalStep:
    """Return a step of a journal."""
    return next(each for each in journal.steps() if each.number == number)
