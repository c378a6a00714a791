"""The verdict on real engines: what it is about, what is too early, cut off or accepted."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from linkdoctor.model.evidence import Gap
from linkdoctor.model.report import ExitCode, exit_code

from .examining import codes, diagnose, look, report
from .fixing import command_line, create
from .nameserver import ANYTHING, nameserver
from .situations import Lab

LATER = ["sh", "-c", "sleep 8; exec httpd -f -p 5000"]
SERVER = "lab:server"
SECOND = 1_000_000_000
STRANGER = "10.9.9.9"


def checked(lab: Lab, home: Path, *arguments: str, code: int) -> subprocess.CompletedProcess[str]:
    """What `check` says of the lab, as it is, right now."""
    done = command_line(lab, home, "check", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def as_json(lab: Lab, home: Path, *arguments: str, code: int) -> dict[str, Any]:
    """The same in JSON."""
    done = checked(lab, home, "--format", "json", *arguments, code=code)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def gaps(found: dict[str, Any]) -> set[tuple[str, str]]:
    """The skipped rules, each with its gap."""
    return {(each["code"], each["gap"]) for each in found["skipped"]}


# What just started


def test_a_source_that_comes_up_late_is_waited_for(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", expose=[5000], command=LATER)
    lab.run("web", link="app:helloapp")
    found = as_json(lab, tmp_path, code=0)
    assert ("LD502", "too-early") in gaps(found)
    assert {gap for _, gap in gaps(found)} == {"too-early"}
    assert found["summary"]["too_early"] == len(found["skipped"])
    started = time.monotonic()
    settled = checked(lab, tmp_path, "--settle", "60", code=0)
    assert settled.stdout == "✓ healthy: 1 link between 2 containers on host1\n"
    assert time.monotonic() - started < 30


def test_a_source_that_never_comes_up_is_found_after_it_settled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", expose=[5000])
    lab.run("web", link="app:helloapp")
    checked(lab, tmp_path, code=0)
    found = as_json(lab, tmp_path, "--settle", "30", code=1)
    assert [each["code"] for each in found["findings"]] == ["LD502"]
    assert found["summary"]["too_early"] == 0


def test_a_health_check_that_does_not_decide_is_waited_for_no_longer_than_said(
    lab: Lab, tmp_path: Path
) -> None:
    lab.image(SERVER, expose=[5000], command=["httpd", "-f", "-p", "5000"])
    check = {"Test": ["CMD", "false"], "Interval": SECOND, "StartPeriod": 60 * SECOND}
    create(lab, "app", {"Image": SERVER, "Healthcheck": check})
    lab.start("app")
    lab.run("web", link="app:helloapp")
    started = time.monotonic()
    found = as_json(lab, tmp_path, "--settle", "4", code=0)
    assert 4 <= time.monotonic() - started < 15
    assert ("LD106", "too-early") in gaps(found)


def test_a_clock_that_was_set_back_hides_nothing(lab: Lab) -> None:
    """A start that lies in the future is none that just was."""
    lab.run("app", expose=[5000])
    lab.run("web", link="app:helloapp")
    (snapshot,) = look(lab).snapshots
    earlier = datetime.fromisoformat(snapshot.taken_at) - timedelta(hours=1)
    set_back = msgspec.structs.replace(snapshot, taken_at=earlier.isoformat())
    found = report(msgspec.structs.replace(look(lab), snapshots=(set_back,)))
    assert codes(found) == ["LD502 web/helloapp"]
    assert found.skipped == ()


# What was cut


def test_a_name_in_a_hosts_file_that_is_too_large_is_not_called_missing(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    code, _ = lab.exec(
        "web",
        "cp /etc/hosts /tmp/own && { cat /tmp/own | grep -v helloapp; "
        "i=0; while [ $i -lt 16000 ]; do echo 0.0.0.0 advertiser$i.example; i=$((i+1)); done; "
        "grep helloapp /tmp/own; } > /tmp/all && cat /tmp/all > /etc/hosts",
    )
    assert code == 0
    assert len(lab.hosts_file("web")) > 256 * 1024
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    found = as_json(lab, tmp_path, code=3)
    assert found["findings"] == []
    assert ("LD303", "cut") in gaps(found)
    assert found["summary"]["verdict"] == "incomplete"
    said = checked(lab, tmp_path, "--accept-missing", "cut", code=0).stdout
    assert "accepted as missing (cut)" in said


def test_a_container_that_asks_for_much_leaves_the_others_their_questions(lab: Lab) -> None:
    lab.network("back")
    names = {f"A{number:03}_URL": f"http://host{number:03}/" for number in range(80)}
    lab.run("a-hog", network="back", env=names)
    lab.run("web", network="back", link="app:helloapp")
    with nameserver(lab, "a-hog", {}), nameserver(lab, "web", {ANYTHING: STRANGER}):
        found = diagnose(lab)
    assert "LD307 web/helloapp" in codes(found)
    cut = [each for each in found.skipped if each.gap is Gap.CUT]
    assert {each.subject for each in cut} == {"a-hog"}
    assert exit_code(found) is ExitCode.FINDINGS


def test_the_port_that_is_listened_on_is_probed_though_many_are_exposed(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", expose=list(range(5000, 5100)), listen=5090)
    lab.run("web", link="app:helloapp")
    found = as_json(lab, tmp_path, "--probe", "--settle", "30", code=0)
    assert [each for each in found["findings"] if each["severity"] != "info"] == []
    assert not {each for each in gaps(found) if each[0] == "LD510"}


# What it is about


@pytest.fixture
def half(lab: Lab) -> Lab:
    """A link that works, and one whose source came back elsewhere."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.run("db", listen=5432)
    lab.run("shop", link="db:db")
    lab.move("db")
    return lab


def test_the_verdict_on_one_container_counts_the_rest(half: Lab, tmp_path: Path) -> None:
    assert checked(half, tmp_path, "web", code=0).stdout == (
        "✓ web: nothing wrong (1 link); 1 error elsewhere on host1\n"
    )
    assert checked(half, tmp_path, "shop", code=1).stdout.startswith(
        "✗ shop: 1 error (1 link); nothing wrong elsewhere on host1\n"
    )
    found = as_json(half, tmp_path, "web", code=0)
    assert found["scope"]["containers"] == ["web"]
    assert found["scope"]["elsewhere"]["error"] == 1
    assert "not looked at: " in checked(half, tmp_path, "--select", "LD5", code=0).stdout
    assert "did you mean 'web'?" in checked(half, tmp_path, "wbe", code=2).stderr


# One cause, one finding


def test_a_link_of_compose_is_one_fault(lab: Lab, tmp_path: Path) -> None:
    def labels(service: str) -> dict[str, str]:
        prefix = "com.docker.compose"
        return {
            f"{prefix}.project": "shop",
            f"{prefix}.service": service,
            f"{prefix}.container-number": "1",
        }

    lab.run("shop_db_1", listen=5432, labels=labels("db"))
    links = [f"shop_db_1:{alias}" for alias in ("db", "db_1", "shop_db_1")]
    lab.run("shop_web_1", link=links, labels=labels("web"))
    lab.move("shop_db_1")
    found = as_json(lab, tmp_path, code=1)
    (finding,) = found["findings"]
    assert (finding["code"], finding["alias"]) == ("LD201", "db")
    assert finding["aliases"] == ["db_1", "shop_db_1"]
    assert found["summary"]["error"] == 1
    lab.restart("shop_web_1")
    checked(lab, tmp_path, "--settle", "20", code=0)
