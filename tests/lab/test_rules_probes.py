"""LD510 on real engines: what `--probe` meets, from inside the target's network namespace."""

from __future__ import annotations

import subprocess
import time

import pytest

from linkdoctor.api import CollectOptions
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.report import Report, Safety, Severity
from linkdoctor.model.snapshot import Probe, ProbeCause, ProbeOutcome

from .engine import SEARCH_PATH
from .examining import codes, look, only_fault, report
from .leftovers import wait_until
from .nameserver import nameserver
from .situations import Lab

PROBE = CollectOptions(probe=True)
OUTSIDE = CollectOptions(probe=True, probe_external=True)
TO_THE_SERVICE = ("-p", "tcp", "--dport", "5000")


def probed(lab: Lab, further: CollectOptions = PROBE) -> Report:
    """Examine an engine with probes and apply every rule."""
    return report(look(lab, further=further))


def probes(lab: Lab, name: str, further: CollectOptions = PROBE) -> tuple[Probe, ...]:
    """What the probes of one target met."""
    (snapshot,) = look(lab, further=further).snapshots
    found = next(each.probes for each in snapshot.containers if each.name == name)
    assert isinstance(found, Known)
    return found.value


def within(lab: Lab, name: str, *argv: str) -> None:
    """Run a program of the machine in a container's network namespace."""
    command = ["nsenter", f"--net=/proc/{lab.pid(name)}/ns/net", "--", *argv]
    subprocess.run(
        command, env={"PATH": SEARCH_PATH}, check=True, capture_output=True, timeout=20.0
    )


@pytest.fixture
def pair(lab: Lab) -> Lab:
    """A target and its source, and all is well."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    return lab


def test_without_the_option_nothing_is_probed(pair: Lab) -> None:
    (snapshot,) = look(pair).snapshots
    assert not snapshot.probed
    for each in snapshot.containers:
        assert each.probes == Unknown(gap=Gap.NOT_COLLECTED, detail="only --probe asks for it")


def test_links_that_work_are_connected_to_and_quiet(pair: Lab) -> None:
    pair.network("back")
    pair.run("db", network="back", listen=5432)
    pair.run("shop", network="back", link="db:database", env={"CACHE_URL": "tcp://database:5432"})
    seen = probed(pair)
    assert (codes(seen), seen.skipped) == ([], ())
    (on_the_bridge,) = probes(pair, "web")
    assert (on_the_bridge.outcome, on_the_bridge.port) == (ProbeOutcome.CONNECTED, 5000)
    assert on_the_bridge.address == pair.address("app")
    assert 0 <= on_the_bridge.milliseconds < 1000
    (on_the_network,) = probes(pair, "shop")
    assert (on_the_network.outcome, on_the_network.port) == (ProbeOutcome.CONNECTED, 5432)


@pytest.mark.parametrize(
    ("verdict", "words"), [("REJECT", "a firewall refuses it"), ("DROP", "drops it")]
)
def test_a_firewall_inside_the_source_is_named(pair: Lab, verdict: str, words: str) -> None:
    within(pair, "app", "iptables", "-A", "INPUT", *TO_THE_SERVICE, "-j", verdict)
    assert codes(report(look(pair))) == []
    found = only_fault(probed(pair))
    assert (found.code, found.target, found.alias) == ("LD510", "web", "helloapp")
    assert (found.severity, found.source) == (Severity.ERROR, "app")
    assert words in found.message
    assert [fix.safety for fix in found.fixes] == [Safety.MANUAL]
    within(pair, "app", "iptables", "-F")
    assert codes(probed(pair)) == []


@pytest.mark.parametrize("kind", ["unreachable", "blackhole", "prohibit"])
def test_a_missing_route_is_named(pair: Lab, kind: str) -> None:
    within(pair, "web", "ip", "route", "add", kind, pair.address("app"))
    found = only_fault(probed(pair))
    assert found.code == "LD510"
    assert f"no route to {pair.address('app')}" in found.message


def test_a_reject_that_looks_like_a_missing_route_is_not_called_one(pair: Lab) -> None:
    rule = ("FORWARD", "-j", "REJECT", "--reject-with", "icmp-host-prohibited")
    pair.engine.inside("iptables", "-I", *rule)
    try:
        (met,) = probes(pair, "web")
        found = only_fault(probed(pair))
    finally:
        pair.engine.inside("iptables", "-D", *rule)
    assert (met.outcome, met.cause) == (ProbeOutcome.NO_ROUTE, ProbeCause.REJECTED)
    assert found.code == "LD510"
    assert "has a route to" in found.message
    assert "-A FORWARD -j REJECT --reject-with icmp-host-prohibited" in found.message
    assert "has no route" not in found.message
    assert codes(probed(pair)) == []


def test_a_reject_inside_the_source_is_told_from_a_missing_route(pair: Lab) -> None:
    rule = ("-j", "REJECT", "--reject-with", "icmp-host-unreachable")
    within(pair, "app", "iptables", "-A", "INPUT", *TO_THE_SERVICE, *rule)
    found = only_fault(probed(pair))
    assert "has a route to" in found.message
    assert "a firewall's REJECT" in found.message


def test_a_neighbour_that_does_not_answer_is_no_missing_route(pair: Lab) -> None:
    within(pair, "app", "ip", "link", "set", "eth0", "arp", "off")
    within(pair, "web", "ip", "neigh", "flush", "all")
    (met,) = probes(pair, "web")
    found = only_fault(probed(pair))
    assert met.cause is ProbeCause.NO_NEIGHBOUR
    assert f"nothing on its network answers for {pair.address('app')}" in found.message
    assert "it is app's" in found.message
    assert "no route" not in found.message


def test_an_unhealthy_source_that_refuses_is_one_error(lab: Lab) -> None:
    lab.run("app", listen=5000, health="false")
    lab.run("web", link="app:helloapp")
    assert wait_until(lambda: lab.inspect("app")["State"]["Health"]["Status"] == "unhealthy", 30)
    within(lab, "app", "iptables", "-A", "INPUT", *TO_THE_SERVICE, "-j", "REJECT")
    alone = only_fault(report(look(lab)))
    assert (alone.code, alone.severity) == ("LD106", Severity.WARNING)
    found = only_fault(probed(lab))
    assert (found.code, found.severity) == ("LD106", Severity.ERROR)
    assert found.consequences == ("LD510",)


def test_lost_packets_are_a_warning(pair: Lab) -> None:
    every_other = ("-m", "statistic", "--mode", "nth", "--every", "2", "--packet", "0")
    rule = ("--syn", *every_other, "-j", "DROP")
    within(pair, "app", "iptables", "-A", "INPUT", *TO_THE_SERVICE, *rule)
    found = only_fault(probed(pair))
    assert (found.code, found.severity) == ("LD510", Severity.WARNING)
    assert "slowly" in found.message


def test_a_rule_of_the_hosts_firewall_is_met_where_bridges_pass_through_it(pair: Lab) -> None:
    rule = ("DOCKER-USER", *TO_THE_SERVICE, "-j", "REJECT")
    pair.engine.inside("iptables", "-I", *rule)
    try:
        met = codes(probed(pair))
    finally:
        pair.engine.inside("iptables", "-D", *rule)
    switch = pair.engine.inside("sh", "-c", "cat /proc/sys/net/bridge/bridge-nf-call-iptables || :")
    assert met == (["LD510 web/helloapp"] if switch.strip() == "1" else [])


def test_a_dialled_port_that_is_not_exposed_is_probed(lab: Lab) -> None:
    lab.run("app", listen=5000, expose=[])
    lab.run("web", link="app:helloapp", env={"API_URL": "http://helloapp:5000/"})
    (met,) = probes(lab, "web")
    assert (met.outcome, met.port) == (ProbeOutcome.CONNECTED, 5000)


def test_what_explains_a_failed_probe_is_the_one_finding(lab: Lab) -> None:
    lab.run("silent", expose=[5000])
    lab.run("inward", listen=5000, listen_on="127.0.0.1")
    lab.run("down", listen=5000)
    for name in ("silent", "inward", "down"):
        lab.run(f"to-{name}", link=f"{name}:helloapp")
    lab.stop("down")
    found = probed(lab)
    assert codes(found) == [
        "LD101 to-down/helloapp",
        "LD503 to-inward/helloapp",
        "LD502 to-silent/helloapp",
    ]
    assert all("LD510" in each.consequences for each in found.findings[:3])


def test_a_name_that_does_not_resolve_is_met_too(lab: Lab) -> None:
    lab.network("back")
    lab.run("web", network="back", link="app:helloapp")
    with nameserver(lab, "web", {"other": "10.9.9.9"}):
        (met,) = probes(lab, "web")
        found = only_fault(probed(lab))
    assert (met.outcome, met.port) == (ProbeOutcome.NO_NAME, None)
    assert (found.code, found.consequences) == ("LD306", ("LD510",))


def test_an_address_outside_is_dialled_only_if_asked_for(lab: Lab) -> None:
    lab.network("back")
    lab.run(
        "web",
        network="back",
        link="app:helloapp",
        extra_hosts=["helloapp:10.9.9.9"],
        env={"API_URL": "http://helloapp:5000/"},
    )
    (met,) = probes(lab, "web")
    assert (met.outcome, met.address) == (ProbeOutcome.NOT_TRIED, "10.9.9.9")
    seen = probed(lab)
    assert codes(seen) == []
    assert [(each.code, each.subject) for each in seen.skipped] == [("LD510", "web/helloapp")]
    assert "--probe-external" in seen.skipped[0].reason
    (met,) = probes(lab, "web", OUTSIDE)
    assert met.outcome in (ProbeOutcome.NO_ROUTE, ProbeOutcome.TIMED_OUT)
    assert codes(probed(lab, OUTSIDE)) == ["LD510 web/helloapp"]


def test_the_targets_own_loopback_is_never_dialled(lab: Lab) -> None:
    lab.network("back")
    lab.run(
        "web",
        network="back",
        link="app:helloapp",
        extra_hosts=["helloapp:127.0.0.1"],
        listen=5000,
        env={"API_URL": "http://helloapp:5000/"},
    )
    for further in (PROBE, OUTSIDE):
        (met,) = probes(lab, "web", further)
        assert met.outcome is ProbeOutcome.NOT_TRIED


def test_probes_that_hang_end_with_the_examination(pair: Lab) -> None:
    within(pair, "app", "iptables", "-A", "INPUT", "-p", "tcp", "-j", "DROP")
    pair.run("many", expose=["5001-5016"], command=["sleep", "100000"])
    pair.run("web2", link="many:helloapp")
    within(pair, "many", "iptables", "-A", "INPUT", "-p", "tcp", "-j", "DROP")
    begun = time.monotonic()
    met = look(pair, timeout=6.0, further=PROBE).snapshots[0]
    assert time.monotonic() - begun < 9.0
    found = next(each.probes for each in met.containers if each.name == "web2")
    assert isinstance(found, Known)
    assert {each.outcome for each in found.value} <= {
        ProbeOutcome.TIMED_OUT,
        ProbeOutcome.NOT_TRIED,
    }
