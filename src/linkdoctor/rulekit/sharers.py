"""Who shares a network namespace, and whether they really are in the same one.

A sharer (``--network container:app``) stays in the namespace that its owner had when it started. A
restarted owner gets a new one: what the sharer serves is out of reach then, though it listens.
"""

from __future__ import annotations

from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.link_ports import PortState, door_of
from linkdoctor.rulekit.reach import owner_of

__all__ = ["listens_apart", "sharers_of"]


def sharers_of(host: str, container: Container, topology: Topology) -> tuple[Container, ...]:
    """Return the running containers that are to share a container's network namespace.

    A container of which nothing is known may share any, and is left out.
    """
    snapshot = next(each for each in topology.snapshots() if each.host == host)
    groups = topology.once(sharers_of, host, snapshot, lambda: _groups(host, topology))
    together = groups.get(owner_of(host, container, topology).id, ())
    return tuple(each for each in together if each is not container and topology.is_running(each))


def _groups(host: str, topology: Topology) -> dict[str, list[Container]]:
    """Return who shares a namespace, by the id of its owner, who comes first."""
    groups: dict[str, list[Container]] = {}
    for _, each in topology.containers(host):
        if topology.is_inspected(each) and topology.namespace_owner(host, each) is not None:
            owner = owner_of(host, each, topology)
            groups.setdefault(owner.id, [owner]).append(each)
    return groups


def listens_apart(
    host: str, container: Container, port: int, topology: Topology
) -> Container | None:
    """Return a sharer that listens on a port where the container's own namespace has no listener.

    It sits in another namespace than the container, whatever its network mode says.

    Raises:
        MissingEvidence: the listening sockets of a sharer could not be read.
    """
    for each in sharers_of(host, container, topology):
        if door_of(port, topology.listeners(each)) is PortState.OPEN:
            return each
    return None
