"""Changes the code in small ways and runs the tests: a change that no test notices is a survivor.

    python tests/mutation.py

The heart (`model/links.py`) and three rules are changed, by mutmut, in a copy of the tree. Each
survivor must be one that somebody has looked at: `tests/surviving_mutants.toml` holds it with the
reason why no test can or should notice. One that is not there fails the run, and so does one that
is there and does not survive any more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOKED_AT = ROOT / "tests/surviving_mutants.toml"
MUTATED = (
    "src/linkdoctor/model/links.py",
    "src/linkdoctor_rules/stale_env.py",
    "src/linkdoctor_rules/ghost_link.py",
    "src/linkdoctor_rules/hosts_mismatch.py",
)
TESTS = (
    "tests/unit/test_links.py",
    "tests/unit/test_rules.py",
    "tests/unit/test_the_three_signs.py",
)
AS_LONG_AS_IT_MAY_TAKE = 600
BIN = Path(sys.executable).parent


def copy_to(place: Path) -> None:
    """Lay the tree so that mutmut finds the rules under the name that they are imported by."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", place / "src", ignore=ignored)
    shutil.copytree(ROOT / "rules", place / "src/linkdoctor_rules", ignore=ignored)
    shutil.copytree(ROOT / "docs", place / "docs", ignore=ignored)
    for name in ("tests/unit", "tests/data"):
        shutil.copytree(ROOT / name, place / name, ignore=ignored)
    for name in ("tests/__init__.py", "tests/conftest.py", "README.md"):
        shutil.copy(ROOT / name, place / name)
    listed = {
        "paths_to_mutate": MUTATED,
        "tests_dir": TESTS,
        "also_copy": ("src", "docs", "tests"),
    }
    settings = "\n".join(f"{key} = {list(value)!r}" for key, value in listed.items())
    whole = (ROOT / "pyproject.toml").read_text() + f"\n[tool.mutmut]\n{settings}\n"
    (place / "pyproject.toml").write_text(whole)


def mutmut(place: Path, *arguments: str) -> str:
    """Run mutmut in the copy; its spinner is for terminals, so its output is only read."""
    done = subprocess.run(
        [str(BIN / "mutmut"), *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=AS_LONG_AS_IT_MAY_TAKE,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"mutmut {arguments[0]} failed:\n{done.stdout[-3000:]}{done.stderr}")
    return done.stdout


def survivors(place: Path) -> Iterator[str]:
    """What the mutants changed that no test noticed: `place: line before -> line after`."""
    for line in mutmut(place, "results").splitlines():
        name, _, state = line.strip().partition(": ")
        if state in ("survived", "no tests", "suspicious"):
            changed = [
                each
                for each in mutmut(place, "show", name).splitlines()
                if each[:1] in "+-" and each[:3] not in ("---", "+++") and each.strip()
            ]
            before = " ".join(each[1:].strip() for each in changed if each[0] == "-")
            after = " ".join(each[1:].strip() for each in changed if each[0] == "+")
            module = name.rpartition(".")[0].removeprefix("linkdoctor.")
            yield f"{module}: {before} -> {after}"


def main() -> int:
    """Return 0 if every survivor has been looked at, else 1."""
    known = tomllib.loads(LOOKED_AT.read_text())["survivor"]
    looked_at = {each["change"]: each["reason"] for each in known}
    with tempfile.TemporaryDirectory(prefix="linkdoctor-mutants-") as directory:
        place = Path(directory)
        copy_to(place)
        last = mutmut(place, "run", "--max-children", "2").rsplit("\r", 1)[-1]
        print(last.strip().splitlines()[0])
        found = set(survivors(place))
    for each in sorted(found - looked_at.keys()):
        print(f"no test notices  {each}")
    for each in sorted(looked_at.keys() - found):
        print(f"is noticed now   {each}")
    print(f"{len(found)} survivors, {len(found & looked_at.keys())} of them looked at")
    return 0 if found == looked_at.keys() else 1


if __name__ == "__main__":
    sys.exit(main())
