"""Checks while containers come, go, start again and change their names: no crash, no falsehood.

Pairs of a source and a target have nothing to do with one another, and each is changed once at
most while checks run. So whatever is true of a pair in between is true before or after, but for
what the engine does within one change: a container that starts again is down for an instant.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from docker.errors import APIError

from linkdoctor.model.report import Report
from tests.faulty import faulty

from .engine import SEARCH_PATH
from .examining import diagnose
from .situations import Lab

ROOT = Path(__file__).resolve().parents[2]
CHECKS, LEAST = 200, 60
LONGEST = 60.0
"""Seconds after which no further round begins."""
STEADY = {"app", "web", "db", "report"}
Finding = tuple[str, str, str, str]


class Churn:
    """Pairs that change, one step each in a round, in an order and at times of their own."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self._lab = lab
        self._random = random.Random(seed)
        for name in ("mover", "chameleon", "sleeper", "napper", "phoenix"):
            lab.run(name, listen=5000)
            lab.run(f"{name}-user", link=f"{name}:it")
        lab.run("painter", link="app:it")
        self._steps = [
            self._restarted(),
            self._renamed("chameleon", "chameleon-again"),
            self._renamed("painter", "painter-again"),
            self._stopped(),
            self._paused(),
            self._replaced(),
            self._passing(),
        ]

    def round(self) -> None:
        """One step for each pair, all done when it returns."""
        for steps in self._random.sample(self._steps, len(self._steps)):
            time.sleep(self._random.random() * 0.05)
            next(steps)()

    def _restarted(self) -> Iterator[Callable[[], object]]:
        while True:
            yield lambda: self._lab.api.restart("mover", timeout=0)

    def _renamed(self, one: str, other: str) -> Iterator[Callable[[], object]]:
        while True:
            yield lambda: self._lab.rename(one, other)
            yield lambda: self._lab.rename(other, one)

    def _stopped(self) -> Iterator[Callable[[], object]]:
        while True:
            yield lambda: self._lab.api.stop("sleeper", timeout=0)
            yield lambda: self._lab.start("sleeper")

    def _paused(self) -> Iterator[Callable[[], object]]:
        while True:
            yield lambda: self._lab.pause("napper")
            yield lambda: self._lab.unpause("napper")

    def _replaced(self) -> Iterator[Callable[[], object]]:
        while True:
            # Between the two there is no such container, and to say so is true.
            yield lambda: self._lab.remove("phoenix")
            yield lambda: self._lab.run("phoenix", listen=5000)
            yield lambda: self._lab.recreate("phoenix-user")

    def _passing(self) -> Iterator[Callable[[], object]]:
        for number in count():
            name = f"mayfly{number}"
            yield lambda name=name: self._lab.run(name, link="app:it")  # type: ignore[misc]
            yield lambda name=name: self._lab.remove(name)  # type: ignore[misc]


def findings(report: Report) -> set[Finding]:
    """What a report says is wrong; that links are deprecated is true of all of them."""
    return {
        (each.code, each.target, each.source, each.alias)
        for each in report.findings
        if each.code != "LD605"
    }


@pytest.fixture
def steady(lab: Lab) -> Lab:
    """Two links that are healthy all the time."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.run("db", listen=5432)
    lab.run("report", link="db:db")
    return lab


def by_command(url: str) -> set[Finding]:
    """The same from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "linkdoctor", "check", "-H", url, "--format", "json"],
        cwd=ROOT,
        env={"PATH": SEARCH_PATH, "HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode in (0, 1, 3), done.stderr) == (True, "")
    return {
        (each["code"], each["target"], each["source"], each["alias"])
        for each in json.loads(done.stdout)["findings"]
        if each["code"] != "LD605"
    }


def test_no_check_says_what_is_neither_true_before_nor_after(steady: Lab) -> None:
    churn = Churn(steady, seed=20)
    ending = time.monotonic() + LONGEST
    before = findings(diagnose(steady))
    checks = 0
    with faulty(steady.engine.socket, None) as afar:
        for number in count():
            if checks >= CHECKS or time.monotonic() > ending:
                break
            seen: list[set[Finding]] = []
            failures: list[str] = []
            busy = threading.Thread(target=_noting, args=(churn.round, failures))
            busy.start()
            while busy.is_alive():
                if number % 8 == 7:
                    seen.append(by_command(steady.url))
                else:
                    seen.append(findings(diagnose(afar.url if number % 4 == 3 else steady)))
            busy.join()
            assert failures == []
            after = findings(diagnose(steady))
            for each in seen:
                checks += 1
                assert each <= before | after, f"round {number}: {each - before - after}"
                assert not {target for _, target, _, _ in each} & STEADY
                assert "LD001" not in {code for code, _, _, _ in each}
            before = after
    print(checks, "checks")
    assert checks >= LEAST


def _noting(action: Callable[[], None], failures: list[str]) -> None:
    try:
        action()
    except (APIError, RuntimeError) as error:
        failures.append(str(error))
