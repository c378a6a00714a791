"""A 29-series engine, replayed from its recorded answers through the real collector."""

from __future__ import annotations

import copy
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import Examination, Url, examine, load_rules, report_on
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.report import Report, Severity
from linkdoctor.model.topology import LinkKind, Topology
from tests.replay import replayed, situations

NEEDS_PROC = {
    *("LD108", "LD109", "LD110", "LD305", "LD310", "LD313", "LD502", "LD503", "LD513", "LD514"),
}
NEEDS_THE_HOST = {"LD406", "LD407", "LD604"}
VARIABLE = "HELLOAPP_PORT_5000_TCP_ADDR"


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
        (each.code, each.target, each.alias, each.consequences)
        for each in found.findings
        if each.severity is not Severity.INFO
    ] == faults
    remarks = [each.code for each in found.findings if each.severity is Severity.INFO]
    assert remarks == ([] if situation == "user-network" else ["LD605"])
    # Its processes are not here: what only its host tells is said to be missing, and no more.
    assert {each.code for each in found.skipped} <= NEEDS_PROC | NEEDS_THE_HOST


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
    source = topology.source_or_namesake(link)
    assert source is not None
    assert topology.variables_today(link, source) == ()


# Modelled: the recorded engine, with a target that reads a variable, and with the escape that
# makes it set variables; neither was recorded.


def modelled(directory: Path, *, keeps: Evidence[bool], has: bool) -> Report:
    """The report on the healthy situation, had `web` read and perhaps had a link variable."""
    situation = copy.deepcopy(situations()["healthy"])
    situation["inspect"]["web"]["Args"] = ["-c", f"exec dial ${VARIABLE}"]
    if has:
        situation["process_environ"]["web"].append(f"{VARIABLE}=172.17.0.2")
    with replayed(situation, directory / "s"):
        examination = examine([Url(f"unix://{directory}/s")], timeout=20, environment={})
    (snapshot,) = examination.snapshots
    told = msgspec.structs.replace(snapshot, keeps_link_variables=keeps)
    examination = msgspec.structs.replace(examination, snapshots=(told,))
    return report_on(examination, load_rules())


@pytest.mark.parametrize(
    ("keeps", "has", "severity", "consequences", "advice"),
    [
        (False, False, Severity.ERROR, ("LD203",), "until engine 30: set"),
        (True, False, Severity.ERROR, ("LD203",), "restart web"),
        (True, True, Severity.WARNING, (), "recreate web (with HELLOAPP"),
        (False, True, Severity.ERROR, (), "recreate web (with HELLOAPP"),
    ],
)
def test_a_modelled_reader_of_variables_is_told_that_they_are_gone(
    keeps: bool,
    has: bool,
    severity: Severity,
    consequences: tuple[str, ...],
    advice: str,
    tmp_path: Path,
) -> None:
    report = modelled(tmp_path, keeps=Known(keeps, "modelled"), has=has)
    (finding,) = [each for each in report.findings if each.severity is not Severity.INFO]
    assert (finding.code, finding.target, finding.alias) == ("LD601", "web", "helloapp")
    assert (finding.severity, finding.consequences) == (severity, consequences)
    assert finding.fixes[0].title.startswith(advice)


def test_a_modelled_engine_whose_environment_is_not_seen_is_judged_by_the_process(
    tmp_path: Path,
) -> None:
    unseen = Unknown(gap=Gap.DENIED, detail="run as root")
    report = modelled(tmp_path, keeps=unseen, has=False)
    assert "LD601" in {each.code for each in report.findings}


def test_variables_that_a_modelled_engine_may_or_may_not_go_on_setting_are_a_skip(
    tmp_path: Path,
) -> None:
    unseen = Unknown(gap=Gap.DENIED, detail="run as root")
    report = modelled(tmp_path, keeps=unseen, has=True)
    assert "LD601" not in {each.code for each in report.findings}
    assert "LD601" in {each.code for each in report.skipped}


def test_a_link_on_a_user_defined_network_is_one(tmp_path: Path) -> None:
    (snapshot,) = examined("user-network", tmp_path).snapshots
    links = {link.alias: link for link in Topology([snapshot]).links()}
    assert set(links) == {"helloapp", "db"}
    assert {link.kind for link in links.values()} == {LinkKind.NETWORK}
    assert links["helloapp"].source_name == "app"


def test_the_snapshot_of_a_replayed_engine_survives_its_encoding(tmp_path: Path) -> None:
    (snapshot,) = examined("healthy", tmp_path).snapshots
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=type(snapshot)) == snapshot
