"""The target was renamed while it ran: its hosts file is no longer kept up to date.

## What it means

The target's name has changed since its process was started.

## Why it matters

After the rename the engine no longer knows which hosts file to update. When the source moves to
another address, the target's hosts line stays at the old one, until the engine itself restarts.
Restarting the target corrects the line once; the next move is missed again (engine lab).

## How it is proved

The variable `<ALIAS>_NAME` in the environment of the target's process holds the target's old name.

## What it is not

After a restart of the target the variable is correct again and the fault can no longer be detected,
although it still exists. From engine 29 on there is no such variable.

## How to fix it

Restart the target after each move of the source, or restart the engine once; better, move both
containers to a user-defined network, where names are looked up at each query.
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
    Topology,
)
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose target had another name when it was started."""
    if topology.source_of(link) is None:
        return
    name = f"{link.prefix}_NAME"
    variable = topology.variable_of(link, name)
    if variable is None or variable.value is None:
        return
    old, _, alias = variable.value.removeprefix("/").partition("/")
    if old == link.target.name or alias != link.alias:
        return
    yield Hit(
        message=f"{link.target.name} was started as {old} and renamed since: when "
        f"{link.source_name} moves, the hosts line of {link.alias} in {link.target.name} will stay "
        "at the old address.",
        evidence=(
            Proof(
                what=name,
                observed=variable.value,
                expected=f"/{link.target.name}/{link.alias}",
                where=topology.read_from(link.target.process_environment),
            ),
        ),
        fixes=(
            Fix(
                title=f"restart {link.target.name} after each move of {link.source_name}, or "
                "restart the engine once",
                safety=Safety.MANUAL,
            ),
        ),
    )


RULE = Rule(
    code="LD111",
    name="renamed-target",
    severity=Severity.WARNING,
    since="0.1",
    summary="the target was renamed while it ran: its hosts file is no longer kept up to date",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    cases=(
        Case(
            title="renamed while it ran",
            given=lambda: (World.tutorial().rename("web", "shop").snapshot(),),
            expect=(Expected(target="shop", alias="helloapp"),),
        ),
        Case(title="never renamed", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="renamed and restarted",
            given=lambda: (World.tutorial().rename("web", "shop").restart("shop").snapshot(),),
        ),
        Case(
            title="two aliases with one prefix",
            given=lambda: (
                World()
                .run("one", expose=[80])
                .run("two", expose=[81])
                .run("web", link=["one:a-2", "two:a_2"])
                .snapshot(),
            ),
        ),
    ),
)
