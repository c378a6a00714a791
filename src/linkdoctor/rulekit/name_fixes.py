"""What gives a target the name that it expects: an alias, a link, a connection, the old name back.

Which of them it is depends on where the container that is meant can be found, and on the network
modes of both.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.actions import Rename
from linkdoctor.model.links import StoredLink
from linkdoctor.model.network_mode import Host, Isolated, NetworkMode, Own, Shared
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import LinkKind, Topology
from linkdoctor.rulekit import commands
from linkdoctor.rulekit.candidates import KnownAs
from linkdoctor.rulekit.connecting import dial_the_host, from_the_host, join, user_network_of
from linkdoctor.rulekit.expectations import Unmet
from linkdoctor.rulekit.fixes import doing, owner_is_gone, recreate, recreate_source
from linkdoctor.rulekit.namesakes import name_before_compose
from linkdoctor.rulekit.reach import effective_mode, networks_of, owner_of

__all__ = ["ways_to_provide"]


def ways_to_provide(
    host: str, target: Container, unmet: Unmet, topology: Topology
) -> Iterator[Fix]:
    """Advise how a target comes to the name that it expects, the best way first."""
    name = unmet.expectation.names[0]
    source = topology.source_or_namesake(unmet.link) if unmet.link else None
    if source is None and len(unmet.candidates) == 1:
        source = unmet.candidates[0].container
    if source is not None:
        if topology.is_inspected(source):
            yield from _ways_to(host, target, unmet, source, topology)
        else:
            yield _by_hand(target, source.name, name)
    elif unmet.candidates:
        others = " or ".join(sorted(each.container.name for each in unmet.candidates))
        yield _by_hand(target, others, name)
    else:
        yield Fix(
            title=f"create the container that {target.name} expects as {name}, and link it",
            safety=Safety.MANUAL,
        )


def _by_hand(target: Container, sources: str, name: str) -> Fix:
    return Fix(
        title=f"find out which container {target.name} means by {name} ({sources}), and give it "
        f"that name on a network that {target.name} is on",
        safety=Safety.MANUAL,
    )


def _ways_to(
    host: str, target: Container, unmet: Unmet, source: Container, topology: Topology
) -> Iterator[Fix]:
    """Yield what makes a container known to the target under a name; it depends on the modes."""
    match effective_mode(host, target, topology), effective_mode(host, source, topology):
        case Shared(), _:
            yield owner_is_gone(target)
        case _, Shared():
            yield owner_is_gone(source)
        case Host(), _:
            yield from_the_host(topology, host, target, source)
        case _, mode:
            yield from _ways_of_networks(host, target, unmet, source, mode, topology)


def _ways_of_networks(
    host: str,
    target: Container,
    unmet: Unmet,
    source: Container,
    mode: NetworkMode,
    topology: Topology,
) -> Iterator[Fix]:
    """Yield the same for a target that can be on networks; the source's mode is given."""
    name, link = unmet.expectation.names[0], unmet.link
    network = link.network if link else user_network_of(host, target, topology)
    if _is_made_up(unmet, source) and network in networks_of(host, source, topology):
        yield doing(
            f"rename {source.name} back to {name}, which a failed Compose run changed",
            Safety.SAFE,
            Rename(container=source.name, to=name_before_compose(source.name)),
        )
    elif isinstance(mode, Host):
        yield from dial_the_host(topology, host, target, source, name)
    elif network is None or (link is not None and link.kind is LinkKind.LEGACY):
        yield _with_a_link(host, target, name, source, topology)
    elif network not in networks_of(host, source, topology):
        yield join(topology, host, source, network, name)
    else:
        yield from _anew(host, target, name, network, source, topology)


def _is_made_up(unmet: Unmet, source: Container) -> bool:
    return any(
        each.container is source and each.known_as is KnownAs.MADE_UP for each in unmet.candidates
    )


def _with_a_link(
    host: str, target: Container, name: str, source: Container, topology: Topology
) -> Fix:
    details, mode = topology.details(target), topology.network_mode(host, target)
    if topology.product(host) == "Podman" or isinstance(mode, Isolated | Shared):
        why = ": Podman has no links" if topology.product(host) == "Podman" else ""
        return Fix(
            title=f"put {target.name} and {source.name} on a network of their own, where "
            f"{source.name} has the additional name {name}{why}",
            safety=Safety.MANUAL,
        )
    # A link in the place of the one under the wrong alias: nothing else is known to use
    # that alias, yet it is kept, since dropping it could break what does.
    links = (*details.stored_links, StoredLink(source.name, name))
    return recreate(topology, host, target, links=links)


def _anew(
    host: str, target: Container, name: str, network: str, source: Container, topology: Topology
) -> Iterator[Fix]:
    """Yield what adds a name to a source that is on the network already."""
    endpoint = topology.endpoint(source, network)
    if endpoint is None:  # there only as the container whose network it shares
        owner = owner_of(host, source, topology)
        yield _by_hand(target, f"{source.name}, there as {owner.name}", name)
        return
    kept = [each for each in endpoint.aliases if each not in (source.name, source.id[:12], name)]
    options = [word for each in (*kept, name) for word in ("--alias", each)]
    yield Fix(
        title=f"reconnect {source.name} to network {network}, under the additional name {name} "
        f"(cuts the connections of {source.name} on that network for a moment)",
        safety=Safety.RESTART,
        commands=(
            commands.shell("docker", "network", "disconnect", network, source.name),
            commands.shell("docker", "network", "connect", *options, network, source.name),
        ),
        left_to_person="it has to leave the network first, and loses what else it was given there",
    )
    if topology.network_mode(host, source) == Own(network):
        why = f"with the additional name {name} on network {network}"
        yield recreate_source(topology, host, source, aliases=(name,), why=why)
