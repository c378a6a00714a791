"""Run all benchmarks: ``python -m benchmarks [--quick] [--json FILE] [--only TABLE]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.applying import applying
from benchmarks.growing import growing
from benchmarks.live import live
from benchmarks.replayed import replayed
from benchmarks.results import Results, Row, show
from benchmarks.startup import startup
from linkdoctor import __version__

_TABLES: Mapping[str, Callable[[bool], Iterator[Row]]] = {
    "startup": startup,
    "rules": applying,
    "growth": growing,
    "replayed": replayed,
    "live": live,
}


def main() -> int:
    """Measure, print, write; 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: does it run, and is nothing quadratic?"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows there, too")
    parser.add_argument("--only", choices=tuple(_TABLES), action="append", help="repeatable")
    chosen = parser.parse_args()
    rows: list[Row] = []
    for name in chosen.only or _TABLES:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        rows += _TABLES[name](chosen.quick)
    results = Results(
        tool=__version__,
        python=platform.python_version(),
        cores=os.cpu_count() or 1,
        quick=chosen.quick,
        rows=tuple(rows),
    )
    show(results, Console(width=140 if not sys.stdout.isatty() else None))
    if chosen.json is not None:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2))
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
