"""The firewall has no rule that lets a target through to its source.

## What it means

The network keeps its containers apart (`icc=false`: `--icc=false` of the engine, or the network
option `enable_icc`). On the default bridge the engine opens the firewall for each exposed port of a
link's source when the target starts. For this link there is no such rule: someone flushed the
chain, or the engine was restarted with live-restore (20.10 loses the rules then). On a user-defined
network the engine never adds a rule: links there define a name but do not open the firewall.

## Why it matters

The alias resolves to the right address, and every connection times out.

## How it is proved

The firewall has the rule that drops traffic within the bridge, and no rule of the engine's own
chain lets the target's address through to an exposed port of the source. No other rule on the way
accepts it either.

## What it is not

A source that exposes no port is LD501. Chains that are missing altogether are LD604. An
administrator's rule that accepts the traffic, or whose conditions are not understood, counts as a
replacement. If both containers are also on another network, and the alias is a name of the source
there, it may mean that address. If the engine keeps its rules in nftables, only its own table
counts: what another table accepts does not undo a drop there.

## How to fix it

Restart the target: its start adds the rules. On a user-defined network, move the target with the
source to another network that does not keep its containers apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    FirewallRule,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Network,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
    commands,
)
from linkdoctor.rulekit.firewall import is_blocked
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link whose source's exposed ports the firewall keeps from the target."""
    network = topology.network(link.host, link.network)
    if network is None or network.icc or not network.bridge:
        return
    source = topology.source_of(link)
    if source is None or not topology.is_running(link.target) or not topology.is_running(source):
        return
    here, there = (topology.endpoint(each, link.network) for each in (link.target, source))
    if here is None or there is None or not here.address or not there.address:
        return
    if _means_another(link, source, topology):
        return
    firewall = topology.firewall(link.host)
    if not firewall.managed:
        return
    blocked = [
        port
        for port in topology.details(source).exposed
        if is_blocked(
            firewall, network.bridge, target=here.address, source=there.address, port=port
        )
    ]
    if not blocked:
        return
    listed = ", ".join(map(str, blocked))
    yield Hit(
        message=f"The firewall does not let {link.target.name} through to {listed} of "
        f"{source.name}: {link.alias} resolves, and connections time out.",
        evidence=(
            Proof(
                what="firewall rules of the link",
                observed=f"none accepts {here.address} to {there.address}, {listed}; traffic "
                f"within {network.bridge} is dropped",
                expected="a pair of ACCEPT rules for each exposed port",
                where=topology.firewall_read_from(link.host),
            ),
        ),
        fixes=_fixes(link, source, network, topology),
    )


def _means_another(link: Link, source: Container, topology: Topology) -> bool:
    """Whether the alias is a name of the source on another network that both are on.

    The hosts line of a legacy link has the address on the bridge, whatever else there is.
    """
    if link.kind is LinkKind.LEGACY:
        return False
    alias = link.alias.lower()
    for there in topology.details(source).endpoints:
        here = topology.endpoint(link.target, there.network)
        if here is None or there.network == link.network:
            continue
        names = (source.name, *there.aliases, *(each.alias for each in here.links))
        if alias in (name.lower() for name in names):
            return True
    return False


def _fixes(link: Link, source: Container, network: Network, topology: Topology) -> tuple[Fix, ...]:
    if link.kind is LinkKind.LEGACY:
        return (restart_target(topology, link.host, link.target),)
    new = f"{network.name}-{link.target.name}-{source.name}"
    return (
        Fix(
            title=f"move {link.target.name} to a network with {source.name} that does not keep "
            f"them apart: links on {network.name} do not open the firewall",
            safety=Safety.MANUAL,
            commands=(
                commands.shell("docker", "network", "create", new),
                commands.connect_network(new, source.name, alias=link.alias),
                commands.connect_network(new, link.target.name),
                # As long as it is on both, the alias may mean the address that is blocked.
                commands.shell("docker", "network", "disconnect", network.name, link.target.name),
            ),
        ),
    )


def _linked(*, filters_bridges: bool = True) -> World:
    return (
        World(icc=False, filters_bridges=filters_bridges)
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp")
    )


RULE = Rule(
    code="LD603",
    name="icc-missing-rule",
    severity=Severity.ERROR,
    since="0.1",
    summary="the firewall has no rule that lets a target through to its source",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.NETWORKS, Need.FIREWALL}),
    check=EachLink(check),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="the rules of links were lost",
            given=lambda: (_linked().forget_pairs().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a link on a user-defined network that keeps its containers apart",
            given=lambda: (
                World()
                .network("back", icc=False)
                .run("app", network="back", expose=[5000], listen=[5000])
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source has the alias on another network that both are on",
            given=lambda: (
                World()
                .network("back", icc=False)
                .network("front")
                .run("app", network="back", expose=[5000], listen=[5000])
                .run("web", network="back", link="app:helloapp")
                .join("app", "front", aliases=["helloapp"])
                .join("web", "front")
                .snapshot(),
            ),
        ),
        Case(
            title="both are on another network, where nothing has the alias",
            given=lambda: (
                World()
                .network("back", icc=False)
                .network("front")
                .run("app", network="back", expose=[5000], listen=[5000])
                .run("web", network="back", link="app:helloapp")
                .join("app", "front")
                .join("web", "front")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(title="the rules are there", given=lambda: (_linked().snapshot(),)),
        Case(
            title="the administrator lets all containers talk",
            given=lambda: (
                _linked()
                .forget_pairs()
                .filter(
                    FirewallRule(
                        chain="DOCKER-USER",
                        verdict="ACCEPT",
                        source="172.17.0.0/16",
                        destination="172.17.0.0/16",
                    )
                )
                .snapshot(),
            ),
        ),
        Case(
            title="a rule of the administrator's may let it through",
            given=lambda: (
                _linked()
                .forget_pairs()
                .filter(FirewallRule(chain="FORWARD", verdict="ACCEPT", conditional=True))
                .snapshot(),
            ),
        ),
        Case(
            title="all of the engine's rules are gone, which is another rule's",
            given=lambda: (_linked().flush_firewall(keep_chains=True).snapshot(),),
        ),
        Case(
            title="traffic within a bridge does not pass the firewall",
            given=lambda: (_linked(filters_bridges=False).forget_pairs().snapshot(),),
        ),
        Case(
            title="the source is down",
            given=lambda: (_linked().forget_pairs().stop("app").snapshot(),),
        ),
        Case(
            title="the source exposes nothing",
            given=lambda: (
                World(icc=False).run("app", listen=[5000]).run("web", link="app:a").snapshot(),
            ),
        ),
        Case(
            title="all containers may talk",
            given=lambda: (World.tutorial().forget_pairs().snapshot(),),
        ),
    ),
)
