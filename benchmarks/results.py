"""What was measured: rows, a table for people, a file for machines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

__all__ = ["Results", "Row", "fitted_exponent", "most", "ratio", "show", "told"]

SCHEMA = "linkdoctor.benchmarks/1"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was measured."""

    table: str
    what: str
    value: float
    unit: str
    target: float | None = None
    """The most that it may be; None where nothing is asked."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None if there is none."""
        return None if self.target is None else self.value <= self.target


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All that one run measured."""

    schema: str = SCHEMA
    tool: str
    python: str
    cores: int
    quick: bool
    rows: tuple[Row, ...]


def told(table: str, what: str, value: float, unit: str, note: str = "") -> Row:
    """Measure something of which nothing is asked."""
    return Row(table=table, what=what, value=value, unit=unit, note=note)


def most(table: str, what: str, value: float, unit: str, target: float, note: str = "") -> Row:
    """Measure something that may be so much at most."""
    return Row(table=table, what=what, value=value, unit=unit, target=target, note=note)


def ratio(
    table: str, what: str, ours: float, theirs: float, target: float | None, *, note: str = ""
) -> Row:
    """Compare what we take with what the other way takes, both in seconds."""
    against = f"{_seconds(ours)} against {_seconds(theirs)}"
    shown = f"{against}; {note}" if note else against
    return Row(table=table, what=what, value=ours / theirs, unit="x", target=target, note=shown)


def _seconds(value: float) -> str:
    if value < 0.01:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def fitted_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Fit ``cost = a * size ** exponent``: 1 is linear, 2 is quadratic."""
    points = [
        (math.log(size), math.log(max(cost, 1e-9))) for size, cost in zip(sizes, costs, strict=True)
    ]
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    above = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return above / sum((x - middle_x) ** 2 for x, _ in points)


def show(results: Results, console: Console) -> None:
    """Print each table."""
    for name in dict.fromkeys(row.table for row in results.rows):
        table = Table(title=name, title_justify="left")
        for heading, side in (("what", "left"), ("measured", "right"), ("at most", "right")):
            table.add_column(heading, justify="left" if side == "left" else "right")
        table.add_column("")
        table.add_column("how")
        for row in results.rows:
            if row.table == name:
                target = "" if row.target is None else _amount(row.target, row.unit)
                sign = {True: "met", False: "MISSED", None: ""}[row.met]
                table.add_row(row.what, _amount(row.value, row.unit), target, sign, row.note)
        console.print(table)


def _amount(value: float, unit: str) -> str:
    number = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{number} {unit}".rstrip()
