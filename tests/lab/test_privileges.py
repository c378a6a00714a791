"""What a user sees who may use the engine's socket and nothing more."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .lowered import DOCKER, LINKDOCTOR, ROOT, as_user, run
from .situations import Lab

EXAMINING = """
import sys
from linkdoctor.render.as_json import render_json
from tests.lab.examining import look, report
sys.stdout.write(render_json(report(look(sys.argv[1]))))
"""


@pytest.fixture
def group_docker(lab: Lab) -> Iterator[Lab]:
    """The lab's socket belongs to the group docker for a while."""
    home, path = lab.engine.home, lab.engine.socket
    mode = home.stat().st_mode
    home.chmod(0o711)
    os.chown(path, 0, DOCKER)
    yield lab
    os.chown(path, 0, 0)
    home.chmod(mode)


def diagnosed(lab: Lab) -> dict[str, Any]:
    """The report that the unprivileged user gets, wherever the checkout lies."""
    words = [*as_user(()), sys.executable, "-c", EXAMINING, lab.url]
    done = run(words, environment={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_environment_and_hosts_file_come_through_the_engine(group_docker: Lab) -> None:
    lab = group_docker
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    report = diagnosed(lab)
    (finding,) = report["findings"]
    assert finding["code"] == "LD201"
    assert {each["where"] for each in finding["evidence"]} == {"docker top", "docker events"}


def test_what_only_root_sees_is_said_to_be_missing(group_docker: Lab) -> None:
    lab = group_docker
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    report = diagnosed(lab)
    assert report["findings"] == []
    stored = {"LD108", "LD109", "LD110", "LD305"}
    assert {each["code"] for each in report["skipped"]} == {
        *("LD406", "LD407", "LD502", "LD503", "LD513", "LD514", "LD604"),
        *stored,
    }
    assert all("root" in each["reason"] for each in report["skipped"])
    assert report["summary"]["verdict"] == "incomplete"
    assert report["hosts"][0]["evidence"] == "partial"


# What is shipped for those who are not root


def checked(lab: Lab, *options: str) -> subprocess.CompletedProcess[bytes]:
    """What `check` tells a member of the group docker."""
    return run([*as_user(()), *LINKDOCTOR, "check", "--host", lab.url, *options])


def shipped() -> list[str]:
    """The options of the workflow for GitHub, whose user is such a member."""
    workflow = yaml.safe_load((ROOT / "deploy" / "github" / "linkdoctor.yml").read_text())
    return shlex.split(workflow["jobs"]["links"]["env"]["LINKDOCTOR_OPTIONS"])


def test_a_healthy_host_passes_without_root_where_that_is_accepted(group_docker: Lab) -> None:
    lab = group_docker
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    assert checked(lab).returncode == 3, "the contract: what was not seen is not healthy"
    done = checked(lab, *shipped())
    assert done.returncode == 0, done.stdout.decode()
    said = done.stdout.decode()
    assert said.startswith("✓ healthy: 1 link between 2 containers on host1; ")
    assert "accepted as missing (root)" in said
    found = json.loads(checked(lab, *shipped(), "--format", "json").stdout)
    assert found["summary"]["verdict"] == "healthy"
    assert found["summary"]["accepted"] == len(found["skipped"]) > 0
    assert all(each["accepted"] for each in found["skipped"])
    assert checked(lab, "--accept-missing", "firewall").returncode == 3


def test_what_is_accepted_as_missing_hides_no_fault(group_docker: Lab) -> None:
    lab = group_docker
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    done = checked(lab, *shipped())
    assert done.returncode == 1
    assert "LD201" in done.stdout.decode()
    gone = run([*as_user(()), *LINKDOCTOR, "check", "--host", f"{lab.url}x", *shipped()])
    assert gone.returncode == 3
