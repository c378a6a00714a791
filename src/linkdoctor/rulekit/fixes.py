"""Fixes that several rules advise, with the check that makes them safe to type.

A target is restarted only where every link of it leads to a running source: the restart of a
target with a ghost link, or with a source that is down, kills it (engine lab).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

import msgspec

from linkdoctor.model.actions import ConnectNetwork, Joined, Recreate, Restart, Start
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container, Publication
from linkdoctor.model.topology import DEFAULT_BRIDGE, Topology
from linkdoctor.model.variables import Variable, is_address
from linkdoctor.rulekit import commands
from linkdoctor.rulekit.completion import completed, completed_if_seen, recreation_title
from linkdoctor.rulekit.compose import compose_service, through_compose
from linkdoctor.rulekit.reach import subnets_in
from linkdoctor.rulekit.recreating import KEPT, commands_of, keeping
from linkdoctor.rulekit.shared_namespaces import has_lost_owner
from linkdoctor.rulekit.start_needs import (
    ghosts_of,
    is_wanted,
    links_to_make,
    obstacles,
    present_links,
)

__all__ = [
    "KEPT",
    "address_of_host",
    "commands_of",
    "completed",
    "compose_service",
    "cross_host",
    "doing",
    "for_a_person",
    "is_wanted",
    "keeping",
    "links_to_make",
    "made_there",
    "moving_ports",
    "obstacles",
    "on_host",
    "owner_is_gone",
    "present_links",
    "recreate",
    "recreate_on_bridge",
    "recreate_source",
    "restart_target",
    "start_source",
    "through_compose",
    "with_sharers",
]

_NO_NETWORK_OF_ITS_OWN = ("none", "host")


def doing(title: str, safety: Safety, *calls: commands.OneCall) -> Fix:
    """Advise actions that are one call to the engine each, in this order."""
    return Fix(
        title=title,
        safety=safety,
        commands=tuple(commands.one_call(each) for each in calls),
        actions=calls,
    )


def start_source(source: Container, topology: Topology | None = None, host: str = "") -> Fix:
    """Advise to start a source and, where they can be seen, to restart those left without it."""
    fix = doing(f"start {source.name}", Safety.SAFE, Start(container=source.name))
    if topology is None:
        return fix
    if topology.is_inspected(source) and has_lost_owner(topology, host, source):
        return owner_is_gone(source)
    return completed_if_seen(topology, host, fix)


def restart_target(topology: Topology, host: str, target: Container) -> Fix:
    """Advise to restart a target, or to recreate it where a restart would kill it.

    After it those are restarted that share its namespaces: they are left in the former ones.
    """
    ports = moving_ports(target)
    title = f"restart {target.name} ({ports[0]})" if ports else f"restart {target.name}"
    again = Restart(container=target.name)
    try:
        if has_lost_owner(topology, host, target):
            return owner_is_gone(target)
        fix = completed(topology, host, doing(title, Safety.RESTART, again))
        if (fix.actions and fix.actions[-1] == again) or fix.safety is Safety.MANUAL:
            return fix
        why = _WOULD_KILL if ghosts_of(topology, host, target) else _SOURCE_IS_REPLACED
        return recreate(topology, host, target, why=why)
    except MissingEvidence as missing:
        return _restart_in_the_dark(target, missing)


def owner_is_gone(target: Container) -> Fix:
    """Advise what is left for one that shares the namespaces of a container that is gone."""
    return Fix(
        title=f"run {target.name} again, in the namespaces of an existing container: the one "
        "whose namespaces it shares is gone, and a restart would leave it stopped",
        safety=Safety.MANUAL,
    )


_WOULD_KILL = "a restart would kill it: it has a ghost link"
_SOURCE_IS_REPLACED = "a source of it has to be recreated first, and its link would be a ghost"


def _restart_in_the_dark(target: Container, missing: MissingEvidence) -> Fix:
    return Fix(
        title=f"restart {target.name}, once you know that all its links lead to running "
        f"containers (not seen: {missing})",
        safety=Safety.MANUAL,
    )


def moving_ports(container: Container) -> tuple[str, ...]:
    """Say which public ports of a container are others after its next start; '' where none is."""
    details = container.details
    published = details.value.published if isinstance(details, Known) else ()
    moving = sorted({str(each.host_port) for each in published if each.ephemeral}, key=int)
    if not moving:
        return ()
    ports = "port" if len(moving) == 1 else "ports"
    return (f"its public {ports} {', '.join(moving)} will change",)


def with_sharers(topology: Topology, host: str, fix: Fix, *_owners: Container) -> Fix:
    """Add to a fix what those need who share the namespaces of containers that it starts anew.

    :func:`completed` does the same, and what comes first besides.
    """
    return completed_if_seen(topology, host, fix)


def recreate(
    topology: Topology,
    host: str,
    target: Container,
    *,
    links: Sequence[StoredLink] | None = None,
    publish: Sequence[Publication] = (),
    published: Sequence[Publication] | None = None,
    expose: Sequence[Port] = (),
    extra_hosts: Sequence[HostsLine] = (),
    drop_extra_hosts: Sequence[str] = (),
    network: str | None = None,
    aliases: Sequence[str] = (),
    environment: Sequence[Variable] = (),
    dns_search: Sequence[str] | None = None,
    joins: Sequence[Joined] = (),
    why: str = "",
) -> Fix:
    """Advise to recreate a container, the same but for what is given.

    After it the targets are recreated whose links would be ghosts, and those that share namespaces.

    `publish` comes on top of the bindings that it has, `published` takes their place; so do
    `extra_hosts` and `links`. The others are as :class:`Recreate` has them.

    By hand the old container is kept, stopped and renamed, so that nothing is lost; what may hold a
    secret is fetched from it and not printed. Where commands cannot say all of it there are none.
    One that belongs to a Compose project is for Compose to recreate: that fix has no actions, nor
    has that for one which nobody can replace without a loss.
    """
    action = Recreate(
        container=target.name,
        links=None if links is None else tuple(links),
        publish=tuple(publish),
        published=None if published is None else tuple(published),
        expose=tuple(expose),
        extra_hosts=tuple(extra_hosts),
        drop_extra_hosts=tuple(drop_extra_hosts),
        network=network,
        aliases=tuple(aliases),
        environment=tuple(environment),
        dns_search=None if dns_search is None else tuple(dns_search),
        joins=tuple(joins),
    )
    return _recreated(topology, host, target, action, why=why)


def _recreated(
    topology: Topology,
    host: str,
    target: Container,
    action: Recreate,
    *then: commands.OneCall,
    why: str,
    also: Container | None = None,
) -> Fix:
    setup = topology.details(target).setup
    title = recreation_title(topology, host, action, why)
    safety = Safety.RECREATE
    if compose_service(target) is not None:
        then = ()  # the Compose file says the rest
    elif isinstance(setup, Known) and setup.value.refused:
        reason = f" ({why})" if why else ""
        title = f"create {target.name} again the way it was created{reason}: {setup.value.refused}"
        safety = Safety.MANUAL
    fix = Fix(title=title, safety=safety, actions=(action, *then))
    return completed_if_seen(topology, host, fix, also=also)


def recreate_on_bridge(
    topology: Topology,
    host: str,
    target: Container,
    *,
    links: Sequence[StoredLink] | None = None,
) -> Fix:
    """Advise to recreate a container with its links, on the default bridge wherever it is now.

    Networks of its own that it is on are joined again.
    """
    endpoints = topology.details(target).endpoints
    links = present_links(topology.details(target)) if links is None else links
    why = "on the default bridge"
    if any(each.network == DEFAULT_BRIDGE for each in endpoints):
        return recreate(topology, host, target, links=links, why=why)
    own = (target.name, target.id[:12])
    others = tuple(
        ConnectNetwork(
            network=each.network,
            container=target.name,
            aliases=tuple(name for name in each.aliases if name not in own),
        )
        for each in endpoints
        if each.network not in _NO_NETWORK_OF_ITS_OWN
    )
    action = Recreate(container=target.name, links=tuple(links), network=DEFAULT_BRIDGE)
    return _recreated(topology, host, target, action, *others, why=why)


def recreate_source(
    topology: Topology,
    host: str,
    source: Container,
    *,
    links: Sequence[StoredLink] | None = None,
    publish: Sequence[Publication] = (),
    published: Sequence[Publication] | None = None,
    expose: Sequence[Port] = (),
    aliases: Sequence[str] = (),
    why: str,
) -> Fix:
    """Advise to recreate a source and, after it, the targets whose links would be ghosts.

    Those of its own targets are actions of the fix as well.
    """
    action = Recreate(
        container=source.name,
        links=None if links is None else tuple(links),
        publish=tuple(publish),
        published=None if published is None else tuple(published),
        expose=tuple(expose),
        aliases=tuple(aliases),
    )
    return _recreated(topology, host, source, action, why=why, also=source)


def on_host(host: str, fix: Fix) -> Fix:
    """Say that a fix is to be made on another host than the finding's."""
    return msgspec.structs.replace(
        fix,
        title=f"on {host}: {fix.title}",
        commands=(f"# on {commands.shell(host)}:", *fix.commands) if fix.commands else (),
        host=host if fix.actions else "",
    )


def made_there(fixes: Iterable[Fix], there: str, here: str) -> tuple[Fix, ...]:
    """Say of fixes with commands on which host they are typed, if it is not the finding's own."""
    return tuple(
        on_host(there, fix) if there != here and (fix.commands or fix.actions) else fix
        for fix in fixes
    )


def for_a_person(fix: Fix, why: str = "") -> Fix:
    """Take out what linkdoctor could carry out; `why` is a clause.

    The fix makes no sense by itself, or a person has to decide.
    """
    replaced = [each.container for each in fix.actions if isinstance(each, Recreate)]
    title = keeping(fix.title, replaced) if replaced and fix.commands else fix.title
    return msgspec.structs.replace(fix, title=title, actions=(), left_to_person=why)


def address_of_host(topology: Topology, host: str) -> str:
    """Return the address under which other hosts may reach this one; '' if it is not known.

    An address on one of the engine's own bridges is not reachable from elsewhere.
    """
    subnets = [
        subnet for network in topology.networks(host) for subnet in subnets_in(network.subnets)
    ]
    for snapshot in topology.snapshots():
        if snapshot.host == host and isinstance(snapshot.host_addresses, Known):
            for text in filter(is_address, snapshot.host_addresses.value):
                address = ipaddress.ip_address(text)
                if address.version == 4 and not any(address in subnet for subnet in subnets):
                    return text
    return ""


def cross_host(
    topology: Topology,
    *,
    host: str,
    target: Container,
    alias: str,
    other_host: str,
    source: Container,
    address: str,
    drop_extra_hosts: Sequence[str] = (),
) -> tuple[Fix, ...]:
    """Advise the three ways to reach a source on another host, with the names of both sides.

    `drop_extra_hosts` are names whose extra hosts the target loses. Without an address of the
    other host the first way is for a person only.
    """
    dial = address or other_host
    exposed = topology.details(source).exposed
    port = exposed[0].number if exposed else 80
    published = recreate(
        topology,
        other_host,
        source,
        publish=(Publication(port=Port(port), host_address="", host_port=port),),
    )
    pinned = recreate(
        topology,
        host,
        target,
        links=tuple(
            link for link in present_links(topology.details(target)) if link.alias != alias
        ),
        extra_hosts=(HostsLine(address=dial, names=(alias,)),),
        drop_extra_hosts=drop_extra_hosts,
    )
    known = bool(address and published.actions and pinned.actions)
    where = (f"# on {commands.shell(other_host)}:", f"# on {commands.shell(host)}:")
    return (
        Fix(
            title=f"publish port {port} of {source.name} on {other_host}, and let {alias} mean "
            f"{dial} in {target.name}",
            safety=Safety.RECREATE,
            commands=(where[0], *published.commands, where[1], *pinned.commands)
            if published.commands and pinned.commands
            else (),
            actions=pinned.actions if known else (),
            elsewhere=(msgspec.structs.replace(published, host=other_host),) if known else (),
        ),
        Fix(
            title=f"put {target.name} and {source.name} on one overlay network (needs swarm mode "
            "on both hosts), where names cross hosts",
            safety=Safety.MANUAL,
            commands=(
                commands.shell(
                    *("docker", "network", "create", "--driver", "overlay", "--attachable"),
                    "links",
                ),
                where[1],
                commands.connect_network("links", target.name),
                where[0],
                commands.connect_network("links", source.name, alias=alias),
            ),
        ),
        Fix(
            title=f"run an ambassador on {host}: a container {alias} that forwards port {port} to "
            f"{dial}:{port}, where {source.name} is published, and link {target.name} to it",
            safety=Safety.MANUAL,
        ),
    )
