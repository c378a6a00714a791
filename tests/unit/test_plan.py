"""From a report to ordered steps."""

from __future__ import annotations

import pytest

from linkdoctor.diagnose import diagnose
from linkdoctor.fix.plan import Plan, plan
from linkdoctor.model.actions import Recreate
from linkdoctor.model.report import Safety, Severity
from linkdoctor.model.snapshot import Status, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.model.world import World
from linkdoctor.registry import load_rules

RULES = [loaded.rule for loaded in load_rules()]
TOOL = Tool(name="linkdoctor", version="0")


def planned(*worlds: World, allow: Safety = Safety.RECREATE) -> Plan:
    """The plan for what is wrong in worlds."""
    topology = Topology([world.snapshot() for world in worlds])
    report = diagnose(topology, RULES, tool=TOOL, taken_at="2026-01-01T12:00:00Z")
    return plan(report, topology, allow=allow)


def steps(found: Plan) -> list[tuple[str, str]]:
    """The steps in short."""
    return [(type(each.action).__name__, each.action.container) for each in found.steps]


def test_a_healthy_world_needs_nothing() -> None:
    found = planned(World.tutorial())
    assert (found.steps, found.advice) == ((), ())


def test_one_restart_serves_every_link_of_a_target() -> None:
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("db", expose=[5432], listen=[5432])
        .run("web", link=["app:helloapp", "db:db"])
        .move("app")
        .move("db")
    )
    found = planned(world)
    assert steps(found) == [("Restart", "web")]
    assert len(found.steps[0].fingerprints) == 2


def test_a_source_is_started_before_its_target_is_restarted() -> None:
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("db", expose=[5432], listen=[5432])
        .run("web", link=["app:helloapp", "db:db"])
        .move("app")
        .stop("db")
    )
    found = planned(world)
    assert steps(found) == [("Start", "db"), ("Restart", "web")]
    assert found.steps[1].after == (1,)


def test_a_target_with_a_ghost_is_recreated_and_not_restarted() -> None:
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("db", expose=[5432], listen=[5432])
        .run("web", link=["app:helloapp", "db:db"])
        .move("app")
        .recreate("db")
    )
    assert steps(planned(world)) == [("Recreate", "web")]


@pytest.mark.parametrize("allow", [Safety.SAFE, Safety.RESTART])
def test_what_is_not_allowed_is_advice_that_says_so(allow: Safety) -> None:
    found = planned(World.tutorial().recreate("app"), allow=allow)
    assert found.steps == ()
    assert [each.reason for each in found.advice] == ["it takes --allow recreate"]


def test_a_container_of_compose_is_left_to_its_owner() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", labels=labels)
        .recreate("app")
    )
    found = planned(world)
    assert not any(isinstance(each.action, Recreate) for each in found.steps)
    assert any(
        "docker compose" in command
        for each in found.advice
        for _, commands in each.fixes
        for command in commands
    )


def test_a_paused_source_needs_no_more_than_that() -> None:
    world = World.tutorial().change("app", status=Status.PAUSED)
    found = planned(world)
    assert steps(found) == [("Unpause", "app")]
    assert found.steps[0].safety is Safety.SAFE
    assert found.steps[0].interrupts == ()


def test_the_same_state_gives_the_same_plan() -> None:
    def world() -> World:
        built = World()
        for number in range(12):
            built.run(f"app{number}", expose=[5000], listen=[5000])
            built.run(f"web{number}", link=[f"app{number}:a", f"app{number // 2}:b"])
        for number in range(0, 12, 3):
            built.recreate(f"app{number}")
        for number in range(1, 12, 3):
            built.move(f"app{number}")
        return built

    assert planned(world()) == planned(world())


def test_every_fix_that_is_not_for_a_person_can_be_carried_out() -> None:
    """Commands without an action are for a person: nothing is executed from a text."""
    for loaded in load_rules():
        for case in loaded.rule.cases:
            topology = Topology(case.given(), case.knowledge)
            report = diagnose(topology, [loaded.rule], tool=TOOL, taken_at="2026-01-01T12:00:00Z")
            for finding in report.findings:
                for fix in finding.fixes:
                    if fix.safety is Safety.MANUAL:
                        assert not fix.actions, (finding.code, fix.title)
                    if fix.actions:
                        assert fix.commands, (finding.code, fix.title)


def test_remarks_are_left_alone_unless_asked_for() -> None:
    world = World(engine="28.5.2").run("app", expose=[80], listen=[80]).run("web", link="app:x")
    topology = Topology([world.snapshot()])
    report = diagnose(topology, RULES, tool=TOOL, taken_at="2026-01-01T12:00:00Z")
    assert {each.severity for each in report.findings} == {Severity.INFO}
    assert plan(report, topology).steps == ()
