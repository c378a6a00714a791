"""A container has links, but a network mode in which links do nothing.

## What it means

The target was created with `--network none`, `host` or `container:…`. The engine still prints its
links.

## Why it matters

Such a link has no effect: no variable, no hosts line, no name. With `none` there is not even a
route to the source. Current engines refuse links together with `host` and `container:…` and leave
nothing behind; if you see them, another program or an old engine created them.

## How it is proved

Inspect of the running target prints links, its network mode is none, host or that of another
container, and it has no endpoint on the default bridge.

## What it is not

A target that was created with `none` and has been connected to the default bridge since: its links
work from its next start on (LD303 until then). A target in the default mode that left the bridge is
LD112. A task of a swarm service has no links, regardless of its network mode. A *source* in
container mode is reached through the container whose network it shares.

## How to fix it

Give the target a network: connect one that has none to the default bridge and restart it. One with
the network of the host or of another container must be created again, on the default bridge or on
a user-defined network; or let one with the network of the host dial the port that the source
publishes: nothing is ever connected to the network `host`.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    DEFAULT_BRIDGE,
    Case,
    Details,
    EachContainer,
    Endpoint,
    Expected,
    Fix,
    Hit,
    Host,
    HostContainer,
    Isolated,
    Need,
    Own,
    Proof,
    Rule,
    Severity,
    Shared,
    Status,
    Topology,
    is_swarm_task,
)
from linkdoctor.rulekit.connecting import from_the_host
from linkdoctor.rulekit.fixes import recreate_on_bridge
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each link of a container whose network mode knows no links."""
    target = place.container
    details = topology.details(target)
    mode = topology.network_mode(place.host, target)
    if isinstance(mode, Own):
        return
    if topology.endpoint(target, DEFAULT_BRIDGE) is not None or is_swarm_task(target):
        return
    fixes = _fixes(place, details, topology)
    for link in details.stored_links:
        yield Hit(
            message=f"{target.name} is linked to {link.source} as {link.alias}, but the link has "
            f"no effect: {_why(mode)}.",
            evidence=(
                Proof(
                    what=f"network mode of {target.name}",
                    observed=details.network_mode,
                    expected=f"{DEFAULT_BRIDGE}, or a user-defined network",
                    where=topology.read_from(target.details),
                ),
            ),
            fixes=fixes,
            source=link.source,
            alias=link.alias,
        )


def _why(mode: Host | Isolated | Shared) -> str:
    match mode:
        case Isolated():
            return "the container has no network"
        case Host():
            return "the container has the network of the host"
        case Shared(owner=owner):
            whose = owner.name if owner is not None else "another container, which is gone"
            return f"the container has the network of {whose}"


def _fixes(place: HostContainer, details: Details, topology: Topology) -> tuple[Fix, ...]:
    # Whatever its mode, no engine lets it join a network as it is.
    target = place.container
    anew = recreate_on_bridge(topology, place.host, target)
    if not isinstance(topology.network_mode(place.host, target), Host):
        return (anew,)
    sources = [topology.container_named(place.host, link.source) for link in details.stored_links]
    there = (each for each in sources if each is not None and topology.is_inspected(each))
    dials = (from_the_host(topology, place.host, target, each) for each in there)
    return (anew, *dict.fromkeys(dials))


_TASK = {"com.docker.swarm.task.id": "k2f5sv0ayt0kwb4bkz7rvp5zu"}


def _in_mode(mode: str) -> World:
    return (
        World().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp", mode=mode)
    )


RULE = Rule(
    code="LD404",
    name="network-mode",
    severity=Severity.ERROR,
    since="0.1",
    summary="a container has links, but a network mode in which links do nothing",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachContainer(check, up=True),
    explains=frozenset({"LD201", "LD301", "LD302", "LD303", "LD304", "LD510"}),
    precedence=30,
    cases=(
        Case(
            title="the target has no network",
            given=lambda: (_in_mode("none").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the target has the network of the host",
            given=lambda: (_in_mode("host").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the target has the network of another container",
            given=lambda: (_in_mode("container:app").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="created without a network, and connected to the bridge since",
            given=lambda: (
                _in_mode("none")
                .change("web", endpoints=(Endpoint(network="bridge", address="172.17.0.9"),))
                .snapshot(),
            ),
        ),
        Case(
            title="a task of a swarm service, whose network mode means nothing",
            given=lambda: (
                World()
                .run("app")
                .run("web", link="app:helloapp", mode="none", labels=_TASK)
                .snapshot(),
            ),
        ),
        Case(
            title="no network, but no link either",
            given=lambda: (World().run("web", mode="none").snapshot(),),
        ),
        Case(
            title="no network, and stopped for good",
            given=lambda: (_in_mode("none").change("web", status=Status.EXITED, pid=0).snapshot(),),
        ),
        Case(title="on the bridge", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="the source shares another container's network",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("inner", mode="container:app")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
    ),
)
