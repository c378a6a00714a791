"""Who relies on what a step did, and would break if it were taken back."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime

from linkdoctor.collect.control import Control, Missing
from linkdoctor.fix.journal import JournalStep
from linkdoctor.model.actions import (
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.network_mode import mode_sharing
from linkdoctor.model.snapshot import Container, Details, Status
from linkdoctor.model.topology import DEFAULT_BRIDGE, LinkKind, Topology
from linkdoctor.rulekit.expectations import expectations_of

__all__ = ["dependents", "namespace_sharers"]

_UP = (Status.RUNNING, Status.PAUSED, Status.RESTARTING)
_TIME = re.compile(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]{1,6})?")
_MODES = ("NetworkMode", "PidMode", "IpcMode")


def namespace_sharers(step: JournalStep, control: Control) -> tuple[str, ...]:
    """Return the names of the containers that live in a namespace of a step's container.

    Without it they run on in a dead one, and cannot be started again.
    """
    if not isinstance(step.action, Start | Unpause | Recreate):
        return ()
    owner = step.new_id or step.before.id
    found: list[str] = []
    for name, identity in sorted(control.names().items()):
        with contextlib.suppress(Missing):  # it vanished meanwhile
            raw = control.inspect_raw(identity)
            shares = any(raw["HostConfig"].get(mode) == mode_sharing(owner) for mode in _MODES)
            if shares and (raw["State"]["Running"] or isinstance(step.action, Recreate)):
                found.append(name)
    return tuple(found)


def dependents(step: JournalStep, topology: Topology, host: str) -> tuple[str, ...]:
    """Return the names of the containers that rely on what a step did.

    Those that were there before it got along without it, and do so again: only who was started
    since counts, but for links to a container that would be removed, which become ghosts.
    """
    result = _by_id(topology, host, step.new_id or step.before.id)
    if result is None:
        return ()
    return tuple(
        sorted(
            each.name
            for where, each in topology.containers(host)
            if where == host
            and each.id not in (result.id, step.before.id)
            and _relies(step, each, result, topology, host)
        )
    )


def _by_id(topology: Topology, host: str, identity: str) -> Container | None:
    return next((each for _, each in topology.containers(host) if each.id == identity), None)


def _relies(
    step: JournalStep, other: Container, result: Container, topology: Topology, host: str
) -> bool:
    details = _details(other)
    if details is None:
        return False
    if isinstance(step.action, Recreate) and _has_live_link(other, result, topology, host):
        return True
    if details.status not in _UP or not _is_later(details.started_at, step.ended_at):
        return False
    return _uses(step, other, result, topology, host)


def _has_live_link(other: Container, result: Container, topology: Topology, host: str) -> bool:
    """Whether a link of `other` leads to this very container, not to its name alone."""
    for link in topology.links_of(host, other):
        if link.kind is LinkKind.NETWORK:
            continue
        try:
            source = topology.source_of(link)
        except MissingEvidence:
            source = topology.container_named(host, link.source_name)  # not seen: it may well be so
        if source is not None and source.id == result.id:
            return True
    return False


def _uses(
    step: JournalStep, other: Container, result: Container, topology: Topology, host: str
) -> bool:
    """Whether a container that was started since uses what the step gave."""
    match step.action:
        case Start() | Unpause():
            linked = any(link.target is other for link in topology.links_to(host, result))
            return linked or bool(_named(other, result, topology, host) & _names(result, other))
        case Rename(to=name):
            links = topology.links_to(host, result)
            stored = {link.source_name.lower() for link in links if link.target is other}
            return name.lower() in stored | _named(other, result, topology, host)
        case ConnectNetwork(network=network):
            return _uses_network(other, result, (network,), topology, host)
        case Recreate(network=None, aliases=()) | Restart() | SetRestartPolicy():
            return False
        case Recreate(network=network, aliases=aliases):
            wanted = {each.lower() for each in aliases}
            if wanted & _named(other, result, topology, host):
                return True
            return network is not None and _uses_network(other, result, (network,), topology, host)


def _uses_network(
    other: Container,
    result: Container,
    networks: tuple[str, ...],
    topology: Topology,
    host: str,
) -> bool:
    """Whether `other` reaches a container by a name that only these networks give it."""
    named = _named(other, result, topology, host)
    given = {name for each in networks for name in _names_on(result, other, each)}
    kept = {
        name
        for each in _networks(result) - set(networks)
        for name in _names_on(result, other, each)
    }
    return bool(named & given - kept)


def _named(other: Container, result: Container, topology: Topology, host: str) -> set[str]:
    """Return the names by which `other` may ask for a container, in lower case."""
    asked = {
        link.source_name.lower()
        for link in topology.links_to(host, result)
        if link.target is other and link.kind is LinkKind.NETWORK
    }
    try:
        for expectation in expectations_of(host, other, topology):
            asked |= {name.lower() for name in expectation.names}
    except MissingEvidence:
        pass  # what was found before it counts
    return asked


def _names(result: Container, other: Container) -> set[str]:
    """Return the names under which `other` finds a container on the networks that they share."""
    return {name for each in _networks(result) for name in _names_on(result, other, each)}


def _names_on(result: Container, other: Container, network: str) -> set[str]:
    there = _networks(other)
    details = _details(result)
    if network == DEFAULT_BRIDGE or network not in there or details is None:
        return set()
    aliases = {
        alias.lower()
        for each in details.endpoints
        if network in (each.network, each.network_id)
        for alias in each.aliases
    }
    return aliases | {result.name.lower()}


def _networks(container: Container) -> set[str]:
    details = _details(container)
    return {each.network for each in details.endpoints} if details is not None else set()


def _details(container: Container) -> Details | None:
    return container.details.value if isinstance(container.details, Known) else None


def _is_later(started: str, ended: str) -> bool:
    """Whether a container was started after a step ended; yes, if that cannot be told."""
    one, other = _moment(started), _moment(ended)
    return one is None or other is None or one > other


def _moment(text: str) -> datetime | None:
    """Read a time of the engine's, which may have nanoseconds, or of a journal."""
    read = _TIME.match(text)
    try:
        return datetime.fromisoformat(f"{read[0]}+00:00") if read else None
    except ValueError:
        return None
