"""The subnet of a network is claimed twice on one host.

## What it means

Two bridge networks of the engine have addresses in common, or another interface of the host (the
LAN, a VPN, a virtual machine's bridge) has a route to the subnet of a network, or to a part of it.

## Why it matters

Packets for an address go to one of the two interfaces only. Containers cannot be reached from the
host and by published ports, or the other network cannot be reached from the host and its
containers. Often it works until the VPN comes up. Containers on one bridge still reach each other,
so links work.

## How it is proved

The subnets of the bridge networks are compared with each other and with the routes of the host's
main table, which are read from the kernel. It reports routes to the whole subnet, or to a part of
it, over an interface that is not the network's own bridge: the more specific route wins there. Two
networks with common addresses are rare, because the engine refuses the second one, unless a
third-party address driver assigns them. Therefore the lab creates the stray route on a real host,
and two networks with one subnet are only a case of the model.

## What it is not

A wider route, such as a VPN's `10.0.0.0/8` or the default route, yields to the network's own, more
specific one; companies do give parts of their own range to containers. Overlay networks are
separate from the host's routes. Macvlan and ipvlan networks share the subnet of the uplink on
purpose.

## How to fix it

Give the network another subnet: create it again with `--subnet`. Let the engine choose from
ranges that nothing else uses: `default-address-pools` in its settings (`bip` for the default
bridge).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from linkdoctor.rulekit import (
    Case,
    EachHost,
    Expected,
    Fix,
    Hit,
    Need,
    Network,
    Proof,
    Route,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.reach import Subnet, subnets_in
from linkdoctor.rulekit.world import World


def check(host: str, topology: Topology) -> Iterator[Hit]:
    """Report subnets of bridge networks that another network or interface claims too."""
    if topology.product(host) != "Docker":
        return  # what it calls its bridges and chains is another matter
    networks = [each for each in topology.networks(host) if each.bridge and each.subnets]
    for one, other in combinations(networks, 2):
        common = [
            (mine, its)
            for mine in subnets_in(one.subnets)
            for its in subnets_in(other.subnets)
            if _overlap(mine, its)
        ]
        for mine, its in common[:1]:
            yield _hit(
                f"Networks {one.name} and {other.name} have addresses in common.",
                Proof(
                    what="subnets of the networks",
                    observed=f"{one.name}: {mine}; {other.name}: {its}",
                    expected="subnets that do not overlap",
                    where="GET /networks",
                ),
                (one, other),
                key=f"{one.name} {other.name}",
            )
    if not networks:
        return
    bridges = {each.bridge for each in networks}
    routes = [each for each in topology.routes(host) if each.interface not in bridges]
    for network in networks:
        for route in _thieves(network, routes):
            yield _hit(
                f"The route of {host} to {route.destination} over {route.interface} claims "
                f"addresses of network {network.name}.",
                Proof(
                    what=f"routes to the subnet of {network.name}",
                    observed=_shown(route),
                    expected=f"{', '.join(network.subnets)} over {network.bridge} only",
                    where=topology.routes_read_from(host),
                ),
                (network,),
                key=f"{network.name} {route.interface}",
            )


def _overlap(one: Subnet, other: Subnet) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_part(one: Subnet, of: Subnet) -> bool:
    return _overlap(one, of) and one.prefixlen >= of.prefixlen


def _thieves(network: Network, routes: Sequence[Route]) -> Iterator[Route]:
    """Yield one route for each interface that takes addresses of a network."""
    seen: set[str] = set()
    for route in routes:
        if route.interface in seen or not route.interface:
            continue
        destinations = tuple(subnets_in([route.destination]))
        if any(_is_part(each, of) for each in destinations for of in subnets_in(network.subnets)):
            seen.add(route.interface)
            yield route


def _shown(route: Route) -> str:
    way = f"{route.destination} over {route.interface}"
    return f"{way} by {route.gateway}" if route.gateway else way


def _hit(message: str, proof: Proof, networks: Sequence[Network], *, key: str) -> Hit:
    names = " or ".join(each.name for each in networks)
    return Hit(
        message=message,
        evidence=(proof,),
        fixes=(
            Fix(
                title=f"create {names} again with a --subnet that nothing else uses, or set "
                "default-address-pools (bip for the default bridge) in the engine's settings",
                safety=Safety.MANUAL,
            ),
        ),
        key=key,
    )


def _with(*routes: Route) -> World:
    return (
        World(routes=routes)
        .network("back", subnets=["10.50.0.0/16"])
        .run("app", network="back", listen=[5000])
    )


RULE = Rule(
    code="LD406",
    name="subnet-overlap",
    severity=Severity.WARNING,
    since="0.1",
    summary="the subnet of a network is claimed by another network or interface of the host",
    needs=frozenset({Need.NETWORKS, Need.ROUTES}),
    check=EachHost(check),
    cases=(
        Case(
            title="another interface has the same subnet",
            given=lambda: (_with(Route(destination="10.50.0.0/16", interface="eth1")).snapshot(),),
            expect=(Expected(target=""),),
        ),
        Case(
            title="a more specific route takes a part of the subnet",
            given=lambda: (_with(Route(destination="10.50.7.0/24", interface="tun0")).snapshot(),),
            expect=(Expected(target=""),),
        ),
        Case(
            title="two networks have addresses in common",
            given=lambda: (
                World()
                .network("back", subnets=["10.50.0.0/16"])
                .network("front", subnets=["fd00::/64", "10.50.128.0/17"])
                .snapshot(),
            ),
            expect=(Expected(target=""),),
        ),
        Case(
            title="a route to more than the subnet yields to the network's own",
            given=lambda: (_with(Route(destination="10.0.0.0/8", interface="tun0")).snapshot(),),
        ),
        Case(
            title="the network's own bridge has further routes into its subnet",
            given=lambda: (
                _with(Route(destination="10.50.7.0/24", interface="br-back")).snapshot(),
            ),
        ),
        Case(
            title="a macvlan network shares the uplink's subnet, an overlay is apart",
            given=lambda: (
                World(routes=[Route(destination="10.77.0.0/24", interface="eth0")])
                .network("lan", driver="macvlan", subnets=["10.77.0.0/24"])
                .network("mesh", driver="overlay", subnets=["10.77.0.0/24"])
                .snapshot(),
            ),
        ),
        Case(
            title="Podman, whose bridges are not known by name",
            given=lambda: (
                World(
                    product="Podman",
                    routes=[Route(destination="10.50.0.0/16", interface="podman1")],
                )
                .network("back", subnets=["10.50.0.0/16"])
                .snapshot(),
            ),
        ),
        Case(
            title="addresses of both families do not meet",
            given=lambda: (_with(Route(destination="fd00::/64", interface="eth1")).snapshot(),),
        ),
    ),
)
