"""A small model of an engine: what is seen of it, before an action and afterwards.

Pure. It does what the engine lab shows an engine to do, and refuses in the engine's words what it
would refuse. Programs are taken to do again what they did: they listen where they listened. What
a probe or a log told is not known afterwards, and what was not seen before is not seen then.
"""

from __future__ import annotations

import msgspec

from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import Evidence, Known
from linkdoctor.model.links import HostsLine, StoredLink, engine_version
from linkdoctor.model.setup import Attachment, Setup
from linkdoctor.model.snapshot import (
    NOT_PROBED,
    Container,
    Details,
    DnsAnswer,
    Endpoint,
    Resolver,
    Snapshot,
    Status,
)
from linkdoctor.model.topology import DEFAULT_BRIDGE, Link, LinkKind, Topology
from linkdoctor.rulekit.engine_recreates import EMBEDDED_DNS, recreated
from linkdoctor.rulekit.engine_starts import last_chosen_port, started, stopped, told_to_targets
from linkdoctor.rulekit.engine_state import (
    UP,
    EngineRefusal,
    NotModelled,
    container_named,
    details_of,
    free_address,
    has_networks_of_its_own,
    later,
    recorded,
    with_container,
    with_details,
)

__all__ = ["EngineRefusal", "NotModelled", "apply_to"]

_SHORT_ID = 12
_FIRST_TO_CORRECT_HOSTS = (28,)
"""The first engine that corrects hosts lines when a source joins the bridge again (engine lab)."""


def apply_to(snapshot: Snapshot, action: Action) -> Snapshot:
    """Return what is seen of an engine a while after an action.

    Raises:
        EngineRefusal: the engine would refuse it.
        NotModelled: what was seen does not tell what it would do.
    """
    return _looked_again(snapshot, later(_done(snapshot, action)))


def _done(snapshot: Snapshot, action: Action) -> Snapshot:
    match action:
        case Start():
            return _start(snapshot, action)
        case Unpause():
            return _unpause(snapshot, action)
        case Restart():
            last_port = last_chosen_port(snapshot)
            return started(stopped(snapshot, action.container), action.container, last_port)
        case Rename():
            return _rename(snapshot, action)
        case SetRestartPolicy():
            return _set_policy(snapshot, action)
        case ConnectNetwork():
            return _connect(snapshot, action)
        case Recreate():
            return recreated(snapshot, action)


def _start(snapshot: Snapshot, action: Start) -> Snapshot:
    container = container_named(snapshot, action.container)
    match details_of(container).status:
        case Status.PAUSED:
            raise EngineRefusal("cannot start a paused container, try unpause instead")
        case Status.DEAD | Status.REMOVING:
            raise EngineRefusal("container is marked for removal and cannot be started")
        case status if status in UP:
            return snapshot
        case _:
            return started(snapshot, container.name)


def _unpause(snapshot: Snapshot, action: Unpause) -> Snapshot:
    container = container_named(snapshot, action.container)
    if details_of(container).status is not Status.PAUSED:
        raise EngineRefusal(f"Container {container.name} is not paused")
    running = with_container(snapshot, with_details(container, status=Status.RUNNING))
    return recorded(running, "unpause", container)


def _rename(snapshot: Snapshot, action: Rename) -> Snapshot:
    """Rename a container: links follow; its process, its hosts file and the disk do not."""
    container = container_named(snapshot, action.container)
    if any(each.name == action.to for each in snapshot.containers):
        raise EngineRefusal(f'Conflict. The container name "/{action.to}" is already in use')
    parts = (name.partition("/") for name in container.names)
    targets = {(target, alias) for target, _, alias in parts if alias}
    renamed = [
        _renamed(each, action, targets) if each.id != container.id else each
        for each in snapshot.containers
    ]
    snapshot = msgspec.structs.replace(snapshot, containers=tuple(renamed))
    names = tuple(sorted(action.to if each == container.name else each for each in container.names))
    changed = msgspec.structs.replace(container, name=action.to, names=names)
    if isinstance(changed.details, Known):
        endpoints = tuple(
            msgspec.structs.replace(
                each,
                aliases=tuple(
                    action.to if alias == container.name else alias for alias in each.aliases
                ),
            )
            for each in changed.details.value.endpoints
        )
        changed = with_details(changed, endpoints=endpoints)
    return recorded(with_container(snapshot, changed), "rename", changed)


def _renamed(other: Container, action: Rename, targets: set[tuple[str, str]]) -> Container:
    """Return another container as it is once its source, or its target, has another name."""
    names = tuple(
        f"{action.to}/{each.partition('/')[2]}" if each.startswith(f"{action.container}/") else each
        for each in other.names
    )
    other = msgspec.structs.replace(other, names=tuple(sorted(names)))
    if not isinstance(other.details, Known):
        return other
    links = tuple(
        StoredLink(action.to, each.alias) if (other.name, each.alias) in targets else each
        for each in other.details.value.stored_links
    )
    return with_details(other, stored_links=links)


def _set_policy(snapshot: Snapshot, action: SetRestartPolicy) -> Snapshot:
    container = container_named(snapshot, action.container)
    details = details_of(container)
    if details.auto_remove and action.policy != "no":
        raise EngineRefusal(
            "Restart policy cannot be updated because AutoRemove is enabled for the container"
        )
    setup = details.setup
    if isinstance(setup, Known):
        words = list(setup.value.options)
        if "--restart" in words:
            place = words.index("--restart")
            del words[place : place + 2]
        if action.policy != "no":
            words += ["--restart", action.policy]
        setup = Known(msgspec.structs.replace(setup.value, options=tuple(words)), setup.source)
    changed = with_details(container, restart_policy=action.policy, setup=setup)
    return recorded(with_container(snapshot, changed), "update", container)


def _connect(snapshot: Snapshot, action: ConnectNetwork) -> Snapshot:
    container = container_named(snapshot, action.container)
    details = details_of(container)
    _require_connectable(snapshot, action, details)
    own = action.network != DEFAULT_BRIDGE
    up = details.status in UP
    aliases = dict.fromkeys((container.name, container.id[:_SHORT_ID], *action.aliases))
    endpoint = Endpoint(
        network=action.network,
        address=free_address(snapshot, action.network) if up else "",
        aliases=tuple(aliases) if own else (),
    )
    container = with_details(
        container, endpoints=(*details.endpoints, endpoint), setup=_more(details, action)
    )
    if up:
        container = _told_its_address(container, details, endpoint.address)
    resolver = container.resolver
    if (
        own
        and up
        and isinstance(resolver, Known)
        and EMBEDDED_DNS not in resolver.value.nameservers
    ):
        now = Resolver(nameservers=(EMBEDDED_DNS,), search=resolver.value.search, ndots=0)
        container = msgspec.structs.replace(container, resolver=Known(now, resolver.source))
    snapshot = with_container(snapshot, container)
    if not own and engine_version(snapshot.engine.version) >= _FIRST_TO_CORRECT_HOSTS:
        snapshot = told_to_targets(snapshot, container)
    return snapshot


def _told_its_address(container: Container, details: Details, address: str) -> Container:
    file = container.hosts_file
    if not isinstance(file, Known) or details.mounts_hosts_file or not address:
        return container
    own = HostsLine(address=address, names=(details.hostname,))
    return msgspec.structs.replace(container, hosts_file=Known((*file.value, own), file.source))


def _require_connectable(snapshot: Snapshot, action: ConnectNetwork, details: Details) -> None:
    network, name = action.network, action.container
    known = snapshot.networks.value if isinstance(snapshot.networks, Known) else None
    if known is not None and all(each.name != network for each in known):
        raise EngineRefusal(f"network {network} not found")
    if not has_networks_of_its_own(details):
        raise EngineRefusal(
            "container sharing network namespace with another container or host cannot be "
            "connected to any other network"
        )
    if network == "host":
        raise EngineRefusal("container cannot be connected to host network")
    if any(each.network == "none" for each in details.endpoints) or network == "none":
        raise EngineRefusal(
            "container cannot be connected to multiple networks with one of the networks in "
            "private (none) mode"
        )
    if action.aliases and network == DEFAULT_BRIDGE:
        raise EngineRefusal(
            "network-scoped alias is supported only for containers in user defined networks"
        )
    if any(each.network == network for each in details.endpoints):
        raise EngineRefusal(f"endpoint with name {name} already exists in network {network}")


def _more(details: Details, action: ConnectNetwork) -> Evidence[Setup]:
    """Return how a container was made, with a network more: a successor joins it too."""
    if not isinstance(details.setup, Known):
        return details.setup
    place = Attachment(network=action.network, aliases=action.aliases)
    attachments = (*details.setup.value.attachments, place)
    setup = msgspec.structs.replace(details.setup.value, attachments=attachments)
    return Known(setup, details.setup.source)


# --- what is seen afterwards ----------------------------------------------------------------------


def _looked_again(before: Snapshot, after: Snapshot) -> Snapshot:
    """Return a snapshot without what only an earlier moment told, and with the answers of today."""
    then, now = Topology((before,)), Topology((after,))
    asked = {each.name: each for each in before.containers}
    containers = tuple(
        msgspec.structs.replace(
            each,
            probes=NOT_PROBED,
            dns_answers=tuple(
                _answered_again(each, asked.get(each.name, each), answer, then, now, after.host)
                for answer in each.dns_answers
            ),
        )
        for each in after.containers
    )
    return msgspec.structs.replace(after, containers=containers, probed=False)


def _answered_again(
    target: Container,
    former: Container,
    answer: DnsAnswer,
    then: Topology,
    now: Topology,
    host: str,
) -> DnsAnswer:
    if not isinstance(answer.addresses, Known):
        return answer
    found = _of_the_engine(host, target, answer.name, now)
    if not found and not _of_the_engine(host, former, answer.name, then):
        return answer  # it is the world's, today as then
    return msgspec.structs.replace(answer, addresses=Known(found, answer.addresses.source))


def _of_the_engine(host: str, target: Container, name: str, topology: Topology) -> tuple[str, ...]:
    """Return what the engine's own DNS answers a container for a name."""
    if not isinstance(target.details, Known):
        return ()
    links = {
        link.network: link
        for link in topology.links_of(host, target)
        if link.kind is LinkKind.NETWORK and link.alias == name
    }
    for each in target.details.value.endpoints:
        if each.network in (DEFAULT_BRIDGE, "host", "none"):
            continue
        link = links.get(each.network)
        found = (
            topology.answering(host, each.network, name)
            if link is None
            else _linked(link, topology)
        )
        places = (topology.endpoint(one, each.network) for one in found)
        addresses = tuple(place.address for place in places if place is not None and place.address)
        if addresses:
            return addresses
    return ()


def _linked(link: Link, topology: Topology) -> tuple[Container, ...]:
    source = topology.source_of(link)
    return (source,) if source is not None and topology.is_running(source) else ()
