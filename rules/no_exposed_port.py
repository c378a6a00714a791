"""The source of a link exposes no port.

## What it means

Neither the source's image (`EXPOSE`) nor its command line (`--expose`, `--publish`) names a port.

## Why it matters

The link then sets no address variables at all, only `<ALIAS>_NAME` and `<ALIAS>_ENV_*`: a program
that reads variables finds none. If the engine runs with `--icc=false`, no firewall rule is added
either, and no port of the source can be reached.

## How it is proved

Inspect of the source shows no exposed port, and the link is on the default bridge.

## What it is not

A link on a user-defined network needs no exposed port. From engine 29 on, links set no variables
anyway; with inter-container communication on, nothing is lost then.

## How to fix it

Create the source again with `--expose`, and then the target, otherwise its link leads to the
removed container. Programs that use the name and know the port already work, unless the engine runs
with `--icc=false`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    FIRST_WITHOUT_VARIABLES,
    Case,
    Container,
    EachLink,
    Expected,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Port,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.dns_names import EMBEDDED
from linkdoctor.rulekit.fixes import for_a_person, recreate, recreate_source
from linkdoctor.rulekit.link_ports import is_loopback
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link to a source that exposes nothing."""
    source = topology.source_of(link)
    if source is None or topology.details(source).exposed:
        return
    blocked = topology.talks_only_over_links(link.host)
    if not blocked and topology.engine_version(link.host) >= FIRST_WITHOUT_VARIABLES:
        return
    lost = (
        f"{link.target.name} gets no address variables and, since the engine runs with "
        "--icc=false, is not let through"
        if blocked
        else f"{link.target.name} gets no {link.prefix}_PORT variables"
    )
    ports, apart = _served(source, topology)
    yield Hit(
        message=f"{source.name}, linked into {link.target.name} as {link.alias}, exposes no port: "
        f"{lost}.{_listens(ports, apart)}",
        evidence=(
            Proof(
                what=f"exposed ports of {source.name}",
                observed="none",
                expected="the port of the service",
                where=topology.read_from(source.details),
            ),
        ),
        fixes=tuple(_fixes(link, source, ports, topology)),
        severity=Severity.ERROR if blocked else None,
    )


def _served(source: Container, topology: Topology) -> tuple[list[int], list[int]]:
    """Return the ports that others reach, and those of the loopback address.

    The embedded DNS of a source that is on a further network is none of its services.
    """
    listeners = [
        each
        for each in topology.listeners_if_had(source)
        if each.protocol == "tcp" and each.address != EMBEDDED
    ]
    apart = {each.port for each in listeners if is_loopback(each.address)}
    reached = {each.port for each in listeners if not is_loopback(each.address)}
    return sorted(reached), sorted(apart - reached)


def _listens(ports: Sequence[int], apart: Sequence[int]) -> str:
    if ports:
        return f" It listens on {', '.join(map(str, ports))}."
    if apart:
        return (
            f" It listens on {', '.join(map(str, apart))} of its loopback address only, where "
            "nothing else can reach it."
        )
    return ""


def _fixes(
    link: Link, source: Container, ports: Sequence[int], topology: Topology
) -> Iterator[Fix]:
    if ports:
        listed = ", ".join(map(str, ports))
        yield recreate_source(
            topology,
            link.host,
            source,
            expose=tuple(map(Port, ports)),
            why=f"with port {listed} exposed",
        )
        return
    yield Fix(
        title=f"create {source.name} again with --expose PORT",
        safety=Safety.MANUAL,
    )
    after = recreate(topology, link.host, link.target, why=f"after {source.name}")
    # By itself it changes nothing: the first step is for a person.
    yield for_a_person(after, f"{source.name} has to expose a port first")


RULE = Rule(
    code="LD501",
    name="no-exposed-port",
    severity=Severity.WARNING,
    since="0.1",
    summary="the source of a link exposes no port",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS, Need.NETWORKS}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    cases=(
        Case(
            title="nothing is exposed",
            given=lambda: (
                World().run("app", listen=[5000]).run("web", link="app:helloapp").snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.WARNING),),
        ),
        Case(
            title="nothing is exposed and icc=false",
            given=lambda: (
                World(icc=False)
                .run("app", listen=[5000])
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a port is exposed",
            given=lambda: (World.tutorial().snapshot(),),
        ),
        Case(
            title="a link on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back", listen=[5000])
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="engine 29 sets no variables anyway",
            given=lambda: (
                World(engine="29.1.0")
                .run("app", listen=[5000])
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
    ),
)
