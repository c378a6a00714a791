"""From a report to ordered steps."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.fix.plan import plan
from linkdoctor.model.actions import Recreate
from linkdoctor.model.links import StoredLink
from linkdoctor.model.plan import Plan
from linkdoctor.model.report import Fix, Report, Safety, Severity
from linkdoctor.model.snapshot import Status, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Rule
from linkdoctor.rulekit.world import World

RULES = [loaded.rule for loaded in load_rules()]
TOOL = Tool(name="linkdoctor", version="0")


def reported(topology: Topology, rules: Sequence[Rule] = RULES) -> Report:
    """What rules say of a topology."""
    return diagnose(topology, rules, tool=TOOL, taken_at="2026-01-01T12:00:00Z")


def planned(*worlds: World, allow: Safety = Safety.RECREATE) -> Plan:
    """The plan for what is wrong in worlds."""
    topology = Topology([world.snapshot() for world in worlds])
    report = reported(topology)
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
    assert [each.reason for each in found.advice] == ["requires --allow recreate"]


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


def test_the_time_that_a_container_is_given_to_stop_is_told() -> None:
    world = World.tutorial().move("app")
    assert [each.seconds for each in planned(world).steps] == [10]
    world.change("web", stop_timeout=45)
    assert [each.seconds for each in planned(world).steps] == [45]


def test_ports_of_the_engines_choice_are_pinned_unless_told_otherwise() -> None:
    # Until 0.1 it was the other way round: a replaced container lost its public port.
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", publish={80: 32768}, ephemeral=True)
        .recreate("app")
    )
    topology = Topology([world.snapshot()])
    report = reported(topology)
    (step,) = plan(report, topology, pin_ports=False).steps
    assert isinstance(step.action, Recreate)
    assert step.action.published is None
    assert step.notes == ("its public port 32768 will change",)
    (step,) = plan(report, topology).steps
    assert isinstance(step.action, Recreate)
    assert step.action.published is not None
    assert {(each.host_port, each.ephemeral) for each in step.action.published} == {(32768, False)}
    assert {(each.host_port, each.ephemeral) for each in step.action.pinned} == {(32768, True)}
    assert step.notes == ("keeps its public port 32768, if still free",)


def test_a_fixed_port_needs_no_word() -> None:
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", publish={80: 8080})
    )
    (recreated,) = planned(world.recreate("app")).steps
    assert isinstance(recreated.action, Recreate)
    assert (recreated.notes, recreated.action.published, recreated.action.pinned) == ((), None, ())


def test_a_restart_moves_a_port_of_the_engines_choice() -> None:
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", publish={80: 32770, 81: 32771}, ephemeral=True)
    )
    (step,) = planned(world.move("app")).steps
    assert step.notes == ("its public ports 32770, 32771 will change",)


FOR_A_PERSON_ONLY = {
    ("LD109", "reconnect web to network "): "it has to leave the network first",
    ("LD109", "connect web to network "): "its links have to be given with the connection",
    ("LD301", "reconnect app to network "): "it has to leave the network first",
    ("LD207", "create the network "): "it takes a new network",
    ("LD605", "create the network "): "it takes a new network",
    ("LD304", "recreate web (without "): "only a person knows which of the two is meant",
}
"""Fixes with commands that linkdoctor does not carry out, and why."""


def test_every_fix_that_is_not_for_a_person_can_be_carried_out() -> None:
    """Commands without an action are for a person: nothing is executed from a text."""
    excepted: set[tuple[str, str]] = set()
    for loaded in load_rules():
        for case in loaded.rule.cases:
            topology = Topology(case.given(), case.knowledge)
            report = reported(topology, [loaded.rule])
            for finding in report.findings:
                for fix in finding.fixes:
                    about = (finding.code, fix.title)
                    if fix.safety is Safety.MANUAL:
                        assert not fix.actions, about
                    elif not fix.commands:
                        # Neither linkdoctor nor the engine would do it: the plan says why.
                        refused = plan(report, topology).advice
                        assert not fix.actions or finding.fingerprint in {
                            each.fingerprint for each in refused
                        }, about
                    elif fix.title.startswith("by hand: ") and not fix.actions:
                        # Beside it stands the same as linkdoctor does it.
                        assert any(each.actions for each in finding.fixes), about
                    elif not fix.actions and "through its Compose project" not in fix.title:
                        known = [
                            each
                            for each in FOR_A_PERSON_ONLY
                            if each[0] == finding.code and fix.title.startswith(each[1])
                        ]
                        assert known, about
                        excepted.update(known)
    assert excepted == FOR_A_PERSON_ONLY.keys(), "an exception that is no longer needed"


def test_the_targets_of_a_source_that_is_replaced_are_replaced_after_it() -> None:
    world = (
        World(icc=False)
        .run("app", expose=[5000], listen=[5000, 9000])
        .run("web", link="app:api", env={"API_URL": "http://api:9000/"})
        .run("shop", link="web:web")
    )
    found = planned(world)
    assert steps(found) == [("Recreate", "app"), ("Recreate", "web"), ("Recreate", "shop")]
    app, web, shop = found.steps
    assert isinstance(app.action, Recreate)
    assert [str(each) for each in app.action.expose] == ["9000/tcp"]
    assert (web.after, shop.after) == ((1,), (2,))
    assert shop.reason == "its link to web, which is replaced, would be a ghost."
    assert (app.fixes, web.fixes != ()) == ((), True)


def test_what_a_replaced_source_broke_is_looked_for_when_its_target_is_replaced_too() -> None:
    """In between, the target's link leads to the source that was put aside."""
    world = (
        World()
        .run("db", expose=[5432], listen=[5432])
        .run("app", link=["db:db"], expose=[5000], listen=[5000])
        .run("web", link=["app:helloapp"])
        .recreate("db")
        .stop("app")
    )
    found = planned(world)
    assert steps(found) == [("Recreate", "app"), ("Recreate", "web")]
    app, web = found.steps
    assert [each.partition("@")[0] for each in web.codes] == ["LD101"]
    assert set(web.fixes) == set(web.fingerprints)
    assert not set(app.fixes) & set(web.fixes)


def test_a_source_is_not_replaced_where_compose_owns_a_target_of_it() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "other"}
    world = (
        World(icc=False)
        .run("app", expose=[5000], listen=[5000, 9000])
        .run("web", link="app:api", env={"API_URL": "http://api:9000/"})
        .run("other", link="app:app", labels=labels)
    )
    found = planned(world)
    assert steps(found) == []
    assert [each.code for each in found.advice] == ["LD504"]


def test_a_stopped_target_of_a_replaced_source_is_left_alone() -> None:
    world = (
        World(icc=False)
        .run("app", expose=[5000], listen=[5000, 9000])
        .run("web", link="app:api", env={"API_URL": "http://api:9000/"})
        .run("old", link="app:app")
        .stop("old")
    )
    assert steps(planned(world)) == [("Recreate", "app"), ("Recreate", "web")]


def test_a_restart_that_a_replacement_makes_needless_disappears() -> None:
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("db", expose=[5432], listen=[5432])
        .run("web", link=["app:helloapp", "db:db"])
        .move("app")
        .recreate("db")
    )
    found = planned(world)
    assert steps(found) == [("Recreate", "web")]
    assert found.steps[0].codes == ("LD102", "LD201")
    assert len(found.steps[0].fixes) == 2


def test_a_source_that_is_gone_is_for_a_person_to_create() -> None:
    found = planned(World.tutorial().remove("app"))
    assert found.steps == ()
    assert found.advice[0].reason == "there is no container app on host1 to link web to"


def test_a_circle_of_links_has_an_end() -> None:
    world = (
        World()
        .run("app", expose=[80], listen=[80])
        .run("web", link="app:app", expose=[80], listen=[80])
        .recreate("app")
    )
    snapshot = world.snapshot()
    circle = Recreate(container="app", links=(StoredLink("web", "web"),))
    topology = Topology([snapshot])
    report = reported(topology)
    fix = Fix(title="x", safety=Safety.RECREATE, commands=("x",), actions=(circle,))
    finding = msgspec.structs.replace(
        report.findings[0], fixes=(fix,), fingerprint="circle", target="app"
    )
    report = msgspec.structs.replace(report, findings=(*report.findings, finding))
    found = plan(report, topology)
    assert sorted(steps(found)) == [("Recreate", "app"), ("Recreate", "web")]
    assert found == plan(report, topology)


def test_remarks_are_left_alone_unless_asked_for() -> None:
    world = World(engine="28.5.2").run("app", expose=[80], listen=[80]).run("web", link="app:x")
    topology = Topology([world.snapshot()])
    report = reported(topology)
    assert {each.severity for each in report.findings} == {Severity.INFO}
    assert plan(report, topology).steps == ()
