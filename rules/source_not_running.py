"""The source of a link is not running.

## What it means

The target runs, but the container that it is linked to has stopped, died, or was never started.

## Why it matters

Nothing answers under the alias. On the default bridge it is worse than it looks: the engine refuses
`docker exec` and health checks in the target with *Cannot link to a non running container*, and
refuses to start the target again if it stops.

## How it is proved

The engine's pointer (or, on a user-defined network, the name) leads to a container whose state is
exited, dead or created, while the target runs. The exit code, the out-of-memory flag and the
engine's own error are shown, because they tell why it stopped.

## What it is not

If the target has stopped too, nothing is reported. Nor is a one-shot job that Compose expects to
end (`service_completed_successfully`), on a user-defined network. A source in a restart loop is
another fault (LD106).

## How to fix it

Start the source. Nothing else is interrupted; the engine corrects the target's hosts file at once.
If the source came back with another address, the target's variables are then stale (LD201).
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    Details,
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
    commands,
)
from linkdoctor.rulekit.fixes import start_source
from linkdoctor.rulekit.world import World

_DOWN = (Status.EXITED, Status.DEAD, Status.CREATED)


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link whose source is down while its target is up or was refused for it."""
    target = topology.details(link.target)
    if target.status not in (Status.RUNNING, Status.PAUSED, Status.RESTARTING):
        return
    source = topology.source_of(link)
    if source is None:
        return
    details = topology.details(source)
    if details.status not in _DOWN or _is_meant_to_end(link, source, details):
        return
    also = (
        f"; the engine refuses `docker exec` in {link.target.name} and would not start it again"
        if link.kind is LinkKind.LEGACY
        else ""
    )
    yield Hit(
        message=f"{link.target.name} reaches {source.name} as {link.alias}, but {source.name} "
        f"is {_plain(details)}{also}.",
        evidence=(
            Proof(
                what=f"state of {source.name}",
                observed=_state(details),
                expected="running",
                where=topology.read_from(source.details),
            ),
        ),
        fixes=(
            start_source(source, topology, link.host),
            Fix(
                title=f"see why {source.name} stopped",
                safety=Safety.MANUAL,
                commands=(commands.logs(source.name),),
            ),
        ),
    )


def _plain(details: Details) -> str:
    return "was never started" if details.status is Status.CREATED else "not running"


def _state(details: Details) -> str:
    parts = [details.status.value]
    if details.status is not Status.CREATED:
        parts.append(f"exit code {details.exit_code}")
    if details.out_of_memory:
        parts.append("killed (out of memory)")
    if details.error:
        parts.append(details.error)
    return ", ".join(parts)


def _is_meant_to_end(link: Link, source: Container, details: Details) -> bool:
    if link.kind is LinkKind.LEGACY or details.exit_code != 0:
        return False
    service = _label(source, "com.docker.compose.service")
    wanted = _label(link.target, "com.docker.compose.depends_on")
    return bool(service) and any(
        entry.startswith(f"{service}:service_completed_successfully") for entry in wanted.split(",")
    )


def _label(container: Container, name: str) -> str:
    return next((label.value for label in container.labels if label.name == name), "")


def _job() -> World:
    service = "com.docker.compose.service"
    depends = {"com.docker.compose.depends_on": "init:service_completed_successfully:true"}
    return (
        World()
        .network("back")
        .run("p-init-1", network="back", labels={service: "init"})
        .run("web", network="back", link="p-init-1:init", labels=depends)
        .stop("p-init-1")
    )


RULE = Rule(
    code="LD101",
    name="source-not-running",
    severity=Severity.ERROR,
    since="0.1",
    summary="the source of a link has stopped, died or was never started",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachLink(check),
    explains=frozenset({"LD201", "LD302", "LD303", "LD306", "LD307", "LD502", "LD503", "LD510"}),
    precedence=30,
    shows_events=True,
    cases=(
        Case(
            title="the source was stopped",
            given=lambda: (World.tutorial().stop("app", exit_code=137).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(title="the source runs", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="the target has stopped too",
            given=lambda: (World.tutorial().stop("web").stop("app").snapshot(),),
        ),
        Case(title="a job that Compose expects to end", given=lambda: (_job().snapshot(),)),
    ),
)
