"""The source of a link is paused.

## What it means

Every process of the source is frozen (`docker pause`).

## Why it matters

Connections through the link are accepted by the kernel and never answered: clients hang until
their own timeout, which looks like a network fault.

## How it is proved

The state of the container that the link leads to is *paused*, while the target runs.

## What it is not

For the engine a paused source is running: `docker exec` in the target works, and the target can be
restarted (engine lab).

## How to fix it

Unpause the source. Nothing is interrupted; data sent in the meantime is still there.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Hit,
    Link,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
    Unpause,
)
from linkdoctor.rulekit.fixes import doing
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link whose source is frozen while its target runs."""
    if topology.details(link.target).status is not Status.RUNNING:
        return
    source = topology.source_of(link)
    if source is None or topology.details(source).status is not Status.PAUSED:
        return
    yield Hit(
        message=f"{link.target.name} reaches {source.name} as {link.alias}, but {source.name} is "
        "paused: connections hang without an answer.",
        evidence=(
            Proof(
                what=f"state of {source.name}",
                observed="paused",
                expected="running",
                where=topology.read_from(source.details),
            ),
        ),
        fixes=(doing(f"unpause {source.name}", Safety.SAFE, Unpause(container=source.name)),),
    )


RULE = Rule(
    code="LD105",
    name="source-paused",
    severity=Severity.ERROR,
    since="0.1",
    summary="the source of a link is paused",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachLink(check),
    explains=frozenset({"LD510"}),
    precedence=30,
    cases=(
        Case(
            title="the source is paused",
            given=lambda: (World.tutorial().change("app", status=Status.PAUSED).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(title="the source runs", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="both are paused",
            given=lambda: (
                World.tutorial()
                .change("app", status=Status.PAUSED)
                .change("web", status=Status.PAUSED)
                .snapshot(),
            ),
        ),
    ),
)
