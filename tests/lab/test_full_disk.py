"""A full disk under HOME: what could not be written is said, and nothing is begun."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .situations import Lab


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A home on a file system without a free block."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=True, timeout=10
    )
    try:
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "full").write_bytes(bytes(128 * 1024))
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True, timeout=10)


def linkdoctor(lab: Lab, home: Path, *words: str) -> tuple[int, str, str]:
    """Run the command line with that home."""
    environment = {"HOME": str(home), "DOCKER_HOST": lab.url, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-m", "linkdoctor", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_nothing_is_begun_where_the_state_cannot_be_written(lab: Lab, full: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.recreate("app")
    before = lab.inspect("web")
    assert linkdoctor(lab, full, "check")[0] == 1
    assert linkdoctor(lab, full, "fix")[0] == 1
    code, out, told = linkdoctor(lab, full, "fix", "--apply", "--yes", "--allow", "recreate")
    assert code == 1, "nothing was done, and the fault is there still"
    assert "internal error" not in told + out
    assert "0 steps of 1 carried out" in out
    assert f"not-fixed: {full}/.local/state/linkdoctor/fix-" in out
    assert "cannot be written: No space left on device" in out
    assert lab.inspect("web")["Id"] == before["Id"]
    assert lab.inspect("web")["State"] == before["State"]
