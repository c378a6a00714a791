"""The words of `docker run` that are made of an inspect make the same container again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from linkdoctor.model.run_options import Defaults
from linkdoctor.model.run_setup import setup_of
from linkdoctor.model.run_words import connect_words, words_of
from linkdoctor.model.setup import Setup

from .engine import SEARCH_PATH
from .mending import api_version, create
from .situations import Lab
from .test_recreate import ODD, SLEEP, comparable, differences, everything, second_network

MULTI_LINE = "-----BEGIN-----\nline 'two' \"three\" $HOME `id`\\\n\n-----END-----\n"


def setup_in(lab: Lab, name: str) -> Setup:
    """How a container of the lab was made."""
    raw = lab.inspect(name)
    image = lab.api.inspect_image(raw["Image"])
    info = lab.api.info()
    return setup_of(
        raw,
        image,
        image_name=raw["Config"]["Image"],
        defaults=Defaults(
            name=info["Name"],
            log_driver=info["LoggingDriver"],
            runtime=info["DefaultRuntime"],
            cgroup_version=info.get("CgroupVersion", ""),
        ),
    )


def docker(lab: Lab, home: Path, *words: str) -> None:
    """Let the docker client do something, without any configuration."""
    # A client that is much newer than the engine refuses what the engine's own client says.
    path = SEARCH_PATH if api_version(lab) >= (1, 44) else f"/usr/bin:{SEARCH_PATH}"
    done = subprocess.run(
        ["docker", *words],
        env={"PATH": path, "HOME": str(home), "DOCKER_HOST": lab.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"


def made_again(lab: Lab, home: Path, name: str) -> list[str]:
    """Make a container again by its words alone; what differs afterwards."""
    before = lab.inspect(name)
    setup = setup_in(lab, name)
    words, further = words_of(setup, name), connect_words(setup, name)
    lab.stop(name)
    lab.rename(name, f"{name}-before")
    if further:
        docker(lab, home, "create", *words)
        for each in further:
            docker(lab, home, "network", "connect", *each)
        docker(lab, home, "start", name)
    else:
        docker(lab, home, "run", "--detach", *words)
    return differences(told(before), told(lab.inspect(name)))


def told(raw: dict[str, Any]) -> Any:
    """What can be compared: who was attached to the container at its start is no part of it."""
    kept = comparable(raw)
    for each in ("AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce", "Volumes"):
        kept["Config"].pop(each, None)
    if kept["Config"].get("Env"):
        kept["Config"]["Env"].sort()
    for mount in kept["HostConfig"].get("Mounts") or ():
        if mount["Type"] == "volume":
            mount.pop("VolumeOptions", None)  # an anonymous volume is named, and stays as it is
    kept["HostConfig"]["RestartPolicy"].setdefault("Name", "no")
    # Where nothing was asked for, the client says so in its own words (engine 20.10 to 28.5).
    for key, nothing in NOTHING.items():
        if kept["HostConfig"].get(key) == nothing:
            kept["HostConfig"].pop(key)
    return kept


NOTHING: dict[str, Any] = {
    "ConsoleSize": [0, 0],
    "MemorySwappiness": -1,
    "OomKillDisable": False,
    "PidsLimit": 0,
}


@pytest.fixture
def full(lab: Lab) -> Lab:
    """`full`, which sets everything that `docker run` can set, beside what it needs."""
    lab.image(
        "lab:full",
        expose=[6000],
        env={"FROM_IMAGE": "1"},
        labels={"com.example.image": "yes"},
        entrypoint=["sh", "-c"],
        command=["exit 1"],
        files={"/anonymous/of-image": "x"},
    )
    lab.network("n1", subnet="10.88.0.0/24")
    lab.network("n2", subnet="10.89.0.0/24")
    lab.run("app", listen=5000, network="n1")
    lab.connect("n2", "app")
    create(lab, "lender", {"Image": lab.image("lab:base"), "Cmd": SLEEP, "Volumes": {"/lent": {}}})
    body = everything(lab, lab.engine.home)
    body["Env"].append(f"CERTIFICATE={MULTI_LINE}")
    body["HostConfig"]["MaskedPaths"] = []
    create(lab, "full", body)
    second_network(lab)
    lab.start("full")
    return lab


def test_a_container_that_sets_everything_is_made_again(full: Lab, tmp_path: Path) -> None:
    assert setup_in(full, "full").beyond == ()
    assert made_again(full, tmp_path, "full") == []


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_container_is_made_again(lab: Lab, tmp_path: Path, kind: str) -> None:
    lab.image("lab:entry", entrypoint=["sleep"], command=["3"])
    lab.image("lab:ported", expose=[6000], command=SLEEP)
    lab.run("app", listen=5000)
    body = {"Image": "lab:base", "Cmd": SLEEP, "StopSignal": "SIGKILL", **ODD[kind]}
    if "MacAddress" in body and api_version(lab) >= (1, 44):
        endpoint = {"MacAddress": body.pop("MacAddress")}
        body["NetworkingConfig"] = {"EndpointsConfig": {"bridge": endpoint}}
    create(lab, "odd", body)
    lab.start("odd")
    assert made_again(lab, tmp_path, "odd") == []
