"""The MTU of a bridge is larger than that of the host's uplink.

## What it means

Containers assume that packets of, say, 1500 bytes get through, but the interface of the host's
default route takes only 1400. This is common in clouds, on VPNs and on tunnelled hosts.

## Why it matters

Small requests work and large answers hang if a firewall on the way drops the messages that would
tell the sender. It looks like a slow or broken service outside.

## How it is proved

The kernel's list of interfaces gives the MTU of the network's bridge and that of the interface
of the default route. It is reported for networks on which containers run.

## What it is not

Traffic between containers on the same bridge, as over links, is not affected. A network that is
internal never uses the uplink. A host without a default route has no uplink.

## How to fix it

Create the network again with the option `com.docker.network.driver.mtu` set to the uplink's MTU;
for the default bridge set `mtu` in the engine's settings and restart the engine.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    DEFAULT_BRIDGE,
    Case,
    EachHost,
    Expected,
    Fix,
    Hit,
    Interface,
    Need,
    Network,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
    commands,
)
from linkdoctor.rulekit.world import World

_DEFAULT_ROUTES = ("0.0.0.0/0", "::/0")


def check(host: str, topology: Topology) -> Iterator[Hit]:
    """Report bridges with running containers whose MTU is above the uplink's."""
    if topology.product(host) != "Docker":
        return  # what it calls its bridges and chains is another matter
    networks = [
        each
        for each in topology.networks(host)
        if each.bridge and not each.internal and topology.running_on(host, each.name)
    ]
    if not networks:
        return
    uplink = _uplink(host, topology)
    if uplink is None:
        return
    interfaces = {each.name: each for each in topology.interfaces(host)}
    for network in networks:
        bridge = interfaces.get(network.bridge)
        if bridge is None or bridge.name == uplink.name or bridge.mtu <= uplink.mtu:
            continue
        yield Hit(
            message=f"Network {network.name} has an MTU of {bridge.mtu}, but {uplink.name}, the "
            f"uplink of {host}, takes only {uplink.mtu}: large packets to or from outside may be "
            "lost.",
            evidence=(
                Proof(
                    what=f"MTU of {network.bridge}",
                    observed=str(bridge.mtu),
                    expected=f"at most {uplink.mtu}, that of {uplink.name}",
                    where=topology.interfaces_read_from(host),
                ),
            ),
            fixes=(_fix(network, uplink),),
            key=network.name,
        )


def _uplink(host: str, topology: Topology) -> Interface | None:
    """Return the interface of the default route: IPv4's, else IPv6's."""
    routes = topology.routes(host)
    interfaces = {each.name: each for each in topology.interfaces(host)}
    for default in _DEFAULT_ROUTES:
        found = [each for each in routes if each.destination == default]
        if found:
            best = min(found, key=lambda each: each.metric)
            return interfaces.get(best.interface)
    return None


def _fix(network: Network, uplink: Interface) -> Fix:
    if network.name == DEFAULT_BRIDGE:
        return Fix(
            title=f'set "mtu": {uplink.mtu} in the engine\'s settings and restart the engine and '
            "the containers",
            safety=Safety.MANUAL,
        )
    option = f"com.docker.network.driver.mtu={uplink.mtu}"
    create = commands.shell("docker", "network", "create", "--opt", option, network.name)
    return Fix(
        title=f"disconnect the containers of {network.name}, remove it, create it again with its "
        f"other options ({create}), and connect them",
        safety=Safety.MANUAL,
    )


RULE = Rule(
    code="LD407",
    name="mtu",
    severity=Severity.WARNING,
    since="0.1",
    summary="the MTU of a bridge is larger than that of the host's uplink",
    needs=frozenset({Need.DETAILS, Need.NETWORKS, Need.ROUTES, Need.INTERFACES}),
    check=EachHost(check),
    cases=(
        Case(
            title="the uplink takes less",
            given=lambda: (World(mtu=1400).run("app", listen=[5000]).snapshot(),),
            expect=(Expected(target="", severity=Severity.WARNING),),
        ),
        Case(
            title="the uplink takes less; one network knows that",
            given=lambda: (
                World(mtu=1400)
                .network("back", mtu=1400)
                .network("front")
                .run("app", network="back")
                .run("web", network="front")
                .snapshot(),
            ),
            expect=(Expected(target=""),),
        ),
        Case(
            title="the uplink takes as much",
            given=lambda: (World().run("app", listen=[5000]).snapshot(),),
        ),
        Case(
            title="the uplink takes more",
            given=lambda: (World(mtu=9000).run("app", listen=[5000]).snapshot(),),
        ),
        Case(
            title="Podman",
            given=lambda: (World(product="Podman", mtu=1400).run("app").snapshot(),),
        ),
        Case(
            title="no container runs on the network",
            given=lambda: (World(mtu=1400).network("back").run("old").stop("old").snapshot(),),
        ),
        Case(
            title="the network is internal, or an overlay",
            given=lambda: (
                World(mtu=1400)
                .network("back", internal=True)
                .network("mesh", driver="overlay")
                .run("app", network="back")
                .run("web", network="mesh")
                .snapshot(),
            ),
        ),
    ),
)
