"""The parts of the collector that need no engine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.collect import sockets
from linkdoctor.collect.answers import ContainerAnswer, NetworkAnswer
from linkdoctor.collect.engine import (
    ContextName,
    Deadline,
    EngineError,
    Url,
    connect,
    endpoint_of,
)
from linkdoctor.collect.procfs import hold, owners_of
from linkdoctor.collect.resolver import ask, parse_resolver
from linkdoctor.collect.translate import (
    details_of,
    labels_of,
    network_of,
    program_of,
    script_places,
)
from linkdoctor.model.evidence import Known
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.snapshot import Listener, Network, Publication, Resolver, Status

MARKER = "s3cr3t-marker"


def inspected(**changes: object) -> ContainerAnswer:
    answer: dict[str, object] = {
        "Id": "a" * 64,
        "Name": "/web",
        "Path": "sh",
        "Args": ["-c", f"login --password {MARKER}"],
        "State": {"Status": "running", "Pid": 7},
        "Config": {"Env": [f"PASSWORD={MARKER}", "DB_PORT=tcp://172.17.0.2:5432", "=", "X"]},
        "HostConfig": {},
        "NetworkSettings": {},
    }
    return msgspec.convert({**answer, **changes}, ContainerAnswer)


def test_nulls_and_missing_fields_are_read() -> None:
    details = details_of(inspected(Config={"Env": None, "ExposedPorts": None, "Labels": None}))
    assert details.status is Status.RUNNING
    assert details.restart_policy == "no"
    assert details.network_mode == "default"


def test_no_value_of_the_environment_or_command_line_comes_through() -> None:
    details = details_of(inspected())
    assert MARKER.encode() not in msgspec.json.encode(details)
    assert "PASSWORD" in [variable.name for variable in details.environment]


def test_links_ports_and_extra_hosts_are_read() -> None:
    details = details_of(
        inspected(
            Config={"ExposedPorts": {"53/udp": {}, "5000/tcp": {}, "x": {}}},
            HostConfig={
                "Links": ["/db:/web/b", "/app:/web/a", ":"],
                "ExtraHosts": ["db:10.0.0.1", "six=[::1]", "v6:2001:db8::1", "bad"],
            },
            NetworkSettings={
                "Ports": {
                    "5000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
                    "53/udp": None,
                },
                "Networks": {"back": {"IPAddress": "172.18.0.2", "Links": ["app:x"]}},
            },
        )
    )
    assert details.stored_links == (StoredLink("app", "a"), StoredLink("db", "b"))
    assert details.exposed == (Port(53, "udp"), Port(5000))
    assert [each.host_port for each in details.published] == [8080]
    assert details.extra_hosts == (
        HostsLine(address="10.0.0.1", names=("db",)),
        HostsLine(address="::1", names=("six",)),
        HostsLine(address="2001:db8::1", names=("v6",)),
    )
    assert details.endpoints[0].links == (StoredLink("app", "x"),)


def test_addresses_that_stay_are_told_from_those_that_move() -> None:
    networks = {
        "back": {"IPAddress": "172.30.0.9", "IPAMConfig": {"IPv4Address": "172.30.0.9"}},
        "front": {"IPAddress": "172.18.0.2", "IPAMConfig": {}},
        "more": {"IPAddress": "172.19.0.2", "IPAMConfig": None},
    }
    details = details_of(inspected(NetworkSettings={"Networks": networks}))
    assert [each.fixed_address for each in details.endpoints] == ["172.30.0.9", "", ""]
    pool = {
        "Subnet": "172.30.0.0/24",
        "Gateway": "172.30.0.1",
        "AuxiliaryAddresses": {"router": "172.30.0.5"},
    }
    answer = {"Id": "n", "Name": "back", "IPAM": {"Config": [pool, {"Subnet": "fd00::/64"}]}}
    assert network_of(msgspec.convert(answer, NetworkAnswer)).reserved == (
        "172.30.0.1",
        "172.30.0.5",
    )


def network(**changes: object) -> Network:
    answer = {"Id": "0123456789abcdef", "Name": "back", "Driver": "bridge", **changes}
    return network_of(msgspec.convert(answer, NetworkAnswer))


@pytest.mark.parametrize(
    ("text", "mtu"), [("1400", 1400), ("0", None), ("", None), ("-1", None), ("9" * 9, None)]
)
def test_the_mtu_of_a_network_is_a_number(text: str, mtu: int | None) -> None:
    assert network(Options={"com.docker.network.driver.mtu": text}).mtu == mtu


def test_a_bridge_network_has_an_interface() -> None:
    assert network(Options=None).bridge == "br-0123456789ab"
    assert network(Options={"com.docker.network.bridge.name": "mine0"}).bridge == "mine0"
    assert network(Driver="macvlan").bridge == ""
    assert network(Internal=True).internal


@pytest.mark.parametrize(
    ("asked", "all_ports", "ephemeral"),
    [
        ({"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, False, False),
        ({"80/tcp": [{"HostIp": "", "HostPort": ""}]}, False, True),
        ({"80/tcp": [{"HostIp": "", "HostPort": "0"}]}, False, True),
        ({"80/tcp": [{"HostIp": "", "HostPort": "8080-8090"}]}, False, True),
        ({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}, True, False),
        ({}, True, True),
        ({}, False, False),
        (None, False, False),
    ],
)
def test_a_port_that_nobody_asked_for_by_its_number_is_of_the_engines_choice(
    asked: dict[str, list[dict[str, str]]] | None, all_ports: bool, ephemeral: bool
) -> None:
    details = details_of(
        inspected(
            HostConfig={"PortBindings": asked, "PublishAllPorts": all_ports},
            NetworkSettings={"Ports": {"80/tcp": [{"HostIp": "::", "HostPort": "8080"}]}},
        )
    )
    assert [each.ephemeral for each in details.published] == [ephemeral]


def test_what_was_asked_for_is_read_of_a_container_that_does_not_run() -> None:
    asked = {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "", "HostPort": ""}],
        "53/udp": [{"HostIp": "", "HostPort": "99999"}],
        "81/tcp": None,
        "bad": [{"HostIp": "", "HostPort": "1"}],
    }
    details = details_of(
        inspected(HostConfig={"PortBindings": asked}, NetworkSettings={"Ports": {}})
    )
    assert details.published == ()
    assert details.requested == (
        Publication(port=Port(53, "udp"), host_address="", host_port=0, ephemeral=True),
        Publication(port=Port(80), host_address="", host_port=0, ephemeral=True),
        Publication(port=Port(80), host_address="127.0.0.1", host_port=8080),
    )


def test_only_labels_of_linkdoctor_and_compose_are_kept_and_cut_short() -> None:
    labels = labels_of(
        {
            "secret": MARKER,
            "linkdoctor.expects": "x" * 10_000_000,
            "com.docker.compose.project": "shop",
            "com.docker.compose.environment_file": MARKER,
        }
    )
    assert [label.name for label in labels] == ["com.docker.compose.project", "linkdoctor.expects"]
    assert max(len(label.value) for label in labels) <= 4096


@pytest.mark.parametrize(
    ("path", "arguments", "program"),
    [
        ("docker-entrypoint.sh", ["mysqld"], "docker-entrypoint.sh"),
        ("/bin/sh", ["/start.sh"], "/start.sh"),
        ("tini", ["--", "/entry.sh"], "/entry.sh"),
        ("sh", [], "sh"),
        ("", None, ""),
    ],
)
def test_the_program_is_found_behind_shells_and_inits(
    path: str, arguments: list[str] | None, program: str
) -> None:
    assert program_of(inspected(Path=path, Args=arguments)) == program


def test_a_bare_script_is_looked_for_on_the_path() -> None:
    places = script_places("docker-entrypoint.sh", ["PATH=/usr/local/bin:/bin:relative"])
    assert places == ("/usr/local/bin/docker-entrypoint.sh", "/bin/docker-entrypoint.sh")
    assert script_places("nginx", ["PATH=/bin"]) == ()
    assert script_places("/start", []) == ("/start",)
    assert script_places("-c", []) == ()


def test_resolv_conf_is_read() -> None:
    text = "# x\nnameserver 10.0.0.2\nsearch a b\nsearch corp.example .\noptions ndots:0\nbad\n"
    assert parse_resolver(text) == Resolver(
        nameservers=("10.0.0.2",), search=("corp.example",), ndots=0
    )


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        (" nameserver 10.0.0.2\n", ()),
        ("nameserver\t10.0.0.2\n", ("10.0.0.2",)),
        ("nameserver 10.0.0.2 # x\n", ("10.0.0.2",)),
        ("nameserver 10.0.0.2#x\n", ()),
        ("nameserver\u00a010.0.0.2\n", ()),
        ("; nameserver 10.0.0.2\n", ()),
        ("NAMESERVER 10.0.0.2\n", ()),
        ("nameserver fe80::1%eth0\n", ("fe80::1%eth0",)),
        ("nameserver 10.0.0.2\r\n", ("10.0.0.2",)),
    ],
)
def test_servers_are_read_as_resolvers_read_them(text: str, servers: tuple[str, ...]) -> None:
    assert parse_resolver(text).nameservers == servers


def test_a_windows_line_end_spoils_a_server_for_glibc_alone() -> None:
    text = "nameserver 10.0.0.2\r\nnameserver 10.0.0.3\n"
    assert parse_resolver(text, glibc=True).nameservers == ("10.0.0.3",)
    assert parse_resolver(text).nameservers == ("10.0.0.2", "10.0.0.3")


@pytest.mark.parametrize(
    ("options", "ndots"),
    [
        ("", 1),
        ("options ndots:5\n", 5),
        ("options timeout:2 ndots:0 rotate\n", 0),
        ("options ndots:99999999999\n", 15),
        ("options ndots:x ndots\n", 1),
        ("options ndots:2\noptions edns0\n", 2),
    ],
)
def test_ndots_is_read(options: str, ndots: int) -> None:
    assert parse_resolver(f"nameserver 10.0.0.2\n{options}").ndots == ndots


@given(st.text(max_size=200))
def test_no_resolv_conf_crashes_the_reader(text: str) -> None:
    parse_resolver(text)


def test_without_a_server_no_name_is_known() -> None:
    assert ask(Resolver(), "db") == Known((), "its resolv.conf names no server")


def test_a_listening_socket_of_this_process_is_seen() -> None:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        seen = sockets.listeners_here()
        assert Listener(address="127.0.0.1", port=tcp.getsockname()[1], protocol="tcp") in seen
        assert Listener(address="127.0.0.1", port=udp.getsockname()[1], protocol="udp") in seen
        tcp_port = tcp.getsockname()[1]
    assert tcp_port not in [each.port for each in sockets.listeners_here()]


def test_the_inode_of_a_listening_socket_is_that_of_its_descriptor() -> None:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("127.0.0.1", 0 if each is first else first.getsockname()[1]))
            each.listen()
        here = Listener(address="127.0.0.1", port=first.getsockname()[1], protocol="tcp")
        found = {inode for listener, inode in sockets.sockets_here() if listener == here}
        assert found == {os.fstat(each.fileno()).st_ino for each in (first, second)}
        assert sockets.listeners_here().count(here) == 1
        with hold(os.getpid()) as held:
            assert owners_of(held, found).keys() == found


def test_a_connection_is_no_listener() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname()) as client:
            seen = sockets.listeners_here()
            assert client.getsockname()[1] not in [each.port for each in seen]


def test_a_namespace_that_is_not_there_is_denied() -> None:
    with pytest.raises(sockets.NamespaceDenied):
        sockets.in_namespace(Path("/proc/0/ns/net"), sockets.listeners_here)


def test_the_owner_of_a_socket_is_found(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        assert sockets.peer_pid(tmp_path / "s") == os.getpid()
    assert sockets.peer_pid(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("unix:///run/docker.sock", "unix:///run/docker.sock"),
        ("tcp://10.0.0.1:2376", "tcp://10.0.0.1:2376"),
        ("tcp://user@10.0.0.1:2376", "tcp://10.0.0.1:2376"),
    ],
)
def test_an_endpoint_is_shown_without_credentials(url: str, endpoint: str) -> None:
    assert endpoint_of(Url(url), {}) == endpoint


def test_docker_host_beats_the_context() -> None:
    environment = {"DOCKER_HOST": "tcp://10.0.0.9:2375", "DOCKER_CONTEXT": "default"}
    assert endpoint_of(Url(), environment) == "tcp://10.0.0.9:2375"


def test_an_unknown_context_is_refused_with_those_there_are() -> None:
    with pytest.raises(EngineError, match="default"):
        endpoint_of(ContextName("nowhere"), {})


def test_no_socket_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="there is no such socket"):
        connect(Url(f"unix://{tmp_path}/none.sock"), Deadline(5), {})


def test_a_deadline_runs_out() -> None:
    assert Deadline(0).left() == 0
    assert 0 < Deadline(5).left() <= 5
