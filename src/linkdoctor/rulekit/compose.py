"""What Compose owns: the command that recreates it, and what to correct in the Compose file."""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.actions import Action, ConnectNetwork, Recreate, SetRestartPolicy
from linkdoctor.model.evidence import Known
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import DEFAULT_BRIDGE, Topology
from linkdoctor.rulekit.commands import shell
from linkdoctor.rulekit.start_needs import present_links

__all__ = ["compose_keys", "compose_service", "through_compose", "to_correct"]

_MODES = (DEFAULT_BRIDGE, "host", "none")


def compose_service(container: Container) -> tuple[str, str] | None:
    """Return the Compose project and service that own a container, or None."""
    labels = {label.name: label.value for label in container.labels}
    project = labels.get("com.docker.compose.project")
    service = labels.get("com.docker.compose.service")
    return (project, service) if project and service else None


def through_compose(project: str, service: str) -> str:
    """Return the command by which Compose recreates a service's containers."""
    return shell(
        *("docker", "compose", "--project-name", project, "up", "--detach"),
        *("--no-deps", "--force-recreate", service),
    )


def to_correct(topology: Topology, host: str, container: Container, action: Action) -> str:
    """Say what to correct in the Compose file before an action; '' where nothing is."""
    *others, last = compose_keys(topology, host, container, action) or ("",)
    keys = f"{', '.join(others)} and {last}" if others else last
    return f"correct the {keys} in the Compose file" if keys else ""


def compose_keys(
    topology: Topology, host: str, container: Container, action: Action
) -> tuple[str, ...]:
    """Return the keys of a service in a Compose file that say what an action changes.

    Args:
        topology: what was seen.
        host: of the container.
        container: what the action is on.
        action: only what a new container would have differently counts.
    """
    return tuple(dict.fromkeys(_keys(topology, host, container, action)))


def _keys(topology: Topology, host: str, container: Container, action: Action) -> Iterator[str]:
    match action:
        case Recreate():
            yield from _recreation(topology, host, container, action)
        case SetRestartPolicy():
            yield "restart"
        case ConnectNetwork(network=network, aliases=aliases):
            yield from _network(container, network, aliases)
        case _:
            return


def _recreation(
    topology: Topology, host: str, container: Container, action: Recreate
) -> Iterator[str]:
    if action.links is not None:
        yield from _links(topology, host, container, action)
    if action.publish or (action.published is not None and not action.pinned):
        yield "ports"
    if action.expose:
        yield "expose"
    if action.extra_hosts or action.drop_extra_hosts:
        yield "extra_hosts"
    if action.network is not None or action.aliases:
        yield from _network(container, action.network or _network_of(container), action.aliases)
    if action.environment:
        yield "environment"
    if action.dns_search is not None:
        yield "dns_search"


def _links(topology: Topology, host: str, container: Container, action: Recreate) -> Iterator[str]:
    """Yield `links` for sources in the same project, `external_links` for others."""
    details = container.details
    present = set(present_links(details.value)) if isinstance(details, Known) else set()
    own = compose_service(container)
    for each in sorted(present ^ set(action.links or ())):
        source = topology.resolve_reference(host, each.source)
        owner = compose_service(source) if source is not None else None
        # Who is gone may have been of the project: Compose names only what it makes `links`.
        is_external = source is not None and (owner is None or own is None or owner[0] != own[0])
        yield "external_links" if is_external else "links"


def _network(container: Container, network: str, aliases: tuple[str, ...]) -> Iterator[str]:
    if network in _MODES:
        yield "network_mode"
    elif not aliases:
        yield "networks"
    else:
        owner = compose_service(container)
        key = network.removeprefix(f"{owner[0]}_") if owner is not None else network
        yield f"networks.{key}.aliases"


def _network_of(container: Container) -> str:
    """Return the network on which a container's further aliases are."""
    details = container.details
    if not isinstance(details, Known):
        return ""
    names = [each.network for each in details.value.endpoints if each.network not in _MODES]
    mode = details.value.network_mode
    return mode if mode in names or not names else names[0]
