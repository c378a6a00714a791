"""Those who share namespaces, in plans and in printed fixes."""

from __future__ import annotations

import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.fix.plan import plan
from linkdoctor.model.actions import Joined, Namespace, Recreate
from linkdoctor.model.evidence import Gap, MissingEvidence, Unknown
from linkdoctor.model.plan import Plan
from linkdoctor.model.report import Safety
from linkdoctor.model.snapshot import Status, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit.fixes import recreate, restart_target, start_source
from linkdoctor.rulekit.shared_namespaces import all_sharers_of, network_sharers_of
from linkdoctor.rulekit.world import World

from .agreement import disagreements

RULES = [loaded.rule for loaded in load_rules()]
TOOL = Tool(name="linkdoctor", version="0")
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "side"}
LOST = Unknown(gap=Gap.TIMED_OUT, detail="no answer in time")
GONE = Unknown(gap=Gap.VANISHED, detail="it disappeared")
REFUSED = "cannot join network of a non running container: 0123"


def planned(world: World, allow: Safety = Safety.RECREATE) -> Plan:
    topology = Topology([world.snapshot()])
    report = diagnose(topology, RULES, tool=TOOL, taken_at="2026-01-01T12:00:00Z")
    assert disagreements(report, topology) == ()
    return plan(report, topology, allow=allow)


def steps(found: Plan) -> list[tuple[str, str]]:
    return [(type(each.action).__name__, each.action.container) for each in found.steps]


def tutorial() -> World:
    return World.tutorial()


def topology_of(world: World) -> Topology:
    return Topology([world.snapshot()])


def sharers(world: World, name: str = "web") -> list[str]:
    topology = topology_of(world)
    container = topology.container_named("host1", name)
    assert container is not None
    return [each.container.name for each in all_sharers_of(topology, "host1", container)]


# Who shares


@pytest.mark.parametrize(
    ("name", "others"),
    [("web", ["a", "z"]), ("a", ["web", "z"]), ("z", ["web", "a"]), ("app", [])],
)
def test_network_sharers_are_all_that_run_in_one_network_namespace(
    name: str, others: list[str]
) -> None:
    world = (
        tutorial()
        .run("z", mode="container:web")
        .run("a", mode="container:z")
        .run("down", mode="container:web")
        .change("down", status=Status.EXITED)
        .run("mate", pid="container:web")
        .run("unseen", mode="container:web")
        .unknown("unseen", "details", LOST)
    )
    topology = topology_of(world)
    container = topology.container_named("host1", name)
    assert container is not None
    found = network_sharers_of(topology, "host1", container)
    assert [each.name for each in found] == others


def test_sharers_of_sharers_come_after_their_owners() -> None:
    world = (
        tutorial()
        .run("z", mode="container:web")
        .run("a", pid="container:z")
        .run("b", mode="container:web", ipc="container:a")
    )
    assert sharers(world) == ["z", "a", "b"]


def test_an_owner_is_found_by_name_by_id_and_by_the_start_of_an_id() -> None:
    world = tutorial()
    identity = next(each.id for each in world.snapshot().containers if each.name == "web")
    for number, reference in enumerate(("web", identity, identity[:12])):
        world.run(f"side{number}", mode=f"container:{reference}")
    world.run("host", mode="host").run("none", mode="none").run("other", mode="container:app")
    assert sharers(world) == ["side0", "side1", "side2"]


def test_one_that_shares_the_namespaces_of_what_is_gone_shares_nobodys() -> None:
    world = tutorial()
    identity = next(each.id for each in world.snapshot().containers if each.name == "web")
    world.run("side", mode=f"container:{identity}").recreate("web")
    assert sharers(world) == []


def test_a_circle_of_sharers_has_an_end() -> None:
    world = tutorial().run("a", mode="container:web").change("web", pid_mode="container:a")
    assert sharers(world) == ["a"]


def test_who_was_not_inspected_may_be_a_sharer_unless_it_is_gone() -> None:
    world = tutorial().run("side").unknown("side", "details", LOST)
    with pytest.raises(MissingEvidence):
        sharers(world)
    world = tutorial().run("side").unknown("side", "details", GONE)
    assert sharers(world) == []


# What is planned


def test_a_restart_of_the_owner_restarts_those_that_run() -> None:
    world = (
        tutorial()
        .run("side", mode="container:web")
        .run("inner", mode="container:side")
        .run("idle", mode="container:web")
        .change("idle", status=Status.EXITED)
        .move("app")
    )
    found = planned(world)
    assert steps(found) == [("Restart", "web"), ("Restart", "side"), ("Restart", "inner")]
    web, side, inner = found.steps
    assert web.interrupts == ("web", "inner", "side")
    assert (side.after, inner.after) == ((1,), (2,))
    assert side.safety is Safety.RESTART
    assert side.reason == (
        "side shares the network namespace of web, and would be left in the old one."
    )


def test_a_recreation_of_the_owner_recreates_all_and_starts_those_that_ran() -> None:
    world = (
        tutorial()
        .run("side", mode="container:web", pid="container:web")
        .run("idle", ipc="container:web")
        .change("idle", status=Status.EXITED)
        .recreate("app")
    )
    found = planned(world)
    orders = {each.action.container: each.action for each in found.steps}
    side, idle = orders["side"], orders["idle"]
    assert isinstance(side, Recreate)
    assert isinstance(idle, Recreate)
    assert side.joins == (
        Joined(namespace=Namespace.NETWORK, container="web"),
        Joined(namespace=Namespace.PID, container="web"),
    )
    assert idle.joins == (Joined(namespace=Namespace.IPC, container="web"),)
    assert (side.stays_down, idle.stays_down) == (False, True)
    assert next(each for each in found.steps if each.action is idle).interrupts == ()


def test_within_the_permission_or_not_at_all() -> None:
    found = planned(tutorial().run("side", mode="container:web").recreate("app"), Safety.RESTART)
    assert found.steps == ()
    # One whose own link is a ghost cannot be restarted; so its owner is not restarted, either.
    world = tutorial().run("db").run("side", link="db:db", pid="container:web").recreate("db")
    world.move("app")
    found = planned(world, Safety.RESTART)
    assert found.steps == ()
    reasons = {each.target: each.reason for each in found.advice}
    assert reasons["web"] == "side shares the pid namespace of web, and requires --allow recreate"
    assert steps(planned(world)) == [("Restart", "web"), ("Recreate", "side")]


def test_what_a_sharer_needs_for_itself_and_for_its_owner_is_one_step() -> None:
    world = (
        tutorial()
        .run("db", expose=[5432], listen=[5432])
        .run("side", link="db:db", ipc="container:web")
        .recreate("db")
        .recreate("app")
    )
    found = planned(world)
    assert steps(found) == [("Recreate", "web"), ("Recreate", "side")]
    side = found.steps[1].action
    assert isinstance(side, Recreate)
    assert side.joins == (Joined(namespace=Namespace.IPC, container="web"),)
    assert found.steps[1].codes == ("LD102",)


@pytest.mark.parametrize(
    ("lost", "because"),
    [
        ({"mode": "container:web", "labels": COMPOSE}, "belongs to the Compose project shop"),
        ({"mode": "container:web", "auto_remove": True}, "(--rm)"),
    ],
)
def test_an_owner_is_not_replaced_where_a_sharer_cannot_be(
    lost: dict[str, object], because: str
) -> None:
    found = planned(tutorial().run("side", **lost).recreate("app"))  # type: ignore[arg-type]
    assert found.steps == ()
    assert because in found.advice[0].reason
    assert "side" in found.advice[0].reason


def test_what_would_be_removed_with_the_owners_processes_keeps_it_running() -> None:
    killed = planned(tutorial().run("side", pid="container:web", auto_remove=True).move("app"))
    assert killed.steps == ()
    assert "(--rm)" in killed.advice[0].reason
    left = planned(tutorial().run("side", mode="container:web", auto_remove=True).move("app"))
    assert steps(left) == [("Restart", "web"), ("Restart", "side")]


def test_who_shares_nothing_with_it_is_left_alone() -> None:
    world = (
        tutorial()
        .run("a", mode="container:app")
        .run("b", mode="host")
        .run("c", mode="none")
        .move("app")
    )
    assert steps(planned(world)) == [("Restart", "web")]


def test_a_started_owner_is_joined_by_those_that_wait_for_it() -> None:
    world = (
        tutorial()
        .run("side", mode="container:app")
        .run("late", mode="container:app")
        .run("idle", mode="container:app")
        .change("late", status=Status.EXITED, error=REFUSED)
        .change("idle", status=Status.EXITED)
        .stop("app")
    )
    assert steps(planned(world)) == [("Start", "app"), ("Start", "late"), ("Restart", "side")]
    (start, _) = planned(world, Safety.SAFE).steps
    assert start.notes == ("side shares its namespaces and has to be restarted after it",)
    assert [each.notes for each in planned(world).steps] == [(), (), ()]


def test_a_start_needs_nobody_to_have_been_inspected() -> None:
    world = tutorial().run("other").stop("app").unknown("other", "details", LOST)
    assert steps(planned(world)) == [("Start", "app")]
    world = tutorial().run("other").move("app").unknown("other", "details", LOST)
    found = planned(world)
    assert found.steps == ()
    assert "container details of other: no answer in time" in found.advice[0].reason


def test_a_sharer_that_stays_down_needs_nothing_that_runs() -> None:
    world = (
        tutorial()
        .run("db", expose=[5432], listen=[5432])
        .run("idle", link="db:db", ipc="container:web")
        .stop("idle")
        .stop("db")
        .recreate("app")
    )
    assert steps(planned(world)) == [("Recreate", "web"), ("Recreate", "idle")]


def test_a_sharer_is_not_restarted_without_its_owner() -> None:
    world = (
        tutorial()
        .run("db", expose=[5432], listen=[5432])
        .run("side", link="db:db", ipc="container:web")
        .move("db")
    )
    assert steps(planned(world)) == [("Restart", "side")]
    world.change("web", status=Status.EXITED, pid=0)
    assert steps(planned(world)) == [("Start", "web"), ("Restart", "side")]
    world.remove("web")
    found = planned(world)
    assert found.steps == ()
    restarts = [
        command
        for advice in found.advice
        for _, commands in advice.fixes
        for command in commands
        if command.startswith("docker restart")
    ]
    assert restarts == []


# What is printed


def test_the_printed_restart_names_the_sharers_and_restarts_them() -> None:
    world = tutorial().run("side", mode="container:web").run("inner", mode="container:side")
    topology = topology_of(world)
    web = topology.container_named("host1", "web")
    assert web is not None
    fix = restart_target(topology, "host1", web)
    assert fix.title == ("restart web; after it restart side, inner, which share its namespaces")
    assert fix.commands == ("docker restart web", "docker restart side", "docker restart inner")
    assert fix.safety is Safety.RESTART


def test_the_printed_start_is_safe_only_without_sharers() -> None:
    world = (
        tutorial()
        .run("side", mode="container:app")
        .run("late", mode="container:app")
        .run("idle", mode="container:app")
        .change("late", status=Status.EXITED, error=REFUSED)
        .change("idle", status=Status.EXITED)
        .stop("app")
    )
    topology = topology_of(world)
    app = topology.container_named("host1", "app")
    assert app is not None
    assert start_source(app).commands == ("docker start app",)
    alone = start_source(app, topology_of(tutorial().stop("app")), "host1")
    assert (alone.safety, alone.commands) == (Safety.SAFE, ("docker start app",))
    fix = start_source(app, topology, "host1")
    assert fix.safety is Safety.RESTART
    assert fix.commands == ("docker start app", "docker start late", "docker restart side")


def test_the_printed_recreation_names_the_new_owner() -> None:
    world = (
        tutorial()
        .run("side", mode="container:web", pid="container:web", hostname="of-web")
        .run("idle", ipc="container:web")
        .run("gone", mode="container:web", auto_remove=True)
        .change("idle", status=Status.EXITED)
    )
    topology = topology_of(world)
    web = topology.container_named("host1", "web")
    assert web is not None
    fix = recreate(topology, "host1", web)
    assert "run gone again by hand" in fix.title
    side = next(each for each in fix.commands if "--name side" in each)
    assert "--network container:web" in side
    assert "--pid container:web" in side
    assert "--hostname" not in side, "the engine refuses it together with another one's network"
    idle = next(each for each in fix.commands if "--name idle" in each)
    assert "docker create" in idle
    assert "--ipc container:web" in idle
    assert not any("gone" in each for each in fix.commands)


def test_a_sharer_of_compose_is_recreated_by_compose() -> None:
    topology = topology_of(tutorial().run("side", mode="container:web", labels=COMPOSE))
    web = topology.container_named("host1", "web")
    assert web is not None
    fix = recreate(topology, "host1", web)
    assert fix.commands[-1] == (
        "docker compose --project-name shop up --detach --no-deps --force-recreate side"
    )


def test_what_was_not_seen_is_said_and_hides_no_fix() -> None:
    world = tutorial().run("other").unknown("other", "details", LOST)
    topology = topology_of(world)
    web = topology.container_named("host1", "web")
    assert web is not None
    for fix in (restart_target(topology, "host1", web), recreate(topology, "host1", web)):
        assert "whether others share its namespaces is not known" in fix.title
        assert fix.commands


def test_a_port_that_will_move_is_said() -> None:
    world = World().run("app").run("web", link="app:x", publish={80: 32770}, ephemeral=True)
    topology = topology_of(world)
    web = topology.container_named("host1", "web")
    assert web is not None
    title = restart_target(topology, "host1", web).title
    assert title == "restart web (its public port 32770 will change)"


def test_the_printed_restart_of_a_sharer_needs_its_owner() -> None:
    world = tutorial().run("side", ipc="container:web").change("web", status=Status.EXITED, pid=0)
    topology = topology_of(world)
    side = topology.container_named("host1", "side")
    assert side is not None
    assert restart_target(topology, "host1", side).commands == (
        "docker start web",
        "docker restart side",
    )
    topology = topology_of(world.remove("web"))
    fix = restart_target(topology, "host1", side)
    assert (fix.safety, fix.commands) == (Safety.MANUAL, ())
    assert "is gone" in fix.title


def test_the_printed_start_of_a_refused_target_restarts_its_sharers() -> None:
    refusal = "Cannot link to a non running container: /app AS /web/helloapp"
    world = tutorial().run("side", mode="container:web").refuse("web", refusal)
    report = diagnose(topology_of(world), RULES, tool=TOOL, taken_at="2026-01-01T12:00:00Z")
    fix = next(each for each in report.findings if each.code == "LD104").fixes[0]
    assert fix.commands == ("docker start web", "docker restart side")
    assert steps(planned(world)) == [("Start", "web"), ("Restart", "side")]
