"""The target has links on the default bridge, which Docker is removing step by step.

## What it means

Links on the default bridge (*legacy links*) are deprecated since engine 28.4. Engine 29 no longer
sets their variables, 29.6 warns when one is created, and engine 30 will remove more. Links on
user-defined networks stay.

## Why it matters

Nothing is broken today. The next upgrade of the engine, or the one after it, will break something,
and it is easier to migrate before that.

## How it is proved

The version of the engine, and the links that inspect of the running target prints. Before 28.4
nothing is deprecated, and the rule reports nothing; from 29.6 on it is a warning.

## What it is not

A link on a user-defined network is not deprecated. What is already broken is reported by other
rules, such as LD601 if the target reads variables that the engine no longer sets.

## How to fix it

Create a network, connect the sources to it, and create the target again there, with the same links:
on a user-defined network a link is a name that the engine's DNS answers to this target alone. Only
connecting the target does not move it: the line in its hosts file stays, and wins.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachContainer,
    Expected,
    Hit,
    HostContainer,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.migration import to_network
from linkdoctor.rulekit.world import World

_DEPRECATED = (28, 4)
_WARNS = (29, 6)


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report a running target with legacy links, once, on an engine that deprecates them."""
    version = topology.engine_version(place.host)
    if version < _DEPRECATED or not topology.is_running(place.container):
        return
    aliases = sorted(
        link.alias
        for link in topology.links_of(place.host, place.container)
        if link.kind is LinkKind.LEGACY
    )
    if not aliases:
        return
    engine = ".".join(map(str, version))
    yield Hit(
        message=f"{place.container.name} is linked on the default bridge "
        f"(as {', '.join(aliases)}), which engine {engine} deprecates.",
        evidence=(
            Proof(
                what=f"links of {place.container.name} on the default bridge",
                observed=", ".join(aliases),
                expected="links on a user-defined network",
                where="inspect",
            ),
        ),
        fixes=(to_network(topology, place.host, place.container),),
        severity=Severity.WARNING if version >= _WARNS else None,
    )


_TASK = {"com.docker.swarm.task.id": "k2f5sv0ayt0kwb4bkz7rvp5zu"}


def _pair(engine: str) -> World:
    return (
        World(engine=engine)
        .run("app", expose=[5000], listen=[5000])
        .run("web", link=["app:helloapp", "app:app"])
    )


RULE = Rule(
    code="LD605",
    name="legacy-link",
    severity=Severity.INFO,
    since="0.1",
    summary="the target has links on the default bridge, which Docker is removing step by step",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.ENTRY_SCRIPT, Need.NETWORKS}),
    check=EachContainer(check),
    cases=(
        Case(
            title="engine 28.5 deprecates them; one finding for two links",
            given=lambda: (_pair("28.5.2").snapshot(),),
            expect=(Expected(target="web", severity=Severity.INFO),),
        ),
        Case(
            title="engine 29 without a minor version",
            given=lambda: (_pair("29.x").snapshot(),),
            expect=(Expected(target="web", severity=Severity.INFO),),
        ),
        Case(
            title="engine 29.6 warns",
            given=lambda: (_pair("29.6.0").snapshot(),),
            expect=(Expected(target="web", severity=Severity.WARNING),),
        ),
        Case(
            title="a task of a swarm service, whose network mode means nothing",
            given=lambda: (
                World(engine="29.6.0")
                .run("app")
                .run("web", link="app:helloapp", labels=_TASK)
                .snapshot(),
            ),
        ),
        Case(title="engine 28.3", given=lambda: (_pair("28.3.0").snapshot(),)),
        Case(title="engine 20.10", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="a target that has stopped",
            given=lambda: (_pair("28.5.2").stop("web").snapshot(),),
        ),
        Case(
            title="a link on a user-defined network",
            given=lambda: (
                World(engine="29.6.0")
                .network("back")
                .run("app", network="back", expose=[5000])
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
        ),
    ),
)
