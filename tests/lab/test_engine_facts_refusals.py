"""What the engine refuses, in which words, what it leaves behind, and what it lets through."""

from __future__ import annotations

import time

from .releases import series
from .situations import Lab, refusal

NOT_RUNNING = "Cannot link to a non running container: /app AS /web/helloapp"
HOST_MODE = (
    "conflicting options: host type networking can't be used with links. "
    "This would result in undefined behavior"
)


def assert_refused_at_start(lab: Lab, name: str, reason: str) -> None:
    """The container was made, and tells why it did not start."""
    state = lab.inspect(name)["State"]
    assert (state["Status"], state["Error"]) == ("created", reason)
    assert (state["ExitCode"], state["Pid"]) == (128, 0)
    assert state["StartedAt"] == "0001-01-01T00:00:00Z"


# What is refused, and what is let through


def test_a_stopped_source_is_refused_and_the_target_stays_created_with_its_link(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.stop("app")
    assert lab.run("web", link="app:helloapp", refused=True) == NOT_RUNNING
    assert_refused_at_start(lab, "web", NOT_RUNNING)
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.names("app") == ["/app", "/web/helloapp"]
    assert lab.inspect("web/helloapp")["Name"] == "/app"


def test_a_refused_target_starts_when_its_source_does(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.stop("app")
    lab.run("web", link="app:helloapp", refused=True)
    lab.start("app")
    lab.start("web")
    assert lab.error("web") == ""


def test_a_refused_target_becomes_a_ghost_when_its_source_is_made_anew(lab: Lab) -> None:
    """A refused target has a ghost link when its source is recreated."""
    lab.run("app", listen=5000)
    lab.stop("app")
    lab.run("web", link="app:helloapp", refused=True)
    lab.recreate("app")
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.names("app") == ["/app"]
    assert lab.find("web/helloapp") is None
    assert refusal(lambda: lab.start("web")) == NOT_RUNNING


def not_on_the_bridge(lab: Lab, name: str) -> str:
    """What the engine says of a source that is not on the default bridge."""
    if series() < (28,):
        return f"Cannot link to /{name}, as it does not belong to the default network"
    return f"container {lab.inspect(name)['Id']} not attached to default bridge network"


def test_a_source_on_another_network_is_refused_and_listed_all_the_same(lab: Lab) -> None:
    """A source on another network is refused (with another message since 28) but still listed."""
    lab.network("net1")
    lab.run("ua", network="net1")
    reason = not_on_the_bridge(lab, "ua")
    assert lab.run("web", link="ua:helloapp", refused=True) == reason
    assert_refused_at_start(lab, "web", reason)
    assert lab.links("web") == ["/ua:/web/helloapp"]
    assert lab.names("ua") == ["/ua", "/web/helloapp"]
    assert lab.inspect("web/helloapp")["Name"] == "/ua"


def test_a_source_without_network_is_refused_likewise(lab: Lab) -> None:
    """A source without network is refused likewise."""
    lab.run("app", network_mode="none")
    reason = not_on_the_bridge(lab, "app")
    assert lab.run("web", link="app:helloapp", refused=True) == reason
    assert_refused_at_start(lab, "web", reason)


def test_a_target_or_a_source_with_the_hosts_network_leaves_nothing_behind(lab: Lab) -> None:
    """A target or a source with the host's network is refused and leaves nothing behind."""
    lab.run("app", listen=5000)
    lab.run("onhost", network_mode="host")
    refused = lab.run("web", link="app:helloapp", network_mode="host", refused=True)
    assert refused == HOST_MODE
    assert lab.run("web", link="onhost:helloapp", refused=True) == HOST_MODE
    assert lab.find("web") is None


def test_a_target_in_anothers_network_leaves_nothing_behind(lab: Lab) -> None:
    """A target in another container's network is refused and leaves nothing behind."""
    lab.run("app", listen=5000)
    refused = lab.run("web", link="app:helloapp", network_mode="container:app", refused=True)
    assert refused == HOST_MODE.replace("host type networking", "container type network")
    assert lab.find("web") is None


def test_a_missing_source_leaves_nothing_but_a_destroy_event(lab: Lab) -> None:
    since = int(time.time())
    reason = "could not get container for ghosty: No such container: ghosty"
    assert lab.run("haunted", link="ghosty:helloapp", refused=True) == reason
    assert lab.find("haunted") is None
    events = lab.api.events(
        since=since, until=since + 2, filters={"container": ["haunted"]}, decode=True
    )
    assert [event["Action"] for event in events] == ["destroy"]


def test_of_two_sources_for_one_alias_the_second_is_dropped_without_a_word(lab: Lab) -> None:
    """Of two sources for one alias the second is dropped silently."""
    lab.run("app", listen=5000)
    lab.run("app9", listen=5000)
    lab.run("web", link=["app:same", "app9:same"])
    assert lab.links("web") == ["/app:/web/same"]
    assert lab.stored_links("web") == ["app:same", "app9:same"]
    assert (lab.names("app"), lab.names("app9")) == (["/app", "/web/same"], ["/app9"])
    assert [each.split()[0] for each in lab.hosts_lines("web", "same")] == ["172.17.0.2"]
    assert lab.process_environment("web")["SAME_PORT"] == "tcp://172.17.0.2:5000"


def test_a_target_without_network_is_accepted_and_has_no_effect(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", network_mode="none")
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.names("app") == ["/app", "/web/helloapp"]
    assert lab.hosts_lines("web", "helloapp") == []
    assert "HELLOAPP_NAME" not in lab.process_environment("web")


def test_a_link_at_the_bridges_endpoint_is_accepted_and_has_no_effect(lab: Lab) -> None:
    """A link at the bridge's endpoint is accepted and has no effect."""
    lab.run("app", listen=5000)
    lab.run("web")
    lab.disconnect("bridge", "web")
    lab.connect("bridge", "web", links=["app:helloapp"])
    assert lab.links("web") is None
    assert lab.endpoint_links("web") == {"bridge": ["app:helloapp"]}
    assert lab.names("app") == ["/app"]
    assert lab.hosts_lines("web", "helloapp") == []


def test_a_source_in_container_mode_resolves_to_the_owner_of_the_network(lab: Lab) -> None:
    lab.run("owner", listen=5000)
    lab.run("app", network_mode="container:owner")
    lab.run("web", link="app:helloapp")
    assert lab.links("web") == ["/owner:/web/helloapp"]
    assert lab.names("owner") == ["/owner", "/web/helloapp"]
    assert lab.names("app") == ["/app"]


# User-defined networks


def test_a_missing_source_is_accepted_on_a_user_defined_network(lab: Lab) -> None:
    lab.network("net1")
    lab.run("web", network="net1", link="ghosty:helloapp")
    assert lab.endpoint_links("web") == {"net1": ["ghosty:helloapp"]}
    assert lab.error("web") == ""
    assert lab.fetch("web", "http://helloapp:5000/", timeout=1)[0] != 0


def test_a_recreated_source_is_picked_up_on_a_user_defined_network(lab: Lab) -> None:
    lab.network("net1")
    lab.run("app", network="net1", listen=5000)
    lab.run("web", network="net1", link="app:helloapp")
    lab.recreate("app")
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_renamed_source_is_not_picked_up_on_a_user_defined_network(lab: Lab) -> None:
    lab.network("net1")
    lab.run("app", network="net1", listen=5000)
    lab.run("web", network="net1", link="app:helloapp")
    lab.rename("app", "app2")
    assert lab.endpoint_links("web") == {"net1": ["app:helloapp"]}
    assert lab.fetch("web", "http://helloapp:5000/", timeout=1)[0] != 0
    assert lab.fetch("web", "http://app2:5000/") == (0, "app\n")


def test_an_alias_on_a_user_defined_network_is_private_to_its_target(lab: Lab) -> None:
    lab.network("net1")
    lab.run("app", network="net1", listen=5000)
    lab.run("web", network="net1", link="app:helloapp")
    lab.run("other", network="net1")
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert lab.fetch("other", "http://helloapp:5000/", timeout=1)[0] != 0
    assert lab.fetch("other", "http://app:5000/") == (0, "app\n")


def test_a_stopped_source_does_not_block_exec_on_a_user_defined_network(lab: Lab) -> None:
    lab.network("net1")
    lab.run("app", network="net1", listen=5000)
    lab.run("web", network="net1", link="app:helloapp")
    lab.stop("app")
    assert lab.exec("web", "true") == (0, "")
    lab.restart("web")
    assert lab.error("web") == ""
