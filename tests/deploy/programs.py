"""Programs of the machine that read what `deploy/` holds, and the files it holds."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DATA = ROOT / "src" / "linkdoctor" / "data"
ALPHA, BETA = DATA / "demo-alpha.json.gz", DATA / "demo-beta.json.gz"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
AS_LONG_AS_IT_MAY_TAKE = 60.0


def program(name: str) -> str:
    """The path of a program; a test that needs one that is missing is skipped, in CI it fails."""
    found = shutil.which(name, path=SEARCH_PATH)
    if found is not None:
        return found
    reason = f"{name} is not installed: `make machine` installs it on Debian"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def run(
    argv: Sequence[str | Path],
    *,
    status: int | None = 0,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = AS_LONG_AS_IT_MAY_TAKE,
) -> subprocess.CompletedProcess[str]:
    """Run a program with a bare environment; `status` is how it must end, None: in any way."""
    done = subprocess.run(
        argv,
        env={"PATH": SEARCH_PATH, "HOME": "/nonexistent", "LC_ALL": "C", **(environment or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if status is not None:
        assert done.returncode == status, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done


def user_and_group() -> tuple[str, str]:
    """The names of whoever runs the tests, for programs that change to a user of their own."""
    return pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def bin_with_linkdoctor(directory: Path) -> str:
    """A search path on which `linkdoctor` is the one under test."""
    home = directory / "bin"
    home.mkdir(exist_ok=True)
    script = home / "linkdoctor"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m linkdoctor "$@"\n')
    script.chmod(0o755)
    return f"{home}:{SEARCH_PATH}"


def read_yaml(path: Path) -> Any:
    """What a file of YAML holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))
