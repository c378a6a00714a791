"""The firewall has lost the chains of the engine, or the jumps to them.

## What it means

The engine keeps its rules in chains of its own (`DOCKER` and others), to which the chain `FORWARD`
jumps. Something removed the chains or the jumps: `iptables -F`, a restart of another firewall, a
script that restores saved rules.

## Why it matters

The engine does not notice, and restores its rules only when it starts. Until then the other
firewall's policy decides: published ports, the way out of containers and, with `--icc=false`, links
are blocked, or networks that should be kept apart are not.

## How it is proved

The rules of the engine's own network namespace are listed: there is no chain `DOCKER`, or no
jump leads to it from `FORWARD`, while containers run on bridge networks of the engine. With
nftables it is the table `docker-bridges` that is missing, or has lost the way to its chains.

## What it is not

An engine that is configured not to manage the firewall (`--iptables=false`, on its command line or
in its settings file) has no chains. If its settings cannot be read (with socket activation its
process is not known) and there are no chains at all, nothing is reported. Chains that exist and are
reached, but lack a rule of a link, are LD603. An nftables table whose form is not understood is not
judged.

## How to fix it

Restart the engine; it creates its chains again. Containers with a restart policy come back; others
stay stopped, unless live-restore is on. Configure whatever flushed the firewall to leave the
engine's chains alone, or restart the engine after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachHost,
    Expected,
    Firewall,
    Fix,
    Hit,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.firewall import NFT_CHAIN, NFT_TABLE, chains_in_place
from linkdoctor.rulekit.world import World


def check(host: str, topology: Topology) -> Iterator[Hit]:
    """Report a host on which traffic does not come by the engine's chains."""
    if topology.product(host) != "Docker":
        return  # what it calls its bridges and chains is another matter
    bridges = [each.name for each in topology.networks(host) if each.bridge]
    affected = sorted(
        {each.name for bridge in bridges for each in topology.running_on(host, bridge)}
    )
    if not affected:
        return
    firewall = topology.firewall(host)
    if not firewall.managed or chains_in_place(firewall):
        return
    nft = firewall.backend == "nftables"
    some = f"{', '.join(affected[:3])}{' and others' if len(affected) > 3 else ''}"
    yield Hit(
        message=f"The firewall of {host} has lost {_lost(firewall)} of the engine, on "
        f"which the network of {some} depends.",
        evidence=(
            Proof(
                what=f"jump from {_ENTRANCES[nft]} to {_CHAINS[nft]}",
                observed=f"chains of the engine: {', '.join(firewall.chains) or 'none'}; "
                "no jump leads there"
                if not nft
                else "no rule leads there"
                if firewall.chains
                else "there are no such chains",
                expected="a jump there for all forwarded traffic",
                where=topology.firewall_read_from(host),
            ),
        ),
        fixes=(
            Fix(
                title="restart the engine on its host (systemctl restart docker): it creates its "
                "rules again; unless live-restore is on, containers without a restart policy have "
                "to be started again",
                safety=Safety.MANUAL,
            ),
        ),
    )


_ENTRANCES = {False: "FORWARD", True: "filter-FORWARD"}
_CHAINS = {False: "the chain DOCKER", True: f"the chains {NFT_CHAIN}… of the table {NFT_TABLE}"}


def _lost(firewall: Firewall) -> str:
    return "the jumps to the chains" if "DOCKER" in firewall.chains else "the chains"


RULE = Rule(
    code="LD604",
    name="firewall-flushed",
    severity=Severity.ERROR,
    since="0.1",
    summary="the firewall has lost the engine's chains or the jumps to them",
    needs=frozenset({Need.DETAILS, Need.NETWORKS, Need.FIREWALL}),
    check=EachHost(check),
    cases=(
        Case(
            title="the chains are gone",
            given=lambda: (World.tutorial().flush_firewall().snapshot(),),
            expect=(Expected(target=""),),
        ),
        Case(
            title="the chains are there, and empty",
            given=lambda: (World.tutorial().flush_firewall(keep_chains=True).snapshot(),),
            expect=(Expected(target=""),),
        ),
        Case(
            title="the chains are in place",
            given=lambda: (World.tutorial().snapshot(),),
        ),
        Case(
            title="the engine is configured not to manage the firewall",
            given=lambda: (
                World(manages_firewall=False)
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="Podman has chains of its own",
            given=lambda: (
                World(product="Podman").run("app", listen=[5000]).flush_firewall().snapshot(),
            ),
        ),
        Case(
            title="no container runs on a bridge network",
            given=lambda: (
                World().run("app", mode="host").run("old").stop("old").flush_firewall().snapshot(),
            ),
        ),
        Case(
            title="a pair of rules is missing, which is another matter",
            given=lambda: (
                World(icc=False)
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp")
                .forget_pairs()
                .snapshot(),
            ),
        ),
    ),
)
