"""A 29-series engine, replayed from its recorded answers through the real collector."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import Examination, Url, examine, load_rules, report_on
from linkdoctor.model.evidence import Known
from linkdoctor.model.report import Report
from linkdoctor.model.topology import LinkKind, Topology
from tests.replay import replayed, situations

NEEDS_PROC = {"LD502", "LD503"}


def examined(name: str, directory: Path) -> Examination:
    with replayed(situations()[name], directory / "s"):
        found = examine([Url(f"unix://{directory}/s")], timeout=20, environment={})
    assert not found.unreachable
    return found


def diagnosed(name: str, directory: Path) -> Report:
    return report_on(examined(name, directory), load_rules())


@pytest.mark.parametrize(
    ("situation", "faults"),
    [
        ("healthy", []),
        ("source-moved", []),  # no variables that could be stale, and the hosts line follows
        ("ghost", [("LD102", "web", "helloapp", ("LD302",))]),
        ("source-stopped", [("LD101", "web", "helloapp", ())]),
        ("user-network", [("LD306", "web", "db", ())]),
    ],
)
def test_each_recorded_situation_is_diagnosed(
    situation: str, faults: list[tuple[str, str, str, tuple[str, ...]]], tmp_path: Path
) -> None:
    found = diagnosed(situation, tmp_path)
    assert [
        (each.code, each.target, each.alias, each.consequences) for each in found.findings
    ] == faults
    # Its processes are not here: what only /proc tells is said to be missing, and no more.
    assert {each.code for each in found.skipped} <= NEEDS_PROC


@pytest.mark.parametrize("situation", ["healthy", "source-moved", "ghost"])
def test_the_engine_sets_no_link_variable(situation: str, tmp_path: Path) -> None:
    (snapshot,) = examined(situation, tmp_path).snapshots
    web = next(each for each in snapshot.containers if each.name == "web")
    assert isinstance(web.process_environment, Known)
    assert not [
        each.name for each in web.process_environment.value if each.name.startswith("HELLOAPP")
    ]
    topology = Topology([snapshot])
    (link,) = topology.links(snapshot.host)
    source = topology.source_shown(link)
    assert source is not None
    assert topology.variables_today(link, source) == ()


def test_a_link_on_a_user_defined_network_is_one(tmp_path: Path) -> None:
    (snapshot,) = examined("user-network", tmp_path).snapshots
    links = {link.alias: link for link in Topology([snapshot]).links()}
    assert set(links) == {"helloapp", "db"}
    assert {link.kind for link in links.values()} == {LinkKind.NETWORK}
    assert links["helloapp"].source_name == "app"


def test_the_snapshot_of_a_replayed_engine_survives_its_encoding(tmp_path: Path) -> None:
    (snapshot,) = examined("healthy", tmp_path).snapshots
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=type(snapshot)) == snapshot
