"""A link leads to a removed container; another container has its name now.

## What it means

The source was removed and created again, as in `docker rm -f app && docker run --name app …`.
Docker still prints the link, but the engine holds the *removed* container, not the new one.

## Why it matters

The target keeps the old address in its variables and its hosts file. It may work by luck, as long
as the new source happens to have the old address. At its next restart the engine refuses to start
the target: *Cannot link to a non running container*. `docker exec` and health checks in it already
fail.

## How it is proved

Inspect of the target prints the link, but the engine's own look-up of target/alias (the `Names` of
its list, or `GET /containers/<target>/<alias>/json`) finds no container, while a container with the
source's name exists. A source that was renamed before it was removed is printed by its last name
(Compose v1 puts the container's short id before it, as in `4f2b01c3d5e6_app`); in that case the
name in the engine's `hostconfig.json` counts, or the one after that id.

## What it is not

A source that was renamed is still linked: the engine follows it. A source that moved to another
address is still linked too (LD201). If nothing has the source's name any more, it is LD103. A
target that was stopped for good (no restart policy) is not reported.

## How to fix it

Create the target again, with the same links. **Never restart it:** the restart kills it. The old
target is kept under another name until the new one works.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Gap,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Status,
    Topology,
    Unknown,
)
from linkdoctor.rulekit.fixes import recreate
from linkdoctor.rulekit.namesakes import links_today, namesake
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link without an object behind it whose source's name exists."""
    if topology.source_of(link) is not None:
        return
    newer = namesake(link, topology)
    if newer is None:
        return
    target = topology.details(link.target)
    up = target.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)
    if not up and target.restart_policy == "no":
        return
    consequence = "the next restart of {0} will fail" if up else "{0} cannot be started again"
    yield Hit(
        message=f"{newer.name} was recreated after {link.target.name} was linked to it: "
        f"{link.alias} still leads to the removed container, and "
        f"{consequence.format(link.target.name)}.",
        evidence=(
            Proof(
                what=f"container behind {link.target.name}/{link.alias}",
                observed="none (the engine answers 404)",
                expected=f"{newer.name} ({newer.id[:12]})",
                where=f"GET /containers/{link.target.name}/{link.alias}/json",
            ),
        ),
        fixes=(
            recreate(
                topology,
                link.host,
                link.target,
                links=links_today(topology, link.host, link.target),
            ),
        ),
        source=newer.name,
    )


_FROM_AFAR = Unknown(gap=Gap.UNSUPPORTED, detail="the engine's disk is elsewhere")


def _by_compose() -> World:
    return (
        World.tutorial()
        .rename("app", "4f2b01c3d5e6_app")
        .run("app", expose=[5000], listen=[5000])
        .remove("4f2b01c3d5e6_app")
    )


RULE = Rule(
    code="LD102",
    name="ghost-link",
    severity=Severity.ERROR,
    since="0.1",
    summary="the source was recreated; the link still leads to the removed container",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.STORED_LINKS}),
    check=EachLink(check, kind=LinkKind.LEGACY),
    explains=frozenset({"LD101", "LD201", "LD202", "LD302", "LD303", "LD502", "LD503", "LD510"}),
    precedence=40,
    shows_events=True,
    cases=(
        Case(
            title="the source was recreated",
            given=lambda: (World.tutorial().recreate("app").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="Compose v1 recreated the source: the old one was renamed before it was removed",
            given=lambda: (_by_compose().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the same, where the engine's disk cannot be read",
            given=lambda: (_by_compose().unknown("web", "stored_links", _FROM_AFAR).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the old source still runs, under the name that Compose v1 gave it",
            given=lambda: (
                World.tutorial()
                .rename("app", "4f2b01c3d5e6_app")
                .run("app", expose=[5000], listen=[5000])
                .snapshot(),
            ),
        ),
        Case(
            title="the source was recreated, the target has stopped for good",
            given=lambda: (World.tutorial().recreate("app").stop("web").snapshot(),),
        ),
        Case(
            title="the source came back with another address",
            given=lambda: (World.tutorial().move("app").snapshot(),),
        ),
        Case(
            title="the source is gone", given=lambda: (World.tutorial().remove("app").snapshot(),)
        ),
        Case(
            title="a link on a user-defined network is looked up by name each time",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .recreate("app")
                .snapshot(),
            ),
        ),
    ),
)
