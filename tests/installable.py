"""Whether what is pinned can be installed wherever the metadata says so, and without a compiler.

    python -m tests.installable

Nothing is installed: pip resolves for another Python than its own, from wheels alone.
`constraints.txt` is held against the very oldest Python that `requires-python` allows (a fresh
Debian 12 has 3.11.2, and a pin that asks for 3.11.5 breaks the README there), the lower bounds of
`pyproject.toml` against every supported version.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence

from .each_python import SUPPORTED
from .lowest import ROOT, lowest


def oldest() -> str:
    """The oldest Python that the metadata allows, with its patch release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bound = str(project["requires-python"]).removeprefix(">=")
    assert all(part.isdecimal() for part in bound.split(".")), "a lower bound and nothing else"
    return bound if bound.count(".") == 2 else f"{bound}.0"


def complaint(python: str, arguments: Sequence[str]) -> str:
    """What keeps pip from installing this on that Python; '' if nothing does."""
    with tempfile.TemporaryDirectory() as target:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        pip += ["--dry-run", "--only-binary=:all:", "--python-version", python, "--target", target]
        done = subprocess.run([*pip, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    said = (done.stdout + done.stderr).splitlines()
    return "\n".join(line for line in said if not line.startswith("WARNING")) or "pip failed"


def main() -> int:
    """Check both; 1 if something cannot be installed."""
    # Without dependencies, and without the pins for some Pythons alone: pip decides by its own
    # Python which of them are needed, not by the one that it is asked about.
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if ";" not in line]
    low = [f"{name}=={version}" for name, version in lowest().items()]
    checks = [(oldest(), "constraints.txt", ["--no-deps", *pins])]
    for version in SUPPORTED:
        checks.append(("{}.{}".format(*version), "the lower bounds", ["--no-deps", *low]))
    failed = False
    for python, what, arguments in checks:
        found = complaint(python, arguments)
        print(f"Python {python}: {what}: {found or 'wheels for all'}", flush=True)
        failed = failed or bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
