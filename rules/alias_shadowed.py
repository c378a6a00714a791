"""An earlier line of the hosts file takes the alias for itself.

## What it means

The target's hosts file names the alias more than once, and the first line, which wins, is not the
one that the engine wrote for the link. Usually `--add-host` asked for it: the engine writes extra
hosts before links.

## Why it matters

The link is there and right, and connections by name go elsewhere all the same.

## How it is proved

The first line of the target's hosts file that has the alias among its names is compared with the
engine's own line for the link and with the source's address.

## What it is not

A line that holds the source's own address does no harm today: that is a warning, since it will not
follow when the source moves; but the line of another link to the same source will. Without a line
of the engine it is LD303, and if the engine's own line is wrong it is LD302.

## How to mend it

Create the target again without the extra host, or without the link, whichever is not meant. A line
that somebody wrote into the file is gone after a restart of the target.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.evidence import Need
from linkdoctor.model.fixes import for_a_person, present_links, recreate, restart_target
from linkdoctor.model.links import HostsLine
from linkdoctor.model.report import Fix, Proof, Safety, Severity
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.model.world import World
from linkdoctor.rulekit import Case, EachLink, Expected, Hit, Rule


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose hosts line stands behind another for the same name."""
    source = topology.source_of(link)
    if source is None or not topology.is_running(source):
        return
    own = topology.hosts_lines_of(link)
    first = topology.first_hosts_line(link.target, link.alias)
    if first is None or not own or first in own:
        return
    addresses = topology.link_addresses(link, source)
    same = first.address in addresses
    aliases = {each.alias for each in topology.links_of(link.host, link.target)}
    if same and first.names[0] in aliases - {link.alias}:
        return  # the engine's line of another link to the same source, which follows it too
    asked = first in topology.details(link.target).extra_hosts
    origin = "--add-host asked for it" if asked else "it stands before the engine's line"
    effect = (
        f"it is {source.name}'s address today, but will not follow when {source.name} moves"
        if same
        else f"connections to {link.alias} do not go to {source.name}"
    )
    yield Hit(
        message=f"In {link.target.name}, an earlier hosts line gives {link.alias} the address "
        f"{first.address} ({origin}): {effect}.",
        evidence=(
            Proof(
                what=f"first hosts line with {link.alias}",
                observed=f"{first.address} {' '.join(first.names)}",
                expected=f"{own[0].address} {' '.join(own[0].names)}",
                where=topology.read_from(link.target.hosts_file),
            ),
        ),
        fixes=tuple(_fixes(link, first, topology, same=same)),
        severity=Severity.WARNING if same else None,
    )


def _fixes(link: Link, first: HostsLine, topology: Topology, *, same: bool) -> Iterator[Fix]:
    target, name = link.target, link.target.name
    if first in topology.details(target).extra_hosts:
        unpinned = recreate(
            topology,
            link.host,
            target,
            drop_extra_hosts=(link.alias,),
            why=f"without --add-host {link.alias}:{first.address}",
        )
        # Which of the two is meant only a person can know, unless they mean the same.
        yield unpinned if same else for_a_person(unpinned)
        if not same:
            links = present_links(topology.details(target))
            others = tuple(each for each in links if each.alias != link.alias)
            why = f"without the link, if {first.address} is meant"
            yield for_a_person(recreate(topology, link.host, target, links=others, why=why))
    elif any(
        first in topology.hosts_lines_of(each) for each in topology.links_of(link.host, target)
    ):
        yield Fix(
            title=f"create {name} again with other aliases: none that is also the name of another "
            "link's source",
            safety=Safety.MANUAL,
        )
    else:
        yield restart_target(topology, link.host, target)


def _pinned(address: str) -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", add_host={"helloapp": address})
    )


RULE = Rule(
    code="LD304",
    name="alias-shadowed",
    severity=Severity.ERROR,
    since="0.1",
    summary="an earlier line of the hosts file takes the alias for itself",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.HOSTS_FILE}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="--add-host gives the alias another address",
            given=lambda: (_pinned("10.9.9.9").snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="--add-host gives the alias the source's address",
            given=lambda: (_pinned("172.17.0.2").snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.WARNING),),
        ),
        Case(
            title="a link's line that also has the name of another source",
            given=lambda: (
                World()
                .run("db", expose=[5432])
                .run("db2", expose=[5432])
                .run("web", link=["db:old", "db2:db"])
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db", severity=Severity.ERROR),),
        ),
        Case(
            title="two aliases of one source, one of them its name",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("web", link=["app:aaa", "app:app"])
                .snapshot(),
            ),
        ),
        Case(title="the link's line alone", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="an extra host of another name",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp", add_host={"mail": "10.9.9.9"})
                .snapshot(),
            ),
        ),
    ),
)
