"""The engine refused to start a container because of one of its links.

## What it means

`docker run`, `docker start` or a restart failed. The container was left behind, not running, and
its `State.Error` holds the engine's reason.

## Why it matters

The service is down, and only inspect shows the reason.

## How it is proved

The container is created, exited or dead, and `State.Error` is one of the engine's messages about
links. The wording differs by version; linkdoctor knows that of engines 20.10 to 29. With nftables
an engine also refuses to set a rule of a link that removed containers with the same addresses have
left behind.

## What it is not

A container that stopped for another reason. A failed attempt that was perhaps repeated with success
under another name is only a warning: it never ran, and a container with the same image and a link
to the same source under the same alias was created later and runs. That is a guess, and the message
says so; a sibling that existed before, or that Compose created, is a replica and no such sign. The
predecessor that a recreation keeps under its name with `-before` is info only.

## How to fix it

It depends on the current cause: start the source and then the target; connect the source to the
default bridge; or, where the link leads to a removed container, create the target again. A restart
of the engine removes a rule that was left behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    DEFAULT_BRIDGE,
    Case,
    ConnectNetwork,
    Container,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Link,
    LinkRefusal,
    Need,
    Proof,
    Refusal,
    Rule,
    Safety,
    Severity,
    Start,
    Status,
    Topology,
    commands,
    parse_refusal,
)
from linkdoctor.rulekit.fixes import doing, owner_is_gone, recreate, with_sharers
from linkdoctor.rulekit.shared_namespaces import has_lost_owner
from linkdoctor.rulekit.stand_ins import guessed, is_kept, stand_in_for
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report a container whose last start was refused because of a link."""
    target = place.container
    details = topology.details(target)
    if details.status not in (Status.CREATED, Status.EXITED, Status.DEAD):
        return
    refusal = parse_refusal(details.error)
    if refusal is None or (
        # Without a link that rule is another one's (LD115).
        refusal.refusal is Refusal.RULE_EXISTS and not topology.links_of(place.host, target)
    ):
        return
    link = _link(place, refusal, topology)
    alias = refusal.alias or (link.alias if link else "")
    source = topology.source_of(link) if link else None
    name = link.source_name if link else refusal.source or "its source"
    stand_in = stand_in_for(target, _siblings(place, link, topology), topology)
    yield Hit(
        message=f"The engine refused to start {target.name} because of its link to {name}"
        f"{f' as {alias}' if alias else ''}: {refusal.refusal.value}"
        f"{_today(refusal, link, source, topology)}{guessed(stand_in)}.",
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
        severity=_severity(place, stand_in, topology),
    )


def _link(place: HostContainer, refusal: LinkRefusal, topology: Topology) -> Link | None:
    links = topology.links_of(place.host, place.container)
    for link in links:
        source = topology.source_or_namesake(link)
        by_id = source is not None and source.id.startswith(refusal.source or "-")
        by_address = refusal.refusal is Refusal.RULE_EXISTS and _names_address(
            topology.details(place.container).error, source, topology
        )
        if refusal.alias == link.alias or refusal.source == link.source_name or by_id or by_address:
            return link
    return links[0] if len(links) == 1 else None


def _names_address(error: str, source: Container | None, topology: Topology) -> bool:
    words = set(error.replace("'", " ").split())
    endpoint = topology.endpoint(source, DEFAULT_BRIDGE) if source is not None else None
    return endpoint is not None and endpoint.address in words


def _today(
    refusal: LinkRefusal, link: Link | None, source: Container | None, topology: Topology
) -> str:
    if link is None or refusal.refusal is not Refusal.NOT_RUNNING:
        return ""
    if source is None:
        return "; the link leads to a container that was removed"
    return "; it runs now" if topology.is_running(source) else "; it is still not running"


def _fixes(
    place: HostContainer,
    refusal: LinkRefusal,
    link: Link | None,
    source: Container | None,
    topology: Topology,
) -> Iterator[Fix]:
    target = place.container
    if is_kept(place.host, target, topology):
        yield Fix(
            title=f"leave it, or remove it once you are sure that nothing in it is needed: "
            f"docker rm {target.name}",
            safety=Safety.MANUAL,
        )
    elif refusal.refusal is Refusal.RULE_EXISTS:
        yield Fix(
            title="restart the engine on its host (systemctl restart docker): only this clears "
            f"that rule, then start {target.name}; unless live-restore is on, containers without "
            "a restart policy have to be started again",
            safety=Safety.MANUAL,
        )
    elif link is not None and source is None:
        yield recreate(
            topology, place.host, target, why="it has a ghost link; starting it will not help"
        )
    elif source is not None and has_lost_owner(topology, place.host, source):
        yield owner_is_gone(source)
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


def _severity(
    place: HostContainer, stand_in: Container | None, topology: Topology
) -> Severity | None:
    if is_kept(place.host, place.container, topology):
        return Severity.INFO
    return Severity.WARNING if stand_in is not None else None


def _siblings(place: HostContainer, link: Link | None, topology: Topology) -> Iterator[Container]:
    """Return the containers with a link to the same source under the same alias."""
    if link is not None:
        for other in topology.links(place.host):
            if (other.alias, other.source_name) == (link.alias, link.source_name):
                yield other.target


_NOT_RUNNING = "Cannot link to a non running container: /app AS /web/helloapp"


_RULE_EXISTS = (
    "failed to set up container networking: adding rules for bridge docker0: rule from "
    "…/nftabler/link.go:49: adding rule:'ip saddr 172.17.0.3 ip daddr 172.17.0.2 tcp dport 5000 "
    "counter accept' chain:'filter-forward-in__docker0' group:2: rule exists"
)


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
    precedence=60,
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
            title="the firewall has a rule of removed containers (29 with nftables)",
            given=lambda: (World.tutorial().refuse("web", _RULE_EXISTS).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a leftover of an attempt that was repeated with success",
            given=lambda: (
                World.tutorial()
                .run("web2", link="app:helloapp")
                .refuse("web", _NOT_RUNNING)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.WARNING),),
        ),
        Case(
            title="a replica of the same image is healthy",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("web1", link="app:helloapp")
                .run("web", link="app:helloapp")
                .refuse("web", _NOT_RUNNING)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a container of the same image and alias is linked to another source",
            given=lambda: (
                World.tutorial()
                .run("other", expose=[5000], listen=[5000])
                .run("web2", link="other:helloapp")
                .refuse("web", _NOT_RUNNING)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
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
