"""What is said of an orphan, who looks in vain for what it serves, and how it joins its owner.

:mod:`~linkdoctor.rulekit.orphans` finds them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from linkdoctor.model.actions import Start
from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Link, Topology
from linkdoctor.rulekit.fixes import (
    compose_service,
    doing,
    is_wanted,
    restart_target,
    through_compose,
)
from linkdoctor.rulekit.orphans import Orphan, Shared, State
from linkdoctor.rulekit.rule import HostContainer

__all__ = ["ServedInVain", "sentence_of", "served_in_vain", "ways_to_rejoin"]


class ServedInVain(msgspec.Struct, frozen=True, kw_only=True):
    """What leads to the owner and is served by the orphan."""

    links: tuple[Link, ...] = ()
    published: tuple[int, ...] = ()
    """Ports of the host, sorted."""
    missing: MissingEvidence | None = None
    """Why it is not known what leads there."""


def sentence_of(sharer: Container, orphan: Orphan, topology: Topology) -> str:
    """Say what became of an orphan, without a full stop."""
    runs = topology.is_running(sharer)
    whose = f"the {orphan.shared.value} namespace of"
    if orphan.owner is None:
        left = "is left in the old namespace" if runs else "cannot be started any more"
        return (
            f"{sharer.name} shares {whose} container {orphan.reference[:12]}, which was removed, "
            f"and {left}"
        )
    owner = orphan.owner.name
    match orphan.state:
        case State.DOWN:
            return f"{sharer.name} shares {whose} {owner}, which does not run, and is cut off"
        case State.REFUSED:
            today = "; it runs now" if topology.is_running(orphan.owner) else ""
            return (
                f"{sharer.name} was not started, because it shares {whose} {owner}, which did not "
                f"run then{today}"
            )
        case _ if not runs:
            return f"{sharer.name} was killed when {owner} ended, whose processes it shares"
        case _:
            return (
                f"{sharer.name} is left in an old {orphan.shared.value} namespace of {owner}, "
                "which was restarted since"
            )


def ways_to_rejoin(place: HostContainer, orphan: Orphan, topology: Topology) -> Iterator[Fix]:
    """Advise how an orphan comes to live in the namespace that it is to share."""
    sharer, owner = place.container, orphan.owner
    if owner is None:
        service = compose_service(sharer)
        yield Fix(
            title=f"create {sharer.name} again with the {orphan.shared.value} namespace of the "
            "container that replaced its owner",
            safety=Safety.MANUAL,
            commands=(through_compose(*service),) if service is not None else (),
        )
    elif not topology.is_running(sharer):
        names = [each.name for each in (owner, sharer) if not topology.is_running(each)]
        yield doing(
            f"start {' and then '.join(names)}",
            Safety.SAFE,
            *(Start(container=each) for each in names),
        )
    else:
        yield restart_target(topology, place.host, sharer)


def served_in_vain(place: HostContainer, orphan: Orphan, topology: Topology) -> ServedInVain:
    """Return what leads to the owner's ports that the orphan serves, where nobody comes by now."""
    try:
        return _served(place, orphan, topology)
    except MissingEvidence as missing:
        return ServedInVain(missing=missing)


def _served(place: HostContainer, orphan: Orphan, topology: Topology) -> ServedInVain:
    owner = orphan.owner
    runs = topology.is_running(place.container)
    if owner is None or orphan.shared is not Shared.NETWORK or not runs:
        return ServedInVain()
    links = tuple(
        link for link in topology.links_to(place.host, owner) if is_wanted(topology, link.target)
    )
    details = topology.details(owner)
    published = {each.port.number: each.host_port for each in details.published}
    exposed = {port.number for port in details.exposed} if links else set[int]()
    if not exposed and not published:
        return ServedInVain()
    served = {each.port for each in topology.listeners(place.container)}
    if topology.is_running(owner):
        served -= {each.port for each in topology.listeners(owner)}
    return ServedInVain(
        links=links if exposed & served else (),
        published=tuple(sorted({published[port] for port in published.keys() & served})),
    )
