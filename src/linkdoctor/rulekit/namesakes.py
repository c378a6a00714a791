"""Under which name the source of a ghost link is to be looked for today.

Inspect prints a link with the name that its source had *last*. Who renames a source before its
successor takes the name (Compose v1 puts the short id before it: ``4f2b01c3d5e6_db``) and then
removes it leaves a printed name that nobody ever typed. The stored string holds the true one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.links import StoredLink
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Link, LinkKind, Topology

__all__ = ["links_today", "name_before_compose", "namesake", "true_name"]

_MADE_UP = re.compile(r"[0-9a-f]{12}_(.+)")
_IS_ID = re.compile(r"[0-9a-f]{12,64}")
_MOST_PREFIXES = 4
"""Each failed attempt of Compose puts one more before the name."""


def name_before_compose(name: str) -> str:
    """Return the name that Compose v1 put a short id before; '' if it did not."""
    found = ""
    for _ in range(_MOST_PREFIXES):
        match = _MADE_UP.fullmatch(found or name)
        if match is None:
            break
        found = match[1]
    return found


def namesake(link: Link, topology: Topology) -> Container | None:
    """Return the container that has the name of a link's source today, whichever name was typed."""
    found = topology.container_named(link.host, link.source_name)
    if found is not None or link.kind is not LinkKind.LEGACY:
        return found
    for name in _names(link, topology):
        found = topology.container_named(link.host, name)
        if found is not None and found is not link.target:
            return found
    return None


def true_name(link: Link, topology: Topology) -> str:
    """Return the name under which the source of a link was known when the link was typed."""
    candidates = (name for name in _names(link, topology) if name and not _IS_ID.fullmatch(name))
    typed = next(candidates, link.source_name)
    return name_before_compose(typed) or typed


def _names(link: Link, topology: Topology) -> Iterator[str]:
    try:
        stored = topology.stored_links(link.target)
    except MissingEvidence:
        stored = ()
    for each in stored:
        if each.alias == link.alias:
            yield each.source
            yield name_before_compose(each.source)
    yield name_before_compose(link.source_name)


def links_today(topology: Topology, host: str, target: Container) -> tuple[StoredLink, ...] | None:
    """Return the legacy links of a target by names of today, or None if inspect prints them so.

    One whose source is gone is given by the name that it had when the link was typed.
    """
    links = [each for each in topology.links_of(host, target) if each.kind is LinkKind.LEGACY]
    today = tuple(StoredLink(_name_today(each, topology), each.alias) for each in links)
    printed = tuple(StoredLink(each.source_name, each.alias) for each in links)
    return None if today == printed else today


def _name_today(link: Link, topology: Topology) -> str:
    if topology.source_of(link) is not None:
        return link.source_name
    found = namesake(link, topology)
    return true_name(link, topology) if found is None else found.name
