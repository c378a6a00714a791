"""Snapshot files from strangers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.api import (
    Examination,
    SnapshotError,
    demo_snapshots,
    load_rules,
    read_snapshot,
    report_on,
    snapshot_bytes,
)
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.rulekit.world import World


@pytest.fixture
def snapshot() -> Snapshot:
    return World().run("app", expose=[5000]).run("web", link="app:helloapp").move("app").snapshot()


def written(directory: Path, content: bytes) -> Path:
    path = directory / "host.json"
    path.write_bytes(content)
    return path


def test_a_snapshot_survives_the_file(tmp_path: Path, snapshot: Snapshot) -> None:
    assert read_snapshot(written(tmp_path, snapshot_bytes(snapshot))) == snapshot
    assert read_snapshot(written(tmp_path, msgspec.json.encode(snapshot))) == snapshot


def test_the_same_snapshot_is_the_same_file(snapshot: Snapshot) -> None:
    assert snapshot_bytes(snapshot) == snapshot_bytes(snapshot)


def test_a_saved_host_is_diagnosed_as_the_live_one(tmp_path: Path, snapshot: Snapshot) -> None:
    rules = load_rules()
    live = report_on(Examination(snapshots=(snapshot,)), rules)
    saved = report_on(
        Examination(snapshots=(read_snapshot(written(tmp_path, snapshot_bytes(snapshot))),)), rules
    )
    assert msgspec.json.encode(live) == msgspec.json.encode(saved)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"not json", "not valid JSON"),
        (b"{}", "not a snapshot"),
        (b"[1, 2]", "not a snapshot: must be an object, not a list"),
        (b'{"schema": "linkdoctor.snapshot/2"}', "made by a newer linkdoctor"),
        (b'{"schema": "linkdoctor.snapshot/x"}', "made by a newer linkdoctor"),
        (b'{"schema": "linkdoctor.report/1"}', "not a snapshot"),
        (b'{"schema": "linkdoctor.snapshot/1"}', "a damaged snapshot"),
        (b"\x1f\x8bgarbage", "a damaged snapshot"),
        (b"\xff\xfe\x00", "not valid JSON"),
    ],
)
def test_what_is_no_snapshot_is_said_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(SnapshotError) as caught:
        read_snapshot(written(tmp_path, content))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "host.json" in str(caught.value)


def test_a_truncated_snapshot_is_refused(tmp_path: Path, snapshot: Snapshot) -> None:
    content = snapshot_bytes(snapshot)
    with pytest.raises(SnapshotError, match="truncated"):
        read_snapshot(written(tmp_path, content[: len(content) // 2]))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    deep = b'{"schema": "linkdoctor.snapshot/1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(SnapshotError):
        read_snapshot(written(tmp_path, gzip.compress(deep)))


@pytest.mark.parametrize("version", ["9" * 5000, "-1", "", "1.0", "٢"])
def test_any_version_is_refused_in_words(tmp_path: Path, version: str) -> None:
    content = f'{{"schema": "linkdoctor.snapshot/{version}"}}'
    with pytest.raises(SnapshotError, match="made by a newer linkdoctor") as refused:
        read_snapshot(written(tmp_path, content.encode()))
    assert len(str(refused.value)) < 500


def test_an_endless_value_is_not_quoted_to_its_end(tmp_path: Path, snapshot: Snapshot) -> None:
    whole = json.loads(msgspec.json.encode(snapshot))
    whole["containers"][0]["details"]["value"]["status"] = "x" * 5000
    with pytest.raises(SnapshotError, match="has an unknown value 'xxx") as refused:
        read_snapshot(written(tmp_path, json.dumps(whole).encode()))
    assert len(str(refused.value)) < 500


def test_a_hosts_line_without_a_name_is_damage(tmp_path: Path) -> None:
    world = World().run("app").run("web", link="app")
    whole = json.loads(msgspec.json.encode(world.snapshot()))
    whole["containers"][1]["hosts_file"]["value"][0]["names"] = []
    with pytest.raises(SnapshotError, match="a damaged snapshot"):
        read_snapshot(written(tmp_path, json.dumps(whole).encode()))


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="No such file"):
        read_snapshot(tmp_path / "nothing")


@given(st.binary(max_size=200))
def test_no_content_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "host.json"
    path.write_bytes(content)
    with pytest.raises(SnapshotError):
        read_snapshot(path)


def test_the_recorded_hosts_can_be_read() -> None:
    assert [each.host for each in demo_snapshots()] == ["alpha", "beta"]
