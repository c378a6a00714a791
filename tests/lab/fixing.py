"""linkdoctor's executor and its `fix` command, let loose on the engines of the lab."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from linkdoctor.api import Url
from linkdoctor.collect.control import Control, controlling
from linkdoctor.fix.journal import Journal
from linkdoctor.fix.outcome import Outcome
from linkdoctor.fix.perform import Verify, perform
from linkdoctor.fix.proving import Patience
from linkdoctor.model.actions import Action
from linkdoctor.model.plan import Files

from . import plain
from .engine import SEARCH_PATH
from .situations import Lab

QUICK = Patience(steady=0.6, health=15.0, glance=0.1)
_COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""By which coverage.py counts what programs run that a test begins."""

BARE: Mapping[str, str] = {"PATH": SEARCH_PATH}


@contextlib.contextmanager
def control_of(lab: Lab) -> Generator[Control, None, None]:
    """The writing client of a lab's engine."""
    with controlling(Url(lab.url), {}) as control:
        yield control


def fix(
    lab: Lab,
    action: Action,
    journal: Path,
    *,
    keep_old: bool = False,
    files: Files = Files.KEEP,
    verify: Verify = lambda: None,
) -> Outcome:
    """Carry out one action."""
    with control_of(lab) as control, Journal(journal, continued=journal.exists()) as written:
        return perform(
            action,
            control,
            written,
            keep_old=keep_old,
            files=files,
            verify=verify,
            patience=QUICK,
            environment=BARE,
        )


def create(lab: Lab, name: str, body: Mapping[str, Any]) -> str:
    """Create a container from a body in the engine's own words, unseen by any library."""
    version = lab.api.version()["ApiVersion"]
    answer = plain.post(lab.engine.socket, f"/v{version}/containers/create?name={name}", dict(body))
    return str(json.loads(answer)["Id"])


def api_version(lab: Lab) -> tuple[int, ...]:
    """The newest API of a lab's engine."""
    return tuple(int(part) for part in lab.api.version()["ApiVersion"].split("."))


def leftovers_of(lab: Lab) -> list[str]:
    """The names of what a recreation left behind."""
    names = [name for names in lab.listed().values() for name in names]
    return sorted(name for name in names if "-linkdoctor-" in name)


def command_line(
    lab: Lab, home: Path, *arguments: str, beside: Lab | None = None
) -> subprocess.CompletedProcess[str]:
    """The command line, on the lab's engine, and on another one beside it."""
    engines = [lab.url, *([beside.url] if beside else [])]
    return subprocess.run(
        [sys.executable, "-m", "linkdoctor", *arguments]
        + [word for url in engines for word in ("-H", url)],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def fixed(lab: Lab, home: Path, allow: str, *further: str, beside: Lab | None = None) -> None:
    """Apply, and expect that nothing is left."""
    permission = ("--apply", "--allow", allow, "--yes", *further)
    done = command_line(lab, home, "fix", *permission, beside=beside)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(home: Path) -> dict[str, str]:
    """No configuration, and a state directory of its own."""
    counted = {each: os.environ[each] for each in (_COVERAGE,) if each in os.environ}
    return {
        "PATH": SEARCH_PATH,
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(sys.path),
        **counted,
    }


def steps_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The steps of a plan in JSON."""
    steps: list[dict[str, Any]] = json.loads(done.stdout)["steps"]
    return steps
