"""A report turned into ordered steps. Pure: nothing is asked of an engine, nothing is changed.

Findings are taken one after another, in the report's order. Each asks for the actions of the first
of its fixes that can be carried out; what these need is added (a source that has to run, a target
whose link would be a ghost), what they make needless disappears. A finding whose actions cannot be
carried out, or contradict those of an earlier one, is listed with the reason instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from itertools import pairwise
from typing import TypeAlias, TypeVar

import msgspec

from linkdoctor.fix.merging import Contradiction, merged
from linkdoctor.fix.reversible import beforehand, stranded
from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Joined,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.links import Port, StoredLink
from linkdoctor.model.plan import Advice, Plan, Step
from linkdoctor.model.report import Finding, Fix, Report, Safety, Severity
from linkdoctor.model.snapshot import Container, Details, Publication, Status
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.rulekit.commands import one_call, shell
from linkdoctor.rulekit.fixes import (
    KEPT,
    commands_of,
    compose_service,
    is_wanted,
    links_to_make,
    moving_ports,
    present_links,
    through_compose,
)
from linkdoctor.rulekit.run_words import publish_word
from linkdoctor.rulekit.shared_namespaces import (
    Sharer,
    all_sharers_of,
    joins_of,
    owners_of,
    references_of,
    sharers_of,
    stays_down,
    waits_for_owner,
)

__all__ = ["STOP_TIMEOUT", "plan", "rank"]

STOP_TIMEOUT = 10
"""Seconds that the engine gives a container to stop, unless it was made with another number."""


_T = TypeVar("_T")


class _Phase(IntEnum):
    """The order of the tasks of one container."""

    RENAME = 0
    UNPAUSE = 1
    RESTART_POLICY = 2
    CONNECT = 3
    START = 4
    RESTART = 5
    RECREATE = 6
    CONNECT_AFTERWARDS = 7


_Key: TypeAlias = tuple[str, str]
"""A container: its host and its name."""


class _Task(msgspec.Struct, frozen=True, kw_only=True):
    phase: _Phase
    action: Action
    findings: tuple[int, ...] = ()
    why: tuple[str, ...] = ()


class _Refused(Exception):
    """A fix cannot be carried out; the message is a clause."""


_Work: TypeAlias = dict[_Key, tuple[_Task, ...]]

_SAFETY = {_Phase.RESTART: Safety.RESTART, _Phase.RECREATE: Safety.RECREATE}
_RANKS = (Safety.SAFE, Safety.RESTART, Safety.RECREATE)


def rank(safety: Safety) -> int:
    """Return how far a step goes: 0 interrupts nothing."""
    return _RANKS.index(safety)


def plan(
    report: Report,
    topology: Topology,
    *,
    allow: Safety = Safety.RECREATE,
    remarks: bool = False,
    pin_ports: bool = True,
    tried_in_vain: frozenset[str] = frozenset(),
) -> Plan:
    """Plan what fixes the findings of a report.

    Args:
        report: of the topology, as the diagnosis made it.
        topology: what was seen.
        allow: the widest steps that may be planned.
        remarks: plan for findings of severity `info`, too.
        pin_ports: a container that is replaced keeps the ports of the host that the engine chose.
        tried_in_vain: fingerprints for which nothing is to be planned: it was tried in vain.
    """
    seen = _Seen(topology)
    work: _Work = {}
    earlier: dict[_Key, set[_Key]] = {}
    last: dict[int, _Key] = {}
    advice: list[Advice] = []
    for number, finding in enumerate(report.findings):
        draft = _Draft(seen, work, allow)
        if finding.severity is Severity.INFO and not remarks:
            continue
        reason = (
            "its step was not carried out, or had no effect"
            if finding.fingerprint in tried_in_vain
            else ""
        )
        if not reason:
            reason = _take(draft, finding, number, report.findings)
        if reason:
            advice.append(_advice(finding, reason))
            continue
        work.update(draft.pending)
        for after, before in draft.order:
            earlier.setdefault(after, set()).add(before)
        last[number] = draft.last
    if pin_ports:
        work = {key: tuple(_pinned(topology, key, each) for each in work[key]) for key in work}
    return Plan(
        tool=report.tool,
        taken_at=report.taken_at,
        allow=allow,
        findings=len(report.findings),
        steps=_steps(report, seen, work, earlier),
        advice=tuple(advice),
        summary=report.summary,
        hosts=report.hosts,
        skipped=report.skipped,
    )


def _take(draft: _Draft, finding: Finding, number: int, findings: tuple[Finding, ...]) -> str:
    """Plan the first fix of a finding that can be; gives why none can be, or ''."""
    reasons: list[str] = []
    for fix in finding.fixes:
        if not fix.actions:
            continue
        draft.forget()
        try:
            draft.fix(finding, fix, number)
        except _Refused as refused:
            reasons.append(str(refused))
        except MissingEvidence as missing:
            reasons.append(f"could not tell whether it can be done: {missing}")
        else:
            return ""
    return reasons[0] if reasons else "needs manual action"


def _advice(finding: Finding, reason: str) -> Advice:
    return Advice(
        host=finding.host,
        code=finding.code,
        severity=finding.severity,
        target=finding.target,
        alias=finding.alias,
        fingerprint=finding.fingerprint,
        reason=reason,
        fixes=tuple((fix.title, fix.commands) for fix in finding.fixes),
    )


class _Seen:
    """What was seen, with an index of links by their sources."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._links_to: dict[tuple[str, str], list[Link]] = {}
        for link in topology.links():
            source = topology.source_or_namesake(link)
            if source is not None:
                self._links_to.setdefault((link.host, source.id), []).append(link)

    def links_to(self, host: str, source: Container) -> tuple[Link, ...]:
        """Return the links that lead to a container."""
        return tuple(self._links_to.get((host, source.id), ()))


class _Draft:
    """What one more fix would add to the work planned so far."""

    def __init__(
        self,
        seen: _Seen,
        work: Mapping[_Key, tuple[_Task, ...]],
        allow: Safety,
    ) -> None:
        self._seen, self._topology = seen, seen.topology
        self._work, self._allow = work, allow
        self.pending: _Work = {}
        self.order: list[tuple[_Key, _Key]] = []
        self.last: _Key = ("", "")
        self._checked: set[tuple[_Key, _Phase]] = set()

    def forget(self) -> None:
        """Begin anew."""
        self.pending, self.order, self._checked = {}, [], set()

    def fix(self, finding: Finding, fix: Fix, number: int) -> None:
        """Add a fix; raises _Refused or MissingEvidence."""
        host = fix.host or finding.host
        before: list[_Key] = []
        for part in fix.elsewhere:
            there = part.host or host
            before += [self._add(there, action, number) for action in part.actions]
        recreated: set[str] = set()
        previous: _Key | None = None
        for action in fix.actions:
            afterwards = action.container in recreated
            key = self._add(host, action, number, afterwards=afterwards)
            self.order += [(key, each) for each in before if each != key]
            if previous is not None and previous != key:
                self.order.append((key, previous))
            previous = key
            if isinstance(action, Recreate):
                recreated.add(action.container)
            self.last = key

    def _add(
        self,
        host: str,
        action: Action,
        number: int | None,
        *,
        afterwards: bool = False,
        why: str = "",
    ) -> _Key:
        key = (host, action.container)
        container = self._topology.container_named(host, action.container)
        if container is None:
            raise _Refused(f"there is no container {action.container} on {host}")
        phase = _phase(action, afterwards)
        present = {each.phase for each in self._tasks(key)}
        if phase in (_Phase.RESTART, _Phase.START) and _Phase.RECREATE in present:
            phase, action = _Phase.RECREATE, Recreate(container=action.container)
        elif phase is _Phase.RESTART and _Phase.START in present:
            phase, action = _Phase.START, Start(container=action.container)
        if phase in (_Phase.RESTART, _Phase.START) and self._ghosts(host, container):
            names = ", ".join(self._ghosts(host, container))
            why = f"{container.name} has a ghost link ({names}), with which it cannot be started"
            phase, action = _Phase.RECREATE, Recreate(container=container.name)
        needed = _SAFETY.get(phase, Safety.SAFE)
        if rank(needed) > rank(self._allow):
            raise _Refused(f"requires --allow {needed.value}")
        findings = () if number is None else (number,)
        self._put(key, _Task(phase=phase, action=action, findings=findings, why=_one(why)))
        if (key, phase) not in self._checked:
            self._checked.add((key, phase))
            if phase is _Phase.RECREATE:
                self._prepare_recreation(host, container)
            elif phase in (_Phase.RESTART, _Phase.START):
                self._prepare_start(host, container, phase)
        elif phase is _Phase.RECREATE:
            self._need_what_runs(host, container)
        return key

    def _tasks(self, key: _Key) -> tuple[_Task, ...]:
        return self.pending.get(key) or self._work.get(key, ())

    def _put(self, key: _Key, task: _Task) -> None:
        try:
            self.pending[key] = _with(self._tasks(key), task, self._links_of(key))
        except Contradiction as error:
            raise _Refused(
                f"it conflicts with what is already planned for {key[1]}: {error}"
            ) from None

    def _links_of(self, key: _Key) -> tuple[StoredLink, ...]:
        container = self._topology.container_named(*key)
        details = container.details if container is not None else None
        return present_links(details.value) if isinstance(details, Known) else ()

    def _ghosts(self, host: str, container: Container) -> tuple[str, ...]:
        links = self._topology.links_of(host, container)
        return tuple(
            sorted(
                link.alias
                for link in links
                if link.kind is LinkKind.LEGACY and self._topology.source_of(link) is None
            )
        )

    def _prepare_start(self, host: str, container: Container, phase: _Phase) -> None:
        for link in self._topology.links_of(host, container):
            source = self._topology.source_of(link) if link.kind is LinkKind.LEGACY else None
            if source is not None:
                self._need_running(host, source, container)
        self._need_owners(host, container, ())
        self._let_go_on(host, container)
        if phase is _Phase.RESTART:
            self._restart_sharers(host, container)
        else:
            self._rejoin_sharers(host, container)

    def _restart_sharers(self, host: str, owner: Container) -> None:
        """Restart after a container those that its restart leaves in its former namespaces."""
        for each in sharers_of(self._topology, host, owner):
            if not each.up:
                continue
            if each.dies_with_owner and each.details.auto_remove:
                raise _Refused(_lost(each, owner))
            self._after_owner(host, owner, each, Restart(container=each.container.name))

    def _rejoin_sharers(self, host: str, owner: Container) -> None:
        """Restart those that wait for a container that is started; it starts without them, too."""
        try:
            sharers = sharers_of(self._topology, host, owner)
        except MissingEvidence:
            return  # what is not running is started, whoever shares its namespaces
        for each in sharers:
            name = each.container.name
            kept = dict(self.pending), list(self.order), set(self._checked)
            try:
                if each.up:
                    self._after_owner(host, owner, each, Restart(container=name))
                elif waits_for_owner(each):
                    self._after_owner(host, owner, each, Start(container=name))
            except (_Refused, MissingEvidence):
                self.pending, self.order, self._checked = kept  # the step's note names it

    def _replace_sharers(self, host: str, owner: Container) -> None:
        """Replace after a container those that could not be started any more without it."""
        for each in sharers_of(self._topology, host, owner):
            if each.details.auto_remove:
                raise _Refused(_lost(each, owner))
            joins = joins_of(self._topology, host, each.details, {owner.name})
            action = Recreate(
                container=each.container.name, joins=joins, stays_down=stays_down(each)
            )
            self._after_owner(host, owner, each, action)

    def _after_owner(self, host: str, owner: Container, sharer: Sharer, action: Action) -> None:
        name = sharer.container.name
        what = f"{name} shares the {sharer.shared} of {owner.name}"
        match action:
            case Recreate():
                why = f"{what}, which is replaced: it could not be started again"
            case Start():
                why = f"{what}, and could not be started without it"
            case _:
                why = f"{what}, and would be left in the old one"
        try:
            key = self._add(host, action, None, why=why)
        except _Refused as refused:
            raise _Refused(f"{what}, and {refused}") from None
        self.order.append((key, (host, owner.name)))

    def _prepare_recreation(self, host: str, container: Container) -> None:
        owner = compose_service(container)
        if owner is not None:
            raise _Refused(
                f"{container.name} belongs to the Compose project {owner[0]}; recreate it with "
                f"Compose: {through_compose(*owner)}"
            )
        self._topology.details(container)
        self._let_go_on(host, container)
        self._need_what_runs(host, container)
        for link in self._seen.links_to(host, container):
            target = link.target
            if link.kind is not LinkKind.LEGACY or not is_wanted(self._topology, target):
                continue
            again = Recreate(container=target.name)
            why = f"its link to {container.name}, which is replaced, would be a ghost"
            self._add(host, again, None, why=why)
        self._replace_sharers(host, container)

    def _let_go_on(self, host: str, container: Container) -> None:
        if self._topology.details(container).status is Status.PAUSED:
            why = f"{container.name} is paused, and must be unpaused to be restarted or replaced"
            self._add(host, Unpause(container=container.name), None, why=why)

    def _need_what_runs(self, host: str, container: Container) -> None:
        """See to it that the engine will start the new container, if it is to start."""
        orders = (each.action for each in self._tasks((host, container.name)))
        order = next(each for each in orders if isinstance(each, Recreate))
        if not order.stays_down:
            self._need_sources(host, container)
            self._need_owners(host, container, order.joins)

    def _need_sources(self, host: str, container: Container) -> None:
        """See to it that the engine will accept the links of the new container."""
        tasks = self._tasks((host, container.name))
        orders = (each.action for each in tasks if isinstance(each.action, Recreate))
        for link in links_to_make(self._topology, host, container, next(orders)):
            source = self._topology.container_named(host, link.source)
            if source is None:
                raise _Refused(
                    f"there is no container {link.source} on {host} to link {container.name} to"
                )
            self._need_running(host, source, container)

    def _need_owners(self, host: str, sharer: Container, joins: tuple[Joined, ...]) -> None:
        """See to it that the engine will let a container into the namespaces that it shares."""
        joined = {each.namespace: each.container for each in joins}
        for namespace, reference in references_of(self._topology.details(sharer)):
            owner = self._topology.resolve_reference(host, joined.get(namespace, reference))
            what = f"{sharer.name} shares the {namespace.value} namespace of "
            if owner is None:
                raise _Refused(f"{what}a container that is gone, and could not be started again")
            why = f"{what}{owner.name}, and cannot be started while it is down"
            self._need_running(host, owner, sharer, why)

    def _need_running(self, host: str, source: Container, target: Container, why: str = "") -> None:
        if self._topology.is_running(source):
            return
        starting = (_Phase.START, _Phase.RESTART, _Phase.RECREATE)
        if any(each.phase in starting for each in self._tasks((host, source.name))):
            return
        why = why or (
            f"{target.name}, which is linked to {source.name}, cannot be started while it is down"
        )
        self._add(host, Start(container=source.name), None, why=why)


def _lost(sharer: Sharer, owner: Container) -> str:
    name = sharer.container.name
    return (
        f"{name}, which is removed as soon as it stops (--rm), shares the {sharer.shared} of "
        f"{owner.name} and would be lost: stop it first"
    )


def _pinned(topology: Topology, key: _Key, task: _Task) -> _Task:
    """Let a recreation keep the host ports of today, those of the engine's choice included."""
    container = topology.container_named(*key)
    if not isinstance(task.action, Recreate) or container is None:
        return task
    action = task.action
    ports = action.published
    if ports is None:
        ports = topology.details(container).published
    pinned = tuple(each for each in ports if each.ephemeral and each.host_port)
    if not pinned:
        return task
    fixed = tuple(
        msgspec.structs.replace(each, ephemeral=False) if each in pinned else each for each in ports
    )
    action = msgspec.structs.replace(action, published=fixed, pinned=pinned)
    return msgspec.structs.replace(task, action=action)


def _phase(action: Action, afterwards: bool) -> _Phase:
    match action:
        case Rename():
            return _Phase.RENAME
        case Unpause():
            return _Phase.UNPAUSE
        case SetRestartPolicy():
            return _Phase.RESTART_POLICY
        case ConnectNetwork():
            return _Phase.CONNECT_AFTERWARDS if afterwards else _Phase.CONNECT
        case Start():
            return _Phase.START
        case Restart():
            return _Phase.RESTART
        case Recreate():
            return _Phase.RECREATE


def _one(why: str) -> tuple[str, ...]:
    return (why,) if why else ()


def _with(
    tasks: tuple[_Task, ...], new: _Task, present: tuple[StoredLink, ...]
) -> tuple[_Task, ...]:
    """Add a task to those of a container; what it makes needless goes. Raises Contradiction."""
    kept: list[_Task] = []
    for each in tasks:
        if each.action == new.action and each.phase is new.phase:
            new = _joined(each, new, present)
        elif each.phase is new.phase and each.phase is not _Phase.CONNECT_AFTERWARDS:
            if each.phase is _Phase.CONNECT and not _same_network(each.action, new.action):
                kept.append(each)
            else:
                new = _joined(each, new, present)
        elif (new.phase, each.phase) in _SUPERSEDED:
            new = msgspec.structs.replace(
                new, findings=_union(each.findings, new.findings), why=_union(each.why, new.why)
            )
        else:
            kept.append(each)
    return tuple(sorted([*kept, new], key=_task_order))


_SUPERSEDED = {
    (_Phase.RECREATE, _Phase.START),
    (_Phase.RECREATE, _Phase.RESTART),
    (_Phase.START, _Phase.RESTART),
}


def _same_network(one: Action, other: Action) -> bool:
    return (
        isinstance(one, ConnectNetwork)
        and isinstance(other, ConnectNetwork)
        and one.network == other.network
    )


def _joined(old: _Task, new: _Task, present: tuple[StoredLink, ...]) -> _Task:
    return _Task(
        phase=old.phase,
        action=merged(old.action, new.action, present),
        findings=_union(old.findings, new.findings),
        why=_union(old.why, new.why),
    )


def _union(one: tuple[_T, ...], other: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _task_order(task: _Task) -> tuple[int, str]:
    return (task.phase, str(task.action))


# --- order ----------------------------------------------------------------------------------------


def _steps(
    report: Report, seen: _Seen, work: _Work, earlier: Mapping[_Key, set[_Key]]
) -> tuple[Step, ...]:
    topology = seen.topology
    needs = {key: _before(topology, key, work, earlier.get(key, set())) for key in work}
    numbers: dict[_Key, list[int]] = {}
    steps: list[Step] = []
    placed = [(key, task) for key in _ordered(needs) for task in work[key]]
    final = {
        finding: number
        for number, (_, task) in enumerate(placed, start=1)
        for finding in task.findings
    }
    recreations = {
        key: number
        for number, (key, task) in enumerate(placed, start=1)
        if isinstance(task.action, Recreate)
    }
    proved: dict[int, list[int]] = {}
    for each, step in final.items():
        is_replaced = isinstance(placed[step - 1][1].action, Recreate)
        last = _proved_by(report.findings[each], step, recreations) if is_replaced else step
        proved.setdefault(last, []).append(each)
    replaced = frozenset(recreations)
    renamed = {
        (key[0], key[1]): task.action.to for key, task in placed if isinstance(task.action, Rename)
    }
    for number, (key, task) in enumerate(placed, start=1):
        previous = [each for near in needs[key] for each in numbers.get(near, ())]
        own = numbers.setdefault(key, [])
        steps.append(
            _step(
                report,
                seen,
                key,
                task,
                number=number,
                after=(*sorted(previous), *own),
                fixes=proved.get(number, []),
                renamed={old: new for (host, old), new in renamed.items() if host == key[0]},
                replaced=replaced,
                notes=_notes(topology, key, task, work),
            )
        )
        own.append(number)
    return tuple(steps)


def _proved_by(finding: Finding, last: int, recreations: Mapping[_Key, int]) -> int:
    """Return the step after which a finding has to be gone.

    It is the last that serves it; but where this replaces a source, and the finding's own target is
    replaced after it, the target's link is a ghost in between.
    """
    return max(last, recreations.get((finding.host, finding.target), last))


def _before(
    topology: Topology, key: _Key, work: _Work, explicit: Iterable[_Key]
) -> tuple[_Key, ...]:
    """Return the containers with work of their own that come before one: its sources, mostly."""
    host, name = key
    container = topology.container_named(host, name)
    found = set(explicit)
    if container is not None and isinstance(container.details, Known):
        for link in topology.links_of(host, container):
            source = topology.source_or_namesake(link)
            if source is not None:
                found.add((host, source.name))
        found |= {(host, owner.name) for owner in owners_of(topology, host, container)}
    for task in work[key]:
        if isinstance(task.action, Recreate):
            found |= {(host, link.source) for link in task.action.links or ()}
    return tuple(sorted(each for each in found if each in work and each != key))


def _ordered(needs: Mapping[_Key, tuple[_Key, ...]]) -> Iterator[_Key]:
    """Yield each key after those that it needs; a circle is opened at its first name."""
    done: set[_Key] = set()
    entered: set[_Key] = set()
    for start in sorted(needs):
        stack = [start]
        while stack:
            key = stack[-1]
            waiting = [each for each in needs[key] if each not in entered]
            if key not in entered:
                entered.add(key)
                waiting = [each for each in needs[key] if each not in entered]
            if waiting:
                stack.append(waiting[0])
                continue
            stack.pop()
            if key not in done:
                done.add(key)
                yield key


# --- words ----------------------------------------------------------------------------------------


def _step(
    report: Report,
    seen: _Seen,
    key: _Key,
    task: _Task,
    *,
    number: int,
    after: tuple[int, ...],
    fixes: list[int],
    renamed: Mapping[str, str],
    replaced: frozenset[_Key],
    notes: tuple[str, ...],
) -> Step:
    (host, name), topology = key, seen.topology
    findings = [report.findings[each] for each in task.findings]
    proved = [report.findings[each] for each in fixes]
    served = [*findings, *proved]
    safety = _SAFETY.get(task.phase, Safety.SAFE)
    container = topology.container_named(host, name)
    quiet = safety is Safety.SAFE or (isinstance(task.action, Recreate) and task.action.stays_down)
    interrupts = () if quiet else (name, *_waiting(seen, host, container))
    action = task.action if isinstance(task.action, Rename) else _renamed(task.action, renamed)
    never = _never_back(seen, key, task, replaced)
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
        notes=notes,
    )


def _never_back(seen: _Seen, key: _Key, task: _Task, replaced: frozenset[_Key]) -> str:
    """Say why a container that is replaced cannot be put back, a clause; '' if it may be.

    The engine would not start it again where a link leads to no container any more; and what is
    linked to the new one would lose its source.
    """
    host, topology = key[0], seen.topology
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
        for link in seen.links_to(host, container)
        if link.kind is LinkKind.LEGACY and (host, link.target.name) in replaced
    }
    names = ", ".join(sorted(targets))
    return f"{names}, which is replaced after it, is linked to the new one" if names else ""


def _is_dead_end(topology: Topology, link: Link, replaced: frozenset[_Key]) -> bool:
    try:
        source = topology.source_of(link)
    except MissingEvidence:
        return False
    return source is None or (link.host, source.name) in replaced


def _notes(topology: Topology, key: _Key, task: _Task, work: _Work) -> tuple[str, ...]:
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


def _left_behind(topology: Topology, key: _Key, owner: Container) -> tuple[_Key, ...]:
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


def _waiting(seen: _Seen, host: str, container: Container | None) -> tuple[str, ...]:
    if container is None:
        return ()
    sharing = {
        each.container.name
        for each in all_sharers_of(seen.topology, host, container)
        if each.up and each.container.id != container.id
    }
    linked = {
        link.target.name
        for link in seen.links_to(host, container)
        if isinstance(link.target.details, Known) and seen.topology.is_running(link.target)
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
