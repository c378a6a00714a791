"""A firewall rule of a link lets a target reach an address that is no longer the source's.

## What it means

If containers may communicate only over links (`--icc=false`), the engine adds a pair of rules to
its firewall when the target starts: from the target's address to the source's, and back. When the
source comes back with another address, the pair keeps the old one. It also stays when the source of
a link stops before its target does, even if both are removed.

## Why it matters

The link is blocked, although the hosts file is correct. And the target may now reach any container
that has the old address, which nobody allowed.

## How it is proved

The engine's own chain (`DOCKER`, or with nftables that of the bridge in the table `docker-bridges`)
has a pair of ACCEPT rules for two single addresses of the bridge, and no current link leads from
one address to the other. The current holders of the addresses are looked up. If containers have
both, it is an error. If one of them is unused, the rule lets through the container that gets it
next: a warning.

## What it is not

The administrator's own rules are in `DOCKER-USER` or `FORWARD`, not in that chain. Rules for
published ports let traffic in from outside the bridge. Two links between the same two containers
share a pair. An unused address is not reported while a stopped container could get it back (the
source or the target of a link with that port), or while the target has a link whose source was
removed, which LD102 and LD103 report. The engine clears such rules when it starts.

## How to fix it

Restart the target, which adds the right pair; then delete exactly the two rules of the wrong
pair, as root on the engine's host. The restart alone leaves them in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    DEFAULT_BRIDGE,
    Case,
    Container,
    EachHost,
    Expected,
    FirewallRule,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
    commands,
)
from linkdoctor.rulekit.firewall import NFT_CHAIN, NFT_TABLE, Way, ways_on
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.world import World

_NOBODY = "no container"


def check(host: str, topology: Topology) -> Iterator[Hit]:
    """Report pairs of rules that belong to no link of today."""
    network = topology.network(host, DEFAULT_BRIDGE)
    if network is None or network.icc or not network.bridge:
        return
    firewall = topology.firewall(host)
    if not firewall.managed or not firewall.filters_bridges:
        return
    found = ways_on(firewall, network.bridge)
    if not found:
        return
    links = [each for each in topology.links(host) if each.kind is LinkKind.LEGACY]
    linked = {ends for link in links for ends in _ends(link, topology)}
    for way in found:
        if (way.target, way.source) not in linked:
            yield from _hits(host, topology, way, links, found)


def _ends(link: Link, topology: Topology) -> Iterator[tuple[str, str]]:
    """Yield the addresses between which a link leads; a ghost that works by luck counts."""
    source = topology.source_or_namesake(link)
    own = topology.endpoint(link.target, link.network)
    if source is not None and own is not None:
        for address in topology.link_addresses(link, source):
            yield own.address, address


def _hits(
    host: str, topology: Topology, wrong: Way, links: Sequence[Link], ways: Sequence[Way]
) -> Iterator[Hit]:
    target, holder = (topology.holder_of(host, each) for each in (wrong.target, wrong.source))
    blocked = _blocked_link(wrong, target, links, ways, topology)
    leaks = target is not None and holder is not None
    if not blocked and not leaks and any(_may_return(each, wrong, topology) for each in links):
        return
    who = target.name if target else f"any container that gets {wrong.target}"
    whom = (
        f"{holder.name} ({wrong.source})" if holder else f"any container that gets {wrong.source}"
    )
    listed = ", ".join(map(str, wrong.ports))
    yield Hit(
        message=f"The firewall lets {who} through to {listed} of {whom}, "
        + (
            f"but not to {blocked.source_name}, which has moved: {blocked.alias} is blocked."
            if blocked
            else "to which no link leads."
        ),
        evidence=(
            Proof(
                what=f"rules of links in the chain {_chain_of(wrong)}",
                observed=f"{wrong.target} may reach {listed} of {wrong.source}",
                expected="rules for linked containers only",
                where=topology.firewall_read_from(host),
            ),
            Proof(
                what="who has these addresses now",
                observed=f"{wrong.target}: {target.name if target else _NOBODY}; "
                f"{wrong.source}: {holder.name if holder else _NOBODY}",
                where="inspect",
            ),
        ),
        fixes=(
            *((restart_target(topology, host, blocked.target),) if blocked else ()),
            Fix(
                title=f"{'then ' if blocked else ''}delete exactly these rules, as root on the "
                f"engine's host{_engine_remembers(wrong)}",
                safety=Safety.MANUAL,
                commands=tuple(map(_deletion, wrong.rules)),
            ),
        ),
        target=target.name if target else "",
        source=blocked.source_name if blocked else holder.name if holder else "",
        alias=blocked.alias if blocked else "",
        severity=None if blocked or leaks else Severity.WARNING,
        key=f"{wrong.target} {wrong.source}",
    )


def _chain_of(way: Way) -> str:
    rule = way.rules[0]
    return rule.chain if rule.handle is None else f"{NFT_CHAIN}{rule.out_interface}"


def _engine_remembers(way: Way) -> str:
    """Return a warning where the engine refuses to set a rule that it has not forgotten."""
    if way.rules[0].handle is None:
        return ""
    return (
        "; the engine still remembers them, and until it is restarted it refuses to start "
        "containers that get these addresses again (LD104)"
    )


def _blocked_link(
    wrong: Way,
    target: Container | None,
    links: Sequence[Link],
    ways: Sequence[Way],
    topology: Topology,
) -> Link | None:
    """Return the link that the rules were made for, as far as one is left without its own."""
    for link in links:
        if target is None or link.target.id != target.id:
            continue
        source = topology.source_of(link)
        if source is None or not set(wrong.ports) & set(topology.details(source).exposed):
            continue
        ends = tuple(_ends(link, topology))
        own = {port for each in ways if (each.target, each.source) in ends for port in each.ports}
        if ends and not set(wrong.ports) & set(topology.details(source).exposed) <= own:
            return link
    return None


def _may_return(link: Link, wrong: Way, topology: Topology) -> bool:
    """Whether rules may be for a link whose source or target is stopped, gone or recreated.

    It may come back to its address; and other rules say already what became of the link.
    """
    source = topology.source_of(link)
    if source is None:
        own = topology.endpoint(link.target, link.network)
        return own is not None and own.address in (wrong.target, "")
    stopped = not topology.is_running(link.target) or not topology.is_running(source)
    return stopped and bool(set(wrong.ports) & set(topology.details(source).exposed))


def _deletion(rule: FirewallRule) -> str:
    if rule.handle is not None:
        chain = f"{NFT_CHAIN}{rule.out_interface}"
        return commands.shell(
            *("nft", "delete", "rule", "ip", NFT_TABLE, chain, "handle", str(rule.handle))
        )
    port = (
        ("--dport", str(rule.destination_port))
        if rule.destination_port is not None
        else ("--sport", str(rule.source_port))
    )
    return commands.shell(
        *("iptables", "-D", rule.chain, "-s", rule.source, "-d", rule.destination),
        *("-i", rule.in_interface, "-o", rule.out_interface),
        *("-p", rule.protocol, "-m", rule.protocol, *port, "-j", rule.verdict),
    )


def _moved() -> World:
    return (
        World(icc=False)
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp")
        .move("app")
    )


def _accept(
    chain: str,
    source: str,
    destination: str,
    *,
    coming_from: str = "docker0",
    conditional: bool = False,
) -> FirewallRule:
    return FirewallRule(
        chain=chain,
        verdict="ACCEPT",
        source=source,
        destination=destination,
        in_interface=coming_from,
        out_interface="docker0",
        protocol="tcp",
        destination_port=5000,
        conditional=conditional,
    )


RULE = Rule(
    code="LD602",
    name="icc-stale-rule",
    severity=Severity.ERROR,
    since="0.1",
    summary="a firewall rule of a link leads to an address that is no longer the source's",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.NETWORKS, Need.FIREWALL}),
    check=EachHost(check),
    explains=frozenset({"LD603", "LD510"}),
    cases=(
        Case(
            title="the source came back at another address",
            given=lambda: (_moved().snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="the target was restarted since; another container has the old address",
            given=lambda: (
                _moved().run("other").take("other", "172.17.0.2").restart("web").snapshot(),
            ),
            expect=(Expected(target="web", severity=Severity.ERROR),),
        ),
        Case(
            title="the rules outlived both containers, and nobody has their addresses",
            given=lambda: (
                World(icc=False)
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp")
                .remove("app")
                .remove("web")
                .snapshot(),
            ),
            expect=(Expected(target="", severity=Severity.WARNING),),
        ),
        Case(
            title="two links of one target lead to one source",
            given=lambda: (
                World(icc=False)
                .run("app", expose=[5000], listen=[5000])
                .run("web", link=["app:helloapp", "app:second"])
                .snapshot(),
            ),
        ),
        Case(
            title="a source that is down may come back to its address",
            given=lambda: (
                World(icc=False)
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp")
                .stop("app")
                .snapshot(),
            ),
        ),
        Case(
            title="a recreated source is another rule's",
            given=lambda: (
                World(icc=False)
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp")
                .recreate("app")
                .snapshot(),
            ),
        ),
        Case(
            title="the administrator's own rules, and one for a published port",
            given=lambda: (
                World(icc=False)
                .run("app", expose=[5000], listen=[5000])
                .run("other")
                .filter(
                    _accept("DOCKER-USER", "172.17.0.3", "172.17.0.2"),
                    _accept("FORWARD", "172.17.0.3", "172.17.0.2"),
                    _accept("DOCKER", "", "172.17.0.2", coming_from="!docker0"),
                    _accept("DOCKER", "172.17.0.0/16", "172.17.0.2"),
                    _accept("DOCKER", "172.17.0.3", "172.17.0.2", conditional=True),
                )
                .snapshot(),
            ),
        ),
        Case(
            title="all containers may talk",
            given=lambda: (World.tutorial().move("app").snapshot(),),
        ),
        Case(
            title="traffic within a bridge does not pass the firewall",
            given=lambda: (
                World(icc=False, filters_bridges=False)
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp")
                .move("app")
                .snapshot(),
            ),
        ),
    ),
)
