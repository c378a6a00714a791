"""The target's hosts file has no line for the alias.

## What it means

The engine wrote a line for the link into the target's `/etc/hosts` when it started the target.
It is not there any more.

## Why it matters

On the default bridge the hosts file is the only place where an alias means anything: there is no
DNS for containers. The name does not resolve at all, and the engine never adds a missing line
while the target runs, not even when the source restarts.

## How it is proved

The link is live, the target runs on the default bridge, and no line of its hosts file has the
alias among its names.

## What it is not

A target that mounts a hosts file of its own never gets link entries (LD309). A line that
`--add-host` asked for gives the alias a meaning.

## How to mend it

Restart the target, provided that each of its links leads to a running container; and see to it
that nothing in the container rewrites the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.evidence import Need
from linkdoctor.model.fixes import restart_target
from linkdoctor.model.report import Proof, Severity
from linkdoctor.model.snapshot import Status
from linkdoctor.model.topology import DEFAULT_BRIDGE, Link, LinkKind, Topology
from linkdoctor.model.world import World
from linkdoctor.rulekit import Case, EachLink, Expected, Hit, Rule


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
    if topology.first_hosts_line(link.target, link.alias) is not None:
        return
    yield Hit(
        message=f"{link.target.name} is linked to {source.name} as {link.alias}, but its hosts "
        f"file has no line for {link.alias}, so the name does not resolve.",
        evidence=(
            Proof(
                what=f"line of {link.alias} in /etc/hosts of {link.target.name}",
                observed="none",
                expected=f"an address and {link.alias}",
                where=topology.read_from(link.target.hosts_file),
            ),
        ),
        fixes=(restart_target(topology, link.host, link.target),),
    )


RULE = Rule(
    code="LD303",
    name="hosts-missing",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target's hosts file has no line for the alias",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.HOSTS_FILE}),
    check=EachLink(check),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="the line was deleted",
            given=lambda: (World.tutorial().hosts("web", "helloapp", address=None).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
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
