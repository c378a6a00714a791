"""The model of an engine that cases are made with: ids, and what actions do.

What it does is what the engine lab shows (`tests/lab/test_engine_facts*.py`); the lab holds it
against real engines in `tests/lab/test_engine_model.py`.
"""

from __future__ import annotations

import pytest

from linkdoctor.model.actions import (
    ConnectNetwork,
    Joined,
    Namespace,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.snapshot import (
    Container,
    Details,
    DnsAnswer,
    Firewall,
    Health,
    Listener,
    Publication,
    Snapshot,
    Status,
)
from linkdoctor.model.variables import Variable
from linkdoctor.rulekit.engine_state import EngineRefusal, NotModelled
from linkdoctor.rulekit.world import World

ADDRESS = "HELLOAPP_PORT_5000_TCP_ADDR"


def seen(world: World | Snapshot, name: str) -> Container:
    snapshot = world if isinstance(world, Snapshot) else world.snapshot()
    return next(each for each in snapshot.containers if each.name == name)


def details(world: World, name: str) -> Details:
    found = seen(world, name).details
    assert isinstance(found, Known)
    return found.value


def address(world: World, name: str) -> str:
    return details(world, name).endpoints[0].address


def line(world: World, name: str, alias: str) -> HostsLine | None:
    file = seen(world, name).hosts_file
    assert isinstance(file, Known)
    return next((each for each in file.value if each.names[0] == alias), None)


def variable(world: World, name: str, wanted: str) -> str | None:
    process = seen(world, name).process_environment
    assert isinstance(process, Known)
    return next((each.value for each in process.value if each.name == wanted), None)


def pairs(world: World) -> set[tuple[str, str]]:
    firewall = world.snapshot().firewall
    assert isinstance(firewall, Known)
    assert isinstance(firewall.value, Firewall)
    rules = [each for each in firewall.value.rules if each.destination_port]
    return {(each.source, each.destination) for each in rules}


# Ids


def test_a_recreated_container_has_another_id_and_always_the_same_one() -> None:
    before, after = World.tutorial(), World.tutorial().recreate("app")
    assert seen(before, "app").id != seen(after, "app").id
    assert seen(after, "app").id == seen(World.tutorial().recreate("app"), "app").id
    assert details(after, "app").hostname == seen(after, "app").id[:12]


def test_a_hostname_that_was_given_outlives_a_recreation() -> None:
    assert details(World().run("app", hostname="me").recreate("app"), "app").hostname == "me"


def test_a_sharer_keeps_the_id_of_an_owner_that_was_recreated() -> None:
    world = World().run("vpn").run("app", mode="container:vpn", ipc="container:vpn")
    first = seen(world, "vpn").id
    world.recreate("vpn")
    assert first != seen(world, "vpn").id
    assert details(world, "app").network_mode == f"container:{first}"
    assert details(world, "app").ipc_mode == f"container:{first}"
    with pytest.raises(EngineRefusal, match=f"No such container: {first}"):
        world.apply(Restart(container="app"))


def test_a_recreated_target_is_linked_to_what_has_its_sources_names() -> None:
    world = World.tutorial().recreate("app").recreate("web")
    assert "web/helloapp" in seen(world, "app").names
    assert variable(world, "web", ADDRESS) == address(world, "app")


def test_a_recreated_container_on_a_network_answers_to_its_new_short_id_alone() -> None:
    world = World().network("back").run("app", network="back", aliases=("db",))
    old = seen(world, "app").id[:12]
    world.recreate("app")
    aliases = details(world, "app").endpoints[0].aliases
    assert aliases == ("app", seen(world, "app").id[:12], "db")
    assert old not in aliases


# Starting


def test_a_restarted_target_gets_the_address_that_its_source_has_now() -> None:
    world = World.tutorial().move("app")
    assert variable(world, "web", ADDRESS) != address(world, "app")
    world.apply(Restart(container="web"))
    assert variable(world, "web", ADDRESS) == address(world, "app")


def test_engine_29_sets_no_variables_unless_it_was_told_to() -> None:
    for keeps in (False, True):
        world = World(engine="29.1.0", keeps_link_variables=keeps)
        world.run("app", expose=[5000]).run("web", link="app:helloapp")
        world.apply(Restart(container="web"))
        assert (variable(world, "web", ADDRESS) is not None) is keeps


def test_a_started_source_takes_the_lowest_free_address_and_its_hosts_line_follows() -> None:
    world = World.tutorial().stop("app")
    world.run("other").take("other", "172.17.0.2")
    world.apply(Start(container="app"))
    assert address(world, "app") == "172.17.0.4"
    found = line(world, "web", "helloapp")
    assert found is not None
    assert found.address == "172.17.0.4"
    assert variable(world, "web", ADDRESS) == "172.17.0.2"


def test_a_line_that_was_deleted_comes_back_with_the_target_not_with_the_source() -> None:
    world = World.tutorial().hosts("web", "helloapp", address=None)
    world.apply(Restart(container="app"))
    assert line(world, "web", "helloapp") is None
    world.apply(Restart(container="web"))
    assert line(world, "web", "helloapp") is not None


def test_the_hosts_line_of_a_renamed_target_is_not_corrected() -> None:
    world = World.tutorial().apply(Rename(container="web", to="web2"))
    assert seen(world, "app").names == ("app", "web2/helloapp")
    world.run("other").stop("app").take("other", "172.17.0.2")
    world.apply(Start(container="app"))
    found = line(world, "web2", "helloapp")
    assert found is not None
    assert found.address == "172.17.0.2" != address(world, "app")


@pytest.mark.parametrize("what", ["stopped", "ghost"])
def test_a_target_is_not_started_without_its_source(what: str) -> None:
    world = World.tutorial().stop("app") if what == "stopped" else World.tutorial().recreate("app")
    refused = "Cannot link to a non running container: /app AS /web/helloapp"
    with pytest.raises(EngineRefusal, match=refused):
        world.apply(Restart(container="web"))
    assert details(world, "web").status is Status.RUNNING


def test_a_source_that_is_off_the_bridge_is_refused_in_the_words_of_the_engine() -> None:
    for engine, words in (("20.10.24", "does not belong to"), ("28.5.2", "not attached to")):
        world = World(engine=engine).network("front").run("app").run("web", link="app:helloapp")
        (place,) = World().network("front").run("x", network="front").snapshot().containers
        assert isinstance(place.details, Known)
        world.change("app", endpoints=place.details.value.endpoints)
        with pytest.raises(EngineRefusal, match=words):
            world.apply(Restart(container="web"))


def test_a_paused_container_is_unpaused_not_started() -> None:
    world = World.tutorial().change("app", status=Status.PAUSED)
    with pytest.raises(EngineRefusal, match="paused"):
        world.apply(Start(container="app"))
    world.apply(Unpause(container="app"))
    assert details(world, "app").status is Status.RUNNING
    with pytest.raises(EngineRefusal, match="is not paused"):
        world.apply(Unpause(container="app"))


def test_a_start_of_what_runs_changes_nothing() -> None:
    world = World.tutorial()
    before = seen(world, "app")
    assert seen(world.apply(Start(container="app")), "app").details == before.details


def test_a_port_that_another_holds_is_refused() -> None:
    world = World().run("db", publish={5432: 18000}).run("app", publish={5000: 18000})
    with pytest.raises(EngineRefusal, match="port is already allocated"):
        world.apply(Restart(container="app"))
    taken = Listener(address="0.0.0.0", port=18000, protocol="tcp", owner="nginx")
    busy = World(host_listeners=(taken,)).run("app", publish={5000: 18000})
    with pytest.raises(EngineRefusal, match="address already in use"):
        busy.apply(Restart(container="app"))


def test_a_port_that_the_engine_chose_is_another_after_a_restart() -> None:
    world = World().run("app", publish={5000: 32768}, ephemeral=True, expose=[5000])
    world.apply(Restart(container="app"))
    assert [each.host_port for each in details(world, "app").published] == [32769]


def test_a_restarted_owner_leaves_its_sharer_behind_until_that_starts_too() -> None:
    def apart(world: World) -> bool:
        both = [seen(world, each).namespaces for each in ("vpn", "app")]
        numbers = {each.value.network for each in both if isinstance(each, Known)}
        return len(numbers) == 2

    world = World().run("vpn").run("app", mode="container:vpn")
    assert not apart(world)
    assert apart(world.apply(Restart(container="vpn")))
    assert not apart(world.apply(Restart(container="app")))


def test_who_lives_among_the_processes_of_one_that_ends_ends_too() -> None:
    world = World().run("vpn").run("app", pid="container:vpn")
    world.apply(Restart(container="vpn"))
    assert details(world, "app").status is Status.EXITED
    assert details(world, "app").exit_code == 137


def test_a_health_check_begins_anew() -> None:
    world = World().run("app", health="unhealthy").apply(Restart(container="app"))
    assert details(world, "app").health == Health(status="starting")


def test_the_rules_of_a_link_come_with_the_target_and_stay_at_a_former_address() -> None:
    world = World(icc=False).run("app", expose=[5000]).run("web", link="app:helloapp")
    assert pairs(world) == {("172.17.0.3", "172.17.0.2")}
    world.move("app")
    world.apply(Restart(container="web"))
    # The hole that the source left is the lowest free address, and the target takes it.
    assert pairs(world) == {
        ("172.17.0.3", "172.17.0.2"),
        (address(world, "web"), address(world, "app")),
    }


# The other actions


def test_links_follow_a_renamed_source_and_the_disk_does_not() -> None:
    world = World.tutorial().apply(Rename(container="app", to="app2"))
    assert details(world, "web").stored_links == (StoredLink("app2", "helloapp"),)
    stored = seen(world, "web").stored_links
    assert isinstance(stored, Known)
    assert stored.value == (StoredLink("app", "helloapp"),)
    with pytest.raises(EngineRefusal, match="already in use"):
        world.apply(Rename(container="web", to="app2"))


def test_a_policy_is_set_and_its_successor_has_it_too() -> None:
    world = World().run("app").apply(SetRestartPolicy(container="app", policy="always"))
    assert details(world, "app").restart_policy == "always"
    world.apply(Recreate(container="app"))
    assert details(world, "app").restart_policy == "always"
    with pytest.raises(EngineRefusal, match="AutoRemove"):
        World().run("app", auto_remove=True).apply(
            SetRestartPolicy(container="app", policy="always")
        )


def test_a_container_joins_a_network_once_and_only_with_one_of_its_own() -> None:
    world = World().network("back").run("app").run("sharer", mode="container:app")
    world.run("onhost", mode="host")
    join = ConnectNetwork(network="back", container="app", aliases=("db",))
    world.apply(join)
    (_, place) = details(world, "app").endpoints
    assert (place.network, place.aliases[-1]) == ("back", "db")
    resolver = seen(world, "app").resolver
    assert isinstance(resolver, Known)
    assert resolver.value.nameservers == ("127.0.0.11",)
    refused = (
        (join, "already exists"),
        (ConnectNetwork(network="back", container="sharer"), "sharing network namespace"),
        (ConnectNetwork(network="back", container="onhost"), "sharing network namespace"),
        (ConnectNetwork(network="other", container="app"), "network other not found"),
        (ConnectNetwork(network="bridge", container="app", aliases=("x",)), "network-scoped alias"),
    )
    for action, words in refused:
        with pytest.raises(EngineRefusal, match=words):
            world.apply(action)


def test_the_engines_dns_answers_a_name_that_a_container_was_given() -> None:
    world = World().network("back").run("app")
    world.run("web", network="back", answers={"db": [], "outside": ["10.0.0.9"]})
    world.apply(ConnectNetwork(network="back", container="app", aliases=("db",)))
    place = details(world, "app").endpoints[-1]
    answers = seen(world, "web").dns_answers
    assert [_told(each) for each in answers] == [(place.address,), ("10.0.0.9",)]


def _told(answer: DnsAnswer) -> tuple[str, ...]:
    assert isinstance(answer.addresses, Known)
    return answer.addresses.value


def test_a_replaced_source_leaves_a_ghost_until_the_target_is_replaced_too() -> None:
    world = World.tutorial().apply(Recreate(container="app"))
    (answer,) = seen(world, "web").link_answers
    assert answer.container_id == Known(None, "GET")
    assert seen(world, "app").names == ("app",)
    world.apply(Recreate(container="web"))
    assert seen(world, "web").link_answers == ()
    assert seen(world, "app").names == ("app", "web/helloapp")


def test_a_successor_is_the_same_but_for_what_the_action_says() -> None:
    world = World().network("back").run("app", expose=[5000])
    world.run("web", link="app:helloapp", publish={80: 8080}, env={"MODE": "x"}, search=["lan"])
    world.apply(
        Recreate(
            container="web",
            links=(StoredLink("app", "db"),),
            publish=(Publication(port=Port(81), host_address="", host_port=8081),),
            expose=(Port(90),),
            extra_hosts=(HostsLine(address="host-gateway", names=("host",)),),
            environment=(Variable(name="DB_PORT_1_TCP_ADDR", value="db"),),
            dns_search=(".",),
        )
    )
    now = details(world, "web")
    assert now.stored_links == (StoredLink("app", "db"),)
    assert [(each.host_port, each.port.number) for each in now.published] == [
        (8080, 80),
        (8081, 81),
    ]
    assert now.exposed == (Port(80), Port(81), Port(90))
    assert {each.name for each in now.environment} == {"MODE", "DB_PORT_1_TCP_ADDR"}
    found = line(world, "web", "host")
    assert found is not None
    assert found.address == "172.17.0.1"
    resolver = seen(world, "web").resolver
    assert isinstance(resolver, Known)
    assert resolver.value.search == ()
    world.apply(Recreate(container="web", network="back", aliases=("www",)))
    (place,) = details(world, "web").endpoints
    assert (place.network, place.links) == ("back", (StoredLink("app", "db"),))
    assert place.aliases[-1] == "www"


def test_a_successor_joins_the_namespaces_of_an_owner_that_was_replaced() -> None:
    world = World().run("vpn").run("app", mode="container:vpn", pid="container:vpn")
    world.apply(Recreate(container="vpn"))
    with pytest.raises(EngineRefusal, match="No such container"):
        world.apply(Recreate(container="app"))
    joins = (
        Joined(namespace=Namespace.NETWORK, container="vpn"),
        Joined(namespace=Namespace.PID, container="vpn"),
    )
    world.apply(Recreate(container="app", joins=joins, stays_down=True))
    now = details(world, "app")
    assert now.network_mode == now.pid_mode == f"container:{seen(world, 'vpn').id}"
    assert now.status is Status.CREATED


@pytest.mark.parametrize("mode", ["host", "container:app"])
def test_a_container_without_a_network_of_its_own_is_made_with_no_link(mode: str) -> None:
    world = World().run("app").run("web", mode=mode)
    changed = Recreate(container="web", links=(StoredLink("app", "helloapp"),))
    world.apply(changed)
    assert details(world, "web").stored_links == ()


def test_a_link_to_one_in_another_ones_network_leads_to_its_owner() -> None:
    world = World().run("owner", expose=[5000]).run("app", mode="container:owner").run("web")
    world.apply(Recreate(container="web", links=(StoredLink("app", "helloapp"),)))
    assert details(world, "web").stored_links == (StoredLink("owner", "helloapp"),)
    assert seen(world, "owner").names == ("owner", "web/helloapp")


# What is not seen


def test_what_was_not_seen_is_not_seen_afterwards() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="not permitted")
    world = World.tutorial().unknown("web", "process_environment", denied)
    world.apply(Restart(container="web"))
    assert seen(world, "web").process_environment == denied


def test_what_was_not_inspected_is_not_modelled() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="not permitted")
    with pytest.raises(NotModelled, match="web was not inspected"):
        World.tutorial().unknown("web", "details", denied).apply(Restart(container="web"))


def test_a_world_goes_on_after_an_action_where_the_engine_left_it() -> None:
    world = World.tutorial().apply(Recreate(container="app")).run("late", link="app:it")
    assert len({address(world, each) for each in ("app", "web", "late")}) == 3
    assert seen(world, "app").names == ("app", "late/it")
    world.change("app", restart_policy="always")
    world.apply(Recreate(container="app"))
    assert details(world, "app").restart_policy == "always"
