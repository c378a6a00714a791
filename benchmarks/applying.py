"""How long rules take to apply, how that grows, and how planning grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks.fleet import fleet
from benchmarks.results import Row, fitted_exponent, most, told
from linkdoctor.api import TOOL, known_images
from linkdoctor.diagnosis import diagnose, evaluate
from linkdoctor.fix.plan import plan
from linkdoctor.model.knowledge import Knowledge
from linkdoctor.model.report import Safety
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.model.world import World
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Rule

__all__ = ["TABLE", "applying"]

TABLE = "Rules"
_LINKS, _LINKS_OF_A_HOST, _SECONDS = 100_000, 1_000, 3.0
_EXPONENT, _GENEROUS = 1.1, 1.5
_LEAST = 0.004
"""A rule that takes less than so many seconds for the largest size has no exponent to speak of."""
_PLANNED = (50, 100, 200, 400)
# Processor time: nothing here waits, and other work on the machine disturbs it less.
_TAKEN_AT = "2026-01-01T12:00:00Z"


def applying(quick: bool) -> Iterator[Row]:
    """Measure all rules together on many links, and each of them on four sizes."""
    rules = [loaded.rule for loaded in load_rules()]
    links = 2_000 if quick else _LINKS
    yield from _together(rules, links, quick)
    # So large that no size fits into the processor's caches: what is measured is the rule.
    largest = 800 if quick else 32_000
    sizes = [largest // 8, largest // 4, largest // 2, largest]
    bound = _GENEROUS if quick else _EXPONENT
    yield from _growth(
        rules, sizes, bound, "links of one host", lambda size: fleet(size, links_of_a_host=size)
    )
    yield from _growth(
        rules,
        [(4 if quick else 1) * size for size in sizes],
        bound,
        "hosts of 100 links",
        lambda size: fleet(size, links_of_a_host=100),
    )
    yield from _planning(rules, bound)


def _together(rules: Sequence[Rule], links: int, quick: bool) -> Iterator[Row]:
    snapshots = fleet(links, links_of_a_host=_LINKS_OF_A_HOST)
    containers = sum(len(each.containers) for each in snapshots)
    seconds, joined, findings = _diagnosed(rules, snapshots, 1 if quick else 3)
    what = f"all {len(rules)} rules on {links} links of {containers} containers"
    note = (
        f"{seconds / links * 1e6:.0f} us a link, {findings} findings; joining them {joined:.2f} s"
    )
    if quick:
        yield told(TABLE, what, seconds, "s", note)
    else:
        yield most(TABLE, what, seconds, "s", _SECONDS, note)
    broken = fleet(links // 10, links_of_a_host=min(links // 10, _LINKS_OF_A_HOST), faulty=True)
    seconds, _, findings = _diagnosed(rules, broken, 1)
    yield told(
        TABLE,
        f"the same on {links // 10} links, all of them broken",
        seconds,
        "s",
        f"{seconds / (links // 10) * 1e6:.0f} us a link, {findings} findings",
    )


def _diagnosed(
    rules: Sequence[Rule], snapshots: Sequence[Snapshot], times: int
) -> tuple[float, float, int]:
    """Give the seconds of the diagnosis, those of joining the snapshots, and the findings."""
    knowledge = Knowledge(images=known_images())
    best, joined, findings = float("inf"), float("inf"), 0
    for _ in range(times):
        begun = time.process_time()
        topology = Topology(snapshots, knowledge)
        joined = min(joined, time.process_time() - begun)
        begun = time.process_time()
        report = diagnose(topology, rules, tool=TOOL, taken_at=_TAKEN_AT)
        best = min(best, time.process_time() - begun)
        findings = len(report.findings)
    return best, joined, findings


def _growth(
    rules: Sequence[Rule],
    sizes: Sequence[int],
    bound: float,
    axis: str,
    made: Callable[[int], tuple[Snapshot, ...]],
) -> Iterator[Row]:
    """Fit the exponent of each rule; tell of the steepest."""
    costs: dict[str, list[float]] = {rule.code: [] for rule in rules}
    for size in sizes:
        snapshots = made(size)
        for rule in rules:
            costs[rule.code].append(_best_of(rule, snapshots))
    exponents = {
        code: fitted_exponent(sizes, found) for code, found in costs.items() if found[-1] >= _LEAST
    }
    steepest = max(exponents, key=exponents.__getitem__, default="")
    yield most(
        TABLE,
        f"steepest rule, {axis}",
        exponents.get(steepest, 1.0),
        "",
        bound,
        f"{steepest or 'none'}; exponent over {', '.join(map(str, sizes))} links, of "
        f"{len(exponents)} rules that take {_LEAST * 1000:.0f} ms or more",
    )


def _best_of(rule: Rule, snapshots: Sequence[Snapshot]) -> float:
    found: list[float] = []
    for _ in range(5):
        topology = Topology(snapshots)
        begun = time.process_time()
        evaluate(topology, [rule])
        found.append(time.process_time() - begun)
    return min(found)


def _planning(rules: Sequence[Rule], bound: float) -> Iterator[Row]:
    costs = [_planned(rules, size) for size in _PLANNED]
    yield most(
        TABLE,
        "planning fixes, one for each of many links",
        fitted_exponent(_PLANNED, costs),
        "",
        bound + 0.1,
        f"exponent over {', '.join(map(str, _PLANNED))} broken links; "
        f"{costs[-1] * 1000:.0f} ms for the last",
    )


def _planned(rules: Sequence[Rule], size: int) -> float:
    world = World()
    for number in range(size):
        world.run(f"app{number}", expose=[80], listen=[80])
        world.run(f"web{number}", link=f"app{number}:app")
        world.recreate(f"app{number}")
    topology = Topology([world.snapshot()])
    report = diagnose(topology, rules, tool=TOOL, taken_at=_TAKEN_AT)
    found: list[float] = []
    for _ in range(3):
        begun = time.process_time()
        steps = plan(report, topology, allow=Safety.RECREATE).steps
        found.append(time.process_time() - begun)
        if len(steps) != size:
            raise RuntimeError(f"{len(steps)} steps were planned for {size} broken links")
    return min(found)
