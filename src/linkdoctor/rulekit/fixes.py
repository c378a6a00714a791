"""Fixes that several rules advise, with the check that makes them safe to type.

A target is restarted only where every link of it leads to a running source: the restart of a
target with a ghost link, or with a source that is down, kills it (engine lab).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Joined,
    Recreate,
    Restart,
    Start,
)
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.links import HostsLine, Port, StoredLink, parse_refusal
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container, Details, Publication, Status
from linkdoctor.model.topology import DEFAULT_BRIDGE, LinkKind, Topology
from linkdoctor.model.variables import Variable, is_address
from linkdoctor.rulekit import commands
from linkdoctor.rulekit.pasting import can_be_pasted, commands_to_make
from linkdoctor.rulekit.reach import subnets_in
from linkdoctor.rulekit.run_words import changed
from linkdoctor.rulekit.shared_namespaces import has_lost_owner, owners_of
from linkdoctor.rulekit.sharer_fixes import followed_by_sharers, sharers_if_seen

__all__ = [
    "KEPT",
    "address_of_host",
    "commands_of",
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
    "present_links",
    "recreate",
    "recreate_on_bridge",
    "recreate_source",
    "restart_target",
    "start_source",
    "through_compose",
    "with_sharers",
]

KEPT = "-before"
"""Behind the name of the container that a person keeps until its successor works."""

_NO_NETWORK_OF_ITS_OWN = ("none", "host")


def doing(title: str, safety: Safety, *calls: commands.OneCall) -> Fix:
    """Advise actions that are one call to the engine each, in this order."""
    return Fix(
        title=title,
        safety=safety,
        commands=tuple(commands.one_call(each) for each in calls),
        actions=calls,
    )


def commands_of(topology: Topology, host: str, action: Action) -> tuple[str, ...]:
    """Return the commands that a person would type for an action; none if its container is gone.

    Raises:
        MissingEvidence: a container that is to be recreated was not inspected.
    """
    if not isinstance(action, Recreate):
        return (commands.one_call(action),)
    container = topology.container_named(host, action.container)
    return () if container is None else _typed(topology, host, container, action)


def start_source(source: Container, topology: Topology | None = None, host: str = "") -> Fix:
    """Advise to start a source and, where they can be seen, to restart those left without it."""
    fix = doing(f"start {source.name}", Safety.SAFE, Start(container=source.name))
    return fix if topology is None else with_sharers(topology, host, fix, source)


def restart_target(topology: Topology, host: str, target: Container) -> Fix:
    """Advise to restart a target, or to recreate it where a restart would kill it.

    After it those are restarted that share its namespaces: they are left in the former ones.
    """
    try:
        down, ghosts = obstacles(topology, host, target)
        lost = has_lost_owner(topology, host, target)
    except MissingEvidence as missing:
        return _restart_in_the_dark(target, missing)
    if lost:
        return _owner_is_gone(target)
    if ghosts:
        return recreate(topology, host, target, why=_WOULD_KILL)
    started = (topology.container_named(host, each) for each in down)
    return with_sharers(
        topology,
        host,
        _restarted(target, down, _moving_ports(target)),
        *(each for each in started if each is not None),
        target,
    )


def _owner_is_gone(target: Container) -> Fix:
    return Fix(
        title=f"run {target.name} again, in the namespaces of an existing container: the one "
        "whose namespaces it shares is gone, and a restart would leave it stopped",
        safety=Safety.MANUAL,
    )


_WOULD_KILL = "a restart would kill it: it has a ghost link"


def _restart_in_the_dark(target: Container, missing: MissingEvidence) -> Fix:
    return Fix(
        title=f"restart {target.name}, once you know that all its links lead to running "
        f"containers (not seen: {missing})",
        safety=Safety.MANUAL,
    )


def _restarted(target: Container, down: Sequence[str], ports: str = "") -> Fix:
    first = [Start(container=each) for each in down]
    title = f"start {', '.join(down)}, then " if down else ""
    again = Restart(container=target.name)
    return doing(f"{title}restart {target.name}{ports}", Safety.RESTART, *first, again)


def _moving_ports(target: Container) -> str:
    ports = moving_ports(target)
    return f" ({ports[0]})" if ports else ""


def moving_ports(container: Container) -> tuple[str, ...]:
    """Say which public ports of a container are others after its next start; '' where none is."""
    details = container.details
    published = details.value.published if isinstance(details, Known) else ()
    moving = sorted({str(each.host_port) for each in published if each.ephemeral}, key=int)
    if not moving:
        return ()
    ports = "port" if len(moving) == 1 else "ports"
    return (f"its public {ports} {', '.join(moving)} will change",)


def with_sharers(
    topology: Topology,
    host: str,
    fix: Fix,
    *owners: Container,
    replaced: Sequence[str] = (),
) -> Fix:
    """Add to a fix what those need who share the namespaces of containers that it starts anew."""
    return followed_by_sharers(
        topology,
        host,
        fix,
        owners,
        replaced=replaced,
        restarted=lambda each: _restarted_or_recreated(topology, host, each, owners),
        recreated=lambda each, action: _recreated(topology, host, each, action),
    )


def _restarted_or_recreated(
    topology: Topology, host: str, sharer: Container, started: Sequence[Container]
) -> Fix:
    try:
        down, ghosts = obstacles(topology, host, sharer)
        if has_lost_owner(topology, host, sharer):
            return _owner_is_gone(sharer)
    except MissingEvidence as missing:
        return _restart_in_the_dark(sharer, missing)
    if ghosts:
        again = Recreate(container=sharer.name)
        return _recreated(topology, host, sharer, again, why=_WOULD_KILL)
    running = {each.name for each in started}
    return _restarted(sharer, [each for each in down if each not in running])


def obstacles(
    topology: Topology, host: str, target: Container
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what keeps a container from starting: sources that are down, and ghost links."""
    down: set[str] = set()
    ghosts: set[str] = set()
    for link in topology.links_of(host, target):
        if link.kind is not LinkKind.LEGACY:
            continue
        source = topology.source_of(link)
        if source is None:
            ghosts.add(link.alias)
        elif not topology.is_running(source):
            down.add(source.name)
    owners = owners_of(topology, host, target)
    down |= {each.name for each in owners if not topology.is_running(each)}
    return tuple(sorted(down)), tuple(sorted(ghosts))


def compose_service(container: Container) -> tuple[str, str] | None:
    """Return the Compose project and service that own a container, or None."""
    labels = {label.name: label.value for label in container.labels}
    project = labels.get("com.docker.compose.project")
    service = labels.get("com.docker.compose.service")
    return (project, service) if project and service else None


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
    targets_too: bool = True,
) -> Fix:
    """Advise to recreate a container, the same but for what is given.

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
    fix = _recreated(topology, host, target, action, why=why)
    fix = with_sharers(topology, host, fix, target, replaced=(target.name,))
    return _with_targets(topology, host, fix, target) if fix.commands and targets_too else fix


def _with_targets(topology: Topology, host: str, fix: Fix, source: Container) -> Fix:
    """Add to a recreation that of the targets whose links it would make ghosts, and theirs.

    They are no actions of the fix: a plan finds them by itself.
    """
    targets = _ghosts_to_be(topology, host, source)
    if not targets:
        return fix
    after = (recreate(topology, host, each, targets_too=False) for each in targets)
    return msgspec.structs.replace(
        fix,
        title=_followed_by_targets(fix.title, targets),
        safety=Safety.MANUAL if fix.safety is Safety.MANUAL else Safety.RECREATE,
        commands=_in_sequence(fix, *after),
    )


def _followed_by_targets(title: str, targets: Iterable[Container]) -> str:
    named = ", ".join(each.name for each in targets)
    return f"{title}; then do the same with {named}, whose link would otherwise be a ghost"


def _ghosts_to_be(topology: Topology, host: str, source: Container) -> tuple[Container, ...]:
    """Return the targets whose links are ghosts once a container is replaced, and theirs in turn.

    Sources come first. Those are targets with a legacy link that run, or were refused because of a
    link; one that was stopped on purpose is left alone. Sharers are replaced with their owner.
    """
    found: list[Container] = []
    entered = {source.id, *_sharers_ids(topology, host, source)}

    def visit(container: Container) -> None:
        # Turned round at the end: of several targets the first by name comes first.
        links = topology.links_to(host, container)
        for link in sorted(links, key=lambda each: each.target.name, reverse=True):
            target = link.target
            wanted = link.kind is LinkKind.LEGACY and target.id not in entered
            if wanted and is_wanted(topology, target):
                entered.update((target.id, *_sharers_ids(topology, host, target)))
                visit(target)
                found.append(target)

    visit(source)
    return tuple(reversed(found))


def _sharers_ids(topology: Topology, host: str, owner: Container) -> Iterator[str]:
    return (each.container.id for each in sharers_if_seen(topology, host, owner))


def _recreated(
    topology: Topology, host: str, target: Container, action: Recreate, why: str = ""
) -> Fix:
    """Advise to recreate one container, whoever shares its namespaces."""
    reason = f" ({why})" if why else ""
    owner = compose_service(target)
    if owner is not None:
        ports = action.publish or action.expose or action.published is not None
        changed = action.environment
        parts = {"links": action.links is not None, "ports": ports, "environment": changed}
        corrected = [part for part, given in parts.items() if given]
        first = (
            f"correct the {' and '.join(corrected)} in the Compose file, then " if corrected else ""
        )
        return Fix(
            title=f"{first}recreate {target.name} through its Compose project{reason}",
            safety=Safety.RECREATE,
            commands=(through_compose(*owner),),
        )
    setup = topology.details(target).setup
    if isinstance(setup, Known) and setup.value.refused:
        return Fix(
            title=f"create {target.name} again the way it was created{reason}: "
            f"{setup.value.refused}",
            safety=Safety.MANUAL,
        )
    return Fix(
        title=f"recreate {target.name}{reason}",
        safety=Safety.RECREATE,
        commands=_typed(topology, host, target, action),
        actions=(action,),
    )


def keeping(title: str, replaced: Iterable[str]) -> str:
    """Return the title of a fix whose commands replace containers: it says what they keep."""
    names = list(dict.fromkeys(f"{each}{KEPT}" for each in replaced))
    are, them = ("is", "it") if len(names) == 1 else ("are", "them")
    return (
        f"{title}; what was written outside volumes stays in {' and '.join(names)}, which {are} "
        f"kept, stopped, until you remove {them}"
    )


def through_compose(project: str, service: str) -> str:
    """Return the command by which Compose recreates a service's containers."""
    return commands.shell(
        *("docker", "compose", "--project-name", project, "up", "--detach"),
        *("--no-deps", "--force-recreate", service),
    )


def _typed(topology: Topology, host: str, target: Container, action: Recreate) -> tuple[str, ...]:
    """Return the commands for a recreation: the old container is kept, with its policy off.

    There are none where commands cannot say all of it, or where that is not known; nor where the
    engine would refuse the new container when the old one is down already.
    """
    details = topology.details(target)
    setup = details.setup
    if not isinstance(setup, Known) or not can_be_pasted(setup.value):
        return ()
    sources = {each.source for each in links_to_make(topology, host, target, action)}
    first = list(_starts(topology, host, sorted(sources), {target.name}))
    if None in first:
        return ()
    old = f"{target.name}{KEPT}"
    # The kept container must not come back at the next boot beside the new one.
    tame = ("--restart", "no", old)
    return (
        *(commands.start(name) for name in first if name is not None),
        commands.shell("docker", "rename", target.name, old),
        *([commands.shell("docker", "update", *tame)] if details.restart_policy != "no" else []),
        commands.shell("docker", "stop", old),
        *commands_to_make(
            changed(setup.value, action), target.name, old, start=not action.stays_down
        ),
    )


def _starts(
    topology: Topology, host: str, names: Iterable[str], begun: set[str]
) -> Iterator[str | None]:
    """Yield the containers that have to be started first; None for one that cannot be."""
    for name in names:
        container = topology.container_named(host, name)
        if container is None:
            yield None
        elif name not in begun and not topology.is_running(container):
            begun.add(name)
            down, ghosts = obstacles(topology, host, container)
            yield from (None,) if ghosts else _starts(topology, host, down, begun)
            yield name


def links_to_make(
    topology: Topology, host: str, container: Container, action: Recreate
) -> tuple[StoredLink, ...]:
    """Return the links on the default bridge that a new container will have.

    The engine creates it only if their sources are there, and starts it only if they run.
    """
    details = topology.details(container)
    mode = details.network_mode if action.network is None else action.network
    if mode not in ("default", DEFAULT_BRIDGE, ""):
        return ()
    if action.links is not None:
        return action.links
    legacy = (each for each in topology.links_of(host, container) if each.kind is LinkKind.LEGACY)
    return tuple(
        StoredLink(source.name if (source := topology.source_of(each)) else each.source_name, "")
        for each in legacy
    )


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
    if any(each.network == DEFAULT_BRIDGE for each in endpoints):
        return recreate(topology, host, target, links=links, why="on the default bridge")
    fix = recreate(
        topology, host, target, links=links, network=DEFAULT_BRIDGE, why="on the default bridge"
    )
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
    return _followed_by(fix, *others) if fix.actions else fix


def _followed_by(fix: Fix, *calls: commands.OneCall) -> Fix:
    return msgspec.structs.replace(
        fix,
        commands=(*fix.commands, *(commands.one_call(each) for each in calls))
        if fix.commands
        else (),
        actions=(*fix.actions, *calls),
    )


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
    first = recreate(
        topology,
        host,
        source,
        links=links,
        publish=publish,
        published=published,
        expose=expose,
        aliases=aliases,
        why=why,
        targets_too=False,
    )
    targets = _ghosts_to_be(topology, host, source)
    if not targets:
        return first
    after = {each.id: recreate(topology, host, each, targets_too=False) for each in targets}
    direct = {link.target.id for link in topology.links_to(host, source)}
    # The targets of targets are found by a plan itself.
    carried_out = (first, *(fix for key, fix in after.items() if key in direct))
    return Fix(
        title=_followed_by_targets(first.title, targets),
        safety=Safety.RECREATE,
        commands=_in_sequence(first, *after.values()),
        # Where one of them is its owner's to recreate, all of it is for a person.
        actions=tuple(action for fix in carried_out for action in fix.actions)
        if all(fix.actions for fix in (first, *after.values()))
        else (),
    )


def _in_sequence(*fixes: Fix) -> tuple[str, ...]:
    """Return the commands of several fixes; none where one of them has none."""
    if not all(each.commands for each in fixes):
        return ()
    return tuple(command for each in fixes for command in each.commands)


def is_wanted(topology: Topology, target: Container) -> bool:
    """Whether a container runs, or would if a link had not kept it from starting."""
    details = topology.details(target)
    up = details.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)
    return up or parse_refusal(details.error) is not None


def present_links(details: Details) -> tuple[StoredLink, ...]:
    """Return the links that a container has now, by the names of today."""
    per_network = (link for each in details.endpoints for link in each.links)
    return details.stored_links or tuple(per_network)


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


def for_a_person(fix: Fix) -> Fix:
    """Take out what linkdoctor could carry out: the fix makes no sense by itself."""
    replaced = [each.container for each in fix.actions if isinstance(each, Recreate)]
    title = keeping(fix.title, replaced) if replaced and fix.commands else fix.title
    return msgspec.structs.replace(fix, title=title, actions=())


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
            if _in_sequence(published, pinned)
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
