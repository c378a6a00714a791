"""The fixes of a finding as they are printed.

What an engine would refuse is left out. Where a container is to be replaced, linkdoctor's own
command comes first, and what a person can type instead second.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

import msgspec

from linkdoctor.model.actions import Action, ConnectNetwork, Recreate, Restart, Start
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.network_mode import Host, Isolated, Own, Shared, parse_network_mode
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Details
from linkdoctor.model.topology import DEFAULT_BRIDGE, Topology
from linkdoctor.rulekit import commands
from linkdoctor.rulekit.completion import completed_if_seen
from linkdoctor.rulekit.expansion import expansion_of
from linkdoctor.rulekit.recreating import KEPT, keeping

__all__ = ["DEFAULT_ENDPOINT", "can_be_connected", "own_command", "printed"]

DEFAULT_ENDPOINT = "unix:///var/run/docker.sock"
"""The engine that is asked where none is named."""
_NO_NETWORK_OF_ITS_OWN = ("host", "none")
_ANOTHER_WAY = Fix(
    title="give both networks of their own, or dial the address of the host and a published "
    "port: a container in host, none or container mode cannot join a network",
    safety=Safety.MANUAL,
)


def printed(topology: Topology, host: str, target: str, fixes: tuple[Fix, ...]) -> tuple[Fix, ...]:
    """Return the fixes of a finding as a person is to read them, the safe road first.

    Args:
        topology: what was seen.
        host: of the finding.
        target: of the finding; '' if it is about the host.
        fixes: as the rule advises them.
    """
    sound = [each for fix in fixes for each in _sound(topology, host, fix)]
    if fixes and not sound:
        return (_ANOTHER_WAY,)
    chosen = next((number for number, fix in enumerate(sound) if fix.actions), None)
    return tuple(
        each
        for number, fix in enumerate(sound)
        for each in _roads(topology, host, target, fix, chosen=number == chosen)
    )


def _roads(topology: Topology, host: str, target: str, fix: Fix, *, chosen: bool) -> Iterator[Fix]:
    """Yield linkdoctor's own way of a recreation, where it would choose this fix, and by hand."""
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
        yield msgspec.structs.replace(
            fix,
            title=f"by hand: {keeping(fix.title, tuple(_kept(fix.commands)) or replaced)}",
            actions=() if own else fix.actions,
            host="" if own else fix.host,
            elsewhere=() if own else fix.elsewhere,
        )


def _kept(typed: Iterable[str]) -> Iterator[str]:
    """Yield the containers that commands keep under another name, each once."""
    for line in typed:
        # Most lines are long, and to take one apart is dear.
        words = shlex.split(line) if line.startswith("docker rename ") else ()
        if words and words[-1] == f"{words[-2]}{KEPT}":
            yield words[-2]


def own_command(topology: Topology, host: str, target: str, fix: Fix, *, called: str = "") -> str:
    """Return the command by which linkdoctor recreates what a fix says; '' if there is none.

    `called` is what the target is called by then, if that is another name.
    """
    hosts = {host, fix.host or host, *(each.host for each in fix.elsewhere)} - {""}
    endpoints = {each.host: each.endpoint for each in topology.snapshots()}
    if target.startswith("-") or not hosts <= endpoints.keys():
        return ""
    if not any(topology.container_named(each, target) for each in hosts):
        return ""
    if any(_is_refused(topology, part.host or host, part) for part in (*fix.elsewhere, fix)):
        return ""
    asked = [endpoints[each] for each in sorted(hosts, key=lambda each: (each != host, each))]
    if len(set(asked)) < len(asked):
        return ""  # sockets of different machines: no one command reaches both
    named = [] if asked == [DEFAULT_ENDPOINT] else [word for each in asked for word in ("-H", each)]
    return commands.shell(
        "linkdoctor", "fix", called or target, "--apply", "--allow", Safety.RECREATE.value, *named
    )


def _is_refused(topology: Topology, host: str, fix: Fix) -> bool:
    """Whether linkdoctor would not carry it out."""
    try:
        return bool(expansion_of(topology, host, fix.actions).refusals)
    except MissingEvidence:
        return True


# --- what an engine refuses -----------------------------------------------------------------------


def _sound(topology: Topology, host: str, fix: Fix) -> Iterator[Fix]:
    """Yield a fix as an engine would carry it out; nothing if it connects what cannot be."""
    parts = [(part.host or host, part.actions) for part in (*fix.elsewhere, fix)]
    connects = [(there, each) for there, actions in parts for each in _connects(actions)]
    if fix.actions:
        possible = all(can_be_connected(topology, there, each) for there, each in connects)
    else:
        typed = _typed_connects(topology, fix.host or host, fix.commands)
        possible = all(_has_networks(topology, there, each) for there, each in typed)
    if not possible:
        return
    if any(isinstance(each, (Start, Restart)) for each in fix.actions) and not fix.elsewhere:
        yield _whole(topology, fix.host or host, fix)
    else:
        yield fix


def _connects(actions: Iterable[Action]) -> Iterator[ConnectNetwork]:
    recreated: set[str] = set()
    for each in actions:
        if isinstance(each, Recreate) and each.network is not None:
            recreated.add(each.container)  # it is on a network of its own by then
        elif isinstance(each, ConnectNetwork) and each.container not in recreated:
            yield each


def _typed_connects(
    topology: Topology, host: str, typed: Iterable[str]
) -> Iterator[tuple[str, ConnectNetwork]]:
    """Yield what commands connect, and on which host."""
    hosts = {f"# on {commands.shell(each.host)}:": each.host for each in topology.snapshots()}
    renamed: set[str] = set()
    for command in typed:
        host = hosts.get(command, host)
        words = _words(command)
        if words[:2] == ["docker", "rename"]:
            renamed.add(words[2])  # what has that name afterwards is another container
        elif words[:3] == ["docker", "network", "connect"] and words[-1] not in renamed:
            yield host, ConnectNetwork(network=words[-2], container=words[-1])


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def can_be_connected(topology: Topology, host: str, action: ConnectNetwork) -> bool:
    """Whether an engine lets a container join a network; what is not known is let through."""
    if not _has_networks(topology, host, action):
        return False
    if action.aliases and action.network == DEFAULT_BRIDGE:
        return False  # names are for networks of one's own
    details = _details(topology, host, action.container)
    return details is None or all(each.network != action.network for each in details.endpoints)


def _has_networks(topology: Topology, host: str, action: ConnectNetwork) -> bool:
    """Whether a container is, or can be, on networks: not in host, none or container mode."""
    if action.network in _NO_NETWORK_OF_ITS_OWN:
        return False
    details = _details(topology, host, action.container)
    if details is None:
        return True
    match parse_network_mode(details.network_mode):
        case Own():
            return True
        case Isolated():  # it may have been connected since
            return any(each.network not in _NO_NETWORK_OF_ITS_OWN for each in details.endpoints)
        case Host() | Shared():
            return False


def _details(topology: Topology, host: str, name: str) -> Details | None:
    known = any(each.host == host for each in topology.snapshots())
    container = topology.container_named(host, name) if known else None
    details = container.details if container is not None else None
    return details.value if isinstance(details, Known) else None


def _whole(topology: Topology, host: str, fix: Fix) -> Fix:
    """Return a fix that starts and restarts with what this needs, and what follows it."""
    whole = completed_if_seen(topology, host, fix)
    if whole is fix:
        return fix
    where = tuple(each for each in fix.commands[:1] if each.startswith("# on "))
    if where and whole.commands:
        whole = msgspec.structs.replace(whole, commands=(*where, *whole.commands))
    is_said = whole.commands == fix.commands and whole.safety is fix.safety
    return fix if is_said else whole
