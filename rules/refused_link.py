"""The engine refused to start a container because of one of its links.

## What it means

`docker run`, `docker start` or a restart failed. The container was left behind, not running, and
its `State.Error` holds the engine's reason.

## Why it matters

The service is down, and the reason is shown nowhere but in inspect.

## How it is proved

The container is created, exited or dead, and `State.Error` is one of the engine's messages about
links. The words differ by version; linkdoctor knows those of engines 20.10 to 29.

## What it is not

A container that stopped for another reason. A leftover of an attempt that was repeated with
success under another name (same image, same alias, running) is shown as info only.

## How to mend it

It depends on the cause as it is today: start the source and then the target; connect the source
to the default bridge; or, where the link leads to a removed container, create the target again.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model import commands
from linkdoctor.model.actions import ConnectNetwork, Start
from linkdoctor.model.evidence import Need
from linkdoctor.model.fixes import doing, recreate, with_sharers
from linkdoctor.model.links import LinkRefusal, Refusal, parse_refusal
from linkdoctor.model.report import Fix, Proof, Safety, Severity
from linkdoctor.model.snapshot import Container, Status
from linkdoctor.model.topology import DEFAULT_BRIDGE, Link, Topology
from linkdoctor.model.world import World
from linkdoctor.rulekit import Case, EachContainer, Expected, Hit, Place, Rule


def check(place: Place, topology: Topology) -> Iterator[Hit]:
    """Report a container whose last start was refused because of a link."""
    target = place.container
    details = topology.details(target)
    if details.status not in (Status.CREATED, Status.EXITED, Status.DEAD):
        return
    refusal = parse_refusal(details.error)
    if refusal is None:
        return
    link = _link(place, refusal, topology)
    alias = refusal.alias or (link.alias if link else "")
    source = topology.source_of(link) if link else None
    name = link.source_name if link else refusal.source or "its source"
    yield Hit(
        message=f"The engine refused to start {target.name} because of its link to {name}"
        f"{f' as {alias}' if alias else ''}: {refusal.refusal.value}"
        f"{_today(refusal, link, source, topology)}.",
        evidence=(
            Proof(
                what=f"State.Error of {target.name}",
                observed=details.error,
                expected="none",
                where=topology.read_from(target.details),
            ),
        ),
        fixes=tuple(_fixes(place, refusal, link, source, topology)),
        source=link.source_name if link else refusal.source or "",
        alias=alias,
        severity=Severity.INFO if _was_repeated(place, alias, topology) else None,
    )


def _link(place: Place, refusal: LinkRefusal, topology: Topology) -> Link | None:
    links = topology.links_of(place.host, place.container)
    for link in links:
        source = topology.source_shown(link)
        by_id = source is not None and source.id.startswith(refusal.source or "-")
        if refusal.alias == link.alias or refusal.source == link.source_name or by_id:
            return link
    return links[0] if len(links) == 1 else None


def _today(
    refusal: LinkRefusal, link: Link | None, source: Container | None, topology: Topology
) -> str:
    if link is None or refusal.refusal is not Refusal.NOT_RUNNING:
        return ""
    if source is None:
        return "; the link leads to a container that was removed"
    return "; it runs now" if topology.is_running(source) else "; it is still not running"


def _fixes(
    place: Place,
    refusal: LinkRefusal,
    link: Link | None,
    source: Container | None,
    topology: Topology,
) -> Iterator[Fix]:
    target = place.container
    if link is not None and source is None:
        yield recreate(
            topology, place.host, target, why="it has a ghost link, which no start mends"
        )
    elif source is not None and _is_off_the_bridge(source, topology):
        connected = doing(
            f"connect {source.name} to the default bridge, then start {target.name}",
            Safety.SAFE,
            ConnectNetwork(network=DEFAULT_BRIDGE, container=source.name),
            Start(container=target.name),
        )
        yield with_sharers(topology, place.host, connected, target)
    elif source is not None:
        first = () if topology.is_running(source) else (source,)
        names = [each.name for each in (*first, target)]
        started = doing(
            f"start {' and then '.join(names)}",
            Safety.SAFE,
            *(Start(container=each) for each in names),
        )
        yield with_sharers(topology, place.host, started, *first, target)
    else:
        yield Fix(
            title=f"remove {target.name} and create it again with a source that exists",
            safety=Safety.MANUAL,
            commands=(commands.remove(target.name),),
        )


def _is_off_the_bridge(source: Container, topology: Topology) -> bool:
    return topology.is_running(source) and topology.endpoint(source, DEFAULT_BRIDGE) is None


def _was_repeated(place: Place, alias: str, topology: Topology) -> bool:
    return any(
        other.image == place.container.image
        and topology.is_running(other)
        and any(link.alias == alias for link in topology.links_of(place.host, other))
        for _, other in topology.containers(place.host)
        if other.id != place.container.id
    )


_NOT_RUNNING = "Cannot link to a non running container: /app AS /web/helloapp"


def _off_the_bridge(error: str) -> World:
    return (
        World()
        .network("back")
        .run("app", network="back")
        .run("web", link="app:helloapp")
        .refuse("web", error)
    )


RULE = Rule(
    code="LD104",
    name="refused-link",
    severity=Severity.ERROR,
    since="0.1",
    summary="the engine refused to start a container because of a link",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachContainer(check),
    explains=frozenset({"LD101", "LD102", "LD103", "LD402", "LD510"}),
    cases=(
        Case(
            title="the source was not running",
            given=lambda: (World.tutorial().stop("app").refuse("web", _NOT_RUNNING).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a restart with a ghost link",
            given=lambda: (
                World.tutorial().recreate("app").refuse("web", _NOT_RUNNING).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source is only on a user-defined network (20.10, 26.1)",
            given=lambda: (
                _off_the_bridge(
                    "Cannot link to /app, as it does not belong to the default network"
                ).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source is only on a user-defined network (28.5)",
            given=lambda: (
                _off_the_bridge(
                    f"container {1:064x} not attached to default bridge network"
                ).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a leftover of an attempt that was repeated with success",
            given=lambda: (
                World.tutorial()
                .run("web2", link="app:helloapp")
                .refuse("web", _NOT_RUNNING)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.INFO),),
        ),
        Case(
            title="a container that stopped for another reason",
            given=lambda: (
                World.tutorial()
                .refuse("web", 'exec: "serve": executable file not found')
                .snapshot(),
            ),
        ),
    ),
)
