"""`check --watch`: what is told of a later look, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor.api import Examination, load_rules, report_on
from linkdoctor.cli import main
from linkdoctor.model.changes import changes_between
from linkdoctor.model.report import Report
from linkdoctor.render.layout import TextStyle
from linkdoctor.render.watching import render_look
from linkdoctor.rulekit.world import World

RULES = load_rules()


def reported(world: World) -> Report:
    return report_on(Examination(snapshots=(world.snapshot(),)), RULES)


def told(before: Report, after: Report, width: int = 100) -> str:
    changes = changes_between(before, after)
    return render_look(after, changes, TextStyle(width=width), clock="03:00:00")


def test_nothing_is_told_if_nothing_changed() -> None:
    assert told(reported(World.tutorial()), reported(World.tutorial())) == ""


def test_what_is_new_and_what_is_gone() -> None:
    healthy, moved = reported(World.tutorial()), reported(World.tutorial().move("app"))
    head, first, *_ = told(healthy, moved).splitlines()
    assert head == "03:00:00  unhealthy: 1 error"
    assert first.startswith("  new      error LD201 stale-env web/helloapp: web was started when")
    assert told(moved, healthy) == (
        "03:00:00  healthy\n  gone     error LD201 stale-env web/helloapp: gone\n"
    )


def test_what_follows_from_another_fault_now() -> None:
    moved = reported(World.tutorial().move("app"))
    gone = reported(World.tutorial().move("app").recreate("app"))
    assert "LD201 stale-env web/helloapp: follows from LD102 now" in told(moved, gone)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--watch", "0"), "must be above 0"),
        (("--watch", "5", "--format", "json"), "--watch shows text"),
        (("--watch", "5", "--snapshot", "there.json.gz"), "--watch needs a live engine"),
    ],
)
def test_what_cannot_be_watched(
    arguments: tuple[str, ...],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("LINKDOCTOR_CONFIG", raising=False)
    with pytest.raises(SystemExit) as left:
        main(["check", *arguments])
    assert left.value.code == 2
    assert complaint in capsys.readouterr().err
