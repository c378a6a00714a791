"""How long rules take to apply to many links."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from benchmarks.fleet import fleet
from benchmarks.results import Row, most, told
from linkdoctor.api import TOOL, known_images
from linkdoctor.diagnosis import diagnose
from linkdoctor.model.knowledge import Knowledge
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Rule

__all__ = ["TABLE", "applying"]

TABLE = "Rules"
_LINKS, _LINKS_OF_A_HOST, _SECONDS = 100_000, 1_000, 3.0
# Processor time: nothing here waits, and other work on the machine disturbs it less.
_TAKEN_AT = "2026-01-01T12:00:00Z"


def applying(quick: bool) -> Iterator[Row]:
    """Measure all rules together: nearly all links healthy, and every link broken."""
    rules = [loaded.rule for loaded in load_rules()]
    links = 2_000 if quick else _LINKS
    yield from _together(rules, links, quick)


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
    """Return the seconds of the diagnosis, those of joining the snapshots, and the findings."""
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
