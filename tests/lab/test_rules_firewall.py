"""LD406, LD407 and LD602 to LD604 on real engines: subnets, MTUs and the firewall."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from linkdoctor.model.report import Fix, Safety, Severity

from .engine import Engine
from .examining import advised, apply, codes, diagnose, only_fault
from .hosts import interface, link, started
from .situations import Lab

PAGE = (0, "app\n")
TIMED_OUT = 143


def typed_on_the_host(lab: Lab, fix: Fix) -> None:
    """Type the commands of a fix as root on the engine's host, in its network namespace."""
    assert fix.commands
    for command in fix.commands:
        lab.engine.inside(*shlex.split(command))


def assert_healthy(lab: Lab) -> None:
    """Nothing is found and nothing is left out; newer engines deprecate all links (LD605)."""
    report = diagnose(lab)
    found = [each for each in report.findings if each.code != "LD605"]
    assert (found, report.skipped) == ([], ())


@pytest.fixture
def linked(quiet_lab: Lab) -> Lab:
    """`web`, linked to `app` as `helloapp`, where only links may talk."""
    quiet_lab.run("app", listen=5000)
    quiet_lab.run("web", link="app:helloapp")
    return quiet_lab


# LD602


def test_a_source_that_moved_leaves_a_wrong_pair_and_its_deletion_fixes_it(linked: Lab) -> None:
    client = linked.image("lab:sleep", command=["sleep", "100000"])
    linked.run("shop", image=client, command=[], link="app:store")
    linked.stop("app")
    linked.run("stranger", listen=5000)
    linked.start("app")
    assert linked.fetch("web", "http://helloapp:5000/", timeout=1)[0] == TIMED_OUT
    assert linked.fetch("web", "http://172.17.0.2:5000/") == (0, "stranger\n")
    report = diagnose(linked)
    found = [each for each in report.findings if each.code == "LD602"]
    assert [(each.target, each.alias, each.source) for each in found] == [
        ("shop", "store", "app"),
        ("web", "helloapp", "app"),
    ]
    assert {each.consequences for each in found} == {("LD603",)}
    assert report.skipped == ()
    assert "stranger (172.17.0.2)" in found[0].message
    for each in found:
        apply(linked, advised(each, Safety.RESTART))
    assert linked.fetch("web", "http://helloapp:5000/") == PAGE
    assert linked.fetch("web", "http://172.17.0.2:5000/") == (0, "stranger\n")
    report = diagnose(linked)
    assert codes(report) == ["LD602 shop/", "LD602 web/"]
    left = [each for each in report.findings if each.code == "LD602"]
    assert {each.source for each in left} == {"stranger"}
    for each in left:
        typed_on_the_host(linked, advised(each, Safety.MANUAL))
    assert_healthy(linked)
    assert linked.fetch("web", "http://helloapp:5000/") == PAGE
    assert linked.fetch("web", "http://172.17.0.2:5000/", timeout=1)[0] == TIMED_OUT


def test_the_deletion_shown_with_a_blocked_link_is_that_of_its_wrong_pair(linked: Lab) -> None:
    linked.move("app")
    found = next(each for each in diagnose(linked).findings if each.code == "LD602")
    typed_on_the_host(linked, advised(found, Safety.MANUAL))
    apply(linked, advised(found, Safety.RESTART))
    assert_healthy(linked)


def test_rules_that_outlive_both_containers_are_a_warning_until_someone_gets_through(
    linked: Lab,
) -> None:
    linked.remove("app", "web")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.severity) == ("LD602", "", Severity.WARNING)
    linked.run("first", listen=5000)
    linked.run("second")
    assert linked.fetch("second", "http://172.17.0.2:5000/") == (0, "first\n")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.source) == ("LD602", "second", "first")
    assert found.severity is Severity.ERROR
    typed_on_the_host(linked, advised(found, Safety.MANUAL))
    assert linked.fetch("second", "http://172.17.0.2:5000/", timeout=1)[0] == TIMED_OUT
    assert_healthy(linked)


def test_the_engines_start_clears_rules_that_outlived_their_containers(linked: Lab) -> None:
    linked.remove("app", "web")
    assert codes(diagnose(linked)) == ["LD602 /"]
    linked.restart_engine()
    assert_healthy(linked)


def test_a_source_that_came_back_at_its_address_goes_by_the_old_rules(linked: Lab) -> None:
    linked.stop("app")
    assert codes(diagnose(linked)) == ["LD101 web/helloapp"]
    linked.start("app")
    assert_healthy(linked)
    assert linked.fetch("web", "http://helloapp:5000/") == PAGE


def test_a_recreated_source_is_a_ghost_and_no_more(linked: Lab) -> None:
    linked.recreate("app")
    assert codes(diagnose(linked)) == ["LD102 web/helloapp"]


def test_two_links_may_share_their_rules(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000, publish={5000: 18000})
    quiet_lab.run("web", link=["app:helloapp", "app:second"])
    assert_healthy(quiet_lab)


def test_the_administrators_own_rules_are_not_those_of_links(linked: Lab) -> None:
    linked.run("other")
    rule = ("-s", "172.17.0.4/32", "-d", "172.17.0.2/32", "-i", "docker0", "-o", "docker0")
    words = (*rule, "-p", "tcp", "-m", "tcp", "--dport", "5000", "-j", "ACCEPT")
    linked.engine.inside("iptables", "-I", "DOCKER-USER", *words)
    try:
        assert linked.fetch("other", "http://172.17.0.2:5000/") == PAGE
        assert_healthy(linked)
    finally:
        linked.engine.inside("iptables", "-D", "DOCKER-USER", *words)


def test_where_all_containers_may_talk_the_firewall_of_links_is_not_asked_for(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    assert not {"LD602", "LD603"} & {each.code for each in diagnose(lab).findings}


# LD603


def forget_rules(lab: Lab) -> None:
    """Delete the engine's rules for links, and nothing else."""
    for rule in lab.engine.inside("iptables", "-S", "DOCKER").splitlines():
        if rule.startswith("-A DOCKER -s "):
            lab.engine.inside("iptables", *rule.replace("-A", "-D", 1).split())


@pytest.mark.parametrize("how", ["these rules", "the whole chain"])
def test_a_link_without_its_rules_is_blocked_and_a_restart_fixes_it(linked: Lab, how: str) -> None:
    if how == "these rules":
        forget_rules(linked)
    else:
        linked.engine.inside("iptables", "-F", "DOCKER")
    assert linked.fetch("web", "http://helloapp:5000/", timeout=1)[0] == TIMED_OUT
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD603", "web", "helloapp")
    assert found.severity is Severity.ERROR
    apply(linked, advised(found, Safety.RESTART))
    assert linked.fetch("web", "http://helloapp:5000/") == PAGE
    assert_healthy(linked)


def test_a_missing_way_for_answers_alone_blocks_nothing(linked: Lab) -> None:
    for rule in linked.engine.inside("iptables", "-S", "DOCKER").splitlines():
        if "--sport" in rule:
            linked.engine.inside("iptables", *rule.replace("-A", "-D", 1).split())
    assert linked.fetch("web", "http://helloapp:5000/") == PAGE
    assert_healthy(linked)


@pytest.mark.parametrize("match", [(), ("-m", "limit", "--limit", "100/s")])
def test_a_rule_of_the_administrators_makes_up_for_a_missing_one(
    linked: Lab, match: tuple[str, ...]
) -> None:
    forget_rules(linked)
    words = ("-s", "172.17.0.0/16", "-d", "172.17.0.0/16", *match, "-j", "ACCEPT")
    linked.engine.inside("iptables", "-I", "DOCKER-USER", *words)
    try:
        assert linked.fetch("web", "http://helloapp:5000/") == PAGE
        assert_healthy(linked)
    finally:
        linked.engine.inside("iptables", "-D", "DOCKER-USER", *words)


def test_a_rule_for_established_connections_makes_up_for_nothing(linked: Lab) -> None:
    forget_rules(linked)
    words = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")
    linked.engine.inside("iptables", "-I", "DOCKER-USER", *words)
    try:
        assert linked.fetch("web", "http://helloapp:5000/", timeout=1)[0] == TIMED_OUT
        assert codes(diagnose(linked)) == ["LD603 web/helloapp"]
    finally:
        linked.engine.inside("iptables", "-D", "DOCKER-USER", *words)


def test_a_bridge_whose_traffic_is_not_filtered_blocks_nothing(linked: Lab) -> None:
    forget_rules(linked)
    switch = "net.bridge.bridge-nf-call-iptables"
    linked.engine.inside("sysctl", "-w", f"{switch}=0")
    try:
        assert linked.fetch("web", "http://helloapp:5000/") == PAGE
        assert_healthy(linked)
    finally:
        linked.engine.inside("sysctl", "-w", f"{switch}=1")


def test_a_link_on_a_network_that_keeps_its_containers_apart_opens_nothing(lab: Lab) -> None:
    lab.network("back", options={"com.docker.network.bridge.enable_icc": "false"})
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    assert lab.fetch("web", "http://helloapp:5000/", timeout=1)[0] == TIMED_OUT
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD603", "web", "helloapp")
    apply(lab, advised(found, Safety.MANUAL))
    assert_healthy(lab)
    assert lab.fetch("web", "http://helloapp:5000/") == PAGE
    lab.restart("web")
    assert lab.fetch("web", "http://helloapp:5000/") == PAGE


def test_a_restart_with_live_restore_may_lose_the_rules(possible: None, tree: Path | None) -> None:
    if tree is not None:
        pytest.skip("an engine of another release starts in a new tree, without its containers")
    with started(Engine("keeper", flags=["--icc=false", "--live-restore"])) as lab:
        lab.run("app", listen=5000)
        lab.run("web", link="app:helloapp")
        lab.restart_engine()
        blocked = lab.fetch("web", "http://helloapp:5000/", timeout=1)[0] == TIMED_OUT
        assert codes(diagnose(lab)) == (["LD603 web/helloapp"] if blocked else [])
        lab.restart("web")
        assert_healthy(lab)


def test_another_network_helps_only_if_the_alias_is_known_there(lab: Lab) -> None:
    lab.network("back", options={"com.docker.network.bridge.enable_icc": "false"})
    lab.network("front")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    lab.connect("front", "app")
    lab.connect("front", "web")
    assert lab.fetch("web", "http://helloapp:5000/", timeout=1)[0] == TIMED_OUT
    assert codes(diagnose(lab)) == ["LD603 web/helloapp"]


# LD604


@pytest.fixture
def flushed(linked: Lab) -> Iterator[Lab]:
    """The same after `iptables -F`; the engine is restarted in the end."""
    linked.engine.inside("iptables", "-F")
    yield linked
    linked.restart_engine()


def test_a_flushed_firewall_is_one_fault_and_the_engines_restart_fixes_it(flushed: Lab) -> None:
    assert flushed.fetch("web", "http://helloapp:5000/", timeout=1)[0] == TIMED_OUT
    found = only_fault(diagnose(flushed))
    assert (found.code, found.target, found.alias) == ("LD604", "", "")
    assert found.severity is Severity.ERROR
    assert "systemctl restart docker" in found.fixes[0].title
    flushed.restart_engine()
    flushed.start("app")
    flushed.start("web")
    assert_healthy(flushed)
    assert flushed.fetch("web", "http://helloapp:5000/") == PAGE


def test_a_firewall_without_any_chain_of_the_engine_is_the_same_fault(lab: Lab) -> None:
    lab.run("app", listen=5000)
    for table in ("filter", "nat"):
        lab.engine.inside("iptables", "-t", table, "-F")
        lab.engine.inside("iptables", "-t", table, "-X")
    try:
        assert codes(diagnose(lab)) == ["LD604 /"]
        lab.remove("app")
        assert_healthy(lab)
    finally:
        lab.restart_engine()
    lab.run("app", listen=5000)
    assert_healthy(lab)


def test_jumps_that_lead_elsewhere_are_not_the_engines(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.engine.inside("iptables", "-F", "FORWARD")
    lab.engine.inside("iptables", "-A", "FORWARD", "-j", "DOCKER-USER")
    try:
        assert codes(diagnose(lab)) == ["LD604 /"]
    finally:
        lab.restart_engine()


def test_an_engine_that_was_told_to_leave_the_firewall_alone_misses_nothing(
    possible: None, tree: Path | None
) -> None:
    with started(Engine("loose", flags=["--iptables=false"], tree=tree)) as lab:
        lab.run("app", listen=5000)
        lab.run("web", link="app:helloapp")
        assert_healthy(lab)
        assert lab.fetch("web", "http://helloapp:5000/") == PAGE


# LD406


def test_an_interface_with_the_subnet_of_a_network_is_a_warning(lab: Lab) -> None:
    with interface(lab, "vpn0", "10.99.0.1/24"):
        lab.network("back", subnet="10.50.0.0/24")
        lab.run("app", network="back", listen=5000)
        assert_healthy(lab)
        link(lab, "route", "add", "10.50.0.0/25", "dev", "vpn0")
        found = only_fault(diagnose(lab))
        assert (found.code, found.severity) == ("LD406", Severity.WARNING)
        assert "back" in found.message
        assert "10.50.0.0/25 over vpn0" in found.evidence[0].observed
        link(lab, "route", "del", "10.50.0.0/25", "dev", "vpn0")
        link(lab, "route", "add", "10.50.0.0/24", "dev", "vpn0", "metric", "100")
        assert codes(diagnose(lab)) == ["LD406 /"]
    assert_healthy(lab)


def test_a_wider_route_yields_to_the_networks_own(lab: Lab) -> None:
    with interface(lab, "vpn0", "10.99.0.1/24"):
        lab.network("back", subnet="10.50.0.0/24")
        lab.run("app", network="back", listen=5000)
        link(lab, "route", "add", "10.0.0.0/8", "dev", "vpn0")
        link(lab, "route", "add", "default", "dev", "vpn0")
        assert_healthy(lab)


def test_a_macvlan_network_shares_the_subnet_of_its_uplink(lab: Lab) -> None:
    with interface(lab, "eth9", "10.99.0.1/24"):
        try:
            lab.api.create_network(
                "lan",
                driver="macvlan",
                options={"parent": "eth9"},
                ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.99.0.0/24")]),
            )
        except APIError as error:  # the kernel may have no macvlan
            pytest.skip(str(error))
        assert_healthy(lab)


# LD407


def test_a_bridge_with_a_larger_mtu_than_the_uplinks_is_a_warning(uplink: Lab) -> None:
    assert_healthy(uplink)
    uplink.run("app", listen=5000)
    found = only_fault(diagnose(uplink))
    assert (found.code, found.target, found.severity) == ("LD407", "", Severity.WARNING)
    assert found.evidence[0].observed == "1500"
    assert "1400" in found.fixes[0].title


def test_a_network_that_knows_the_uplinks_mtu_is_healthy(uplink: Lab) -> None:
    uplink.network("back", options={"com.docker.network.driver.mtu": "1400"})
    uplink.network("inner", internal=True)
    uplink.run("app", network="back", listen=5000)
    uplink.run("db", network="inner", listen=5000)
    assert_healthy(uplink)
    uplink.network("front")
    uplink.run("web", network="front")
    found = only_fault(diagnose(uplink))
    assert (found.code, "front" in found.message) == ("LD407", True)
