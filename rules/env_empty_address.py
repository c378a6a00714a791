"""The target's link variables hold an empty address.

## What it means

When the target was started, its source had no address, because it was between two restarts. The
engine wrote `tcp://:5432` and an empty `…_ADDR`.

## Why it matters

The program dials nothing, or its own host. The variables stay like this as long as the process
runs.

## How it is proved

A link variable in the environment of the target's process holds a URL without an address, or an
empty address.

## What it is not

Variables that the image or the user set do not come from the link. A source that is still in its
restart loop is also LD106.

## How to fix it

Restart the target once the source runs, provided that each of its links leads to a running
container.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.world import World

_MOST_SHOWN = 3


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose variables in the process hold no address."""
    empty = [trace.variable for trace in topology.traces_of(link) if trace.address == ""]
    if not empty:
        return
    source = topology.source_of(link)
    addresses = topology.link_addresses(link, source) if source is not None else ()
    now = f"; it has {addresses[0]} now" if addresses else ""
    yield Hit(
        message=f"{link.target.name} was started while {link.source_name} had no address, so the "
        f"variables of {link.alias} hold none{now}.",
        evidence=tuple(
            Proof(
                what=variable.name,
                observed=variable.value or "empty",
                expected=f"the address of {link.source_name}",
                where=topology.read_from(link.target.process_environment),
            )
            for variable in empty[:_MOST_SHOWN]
        ),
        fixes=(restart_target(topology, link.host, link.target),),
    )


def _started_without_address() -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .stop("app")
        .run("web", link="app:helloapp")
        .restart_source("app")
    )


RULE = Rule(
    code="LD205",
    name="env-empty-address",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target's link variables hold an empty address",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    cases=(
        Case(
            title="the source had no address when the target was started",
            given=lambda: (_started_without_address().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="healthy",
            given=lambda: (World.tutorial().snapshot(),),
        ),
        Case(
            title="the target was restarted after that",
            given=lambda: (_started_without_address().restart("web").snapshot(),),
        ),
        Case(
            title="a variable that the user set empty",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp", env={"HELLOAPP_PORT_5000_TCP_ADDR": ""})
                .snapshot(),
            ),
        ),
    ),
)
