"""The target dials its source at the *host* port instead of the container port.

## What it means

The source's port is published under another number, as in `--publish 5433:5432`, and the target's
settings use the alias with the host's number: `db:5433`. The alias leads to the container itself,
which serves only its own number.

## Why it matters

Every connection through the link is refused, although the same port works at the host's address.

## How it is proved

The target's environment or arguments name the alias with a port that inspect of the source shows
as a host binding of another container port. The source does not expose that number, and none of
its listening sockets has it.

## What it is not

A port that is published under its own number. A source that does listen on that number, or exposes
it. If the sockets cannot be read, the exposed ports decide. A source that started less than ten
seconds ago, or whose health check says *starting*, is not judged yet: the rule is skipped.

## How to fix it

Make the target dial the container's port; the host's number is for clients outside.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    Fix,
    Hit,
    Link,
    Need,
    Port,
    Proof,
    Publication,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.link_ports import dialled_ports, judged_only_later
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report ports that are the host's, dialled at the alias."""
    dialled = dialled_ports(link, topology)
    source = topology.source_of(link) if dialled else None
    if source is None or not topology.is_running(source):
        return
    bound = _bound(source, topology)
    for port in sorted(bound.keys() & dialled.keys()):
        if not _is_its_own(port, source, topology):
            judged_only_later(link.host, source, topology)
            yield _hit(link, source, port, dialled[port], bound[port], topology)


def _bound(source: Container, topology: Topology) -> dict[int, Publication]:
    return {
        each.host_port: each
        for each in topology.details(source).published
        if each.port.protocol == "tcp" and each.host_port != each.port.number
    }


def _is_its_own(port: int, source: Container, topology: Topology) -> bool:
    return Port(port) in topology.details(source).exposed or any(
        each.protocol == "tcp" and each.port == port for each in topology.listeners_if_had(source)
    )


def _hit(
    link: Link,
    source: Container,
    port: int,
    where: str,
    bound: Publication,
    topology: Topology,
) -> Hit:
    inside = bound.port.number
    return Hit(
        message=f"{link.target.name} dials {link.alias}:{port} ({where}), but {port} is the port "
        f"of {link.host} that leads to {source.name}; at the alias it is {inside}.",
        evidence=(
            Proof(
                what=f"host binding of {source.name} {bound.port}",
                observed=f"port {port} of {link.host}",
                expected=f"{link.alias}:{inside}",
                where=topology.read_from(source.details),
            ),
        ),
        fixes=(
            Fix(
                title=f"make {link.target.name} dial {link.alias}:{inside} instead of "
                f"{link.alias}:{port} ({where})",
                safety=Safety.MANUAL,
            ),
        ),
        key=str(port),
    )


RULE = Rule(
    code="LD509",
    name="host-port-dialled",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target dials its source at the host port instead of the container port",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS}),
    check=EachLink(check, up=True),
    explains=frozenset({"LD502", "LD510"}),
    precedence=10,
    cases=(
        Case(
            title="the number of the host, at the alias",
            given=lambda: (
                World()
                .run("db", publish={5432: 5433}, listen=[5432])
                .run("web", link="db:db", env={"DATABASE_URL": "postgres://db:5433/shop"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db", severity=Severity.ERROR),),
        ),
        Case(
            title="the same on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("db", network="back", publish={5432: 5433}, listen=[5432])
                .run(
                    "web",
                    network="back",
                    link="db:db",
                    env={"DATABASE_URL": "postgres://db:5433/shop"},
                )
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="one number inside and outside",
            given=lambda: (
                World()
                .run("db", publish={5432: 5432}, listen=[5432])
                .run("web", link="db:db", env={"DATABASE_URL": "postgres://db:5432/shop"})
                .snapshot(),
            ),
        ),
        Case(
            title="the source listens on that number too",
            given=lambda: (
                World()
                .run("db", publish={5432: 5433}, listen=[5432, 5433])
                .run("web", link="db:db", env={"DATABASE_URL": "postgres://db:5433/shop"})
                .snapshot(),
            ),
        ),
        Case(
            title="the source exposes that number too",
            given=lambda: (
                World()
                .run("db", expose=[5433], publish={5432: 5433}, listen=[5432])
                .run("web", link="db:db", env={"DATABASE_URL": "postgres://db:5433/shop"})
                .snapshot(),
            ),
        ),
        Case(
            title="the container's own number",
            given=lambda: (
                World()
                .run("db", publish={5432: 5433}, listen=[5432])
                .run("web", link="db:db", env={"DATABASE_URL": "postgres://db:5432/shop"})
                .snapshot(),
            ),
        ),
        Case(
            title="the number of the host at the host's address",
            given=lambda: (
                World()
                .run("db", publish={5432: 5433}, listen=[5432])
                .run("web", link="db:db", env={"DATABASE_URL": "postgres://10.77.0.1:5433/shop"})
                .snapshot(),
            ),
        ),
        Case(
            title="the source has only just started",
            given=lambda: (
                World()
                .run("db", publish={5432: 5433}, started_at="2026-01-01T11:59:55.123456789Z")
                .run("web", link="db:db", env={"DATABASE_URL": "postgres://db:5433/shop"})
                .snapshot(),
            ),
        ),
    ),
)
