"""What others wrote, spoilt: every reader of it keeps its promises, in time that grows evenly.

`make fuzz` tries many more (see `tests/fuzz/effort.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkdoctor.api import Examination, Url, demo_snapshots, examine, report_on
from linkdoctor.collect.answers import ContainerAnswer, InfoAnswer, ListAnswer, NetworkAnswer
from linkdoctor.collect.translate import details_of, network_of
from linkdoctor.model.snapshot import Snapshot
from tests.fuzz.effort import MORE, tries
from tests.fuzz.growth import grows_evenly
from tests.fuzz.targets import GHOST, RULES, SEVERAL, TARGETS, Target, world
from tests.hostile import HOSTILE
from tests.replay import DATA, replayed, situations

few = settings(
    max_examples=tries(20),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
by_name = pytest.mark.parametrize("target", TARGETS, ids=lambda each: each.name)

# --- bytes ----------------------------------------------------------------------------------------

PIECES = (*SEVERAL, *(each.encode("utf-8", "replace") for each in HOSTILE if 0 < len(each) < 100))


@st.composite
def spoilt(draw: st.DrawFn, target: Target) -> bytes:
    """A seed of a target in which pieces are put, left out, doubled or exchanged."""
    content = draw(st.sampled_from(target.seeds))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 40))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=8) | st.just(content[start:end]))
        content = content[:start] + piece + content[draw(st.sampled_from((start, end))) :]
    return content


@by_name
def test_what_is_there_is_read(target: Target) -> None:
    for seed in (*target.seeds, b""):
        target.read(seed)


@by_name
def test_any_bytes_are_read(target: Target) -> None:
    @few
    @given(st.binary(max_size=300) | spoilt(target))
    def check(content: bytes) -> None:
        target.read(content)

    check()


# --- time -----------------------------------------------------------------------------------------


def repeated(target: Target) -> Iterator[bytes]:
    """What is repeated to find a reader that goes back and forth."""
    yield from target.seeds
    yield from SEVERAL
    if MORE > 1:
        yield from PIECES
        for seed in target.seeds:
            yield from {seed[at : at + size] for at in range(0, len(seed), 3) for size in (1, 2, 5)}


@by_name
def test_the_time_grows_with_the_input_and_not_with_its_square(target: Target) -> None:
    for piece in repeated(target):
        large = (piece * (target.largest // len(piece) + 1))[: target.largest]

        def read(size: int, content: bytes = large) -> None:
            target.read(content[:size])

        assert grows_evenly(read, len(large)), f"{piece[:40]!r}, repeated"


# --- structures -----------------------------------------------------------------------------------

NUMBERS = (0, -1, 1, 65536, 1 << 31, 1 << 63, -(1 << 63))
STRANGE = (
    *(each for each in HOSTILE if each != "\ud800"),
    "172.17.0.2",
    "::1",
    "1:2:3",
    "/a:/b/c",
    "5000/tcp",
    "2026-13-40T25:00:00Z",
)


@st.composite
def changed(draw: st.DrawFn, whole: Any, most: int = 4) -> Any:
    """A JSON document with some of its leaves exchanged and some of its branches left out."""
    whole = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, most))):
        parent, key = _place(draw, whole)
        if parent is None:
            continue
        value = parent[key]
        if isinstance(parent, list) and draw(st.booleans()):
            del parent[key]
        elif isinstance(value, str):
            parent[key] = draw(st.sampled_from(STRANGE))
        elif isinstance(value, bool) or value is None:
            parent[key] = draw(st.sampled_from((True, False, None)))
        elif isinstance(value, int):
            parent[key] = draw(st.sampled_from(NUMBERS))
        elif isinstance(parent, list) and draw(st.booleans()):
            parent.append(value)
        else:
            del parent[key]
    return whole


def _place(draw: st.DrawFn, whole: Any) -> tuple[Any, Any]:
    """Somewhere in a document: what it stands in, and where."""
    parent, key, here = None, None, whole
    while isinstance(here, dict | list) and here and (parent is None or draw(st.integers(0, 9))):
        keys = sorted(here) if isinstance(here, dict) else range(len(here))
        parent, key = here, draw(st.sampled_from(keys))
        here = parent[key]
    return parent, key


SNAPSHOTS = [msgspec.to_builtins(each) for each in (world().snapshot(), *demo_snapshots())]


@settings(parent=few, max_examples=tries(40))
@given(st.sampled_from(SNAPSHOTS).flatmap(changed))
def test_no_snapshot_makes_a_rule_crash(whole: Any) -> None:
    try:
        snapshot = msgspec.json.decode(json.dumps(whole), type=Snapshot)
    except msgspec.DecodeError:
        return
    report = report_on(Examination(snapshots=(snapshot,)), RULES)
    crashes = [each for each in report.findings if each.code == "LD001"]
    assert not crashes, [(each.message, each.evidence[0].observed) for each in crashes]


@few
@given(st.sampled_from([*GHOST["inspect"].values()]).flatmap(changed))
def test_any_inspect_is_translated(whole: Any) -> None:
    try:
        answer = msgspec.json.decode(json.dumps(whole), type=ContainerAnswer)
    except msgspec.DecodeError:
        return
    details_of(answer)


@few
@given(changed([GHOST["networks"], GHOST["containers"], GHOST["info"]], 8))
def test_any_other_answer_is_translated(whole: Any) -> None:
    try:
        networks = msgspec.convert(whole[0], list[NetworkAnswer])
        listed = msgspec.convert(whole[1], list[ListAnswer])
        msgspec.convert(whole[2], InfoAnswer)
    except (msgspec.ValidationError, IndexError):
        return
    for each in networks:
        network_of(each)
    for one in listed:
        assert all(isinstance(each, str) for each in one.endpoints)


SITUATIONS = [*situations().values(), *situations(DATA / "podman-4.3.json").values()]


@settings(parent=few, max_examples=tries(8))
@given(st.sampled_from(SITUATIONS).flatmap(lambda each: changed(each, 6)))
def test_no_answer_of_an_engine_makes_an_examination_fail(situation: Any) -> None:
    with TemporaryDirectory() as home, replayed(situation, Path(home, "s")):
        examination = examine([Url(f"unix://{home}/s")], timeout=10, environment={})
    report = report_on(examination, RULES)
    assert "LD001" not in {each.code for each in report.findings}
    assert not [each.reason for each in report.skipped if "failed on it" in each.reason]
