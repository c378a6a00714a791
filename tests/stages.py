"""Runs the stages of `make test` one after the other, and says how long each took.

    python tests/stages.py [--keep-going] STAGE... [NAME=VALUE...]

A stage is a target of the Makefile; variables are given to each. The first stage that fails is the
last one, unless it is to be kept going. At the end a table says what became of each stage.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEEP_GOING = "--keep-going"


@dataclass(frozen=True)
class Result:
    """What became of a stage; without seconds it did not run."""

    stage: str
    passed: bool = False
    seconds: float | None = None

    @property
    def failed(self) -> bool:
        """Whether it ran and did not pass."""
        return self.seconds is not None and not self.passed


def run_all(
    stages: Sequence[str],
    run: Callable[[str], bool],
    *,
    keep_going: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> tuple[Result, ...]:
    """Run stages in order, the rest after a failure only if it is to be kept going.

    Args:
        stages: in their order.
        run: runs one stage; whether it passed.
        keep_going: run the stages after one that failed, too.
        now: the clock.
    """
    results: list[Result] = []
    for stage in stages:
        if not keep_going and any(each.failed for each in results):
            results.append(Result(stage))
            continue
        began = now()
        passed = run(stage)
        results.append(Result(stage, passed, now() - began))
        print(line(results[-1]), flush=True)
    return tuple(results)


def line(result: Result, width: int = 0) -> str:
    """Return what became of a stage, and in what time."""
    if result.seconds is None:
        return f"-- {result.stage:{width}}  not run"
    outcome = "passed" if result.passed else "FAILED"
    return f"-- {result.stage:{width}}  {outcome} in {duration(result.seconds)}"


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def table(results: Sequence[Result]) -> str:
    """Return the table of all stages, with their time together and the names of what failed."""
    width = max(len(each.stage) for each in results)
    together = sum(each.seconds or 0 for each in results)
    failed = [each.stage for each in results if each.failed]
    said = f"failed: {', '.join(failed)}" if failed else "all stages passed"
    lines = (line(each, width) for each in results)
    return "\n".join(("", *lines, f"{said}; {duration(together)} altogether"))


def main(arguments: Sequence[str]) -> int:
    """Run the stages that are named; 1 if one of them failed."""
    variables = [each for each in arguments if "=" in each]
    stages = [each for each in arguments if "=" not in each and each != KEEP_GOING]
    # The flags of the make that called are not for those of the stages: it shares no jobs.
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}

    keep_going = KEEP_GOING in arguments
    flags = ["--no-print-directory", *([KEEP_GOING] if keep_going else [])]

    def run(stage: str) -> bool:
        make = ["make", *flags, stage, *variables]
        return subprocess.run(make, cwd=ROOT, env=environment, check=False).returncode == 0

    results = run_all(stages, run, keep_going=keep_going)
    print(table(results), flush=True)
    return 1 if any(each.failed for each in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
