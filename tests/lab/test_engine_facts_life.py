"""What becomes of a link when source or target stop, move, are renamed, removed or made anew."""

from __future__ import annotations

import os
import time

import pytest

from .situations import Lab, refusal

NOT_RUNNING = "Cannot link to a non running container: /app AS /web/helloapp"
CANNOT_RESTART = f"Cannot restart container web: {NOT_RUNNING}"


@pytest.fixture
def linked(lab: Lab) -> Lab:
    """`app` on 172.17.0.2 and `web`, which is linked to it as `helloapp`, on 172.17.0.3."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    return lab


def line(lab: Lab, address: str, name: str = "app", identity: str = "") -> str:
    """The hosts line of the alias `helloapp`; the short id is the named container's own."""
    return f"{address}\thelloapp {(identity or str(lab.inspect(name)['Id']))[:12]} {name}"


def process_address(lab: Lab) -> str:
    """The source's address that the target's process was given."""
    return lab.process_environment("web")["HELLOAPP_PORT_5000_TCP_ADDR"]


# Stopped and moved


def test_a_moved_source_is_rewritten_in_hosts_but_not_in_the_process(linked: Lab) -> None:
    assert linked.move("app") == ("172.17.0.2", "172.17.0.4")
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.4")]
    assert process_address(linked) == "172.17.0.2"
    linked.restart("web")
    assert process_address(linked) == "172.17.0.4"


def test_a_stopped_source_keeps_its_hosts_line_and_blocks_exec(linked: Lab) -> None:
    before = linked.hosts_lines("web", "helloapp")
    linked.stop("app")
    assert linked.hosts_lines("web", "helloapp") == before
    assert refusal(lambda: linked.exec("web", "true")) == NOT_RUNNING


def test_a_stopped_source_fails_the_targets_health_checks(linked: Lab) -> None:
    """A stopped source fails the target's health checks."""
    linked.run("checked", link="app:helloapp", health="true")

    def health() -> str:
        return str(linked.inspect("checked")["State"]["Health"]["Status"])

    linked.wait_for(lambda: health() == "healthy")
    linked.stop("app")
    linked.wait_for(lambda: health() == "unhealthy")
    last = linked.inspect("checked")["State"]["Health"]["Log"][-1]
    assert last["ExitCode"] == -1
    assert last["Output"] == NOT_RUNNING.replace("/web/", "/checked/")


def test_a_stopped_source_takes_the_target_down_at_its_restart(linked: Lab) -> None:
    linked.stop("app")
    assert refusal(lambda: linked.restart("web")) == CANNOT_RESTART
    state = linked.inspect("web")["State"]
    assert (state["Status"], state["Error"], state["Pid"]) == ("exited", NOT_RUNNING, 0)
    linked.start("app")
    linked.start("web")
    assert linked.error("web") == ""


def test_a_paused_source_counts_as_running(linked: Lab) -> None:
    linked.pause("app")
    assert linked.exec("web", "true") == (0, "")
    linked.restart("web")
    assert linked.error("web") == ""


def test_a_source_in_restart_back_off_has_an_empty_address(lab: Lab) -> None:
    lab.run("app", restart="always", expose=[5432], command=["false"])
    lab.wait_for(lambda: lab.inspect("app")["RestartCount"] >= 4)
    lab.wait_for(lambda: bool(lab.inspect("app")["State"]["Restarting"]))
    lab.run("web", link="app:db")
    variables = lab.process_environment("web")
    assert variables["DB_PORT"] == "tcp://:5432"
    assert variables["DB_PORT_5432_TCP_ADDR"] == ""


def test_a_deleted_hosts_line_comes_back_with_the_target_not_with_the_source(linked: Lab) -> None:
    """A deleted hosts line comes back with a start of the target, not of the source."""
    linked.exec("web", "grep -v helloapp /etc/hosts > /tmp/h; cat /tmp/h > /etc/hosts")
    assert linked.hosts_lines("web", "helloapp") == []
    linked.restart("app")
    assert linked.hosts_lines("web", "helloapp") == []
    linked.restart("web")
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.2")]


# The ghost link


def test_a_recreated_source_leaves_a_ghost_link(linked: Lab) -> None:
    old = linked.inspect("app")["Id"]
    new = linked.recreate("app")
    assert new != old
    assert linked.links("web") == ["/app:/web/helloapp"]
    assert linked.names("app") == ["/app"]
    assert linked.find("web/helloapp") is None
    assert refusal(lambda: linked.inspect("web/helloapp")) == "No such container: web/helloapp"
    ghost = line(linked, "172.17.0.2", identity=old)
    assert linked.hosts_lines("web", "helloapp") == [ghost]


def test_a_ghost_link_works_by_luck_until_the_target_restarts(linked: Lab) -> None:
    linked.recreate("app")
    assert linked.address("app") == "172.17.0.2" == process_address(linked)
    assert refusal(lambda: linked.exec("web", "true")) == NOT_RUNNING
    assert refusal(lambda: linked.restart("web")) == CANNOT_RESTART
    assert linked.error("web") == NOT_RUNNING
    assert refusal(lambda: linked.start("web")) == NOT_RUNNING


def test_a_ghost_link_is_fixed_by_making_the_target_anew(linked: Lab) -> None:
    """A ghost link is fixed by recreating the target."""
    linked.recreate("app")
    linked.recreate("web")
    assert linked.names("app") == ["/app", "/web/helloapp"]
    assert linked.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_ghost_link_is_fixed_by_an_engine_restart(lab: Lab) -> None:
    lab.run("app", listen=5000, restart="always")
    lab.run("web", link="app:helloapp", restart="always")
    new = lab.recreate("app")
    lab.restart_engine()
    assert lab.inspect("web/helloapp")["Id"] == new
    assert lab.names("app") == ["/app", "/web/helloapp"]
    lab.wait_for(lambda: lab.pid("web") > 0)
    assert lab.hosts_lines("web", "helloapp") == [line(lab, lab.address("app"))]
    lab.wait_listening("app", 5000)
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_removed_source_looks_like_a_ghost_without_a_new_one(linked: Lab) -> None:
    before = linked.hosts_lines("web", "helloapp")
    linked.remove("app")
    assert linked.links("web") == ["/app:/web/helloapp"]
    assert [names for names in linked.listed().values() if "/web/helloapp" in names] == []
    assert linked.find("web/helloapp") is None
    assert linked.hosts_lines("web", "helloapp") == before
    assert refusal(lambda: linked.exec("web", "true")) == NOT_RUNNING
    assert refusal(lambda: linked.restart("web")) == CANNOT_RESTART


def test_a_removed_link_leaves_the_target_and_returns_with_the_engine(linked: Lab) -> None:
    linked.api.remove_container("web/helloapp", link=True)
    assert linked.links("web") is None
    assert linked.names("app") == ["/app"]
    assert linked.stored_links("web") == ["app:helloapp"]
    linked.restart_engine()
    assert linked.links("web") == ["/app:/web/helloapp"]
    assert linked.names("app") == ["/app", "/web/helloapp"]


# Renamed


def test_a_renamed_source_is_followed_by_inspect_but_not_by_hosts(linked: Lab) -> None:
    identity = linked.inspect("app")["Id"]
    linked.rename("app", "app2")
    assert linked.links("web") == ["/app2:/web/helloapp"]
    assert linked.names("app2") == ["/app2", "/web/helloapp"]
    assert linked.inspect("web/helloapp")["Name"] == "/app2"
    assert linked.stored_links("web") == ["app:helloapp"]
    old = line(linked, "172.17.0.2", identity=identity)
    assert linked.hosts_lines("web", "helloapp") == [old]
    linked.restart("web")
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.2", "app2")]


def test_a_renamed_source_is_lost_at_an_engine_restart_and_later_links_with_it(lab: Lab) -> None:
    """A renamed source is lost at an engine restart, and later links of its target with it."""
    lab.run("app", listen=5000, restart="always")
    lab.run("other", listen=5000, restart="always")
    lab.run("web", link=["app:helloapp", "other:second"], restart="always")
    lab.rename("app", "app2")
    lab.restart_engine()
    lab.wait_for(lambda: lab.pid("web") > 0)
    assert lab.links("web") is None
    assert lab.stored_links("web") == ["app:helloapp", "other:second"]
    assert (lab.names("app2"), lab.names("other")) == (["/app2"], ["/other"])
    assert lab.hosts_lines("web", "helloapp") == lab.hosts_lines("web", "second") == []
    assert "HELLOAPP_NAME" not in lab.process_environment("web")
    assert lab.error("web") == ""


def test_a_renamed_target_is_followed_by_list_inspect_and_exec_but_not_by_the_process(
    linked: Lab,
) -> None:
    """A renamed target is followed by list, inspect and exec, but not by its process."""
    linked.rename("web", "web2")
    assert linked.names("app") == ["/app", "/web2/helloapp"]
    assert linked.links("web2") == ["/app:/web2/helloapp"]
    assert linked.inspect("web2/helloapp")["Name"] == "/app"
    assert linked.find("web/helloapp") is None
    assert linked.hosts_lines("web2", "helloapp") == [line(linked, "172.17.0.2")]
    assert linked.exec("web2", "echo $HELLOAPP_NAME") == (0, "/web2/helloapp\n")
    assert linked.process_environment("web2")["HELLOAPP_NAME"] == "/web/helloapp"


def test_a_renamed_targets_hosts_line_is_not_rewritten_until_the_engine_restarts(
    linked: Lab,
) -> None:
    """A renamed target's hosts line is not rewritten until the engine restarts."""
    linked.rename("web", "web2")
    assert linked.move("app") == ("172.17.0.2", "172.17.0.4")
    assert linked.hosts_lines("web2", "helloapp") == [line(linked, "172.17.0.2")]
    linked.restart("web2")
    assert linked.hosts_lines("web2", "helloapp") == [line(linked, "172.17.0.4")]
    linked.remove("app-squatter1")
    linked.restart("app")
    assert linked.address("app") == "172.17.0.2"
    assert linked.hosts_lines("web2", "helloapp") == [line(linked, "172.17.0.4")]
    linked.restart_engine()
    linked.start("app")
    linked.start("web2")
    old, new = linked.move("app")
    assert old != new
    assert linked.hosts_lines("web2", "helloapp") == [line(linked, new)]


# Boot


def test_a_target_that_boots_without_its_source_stays_down(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", restart="always")
    lab.restart_engine()
    state = lab.inspect("web")["State"]
    assert (state["Status"], state["Error"]) == ("exited", NOT_RUNNING)
    assert lab.inspect("app")["State"]["Status"] == "exited"


# The network beneath


def test_a_source_off_the_bridge_blocks_exec(linked: Lab) -> None:
    identity = linked.inspect("app")["Id"]
    linked.disconnect("bridge", "app")
    reason = f"container {identity} not attached to default bridge network"
    assert refusal(lambda: linked.exec("web", "true")) == reason
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.2")]
    assert linked.links("web") == ["/app:/web/helloapp"]


@pytest.mark.differs(since=28, how="the hosts line is rewritten at once")
def test_a_source_that_comes_back_to_the_bridge_elsewhere_is_not_rewritten_in_hosts(
    linked: Lab,
) -> None:
    linked.disconnect("bridge", "app")
    linked.run("squatter")
    linked.connect("bridge", "app")
    assert linked.address("app") == "172.17.0.4"
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.2")]
    linked.restart("app")
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.4")]


def test_a_target_that_leaves_the_bridge_keeps_a_stale_hosts_line(linked: Lab) -> None:
    linked.network("net1")
    linked.connect("net1", "web")
    assert "nameserver 127.0.0.11" in linked.exec("web", "cat /etc/resolv.conf")[1]
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.2")]
    linked.disconnect("bridge", "web")
    assert linked.hosts_lines("web", "helloapp") == [line(linked, "172.17.0.2")]
    assert linked.links("web") == ["/app:/web/helloapp"]
    assert linked.endpoint_links("web") == {"net1": None}


# Deaths and restarts


def actions(lab: Lab, name: str) -> list[str]:
    """What the engine remembers of a container's life, the oldest first."""
    wanted = ("start", "kill", "die", "restart")
    found = lab.api.events(
        since=0, until=int(time.time()) + 1, filters={"container": name}, decode=True
    )
    return [each["Action"] for each in found if each["Action"] in wanted]


def test_only_who_is_stopped_by_hand_is_signalled_before_it_dies(linked: Lab) -> None:
    """Only a container that is stopped by hand is signalled before it dies."""
    linked.run("crash", command=["sh", "-c", "sleep 1; exit 3"], restart="on-failure:2")
    linked.wait_for(lambda: linked.inspect("crash")["State"]["Status"] == "exited", 20)
    assert actions(linked, "crash") == ["start", "die"] * 3
    assert linked.inspect("crash")["RestartCount"] == 2
    linked.restart("app")
    by_hand = actions(linked, "app")
    assert by_hand[-1] == "restart"
    assert "kill" in by_hand[: by_hand.index("die")]
    assert linked.inspect("app")["RestartCount"] == 0


def test_a_restarted_owner_leaves_who_shares_its_network_in_the_former_one(linked: Lab) -> None:
    """A restarted owner leaves containers that share its network in the old one."""
    owner = linked.inspect("app")["Id"]
    linked.run("side", network_mode=f"container:{owner}", command=["sleep", "100000"])

    def networks() -> tuple[str, str]:
        app, side = (os.readlink(f"/proc/{linked.pid(each)}/ns/net") for each in ("app", "side"))
        return app, side

    app, side = networks()
    assert app == side
    linked.restart("app")
    app, side = networks()
    assert app != side
    linked.restart("side")
    app, side = networks()
    assert app == side
