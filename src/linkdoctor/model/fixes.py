"""Fixes that several rules advise, with the check that makes them safe to type.

A target is restarted only where every link of it leads to a running source: the restart of a
target with a ghost link, or with a source that is down, kills it (engine lab).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from linkdoctor.model import commands
from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container, Details, Publication
from linkdoctor.model.topology import DEFAULT_BRIDGE, LinkKind, Topology

__all__ = ["compose_service", "cross_host", "on_host", "recreate", "restart_target", "start_source"]

_ENVIRONMENT = "{{range .Config.Env}}{{println .}}{{end}}"


def start_source(source: Container) -> Fix:
    """Advise to start a source."""
    return Fix(
        title=f"start {source.name}", safety=Safety.SAFE, commands=(commands.start(source.name),)
    )


def restart_target(topology: Topology, host: str, target: Container) -> Fix:
    """Advise to restart a target, or to recreate it where a restart would kill it."""
    try:
        down, ghosts = _obstacles(topology, host, target)
    except MissingEvidence as missing:
        return Fix(
            title=f"restart {target.name}, once you know that all its links lead to running "
            f"containers (not seen: {missing})",
            safety=Safety.MANUAL,
        )
    if ghosts:
        return recreate(topology, host, target, why="a restart would kill it: it has a ghost link")
    if down:
        return Fix(
            title=f"start {', '.join(down)}, then restart {target.name}",
            safety=Safety.RESTART,
            commands=(commands.start(*down), commands.restart(target.name)),
        )
    return Fix(
        title=f"restart {target.name}",
        safety=Safety.RESTART,
        commands=(commands.restart(target.name),),
    )


def _obstacles(
    topology: Topology, host: str, target: Container
) -> tuple[tuple[str, ...], tuple[str, ...]]:
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
    return tuple(sorted(down)), tuple(sorted(ghosts))


def compose_service(container: Container) -> tuple[str, str] | None:
    """Give the Compose project and service that own a container, or None."""
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
    extra_hosts: Sequence[HostsLine] = (),
    why: str = "",
) -> Fix:
    """Advise to recreate a container, with its own links or with others, and further ports.

    The old container is kept, stopped and renamed, so that nothing is lost. Its environment and
    volumes are taken over from it; values need not be printed for that.
    """
    reason = f" ({why})" if why else ""
    owner = compose_service(target)
    if owner is not None:
        project, service = owner
        command = commands.shell(
            *("docker", "compose", "--project-name", project, "up", "--detach"),
            *("--no-deps", "--force-recreate", service),
        )
        corrected = [*(["links"] if links is not None else []), *(["ports"] if publish else [])]
        first = (
            f"correct the {' and '.join(corrected)} in the Compose file, then " if corrected else ""
        )
        return Fix(
            title=f"{first}recreate {target.name} through its Compose project{reason}",
            safety=Safety.RECREATE,
            commands=(command,),
        )
    old = f"{target.name}-before"
    details = topology.details(target)
    # The kept container must not come back at the next boot beside the new one.
    tame = ("--restart", "no", old)
    run = commands.shell(
        *("docker", "run", "--detach", "--name", target.name, "--env-file", "/dev/stdin"),
        *("--volumes-from", old),
        *_options(target, details, links, publish, extra_hosts),
        target.image,
    )
    return Fix(
        title=f"recreate {target.name}{reason}, with the command and any further options that it "
        f"had; remove {old} when the new one works",
        safety=Safety.RECREATE,
        commands=(
            commands.shell("docker", "rename", target.name, old),
            *(
                [commands.shell("docker", "update", *tame)]
                if details.restart_policy != "no"
                else []
            ),
            commands.shell("docker", "stop", old),
            f"{commands.inspect_format(_ENVIRONMENT, old)} | {run}",
        ),
    )


def _options(
    target: Container,
    details: Details,
    links: Sequence[StoredLink] | None,
    publish: Sequence[Publication],
    extra_hosts: Sequence[HostsLine],
) -> Iterator[str]:
    network = next((each for each in details.endpoints if each.network != DEFAULT_BRIDGE), None)
    if details.network_mode not in ("default", DEFAULT_BRIDGE):
        yield from ("--network", details.network_mode)
        for alias in network.aliases if network else ():
            if alias not in (target.name, details.hostname) and alias != target.id[:12]:
                yield from ("--network-alias", alias)
    for link in _links(details) if links is None else links:
        yield from ("--link", f"{link.source}:{link.alias}")
    if details.restart_policy != "no":
        yield from ("--restart", details.restart_policy)
    if details.hostname and details.hostname != target.id[:12]:
        yield from ("--hostname", details.hostname)
    bindings = {
        (
            each.host_address if each.host_address not in ("0.0.0.0", "::") else "",
            each.host_port,
            each.port,
        )
        for each in (*details.published, *publish)
    }
    for address, host_port, port in sorted(bindings):
        where = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
        yield from ("--publish", f"{where}{host_port}:{port}")
    published = {each.port for each in (*details.published, *publish)}
    for port in details.exposed:
        if port not in published:
            yield from ("--expose", str(port))
    for line in (*details.extra_hosts, *extra_hosts):
        yield from ("--add-host", f"{line.names[0]}:{line.address}")


def _links(details: Details) -> tuple[StoredLink, ...]:
    per_network = (link for each in details.endpoints for link in each.links)
    return details.stored_links or tuple(per_network)


def on_host(host: str, fix: Fix) -> Fix:
    """Say that a fix is to be made on another host than the finding's."""
    return msgspec.structs.replace(
        fix,
        title=f"on {host}: {fix.title}",
        commands=(f"# on {commands.shell(host)}:", *fix.commands),
    )


def cross_host(
    topology: Topology,
    *,
    host: str,
    target: Container,
    alias: str,
    other_host: str,
    source: Container,
    address: str,
) -> tuple[Fix, ...]:
    """Advise the three ways to reach a source on another host, with the names of both sides."""
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
        links=tuple(link for link in _links(topology.details(target)) if link.alias != alias),
        extra_hosts=(HostsLine(address=dial, names=(alias,)),),
    )
    where = (f"# on {commands.shell(other_host)}:", f"# on {commands.shell(host)}:")
    return (
        Fix(
            title=f"publish port {port} of {source.name} on {other_host}, and let {alias} mean "
            f"{dial} in {target.name}",
            safety=Safety.RECREATE,
            commands=(where[0], *published.commands, where[1], *pinned.commands),
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
