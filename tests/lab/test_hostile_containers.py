"""Containers that plant what is not theirs, and pids that lead to strangers: nothing is learnt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linkdoctor.api import Examination
from linkdoctor.collect.process import environment_of
from linkdoctor.collect.procfs import NotProven, hold, read_inside
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.snapshot import Container
from tests.faulty import faulty
from tests.hostile import HOSTILE

from .examining import codes, diagnose, leaks, look, report
from .leftovers import wait_until
from .situations import Lab

SOON = 6.0
CANARY = "10.66.66.66"
SECRET = "s3cr3t-marker"


@pytest.fixture
def linked(lab: Lab) -> Lab:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    return lab


def seen(examination: Examination, name: str = "web") -> Container:
    (snapshot,) = examination.snapshots
    (found,) = (each for each in snapshot.containers if each.name == name)
    return found


# What a container plants


@pytest.fixture
def planted(linked: Lab, tmp_path: Path) -> Callable[[str], Examination]:
    """Do something to the files of `web`, as root in it and with all capabilities, and look."""
    (tmp_path / "hosts").write_text(f"{CANARY} helloapp\n")
    (tmp_path / "resolv.conf").write_text(f"nameserver {CANARY}\n")
    inside = ["nsenter", f"--target={linked.pid('web')}", "--mount", "--root", "--wd=/"]

    def plant(script: str) -> Examination:
        script = f"umount /etc/hosts /etc/resolv.conf 2>/dev/null || true; {script}"
        subprocess.run(
            [*inside, "/bin/sh", "-ec", script], env={"PATH": "/bin"}, check=True, timeout=10
        )
        begun = time.monotonic()
        examination = look(linked)
        assert time.monotonic() - begun < SOON
        assert examination.unreachable == ()
        assert leaks(examination, CANARY) == []
        return examination

    return plant


def test_no_file_that_a_container_plants_leads_out_of_it(
    planted: Callable[[str], Examination], tmp_path: Path
) -> None:
    up = "../" * 12
    links = (
        f"{tmp_path}/hosts",
        f"{up}{tmp_path}/hosts",
        f"/proc/1/root/{up}{tmp_path}/hosts",
        f"/proc/self/root/{up}{tmp_path}/hosts",
        f"/proc/1/cwd/{up}{tmp_path}/hosts",
        "/etc/shadow",
    )
    for leads_to in links:
        web = seen(planted(f"rm -rf /etc/hosts; ln -s {leads_to} /etc/hosts"))
        assert isinstance(web.hosts_file, Unknown), leads_to
    web = seen(planted(f"umount /etc/hostname; mv /etc /etc2; ln -s /proc/1/root{tmp_path} /etc"))
    assert isinstance(web.hosts_file, Unknown)
    assert isinstance(web.resolver, Unknown)


def test_no_file_that_a_container_plants_holds_anything_up(
    planted: Callable[[str], Examination],
) -> None:
    for plant in (
        "mkfifo /etc/hosts",
        "mknod /etc/hosts c 1 5",
        "mknod /etc/hosts b 7 0",
        "mkdir /etc/hosts",
        "ln -s hosts /etc/hosts",
        "ln -s /proc/1/fd/0 /etc/hosts",
        "ln -s /proc/kmsg /etc/hosts",
        "truncate -s 1099511627776 /etc/hosts",
        "yes '1.2.3.4 a' | head -c 3000000 > /etc/hosts",
    ):
        web = seen(planted(f"rm -rf /etc/hosts; {plant}"))
        assert isinstance(web.process_environment, Known), plant
        if isinstance(web.hosts_file, Known):
            assert len(web.hosts_file.value) <= 256 * 1024 // len("1.2.3.4 a\n") + 1, plant


# What a container is made with


def test_no_setting_of_a_container_hides_what_is_wrong_with_another(linked: Lab) -> None:
    linked.move("app")
    texts = [each for each in HOSTILE if "\0" not in each and each != "\ud800"]
    links = {"links": {"app": "a.b-c"}, "dns_search": ["."], "dns_opt": ["ndots:999999"]}
    shapes: list[dict[str, Any]] = [
        {"environment": ["A=1", "A=2", "A", "B_PORT_1_TCP_ADDR=fe80::1%zone"]},
        {"environment": [f"V{number}={text}" for number, text in enumerate(texts * 30)]},
        {"labels": {f"linkdoctor.{each}": each for each in texts}},
        {"labels": {"linkdoctor.expects": "a," * 5000}},
        {"command": ["sleep", "100000", *["http://a@b:99999/ $X_PORT_1_TCP_ADDR"] * 500]},
        {"hostname": "-".join(["abc"] * 15), "domainname": "x.example"},
        {"host": {"extra_hosts": {f"h{number}": "10.9.9.9" for number in range(500)}}},
        {"host": links},
    ]
    for number, shape in enumerate(shapes):
        host = linked.api.create_host_config(**shape.pop("host", {}))
        wanted = {"command": ["sleep", "100000"], "host_config": host, **shape}
        linked.api.create_container("lab:base", name=f"odd{number}", **wanted)
        linked.start(f"odd{number}")
    begun = time.monotonic()
    examination = look(linked)
    assert time.monotonic() - begun < SOON
    assert examination.unreachable == ()
    (snapshot,) = examination.snapshots
    assert all(isinstance(each.details, Known) for each in snapshot.containers)
    found = report(examination)
    assert "LD201 web/helloapp" in codes(found)
    assert "LD001" not in {each.code for each in found.findings}


# Pids that lead to strangers


def with_pid(identity: str, pid: int) -> Callable[[str, bytes], bytes]:
    """An engine that says of one container that its first process has this pid."""

    def lie(path: str, body: bytes) -> bytes:
        if not path.endswith(f"/{identity}/json"):
            return body
        answer = json.loads(body)
        answer["State"]["Pid"] = pid
        return json.dumps(answer).encode()

    return lie


def test_the_process_of_another_is_not_taken_for_the_containers(
    linked: Lab, tmp_path: Path
) -> None:
    linked.run("other", env={"HELLOAPP_PORT": f"tcp://{CANARY}:1"}, extra_hosts=[f"x:{CANARY}"])
    stranger = subprocess.Popen(["sleep", "1000"], env={"HELLOAPP_PORT": f"tcp://{CANARY}:1"})
    web = linked.inspect("web")["Id"]
    pids = (linked.pid("other"), stranger.pid, linked.engine.pid, 1, os.getpid(), 2**22 + 1, 2**62)
    try:
        for number, pid in enumerate(pids):
            with faulty(
                linked.engine.socket, tmp_path / f"{number}", lie=with_pid(web, pid)
            ) as proxy:
                container = seen(look(proxy.url))
            assert f"/proc/{pid}/" not in str(container)
            assert CANARY not in str(container)
            assert isinstance(container.process_environment, Unknown), pid
            assert isinstance(container.listeners, Unknown), pid
            # Only the engine's word for it: its archive endpoint needs no pid.
            assert isinstance(container.hosts_file, Known), pid
            assert container.hosts_file.source == "docker cp /etc/hosts"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_sees_the_memory_of_a_container_is_not_the_containers(
    linked: Lab, tmp_path: Path
) -> None:
    # The host mounts the memory that others may share at a place called after the container.
    made = linked.api.create_container(
        "lab:base",
        name="sharer",
        command=["sleep", "100000"],
        host_config=linked.api.create_host_config(ipc_mode="shareable", links={"app": "helloapp"}),
    )
    linked.start("sharer")
    identity = made["Id"]
    mounts = Path(f"/proc/{linked.engine.pid}/mountinfo").read_text()
    assert f"/containers/{identity}/mounts/shm" in mounts
    lie = with_pid(identity, linked.engine.pid)
    with faulty(linked.engine.socket, tmp_path / "p", lie=lie) as proxy:
        container = seen(look(proxy.url), "sharer")
    assert isinstance(container.process_environment, Unknown)
    assert container.process_environment.gap.value == "unsupported"


def test_a_pid_that_another_process_has_by_now_is_not_read() -> None:
    first = subprocess.Popen(["sleep", "1000"], env={"A": "1"})
    with hold(first.pid) as held:
        # For an instant after the fork it has none: it is being executed.
        wait_until(lambda: bool(environment_of(held)), 5.0)
        assert dict(environment_of(held)) == {"A": "1"}
        first.kill()
        first.wait()
        second = _with_pid(first.pid)
        try:
            with pytest.raises(NotProven, match="ended while it was read"):
                environment_of(held)
            with pytest.raises(OSError, match=r".*"):
                read_inside(held, "/etc/hostname", 100)
        finally:
            second.kill()
            second.wait()


def _with_pid(pid: int) -> subprocess.Popen[bytes]:
    """A process with a pid of one's choice, which must be free."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(200):
        last.write_text(str(pid - 1))
        process = subprocess.Popen(["sleep", "1000"], env={"B": SECRET})
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    pytest.fail(f"nobody got the pid {pid}")


# What linkdoctor says of itself


def test_no_secret_is_in_what_the_command_prints(linked: Lab, tmp_path: Path) -> None:
    linked.run("holder", link="app:it", env={"PASSWORD": SECRET, "URL": f"http://u:{SECRET}@x/"})
    assert leaks(diagnose(linked), SECRET) == []
    for arguments in (
        ["check", "-v", "--logs", "--probe"],
        ["show", "holder"],
        ["snapshot", "-o-"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "linkdoctor", *arguments, "-H", linked.url],
            env={"PATH": os.defpath, "HOME": str(tmp_path), "LINKDOCTOR_DEBUG": "1"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 1, 3), done.stderr
        assert SECRET.encode() not in done.stdout + done.stderr
