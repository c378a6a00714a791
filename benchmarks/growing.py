"""How rules and planning grow with what they are applied to.

Counted is what Python executes, instruction by instruction: that is the same on every machine and
in every run. Time is not: beyond the processor's caches each step takes longer, which looks like a
rule that grows too fast, and so does other work on the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from benchmarks.fleet import fleet
from benchmarks.results import Row, fitted_exponent, most
from linkdoctor.api import TOOL
from linkdoctor.diagnosis import diagnose, evaluate
from linkdoctor.fix.plan import plan
from linkdoctor.model.report import Report, Safety
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Rule
from linkdoctor.rulekit.world import World

__all__ = ["TABLE", "growing"]

TABLE = "Growth: exponents of executed instructions, 1 is linear and 2 is quadratic"
_EXPONENT = 1.1
_SIZES = (200, 400, 800, 1600)
_SMALL_SIZES = (100, 200, 400, 800)
_LINKS_OF_A_HOST = 100
_PLANNED = (50, 100, 200, 400)
_TAKEN_AT = "2026-01-01T12:00:00Z"


def growing(quick: bool) -> Iterator[Row]:
    """Fit the exponents of each rule over four sizes, and that of planning."""
    rules = [loaded.rule for loaded in load_rules()]
    sizes = _SMALL_SIZES if quick else _SIZES
    made: dict[str, Callable[[int], tuple[Snapshot, ...]]] = {
        "links of one host": lambda size: fleet(size, links_of_a_host=size),
        "broken links of one host": lambda size: fleet(size, links_of_a_host=size, faulty=True),
        "hosts of 100 links": lambda size: fleet(2 * size, links_of_a_host=_LINKS_OF_A_HOST),
    }
    for axis, of_size in made.items():
        yield from _rules(rules, [of_size(size) for size in sizes], sizes, axis)
    yield _planning(rules)


def _rules(
    rules: Sequence[Rule], fleets: Sequence[Sequence[Snapshot]], sizes: Sequence[int], axis: str
) -> Iterator[Row]:
    exponents = {
        rule.code: fitted_exponent(sizes, [_steps_of(rule, each) for each in fleets])
        for rule in rules
    }
    steepest = sorted(exponents, key=exponents.__getitem__)[:-4:-1]
    listed = ", ".join(f"{code} {exponents[code]:.2f}" for code in steepest)
    yield most(
        TABLE,
        f"the steepest of {len(rules)} rules, {axis}",
        exponents[steepest[0]],
        "",
        _EXPONENT,
        f"{sizes[0]} to {sizes[-1]}; {listed}",
    )


def _steps_of(rule: Rule, snapshots: Sequence[Snapshot]) -> int:
    topology = Topology(snapshots)
    return _counted(lambda: evaluate(topology, [rule]))


def _planning(rules: Sequence[Rule]) -> Row:
    made = [_broken(rules, size) for size in _PLANNED]
    costs = [_counted(lambda pair=pair: _planned(*pair)) for pair in made]  # type: ignore[misc]
    return most(
        TABLE,
        "planning fixes, one for each broken link",
        fitted_exponent(_PLANNED, costs),
        "",
        _EXPONENT,
        f"{_PLANNED[0]} to {_PLANNED[-1]}",
    )


def _broken(rules: Sequence[Rule], size: int) -> tuple[Report, Topology]:
    world = World()
    for number in range(size):
        world.run(f"app{number}", expose=[80], listen=[80])
        world.run(f"web{number}", link=f"app{number}:app")
        world.recreate(f"app{number}")
    topology = Topology([world.snapshot()])
    return diagnose(topology, rules, tool=TOOL, taken_at=_TAKEN_AT), topology


def _planned(report: Report, topology: Topology) -> None:
    steps = plan(report, topology, allow=Safety.RECREATE).steps
    if len(steps) != len(report.findings):
        raise RuntimeError(f"{len(steps)} steps for {len(report.findings)} findings")


def _counted(action: Callable[[], object]) -> int:
    """Count the instructions that an action executes in Python."""
    count = 0

    def follow(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        nonlocal count
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            count += 1
        return follow

    sys.settrace(follow)
    try:
        action()
    finally:
        sys.settrace(None)
    return count
