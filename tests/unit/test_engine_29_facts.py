"""Facts of the engine lab, held against the recording of a 29-series engine.

A test bears the name of the lab's: `docs/engines.md` shows the two side by side.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.replay import situations


@pytest.fixture
def linked() -> dict[str, Any]:
    """`app` and `web`, which is linked to it as `helloapp`."""
    return situations()["healthy"]


def names(situation: dict[str, Any], name: str) -> list[str]:
    """The sorted names of a container in the list."""
    identity = situation["inspect"][name]["Id"]
    (found,) = [each for each in situation["containers"] if each["Id"] == identity]
    return sorted(found["Names"])


def links(situation: dict[str, Any], name: str) -> list[str] | None:
    found: list[str] | None = situation["inspect"][name]["HostConfig"]["Links"]
    return found


def address(situation: dict[str, Any], name: str) -> str:
    networks = situation["inspect"][name]["NetworkSettings"]["Networks"]
    return str(networks["bridge"]["IPAddress"])


def hosts_lines(situation: dict[str, Any], name: str, alias: str) -> list[str]:
    lines = situation["hosts"][name].splitlines()
    return [line for line in lines if alias in line.split()[1:]]


def link_variables(situation: dict[str, Any], name: str) -> list[str]:
    return [each for each in situation["process_environ"][name] if each.startswith("HELLOAPP")]


def hosts_line(situation: dict[str, Any]) -> str:
    short = situation["inspect"]["app"]["Id"][:12]
    return f"{address(situation, 'app')}\thelloapp {short} app"


def test_the_list_shows_a_link_among_the_names_of_its_source(linked: dict[str, Any]) -> None:
    assert names(linked, "app") == ["/app", "/web/helloapp"]
    assert names(linked, "web") == ["/web"]


def test_inspect_of_the_target_shows_source_target_and_alias(linked: dict[str, Any]) -> None:
    assert links(linked, "web") == ["/app:/web/helloapp"]


def test_target_slash_alias_answers_the_source(linked: dict[str, Any]) -> None:
    answer = linked["link"]["/app:/web/helloapp"]
    assert (answer["status"], answer["id"]) == (200, linked["inspect"]["app"]["Id"])


def test_a_link_on_a_user_defined_network_is_seen_at_the_endpoint_only() -> None:
    there = situations()["user-network"]
    assert names(there, "app") == ["/app"]
    assert links(there, "web") is None
    assert link_variables(there, "web") == []
    assert hosts_lines(there, "web", "helloapp") == []


@pytest.mark.differs(since=29, how="no variables at all, not even `…_NAME`")
def test_the_process_gets_name_port_and_each_exposed_port(linked: dict[str, Any]) -> None:
    assert link_variables(linked, "web") == []


def test_a_hosts_line_is_address_alias_short_id_and_name(linked: dict[str, Any]) -> None:
    assert hosts_lines(linked, "web", "helloapp") == [hosts_line(linked)]


def test_a_moved_source_is_rewritten_in_hosts_but_not_in_the_process() -> None:
    moved = situations()["source-moved"]
    assert address(moved, "app") != address(situations()["healthy"], "app")
    assert hosts_lines(moved, "web", "helloapp") == [hosts_line(moved)]


def test_a_stopped_source_keeps_its_link() -> None:
    stopped = situations()["source-stopped"]
    assert links(stopped, "web") == ["/app:/web/helloapp"]
    assert names(stopped, "app") == ["/app", "/web/helloapp"]


def test_a_recreated_source_leaves_a_ghost_link() -> None:
    ghost = situations()["ghost"]
    assert links(ghost, "web") == ["/app:/web/helloapp"]
    assert names(ghost, "app") == ["/app"]
    assert ghost["link"]["/app:/web/helloapp"]["status"] == 404
    short = ghost["inspect"]["app"]["Id"][:12]
    (line,) = hosts_lines(ghost, "web", "helloapp")
    assert short not in line
