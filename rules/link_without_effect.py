"""A link was accepted by the engine but has no effect.

## What it means

The target is not on the default bridge, where its link would work: it has been disconnected from
it. Or the link was given to the bridge's endpoint (`docker network connect --link … bridge`), which
the engine accepts and ignores.

## Why it matters

Docker prints the link as if it were there. The hosts line may even still exist, with an address
that the target cannot reach.

## How it is proved

Inspect of the target prints a link, and shows no endpoint on the default bridge; or prints the link
only at that endpoint.

## What it is not

A link on a user-defined network is printed at that network's endpoint and works. A target that
joined a further network keeps its link as long as it is also on the bridge. A target that was
created without a network is LD404.

## How to fix it

Connect the target to the default bridge again, or create it again on a network where the link
works.
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
    HostContainer,
    Need,
    NetworkMode,
    Own,
    Proof,
    Rule,
    Severity,
    StoredLink,
    Topology,
    is_swarm_task,
)
from linkdoctor.rulekit.fixes import recreate_on_bridge
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each link of a container that cannot work where the container is."""
    target = place.container
    details = topology.details(target)
    if is_swarm_task(target):
        return
    for link, why in _without_effect(details, topology.network_mode(place.host, target)):
        yield Hit(
            message=f"{target.name} is linked to {link.source} as {link.alias}, but the link has "
            f"no effect: {why}.",
            evidence=(
                Proof(
                    what=f"networks of {target.name}",
                    observed=", ".join(each.network for each in details.endpoints) or "none",
                    expected=f"{DEFAULT_BRIDGE}, and the link in HostConfig.Links",
                    where=topology.read_from(target.details),
                ),
            ),
            fixes=_fixes(place, details, link, topology),
            source=link.source,
            alias=link.alias,
        )


def _without_effect(details: Details, mode: NetworkMode) -> Iterator[tuple[StoredLink, str]]:
    networks = {each.network: each for each in details.endpoints}
    if isinstance(mode, Own) and mode.on_default_bridge:
        bridge = networks.get(DEFAULT_BRIDGE)
        if bridge is None:
            for link in details.stored_links:
                yield link, "the container is no longer on the default bridge"
        else:
            for link in sorted(set(bridge.links) - set(details.stored_links)):
                yield link, "it was given to the bridge's endpoint, where the engine ignores it"


def _fixes(
    place: HostContainer, details: Details, link: StoredLink, topology: Topology
) -> tuple[Fix, ...]:
    links = tuple(sorted({*details.stored_links, link}))
    return (recreate_on_bridge(topology, place.host, place.container, links=links),)


_TASK = {"com.docker.swarm.task.id": "k2f5sv0ayt0kwb4bkz7rvp5zu"}


def _left() -> World:
    back = Endpoint(network="back", address="172.18.0.9")
    return World.tutorial().network("back").change("web", endpoints=(back,))


def _at_the_endpoint() -> World:
    bridge = Endpoint(
        network="bridge", address="172.17.0.9", links=(StoredLink("app", "helloapp"),)
    )
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web")
        .change("web", endpoints=(bridge,))
    )


RULE = Rule(
    code="LD112",
    name="link-without-effect",
    severity=Severity.ERROR,
    since="0.1",
    summary="a link was accepted by the engine but has no effect",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachContainer(check, up=True),
    explains=frozenset({"LD201", "LD302", "LD303", "LD304", "LD510"}),
    precedence=30,
    cases=(
        Case(
            title="the target left the bridge",
            given=lambda: (_left().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the link hangs on the bridge's endpoint",
            given=lambda: (_at_the_endpoint().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a task of a swarm service, whose network mode means nothing",
            given=lambda: (
                World()
                .network("wide", driver="overlay")
                .run("app")
                .run("web", link="app:helloapp", labels=_TASK)
                .change("web", endpoints=(Endpoint(network="wide", address="10.0.1.7"),))
                .snapshot(),
            ),
        ),
        Case(
            title="the target has no network",
            given=lambda: (
                World.tutorial().change("web", network_mode="none", endpoints=()).snapshot(),
            ),
        ),
        Case(title="on the bridge", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="on a further network too",
            given=lambda: (
                World.tutorial()
                .network("back")
                .change(
                    "web",
                    endpoints=(
                        Endpoint(network="back", address="172.18.0.9"),
                        Endpoint(network="bridge", address="172.17.0.3"),
                    ),
                )
                .snapshot(),
            ),
        ),
        Case(
            title="a link on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
        ),
    ),
)
