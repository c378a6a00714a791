"""The engine could not start a container because a host port is taken.

## What it means

`docker run`, `docker start` or a boot failed: another container, or a program of the host, holds
the host port that the container publishes. The container was left behind, not running.

## Why it matters

The service is down, and only inspect shows the reason. No restart policy tries again. A target that
is linked to it reaches nothing.

## How it is proved

The container is created, exited or dead, and `State.Error` is one of the engine's messages about a
taken port. The wording differs by version; linkdoctor knows that of engines 20.10 to 28. The holder
of the port is read from the bindings of the other containers, then from the listening sockets of
the host, whose program is known only if it runs in a container on the host's network.

## What it is not

A container that stopped for another reason. A failed attempt that was perhaps repeated with success
under another name is only a warning: it never ran, nothing is linked to it, and a container of the
same image that publishes the same port of its own was created later and runs. That is a guess, and
the message says so; a sibling that existed before, or that Compose created, is a replica and no
such sign. A range of ports that are all taken is not reported.

## How to fix it

If the port is free now, start the container. Otherwise create it again at another host port, or
stop what holds this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from linkdoctor.rulekit import (
    Case,
    Container,
    Details,
    EachContainer,
    Expected,
    Fix,
    Hit,
    Host,
    HostContainer,
    Link,
    LinkKind,
    Listener,
    MissingEvidence,
    Need,
    Proof,
    Publication,
    Rule,
    Safety,
    Severity,
    Start,
    Status,
    Topology,
    commands,
    parse_refusal,
)
from linkdoctor.rulekit.fixes import doing, is_wanted, recreate_source
from linkdoctor.rulekit.host_ports import (
    PortConflict,
    bindings,
    free_port,
    overlap,
    parse_port_conflict,
)
from linkdoctor.rulekit.reach import effective_mode
from linkdoctor.rulekit.stand_ins import guessed, is_kept, stand_in_for
from linkdoctor.rulekit.world import World


class _Holder(NamedTuple):
    """Who holds the port now; nobody and not seen are told apart by `seen`."""

    name: str = ""
    container: Container | None = None
    where: str = ""
    seen: bool = True


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report a container whose last start failed because a port of the host was taken."""
    container = place.container
    details = topology.details(container)
    if details.status not in (Status.CREATED, Status.EXITED, Status.DEAD):
        return
    conflict = parse_port_conflict(details.error)
    if conflict is None:
        return
    protocol = _protocol(conflict, details)
    holder = _holder(place, conflict, protocol, topology)
    links = _missing_it(place, topology)
    taken = _told(place, conflict, holder)
    evidence = tuple(_evidence(place, conflict, protocol, holder, topology))
    fixes = tuple(_fixes(place, conflict, protocol, holder, links, topology))
    for link in links:
        yield Hit(
            message=f"The engine could not start {container.name}, which {link.target.name} should "
            f"reach as {link.alias}: {taken}.",
            evidence=evidence,
            fixes=fixes,
            target=link.target.name,
            source=container.name,
            alias=link.alias,
            key=str(conflict.port),
        )
    if not links:
        stand_in = stand_in_for(container, _siblings(place, conflict, topology), topology)
        yield Hit(
            message=f"The engine could not start {container.name}: {taken}{guessed(stand_in)}.",
            evidence=evidence,
            fixes=fixes,
            severity=_severity(place, stand_in, topology),
            key=str(conflict.port),
        )


def _protocol(conflict: PortConflict, details: Details) -> str:
    asked = [each.port.protocol for each in details.requested if each.host_port == conflict.port]
    return conflict.protocol or (asked[0] if asked else "tcp")


def _told(place: HostContainer, conflict: PortConflict, holder: _Holder) -> str:
    port = f"port {conflict.port} of {place.host}"
    if holder.name:
        return f"{port} is taken by {holder.name}"
    return f"{port} was taken; {'it is free now' if holder.seen else 'the holder was not seen'}"


def _holder(
    place: HostContainer, conflict: PortConflict, protocol: str, topology: Topology
) -> _Holder:
    for binding in bindings(place.host, topology):
        held = binding.publication
        if (
            (held.host_port, held.port.protocol) == (conflict.port, protocol)
            and overlap(held.host_address, conflict.address)
            and binding.container is not place.container
        ):
            return _Holder(
                name=binding.container.name,
                container=binding.container,
                where=topology.read_from(binding.container.details),
            )
    try:
        listeners = topology.host_listeners(place.host)
    except MissingEvidence:
        return _Holder(seen=False)
    if not any(_holds(each, conflict, protocol) for each in listeners):
        return _Holder()
    for _, other in topology.containers(place.host):
        owner = _owner_on_the_hosts_network(place.host, other, conflict, protocol, topology)
        if owner:
            return _Holder(
                name=f"{owner} in {other.name}, which is on the host's network",
                container=other,
                where=topology.read_from(other.listeners),
            )
    return _Holder(
        name=f"a program of {place.host} itself", where=f"listening sockets of {place.host}"
    )


def _holds(listener: Listener, conflict: PortConflict, protocol: str) -> bool:
    return (listener.port, listener.protocol) == (conflict.port, protocol) and overlap(
        listener.address, conflict.address
    )


def _owner_on_the_hosts_network(
    host: str, container: Container, conflict: PortConflict, protocol: str, topology: Topology
) -> str:
    """Return the program of a container that listens on the port of the host, or ''.

    All containers on the host's network see all its sockets; only those of its own programs have
    an owner.
    """
    try:
        if not isinstance(effective_mode(host, container, topology), Host):
            return ""
    except MissingEvidence:
        return ""
    owners = (
        each.owner
        for each in topology.listeners_if_had(container)
        if _holds(each, conflict, protocol)
    )
    return next((owner for owner in owners if owner), "")


def _missing_it(place: HostContainer, topology: Topology) -> tuple[Link, ...]:
    """Return the links whose targets run, or were refused because of the link."""
    return tuple(
        link
        for link in topology.links_to(place.host, place.container)
        if is_wanted(topology, link.target)
    )


def _severity(
    place: HostContainer, stand_in: Container | None, topology: Topology
) -> Severity | None:
    if is_kept(place.host, place.container, topology):
        return Severity.INFO
    return Severity.WARNING if stand_in is not None else None


def _siblings(
    place: HostContainer, conflict: PortConflict, topology: Topology
) -> Iterator[Container]:
    """Return the containers that publish the same port of their own."""
    details = topology.details(place.container)
    ports = {each.port for each in details.requested if each.host_port == conflict.port}
    for binding in bindings(place.host, topology):
        if binding.publication.port in ports:
            yield binding.container


def _evidence(
    place: HostContainer, conflict: PortConflict, protocol: str, holder: _Holder, topology: Topology
) -> Iterator[Proof]:
    yield Proof(
        what=f"State.Error of {place.container.name}",
        observed=topology.details(place.container).error,
        expected="none",
        where=topology.read_from(place.container.details),
    )
    if holder.name:
        yield Proof(
            what=f"holder of {conflict.port}/{protocol} on {place.host}",
            observed=holder.name,
            expected="none",
            where=holder.where,
        )


def _fixes(
    place: HostContainer,
    conflict: PortConflict,
    protocol: str,
    holder: _Holder,
    links: tuple[Link, ...],
    topology: Topology,
) -> Iterator[Fix]:
    container = place.container
    starts = [Start(container=each) for each in (container.name, *_refused(links, topology))]
    if not holder.name and holder.seen:
        yield doing(
            f"start {container.name}: port {conflict.port} is free now", Safety.SAFE, *starts
        )
        return
    if not holder.name:
        yield Fix(
            title=f"find out what holds port {conflict.port}; start {container.name} once it is "
            "free",
            safety=Safety.MANUAL,
        )
        return
    yield _elsewhere(place, conflict, protocol, topology)
    if holder.container is not None:
        yield Fix(
            title=f"free port {conflict.port} for {container.name}: stop "
            f"{holder.container.name}, then start {container.name}",
            safety=Safety.MANUAL,
            commands=(
                commands.shell("docker", "stop", holder.container.name),
                *map(commands.one_call, starts),
            ),
        )
    else:
        yield Fix(
            title=f"or stop the program on {place.host} that listens on port {conflict.port}, then "
            f"start {container.name}",
            safety=Safety.MANUAL,
        )


def _refused(links: tuple[Link, ...], topology: Topology) -> tuple[str, ...]:
    """Return the targets that the engine refused to start while the source was down."""
    return tuple(
        sorted(
            {
                link.target.name
                for link in links
                if link.kind is LinkKind.LEGACY
                and parse_refusal(topology.details(link.target).error) is not None
            }
        )
    )


def _elsewhere(
    place: HostContainer, conflict: PortConflict, protocol: str, topology: Topology
) -> Fix:
    container = place.container
    try:
        port = free_port(place.host, conflict.port + 1, protocol, topology)
    except MissingEvidence:
        port = None
    if port is None:
        return Fix(
            title=f"create {container.name} again at another port of {place.host}",
            safety=Safety.MANUAL,
        )
    return recreate_source(
        topology,
        place.host,
        container,
        published=tuple(
            Publication(port=each.port, host_address=each.host_address, host_port=port)
            if (each.host_port, each.port.protocol) == (conflict.port, protocol)
            else each
            for each in topology.details(container).requested
        ),
        why=f"at port {port} of {place.host}, which is free",
    )


_PREFIX = f"driver failed programming external connectivity on endpoint app ({1:064x}): "
_ALLOCATED = f"{_PREFIX}Bind for 0.0.0.0:18000 failed: port is already allocated"
_IN_USE = (
    f"{_PREFIX}Error starting userland proxy: listen tcp4 0.0.0.0:18000: bind: "
    "address already in use"
)
_IN_USE_28 = (
    f"failed to set up container networking: {_PREFIX}failed to bind host port for "
    "0.0.0.0:18000:172.17.0.3:5000/tcp: address already in use"
)


def _refused_beside(error: str = _ALLOCATED) -> World:
    return (
        World()
        .run("db", publish={5432: 18000}, image="db")
        .run("app", publish={5000: 18000}, listen=[5000])
        .refuse("app", error)
    )


def _refused_by_the_host(error: str) -> World:
    listener = Listener(address="0.0.0.0", port=18000, protocol="tcp")
    return (
        World(host_listeners=(listener,))
        .run("app", publish={5000: 18000}, listen=[5000])
        .refuse("app", error)
    )


RULE = Rule(
    code="LD508",
    name="host-port-conflict",
    severity=Severity.ERROR,
    since="0.1",
    summary="a container could not start because a host port is taken",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS, Need.HOST_LISTENERS}),
    check=EachContainer(check),
    explains=frozenset(
        {"LD101", "LD104", "LD201", "LD302", "LD303", "LD306", "LD307", "LD502", "LD503", "LD510"}
    ),
    precedence=70,
    cases=(
        Case(
            title="another container has the port",
            given=lambda: (_refused_beside().snapshot(),),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a target waits for it",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000}, listen=[5000])
                .run("web", link="app:helloapp")
                .stop("app")
                .run("db", publish={5432: 18000}, image="db")
                .change("app", error=_ALLOCATED)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a program of the host has it (20.10, 26.1)",
            given=lambda: (_refused_by_the_host(_IN_USE).snapshot(),),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a program of the host has it (28.5)",
            given=lambda: (_refused_by_the_host(_IN_USE_28).snapshot(),),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a container on the host's network has it",
            given=lambda: (
                _refused_by_the_host(_IN_USE)
                .run("proxy", mode="host", listen=[18000], owner="nginx")
                .snapshot(),
            ),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="a container that shares the network of one on the host's has it",
            given=lambda: (
                _refused_by_the_host(_IN_USE)
                .run("vpn", mode="host")
                .run("proxy", mode="container:vpn", listen=[18000], owner="nginx")
                .snapshot(),
            ),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="the port is free by now",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000}, listen=[5000])
                .refuse("app", _ALLOCATED)
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a leftover of an attempt that was repeated with success",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000}, listen=[5000])
                .run("app2", publish={5000: 18001}, listen=[5000])
                .refuse("app", _ALLOCATED)
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.WARNING),),
        ),
        Case(
            title="a replica of the same image is healthy",
            given=lambda: (
                World()
                .run("app1", publish={5000: 18000}, listen=[5000])
                .run("app", publish={5000: 18000}, listen=[5000])
                .refuse("app", _ALLOCATED)
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a container that stopped for another reason",
            given=lambda: (_refused_beside('exec: "serve": executable file not found').snapshot(),),
        ),
        Case(
            title="it was started meanwhile, and no longer shows the old error",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000}, listen=[5000])
                .run("db", publish={5432: 18001}, image="db")
                .snapshot(),
            ),
        ),
    ),
)
