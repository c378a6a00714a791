"""What a user sees who may use the engine's socket and nothing more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .situations import Lab

NOBODY = 65534
AS_NOBODY = f"""
import os, sys
import dns.resolver, encodings.idna, zlib
from linkdoctor.api import load_rules
from linkdoctor.render.as_json import render_json
from tests.lab.examining import look, report
load_rules()
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.stdout.write(render_json(report(look(sys.argv[1]))))
"""
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def socket_for_nobody(lab: Lab) -> Iterator[Lab]:
    """The lab's socket belongs to a group of the unprivileged user for a while."""
    home, path = lab.engine.home, lab.engine.socket
    mode = home.stat().st_mode
    home.chmod(0o711)
    os.chown(path, 0, NOBODY)
    yield lab
    os.chown(path, 0, 0)
    home.chmod(mode)


def diagnosed(lab: Lab) -> dict[str, Any]:
    """The report that the unprivileged user gets."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, lab.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_environment_and_hosts_file_come_through_the_engine(socket_for_nobody: Lab) -> None:
    lab = socket_for_nobody
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    report = diagnosed(lab)
    (finding,) = report["findings"]
    assert finding["code"] == "LD201"
    assert {each["where"] for each in finding["evidence"]} == {"docker top", "docker events"}


def test_what_only_root_sees_is_said_to_be_missing(socket_for_nobody: Lab) -> None:
    lab = socket_for_nobody
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
