"""Ports: published, exposed, listened on, and the firewall between linked containers."""

from __future__ import annotations

import re

from .releases import series
from .situations import Lab

PAGE = (0, "app\n")


def link_rules(lab: Lab) -> list[str]:
    """The rules that the engine made for links, sorted."""
    rules = lab.engine.inside("iptables", "-S", "DOCKER").splitlines()
    return sorted(rule for rule in rules if rule.startswith("-A DOCKER -s "))


def pair(target: str, source: str, port: int) -> list[str]:
    """The two rules that let a target reach one port of a source."""
    start = "-A DOCKER -s {}/32 -d {}/32 -i docker0 -o docker0 -p tcp -m tcp"
    there = f"{start.format(target, source)} --dport {port} -j ACCEPT"
    back = f"{start.format(source, target)} --sport {port} -j ACCEPT"
    return [back, there]


# Published ports


def test_published_ports_are_asked_for_in_one_place_and_given_in_another(lab: Lab) -> None:
    lab.run("app", listen=5000, publish={5000: 18000, "53/udp": "127.0.0.1:15353"}, expose=[81])
    found = lab.inspect("app")
    assert found["HostConfig"]["PortBindings"] == {
        "5000/tcp": [{"HostIp": "", "HostPort": "18000"}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "15353"}],
    }
    assert found["NetworkSettings"]["Ports"] == {
        "81/tcp": None,
        "5000/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "18000"},
            {"HostIp": "::", "HostPort": "18000"},
        ],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "15353"}],
    }
    lab.stop("app")
    assert lab.inspect("app")["NetworkSettings"]["Ports"] == {}


def test_ephemeral_ports_move_at_every_restart(lab: Lab) -> None:
    lab.run("app", listen=5000, publish_all=True)

    def port() -> int:
        return int(lab.inspect("app")["NetworkSettings"]["Ports"]["5000/tcp"][0]["HostPort"])

    before = port()
    lab.restart("app")
    assert port() == before + 1


def test_a_port_from_a_range_moves_at_every_restart_too(lab: Lab) -> None:
    lab.run("app", listen=5000, publish={5000: "18000-18010"})

    def port() -> str:
        return str(lab.inspect("app")["NetworkSettings"]["Ports"]["5000/tcp"][0]["HostPort"])

    asked = lab.inspect("app")["HostConfig"]["PortBindings"]["5000/tcp"]
    assert asked == [{"HostIp": "", "HostPort": "18000-18010"}]
    before = port()
    lab.restart("app")
    assert int(port()) == int(before) + 1


def test_a_host_port_that_a_program_of_the_host_has_is_refused_in_other_words(lab: Lab) -> None:
    """A host port that a program of the host has is refused too (with another message since 28)."""
    lab.run("onhost", network_mode="host", listen=19000, expose=[])
    refused = lab.run("other", listen=5000, publish={5000: 19000}, refused=True)
    words = (
        r"failed to bind host port for 0\.0\.0\.0:19000:172\.17\.0\.\d+:5000/tcp: "
        if series() >= (28,)
        else r"Error starting userland proxy: listen tcp4 0\.0\.0\.0:19000: bind: "
    )
    assert re.search(rf"\): {words}address already in use$", refused)
    lab.remove("onhost")
    lab.start("other")
    assert lab.error("other") == ""


def test_a_taken_host_port_leaves_a_created_container_that_says_so(lab: Lab) -> None:
    """A taken host port leaves a created container that says so (with another message since 28).

    Which of the two families is named is left to chance: the engine asks for both.
    """
    lab.run("app", listen=5000, publish={5000: 18000})
    refused = lab.run("other", listen=5000, publish={5000: 18000}, refused=True)
    begins = "failed to set up container networking: " if series() >= (28,) else ""
    assert re.fullmatch(
        rf"{begins}driver failed programming external connectivity on endpoint other "
        r"\([0-9a-f]{64}\): Bind for (0\.0\.0\.0|::):18000 failed: port is already allocated",
        refused,
    )
    state = lab.inspect("other")["State"]
    assert (state["Status"], state["Error"]) == ("created", refused)


# Links and ports


def test_a_linked_target_reaches_every_port_exposed_or_not(lab: Lab) -> None:
    """A linked target reaches every port, exposed or not."""
    lab.run("app", listen=5000, expose=[])
    lab.run("web", link="app:helloapp")
    assert lab.fetch("web", "http://helloapp:5000/") == PAGE


def test_a_loopback_listener_is_exposed_published_and_unreachable(lab: Lab) -> None:
    """A loopback listener can be exposed and published, and is unreachable."""
    lab.run("app", listen=5000, listen_on="127.0.0.1", publish={5000: 18000})
    lab.run("web", link="app:helloapp")
    complaint = "wget: can't connect to remote host (172.17.0.2): Connection refused\n"
    assert lab.fetch("web", "http://helloapp:5000/") == (1, complaint)
    assert lab.fetch("app", "http://127.0.0.1:5000/") == PAGE


# Without inter-container communication


def test_a_link_adds_a_pair_of_rules_for_each_exposed_port(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000)
    quiet_lab.run("web", link="app:helloapp")
    assert link_rules(quiet_lab) == pair("172.17.0.3", "172.17.0.2", 5000)


def test_only_linked_targets_reach_only_exposed_ports(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000)
    quiet_lab.run("hidden", listen=6000, expose=[])
    quiet_lab.run("web", link=["app:helloapp", "hidden:dark"])
    quiet_lab.run("stranger")
    assert quiet_lab.fetch("web", "http://helloapp:5000/") == PAGE
    assert quiet_lab.fetch("web", "http://dark:6000/", timeout=1)[0] == 143
    assert quiet_lab.fetch("stranger", "http://172.17.0.2:5000/", timeout=1)[0] == 143
    assert quiet_lab.exec("web", "ping -c 1 -W 1 helloapp")[0] == 1


def test_the_rules_go_with_a_target_that_stops_before_its_source(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000)
    quiet_lab.run("web", link="app:helloapp")
    quiet_lab.stop("web")
    assert link_rules(quiet_lab) == []


def test_the_rules_outlive_both_when_the_source_stops_first(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000)
    quiet_lab.run("web", link="app:helloapp")
    quiet_lab.remove("app", "web")
    assert link_rules(quiet_lab) == pair("172.17.0.3", "172.17.0.2", 5000)


def test_the_rules_of_a_moved_source_stay_at_the_old_address(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000)
    quiet_lab.run("web", link="app:helloapp")
    quiet_lab.stop("app")
    quiet_lab.run("stranger", listen=5000)
    quiet_lab.start("app")
    addresses = [quiet_lab.address(name) for name in ("stranger", "web", "app")]
    assert addresses == ["172.17.0.2", "172.17.0.3", "172.17.0.4"]
    wrong = pair("172.17.0.3", "172.17.0.2", 5000)
    assert link_rules(quiet_lab) == wrong
    assert quiet_lab.fetch("web", "http://helloapp:5000/", timeout=1)[0] == 143
    assert quiet_lab.fetch("web", "http://172.17.0.2:5000/") == (0, "stranger\n")
    quiet_lab.restart("web")
    assert link_rules(quiet_lab) == sorted(wrong + pair("172.17.0.3", "172.17.0.4", 5000))
    assert quiet_lab.fetch("web", "http://helloapp:5000/") == PAGE
    assert quiet_lab.fetch("web", "http://172.17.0.2:5000/") == (0, "stranger\n")
