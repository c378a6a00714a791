"""The GitHub workflow: its steps, run in a shell as the runner does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.conftest import Built

from .commands import accept, calls_in
from .programs import ALPHA, BETA, DEPLOY, bin_with_linkdoctor, program, read_yaml, run

WORKFLOW: dict[Any, Any] = read_yaml(DEPLOY / "github" / "linkdoctor.yml")
JOB = WORKFLOW["jobs"]["links"]
STEPS = {each["name"]: each["run"] for each in JOB["steps"] if "run" in each}


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment that the runner gives to a step."""
    for name in ("path", "summary"):
        (tmp_path / name).touch()
    return {
        **{name: str(value) for name, value in JOB["env"].items()},
        "PATH": bin_with_linkdoctor(tmp_path),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_PATH": str(tmp_path / "path"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "LINKDOCTOR_OPTIONS": f"--snapshot {ALPHA} --snapshot {BETA}",
    }


def step(name: str, environment: dict[str, str], *, status: int = 0) -> str:
    """Run a step as the runner does, which is with `bash -e`; what it prints."""
    shell = [program("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]]
    there = Path(environment["RUNNER_TEMP"])
    return run(shell, status=status, cwd=there, environment=environment).stdout


def test_the_workflow_asks_for_no_more_than_it_needs() -> None:
    # YAML reads the key `on` as true.
    assert set(WORKFLOW) == {"name", True, "permissions", "jobs"}
    assert WORKFLOW["permissions"] == {"contents": "read", "security-events": "write"}
    assert JOB["timeout-minutes"] <= 15
    for each in JOB["steps"]:
        assert ("run" in each) is not ("uses" in each)


def test_its_calls_are_accepted_by_the_command_line() -> None:
    calls = [call for text in STEPS.values() for call in calls_in(text)]
    assert len(calls) == 3
    for call in calls:
        assert accept([word for word in call if not word.startswith("$")]) == "check"


def test_the_job_fails_with_an_annotation_for_each_broken_link(runner: dict[str, str]) -> None:
    said = step("Examine the links", runner, status=1)
    assert len(re.findall(r"^::error title=LD\d+", said, re.MULTILINE)) == 6


def test_the_job_passes_where_nothing_is_broken(runner: dict[str, str]) -> None:
    runner["LINKDOCTOR_OPTIONS"] = f"--snapshot {BETA} --select LD1"
    step("Examine the links", runner)


def test_the_summary_and_the_results_are_written_whatever_was_found(
    runner: dict[str, str], tmp_path: Path
) -> None:
    step("Write the summary", runner)
    assert "LD201" in (tmp_path / "summary").read_text()
    (upload,) = (each for each in JOB["steps"] if "upload-sarif" in each.get("uses", ""))
    results = json.loads((tmp_path / upload["with"]["sarif_file"]).read_text())
    assert len(results["runs"][0]["results"]) == 6


def test_what_is_installed_is_found_by_the_later_steps(
    runner: dict[str, str], tmp_path: Path
) -> None:
    wheel = Built(tmp_path).wheel
    step("Install linkdoctor", {**runner, "LINKDOCTOR": str(wheel), "PIP_NO_DEPS": "1"})
    (added,) = (tmp_path / "path").read_text().splitlines()
    assert (Path(added) / "linkdoctor").is_file()
