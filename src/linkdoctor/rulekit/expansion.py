"""One decision: may a container start anew, and what has to come before it and after it? Pure.

A rule states what it wants, such as `Restart(web)`. :func:`expand` adds what that needs: sources
and owners that have to run come first, a paused container is unpaused, one whose ghost link no
start satisfies is replaced instead, and after it come those that share its namespaces and the
targets whose links would be ghosts. What is printed and what `linkdoctor fix` plans both follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from types import MappingProxyType

import msgspec

from linkdoctor.model.actions import Action, Joined, Recreate, Restart, Start, Unpause
from linkdoctor.model.evidence import Known, MissingEvidence
from linkdoctor.model.links import StoredLink
from linkdoctor.model.report import Safety
from linkdoctor.model.snapshot import Container, Status
from linkdoctor.model.topology import LinkKind, Topology
from linkdoctor.rulekit.compose import compose_service, through_compose
from linkdoctor.rulekit.merging import Contradiction
from linkdoctor.rulekit.shared_namespaces import (
    Sharer,
    joins_of,
    references_of,
    sharers_of,
    stays_down,
    waits_for_owner,
)
from linkdoctor.rulekit.start_errors import unknown_start_error
from linkdoctor.rulekit.start_needs import ghosts_of, is_wanted, links_to_make, present_links
from linkdoctor.rulekit.tasks import (
    Key,
    Phase,
    Role,
    Task,
    Work,
    in_sequence,
    needs_of,
    phase_of,
    rank,
    safety_of,
    with_task,
)

__all__ = ["NO_WORK", "Expansion", "Obstacle", "Refusal", "expand", "expansion_of"]

NO_WORK: Work = MappingProxyType({})
_STARTING = (Phase.START, Phase.RESTART, Phase.RECREATE)


class Obstacle(Enum):
    """Why linkdoctor does not carry something out."""

    NOT_ALLOWED = auto()
    """It goes further than it may."""
    GONE = auto()
    """A container that it needs does not exist."""
    FAILING = auto()
    """A container that it starts cannot start, for a reason of its own."""
    COMPOSE = auto()
    """Compose alone can recreate a container of its own."""
    ANOTHER_OWNER = auto()
    """A container cannot be replaced without a loss, or by anyone but its owner."""
    LOST = auto()
    """A container would be lost: it is removed as soon as it stops."""
    CONTRADICTION = auto()
    """It contradicts what is to be done already."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is not carried out."""

    obstacle: Obstacle
    container: str
    """The container in question, by name."""
    reason: str
    """A clause."""
    detail: str = ""
    """What the engine or the container's setup says of it."""


class Expansion(msgspec.Struct, frozen=True, kw_only=True):
    """All that has to be done so that what was asked for can be."""

    work: Work
    """The tasks of each container that it touches, merged with those that were planned before."""
    order: tuple[tuple[Key, Key], ...]
    """Pairs: the first comes after the second, besides what links and namespaces say."""
    last: Key
    """The container of the last action that was asked for."""
    refusals: tuple[Refusal, ...]
    """Why not all of it can be carried out, the first reason first; none where it can."""
    unseen: MissingEvidence | None
    """What is missing to know who shares the namespaces of what starts anew; None if nothing."""
    missing: MissingEvidence | None
    """The same, where without it nothing may be carried out: for all but what is down already."""

    def tasks(self, topology: Topology) -> tuple[tuple[Key, Task], ...]:
        """Return the tasks in the order in which they are done."""
        if len(self.work) == 1:  # most of them: nothing is to be ordered
            return tuple((key, task) for key, tasks in self.work.items() for task in tasks)
        needs = needs_of(topology, self.work, self.order)
        return tuple((key, task) for key in in_sequence(needs) for task in self.work[key])


def expand(
    topology: Topology,
    host: str,
    *actions: Action,
    allow: Safety = Safety.RECREATE,
    planned: Work = NO_WORK,
    finding: int | None = None,
) -> Expansion:
    """Return all that has to be done so that actions can be, in this order.

    Args:
        topology: what was seen.
        host: of the containers.
        actions: what is wanted.
        allow: the widest tasks that may be done.
        planned: what is to be done already.
        finding: the number of the finding that asks for it.

    Raises:
        MissingEvidence: it was not seen what is needed.
    """
    draft = _Draft(topology, host, allow, planned, finding)
    draft.ask(actions)
    return Expansion(
        work=draft.pending,
        order=tuple(draft.order),
        last=draft.last,
        refusals=tuple(draft.refusals),
        unseen=draft.unseen,
        missing=draft.missing,
    )


def expansion_of(topology: Topology, host: str, actions: tuple[Action, ...]) -> Expansion:
    """As :func:`expand` of actions alone, found out once: fixes of several rules ask for the same.

    Raises:
        MissingEvidence: it was not seen what is needed.
    """
    what = ("expansion", actions)
    return topology.once(what, host, expand, lambda: expand(topology, host, *actions))


class _Draft:
    """What would be done, on top of what is planned."""

    def __init__(
        self, topology: Topology, host: str, allow: Safety, planned: Work, finding: int | None
    ) -> None:
        self._topology, self._host = topology, host
        self._allow, self._planned = allow, planned
        self._findings = () if finding is None else (finding,)
        self.pending: dict[Key, tuple[Task, ...]] = {}
        self.order: list[tuple[Key, Key]] = []
        self.refusals: list[Refusal] = []
        self.unseen: MissingEvidence | None = None
        self.missing: MissingEvidence | None = None
        self.last: Key = ("", "")
        self._checked: set[tuple[str, Phase]] = set()

    def ask(self, actions: tuple[Action, ...]) -> None:
        """Add what is wanted, one after the other."""
        recreated: set[str] = set()
        previous: Key | None = None
        for action in actions:
            afterwards = action.container in recreated
            key = self._add(action, Role.ASKED, afterwards=afterwards)
            if previous is not None and previous != key:
                self.order.append((key, previous))
            previous = self.last = key
            if isinstance(action, Recreate):
                recreated.add(action.container)

    def _add(self, action: Action, role: Role, *, afterwards: bool = False, why: str = "") -> Key:
        name = action.container
        key = (self._host, name)
        container = self._topology.container_named(self._host, name)
        if container is None:
            self._refuse(Obstacle.GONE, name, f"there is no container {name} on {self._host}")
            return key
        phase = phase_of(action, afterwards=afterwards)
        present = {each.phase for each in self._tasks(name)}
        if phase in (Phase.RESTART, Phase.START) and Phase.RECREATE in present:
            phase, action = Phase.RECREATE, Recreate(container=name)
        elif phase is Phase.RESTART and Phase.START in present:
            phase, action = Phase.START, Start(container=name)
        if isinstance(action, Start):
            self._see_to_its_own_fault(container)
        ghosts = (
            ghosts_of(self._topology, self._host, container)
            if phase in (Phase.RESTART, Phase.START)
            else ()
        )
        if ghosts:
            why = f"{name} has a ghost link ({', '.join(ghosts)}), with which it cannot be started"
            phase, action = Phase.RECREATE, Recreate(container=name)
        if rank(safety_of(phase)) > rank(self._allow):
            reason = f"requires --allow {safety_of(phase).value}"
            self._refuse(Obstacle.NOT_ALLOWED, name, reason)
        findings = self._findings if role is Role.ASKED else ()
        because = (why,) if why else ()
        self._put(name, Task(phase=phase, action=action, role=role, findings=findings, why=because))
        if (name, phase) not in self._checked:
            self._checked.add((name, phase))
            if phase is Phase.RECREATE:
                self._prepare_recreation(container)
            elif phase in (Phase.RESTART, Phase.START):
                self._prepare_start(container, phase)
        elif phase is Phase.RECREATE:
            self._need_what_runs(container)
        return key

    def _refuse(self, obstacle: Obstacle, name: str, reason: str, detail: str = "") -> None:
        refusal = Refusal(obstacle=obstacle, container=name, reason=reason, detail=detail)
        self.refusals.append(refusal)

    def _tasks(self, name: str) -> tuple[Task, ...]:
        key = (self._host, name)
        return self.pending.get(key) or self._planned.get(key, ())

    def _put(self, name: str, task: Task) -> None:
        try:
            tasks = with_task(self._tasks(name), task, self._links_of(name))
        except Contradiction as error:
            reason = f"it conflicts with what is already planned for {name}: {error}"
            self._refuse(Obstacle.CONTRADICTION, name, reason)
        else:
            self.pending[self._host, name] = tasks

    def _links_of(self, name: str) -> tuple[StoredLink, ...]:
        container = self._topology.container_named(self._host, name)
        details = container.details if container is not None else None
        return present_links(details.value) if isinstance(details, Known) else ()

    def _see_to_its_own_fault(self, container: Container) -> None:
        fault = unknown_start_error(self._topology.details(container))
        if fault:
            reason = f"the engine could not start {container.name} ({fault})"
            self._refuse(Obstacle.FAILING, container.name, reason, fault)

    # --- what comes first ---

    def _prepare_start(self, container: Container, phase: Phase) -> None:
        for link in self._topology.links_of(self._host, container):
            source = self._topology.source_of(link) if link.kind is LinkKind.LEGACY else None
            if source is not None:
                self._need_running(source, container)
        self._need_owners(container, ())
        self._unpause(container)
        if phase is Phase.RESTART:
            self._restart_sharers(container)
        else:
            self._rejoin_sharers(container)

    def _prepare_recreation(self, container: Container) -> None:
        name, details = container.name, self._topology.details(container)
        owner = compose_service(container)
        if owner is not None:
            reason = (
                f"{name} belongs to the Compose project {owner[0]}; recreate it "
                f"with Compose: {through_compose(*owner)}"
            )
            self._refuse(Obstacle.COMPOSE, name, reason)
        elif isinstance(details.setup, Known) and details.setup.value.refused:
            refused = details.setup.value.refused
            reason = f"{name} cannot be recreated: {refused}"
            self._refuse(Obstacle.ANOTHER_OWNER, name, reason, refused)
        self._unpause(container)
        self._need_what_runs(container)
        for link in self._topology.links_to(self._host, container):
            target = link.target
            if link.kind is not LinkKind.LEGACY or not is_wanted(self._topology, target):
                continue
            why = f"its link to {name}, which is replaced, would be a ghost"
            self._add(Recreate(container=target.name), Role.TARGET, why=why)
        self._replace_sharers(container)

    def _unpause(self, container: Container) -> None:
        if self._topology.details(container).status is Status.PAUSED:
            name = container.name
            why = f"{name} is paused, and must be unpaused to be restarted or replaced"
            self._add(Unpause(container=name), Role.BEFORE, why=why)

    def _need_what_runs(self, container: Container) -> None:
        """See to it that the engine will start the new container, if it is to start."""
        orders = (each.action for each in self._tasks(container.name))
        order = next((each for each in orders if isinstance(each, Recreate)), None)
        if order is not None and not order.stays_down:
            self._need_sources(container, order)
            self._need_owners(container, order.joins)

    def _need_sources(self, container: Container, order: Recreate) -> None:
        """See to it that the engine will accept the links of the new container."""
        for link in links_to_make(self._topology, self._host, container, order):
            source = self._topology.container_named(self._host, link.source)
            if source is None and compose_service(container) is not None:
                continue  # Compose finds it by its service
            if source is None:
                reason = (
                    f"there is no container {link.source} on {self._host} to link "
                    f"{container.name} to"
                )
                self._refuse(Obstacle.GONE, link.source, reason)
            else:
                self._need_running(source, container)

    def _need_owners(self, sharer: Container, joins: tuple[Joined, ...]) -> None:
        """See to it that the engine will let a container into the namespaces that it shares."""
        joined = {each.namespace: each.container for each in joins}
        for namespace, reference in references_of(self._topology.details(sharer)):
            owner = self._topology.resolve_reference(self._host, joined.get(namespace, reference))
            what = f"{sharer.name} shares the {namespace.value} namespace of "
            if owner is None:
                reason = f"{what}a container that is gone, and could not be started again"
                self._refuse(Obstacle.GONE, sharer.name, reason)
            else:
                why = f"{what}{owner.name}, and cannot be started while it is down"
                self._need_running(owner, sharer, why)

    def _need_running(self, source: Container, target: Container, why: str = "") -> None:
        if self._topology.is_running(source):
            return
        if any(each.phase in _STARTING for each in self._tasks(source.name)):
            return
        why = why or (
            f"{target.name}, which is linked to {source.name}, cannot be started while it is down"
        )
        self._add(Start(container=source.name), Role.BEFORE, why=why)

    # --- what comes after ---

    def _sharers(self, owner: Container) -> Iterator[Sharer]:
        try:
            yield from sharers_of(self._topology, self._host, owner)
        except MissingEvidence as missing:
            self.missing = self.missing or missing
            self.unseen = self.unseen or missing

    def _restart_sharers(self, owner: Container) -> None:
        """Restart after a container those that its restart leaves in its former namespaces."""
        for each in self._sharers(owner):
            if not each.up:
                continue
            if each.dies_with_owner and each.details.auto_remove:
                self._lose(each, owner)
            else:
                self._after_owner(owner, each, Restart(container=each.container.name))

    def _rejoin_sharers(self, owner: Container) -> None:
        """Restart those that wait for a container that is started; it starts without them, too."""
        try:
            sharers = sharers_of(self._topology, self._host, owner)
        except MissingEvidence as missing:
            self.unseen = self.unseen or missing
            return  # what is not running is started, whoever shares its namespaces
        for each in sharers:
            name = each.container.name
            kept = dict(self.pending), list(self.order), set(self._checked), list(self.refusals)
            try:
                if each.up:
                    self._after_owner(owner, each, Restart(container=name))
                elif waits_for_owner(each):
                    self._after_owner(owner, each, Start(container=name))
                is_possible = len(self.refusals) == len(kept[-1])
            except MissingEvidence:
                is_possible = False
            if not is_possible:  # the step's note names it
                self.pending, self.order, self._checked, self.refusals = kept

    def _replace_sharers(self, owner: Container) -> None:
        """Replace after a container those that could not be started any more without it."""
        for each in self._sharers(owner):
            if each.details.auto_remove:
                self._lose(each, owner)
                continue
            joins = joins_of(self._topology, self._host, each.details, {owner.name})
            name = each.container.name
            action = Recreate(container=name, joins=joins, stays_down=stays_down(each))
            self._after_owner(owner, each, action)

    def _lose(self, sharer: Sharer, owner: Container) -> None:
        name = sharer.container.name
        reason = (
            f"{name}, which is removed as soon as it stops (--rm), shares the {sharer.shared} of "
            f"{owner.name} and would be lost: stop it first"
        )
        self._refuse(Obstacle.LOST, name, reason)

    def _after_owner(self, owner: Container, sharer: Sharer, action: Action) -> None:
        name = sharer.container.name
        what = f"{name} shares the {sharer.shared} of {owner.name}"
        match action:
            case Recreate():
                why = f"{what}, which is replaced: it could not be started again"
            case Start():
                why = f"{what}, and could not be started without it"
            case _:
                why = f"{what}, and would be left in the old one"
        before = len(self.refusals)
        key = self._add(action, Role.SHARER, why=why)
        self.refusals[before:] = [
            msgspec.structs.replace(each, reason=f"{what}, and {each.reason}")
            for each in self.refusals[before:]
        ]
        self.order.append((key, (self._host, owner.name)))
