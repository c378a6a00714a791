"""SIGKILL before, during and after every request of a recreation: never neither runs.

Wherever the executor falls, the old container or the new one runs a moment later, and a resumption
leaves one container of that name, running, with its data, and nothing else.
"""

from __future__ import annotations

import itertools
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
from linkdoctor.fix.journal import Journal
from linkdoctor.fix.lock import Locked, locked
from linkdoctor.fix.outcome import Result
from linkdoctor.fix.undo import resume, undo

from .cutting import Cut, CuttingProxy, When, cutting
from .engine import SEARCH_PATH
from .fixing import create, leftovers_of
from .kill_driver import INTERRUPTED, PATIENCE
from .situations import Lab

ROOT = Path(__file__).resolve().parents[2]
MOST_REQUESTS = 60
A_MOMENT = 10.0
ENDED_WITHIN = 60.0


class Victim:
    """One lab, one proxy, and the process that is killed again and again."""

    def __init__(self, lab: Lab, proxy: CuttingProxy, home: Path) -> None:
        self.lab = lab
        self.proxy = proxy
        self.home = home
        self.runs = 0
        self.said = ""
        """What the process printed."""

    @property
    def journal(self) -> Path:
        return self.home / f"journal-{self.runs}.jsonl"

    @property
    def next_journal(self) -> Path:
        """The journal that the next process continues, if it is there."""
        return self.home / f"journal-{self.runs + 1}.jsonl"

    def recreate(
        self, container: str, cut: Cut, what: str = "recreate", files: str = "keep"
    ) -> bool:
        """Let it recreate a container; False when it came to its end uncut."""
        self.runs += 1
        argv = [sys.executable, "-m", "tests.lab.kill_driver", self.proxy.url]
        argv += [str(self.journal), what, container, files]
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env={"PATH": SEARCH_PATH, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.proxy.aim(process.pid, cut)
        self.said, _ = process.communicate(timeout=ENDED_WITHIN)
        killed = INTERRUPTED if cut.signal is signal.SIGINT else -signal.SIGKILL
        assert process.returncode in (0, killed), f"exit {process.returncode}"
        return process.returncode != 0

    def clean_up(self, *, by_undo: bool) -> list[Result]:
        """Wait for the guardian, then do what a person would."""
        with (
            controlling(Url(self.lab.url), {}) as control,
            locked(control.installation(), at=self.proxy.path, wait=ENDED_WITHIN),
        ):
            if not self.journal.exists():
                return []
            with Journal(self.journal, continued=True) as written:
                work = undo if by_undo else resume
                return [each.result for each in work(written, control, patience=PATIENCE)]


@pytest.fixture
def victim(lab: Lab, tmp_path: Path) -> Iterator[Victim]:
    with cutting(lab.engine.socket, tmp_path / "p.sock") as proxy:
        yield Victim(lab, proxy, tmp_path)


def serves(lab: Lab, name: str) -> bool:
    """Whether the old container or the new one runs."""
    names = (name, f"{name}-linkdoctor-old", f"{name}-linkdoctor-new")
    return any(found["State"]["Running"] for found in map(lab.find, names) if found)


def every_cut() -> Iterator[tuple[When, bool]]:
    """Before every request; and during and after each that changes something."""
    yield When.BEFORE, False
    yield When.DURING, True
    yield When.AFTER, True


def kill_everywhere(victim: Victim, name: str, when: When, *, writes: bool) -> list[str]:
    """Kill at each request in turn; gives the requests at which it fell."""
    lab = victim.lab
    fell: list[str] = []
    containers = len(lab.listed())
    for nth in itertools.count(1):
        assert nth < MOST_REQUESTS
        cut = Cut(when, nth, writes)
        if not victim.recreate(name, cut):
            break
        assert victim.proxy.fell_at is not None
        where = f"{when} request {nth}: {victim.proxy.fell_at}"
        fell.append(victim.proxy.fell_at)
        lab.wait_for(lambda: serves(lab, name), A_MOMENT)
        results = victim.clean_up(by_undo=nth % 2 == 0)
        assert len(results) <= 1, where
        assert lab.inspect(name)["State"]["Running"], where
        assert leftovers_of(lab) == [], where
        assert len(lab.listed()) == containers, where
        assert lab.exec(name, "cat /data/file /own/file") == (0, "kept\nkept\n"), where
    assert lab.inspect(name)["State"]["Running"]
    assert leftovers_of(lab) == []
    return fell


@pytest.fixture
def target(lab: Lab) -> Lab:
    """`web` with a link, a fixed port, a fixed restart policy and data in two volumes."""
    lab.run("app", listen=5000)
    image = lab.image("lab:data", files={"/own/.keep": "", "/data/.keep": ""}, command=["sh"])
    lab.run(
        "web",
        image=image,
        link="app:helloapp",
        command=["sleep", "100000"],
        publish={80: 18090},
        restart="always",
        binds=["kept:/data", "/own"],
    )
    assert lab.exec("web", "echo kept > /data/file; echo kept > /own/file")[0] == 0
    return lab


@pytest.mark.parametrize(("when", "writes"), list(every_cut()))
def test_never_neither(target: Lab, victim: Victim, when: When, writes: bool) -> None:
    fell = kill_everywhere(victim, "web", when, writes=writes)
    steps = [request.partition(" ")[0] for request in fell]
    assert steps.count("POST") >= 4, "rename, create, stop, start"
    assert steps.count("DELETE") == 1
    assert target.links("web") == ["/app:/web/helloapp"]
    assert target.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert target.inspect("web")["HostConfig"]["RestartPolicy"]["Name"] == "always"


@pytest.mark.parametrize("what", ["recreate", "restart"])
def test_never_neither_where_stopping_takes_its_time(lab: Lab, victim: Victim, what: str) -> None:
    stubborn = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
    body = {"Image": lab.image("lab:base"), "Cmd": stubborn, "StopTimeout": 2}
    create(lab, "web", body)
    lab.start("web")
    for nth in itertools.count(1):
        assert nth < MOST_REQUESTS
        if not victim.recreate("web", Cut(When.DURING, nth, writes=True), what):
            break
        victim.clean_up(by_undo=False)
        lab.wait_for(lambda: serves(lab, "web"), A_MOMENT)
        assert lab.inspect("web")["State"]["Running"]
        assert leftovers_of(lab) == []


def test_even_without_a_guardian_nothing_is_lost(target: Lab, victim: Victim) -> None:
    gaps = 0
    for nth in itertools.count(1):
        assert nth < MOST_REQUESTS
        if not victim.recreate("web", Cut(When.AFTER, nth, writes=True, with_guardian=True)):
            break
        gaps += not serves(target, "web")
        victim.clean_up(by_undo=nth % 2 == 0)
        assert target.inspect("web")["State"]["Running"]
        assert leftovers_of(target) == []
        assert target.exec("web", "cat /data/file /own/file") == (0, "kept\nkept\n")
    assert gaps == 1, "after the stop of the old one neither runs: that is what the guardian is for"


@pytest.mark.parametrize(("when", "writes"), [(When.BEFORE, True), (When.AFTER, True)])
def test_never_neither_with_a_ghost_that_cannot_start_again(
    target: Lab, victim: Victim, when: When, writes: bool
) -> None:
    for nth in itertools.count(1):
        assert nth < MOST_REQUESTS
        target.recreate("app")  # makes web a target with a ghost link
        if not victim.recreate("web", Cut(when, nth, writes)):
            break
        target.wait_for(lambda: serves(target, "web"), A_MOMENT)
        victim.clean_up(by_undo=False)
        assert target.inspect("web")["State"]["Running"]
        assert leftovers_of(target) == []
    assert target.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_second_run_says_who_holds_the_engine(victim: Victim) -> None:
    engine = f"engine of {os.getpid()}"
    with locked(engine):
        began = time.monotonic()
        with (
            pytest.raises(Locked, match=f"process {os.getpid()} "),
            locked(engine, wait=0.3),
        ):
            raise AssertionError("two at once")
        assert 0.3 <= time.monotonic() - began < 5.0
        with locked(f"another {engine}"):
            pass
    with locked(engine):
        pass
