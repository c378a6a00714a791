"""What the engine shows of a link, and what it puts into the target: environment and hosts."""

from __future__ import annotations

import io
import tarfile

import pytest

from .situations import Lab


@pytest.fixture
def linked(lab: Lab) -> Lab:
    """`app` on 172.17.0.2 and `web`, which is linked to it as `helloapp`, on 172.17.0.3."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    return lab


def short(lab: Lab, name: str) -> str:
    """A container's short id."""
    return str(lab.inspect(name)["Id"])[:12]


def link_variables(lab: Lab, name: str) -> dict[str, str]:
    """A container's process environment without what every container has."""
    usual = ("PATH", "HOSTNAME", "HOME")
    return {k: v for k, v in lab.process_environment(name).items() if k not in usual}


# Where a link can be seen


def test_the_list_shows_a_link_among_the_names_of_its_source(linked: Lab) -> None:
    assert linked.names("app") == ["/app", "/web/helloapp"]
    assert linked.names("web") == ["/web"]


def test_inspect_of_the_target_shows_source_target_and_alias(linked: Lab) -> None:
    """Inspect of the target shows source, target and alias."""
    assert linked.links("web") == ["/app:/web/helloapp"]
    assert linked.endpoint_links("web") == {"bridge": None}
    assert linked.links("app") is None


def test_the_disk_keeps_a_link_as_it_was_typed(linked: Lab) -> None:
    assert linked.stored_links("web") == ["app:helloapp"]


def test_target_slash_alias_answers_the_source(linked: Lab) -> None:
    """`GET /containers/TARGET/ALIAS/json` answers the source."""
    assert linked.inspect("web/helloapp")["Id"] == linked.inspect("app")["Id"]


def test_a_link_on_a_user_defined_network_is_seen_at_the_endpoint_only(lab: Lab) -> None:
    lab.network("net1")
    lab.run("app", network="net1", listen=5000)
    lab.run("web", network="net1", link="app:helloapp")
    assert lab.names("app") == ["/app"]
    assert lab.links("web") is None
    assert lab.endpoint_links("web") == {"net1": ["app:helloapp"]}
    assert lab.stored_links("web") == ["app:helloapp"]
    assert lab.find("web/helloapp") is None
    assert link_variables(lab, "web") == {}
    assert lab.hosts_lines("web", "helloapp") == []
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_created_target_has_its_link_already(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", start=False)
    assert lab.names("app") == ["/app", "/web/helloapp"]
    assert lab.links("web") == ["/app:/web/helloapp"]


def test_a_stopped_target_keeps_its_link(linked: Lab) -> None:
    linked.stop("web")
    assert linked.names("app") == ["/app", "/web/helloapp"]
    assert linked.links("web") == ["/app:/web/helloapp"]
    assert linked.find("web/helloapp") is not None


def test_a_stopped_source_keeps_its_link(linked: Lab) -> None:
    linked.stop("app")
    assert linked.names("app") == ["/app", "/web/helloapp"]
    assert linked.find("web/helloapp") is not None


@pytest.mark.parametrize("length", [12, 64])
def test_a_link_by_id_is_shown_by_name(lab: Lab, length: int) -> None:
    typed = lab.run("app", listen=5000)[:length]
    lab.run("web", link=f"{typed}:helloapp")
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.stored_links("web") == [f"{typed}:helloapp"]
    assert lab.names("app") == ["/app", "/web/helloapp"]


def test_a_link_without_alias_takes_the_sources_name(lab: Lab) -> None:
    """A link without alias takes the source's name."""
    lab.run("app", listen=5000)
    lab.run("web", link="app")
    assert lab.links("web") == ["/app:/web/app"]
    assert lab.stored_links("web") == ["app"]
    assert lab.hosts_lines("web", "app") == [f"172.17.0.2\tapp {short(lab, 'app')}"]
    assert lab.process_environment("web")["APP_NAME"] == "/web/app"


def test_a_link_by_id_without_alias_takes_the_id_for_its_alias(lab: Lab) -> None:
    typed = lab.run("app", listen=5000)[:12]
    lab.run("web", link=typed)
    assert lab.links("web") == [f"/app:/web/{typed}"]
    assert lab.hosts_lines("web", "app") == [f"172.17.0.2\t{typed} {typed} app"]


def test_inspect_shows_every_link_of_a_target_in_whatever_order(lab: Lab) -> None:
    """Inspect shows every link of a target, in any order."""
    aliases = [f"alias{number}" for number in range(8)]
    lab.run("app", listen=5000)
    lab.run("web", link=[f"app:{alias}" for alias in aliases])
    assert lab.links("web") == [f"/app:/web/{alias}" for alias in aliases]
    assert lab.names("app") == ["/app", *(f"/web/{alias}" for alias in aliases)]


# The environment


def test_the_process_gets_name_port_and_each_exposed_port(linked: Lab) -> None:
    """The process gets `…_NAME`, `…_PORT` and variables for each exposed port."""
    assert link_variables(linked, "web") == {
        "HELLOAPP_NAME": "/web/helloapp",
        "HELLOAPP_PORT": "tcp://172.17.0.2:5000",
        "HELLOAPP_PORT_5000_TCP": "tcp://172.17.0.2:5000",
        "HELLOAPP_PORT_5000_TCP_ADDR": "172.17.0.2",
        "HELLOAPP_PORT_5000_TCP_PORT": "5000",
        "HELLOAPP_PORT_5000_TCP_PROTO": "tcp",
    }


@pytest.mark.differs(since=28, how="`MU_PORT` names the first TCP port: `tcp://…:443`")
def test_consecutive_ports_add_a_range_and_the_sources_environment_is_copied(lab: Lab) -> None:
    """A range of ports, the source's environment; `MU_PORT` names the lowest port of all."""
    lab.image("lab:many", expose=[443, "80/udp", "8080-8083", 9000], env={"COLOUR": "blue sky"})
    lab.run("app", image="lab:many", env={"OWN": "1"})
    lab.run("web5", link="app:mu")
    expected = {
        "MU_NAME": "/web5/mu",
        "MU_PORT": "udp://172.17.0.2:80",
        "MU_ENV_COLOUR": "blue sky",
        "MU_ENV_OWN": "1",
        "MU_PORT_8080_TCP_START": "tcp://172.17.0.2:8080",
        "MU_PORT_8080_TCP_END": "tcp://172.17.0.2:8083",
        "MU_PORT_8080_TCP_PORT_START": "8080",
        "MU_PORT_8080_TCP_PORT_END": "8083",
    }
    for port in ("443/tcp", "80/udp", "8080/tcp", "8081/tcp", "8082/tcp", "8083/tcp", "9000/tcp"):
        number, _, protocol = port.partition("/")
        name = f"MU_PORT_{number}_{protocol.upper()}"
        expected[name] = f"{protocol}://172.17.0.2:{number}"
        expected[f"{name}_ADDR"] = "172.17.0.2"
        expected[f"{name}_PORT"] = number
        expected[f"{name}_PROTO"] = protocol
    assert link_variables(lab, "web5") == expected


def test_a_source_that_exposes_nothing_yields_no_address(lab: Lab) -> None:
    lab.run("app", env={"OWN": "1"})
    lab.run("web", link="app:ne")
    assert link_variables(lab, "web") == {"NE_NAME": "/web/ne", "NE_ENV_OWN": "1"}


def test_the_prefix_is_upper_case_with_only_hyphens_replaced(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link=["app:my-a.b", "app:my_c"])
    names = {name for name in link_variables(lab, "web") if name.endswith("_NAME")}
    assert names == {"MY_A.B_NAME", "MY_C_NAME"}


def test_two_aliases_can_fall_into_one_prefix(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("app9", listen=5000)
    lab.run("web", link=["app:a-2", "app9:a_2"])
    assert lab.links("web") == ["/app9:/web/a_2", "/app:/web/a-2"]
    assert lab.process_environment("web")["A_2_NAME"] in ("/web/a-2", "/web/a_2")


def test_a_variable_of_the_targets_own_wins_over_the_links(lab: Lab) -> None:
    """A variable of the target's own wins over the link's."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", env={"HELLOAPP_PORT": "custom"})
    assert lab.process_environment("web")["HELLOAPP_PORT"] == "custom"
    assert lab.process_environment("web")["HELLOAPP_PORT_5000_TCP_ADDR"] == "172.17.0.2"


def test_inspect_does_not_show_the_links_variables(linked: Lab) -> None:
    """Inspect does not show the link's variables."""
    assert linked.inspect("web")["Config"]["Env"] == ["PATH=/usr/bin:/bin"]


def test_exec_computes_afresh_what_the_process_keeps_old(linked: Lab) -> None:
    """`exec` computes variables again, but the process keeps its old ones."""
    assert linked.move("app") == ("172.17.0.2", "172.17.0.4")
    name = "HELLOAPP_PORT_5000_TCP_ADDR"
    assert linked.exec("web", f"echo ${name}") == (0, "172.17.0.4\n")
    assert linked.process_environment("web")[name] == "172.17.0.2"


def test_top_prints_the_processes_environment_after_the_command(linked: Lab) -> None:
    """`top` prints the process's environment after its command."""
    linked.move("app")
    found = linked.api.top("web", ps_args="eww -o pid,args")
    assert found["Titles"] == ["PID", "COMMAND"]
    ((pid, line),) = found["Processes"]
    assert int(pid) == linked.pid("web")
    assert line.startswith("sleep 100000 PATH=/usr/bin:/bin ")
    assert " HELLOAPP_PORT_5000_TCP_ADDR=172.17.0.2 " in line


# The hosts file


def test_a_hosts_line_is_address_alias_short_id_and_name(linked: Lab) -> None:
    """A hosts line is address, alias, short id and name."""
    line = f"172.17.0.2\thelloapp {short(linked, 'app')} app"
    assert linked.hosts_lines("web", "helloapp") == [line]
    own = f"172.17.0.3\t{short(linked, 'web')}"
    assert linked.hosts_file("web").splitlines()[-2:] == [line, own]


def test_a_source_with_a_host_name_has_that_in_place_of_its_short_id(lab: Lab) -> None:
    lab.run("app", listen=5000, hostname="backend")
    lab.run("web", link="app:helloapp")
    assert lab.hosts_lines("web", "helloapp") == ["172.17.0.2\thelloapp backend app"]


def test_the_archive_endpoint_serves_the_hosts_file(linked: Lab) -> None:
    chunks, stat = linked.api.get_archive("web", "/etc/hosts")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        member = tar.extractfile("hosts")
        assert member is not None
        assert member.read().decode() == linked.hosts_file("web")
    assert stat["name"] == "hosts"


@pytest.mark.differs(since=28, how="without the line of the container's own address")
def test_the_archive_endpoint_serves_a_stopped_containers_hosts_file(linked: Lab) -> None:
    """The archive endpoint serves a stopped container's hosts file unchanged."""
    before = linked.hosts_file("web")
    linked.stop("web")
    chunks, _ = linked.api.get_archive("web", "/etc/hosts")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        member = tar.extractfile("hosts")
        assert member is not None
        assert member.read().decode() == before


def test_an_extra_host_of_the_same_name_comes_first_and_wins(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", extra_hosts=["helloapp:10.9.9.9"])
    lines = lab.hosts_lines("web", "helloapp")
    assert lines == ["10.9.9.9\thelloapp", f"172.17.0.2\thelloapp {short(lab, 'app')} app"]
    complaint = "wget: can't connect to remote host (10.9.9.9): Network is unreachable\n"
    assert lab.fetch("web", "http://helloapp:5000/") == (1, complaint)


def test_a_start_of_the_source_overwrites_extra_hosts_of_the_alias_and_below_it(lab: Lab) -> None:
    extra = ["db:10.9.9.1", "db.example.com:10.9.9.2", "dbx:10.9.9.3", "db-2:10.9.9.4"]
    lab.run("app", listen=5000)
    lab.run("web", link="app:db", extra_hosts=extra)
    lab.restart("app")
    expected = ["172.17.0.2\tdb", "172.17.0.2\tdb.example.com", "10.9.9.3\tdbx", "10.9.9.4\tdb-2"]
    assert lab.hosts_file("web").splitlines()[6:10] == expected


def test_odd_aliases_are_accepted(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link=["app:my alias", "app:localhost"])
    assert lab.links("web") == ["/app:/web/localhost", "/app:/web/my alias"]
    assert f"172.17.0.2\tmy alias {short(lab, 'app')} app" in lab.hosts_lines("web", "alias")


def test_a_target_with_a_hosts_file_of_its_own_sees_no_link_in_it(lab: Lab) -> None:
    own = lab.engine.home / "own-hosts"
    own.write_text("127.0.0.1\tlocalhost\n")
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", binds=[f"{own}:/etc/hosts"])
    assert lab.hosts_file("web") == "127.0.0.1\tlocalhost\n"
    assert lab.links("web") == ["/app:/web/helloapp"]
