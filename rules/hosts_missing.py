"""The target's hosts file has no line for the alias.

## What it means

The engine wrote a line for the link into the target's `/etc/hosts` when it started the target. It
is gone; if another line has the alias among its names, that line is used.

## Why it matters

On the default bridge the hosts file is the only place that defines an alias: there is no DNS for
containers. The name does not resolve at all, and the engine never adds a missing line while the
target runs, not even when the source restarts.

## How it is proved

The link is live, the target runs on the default bridge, and no line of its hosts file begins with
the alias. No other line that has it among its names, in any letter case, holds the source's address
either. Lines that resolvers skip do not count: a comment, or a malformed address.

## What it is not

A target that mounts a hosts file of its own never gets link entries (LD309). A line from
`--add-host` defines the alias: if its address is not the source's, it is LD304. The line of another
link to the same source serves as well.

## How to fix it

Restart the target, provided that each of its links leads to a running container; and make sure that
nothing in the container rewrites the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    DEFAULT_BRIDGE,
    Case,
    EachLink,
    Expected,
    Hit,
    HostsLine,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Status,
    Topology,
)
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a live legacy link that the target's hosts file does not know."""
    details = topology.details(link.target)
    if (
        link.kind is not LinkKind.LEGACY
        or details.status is not Status.RUNNING
        or details.mounts_hosts_file
        or topology.endpoint(link.target, DEFAULT_BRIDGE) is None
    ):
        return
    source = topology.source_of(link)
    if source is None:
        return
    if topology.hosts_lines_of(link):
        return  # the engine's line is there; whether it is right is LD302, whether it wins LD304
    addresses = topology.link_addresses(link, source)
    other = topology.first_hosts_line(link.target, link.alias, beside=addresses)
    if other is not None and (other.address in addresses or other in details.extra_hosts):
        return
    yield Hit(
        message=f"{link.target.name} is linked to {source.name} as {link.alias}, but its hosts "
        f"file has no line for {link.alias}{_effect(link, other, topology)}.",
        evidence=(
            Proof(
                what=f"line of {link.alias} in /etc/hosts of {link.target.name}",
                observed=f"{other.address} {' '.join(other.names)}" if other else "none",
                expected=f"{addresses[0] if addresses else 'an address'} and {link.alias}",
                where=topology.read_from(link.target.hosts_file),
            ),
        ),
        fixes=(restart_target(topology, link.host, link.target),),
    )


def _named_twice() -> World:
    return (
        World()
        .run("db", expose=[6379], listen=[6379])
        .run("pg", expose=[5432], listen=[5432])
        .run("web", link=["db:cache", "pg:db"])
    )


def _effect(link: Link, other: HostsLine | None, topology: Topology) -> str:
    if other is None:
        return ", so the name does not resolve"
    holder = topology.holder_of(link.host, other.address)
    whose = f", the address of {holder.name}" if holder is not None else ""
    return f" from the engine, and the line of {other.names[0]} gives it {other.address}{whose}"


RULE = Rule(
    code="LD303",
    name="hosts-missing",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target's hosts file has no line for the alias",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.HOSTS_FILE}),
    check=EachLink(check),
    explains=frozenset({"LD510"}),
    precedence=10,
    shows_events=True,
    cases=(
        Case(
            title="the line was deleted",
            given=lambda: (World.tutorial().hosts("web", "helloapp", address=None).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the line was deleted, and the line of another link has the name of its source",
            given=lambda: (_named_twice().hosts("web", "db", address=None).snapshot(),),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="the line of another link has the name too, and the engine's own is there",
            given=lambda: (_named_twice().snapshot(),),
        ),
        Case(
            title="the line was deleted, and another link to the same source has the name",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("web", link=["app:app", "app:other"])
                .hosts("web", "app", address=None)
                .snapshot(),
            ),
        ),
        Case(
            title="somebody wrote a line in other letters, with the source's address",
            given=lambda: (
                World.tutorial()
                .hosts("web", "helloapp", address=None)
                .write_hosts("web", HostsLine(address="172.17.0.2", names=("HELLOAPP",)))
                .snapshot(),
            ),
        ),
        Case(title="healthy", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="the target mounts a hosts file of its own",
            given=lambda: (
                World()
                .run("app")
                .run("web", link="app:helloapp", mounts_hosts_file=True)
                .hosts("web", "helloapp", address=None)
                .snapshot(),
            ),
        ),
        Case(
            title="a link on a user-defined network needs no line",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
        ),
    ),
)
