"""What `linkdoctor.model.links` promises of links, compared with a real engine word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from linkdoctor.model.links import (
    HostsLine,
    LinkRule,
    Port,
    StoredLink,
    engine_version,
    environment_prefix,
    firewall_rules,
    hosts_line,
    injected_variables,
    parse_hosts,
    parse_link_name,
    parse_stored_link,
)

from .situations import Lab

USUAL = ("PATH", "HOSTNAME", "HOME")
OWN = {"COLOUR": "light blue", "EMPTY": "", "HOME": "/srv", "PATH": "/bin", "A_PORT": "tcp://x:1"}


def exposed(lab: Lab, name: str) -> list[Port]:
    """The ports that a container exposes."""
    ports = lab.inspect(name)["Config"].get("ExposedPorts") or {}
    return [Port.parse(each) for each in ports]


def promised(lab: Lab, target: str, links: Mapping[str, str]) -> dict[str, str | None]:
    """The variables that linkdoctor expects of links (alias to source); None for a hidden value."""
    found: dict[str, str | None] = {}
    for alias, source in links.items():
        config = lab.inspect(source)["Config"]
        variables = injected_variables(
            version=engine_version(str(lab.api.version()["Version"])),
            target=target,
            alias=alias,
            address=lab.address(source),
            exposed=exposed(lab, source),
            source_environment=[each.partition("=")[0] for each in config["Env"]],
        )
        found |= {each.name: each.value for each in variables}
    return found


def observed(lab: Lab, target: str) -> dict[str, str | None]:
    """The variables that links put into the target's process; None for the source's own."""
    return {
        name: None if "_ENV_" in name else value
        for name, value in lab.process_environment(target).items()
        if name not in USUAL
    }


def promised_line(lab: Lab, alias: str, source: str) -> HostsLine:
    """The hosts line that linkdoctor expects of a link."""
    return hosts_line(
        alias=alias,
        address=lab.address(source),
        hostname=str(lab.inspect(source)["Config"]["Hostname"]),
        source=source,
    )


def observed_lines(lab: Lab, target: str, alias: str) -> list[HostsLine]:
    """The lines of the target's hosts file that the alias leads."""
    return [each for each in parse_hosts(lab.hosts_file(target)) if each.names[0] == alias]


# Variables


@pytest.mark.parametrize(
    "expose",
    [
        [443, "80/udp", "8080-8083", 9000],
        [],
        [5000],
        [80, 81],
        [80, 81, 82],
        ["53/tcp", "53/udp"],
        ["53/tcp", "53/udp", 54],
        ["53/tcp", "53/udp", 54, 55],
        ["53/tcp", "53/udp", 55],
        ["53-55/tcp", "53-55/udp"],
        ["53/tcp", "54/udp", "55/tcp", "56/udp"],
        ["1-4", "6-9", "11"],
        [65533, 65534, 65535],
        ["7/sctp", "8/sctp", "9/sctp"],
    ],
    ids=str,
)
def test_the_variables_of_exposed_ports(lab: Lab, expose: Sequence[int | str]) -> None:
    lab.run("app", expose=expose)
    lab.run("web", link="app:mu")
    assert observed(lab, "web") == promised(lab, "web", {"mu": "app"})


def test_the_variables_of_aliases_with_every_sign(lab: Lab) -> None:
    aliases = ["app", "My-App", "a.b", "a_b", "a-b-c", "2nd", "a..b", "trailing-", "x_"]
    lab.run("app", listen=5000)
    lab.run("web", link=[f"app:{alias}" for alias in aliases])
    assert observed(lab, "web") == promised(lab, "web", dict.fromkeys(aliases, "app"))


def test_aliases_that_differ_keep_their_prefixes_apart(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=81)
    lab.run("web", link=["one:a-2", "two:a_3"])
    assert observed(lab, "web") == promised(lab, "web", {"a-2": "one", "a_3": "two"})


def test_the_variables_of_two_aliases_with_one_prefix_are_one_of_theirs(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=80)
    lab.run("web", link=["one:a-2", "two:a_2"])
    first = promised(lab, "web", {"a-2": "one"})
    second = promised(lab, "web", {"a_2": "two"})
    found = observed(lab, "web")
    assert set(found) == set(first) == set(second)
    assert all(value in (first[name], second[name]) for name, value in found.items())


def test_the_sources_own_environment_without_home_and_path(lab: Lab) -> None:
    lab.run("app", listen=5000, env=OWN)
    lab.run("web", link="app:helloapp")
    found = observed(lab, "web")
    assert found == promised(lab, "web", {"helloapp": "app"})
    assert {name for name in found if "_ENV_" in name} == {
        "HELLOAPP_ENV_COLOUR",
        "HELLOAPP_ENV_EMPTY",
        "HELLOAPP_ENV_A_PORT",
    }


def test_the_variables_name_the_targets_name_at_its_start(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.rename("web", "web2")
    assert observed(lab, "web2") == promised(lab, "web", {"helloapp": "app"})
    lab.restart("web2")
    assert observed(lab, "web2") == promised(lab, "web2", {"helloapp": "app"})


# Hosts lines


@pytest.mark.parametrize("hostname", [None, "shop", "shop.example.com", "app", "helloapp"])
def test_the_hosts_line(lab: Lab, hostname: str | None) -> None:
    aliases = ["helloapp", "app", "App", "a.b", "a_b", "x-"]
    lab.run("app", listen=5000, hostname=hostname)
    lab.run("web", link=[f"app:{alias}" for alias in aliases])
    for alias in aliases:
        assert observed_lines(lab, "web", alias) == [promised_line(lab, alias, "app")]


def test_the_hosts_line_after_a_move(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    assert observed_lines(lab, "web", "helloapp") == [promised_line(lab, "helloapp", "app")]


# The forms of a link


def test_a_link_reads_the_same_wherever_the_engine_prints_it(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", listen=5000)
    lab.run("db", network="back")
    lab.run("web", link=["app:helloapp", "app"])
    lab.run("shop", network="back", link=["db:database"])
    wanted = [StoredLink("app", "app"), StoredLink("app", "helloapp")]
    for printed in (lab.links("web"), lab.stored_links("web")):
        assert sorted(map(parse_stored_link, printed or ())) == wanted
    for printed in (lab.stored_links("shop"), lab.endpoint_links("shop")["back"]):
        assert [parse_stored_link(each) for each in printed or ()] == [StoredLink("db", "database")]
    pairs = [parse_link_name(name) for name in lab.names("app")]
    assert pairs == [None, ("web", "app"), ("web", "helloapp")]


# Firewall rules


def observed_rules(lab: Lab) -> set[LinkRule]:
    """The ACCEPT rules of links in the engine's own chain."""
    return {
        rule
        for line in lab.engine.inside("iptables", "-S", "DOCKER").splitlines()
        if (rule := read_rule(line)) is not None
    }


def read_rule(line: str) -> LinkRule | None:
    """Read one line of `iptables -S`, if it is a rule of a link."""
    words = line.split()
    value = dict(pairwise(words))
    if value.get("-j") != "ACCEPT" or "-s" not in value:
        return None
    return LinkRule(
        source=value["-s"].removesuffix("/32"),
        destination=value["-d"].removesuffix("/32"),
        protocol=value["-p"],
        source_port=int(value["--sport"]) if "--sport" in value else None,
        destination_port=int(value["--dport"]) if "--dport" in value else None,
    )


@pytest.mark.parametrize("expose", [[], [5000], [443, "80/udp", "8080-8083"], ["53", "53/udp"]])
def test_the_firewall_rules_of_a_link(quiet_lab: Lab, expose: Sequence[int | str]) -> None:
    quiet_lab.run("app", expose=expose)
    quiet_lab.run("web", link="app:helloapp")
    assert observed_rules(quiet_lab) == set(
        firewall_rules(
            target_address=quiet_lab.address("web"),
            source_address=quiet_lab.address("app"),
            exposed=exposed(quiet_lab, "app"),
        )
    )


def test_no_firewall_rules_where_containers_may_talk(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    assert observed_rules(lab) == set()


# Whatever the names and the ports

ALIASES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,10}", fullmatch=True)
NEAR = st.integers(50, 60)
PORTS = st.tuples(NEAR | st.integers(1, 65535), st.sampled_from(["tcp", "tcp", "udp"]))
RUNS = st.tuples(NEAR, st.integers(1, 5), st.sampled_from(["tcp", "udp"])).map(
    lambda run: [(number, run[2]) for number in range(run[0], run[0] + run[1])]
)
EXPOSED = st.builds(
    lambda ports, runs: sorted({*ports, *(port for run in runs for port in run)}),
    st.lists(PORTS, max_size=5),
    st.lists(RUNS, max_size=2),
)
SOURCES = st.lists(
    st.tuples(ALIASES, EXPOSED),
    min_size=4,
    max_size=4,
    unique_by=lambda each: environment_prefix(each[0]),
)


@settings(
    max_examples=7,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(sources=SOURCES)
def test_variables_and_hosts_lines_of_any_aliases_and_ports(
    lab: Lab, sources: list[tuple[str, list[tuple[int, str]]]]
) -> None:
    lab.clean()
    links = {}
    for number, (alias, ports) in enumerate(sources):
        links[alias] = f"source{number}"
        lab.run(links[alias], expose=[f"{port}/{protocol}" for port, protocol in ports])
    lab.run("web", link=[f"{source}:{alias}" for alias, source in links.items()])
    assert observed(lab, "web") == promised(lab, "web", links)
    for alias, source in links.items():
        assert promised_line(lab, alias, source) in observed_lines(lab, "web", alias)
