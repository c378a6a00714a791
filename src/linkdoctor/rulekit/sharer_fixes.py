"""What a fix does after it for those who share the namespaces of the containers that it touches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from linkdoctor.model.actions import Recreate
from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.shared_namespaces import (
    Sharer,
    all_sharers_of,
    joins_of,
    owners_of,
    stays_down,
    waits_for_owner,
)

__all__ = ["followed_by_sharers", "sharers_if_seen"]

_SAFETIES = (Safety.SAFE, Safety.RESTART, Safety.RECREATE, Safety.MANUAL)


def followed_by_sharers(
    topology: Topology,
    host: str,
    fix: Fix,
    owners: Sequence[Container],
    *,
    replaced: Sequence[str],
    restarted: Callable[[Container], Fix],
    recreated: Callable[[Container, Recreate], Fix],
) -> Fix:
    """Add to a fix what the sharers of containers need that start anew, and theirs in turn.

    They are no actions of the fix: a plan finds them by itself.

    Args:
        topology: what was seen.
        host: of the containers.
        fix: starts, restarts or recreates the owners.
        owners: the containers that start anew.
        replaced: those among them that have another id afterwards: their sharers cannot even be
            started again.
        restarted: advises to restart one sharer.
        recreated: advises to recreate one sharer.
    """
    new_ids = set(replaced)
    done: dict[str, Fix] = {}
    lost: list[str] = []
    try:
        for each in _in_order(topology, host, owners):
            name = each.container.name
            joins = joins_of(topology, host, each.details, new_ids)
            if each.details.auto_remove and (joins or each.dies_with_owner):
                lost.append(name)
            elif joins:
                action = Recreate(container=name, joins=joins, stays_down=stays_down(each))
                done[name] = recreated(each.container, action)
            elif each.up or (waits_for_owner(each) and _is_owner_down(topology, host, each)):
                done[name] = restarted(each.container)
            if name in done and done[name].safety is Safety.RECREATE:
                new_ids.add(name)
    except MissingEvidence as missing:
        unknown = f"{fix.title}; whether others share its namespaces is not known ({missing})"
        return msgspec.structs.replace(fix, title=unknown)
    if not done and not lost:
        return fix
    # A recreation of which nothing can be typed leaves the others' commands half said.
    whole = bool(fix.commands) and all(
        each.commands or each.safety is Safety.MANUAL for each in done.values()
    )
    typed = tuple(line for each in done.values() for line in each.commands)
    further = [
        fix.safety,
        *(each.safety for each in done.values() if each.safety is not Safety.MANUAL),
    ]
    return msgspec.structs.replace(
        fix,
        title="; ".join((fix.title, *_afterwards(done, lost))),
        safety=max(further, key=_SAFETIES.index),
        commands=(*fix.commands, *typed) if whole else (),
    )


def _is_owner_down(topology: Topology, host: str, sharer: Sharer) -> bool:
    owners = owners_of(topology, host, sharer.container)
    return any(not topology.is_running(each) for each in owners)


def _afterwards(done: Mapping[str, Fix], lost: Sequence[str]) -> Iterator[str]:
    recreated = [name for name, each in done.items() if each.safety is Safety.RECREATE]
    restarted = [name for name in done if name not in recreated]
    for verb, names in (("recreate", recreated), ("restart", restarted)):
        if names:
            share = "shares" if len(names) == 1 else "share"
            yield f"after it {verb} {', '.join(names)}, which {share} its namespaces"
    if lost:
        yield f"run {', '.join(lost)} again by hand: --rm removes what shares its namespaces"


def _in_order(topology: Topology, host: str, owners: Sequence[Container]) -> Iterator[Sharer]:
    known = {each.name for each in owners}
    for owner in owners:
        for sharer in all_sharers_of(topology, host, owner):
            if sharer.container.name not in known:
                known.add(sharer.container.name)
                yield sharer


def sharers_if_seen(topology: Topology, host: str, owner: Container) -> tuple[Sharer, ...]:
    """Return the sharers of a container, or none if it was not seen who they are."""
    try:
        return all_sharers_of(topology, host, owner)
    except MissingEvidence:
        return ()
