"""How long the smallest commands take, against Python itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.measuring import environment, linkdoctor, side_by_side
from benchmarks.results import Row, ratio

__all__ = ["TABLE", "startup"]

TABLE = "Start-up, against `python -c pass`"
_VERSION, _EXPLAIN = 5.0, 12.0


def startup(quick: bool) -> Iterator[Row]:
    """Measure ``--version`` and ``explain``."""
    commands = (
        [sys.executable, "-c", "pass"],
        linkdoctor("--version"),
        linkdoctor("explain", "LD201"),
    )
    python, version, explain = side_by_side(commands, environment(), 2 if quick else 15)
    for what, ours, target in (
        ("linkdoctor --version", version, _VERSION),
        ("linkdoctor explain LD201", explain, _EXPLAIN),
    ):
        yield ratio(TABLE, what, ours.seconds, python.seconds, None if quick else target)
