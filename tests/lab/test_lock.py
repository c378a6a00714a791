"""One run at a time on one engine, wherever it comes from and whoever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linkdoctor.collect.session import claim_at_engine, is_claimed_at_engine
from linkdoctor.fix import lock as lock_module
from linkdoctor.fix.lock import Locked, guarding, locked

from .cutting import cutting
from .fixing import control_of, environment
from .situations import Lab

E = f"engine of {os.getpid()}"
APART = ("unshare", "--net")
HOLDS = "import sys, time; print('held', flush=True); time.sleep(60)"


def holding(engine: str, at: str) -> str:
    """A program that holds the lock of an engine until it is killed."""
    return (
        "from pathlib import Path\n"
        "from linkdoctor.fix.lock import locked\n"
        f"with locked({engine!r}, at={at} and Path({at})):\n"
        f"    {HOLDS}\n"
    )


@contextmanager
def another(
    lab: Lab, home: Path, program: str, *before: str
) -> Generator[subprocess.Popen[str], None, None]:
    """Another process, which says so when it holds the lock."""
    with subprocess.Popen(
        [*before, sys.executable, "-c", program],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds a session is not taken for gone for a while."""
    monkeypatch.setattr(lock_module, "_FORGOTTEN_WITHIN", 1.5)


def applied(lab: Lab, home: Path, *before: str, url: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "linkdoctor", "fix", "--apply", "--yes", "-H", url or lab.url]
    return subprocess.run(
        [*before, *command],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def stopped(lab: Lab) -> Lab:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.stop("app")
    return lab


@pytest.fixture
def broken(lab: Lab) -> Lab:
    """Something to do for a run that may."""
    return stopped(lab)


@pytest.mark.parametrize("before", [(), APART], ids=["another HOME", "another network namespace"])
def test_a_run_elsewhere_keeps_this_one_out(
    broken: Lab, tmp_path: Path, before: tuple[str, ...]
) -> None:
    with control_of(broken) as control, locked(control.installation(), at=broken.engine.socket):
        done = applied(broken, tmp_path, *before)
    assert (done.returncode, done.stdout) == (3, "")
    assert "is fixing links on this engine" in done.stderr
    assert not broken.pid("app")
    done = applied(broken, tmp_path, *before)
    assert done.returncode == 0, "it is free again, and what the engine remembers is waited for"
    assert broken.pid("app")


@pytest.mark.usefixtures("brief")
def test_a_killed_run_leaves_no_lock(lab: Lab, tmp_path: Path) -> None:
    socket = lab.engine.socket
    with another(lab, tmp_path, holding(E, f"'{socket}'"), *APART) as process:
        with pytest.raises(Locked, match="another process"), locked(E, at=socket):
            raise AssertionError("two at once")
        process.send_signal(signal.SIGKILL)
        process.wait()
        began = time.monotonic()
        with locked(E, at=socket, wait=15.0):
            assert time.monotonic() - began < 12.0


def test_a_copy_of_the_machine_is_not_locked_out(lab: Lab, tmp_path: Path) -> None:
    """Its engine has the same id, and is another engine in another network."""
    other = claim_at_engine(tmp_path / "no engine", "x")
    assert other is None
    with another(lab, tmp_path, holding(E, "None"), *APART), locked(E, at=lab.engine.socket):
        pass
    with (
        another(lab, tmp_path, holding(E, "None")) as process,
        pytest.raises(Locked, match=f"process {process.pid} "),
        locked(E),
    ):
        raise AssertionError("two at once in one network namespace")


def test_engines_side_by_side_do_not_lock_each_other_out(
    two_hosts: tuple[Lab, Lab], tmp_path: Path
) -> None:
    first, second = (stopped(each) for each in two_hosts)
    with control_of(first) as one, control_of(second) as other:
        if str(first.api.version()["Version"]).startswith("20."):
            assert one.engine_id() == other.engine_id(), "it is one file of the machine there"
        assert one.installation() != other.installation()
        with locked(one.installation(), at=first.engine.socket):
            done = applied(second, tmp_path)
            assert (done.returncode, done.stderr.count("is fixing links")) == (0, 0), done.stderr
            assert applied(first, tmp_path).returncode == 3
    assert second.pid("app")
    assert not first.pid("app")


def test_an_engine_has_one_lock_by_whatever_address_it_is_asked(
    broken: Lab, tmp_path: Path
) -> None:
    with cutting(broken.engine.socket, tmp_path / "p.sock") as proxy:
        with control_of(broken) as control, locked(control.installation()):
            done = applied(broken, tmp_path, url=proxy.url)
        assert (done.returncode, done.stdout) == (3, "")
        assert f"process {os.getpid()} is fixing links" in done.stderr
        assert not broken.pid("app")
        assert "1 step of 1 carried out" in applied(broken, tmp_path, url=proxy.url).stdout
        assert broken.pid("app")


@pytest.mark.usefixtures("brief")
def test_a_guardian_keeps_everybody_out(lab: Lab) -> None:
    socket = lab.engine.socket
    with guarding(socket):
        lab.wait_for(lambda: is_claimed_at_engine(socket, "linkdoctor-guardian"))
        with pytest.raises(Locked), locked(E, at=socket):
            raise AssertionError("beside a guardian")
    with locked(E, at=socket, wait=15.0):
        pass


def test_a_session_outlasts_the_questions_of_the_engine(lab: Lab) -> None:
    socket = lab.engine.socket
    assert not is_claimed_at_engine(socket, "test")
    claim = claim_at_engine(socket, "test")
    assert claim is not None
    for _ in range(12):
        time.sleep(1.0)
        assert claim.held
    assert claim_at_engine(socket, "test") is None
    claim.close()
    lab.wait_for(lambda: not is_claimed_at_engine(socket, "test"), 12.0)


def test_a_proxy_that_keeps_connections_open_is_not_waited_for(lab: Lab, tmp_path: Path) -> None:
    with cutting(lab.engine.socket, tmp_path / "p.sock") as proxy:
        began = time.monotonic()
        assert not is_claimed_at_engine(proxy.path, "test")
        assert time.monotonic() - began < 3.0


def test_another_user_meets_the_same_lock() -> None:
    def as_nobody() -> None:
        os.setgroups([])
        os.setuid(65534)
        try:
            with locked(E):
                os._exit(8)
        except Locked as error:
            os._exit(7 if error.holder == os.getppid() else 9)

    def tried() -> int:
        return subprocess.run(["true"], preexec_fn=as_nobody, timeout=30, check=False).returncode

    with locked(E):
        assert tried() == 7, "it is locked, and says by whom"
    assert tried() == 8
