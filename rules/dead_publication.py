"""A port of the host leads to a container's port that nothing listens on.

## What it means

The container was started with `--publish`, and runs, but no process in its network namespace has
a listening socket on the published port that can be reached from outside the container.

## Why it matters

The host accepts the connection, or seems to, and then it is refused or closed at once. Whoever
uses the host's port is led to nobody.

## How it is proved

The binding is in inspect, and was asked for by its port. The kernel's list of listening sockets of
the container's network namespace has none for that TCP port, or only one on the loopback address,
which the host does not reach either.

## What it is not

A container that started less than ten seconds ago, or whose health check says *starting*, may
still be on its way up. What `--publish-all` publishes is whatever the image exposes: nobody asked
for that very port. Another container that shares the network namespace may be the one that
listens. UDP ports, paused containers and one-off jobs of Compose are not judged. Where a link to
the container already reports the port as a fault (LD502, LD503), it is not reported again.

## How to mend it

Look into the container's log and at the ports that it does listen on: the program failed to start
its service, uses another port, or binds to the loopback address.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model import commands
from linkdoctor.model.evidence import Need
from linkdoctor.model.ports import Door, door_of, doors_of, judged_only_later
from linkdoctor.model.report import Fix, Proof, Safety, Severity
from linkdoctor.model.snapshot import Container, Details, Listener, Status
from linkdoctor.model.topology import Topology
from linkdoctor.model.world import World
from linkdoctor.rulekit import Case, EachContainer, Expected, Hit, Place, Rule


def check(place: Place, topology: Topology) -> Iterator[Hit]:
    """Report bindings of the host that lead to no listener."""
    container = place.container
    details = topology.details(container)
    bound = _bound(details)
    if not bound or details.status is not Status.RUNNING or _is_a_job(container):
        return
    listeners = [each for each in topology.listeners(container) if each.protocol == "tcp"]
    dead = {port: door for port in bound if (door := door_of(port, listeners)) is not Door.OPEN}
    if not dead:
        return
    judged_only_later(place.host, container, topology)
    reported = _reported_by_links(place, topology)
    for port, door in sorted(dead.items()):
        if port not in reported:
            yield _hit(place, port, bound[port], door, listeners, topology)


def _bound(details: Details) -> dict[int, list[str]]:
    """Give the TCP ports whose bindings were asked for, each with the places of the host."""
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


def _reported_by_links(place: Place, topology: Topology) -> set[int]:
    """Give the ports that LD502 or LD503 report as faults of a link to this container."""
    reported: set[int] = set()
    for link in topology.links_to(place.host, place.container):
        if not topology.is_running(link.target) or topology.source_of(link) is not place.container:
            continue
        doors = doors_of(link, place.container, topology)
        if doors is None:
            continue
        reported.update(doors.judged(Door.CLOSED)[0])
        if not topology.details(link.target).network_mode.startswith("container:"):
            reported.update(doors.judged(Door.LOOPBACK)[0])
    return reported


def _hit(
    place: Place,
    port: int,
    bound: list[str],
    door: Door,
    listeners: list[Listener],
    topology: Topology,
) -> Hit:
    container = place.container
    why = (
        f"{container.name} serves that port on its own loopback address only"
        if door is Door.LOOPBACK
        else "nothing there listens on that port"
    )
    observed = sorted(
        f"{each.address}:{each.port}{f' ({each.owner})' if each.owner else ''}"
        for each in listeners
    )
    mend = (
        Fix(
            title=f"let the service in {container.name} bind to 0.0.0.0 instead of a loopback "
            "address",
            safety=Safety.MANUAL,
        )
        if door is Door.LOOPBACK
        else Fix(
            title=f"see why the service of {container.name} does not listen, or publish the port "
            "that it does listen on",
            safety=Safety.MANUAL,
            commands=(commands.logs(container.name),),
        )
    )
    return Hit(
        message=f"{', '.join(sorted(bound))} of {place.host} leads to port {port} of "
        f"{container.name}, but {why}.",
        evidence=(
            Proof(
                what=f"listening sockets of {container.name}",
                observed=", ".join(observed) or "none",
                expected=f"0.0.0.0:{port}",
                where=topology.read_from(container.listeners),
            ),
        ),
        fixes=(mend,),
        key=str(port),
    )


RULE = Rule(
    code="LD507",
    name="dead-publication",
    severity=Severity.ERROR,
    since="0.1",
    summary="a port of the host leads to a container's port that nothing listens on",
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
