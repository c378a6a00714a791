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
    Fix,
    Hit,
    Link,
    Listener,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.link_ports import PortState, doors_of
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report ports of a link that only the source itself can reach."""
    if _shares_namespace(link, topology):
        return
    source = topology.source_of(link)
    doors = doors_of(link, source, topology) if source is not None else None
    if source is None or doors is None:
        return
    matter, others = doors.judged(PortState.LOOPBACK)
    for ports, severity, key in ((matter, None, ""), (others, Severity.INFO, "others")):
        if not ports:
            continue
        listed = ", ".join(map(str, ports))
        bound = sorted(
            _told(listener)
            for listener in topology.listeners(source)
            if listener.protocol == "tcp" and listener.port in ports
        )
        yield Hit(
            message=f"{source.name} serves port {listed} on its own loopback address only, so "
            f"{link.target.name} cannot reach it as {link.alias}.",
            evidence=(
                Proof(
                    what=f"listening sockets of {source.name}",
                    observed=", ".join(bound),
                    expected=", ".join(f"0.0.0.0:{port}" for port in ports),
                    where=topology.read_from(source.listeners),
                ),
            ),
            fixes=(
                Fix(
                    title=f"make the service in {source.name} bind to 0.0.0.0 instead of a "
                    "loopback address",
                    safety=Safety.MANUAL,
                ),
            ),
            severity=severity,
            key=key,
        )


def _told(listener: Listener) -> str:
    place = f"{listener.address}:{listener.port}"
    return f"{listener.owner} listens on {place}" if listener.owner else place


def _shares_namespace(link: Link, topology: Topology) -> bool:
    mode = topology.details(link.target).network_mode
    return mode.startswith("container:")


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
