"""The ports of a host: what engines say of taken ones, and who counts on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.model.links import Port
from linkdoctor.model.snapshot import Listener, Publication
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.fixes import recreate, recreate_source
from linkdoctor.rulekit.host_ports import (
    PortConflict,
    dials_at,
    free_port,
    overlap,
    parse_port_conflict,
)
from linkdoctor.rulekit.world import World

ENDPOINT = f"driver failed programming external connectivity on endpoint app ({'a' * 64}): "
SINCE_28 = f"failed to set up container networking: {ENDPOINT}"


@pytest.mark.parametrize(
    ("error", "conflict"),
    [
        (
            f"{ENDPOINT}Bind for 0.0.0.0:18000 failed: port is already allocated",
            PortConflict(address="0.0.0.0", port=18000),
        ),
        (
            f"{SINCE_28}Bind for 127.0.0.1:18000 failed: port is already allocated",
            PortConflict(address="127.0.0.1", port=18000),
        ),
        (
            f"{ENDPOINT}Bind for :::8089 failed: port is already allocated",
            PortConflict(address="::", port=8089),
        ),
        (
            f"{ENDPOINT}Error starting userland proxy: listen tcp4 127.0.0.1:19000: bind: "
            "address already in use",
            PortConflict(address="127.0.0.1", port=19000, protocol="tcp"),
        ),
        (
            f"{ENDPOINT}Error starting userland proxy: listen udp6 [::]:53: bind: "
            "address already in use",
            PortConflict(address="::", port=53, protocol="udp"),
        ),
        (
            f"{SINCE_28}failed to bind host port for 0.0.0.0:19000:172.17.0.4:5000/tcp: "
            "address already in use",
            PortConflict(address="0.0.0.0", port=19000, protocol="tcp"),
        ),
        (
            f"{SINCE_28}failed to bind host port for [::1]:19000:[fd00:12::4]:53/udp: "
            "address already in use",
            PortConflict(address="::1", port=19000, protocol="udp"),
        ),
    ],
)
def test_a_taken_port_is_understood_in_the_words_of_each_engine(
    error: str, conflict: PortConflict
) -> None:
    assert parse_port_conflict(error) == conflict


@pytest.mark.parametrize(
    "error",
    [
        "",
        "Cannot link to a non running container: /app AS /web/helloapp",
        f"{ENDPOINT}all ports are allocated",
        f"{ENDPOINT}Error starting userland proxy: listen tcp4 10.99.0.1:20000: bind: "
        "cannot assign requested address",
        f"{ENDPOINT}Bind for 0.0.0.0:99999 failed: port is already allocated",
    ],
)
def test_another_error_is_no_taken_port(error: str) -> None:
    assert parse_port_conflict(error) is None


@given(st.text(max_size=300))
def test_no_error_crashes_the_reader(text: str) -> None:
    parse_port_conflict(text)
    parse_port_conflict(f"failed to bind host port for 0.0.0.0:80:{text}")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "127.0.0.1", True),
        ("10.0.0.1", "0.0.0.0", True),
        ("::", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "10.0.0.1", False),
    ],
)
def test_an_address_overlaps_with_itself_and_with_any(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected


def test_a_free_port_is_neither_listened_on_nor_bound_nor_asked_for() -> None:
    world = (
        World(host_listeners=(Listener(address="0.0.0.0", port=18000, protocol="tcp"),))
        .run("app", publish={5000: 18001})
        .run("idle", publish={5000: 18002})
        .stop("idle")
    )
    topology = Topology([world.snapshot()])
    assert free_port("host1", 18000, "tcp", topology) == 18003
    assert free_port("host1", 18000, "udp", topology) == 18000


def test_the_ports_dialled_at_a_host_are_those_of_other_containers() -> None:
    world = (
        World()
        .run("app", publish={5000: 18000})
        .run("web", env={"A_URL": "http://10.77.0.1:18000/", "B_URL": "http://10.77.0.1:1/"})
        .run("own", publish={80: 18080}, env={"A_URL": "http://10.77.0.1:18080/"})
    )
    topology = Topology([world.snapshot()])
    found = {
        caller: [dial.port for dial, _ in dials_at("host1", container, "host1", topology)]
        for caller in ("app", "web", "own")
        if (container := topology.container_named("host1", caller)) is not None
    }
    assert found == {"app": [], "web": [18000], "own": []}


def test_a_stopped_container_is_recreated_with_the_ports_that_it_asked_for() -> None:
    choice = Publication(port=Port(80), host_address="", host_port=0, ephemeral=True)
    near = Publication(port=Port(81), host_address="127.0.0.1", host_port=0, ephemeral=True)
    world = World().run("app", publish={5000: 18000}).stop("app")
    topology = Topology([world.snapshot()])
    app = topology.container_named("host1", "app")
    assert app is not None
    assert "--publish 18000:5000/tcp" in recreate(topology, "host1", app).commands[-1]
    chosen = recreate(topology, "host1", app, published=(choice, near)).commands[-1]
    assert "--publish 80/tcp --publish 127.0.0.1::81/tcp --expose 5000/tcp" in chosen


def test_a_source_is_recreated_with_the_targets_that_wait_for_it() -> None:
    world = (
        World()
        .run("app", expose=[5000])
        .run("web", link="app:helloapp")
        .run("idle", link="app:helloapp")
        .run("refused", link="app:helloapp")
        .stop("idle")
        .refuse("refused", "Cannot link to a non running container: /app AS /refused/helloapp")
    )
    topology = Topology([world.snapshot()])
    app = topology.container_named("host1", "app")
    assert app is not None
    fix = recreate_source(topology, "host1", app, expose=(Port(9000),), why="exposed")
    renamed = [each.split()[2] for each in fix.commands if each.startswith("docker rename")]
    assert renamed == ["app", "refused", "web"]
    assert "--expose 5000/tcp --expose 9000/tcp" in fix.commands[2]
