"""A fix with all that it needs: its commands, title and safety follow the one decision.

:mod:`linkdoctor.rulekit.expansion` decides what comes first and what comes after; here that is put
into words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from linkdoctor.model.actions import Recreate, Restart, Start, Unpause
from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit import commands
from linkdoctor.rulekit.compose import compose_service, to_correct
from linkdoctor.rulekit.expansion import Expansion, Obstacle, Refusal, expansion_of
from linkdoctor.rulekit.recreating import commands_of
from linkdoctor.rulekit.tasks import Key, Role, Task, rank, safety_of

__all__ = ["completed", "completed_if_seen", "recreation_title"]

_STILL_TYPED = (Obstacle.COMPOSE, Obstacle.LOST)
"""What linkdoctor leaves to a person who can type it all the same."""
_NOT_OURS = (Obstacle.COMPOSE, Obstacle.ANOTHER_OWNER)


def completed(topology: Topology, host: str, fix: Fix, *, also: Container | None = None) -> Fix:
    """Return a fix with the commands for its actions, for what they need, and for what follows.

    What comes first is among its actions; what follows is not, since a plan finds it by itself.

    Args:
        topology: what was seen.
        host: of the containers.
        fix: says in its title what its actions do; its commands are of no account.
        also: a source whose targets are replaced with it for the finding's sake: they are among the
            actions, so that the finding has to be gone only after them.

    Raises:
        MissingEvidence: it was not seen what the actions need.
    """
    expansion = expansion_of(topology, host, fix.actions)
    for each in expansion.refusals:
        if each.obstacle is Obstacle.FAILING:
            return _once_it_can_start(fix, each)
    placed = expansion.tasks(topology)
    typed = [commands_of(topology, host, task.action) for _, task in placed]
    whole = all(typed) and all(each.obstacle in _STILL_TYPED for each in expansion.refusals)
    asked = {task.action.container for _, task in placed if task.role is Role.ASKED}
    not_ours = [
        each.reason
        for each in expansion.refusals
        if each.obstacle in _NOT_OURS and each.container in asked
    ]
    targets = {link.target.name for link in topology.links_to(host, also)} if also else set()
    carried_out = (
        task.action
        for _, task in placed
        if task.role in (Role.ASKED, Role.BEFORE) or task.action.container in targets
    )
    safeties = (fix.safety, *(safety_of(task.phase) for _, task in placed))
    return msgspec.structs.replace(
        fix,
        title="; ".join(_clauses(topology, host, fix, expansion, placed)),
        safety=max(safeties, key=rank),
        commands=tuple(line for lines in typed for line in lines) if whole else (),
        actions=() if not_ours else tuple(carried_out),
        left_to_person=not_ours[0] if not_ours else fix.left_to_person,
    )


def completed_if_seen(
    topology: Topology, host: str, fix: Fix, *, also: Container | None = None
) -> Fix:
    """As :func:`completed`, but the fix as it is where it was not seen what its actions need.

    A finding must not get lost over that: the plan says so then.
    """
    try:
        return completed(topology, host, fix, also=also)
    except MissingEvidence:
        return fix


def _once_it_can_start(fix: Fix, failing: Refusal) -> Fix:
    return Fix(
        title=f"find out why the engine could not start {failing.container} ({failing.detail}), "
        f"remove the cause, then {fix.title}",
        safety=Safety.MANUAL,
        commands=(commands.inspect_format("{{.State.Error}}", failing.container),),
    )


# --- words ----------------------------------------------------------------------------------------


def recreation_title(topology: Topology, host: str, action: Recreate, why: str = "") -> str:
    """Say that a container is recreated, by whoever can, and what to correct before."""
    reason = f" ({why})" if why else ""
    container = topology.container_named(host, action.container)
    if container is None or compose_service(container) is None:
        return f"recreate {action.container}{reason}"
    first = to_correct(topology, host, container, action)
    again = f"recreate {action.container} through its Compose project{reason}"
    return f"{first}, then {again}" if first else again


def _clauses(
    topology: Topology,
    host: str,
    fix: Fix,
    expansion: Expansion,
    placed: Iterable[tuple[Key, Task]],
) -> Iterator[str]:
    tasks = [task for _, task in placed]
    yield _first(fix, tasks) + fix.title
    meant = {each.container for each in fix.actions if isinstance(each, Recreate)}
    for each in tasks:
        action = each.action
        is_first = each.role in (Role.ASKED, Role.BEFORE)
        if is_first and isinstance(action, Recreate) and action.container not in meant:
            yield recreation_title(topology, host, action, "; ".join(each.why))
    yield from _afterwards(tasks, expansion.refusals)
    targets = [each.action.container for each in tasks if each.role is Role.TARGET]
    if targets:
        yield (f"then do the same with {', '.join(targets)}, whose link would otherwise be a ghost")
    if expansion.unseen is not None:
        yield f"whether others share its namespaces is not known ({expansion.unseen})"


def _first(fix: Fix, tasks: Iterable[Task]) -> str:
    """Say what comes before a start or a restart."""
    intents = {type(each) for each in fix.actions}
    before = [each.action for each in tasks if each.role is Role.BEFORE]
    started = ", ".join(each.container for each in before if isinstance(each, Start))
    unpaused = ", ".join(each.container for each in before if isinstance(each, Unpause))
    known = (("start", started), ("unpause", unpaused))
    words = ", ".join(f"{verb} {names}" for verb, names in known if names)
    if not words or Recreate in intents:
        return ""
    return f"{words}, then " if Restart in intents else f"{words} first, then "


def _afterwards(tasks: Iterable[Task], refusals: Iterable[Refusal]) -> Iterator[str]:
    sharers = [each.action for each in tasks if each.role is Role.SHARER]
    for verb, kind in (("recreate", Recreate), ("start", Start), ("restart", Restart)):
        names = [each.container for each in sharers if isinstance(each, kind)]
        if names:
            share = "shares" if len(names) == 1 else "share"
            yield f"after it {verb} {', '.join(names)}, which {share} its namespaces"
    lost = [each.container for each in refusals if each.obstacle is Obstacle.LOST]
    if lost:
        by_hand = ", ".join(dict.fromkeys(lost))
        yield f"run {by_hand} again by hand: --rm removes what shares its namespaces"
