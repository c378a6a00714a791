"""Which restarts of a plan may run side by side. Pure.

Only restarts are: the engine carries one out whole, whatever becomes of its client, while a
recreation is several requests and a guardian. What restarts together is down together, starts in
no order, and may come back with one another's addresses on the default bridge. So it is only
containers on which nothing else is seen to depend, and that cannot get into each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from linkdoctor.model.actions import Rename, Restart
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.network_mode import DEFAULT_BRIDGE
from linkdoctor.model.plan import Plan
from linkdoctor.model.snapshot import Container, Details
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.literal_addresses import literals_of
from linkdoctor.rulekit.shared_namespaces import references_of, sharers_of

__all__ = ["MOST_AT_ONCE", "side_by_side"]

MOST_AT_ONCE = 4


class _Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A container on which nothing else depends, as far as two of them may meet."""

    host: str
    name: str
    networks: frozenset[str]
    """All but the default bridge: on them containers may ask for one another by name, unseen."""
    storage: frozenset[str]
    """What of its volumes and directories others may have, too."""


def side_by_side(plan: Plan, topology: Topology, most: int, first: int) -> int:
    """Return how many steps of a plan may run side by side, from the one at an index on.

    It is 1 where that one runs alone, for whatever reason, missing evidence included.
    """
    if most < 2 or any(isinstance(each.action, Rename) for each in plan.steps):
        return 1  # after a renaming a name means another container than in the topology
    together: list[_Leaf] = []
    numbers: set[int] = set()
    for step in plan.steps[first : first + most]:
        leaf = _leaf(topology, step.host, step.action.container)
        alone = leaf is None or not isinstance(step.action, Restart) or numbers & set(step.after)
        if leaf is None or alone or not all(_apart(leaf, other) for other in together):
            break
        together.append(leaf)
        numbers.add(step.number)
    return max(1, len(together))


def _apart(one: _Leaf, other: _Leaf) -> bool:
    return (
        one.host == other.host
        and one.name != other.name
        and not one.networks & other.networks
        and not one.storage & other.storage
    )


def _leaf(topology: Topology, host: str, name: str) -> _Leaf | None:
    """Return what is to be known of a container that may restart beside others; None if it may not.

    Anyone who is linked to it, shares its namespaces or has its address would meet a peer that is
    down beside others, or has another's address. A port that the engine chooses could be another's.
    """
    container = topology.container_named(host, name)
    if container is None:
        return None
    try:
        details = topology.details(container)
        depended_on = (
            topology.links_to(host, container)
            or sharers_of(topology, host, container)
            or references_of(details)
            or _is_dialed(topology, host, container, details)
        )
    except MissingEvidence:
        return None
    if depended_on or any(each.ephemeral for each in (*details.published, *details.requested)):
        return None
    if not isinstance(details.setup, Known) or details.setup.value.publish_all:
        return None
    return _Leaf(
        host=host,
        name=name,
        networks=frozenset(each.network for each in details.endpoints) - {DEFAULT_BRIDGE},
        storage=frozenset(_storage(details.setup.value.options)),
    )


def _is_dialed(topology: Topology, host: str, container: Container, details: Details) -> bool:
    """Whether a setting of another container holds one of its addresses; raises MissingEvidence."""
    own = {each.address for each in details.endpoints} | {
        each.address6 for each in details.endpoints
    }
    return any(
        literal.address in own
        for _, other in topology.containers(host)
        if other.id != container.id
        for literal in literals_of(other, topology)
    )


def _storage(options: tuple[str, ...]) -> Iterator[str]:
    """Yield the volumes and directories of the host, and the containers whose volumes it has."""
    for option, value in pairwise(options):
        if option in ("--volume", "--volumes-from"):
            yield value.partition(":")[0]
        elif option == "--mount":
            fields = (each.partition("=") for each in value.split(","))
            yield from (source for key, _, source in fields if key in ("source", "src"))
