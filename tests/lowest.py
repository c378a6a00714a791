"""Runs tests with the lowest version of each package that linkdoctor says it works with.

    python tests/lowest.py PYTEST-ARGUMENT...

What `pyproject.toml` asks for at run time is installed at its lower bound, all else as in
`constraints.txt`, into an environment of its own, `.venv-lowest`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv-lowest"
BOUND = re.compile(r"([A-Za-z0-9._-]+)>=([0-9.]+)")


def lowest() -> dict[str, str]:
    """The lower bound of each package that is needed at run time."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = [BOUND.fullmatch(each) for each in project["dependencies"]]
    assert all(bounds), "each dependency has a lower bound and nothing else"
    return {normal(each[1]): each[2] for each in bounds if each}


def normal(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> str:
    """What is to be installed."""
    low = lowest()
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    kept = [each for each in lines if normal(each.partition("==")[0]) not in low]
    return "\n".join([*(f"{name}=={version}" for name, version in low.items()), *kept, ""])


def environment() -> Path:
    """The Python of an environment with these versions, made if need be."""
    python, stamp = HOME / "bin/python", HOME / ".installed"
    wanted = constraints() + (ROOT / "pyproject.toml").read_text()
    if not python.exists() or not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=True)
        (HOME / ".gitignore").write_text("*\n")
        (HOME / "constraints.txt").write_text(constraints())
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        # A fresh machine has no compiler: a bound without a wheel is to be raised.
        pip += ["--only-binary=:all:", "-c", str(HOME / "constraints.txt"), "--editable", ".[unit]"]
        subprocess.run(pip, check=True, cwd=ROOT)
        stamp.write_text(wanted)
    return python


def main(arguments: Sequence[str]) -> int:
    """Run the tests."""
    python = environment()
    print(", ".join(f"{name} {version}" for name, version in lowest().items()), flush=True)
    return subprocess.run([str(python), "-m", "pytest", "-q", *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
