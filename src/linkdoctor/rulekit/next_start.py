"""What the engine makes of the links on its disk when it starts.

It looks each link up by the name that was typed, among the names of today, in the order in which
they were typed. At the first that it does not find it gives up on all the rest of that container
(engine lab). Links of containers on user-defined networks are not looked up.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from linkdoctor.model.links import StoredLink
from linkdoctor.model.network_mode import Host, Own, Shared
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.reach import effective_mode, owner_of

__all__ = ["LinkOutcome", "Registration", "registrations"]


class LinkOutcome(Enum):
    """What becomes of a stored link at the engine's next start."""

    KEPT = "kept"
    TAKEN = "taken"
    """An earlier link has the alias: this one is dropped silently."""
    FAILED = "failed"
    """Its source is not found, or cannot be linked to: here the engine gives up."""
    LOST = "lost"
    """It comes after one that failed."""


class Registration(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A stored link and its future."""

    link: StoredLink
    fate: LinkOutcome
    source: Container | None
    """The container to which the typed name leads today: the owner of the namespace it shares.

    Where that owner is gone, it is the one that shared it, whose link fails.
    """


def registrations(topology: Topology, host: str, target: Container) -> tuple[Registration, ...]:
    """Return what the next start of the engine makes of a container's links, in their order.

    Raises:
        MissingEvidence: the stored links, or the details of a container that they concern, could
            not be had.
    """
    return topology.once(registrations, host, target, lambda: _found(topology, host, target))


def _found(topology: Topology, host: str, target: Container) -> tuple[Registration, ...]:
    match topology.network_mode(host, target):
        case Own(on_default_bridge=False):
            return ()
        case _:
            pass
    found: list[Registration] = []
    taken: set[str] = set()
    failed = False
    for link in topology.stored_links(target):
        typed = topology.resolve_reference(host, link.source)
        source = None if typed is None else owner_of(host, typed, topology)
        if failed:
            fate = LinkOutcome.LOST
        elif typed is None or isinstance(effective_mode(host, typed, topology), Host | Shared):
            fate, failed = LinkOutcome.FAILED, True
        elif link.alias in taken:
            fate = LinkOutcome.TAKEN
        else:
            fate = LinkOutcome.KEPT
            taken.add(link.alias)
        found.append(Registration(link=link, fate=fate, source=source))
    return tuple(found)
