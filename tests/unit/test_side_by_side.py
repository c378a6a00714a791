"""Restarts side by side: which may be, and what becomes of each."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest

from linkdoctor.collect.control import Control, ControlError, Seen, Unanswered
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.journal import (
    Call,
    Entry,
    Event,
    Journal,
    JournalError,
    JournalStep,
    read,
    steps,
)
from linkdoctor.fix.lock import Lock
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.overlap import MOST_AT_ONCE, side_by_side
from linkdoctor.fix.plan import plan
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.restarting import Faults, restart_side_by_side
from linkdoctor.fix.run import Answer, Done, EngineSession, carry_out
from linkdoctor.fix.undo import resume
from linkdoctor.model.actions import Rename, Restart
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.plan import Step
from linkdoctor.model.report import Report, Safety
from linkdoctor.model.snapshot import Container, Details, Endpoint
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.world import World

from .test_plan import planned, reported

LONGEST = 20.0
AT_ONCE = Patience(steady=0.0, glance=0.001)
FOUR = ("web1", "web2", "web3", "web4")


# --- which restarts may run side by side ------------------------------------------------------


def targets(*names: str) -> World:
    """A source that moved, and targets that have to be restarted for it."""
    world = World().run("app", expose=[5000], listen=[5000])
    for name in names:
        world = world.run(name, link="app:helloapp")
    return world


def groups(
    world: World, most: int = MOST_AT_ONCE, *, change: Callable[[Details], Details] | None = None
) -> list[list[str]]:
    """The restarts of a world's plan, as they are carried out: those in one list side by side.

    `change` is made to `web1` and `web2`.
    """
    snapshot = world.snapshot()
    if change is not None:
        containers = tuple(
            msgspec.structs.replace(each, details=Known(change(known_details(each)), "inspect"))
            if each.name in ("web1", "web2")
            else each
            for each in snapshot.containers
        )
        snapshot = msgspec.structs.replace(snapshot, containers=containers)
    topology = Topology([snapshot])
    todo = plan(reported(topology), topology, allow=Safety.RESTART)
    found: list[list[str]] = []
    place = 0
    while place < len(todo.steps):
        number = side_by_side(todo, topology, most, place)
        found.append([each.action.container for each in todo.steps[place : place + number]])
        place += number
    return found


def test_targets_of_one_source_restart_side_by_side_and_no_more_than_allowed() -> None:
    world = targets(*FOUR, "web5", "web6").move("app")
    assert groups(world) == [list(FOUR), ["web5", "web6"]]
    assert groups(world, 1) == [[each] for each in (*FOUR, "web5", "web6")]


def test_a_source_and_its_target_restart_one_after_the_other() -> None:
    world = targets("web1").run("web2", link=["app:helloapp", "web1:web1"]).move("app")
    assert groups(world) == [["web1"], ["web2"]]


def test_what_someone_else_is_linked_to_restarts_alone() -> None:
    world = targets(*FOUR).run("proxy", link=["web2:back", "web3:front"]).move("app")
    assert groups(world) == [["web1"], ["web2"], ["web3"], ["web4"]]


@pytest.mark.parametrize("namespace", ["network", "pid"])
def test_the_owner_of_shared_namespaces_and_its_sharer_restart_alone(namespace: str) -> None:
    world = targets(*FOUR)
    if namespace == "pid":
        world = world.run("zsharer", pid="container:web2")
    else:
        world = world.run("zsharer", mode="container:web2")
    assert groups(world.move("app")) == [["web1"], ["web2"], ["web3", "web4"], ["zsharer"]]


def known_details(container: Container) -> Details:
    assert isinstance(container.details, Known)
    return container.details.value


def on_one_network(details: Details) -> Details:
    endpoints = (*details.endpoints, Endpoint(network="shop", address="172.30.0.9"))
    return msgspec.structs.replace(details, endpoints=endpoints)


def mounting(*words: str) -> Callable[[Details], Details]:
    def mounted(details: Details) -> Details:
        assert isinstance(details.setup, Known)
        setup = details.setup.value
        setup = msgspec.structs.replace(setup, options=(*setup.options, *words))
        return msgspec.structs.replace(details, setup=Known(setup, "inspect"))

    return mounted


@pytest.mark.parametrize(
    "change",
    [
        on_one_network,
        mounting("--volume", "sockets:/run/app"),
        mounting("--mount", "type=bind,source=/srv,target=/data"),
        mounting("--volumes-from", "keeper"),
    ],
)
def test_what_may_depend_on_one_another_unseen_restarts_one_after_the_other(
    change: Callable[[Details], Details],
) -> None:
    found = groups(targets(*FOUR).move("app"), change=change)
    assert found == [["web1"], ["web2", "web3", "web4"]]


def test_what_is_not_known_restarts_alone() -> None:
    def unseen(details: Details) -> Details:
        missing = Unknown(gap=Gap.NOT_COLLECTED, detail="not asked for")
        return msgspec.structs.replace(details, setup=missing)

    found = groups(targets(*FOUR).move("app"), change=unseen)
    assert found == [["web1"], ["web2"], ["web3", "web4"]]


def test_a_container_whose_address_another_one_holds_restarts_alone() -> None:
    world = targets(*FOUR)
    web2 = next(each for each in world.snapshot().containers if each.name == "web2")
    held = known_details(web2).endpoints[0].address
    world = world.run("caller", env={"PEER_URL": f"http://{held}:80/"}).move("app")
    assert groups(world) == [["web1"], ["web2"], ["web3", "web4"]]


def test_a_port_that_the_engine_chooses_is_not_chosen_beside_others() -> None:
    world = targets("web1", "web3").run(
        "web2", link="app:helloapp", publish={80: 32768}, ephemeral=True
    )
    assert groups(world.move("app")) == [["web1"], ["web2"], ["web3"]]


def test_a_renaming_in_the_plan_keeps_restarts_apart() -> None:
    found = planned(targets(*FOUR).move("app"), allow=Safety.RESTART)
    topology = Topology([targets(*FOUR).move("app").snapshot()])
    assert side_by_side(found, topology, 4, 0) == 4
    renaming = msgspec.structs.replace(
        found.steps[-1], number=9, action=Rename(container="old", to="new")
    )
    more = msgspec.structs.replace(found, steps=(*found.steps, renaming))
    assert side_by_side(more, topology, 4, 0) == 1


def test_a_step_that_needs_another_one_is_not_beside_it() -> None:
    world = targets(*FOUR).move("app")
    topology = Topology([world.snapshot()])
    found = planned(world, allow=Safety.RESTART)
    one, two, three, four = found.steps
    needy = msgspec.structs.replace(three, after=(two.number,))
    assert (
        side_by_side(msgspec.structs.replace(found, steps=(one, two, needy, four)), topology, 4, 0)
        == 2
    )


# --- what becomes of each ---------------------------------------------------------------------


class FakeControl:
    """An engine whose containers take as long to restart as a test wants."""

    where = None

    def __init__(self, restarting: Callable[[str], None] = lambda _: None) -> None:
        self._restarting = restarting
        self.restarted: set[str] = set()

    def engine_id(self) -> str:
        return "engine"

    def look(self, container: str) -> Seen:
        return Seen(
            id=container,
            name=container,
            status="running",
            running=True,
            started_at="2" if container in self.restarted else "1",
        )

    def find(self, container: str) -> Seen | None:
        return self.look(container)

    def names(self) -> dict[str, str]:
        return {}

    def restart(self, container: str) -> None:
        self._restarting(container)
        self.restarted.add(container)


def healthy(places: Sequence[int]) -> Iterable[tuple[int, str | None]]:
    return [(place, None) for place in places]


def restarted(
    control: FakeControl, path: Path, *, faults: Faults = healthy, names: Sequence[str] = FOUR
) -> tuple[Outcome, ...]:
    with Journal(path) as journal:
        return restart_side_by_side(
            [Restart(container=name) for name in names],
            cast(Control, control),
            journal,
            faults=faults,
            patience=AT_ONCE,
        )


def journaled(path: Path) -> tuple[JournalStep, ...]:
    return steps(read(path))


def test_all_stops_are_under_way_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(len(FOUR))

    def restarting(_: str) -> None:
        together.wait(LONGEST)

    control = FakeControl(restarting)
    outcomes = restarted(control, tmp_path / "journal")
    assert [each.result for each in outcomes] == [Result.FIXED] * 4
    assert [each.action.container for each in outcomes] == list(FOUR)
    assert control.restarted == set(FOUR)


def test_each_request_is_noted_before_it_is_made_and_after_it_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    asked: dict[str, list[Entry]] = {}
    restarted(FakeControl(lambda name: asked.update({name: list(read(path))})), path)
    for name, before in asked.items():
        own = [each for each in before if each.container == name]
        assert [each.event for each in own] == [Event.BEFORE]
        assert any(each.before is not None and each.before.id == name for each in before)
    for step in journaled(path):
        assert [(each.event, each.call) for each in step.calls] == [
            (Event.BEFORE, Call.RESTART),
            (Event.AFTER, Call.RESTART),
        ]
        assert (step.result, step.before.started_at) == ("fixed", "1")


def test_one_that_fails_does_not_hinder_the_others(tmp_path: Path) -> None:
    path = tmp_path / "journal"

    def restarting(name: str) -> None:
        if name == "web2":
            raise ControlError("driver failed", 500)
        if name == "web3":
            raise Unanswered("no answer")

    outcomes = restarted(FakeControl(restarting), path)
    assert [(each.result, each.reason) for each in outcomes] == [
        (Result.FIXED, ""),
        (Result.NOT_FIXED, "driver failed (status 500)"),
        (Result.NOT_FIXED, "no answer"),
        (Result.FIXED, ""),
    ]
    first, refused, unanswered, last = journaled(path)
    assert (first.result, refused.result, last.result) == ("fixed", "not-fixed", "fixed")
    assert refused.calls[-1].failed
    assert unanswered.open, "whether it was done is for --resume to find out"
    assert unanswered.unanswered is not None


def test_one_that_may_not_be_restarted_is_never_begun(tmp_path: Path) -> None:
    class Paused(FakeControl):
        def look(self, container: str) -> Seen:
            seen = super().look(container)
            return msgspec.structs.replace(seen, status="paused") if container == "web1" else seen

    control = Paused()
    outcomes = restarted(control, tmp_path / "journal")
    assert (outcomes[0].step, outcomes[0].reason) == (None, "web1 is paused; unpause it first")
    assert control.restarted == {"web2", "web3", "web4"}
    assert [each.before.name for each in journaled(tmp_path / "journal")] == [
        "web2",
        "web3",
        "web4",
    ]


def test_one_that_ends_again_is_not_fixed_and_no_fault_of_it_is_looked_for(tmp_path: Path) -> None:
    class Ending(FakeControl):
        def look(self, container: str) -> Seen:
            ended = container == "web4" and container in self.restarted
            seen = super().look(container)
            return msgspec.structs.replace(seen, running=not ended, exit_code=3 * ended)

    looked: list[Sequence[int]] = []

    def faults(places: Sequence[int]) -> Iterator[tuple[int, str | None]]:
        looked.append(places)
        yield from (
            (place, "LD201 web2/db is still there" if place == 1 else None) for place in places
        )

    outcomes = restarted(Ending(), tmp_path / "journal", faults=faults)
    assert looked == [(0, 1, 2)]
    assert [each.reason for each in outcomes] == [
        "",
        "LD201 web2/db is still there",
        "",
        "it ended at once, with exit code 3",
    ]


def test_an_interrupt_leaves_open_steps_says_which_and_notes_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    go_on, under_way = threading.Event(), threading.Barrier(len(FOUR))

    def restarting(name: str) -> None:
        if under_way.wait(LONGEST) == 0:
            _thread.interrupt_main()
        go_on.wait(LONGEST)

    control = FakeControl(restarting)
    with pytest.raises(KeyboardInterrupt) as raised:
        restarted(control, path)
    try:
        assert [each.partition(":")[0] for each in raised.value.__notes__] == list(FOUR)
        assert all(f"--resume {path} finds out" in each for each in raised.value.__notes__)
        noted = path.read_bytes()
        assert all(each.open and each.unanswered is not None for each in journaled(path))
    finally:
        go_on.set()
        for each in threading.enumerate():
            if each.name == "linkdoctor-restart":
                each.join(LONGEST)
    assert control.restarted == set(FOUR)
    assert path.read_bytes() == noted
    with Journal(path, continued=True) as journal:
        outcomes = resume(journal, cast(Control, control), patience=AT_ONCE)
    assert [each.result for each in outcomes] == [Result.FIXED] * 4
    assert not any(each.open for each in journaled(path))


def test_an_interrupt_while_faults_are_looked_for_names_only_what_is_not_over(
    tmp_path: Path,
) -> None:
    def faults(places: Sequence[int]) -> Iterator[tuple[int, str | None]]:
        yield places[0], None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        restarted(FakeControl(), tmp_path / "journal", faults=faults)
    assert [each.partition(":")[0] for each in raised.value.__notes__] == ["web2", "web3", "web4"]
    first, *others = journaled(tmp_path / "journal")
    assert first.result == "fixed"
    assert all(each.open for each in others)


def test_a_full_disk_leaves_no_request_unnoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = FakeControl()
    with Journal(tmp_path / "journal") as journal:

        def full(*_: object, **__: object) -> None:
            raise JournalError("the disk is full")

        monkeypatch.setattr(journal, "before", full)
        outcomes = restart_side_by_side(
            [Restart(container=name) for name in FOUR],
            cast(Control, control),
            journal,
            faults=healthy,
            patience=AT_ONCE,
        )
    assert control.restarted == set()
    assert {each.reason for each in outcomes} == {"the disk is full"}


# --- as steps of a plan -----------------------------------------------------------------------


class Bench:
    """A plan of four restarts that may run side by side, and one that needs the second."""

    def __init__(self, tmp_path: Path, control: FakeControl) -> None:
        self.topology = Topology([targets(*FOUR).move("app").snapshot()])
        found = plan(reported(self.topology), self.topology, allow=Safety.RESTART)
        last = msgspec.structs.replace(
            found.steps[-1], number=5, after=(2,), action=Restart(container="late"), fixes=()
        )
        self.todo = msgspec.structs.replace(found, steps=(*found.steps, last))
        self.path = tmp_path / "journal"
        self.control = control
        self.examined = 0
        self.told: list[str] = []

    def examine(self, _: str) -> Report:
        self.examined += 1
        return msgspec.structs.replace(reported(self.topology), findings=(), skipped=())

    def on_step(self, step: Step, done: Done | None) -> None:
        self.told.append(f"{step.number} {'begins' if done is None else done.result}")

    def carry_out(self, confirm: Callable[[Step], Answer] = lambda _: Answer.YES) -> list[Done]:
        with Journal(self.path) as journal:
            hand = EngineSession(
                control=cast(Control, self.control), journal=journal, lock=cast(Lock, None)
            )
            done = carry_out(
                self.todo,
                {each.host: hand for each in self.todo.steps},
                self.examine,
                confirm=confirm,
                on_step=self.on_step,
                side_by_side=lambda first: side_by_side(self.todo, self.topology, 4, first),
                patience=AT_ONCE,
                settle=0.0,
                environment={},
            )
        return list(done)


def test_steps_side_by_side_are_examined_together_and_told_in_their_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeControl())
    done = bench.carry_out()
    assert [each.result for each in done] == [Result.FIXED] * 5
    assert bench.examined == 1
    first = [f"{number} begins" for number in (1, 2, 3, 4)]
    then = [f"{number} fixed" for number in (1, 2, 3, 4)]
    assert bench.told == [*first, *then, "5 begins", "5 fixed"]
    assert [each.irreversible for each in done] == ["a restart leaves nothing to take back"] * 5


def test_what_needs_a_failed_step_is_left_out(tmp_path: Path) -> None:
    def restarting(name: str) -> None:
        if name == "web2":
            raise ControlError("driver failed", 500)

    done = Bench(tmp_path, FakeControl(restarting)).carry_out()
    assert [each.result for each in done] == [
        Result.FIXED,
        Result.NOT_FIXED,
        Result.FIXED,
        Result.FIXED,
        None,
    ]
    assert done[-1].reason == "step 2, which it needs, was not carried out"


@pytest.mark.parametrize(
    ("answer", "begun"), [(Answer.NO, {"web1", "web3", "web4"}), (Answer.STOP, {"web1"})]
)
def test_only_what_is_wanted_runs(tmp_path: Path, answer: Answer, begun: set[str]) -> None:
    control = FakeControl()
    bench = Bench(tmp_path, control)
    done = bench.carry_out(lambda step: answer if step.number == 2 else Answer.YES)
    assert control.restarted == begun
    assert next(each.reason for each in done if each.result is None) == "declined"
    assert [each.step.number for each in done] == [1, 2, 3, 4, 5]


def test_an_examination_that_fails_leaves_each_restart_not_fixed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeControl())

    def examine(_: str) -> Report:
        raise EngineError("the engine no longer answers")

    bench.examine = examine  # type: ignore[method-assign]
    done = bench.carry_out()
    assert [each.reason for each in done[:4]] == ["the engine no longer answers"] * 4
    assert not any(each.open for each in journaled(bench.path))
