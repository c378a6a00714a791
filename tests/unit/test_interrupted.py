"""Ctrl-C: what is known by then is told at once, and nobody takes it for the whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.replay import replayed, situations

PATIENT = ("--timeout", "3600")
BEFORE_THAT = 60.0
"""Seconds; far from the 3600 that the stalled engine would be waited for."""


def interrupted(
    tmp_path: Path, stalls_at: str, *arguments: str, situation: str = "source-moved"
) -> subprocess.CompletedProcess[str]:
    """Run the command line on an engine that stalls, and press Ctrl-C once it does."""
    socket = tmp_path / "engine.sock"
    with replayed(situations()[situation], socket, stalls_at=stalls_at) as stalled:
        process = subprocess.Popen(
            [sys.executable, "-m", "linkdoctor", *arguments, "-H", f"unix://{socket}", *PATIENT],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert stalled.wait(30)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=BEFORE_THAT)
        finally:
            process.kill()
            process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def last_inspected() -> str:
    """The request for the details of the container that the engine lists last."""
    listed = situations()["source-moved"]["containers"]
    return f"containers/{listed[-1]['Id']}/json"


def test_what_was_read_by_then_is_reported(tmp_path: Path, last_inspected: str) -> None:
    done = interrupted(tmp_path, last_inspected, "check", "--format", "json")
    assert done.returncode == 130, done.stderr
    assert done.stderr == "linkdoctor: interrupted: this is what was known by then\n"
    report = json.loads(done.stdout)
    assert report["summary"]["verdict"] != "healthy"
    (host,) = report["hosts"]
    assert (host["evidence"], host["containers"]) == ("partial", 3)


def test_an_engine_that_said_nothing_is_not_healthy(tmp_path: Path) -> None:
    done = interrupted(tmp_path, "version", "check")
    assert done.returncode == 130
    assert "interrupted before the engine had answered" in done.stdout


def test_a_plan_is_not_made_of_a_part(tmp_path: Path, last_inspected: str) -> None:
    done = interrupted(tmp_path, last_inspected, "fix")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "linkdoctor: interrupted\n"
