"""LD102, LD201 and LD302, the signs that most people come with: whole, and when they are quiet."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.model.actions import Recreate
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.links import HostsLine, StoredLink
from linkdoctor.model.report import Finding, Safety
from linkdoctor.model.snapshot import Snapshot, Status, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.model.variables import Variable
from linkdoctor.registry import load_rules
from linkdoctor.rulekit.world import World

RULES = {loaded.rule.code: loaded.rule for loaded in load_rules()}


def found(code: str, world: World | Snapshot) -> tuple[Finding, ...]:
    """What one rule says of a world."""
    topology = Topology([world if isinstance(world, Snapshot) else world.snapshot()])
    tool = Tool(name="linkdoctor", version="0")
    report = diagnose(topology, [RULES[code]], tool=tool, taken_at="2026-01-01T12:00:00Z")
    return report.findings


def the_one(code: str, world: World | Snapshot) -> Finding:
    """The only thing that one rule says of a world."""
    (finding,) = found(code, world)
    return finding


def proofs(finding: Finding) -> list[tuple[str, str, str, str]]:
    """The proofs of a finding."""
    return [(each.what, each.observed, each.expected, each.where) for each in finding.evidence]


def reading(world: World, name: str, **read: tuple[Variable | HostsLine, ...]) -> Snapshot:
    """The world, but for what was read of one container."""
    snapshot = world.snapshot()
    known = {field: Known(value, "there") for field, value in read.items()}
    containers = tuple(
        msgspec.structs.replace(each, **known) if each.name == name else each
        for each in snapshot.containers
    )
    return msgspec.structs.replace(snapshot, containers=containers)


# LD201


def test_old_variables_are_told_with_the_address_of_today() -> None:
    finding = the_one("LD201", World.tutorial().move("app"))
    assert finding.message == (
        "web was started when app had 172.17.0.2, now an unused address; app has 172.17.0.4 today, "
        "but the variables of helloapp in the running process still say 172.17.0.2."
    )
    where = "/proc/1003/environ"
    assert proofs(finding) == [
        ("HELLOAPP_PORT", "tcp://172.17.0.2:5000", "tcp://172.17.0.4:5000", where),
        ("HELLOAPP_PORT_5000_TCP", "tcp://172.17.0.2:5000", "tcp://172.17.0.4:5000", where),
        ("HELLOAPP_PORT_5000_TCP_ADDR", "172.17.0.2", "172.17.0.4", where),
    ]
    restart, by_name = finding.fixes
    assert (restart.safety, restart.commands) == (Safety.RESTART, ("docker restart web",))
    assert by_name.safety is Safety.MANUAL
    assert by_name.title == (
        "permanently: make the program in web use the name helloapp instead of the variables; the "
        "engine keeps the name up to date"
    )


def test_who_has_the_old_address_is_named() -> None:
    world = World.tutorial().move("app").run("other").take("other", "172.17.0.2")
    assert (
        "when app had 172.17.0.2, now the address of other; app" in the_one("LD201", world).message
    )


@pytest.mark.parametrize("code", ["LD201", "LD302"])
def test_what_does_not_run_has_no_old_variables_and_lines(code: str) -> None:
    def moved() -> World:
        world = World.tutorial().move("app")
        return world.hosts("web", "helloapp", address="172.17.0.9")

    assert found(code, moved())
    assert not found(code, moved().stop("web"))
    assert not found(code, moved().stop("app"))
    assert not found(code, moved().remove("app"))


@pytest.mark.parametrize("code", ["LD201", "LD302"])
def test_a_ghost_is_measured_by_the_container_of_today(code: str) -> None:
    finding = the_one(code, World.tutorial().recreate("app"))
    assert "app has 172.17.0.4" in finding.message


def test_links_of_one_prefix_may_hold_each_others_addresses() -> None:
    def world() -> World:
        built = World().run("one", expose=[80]).run("two", expose=[80]).run("three", expose=[80])
        return built.run("web", link=["one:a-b", "two:a_b", "three:c"])

    assert not found("LD201", world())
    assert [each.alias for each in found("LD201", world().move("three"))] == ["c"]


def test_the_address_of_another_link_is_as_old_as_any() -> None:
    world = (
        World().run("one", expose=[80]).run("two", expose=[80]).run("web", link=["one:a", "two:b"])
    )
    for address in ("172.17.0.3", "172.17.0.99"):
        old = Variable(name="A_PORT_80_TCP_ADDR", value=address)
        (finding,) = found("LD201", reading(world, "web", process_environment=(old,)))
        assert (finding.alias, finding.evidence[0].observed) == ("a", address)


def test_of_several_old_addresses_the_first_is_told_and_each_is_shown() -> None:
    world = World().run("one", expose=[80, 81]).run("web", link="one:a")
    variables = tuple(
        Variable(name=f"A_PORT_{80 + number}_TCP_ADDR", value=f"10.9.9.{number}")
        for number in range(2)
    )
    finding = the_one("LD201", reading(world, "web", process_environment=variables))
    assert "still say 10.9.9.0." in finding.message
    assert [each.expected for each in finding.evidence] == ["172.17.0.2", "172.17.0.2"]


# LD302


def test_a_line_for_nobody_is_told_with_the_line_that_is_right() -> None:
    world = World.tutorial().hosts("web", "helloapp", address="172.17.0.9")
    finding = the_one("LD302", world)
    assert finding.message == (
        "In web, helloapp means 172.17.0.9, an unused address, but app has 172.17.0.2."
    )
    assert proofs(finding) == [
        (
            "hosts line of helloapp",
            "172.17.0.9 helloapp 000000000001 app",
            "172.17.0.2 helloapp 000000000001 app",
            "/proc/1003/root/etc/hosts",
        )
    ]
    assert [each.commands for each in finding.fixes] == [("docker restart web",)]


def test_a_line_for_somebody_else_names_them() -> None:
    world = World.tutorial().run("other").hosts("web", "helloapp", address="172.17.0.4")
    assert "means 172.17.0.4, the address of other, but" in the_one("LD302", world).message


def test_a_line_with_the_id_of_a_predecessor_is_wrong_at_the_right_address() -> None:
    world = World.tutorial().recreate("app")
    address = the_one("LD201", world).evidence[-1].expected
    world.hosts("web", "helloapp", address=address)
    finding = the_one("LD302", world)
    assert finding.message == f"In web, helloapp means {address}, but app has {address}."
    assert proofs(finding)[0][1:3] == (
        f"{address} helloapp 000000000001 app",
        f"{address} helloapp 000000000003 app",
    )


@pytest.mark.parametrize(
    ("names", "is_wrong"),
    [
        (("helloapp",), False),
        (("helloapp", "000000000001"), False),
        (("helloapp", "feedfacecafe"), False),
        (("helloapp", "deadbeefcafe"), True),
        (("helloapp", "deadbeefcafe", "app"), True),
        (("helloapp", "app"), False),
    ],
)
def test_only_an_id_that_is_not_the_sources_is_wrong(
    names: tuple[str, ...], is_wrong: bool
) -> None:
    world = World().run("app", expose=[5000], hostname="feedfacecafe")
    line = HostsLine(address="172.17.0.2", names=names)
    seen = reading(world.run("web", link="app:helloapp"), "web", hosts_file=(line,))
    assert bool(found("LD302", seen)) is is_wrong


def test_a_line_of_another_family_says_nothing_and_the_next_is_read() -> None:
    other = HostsLine(address="fd00::9", names=("helloapp", "app"))
    wrong = HostsLine(address="172.17.0.9", names=("helloapp", "app"))
    assert not found("LD302", reading(World.tutorial(), "web", hosts_file=(other,)))
    finding = the_one("LD302", reading(World.tutorial(), "web", hosts_file=(other, wrong)))
    assert "means 172.17.0.9" in finding.message


# LD102


def test_a_ghost_is_told_with_the_container_that_has_its_name() -> None:
    finding = the_one("LD102", World.tutorial().recreate("app"))
    assert finding.message == (
        "app was recreated after web was linked to it: helloapp still leads to the removed "
        "container, and the next restart of web will fail."
    )
    assert proofs(finding) == [
        (
            "container behind web/helloapp",
            "none (the engine answers 404)",
            "app (000000000003)",
            "GET /containers/web/helloapp/json",
        )
    ]
    fix, by_hand = finding.fixes
    assert fix.safety is Safety.RECREATE
    assert [each.container for each in fix.actions] == ["web"]
    assert (by_hand.safety, by_hand.actions) == (Safety.RECREATE, ())


@pytest.mark.parametrize("status", [Status.PAUSED, Status.RESTARTING])
def test_what_is_up_in_another_way_is_told_of_its_restart(status: Status) -> None:
    world = World.tutorial().recreate("app").change("web", status=status)
    assert the_one("LD102", world).message.endswith("and the next restart of web will fail.")


def test_what_is_down_and_is_to_come_back_cannot() -> None:
    def down(policy: str) -> World:
        built = World().run("app", expose=[5000])
        return built.run("web", link="app:helloapp", restart=policy).recreate("app").stop("web")

    assert the_one("LD102", down("always")).message.endswith("and web cannot be started again.")
    assert not found("LD102", down("no"))


# What was added for other links and processes

_UNREAD = Unknown(gap=Gap.TIMED_OUT, detail="no time was left")


@pytest.mark.parametrize("code", ["LD201", "LD302"])
def test_an_address_is_nobodys_only_where_all_were_inspected(code: str) -> None:
    world = World.tutorial().move("app")
    world = world.hosts("web", "helloapp", address="172.17.0.2") if code == "LD302" else world
    assert "an unused address" in the_one(code, world).message
    world.run("stranger").unknown("stranger", "details", _UNREAD)
    assert "the address of no container that could be inspected" in the_one(code, world).message


@pytest.mark.parametrize("code", ["LD201", "LD302"])
def test_what_was_not_inspected_on_another_host_says_nothing_of_an_address(code: str) -> None:
    world = World.tutorial().move("app")
    world = world.hosts("web", "helloapp", address="172.17.0.2") if code == "LD302" else world
    other = World().run("stranger").unknown("stranger", "details", _UNREAD).snapshot()
    both = [world.snapshot(), msgspec.structs.replace(other, host="host2")]
    tool = Tool(name="linkdoctor", version="0")
    report = diagnose(Topology(both), [RULES[code]], tool=tool, taken_at="2026-01-01T12:00:00Z")
    assert ["an unused address" in each.message for each in report.findings] == [True]


def test_what_a_second_process_says_of_the_gateway_is_no_former_address() -> None:
    world = World.tutorial().child("web", {"HELLOAPP_PORT_5000_TCP_ADDR": "172.17.0.1"})
    assert found("LD201", world) == ()
    former = World.tutorial().child("web", {"HELLOAPP_PORT_5000_TCP_ADDR": "172.17.0.9"})
    assert len(found("LD201", former)) == 1


def test_two_aliases_with_one_prefix_one_of_which_leads_nowhere() -> None:
    world = World().run("one", expose=[80]).run("two", expose=[81])
    world.run("web", link=["one:a-2", "two:a_2"]).remove("two").move("one")
    assert [each.code for each in found("LD201", world)] == ["LD201"]


def test_two_aliases_with_one_prefix_whose_name_was_not_kept() -> None:
    world = World().run("one", expose=[80]).run("two", expose=[80])
    world.run("web", link=["one:a-2", "two:a_2"]).move("one").move("two")
    known = [each for each in world.snapshot().containers if each.name == "web"]
    (web,) = known
    assert isinstance(web.process_environment, Known)
    nameless = tuple(each for each in web.process_environment.value if each.name != "A_2_NAME")
    codes = [
        each.code for each in found("LD201", reading(world, "web", process_environment=nameless))
    ]
    assert codes == ["LD201", "LD201"]


def test_two_aliases_with_one_prefix_of_which_nothing_tells_whose_a_variable_is() -> None:
    world = World().run("one", expose=[80]).run("two", expose=[80])
    world.run("web", link=["one:a-2", "two:a_2"]).change("one", exposed=()).remove("two").move(
        "one"
    )
    (web,) = (each for each in world.snapshot().containers if each.name == "web")
    assert isinstance(web.process_environment, Known)
    nameless = tuple(each for each in web.process_environment.value if each.name != "A_2_NAME")
    finding = the_one("LD201", reading(world, "web", process_environment=nameless))
    assert (finding.code, finding.alias) == ("LD201", "a-2")


def test_a_ghost_after_the_rename_of_compose_is_fixed_by_the_names_of_today() -> None:
    world = World.tutorial().rename("app", "4f2b01c3d5e6_app")
    finding = the_one("LD102", world.run("app", expose=[5000]).remove("4f2b01c3d5e6_app"))
    assert finding.source == "app"
    (action,) = finding.fixes[0].actions
    assert isinstance(action, Recreate)
    assert action.links == (StoredLink("app", "helloapp"),)
