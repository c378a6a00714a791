"""One decision: may a container start anew, and what comes before it and after it?"""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.model.actions import Action, Recreate, Restart, Start
from linkdoctor.model.report import Safety
from linkdoctor.model.snapshot import Status, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Rule
from linkdoctor.rulekit.expansion import Expansion, Obstacle, expand
from linkdoctor.rulekit.fixes import recreate, restart_target
from linkdoctor.rulekit.tasks import Role
from linkdoctor.rulekit.world import World

from .agreement import disagreements, typed_steps

RULES = [loaded.rule for loaded in load_rules()]
TOOL = Tool(name="linkdoctor", version="0")
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
NO_PROGRAM = 'OCI runtime create failed: exec: "…": executable file not found in $PATH: unknown'


def expanded(world: World, *actions: Action, allow: Safety = Safety.RECREATE) -> Expansion:
    return expand(Topology([world.snapshot()]), "host1", *actions, allow=allow)


def steps(world: World, *actions: Action) -> list[tuple[str, str, Role]]:
    topology = Topology([world.snapshot()])
    placed = expand(topology, "host1", *actions).tasks(topology)
    return [(type(each.action).__name__, each.action.container, each.role) for _, each in placed]


def chain() -> World:
    """`web` is linked to `app`, which is linked to `db`."""
    return (
        World()
        .run("db", expose=[5432], listen=[5432])
        .run("app", link="db:db", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp")
    )


# What is printed and what is planned


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.code)
def test_printed_and_planned_steps_agree_in_the_cases_of_a_rule(rule: Rule) -> None:
    for case in rule.cases:
        topology = Topology(case.given(), case.knowledge)
        report = diagnose(topology, [rule], tool=TOOL, taken_at="2026-01-01T12:00:00Z")
        assert disagreements(report, topology) == (), case.title


def test_a_recreation_that_is_typed_is_one_step() -> None:
    commands = (
        "docker start db",
        "docker rename web web-before",
        "docker update --restart no web-before",
        "docker stop web-before",
        "docker create --name web image",
        "docker network connect back web",
        "docker start web",
        "docker network connect front web",
        "docker rename app old",
    )
    assert list(typed_steps("host1", commands)) == [
        "host1: Start db",
        "host1: Recreate web",
        "host1: ConnectNetwork web",
        "host1: Rename app",
    ]


# What comes first


def test_sources_are_started_in_order_before_a_restart() -> None:
    world = chain().stop("app").stop("db")
    assert steps(world, Restart(container="web")) == [
        ("Start", "db", Role.BEFORE),
        ("Start", "app", Role.BEFORE),
        ("Restart", "web", Role.ASKED),
    ]
    topology = Topology([world.snapshot()])
    web = topology.container_named("host1", "web")
    assert web is not None
    fix = restart_target(topology, "host1", web)
    assert fix.title == "start db, app, then restart web"
    assert fix.commands == ("docker start db", "docker start app", "docker restart web")


def test_paused_target_is_unpaused_before_a_restart() -> None:
    world = chain().change("web", status=Status.PAUSED)
    assert steps(world, Restart(container="web"))[0] == ("Unpause", "web", Role.BEFORE)
    topology = Topology([world.snapshot()])
    web = topology.container_named("host1", "web")
    assert web is not None
    assert restart_target(topology, "host1", web).title == "unpause web, then restart web"
    assert recreate(topology, "host1", web).commands[0] == "docker unpause web"


def test_target_with_a_ghost_link_is_recreated_instead_of_restarted() -> None:
    world = chain().recreate("app").change("app", stored_links=())
    assert steps(world, Restart(container="web")) == [("Recreate", "web", Role.ASKED)]


def test_source_with_a_ghost_link_is_recreated_and_so_is_its_target() -> None:
    world = chain().stop("app").recreate("db")
    assert steps(world, Restart(container="web")) == [
        ("Recreate", "app", Role.BEFORE),
        ("Recreate", "web", Role.ASKED),
    ]
    topology = Topology([world.snapshot()])
    web = topology.container_named("host1", "web")
    assert web is not None
    assert "recreate app (app has a ghost link" in restart_target(topology, "host1", web).title


def test_several_actions_are_done_in_the_order_in_which_they_are_asked_for() -> None:
    world = World().run("b").run("a").stop("a").stop("b")
    asked = (Start(container="b"), Start(container="a"))
    assert [name for _, name, _ in steps(world, *asked)] == ["b", "a"]


# What comes after


def test_targets_of_a_replaced_source_are_replaced_after_it() -> None:
    assert steps(chain(), Recreate(container="db")) == [
        ("Recreate", "db", Role.ASKED),
        ("Recreate", "app", Role.TARGET),
        ("Recreate", "web", Role.TARGET),
    ]


def test_sharers_are_restarted_after_their_owner() -> None:
    world = chain().run("side", mode="container:web")
    assert steps(world, Restart(container="web")) == [
        ("Restart", "web", Role.ASKED),
        ("Restart", "side", Role.SHARER),
    ]


# Refusals


@pytest.mark.parametrize(
    ("world", "action", "obstacle", "reason"),
    [
        (
            chain().remove("db"),
            Recreate(container="app"),
            Obstacle.GONE,
            "there is no container db on host1 to link app to",
        ),
        (chain(), Start(container="x"), Obstacle.GONE, "there is no container x on host1"),
        (
            chain().refuse("db", NO_PROGRAM),
            Restart(container="app"),
            Obstacle.FAILING,
            "the engine could not start db (its program does not exist)",
        ),
        (
            chain().run("shop", link="web:web", labels=COMPOSE),
            Recreate(container="web"),
            Obstacle.COMPOSE,
            "shop belongs to the Compose project shop; recreate it with Compose: docker compose "
            "--project-name shop up --detach --no-deps --force-recreate web",
        ),
        (
            chain().run("side", pid="container:web", auto_remove=True),
            Restart(container="web"),
            Obstacle.LOST,
            "side, which is removed as soon as it stops (--rm), shares the pid namespace of web "
            "and would be lost: stop it first",
        ),
    ],
)
def test_refusal_tells_its_reason(
    world: World, action: Action, obstacle: Obstacle, reason: str
) -> None:
    first = expanded(world, action).refusals[0]
    assert (first.obstacle, first.reason) == (obstacle, reason)


def test_what_goes_further_than_allowed_is_refused() -> None:
    found = expanded(chain(), Recreate(container="web"), allow=Safety.RESTART)
    assert [each.obstacle for each in found.refusals] == [Obstacle.NOT_ALLOWED]


def test_nothing_is_printed_for_a_source_that_cannot_start_for_a_reason_of_its_own() -> None:
    world = chain().refuse("db", NO_PROGRAM).change("app", stored_links=())
    topology = Topology([world.run("x", link="db:db").snapshot()])
    container = topology.container_named("host1", "x")
    assert container is not None
    for fix in (
        restart_target(topology, "host1", container),
        recreate(topology, "host1", container),
    ):
        assert fix.safety is Safety.MANUAL
        assert fix.title.startswith("find out why the engine could not start db")
        assert not fix.actions


def test_disagreement_is_noticed() -> None:
    topology = Topology([World.tutorial().move("app").snapshot()])
    report = diagnose(topology, RULES, tool=TOOL, taken_at="2026-01-01T12:00:00Z")
    (finding,) = report.findings
    other = msgspec.structs.replace(finding.fixes[0], commands=("docker start web",))
    report = msgspec.structs.replace(
        report, findings=(msgspec.structs.replace(finding, fixes=(other,)),)
    )
    assert disagreements(report, topology) == (
        "LD201 of web: typed ['host1: Start web'], planned ['host1: Restart web']",
    )
