"""linkdoctor, let loose on the engines of the lab, and its advice taken at its word."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from linkdoctor.api import CollectOptions, Examination, Url, examine, load_rules, report_on
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.report import Finding, Fix, Report, Safety, Severity
from linkdoctor.model.snapshot import Snapshot

from .engine import SEARCH_PATH
from .situations import Lab

AS_LONG_AS_A_COMMAND_MAY_TAKE = 30.0
STARTING = timedelta(minutes=1)
"""Longer than linkdoctor lets a container be on its way up."""


def look(
    *where: Lab | str,
    timeout: float = 30.0,
    further: CollectOptions = CollectOptions(),  # noqa: B008 - frozen
) -> Examination:
    """Examine engines, given as labs or URLs; whatever runs has had a minute to come up."""
    engines = [Url(each if isinstance(each, str) else each.url) for each in where]
    examination = examine(engines, timeout=timeout, further=further, environment={})
    return msgspec.structs.replace(
        examination, snapshots=tuple(a_minute_later(each) for each in examination.snapshots)
    )


def diagnose(*where: Lab | str, declarations: Sequence[Declaration] = ()) -> Report:
    """Examine engines and apply every rule."""
    return report(look(*where), declarations=declarations)


def report(examination: Examination, *, declarations: Sequence[Declaration] = ()) -> Report:
    """Apply every rule to what was seen."""
    return report_on(examination, load_rules(), declarations=declarations)


def codes(report: Report) -> list[str]:
    """The faults, as `LD102 web/helloapp`: errors and warnings, the worst first."""
    return [
        f"{each.code} {each.target}/{each.alias}"
        for each in report.findings
        if each.severity is not Severity.INFO
    ]


def remarks(report: Report) -> list[str]:
    """What is worth knowing, in the same form."""
    return [
        f"{each.code} {each.target}/{each.alias}"
        for each in report.findings
        if each.severity is Severity.INFO
    ]


def told(report: Report) -> list[str]:
    """All findings in that form, but that the engine deprecates legacy links (from 28.4 on)."""
    return [each for each in (*codes(report), *remarks(report)) if not each.startswith("LD605")]


def only_fault(report: Report) -> Finding:
    """The one fault of a report that nothing was left out of."""
    assert not report.skipped
    assert len(codes(report)) == 1, codes(report)
    return report.findings[0]


def advised(finding: Finding, safety: Safety) -> Fix:
    """The first fix of that safety that the docker client carries out, as its commands stand."""
    for fix in finding.fixes:
        by_hand = fix.commands and not fix.commands[0].startswith("linkdoctor ")
        if fix.safety is safety and by_hand and not any("…" in each for each in fix.commands):
            return fix
    raise AssertionError(f"no such fix: {finding.fixes}")


def apply(lab: Lab, fix: Fix, *elsewhere: Lab) -> None:
    """Type the commands of a fix, one after another, as a person would.

    A comment `# on host2:` sends the person to that host: `lab` or one of those elsewhere.
    """
    assert fix.commands
    hosts = {each.engine.name: each for each in (lab, *elsewhere)}
    here = lab
    with tempfile.TemporaryDirectory() as home:
        for command in fix.commands:
            if command.startswith("# on "):
                here = hosts[command.removeprefix("# on ").removesuffix(":")]
            environment = {
                "PATH": SEARCH_PATH,
                "HOME": home,
                "DOCKER_CONFIG": home,
                "DOCKER_HOST": here.url,
            }
            done = subprocess.run(
                ["sh", "-c", command],
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=AS_LONG_AS_A_COMMAND_MAY_TAKE,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def words(fix: Fix) -> list[list[str]]:
    """The commands of a fix, each split into words as a shell does."""
    return [shlex.split(command) for command in fix.commands]


def as_json(part: Examination | Report | Snapshot) -> str:
    """All that could reach a file or a reader."""
    return msgspec.json.encode(part).decode()


def leaks(part: Examination | Report | Snapshot, *secrets: str) -> list[str]:
    """The secrets that stand in what could reach a reader."""
    text = as_json(part)
    return [secret for secret in secrets if secret in text]


def open_descriptors() -> int:
    """How many files this process holds open."""
    return len(os.listdir("/proc/self/fd"))


def a_minute_later(snapshot: Snapshot) -> Snapshot:
    """The snapshot, taken when whatever runs has had time to come up."""
    later = datetime.fromisoformat(snapshot.taken_at) + STARTING
    return msgspec.structs.replace(snapshot, taken_at=later.isoformat())
