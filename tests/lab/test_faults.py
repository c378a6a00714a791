"""Every fault at every request: never a wrong answer, never a wait, never a loss of what is known.

The engine is a real one, seen near; and a recorded one, whose processes are elsewhere, so that its
containers are read through the archive endpoint and `top`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from linkdoctor.api import CollectOptions, Url, examine, load_rules, report_on
from linkdoctor.collect.workers import map_concurrently
from linkdoctor.model.report import Report, Verdict
from tests.faulty import Fault, Kind, faulty
from tests.replay import replayed, situations

from .engine import SEARCH_PATH
from .examining import codes
from .situations import Lab

ROOT = Path(__file__).resolve().parents[2]
RULES = load_rules()
WITH_LOGS = CollectOptions(logs=True)
TIMEOUT = 4.0
GRACE = 5.0
"""Seconds after which an examination ends whatever happens, and what a busy machine needs."""
LARGEST = 200 << 20
"""What a process may occupy at most, in bytes: of an answer, 64 MiB are read."""
SIDE_BY_SIDE = 12
FLOODS = (Kind.FLOOD, Kind.FLOOD_CHUNKS, Kind.FLOODED_ERROR)
LASTING = (Kind.HUNG_UP, Kind.SILENT, Kind.FAILED, Kind.NOT_FOUND)
COMMAND = "from linkdoctor.cli import main; main()"
MEASURED = """
import sys
from linkdoctor.cli import main
try:
    main(sys.argv[1:])
finally:
    # Not getrusage: that counts what the process was before it became this program.
    (peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    print(peak.split()[1], file=sys.stderr)
"""


@dataclass(frozen=True)
class Tried:
    """What came of one fault."""

    fault: Fault
    path: str
    report: Report
    took: float

    @property
    def failed(self) -> str:
        """What must not be, in words; empty if all is well."""
        reasons = [each.reason for each in self.report.skipped]
        if self.report.summary.verdict is Verdict.HEALTHY:
            return "healthy"
        if self.took > TIMEOUT + GRACE:
            return f"it took {self.took:.1f} s"
        if any("failed on it" in each for each in reasons):
            return f"a crash: {reasons}"
        return ""


def try_each(engine: Path, directory: Path, faults: Sequence[Fault]) -> list[Tried]:
    """Examine an engine once for each fault, several at once, each through a proxy of its own."""

    def attempt(numbered: tuple[int, Fault]) -> Tried:
        number, fault = numbered
        socket = directory / f"{number}.sock"
        with faulty(engine, socket, fault) as proxy:
            begun = time.monotonic()
            examination = examine(
                [Url(proxy.url)], timeout=TIMEOUT, further=WITH_LOGS, environment={}
            )
            took = time.monotonic() - begun
            path = proxy.asked[fault.nth - 1] if len(proxy.asked) >= fault.nth else ""
        return Tried(fault, path, report_on(examination, RULES), took)

    return map_concurrently(SIDE_BY_SIDE, attempt, list(enumerate(faults)))


def requests_of(engine: Path, directory: Path) -> list[str]:
    """The paths that an examination without any fault asks for, in order."""
    with faulty(engine, directory / "none.sock") as proxy:
        examine([Url(proxy.url)], timeout=20, further=WITH_LOGS, environment={})
        return list(proxy.asked)


def every_fault(requests: int) -> list[Fault]:
    """Each kind at each request, and some that last from one on; floods keep a machine busy."""
    numbers = range(1, requests + 1)
    once = [Fault(kind, nth) for kind in Kind if kind not in FLOODS for nth in numbers]
    return once + [Fault(kind, nth, lasting=True) for kind in LASTING for nth in numbers]


# Near


@pytest.fixture
def troubled(lab: Lab) -> Lab:
    """Two links with a fault each, which have nothing to do with one another."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.run("db", listen=5432)
    lab.run("report", link="db:db")
    lab.recreate("db")
    lab.move("app")
    return lab


FOUND = {"LD201 web/helloapp": ("web", "app"), "LD102 report/db": ("report", "db")}
"""What there is to be found, and the containers that it takes to see it."""


def needed_by(lab: Lab, path: str) -> set[str]:
    """The findings that an answer is needed for; all, if nothing is known without it."""
    asked = re.sub(r"^/v[0-9.]+|[?].*", "", path)
    if asked in ("/version", "/info", "/containers/json"):
        return set(FOUND)
    return {
        finding
        for finding, names in FOUND.items()
        for name in names
        if f"/{lab.inspect(name)['Id']}/" in asked or f"/{name}/" in asked
    }


def test_every_fault_at_every_request_near(troubled: Lab, tmp_path: Path) -> None:
    engine = troubled.engine.socket
    count = len(requests_of(engine, tmp_path))
    tried = try_each(engine, tmp_path, every_fault(count))
    needed = {each.path: needed_by(troubled, each.path) for each in tried if each.path}
    for each in tried:
        found = set(codes(each.report))
        assert not each.failed, f"{each.fault} ({each.path}): {each.failed}"
        assert found <= set(FOUND), f"{each.fault} ({each.path}) made up {found - set(FOUND)}"
        if not each.fault.lasting:
            lost = set(FOUND) - found - needed.get(each.path, set())
            assert not lost, f"{each.fault} ({each.path}) hid {lost}: {each.report.skipped}"


def test_each_request_that_fails_is_an_exit_code_of_the_command(
    troubled: Lab, tmp_path: Path
) -> None:
    engine = troubled.engine.socket
    count = len(requests_of(engine, tmp_path))
    kinds = [kind for kind in Kind if kind not in FLOODS]

    def attempt(nth: int) -> str:
        fault = Fault(kinds[nth * 7 % len(kinds)], nth)
        with faulty(engine, tmp_path / f"c{nth}.sock", fault) as proxy:
            done = checked(proxy.url, "--format", "json")
        report = json.loads(done.stdout)
        expected = 1 if report["summary"]["error"] else 3
        if (done.returncode, done.stderr) != (expected, ""):
            return f"{fault}: exit code {done.returncode}\n{done.stderr}"
        return ""

    assert [each for each in map_concurrently(2, attempt, range(1, count + 1)) if each] == []


def checked(url: str, *arguments: str, program: str = COMMAND) -> Process:
    """`linkdoctor check` as a process of its own, which must have ended in time."""
    return subprocess.run(
        [sys.executable, "-c", program, "check", "-H", url, "--timeout", "3", *arguments],
        cwd=ROOT,
        env={"PATH": SEARCH_PATH, "HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


Process = subprocess.CompletedProcess[str]


def test_a_gibibyte_is_not_taken_into_memory(troubled: Lab, tmp_path: Path) -> None:
    engine = troubled.engine.socket
    paths = requests_of(engine, tmp_path)
    inspect = next(nth for nth, path in enumerate(paths, 1) if "/web/" in path or "/json" in path)
    events = next(nth for nth, path in enumerate(paths, 1) if "/events" in path)
    for kind in (*FLOODS, Kind.BOMB):
        for nth in (1, inspect, events):
            with faulty(
                engine, tmp_path / f"{kind[:5]}{len(kind)}{nth}.sock", Fault(kind, nth)
            ) as it:
                done = checked(it.url, "--format", "json", program=MEASURED)
            assert done.returncode in (1, 3), (kind, nth, done.stderr)
            assert int(done.stderr) << 10 < LARGEST, (kind, nth)


# From afar


def test_every_fault_at_every_request_from_afar(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    with replayed(situations()["ghost"], engine):
        count = len(requests_of(engine, tmp_path))
        tried = try_each(engine, tmp_path, every_fault(count))
    assert {"archive", "top"} <= {each.path.partition("?")[0].split("/")[-1] for each in tried}
    for each in tried:
        assert not each.failed, f"{each.fault} ({each.path}): {each.failed}"
        assert set(codes(each.report)) <= {"LD102 web/helloapp"}, f"{each.fault} ({each.path})"
