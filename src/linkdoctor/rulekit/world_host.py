"""The host of a :class:`~linkdoctor.rulekit.world.World`: its firewall, routes and interfaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from linkdoctor.model.snapshot import Firewall, FirewallRule, Interface, Network, Route

__all__ = ["CHAINS", "all_routes", "firewall_of", "interfaces_of"]

CHAINS = ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-USER")
"""The chains that the engine keeps."""


def firewall_of(
    networks: Iterable[Network],
    *,
    pairs: Iterable[FirewallRule],
    own_rules: Iterable[FirewallRule],
    flushed: tuple[str, ...] | None,
    managed: bool,
    filters_bridges: bool,
) -> Firewall:
    """Return the firewall as the engine keeps it.

    Args:
        networks: of the engine.
        pairs: the rules of links.
        own_rules: of the administrator.
        flushed: the chains that a flush left; None if there was none.
        managed: the engine manages the firewall.
        filters_bridges: traffic within a bridge passes the firewall.
    """
    if flushed is not None or not managed:
        return Firewall(
            backend="iptables-nft",
            chains=flushed or (),
            managed=managed,
            filters_bridges=filters_bridges,
        )
    bridges = [each for each in networks if each.bridge]
    jumps = [
        FirewallRule(chain="FORWARD", verdict="DOCKER", out_interface=each.bridge)
        for each in bridges
    ]
    drops = [
        FirewallRule(
            chain="FORWARD",
            verdict="ACCEPT" if each.icc else "DROP",
            in_interface=each.bridge,
            out_interface=each.bridge,
        )
        for each in bridges
    ]
    return Firewall(
        backend="iptables-nft",
        chains=CHAINS,
        rules=(*jumps, *drops, *pairs, *own_rules),
        managed=managed,
        filters_bridges=filters_bridges,
    )


def all_routes(networks: Iterable[Network], further: Sequence[Route]) -> tuple[Route, ...]:
    """Return the host's routes: by its uplink, to each bridge, and further ones."""
    bridges = (
        Route(destination=subnet, interface=each.bridge)
        for each in networks
        for subnet in each.subnets
        if each.bridge
    )
    uplink = Route(destination="0.0.0.0/0", interface="eth0", gateway="10.77.0.254")
    return (uplink, *bridges, *further)


def interfaces_of(networks: Iterable[Network], mtu: int) -> tuple[Interface, ...]:
    """Return the host's interfaces: its uplink, and one a bridge."""
    bridges = (
        Interface(name=each.bridge, mtu=each.mtu or 1500) for each in networks if each.bridge
    )
    return (Interface(name="eth0", mtu=mtu), *bridges)
