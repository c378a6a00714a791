"""Those who share a container's namespaces: what a restart does to them, and what `fix` does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from linkdoctor.fix.journal import Journal, read, steps
from linkdoctor.fix.outcome import Result
from linkdoctor.fix.sharing import still_due
from linkdoctor.fix.undo import resume, undo
from linkdoctor.model.actions import Joined, Namespace, Recreate, Restart
from linkdoctor.model.report import Safety

from .examining import advised, codes, diagnose, only_fault, told
from .examining import apply as type_commands
from .fixing import (
    QUICK,
    command_line,
    control_of,
    create,
    environment,
    fix,
    fixed,
    leftovers_of,
    steps_of,
)
from .situations import Lab, refusal

SLEEP = ["sleep", "100000"]
PAGE = (0, "app\n")
OLD = "web-linkdoctor-old"
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "side"}


def share(
    lab: Lab, name: str, *, start: bool = True, labels: Mapping[str, str] | None = None, **host: Any
) -> str:
    """Run a container with a host configuration in the engine's own words."""
    body = {
        "Image": lab.image("lab:base"),
        "Cmd": SLEEP,
        "StopSignal": "SIGKILL",
        "Labels": dict(labels or {}),
        "HostConfig": host,
    }
    identity = create(lab, name, body)
    if start:
        lab.api.start(name)
    return identity


def namespace(lab: Lab, name: str, kind: str) -> str:
    """Which namespace a container lives in; '' while it does not run."""
    pid = lab.pid(name)
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}") if pid else ""
    except FileNotFoundError:  # it ended in between
        return ""


def together(lab: Lab, *names: str, kind: str = "net") -> bool:
    """Whether containers run, and live in one namespace."""
    found = {namespace(lab, name, kind) for name in names}
    return len(found) == 1 and "" not in found


def owner(lab: Lab, **web: Any) -> None:
    """The classic pair, of which web shares its memory with whoever wants it."""
    lab.run("app", listen=5000)
    links = {"Links": ["app:helloapp"], "IpcMode": "shareable", **web}
    body = {
        "Image": lab.image("lab:base"),
        "Cmd": SLEEP,
        "StopSignal": "SIGKILL",
        "Volumes": {"/data": {}},
        "ExposedPorts": {"80/tcp": {}, "81/tcp": {}},
        "HostConfig": links,
    }
    create(lab, "web", body)
    lab.api.start("web")


def all_sharers(lab: Lab) -> None:
    """One of each kind, one of a sharer, and one that does not run."""
    share(lab, "net", NetworkMode="container:web")
    share(lab, "inner", NetworkMode="container:net")
    share(lab, "pid", PidMode="container:web", IpcMode="container:web")
    share(lab, "idle", start=False, NetworkMode="container:web")
    share(lab, "volumes", VolumesFrom=["web"])
    assert lab.exec("web", "echo kept > /data/mark")[0] == 0


def assert_joined(lab: Lab) -> None:
    assert together(lab, "web", "net", "inner")
    assert together(lab, "web", "pid", kind="pid")
    assert together(lab, "web", "pid", kind="ipc")
    assert lab.exec("volumes", ["cat", "/data/mark"]) == (0, "kept\n")
    assert not lab.pid("idle")
    lab.api.start("idle")
    assert together(lab, "web", "idle")


def actions(lab: Lab, home: Path, *further: str) -> list[tuple[str, str]]:
    done = command_line(lab, home, "fix", "--format", "json", *further)
    return [(each["action"]["type"], each["action"]["container"]) for each in steps_of(done)]


# What engines do


def test_a_restart_leaves_sharers_behind_or_kills_them(lab: Lab) -> None:
    owner(lab)
    all_sharers(lab)
    started = lab.inspect("volumes")["State"]["StartedAt"]
    lab.api.restart("web", timeout=0)
    assert not together(lab, "web", "net")
    assert together(lab, "net", "inner")
    assert lab.exec("net", "ip -o link | wc -l") == (0, "1\n"), "loopback only"
    assert lab.inspect("pid")["State"]["ExitCode"] == 137
    assert lab.inspect("volumes")["State"]["StartedAt"] == started
    for name in ("net", "inner", "pid"):
        lab.api.restart(name, timeout=0)
    assert_joined(lab)


def test_after_a_recreation_a_sharer_cannot_be_started(lab: Lab) -> None:
    owner(lab)
    all_sharers(lab)
    share(lab, "memory", IpcMode="container:web")
    identity = lab.inspect("web")["Id"]
    assert lab.inspect("net")["HostConfig"]["NetworkMode"] == f"container:{identity}"
    assert lab.inspect("memory")["HostConfig"]["IpcMode"] == f"container:{identity}"
    lab.rename("web", "web-away")
    share(lab, "web", IpcMode="shareable")
    lab.stop("web-away")
    for name in ("net", "pid", "memory"):
        said = refusal(partial(lab.api.restart, name))
        assert "is not running" in said or "non running" in said
    lab.api.remove_container("web-away")
    for name in ("net", "pid", "memory"):
        assert "No such container" in refusal(partial(lab.api.restart, name))
    lab.api.restart("volumes", timeout=0)
    assert lab.exec("volumes", ["cat", "/data/mark"]) == (0, "kept\n")


def test_a_sharer_that_goes_when_it_stops_lives_through_its_own_restart(lab: Lab) -> None:
    share(lab, "web")
    share(lab, "side", NetworkMode="container:web", AutoRemove=True)
    lab.api.restart("web", timeout=0)
    lab.api.restart("side", timeout=0)
    assert together(lab, "web", "side")


def test_one_of_a_pid_namespace_that_goes_when_it_stops_is_lost(lab: Lab) -> None:
    share(lab, "web")
    share(lab, "side", PidMode="container:web", AutoRemove=True)
    lab.api.restart("web", timeout=0)
    lab.wait_for(lambda: lab.find("side") is None)


# What is planned, and done


def test_sharers_are_restarted_after_their_owner(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    all_sharers(lab)
    lab.move("app")
    share(lab, "stranger", NetworkMode="container:app")
    assert codes(diagnose(lab)) == ["LD201 web/helloapp"]
    plan = command_line(lab, tmp_path, "fix", "--format", "json")
    first, *others = steps_of(plan)
    assert first["action"] == {"type": "restart", "container": "web"}
    assert first["interrupts"] == ["web", "inner", "net", "pid"]
    after = [(each["action"]["type"], each["action"]["container"]) for each in others]
    assert sorted(after) == [("restart", "inner"), ("restart", "net"), ("restart", "pid")]
    assert after.index(("restart", "net")) < after.index(("restart", "inner"))
    fixed(lab, tmp_path, "restart")
    assert told(diagnose(lab)) == []
    assert_joined(lab)
    assert lab.fetch("web", "http://helloapp:5000/") == PAGE


def test_sharers_are_replaced_after_their_owner(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    all_sharers(lab)
    idle = lab.inspect("idle")["Id"]
    lab.recreate("app")
    assert codes(diagnose(lab)) == ["LD102 web/helloapp"]
    plan = command_line(lab, tmp_path, "fix")
    assert "interrupts web, inner, net and pid" in plan.stdout
    assert "recreate inner (in the network namespace of the new net)" in plan.stdout
    fixed(lab, tmp_path, "recreate")
    assert lab.inspect("idle")["Id"] != idle
    assert_joined(lab)
    assert leftovers_of(lab) == []


def test_a_sharer_that_is_named_by_the_start_of_an_id_is_known(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    share(lab, "side", NetworkMode=f"container:{lab.inspect('web')['Id'][:12]}")
    lab.move("app")
    assert actions(lab, tmp_path) == [("restart", "web"), ("restart", "side")]


def test_a_sharer_of_compose_keeps_its_owner_from_being_replaced(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    share(lab, "side", labels=COMPOSE, NetworkMode="container:web")
    lab.recreate("app")
    before = lab.listed()
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "side shares the network namespace of web, and side belongs to the Compose" in words
    assert lab.listed() == before
    assert together(lab, "web", "side")


def test_a_sharer_of_compose_is_restarted_as_any(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    share(lab, "side", labels=COMPOSE, NetworkMode="container:web")
    lab.move("app")
    fixed(lab, tmp_path, "restart")
    assert together(lab, "web", "side")


@pytest.mark.parametrize(
    ("harm", "shared"),
    [("move", {"PidMode": "container:web"}), ("recreate", {"NetworkMode": "container:web"})],
)
def test_a_sharer_that_would_be_lost_keeps_its_owner_as_it_is(
    lab: Lab, tmp_path: Path, harm: str, shared: dict[str, Any]
) -> None:
    owner(lab)
    share(lab, "side", AutoRemove=True, **shared)
    getattr(lab, harm)("app")
    pid = lab.pid("web")
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 1
    assert "(--rm)" in done.stdout
    assert "stop it first" in " ".join(done.stdout.split())
    assert lab.pid("web") == pid
    assert lab.pid("side")


def test_who_waits_for_an_owner_that_is_started_joins_it(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    share(lab, "side", NetworkMode="container:app")
    share(lab, "late", start=False, NetworkMode="container:app")
    share(lab, "idle", start=False, NetworkMode="container:app")
    lab.stop("app")
    assert "non running" in refusal(lambda: lab.api.start("late"))
    done = command_line(lab, tmp_path, "fix", "--allow", "safe")
    assert "side shares its namespaces and has to be restarted after it" in done.stdout
    fixed(lab, tmp_path, "restart")
    assert together(lab, "app", "side", "late")
    assert not lab.pid("idle"), "it was stopped on purpose"


def test_a_start_alone_says_who_is_left_behind(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    share(lab, "side", NetworkMode="container:app")
    lab.stop("app")
    done = command_line(lab, tmp_path, "fix", "--apply", "--yes")
    assert lab.pid("app")
    assert "side shares its namespaces and has to be restarted after it" in done.stdout


# What goes wrong


def test_a_restart_in_vain_leaves_nobody_behind(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    share(lab, "side", NetworkMode="container:web")
    lab.move("app")
    journal = tmp_path / "journal.jsonl"
    outcome = fix(lab, Restart(container="web"), journal, verify=lambda: "it is still there")
    assert outcome.result is Result.NOT_FIXED
    assert not together(lab, "web", "side")
    with control_of(lab) as control:
        assert still_due(control, Restart(container="side")) == Restart(container="side")
        joined = Joined(namespace=Namespace.NETWORK, container="web")
        order = Recreate(container="side", joins=(joined,))
        assert still_due(control, order) == Restart(container="side")
        fix(lab, Restart(container="side"), journal)
        assert still_due(control, order) is None, "it has joined its owner again"
    assert together(lab, "web", "side")


SPOILED = (
    "sed 's/^172.*helloapp/172.17.0.250\\thelloapp/' /etc/hosts > /tmp/h; "
    "cat /tmp/h > /etc/hosts; exec sleep 100000"
)
"""What a container does at each start so that no restart of it helps."""


def test_the_steps_of_sharers_are_due_although_the_owners_was_in_vain(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", command=["sh", "-c", SPOILED])
    share(lab, "side", NetworkMode="container:web")
    lab.wait_for(lambda: "LD302 web/helloapp" in codes(diagnose(lab)))
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert done.returncode == 1
    assert "LD302 web/helloapp is still there" in " ".join(done.stdout.split())
    assert "step 2 of 2: fixed" in done.stderr
    assert together(lab, "web", "side")


def test_a_killed_run_leaves_nobody_behind(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:app", labels={"linkdoctor.expects": "helloapp"})
    share(lab, "side", NetworkMode="container:web")
    share(lab, "pid", PidMode="container:web")
    arguments = ["fix", "--apply", "--allow", "recreate", "--yes", "-H", lab.url]
    process = subprocess.Popen(
        [sys.executable, "-m", "linkdoctor", *arguments],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        lab.wait_for(lambda: (old := lab.find(OLD)) is not None and not old["State"]["Running"], 60)
    finally:
        process.kill()
        process.wait()
    # The guardian brings it to an end; what it cannot, a person does.
    lab.wait_for(lambda: lab.find(OLD) is None and bool(lab.pid("web")), 60)
    lab.wait_for(lambda: together(lab, "web", "side"), 30)
    lab.wait_for(lambda: together(lab, "web", "pid", kind="pid"), 30)
    done = command_line(lab, tmp_path, "fix", "--resume", "auto")
    assert done.returncode == 0, done.stdout + done.stderr
    assert leftovers_of(lab) == []
    assert together(lab, "web", "side")


def test_who_shares_what_is_put_back_is_restarted(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    share(lab, "net", NetworkMode="container:web")
    share(lab, "inner", NetworkMode="container:net")
    share(lab, "pid", PidMode="container:web")
    share(lab, "stranger", NetworkMode="container:app")
    untouched = lab.inspect("stranger")["State"]["StartedAt"]
    journal = tmp_path / "journal.jsonl"
    outcome = fix(lab, Recreate(container="web"), journal, verify=lambda: "it is still there")
    assert outcome.result is Result.UNDONE
    assert together(lab, "web", "net", "inner")
    assert together(lab, "web", "pid", kind="pid")
    assert any("net" in note for note in outcome.notes)
    assert lab.inspect("stranger")["State"]["StartedAt"] == untouched
    assert not [each for each in steps(read(journal)) if each.open]


def test_a_run_that_was_cut_off_leaves_nobody_behind(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    share(lab, "side", NetworkMode="container:web")
    journal = tmp_path / "journal.jsonl"

    def cut() -> str:
        raise SystemExit

    with pytest.raises(SystemExit):
        fix(lab, Recreate(container="web"), journal, verify=cut)
    with control_of(lab) as control, Journal(journal, continued=True) as written:
        resume(written, control, patience=QUICK)
    assert together(lab, "web", "side")


def test_owner_and_sharer_are_taken_back_together(lab: Lab, tmp_path: Path) -> None:
    owner(lab)
    all_sharers(lab)
    identities = {name: lab.inspect(name)["Id"] for name in ("web", "net", "inner", "pid", "idle")}
    journal = tmp_path / "journal.jsonl"
    for name, owner_name in (("web", ""), ("net", "web"), ("inner", "net"), ("pid", "web")):
        namespaces = (Namespace.PID, Namespace.IPC) if name == "pid" else (Namespace.NETWORK,)
        joins = tuple(Joined(namespace=each, container=owner_name) for each in namespaces)
        order = Recreate(container=name, joins=joins if owner_name else ())
        assert fix(lab, order, journal, keep_old=True).result is Result.FIXED, name
    joins = (Joined(namespace=Namespace.NETWORK, container="web"),)
    order = Recreate(container="idle", joins=joins, stays_down=True)
    assert fix(lab, order, journal, keep_old=True).result is Result.FIXED
    assert together(lab, "web", "net", "inner")
    assert not identities.items() & {(each, lab.inspect(each)["Id"]) for each in identities}
    with control_of(lab) as control, Journal(journal, continued=True) as written:
        outcomes = undo(written, control, patience=QUICK)
    assert {each.result for each in outcomes} == {Result.UNDONE}
    assert {name: lab.inspect(name)["Id"] for name in identities} == identities
    assert_joined(lab)


@pytest.mark.parametrize("option", ["--carry-files", "--keep-old", None])
def test_a_sharer_that_wrote_files_keeps_them_and_is_no_fault_aside(
    lab: Lab, tmp_path: Path, option: str | None
) -> None:
    owner(lab)
    share(lab, "net", NetworkMode="container:web")
    share(lab, "idle", start=False, NetworkMode="container:web")
    assert lab.exec("net", "echo precious > /state")[0] == 0
    lab.recreate("app")
    fixed(lab, tmp_path, "recreate", *([option] if option else []))
    assert together(lab, "web", "net")
    carried = option == "--carry-files"
    assert (lab.exec("net", "cat /state") == (0, "precious\n")) == carried
    assert ("/net-linkdoctor-old" in leftovers_of(lab)) != carried
    assert codes(diagnose(lab)) == []
    fixed(lab, tmp_path, "recreate")
    new = lab.inspect("net")["Id"]
    done = command_line(lab, tmp_path, "fix", "--undo", "--yes")
    assert done.returncode == 1, "its owner is gone or cannot start, so it stays as it is"
    assert lab.inspect("net")["Id"] == new
    assert together(lab, "web", "net")


def test_a_sharer_is_never_restarted_without_its_owner(lab: Lab, tmp_path: Path) -> None:
    share(lab, "web")
    share(lab, "side", NetworkMode="container:web")
    lab.stop("web")
    journal = tmp_path / "journal.jsonl"
    for action in (Restart(container="side"), Recreate(container="side")):
        outcome = fix(lab, action, journal)
        assert (outcome.result, outcome.step) == (Result.NOT_FIXED, None)
        assert "does not run" in outcome.reason
    lab.remove("web")
    outcome = fix(lab, Restart(container="side"), journal)
    assert "there is no container" in outcome.reason
    assert lab.pid("side")


# What is printed


def test_the_printed_restart_leaves_nobody_behind(lab: Lab) -> None:
    owner(lab)
    all_sharers(lab)
    lab.move("app")
    fix = advised(only_fault(diagnose(lab)), Safety.RESTART)
    assert fix.commands[0] == "docker restart web"
    type_commands(lab, fix)
    assert_joined(lab)


def test_the_printed_recreation_leaves_nobody_behind(lab: Lab) -> None:
    lab.image("lab:sleeping", command=SLEEP)
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", image="lab:sleeping", command=[])
    lab.run("side", image="lab:sleeping", command=[], network_mode="container:web")
    create(
        lab,
        "idle",
        {"Image": "lab:sleeping", "HostConfig": {"NetworkMode": "container:web"}},
    )
    lab.recreate("app")
    fix = advised(only_fault(diagnose(lab)), Safety.RECREATE)
    type_commands(lab, fix)
    assert told(diagnose(lab)) == []
    assert together(lab, "web", "side")
    assert not lab.pid("idle")
    lab.api.start("idle")
    assert together(lab, "web", "idle")


def test_the_printed_start_says_who_has_to_be_restarted(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    share(lab, "side", NetworkMode="container:app")
    lab.stop("app")
    report = diagnose(lab)
    assert codes(report) == ["LD113 side/", "LD101 web/helloapp"], "side is cut off meanwhile"
    (fix,) = (each.fixes[0] for each in report.findings if each.code == "LD101")
    assert fix.commands == ("docker start app", "docker restart side")
    assert fix.safety is Safety.RESTART, "it interrupts side"
    type_commands(lab, fix)
    assert together(lab, "app", "side")
