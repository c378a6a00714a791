"""The table of an engine that keeps its rules with nftables: read as recorded, and judged."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.collect.firewall import Unlisted
from linkdoctor.collect.nftables import parse_bridges_table
from linkdoctor.diagnosis import evaluate
from linkdoctor.model.evidence import Known
from linkdoctor.model.links import Port
from linkdoctor.model.snapshot import Endpoint, Firewall, Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit.firewall import chains_in_place, is_blocked, ways_on
from linkdoctor.rulekit.world import World

RECORDING = Path(__file__).parent.parent / "data" / "engine-29-nftables.json"
SITUATIONS: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(RECORDING.read_text())[
    "situations"
]
RULES = [each.rule for each in load_rules() if each.rule.code in ("LD602", "LD603", "LD604")]
PAIR = (183, 184)


def recorded(name: str) -> list[dict[str, Any]]:
    return copy.deepcopy(SITUATIONS[name]["nftables"])


def read(items: list[dict[str, Any]]) -> Firewall:
    chains, rules = parse_bridges_table(json.dumps({"nftables": items}).encode())
    return Firewall(backend="nftables", chains=chains, rules=rules)


def rule(items: list[dict[str, Any]], handle: int) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each["rule"] for each in items if each.get("rule", {}).get("handle") == handle
    )
    return found


def drop_comment(items: list[dict[str, Any]], comment: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each["rule"]
        for each in items
        if each.get("rule", {}).get("comment") == comment
        and each["rule"]["chain"].endswith("docker0")
    )
    return found


def judged(snapshot: Snapshot, firewall: Firewall) -> list[str]:
    told = msgspec.structs.replace(snapshot, firewall=Known(firewall, "nft"))
    outcome = evaluate(Topology([told]), RULES)
    assert not outcome.skipped
    return sorted(f"{each.code} {each.target}/{each.alias}" for each in outcome.findings)


def linked() -> World:
    """`app` at 172.17.0.2 and `web` at 172.17.0.3, as recorded."""
    return World(icc=False).run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")


def moved() -> World:
    there = Endpoint(network="bridge", address="172.17.0.4")
    here = Endpoint(network="bridge", address="172.17.0.2")
    return (
        linked().run("other").change("app", endpoints=(there,)).change("other", endpoints=(here,))
    )


def test_the_healthy_table_is_understood_and_quiet() -> None:
    firewall = read(recorded("healthy"))
    assert chains_in_place(firewall)
    (way,) = ways_on(firewall, "docker0")
    assert (way.target, way.source, way.ports) == ("172.17.0.3", "172.17.0.2", (Port(5000),))
    assert len(way.rules) == 2
    assert judged(linked().snapshot(), firewall) == []


def test_what_no_pair_lets_through_is_blocked_only_where_containers_are_kept_apart() -> None:
    firewall = read(recorded("healthy"))

    def blocked(bridge: str, target: str, port: int = 5000) -> bool:
        return is_blocked(firewall, bridge, target=target, source="172.17.0.2", port=Port(port))

    assert not blocked("docker0", "172.17.0.3")
    assert blocked("docker0", "172.17.0.4")
    assert blocked("docker0", "172.17.0.3", 5001)
    assert not blocked("br-908f46ca81f7", "172.19.0.3")


def test_a_source_that_moved_leaves_its_pair_behind() -> None:
    found = judged(moved().snapshot(), read(recorded("moved")))
    assert found == ["LD602 web/helloapp", "LD603 web/helloapp"]  # the first explains the second


def test_after_the_restart_of_the_target_the_stale_pair_lets_a_stranger_be_reached() -> None:
    firewall = read(recorded("after_target_restart"))
    snapshot = msgspec.structs.replace(moved().snapshot(), firewall=Known(firewall, "nft"))
    (found,) = evaluate(Topology([snapshot]), RULES).findings
    assert (found.code, found.target, found.source) == ("LD602", "web", "other")
    (fix,) = found.fixes
    assert "refuses to start" in fix.title
    assert all(
        each.startswith("nft delete rule ip docker-bridges filter-forward-in__docker0 handle ")
        for each in fix.commands
    )
    handles = {int(each.rpartition(" ")[2]) for each in fix.commands}
    stale = [each for each in firewall.rules if "172.17.0.2" in (each.source, each.destination)]
    assert handles == {each.handle for each in stale}


def test_a_missing_pair_is_found() -> None:
    items = recorded("moved")
    kept = [each for each in items if each.get("rule", {}).get("handle") not in PAIR]
    assert len(kept) == len(items) - 2
    assert judged(linked().snapshot(), read(kept)) == ["LD603 web/helloapp"]


@pytest.mark.parametrize(
    "left",
    [
        lambda items: [each for each in items if "rule" not in each],  # nft flush table
        lambda items: [each for each in items if "metainfo" in each],  # nft delete table
    ],
)
def test_a_flushed_table_is_found(
    left: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
) -> None:
    firewall = read(left(recorded("healthy")))
    assert judged(linked().snapshot(), firewall) == ["LD604 /"]


def test_a_condition_that_is_not_understood_is_one() -> None:
    items = recorded("moved")
    for number in PAIR:
        rule(items, number)["expr"].insert(
            0, {"match": {"op": "==", "left": {"x": {}}, "right": 1}}
        )
    firewall = read(items)
    assert ways_on(firewall, "docker0") == ()  # nobody's pair
    assert judged(linked().snapshot(), firewall) == []  # it may let through


def test_a_rule_for_a_published_port_is_no_pair() -> None:
    items = recorded("moved")
    del rule(items, 183)["expr"][0]
    del rule(items, 184)["expr"][2]
    firewall = read(items)
    assert ways_on(firewall, "docker0") == ()
    assert judged(linked().snapshot(), firewall) == []


def test_what_only_counts_changes_nothing() -> None:
    items = recorded("healthy")
    rule(items, 121)["expr"].insert(0, {"counter": {"packets": 1, "bytes": 1}})
    assert chains_in_place(read(items))


def unknown_statement(items: list[dict[str, Any]]) -> None:
    rule(items, 183)["expr"].append({"queue": {"num": 1}})


def another_way_in(items: list[dict[str, Any]]) -> None:
    for each in items:
        if each.get("map", {}).get("name") == "filter-forward-in-jumps":
            each["map"]["elem"] = [["docker0", {"jump": {"target": "elsewhere"}}]]


def another_key(items: list[dict[str, Any]]) -> None:
    rule(items, 121)["expr"][0]["vmap"]["key"] = {"meta": {"key": "mark"}}


def without_map(items: list[dict[str, Any]]) -> None:
    rule(items, 121)["expr"][0]["vmap"]["data"] = "@gone"


def without_entrance(items: list[dict[str, Any]]) -> None:
    for each in items:
        each.get("chain", {}).pop("hook", None)


def jump_elsewhere(items: list[dict[str, Any]]) -> None:
    drop_comment(items, "ICC")["expr"].append({"jump": {"target": "mine"}})


@pytest.mark.parametrize(
    "change",
    [
        unknown_statement,
        another_way_in,
        another_key,
        without_map,
        without_entrance,
        jump_elsewhere,
    ],
)
def test_what_is_not_understood_is_unknown(
    change: Callable[[list[dict[str, Any]]], None],
) -> None:
    items = recorded("moved")
    change(items)
    with pytest.raises(Unlisted, match="does not understand"):
        read(items)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_any_answer_is_understood_or_not(answer: bytes) -> None:
    with contextlib.suppress(Unlisted):
        parse_bridges_table(answer)


@given(st.lists(JSON, max_size=3), st.sampled_from([121, 182, 183, 185]))
def test_any_rule_is_understood_or_not(expressions: list[Any], handle: int) -> None:
    items = recorded("moved")
    rule(items, handle)["expr"] = expressions
    with contextlib.suppress(Unlisted):
        read(items)
