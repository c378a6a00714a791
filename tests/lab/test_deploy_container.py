"""linkdoctor in a container of the engine that it examines: it sees what it sees on the host."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.programs import DEPLOY, ROOT, SEARCH_PATH, run
from tests.packaging.conftest import Built

from . import python_image
from .engine import Engine
from .lowered import LINKDOCTOR
from .situations import Lab

DOCKERFILE = DEPLOY / "container" / "Dockerfile"
IMAGE = "linkdoctor"
SOCKET = "/var/run/docker.sock"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """linkdoctor and all it needs, as the Dockerfile says."""
    directory = tmp_path_factory.mktemp("wheels")
    ours = Built(tmp_path_factory.mktemp("built")).wheel
    words = ["wheel", "--quiet", "-c", str(ROOT / "constraints.txt")]
    done = subprocess.run(
        [*PIP, *words, "--wheel-dir", str(directory), str(ours)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def built(tree: Path | None, wheels: Path) -> Iterator[Lab]:
    """An engine of its own, with the image built from the Dockerfile, the network off."""
    engine = Engine("host1", tree=tree)
    try:
        engine.start()
        with Lab(engine) as lab:
            base = python_image.load(lab.api)
            docker(
                lab,
                *("build", "--network", "none", "--build-arg", f"BASE={base}", "--tag", IMAGE),
                *("--file", str(DOCKERFILE), str(wheels)),
            )
            lab.run("app", listen=5000)
            lab.run("web", link="app:helloapp")
            lab.move("app")
            yield lab
    finally:
        engine.stop()


def docker(lab: Lab, *words: str, status: int = 0) -> str:
    """Run the docker command on the lab's engine; what it prints."""
    own = {"DOCKER_HOST": lab.url, "DOCKER_BUILDKIT": "0"}
    return run(["docker", *words], status=status, environment=own, timeout=180).stdout


def documented() -> list[str]:
    """The words of `docker run` in the Dockerfile, without the image and what follows it."""
    text = "".join(re.findall(r"^#(.*\n?)", DOCKERFILE.read_text(), re.MULTILINE))
    (line,) = re.findall(
        r"docker (run .*?) linkdoctor check\n", text.replace("\\\n", " "), re.DOTALL
    )
    return shlex.split(line)


def inside(lab: Lab, words: list[str], *, status: int) -> dict[str, Any]:
    """The report of linkdoctor in a container."""
    here = [each.replace(f"{SOCKET}:{SOCKET}", f"{lab.engine.socket}:{SOCKET}") for each in words]
    printed = docker(lab, *here, IMAGE, "check", "--format", "json", status=status)
    report: dict[str, Any] = json.loads(printed)
    return report


def outside(lab: Lab) -> dict[str, Any]:
    """The report of linkdoctor on the host."""
    words = [*LINKDOCTOR, "check", "--format", "json", "--host", lab.url]
    done = run(words, status=1, environment={"PATH": SEARCH_PATH})
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def comparable(report: dict[str, Any]) -> Any:
    """A report without when it was made, how the socket is called and who lived a moment ago."""
    hosts = [{**each, "endpoint": "", "containers": 0} for each in report["hosts"]]
    return {**report, "taken_at": "", "hosts": hosts}


def test_it_finds_in_a_container_what_it_finds_on_the_host(built: Lab) -> None:
    report = inside(built, documented(), status=1)
    assert comparable(report) == comparable(outside(built))
    assert [each["code"] for each in report["findings"]] == ["LD201"]
    assert report["hosts"][0]["evidence"] == "complete"


@pytest.mark.parametrize(
    ("left_out", "codes"),
    [
        ("--pid host", {"LD108", "LD109", "LD110", "LD305", "LD406", "LD407", "LD604"}),
        ("--cap-add SYS_ADMIN", {"LD406", "LD407", "LD604"}),
        ("--cap-add NET_ADMIN", {"LD604"}),
    ],
)
def test_what_is_left_out_of_the_options_is_missing_and_said_to_be(
    built: Lab, left_out: str, codes: set[str]
) -> None:
    words = shlex.split(shlex.join(documented()).replace(f"{left_out} ", ""))
    assert len(words) == len(documented()) - 2
    report = inside(built, words, status=1)
    assert [each["code"] for each in report["findings"]] == ["LD201"]
    assert {each["code"] for each in report["skipped"]} >= codes
    assert report["hosts"][0]["evidence"] == "partial"


def test_the_image_holds_no_program_that_installs(built: Lab) -> None:
    missing = ["run", "--rm", "--entrypoint", "/opt/linkdoctor/bin/python", IMAGE, "-m", "pip"]
    docker(built, *missing, status=1)
