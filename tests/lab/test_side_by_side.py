"""Restarts that do not depend on one another run side by side, and are cut as safely as one is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from linkdoctor.fix.journal import Call, Entry, Event, JournalStep, read, steps

from .cutting import AMID, Cut, When, cutting
from .fixing import command_line, create, environment
from .situations import Lab
from .test_cut_stops import STUBBORN
from .test_fix import at_a_terminal

FOUR = ("web1", "web2", "web3", "web4")
ENDED_WITHIN = 60.0
INTERRUPTED = 130


def stale(lab: Lab, stops_in: int, names: Sequence[str] = FOUR) -> None:
    """Targets that ignore SIGTERM, whose source has another address by now."""
    lab.run("app", listen=5000)
    for name in names:
        settings = {
            "Image": lab.image("lab:base"),
            "Cmd": STUBBORN,
            "StopTimeout": stops_in,
            "HostConfig": {"Links": ["app:helloapp"]},
        }
        create(lab, name, settings)
        lab.start(name)
    lab.move("app")
    assert command_line(lab, Path("/nonexistent"), "check").returncode == 1


def journal_in(home: Path) -> Path | None:
    """The newest journal in a state directory."""
    found = sorted((home / ".local/state/linkdoctor").glob("fix-*.jsonl"))
    return found[-1] if found else None


def entries(home: Path) -> tuple[Entry, ...]:
    journal = journal_in(home)
    return read(journal) if journal is not None and journal.stat().st_size else ()


def journaled(home: Path) -> tuple[JournalStep, ...]:
    return steps(entries(home))


def asked(home: Path) -> int:
    """How many restarts were asked for."""
    return sum(each.event is Event.BEFORE for each in entries(home))


def begun(lab: Lab, home: Path, url: str = "") -> subprocess.Popen[str]:
    """A run that fixes all four, and that a signal ends as at a terminal."""
    command = [sys.executable, "-m", "linkdoctor", "fix", "--apply", "--allow", "restart", "--yes"]
    return subprocess.Popen(
        [*command, "-H", url or lab.url],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )


def resumed(lab: Lab, home: Path) -> subprocess.CompletedProcess[str]:
    """What a person does after a cut."""
    done = command_line(lab, home, "fix", "--resume", "auto", "--wait", "30")
    assert not any(each.open for each in journaled(home)), done.stdout + done.stderr
    time.sleep(0.5)
    for name in FOUR:
        assert lab.inspect(name)["State"]["Running"], name
    return done


def is_clean(lab: Lab, home: Path) -> bool:
    return command_line(lab, home, "check").returncode == 0


def test_four_slow_stops_take_less_than_twice_the_time_of_one(lab: Lab, tmp_path: Path) -> None:
    stops_in = 5
    stale(lab, stops_in)
    started = {name: lab.inspect(name)["State"]["StartedAt"] for name in FOUR}
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(lab.inspect(name)["State"]["StartedAt"] != started[name] for name in FOUR)
    calls = [
        datetime.fromisoformat(each.time) for each in entries(tmp_path) if each.call is Call.RESTART
    ]
    assert len(calls) == 8
    took = (max(calls) - min(calls)).total_seconds()
    assert stops_in <= took < 2 * stops_in
    assert done.stderr.splitlines() == [
        *(f"linkdoctor: step {n} of 4: restart web{n} ..." for n in (1, 2, 3, 4)),
        *(f"linkdoctor: step {n} of 4: fixed; {4 - n} steps left" for n in (1, 2)),
        "linkdoctor: step 3 of 4: fixed; 1 step left",
        "linkdoctor: step 4 of 4: fixed",
    ]
    assert is_clean(lab, tmp_path)


def test_steps_that_are_asked_for_one_by_one_run_one_by_one(lab: Lab, tmp_path: Path) -> None:
    stale(lab, 1, FOUR[:2])
    done = at_a_terminal(lab, tmp_path, "y\ny\n", "fix", "--apply", "--allow", "restart")
    assert done.returncode == 0, done.stdout
    order = [(each.step, each.event) for each in entries(tmp_path)]
    assert order.index((1, Event.END)) < order.index((2, Event.BEGIN))


def test_steps_that_are_picked_beforehand_run_side_by_side(lab: Lab, tmp_path: Path) -> None:
    stale(lab, 1, FOUR[:3])
    done = at_a_terminal(lab, tmp_path, "1,3\n", "fix", "-i", "--allow", "restart")
    assert "2 steps of 3 carried out" in done.stdout
    assert [each.action.container for each in journaled(tmp_path)] == ["web1", "web3"]
    order = [(each.step, each.event) for each in entries(tmp_path)]
    assert order.index((2, Event.BEFORE)) < order.index((1, Event.AFTER))


def test_a_killed_run_is_finished_by_a_resumption(lab: Lab, tmp_path: Path) -> None:
    stale(lab, 4)
    run = begun(lab, tmp_path)
    lab.wait_for(lambda: asked(tmp_path) == 4, 30.0)
    time.sleep(AMID)
    run.kill()
    run.communicate(timeout=ENDED_WITHIN)
    assert [each.open for each in journaled(tmp_path)] == [True] * 4
    notice = command_line(lab, tmp_path, "fix", "--apply", "--yes", "--wait", "15").stderr
    assert "was interrupted; finish it with: linkdoctor fix" in notice
    done = resumed(lab, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [f"restart {name}: fixed" for name in FOUR]
    assert is_clean(lab, tmp_path)


def test_an_undo_finishes_what_was_killed(lab: Lab, tmp_path: Path) -> None:
    stale(lab, 2)
    run = begun(lab, tmp_path)
    lab.wait_for(lambda: asked(tmp_path) == 4, 30.0)
    time.sleep(AMID)  # a request that is noted may not have been sent yet
    run.kill()
    run.communicate(timeout=ENDED_WITHIN)
    done = command_line(lab, tmp_path, "fix", "--undo", "--yes", "--wait", "15")
    for name in FOUR:
        assert f"restart {name}: was interrupted; will be finished first" in done.stderr
        assert f"restart {name}: fixed" in done.stdout
    assert not any(each.open for each in journaled(tmp_path))
    assert is_clean(lab, tmp_path)


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_at_once_and_says_what_is_left(lab: Lab, tmp_path: Path, times: int) -> None:
    stale(lab, 4)
    run = begun(lab, tmp_path)
    lab.wait_for(lambda: asked(tmp_path) == 4, 30.0)
    time.sleep(AMID)
    began = time.monotonic()
    for _ in range(times):
        os.kill(run.pid, signal.SIGINT)
        time.sleep(0.05)
    said, _ = run.communicate(timeout=ENDED_WITHIN)
    assert time.monotonic() - began < 3.0
    assert run.returncode == INTERRUPTED, said
    if times == 1:
        for name in FOUR:
            assert f"linkdoctor: {name}: it was interrupted; the engine may go on with it" in said
        assert str(journal_in(tmp_path)) in said
    assert [each.open for each in journaled(tmp_path)] == [True] * 4
    done = resumed(lab, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_clean(lab, tmp_path)


@pytest.mark.parametrize(
    ("when", "nth", "how"),
    [
        (When.BEFORE, 1, signal.SIGKILL),
        (When.BEFORE, 3, signal.SIGKILL),
        (When.BEFORE, 3, signal.SIGINT),
        (When.DURING, 2, signal.SIGKILL),
        (When.AMID, 4, signal.SIGKILL),
        (When.AMID, 2, signal.SIGINT),
        (When.AFTER, 1, signal.SIGKILL),
    ],
)
def test_all_run_wherever_a_batch_is_cut(
    lab: Lab, tmp_path: Path, when: When, nth: int, how: signal.Signals
) -> None:
    stale(lab, 2)
    with cutting(lab.engine.socket, tmp_path / "p.sock") as proxy:
        run = begun(lab, tmp_path, proxy.url)
        proxy.aim(run.pid, Cut(when, nth, writes=True, at="/restart", signal=how))
        said, _ = run.communicate(timeout=ENDED_WITHIN)
        assert proxy.fell_at is not None
        assert run.returncode == (INTERRUPTED if how is signal.SIGINT else -how), said
    known = journaled(tmp_path)
    assert known
    done = resumed(lab, tmp_path)
    assert len(done.stdout.splitlines()) == sum(each.open for each in known)
    again = command_line(lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert again.returncode == 0, again.stdout + again.stderr
    assert is_clean(lab, tmp_path)


def test_one_that_does_not_come_back_does_not_hinder_the_others(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    once = "[ -e /began ] && exit 3; touch /began; exec sleep 100000"
    for name in FOUR:
        command = ["sh", "-c", once] if name == "web2" else None
        lab.run(name, link="app:helloapp", command=command)
    lab.move("app")
    done = command_line(
        lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes", "--format", "json"
    )
    first = json.loads(done.stdout)["rounds"][0]["done"]
    results = {each["step"]["action"]["container"]: each["result"] for each in first}
    assert results == {"web1": "fixed", "web2": "not-fixed", "web3": "fixed", "web4": "fixed"}
    assert "exit code 3" in next(each["reason"] for each in first if each["reason"])
