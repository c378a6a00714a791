"""A finding is never lost because what its fix needs was not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.snapshot import Container, Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.registry import LoadedRule, load_rules
from linkdoctor.rulekit.fixes import (
    recreate,
    recreate_on_bridge,
    recreate_source,
    restart_target,
    start_source,
)

VANISHED = Unknown(gap=Gap.VANISHED, detail="it disappeared before it could be read")
ADVICE: tuple[Callable[[Topology, str, Container], object], ...] = (
    recreate,
    recreate_on_bridge,
    restart_target,
    lambda topology, host, each: recreate_source(topology, host, each, why="anything"),
    lambda topology, host, each: start_source(each, topology, host),
)


def with_one_unseen(snapshots: tuple[Snapshot, ...]) -> Iterator[tuple[Snapshot, ...]]:
    """The same hosts, as often as they have containers: each time another one vanished."""
    for number, snapshot in enumerate(snapshots):
        for place, container in enumerate(snapshot.containers):
            containers = list(snapshot.containers)
            containers[place] = msgspec.structs.replace(container, details=VANISHED)
            seen = msgspec.structs.replace(snapshot, containers=tuple(containers))
            yield (*snapshots[:number], seen, *snapshots[number + 1 :])


@pytest.mark.parametrize("loaded", load_rules(), ids=lambda each: each.rule.code)
def test_advice_on_what_was_seen_needs_nothing_else_to_be_seen(loaded: LoadedRule) -> None:
    for case in loaded.rule.cases:
        for snapshots in with_one_unseen(case.given()) if case.expect else ():
            topology = Topology(snapshots, case.knowledge)
            for host, container in topology.containers():
                if isinstance(container.details, Known):
                    for advise in ADVICE:
                        advise(topology, host, container)
