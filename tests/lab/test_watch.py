"""`check --watch` and `self-check` beside a living engine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from .fixing import command_line, environment
from .situations import Lab

LOOKS = "0.3"


def test_a_fault_that_comes_and_goes_is_told_once_each(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    told = tmp_path / "told"
    with told.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "linkdoctor", "check", "-H", lab.url, "--watch", LOOKS],
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
        )
        try:
            lab.wait_for(lambda: "healthy" in told.read_text(), 20)
            lab.move("app")
            lab.wait_for(lambda: "new      error LD201" in told.read_text(), 20)
            lab.restart("web")
            lab.wait_for(lambda: "gone     error LD201" in told.read_text(), 20)
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate(timeout=10)
        finally:
            process.kill()
            process.wait()
    assert (process.returncode, complaints) == (130, b"linkdoctor: interrupted\n")
    text = told.read_text()
    assert text.count("new      error LD201") == text.count("gone     error LD201") == 1


def test_on_the_engines_own_machine_root_sees_everything(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    done = command_line(lab, tmp_path, "self-check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "as root" in done.stdout
    seen = [line.split() for line in done.stdout.splitlines()]
    assert ["container:", "environment", "2", "of", "2"] in seen
    assert ["container:", "probes", "not", "asked", "for", "(--probe)"] in seen
    assert ["host:", "firewall", "yes"] in seen


def test_from_elsewhere_it_tells_what_is_missing_and_what_that_costs(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lost = f"unix://{tmp_path}/nothing.sock"
    arguments = ("self-check", "-H", lost, "--format", "json")
    done = command_line(lab, tmp_path, *arguments)
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert found["schema"] == "linkdoctor.self-check/1"
    assert [each["host"] for each in found["engines"]] == ["host1"]
    assert [each["endpoint"] for each in found["silent"]] == [lost]
