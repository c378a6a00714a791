"""`python -m tests.fuzz [SECONDS]`: every target under a fuzzer that is led by coverage.

Each target has a process of its own, for that many seconds, two at a time. An input that breaks a
promise is printed, so that it can be made a seed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.targets import TARGETS, Target

SIDE_BY_SIDE = 2
LONGEST_INPUT = 4096
LONGEST_READ = 5
"""Seconds that one input may take."""
MOST_MEMORY = 1024
"""MiB that a process may occupy."""
STARTING = 60
"""Seconds that a process may take beyond those for which it fuzzes."""


def fuzzed(target: Target, seconds: int) -> str:
    """What the fuzzer found; empty if nothing."""
    with TemporaryDirectory() as home:
        corpus = Path(home, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(target.seeds):
            (corpus / str(number)).write_bytes(seed)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.guided", target.name, str(corpus)),
                f"-max_total_time={seconds}",
                f"-max_len={LONGEST_INPUT}",
                f"-timeout={LONGEST_READ}",
                f"-rss_limit_mb={MOST_MEMORY}",
                f"-artifact_prefix={home}/",
                "-verbosity=0",
            ],
            env={"PATH": os.defpath, "PYTHONPATH": os.getcwd(), "PYTHONHASHSEED": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + STARTING,
            check=False,
        )
        if done.returncode == 0:
            return ""
        broken = [each.read_bytes() for each in Path(home).iterdir() if each.is_file()]
        lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        told = "\n".join(each for each in lines if not each.startswith(("INFO", "WARNING")))
        return f"{told[-3000:]}\ninputs: {broken}"


def main() -> int:
    """Fuzz all targets; 1 if one of them broke a promise."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(lambda target: fuzzed(target, seconds), TARGETS))
    for target, words in zip(TARGETS, found, strict=True):
        print(f"{target.name}: {words or 'nothing found'}")
    return any(found)


if __name__ == "__main__":
    sys.exit(main())
