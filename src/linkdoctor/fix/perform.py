"""Carries out one action on an engine, proves it, and puts things back if it fails."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

import msgspec

from linkdoctor.collect.control import Control, ControlError, Raw, Seen, Unanswered
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.carrying import LARGEST, carry, made_by_engine
from linkdoctor.fix.guardian import Guardian, GuardianError
from linkdoctor.fix.interruption import come_to_an_end
from linkdoctor.fix.journal import Call, Journal, JournalError, JournalStep
from linkdoctor.fix.left_behind import Copies
from linkdoctor.fix.lock import Lock
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.pinning import is_port_taken, moved_ports, without_pins
from linkdoctor.fix.recovery import (
    Kept,
    Lost,
    NotGood,
    Patience,
    Recorder,
    Which,
    can_start,
    finish,
    keep_quiet,
    prove,
    put_back,
    restart_sharers,
    state_before,
    watch,
)
from linkdoctor.fix.recreation import (
    NEW_SUFFIX,
    Owner,
    Recreation,
    Surroundings,
    aside_name,
    is_aside,
    owner,
    recreation,
    shared_by,
    unrepeatable,
)
from linkdoctor.fix.reversible import stranded
from linkdoctor.fix.sharing import missing_owner
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
from linkdoctor.model.plan import Files

__all__ = ["Verify", "perform"]

T = TypeVar("T")

_MOST_KEPT = 50

Verify = Callable[[], str | None]
"""Looks at the concerned links again: None if they are clean, else what is still wrong, a clause
without a full stop."""


class _No(Exception):
    """The action is refused; nothing was changed."""


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """What all steps are carried out with."""

    control: Control
    journal: Journal
    verify: Verify
    keep_old: bool
    files: Files
    lock: Lock | None
    patience: Patience
    environment: Mapping[str, str]


def perform(
    action: Action,
    control: Control,
    journal: Journal,
    *,
    verify: Verify = lambda: None,
    keep_old: bool = False,
    files: Files = Files.KEEP,
    lock: Lock | None = None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Carry out one action and prove it.

    A recreation that fails is put back; the others leave what they did, for
    :func:`linkdoctor.fix.undo.undo`. Whatever is raised midway, a Ctrl-C too, a recreation is put
    back first.

    Args:
        action: what to do.
        control: the engine.
        journal: notes each call before it is made.
        verify: is asked after the action; a recreation is put back if it finds fault.
        keep_old: the old container of a recreation stays, stopped, with its restart policy off.
        files: what becomes of what the old container of a recreation wrote outside volumes.
        lock: of the engine; a guardian holds it as long as it has something to do.
        patience: how long things are waited for.
        environment: of the guardian, which needs ``DOCKER_*`` to find the engine.
    """
    environment = os.environ if environment is None else environment
    run = _Run(
        control=control,
        journal=journal,
        verify=verify,
        keep_old=keep_old,
        files=files,
        lock=lock,
        patience=patience,
        environment=environment,
    )
    try:
        return _carry_out(run, action)
    except (_No, EngineError, JournalError) as error:
        return _refused(action, str(error))


def _carry_out(run: _Run, action: Action) -> Outcome:
    match action:
        case Start():
            return _start(run, action)
        case Unpause():
            return _unpause(run, action)
        case Restart():
            return _restart(run, action)
        case Rename():
            return _rename(run, action)
        case SetRestartPolicy():
            return _set_policy(run, action)
        case ConnectNetwork():
            return _connect(run, action)
        case Recreate():
            return _recreate(run, action)


def _refused(action: Action, reason: str) -> Outcome:
    return Outcome(action=action, result=Result.NOT_FIXED, reason=reason)


# Steps of one call


def _start(run: _Run, action: Start) -> Outcome:
    seen = run.control.look(action.container)
    if seen.running:
        return _nothing_to_do(run, action, seen)
    act = partial(run.control.start, seen.id)
    return _one_call(run, action, seen, Call.START, "", act, prove_it=True)


def _unpause(run: _Run, action: Unpause) -> Outcome:
    seen = run.control.look(action.container)
    if seen.status != "paused":
        return _nothing_to_do(run, action, seen)
    act = partial(run.control.unpause, seen.id)
    return _one_call(run, action, seen, Call.UNPAUSE, "", act, prove_it=True)


def _restart(run: _Run, action: Restart) -> Outcome:
    seen = run.control.look(action.container)
    if seen.status == "paused":
        raise _No(f"{seen.name} is paused; unpause it first")
    for alias in seen.link_aliases:
        source = run.control.link(seen.name, alias)
        if source is None:
            raise _No(
                f"{seen.name} has a ghost link, {alias}: a restart would kill it; recreate it"
            )
        if not source.running:
            raise _No(
                f"{source.name}, the source of {seen.name}'s link {alias}, does not run: a restart "
                f"would kill {seen.name}; start the source first"
            )
    if why := missing_owner(run.control, seen.shares):
        raise _No(f"{seen.name} cannot be restarted: {why}")
    act = partial(run.control.restart, seen.id)
    sources = tuple(_live_sources(run.control, seen))
    return _one_call(
        run, action, seen, Call.RESTART, "", act, prove_it=True, interrupts=True, sources=sources
    )


def _rename(run: _Run, action: Rename) -> Outcome:
    seen = run.control.look(action.container)
    if seen.name == action.to:
        return _nothing_to_do(run, action, seen)
    owned = owner(run.control.inspect_raw(seen.id))
    if owned is not None:
        return _owned(action, seen, owned)
    act = partial(run.control.rename, seen.id, action.to)
    outcome = _one_call(run, action, seen, Call.RENAME, action.to, act)
    if outcome.result is Result.FIXED and seen.link_aliases:
        note = (
            f"Until the engine restarts, the hosts file of {action.to} does not follow when a "
            "source gets another address."
        )
        return msgspec.structs.replace(outcome, notes=(note,))
    return outcome


def _set_policy(run: _Run, action: SetRestartPolicy) -> Outcome:
    seen = run.control.look(action.container)
    if seen.restart_policy == action.policy:
        return _nothing_to_do(run, action, seen)
    act = partial(run.control.update_restart_policy, seen.id, action.policy)
    return _one_call(run, action, seen, Call.RESTART_POLICY, action.policy, act)


def _connect(run: _Run, action: ConnectNetwork) -> Outcome:
    seen = run.control.look(action.container)
    for name, identity, aliases in seen.networks:
        if action.network not in (name, identity):
            continue
        if set(action.aliases) <= set(aliases):
            return _nothing_to_do(run, action, seen)
        raise _No(f"{seen.name} is on {name} already, without these aliases; recreate it")
    endpoint: Raw = {"Aliases": list(action.aliases)} if action.aliases else {}
    act = partial(run.control.connect_network, action.network, seen.id, endpoint)
    return _one_call(run, action, seen, Call.CONNECT, action.network, act)


def _one_call(
    run: _Run,
    action: Action,
    seen: Seen,
    kind: Call,
    name: str,
    act: Callable[[], object],
    *,
    prove_it: bool = False,
    interrupts: bool = False,
    sources: tuple[str, ...] = (),
) -> Outcome:
    before = state_before(seen, sources)
    number = run.journal.begin(action, before, engine=run.control.engine_id())
    do = Recorder(run.journal, number)
    began = time.monotonic()
    took = 0.0
    notes: tuple[str, ...] = ()
    result, reason = Result.FIXED, ""
    try:
        do.call(kind, seen.id, name, act)
        took = time.monotonic() - began
        if prove_it:
            ill = prove(
                run.control, seen.id, run.patience, was_unhealthy=seen.health == "unhealthy"
            )
            notes = (_sentence(ill),) if ill else ()
        reason = run.verify() or ""
    except Unanswered as error:
        # The step stays open in the journal: whether it was done is for `resume` to find out.
        return Outcome(
            action=action,
            result=Result.NOT_FIXED,
            reason=str(error),
            step=number,
            container=seen.id,
        )
    except (EngineError, NotGood) as error:
        reason = str(error)
    except BaseException as interrupt:
        interrupt.add_note(
            f"{seen.name}: it was interrupted; the engine may go on with it: --resume "
            f"{run.journal.path} finds out"
        )
        raise
    if reason:
        result = Result.NOT_FIXED
    run.journal.end(number, result)
    return Outcome(
        action=action,
        result=result,
        reason=reason,
        notes=notes,
        step=number,
        container=seen.id,
        interrupted=took if interrupts else 0.0,
    )


def _nothing_to_do(run: _Run, action: Action, seen: Seen) -> Outcome:
    reason = run.verify()
    result = Result.NOT_FIXED if reason else Result.FIXED
    return Outcome(
        action=action,
        result=result,
        reason=reason or "",
        notes=("Nothing had to be changed.",),
        container=seen.id,
    )


def _live_sources(control: Control, target: Seen) -> Iterator[str]:
    """Yield the ids of the running containers without which a target cannot start.

    These are the sources of its links, and the owners of the namespaces that it shares.
    """
    sources = (control.link(target.name, alias) for alias in target.link_aliases)
    owners = (control.find(reference) for _, reference in target.shares)
    for each in (*owners, *sources):
        if each is not None and each.running:
            yield each.id


# Recreation


def _owned(action: Action, seen: Seen, owned: Owner) -> Outcome:
    whose = f"{owned.kind} project {owned.project}" if owned.project else owned.kind
    return Outcome(
        action=action,
        result=Result.NOT_FIXED,
        reason=f"{seen.name} belongs to {whose}, which would undo the change; use its own command",
        container=seen.id,
        owner=owned,
    )


def _dead_ends(control: Control, seen: Seen) -> Iterator[str]:
    """Yield the aliases of links with which the engine will not start a container again.

    They lead to a container that is gone, or that was replaced and is put aside.
    """
    for alias in seen.link_aliases:
        source = control.link(seen.name, alias)
        if source is None or is_aside(source.name):
            yield alias


class _Prepared(msgspec.Struct, frozen=True, kw_only=True):
    seen: Seen
    order: Recreation
    overlap: bool
    aside: str
    """The name under which the old container is put aside."""
    sources: tuple[str, ...]
    """The ids of what has to run for the new container to start, and for the old one."""
    unpinned: Recreation | None
    """The order without the host ports that are only kept if they are free; None without such."""
    starts: bool


def _recreate(run: _Run, action: Recreate) -> Outcome:
    raw = run.control.inspect_raw(action.container)
    seen = run.control.look(raw["Id"])
    owned = owner(raw)
    if owned is not None:
        return _owned(action, seen, owned)
    prepared = _prepare(run.control, action, raw, seen)
    if run.files is Files.CARRY:
        _refuse_too_large(run.control, seen)
    before = msgspec.structs.replace(
        state_before(seen, prepared.sources),
        aside=prepared.aside,
        stranded=stranded(_dead_ends(run.control, seen)),
    )
    if action.joins and not action.stays_down:
        # What shares its owner's processes was killed when the owner was replaced.
        before = msgspec.structs.replace(before, running=True)
    number = run.journal.begin(
        action,
        before,
        engine=run.control.engine_id(),
        keep_old=run.keep_old,
        overlap=prepared.overlap,
        files=run.files,
    )
    try:
        guardian = Guardian(
            run.control.where,
            run.journal.path,
            number,
            environment=run.environment,
            lock=run.lock,
            patience=run.patience,
        )
    except GuardianError as error:
        run.journal.end(number, Result.NOT_FIXED)
        return Outcome(action=action, result=Result.NOT_FIXED, reason=str(error), step=number)
    with guardian:
        outcome = _replace(run, action, prepared, number)
    if outcome.result is Result.NOT_FIXED and _step(run.journal, number).result == Result.UNDONE:
        # What could not be put back at once, the guardian has put back since.
        return msgspec.structs.replace(
            outcome, result=Result.UNDONE, notes=(), container=seen.id, kept=""
        )
    return outcome


def _prepare(control: Control, action: Recreate, raw: Raw, seen: Seen) -> _Prepared:
    """Find out beforehand all that can be found out; raises _No."""
    if (why := unrepeatable(raw)) is not None:
        raise _No(f"{seen.name} cannot be recreated: {why}")
    if is_aside(seen.name):
        raise _No(
            f"{seen.name} was put aside when its replacement was created; use --resume or --undo"
        )
    aside = _free_name(control, seen.name)
    image = control.image_raw(raw["Image"])
    if image is None:
        raise _No(f"{seen.name} cannot be recreated: its image is gone")
    by_name = control.image_raw(raw["Config"]["Image"])
    given = raw["HostConfig"].get("VolumesFrom") or ()
    lenders = {each.partition(":")[0] for each in given}
    around = Surroundings(
        api=control.api,
        host_name=control.host_name(),
        name_leads_to=None if by_name is None else by_name["Id"],
        image=image,
        gone=frozenset(each for each in lenders if control.find(each) is None),
    )
    try:
        order = recreation(raw, action, around)
        unpinned = recreation(raw, without_pins(action), around) if action.pinned else None
    except ValueError as error:
        raise _No(f"{seen.name} cannot be recreated: {error}") from None
    starts = seen.wanted_up or not action.stays_down
    if starts and (why := missing_owner(control, shared_by(order.body))):
        raise _No(f"{seen.name} cannot be recreated: {why}")
    owners = (control.find(reference) for _, reference in shared_by(order.body))
    sources = [each.id for each in owners if each is not None and each.running]
    for name in order.needs:
        source = control.find(name)
        if name == seen.name or (source is not None and source.id == seen.id):
            raise _No(f"{seen.name} would be linked to itself")
        if source is None:
            raise _No(f"there is no container {name} to link {seen.name} to")
        if starts and not source.running:
            raise _No(f"{name} does not run, and {seen.name} cannot start without it; start it")
        sources.append(source.id)
    sources += _live_sources(control, seen)
    # A container with a dead link could not be started again: it goes only when the new one runs.
    overlap = seen.running and not can_start(control, seen) and not _clashes(order)
    return _Prepared(
        seen=seen,
        order=order,
        overlap=overlap,
        aside=aside,
        sources=tuple(dict.fromkeys(sources)),
        unpinned=unpinned,
        starts=starts,
    )


def _free_name(control: Control, name: str) -> str:
    """Find a name to put a container aside under; one that was kept earlier keeps its own."""
    if control.find(name + NEW_SUFFIX) is not None:
        raise _No(
            f"{name}{NEW_SUFFIX} is there, from an earlier run: use --resume or --undo with its "
            "journal, or remove it"
        )
    for number in range(1, _MOST_KEPT + 1):
        aside = aside_name(name, number)
        kept = control.find(aside)
        if kept is None:
            return aside
        if kept.wanted_up or kept.restart_policy != "no":
            raise _No(
                f"{aside} is there, from an earlier run that was interrupted: use --resume or "
                "--undo with its journal, or remove it"
            )
    raise _No(f"{_MOST_KEPT} containers that {name} replaced are kept: remove some of them")


def _refuse_too_large(control: Control, seen: Seen) -> None:
    size: int | None = None
    with contextlib.suppress(EngineError):  # copying has its own deadline
        size = control.size_written(seen.id)
    if size is not None and size > LARGEST:
        raise _No(f"{seen.name} wrote {size >> 30} GiB outside volumes, which is too much to copy")


def _clashes(order: Recreation) -> bool:
    """Whether two such containers get into each other's way when both run."""
    host = order.body["HostConfig"]
    mode = host["NetworkMode"]
    own = order.body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    endpoints = [*own.values(), *(endpoint for _, endpoint in order.connect)]
    bindings = [each for found in host["PortBindings"].values() for each in found]
    return (
        mode == "host"
        or mode.startswith("container:")
        or bool(order.body.get("MacAddress"))
        or any(each.get("HostPort") not in ("", "0", None) for each in bindings)
        or any(each.get("IPAMConfig") or each.get("MacAddress") for each in endpoints)
        or any(not _read_only(each) for each in host["Binds"])
        or any(
            each.get("Type") in ("bind", "volume") and not each.get("ReadOnly")
            for each in host.get("Mounts") or ()
        )
        or bool(host["VolumesFrom"])
        or bool(host.get("Devices"))
    )


def _read_only(bind: str) -> bool:
    options = bind.split(":")[2:]
    return bool(options) and "ro" in options[0].split(",")


class _Clock:
    """How long nothing served under the name."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since: float | None = None

    def begin(self) -> None:
        self._since = self._since or time.monotonic()

    def end(self) -> None:
        if self._since is not None:
            self.seconds += time.monotonic() - self._since
            self._since = None


def _replace(run: _Run, action: Recreate, prepared: _Prepared, number: int) -> Outcome:
    do = Recorder(run.journal, number)
    clock = _Clock()
    try:
        up = _bring_up(run, action, prepared, do, clock)
        carried = up.copies is not None and up.copies.all_there
        run.journal.verified(number, up.id, carried=carried)
    except (EngineError, JournalError, NotGood) as error:
        return _fall_back(run, action, number, str(error), clock)
    except BaseException as interrupt:
        interrupt.add_note(come_to_an_end(run.control, run.journal, number, run.patience))
        raise
    notes = up.notes
    kept = Kept()
    try:
        kept = finish(run.control, _step(run.journal, number), do.relaxed(), up.copies)
        copied = up.copies.in_words() if up.copies is not None else ""
        notes = (*(_sentence(each) for each in (copied, *kept.notes) if each), *up.notes)
        run.journal.end(number, Result.FIXED, kept=kept.id)
    except (EngineError, JournalError) as error:
        notes = (
            *notes,
            f"The new container runs, but {prepared.aside} could not be put away "
            f"({error}): use --resume.",
        )
    except BaseException as interrupt:
        interrupt.add_note(come_to_an_end(run.control, run.journal, number, run.patience))
        raise
    return Outcome(
        action=action,
        result=Result.FIXED,
        notes=notes,
        step=number,
        container=up.id,
        kept=kept.id,
        interrupted=clock.seconds,
    )


def _sentence(clause: str) -> str:
    return (clause[:1].upper() + clause[1:] if clause.startswith("its ") else clause) + "."


class _Up(msgspec.Struct, frozen=True, kw_only=True):
    """The new container, which proved itself."""

    id: str
    copies: Copies | None = None
    """What was copied into it."""
    notes: tuple[str, ...] = ()
    """Sentences on what is not as it was."""


def _bring_up(run: _Run, action: Recreate, prepared: _Prepared, do: Recorder, clock: _Clock) -> _Up:
    """Put the new container in the old one's place, and prove it.

    The new one is created under its final name, since a rename would keep its hosts file from
    following its sources (engine lab); the old one makes way for it, running.
    """
    control, old, order = run.control, prepared.seen, prepared.order
    away = prepared.aside
    do.call(Call.RENAME, old.id, away, lambda: control.rename(old.id, away))
    new = _create(run, prepared, order, do)
    carry_over = _carrying(run, new, prepared)
    if old.wanted_up and not prepared.overlap:
        clock.begin()
        do.call(Call.STOP, old.id, "", lambda: control.stop(old.id))
    copies = carry_over()
    if not prepared.starts:
        return _Up(id=new, copies=copies)
    started, copies = _start_new(run, prepared, new, copies, do)
    clock.end()
    ill = prove(control, started, run.patience, was_unhealthy=old.health == "unhealthy")
    if fault := run.verify():
        raise NotGood(fault)
    notes = () if started == new else (moved_ports(action),)
    return _Up(id=started, copies=copies, notes=(*notes, *((_sentence(ill),) if ill else ())))


def _create(run: _Run, prepared: _Prepared, order: Recreation, do: Recorder) -> str:
    control, name = run.control, prepared.seen.name
    new = do.call(Call.CREATE, "", name, lambda: control.create(name, order.body))
    for network, endpoint in order.connect:
        do.call(Call.CONNECT, new, network, _connecting(control, network, new, endpoint))
    return new


def _carrying(run: _Run, new: str, prepared: _Prepared) -> Callable[[], Copies | None]:
    """Find out whether files can be copied into the new container; return what does it.

    What cannot be done is found out before the old container is stopped.
    """
    if run.files is not Files.CARRY:
        return lambda: None
    old = prepared.seen
    running = old.wanted_up and prepared.overlap
    made = _or_not_good(lambda: made_by_engine(run.control, new))

    def copied() -> Copies:
        found = _or_not_good(lambda: carry(run.control, old.id, new, made))
        return Copies(copied=found, running=running)

    return copied


def _or_not_good(act: Callable[[], T]) -> T:
    try:
        return act()
    except EngineError as error:
        raise NotGood(f"its files could not be carried over: {error}") from None


def _start_new(
    run: _Run, prepared: _Prepared, new: str, copies: Copies | None, do: Recorder
) -> tuple[str, Copies | None]:
    """Start the new container, without a port of the engine's choice if it is taken by now.

    Then it is another container, into which the files are copied as well.
    """
    control = run.control
    try:
        do.call(Call.START, new, "", lambda: control.start(new))
    except ControlError as error:
        if prepared.unpinned is None or not is_port_taken(str(error)):
            raise
        do.call(Call.REMOVE, new, "", lambda: control.remove(new, force=True))
        new = _create(run, prepared, prepared.unpinned, do)
        copies = _carrying(run, new, prepared)()
        do.call(Call.START, new, "", lambda: control.start(new))
    return new, copies


def _connecting(control: Control, network: str, new: str, endpoint: Raw) -> Callable[[], None]:
    return lambda: control.connect_network(network, new, endpoint)


def _fall_back(run: _Run, action: Recreate, number: int, reason: str, clock: _Clock) -> Outcome:
    """Put the old container back; where that fails, the guardian goes on trying."""
    step = _step(run.journal, number)
    do = Recorder(run.journal, number, strict=False)
    ran = step.before.running
    if ran and step.called(Call.STOP):
        clock.begin()
    try:
        ended = put_back(run.control, step, do, run.patience)
        ended = watch(run.control, step, do, run.patience) or ended
        ended = restart_sharers(run.control, step, do, ended)
    except (EngineError, Lost) as error:
        return Outcome(
            action=action,
            result=Result.NOT_FIXED,
            reason=reason,
            notes=(
                f"The old container could not be put back ({error}). It is tried again for a while "
                f"in the background; then use --resume with {run.journal.path}.",
            ),
            step=number,
        )
    clock.end()
    if ended.which is Which.OLD:
        _end(run.journal, number, Result.UNDONE)
        return Outcome(
            action=action,
            result=Result.UNDONE,
            reason=reason,
            notes=tuple(f"{each}." for each in ended.notes),
            step=number,
            container=step.before.id,
            interrupted=clock.seconds,
        )
    with contextlib.suppress(EngineError):
        keep_quiet(run.control, step, do)
    _end(run.journal, number, Result.NOT_FIXED, kept=step.before.id)
    return Outcome(
        action=action,
        result=Result.NOT_FIXED,
        reason=reason,
        notes=(
            *(f"{each}." for each in ended.notes),
            f"The new container was left in its place; {step.before.away} is kept.",
        ),
        step=number,
        container=step.new_id,
        kept=step.before.id,
        interrupted=clock.seconds,
    )


def _step(journal: Journal, number: int) -> JournalStep:
    return next(each for each in journal.steps() if each.number == number)


def _end(journal: Journal, number: int, result: Result, *, kept: str = "") -> None:
    try:
        journal.end(number, result, kept=kept)
    except JournalError:
        pass  # the guardian finds the step open, and nothing left to do
