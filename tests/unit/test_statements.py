"""What messages and fixes say is what the evidence shows, and no more."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.api import load_rules
from linkdoctor.diagnosis import evaluate
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.links import Port
from linkdoctor.model.report import Finding, Safety
from linkdoctor.model.snapshot import (
    Container,
    Endpoint,
    Firewall,
    FirewallRule,
    Listener,
    Probe,
    ProbeCause,
    ProbeOutcome,
    Snapshot,
)
from linkdoctor.model.swarm import is_swarm_task
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.firewall import refusals_on, words_of_rule
from linkdoctor.rulekit.namesakes import name_before_compose
from linkdoctor.rulekit.world import World

RULES = {each.rule.code: each.rule for each in load_rules()}
DENIED = Unknown(gap=Gap.DENIED, detail="it was not to be had")


def said(code: str, *seen: World | Snapshot) -> list[Finding]:
    """What one rule finds."""
    snapshots = [each.snapshot() if isinstance(each, World) else each for each in seen]
    return list(evaluate(Topology(snapshots), [RULES[code]]).findings)


def only(code: str, *seen: World | Snapshot) -> Finding:
    (found,) = said(code, *seen)
    return found


def commands(finding: Finding) -> list[str]:
    return [command for fix in finding.fixes for command in fix.commands]


# who is meant


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("4f2b01c3d5e6_db", "db"),
        ("4f2b01c3d5e6_0a1b2c3d4e5f_shop_db_1", "shop_db_1"),
        ("db", ""),
        ("4f2b01c3d5e6", ""),
        ("4f2b01c3d5e6_", ""),
        ("4F2B01C3D5E6_db", ""),
        ("4f2b01c3d5e_db", ""),
        ("backup_db", ""),
    ],
)
def test_the_name_that_compose_put_an_id_before(name: str, before: str) -> None:
    assert name_before_compose(name) == before


def test_a_ghost_whose_source_was_renamed_by_hand_is_found_by_the_typed_name() -> None:
    world = World.tutorial().rename("app", "app-old").run("app").remove("app-old")
    found = only("LD102", world)
    assert (found.source, found.message.split(" ")[0]) == ("app", "app")
    assert "--link app:helloapp" in commands(found)[-1]
    assert said("LD103", world) == []


def test_without_the_engines_disk_nobody_is_guessed_for_a_name_of_ones_own() -> None:
    world = World.tutorial().rename("app", "app-old").run("app").remove("app-old")
    world.unknown("web", "stored_links", DENIED)
    assert said("LD102", world) == []
    assert only("LD103", world).source == "app-old"


def test_the_recreation_of_a_ghosts_target_names_every_source_of_today() -> None:
    world = (
        World()
        .run("app")
        .run("db")
        .run("web", link=["app:helloapp", "db:db"])
        .rename("app", "4f2b01c3d5e6_app")
        .run("app")
        .remove("4f2b01c3d5e6_app")
    )
    (command,) = [each for each in commands(only("LD102", world)) if "docker run" in each]
    assert "--link app:helloapp" in command
    assert "--link db:db" in command
    assert "4f2b01c3d5e6" not in command


def networks() -> World:
    return World().network("front").network("back")


def of(project: str, service: str) -> dict[str, str]:
    return {"com.docker.compose.project": project, "com.docker.compose.service": service}


def asks_for_db(world: World) -> World:
    settings = {"DATABASE_URL": "postgres://db:5432/shop"}
    labels = of("shop", "web")
    return world.run("web", network="front", env=settings, labels=labels, answers={"db": []})


@pytest.mark.parametrize(
    ("world", "source"),
    [
        (lambda: networks().run("db", network="back"), "db"),
        (lambda: networks().run("DB", network="back"), "DB"),
        (lambda: networks().run("shop-db-1", network="back", labels=of("shop", "db")), "shop-db-1"),
        (lambda: networks().run("pg", network="back", aliases=["db"]), "pg"),
        (lambda: networks().run("pg", network="back", hostname="db"), "pg"),
        (lambda: networks().run("4f2b01c3d5e6_db", network="back"), "4f2b01c3d5e6_db"),
    ],
    ids=["name", "case", "service", "alias", "hostname", "made up"],
)
def test_nothing_is_to_be_created_that_is_there_under_another_name(
    world: object, source: str
) -> None:
    assert callable(world)
    found = only("LD301", asks_for_db(world()))
    assert source in found.message
    assert not any("create the container" in fix.title for fix in found.fixes)
    assert f"docker network connect --alias db front {source}" in commands(found)


def test_only_what_is_nowhere_is_to_be_created() -> None:
    found = only("LD301", asks_for_db(networks().run("other", network="back")))
    assert [fix.title for fix in found.fixes] == [
        "create the container that web expects as db, and link it"
    ]


def test_the_own_project_comes_before_a_surer_kind_of_name() -> None:
    world = networks().run("db", network="back", labels=of("blog", "db"))
    world.run("shop-db-1", network="back", labels=of("shop", "db"))
    assert "docker network connect --alias db front shop-db-1" in commands(
        only("LD301", asks_for_db(world))
    )


def test_of_several_none_is_chosen() -> None:
    world = networks()
    for name in ("shop-db-1", "shop-db-2"):
        world.run(name, network="back", labels=of("shop", "db"))
    found = only("LD301", asks_for_db(world))
    assert "shop-db-1, shop-db-2" in found.message
    assert commands(found) == []


def test_a_reader_of_link_variables_is_linked_to_what_is_there() -> None:
    world = World().run("my-db").run("web", command=("sh", "-c", "dial $MY_DB_PORT_5432_TCP_ADDR"))
    assert "--link my-db:my_db" in commands(only("LD301", world))[-1]


def test_a_source_that_is_gone_is_not_to_be_created_if_compose_calls_it_otherwise_now() -> None:
    world = World().run("shop_app_1", labels=of("shop", "app"))
    world.run("shop_web_1", link="shop_app_1:app", labels=of("shop", "web"))
    world.remove("shop_app_1").run("shop-app-1", labels=of("shop", "app"))
    found = only("LD103", world)
    (fix,) = found.fixes
    assert "so that it is linked to shop-app-1 instead of shop_app_1" in fix.title
    assert fix.commands[0].endswith("--force-recreate web")


def test_a_source_that_is_gone_is_not_to_be_created_if_another_has_its_name_elsewhere() -> None:
    world = (
        World.tutorial().network("back").remove("app").run("p-1", network="back", hostname="app")
    )
    found = only("LD103", world)
    assert [fix.title for fix in found.fixes] == [
        "find out whether p-1 has taken the place of app, and create web again with a link to it "
        "as helloapp"
    ]


def test_a_name_in_two_cases_is_one_expectation() -> None:
    world = World().run("web", labels={"linkdoctor.expects": "DB"}, env={"DB_HOST": "db"})
    assert [each.alias for each in said("LD301", world)] == ["DB"]


def test_names_know_no_case() -> None:
    world = World().network("back").run("DB", network="back")
    assert said("LD301", world.run("web", network="back", env={"DB_HOST": "db"})) == []


# host, none, another's network


@pytest.mark.parametrize("code", ["LD301", "LD402"])
def test_nothing_is_connected_to_or_from_the_hosts_network(code: str) -> None:
    world = World().network("back").run("db", mode="host")
    world.change("db", endpoints=(Endpoint(network="host"),))
    link = "db:db" if code == "LD402" else ()
    world.run("web", network="back", link=link, env={"DB_HOST": "db"})
    found = only(code, world)
    assert not any("network connect" in each for each in commands(found))
    assert "--add-host db:host-gateway" in commands(found)[-1]
    assert "--link db:db" not in commands(found)[-1]


def test_an_old_engine_knows_no_host_gateway() -> None:
    world = World(engine="19.03.15").network("back").run("db", mode="host")
    world.run("web", network="back", env={"DB_HOST": "db"})
    found = only("LD301", world)
    assert commands(found) == []
    assert "the host's address" in found.fixes[0].title


def test_compose_has_its_own_way_to_name_the_host() -> None:
    world = World().network("back").run("db", mode="host")
    world.run("web", network="back", env={"DB_HOST": "db"}, labels=of("shop", "web"))
    found = only("LD301", world)
    assert "extra_hosts in the Compose file" in found.fixes[0].title
    assert commands(found) == []


def test_compose_is_told_to_leave_out_the_link_to_what_has_the_hosts_network() -> None:
    world = World().network("back").run("db", mode="host", labels=of("shop", "db"))
    world.change("db", endpoints=(Endpoint(network="host"),))
    world.run("web", network="back", link="db:db", labels=of("shop", "web"))
    found = only("LD402", world)
    assert found.fixes[0].title.startswith("correct the links and extra_hosts in the Compose file")


@pytest.mark.parametrize("mode", ["host", "none"])
def test_a_target_without_a_network_of_its_own_is_connected_to_none(mode: str) -> None:
    world = World().network("back").run("db", network="back", publish={5432: 15432})
    world.run("web", mode=mode, env={"DATABASE_URL": "postgres://db:5432/shop"})
    world.change("web", endpoints=(Endpoint(network=mode),))
    found = only("LD301", world)
    assert commands(found) == []
    if mode == "host":
        assert "localhost at its published port (15432)" in found.fixes[0].title


def test_links_of_a_container_on_the_hosts_network_have_the_published_port_instead() -> None:
    world = World().run("app", publish={5000: 15000}).run("web", link="app:helloapp", mode="host")
    world.change("web", endpoints=(Endpoint(network="host"),))
    found = only("LD404", world)
    assert any("localhost at its published port (15000)" in each.title for each in found.fixes)
    assert not any("network connect" in each for each in commands(found))


# LD306, LD307, LD401


def test_a_source_that_compose_left_under_another_name_is_renamed_not_created() -> None:
    world = networks().run("4f2b01c3d5e6_db", network="front")
    found = only("LD306", world.run("web", network="front", link="db:database"))
    assert commands(found) == ["docker rename 4f2b01c3d5e6_db db"]
    assert found.fixes[0].safety is Safety.SAFE


def test_a_source_that_only_stopped_is_started_not_created() -> None:
    world = World().network("back", subnets=["172.18.0.0/16"]).run("app", network="back")
    world.run("web", network="back", link="app:db", answers={"db": ["10.9.9.9"]}).stop("app")
    world.change("app", exit_code=1)
    found = only("LD307", world)
    assert "app does not run, and a foreign DNS server answers" in found.message
    assert commands(found) == ["docker start app"]


def test_a_stopped_container_of_another_host_does_not_run_there() -> None:
    there = World("host2").run("db").stop("db")
    here = World("host1").run("web", env={"DATABASE_URL": "postgres://db/shop"})
    assert "it is on host2, and links do not cross" in only("LD401", here, there).message


# addresses


def test_an_address_may_be_that_of_a_container_that_was_not_inspected() -> None:
    world = World.tutorial().hosts("web", "helloapp", address="172.17.0.9")
    assert "172.17.0.9, an unused address" in only("LD302", world).message
    hidden = world.run("secret").unknown("secret", "details", DENIED)
    assert "no container that could be inspected" in only("LD302", hidden).message


# LD510


def probed(
    outcome: ProbeOutcome,
    *,
    cause: ProbeCause = ProbeCause.NOT_SHOWN,
    address: str = "172.17.0.2",
    listen_on: str = "0.0.0.0",
) -> World:
    met = Probe(alias="helloapp", port=5000, outcome=outcome, address=address, cause=cause)
    return (
        World()
        .run("app", expose=[5000], listen=[5000], listen_on=listen_on)
        .run("web", link="app:helloapp", probes=[met])
    )


REJECT = FirewallRule(chain="FORWARD", verdict="REJECT", reject_with="icmp-host-prohibited")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ProbeCause.NO_ROUTE, "it has no route to 172.17.0.2"),
        (ProbeCause.NO_NEIGHBOUR, "nothing on its network answers for 172.17.0.2"),
        (ProbeCause.REJECTED, "it has a route to 172.17.0.2 and its neighbour answers"),
        (ProbeCause.NOT_SHOWN, "a route is missing, nothing has the address, or a firewall"),
    ],
)
def test_no_route_is_said_only_where_there_is_none(cause: ProbeCause, words: str) -> None:
    found = only("LD510", probed(ProbeOutcome.NO_ROUTE, cause=cause))
    assert words in found.message
    assert ("has no route" in found.message) is (cause is ProbeCause.NO_ROUTE)


@pytest.mark.parametrize("outcome", [ProbeOutcome.NO_ROUTE, ProbeOutcome.TIMED_OUT])
def test_no_firewall_is_looked_for_where_nobody_answers_for_the_address(
    outcome: ProbeOutcome,
) -> None:
    (fix,) = only("LD510", probed(outcome, cause=ProbeCause.NO_NEIGHBOUR)).fixes
    assert "firewall" not in fix.title
    assert not any("iptables" in each for each in fix.commands)
    assert "ip address show" in fix.commands[0]
    (dropped,) = only("LD510", probed(ProbeOutcome.TIMED_OUT)).fixes
    assert "firewall" in dropped.title


def test_a_rule_of_the_firewall_that_may_refuse_is_named() -> None:
    world = probed(ProbeOutcome.NO_ROUTE, cause=ProbeCause.REJECTED).filter(REJECT)
    found = only("LD510", world)
    assert "-A FORWARD -j REJECT --reject-with icmp-host-prohibited" in found.message
    # What the routes of the target lack, no firewall refused.
    routeless = probed(ProbeOutcome.NO_ROUTE, cause=ProbeCause.NO_ROUTE).filter(REJECT)
    assert "REJECT" not in only("LD510", routeless).message


@pytest.mark.parametrize(
    ("listen_on", "address", "words", "firewall"),
    [
        ("0.0.0.0", "172.17.0.2", "a firewall refuses it", True),
        ("172.17.0.2", "172.17.0.2", "a firewall refuses it", True),
        ("::", "172.17.0.2", "which may not accept this address, or a firewall refuses it", False),
        ("172.18.0.2", "172.17.0.2", "which may not accept this address, or a", False),
        ("127.0.0.1", "172.17.0.2", "is refused.", False),
        ("0.0.0.0", "172.17.0.99", "that is not an address of app", False),
    ],
)
def test_a_firewall_is_blamed_only_if_the_source_would_accept(
    listen_on: str, address: str, words: str, firewall: bool
) -> None:
    world = probed(ProbeOutcome.REFUSED, address=address, listen_on=listen_on)
    message = only("LD510", world).message
    assert words in message
    assert (": a firewall refuses it" in message) is firewall


def test_an_unseen_listener_blames_nobody() -> None:
    world = probed(ProbeOutcome.REFUSED).unknown("app", "listeners", DENIED)
    assert only("LD510", world).message.endswith("port 5000 at 172.17.0.2 is refused.")


# rules of the firewall


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (REJECT, True),
        (FirewallRule(chain="DOCKER-USER", verdict="DROP", protocol="tcp"), True),
        (FirewallRule(chain="FORWARD", verdict="REJECT", destination_port=5000), True),
        (FirewallRule(chain="FORWARD", verdict="REJECT", destination_port=80), False),
        (FirewallRule(chain="FORWARD", verdict="REJECT", protocol="udp"), False),
        (FirewallRule(chain="FORWARD", verdict="REJECT", source="10.0.0.0/8"), False),
        (FirewallRule(chain="FORWARD", verdict="REJECT", source="172.17.0.0/16"), True),
        (FirewallRule(chain="FORWARD", verdict="REJECT", in_interface="eth0"), False),
        (FirewallRule(chain="FORWARD", verdict="REJECT", in_interface="!eth0"), True),
        (FirewallRule(chain="FORWARD", verdict="ACCEPT"), False),
        (FirewallRule(chain="DOCKER-ISOLATION-STAGE-2", verdict="DROP"), False),
        (
            FirewallRule(
                chain="FORWARD", verdict="DROP", in_interface="docker0", out_interface="docker0"
            ),
            False,
        ),
    ],
    ids=lambda each: words_of_rule(each) if isinstance(each, FirewallRule) else "",
)
def test_what_may_refuse_a_connection_within_a_bridge(rule: FirewallRule, matches: bool) -> None:
    seen = Firewall(backend="iptables-nft", rules=(rule,))
    ends = {"target": "172.17.0.3", "source": "172.17.0.2"}
    assert bool(refusals_on(seen, "docker0", **ends, port=Port(5000))) is matches
    unfiltered = msgspec.structs.replace(seen, filters_bridges=False)
    assert refusals_on(unfiltered, "docker0", **ends, port=Port(5000)) == ()


def test_the_words_of_a_rule_are_those_of_iptables() -> None:
    rule = FirewallRule(
        chain="mine",
        verdict="REJECT",
        source="10.0.0.0/8",
        in_interface="!eth0",
        protocol="tcp",
        destination_port=5000,
        conditional=True,
        reject_with="tcp-reset",
    )
    assert words_of_rule(rule) == (
        "-A mine -s 10.0.0.0/8 ! -i eth0 -p tcp --dport 5000 … -j REJECT --reject-with tcp-reset"
    )


# swarm, sharers


@pytest.mark.parametrize(
    ("name", "labels", "task"),
    [
        ("shop.1.k2f5sv0ayt0kwb4bkz7rvp5zu", {}, True),
        ("shop.z8j6hplfz7r0v1nyytzlnzd4a.k2f5sv0ayt0kwb4bkz7rvp5zu", {}, True),
        ("anything", {"com.docker.swarm.task.id": "k2f5sv0ayt0kwb4bkz7rvp5zu"}, True),
        ("shop.1", {}, False),
        ("shop", {}, False),
    ],
)
def test_a_task_of_a_swarm_is_known(name: str, labels: dict[str, str], task: bool) -> None:
    (container,) = World().run(name, labels=labels).snapshot().containers
    assert is_swarm_task(container) is task


def test_a_sharer_of_a_sharer_is_one_too() -> None:
    world = (
        World()
        .run("app", expose=[5000])
        .run("inner", mode="container:app")
        .run("innermost", mode="container:inner")
        .run("web", link="app:helloapp")
    )
    assert "Nothing in app listens" in only("LD502", world).message
    snapshot = world.snapshot()
    serving = Listener(address="0.0.0.0", port=5000, protocol="tcp")
    containers: list[Container] = [
        msgspec.structs.replace(
            each, listeners=msgspec.structs.replace(each.listeners, value=(serving,))
        )
        if each.name == "innermost"
        else each
        for each in snapshot.containers
    ]
    apart = msgspec.structs.replace(snapshot, containers=tuple(containers))
    assert "innermost shares the network of app" in only("LD502", apart).message
