"""`linkdoctor fix` on saved snapshots: plans, and what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from linkdoctor.api import Examination, snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.cli.asking import Asking, step_numbers
from linkdoctor.cli.journals import _with_journal
from linkdoctor.fix.journal import Before, Journal
from linkdoctor.fix.use_cases import Answer, Done, Plan, Result, Scope, diagnosed, make_plan
from linkdoctor.model.actions import Start
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.render.layout import TextStyle
from linkdoctor.rulekit.world import World

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Calls the command line: exit code and both streams."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("LINKDOCTOR_CONFIG", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["fix", *arguments])
        said = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0, said.out, said.err)

    return call


def saved(path: Path, world: World) -> str:
    """A world in a file."""
    file = path / "host.json.gz"
    file.write_bytes(snapshot_bytes(world.snapshot()))
    return str(file)


def test_a_ghost_is_planned_for_and_nothing_is_changed(run: Run, tmp_path: Path) -> None:
    file = saved(tmp_path, World.tutorial().recreate("app"))
    code, out, err = run("--snapshot", file)
    assert (code, err) == (1, "")
    assert "1 step would fix" in out
    assert "step 1: recreate web" in out
    assert "[recreate]" in out
    # No engine would start the old container again, because of its ghost link.
    assert "undo:" not in out
    assert not (tmp_path / "state").exists()


def test_a_narrower_permission_counts_what_a_wider_one_would_do(run: Run, tmp_path: Path) -> None:
    file = saved(tmp_path, World.tutorial().recreate("app"))
    code, out, _ = run("--snapshot", file, "--allow", "safe")
    assert code == 1
    assert "requires --allow recreate" in out
    assert "--allow recreate would allow 1 more step" in out


def test_a_healthy_host_has_nothing_to_fix(run: Run, tmp_path: Path) -> None:
    assert run("--snapshot", saved(tmp_path, World.tutorial()))[:2] == (0, "nothing to fix\n")


def test_the_plan_as_json(run: Run, tmp_path: Path) -> None:
    file = saved(tmp_path, World.tutorial().move("app"))
    _, out, _ = run("--snapshot", file, "--format", "json")
    plan = json.loads(out)
    assert plan["schema"] == "linkdoctor.plan/1"
    assert [step["action"] for step in plan["steps"]] == [{"type": "restart", "container": "web"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--apply",), "add --yes"),
        (("--apply", "--yes", "--undo", "x"), "cannot be used together"),
        (("--undo", "x", "--resume", "y"), "cannot be used together"),
        (
            ("--apply", "--yes", "--snapshot", "{file}"),
            "--apply needs a live engine, not a snapshot",
        ),
        (("--undo", "/nowhere/journal", "--snapshot", "{file}"), "a journal belongs to one engine"),
        (("--select", "LD9"), "no rule is called"),
        # --interactive is --apply with its questions: it needs no --apply beside it.
        (("--interactive",), "--interactive asks before each step and there is no terminal"),
        (("--interactive", "--apply"), "use --apply --yes"),
        (("--interactive", "--apply", "--yes"), "cannot be used together"),
        (("--interactive", "--yes"), "cannot be used together"),
        (("--undo", "/nowhere/journal"), "there is no journal /nowhere/journal"),
        (("--resume", "/nowhere/journal"), "there is no journal /nowhere/journal"),
        (("--undo", "/dev/null"), "there is no journal /dev/null"),
    ],
)
def test_nonsense_is_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    file = saved(tmp_path, World.tutorial().move("app"))
    code, out, err = run(*(each.format(file=file) for each in arguments))
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_dry_run_is_a_plan(run: Run, tmp_path: Path) -> None:
    file = saved(tmp_path, World.tutorial().move("app"))
    assert run("--snapshot", file, "--apply", "--dry-run")[0] == 1


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_hostile_name_cannot_write_to_the_terminal(
    run: Run, tmp_path: Path, format_: str
) -> None:
    world = World().run("app", expose=[5000], listen=[5000]).run("w\x9b2J\u202eb", link="app:x")
    code, out, _ = run("--snapshot", saved(tmp_path, world.move("app")), "--format", format_)
    assert code == 1
    assert "\x9b" not in out
    assert "\u202e" not in out
    if format_ == "text":
        assert "not printed as a command" in out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("all", {1, 2, 3, 4}),
        ("none", set()),
        ("2", {2}),
        ("1-2, 4", {1, 2, 4}),
        ("0", None),
        ("3-5", None),
        ("2-1", None),
        ("x", None),
        ("", None),
    ],
)
def test_steps_are_picked_by_their_numbers(typed: str, meant: set[int] | None) -> None:
    assert step_numbers(typed, (1, 2, 3, 4)) == meant


def test_steps_of_a_later_round_are_picked_by_their_own_numbers() -> None:
    assert step_numbers("5-6", (5, 6, 7)) == frozenset((5, 6))
    assert step_numbers("all", (5, 6, 7)) == frozenset((5, 6, 7))
    assert step_numbers("1", (5, 6, 7)) is None


# An engine that cannot be asked


def no_engine(path: Path) -> str:
    """The address of an engine that is not there."""
    return f"unix://{path / 'none.sock'}"


def first_line_of_check(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `check` says first about the same engines."""
    with pytest.raises(SystemExit):
        main(["check", *arguments])
    return capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("apply", [(), ("--apply", "--yes")], ids=["plan", "apply"])
def test_an_engine_that_cannot_be_asked_is_said_first(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, apply: tuple[str, ...]
) -> None:
    engine = no_engine(tmp_path)
    code, out, err = run("-H", engine, *apply)
    assert (code, err) == (3, "")
    assert out.splitlines()[0] == first_line_of_check(capsys, "-H", engine)
    assert "could not be asked" in out.splitlines()[0]
    assert "nothing to fix" not in out
    assert "errors" not in out, "of an engine that was not asked nothing is known"


@pytest.mark.parametrize("broken", [True, False])
def test_an_engine_that_cannot_be_asked_is_named_beside_others(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, broken: bool
) -> None:
    world = World.tutorial().move("app") if broken else World.tutorial()
    engines = ("--snapshot", saved(tmp_path, world), "-H", no_engine(tmp_path))
    code, out, _ = run(*engines)
    assert code == (1 if broken else 3)
    assert out.splitlines()[0] == first_line_of_check(capsys, *engines)
    assert "1 of 2 engines could not be asked" in out.splitlines()[0]
    assert "none.sock" in "".join(out.split())
    assert "nothing to fix" not in out
    assert ("step 1: restart web" in out) == broken


def test_an_engine_that_cannot_be_asked_is_in_the_plan_as_json(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("-H", no_engine(tmp_path), "--format", "json")
    plan = json.loads(out)
    assert code == 3
    assert (plan["steps"], plan["summary"]["verdict"]) == ([], "incomplete")
    assert [each["engine"] for each in plan["hosts"]] == [""]
    assert [each["code"] for each in plan["skipped"]] == ["LD002"]


def test_evidence_that_is_missing_is_no_all_clear(run: Run, tmp_path: Path) -> None:
    denied = Unknown(gap=Gap.DENIED, detail="only root may")
    world = World.tutorial().unknown("web", "process_environment", denied)
    code, out, _ = run("--snapshot", saved(tmp_path, world))
    assert code == 3
    assert out.startswith("? incomplete")
    assert "no step is planned: not everything could be seen" in out


@pytest.mark.parametrize(
    "arguments", [("--undo", "{journal}"), ("--resume", "{journal}"), ("--resume", "auto")]
)
def test_a_journal_of_an_engine_that_cannot_be_asked_is_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, str]
) -> None:
    journal = tmp_path / "journal.jsonl"
    with Journal(journal) as written:
        before = Before(id="a" * 64, name="app", running=False)
        written.begin(Start(container="app"), before, engine="E1")
    given = [each.format(journal=journal) for each in arguments]
    code, out, err = run(*given, "-H", no_engine(tmp_path))
    assert (code, out) == (3, "")
    assert "there is no such socket" in err
    assert err.count("\n") == 1


# At a terminal


class Terminal(io.StringIO):
    """Where keys are typed."""

    def isatty(self) -> bool:
        return True


def asking(monkeypatch: pytest.MonkeyPatch, keys: str, *, pick: bool = False) -> Asking:
    """What asks at a terminal where these keys are typed."""
    monkeypatch.setattr("sys.stdin", Terminal(keys))
    return Asking(TextStyle(width=80, colour=False), several=False, pick=pick, silent=False)


def plan_of(world: World) -> Plan:
    """The plan for a world."""
    seen = Examination(snapshots=(world.snapshot(),))
    return make_plan(diagnosed(seen, Scope()), Scope())


def two_faults() -> World:
    """Two targets that have to be restarted."""
    world = World().run("app", expose=[80], listen=[80]).run("db", expose=[81], listen=[81])
    return world.run("one", link="app:x").run("two", link="db:x").move("app").move("db")


def test_a_question_explains_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = plan_of(two_faults())
    ask = asking(monkeypatch, "?\nmaybe\ny\n")
    ask.plan(planned)
    assert ask.about(planned.steps[0]) is Answer.YES
    said = capsys.readouterr().err
    assert "[y]es, [n]o, [q]uit, [?]" in said
    assert said.count("skip it, and the steps that need it") == 2


def test_the_choice_of_steps_explains_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = plan_of(two_faults())
    ask = asking(monkeypatch, "?\n9\n2\n", pick=True)
    ask.plan(planned)
    assert [ask.about(each) for each in planned.steps] == [Answer.NO, Answer.YES]
    said = capsys.readouterr().err
    assert "which steps? [1-2, all, none, ?]" in said
    assert said.count("no step: nothing is changed") == 2


def test_progress_counts_the_steps_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = plan_of(two_faults())
    ask = asking(monkeypatch, "")
    ask.plan(planned)
    for step in planned.steps:
        ask.on_step(step, None)
        ask.on_step(step, Done(step=step, result=Result.FIXED))
    assert capsys.readouterr().err.splitlines() == [
        "linkdoctor: step 1 of 2: restart one ...",
        "linkdoctor: step 1 of 2: fixed; 1 step left",
        "linkdoctor: step 2 of 2: restart two ...",
        "linkdoctor: step 2 of 2: fixed",
    ]


# What can be taken back


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ([], []),
        (["--apply"], ["--apply"]),
        (["--undo"], ["--undo", "auto"]),
        (["--undo", "--yes"], ["--undo", "auto", "--yes"]),
        (["--undo", "a-journal", "--yes"], ["--undo", "a-journal", "--yes"]),
        (["--undo=a-journal"], ["--undo=a-journal"]),
    ],
)
def test_an_undo_that_stands_alone_means_the_newest_journal(
    typed: list[str], read: list[str]
) -> None:
    assert _with_journal(typed) == read


def test_a_plan_says_of_each_step_whether_it_can_be_taken_back(run: Run, tmp_path: Path) -> None:
    file = saved(tmp_path, World.tutorial().move("app"))
    _, out, _ = run("--snapshot", file)
    assert "cannot be taken back: a restart leaves nothing to take back" in out
    file = saved(tmp_path, World.tutorial().recreate("app"))
    _, out, _ = run("--snapshot", file)
    words = " ".join(out.split())
    # No engine starts again what has a ghost link.
    assert "cannot be taken back: as it was it could not be started again" in words
    assert "undo:" not in words
    misspelt = World.tutorial().run("shop", link=["app:api"], env={"APP_HOST": "http://apii:5000/"})
    file = saved(tmp_path, misspelt)
    _, out, _ = run("--snapshot", file)
    words = " ".join(out.split())
    assert "undo:" in words
    assert "can be taken back while the old container is kept" in words
    assert (
        "it is, if it wrote files that the new one does not have; --keep-old keeps it anyway"
        in words
    )


# What was written outside volumes


@pytest.mark.parametrize("other", ["--carry-files", "--keep-old"])
def test_files_cannot_be_dropped_and_kept(run: Run, tmp_path: Path, other: str) -> None:
    file = saved(tmp_path, World.tutorial().recreate("app"))
    code, out, err = run("--snapshot", file, "--drop-files", other)
    assert (code, out) == (2, "")
    assert f"{other} and --drop-files cannot be used together" in err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ((), "the old container is kept, stopped, unless the new one makes all of it again"),
        (("--carry-files",), "it is copied into the new container before that starts"),
        (("--drop-files",), "IT IS LOST (--drop-files)"),
    ],
)
def test_a_snapshot_does_not_tell_what_was_written_and_that_is_said(
    run: Run, tmp_path: Path, option: tuple[str, ...], said: str
) -> None:
    file = saved(tmp_path, World.tutorial().recreate("app"))
    _, out, _ = run("--snapshot", file, *option)
    words = " ".join(out.split())
    assert "what it wrote outside volumes could not be read (the engine was not asked)" in words
    assert said in words
    _, out, _ = run("--snapshot", file, *option, "--format", "json")
    (step,) = json.loads(out)["steps"]
    assert step["written"] == {
        "type": "unknown",
        "gap": "not-collected",
        "detail": "the engine was not asked",
    }
