"""Runs tests on every Python of this machine that linkdoctor supports.

    python tests/each_python.py --list
    python tests/each_python.py PYTEST-ARGUMENT...

Each version gets an environment of its own, `.venv-3.12` and so on, but for the version that
runs this file: that one has had its turn, unless there is an older patch release of it. A
`python3.12` counts only if it really runs: a shim
of pyenv may be there for a version that is not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
PROBE = "import sys, ensurepip, venv; print(*sys.version_info[:3], sep='.')"


def candidates(name: str) -> Iterator[str]:
    """Where a Python of that name may be: on the path, the system's, among pyenv's versions."""
    if found := shutil.which(name):
        yield found
    yield f"/usr/bin/{name}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/*/bin/{name}"), reverse=True))


def working(name: str) -> Iterator[tuple[str, str]]:
    """Those of them that run and can make environments, each with its full version."""
    for program in filter(os.path.exists, candidates(name)):
        done = subprocess.run([program, "-c", PROBE], capture_output=True, text=True, check=False)
        version = done.stdout.strip()
        if done.returncode == 0 and f"python{version}.".startswith(f"{name}."):
            yield program, version


def chosen(version: tuple[int, int]) -> tuple[str, str] | None:
    """The Python that stands for a version: the first that is found.

    For the version that runs this file it is the oldest: a pin may ask for a newer patch release
    than that of a fresh Debian.
    """
    found = list(working("python{}.{}".format(*version)))
    if version == sys.version_info[:2]:
        return min(found, key=lambda each: [int(part) for part in each[1].split(".")], default=None)
    return found[0] if found else None


def environment(program: str, minor: str) -> Path:
    """The Python of an environment with linkdoctor and its unit tests' needs, made if need be."""
    home = ROOT / f".venv-{minor}"
    python, stamp = home / "bin/python", home / ".installed"
    wanted = "".join((ROOT / name).read_text() for name in ("pyproject.toml", "constraints.txt"))
    if not python.exists() or not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([program, "-m", "venv", "--clear", str(home)], check=True)
        (home / ".gitignore").write_text("*\n")
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        pip += ["-c", "constraints.txt", "--editable", ".[unit]"]
        subprocess.run(pip, check=True, cwd=ROOT)
        stamp.write_text(wanted)
    return python


def main(arguments: Sequence[str]) -> int:
    """Say which versions there are and, unless that is all, run the tests on each."""
    found = {version: chosen(version) for version in SUPPORTED}
    running = ".".join(map(str, sys.version_info[:3]))
    lines = []
    failed = False
    for version, python in found.items():
        minor = "{}.{}".format(*version)
        if python is None:
            lines.append(f"Python {minor}: not found")
        elif list(arguments) == ["--list"]:
            lines.append(f"Python {minor}: found, {python[1]}")
        elif python[1] == running:
            lines.append(f"Python {minor}: the one of all other stages ({python[1]})")
        else:
            print(f"-- Python {python[1]}", flush=True)
            pytest = [str(environment(python[0], minor)), "-m", "pytest", "-q", *arguments]
            passed = subprocess.run(pytest, check=False, cwd=ROOT).returncode == 0
            lines.append(f"Python {minor}: {'passed' if passed else 'FAILED'} ({python[1]})")
            failed = failed or not passed
    print("\n".join(lines), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
