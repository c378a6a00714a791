"""The engine itself is killed while it stops the old container of a recreation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linkdoctor.api import Url
from linkdoctor.collect.control import controlling
from linkdoctor.fix.journal import Journal, read, steps
from linkdoctor.fix.lock import locked
from linkdoctor.fix.outcome import Result
from linkdoctor.fix.undo import resume

from .cutting import AMID
from .engine import SEARCH_PATH, Engine
from .fixing import leftovers_of
from .kill_driver import PATIENCE
from .situations import Lab
from .test_cut_stops import KINDS
from .test_kill_anywhere import ROOT

ENDED_WITHIN = 90.0


@pytest.fixture(scope="module")
def mortal_engine(tree: Path | None) -> Iterator[Engine]:
    engine = Engine("mortal", tree=tree)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def mortal(mortal_engine: Engine) -> Iterator[Lab]:
    """A lab on an engine that may be killed."""
    with Lab(mortal_engine) as lab:
        lab.clean()
        yield lab
        lab.clean()


def begun(lab: Lab, journal: Path, what: str) -> subprocess.Popen[str]:
    """A process in whose name the engine has been at work on a stop for a while."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.kill_driver", lab.url, str(journal), what, "web"],
        cwd=ROOT,
        env={"PATH": SEARCH_PATH, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    asked = '"before","call":"stop"' if what == "recreate" else '"before","call":"restart"'
    lab.wait_for(lambda: journal.exists() and asked in journal.read_text(), 30.0)
    time.sleep(AMID)
    return process


def crash(lab: Lab) -> None:
    """Kill the engine, and forget the connections to it."""
    lab.client.close()
    lab.engine.crash()


def resumed(lab: Lab, journal: Path) -> list[Result]:
    """What a person does when the engine is back."""
    with (
        controlling(Url(lab.url), {}) as control,
        locked(control.installation(), at=lab.engine.socket, wait=ENDED_WITHIN),
        Journal(journal, continued=True) as written,
    ):
        return [each.result for each in resume(written, control, patience=PATIENCE)]


def assert_one_serves(lab: Lab, journal: Path) -> None:
    time.sleep(1.0)
    assert lab.inspect("web")["State"]["Running"]
    assert leftovers_of(lab) == []
    assert not steps(read(journal))[-1].open


@pytest.mark.parametrize(
    "kind", ["a ghost with a port", "a ghost that is always restarted", "a link that is alive"]
)
def test_one_serves_when_the_engine_is_back(mortal: Lab, tmp_path: Path, kind: str) -> None:
    KINDS[kind](mortal)
    journal = tmp_path / "journal"
    process = begun(mortal, journal, "recreate")
    crash(mortal)
    time.sleep(2.0)
    mortal.engine.boot()
    said, _ = process.communicate(timeout=ENDED_WITHIN)
    assert process.returncode == 1, said
    results = resumed(mortal, journal)
    assert results in ([], [Result.FIXED], [Result.UNDONE])
    assert_one_serves(mortal, journal)


@pytest.mark.parametrize("kind", ["a ghost with a port", "a link that is alive"])
def test_a_resumption_is_enough_when_everything_was_killed(
    mortal: Lab, tmp_path: Path, kind: str
) -> None:
    KINDS[kind](mortal)
    journal = tmp_path / "journal"
    process = begun(mortal, journal, "recreate")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for each in (*map(int, children), process.pid):
        os.kill(each, signal.SIGKILL)
    process.communicate(timeout=ENDED_WITHIN)
    crash(mortal)
    mortal.engine.boot()
    assert len(resumed(mortal, journal)) == 1
    assert_one_serves(mortal, journal)


def test_a_restart_that_the_engine_did_not_finish_is_finished(mortal: Lab, tmp_path: Path) -> None:
    KINDS["a link that is alive"](mortal)
    journal = tmp_path / "journal"
    process = begun(mortal, journal, "restart")
    crash(mortal)
    process.communicate(timeout=ENDED_WITHIN)
    mortal.engine.boot()
    assert resumed(mortal, journal) == [Result.FIXED]
    assert_one_serves(mortal, journal)
