"""What the engine makes of the links on its disk when it starts.

It looks each link up by the name that was typed, among the names of today, in the order in which
they were typed. At the first that it does not find it gives up on all the rest of that container
(engine lab). Links of containers on user-defined networks are not looked up.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from linkdoctor.model.links import StoredLink
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology

__all__ = ["LinkOutcome", "Registration", "registrations"]

_NO_NETWORK_OF_ITS_OWN = ("default", "bridge", "", "none", "host")


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
    """The container to which the typed name leads today."""


def registrations(topology: Topology, host: str, target: Container) -> tuple[Registration, ...]:
    """Return what the next start of the engine makes of a container's links, in their order.

    Raises:
        MissingEvidence: the stored links, or the details of a container that they concern, could
            not be had.
    """
    return topology.once(registrations, host, target, lambda: _found(topology, host, target))


def _found(topology: Topology, host: str, target: Container) -> tuple[Registration, ...]:
    mode = topology.details(target).network_mode
    if mode not in _NO_NETWORK_OF_ITS_OWN and not mode.startswith("container:"):
        return ()
    found: list[Registration] = []
    taken: set[str] = set()
    failed = False
    for link in topology.stored_links(target):
        source = _source(topology, host, link)
        if failed:
            fate = LinkOutcome.LOST
        elif source is None or topology.details(source).network_mode == "host":
            fate, failed = LinkOutcome.FAILED, True
        elif link.alias in taken:
            fate = LinkOutcome.TAKEN
        else:
            fate = LinkOutcome.KEPT
            taken.add(link.alias)
        found.append(Registration(link=link, fate=fate, source=source))
    return tuple(found)


def _source(topology: Topology, host: str, link: StoredLink) -> Container | None:
    """Return the source, or the owner of the network namespace that it shares."""
    source = topology.resolve_reference(host, link.source)
    seen: set[str] = set()
    while source is not None and topology.details(source).network_mode.startswith("container:"):
        if source.id in seen:
            return None
        seen.add(source.id)
        source = topology.namespace_owner(host, source)
    return source
