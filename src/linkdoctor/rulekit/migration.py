"""Links that are made anew: on a network of one's own, or under another alias.

On a user-defined network a link is a name that the embedded DNS answers to its target alone: no
variables, no start-up check, no ghost. To connect a target is not enough: the line in its hosts
file stays, and wins (engine lab). So the target is created again.
"""

from __future__ import annotations

import msgspec

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.links import StoredLink
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import DEFAULT_BRIDGE, Link, LinkKind, Topology
from linkdoctor.rulekit import commands
from linkdoctor.rulekit.fixes import compose_service, keeping, recreate
from linkdoctor.rulekit.variable_users import variables_wanted

__all__ = ["to_network", "with_alias"]


def to_network(topology: Topology, host: str, target: Container) -> Fix:
    """Advise to move a target, with its links, from the default bridge to a network of its own.

    With commands only where nothing stands in the way: each source runs, nobody is linked to the
    target in turn, and the target is not known to read link variables.
    """
    links = [link for link in topology.links_of(host, target) if link.kind is LinkKind.LEGACY]
    try:
        first = _obstacle(topology, host, target, links)
        network = _free_name(topology, host, f"{target.name}-links")
    except MissingEvidence as missing:
        first, network = f"find out what could not be seen ({missing})", ""
    if first:
        return Fix(
            title=f"{first}, then create {target.name} again, with the same links, on a network "
            "of its own to which its sources are connected",
            safety=Safety.MANUAL,
        )
    sources = sorted(
        {source.name for link in links if (source := topology.source_of(link)) is not None}
    )
    moved = recreate(topology, host, target, network=network)
    title = (
        f"create the network {network}, connect {', '.join(sources)} to it, and there {moved.title}"
    )
    if not moved.commands:
        return Fix(title=title, safety=Safety.MANUAL)
    return Fix(
        title=keeping(title, (target.name,)),
        safety=moved.safety,
        commands=(
            commands.shell("docker", "network", "create", network),
            *(commands.connect_network(network, source) for source in sources),
            *moved.commands,
        ),
        left_to_person="it requires a new network, which linkdoctor does not create",
    )


def with_alias(topology: Topology, link: Link, alias: str) -> Fix:
    """Advise to create the target of a link again, with another alias for its source."""
    links = tuple(
        StoredLink(each.source_name, alias if each.alias == link.alias else each.alias)
        for each in topology.links_of(link.host, link.target)
        if each.kind is link.kind
    )
    fix = recreate(topology, link.host, link.target, links=links)
    return msgspec.structs.replace(
        fix, title=f"make its program use {alias} instead of {link.alias}, and {fix.title}"
    )


def _obstacle(topology: Topology, host: str, target: Container, links: list[Link]) -> str:
    """Return what has to be done first; '' if nothing."""
    if compose_service(target) is not None:
        return "remove network_mode: bridge from the Compose file"
    others = sorted({link.target.name for link in topology.links_to(host, target)})
    if others:
        return f"move {', '.join(others)} first, which is linked to {target.name} in turn"
    if any(each.network != DEFAULT_BRIDGE for each in topology.details(target).endpoints):
        return "note its other networks"
    for link in links:
        source = topology.source_of(link)
        if source is None or not topology.is_running(source):
            return f"get {link.source_name} running"
        if topology.endpoint(source, DEFAULT_BRIDGE) is None:
            return f"find out which network {source.name} can join"
        if variables_wanted(link, topology):
            return f"make its program use the name {link.alias} instead of variables"
    return ""


def _free_name(topology: Topology, host: str, wanted: str) -> str:
    taken = {network.name for network in topology.networks(host)}
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, 1000))
    return next((name for name in names if name not in taken), wanted)
