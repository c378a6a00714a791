"""The fixes of a finding as they are printed: what an engine would refuse is left out, and where a
container is to be replaced linkdoctor's own command comes first, by hand second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from linkdoctor.model import commands
from linkdoctor.model.actions import Action, ConnectNetwork, Recreate
from linkdoctor.model.evidence import Known
from linkdoctor.model.fixes import KEPT
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Details
from linkdoctor.model.topology import Topology

__all__ = ["DEFAULT_ENDPOINT", "can_be_connected", "own_command", "printed"]

DEFAULT_ENDPOINT = "unix:///var/run/docker.sock"
"""The engine that is asked where none is named."""
_NO_NETWORK_OF_ITS_OWN = ("host", "none")


def printed(
    topology: Topology, host: str, target: str, fixes: tuple[Fix, ...]
) -> tuple[Fix, ...]:
    """Return the fixes of a finding as a person is to read them, the safe road first.

    Args:
        topology: what was seen.
        host: of the finding.
        target: of the finding; '' if it is about the host.
        fixes: as the rule advises them.
    """
    sound = [each for fix in fixes for each in _sound(topology, host, fix)]
    chosen = next((number for number, fix in enumerate(sound) if fix.actions), None)
    return tuple(
        each
        for number, fix in enumerate(sound)
        for each in _roads(topology, host, target, fix, chosen=number == chosen)
    )


def _roads(
    topology: Topology, host: str, target: str, fix: Fix, *, chosen: bool
) -> Iterator[Fix]:
    """Yield linkdoctor's own way of a recreation, if it is what `fix` would do, and that by hand."""
    replaced = [
        each.container
        for part in (*fix.elsewhere, fix)
        for each in part.actions
        if isinstance(each, Recreate)
    ]
    if not replaced:
        yield fix
        return
    own = own_command(topology, host, target, fix) if chosen else ""
    if own:
        yield msgspec.structs.replace(fix, commands=(own,))
    elif not fix.commands:
        yield fix
    if fix.commands:
        kept = ", ".join(f"{each}{KEPT}" for each in dict.fromkeys(replaced))
        yield msgspec.structs.replace(
            fix,
            title=f"by hand: {fix.title}; what was written outside volumes stays in {kept}, which "
            "is kept, stopped, until you remove it",
            actions=() if own else fix.actions,
            host="" if own else fix.host,
            elsewhere=() if own else fix.elsewhere,
        )


def own_command(topology: Topology, host: str, target: str, fix: Fix) -> str:
    """Return the command by which linkdoctor recreates what a fix says; '' if there is none."""
    hosts = {host, fix.host or host, *(each.host for each in fix.elsewhere)} - {""}
    endpoints = {each.host: each.endpoint for each in topology.snapshots()}
    if not target or target.startswith("-") or not hosts <= endpoints.keys():
        return ""
    asked = [endpoints[each] for each in sorted(hosts, key=lambda each: (each != host, each))]
    named = [] if asked == [DEFAULT_ENDPOINT] else [word for each in asked for word in ("-H", each)]
    return commands.shell(
        "linkdoctor", "fix", target, "--apply", "--allow", Safety.RECREATE.value, *named
    )


def _sound(topology: Topology, host: str, fix: Fix) -> Iterator[Fix]:
    """Yield a fix, unless it connects what cannot be connected: an engine refuses that."""
    if all(
        can_be_connected(topology, part.host or host, each)
        for part in (*fix.elsewhere, fix)
        for each in _connects(part.actions)
    ):
        yield fix


def _connects(actions: Iterable[Action]) -> Iterator[ConnectNetwork]:
    recreated: set[str] = set()
    for each in actions:
        if isinstance(each, Recreate) and each.network is not None:
            recreated.add(each.container)  # it is on a network of its own by then
        elif isinstance(each, ConnectNetwork) and each.container not in recreated:
            yield each


def can_be_connected(topology: Topology, host: str, action: ConnectNetwork) -> bool:
    """Whether an engine lets a container join a network; what is not known is let through."""
    if action.network in _NO_NETWORK_OF_ITS_OWN:
        return False
    container = topology.named(host, action.container)
    details = container.details if container is not None else None
    if not isinstance(details, Known):
        return True
    return has_networks(details.value) and not any(
        each.network == action.network for each in details.value.endpoints
    )


def has_networks(details: Details) -> bool:
    """Whether a container is, or can be, on networks: not in host, none or container mode."""
    mode = details.network_mode
    return mode not in _NO_NETWORK_OF_ITS_OWN and not mode.startswith("container:")
