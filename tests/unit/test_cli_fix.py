"""`linkdoctor fix` on saved snapshots: plans, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from linkdoctor.api import snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.cli.fix import _numbers
from linkdoctor.model.world import World

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
    assert "1 step would mend" in out
    assert "step 1: recreate web" in out
    assert "[recreate]" in out
    assert "undo:" in out
    assert not (tmp_path / "state").exists()


def test_a_narrower_permission_counts_what_a_wider_one_would_do(run: Run, tmp_path: Path) -> None:
    file = saved(tmp_path, World.tutorial().recreate("app"))
    code, out, _ = run("--snapshot", file, "--allow", "safe")
    assert code == 1
    assert "it takes --allow recreate" in out
    assert "--allow recreate would take 1 more step" in out


def test_a_healthy_host_has_nothing_to_mend(run: Run, tmp_path: Path) -> None:
    assert run("--snapshot", saved(tmp_path, World.tutorial()))[:2] == (0, "nothing to mend\n")


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
        (("--apply", "--yes", "--undo", "x"), "exclude one another"),
        (("--undo", "x", "--resume", "y"), "exclude one another"),
        (("--apply", "--yes", "--snapshot", "{file}"), "a snapshot cannot be mended"),
        (("--undo", "/nowhere/journal", "--snapshot", "{file}"), "a journal is about one engine"),
        (("--select", "LD9"), "no rule is called"),
        (("--interactive",), "goes with --apply"),
        (("--interactive", "--apply", "--yes"), "goes with --apply"),
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
    assert _numbers(typed, 4) == meant


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
