"""A host port leads to a container port that nothing listens on.

## What it means

The container was started with `--publish`, and runs, but no process in its network namespace has
a listening socket on the published port that can be reached from outside the container.

## Why it matters

The host accepts the connection, or seems to, and then it is refused or closed at once. Clients of
the host port reach nothing.

## How it is proved

The binding is in inspect, and a specific port was requested. The kernel's list of listening sockets
of the container's network namespace has none for that TCP port, or only one on the loopback
address, which the host cannot reach either.

## What it is not

A container that started less than ten seconds ago, or whose health check says *starting*, may still
be starting up. `--publish-all` publishes whatever the image exposes: nobody requested that specific
port. Another container that shares the network namespace may be the one that listens. UDP ports,
paused containers and one-off jobs of Compose are not judged. If a link to the container already
reports the port as a fault (LD502, LD503), it is not reported again.

## How to fix it

Check the container's log and the ports that it does listen on: the program failed to start its
service, uses another port, or binds to the loopback address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from linkdoctor.rulekit import (
    Case,
    Container,
    Details,
    EachContainer,
    Expected,
    Fix,
    Gap,
    Hit,
    HostContainer,
    Listener,
    Need,
    Proof,
    Restart,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
    Unknown,
    commands,
)
from linkdoctor.rulekit.fixes import doing
from linkdoctor.rulekit.link_ports import PortState, door_of, doors_of, judged_only_later
from linkdoctor.rulekit.orphans import listens_apart
from linkdoctor.rulekit.reach import share_a_namespace
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report bindings of the host that lead to no listener."""
    container = place.container
    details = topology.details(container)
    bound = _bound(details)
    if not bound or details.status is not Status.RUNNING or _is_a_job(container):
        return
    listeners = topology.listeners(container)
    doors = {port: door_of(port, listeners) for port in bound}
    if all(door is PortState.OPEN for door in doors.values()):
        return
    judged_only_later(place.host, container, topology)
    reported = _reported_by_links(place, topology)
    dead = tuple(
        _Dead(port=port, door=door, places=tuple(sorted(bound[port])))
        for port, door in sorted(doors.items())
        if door is not PortState.OPEN and port not in reported
    )
    if dead:
        apart = [listens_apart(place.host, container, each.port, topology) for each in dead]
        sharer = next((each for each in apart if each is not None), None)
        works = _one_works(details, listeners)
        yield _hit(place, dead, sharer, topology, one_works=works)


class _Dead(NamedTuple):
    """A published port without a listener that the host reaches."""

    port: int
    door: PortState
    places: tuple[str, ...]


def _one_works(details: Details, listeners: Sequence[Listener]) -> bool:
    """Return whether any publication, asked for or not, leads to a listener."""
    return any(
        door_of(each.port.number, listeners) is PortState.OPEN
        if each.port.protocol == "tcp"
        else any(
            (found.port, found.protocol) == (each.port.number, each.port.protocol)
            for found in listeners
        )
        for each in details.published
    )


def _bound(details: Details) -> dict[int, list[str]]:
    """Return the TCP ports whose bindings were asked for, each with the places of the host."""
    asked = {each.port for each in details.requested}
    bound: dict[int, list[str]] = {}
    for each in details.published:
        if each.port.protocol == "tcp" and each.port in asked:
            address = f"[{each.host_address}]" if ":" in each.host_address else each.host_address
            bound.setdefault(each.port.number, []).append(f"{address}:{each.host_port}")
    return bound


def _is_a_job(container: Container) -> bool:
    return any(
        label.name == "com.docker.compose.oneoff" and label.value.lower() == "true"
        for label in container.labels
    )


def _reported_by_links(place: HostContainer, topology: Topology) -> set[int]:
    """Return the ports that LD502 or LD503 report as faults of a link to this container."""
    reported: set[int] = set()
    for link in topology.links_to(place.host, place.container):
        if not topology.is_running(link.target) or topology.source_of(link) is not place.container:
            continue
        doors = doors_of(link, place.container, topology)
        if doors is None:
            continue
        reported.update(doors.judged(PortState.CLOSED)[0])
        if not share_a_namespace(place.host, link.target, place.container, topology):
            reported.update(doors.judged(PortState.LOOPBACK)[0])
    return reported


def _hit(
    place: HostContainer,
    dead: Sequence[_Dead],
    sharer: Container | None,
    topology: Topology,
    *,
    one_works: bool,
) -> Hit:
    container = place.container
    listeners = [each for each in topology.listeners(container) if each.protocol == "tcp"]
    observed = sorted(
        f"{each.address}:{each.port}{f' ({each.owner})' if each.owner else ''}"
        for each in listeners
    )
    others = "; another published port is served" if one_works else ""
    why = _why(container, dead)
    if sharer is not None:
        why = (
            f"{sharer.name}, which shares its network and listens, is in a different network "
            f"namespace from the one that {container.name} has now"
        )
    return Hit(
        message=f"{_led(place, dead)}, but {why}{others}.",
        evidence=(
            Proof(
                what=f"listening sockets of {container.name}",
                observed=", ".join(observed) or "none",
                expected=", ".join(f"0.0.0.0:{each.port}" for each in dead),
                where=topology.read_from(container.listeners),
            ),
        ),
        fixes=tuple(_fixes(container, dead)) if sharer is None else (_rejoin(container, sharer),),
        severity=Severity.INFO if one_works else None,
        # A baseline of 0.1 knows the finding by its one port.
        key=str(dead[0].port),
    )


def _led(place: HostContainer, dead: Sequence[_Dead]) -> str:
    if len(dead) == 1:
        (only,) = dead
        where = ", ".join(only.places)
        return f"{where} of {place.host} leads to port {only.port} of {place.container.name}"
    ways = ", ".join(f"{', '.join(each.places)} to {each.port}" for each in dead)
    return f"Ports of {place.host} lead to {place.container.name}: {ways}"


def _why(container: Container, dead: Sequence[_Dead]) -> str:
    inward = [str(each.port) for each in dead if each.door is PortState.LOOPBACK]
    if not inward:
        which = "that port" if len(dead) == 1 else "those ports"
        return f"nothing there listens on {which}"
    if len(inward) == len(dead):
        which = "that port" if len(dead) == 1 else "those ports"
        return f"{container.name} serves {which} on its own loopback address only"
    silent = ", ".join(str(each.port) for each in dead if each.door is not PortState.LOOPBACK)
    return (
        f"nothing there listens on {silent}, and {container.name} serves {', '.join(inward)} on "
        "its own loopback address only"
    )


def _rejoin(container: Container, sharer: Container) -> Fix:
    return doing(
        f"restart {sharer.name}, so that it joins the current network of {container.name}",
        Safety.RESTART,
        Restart(container=sharer.name),
    )


def _fixes(container: Container, dead: Sequence[_Dead]) -> Iterator[Fix]:
    doors = {each.door for each in dead}
    if PortState.LOOPBACK in doors:
        yield Fix(
            title=f"make the service in {container.name} bind to 0.0.0.0 instead of a loopback "
            "address",
            safety=Safety.MANUAL,
        )
    if doors != {PortState.LOOPBACK}:
        yield Fix(
            title=f"find out why the service of {container.name} does not listen, or publish the "
            "port that it does listen on",
            safety=Safety.MANUAL,
            commands=(commands.logs(container.name),),
        )


_NOT_SEEN = Unknown(gap=Gap.DENIED, detail="the process could not be proven")


RULE = Rule(
    code="LD507",
    name="dead-publication",
    severity=Severity.ERROR,
    since="0.1",
    summary="a host port leads to a container port that nothing listens on",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS}),
    check=EachContainer(check),
    cases=(
        Case(
            title="nothing listens on the published port",
            given=lambda: (World().run("app", publish={5000: 18000}, listen=[8080]).snapshot(),),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="only the loopback address of the container",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000}, listen=[5000], listen_on="127.0.0.1")
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a link is about another port, which is served",
            given=lambda: (
                World()
                .run("app", expose=[80], publish={5000: 18000}, listen=[80])
                .run("web", link="app:helloapp", env={"URL": "http://helloapp:80/"})
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="six ports are published and one is served: one finding, worth knowing",
            given=lambda: (
                World()
                .run("app", publish={port: 18000 + port for port in range(80, 86)}, listen=[80])
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.INFO),),
        ),
        Case(
            title="two ports are published and none is served: one finding",
            given=lambda: (
                World()
                .run("app", publish={80: 8080, 443: 8443}, listen=[443], listen_on="127.0.0.1")
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="it is served",
            given=lambda: (World().run("app", publish={5000: 18000}, listen=[5000]).snapshot(),),
        ),
        Case(
            title="published because the image exposes it",
            given=lambda: (
                World()
                .run("app", publish={80: 32768, 443: 32769}, ephemeral=True, listen=[80])
                .snapshot(),
            ),
        ),
        Case(
            title="a link to it reports the port already",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000})
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="a link to it reports the loopback address already",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000}, listen=[5000], listen_on="127.0.0.1")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="the container has only just started",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000}, started_at="2026-01-01T11:59:55.123456789Z")
                .snapshot(),
            ),
        ),
        Case(
            title="its health check says that it is starting",
            given=lambda: (
                World().run("app", publish={5000: 18000}, health="starting").snapshot(),
            ),
        ),
        Case(
            title="a sharer was left in a namespace that the container no longer has",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000})
                .run("inner", mode="container:app", listen=[5000])
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a sharer whose sockets cannot be seen",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000})
                .run("inner", mode="container:app")
                .unknown("inner", "listeners", _NOT_SEEN)
                .snapshot(),
            ),
        ),
        Case(
            title="it is paused",
            given=lambda: (
                World()
                .run("app", publish={5000: 18000})
                .change("app", status=Status.PAUSED)
                .snapshot(),
            ),
        ),
        Case(
            title="a one-off job of Compose",
            given=lambda: (
                World()
                .run(
                    "shop-web-run-1",
                    publish={5000: 18000},
                    labels={"com.docker.compose.oneoff": "True"},
                )
                .snapshot(),
            ),
        ),
    ),
)
