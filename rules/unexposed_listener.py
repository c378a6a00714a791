"""The target dials a port of the source that the source does not expose.

## What it means

The source exposes some ports, but not the one that the target dials and on which it does listen.

## Why it matters

The link sets no variables for that port. If the engine runs with `--icc=false`, only exposed ports
are opened to a linked target: every connection to this one is dropped.

## How it is proved

The target's environment or arguments name the alias with the port; the kernel's list of listening
sockets of the source has one for it, outside the loopback address; inspect of the source shows
other exposed ports, and the link is on the default bridge.

## What it is not

A port that no target is known to dial may have any purpose, for example administration, and is not
reported. A source that exposes nothing at all is LD501; a port without a listener is LD502, one on
the loopback address LD503. On a user-defined network exposing has no effect. From engine 29 on,
links set no variables anyway; with inter-container communication on, nothing is lost then.

## How to fix it

Create the source again with `--expose`, and then the target, otherwise its link leads to the
removed container. With inter-container communication on, a program that knows the port already
works.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    FIRST_WITHOUT_VARIABLES,
    Case,
    EachLink,
    Expected,
    Hit,
    Link,
    LinkKind,
    Need,
    Port,
    Proof,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import recreate_source
from linkdoctor.rulekit.link_ports import PortState, dialled_ports, doors_of
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report ports that a target dials, that are served and not exposed."""
    dialled = dialled_ports(link, topology)
    source = topology.source_of(link) if dialled else None
    if source is None:
        return
    exposed = topology.details(source).exposed
    hidden = [port for port in sorted(dialled) if Port(port) not in exposed]
    if not exposed or not hidden:
        return
    blocked = topology.talks_only_over_links(link.host)
    if not blocked and topology.engine_version(link.host) >= FIRST_WITHOUT_VARIABLES:
        return
    doors = doors_of(link, source, topology)
    answers = dict(doors.dialled) if doors is not None else {}
    served = [port for port in hidden if answers.get(port) is PortState.OPEN]
    if not served:
        return
    listed = ", ".join(map(str, served))
    lost = (
        f"since the engine runs with --icc=false, {link.target.name} is not let through"
        if blocked
        else "the link sets no variables for it"
    )
    yield Hit(
        message=f"{link.target.name} dials port {listed} of {source.name} at {link.alias} "
        f"({dialled[served[0]]}), which {source.name} serves but does not expose: {lost}.",
        evidence=(
            Proof(
                what=f"exposed ports of {source.name}",
                observed=", ".join(map(str, exposed)),
                expected=", ".join(str(Port(port)) for port in served),
                where=topology.read_from(source.details),
            ),
        ),
        fixes=(
            recreate_source(
                topology,
                link.host,
                source,
                expose=tuple(map(Port, served)),
                why=f"with port {listed} exposed",
            ),
        ),
        severity=Severity.ERROR if blocked else None,
    )


_DIALS = {"API_URL": "http://api:9000/"}


def _world(*, icc: bool = True, engine: str = "20.10.24") -> World:
    return (
        World(icc=icc, engine=engine)
        .run("app", expose=[5000], listen=[5000, 9000])
        .run("web", link="app:api", env=_DIALS)
    )


RULE = Rule(
    code="LD504",
    name="unexposed-listener",
    severity=Severity.INFO,
    since="0.1",
    summary="the target dials a port of the source that the source does not expose",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS, Need.NETWORKS}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="the dialled port is served and not exposed",
            given=lambda: (_world().snapshot(),),
            expect=(Expected(target="web", alias="api", severity=Severity.INFO),),
        ),
        Case(
            title="the same where only links may talk",
            given=lambda: (_world(icc=False).snapshot(),),
            expect=(Expected(target="web", alias="api", severity=Severity.ERROR),),
        ),
        Case(
            title="engine 29 sets no variables, but lets only exposed ports through",
            given=lambda: (_world(icc=False, engine="29.1.0").snapshot(),),
            expect=(Expected(target="web", alias="api", severity=Severity.ERROR),),
        ),
        Case(
            title="engine 29 sets no variables, and all may talk",
            given=lambda: (_world(engine="29.1.0").snapshot(),),
        ),
        Case(
            title="an open port that nobody dials",
            given=lambda: (
                World(icc=False)
                .run("app", expose=[5000], listen=[5000, 9000])
                .run("web", link="app:api", env={"API_URL": "http://api:5000/"})
                .snapshot(),
            ),
        ),
        Case(
            title="nothing is exposed at all",
            given=lambda: (
                World().run("app", listen=[9000]).run("web", link="app:api", env=_DIALS).snapshot(),
            ),
        ),
        Case(
            title="the dialled port has no listener",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:api", env=_DIALS)
                .snapshot(),
            ),
        ),
        Case(
            title="the dialled port is served on the loopback address",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[9000], listen_on="127.0.0.1")
                .run("web", link="app:api", env=_DIALS)
                .snapshot(),
            ),
        ),
        Case(
            title="a link on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back", expose=[5000], listen=[5000, 9000])
                .run("web", network="back", link="app:api", env=_DIALS)
                .snapshot(),
            ),
        ),
    ),
)
