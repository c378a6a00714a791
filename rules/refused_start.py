"""The engine could not start a container that has links or is linked to.

## What it means

`docker run`, `docker start` or a boot failed for a reason that has nothing to do with a link: the
program is missing, a mount failed, the firewall was not in the state that the engine expected. The
container was left behind, not running.

## Why it matters

The service is down, and only inspect shows the reason. No restart policy tries again.

## How it is proved

The container is created or exited, and its `State.Error` is not empty: the engine clears it at the
next successful start. Only the kind of the error is shown here, because its text may quote
arguments and paths; `docker inspect` shows it.

## What it is not

A start that was refused because of a link is LD104, because of a taken port LD508, because of
another container's namespace LD113. A source whose targets run is reported with them (LD101). A
container without links that nothing is linked to is not checked.

## How to fix it

Remove the cause and start the container. If the engine's firewall already has a rule of it, which
is a bug of the engine with nftables, only a restart of the engine clears it.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
    commands,
)
from linkdoctor.rulekit.stand_ins import is_kept
from linkdoctor.rulekit.start_errors import FIREWALL_RULE, unknown_start_error
from linkdoctor.rulekit.world import World

_ERROR = "{{.State.Error}}"


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report a container with links whose last start failed for a reason that no other rule has."""
    container = place.container
    kind = unknown_start_error(topology.details(container))
    if not kind:
        return
    if is_kept(place.host, container, topology):
        return
    others = topology.links_to(place.host, container)
    if not topology.links_of(place.host, container) and not others:
        return
    if any(topology.is_running(link.target) for link in others):
        return
    fix = f"start {container.name} once the cause is removed"
    if kind == FIREWALL_RULE:
        fix = (
            f"restart the engine on its host (systemctl restart docker), then start "
            f"{container.name}: nothing else clears that rule; unless live-restore is on, "
            "containers without a restart policy have to be started again"
        )
    yield Hit(
        message=f"The engine could not start {container.name}: {kind}.",
        evidence=(
            Proof(
                what=f"State.Error of {container.name}",
                observed=kind,
                expected="none",
                where=topology.read_from(container.details),
            ),
        ),
        fixes=(
            Fix(
                title=f"see the engine's own words, then {fix}",
                safety=Safety.MANUAL,
                commands=(commands.inspect_format(_ERROR, container.name),),
            ),
        ),
    )


_NO_PROGRAM = 'OCI runtime create failed: exec: "…": executable file not found in $PATH: unknown'

RULE = Rule(
    code="LD115",
    name="refused-start",
    severity=Severity.WARNING,
    since="0.2",
    summary="the engine could not start a container that has links or is a source",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachContainer(check),
    cases=(
        Case(
            title="a target whose program does not exist",
            given=lambda: (World.tutorial().refuse("web", _NO_PROGRAM).snapshot(),),
            expect=(Expected(target="web", severity=Severity.WARNING),),
        ),
        Case(
            title="a source whose targets do not run either",
            given=lambda: (
                World.tutorial().stop("web").refuse("app", "no space left on device").snapshot(),
            ),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="a source whose target runs is LD101",
            given=lambda: (World.tutorial().refuse("app", _NO_PROGRAM).snapshot(),),
        ),
        Case(
            title="a refused link is LD104",
            given=lambda: (
                World.tutorial()
                .stop("app")
                .refuse("web", "Cannot link to a non running container: /app AS /web/helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="nobody is linked to it",
            given=lambda: (World().run("job").refuse("job", _NO_PROGRAM).snapshot(),),
        ),
        Case(
            title="it was stopped",
            given=lambda: (World.tutorial().stop("web", exit_code=1).snapshot(),),
        ),
    ),
)
