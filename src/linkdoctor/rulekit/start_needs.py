"""What a container needs so that the engine starts it: its sources, and owners of namespaces."""

from __future__ import annotations

from linkdoctor.model.actions import Recreate
from linkdoctor.model.links import StoredLink, parse_refusal
from linkdoctor.model.network_mode import is_default_bridge
from linkdoctor.model.snapshot import Container, Details, Status
from linkdoctor.model.topology import LinkKind, Topology
from linkdoctor.rulekit.shared_namespaces import owners_of

__all__ = ["ghosts_of", "is_wanted", "links_to_make", "obstacles", "present_links"]


def ghosts_of(topology: Topology, host: str, target: Container) -> tuple[str, ...]:
    """Return the aliases of a container's ghost links: with one the engine does not start it."""
    links = topology.links_of(host, target)
    ghosts = {
        link.alias
        for link in links
        if link.kind is LinkKind.LEGACY and topology.source_of(link) is None
    }
    return tuple(sorted(ghosts))


def obstacles(
    topology: Topology, host: str, target: Container
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what keeps a container from starting: sources that are down, and ghost links."""
    sources = (
        topology.source_of(link)
        for link in topology.links_of(host, target)
        if link.kind is LinkKind.LEGACY
    )
    needed = (*sources, *owners_of(topology, host, target))
    down = {each.name for each in needed if each is not None and not topology.is_running(each)}
    return tuple(sorted(down)), ghosts_of(topology, host, target)


def is_wanted(topology: Topology, target: Container) -> bool:
    """Whether a container runs, or would if a link had not kept it from starting."""
    details = topology.details(target)
    up = details.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)
    return up or parse_refusal(details.error) is not None


def present_links(details: Details) -> tuple[StoredLink, ...]:
    """Return the links that a container has now, by the names of today."""
    per_network = (link for each in details.endpoints for link in each.links)
    return details.stored_links or tuple(per_network)


def links_to_make(
    topology: Topology, host: str, container: Container, action: Recreate
) -> tuple[StoredLink, ...]:
    """Return the links on the default bridge that a new container will have.

    The engine creates it only if their sources are there, and starts it only if they run.
    """
    details = topology.details(container)
    mode = details.network_mode if action.network is None else action.network
    if not is_default_bridge(mode):
        return ()
    if action.links is not None:
        return action.links
    legacy = (each for each in topology.links_of(host, container) if each.kind is LinkKind.LEGACY)
    return tuple(
        StoredLink(source.name if (source := topology.source_of(each)) else each.source_name, "")
        for each in legacy
    )
