"""`check` of large engines that are replayed, against `docker inspect` of all their containers."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clients import Client, clients
from benchmarks.measuring import Cost, environment, linkdoctor, side_by_side
from benchmarks.results import Row, most, ratio

__all__ = ["TABLE", "replayed"]

TABLE = "Large engines, replayed"
_SIZES = ((1_000, 1.0), (10_000, 0.6))
_GROWTH = 1.2
_BASE, _OF_A_CONTAINER = 70 * 1024, 8
"""KiB."""


def replayed(quick: bool) -> Iterator[Row]:
    """Measure two sizes: time against the dump, memory, and what a container costs."""
    costs: dict[int, Cost] = {}
    others = clients()
    smallest = _checked(20, (), 2 if quick else 5)[0]
    for size, target in ((100, 0.0), (400, 0.0)) if quick else _SIZES:
        check, *dumps = _checked(size, others, 1 if quick else 5)
        costs[size] = check
        how = f"{check.processor * 1000:.0f} ms of processor time"
        asked = None if quick else target
        for client, dump in zip(others, dumps, strict=True):
            what = f"check of {size} containers against docker inspect of all ({client.version})"
            yield ratio(TABLE, what, check.seconds, dump.seconds, asked, note=how)
        yield most(
            TABLE,
            f"peak memory, {size} containers",
            check.peak / 1024,
            "MiB",
            (_BASE + _OF_A_CONTAINER * size) / 1024,
        )
    (few, less), (many, more) = costs.items()
    # Processor time: the client's own, whatever the server and the machine do beside it.
    each_of_few = (less.processor - smallest.processor) / few
    each_of_many = (more.processor - smallest.processor) / many
    what = f"cost of a container, {many} against {few}"
    if each_of_few > 0:
        asked = None if quick else _GROWTH
        yield ratio(TABLE, what, each_of_many, each_of_few, asked, note="start-up left aside")


def _checked(containers: int, others: Sequence[Client], times: int) -> list[Cost]:
    """Return the costs of `check` and of each client's dump."""
    with _engine(containers) as url:
        commands = (linkdoctor("check"), *(client.dump for client in others))
        return side_by_side(commands, environment(DOCKER_HOST=url), times)


@contextmanager
def _engine(containers: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="linkdoctor-bench-") as home:
        path = Path(home) / "d.sock"
        command = [sys.executable, "-m", "benchmarks.replay", str(path), str(containers)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            # The server ends with its standard input, which this block closes.
            if server.stdout is None or server.stdout.readline() != b"ready\n":
                raise RuntimeError("the replay server did not start")
            yield f"unix://{path}"
