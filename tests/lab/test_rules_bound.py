"""LD513 and LD514 on a real engine: a source that listens where its target does not come by."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linkdoctor.collect.sockets import dial, in_namespace, listeners_here
from linkdoctor.model.snapshot import ProbeOutcome

from .examining import codes, diagnose, only_fault
from .situations import Lab


@contextmanager
def listening(
    lab: Lab, name: str, address: str, *, v6only: bool | None = None, device: str = ""
) -> Iterator[None]:
    """Listen on port 5000 in a container's network namespace; connections wait to be accepted."""

    def opened() -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6only is not None:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        if device:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        server.bind((address, 5000))
        server.listen()
        return server

    server = in_namespace(Path(f"/proc/{lab.pid(name)}/ns/net"), opened)
    try:
        yield
    finally:
        server.close()


def connects(lab: Lab, network: str = "back") -> bool:
    """Whether web can connect to port 5000 of app, by a network."""
    address = lab.address("app", network)
    namespace = Path(f"/proc/{lab.pid('web')}/ns/net")
    dialled = in_namespace(namespace, lambda: dial(address, 5000, 2.0))
    return dialled.outcome is ProbeOutcome.CONNECTED


@pytest.fixture
def two(lab: Lab) -> Lab:
    """A source on two networks, and a target on the first."""
    lab.network("back")
    lab.network("front")
    lab.run("app", network="back", expose=[5000])
    lab.connect("front", "app")
    lab.run("web", network="back", link="app:helloapp", env={"API": "http://helloapp:5000/"})
    return lab


def test_a_listener_on_another_networks_address_is_found(two: Lab) -> None:
    with listening(two, "app", two.address("app", "front")):
        assert not connects(two)
        found = only_fault(diagnose(two))
        assert (found.code, found.target, found.alias) == ("LD514", "web", "helloapp")
        assert two.address("app", "front") in found.message


@pytest.mark.parametrize("network", ["back", ""], ids=["its own network's", "any"])
def test_a_listener_on_the_links_own_address_is_quiet(two: Lab, network: str) -> None:
    with listening(two, "app", two.address("app", network) if network else "0.0.0.0"):
        assert connects(two)
        assert codes(diagnose(two)) == []


def test_a_listener_on_another_networks_device_is_found(two: Lab) -> None:
    with listening(two, "app", "0.0.0.0", device="eth1"):
        assert not connects(two)
        found = only_fault(diagnose(two))
        assert (found.code, found.target, found.alias) == ("LD514", "web", "helloapp")
        assert "eth1" in found.evidence[0].observed


def test_a_listener_on_the_links_own_device_is_quiet(two: Lab) -> None:
    with listening(two, "app", "0.0.0.0", device="eth0"):
        assert connects(two)
        assert codes(diagnose(two)) == []


def test_a_listener_on_the_loopback_device_is_of_the_loopback(two: Lab) -> None:
    with listening(two, "app", "0.0.0.0", device="lo"):
        assert not connects(two)
        assert codes(diagnose(two)) == ["LD503 web/helloapp"]


def test_a_listener_for_ipv6_only_is_found(two: Lab) -> None:
    with listening(two, "app", "::", v6only=True):
        assert not connects(two)
        found = only_fault(diagnose(two))
        assert (found.code, found.target, found.alias) == ("LD513", "web", "helloapp")


def test_a_listener_for_both_families_is_quiet(two: Lab) -> None:
    with listening(two, "app", "::", v6only=False):
        assert connects(two)
        assert codes(diagnose(two)) == []


def test_listeners_for_each_family_are_quiet(two: Lab) -> None:
    with listening(two, "app", "::", v6only=True), listening(two, "app", "0.0.0.0"):
        assert connects(two)
        assert codes(diagnose(two)) == []


def test_an_ipv4_address_written_as_ipv6_is_that_address(two: Lab) -> None:
    with listening(two, "app", f"::ffff:{two.address('app', 'back')}", v6only=False):
        assert connects(two)
        assert codes(diagnose(two)) == []
    with listening(two, "app", f"::ffff:{two.address('app', 'front')}", v6only=False):
        assert not connects(two)
        assert codes(diagnose(two)) == ["LD514 web/helloapp"]


def test_a_legacy_link_comes_by_the_default_bridge(lab: Lab) -> None:
    lab.network("front")
    lab.run("app", expose=[5000])
    lab.connect("front", "app")
    lab.run("web", link="app:helloapp")
    with listening(lab, "app", lab.address("app", "front")):
        assert not connects(lab, "bridge")
        assert codes(diagnose(lab)) == ["LD514 web/helloapp"]
    with listening(lab, "app", "::", v6only=True):
        assert codes(diagnose(lab)) == ["LD513 web/helloapp"]
    with listening(lab, "app", lab.address("app")):
        assert connects(lab, "bridge")
        assert codes(diagnose(lab)) == []


def test_a_source_that_shares_a_namespace_is_reached_at_its_owners_address(lab: Lab) -> None:
    lab.run("owner", expose=[5000])
    lab.run("app", network_mode="container:owner")
    lab.run("web", link="app:helloapp")
    with listening(lab, "owner", lab.address("owner")):
        assert codes(diagnose(lab)) == []


def test_what_the_kernel_says_of_the_families_of_a_listener(two: Lab) -> None:
    namespace = Path(f"/proc/{two.pid('app')}/ns/net")
    for v6only in (True, False):
        with listening(two, "app", "::", v6only=v6only):
            seen = in_namespace(namespace, listeners_here)
            assert [each.ipv6_only for each in seen if each.port == 5000] == [v6only]
