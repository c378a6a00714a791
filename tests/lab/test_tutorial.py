"""The classic tutorial, broken in three ways and fixed, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from linkdoctor.api import Examination as Seen
from linkdoctor.api import demo_snapshots, load_rules, report_on
from linkdoctor.model.report import Fix

from .examining import apply, look
from .recording import DEMO, HELLO, make_situation, settled
from .situations import Lab

HEALTHY = 0
FINDINGS = 1


def check(lab: Lab, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`linkdoctor check` as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "linkdoctor", "check", *options],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "DOCKER_HOST": lab.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def findings(lab: Lab, home: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The findings of `check --format json`, by code, target and alias."""
    result = check(lab, home, "--format", "json")
    assert result.returncode in (HEALTHY, FINDINGS), result.stderr
    return {
        (each["code"], each["target"], each["alias"]): each
        for each in json.loads(result.stdout)["findings"]
    }


def first_fix(finding: dict[str, Any]) -> Fix:
    """The first fix that a finding advises for the docker client."""
    fixes = msgspec.convert(finding["fixes"], list[Fix])
    return next(fix for fix in fixes if not fix.commands[0].startswith("linkdoctor "))


def test_each_fault_is_named_proved_and_fixed_by_its_printed_fix(lab: Lab, tmp_path: Path) -> None:
    server = lab.image(
        "shop/app:1",
        expose=[5000],
        command=["httpd", "-f", "-p", "5000", "-h", "/srv"],
        files={"/srv/index.html": "hello\n"},
    )
    client = lab.image("shop/web:1", command=["sleep", "100000"])
    hello = lab.image(HELLO, command=["sleep", "100000"])
    lab.run("app", image=server, command=[])
    lab.run("web", image=client, command=[], link="app:helloapp", publish_all=True)
    lab.run("db", image=server, command=[])
    lab.run("report", image=client, command=[], link="db:db")
    lab.run("hello", image=hello, command=[], link="db:app")
    lab.move("app")
    lab.recreate("db")
    lab.recreate("hello")

    found = findings(lab, tmp_path)
    assert set(found) == {
        ("LD201", "web", "helloapp"),
        ("LD102", "report", "db"),
        ("LD301", "hello", "helloapp"),
    }
    assert all(each["evidence"] for each in found.values())
    text = check(lab, tmp_path).stdout
    assert text.startswith("✗ 3 errors on host1")
    assert "docker restart web" in text
    assert "docker restart report" not in text

    for finding in found.values():
        apply(lab, first_fix(finding))
    for name in ("report-before", "hello-before"):
        lab.remove(name)
    after = check(lab, tmp_path)
    assert after.stdout.count("\n") == 1, after.stdout
    assert after.stdout.startswith("✓ healthy")
    assert after.returncode == HEALTHY


def test_the_recorded_hosts_hold_the_faults_they_are_said_to_hold() -> None:
    report = report_on(Seen(snapshots=demo_snapshots()), load_rules())
    assert {(each.host, each.code, each.target, each.alias) for each in report.findings} == DEMO
    assert report.skipped == ()


def test_the_recording_can_be_made_anew(two_hosts: tuple[Lab, Lab]) -> None:
    first, second = two_hosts
    make_situation(first, second)
    report = report_on(Seen(snapshots=settled(look(first, second))), load_rules())
    names = {"host1": "alpha", "host2": "beta"}
    assert {
        (names[each.host], each.code, each.target, each.alias) for each in report.findings
    } == DEMO
