"""Label and baseline on a real engine, as cron and a person use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .situations import Lab


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def check(lab: Lab, home: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """`linkdoctor check` as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "linkdoctor", "check", *map(str, options)],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "DOCKER_HOST": lab.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def errors(said: subprocess.CompletedProcess[str]) -> list[str]:
    return [
        f"{each['code']} {each['target']}/{each['alias']}"
        for each in json.loads(said.stdout)["findings"]
        if each["severity"] != "info"
    ]


def test_cron_hears_only_what_is_new(lab: Lab, home: Path) -> None:
    known = home / "known.json"
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    first = check(lab, home, "--write-baseline", known)
    assert first.returncode == 1
    assert "LD201 stale-env   web → app as helloapp" in first.stdout

    cron = ("-q", "--baseline", known)
    again = check(lab, home, *cron)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    lab.run("db", listen=5432)
    lab.run("report", link="db:db")
    lab.move("db")
    new = check(lab, home, *cron)
    assert (new.returncode, new.stderr) == (1, "")
    assert new.stdout.startswith("✗ 1 error")
    told = check(lab, home, "--baseline", known, "--format", "json")
    assert errors(told) == ["LD201 report/db"]
    assert json.loads(told.stdout)["summary"]["suppressed"] >= 1

    lab.restart("web")  # what is known is fixed
    after = check(lab, home, "--baseline", known)
    assert after.returncode == 1
    assert "of the baseline stand for nothing that is found any more" in after.stderr
    lab.restart("report")
    assert check(lab, home, *cron).returncode == 0


def test_a_label_speaks_for_its_container(lab: Lab, home: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", labels={"linkdoctor.ignore": "stale-env, LD999"})
    lab.run("blog", link="app:helloapp")
    lab.move("app")
    said = check(lab, home, "--format", "json", "--show-suppressed")
    assert said.returncode == 1
    assert errors(said) == ["LD201 blog/helloapp"]
    assert [
        (each["finding"]["code"], each["finding"]["target"], each["by"][0]["entry"])
        for each in json.loads(said.stdout)["suppressed"]
    ] == [("LD201", "web", "linkdoctor.ignore=stale-env")]
    assert "label linkdoctor.ignore of web on host1: LD999: no rule has that name" in said.stderr
    assert check(lab, home, "-q", "--ignore", "LD201@blog/helloapp").returncode == 0
