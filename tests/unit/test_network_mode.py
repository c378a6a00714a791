"""A network mode, read once; and what becomes of a container whose namespace owner is gone."""

from __future__ import annotations

import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.network_mode import (
    Host,
    Isolated,
    NetworkMode,
    Own,
    Shared,
    is_default_bridge,
    mode_sharing,
    parse_network_mode,
    shared_reference,
)
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.snapshot import Container, Endpoint, Status, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.render.graph_from_topology import picture_of
from linkdoctor.rulekit.connecting import from_the_host, join, user_network_of
from linkdoctor.rulekit.fixes import start_source
from linkdoctor.rulekit.host_ports import dials_at
from linkdoctor.rulekit.link_ports import dialled_addresses
from linkdoctor.rulekit.next_start import LinkOutcome, registrations
from linkdoctor.rulekit.reach import (
    addresses_of,
    effective_mode,
    namespace_of,
    networks_of,
    owner_of,
    share_a_namespace,
    subnets_of,
)
from linkdoctor.rulekit.shared_namespaces import network_sharers_of
from linkdoctor.rulekit.world import World

RULES = [loaded.rule for loaded in load_rules()]
TOOL = Tool(name="linkdoctor", version="0")
TAKEN_AT = "2026-01-01T12:00:00Z"
GONE = "container:" + "c" * 64
DOWN = {"status": Status.EXITED, "pid": 0}
NOT_INSPECTED = Unknown(gap=Gap.TIMED_OUT, detail="no answer in time")


def topology_of(world: World) -> Topology:
    return Topology([world.snapshot()])


def named(topology: Topology, name: str) -> Container:
    found = topology.container_named("host1", name)
    assert found is not None
    return found


def shared(*, lost: bool) -> World:
    """`app` has the network of `vpn`, which is on `back`; `web` is linked to `app` there."""
    world = (
        World()
        .network("back", subnets=["172.18.0.0/16"])
        .run("vpn", network="back")
        .run("app", mode="container:vpn", expose=[5000], listen=[5000])
        .run("web", network="back", link="app:helloapp")
    )
    return world.change("app", network_mode=GONE) if lost else world


def of_the_host() -> World:
    """`app` has the network of `vpn`, which has that of the host."""
    return (
        World()
        .network("back")
        .run("vpn", mode="host")
        .run("app", mode="container:vpn", expose=[5000], listen=[5000])
        .run("web", network="back", link="app:helloapp")
    )


def is_about_a_lost_owner(fix: Fix) -> bool:
    return "the one whose namespaces it shares is gone" in fix.title and not fix.commands


def fixes_of(world: World, code: str) -> list[Fix]:
    rules = [each for each in RULES if each.code == code]
    report = diagnose(topology_of(world), rules, tool=TOOL, taken_at=TAKEN_AT)
    return [fix for each in report.findings for fix in each.fixes]


# --- the parser -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("", Own("bridge")),
        ("default", Own("bridge")),
        ("bridge", Own("bridge")),
        ("back", Own("back")),
        ("none", Isolated()),
        ("host", Host()),
        ("container:vpn", Shared("vpn")),
        ("container:", Shared("")),
        ("containers", Own("containers")),
        ("hosts", Own("hosts")),
    ],
)
def test_a_network_mode_is_parsed_into_one_of_four(text: str, mode: NetworkMode) -> None:
    assert parse_network_mode(text) == mode


def test_a_reference_is_read_from_a_mode_and_written_back() -> None:
    assert shared_reference(mode_sharing("vpn")) == "vpn"
    assert shared_reference("private") is None
    assert shared_reference("") is None


def test_the_default_bridge_has_three_names() -> None:
    modes = ("", "default", "bridge", "back", "host", "none", "container:bridge")
    assert [each for each in modes if is_default_bridge(each)] == ["", "default", "bridge"]
    assert Own("bridge").on_default_bridge
    assert not Own("back").on_default_bridge


# --- who owns the namespace -----------------------------------------------------------------------


def test_a_topology_tells_the_owner_of_a_shared_namespace() -> None:
    topology = topology_of(shared(lost=False))
    app, vpn = named(topology, "app"), named(topology, "vpn")
    assert topology.network_mode("host1", app) == Shared(vpn.id, vpn)
    assert topology.namespace_owner("host1", app) is vpn
    assert effective_mode("host1", app, topology) == Own("back")
    assert networks_of("host1", app, topology) == ("back",)


def test_an_owner_is_found_by_the_beginning_of_its_id() -> None:
    world = shared(lost=False)
    vpn = named(topology_of(world), "vpn")
    topology = topology_of(world.change("app", network_mode=f"container:{vpn.id[:12]}"))
    assert topology.namespace_owner("host1", named(topology, "app")) == vpn


def test_a_container_without_its_owner_is_on_no_network_and_has_no_address() -> None:
    stale = Endpoint(network="back", address="172.18.0.99")
    topology = topology_of(shared(lost=True).change("app", endpoints=(stale,)))
    app = named(topology, "app")
    assert topology.network_mode("host1", app) == Shared("c" * 64, None)
    assert effective_mode("host1", app, topology) == Shared("c" * 64, None)
    assert namespace_of("host1", app, topology) is None
    assert owner_of("host1", app, topology) is app
    assert networks_of("host1", app, topology) == ()
    assert addresses_of("host1", app, topology) == frozenset()
    assert subnets_of("host1", app, topology) == ()
    assert user_network_of("host1", app, topology) is None


def test_a_sharer_of_one_without_its_owner_has_none_either() -> None:
    topology = topology_of(shared(lost=True).run("side", mode="container:app"))
    app, side = named(topology, "app"), named(topology, "side")
    assert topology.namespace_owner("host1", side) is app
    assert namespace_of("host1", side, topology) is None


def test_two_without_their_owner_share_no_namespace_with_anyone() -> None:
    topology = topology_of(shared(lost=True).run("side", mode=GONE))
    app, side = named(topology, "app"), named(topology, "side")
    assert not share_a_namespace("host1", app, side, topology)
    assert not share_a_namespace("host1", app, named(topology, "web"), topology)
    assert network_sharers_of(topology, "host1", app) == ()


def test_a_sharer_shares_the_namespace_of_its_owner() -> None:
    topology = topology_of(shared(lost=False))
    app, vpn = named(topology, "app"), named(topology, "vpn")
    assert share_a_namespace("host1", app, vpn, topology)
    assert network_sharers_of(topology, "host1", vpn) == (app,)


def test_in_a_circle_of_sharers_nobody_owns_the_namespace() -> None:
    world = World().run("one", mode="container:other").run("other", mode="container:one")
    topology = topology_of(world)
    one = named(topology, "one")
    assert namespace_of("host1", one, topology) is None
    assert topology.providers_of("host1", one, "elsewhere") == ()


def test_a_source_without_its_owner_is_dialled_at_no_known_address() -> None:
    stale = Endpoint(network="back", address="172.18.0.99")
    topology = topology_of(shared(lost=True).change("app", endpoints=(stale,)))
    (link,) = topology.links("host1")
    assert dialled_addresses(link, named(topology, "app"), topology) == frozenset()


# --- what is advised ------------------------------------------------------------------------------


def test_one_without_its_owner_is_not_connected_to_a_network() -> None:
    topology = topology_of(shared(lost=True))
    fix = join(topology, "host1", named(topology, "app"), "back", "helloapp")
    assert is_about_a_lost_owner(fix)
    assert fix.safety is Safety.MANUAL
    assert not fix.actions


def test_one_without_its_owner_is_not_started() -> None:
    topology = topology_of(shared(lost=True).change("app", **DOWN))
    assert is_about_a_lost_owner(start_source(named(topology, "app"), topology, "host1"))


def test_the_owner_is_connected_in_the_place_of_its_sharer() -> None:
    topology = topology_of(shared(lost=False))
    fix = join(topology, "host1", named(topology, "app"), "front")
    assert fix.commands == ("docker network connect --alias app front vpn",)


@pytest.mark.parametrize("stopped", [False, True])
def test_no_finding_tells_to_connect_or_start_one_without_its_owner(stopped: bool) -> None:
    world = shared(lost=True)
    report = diagnose(
        topology_of(world.change("app", **DOWN) if stopped else world),
        RULES,
        tool=TOOL,
        taken_at=TAKEN_AT,
    )
    told = [command for each in report.findings for fix in each.fixes for command in fix.commands]
    assert report.findings
    assert not [each for each in told if each.startswith("docker network connect")]
    assert not [each for each in told if each.startswith("docker start")]


def test_no_shared_network_of_a_source_without_its_owner_is_for_a_person() -> None:
    (fix,) = fixes_of(shared(lost=True), "LD402")
    assert is_about_a_lost_owner(fix)


def test_no_shared_network_of_a_sharer_of_the_hosts_lets_the_name_mean_the_host() -> None:
    fixes = fixes_of(of_the_host(), "LD402")
    assert any("make helloapp mean the host in web" in each.title for each in fixes)


def test_from_the_host_a_sharer_of_the_hosts_is_at_localhost() -> None:
    topology = topology_of(of_the_host().run("admin", mode="host"))
    fix = from_the_host(topology, "host1", named(topology, "admin"), named(topology, "app"))
    assert "localhost: both have the network of the host" in fix.title


def test_a_refused_link_to_one_without_its_owner_is_for_a_person() -> None:
    world = (
        World.tutorial()
        .refuse("web", "Cannot link to a non running container: /app AS /web/helloapp")
        .change("app", network_mode=GONE, endpoints=())
    )
    assert [is_about_a_lost_owner(each) for each in fixes_of(world, "LD104")] == [True]


def test_a_foreign_answer_for_one_without_its_owner_starts_nothing() -> None:
    world = (
        World()
        .network("back", subnets=["172.18.0.0/16"])
        .run("web", network="back", link="app:helloapp", answers={"helloapp": ["10.9.9.9"]})
        .run("app", mode=GONE)
        .change("app", **DOWN)
    )
    first, *others = fixes_of(world, "LD307")
    assert is_about_a_lost_owner(first)
    assert not [each for each in others if each.actions]


@pytest.mark.parametrize(("mode", "codes"), [("container:app", []), (GONE, ["LD503"])])
def test_only_a_target_in_the_sources_namespace_reaches_its_loopback_address(
    mode: str, codes: list[str]
) -> None:
    world = (
        World()
        .network("back")
        .run("app", network="back", expose=[5000], listen=[5000], listen_on="127.0.0.1")
        .run("web", network="back", link="app:helloapp")
        .change("web", network_mode=mode)
    )
    report = diagnose(topology_of(world), RULES, tool=TOOL, taken_at=TAKEN_AT)
    assert [each.code for each in report.findings if each.code == "LD503"] == codes


# --- what the engine's next start makes of it -----------------------------------------------------


def lost_source() -> World:
    """`web` was made with a link to `app`, which the engine dropped: it has no network now."""
    return World.tutorial().unlink("web", "helloapp").change("app", network_mode=GONE, endpoints=())


def test_a_stored_link_to_one_without_its_owner_fails_but_its_name_is_found() -> None:
    topology = topology_of(lost_source())
    (stored,) = registrations(topology, "host1", named(topology, "web"))
    assert (stored.fate, stored.source) == (LinkOutcome.FAILED, named(topology, "app"))


def test_a_dropped_link_to_one_without_its_owner_does_not_ask_for_its_name_back() -> None:
    report = diagnose(topology_of(lost_source()), RULES, tool=TOOL, taken_at=TAKEN_AT)
    (finding,) = (each for each in report.findings if each.code == "LD109")
    assert "app has the network of a container that is gone" in finding.message
    assert [is_about_a_lost_owner(each) for each in finding.fixes] == [True]


def test_a_link_whose_typed_name_leads_to_the_hosts_network_is_lost_at_the_next_start() -> None:
    world = World.tutorial().rename("app", "app2").run("app", mode="host")
    report = diagnose(topology_of(world), RULES, tool=TOOL, taken_at=TAKEN_AT)
    (message,) = (each.message for each in report.findings if each.code == "LD110")
    assert "the engine's next start loses helloapp" in message


# --- what is told ---------------------------------------------------------------------------------


def test_network_mode_tells_that_the_owner_is_gone() -> None:
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", mode="container:app")
        .change("web", network_mode=GONE)
    )
    report = diagnose(topology_of(world), RULES, tool=TOOL, taken_at=TAKEN_AT)
    (message,) = (each.message for each in report.findings if each.code == "LD404")
    assert message.endswith("the container has the network of another container, which is gone.")


EXPECTS = {"linkdoctor.expects": "db"}


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (
            World().run("db", mode=GONE).run("web", labels=EXPECTS),
            "db has the network of a container that is gone",
        ),
        (
            World().run("db").run("web", labels=EXPECTS, mode=GONE),
            "it has the network of a container that is gone",
        ),
    ],
)
def test_a_missing_alias_is_put_down_to_the_owner_that_is_gone(world: World, why: str) -> None:
    report = diagnose(topology_of(world), RULES, tool=TOOL, taken_at=TAKEN_AT)
    (finding,) = (each for each in report.findings if each.code == "LD301")
    assert why in finding.message
    assert [is_about_a_lost_owner(each) for each in finding.fixes] == [True]


def test_what_a_sharer_of_the_hosts_dials_may_be_bound_to_the_loopback_address() -> None:
    def dialled(mode: str) -> list[str]:
        topology = topology_of(
            World(addresses=["10.0.0.1"])
            .run("db", publish={5432: 5432}, publish_on="127.0.0.1")
            .run("vpn", mode="host")
            .run("web", mode=mode, env={"DATABASE_URL": "postgres://10.0.0.1:5432/"})
        )
        web = named(topology, "web")
        return [dial.host for dial, _ in dials_at("host1", web, "host1", topology)]

    assert dialled("none") == ["10.0.0.1"]
    assert dialled("container:vpn") == []


def network_shown(world: World, name: str) -> str:
    topology = topology_of(world)
    report = diagnose(topology, RULES, tool=TOOL, taken_at=TAKEN_AT)
    (found,) = (
        group.network
        for host in picture_of(report, topology).hosts
        for group in host.groups
        for node in (*group.nodes, *group.unlinked)
        if node.name == name
    )
    return found


@pytest.mark.parametrize(
    ("world", "network"),
    [
        (World().run("lone", mode=GONE), "no network"),
        (World().run("vpn", mode="host").run("lone", mode="container:vpn"), "host"),
        (World().run("vpn", mode="none").run("lone", mode="container:vpn"), "none"),
        (World().run("vpn").run("lone", mode="container:vpn"), "bridge"),
        (
            World()
            .run("vpn")
            .run("lone", mode="container:vpn")
            .unknown("vpn", "details", NOT_INSPECTED),
            "network not known",
        ),
    ],
)
def test_the_graph_shows_a_sharer_on_the_network_of_its_owner(world: World, network: str) -> None:
    assert network_shown(world, "lone") == network
