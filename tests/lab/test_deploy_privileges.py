"""`docs/privileges.md` is what is seen on a real engine with each set of privileges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from linkdoctor.api import Examination, Selection, load_rules, report_on
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.snapshot import Snapshot

from . import privileges
from .engine import Engine
from .examining import a_minute_later
from .lowered import LINKDOCTOR, as_user, run
from .privileges import LEVELS, PAGE, TCP, evidence_of
from .situations import Lab


@pytest.fixture(scope="module")
def taken(tree: Path | None) -> Iterator[tuple[Lab, list[Snapshot]]]:
    """An engine that is asked from afar too, and what each set of privileges showed of it."""
    engine = Engine("host1", tcp=TCP, tree=tree)
    try:
        engine.start()
        with Lab(engine) as lab:
            yield lab, privileges.take(lab)
    finally:
        engine.stop()


def test_the_tables_are_what_was_seen(taken: tuple[Lab, list[Snapshot]]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert privileges.filled(page, taken[1]) == page, "`make pages` writes it"


def test_more_privileges_never_show_less(taken: tuple[Lab, list[Snapshot]]) -> None:
    had = [
        {kind for kind, evidence in evidence_of(each) if isinstance(evidence, Known)}
        for each in taken[1]
    ]
    assert all(less <= more for less, more in pairwise(had))
    assert len(had[0]) < len(had[-1]) == len(list(evidence_of(taken[1][-1])))


def test_what_is_not_seen_says_what_to_do(taken: tuple[Lab, list[Snapshot]]) -> None:
    for level, snapshot in zip(LEVELS, taken[1], strict=True):
        for kind, evidence in evidence_of(snapshot):
            if isinstance(evidence, Unknown):
                assert "/proc" not in evidence.detail, (level.title, kind)
                wanted = ("root", "engine's host")
                assert any(each in evidence.detail for each in wanted), (kind, evidence.detail)


def test_accepting_what_only_root_sees_leaves_nothing_open(
    taken: tuple[Lab, list[Snapshot]],
) -> None:
    accepting = Selection(accept_missing=frozenset({"root"}))
    for level, snapshot in zip(LEVELS, taken[1], strict=True):
        seen = Examination(snapshots=(a_minute_later(snapshot),))
        found = report_on(seen, load_rules(), selection=accepting)
        assert not [each for each in found.skipped if each.is_lacking], level.title
        assert found.findings == report_on(seen, load_rules()).findings


def test_check_tells_the_same(taken: tuple[Lab, list[Snapshot]]) -> None:
    """The table is made of snapshots; what a person reads are the summaries of `check -v`."""
    lab, _ = taken
    words = [*LINKDOCTOR, "check", "-v", "--host", lab.url]
    unprivileged, service = (
        run([*as_user(level.capabilities or ()), *words]).stdout.decode()
        for level in (LEVELS[1], LEVELS[5])
    )
    assert "evidence partial" in " ".join(unprivileged.split())
    assert "report: read from inspect, docker top, docker cp" in " ".join(unprivileged.split())
    assert "run as root" in unprivileged
    assert "evidence complete" in " ".join(service.split())
    assert "run as root" not in service
