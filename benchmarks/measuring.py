"""Programs, run and measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

__all__ = ["Cost", "environment", "linkdoctor", "measured", "side_by_side"]

_LONGEST = 600.0


_LAUNCHER = """
import os, sys, time
begun = time.perf_counter()
quiet = os.open(os.devnull, os.O_RDWR)
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_DUP2, quiet, 0), (os.POSIX_SPAWN_DUP2, quiet, 1),
    (os.POSIX_SPAWN_DUP2, quiet, 2)])
_, _, usage = os.wait4(pid, 0)
print(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""Starts a program from a small process: a child's peak counts what its parent held."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of a program cost."""

    seconds: float
    """From its start to its end."""
    processor: float
    """Seconds of processor time, its children's included."""
    peak: int
    """The most memory that it held, in KiB."""


def environment(**more: str) -> dict[str, str]:
    """Return the environment of measured programs: as installed, with compiled modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "LINKDOCTOR_CONFIG"):
        kept.pop(name, None)
    return {**kept, **more}


def linkdoctor(*words: str) -> list[str]:
    """Return the command line of the linkdoctor that this Python has."""
    return [str(Path(sys.executable).with_name("linkdoctor")), *words]


def measured(command: Sequence[str], variables: Mapping[str, str]) -> Cost:
    """Run a program to its end; its output goes nowhere, its exit code is its own affair."""
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=True,
    ).stdout
    seconds, processor, peak = told.split()
    return Cost(seconds=float(seconds), processor=float(processor), peak=int(peak))


def side_by_side(
    commands: Sequence[Sequence[str]], variables: Mapping[str, str], times: int
) -> list[Cost]:
    """Run several programs in turn, several times; give the best run of each.

    What else the machine does disturbs all of them alike, and the best run the least.
    """
    runs: list[list[Cost]] = [[] for _ in commands]
    for _ in range(times + 1):  # the first fills caches
        for command, found in zip(commands, runs, strict=True):
            found.append(measured(command, variables))
    return [min(found[1:], key=lambda cost: cost.seconds) for found in runs]
