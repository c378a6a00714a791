"""After a restart of the host the target starts again, but its source does not.

## What it means

The target has a restart policy that starts it with the engine (`always`, `unless-stopped`); the
source has none.

## Why it matters

After the next reboot, or restart of the engine, the source stays down, and the engine refuses to
start the target: *Cannot link to a non running container*. It tries once, and no restart policy
makes it try again.

## How it is proved

The two restart policies, while both containers run: this is a prediction.

## What it is not

Something else may start the source at boot: a systemd unit, a cron line, Compose. linkdoctor cannot
see that; in that case, suppress this warning for the target. A link on a user-defined network does
not keep its target from starting.

## How to fix it

Give the source the same restart policy. Nothing is interrupted.
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
    Safety,
    SetRestartPolicy,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import doing
from linkdoctor.rulekit.world import World

_WITH_THE_ENGINE = ("always", "unless-stopped")


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose target starts at boot and whose source does not."""
    policy = topology.details(link.target).restart_policy
    if policy not in _WITH_THE_ENGINE:
        return
    source = topology.source_of(link)
    if source is None or not topology.is_running(source):
        return
    if topology.details(source).restart_policy != "no":
        return
    yield Hit(
        message=f"After the next restart of the host, {link.target.name} is started and "
        f"{source.name} is not, so the engine will refuse to start {link.target.name}, unless "
        f"something else starts {source.name} first.",
        evidence=(
            Proof(
                what=f"restart policy of {source.name}",
                observed="no",
                expected=f"{policy}, as {link.target.name} has",
                where=topology.read_from(source.details),
            ),
        ),
        fixes=(
            doing(
                f"give {source.name} the restart policy {policy}",
                Safety.SAFE,
                SetRestartPolicy(container=source.name, policy=policy),
            ),
        ),
    )


def _linked(source: str, target: str) -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000], restart=source)
        .run("web", link="app:helloapp", restart=target)
    )


RULE = Rule(
    code="LD107",
    name="boot-order",
    severity=Severity.WARNING,
    since="0.1",
    summary="after a restart of the host the target starts again, but its source does not",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    cases=(
        Case(
            title="the target restarts always, the source never",
            given=lambda: (_linked("no", "always").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(title="both restart", given=lambda: (_linked("unless-stopped", "always").snapshot(),)),
        Case(title="neither does", given=lambda: (_linked("no", "no").snapshot(),)),
        Case(title="only the source does", given=lambda: (_linked("always", "no").snapshot(),)),
        Case(
            title="a link on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp", restart="always")
                .snapshot(),
            ),
        ),
    ),
)
