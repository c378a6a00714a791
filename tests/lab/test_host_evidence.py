"""What is read of the engine's host, and that reading it changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from linkdoctor.collect import firewall as listing
from linkdoctor.collect import host, sockets
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.links import Port
from linkdoctor.model.snapshot import Interface, Route, Snapshot
from linkdoctor.rulekit.firewall import chains_in_place, ways_on

from .engine import SEARCH_PATH, Engine
from .examining import leaks, look, open_descriptors
from .hosts import interface, link, started
from .situations import Lab
from .test_collect import near

T = TypeVar("T")

KEEP = "DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS"


def seen(where: Lab | str) -> Snapshot:
    """The snapshot of one engine."""
    (snapshot,) = look(where).snapshots
    return snapshot


def had(evidence: Evidence[T]) -> T:
    """The value of evidence that was had."""
    assert isinstance(evidence, Known), evidence
    return evidence.value


# Routes and interfaces


def test_routes_and_interfaces_are_those_of_the_engines_namespace(uplink: Lab) -> None:
    link(uplink, "-6", "addr", "add", "fd88::1/64", "dev", "uplink0", "nodad")
    link(uplink, "-6", "route", "add", "default", "via", "fd88::fe", "metric", "60")
    snapshot = seen(uplink)
    routes = had(snapshot.routes)
    assert {
        Route(destination="0.0.0.0/0", interface="uplink0", gateway="10.88.0.254", metric=50),
        Route(destination="::/0", interface="uplink0", gateway="fd88::fe", metric=60),
        Route(destination="10.88.0.0/24", interface="uplink0"),
        Route(destination="fd88::/64", interface="uplink0", metric=256),
        Route(destination="172.17.0.0/16", interface="docker0"),
    } <= set(routes)
    assert not [each for each in routes if each.destination.startswith(("fe80", "127.", "ff"))]
    interfaces = had(snapshot.interfaces)
    assert Interface(name="uplink0", mtu=1400, up=True) in interfaces
    assert Interface(name="docker0", mtu=1500, up=True) in interfaces


def test_a_route_with_two_ways_is_two_routes_and_other_tables_are_left_out(lab: Lab) -> None:
    with interface(lab, "way1", "10.81.0.1/24"), interface(lab, "way2", "10.82.0.1/24"):
        hops = ("nexthop", "via", "10.81.0.2", "nexthop", "via", "10.82.0.2")
        link(lab, "route", "add", "10.90.0.0/16", *hops)
        link(lab, "route", "add", "10.91.0.0/16", "via", "10.81.0.2", "table", "77")
        link(lab, "route", "add", "blackhole", "10.92.0.0/16")
        routes = had(seen(lab).routes)
        link(lab, "route", "del", "blackhole", "10.92.0.0/16")
    assert [each for each in routes if each.destination.startswith("10.9")] == [
        Route(destination="10.90.0.0/16", interface="way1", gateway="10.81.0.2"),
        Route(destination="10.90.0.0/16", interface="way2", gateway="10.82.0.2"),
    ]


# Networks


def test_the_bridge_and_the_mtu_of_a_network_are_read(lab: Lab) -> None:
    mtu = {"com.docker.network.driver.mtu": "1300"}
    identity = lab.network("back", options=mtu)
    lab.network("named", options={"com.docker.network.bridge.name": "mine0"}, internal=True)
    networks = {each.name: each for each in had(seen(lab).networks)}
    assert (networks["bridge"].bridge, networks["bridge"].internal) == ("docker0", False)
    assert (networks["back"].bridge, networks["back"].mtu) == (f"br-{identity[:12]}", 1300)
    assert (networks["named"].bridge, networks["named"].internal) == ("mine0", True)
    assert networks["host"].bridge == ""
    names = {each.name for each in had(seen(lab).interfaces)}
    assert {each.bridge for each in networks.values() if each.bridge} <= names


# The firewall


def test_the_firewall_shows_the_pairs_of_links(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000, publish={5000: 18000})
    quiet_lab.run("web", link="app:helloapp")
    firewall = had(seen(quiet_lab).firewall)
    assert (firewall.backend, firewall.managed) == ("iptables-nft", True)
    assert firewall.filters_bridges
    assert chains_in_place(firewall)
    (way,) = ways_on(firewall, "docker0")
    assert (way.target, way.source, way.ports) == ("172.17.0.3", "172.17.0.2", (Port(5000),))
    assert len(way.rules) == 2


def tables(lab: Lab) -> list[str]:
    """Every table, chain and rule, without the times and counters that change by themselves."""
    listed = lab.engine.inside("iptables-save") + lab.engine.inside("ip6tables-save")
    lines = (line for line in listed.splitlines() if not line.startswith("#"))
    return [re.sub(r"\[\d+:\d+\]", "", line) for line in lines]


def test_looking_at_the_firewall_changes_nothing(lab: Lab) -> None:
    lab.run("app", listen=5000)
    before = tables(lab)
    names = Path(f"/proc/{lab.engine.pid}/net/ip_tables_names").read_text()
    seen(lab)
    assert tables(lab) == before
    assert Path(f"/proc/{lab.engine.pid}/net/ip_tables_names").read_text() == names


@pytest.mark.parametrize("how", ["flag", "settings"])
def test_an_engine_that_does_not_manage_the_firewall_is_known_for_it(
    possible: None, tree: Path | None, how: str
) -> None:
    told = Engine("loose", flags=["--iptables=false"], tree=tree)
    if how == "settings":
        told = Engine("loose", settings={"iptables": False}, tree=tree)
    with started(told) as lab:
        lab.run("app", listen=5000)
        firewall = had(seen(lab).firewall)
        assert (firewall.managed, firewall.chains, firewall.rules) == (False, (), ())
        assert lab.engine.inside("iptables-save") == "", "listing made a table"


@pytest.fixture
def legacy_lab(possible: None, tmp_path: Path) -> Iterator[Lab]:
    """A lab on an engine that keeps its rules in the legacy tables."""
    for name in ("iptables", "ip6tables"):
        (tmp_path / name).symlink_to(f"/usr/sbin/{name}-legacy")
    path = {"PATH": f"{tmp_path}:{SEARCH_PATH}"}
    with started(Engine("legacy", flags=["--icc=false"], environment=path)) as lab:
        yield lab


def test_the_legacy_tables_are_read_where_the_engine_uses_them(legacy_lab: Lab) -> None:
    legacy_lab.run("app", listen=5000)
    legacy_lab.run("web", link="app:helloapp")
    firewall = had(seen(legacy_lab).firewall)
    assert firewall.backend == "iptables-legacy"
    assert chains_in_place(firewall)
    assert [each.ports for each in ways_on(firewall, "docker0")] == [(Port(5000),)]
    assert legacy_lab.engine.inside("iptables-nft-save") == "", "listing made a table"
    legacy_lab.engine.inside("iptables-nft", "-N", "DOCKER")
    gap = seen(legacy_lab).firewall
    assert isinstance(gap, Unknown)
    assert (gap.gap, "both" in gap.detail) == (Gap.UNSUPPORTED, True)


def program(directory: Path, name: str, script: str) -> None:
    """A program of that name."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "gap", "words"),
    [
        (None, Gap.UNSUPPORTED, "no program"),
        ("exec sleep 30", Gap.TIMED_OUT, "in time"),
        ("exec /usr/bin/yes", Gap.CUT, "more rules"),
        ("exit 3", Gap.DENIED, "exit code 3"),
        ("echo \"# Table 'filter' is incompatible, use 'nft' tool.\"", Gap.UNSUPPORTED, "not"),
    ],
)
def test_a_program_that_does_not_list_the_rules_is_said_to(
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str | None,
    gap: Gap,
    words: str,
) -> None:
    monkeypatch.setattr(listing, "_SEARCHED", str(tmp_path))
    monkeypatch.setattr(listing, "_LONGEST_WAIT", 0.5)
    monkeypatch.setattr(listing, "_ENVIRONMENT", {"PATH": SEARCH_PATH})
    if script is not None:
        program(tmp_path, "iptables-nft-save", script)
    descriptors = open_descriptors()
    evidence = seen(lab).firewall
    assert isinstance(evidence, Unknown)
    assert evidence.gap is gap
    assert words in evidence.detail
    assert open_descriptors() == descriptors


@pytest.mark.parametrize(("kind", "backend"), [("nf_tables", "iptables-nft"), ("legacy", None)])
def test_a_program_without_its_kind_in_its_name_is_asked_for_it(
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    backend: str | None,
) -> None:
    monkeypatch.setattr(listing, "_SEARCHED", str(tmp_path))
    program(tmp_path, "iptables", f"echo 'iptables v1.8.9 ({kind})'")
    program(tmp_path, "iptables-save", 'exec /usr/sbin/iptables-nft-save "$@"')
    evidence = seen(lab).firewall
    assert (evidence.value.backend if isinstance(evidence, Known) else None) == backend


# Who answers


def test_what_passes_requests_on_is_not_the_engine(lab: Lab, tmp_path: Path) -> None:
    with near(lab, tmp_path) as proxy:
        snapshot = seen(proxy.url)
    gaps = (snapshot.routes, snapshot.interfaces, snapshot.firewall, snapshot.keeps_link_variables)
    for each in gaps:
        assert isinstance(each, Unknown)
        assert "something other than the engine answers" in each.detail


def test_with_socket_activation_the_service_managers_namespace_is_read(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_SERVICE_MANAGER", lab.engine.pid)
    monkeypatch.setattr(host, "_ENGINE", "another")
    lab.run("app", listen=5000)
    snapshot = seen(lab)
    assert chains_in_place(had(snapshot.firewall))
    assert had(snapshot.routes)
    assert isinstance(snapshot.keeps_link_variables, Unknown)
    for table in ("filter", "nat"):
        lab.engine.inside("iptables", "-t", table, "-F")
        lab.engine.inside("iptables", "-t", table, "-X")
    try:
        # It may have been told to have none: what it was started with is not known.
        gap = seen(lab).firewall
        assert isinstance(gap, Unknown)
        assert "could not be read" in gap.detail
    finally:
        lab.restart_engine()


def test_a_service_manager_elsewhere_is_not_in_the_engines_namespace(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "peer_pid", lambda _: os.getpid())
    monkeypatch.setattr(host, "_SERVICE_MANAGER", os.getpid())
    lab.network("back")
    snapshot = seen(lab)
    for each in (snapshot.routes, snapshot.interfaces, snapshot.firewall):
        assert isinstance(each, Unknown)
        assert "something other than the engine answers" in each.detail


# The engine's own process


def test_an_engine_is_known_to_keep_link_variables_or_not(
    lab: Lab, possible: None, tree: Path | None
) -> None:
    assert had(seen(lab).keeps_link_variables) is False
    environment = {KEEP: "1", "SECRET": "s3cr3t-marker"}
    with started(Engine("keeper", environment=environment, tree=tree)) as keeper:
        snapshot = seen(keeper)
        assert had(snapshot.keeps_link_variables) is True
        assert leaks(snapshot, "s3cr3t-marker") == []
        assert snapshot.engine.live_restore is False


def test_live_restore_is_known(possible: None, tree: Path | None) -> None:
    with started(Engine("keeper", flags=["--live-restore"], tree=tree)) as lab:
        assert seen(lab).engine.live_restore is True
