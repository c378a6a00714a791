"""What is printed to be typed: the safe road first, nothing that an engine refuses, in order."""

from __future__ import annotations

import shlex

import msgspec
import pytest

from linkdoctor.api import Diagnosis, Examination, diagnose, join, load_rules, report_on
from linkdoctor.cli.formats import in_order
from linkdoctor.fix.plan import plan
from linkdoctor.model.actions import Recreate
from linkdoctor.model.evidence import Known
from linkdoctor.model.report import Finding, Fix, Safety, Severity
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.render.markdown import render_markdown
from linkdoctor.render.once import ALL_IN_ORDER
from linkdoctor.render.text import render_text
from linkdoctor.rulekit.fixes import recreate
from linkdoctor.rulekit.printed_fixes import own_command
from linkdoctor.rulekit.run_setup import setup_of
from linkdoctor.rulekit.world import World

from .test_run_words import inspected

RULES = load_rules()


def examined(*worlds: World) -> Examination:
    return Examination(snapshots=tuple(each.snapshot() for each in worlds))


def found(code: str, *worlds: World) -> Finding:
    report = report_on(examined(*worlds), RULES)
    (finding,) = (each for each in report.findings if each.code == code)
    return finding


def ghost() -> World:
    return World.tutorial().recreate("app")


def at(endpoint: str, snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, endpoint=endpoint)


# The safe road


def test_a_recreation_is_linkdoctors_own_first_and_by_hand_second() -> None:
    own, by_hand = found("LD102", ghost()).fixes
    assert own.commands == ("linkdoctor fix web --apply --allow recreate",)
    assert own.safety is Safety.RECREATE
    assert by_hand.commands[0] == "docker rename web web-before"
    assert "what was written outside volumes stays in web-before" in by_hand.title
    assert not by_hand.actions


def test_the_engine_is_named_where_it_is_not_the_default_one() -> None:
    seen = at("tcp://host;1:2375", ghost().snapshot())
    report = report_on(Examination(snapshots=(seen,)), RULES)
    own = report.findings[0].fixes[0]
    assert shlex.split(own.commands[0])[-2:] == ["-H", "tcp://host;1:2375"]
    assert "-H 'tcp://host;1:2375'" in own.commands[0]


def test_both_engines_are_named_where_both_are_changed() -> None:
    here, there = (World(name).run("app").run("web").snapshot() for name in ("host1", "host2"))
    topology = Topology((here, at("tcp://host2:2375", there)))
    other = Fix(
        title="",
        safety=Safety.RECREATE,
        actions=(Recreate(container="app"),),
        host="host2",
    )
    both = Fix(
        title="",
        safety=Safety.RECREATE,
        actions=(Recreate(container="web"),),
        elsewhere=(other,),
    )
    assert own_command(topology, "host1", "web", both) == (
        "linkdoctor fix web --apply --allow recreate -H unix:///var/run/docker.sock "
        "-H tcp://host2:2375"
    )
    assert own_command(topology, "host2", "web", other).endswith("recreate -H tcp://host2:2375")
    assert own_command(topology, "host1", "--help", both) == ""
    assert own_command(topology, "host1", "nobody", both) == ""


def test_nothing_is_replaced_whose_source_is_gone() -> None:
    world = World().run("app", expose=[80]).run("web", link="app:app").remove("app")
    (advice, again) = found("LD103", world).fixes
    assert advice.safety is Safety.MANUAL
    assert again.commands == ()  # the plan says why


def test_what_its_links_need_is_started_before_it_is_replaced() -> None:
    world = (
        World()
        .run("db", expose=[80])
        .run("app", link="db:db", expose=[80])
        .run("web", link=["app:app", "db:old"])
        .recreate("app")
        .change("app", stored_links=())
        .stop("app")
    )
    topology = Topology([world.snapshot()])
    web = topology.container_named("host1", "web")
    assert web is not None
    typed = recreate(topology, "host1", web).commands
    assert typed[:2] == ("docker start app", "docker rename web web-before")


def test_a_restart_stays_what_it_is() -> None:
    fix = found("LD201", World.tutorial().move("app")).fixes[0]
    assert fix.commands == ("docker restart web",)


@pytest.mark.parametrize("labels", [{"com.docker.swarm.service.name": "shop"}])
def test_what_is_another_owners_is_not_recreated(labels: dict[str, str]) -> None:
    setup = setup_of(inspected({"Labels": labels}), {}, image_name="image")
    world = ghost().change("web", setup=Known(setup, "inspect"))
    (fix,) = found("LD102", world).fixes
    assert (fix.safety, fix.commands, fix.actions) == (Safety.MANUAL, (), ())
    assert "belongs to swarm" in fix.title


def test_without_the_setup_only_linkdoctors_own_is_printed() -> None:
    setup = setup_of(inspected({"NetworkDisabled": True}), {}, image_name="image")
    world = ghost().change("web", setup=Known(setup, "inspect"))
    (fix,) = found("LD102", world).fixes
    assert fix.commands == ("linkdoctor fix web --apply --allow recreate",)


# What an engine refuses


def commands(finding: Finding) -> list[str]:
    return [command for fix in finding.fixes for command in fix.commands]


@pytest.mark.parametrize("mode", ["host", "none", "container:other"])
def test_what_has_no_network_of_its_own_is_connected_to_none(mode: str) -> None:
    world = (
        World()
        .network("net")
        .run("other")
        .run("app", mode=mode, expose=[5000], listen=[5000])
        .run("web", network="net", link="app:helloapp", env={"URL": "http://helloapp:5000/"})
    )
    report = report_on(examined(world), RULES)
    assert report.findings
    for finding in report.findings:
        assert not any(each.startswith("docker network connect") for each in commands(finding)) or (
            mode == "container:other" and "net other" in " ".join(commands(finding))
        ), commands(finding)
        assert finding.fixes


def test_a_target_without_a_network_is_recreated() -> None:
    world = World().run("app", expose=[80]).run("web", link="app:app", mode="none")
    finding = found("LD404", world)
    assert finding.fixes[0].commands == ("linkdoctor fix web --apply --allow recreate",)
    assert not any("network connect" in each for each in commands(finding))


def test_a_source_is_started_after_its_own_sources() -> None:
    world = (
        World()
        .run("db", expose=[5432])
        .run("app", link="db:db", expose=[5000])
        .run("web", link="app:helloapp")
        .stop("app")
        .stop("db")
    )
    report = report_on(examined(world), RULES)
    (finding,) = (each for each in report.findings if (each.code, each.target) == ("LD101", "web"))
    fix = finding.fixes[0]
    assert fix.commands == ("docker start db", "docker start app")
    assert fix.safety is Safety.SAFE
    assert fix.title.startswith("start db first")


def test_a_source_with_a_ghost_link_is_recreated_and_not_called_safe() -> None:
    world = (
        World()
        .run("db", expose=[5432])
        .run("app", link="db:db", expose=[5000])
        .run("web", link="app:helloapp")
        .stop("app")
        .recreate("db")
    )
    report = report_on(examined(world), RULES)
    (finding,) = (each for each in report.findings if (each.code, each.target) == ("LD101", "web"))
    assert not any(fix.safety is Safety.SAFE for fix in finding.fixes)
    assert finding.fixes[0].commands == ("linkdoctor fix web --apply --allow recreate",)


# In order


_NO_PROGRAM = 'OCI runtime create failed: exec: "…": executable file not found in $PATH: unknown'


def test_a_start_that_the_engine_would_refuse_again_is_not_called_safe() -> None:
    fault = found("LD101", World.tutorial().refuse("app", _NO_PROGRAM))
    assert {each.safety for each in fault.fixes} == {Safety.MANUAL}
    assert not any("docker start" in each for each in commands(fault))
    assert "find out why the engine could not start app" in fault.fixes[0].title


def test_a_start_that_a_link_kept_from_being_is_advised() -> None:
    world = World().run("db").run("app", link="db:db").run("web", link="app:helloapp")
    refused = "Cannot link to a non running container: /db AS /app/db"
    fault = found("LD101", world.refuse("app", refused))
    assert fault.fixes[0].safety is Safety.SAFE
    assert "docker start app" in commands(fault)


@pytest.mark.parametrize("kept", ["web-before", "web-linkdoctor-old", "web-linkdoctor-old-2"])
def test_nothing_is_advised_to_be_done_with_what_was_put_aside(kept: str) -> None:
    world = World.tutorial().run(kept, link="app:helloapp")
    refused = f"Cannot link to a non running container: /app AS /{kept}/helloapp"
    fault = found("LD104", world.refuse(kept, refused))
    assert fault.severity is Severity.INFO
    assert commands(fault) == []


def two() -> World:
    """`a` waits for `b`, which waits for `z`; the report names `a` first."""
    return (
        World()
        .run("z", expose=[80])
        .run("b", link="z:z", expose=[80])
        .run("a", link="b:b")
        .move("b")
        .move("z")
    )


def diagnosed(world: World) -> Diagnosis:
    return diagnose(join(examined(world)), RULES)


def test_commands_of_several_findings_stand_in_the_order_of_the_plan() -> None:
    seen = diagnosed(two())
    ordered = in_order(seen)
    planned = plan(seen.report, seen.topology)
    assert ordered == tuple(each for step in planned.steps for each in step.commands)
    assert ordered == ("docker restart b", "docker restart a")


def test_each_command_stands_once() -> None:
    world = ghost().run("shop", link=["app:one", "app:two"]).recreate("app").stop("app")
    seen = diagnosed(world)
    ordered = in_order(seen)
    assert len(ordered) == len(set(ordered))
    assert ordered[0] == "docker start app"
    assert set(ordered[1:]) == {
        "linkdoctor fix shop --apply --allow recreate",
        "linkdoctor fix web --apply --allow recreate",
    }


def test_every_format_for_people_ends_with_them() -> None:
    seen = diagnosed(two())
    ordered = in_order(seen)
    text = render_text(seen.report, width=100, colour=False, in_order=ordered)
    block = text.partition(ALL_IN_ORDER)[2]
    assert [line.strip() for line in block.splitlines() if line.strip()][:2] == list(ordered)
    shown = render_markdown(seen.report, ordered)
    assert "\n".join(ordered) in shown


def test_one_finding_needs_no_order() -> None:
    seen = diagnosed(ghost())
    assert in_order(seen) == ()


def test_shared_commands_are_printed_with_the_first_finding() -> None:
    world = World().run("app", expose=[80]).run("web", link=["app:one", "app:two"]).stop("app")
    report = diagnosed(world).report
    assert len(report.findings) > 1
    assert render_markdown(report).count("\ndocker start app\n") == 1
