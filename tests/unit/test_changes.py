"""What changed between two reports."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.api import Examination, load_rules, report_on
from linkdoctor.diagnosis import Unreachable
from linkdoctor.model.changes import (
    Absence,
    Changes,
    HostEvent,
    changes_between,
    has_new_at,
)
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import Report, Severity
from linkdoctor.rulekit.world import World

RULES = load_rules()


def pair(host: str = "host1") -> World:
    return World(host).run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")


def report(*worlds: World, lost: tuple[Unreachable, ...] = ()) -> Report:
    seen = Examination(snapshots=tuple(each.snapshot() for each in worlds), unreachable=lost)
    return report_on(seen, RULES)


HEALTHY, STALE = report(pair()), report(pair().move("app"))


def test_the_same_report_has_no_changes() -> None:
    assert changes_between(STALE, STALE) == Changes(unchanged=len(STALE.findings))
    assert not has_new_at(changes_between(STALE, STALE), Severity.INFO)


def test_a_fault_that_came_is_new_and_one_that_went_is_fixed() -> None:
    came, went = changes_between(HEALTHY, STALE), changes_between(STALE, HEALTHY)
    assert came.new == STALE.findings
    assert not came.gone
    assert [each.finding for each in went.gone] == list(STALE.findings)
    assert {each.absence for each in went.gone} == {Absence.FIXED}
    assert not went.new


def test_a_fault_with_other_proof_is_changed() -> None:
    changes = changes_between(STALE, report(pair().move("app").move("app")))
    assert [(each.before.code, each.fields) for each in changes.changed] == [
        ("LD201", ("message", "evidence"))
    ]
    assert not changes.new
    assert not changes.gone


def test_what_could_not_be_looked_for_is_not_fixed() -> None:
    blind = pair().move("app")
    for field in ("process_environment", "hosts_file"):
        blind.unknown("web", field, Unknown(gap=Gap.DENIED, detail="only root may"))
    (gone,) = changes_between(STALE, report(blind)).gone
    assert gone.absence is Absence.UNSEEN
    assert gone.reason == "environment of the running process of web: only root may"


def test_a_fault_that_another_one_explains_is_not_fixed() -> None:
    worse = report(pair().move("app").hosts("web", "helloapp", address="172.17.0.99"))
    (gone,) = changes_between(STALE, worse).gone
    assert (gone.finding.code, gone.absence, gone.reason) == ("LD201", Absence.EXPLAINED, "LD302")


@pytest.mark.parametrize("reached", [True, False])
def test_faults_of_a_host_that_was_not_examined_are_not_fixed(reached: bool) -> None:
    lost = Unreachable(host="host1", endpoint="tcp://host1:2376", reason="it does not answer")
    after = report(pair("host2")) if reached else report(pair("host2"), lost=(lost,))
    changes = changes_between(report(pair().move("app"), pair("host2")), after)
    assert [each.absence for each in changes.gone] == [Absence.UNSEEN]
    event = HostEvent.REMOVED if reached else HostEvent.LOST
    assert [(each.host, each.event) for each in changes.hosts] == [("host1", event)]


def test_hosts_come_and_change_their_engines() -> None:
    newer = msgspec.structs.replace(pair().snapshot(), engine=pair("x").snapshot().engine)
    other = msgspec.structs.replace(
        newer, engine=msgspec.structs.replace(newer.engine, version="29.0.0")
    )
    after = report_on(Examination(snapshots=(other, pair("host2").snapshot())), RULES)
    changes = changes_between(HEALTHY, after)
    assert [(each.host, each.event, each.after) for each in changes.hosts] == [
        ("host1", HostEvent.ENGINE, "Docker 29.0.0"),
        ("host2", HostEvent.ADDED, after.hosts[1].engine),
    ]


def test_findings_that_share_a_fingerprint_are_counted_one_by_one() -> None:
    twice = msgspec.structs.replace(STALE, findings=STALE.findings * 2)
    assert changes_between(STALE, twice).new == STALE.findings
    assert [each.finding for each in changes_between(twice, STALE).gone] == list(STALE.findings)


@pytest.mark.parametrize(
    ("was", "level", "expected"),
    [
        (Severity.WARNING, Severity.ERROR, True),
        (Severity.WARNING, Severity.WARNING, False),
        (Severity.ERROR, Severity.WARNING, False),
    ],
)
def test_a_fault_that_rose_to_the_level_counts_as_new(
    was: Severity, level: Severity, expected: bool
) -> None:
    milder = tuple(msgspec.structs.replace(each, severity=was) for each in STALE.findings)
    changes = changes_between(msgspec.structs.replace(STALE, findings=milder), STALE)
    assert has_new_at(changes, level) is expected


def test_a_report_read_from_json_compares_as_the_live_one() -> None:
    from linkdoctor.render.as_json import render_json

    read = msgspec.json.decode(render_json(STALE), type=Report)
    assert changes_between(read, read) == Changes(unchanged=len(STALE.findings))
