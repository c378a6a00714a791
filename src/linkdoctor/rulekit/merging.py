"""Two actions on one container made into one, where they do not contradict each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Joined,
    Recreate,
    Rename,
    SetRestartPolicy,
)
from linkdoctor.model.links import HostsLine, StoredLink
from linkdoctor.model.snapshot import Publication
from linkdoctor.model.variables import Variable

__all__ = ["Contradiction", "merged"]

T = TypeVar("T")


class Contradiction(Exception):
    """Two actions cannot both be done; the message is a clause that says why."""


def merged(old: Action, new: Action, present: tuple[StoredLink, ...] = ()) -> Action:
    """Return the action that does what two of one kind do; raises Contradiction.

    `present` are the links that the container has now.
    """
    if old == new:
        return old
    if isinstance(old, Recreate) and isinstance(new, Recreate):
        return _recreation(old, new, present)
    if isinstance(old, ConnectNetwork) and isinstance(new, ConnectNetwork):
        return msgspec.structs.replace(old, aliases=_union(old.aliases, new.aliases))
    if isinstance(old, SetRestartPolicy) and isinstance(new, SetRestartPolicy):
        raise Contradiction(f"the restart policy cannot be both {old.policy} and {new.policy}")
    if isinstance(old, Rename) and isinstance(new, Rename):
        raise Contradiction(f"it cannot be called both {old.to} and {new.to}")
    raise Contradiction("they are of different kinds")


def _recreation(old: Recreate, new: Recreate, present: tuple[StoredLink, ...]) -> Recreate:
    publish = _union(old.publish, new.publish)
    _refuse_twice("host port", [(str(each.host_port), str(each.port)) for each in publish])
    extra_hosts = _union(old.extra_hosts, new.extra_hosts)
    _refuse_two_meanings(extra_hosts)
    return Recreate(
        container=old.container,
        links=_links(old.links, new.links, present),
        publish=publish,
        published=_published(old.published, new.published),
        expose=_union(old.expose, new.expose),
        extra_hosts=extra_hosts,
        drop_extra_hosts=_union(old.drop_extra_hosts, new.drop_extra_hosts),
        network=_only("network", old.network, new.network),
        aliases=_union(old.aliases, new.aliases),
        environment=_environment(old.environment, new.environment),
        dns_search=_only("search domains", old.dns_search, new.dns_search),
        joins=_joins(old.joins, new.joins),
        pinned=_union(old.pinned, new.pinned),
        stays_down=old.stays_down and new.stays_down,
    )


def _union(one: Iterable[T], other: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _only(what: str, one: T | None, other: T | None) -> T | None:
    if one is not None and other is not None and one != other:
        raise Contradiction(f"it would get two different {what}")
    return other if one is None else one


def _links(
    one: tuple[StoredLink, ...] | None,
    other: tuple[StoredLink, ...] | None,
    present: tuple[StoredLink, ...],
) -> tuple[StoredLink, ...] | None:
    """Join two lists of all links by what each adds to those of today, and takes from them."""
    if one is None or other is None:
        return other if one is None else one
    now = set(present)
    gone = (now - set(one)) | (now - set(other))
    joined = tuple(sorted((now | set(one) | set(other)) - gone))
    _refuse_twice("link", [(each.alias, each.source) for each in joined])
    return joined


def _environment(one: tuple[Variable, ...], other: tuple[Variable, ...]) -> tuple[Variable, ...]:
    joined = _union(one, other)
    _refuse_twice("variable", [(each.name, each.value or "") for each in joined])
    return joined


def _joins(one: tuple[Joined, ...], other: tuple[Joined, ...]) -> tuple[Joined, ...]:
    joined = tuple(sorted(_union(one, other)))
    _refuse_twice("namespace", [(each.namespace.value, each.container) for each in joined])
    return joined


def _published(
    one: tuple[Publication, ...] | None, other: tuple[Publication, ...] | None
) -> tuple[Publication, ...] | None:
    if one is None or other is None or set(one) == set(other):
        return other if one is None else one
    raise Contradiction("it would get two different lists of published ports")


def _refuse_twice(what: str, pairs: Iterable[tuple[str, str]]) -> None:
    known: dict[str, str] = {}
    for name, meaning in pairs:
        if known.setdefault(name, meaning) != meaning:
            raise Contradiction(f"the {what} {name} would lead to both {known[name]} and {meaning}")


def _refuse_two_meanings(lines: Iterable[HostsLine]) -> None:
    _refuse_twice("name", [(name, line.address) for line in lines for name in line.names])
