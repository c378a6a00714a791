"""An examination is joined once, a file read once, a table parsed once: whatever is asked for."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from linkdoctor import api, given_files
from linkdoctor.api import Examination, demo_snapshots, diagnose, join, load_rules
from linkdoctor.cli import settling
from linkdoctor.cli.formats import in_order
from linkdoctor.fix.use_cases import Scope, diagnosed, make_plan, steps_with_more_permission
from linkdoctor.model.knowledge import Declaration, Knowledge
from linkdoctor.model.report import Safety
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.render.formats import CheckFormat
from linkdoctor.rulekit.world import World
from tests.replay import replayed, situations

Run = Callable[..., tuple[int, str, str]]


def faulty() -> World:
    """`app` waits for `web`, which waits for `db`; the report names `app` first."""
    return (
        World()
        .run("db", expose=[5432], listen=[5432])
        .run("web", expose=[80], listen=[80], link="db:db")
        .run("app", expose=[5000], link="web:helloweb")
        .move("web")
        .move("db")
    )


def test_the_commands_of_these_findings_need_an_order() -> None:
    found = diagnose(join(Examination(snapshots=(faulty().snapshot(),))), load_rules())
    assert in_order(found)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "host1.json.gz"
    path.write_bytes(api.snapshot_bytes(faulty().snapshot()))
    return path


@pytest.fixture
def joinings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Snapshot, ...], Knowledge]]:
    """Everything that is joined from now on: the snapshots, and with what knowledge."""
    found: list[tuple[tuple[Snapshot, ...], Knowledge]] = []
    original = Topology.__init__

    def counted(
        self: Topology,
        snapshots: Sequence[Snapshot],
        knowledge: Knowledge = Knowledge(),  # noqa: B008 - frozen
    ) -> None:
        found.append((tuple(snapshots), knowledge))
        original(self, snapshots, knowledge)

    monkeypatch.setattr(Topology, "__init__", counted)
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file that a user named is read from now on."""
    found: Counter[str] = Counter()
    original = given_files.read_bounded

    def counted(path: Path, limit: int) -> bytes:
        found[path.name] += 1
        return original(path, limit)

    for reader in ("files", "config"):
        monkeypatch.setattr(f"linkdoctor.{reader}.read_bounded", counted)
    return found


COMMANDS = {
    **{f"check as {each}": ["check", "web", "app", "--format", each] for each in CheckFormat},
    "check of everything": ["check"],
    "check -v": ["check", "-v"],
    "graph": ["graph"],
    "graph around web": ["graph", "--focus", "web", "--format", "json"],
    "graph as a drawing": ["graph", "--format", "svg"],
    "show": ["show", "web"],
    "show as json": ["show", "web", "--format", "json"],
    "fix": ["fix"],
    "fix of web": ["fix", "web"],
    "fix with more permission": ["fix", "web", "app", "--allow", "safe"],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_command_joins_once_and_reads_each_snapshot_once(
    arguments: list[str],
    run: Run,
    saved: Path,
    joinings: list[tuple[tuple[Snapshot, ...], Knowledge]],
    reads: Counter[str],
) -> None:
    _, out, err = run(*arguments, "--snapshot", saved)
    assert out, err
    assert [[each.host for each in snapshots] for snapshots, _ in joinings] == [["host1"]]
    assert reads == {saved.name: 1}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_what_is_joined_is_joined_with_the_table_of_images(
    arguments: list[str],
    run: Run,
    saved: Path,
    joinings: list[tuple[tuple[Snapshot, ...], Knowledge]],
) -> None:
    run(*arguments, "--snapshot", saved)
    assert all(knowledge.images for _, knowledge in joinings)


def test_declarations_are_known_wherever_findings_are_shown(
    run: Run,
    saved: Path,
    tmp_path: Path,
    joinings: list[tuple[tuple[Snapshot, ...], Knowledge]],
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[[container]]\ncontainer = "app"\npublishes = [5000]\n')
    declared = (Declaration(container="app", publishes=(5000,)),)
    for command in ("check", "graph", "fix"):
        run(command, "--snapshot", saved, "--config", config)
        ((_, knowledge),) = joinings
        assert knowledge.declarations == declared
        joinings.clear()


def test_several_hosts_are_joined_together_once(
    run: Run, saved: Path, tmp_path: Path, joinings: list[Any], reads: Counter[str]
) -> None:
    other = tmp_path / "host2.json.gz"
    other.write_bytes(api.snapshot_bytes(World("host2").run("alone").snapshot()))
    run("check", "web", "--format", "html", "--snapshot", saved, "--snapshot", other)
    assert [[each.host for each in snapshots] for snapshots, _ in joinings] == [["host1", "host2"]]
    assert reads == {saved.name: 1, other.name: 1}


def test_a_baseline_that_is_written_anew_needs_no_second_joining(
    run: Run, saved: Path, tmp_path: Path, joinings: list[Any], reads: Counter[str]
) -> None:
    known = tmp_path / "known.json"
    run("check", "--snapshot", saved, "--write-baseline", known)
    joinings.clear()
    reads.clear()
    run("check", "--snapshot", saved, "--baseline", known, "--write-baseline", known)
    assert len(joinings) == 1
    assert reads == {saved.name: 1, known.name: 1}


def test_a_pipe_serves_as_a_snapshot_in_every_command(
    run: Run, saved: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for arguments in (["check", "web", "--format", "html"], ["graph"], ["show", "web"], ["fix"]):
        writer = threading.Thread(target=pipe.write_bytes, args=(saved.read_bytes(),))
        writer.start()
        _, out, err = run(*arguments, "--snapshot", pipe)
        writer.join()
        assert out, err


def test_the_demo_joins_once(run: Run, joinings: list[Any]) -> None:
    code, _, _ = run("demo")
    assert (code, len(joinings)) == (0, 1)


def test_a_comparison_joins_each_side_once(
    run: Run, saved: Path, tmp_path: Path, joinings: list[Any], reads: Counter[str]
) -> None:
    after = tmp_path / "after.json.gz"
    after.write_bytes(api.snapshot_bytes(faulty().restart("web").snapshot()))
    run("diff", saved, after)
    assert len(joinings) == 2
    assert reads == {saved.name: 1, after.name: 1}


def test_a_live_engine_is_joined_once_while_it_is_read_and_once_when_it_is_known(
    run: Run, tmp_path: Path, joinings: list[Any]
) -> None:
    with replayed(situations()["ghost"], tmp_path / "s"):
        _, out, err = run(
            "check", "web", "--probe", "--format", "html", "-H", f"unix://{tmp_path}/s"
        )
    assert "<html" in out, err
    draft, whole = joinings
    # What is to be asked for is decided on the draft, which does not hold the answers yet.
    assert draft[1] == Knowledge()
    assert whole[1].images


def test_a_file_beside_an_engine_is_not_read_again_when_it_is_looked_again(
    run: Run,
    saved: Path,
    tmp_path: Path,
    reads: Counter[str],
    joinings: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    monkeypatch.setattr("linkdoctor.cli.settling._may_change", lambda _: len(looks) < 2)
    monkeypatch.setitem(settling.settled.__kwdefaults__ or {}, "pause", lambda _: looks.append(1))
    with replayed(situations()["ghost"], tmp_path / "s"):
        run("check", "--settle", 60, "--snapshot", saved, "-H", f"unix://{tmp_path}/s")
    assert len(looks) == 2
    assert reads == {saved.name: 1}
    assert len(joinings) == 6  # three examinations, each with its draft


def test_plans_of_every_permission_are_made_of_one_joining(joinings: list[Any]) -> None:
    scope = Scope(rules=load_rules())
    found = diagnosed(Examination(snapshots=(faulty().snapshot(),)), scope)
    assert make_plan(found, scope).steps
    assert steps_with_more_permission(found, scope, Safety.SAFE)
    assert diagnosed(found, scope).topology is found.topology
    assert len(joinings) == 1


def test_a_diagnosis_can_be_made_again_without_joining_again() -> None:
    joined = join(Examination(snapshots=demo_snapshots()))
    every = diagnose(joined, load_rules())
    some = diagnose(every, load_rules(), selection=api.Selection(select=frozenset({"LD1"})))
    assert some.topology is every.topology is joined.topology
    assert {each.code[:3] for each in some.report.findings} == {"LD1"}
    assert diagnose(some, load_rules()).report == every.report


def test_a_diagnosis_reports_what_report_on_does() -> None:
    seen = Examination(snapshots=demo_snapshots())
    assert diagnose(join(seen), load_rules()).report == api.report_on(seen, load_rules())


def test_the_table_of_images_is_parsed_once() -> None:
    assert api.known_images() is api.known_images()
