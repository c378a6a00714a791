"""A step of a plan in words: what it does, why, whom it interrupts, and how it is taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import msgspec

from linkdoctor.fix.reversible import beforehand, stranded
from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.links import Port, StoredLink
from linkdoctor.model.plan import Step
from linkdoctor.model.report import Finding, Report, Safety
from linkdoctor.model.snapshot import Container, Details, Publication
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.rulekit.commands import one_call, shell
from linkdoctor.rulekit.fixes import moving_ports
from linkdoctor.rulekit.recreating import KEPT, commands_of
from linkdoctor.rulekit.run_words import publish_word
from linkdoctor.rulekit.shared_namespaces import all_sharers_of, sharers_of, waits_for_owner
from linkdoctor.rulekit.tasks import Key, Task, Work, safety_of

__all__ = ["STOP_TIMEOUT", "step_of"]

STOP_TIMEOUT = 10
"""Seconds that the engine gives a container to stop, unless it was made with another number."""


def step_of(
    report: Report,
    topology: Topology,
    key: Key,
    task: Task,
    *,
    number: int,
    after: tuple[int, ...],
    fixes: list[int],
    renamed: Mapping[str, str],
    replaced: frozenset[Key],
    work: Work,
) -> Step:
    """Return a task as a step of a plan.

    Args:
        report: whose findings it serves.
        topology: what was seen.
        key: its container.
        task: what is done.
        number: of the step.
        after: the steps without which it makes no sense.
        fixes: the numbers of the findings of which nothing may be left after it.
        renamed: the new names that other steps give to containers of this host.
        replaced: the containers that are replaced.
        work: all that is done.
    """
    host, name = key
    findings = [report.findings[each] for each in task.findings]
    proved = [report.findings[each] for each in fixes]
    served = [*findings, *proved]
    safety = safety_of(task.phase)
    container = topology.container_named(host, name)
    quiet = safety is Safety.SAFE or (isinstance(task.action, Recreate) and task.action.stays_down)
    interrupts = () if quiet else (name, *_waiting(topology, host, container))
    action = task.action if isinstance(task.action, Rename) else _renamed(task.action, renamed)
    never = _never_back(topology, key, task, replaced)
    typed = commands_of(topology, host, task.action)
    return Step(
        number=number,
        host=host,
        safety=safety,
        title=_title(task.action, container),
        reason=_reason(findings, task.why),
        codes=tuple(sorted({each.code for each in served})),
        fingerprints=tuple(sorted({each.fingerprint for each in served})),
        fixes=tuple(sorted(each.fingerprint for each in proved)),
        action=action,
        interrupts=tuple(renamed.get(each, each) for each in interrupts),
        seconds=0 if quiet else _seconds(container),
        commands=typed,
        # Taking back what is not typed is linkdoctor's as well.
        undo=_undo(topology, host, task.action) if typed and not never else (),
        after=after,
        reversible=beforehand(task.action, never=never),
        notes=_notes(topology, key, task, work),
    )


def _never_back(topology: Topology, key: Key, task: Task, replaced: frozenset[Key]) -> str:
    """Say why a container that is replaced cannot be put back, a clause; '' if it may be.

    The engine would not start it again where a link leads to no container any more; and what is
    linked to the new one would lose its source.
    """
    host = key[0]
    container = topology.container_named(*key)
    if not isinstance(task.action, Recreate) or container is None:
        return ""
    if topology.is_running(container):
        ghosts = (
            link.alias
            for link in topology.links_of(host, container)
            if link.kind is LinkKind.LEGACY and _is_dead_end(topology, link, replaced)
        )
        if why := stranded(ghosts):
            return why
    targets = {
        link.target.name
        for link in topology.links_to(host, container)
        if link.kind is LinkKind.LEGACY and (host, link.target.name) in replaced
    }
    names = ", ".join(sorted(targets))
    return f"{names}, which is replaced after it, is linked to the new one" if names else ""


def _is_dead_end(topology: Topology, link: Link, replaced: frozenset[Key]) -> bool:
    try:
        source = topology.source_of(link)
    except MissingEvidence:
        return False
    return source is None or (link.host, source.name) in replaced


def _notes(topology: Topology, key: Key, task: Task, work: Work) -> tuple[str, ...]:
    """Say what will be different after a step, and what it leaves to do."""
    container = topology.container_named(*key)
    if container is None:
        return ()
    match task.action:
        case Restart():
            return moving_ports(container)
        case Recreate(pinned=pinned) if pinned:
            ports = sorted({each.host_port for each in pinned})
            word = "port" if len(ports) == 1 else "ports"
            return (f"keeps its public {word} {', '.join(map(str, ports))}, if still free",)
        case Recreate(published=None):
            return moving_ports(container)
        case Start():
            left = [each for each in _left_behind(topology, key, container) if each not in work]
            return tuple(
                f"{name} shares its namespaces and has to be restarted after it" for _, name in left
            )
        case _:
            return ()


def _left_behind(topology: Topology, key: Key, owner: Container) -> tuple[Key, ...]:
    """Return the sharers of a container that is down which its start leaves as they are."""
    try:
        sharers = sharers_of(topology, key[0], owner)
    except MissingEvidence:
        return ()
    return tuple(
        (key[0], each.container.name) for each in sharers if each.up or waits_for_owner(each)
    )


def _seconds(container: Container | None) -> int:
    details = container.details if container is not None else None
    asked = details.value.stop_timeout if isinstance(details, Known) else None
    return STOP_TIMEOUT if asked is None or asked < 0 else asked


def _renamed(action: Action, names: Mapping[str, str]) -> Action:
    """Return an action as it is when other steps have given containers their new names."""
    name = names.get(action.container)
    if name is not None:
        action = msgspec.structs.replace(action, container=name)
    if isinstance(action, Recreate) and action.links is not None:
        links = tuple(
            StoredLink(names.get(each.source, each.source), each.alias) for each in action.links
        )
        action = msgspec.structs.replace(action, links=links)
    if isinstance(action, Recreate) and action.joins:
        joins = tuple(
            msgspec.structs.replace(each, container=names.get(each.container, each.container))
            for each in action.joins
        )
        action = msgspec.structs.replace(action, joins=joins)
    return action


def _waiting(topology: Topology, host: str, container: Container | None) -> tuple[str, ...]:
    if container is None:
        return ()
    sharing = {
        each.container.name
        for each in all_sharers_of(topology, host, container)
        if each.up and each.container.id != container.id
    }
    linked = {
        link.target.name
        for link in topology.links_to(host, container)
        if isinstance(link.target.details, Known) and topology.is_running(link.target)
    }
    return (*sorted(linked - sharing), *sorted(sharing))


def _title(action: Action, now: Container | None) -> str:
    match action:
        case Start(container=name):
            return f"start {name}"
        case Unpause(container=name):
            return f"unpause {name}"
        case Restart(container=name):
            return f"restart {name}"
        case Rename(container=name, to=new):
            return f"rename {name} to {new}"
        case SetRestartPolicy(container=name, policy=policy):
            return f"give {name} the restart policy {policy}"
        case ConnectNetwork(network=network, container=name, aliases=aliases):
            under = f" as {', '.join(aliases)}" if aliases else ""
            return f"connect {name} to network {network}{under}"
        case Recreate():
            changes = "; ".join(_changes(action, now))
            return f"recreate {action.container}" + (f" ({changes})" if changes else "")


def _changes(action: Recreate, now: Container | None) -> Iterator[str]:
    if action.links is not None:
        links = ", ".join(f"{each.source}:{each.alias}" for each in action.links)
        yield f"links: {links}" if links else "no links"
    details = now.details if now is not None else None
    before = details.value.published if isinstance(details, Known) else ()
    wanted = action.published or ()
    if {*map(_place, wanted)} == {*map(_place, before)}:
        wanted = ()  # only what the engine chose is pinned
    kept = {_place(each) for each in action.pinned}
    given = (each for each in wanted if _place(each) not in kept)
    ports = dict.fromkeys(map(publish_word, (*given, *action.publish)))
    if ports:
        yield f"published: {', '.join(ports)}"
    if action.expose:
        yield f"exposed: {', '.join(map(str, action.expose))}"
    if action.drop_extra_hosts:
        yield f"without the extra hosts {', '.join(action.drop_extra_hosts)}"
    for line in action.extra_hosts:
        yield f"{', '.join(line.names)} means {line.address}"
    if action.network is not None:
        yield f"on network {action.network}"
    if action.aliases:
        yield f"also called {', '.join(action.aliases)}"
    if action.environment:
        yield f"set: {', '.join(each.name for each in action.environment)}"
    for joined in action.joins:
        yield f"in the {joined.namespace.value} namespace of the new {joined.container}"
    if action.stays_down:
        yield "not started"
    if action.dns_search is not None:
        domains = [each for each in action.dns_search if each != "."]
        yield f"search domains: {', '.join(domains)}" if domains else "without search domains"


def _place(each: Publication) -> tuple[Port, str, int]:
    return each.port, each.host_address, each.host_port


def _reason(findings: list[Finding], why: tuple[str, ...]) -> str:
    if findings:
        first = findings[0].message
        more = len(findings) - 1
        return f"{first} {_more(more)}" if more else first
    return f"{'; '.join(why)}."


def _more(number: int) -> str:
    return f"({number} more {'finding' if number == 1 else 'findings'} with it.)"


def _whole_policy(details: Details) -> str:
    """Return a restart policy with its number of retries (``on-failure:3``) where that was seen."""
    words = details.setup.value.options if isinstance(details.setup, Known) else ()
    return dict(pairwise(words)).get("--restart", details.restart_policy)


def _undo(topology: Topology, host: str, action: Action) -> tuple[str, ...]:
    container = topology.container_named(host, action.container)
    details = container.details if container is not None else None
    policy = _whole_policy(details.value) if isinstance(details, Known) else "no"
    match action:
        case Start(container=name):
            return (shell("docker", "stop", name),)
        case Unpause(container=name):
            return (shell("docker", "pause", name),)
        case Restart():
            return ()
        case Rename(container=name, to=new):
            return (one_call(Rename(container=new, to=name)),)
        case SetRestartPolicy(container=name):
            return (one_call(SetRestartPolicy(container=name, policy=policy)),)
        case ConnectNetwork(network=network, container=name):
            return (shell("docker", "network", "disconnect", network, name),)
        case Recreate(container=name, stays_down=stays_down):
            old = f"{name}{KEPT}"
            back = SetRestartPolicy(container=name, policy=policy)
            return (
                shell("docker", "rm", "--force", name),
                shell("docker", "rename", old, name),
                *([one_call(back)] if policy != "no" else []),
                *([] if stays_down else [shell("docker", "start", name)]),
            )
