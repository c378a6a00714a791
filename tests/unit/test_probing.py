"""Probes: where they may go, what came of them, and what is said where there can be none."""

from __future__ import annotations

import socket
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.collect import probing, sockets
from linkdoctor.collect.engine import Deadline
from linkdoctor.collect.probing import may_be_dialled, with_probes
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.links import Port
from linkdoctor.model.snapshot import Probe, ProbeOutcome, Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.world import World

TOO_SHORT = Deadline(1)
"""Time enough for a plan, and too little for a connection."""
SUBNETS = ("172.17.0.0/16", "fd00:17::/64")


def probed(snapshot: Snapshot, deadline: Deadline, *, near: bool) -> Snapshot:
    return with_probes(snapshot, Topology([snapshot]), deadline, near=near)


def probes(snapshot: Snapshot, name: str) -> Evidence[tuple[Probe, ...]]:
    return next(each.probes for each in snapshot.containers if each.name == name)


@pytest.mark.parametrize(
    ("address", "inside", "anywhere"),
    [
        ("172.17.0.2", True, True),
        ("::ffff:172.17.0.2", True, True),
        ("fd00:17::2", True, True),
        ("10.9.9.9", False, True),
        ("2001:db8::1", False, True),
        ("127.0.0.1", False, False),
        ("127.9.9.9", False, False),
        ("::1", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("255.255.255.255", False, False),
        ("helloapp", False, False),
        ("", False, False),
    ],
)
def test_where_a_probe_may_go(address: str, inside: bool, anywhere: bool) -> None:
    assert may_be_dialled(address, subnets=SUBNETS, external=False) is inside
    assert may_be_dialled(address, subnets=SUBNETS, external=True) is anywhere


@given(st.text(max_size=60))
def test_no_text_passes_for_an_address(text: str) -> None:
    may_be_dialled(text, subnets=SUBNETS, external=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_connection_is_closed_at_once_and_nothing_is_sent(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as server:
        server.bind((address, 0))
        server.listen()
        server.settimeout(5.0)
        dialled = sockets.dial(address, server.getsockname()[1], 2.0)
        peer, _ = server.accept()
        with peer:
            peer.settimeout(5.0)
            assert peer.recv(16) == b""
    assert dialled.outcome is ProbeOutcome.CONNECTED
    assert 0 <= dialled.seconds < 2.0


def test_a_refused_connection_is_told_from_a_missing_route() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert sockets.dial("127.0.0.1", port, 2.0).outcome is ProbeOutcome.REFUSED
    # Class E has no route anywhere.
    assert sockets.dial("255.255.255.255", 9, 2.0).outcome is ProbeOutcome.NO_ROUTE


def test_a_silent_peer_times_out() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting: list[socket.socket] = []
        try:
            for _ in range(3):  # until the queue of the listener is full
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(server.getsockname())
                waiting.append(client)
            dialled = sockets.dial("127.0.0.1", server.getsockname()[1], 0.2)
        finally:
            for client in waiting:
                client.close()
    assert dialled.outcome is ProbeOutcome.TIMED_OUT
    assert 0.1 < dialled.seconds < 2.0


def test_from_afar_nothing_is_tried_and_the_reason_is_given() -> None:
    seen = probed(World.tutorial().snapshot(), Deadline(5), near=False)
    unknown = probes(seen, "web")
    assert isinstance(unknown, Unknown)
    assert unknown.gap is Gap.UNSUPPORTED
    assert (
        unknown.detail
        == "without root on the engine's host a probe would need exec, which check never uses"
    )
    assert probes(seen, "app") == probes(World.tutorial().snapshot(), "app")


def test_a_process_that_is_not_the_containers_is_not_entered() -> None:
    unknown = probes(probed(World.tutorial().snapshot(), Deadline(5), near=True), "web")
    assert isinstance(unknown, Unknown)
    assert unknown.gap is Gap.DENIED


def test_a_target_that_does_not_run_is_not_probed() -> None:
    before = World.tutorial().stop("web").snapshot()
    assert probed(before, Deadline(5), near=True) == before


def test_an_address_outside_is_named_and_not_dialled() -> None:
    world = World.tutorial().hosts("web", "helloapp", address="10.9.9.9")
    assert probes(probed(world.snapshot(), Deadline(5), near=True), "web") == Known(
        (Probe(alias="helloapp", port=5000, outcome=ProbeOutcome.NOT_TRIED, address="10.9.9.9"),),
        "its network namespace",
    )


def test_without_networks_the_containers_own_addresses_are_the_bounds() -> None:
    unknown = Unknown(gap=Gap.DENIED, detail="blanked by the test")
    outside = World.tutorial().hosts("web", "helloapp", address="172.17.0.99").snapshot()
    blind = msgspec.structs.replace(outside, networks=unknown)
    seen = probes(probed(blind, Deadline(5), near=True), "web")
    assert isinstance(seen, Known)
    assert [each.outcome for each in seen.value] == [ProbeOutcome.NOT_TRIED]


def test_dialled_ports_come_first_and_exposed_ones_are_bounded() -> None:
    world = (
        World()
        .run("app", expose=range(5000, 5040), listen=[5000])
        .run("web", link="app:helloapp", env={"API_URL": "http://helloapp:9000/"})
    )
    seen = probes(probed(world.snapshot(), Deadline(0), near=True), "web")
    assert isinstance(seen, Known)
    left_out = [each.port for each in seen.value if each.outcome is ProbeOutcome.LEFT_OUT]
    assert left_out == [5016], "one stands for all"
    assert [each.port for each in seen.value] == [*range(5000, 5017), 9000]
    tried = [each for each in seen.value if each.outcome is not ProbeOutcome.LEFT_OUT]
    assert {(each.outcome, each.address) for each in tried} == {(ProbeOutcome.NOT_TRIED, "")}


def test_of_many_exposed_ports_those_that_are_listened_on_are_probed() -> None:
    world = (
        World().run("app", expose=range(5000, 5100), listen=[5090]).run("web", link="app:helloapp")
    )
    seen = probes(probed(world.snapshot(), Deadline(0), near=True), "web")
    assert isinstance(seen, Known)
    tried = [each.port for each in seen.value if each.outcome is not ProbeOutcome.LEFT_OUT]
    assert tried == [*range(5000, 5015), 5090]


def outcomes(seen: Snapshot, *, name: str) -> dict[str, int]:
    found = probes(seen, name)
    assert isinstance(found, Known)
    return Counter(each.outcome.value for each in found.value)


def test_one_target_never_uses_up_the_probes_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_OF_ONE", 8)
    world = World()
    for number in range(4):
        world.run(f"app{number}", expose=range(5000, 5005))
    world.run("a-hog", link=[f"app{number}:app{number}" for number in range(4)])
    world.run("web", link="app0:app")
    seen = probed(world.snapshot(), TOO_SHORT, near=True)
    assert outcomes(seen, name="a-hog") == {"not tried": 8, "left out": 12}
    assert outcomes(seen, name="web") == {"not tried": 5}
    hog = probes(seen, "a-hog")
    assert isinstance(hog, Known)
    tried = Counter(each.alias for each in hog.value if each.outcome is ProbeOutcome.NOT_TRIED)
    assert set(tried.values()) == {2}, "its links take turns, too"


def test_the_bound_of_an_engine_is_shared_fairly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_OF_ALL", 40)
    world = World().run("app", expose=range(5000, 5016), listen=[5000])
    for number in range(20):
        world.run(f"web{number:02}", link="app:helloapp")
    seen = probed(world.snapshot(), TOO_SHORT, near=True)
    assert all(
        outcomes(seen, name=f"web{number:02}") == {"not tried": 2, "left out": 14}
        for number in range(20)
    )


def test_a_link_without_ports_is_resolved_only() -> None:
    world = World().run("app").run("web", link="app:helloapp")
    assert probes(probed(world.snapshot(), Deadline(5), near=True), "web") == Known(
        (), "its network namespace"
    )


def test_udp_is_not_probed() -> None:
    ports = (Port(53, "udp"), Port(5000))
    world = World.tutorial().change("app", exposed=ports)
    seen = probes(probed(world.snapshot(), Deadline(0), near=True), "web")
    assert isinstance(seen, Known)
    assert [each.port for each in seen.value] == [5000]
