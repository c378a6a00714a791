"""What links give a container that starts: variables, hosts lines, rules of the firewall.

Both models of an engine use it: :mod:`~linkdoctor.rulekit.world`, in which situations are written
down, and :mod:`~linkdoctor.rulekit.engine_starts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from linkdoctor.model.evidence import Known
from linkdoctor.model.links import (
    HostsLine,
    Port,
    firewall_rules,
    hosts_line,
    injected_variables,
)
from linkdoctor.model.network_mode import shared_reference
from linkdoctor.model.snapshot import Container, Details, Endpoint, FirewallRule
from linkdoctor.model.topology import DEFAULT_BRIDGE
from linkdoctor.model.variables import Variable

__all__ = ["given_links", "link_rules", "on_bridge"]

_GATEWAY = "host-gateway"


def on_bridge(details: Details) -> Endpoint | None:
    """Return a container's place on the default bridge, or None if it is not on it."""
    return next((each for each in details.endpoints if each.network == DEFAULT_BRIDGE), None)


def given_links(
    container: Container,
    sources: Mapping[str, Container],
    *,
    version: tuple[int, ...],
    keeps_variables: bool,
    gateway: str,
) -> Container:
    """Return a container with the variables and the hosts file that a start gives it.

    What could not be read before cannot be read now either.

    Args:
        container: that starts.
        sources: of its links on the default bridge, by alias.
        version: of the engine.
        keeps_variables: the engine (29) runs with its escape variable set.
        gateway: what ``host-gateway`` means; '' if that is not known.
    """
    details = _known(container)
    variables: list[Variable] = []
    lines = [
        msgspec.structs.replace(each, address=gateway)
        if gateway and each.address == _GATEWAY
        else each
        for each in details.extra_hosts
    ]
    for alias, source in sources.items():
        there = _known(source)
        place = on_bridge(there)
        address = place.address if place is not None else ""
        variables += injected_variables(
            version=version,
            target=container.name,
            alias=alias,
            address=address,
            exposed=there.exposed,
            source_environment=(each.name for each in there.environment),
            keeps_variables=keeps_variables,
        )
        lines.append(
            hosts_line(alias=alias, address=address, hostname=there.hostname, source=source.name)
        )
    lines += [
        HostsLine(address=each.address, names=(details.hostname,))
        for each in details.endpoints
        if each.address
    ]
    # What the image or the user set wins over what a link would set.
    own = {each.name: each for each in details.environment}
    environment = {each.name: each for each in variables} | own
    proc = f"/proc/{details.pid}"
    if isinstance(container.process_environment, Known):
        container = msgspec.structs.replace(
            container,
            process_environment=Known(tuple(sorted(environment.values())), f"{proc}/environ"),
        )
    if isinstance(container.other_processes, Known):
        container = msgspec.structs.replace(container, other_processes=Known((), f"{proc}/task"))
    shares = shared_reference(details.network_mode) is not None
    if isinstance(container.hosts_file, Known) and not shares:
        written = Known(tuple(lines), f"{proc}/root/etc/hosts")
        container = msgspec.structs.replace(container, hosts_file=written)
    return container


def link_rules(
    *, target_address: str, source_address: str, exposed: Iterable[Port]
) -> tuple[FirewallRule, ...]:
    """Return the rules that let a target through to a source's exposed ports."""
    return tuple(
        FirewallRule(
            chain="DOCKER",
            verdict="ACCEPT",
            source=each.source,
            destination=each.destination,
            in_interface="docker0",
            out_interface="docker0",
            protocol=each.protocol,
            source_port=each.source_port,
            destination_port=each.destination_port,
        )
        for each in firewall_rules(
            target_address=target_address, source_address=source_address, exposed=exposed
        )
    )


def _known(container: Container) -> Details:
    if not isinstance(container.details, Known):
        raise TypeError(f"{container.name} has no details")
    return container.details.value
