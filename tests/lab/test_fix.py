"""`linkdoctor fix` on a real engine: each fault that it can fix is fixed, and nothing is lost."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import linkdoctor
from linkdoctor.fix.lock import locked

from .examining import codes, diagnose, told
from .fixing import command_line, control_of, environment, fixed, steps_of
from .situations import Lab, refusal

PAGE = (0, "app\n")
MARK = "/data/mark"


class Fault(NamedTuple):
    """A fault, how it is made, and what `check` calls it."""

    code: str
    make: Callable[[Lab], object]
    reaches: str | None = "http://helloapp:5000/"
    """What the target gets through the link when all is well; None where that is not the point."""
    target: str = "web"


def pair(lab: Lab, **web: Any) -> None:
    """The classic pair; the target has data in a volume without a name."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", binds=["/data"], **web)
    code, said = lab.exec("web", f"echo kept > {MARK}")
    assert code == 0, said


def stopped(lab: Lab) -> None:
    pair(lab)
    lab.stop("app")


def ghost(lab: Lab) -> None:
    pair(lab)
    lab.recreate("app")


def paused(lab: Lab) -> None:
    pair(lab)
    lab.pause("app")


def boot_order(lab: Lab) -> None:
    pair(lab, restart="always")


def dropped(lab: Lab) -> None:
    pair(lab)
    lab.api.remove_container("web/helloapp", link=True)


def renamed_source(lab: Lab) -> None:
    pair(lab)
    lab.rename("app", "app2")


def moved(lab: Lab) -> None:
    pair(lab)
    lab.move("app")


def other_alias(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:app", labels={"linkdoctor.expects": "helloapp"}, binds=["/data"])
    lab.exec("web", f"echo kept > {MARK}")


def hosts_changed(lab: Lab) -> None:
    pair(lab)
    edit = "sed s/^172.*helloapp/172.17.0.250\\\\thelloapp/ /etc/hosts > /tmp/h"
    assert lab.exec("web", f"{edit} && cat /tmp/h > /etc/hosts")[0] == 0


def hosts_line_gone(lab: Lab) -> None:
    pair(lab)
    assert (
        lab.exec("web", "grep -v helloapp /etc/hosts > /tmp/h && cat /tmp/h > /etc/hosts")[0] == 0
    )


def apart(lab: Lab) -> None:
    lab.network("front")
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="front", link="app:helloapp", binds=["/data"])
    lab.exec("web", f"echo kept > {MARK}")


def without_network(lab: Lab) -> None:
    pair(lab, network_mode="none")


def refused(lab: Lab) -> None:
    pair(lab, restart="on-failure")
    lab.stop("web", "app")
    assert "non running" in refusal(lambda: lab.start("web"))


def left_the_bridge(lab: Lab) -> None:
    pair(lab)
    lab.network("net1")
    lab.connect("net1", "web")
    lab.disconnect("bridge", "web")


def one_prefix(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=81)
    lab.run("web", link=["one:a-2", "two:a-2x", "two:a_2"], binds=["/data"])
    lab.exec("web", f"echo kept > {MARK}")


def alias_twice(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=81)
    lab.run("web", link=["one:db", "two:db"], binds=["/data"])
    lab.exec("web", f"echo kept > {MARK}")


def alias_localhost(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:localhost", binds=["/data"])
    lab.exec("web", f"echo kept > {MARK}")


def nothing_exposed(lab: Lab) -> None:
    lab.run("app", listen=5000, expose=[])
    lab.run("web", link="app:helloapp", binds=["/data"])
    lab.exec("web", f"echo kept > {MARK}")


def unpublished(lab: Lab) -> None:
    labels = {"linkdoctor.publish": "8080"}
    lab.run("web", listen=8080, labels=labels, binds=["/data"])
    lab.exec("web", f"echo kept > {MARK}")


FAULTS = (
    Fault("LD101", stopped),
    Fault("LD102", ghost),
    Fault("LD104", refused),
    Fault("LD105", paused),
    Fault("LD107", boot_order),
    Fault("LD109", dropped),
    Fault("LD110", renamed_source),
    Fault("LD112", left_the_bridge),
    Fault("LD201", moved),
    Fault("LD206", one_prefix, reaches=None),
    Fault("LD301", other_alias),
    Fault("LD302", hosts_changed),
    Fault("LD303", hosts_line_gone),
    Fault("LD305", alias_twice, reaches=None),
    Fault("LD308", alias_localhost, reaches="http://app:5000/"),
    Fault("LD402", apart),
    Fault("LD404", without_network),
    Fault("LD501", nothing_exposed),
    Fault("LD505", unpublished, reaches=None),
)


@pytest.mark.parametrize("fault", FAULTS, ids=[each.code for each in FAULTS])
def test_a_fault_is_fixed_and_nothing_is_lost(fault: Fault, lab: Lab, tmp_path: Path) -> None:
    fault.make(lab)
    assert [each.split()[0] for each in codes(diagnose(lab))] == [fault.code]
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(diagnose(lab)) == []
    assert lab.exec(fault.target, ["cat", MARK]) == (0, "kept\n")
    if fault.reaches:
        lab.wait_listening("app", 5000)
        assert lab.fetch(fault.target, fault.reaches) == PAGE
    names = {name for each in lab.listed().values() for name in each}
    assert not [name for name in names if "linkdoctor" in name], "an old container was left"


def test_a_plan_changes_nothing(lab: Lab, tmp_path: Path) -> None:
    ghost(lab)
    before = (lab.inspect("web"), lab.inspect("app"))
    plan_file = tmp_path / "plan.json"
    done = command_line(lab, tmp_path, "fix", "--plan-out", str(plan_file))
    assert done.returncode == 1
    assert "nothing has been changed" in done.stdout
    assert (lab.inspect("web"), lab.inspect("app")) == before
    plan = json.loads(plan_file.read_text())
    assert plan["schema"] == "linkdoctor.plan/1"
    assert [step["action"]["type"] for step in plan["steps"]] == ["recreate"]


def test_only_what_is_allowed_is_done_and_the_rest_is_counted(lab: Lab, tmp_path: Path) -> None:
    ghost(lab)
    identity = lab.inspect("web")["Id"]
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert done.returncode == 1
    assert "--allow recreate would allow 1 more step" in done.stdout
    assert lab.inspect("web")["Id"] == identity
    assert lab.pid("web")


def test_a_target_with_a_ghost_is_never_restarted(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("web", link=["app:helloapp", "db:db"])
    lab.move("app")
    lab.recreate("db")
    started = lab.inspect("web")["State"]["StartedAt"]
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert done.returncode == 1
    assert lab.inspect("web")["State"]["StartedAt"] == started
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(diagnose(lab)) == []


def test_several_faults_of_several_targets_are_one_plan(lab: Lab, tmp_path: Path) -> None:
    for name in ("app", "db", "cache"):
        lab.run(name, listen=5000)
    lab.run("web", link=["app:app", "db:db"])
    lab.run("shop", link=["app:app", "cache:cache"])
    lab.run("report", link=["db:db"])
    lab.move("app")
    lab.recreate("db")
    lab.stop("cache")
    done = command_line(lab, tmp_path, "fix", "--format", "json")
    steps = [(each["action"]["type"], each["action"]["container"]) for each in steps_of(done)]
    assert steps.index(("start", "cache")) < steps.index(("restart", "shop"))
    assert sorted(steps) == [
        ("recreate", "report"),
        ("recreate", "web"),
        ("restart", "shop"),
        ("start", "cache"),
    ]
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(diagnose(lab)) == []


def test_what_was_done_is_taken_back(lab: Lab, tmp_path: Path) -> None:
    other_alias(lab)
    identity = lab.inspect("web")["Id"]
    journal = tmp_path / "journal.jsonl"
    arguments = ("--apply", "--allow", "recreate", "--yes", "--keep-old", "--journal", str(journal))
    done = command_line(lab, tmp_path, "fix", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.inspect("web")["Id"] != identity
    done = command_line(lab, tmp_path, "fix", "--undo", str(journal), "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.inspect("web")["Id"] == identity
    assert lab.pid("web")


def test_a_container_of_compose_is_left_to_compose(lab: Lab, tmp_path: Path) -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", labels=labels)
    lab.recreate("app")
    identity = lab.inspect("web")["Id"]
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 1
    assert "docker compose" in done.stdout
    assert lab.inspect("web")["Id"] == identity


# Where only linked containers may talk


def test_a_blocked_link_is_opened_by_a_restart(quiet_lab: Lab, tmp_path: Path) -> None:
    pair(quiet_lab)
    for rule in quiet_lab.engine.inside("iptables", "-S", "DOCKER").splitlines():
        if rule.startswith("-A DOCKER -s "):
            quiet_lab.engine.inside("iptables", *rule.replace("-A", "-D", 1).split())
    assert codes(diagnose(quiet_lab)) == ["LD603 web/helloapp"]
    fixed(quiet_lab, tmp_path, "restart")
    assert told(diagnose(quiet_lab)) == []
    assert quiet_lab.fetch("web", "http://helloapp:5000/") == PAGE


def test_a_link_whose_rules_lead_elsewhere_is_opened_and_the_rest_is_advice(
    quiet_lab: Lab, tmp_path: Path
) -> None:
    pair(quiet_lab)
    quiet_lab.move("app")
    assert "LD602 web/helloapp" in codes(diagnose(quiet_lab))
    done = command_line(quiet_lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert done.returncode == 1
    assert "iptables" in done.stdout, "deleting a rule is for a person"
    assert codes(diagnose(quiet_lab)) == ["LD602 web/"]
    assert quiet_lab.fetch("web", "http://helloapp:5000/") == PAGE
    assert quiet_lab.exec("web", ["cat", MARK]) == (0, "kept\n")


def test_a_source_is_replaced_with_its_data_and_its_targets_after_it(
    quiet_lab: Lab, tmp_path: Path
) -> None:
    serve = "httpd -p 9000 -h /data; exec httpd -f -p 5000 -h /data"
    quiet_lab.run("app", command=["sh", "-c", serve], expose=[5000], binds=["/data"])
    quiet_lab.wait_listening("app", 9000)
    assert quiet_lab.exec("app", "echo kept > /data/index.html")[0] == 0
    quiet_lab.run("web", link="app:api", env={"API_URL": "http://api:9000/"}, binds=["/data"])
    quiet_lab.run("shop", link="app:app")
    assert codes(diagnose(quiet_lab)) == ["LD504 web/api"]

    def replaced() -> list[str]:
        done = command_line(quiet_lab, tmp_path, "fix", "--format", "json")
        return [each["action"]["container"] for each in steps_of(done)]

    # For a while after its start a container is not blamed for what it listens on.
    quiet_lab.wait_for(lambda: bool(replaced()), 20.0)
    assert replaced() == ["app", "shop", "web"]
    fixed(quiet_lab, tmp_path, "recreate")
    quiet_lab.wait_listening("app", 9000)
    # The engine may forget to delete the rules of a link whose source goes before its target.
    assert set(told(diagnose(quiet_lab))) <= {"LD602 /"}
    assert quiet_lab.fetch("web", "http://api:9000/") == (0, "kept\n")


def test_a_source_that_a_ghost_keeps_down_is_replaced_before_its_target(
    lab: Lab, tmp_path: Path
) -> None:
    """web → app → db: db was recreated, and app's restart failed because of it."""
    lab.run("db", listen=5432)
    lab.run("app", link="db:db", listen=5000, binds=["/data"])
    lab.run("web", link="app:helloapp")
    assert lab.exec("app", f"echo kept > {MARK}")[0] == 0
    lab.recreate("db")
    refusal(lambda: lab.restart("app"))
    assert "LD101 web/helloapp" in codes(diagnose(lab))
    fixed(lab, tmp_path, "recreate")
    assert told(diagnose(lab)) == []
    assert lab.fetch("web", "http://helloapp:5000/") == PAGE
    assert lab.exec("app", ["cat", MARK]) == (0, "kept\n")


def test_a_replacement_that_does_not_run_is_no_success(lab: Lab, tmp_path: Path) -> None:
    """The old one has a ghost link and cannot be put back: nothing serves, and `check` is quiet."""
    lab.run("app", listen=5000)
    once = "test -e /vol/first && exit 3; touch /vol/first; while :; do sleep 1; done"
    lab.run("once", link="app:db", command=["sh", "-c", once], binds=["once:/vol"])
    lab.recreate("app")
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert "not-fixed: it ended at once, with exit code 3" in done.stdout
    assert "once-linkdoctor-old is kept" in done.stdout
    assert done.returncode == 1


# What a person may say


def test_steps_are_picked_at_a_terminal(lab: Lab, tmp_path: Path) -> None:
    for name in ("app", "db"):
        lab.run(name, listen=5000)
        lab.run(f"{name}-user", link=f"{name}:peer")
        lab.stop(name)
    done = at_a_terminal(lab, tmp_path, "2\nnone\n", "fix", "--apply", "--interactive")
    assert done.returncode == 1
    assert (bool(lab.pid("app")), bool(lab.pid("db"))) == (False, True)
    assert "1 step of 2 carried out" in done.stdout


def test_each_step_is_asked_for_at_a_terminal(lab: Lab, tmp_path: Path) -> None:
    for name in ("app", "db"):
        lab.run(name, listen=5000)
        lab.run(f"{name}-user", link=f"{name}:peer")
        lab.stop(name)
    done = at_a_terminal(lab, tmp_path, "y\nq\n", "fix", "--apply")
    assert done.returncode == 1
    assert (bool(lab.pid("app")), bool(lab.pid("db"))) == (True, False)
    assert not lab.find("db-linkdoctor-old")


def test_nothing_was_cut_off(lab: Lab, tmp_path: Path) -> None:
    done = command_line(lab, tmp_path, "fix", "--resume", "auto")
    assert (done.returncode, done.stdout) == (0, "nothing was left to do\n")


def test_two_runs_at_once_exclude_each_other(lab: Lab, tmp_path: Path) -> None:
    stopped(lab)
    with control_of(lab) as control, locked(control.installation(), at=lab.engine.socket):
        done = command_line(lab, tmp_path, "fix", "--apply", "--yes")
    assert (done.returncode, done.stdout) == (3, "")
    assert f"process {os.getpid()}" in done.stderr
    assert not lab.pid("app")
    fixed(lab, tmp_path, "safe")


def at_a_terminal(
    lab: Lab, home: Path, keys: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """The command line with a terminal to ask at, where these keys are typed."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, keys.encode())
        return subprocess.run(
            [sys.executable, "-m", "linkdoctor", *arguments, "-H", lab.url],
            env=environment(home),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_program_does_the_same_through_the_public_api(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ghost(lab)
    engine = linkdoctor.Url(lab.url)
    scope = linkdoctor.Scope(engines=(engine,))
    assert [each.code for each in linkdoctor.diagnose([engine]).findings] == ["LD102"]
    assert [each.safety for each in linkdoctor.plan(scope).steps] == [linkdoctor.Safety.RECREATE]
    identity = lab.inspect("web")["Id"]
    assert linkdoctor.apply(scope).report.summary.error == 1
    assert lab.inspect("web")["Id"] == identity, "a recreation was not allowed"
    applied = linkdoctor.apply(scope, allow=linkdoctor.Safety.RECREATE)
    assert applied.report.summary.error == 0
    assert lab.inspect("web")["Id"] != identity
