"""A link leads to a removed container, and nothing has its name now.

## What it means

The source was removed and not created again. Docker still prints the link.

## Why it matters

Nothing answers under the alias, the address may go to any other container at any time, and the
engine will not start the target again.

## How it is proved

Inspect of the target prints the link, the engine's look-up of target/alias finds no container,
and no container of this engine has the source's name. If another examined engine has a container
of that name, it is shown: the source may have been moved there, and links do not cross engines
(LD401).

## What it is not

If a container with the source's name exists, it is a ghost link (LD102). A target that was stopped
for good (no restart policy) is not reported.

## How to fix it

Create the source again, then create the target again: the link does not come back by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
)
from linkdoctor.rulekit.candidates import candidates_for, replicas_of
from linkdoctor.rulekit.fixes import cross_host, recreate
from linkdoctor.rulekit.namesakes import links_today, namesake, true_name
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link without an object behind it whose source's name is free."""
    if topology.source_of(link) is not None:
        return
    if namesake(link, topology) is not None:
        return
    target = topology.details(link.target)
    up = target.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)
    if not up and target.restart_policy == "no":
        return
    name = true_name(link, topology)
    elsewhere = topology.elsewhere(link.host, name)
    yield Hit(
        message=f"{link.target.name} is linked to {name} as {link.alias}, but "
        f"{name} was removed and nothing has its name now.",
        evidence=(
            Proof(
                what=f"container behind {link.target.name}/{link.alias}",
                observed="none (the engine answers 404)",
                expected=name,
                where=f"GET /containers/{link.target.name}/{link.alias}/json",
            ),
            *(
                Proof(
                    what=f"container of that name on {host}",
                    observed=f"{container.name} ({container.id[:12]})",
                    expected="links do not cross engines",
                    where=f"list of {host}",
                )
                for host, container in elsewhere
            ),
        ),
        fixes=(
            *_back(link, name, topology),
            *(
                fix
                for host, container in elsewhere[:1]
                for fix in cross_host(
                    topology,
                    host=link.host,
                    target=link.target,
                    alias=link.alias,
                    source=container,
                    other_host=host,
                    address="",
                )
            ),
        ),
        source=name,
    )


def _back(link: Link, name: str, topology: Topology) -> tuple[Fix, ...]:
    """Advise to create the source again only if it is not there under another of its names."""
    replicas = replicas_of(link.host, link.target, name, topology)
    if replicas:
        others = ", ".join(each.name for each in replicas)
        why = f"so that it is linked to {others} instead of {name}"
        return (recreate(topology, link.host, link.target, why=why),)
    candidates = candidates_for(link.host, link.target, name, topology)
    if candidates:
        others = " or ".join(sorted(each.container.name for each in candidates))
        title = (
            f"find out whether {others} has taken the place of {name}, and create "
            f"{link.target.name} again with a link to it as {link.alias}"
        )
        return (Fix(title=title, safety=Safety.MANUAL),)
    return (
        Fix(title=f"create {name} again, as it was made", safety=Safety.MANUAL),
        recreate(
            topology,
            link.host,
            link.target,
            links=links_today(topology, link.host, link.target),
            why=f"after {name} is back",
        ),
    )


RULE = Rule(
    code="LD103",
    name="source-gone",
    severity=Severity.ERROR,
    since="0.1",
    summary="the source of a link was removed, and nothing has its name",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.STORED_LINKS}),
    check=EachLink(check, kind=LinkKind.LEGACY),
    explains=frozenset({"LD101", "LD201", "LD202", "LD302", "LD303", "LD401", "LD510"}),
    precedence=50,
    shows_events=True,
    cases=(
        Case(
            title="the source was removed",
            given=lambda: (World.tutorial().remove("app").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source was recreated",
            given=lambda: (World.tutorial().recreate("app").snapshot(),),
        ),
        Case(
            title="Compose v1 recreated the source: the printed name is not the one that was typed",
            given=lambda: (
                World.tutorial()
                .rename("app", "4f2b01c3d5e6_app")
                .run("app")
                .remove("4f2b01c3d5e6_app")
                .snapshot(),
            ),
        ),
        Case(
            title="Compose v1 renamed the source, it was removed, and none took its place",
            given=lambda: (
                World.tutorial()
                .rename("app", "4f2b01c3d5e6_app")
                .remove("4f2b01c3d5e6_app")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the target was stopped for good",
            given=lambda: (World.tutorial().remove("app").stop("web").snapshot(),),
        ),
        Case(title="the source runs", given=lambda: (World.tutorial().snapshot(),)),
    ),
)
