"""How a listener answers connections to the addresses by which a target comes."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from linkdoctor.collect.sockets import listeners_here
from linkdoctor.model.snapshot import Listener
from linkdoctor.rulekit.link_ports import PortState, door_of, place_of

HERE = frozenset({"172.18.0.2"})
BOTH = frozenset({"172.18.0.2", "fd00::2"})


def listener(address: str, *, ipv6_only: bool = False, on: str = "") -> Listener:
    return Listener(
        address=address,
        port=80,
        protocol="tcp",
        ipv6_only=ipv6_only,
        device="eth1" if on else "",
        device_addresses=(on,) if on else (),
    )


@pytest.mark.parametrize(
    ("bound", "at", "door"),
    [
        ([], HERE, PortState.CLOSED),
        ([listener("0.0.0.0")], HERE, PortState.OPEN),
        ([listener("::")], HERE, PortState.OPEN),
        ([listener("::ffff:0.0.0.0")], HERE, PortState.OPEN),
        ([listener("172.18.0.2")], HERE, PortState.OPEN),
        ([listener("::ffff:172.18.0.2")], HERE, PortState.OPEN),
        ([listener("fd00::2")], BOTH, PortState.OPEN),
        ([listener("::", ipv6_only=True)], BOTH, PortState.OPEN),
        ([listener("::", ipv6_only=True)], HERE, PortState.WRONG_FAMILY),
        ([listener("0.0.0.0")], frozenset({"fd00::2"}), PortState.WRONG_FAMILY),
        ([listener("172.19.0.2")], HERE, PortState.ELSEWHERE),
        ([listener("fd00::9")], HERE, PortState.ELSEWHERE),
        ([listener("0.0.0.0", on="172.19.0.2")], HERE, PortState.ELSEWHERE),
        ([listener("0.0.0.0", on="172.18.0.2")], HERE, PortState.OPEN),
        ([listener("127.0.0.1"), listener("172.19.0.2")], HERE, PortState.ELSEWHERE),
        ([listener("172.19.0.2"), listener("0.0.0.0")], HERE, PortState.OPEN),
        ([listener("::1")], HERE, PortState.LOOPBACK),
        ([listener("172.19.0.2")], frozenset[str](), PortState.OPEN),
        ([listener("garbage")], HERE, PortState.OPEN),
    ],
)
def test_a_listener_answers(bound: list[Listener], at: frozenset[str], door: PortState) -> None:
    assert door_of(80, bound, at) is door


def test_a_place_is_written_as_a_person_would() -> None:
    assert place_of(listener("0.0.0.0")) == "0.0.0.0:80"
    assert place_of(listener("::", ipv6_only=True)) == "[::]:80 (IPv6 only)"
    assert place_of(listener("10.0.0.1", on="10.0.0.1")) == "10.0.0.1:80%eth1"


@pytest.mark.parametrize("v6only", [True, False])
def test_the_kernel_says_whether_a_socket_takes_ipv6_alone(v6only: bool) -> None:
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_STREAM)) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        server.bind(("::", 0))
        server.listen()
        port = server.getsockname()[1]
        found = [each.ipv6_only for each in listeners_here() if each.port == port]
    assert found == [v6only]
