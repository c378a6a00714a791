"""The lab itself: separate from the machine, and gone without a trace whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import leftovers
from .engine import Engine, EngineFailedError
from .situations import Lab

CRASH = """
import os, signal
from {package}.engine import Engine
from {package}.situations import Lab
engine = Engine("crashed")
engine.start()
with Lab(engine) as lab:
    lab.run("app", listen=5000, restart="always")
print(engine.home, flush=True)
{end}
"""


def crashed(end: str) -> Path:
    """The home of an engine whose process started a container and then did what `end` says."""
    package = str(__package__)
    root = Path(__file__).parents[len(package.split("."))]
    done = subprocess.run(
        [sys.executable, "-c", CRASH.format(package=package, end=end)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return Path(done.stdout.strip())


def traces(home: Path) -> list[str]:
    """What is left of an engine: files, namespace, mounts, processes."""
    found = [str(path) for path in (home, leftovers.NAMESPACES / home.name) if path.exists()]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [each for each in mounts if f"{home}/" in each]
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(f"{home}/") in cmdline.read_bytes():
                found.append(str(cmdline))
        except OSError:
            continue
    return found


def test_the_host_has_a_name_of_its_own(two_hosts: tuple[Lab, Lab]) -> None:
    names = [lab.client.info()["Name"] for lab in two_hosts]
    assert names == ["host1", "host2"]


def test_two_hosts_reach_each_other_and_nothing_else(two_hosts: tuple[Lab, Lab]) -> None:
    first, second = two_hosts
    second.run("app", listen=5000, publish={5000: 18000})
    first.run("web")
    assert first.fetch("web", "http://10.77.0.2:18000/") == (0, "app\n")
    assert first.address("web") == second.address("app") == "172.17.0.2"
    for lab in two_hosts:
        routes = lab.engine.inside("ip", "route").splitlines()
        assert [route.split()[0] for route in routes] == ["10.77.0.0/24", "172.17.0.0/16"]


@pytest.mark.usefixtures("possible")
def test_an_engine_that_does_not_come_up_says_why() -> None:
    engine = Engine("broken", flags=["--no-such-flag"])
    with pytest.raises(EngineFailedError, match="unknown flag: --no-such-flag"):
        engine.start()
    with pytest.raises(RuntimeError, match="not started"):
        _ = engine.home


@pytest.mark.usefixtures("possible")
def test_an_engine_listens_on_tcp_inside_its_namespace() -> None:
    engine = Engine("remote", tcp="127.0.0.1:2375")
    engine.start()
    home = engine.home
    try:
        page = engine.inside("busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:2375/_ping")
        assert page == "OK"
    finally:
        engine.stop()
    assert traces(home) == []


@pytest.mark.usefixtures("possible")
def test_a_run_that_ends_with_an_error_leaves_nothing() -> None:
    assert traces(crashed("raise SystemExit(1)")) == []


@pytest.mark.usefixtures("possible")
@pytest.mark.parametrize("engine_too", [False, True])
def test_a_killed_run_is_swept_up_by_the_next(*, engine_too: bool) -> None:
    kill_engine = "os.kill(engine.pid, signal.SIGKILL); " if engine_too else ""
    home = crashed(f"{kill_engine}os.kill(os.getpid(), signal.SIGKILL)")
    assert len(traces(home)) > 2
    leftovers.sweep()
    assert traces(home) == []


def test_a_container_can_be_made_of_an_image_with_everything(lab: Lab) -> None:
    lab.image(
        "carinamarina/hello-world-web:latest",
        expose=[5000],
        env={"GREETING": 'say "hi" to $HOME'},
        labels={"linkdoctor.expects": "helloapp:5000"},
        entrypoint=["/entrypoint.sh"],
        files={"/entrypoint.sh": '#!/bin/sh\necho "$GREETING"\nexec sleep 100000\n'},
    )
    lab.run("web", image="carinamarina/hello-world-web:latest", command=[])
    config = lab.inspect("web")["Config"]
    assert config["Labels"] == {"linkdoctor.expects": "helloapp:5000"}
    assert config["ExposedPorts"] == {"5000/tcp": {}}
    assert config["Entrypoint"] == ["/entrypoint.sh"]
    lab.wait_for(lambda: bool(lab.api.logs("web")))
    assert lab.api.logs("web") == b'say "hi" to $HOME\n'
