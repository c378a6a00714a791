"""Containers that come, go or change while they are read: nothing is claimed of those."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from linkdoctor.collect.answers import ListAnswer
from linkdoctor.collect.containers import list_containers, names_of, unread
from linkdoctor.collect.engine import Deadline, EngineClient, EngineError
from linkdoctor.collect.translate import status_of
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.links import parse_link_name
from linkdoctor.model.snapshot import Container, Status

__all__ = ["settled_containers"]

_ROUNDS = 3
_MOVED = Unknown(
    gap=Gap.VANISHED, detail="it, or what it is linked to, changed each time that it was read"
)


def settled_containers(
    client: EngineClient,
    read: Callable[[Sequence[ListAnswer]], list[Container]],
    deadline: Deadline,
) -> tuple[list[Container], bool]:
    """Read all containers, again if they changed meanwhile; return whether they held still.

    If they come, go, start again or change state while they are read, all is read again, at most
    twice; nothing is claimed of those that never held still.

    Raises:
        EngineError: the engine does not list its containers.
    """
    listed = list_containers(client)
    rounds = 0
    while True:
        containers = read(listed)
        try:
            again = list_containers(client)
        except EngineError:
            return containers, False  # what was read is not lost
        rounds += 1
        moved = _moved(listed, containers, again)
        if not moved:
            return containers, True
        if rounds == _ROUNDS or deadline.left() < deadline.seconds / 2:
            touched = moved | _linked_to(moved, listed, again)
            return list(_those_that_held_still(containers, again, touched)), False
        listed = again


def _moved(
    before: Iterable[ListAnswer], containers: Iterable[Container], after: Iterable[ListAnswer]
) -> set[str]:
    """Return the ids of the containers that came, went or changed while they were read.

    One that was stopped and started between two looks had another state when it was inspected,
    or has other endpoints now.
    """
    earlier, later = ({each.Id: _state_of(each) for each in listed} for listed in (before, after))
    # What an engine calls otherwise than Docker does is DEAD: that says nothing.
    between = {
        each.id: each.details.value.status
        for each in containers
        if isinstance(each.details, Known) and each.details.value.status is not Status.DEAD
    }
    return {
        identity
        for identity in earlier.keys() | later.keys()
        if earlier.get(identity) != later.get(identity)
        or between.get(identity, later[identity][0]) != later[identity][0]
    }


def _state_of(listed: ListAnswer) -> tuple[Status, tuple[str, ...], tuple[str, ...]]:
    return (status_of(listed.State), tuple(sorted(listed.Names or ())), listed.endpoints)


def _linked_to(
    moved: Collection[str], before: Iterable[ListAnswer], after: Sequence[ListAnswer]
) -> set[str]:
    """Return the ids of the targets of links to some containers: the engine writes to them, too."""
    links = (
        parse_link_name(name)
        for each in (*before, *after)
        if each.Id in moved
        for name in each.Names or ()
    )
    targets = {link[0] for link in links if link is not None}
    return {each.Id for each in after if not targets.isdisjoint(names_of(each))}


def _those_that_held_still(
    containers: Iterable[Container], after: Iterable[ListAnswer], moved: Collection[str]
) -> Iterator[Container]:
    """Leave out the containers that are gone, and all that was read of those that moved."""
    read = {each.id: each for each in containers}
    for listed in after:
        if listed.Id in moved or listed.Id not in read:
            yield unread(listed, _MOVED)
        else:
            yield read[listed.Id]
