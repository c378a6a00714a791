"""What changed on a host between two snapshots, besides its findings."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import (
    Examination,
    Selection,
    SnapshotError,
    compare,
    load_rules,
    read_kept,
    redact_names,
    report_on,
    snapshot_bytes,
)
from linkdoctor.cli import main
from linkdoctor.model.changes import Absence
from linkdoctor.model.differences import (
    Comparison,
    ContainerEvent,
    NetworkEvent,
    State,
    state_between,
)
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.report import Severity, Skipped
from linkdoctor.model.snapshot import Probe, ProbeOutcome, Snapshot, Status
from linkdoctor.model.topology import Topology
from linkdoctor.render.as_json import render_json
from linkdoctor.render.diff import render_diff
from linkdoctor.render.layout import TextStyle
from linkdoctor.rulekit.world import World

RULES = load_rules()


def between(before: Snapshot, after: Snapshot) -> State:
    return state_between(Topology([before]), Topology([after]))


def host(name: str = "host1") -> World:
    return (
        World(name)
        .network("back", subnets=["172.18.0.0/16"])
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp")
        .run("db", expose=[5432], listen=[5432], network="back")
        .run("job", network="back", link="db:db")
    )


def events(before: World, after: World) -> list[tuple[str, ContainerEvent]]:
    state = between(before.snapshot(), after.snapshot())
    return [(each.container, each.event) for each in state.containers]


def test_nothing_changed() -> None:
    assert between(host().snapshot(), host().snapshot()) == State()


def test_containers_come_and_go() -> None:
    assert events(host(), host().remove("job").run("cache")) == [
        ("cache", ContainerEvent.ADDED),
        ("job", ContainerEvent.REMOVED),
    ]


def test_a_recreated_container_has_another_id() -> None:
    state = between(host().snapshot(), host().recreate("db").snapshot())
    (change,) = state.containers
    assert (change.container, change.event) == ("db", ContainerEvent.RECREATED)
    assert len(change.before) == len(change.after) == 12
    (move,) = state.addresses
    assert (move.container, move.network) == ("db", "back")


def test_a_restarted_container_has_another_start() -> None:
    after = host().change("app", started_at="2026-01-01T11:00:00Z")
    assert events(host(), after) == [("app", ContainerEvent.RESTARTED)]


def test_a_renamed_container_is_neither_new_nor_gone() -> None:
    state = between(host().snapshot(), host().rename("app", "app2").snapshot())
    assert [(each.container, each.event, each.before) for each in state.containers] == [
        ("app2", ContainerEvent.RENAMED, "app")
    ]
    assert [(each.alias, each.before, each.after) for each in state.links] == [
        ("helloapp", "app", "app2")
    ]


def test_names_that_were_swapped_are_two_renamings() -> None:
    after = host().rename("app", "x").rename("db", "app").rename("x", "db")
    assert events(host(), after) == [
        ("app", ContainerEvent.RENAMED),
        ("db", ContainerEvent.RENAMED),
    ]


def test_a_stopped_container_has_another_status_and_no_address() -> None:
    state = between(host().snapshot(), host().stop("app").snapshot())
    assert [(each.event, each.before, each.after) for each in state.containers] == [
        (ContainerEvent.STATUS, "running", "exited")
    ]
    assert [(each.before, each.after) for each in state.addresses] == [("172.17.0.2", "")]


def test_a_container_joins_a_network() -> None:
    after = host().join("app", "back")
    (move,) = between(host().snapshot(), after.snapshot()).addresses
    assert (move.container, move.network, move.before) == ("app", "back", "")


def test_networks_come_go_and_change() -> None:
    before = host().network("old")
    after = host().network("new").network("back", subnets=["172.18.0.0/16"], icc=False)
    state = between(before.snapshot(), after.snapshot())
    assert [(each.network, each.event) for each in state.networks] == [
        ("back", NetworkEvent.CHANGED),
        ("new", NetworkEvent.ADDED),
        ("old", NetworkEvent.REMOVED),
    ]
    assert state.networks[0].after == "bridge, 172.18.0.0/16, icc=false"


def test_a_network_that_was_made_anew_has_another_id() -> None:
    before = host().snapshot()
    assert isinstance(before.networks, Known)
    anew = tuple(msgspec.structs.replace(each, id="other") for each in before.networks.value)
    after = msgspec.structs.replace(before, networks=Known(anew, "GET /networks"))
    assert {each.event for each in between(before, after).networks} == {NetworkEvent.RECREATED}


def test_links_come_and_go() -> None:
    after = host().unlink("web", "helloapp").run("api", link="app:app")
    state = between(host().snapshot(), after.snapshot())
    assert [(each.target, each.alias, each.before, each.after) for each in state.links] == [
        ("web", "helloapp", "app", "")
    ]


def test_what_was_not_inspected_has_not_changed() -> None:
    blind = Unknown(gap=Gap.TIMED_OUT, detail="no time was left")
    after = host().move("app").unknown("app", "details", blind).unknown("web", "details", blind)
    unseen = msgspec.structs.replace(after.snapshot(), networks=blind)
    assert between(host().snapshot(), unseen) == State()


# --- comparisons ----------------------------------------------------------------------------


def compared(before: Snapshot, after: Snapshot) -> Comparison:
    return compare(before, after, RULES)


def test_findings_that_only_probes_make_are_not_fixed_by_not_probing() -> None:
    refused = Probe(alias="helloapp", port=5000, outcome=ProbeOutcome.REFUSED, address="172.17.0.2")
    probed = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", probes=[refused])
    )
    silent = World().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")
    (gone,) = compared(probed.snapshot(), silent.snapshot()).findings.gone
    assert (gone.finding.code, gone.absence) == ("LD510", Absence.UNSEEN)


def test_what_is_left_out_now_is_not_fixed() -> None:
    before = report_on(Examination(snapshots=(host().move("app").snapshot(),)), RULES)
    for selection in (Selection(ignore=frozenset({"LD2"})), Selection(select=frozenset({"LD1"}))):
        comparison = compare(before, host().snapshot(), RULES, selection=selection)
        (gone,) = comparison.findings.gone
        assert (gone.absence, gone.reason) == (Absence.UNSEEN, "LD201 is left out")
    (gone,) = compare(before, host().snapshot(), RULES[:3]).findings.gone
    assert (gone.absence, gone.reason) == (Absence.UNSEEN, "there is no rule LD201")


def test_a_report_that_ignored_rules_is_noted() -> None:
    snapshot = host().move("app").snapshot()
    ignoring = Selection(ignore=frozenset({"LD201"}))
    before = report_on(Examination(snapshots=(snapshot,)), RULES, selection=ignoring)
    (note,) = compare(before, snapshot, RULES).notes
    assert note == "the first has 1 suppressed finding, which cannot be compared"


def test_reports_hold_neither_addresses_nor_starts() -> None:
    before = report_on(Examination(snapshots=(host().snapshot(),)), RULES)
    comparison = compare(before, host().move("app").snapshot(), RULES)
    assert [each.code for each in comparison.findings.new] == ["LD201"]
    assert isinstance(comparison.state, Unknown)
    assert "a report has neither addresses nor start times" in comparison.state.detail


def test_pseudonyms_and_names_do_not_compare() -> None:
    plain = host().snapshot()
    with pytest.raises(SnapshotError, match="pseudonyms"):
        compared(plain, redact_names(plain, b"k" * 16))


def test_two_snapshots_under_the_same_key_compare() -> None:
    before, after = (
        redact_names(each.snapshot(), b"k" * 16) for each in (host(), host().move("app"))
    )
    comparison = compared(before, after)
    assert [each.code for each in comparison.findings.new] == ["LD201"]
    assert isinstance(comparison.state, Known)
    assert len(comparison.state.value.addresses) == 1


def test_other_hosts_and_the_wrong_order_are_noted() -> None:
    early = msgspec.structs.replace(host("host2").snapshot(), taken_at="2025-01-01T00:00:00Z")
    comparison = compared(host().snapshot(), early)
    assert comparison.notes == ("they have no host in common", "the second is older than the first")
    assert isinstance(comparison.state, Unknown)


# --- the command ------------------------------------------------------------------------------


def written(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def left(*arguments: str) -> int:
    with pytest.raises(SystemExit) as error:
        main(["diff", *arguments])
    return int(error.value.code or 0)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    for name in ("LINKDOCTOR_CONFIG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


GOLDEN = """\
1 new, 1 changed on host1, from 2026-01-01T12:00:00Z to 2026-01-01T12:00:00Z

new error LD101 source-not-running: job → db as db
  job reaches db as db, but db is not running.

changed error LD201 stale-env: web → app as helloapp
  before: web was started when app had 172.17.0.2, now an unused address; app
    has 172.17.0.6 today, but the variables of helloapp in the running process
    still say 172.17.0.2.
  now:    web was started when app had 172.17.0.2, now an unused address; app
    has 172.17.0.7 today, but the variables of helloapp in the running process
    still say 172.17.0.2.
  proof: HELLOAPP_PORT: observed tcp://172.17.0.2:5000, expected
    tcp://172.17.0.7:5000
  proof: HELLOAPP_PORT_5000_TCP: observed tcp://172.17.0.2:5000, expected
    tcp://172.17.0.7:5000
  proof: HELLOAPP_PORT_5000_TCP_ADDR: observed 172.17.0.2, expected 172.17.0.7

containers (2 changes)
  db: running → exited
  late: new, running

addresses (2 changes)
  app on bridge: 172.17.0.6 → 172.17.0.7
  db on back: 172.18.0.4 → none

networks (1 change)
  front: new, bridge, 172.19.0.0/16
"""


def test_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = host().move("app")
    after = host().move("app").move("app").stop("db").network("front", subnets=["172.19.0.0/16"])
    after.run("late")
    files = [
        written(tmp_path / name, snapshot_bytes(world.snapshot()))
        for name, world in (("a", before), ("b", after))
    ]
    assert left(*files) == 1
    captured = capsys.readouterr()
    assert captured.out == GOLDEN
    assert captured.err == ""


@pytest.mark.parametrize("level", ["error", "warning", "info"])
def test_only_new_findings_at_the_level_exit_with_1(tmp_path: Path, level: str) -> None:
    healthy, stale = (
        written(tmp_path / name, snapshot_bytes(world.snapshot()))
        for name, world in (("healthy", host()), ("stale", host().move("app")))
    )
    assert left(healthy, stale, "--fail-on", level) == 1
    assert left(stale, healthy, "--fail-on", level) == 0
    assert left(stale, stale, "--fail-on", level) == 0


def test_the_json_keeps_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = render_json(report_on(Examination(snapshots=(host().snapshot(),)), RULES))
    after = render_json(report_on(Examination(snapshots=(host().move("app").snapshot(),)), RULES))
    files = (
        written(tmp_path / "a.json", before),
        written(tmp_path / "b.json.gz", gzip.compress(after.encode())),
    )
    assert left(*files, "--format", "json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "linkdoctor.diff/1"
    assert list(document) == ["schema", "before", "after", "findings", "state", "notes"]
    (new,) = document["findings"]["new"]
    assert set(new["fixes"][0]) == {"title", "safety", "commands"}
    assert document["state"]["type"] == "unknown"
    assert document["before"]["kept"] == "report"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not valid JSON"),
        (b"\x1f\x8bnonsense", "damaged"),
        (b"{}", "neither a snapshot nor a report"),
        (b'{"schema": "linkdoctor.plan/1"}', "neither a snapshot nor a report"),
        (b'{"schema": "linkdoctor.report/7"}', "made by a newer linkdoctor"),
        (b'{"schema": "linkdoctor.snapshot/7"}', "made by a newer linkdoctor"),
        (b'{"schema": "linkdoctor.report/1", "findings": 3}', "a damaged report"),
        (
            gzip.compress(b'{"schema": "linkdoctor.report/1"}', mtime=0) + b"x",
            "something follows its end",
        ),
        (gzip.compress(b" " * 4096, mtime=0)[:-9], "truncated"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    good = written(tmp_path / "good", snapshot_bytes(host().snapshot()))
    bad = written(tmp_path / "bad", content)
    for files in ((good, bad), (bad, good)):
        assert left(*files) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert said in captured.err
        assert len(captured.err.splitlines()) == 1


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left(str(tmp_path / "none"), str(tmp_path / "none")) == 2
    assert "No such file" in capsys.readouterr().err


def test_hostile_names_do_nothing_to_a_terminal() -> None:
    evil = "evil\x1b]0;owned\x07\x1b[2J\x9b\u202e\n"
    before = World(f"host{evil}").network(evil).run(evil, expose=[1]).run("web", link=f"{evil}:a")
    after = (
        World(f"host{evil}")
        .network(f"{evil}2")
        .run(evil, expose=[1])
        .run("web", link=f"{evil}:a")
        .rename(evil, f"{evil}3")
        .stop(f"{evil}3")
        .change("web", status=Status.PAUSED)
        .run(f"{evil}4")
    )
    comparison = compared(before.snapshot(), after.snapshot())
    for shown in (render_diff(comparison, TextStyle()), render_json(comparison)):
        assert all(each.isprintable() or each == "\n" for each in shown)
        assert "owned" in shown


def test_a_hostile_report_does_nothing_to_a_terminal() -> None:
    evil = "evil\x1b]0;owned\x07\x1b[2J\x9b\u202e\n"
    good = report_on(Examination(snapshots=(host().move("app").snapshot(),)), RULES)
    texts = ("code", "name", "host", "target", "source", "alias", "message", "fingerprint", "docs")
    finding = msgspec.structs.replace(good.findings[0], **dict.fromkeys(texts, evil))
    skip = Skipped(code=evil, host=evil, subject=evil, missing=evil, reason=evil)
    hosts = tuple(msgspec.structs.replace(each, name=evil, engine=evil) for each in good.hosts)
    bad = msgspec.structs.replace(good, findings=(finding,), skipped=(skip,), hosts=hosts)
    milder = msgspec.structs.replace(
        bad, findings=(msgspec.structs.replace(finding, severity=Severity.INFO, message=""),)
    )
    for before, after in ((good, bad), (bad, good), (milder, bad)):
        comparison = compare(before, after, RULES)
        for shown in (render_diff(comparison, TextStyle()), render_json(comparison)):
            assert all(each.isprintable() or each == "\n" for each in shown)
            assert "owned" in shown


def test_a_kept_report_is_read_as_it_was(tmp_path: Path) -> None:
    report = report_on(Examination(snapshots=(host().move("app").snapshot(),)), RULES)
    read = read_kept(Path(written(tmp_path / "r", render_json(report))))
    assert render_json(read) == render_json(report)
