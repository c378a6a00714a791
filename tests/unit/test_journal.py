"""The journal: on disk before each call, readable after any crash, and free of secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from linkdoctor.fix.journal import (
    Before,
    Call,
    Event,
    Journal,
    JournalError,
    default_path,
    read,
    state_directory,
    steps,
)
from linkdoctor.model.actions import Recreate, Start
from linkdoctor.model.links import StoredLink

WEB = Before(id="a" * 64, name="web", running=True, restart_policy="always", networks=("bridge",))
ACTION = Recreate(container="web", links=(StoredLink("app", "helloapp"),))


def written(path: Path) -> Path:
    with Journal(path) as journal:
        step = journal.begin(ACTION, WEB, engine="E1", keep_old=True)
        journal.before(step, Call.CREATE, "", "web")
        journal.after(step, Call.CREATE, "b" * 64, "web")
        journal.verified(step, "b" * 64)
        journal.end(step, "fixed", kept=WEB.id)
        step = journal.begin(Start(container="app"), WEB, engine="E1")
        journal.before(step, Call.START, WEB.id)
    return path


def test_steps_are_put_together_again(tmp_path: Path) -> None:
    first, second = steps(read(written(tmp_path / "deep" / "er" / "journal")))
    assert (first.action, first.before, first.engine) == (ACTION, WEB, "E1")
    assert (first.result, first.kept, first.new_id) == ("fixed", WEB.id, "b" * 64)
    assert first.verified
    assert first.keep_old
    assert not first.open
    assert first.unanswered is None
    assert second.open
    assert second.unanswered is not None
    assert second.unanswered.call is Call.START
    assert second.called(Call.START)
    assert not second.called(Call.STOP)


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = written(tmp_path / "state" / "journal")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("lost", [1, 7, 40])
def test_a_line_that_was_cut_off_is_left_out_and_then_removed(tmp_path: Path, lost: int) -> None:
    path = written(tmp_path / "journal")
    entries = read(path)
    os.truncate(path, path.stat().st_size - lost)
    assert read(path) == entries[:-1]
    with Journal(path, continued=True) as journal:
        journal.before(2, Call.START, WEB.id)
    assert [each.event for each in read(path)] == [each.event for each in entries]


def test_a_continued_journal_counts_on(tmp_path: Path) -> None:
    path = written(tmp_path / "journal")
    with Journal(path, continued=True) as journal:
        assert journal.begin(ACTION, WEB, engine="E1") == 3
        journal.undone(1)
        assert [each.undone for each in journal.steps()] == [True, False, False]
    assert [each.schema != "" for each in read(path)] == [True] + [False] * 8


@pytest.mark.parametrize(
    "content", [b"hello\n", b'{"step": 1}\n', b"\xff\xfe\n", b"[" * 9999 + b"\n"]
)
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="no journal"):
        read(path)
    with pytest.raises(JournalError, match="no journal"):
        Journal(path)
    assert path.read_bytes() == content


def test_rubbish_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "journal")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"rubbish\n", *lines[1:]]))
    with pytest.raises(JournalError, match="line 2"):
        read(path)


def test_a_journal_that_is_not_there_cannot_be_continued(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        Journal(tmp_path / "journal", continued=True)
    with pytest.raises(JournalError, match="No such file"):
        read(tmp_path / "journal")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError):
        Journal(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_an_empty_journal_has_no_steps(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        assert journal.steps() == ()


def test_the_state_directory_follows_the_environment() -> None:
    assert state_directory({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/linkdoctor")
    home = Path.home() / ".local/state/linkdoctor"
    assert state_directory({}) == state_directory({"XDG_STATE_HOME": "relative"}) == home
    assert default_path({"XDG_STATE_HOME": "/s"}).parent == Path("/s/linkdoctor")


def test_a_step_of_a_call_that_failed_has_no_new_container(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        step = journal.begin(ACTION, WEB, engine="E1")
        journal.before(step, Call.CREATE, "", "web")
        journal.after(step, Call.CREATE, "", "web", failed=True)
        (found,) = journal.steps()
    assert found.new_id == ""
    assert found.unanswered is None
    assert [each.event for each in found.calls] == [Event.BEFORE, Event.AFTER]
