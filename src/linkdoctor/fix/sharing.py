"""Those who share a container's namespaces, while it is restarted, replaced or put back.

A container that starts anew gets new namespaces, and whoever shared the former ones is left in
them. Who that is can be seen at any time: it refers to the container, and was started before it.
So it does not matter how it came about, and looking twice does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from linkdoctor.collect.control import Control, ControlError, Seen
from linkdoctor.model.actions import Action, Recreate, Restart

__all__ = ["missing_owner", "orphans", "rejoin", "still_due"]

_SHORT_ID = 12
_KILLED = 137
_AT_ONCE = 5.0
"""Seconds within which the kernel has ended all processes of a PID namespace."""


def rejoin(control: Control, owner: str, restart: Callable[[str], None]) -> Iterator[str]:
    """Restart those that a container's last start left behind, and theirs; yield clauses."""
    waiting, known = [owner], {owner}
    while waiting:
        seen = control.find(waiting.pop(0))
        if seen is None or not seen.running:
            continue
        for each in _left_behind(control, seen):
            if each.id in known:
                continue
            known.add(each.id)
            try:
                restart(each.id)
            except ControlError as error:
                yield f"{each.name}, which shares the namespaces of {seen.name}, is left: {error}"
            else:
                yield f"{each.name}, which shares the namespaces of {seen.name}, was restarted too"
                waiting.append(each.id)


def orphans(control: Control, replaced: str, name: str) -> Iterator[str]:
    """Name those who refer to a container that was replaced; yield clauses."""
    for identity in sorted(control.names().values()):
        seen = control.find(identity)
        if seen is not None and any(reference == replaced for _, reference in seen.shares):
            yield f"{seen.name} shared the namespaces of the former {name}: recreate it"


def still_due(control: Control, action: Action) -> Action | None:
    """Return what a sharer needs although the step of its owner failed; None for nothing."""
    if not isinstance(action, Restart | Recreate):
        return None
    seen = control.find(action.container)
    if seen is None:
        return None
    for _, reference in seen.shares:
        owner = control.find(reference)
        if owner is not None and owner.running and _is_left_behind(seen, owner):
            return Restart(container=action.container)
    if isinstance(action, Recreate) and action.joins and missing_owner(control, seen.shares):
        joined = (control.find(each.container) for each in action.joins)
        if all(each is not None and each.running for each in joined):
            return action
    return None


def missing_owner(control: Control, shares: tuple[tuple[str, str], ...]) -> str | None:
    """Say why a container could not be started in others' namespaces; None if it could."""
    for namespace, reference in shares:
        owner = control.find(reference)
        if owner is None:
            return f"there is no container {reference[:12]}, whose {namespace} namespace it shares"
        if not owner.running:
            return f"{owner.name}, whose {namespace} namespace it shares, does not run"
    return None


def _left_behind(control: Control, owner: Seen) -> Iterator[Seen]:
    for identity in sorted(control.names().values()):
        seen = control.find(identity) if identity != owner.id else None
        if seen is None or not any(_is_meant(ref, owner) for _, ref in seen.shares):
            continue
        if _is_left_behind(seen, owner):
            yield seen


def _is_meant(reference: str, container: Seen) -> bool:
    short = len(reference) >= _SHORT_ID and container.id.startswith(reference)
    return short or reference == container.name


def _is_left_behind(sharer: Seen, owner: Seen) -> bool:
    started = _seconds_between(sharer.started_at, owner.started_at)
    if started is None or started <= 0:
        return False
    if sharer.running:
        return True
    # With the owner's processes those in its PID namespace are killed.
    shares_processes = any(namespace == "pid" for namespace, _ in sharer.shares)
    ended = _seconds_between(sharer.finished_at, owner.finished_at)
    return (
        shares_processes
        and sharer.exit_code == _KILLED
        and ended is not None
        and abs(ended) < _AT_ONCE
    )


def _seconds_between(earlier: str, later: str) -> float | None:
    one, other = _time(earlier), _time(later)
    return None if one is None or other is None else (other - one).total_seconds()


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
