"""`make test`: its stages in order, what each took, and what follows a failure."""

from __future__ import annotations

import itertools

import pytest

from tests.stages import Result, duration, run_all, table

STAGES = ("lint", "unit", "lab")


def run(*failing: str, keep_going: bool = False) -> tuple[list[str], tuple[Result, ...]]:
    ran: list[str] = []

    def one(stage: str) -> bool:
        ran.append(stage)
        return stage not in failing

    clock = itertools.count(0, 50)
    return ran, run_all(STAGES, one, keep_going=keep_going, now=lambda: float(next(clock)))


def test_stages_run_in_order_and_each_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    ran, results = run()
    assert tuple(ran) == STAGES
    assert [each.seconds for each in results] == [50, 50, 50]
    assert capsys.readouterr().out.splitlines()[0] == "-- lint  passed in 50 s"
    assert table(results).endswith("all stages passed; 2 min 30 s altogether")


def test_a_failure_ends_the_run_and_the_table_names_what_did_not_run() -> None:
    ran, results = run("unit")
    assert ran == ["lint", "unit"]
    assert table(results).splitlines() == [
        "",
        "-- lint  passed in 50 s",
        "-- unit  FAILED in 50 s",
        "-- lab   not run",
        "failed: unit; 1 min 40 s altogether",
    ]


def test_where_it_is_kept_going_the_stages_after_a_failure_run_and_each_failure_is_named() -> None:
    ran, results = run("lint", "lab", keep_going=True)
    assert tuple(ran) == STAGES
    assert table(results).endswith("failed: lint, lab; 2 min 30 s altogether")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.9, "60 min 0 s")],
)
def test_a_duration_is_minutes_and_seconds(seconds: float, said: str) -> None:
    assert duration(seconds) == said
