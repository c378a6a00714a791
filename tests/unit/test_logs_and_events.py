"""The engine's answers about logs, health checks and events, taken apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.api import Url, examine
from linkdoctor.collect.collector import CollectOptions
from linkdoctor.collect.logs import lines_of_log
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.snapshot import Container, Health, Snapshot
from tests.replay import replayed, situations

SECRET = "s3cr3t"
TIME = "2026-01-01T00:00:01.123456789Z"


def frame(stream: int, text: str) -> bytes:
    content = text.encode()
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def test_framed_lines_of_both_streams_are_read_in_order() -> None:
    content = frame(1, f"{TIME} one\n") + frame(2, f"{TIME} two\n") + frame(1, f"{TIME} three\n")
    assert lines_of_log(content) == ((TIME, "one"), (TIME, "two"), (TIME, "three"))


def test_the_lines_of_a_terminal_have_no_frames() -> None:
    assert lines_of_log(f"{TIME} one\r\n{TIME} two\r\n".encode()) == ((TIME, "one"), (TIME, "two"))


def test_what_does_not_begin_with_a_time_has_none() -> None:
    assert lines_of_log(b"no time here\n") == (("", "no time here"),)
    assert lines_of_log(b"") == ()


def test_a_frame_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    content = frame(1, f"{TIME} one\n") + frame(2, f"{TIME} two\n")[:-2]
    assert lines_of_log(content) == ((TIME, "one"), (TIME, "tw"))
    assert lines_of_log(frame(1, f"{TIME} one\n") + b"\x01\x00") == ((TIME, "one"),)


@given(st.binary(max_size=300))
def test_any_answer_is_taken_apart(content: bytes) -> None:
    for time, _ in lines_of_log(content) + lines_of_log(b"\x01" + content):
        assert time == "" or time[4] == "-"


def seen(situation: dict[str, Any], directory: Path) -> Snapshot:
    with replayed(situation, directory / "s"):
        examination = examine(
            [Url(f"unix://{directory}/s")],
            timeout=20,
            environment={},
            further=CollectOptions(logs=True),
        )
    (snapshot,) = examination.snapshots
    assert SECRET not in msgspec.json.encode(snapshot).decode()
    return snapshot


def web(snapshot: Snapshot) -> Container:
    (found,) = [each for each in snapshot.containers if each.name == "web"]
    return found


def healthy() -> dict[str, Any]:
    situation = situations()["healthy"]
    situation["info"]["SystemTime"] = "2026-01-01T00:00:01.5+02:00"
    return situation


def event(**changes: object) -> str:
    base: dict[str, object] = {
        "Action": "start",
        "Actor": {"ID": "f" * 64, "Attributes": {"name": "web", "label": SECRET}},
        "timeNano": 1767225601000002000,
    }
    return json.dumps(base | changes)


def test_events_are_read_without_labels_and_without_commands(tmp_path: Path) -> None:
    situation = healthy()
    lines = [
        event(),
        event(Action="die", timeNano=1767225601000001000),
        event(Action=f"exec_create: sh -c {SECRET}"),
        event(Action="health_status: healthy"),
        event(Actor={"ID": "f", "Attributes": None}),
        event(Actor=None),
        "{",
        "[]",
        event(Action="kill", timeNano=0, time=1767225600),
    ]
    situation["raw"] = {"events": "\n".join(lines)}
    events = seen(situation, tmp_path).events
    assert isinstance(events, Known)
    assert [(each.time, each.action, each.container) for each in events.value] == [
        ("2026-01-01T00:00:00.000000Z", "kill", "web"),
        ("2026-01-01T00:00:01.000001Z", "die", "web"),
        ("2026-01-01T00:00:01.000002Z", "start", "web"),
    ]


@pytest.mark.parametrize("clock", ["", "yesterday", "2026-01-01T00:00:00"])
def test_without_the_engines_clock_no_events_are_asked_for(clock: str, tmp_path: Path) -> None:
    situation = healthy()
    situation["info"]["SystemTime"] = clock
    situation["raw"] = {"events": event()}
    assert isinstance(seen(situation, tmp_path).events, Unknown)


def test_too_many_events_are_none(tmp_path: Path) -> None:
    situation = healthy()
    situation["raw"] = {"events": f"{event()}\n" * 40_000}
    events = seen(situation, tmp_path).events
    assert isinstance(events, Unknown)
    assert "larger than 4 MiB" in events.detail


def test_an_engine_without_logs_and_events_is_examined_nevertheless(tmp_path: Path) -> None:
    snapshot = seen(healthy(), tmp_path)
    assert isinstance(snapshot.events, Unknown)
    assert isinstance(web(snapshot).complaints, Unknown)


def test_of_the_output_of_a_health_check_complaints_are_kept(tmp_path: Path) -> None:
    situation = healthy()
    situation["inspect"]["web"]["State"]["Health"] = {
        "Status": "unhealthy",
        "FailingStreak": 4,
        "Log": [
            {"Start": TIME, "End": TIME, "ExitCode": 1, "Output": "lookup app: no such host"},
            {
                "Start": TIME,
                "End": TIME,
                "ExitCode": 7,
                "Output": f"password {SECRET}\nlookup helloapp: no such host\nlookup {SECRET}: "
                "no such host",
            },
        ],
    }
    details = web(seen(situation, tmp_path)).details
    assert isinstance(details, Known)
    health = details.value.health
    assert health is not None
    assert (health.status, health.exit_code, health.failing_streak) == ("unhealthy", 7, 4)
    assert {(each.kind.value, each.host, each.last) for each in health.complaints} == {
        ("name not resolved", "helloapp", "2026-01-01T00:00:01Z"),
        ("name not resolved", "", "2026-01-01T00:00:01Z"),
    }


@pytest.mark.parametrize("status", ["", "none"])
def test_no_health_check_is_no_health(status: str, tmp_path: Path) -> None:
    situation = healthy()
    situation["inspect"]["web"]["State"]["Health"] = {"Status": status, "Log": None}
    details = web(seen(situation, tmp_path)).details
    assert isinstance(details, Known)
    assert details.value.health is None


def test_a_check_that_passed_complains_of_nothing(tmp_path: Path) -> None:
    situation = healthy()
    situation["inspect"]["web"]["State"]["Health"] = {
        "Status": "healthy",
        "Log": [{"ExitCode": 0, "Output": "lookup helloapp: no such host"}],
    }
    details = web(seen(situation, tmp_path)).details
    assert isinstance(details, Known)
    assert details.value.health == Health(status="healthy", exit_code=0)
