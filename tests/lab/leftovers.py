"""Homes of lab engines: claiming one, and taking one down whatever state it is in.

A home is a directory `ldlab-<pid of the owner>-<number>`; a network namespace of the same name
belongs to it. A process is ended only when one of the home's own pid files names it *and* its
command line (for a container's first process: its cgroup) shows that it belongs to the home.
"""

from __future__ import annotations

import fcntl
import functools
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PREFIX = "ldlab-"
NAMESPACES = Path("/run/netns")
CGROUPS = Path("/sys/fs/cgroup")
_numbers = itertools.count()


def command(*argv: str, timeout: float = 20.0) -> str:
    """Run a program, give its output, and raise with its error text when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def wait_until(condition: Callable[[], bool], timeout: float, pause: float = 0.01) -> bool:
    """Poll until the condition holds; False when it did not within the timeout."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def claim() -> Path:
    """A new home for one engine of this process, after a sweep of what dead runs left."""
    sweep()
    home = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}-{next(_numbers)}"
    home.mkdir(mode=0o711)
    (home / "owner").write_text(_birth(os.getpid()))
    return home


def sweep() -> None:
    """Take down every home, and delete every namespace, whose owner is dead; one run at a time."""
    with (Path(tempfile.gettempdir()) / f"{PREFIX}sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep()


def _sweep() -> None:
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if home.is_dir() and not _owner_lives(home):
            demolish(home)
    for namespace in NAMESPACES.glob(f"{PREFIX}*"):
        if not _birth(_owner(namespace.name)):
            delete_namespace(namespace.name)


def demolish(home: Path) -> None:
    """End the home's processes, unmount all below it, delete its namespace and its files."""
    _end_processes(home)
    _unmount_below(home)
    delete_namespace(home.name)
    for _ in range(20):
        shutil.rmtree(home, ignore_errors=True)
        if not home.exists():
            return
        time.sleep(0.1)
    raise RuntimeError(f"cannot remove {home}")


def delete_namespace(name: str) -> None:
    """Delete a network namespace, if it exists."""
    if (NAMESPACES / name).exists():
        command("ip", "netns", "delete", name)


def _owner(name: str) -> int:
    """The pid in a home's name; 0 (never a process) when there is none."""
    digits = name.removeprefix(PREFIX).partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _birth(pid: int) -> str:
    """When a process started, as the kernel counts it; empty when there is no such process."""
    stat = _stat(pid)
    return stat[19] if stat else ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; none when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _owner_lives(home: Path) -> bool:
    """Whether the very process that claimed the home still runs (not another with its pid)."""
    birth = _birth(_owner(home.name))
    try:
        recorded = (home / "owner").read_text()
    except OSError:
        recorded = ""  # claimed this instant, or broken: the pid alone decides
    return bool(birth) and recorded in ("", birth)


def _end_processes(home: Path) -> None:
    """End the engine, as gently as it allows; then kill what is left of its helpers.

    A container's first process is the child of its shim, and the shim keeps no pid file.
    """
    bundles = _bundles(home)
    firsts = {bundle.name: _recorded(bundle / "init.pid") for bundle in bundles}
    shims = [_parent(first) for first in firsts.values()]
    sockets = [_shim_socket(bundle) for bundle in bundles]
    engine, containerd = _recorded(home / "pid"), _recorded(home / "exec/containerd/containerd.pid")
    ours = functools.partial(_mentions, home=home)
    _end(engine, ours, signal.SIGTERM, within=10.0)
    for pid in (engine, containerd, *shims):
        _end(pid, ours)
    for container, first in firsts.items():
        _end(first, functools.partial(_in_container, container=container))
        _remove_cgroups(container)
    for path in filter(None, sockets):
        path.unlink(missing_ok=True)


def _bundles(home: Path) -> list[Path]:
    """The run-time directories of a home's containers, each named after the container's id."""
    return list((home / "exec/containerd/daemon/io.containerd.runtime.v2.task").glob("*/*"))


def _recorded(pidfile: Path) -> int:
    """The pid in a pid file; 0 when there is none."""
    try:
        return int(pidfile.read_text())
    except (OSError, ValueError):
        return 0


def _end(
    pid: int, ours: Callable[[int], bool], how: int = signal.SIGKILL, within: float = 5.0
) -> None:
    """Signal one process if it is ours, and wait until it is gone (or a zombie)."""
    if pid > 1 and ours(pid):
        os.kill(pid, how)
        wait_until(lambda: not ours(pid), within)


def _parent(pid: int) -> int:
    """The pid of a process's parent; 0 when there is no such process."""
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def _shim_socket(bundle: Path) -> Path | None:
    """The socket of a container's shim: the one file that lies outside the home."""
    try:
        return Path((bundle / "address").read_text().removeprefix("unix://"))
    except OSError:
        return None


def _remove_cgroups(container: str) -> None:
    """Remove the cgroups of a killed container (a graceful stop leaves none)."""
    for pattern in (f"*/docker/{container}", f"docker/{container}"):
        for group in CGROUPS.glob(pattern):
            wait_until(functools.partial(_removed, group), 2.0)


def _mentions(pid: int, home: Path) -> bool:
    """Whether a process has a path of the home in its command line (a zombie has none)."""
    try:
        return os.fsencode(f"{home}/") in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _in_container(pid: int, container: str) -> bool:
    """Whether a live process belongs to the container, by its cgroup."""
    try:
        alive = bool(Path(f"/proc/{pid}/cmdline").read_bytes())
        return alive and container in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def _removed(group: Path) -> bool:
    """Remove an empty cgroup; False while its last process is still on the way out."""
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True


def _unmount_below(home: Path) -> None:
    """Unmount, innermost first, everything mounted at or below the home."""
    points = list(_mount_points(home))
    if points:
        command("umount", "--lazy", *reversed(points))


def _mount_points(home: Path) -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4]
        if point == str(home) or point.startswith(f"{home}/"):
            yield point
