"""Another line of the hosts file defines the alias of a link.

## What it means

The first line with the alias in the target's hosts file wins, and it is not the one that the engine
wrote for the link. Usually it comes from `--add-host`: the engine writes extra hosts before links.
For a link on a user-defined network the engine writes no line at all: the embedded DNS knows the
alias, but the hosts file is asked first.

## Why it matters

The link exists and is correct, but connections by name go elsewhere.

## How it is proved

The first line of the target's hosts file that has the alias among its names, in any letter case, is
compared with the engine's own line for the link, if there is one, and with the source's address.

## What it is not

A line with the source's own address does no harm today. It is a warning, because it will not follow
when the source moves; the line of another link to the same source will follow, and an address that
`--ip` gave the source stays, so those are not reported. A line that leads to the host, where a port
of the source is published, is intended. An IPv6 line does not hide a source that has only IPv4:
programs try the other family. If the line of a legacy link is missing, and no extra host has the
alias, it is LD303; if the engine's own line is wrong, it is LD302.

## How to fix it

Create the target again without the extra host or without the link, whichever is not intended. A
line that somebody wrote into the file disappears when the target restarts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    Fix,
    Hit,
    HostsLine,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import for_a_person, present_links, recreate, restart_target
from linkdoctor.rulekit.reach import networks_of
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link whose alias another hosts line takes: a legacy link's line stands behind it."""
    source = topology.source_of(link)
    if source is None or not topology.is_running(source):
        return
    details = topology.details(link.target)
    if link.alias.lower() in (details.hostname.lower(), "localhost"):
        return  # LD308
    addresses = topology.link_addresses(link, source)
    if not addresses:
        return
    own = topology.hosts_lines_of(link) if link.kind is LinkKind.LEGACY else ()
    first = topology.first_hosts_line(link.target, link.alias, beside=addresses)
    asked = first in details.extra_hosts
    # A line of the engine's that is missing is LD303; but what was asked for wins anyway.
    if first is None or first in own or (link.kind is LinkKind.LEGACY and not own and not asked):
        return
    same = first.address in _addresses_there(link, source, addresses, topology)
    aliases = {each.alias for each in topology.links_of(link.host, link.target)}
    if same and first.names[0] in aliases - {link.alias}:
        return  # the engine's line of another link to the same source, which follows it too
    if _leads_through_the_host(link, source, first, topology):
        return
    if same and _has_for_good(source, first.address, topology):
        return
    behind = "the engine's line" if own else "DNS"
    origin = "--add-host asked for it" if asked else f"it comes before {behind}"
    which = "an earlier" if own else "a"
    effect = (
        f"it is {source.name}'s address today, but will not follow when {source.name} moves"
        if same
        else f"connections to {link.alias} do not go to {source.name}"
    )
    yield Hit(
        message=f"In {link.target.name}, {which} hosts line gives {link.alias} the address "
        f"{first.address} ({origin}): {effect}.",
        evidence=(
            Proof(
                what=f"first hosts line with {link.alias}",
                observed=f"{first.address} {' '.join(first.names)}",
                expected=f"{own[0].address} {' '.join(own[0].names)}"
                if own
                else f"none, or {addresses[0]} {link.alias}",
                where=topology.read_from(link.target.hosts_file),
            ),
        ),
        fixes=tuple(_fixes(link, first, topology, same=same)),
        severity=Severity.WARNING if same else None,
    )


def _addresses_there(
    link: Link, source: Container, addresses: Iterable[str], topology: Topology
) -> frozenset[str]:
    """Return the addresses at which the target reaches the source, by whatever shared network."""
    if link.kind is LinkKind.LEGACY:
        return frozenset(addresses)
    networks = set(networks_of(link.host, link.target, topology))
    return frozenset(
        address
        for each in topology.details(source).endpoints
        if each.network in networks
        for address in (each.address, each.address6)
        if address
    )


def _has_for_good(source: Container, address: str, topology: Topology) -> bool:
    return any(address == each.fixed_address for each in topology.details(source).endpoints)


def _leads_through_the_host(
    link: Link, source: Container, line: HostsLine, topology: Topology
) -> bool:
    """Whether a line leads to the host, where a port of the source is published: meant so."""
    published = topology.details(source).published
    if not any(each.host_address in ("", "0.0.0.0", "::", line.address) for each in published):
        return False
    if topology.holder_of(link.host, line.address) is not None:
        return False
    found = (
        topology.network(link.host, each) for each in networks_of(link.host, link.target, topology)
    )
    gateways = {address for each in found if each is not None for address in each.reserved}
    return line.address in gateways or topology.is_host_address(link.host, line.address)


_WHICH = "only a person knows which of the two is meant"


def _fixes(link: Link, first: HostsLine, topology: Topology, *, same: bool) -> Iterator[Fix]:
    target, name = link.target, link.target.name
    if first in topology.details(target).extra_hosts:
        unpinned = recreate(
            topology,
            link.host,
            target,
            drop_extra_hosts=first.names,
            why=f"without --add-host {first.names[0]}:{first.address}",
        )
        yield unpinned if same else for_a_person(unpinned, _WHICH)
        if not same:
            links = present_links(topology.details(target))
            others = tuple(each for each in links if each.alias != link.alias)
            why = f"without the link, if {first.address} is intended"
            without = recreate(topology, link.host, target, links=others, why=why)
            yield for_a_person(without, _WHICH)
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


def _pinned(address: str, name: str = "helloapp") -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", add_host={name: address})
    )


def _on_network(add_host: dict[str, str], *, fixed: bool = False) -> World:
    return (
        World()
        .network("back")
        .run("app", network="back", publish={5000: 5000}, listen=[5000], fixed=fixed)
        .run("web", network="back", link="app:helloapp", add_host=add_host)
    )


RULE = Rule(
    code="LD304",
    name="alias-shadowed",
    severity=Severity.ERROR,
    since="0.1",
    summary="another line of the hosts file defines the alias",
    needs=frozenset(
        {Need.DETAILS, Need.LINK_ANSWER, Need.HOSTS_FILE, Need.NETWORKS, Need.HOST_ADDRESSES}
    ),
    check=EachLink(check, up=True),
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
        Case(
            title="--add-host gives the alias another address, in other letters",
            given=lambda: (_pinned("10.9.9.9", "HelloApp").snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="--add-host gives the alias another address, and the engine's line is gone",
            given=lambda: (
                _pinned("10.9.9.9", "HelloApp").hosts("web", "helloapp", address=None).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="on a user-defined network, --add-host gives the alias another address",
            given=lambda: (_on_network({"HELLOAPP": "10.9.9.9"}).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="on a user-defined network, a line that somebody wrote has the alias",
            given=lambda: (
                _on_network({})
                .write_hosts("web", HostsLine(address="10.9.9.9", names=("cache", "helloapp")))
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="on a user-defined network, --add-host gives the alias the source's address",
            given=lambda: (_on_network({"helloapp": "172.18.0.2"}).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.WARNING),),
        ),
        Case(
            title="on a user-defined network, an extra host of another name",
            given=lambda: (_on_network({"mail": "10.9.9.9"}).snapshot(),),
        ),
        Case(
            title="the address that --ip gave the source",
            given=lambda: (_on_network({"helloapp": "172.18.0.2"}, fixed=True).snapshot(),),
        ),
        Case(
            title="an extra host leads to the host, where the source's port is published",
            given=lambda: (_on_network({"helloapp": "10.77.0.1"}).snapshot(),),
        ),
        Case(
            title="an IPv6 line, and a source with IPv4 alone",
            given=lambda: (_pinned("fd00::9").snapshot(),),
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
