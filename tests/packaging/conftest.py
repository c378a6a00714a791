"""Builds once, from a copy of the checkout, and installs each result in an environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).parent
NOT_COPIED = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "tests", "node_modules"
)
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LINKDOCTOR_CONFIG", "LINKDOCTOR_DEBUG")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


def run(argv: Sequence[str | Path], cwd: Path, *, status: int = 0) -> str:
    """Run a program far from the checkout's own settings; its standard output."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment |= {"XDG_CONFIG_HOME": str(cwd), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        argv, capture_output=True, text=True, cwd=cwd, env=environment, check=False, timeout=600
    )
    assert done.returncode == status, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Built:
    """A copy of the checkout, and the wheel and sdist that were made of it."""

    def __init__(self, directory: Path) -> None:
        self.tree = directory / "tree"
        shutil.copytree(ROOT, self.tree, ignore=NOT_COPIED)
        dist = directory / "dist"
        # The wheel is made from the sdist, as for a release: what the sdist lacks, it lacks too.
        build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, self.tree)
        run(build, directory)
        (self.wheel,) = dist.glob("*.whl")
        (self.sdist,) = dist.glob("*.tar.gz")

    def wheel_names(self) -> set[str]:
        """The files in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def sdist_names(self) -> set[str]:
        """The files in the sdist, without its one directory."""
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}


class Installed:
    """linkdoctor in an environment of its own, which sees nothing of the one of the tests."""

    def __init__(self, directory: Path, what: Sequence[str | Path]) -> None:
        self.directory = directory
        self.home = directory / "environment"
        run([sys.executable, "-m", "venv", "--without-pip", self.home], directory)
        # The tests' pip installs into it: an environment without one is made ten times as fast.
        self.pip("install", "--quiet", "setuptools")
        self.pip("install", "--quiet", "--no-build-isolation", *what)

    def pip(self, command: str, *arguments: str | Path) -> str:
        """Run pip for the environment."""
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.home)
        constraints = ("-c", ROOT / "constraints.txt") if command == "install" else ()
        return run((*pip, command, *constraints, *arguments), self.directory)

    def linkdoctor(self, *arguments: str) -> str:
        """Run linkdoctor, which must exit with 0, in a directory where there is nothing."""
        return run([self.home / "bin/linkdoctor", *arguments], self.directory)

    def codes(self) -> list[str]:
        """The codes that `linkdoctor rules` lists."""
        catalogue = json.loads(self.linkdoctor("rules", "--format", "json"))
        return [rule["code"] for rule in catalogue["rules"]]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What is installed."""
    return Built(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session", params=["wheel", "sdist", "editable"])
def installed(
    request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """One environment for each way to install."""
    ways: dict[str, list[str | Path]] = {
        "wheel": [built.wheel],
        "sdist": [built.sdist],
        "editable": ["--editable", built.tree],
    }
    return Installed(tmp_path_factory.mktemp(request.param), ways[request.param])
