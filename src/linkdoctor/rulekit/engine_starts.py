"""What a modelled engine does when a container starts, and when it stops.

A start gives addresses, ports of the host, namespaces, the variables and hosts lines of links and
their firewall rules; it corrects the hosts lines of those that are linked to the container. Facts:
the engine lab (``test_engine_facts*``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from linkdoctor.model.evidence import Known
from linkdoctor.model.links import (
    engine_version,
)
from linkdoctor.model.network_mode import shared_reference
from linkdoctor.model.snapshot import (
    Container,
    Details,
    Endpoint,
    Health,
    Namespaces,
    Publication,
    Snapshot,
    Status,
)
from linkdoctor.rulekit.engine_state import (
    UP,
    EngineRefusal,
    bridge_of,
    container_named,
    details_of,
    free_address,
    legacy_links,
    live_source,
    network_owner,
    owner_of,
    recorded,
    with_container,
    with_details,
)
from linkdoctor.rulekit.host_ports import overlap
from linkdoctor.rulekit.link_effects import given_links, link_rules, on_bridge

__all__ = [
    "last_chosen_port",
    "started",
    "stopped",
    "told_to_targets",
]

_FIRST_CHOSEN_PORT = 32768
_KILLED = 137
_PROXY = "docker-proxy"


def started(snapshot: Snapshot, name: str, last_port: int = 0) -> Snapshot:
    """Return what there is once the engine has started a container that does not run.

    Args:
        snapshot: what there is.
        name: of the container.
        last_port: the last that the engine chose; it goes on from there.

    Raises:
        EngineRefusal: it would not start it.
    """
    container = container_named(snapshot, name)
    details = details_of(container)
    owners = _owners(snapshot, details)
    sources = _sources(snapshot, container, details)
    container = with_details(
        container,
        status=Status.RUNNING,
        pid=_free_pid(snapshot),
        exit_code=0,
        error="",
        out_of_memory=False,
        started_at=snapshot.engine_time or snapshot.taken_at,
        restart_count=None if details.restart_count is None else 0,
        published=tuple(_published(snapshot, container, details, last_port)),
        health=None if details.health is None else Health(status="starting"),
    )
    snapshot = with_container(snapshot, container)
    for each in details.endpoints:
        snapshot = _addressed(snapshot, name, each)
    container = _in_namespaces(snapshot, container_named(snapshot, name), owners)
    snapshot = with_container(snapshot, _given_links(snapshot, container, sources))
    if "network" in owners:
        snapshot = _listening_together(snapshot, name, owners["network"].name)
    snapshot = _opened(snapshot, container_named(snapshot, name), sources.values())
    snapshot = told_to_targets(snapshot, container_named(snapshot, name))
    return recorded(snapshot, "start", container)


def stopped(snapshot: Snapshot, name: str, exit_code: int = 0) -> Snapshot:
    """Return what there is once a container has ended; who lives among its processes ends too."""
    container = container_named(snapshot, name)
    details = details_of(container)
    if details.status not in UP:
        return snapshot
    snapshot = _closed(snapshot, container)
    endpoints = tuple(
        msgspec.structs.replace(each, address="", address6="") for each in details.endpoints
    )
    now = snapshot.engine_time or snapshot.taken_at
    ended = with_details(
        container,
        status=Status.EXITED,
        pid=0,
        exit_code=exit_code,
        finished_at=now,
        published=(),
        endpoints=endpoints,
    )
    snapshot = _released(with_container(snapshot, ended), details.published)
    snapshot = recorded(snapshot, "die", container, exit_code)
    for each in snapshot.containers:
        if isinstance(each.details, Known) and _lives_among(each.details.value, container):
            snapshot = stopped(snapshot, each.name, _KILLED)
    return snapshot


def _released(snapshot: Snapshot, published: Iterable[Publication]) -> Snapshot:
    """Take away the listeners by which the engine held the ports that a container published."""
    if not isinstance(snapshot.host_listeners, Known):
        return snapshot
    held = {(each.port.protocol, each.host_port, each.host_address) for each in published}
    left = tuple(
        each
        for each in snapshot.host_listeners.value
        if (each.protocol, each.port, each.address) not in held or each.owner not in ("", _PROXY)
    )
    listeners = Known(left, snapshot.host_listeners.source)
    return msgspec.structs.replace(snapshot, host_listeners=listeners)


def _lives_among(details: Details, owner: Container) -> bool:
    return shared_reference(details.pid_mode) in (owner.id, owner.name)


# --- what is refused ------------------------------------------------------------------------------


def _owners(snapshot: Snapshot, details: Details) -> dict[str, Container]:
    """Return whose namespaces a container is to share, by kind."""
    modes = {"network": details.network_mode, "pid": details.pid_mode, "ipc": details.ipc_mode}
    found: dict[str, Container] = {}
    for kind, mode in modes.items():
        owner = owner_of(snapshot, mode)
        if owner is None:
            continue
        if details_of(owner).status not in UP:
            raise EngineRefusal(
                f"cannot join {kind} of a non running container: {owner.id}"
                if kind == "network"
                else f"container {owner.id} is not running"
            )
        found[kind] = owner
    return found


def _sources(snapshot: Snapshot, target: Container, details: Details) -> dict[str, Container]:
    """Return the sources of a container's links on the default bridge, by alias."""
    found: dict[str, Container] = {}
    for link in legacy_links(details):
        source = live_source(snapshot, target, link.alias)
        if source is None or details_of(source).status not in UP:
            # For a ghost the engine still has the name of the object that is gone.
            raise EngineRefusal(
                f"Cannot link to a non running container: /{link.source} "
                f"AS /{target.name}/{link.alias}"
            )
        owner = network_owner(snapshot, source)
        if on_bridge(details_of(owner)) is None:
            raise EngineRefusal(_noton_bridge(snapshot, source))
        found[link.alias] = owner
    return found


def _noton_bridge(snapshot: Snapshot, source: Container) -> str:
    if engine_version(snapshot.engine.version) >= (28,):
        return f"container {source.id} not attached to default bridge network"
    return f"Cannot link to /{source.name}, as it does not belong to the default network"


def _published(
    snapshot: Snapshot, container: Container, details: Details, last_port: int
) -> Iterator[Publication]:
    """Yield the bindings that a container gets, those that the engine chooses among them."""
    setup = details.setup.value if isinstance(details.setup, Known) else None
    asked = list(details.requested)
    bound = {each.port for each in asked}
    if setup is not None and setup.publish_all:
        asked += [
            Publication(port=each, host_address="0.0.0.0", host_port=0, ephemeral=True)
            for each in details.exposed
            if each not in bound
        ]
    held = [
        each
        for other in snapshot.containers
        if other.id != container.id and isinstance(other.details, Known)
        for each in other.details.value.published
    ]
    chosen = max(last_port, last_chosen_port(snapshot))
    for each in asked:
        if each.ephemeral or not each.host_port:
            chosen += 1
            yield msgspec.structs.replace(each, host_port=chosen, ephemeral=True)
            continue
        _require_free(snapshot, each, held)
        yield each


def last_chosen_port(snapshot: Snapshot) -> int:
    """Return the last port of the host that the engine is known to have chosen."""
    return max(
        (
            each.host_port
            for container in snapshot.containers
            if isinstance(container.details, Known)
            for each in container.details.value.published
            if each.ephemeral
        ),
        default=_FIRST_CHOSEN_PORT - 1,
    )


def _require_free(snapshot: Snapshot, wanted: Publication, held: Iterable[Publication]) -> None:
    place = f"{wanted.host_address or '0.0.0.0'}:{wanted.host_port}"
    for each in held:
        same = (each.port.protocol, each.host_port) == (wanted.port.protocol, wanted.host_port)
        if same and overlap(each.host_address, wanted.host_address):
            raise EngineRefusal(f"Bind for {place} failed: port is already allocated")
    listeners = snapshot.host_listeners.value if isinstance(snapshot.host_listeners, Known) else ()
    for listener in listeners:
        same = (listener.protocol, listener.port) == (wanted.port.protocol, wanted.host_port)
        if same and listener.owner != _PROXY and overlap(listener.address, wanted.host_address):
            raise EngineRefusal(
                f"failed to bind port {place}/{wanted.port.protocol}: address already in use"
            )


# --- what a container is given --------------------------------------------------------------------


def _free_pid(snapshot: Snapshot) -> int:
    pids = (
        each.details.value.pid for each in snapshot.containers if isinstance(each.details, Known)
    )
    return max(pids, default=0) + 1


def _addressed(snapshot: Snapshot, name: str, endpoint: Endpoint) -> Snapshot:
    container = container_named(snapshot, name)
    address = endpoint.fixed_address or free_address(snapshot, endpoint.network)
    endpoints = tuple(
        msgspec.structs.replace(each, address=address) if each.network == endpoint.network else each
        for each in details_of(container).endpoints
    )
    return with_container(snapshot, with_details(container, endpoints=endpoints))


def _in_namespaces(
    snapshot: Snapshot, container: Container, owners: dict[str, Container]
) -> Container:
    """Return a container in new namespaces, or in those that its owners have today."""
    if not isinstance(container.namespaces, Known):
        return container
    known = [
        each.namespaces.value for each in snapshot.containers if isinstance(each.namespaces, Known)
    ]
    new = max(number for each in known for number in (each.network, each.ipc)) + 1
    network, ipc = owners.get("network"), owners.get("ipc")
    host = details_of(container).network_mode == "host"
    own = Namespaces(network=container.namespaces.value.network if host else new, ipc=new + 1)
    if network is not None and isinstance(network.namespaces, Known):
        own = msgspec.structs.replace(own, network=network.namespaces.value.network)
    if ipc is not None and isinstance(ipc.namespaces, Known):
        own = msgspec.structs.replace(own, ipc=ipc.namespaces.value.ipc)
    return msgspec.structs.replace(
        container, namespaces=Known(own, f"/proc/{details_of(container).pid}/ns")
    )


def _listening_together(snapshot: Snapshot, name: str, owner: str) -> Snapshot:
    """Return a snapshot in which a sharer listens in its owner's namespace, and sees what does."""
    pair = [container_named(snapshot, each) for each in (name, owner)]
    known = [each.listeners for each in pair if isinstance(each.listeners, Known)]
    if len(known) == len(pair):
        both = tuple(dict.fromkeys(listener for each in known for listener in each.value))
        for each, listeners in zip(pair, known, strict=True):
            together = msgspec.structs.replace(each, listeners=Known(both, listeners.source))
            snapshot = with_container(snapshot, together)
    return snapshot


def _given_links(
    snapshot: Snapshot, container: Container, sources: Mapping[str, Container]
) -> Container:
    bridge, keeps = bridge_of(snapshot), snapshot.keeps_link_variables
    given = given_links(
        container,
        sources,
        version=engine_version(snapshot.engine.version),
        keeps_variables=isinstance(keeps, Known) and keeps.value,
        gateway=bridge.reserved[0] if bridge is not None and bridge.reserved else "",
    )
    if details_of(container).mounts_hosts_file:  # the file is the user's, not the engine's
        return msgspec.structs.replace(given, hosts_file=container.hosts_file)
    return given


def told_to_targets(snapshot: Snapshot, source: Container) -> Snapshot:
    """Correct the hosts lines of the running targets that are linked to a source.

    Only lines that are there; none of a target that was renamed since its start.
    """
    place = on_bridge(details_of(source))
    address = place.address if place is not None else ""
    for target in snapshot.containers if address else ():
        if not isinstance(target.details, Known) or target.details.value.status not in UP:
            continue
        for link in legacy_links(target.details.value):
            if f"{target.name}/{link.alias}" in source.names:
                snapshot = with_container(snapshot, _corrected(target, link.alias, address))
                target = container_named(snapshot, target.name)
    return snapshot


def _corrected(target: Container, alias: str, address: str) -> Container:
    if not isinstance(target.hosts_file, Known) or details_of(target).mounts_hosts_file:
        return target
    if _was_renamed(target, alias):
        return target
    lines = tuple(
        msgspec.structs.replace(line, address=address)
        if line.names[0] == alias or line.names[0].startswith(f"{alias}.")
        else line
        for line in target.hosts_file.value
    )
    return msgspec.structs.replace(target, hosts_file=Known(lines, target.hosts_file.source))


def _was_renamed(target: Container, alias: str) -> bool:
    """Whether a target's process knows it by another name: then the engine forgot its lines."""
    process = target.process_environment
    told = process.value if isinstance(process, Known) else ()
    ends = f"/{alias}"
    names = {each.value for each in told if each.value and each.value.endswith(ends)}
    return bool(names) and f"/{target.name}/{alias}" not in names


# --- the firewall -----------------------------------------------------------------------------


def _opened(snapshot: Snapshot, target: Container, sources: Iterable[Container]) -> Snapshot:
    """Add the rules of a target's links, where only links may talk."""
    bridge, firewall = bridge_of(snapshot), snapshot.firewall
    if bridge is None or bridge.icc or not isinstance(firewall, Known):
        return snapshot
    here = on_bridge(details_of(target))
    if here is None or not firewall.value.managed:
        return snapshot
    rules = list(firewall.value.rules)
    for source in sources:
        there = details_of(source)
        place = on_bridge(there)
        new = link_rules(
            target_address=here.address,
            source_address=place.address if place is not None else "",
            exposed=there.exposed,
        )
        rules += [each for each in new if each not in rules]
    changed = msgspec.structs.replace(firewall.value, rules=tuple(rules))
    return msgspec.structs.replace(snapshot, firewall=Known(changed, firewall.source))


def _closed(snapshot: Snapshot, target: Container) -> Snapshot:
    """Take away the rules between a target and where its sources are now; older ones stay."""
    firewall = snapshot.firewall
    here = on_bridge(details_of(target))
    if not isinstance(firewall, Known) or here is None or not here.address:
        return snapshot
    ends: set[str] = set()
    for link in legacy_links(details_of(target)):
        source = live_source(snapshot, target, link.alias)
        place = on_bridge(details_of(source)) if source is not None else None
        if place is not None and place.address:
            ends.add(place.address)
    kept = tuple(
        each
        for each in firewall.value.rules
        if not (
            each.chain == "DOCKER"
            and here.address in (each.source, each.destination)
            and {each.source, each.destination} - {here.address} <= ends
        )
    )
    changed = msgspec.structs.replace(firewall.value, rules=kept)
    return msgspec.structs.replace(snapshot, firewall=Known(changed, firewall.source))
