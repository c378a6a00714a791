"""Engines of other Debian releases, each from a tree of its own.

`LINKDOCTOR_LAB_ENGINE=28.5` lets the whole lab run on that engine; without it the lab takes the
engine of the machine. A tree is made with debootstrap, once, and kept in the user's cache.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "LINKDOCTOR_LAB_ENGINE"
RELEASES = {"26.1": "trixie", "28.5": "forky"}
"""The engines that can be had besides the machine's own, and the Debian releases they are in."""

PACKAGES = "docker.io,iptables,procps"
MAKING = 600.0
COMPLETE = "made-by-the-engine-lab"

ENTER = """\
set -e
tree=$1 home=$2
shift 2
mount --bind "$tree" "$tree"
mount -t tmpfs tmpfs "$tree/tmp"
mkdir -p "$tree$home"
mount --bind "$home" "$tree$home"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
mount -t tmpfs tmpfs "$tree/run"
mkdir "$tree/run/old"
cd "$tree"
pivot_root . run/old
umount -l /run/old
exec "$@"
"""
"""Goes into a tree, in a mount namespace of its own: a chroot would not do, `docker exec` would
land in the machine's file system."""


class NoSuchEngineError(RuntimeError):
    """The wanted engine cannot be had."""


def wanted_tree(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The tree of the wanted engine, made if need be; None for the machine's own engine."""
    wanted = environment.get(VARIABLE)
    if not wanted:
        return None
    if wanted not in RELEASES:
        known = ", ".join(sorted(RELEASES))
        raise NoSuchEngineError(f"{VARIABLE}={wanted}: there are {known}")
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return made(RELEASES[wanted], cache / "linkdoctor-lab")


def series(environment: Mapping[str, str] = os.environ) -> tuple[int, ...]:
    """The series of the engine that the lab runs on, as (28, 5); () where there is none."""
    wanted = environment.get(VARIABLE)
    if not wanted:
        program = shutil.which("dockerd", path="/usr/bin:/usr/sbin:/usr/local/bin:/bin")
        if program is None:
            return ()
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
        found = re.search(r"version (\d+\.\d+)", said.stdout)
        wanted = found[1] if found else ""
    return tuple(int(each) for each in wanted.split(".") if each.isdecimal())


def made(release: str, directory: Path) -> Path:
    """The tree of a release; one that was left half-made is made anew, by one process alone."""
    tree = directory / release
    if (tree / COMPLETE).exists():
        return tree
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{release}.lock").open("w") as lock:
        until = time.monotonic() + MAKING
        while not (tree / COMPLETE).exists():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise NoSuchEngineError(f"{release} is being made for too long") from None
                time.sleep(0.5)
            else:
                return _made_now(release, tree)
    return tree


def _made_now(release: str, tree: Path) -> Path:
    if (tree / COMPLETE).exists():
        return tree
    program = shutil.which("debootstrap", path="/usr/sbin:/usr/bin")
    if program is None:
        raise NoSuchEngineError("other engines need debootstrap")
    shutil.rmtree(tree, ignore_errors=True)
    scripts = Path("/usr/share/debootstrap/scripts")
    # An older debootstrap does not know the newer release; they are all made alike.
    script = scripts / (release if (scripts / release).exists() else "sid")
    options = ["--variant=minbase", f"--include={PACKAGES}", release, str(tree), mirror()]
    done = subprocess.run(
        [program, *options, str(script)],
        capture_output=True,
        text=True,
        timeout=MAKING,
        check=False,
    )
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise NoSuchEngineError(f"{release} cannot be made: {' '.join(last)}")
    (tree / COMPLETE).touch()
    return tree


def mirror() -> str:
    """The mirror of Debian that the machine itself uses."""
    sources = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for source in sources:
        for line in source.read_text(errors="replace").splitlines() if source.is_file() else ():
            for word in line.split():
                if word.startswith(("http://", "https://")) and word.rstrip("/").endswith(
                    "/debian"
                ):
                    return word
    raise NoSuchEngineError("apt has no mirror of Debian to take packages from")
