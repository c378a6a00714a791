"""What can be done with a fix, typed: plan, apply, undo, resume. All that the CLI calls."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from linkdoctor.api import (
    DEFAULT_TIMEOUT,
    ContextName,
    EngineError,
    Examination,
    LoadedRule,
    Progress,
    Selection,
    Url,
    diagnose,
    examine,
    join,
    load_rules,
)
from linkdoctor.collect.control import Control, controlling
from linkdoctor.collect.engine import endpoint_of
from linkdoctor.fix.journal import Journal, JournalError, default_path
from linkdoctor.fix.lock import Lock, LockError, locked
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.overlap import MOST_AT_ONCE, side_by_side
from linkdoctor.fix.plan import plan as plan_of
from linkdoctor.fix.plan import rank
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.reversible import undo_command
from linkdoctor.fix.run import Answer, Confirm, Done, EngineSession, Told, carry_out
from linkdoctor.fix.written import with_written
from linkdoctor.model.actions import Recreate
from linkdoctor.model.examination import Diagnosis, Joined
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.plan import Files, Plan, Step
from linkdoctor.model.report import Report, Safety
from linkdoctor.model.snapshot import Tool

__all__ = [
    "APPLIED_SCHEMA",
    "MOST_AT_ONCE",
    "Answer",
    "Applied",
    "Confirm",
    "Done",
    "Files",
    "FixError",
    "Outcome",
    "Plan",
    "Result",
    "Round",
    "Safety",
    "Scope",
    "Step",
    "Told",
    "Wider",
    "apply",
    "diagnosed",
    "make_plan",
    "must_answer",
    "plan",
    "read_written",
    "steps_with_more_permission",
]

APPLIED_SCHEMA = "linkdoctor.applied/1"
_MOST_ROUNDS = 5
"""What comes to light only after a step, such as a new address, takes a round of its own."""


class FixError(Exception):
    """A fix cannot be planned or applied; the message is one line."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What is examined and fixed, and how."""

    engines: tuple[Url | ContextName, ...] = (Url(),)
    rules: tuple[LoadedRule, ...] | None = None
    """By default every installed one."""
    selection: Selection = Selection()
    declarations: tuple[Declaration, ...] = ()
    timeout: float = DEFAULT_TIMEOUT
    """Seconds that each examination of one engine may take."""
    pin_ports: bool = True
    """A container that is replaced keeps the host ports that the engine chose, if they are free."""


class Wider(msgspec.Struct, frozen=True, kw_only=True):
    """What a wider permission would add."""

    allow: Safety
    steps: int


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what became of its steps."""

    plan: Plan
    done: tuple[Done, ...]


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and what is left."""

    schema: str = APPLIED_SCHEMA
    tool: Tool
    rounds: tuple[Round, ...]
    left: Plan
    """What could still be done with the same permission, and what is left to a person."""
    wider: tuple[Wider, ...]
    journals: tuple[str, ...]
    """The files in which it was written down; none if nothing was begun."""
    undo: tuple[str, ...] = ()
    """The commands that take back what can be taken back; none if nothing can."""
    report: Report
    """The last examination."""


def plan(
    scope: Scope = Scope(),  # noqa: B008 - frozen
    *,
    allow: Safety = Safety.RECREATE,
    files: Files = Files.KEEP,
    environment: Mapping[str, str] | None = None,
) -> Plan:
    """Examine engines and plan what fixes their findings; only GET requests are made.

    Args:
        scope: what is examined and fixed.
        allow: the widest steps that may be planned.
        files: what is to become of what a container that is replaced wrote outside volumes.
        environment: ``DOCKER_*`` variables are read from it.

    Raises:
        EndpointError: an engine is named in a way that cannot be right.
    """
    environment = os.environ if environment is None else environment
    seen = examine(scope.engines, timeout=scope.timeout, environment=environment)
    planned = make_plan(diagnosed(seen, scope), scope, allow=allow)
    return read_written(planned, seen, scope, files=files, environment=environment)


def read_written(
    planned: Plan,
    seen: Examination,
    scope: Scope,
    *,
    files: Files = Files.KEEP,
    environment: Mapping[str, str] | None = None,
) -> Plan:
    """Add to a plan what the containers that are replaced wrote outside volumes.

    It is read from the engines, by GET requests; where that cannot be, it is Unknown.
    """
    environment = os.environ if environment is None else environment
    hosts = {each.host for each in planned.steps if isinstance(each.action, Recreate)}
    controls: dict[str, Control] = {}
    with contextlib.ExitStack() as stack:
        for host in sorted(hosts):
            with contextlib.suppress(EngineError, FixError):
                where = _where(scope, environment, host, seen)
                controls[host] = stack.enter_context(controlling(where, environment))
        return with_written(planned, controls, files=files, longest=scope.timeout)


def make_plan(
    diagnosis: Diagnosis,
    scope: Scope,
    *,
    allow: Safety = Safety.RECREATE,
    tried_in_vain: frozenset[str] = frozenset(),
) -> Plan:
    """Plan what fixes the findings of a diagnosis."""
    return plan_of(
        diagnosis.report,
        diagnosis.topology,
        allow=allow,
        remarks=bool(scope.selection.select),
        pin_ports=scope.pin_ports,
        tried_in_vain=tried_in_vain,
    )


def steps_with_more_permission(
    diagnosis: Diagnosis, scope: Scope, allow: Safety
) -> tuple[Wider, ...]:
    """Return how many more steps each wider permission would take."""
    more: list[Wider] = []
    for further in (Safety.RESTART, Safety.RECREATE):
        if rank(further) > rank(allow):
            planned = make_plan(diagnosis, scope, allow=further).steps
            steps = sum(rank(each.safety) > rank(allow) for each in planned)
            more.append(Wider(allow=further, steps=steps))
    counts = [each.steps for each in more]
    return tuple(
        each for each, count in zip(more, [0, *counts], strict=False) if each.steps > count
    )


def apply(
    scope: Scope = Scope(),  # noqa: B008 - frozen
    *,
    allow: Safety = Safety.SAFE,
    confirm: Confirm = lambda _: Answer.YES,
    planned: Callable[[Plan], None] = lambda _: None,
    on_step: Told = lambda _, __: None,
    at_once: int = 1,
    progress: Progress = lambda _: None,
    keep_old: bool = False,
    files: Files = Files.KEEP,
    journal: Path | None = None,
    wait: float = 0.0,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    examination: Examination | Joined | None = None,
    environment: Mapping[str, str] | None = None,
) -> Applied:
    """Plan and carry out, until nothing more can be done within the permission.

    Args:
        scope: what is examined and fixed.
        allow: the widest steps that are taken.
        confirm: is asked before each step.
        planned: is told each plan before its first step; it may raise to stop everything.
        on_step: is told when a step begins and how it ended.
        at_once: how many restarts that do not depend on one another may run side by side; all of
            them are confirmed before the first.
        progress: is told what is being read.
        keep_old: containers that are replaced stay, stopped.
        files: what becomes of what a container that is replaced wrote outside volumes; by default
            it stays in the old container, which is then kept.
        journal: where to write down what is done; by default a new file in the state directory.
        wait: seconds to wait for another run on the same engine.
        patience: how long containers are waited for.
        examination: what was seen already, and perhaps joined, of the engines of `scope`.
        environment: ``DOCKER_*`` variables are read from it.

    Raises:
        EndpointError: an engine is named in a way that cannot be right.
        EngineError: an engine that is to be changed does not answer.
        FixError: another run holds the lock, or the journal cannot be written.
    """
    environment = os.environ if environment is None else environment
    scope = msgspec.structs.replace(scope, rules=_rules(scope))

    def look() -> Examination:
        return examine(
            scope.engines, timeout=scope.timeout, environment=environment, progress=progress
        )

    try:
        with _Sessions(scope, environment, journal, wait) as hands:
            return _apply(
                scope,
                hands,
                look() if examination is None else examination,
                look,
                allow=allow,
                confirm=confirm,
                planned=planned,
                on_step=on_step,
                at_once=at_once,
                keep_old=keep_old,
                files=files,
                patience=patience,
                environment=environment,
            )
    except (LockError, JournalError) as error:
        raise FixError(str(error)) from None


def _apply(
    scope: Scope,
    hands: _Sessions,
    seen: Examination | Joined,
    look: Callable[[], Examination],
    *,
    allow: Safety,
    confirm: Confirm,
    planned: Callable[[Plan], None],
    on_step: Told,
    at_once: int,
    keep_old: bool,
    files: Files,
    patience: Patience,
    environment: Mapping[str, str],
) -> Applied:
    rounds: list[Round] = []
    vain: set[str] = set()
    while True:
        found = diagnosed(seen, scope)
        todo = make_plan(found, scope, allow=allow, tried_in_vain=frozenset(vain))
        if not todo.steps or len(rounds) == _MOST_ROUNDS:
            break
        todo = _numbered_after(todo, sum(len(each.plan.steps) for each in rounds))
        hands.take({step.host for step in todo.steps}, found.examination)
        controls = {host: hand.control for host, hand in hands.held.items()}
        todo = with_written(todo, controls, files=files, longest=scope.timeout)
        planned(todo)
        done = carry_out(
            todo,
            hands.held,
            _looking(hands, found.examination, scope),
            confirm=confirm,
            on_step=on_step,
            side_by_side=partial(side_by_side, todo, found.topology, at_once),
            keep_old=keep_old,
            files=files,
            patience=patience,
            environment=environment,
        )
        rounds.append(Round(plan=todo, done=done))
        vain |= {
            each for one in done if one.result is not Result.FIXED for each in one.step.fingerprints
        }
        seen = look()
        if not any(one.result is Result.FIXED for one in done):
            found = diagnosed(seen, scope)
            todo = make_plan(found, scope, allow=allow, tried_in_vain=frozenset(vain))
            break
    return Applied(
        tool=found.report.tool,
        rounds=tuple(rounds),
        left=todo,
        wider=steps_with_more_permission(found, scope, allow),
        journals=hands.journals(),
        undo=hands.undo_commands(
            {one.step.host for each in rounds for one in each.done if one.reversible}
        ),
        report=found.report,
    )


def _numbered_after(planned: Plan, last: int) -> Plan:
    """Return a plan whose steps are counted on from those of the rounds before it."""
    steps = tuple(
        msgspec.structs.replace(
            step, number=step.number + last, after=tuple(each + last for each in step.after)
        )
        for step in planned.steps
    )
    return msgspec.structs.replace(planned, steps=steps)


def _looking(hands: _Sessions, seen: Examination, scope: Scope) -> Callable[[str], Report]:
    """Make what examines one host once more."""
    return lambda host: diagnosed(hands.look(host, seen), scope).report


def must_answer(
    engine: Url | ContextName = Url(),  # noqa: B008 - frozen
    *,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Raise EngineError if an engine does not answer: of one that does not, nothing can be said."""
    environment = os.environ if environment is None else environment
    with controlling(engine, environment):
        pass


class _Sessions:
    """The engines that are changed: connected to, locked and written down when first needed."""

    def __init__(
        self,
        scope: Scope,
        environment: Mapping[str, str],
        journal: Path | None,
        wait: float,
    ) -> None:
        self._scope, self._environment = scope, environment
        self._journal, self._wait = journal, wait
        self._stack = contextlib.ExitStack()
        self._locks: dict[str, Lock] = {}
        self.held: dict[str, EngineSession] = {}

    def __enter__(self) -> _Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, hosts: set[str], seen: Examination) -> None:
        """Take hold of the engines of hosts; raises EngineError, LockError, JournalError."""
        several = len(hosts | self.held.keys()) > 1
        for host in sorted(hosts - self.held.keys()):
            where = _where(self._scope, self._environment, host, seen)
            control = self._stack.enter_context(controlling(where, self._environment))
            lock = self._lock(control)
            path = self._journal or default_path(self._environment)
            if several:  # a journal is about one engine
                path = path.with_name(f"{path.stem}-{_harmless(host)}{path.suffix}")
            path = path.absolute()
            journal = self._stack.enter_context(Journal(path, continued=path.exists()))
            self.held[host] = EngineSession(control=control, journal=journal, lock=lock)

    def _lock(self, control: Control) -> Lock:
        # One engine may be named in several ways; engines side by side may have one id.
        engine = control.installation()
        if engine not in self._locks:
            lock = locked(engine, at=control.socket_path, wait=self._wait)
            self._locks[engine] = self._stack.enter_context(lock)
        return self._locks[engine]

    def journals(self) -> tuple[str, ...]:
        """Return the files that were written."""
        return tuple(
            str(each.journal.path) for _, each in sorted(self.held.items()) if each.journal.steps()
        )

    def undo_commands(self, hosts: set[str]) -> tuple[str, ...]:
        """Return what takes back what was done on hosts."""
        return tuple(
            undo_command(each.control.where, str(each.journal.path), self._environment)
            for host, each in sorted(self.held.items())
            if host in hosts
        )

    def look(self, host: str, seen: Examination) -> Examination:
        """Examine one host once more, under the name that it had; raises EngineError."""
        now = examine(
            [_where(self._scope, self._environment, host, seen)],
            timeout=self._scope.timeout,
            environment=self._environment,
        )
        for lost in now.unreachable:
            raise EngineError(f"the engine no longer answers: {lost.reason}")
        others = [each for each in seen.snapshots if each.host != host]
        again = [msgspec.structs.replace(each, host=host) for each in now.snapshots]
        return Examination(snapshots=(*others, *again))


def _where(
    scope: Scope, environment: Mapping[str, str], host: str, seen: Examination
) -> Url | ContextName:
    endpoint = next(each.endpoint for each in seen.snapshots if each.host == host)
    for where in scope.engines:
        if endpoint_of(where, environment) == endpoint:
            return where
    raise FixError(f"{host} was read from a file, and cannot be changed")


def _rules(scope: Scope) -> tuple[LoadedRule, ...]:
    return load_rules() if scope.rules is None else scope.rules


def diagnosed(seen: Examination | Joined, scope: Scope) -> Diagnosis:
    """Diagnose what was seen, within a scope; what is joined already is not joined again."""
    joined = seen if isinstance(seen, Joined) else join(seen, declarations=scope.declarations)
    return diagnose(joined, _rules(scope), selection=scope.selection)


def _harmless(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", host)[:64]
