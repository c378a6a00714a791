"""What Docker promises of links; the lab compares the same functions with a real engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.model.links import (
    HostsLine,
    LinkRule,
    Port,
    Refusal,
    StoredLink,
    engine_version,
    environment_prefix,
    firewall_rules,
    hosts_line,
    injected_variables,
    parse_hosts,
    parse_link_name,
    parse_refusal,
    parse_stored_link,
)

OLD, NEW = (20, 10, 24), (28, 5, 2)


def values(version: tuple[int, ...], alias: str, *ports: Port) -> dict[str, str | None]:
    variables = injected_variables(
        version=version, target="web5", alias=alias, address="172.17.0.2", exposed=ports
    )
    return {variable.name: variable.value for variable in variables}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app:helloapp", StoredLink("app", "helloapp")),
        ("app", StoredLink("app", "app")),
        ("/app:/web/helloapp", StoredLink("app", "helloapp")),
        ("/app2:/a.b-c_d/x.y", StoredLink("app2", "x.y")),
        ("6a3dfd021226:x", StoredLink("6a3dfd021226", "x")),
        ("app:my alias", StoredLink("app", "my alias")),
        ("other/app", StoredLink("other/app", "app")),
        ("app:some/path/x", StoredLink("app", "x")),
    ],
)
def test_a_link_is_read_in_each_of_its_forms(text: str, expected: StoredLink) -> None:
    assert parse_stored_link(text) == expected


@pytest.mark.parametrize("text", ["", ":", "app:", ":alias", "/:/web/x"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no link"):
        parse_stored_link(text)


@given(st.text(max_size=40))
def test_reading_a_link_never_fails_otherwise(text: str) -> None:
    try:
        link = parse_stored_link(text)
    except ValueError:
        return
    assert link.source
    assert link.alias


def test_a_name_of_the_list_is_a_link_only_with_a_slash() -> None:
    assert parse_link_name("/web/helloapp") == ("web", "helloapp")
    assert parse_link_name("web/some/path/x") == ("web", "x")
    for none in ("/web", "web", "web/", "/web/", "//x", ""):
        assert parse_link_name(none) is None


@pytest.mark.parametrize(
    ("alias", "prefix"), [("mu", "MU"), ("a-2", "A_2"), ("a_2", "A_2"), ("x.y", "X.Y")]
)
def test_only_the_hyphen_is_replaced_in_a_prefix(alias: str, prefix: str) -> None:
    assert environment_prefix(alias) == prefix


def test_the_first_port_differs_before_and_since_28() -> None:
    ports = (Port(443), Port(80, "udp"))
    assert values(OLD, "mu", *ports)["MU_PORT"] == "udp://172.17.0.2:80"
    assert values(NEW, "mu", *ports)["MU_PORT"] == "tcp://172.17.0.2:443"


def test_three_ports_in_a_row_are_a_range_and_two_are_none() -> None:
    two = values(OLD, "mu", Port(8080), Port(8081))
    three = values(OLD, "mu", Port(8080), Port(8081), Port(8082))
    assert not any("START" in name or "END" in name for name in two)
    assert three["MU_PORT_8080_TCP_START"] == "tcp://172.17.0.2:8080"
    assert three["MU_PORT_8080_TCP_END"] == "tcp://172.17.0.2:8082"
    assert three["MU_PORT_8080_TCP_PORT_START"] == "8080"
    assert three["MU_PORT_8080_TCP_PORT_END"] == "8082"


def test_since_28_two_ports_are_a_range_and_a_range_is_of_one_protocol() -> None:
    two = values(NEW, "mu", Port(80), Port(81))
    assert two["MU_PORT_80_TCP_END"] == "tcp://172.17.0.2:81"
    mixed = values(NEW, "mu", Port(53), Port(53, "udp"), Port(54))
    assert mixed["MU_PORT_53_TCP_PORT_END"] == "54"
    assert "MU_PORT_53_UDP_START" not in mixed


def test_before_28_protocols_are_mixed_in_one_range() -> None:
    mixed = values(OLD, "mu", Port(53), Port(53, "udp"), Port(54))
    assert mixed["MU_PORT_53_TCP_START"] == "tcp://172.17.0.2:53"
    assert {"MU_PORT_53_TCP_PORT_END", "MU_PORT_53_UDP_PORT_END"} & set(mixed)


def test_all_variables_of_a_range_and_a_port_beside_it() -> None:
    address = "172.17.0.2"
    expected = {"DB_NAME": "/web5/db", "DB_PORT": f"tcp://{address}:80"}
    for number, protocol in ((80, "tcp"), (81, "tcp"), (82, "tcp"), (90, "udp")):
        name = f"DB_PORT_{number}_{protocol.upper()}"
        expected |= {
            name: f"{protocol}://{address}:{number}",
            f"{name}_ADDR": address,
            f"{name}_PORT": str(number),
            f"{name}_PROTO": protocol,
        }
    expected |= {
        "DB_PORT_80_TCP_START": f"tcp://{address}:80",
        "DB_PORT_80_TCP_END": f"tcp://{address}:82",
        "DB_PORT_80_TCP_PORT_START": "80",
        "DB_PORT_80_TCP_PORT_END": "82",
    }
    ports = (Port(90, "udp"), Port(82), Port(80), Port(81))
    assert values(OLD, "db", *ports) == values(NEW, "db", *ports) == expected


@pytest.mark.parametrize(
    ("ports", "before_28", "since_28"),
    [
        ("80 81 82 90 91 92 99", {"80-82", "90-92"}, {"80-82", "90-92"}),
        ("80 90 91 92", {"90-92"}, {"90-92"}),
        ("80 81 90 91 92", {"90-92"}, {"80-81", "90-92"}),
        ("80 81 82 84 85 86", {"80-82", "84-86"}, {"80-82", "84-86"}),
        ("80 81 82 83 90", {"80-83"}, {"80-83"}),
        ("80 82 84", set(), set()),
        ("80 81 82/udp 83 90", {"80-83"}, {"80-81"}),
        ("8000 8001 9000/udp 9001/udp 9002/udp", {"9000-9002"}, {"8000-8001", "9000-9002"}),
        ("53 53/udp 55", {"53-55"}, set()),
        ("53 53/udp 80", set(), set()),
    ],
)
def test_which_ports_are_a_range(ports: str, before_28: set[str], since_28: set[str]) -> None:
    given = [Port.parse(each) for each in ports.split()]
    for version, expected in ((OLD, before_28), ((27, 5), before_28), ((28,), since_28)):
        found = values(version, "db", *given)
        starts = {name.split("_")[2] for name in found if name.endswith("_PORT_START")}
        ends = {
            name.split("_")[2]: value for name, value in found.items() if name.endswith("PORT_END")
        }
        assert {f"{start}-{ends[start]}" for start in starts} == expected, version


@pytest.mark.parametrize(
    ("version", "first"), [((20, 10), "53/tcp"), ((27, 5), "53/tcp"), ((28,), "80/tcp")]
)
def test_of_two_ports_with_one_number_the_tcp_port_is_first(
    version: tuple[int, ...], first: str
) -> None:
    number, protocol = first.split("/")
    given = (Port(53, "udp"), Port(53), Port(80)) if number == "53" else (Port(53, "udp"), Port(80))
    assert values(version, "db", *given)["DB_PORT"] == f"{protocol}://172.17.0.2:{number}"


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("80", Port(80)),
        ("80/tcp", Port(80, "tcp")),
        ("53/UDP", Port(53, "udp")),
        ("80/", Port(80)),
        ("1", Port(1)),
        ("65535", Port(65535)),
    ],
)
def test_a_port_is_read_in_each_of_its_forms(text: str, port: Port) -> None:
    assert Port.parse(text) == port
    assert Port.parse(str(port)) == port


def test_without_an_exposed_port_there_is_no_address() -> None:
    assert values(OLD, "ne") == {"NE_NAME": "/web5/ne"}


def test_a_source_without_address_leaves_the_address_empty() -> None:
    variables = injected_variables(
        version=OLD, target="web", alias="db", address="", exposed=[Port(5432)]
    )
    found = {variable.name: variable.value for variable in variables}
    assert found["DB_PORT"] == "tcp://:5432"
    assert found["DB_PORT_5432_TCP_ADDR"] == ""


def test_the_sources_own_environment_follows_without_values_home_and_path() -> None:
    variables = injected_variables(
        version=OLD,
        target="web",
        alias="db",
        address="172.17.0.2",
        exposed=(),
        source_environment=["HOME", "PATH", "MYSQL_ROOT_PASSWORD"],
    )
    names = {variable.name: variable.value for variable in variables}
    assert names == {"DB_NAME": "/web/db", "DB_ENV_MYSQL_ROOT_PASSWORD": None}


def test_engine_29_sets_none_unless_it_was_told_to() -> None:
    arguments = {"target": "web", "alias": "db", "address": "172.17.0.2", "exposed": [Port(1)]}
    version = engine_version("29.x (built from public sources)")
    assert injected_variables(version=version, **arguments) == ()  # type: ignore[arg-type]
    assert injected_variables(version=version, keeps_variables=True, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("28.5.2", (28, 5, 2)),
        ("29.x (built)", (29,)),
        ("dev", ()),
        ("", ()),
    ],
)
def test_engine_versions_are_read_as_they_are_printed(text: str, version: tuple[int, ...]) -> None:
    assert engine_version(text) == version


def test_the_hosts_line_names_the_source_unless_the_alias_does() -> None:
    line = hosts_line(alias="db", address="172.17.0.2", hostname="6a3dfd021226", source="pg")
    assert line == HostsLine(address="172.17.0.2", names=("db", "6a3dfd021226", "pg"))
    same = hosts_line(alias="pg", address="172.17.0.2", hostname="6a3dfd021226", source="pg")
    assert same.names == ("pg", "6a3dfd021226")


def test_a_hosts_file_is_read_line_by_line() -> None:
    text = "127.0.0.1\tlocalhost\n# a comment\n\n10.0.0.1 a b # c\n::1\n"
    assert parse_hosts(text) == (
        HostsLine(address="127.0.0.1", names=("localhost",)),
        HostsLine(address="10.0.0.1", names=("a", "b")),
    )


def test_a_hosts_file_is_read_as_resolvers_read_it() -> None:
    text = (
        "010.0.0.1 loose\n127.1 short\nhost.example name\n10.0.0.2\u00a0glued\n"
        "10.0.0.3\tdos\r\n 10.0.0.4\va\x0cb\n10.0.0.5 x\r10.0.0.6 y\n::1 six\n"
    )
    assert parse_hosts(text) == (
        HostsLine(address="10.0.0.3", names=("dos",)),
        HostsLine(address="10.0.0.4", names=("a", "b")),
        HostsLine(address="10.0.0.5", names=("x", "10.0.0.6", "y")),
        HostsLine(address="::1", names=("six",)),
    )


def test_each_exposed_port_has_a_pair_of_firewall_rules() -> None:
    rules = firewall_rules(
        target_address="172.17.0.3", source_address="172.17.0.2", exposed=[Port(5000)]
    )
    there = LinkRule(
        source="172.17.0.3", destination="172.17.0.2", protocol="tcp", destination_port=5000
    )
    back = LinkRule(source="172.17.0.2", destination="172.17.0.3", protocol="tcp", source_port=5000)
    assert rules == (there, back)


@pytest.mark.parametrize(
    ("error", "refusal", "source", "alias"),
    [
        (
            "Cannot link to a non running container: /app AS /web/helloapp",
            Refusal.NOT_RUNNING,
            "app",
            "helloapp",
        ),
        (
            "Cannot link to /ua, as it does not belong to the default network",
            Refusal.NOT_ON_BRIDGE,
            "ua",
            None,
        ),
        (
            "container 6a3dfd021226 not attached to default bridge network",
            Refusal.NOT_ON_BRIDGE,
            "6a3dfd021226",
            None,
        ),
        (
            "could not get container for ghosty: No such container: ghosty",
            Refusal.MISSING,
            "ghosty",
            None,
        ),
    ],
)
def test_refusals_are_understood(
    error: str, refusal: Refusal, source: str, alias: str | None
) -> None:
    found = parse_refusal(error)
    assert found is not None
    assert (found.refusal, found.source, found.alias) == (refusal, source, alias)


def test_other_errors_are_no_refusals() -> None:
    assert parse_refusal("port is already allocated") is None
    assert parse_refusal("") is None


@pytest.mark.parametrize("text", ["x/tcp", "", "65536/tcp", "0", "-1/udp"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"port|invalid"):
        Port.parse(text)


def test_a_line_that_begins_with_a_space_of_no_resolver_is_no_line() -> None:
    assert parse_hosts("\u00a0172.17.0.2 db") == ()
    assert [each.names for each in parse_hosts(" \t172.17.0.2 db")] == [("db",)]
