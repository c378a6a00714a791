"""The service of a link listens on the loopback address only.

## What it means

The process in the source listens on `127.0.0.1` (or `::1`) of its own network namespace.

## Why it matters

Nothing outside that container can reach it, even if the port is exposed, published or linked.

## How it is proved

Each listening socket of the source for the port is bound to a loopback address; the process that
holds it is named if it could be identified. As in LD502, a port that the target is known to dial
counts. If none is known, it is reported only when no exposed port is reachable.

## What it is not

Containers that share the source's network namespace (`--network container:…`) do reach it. A
port that is served on another address too is reachable. An exposed port that the target does not
dial, while others are open, is info only.

## How to fix it

Make the service bind to `0.0.0.0` (or the container's own address): that is a setting of the
program, often called *bind*, *listen* or *host*.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Hit,
    Link,
    Listener,
    Need,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.link_ports import PortState
from linkdoctor.rulekit.listener_faults import listener_faults
from linkdoctor.rulekit.reach import share_a_namespace
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report ports of a link that only the source itself can reach."""
    source = topology.source_of(link)
    if source is None or share_a_namespace(link.host, link.target, source, topology):
        return
    for fault in listener_faults(link, PortState.LOOPBACK, topology):
        yield fault.hit(
            f"{source.name} serves port {fault.listed} on its own loopback address only, so "
            f"{link.target.name} cannot reach it as {link.alias}.",
            topology,
            bound=sorted(
                _told(listener)
                for listener in topology.listeners(source)
                if listener.protocol == "tcp" and listener.port in fault.ports
            ),
            wanted="0.0.0.0",
            advice=f"make the service in {source.name} bind to 0.0.0.0 instead of a loopback "
            "address",
        )


def _told(listener: Listener) -> str:
    place = f"{listener.address}:{listener.port}"
    return f"{listener.owner} listens on {place}" if listener.owner else place


RULE = Rule(
    code="LD503",
    name="loopback-listener",
    severity=Severity.ERROR,
    since="0.1",
    summary="the service of a link listens on the loopback address only",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS}),
    check=EachLink(check, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="bound to 127.0.0.1",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000], listen_on="127.0.0.1")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="bound to ::1",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000], listen_on="::1")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="bound to every address",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000], listen_on="::")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="nothing listens at all",
            given=lambda: (
                World().run("app", expose=[5000]).run("web", link="app:helloapp").snapshot(),
            ),
        ),
    ),
)
