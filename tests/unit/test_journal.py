"""The journal: on disk before each call, readable after any crash, and free of secrets."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import ContextName, Url
from linkdoctor.fix.from_journal import NoJournalError, resume, undo
from linkdoctor.fix.journal import (
    Before,
    Call,
    Event,
    Journal,
    JournalError,
    JournalStep,
    default_path,
    read,
    state_directory,
    steps,
)
from linkdoctor.fix.reversible import beforehand, stranded, undo_command, why_irreversible
from linkdoctor.model.actions import Action, Recreate, Restart, Start
from linkdoctor.model.links import StoredLink
from linkdoctor.model.plan import Files

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
    with pytest.raises(JournalError, match="not a journal"):
        read(path)
    with pytest.raises(JournalError, match="not a journal"):
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


OLD, NEW = "a" * 64, "b" * 64


def asked(path: Path, *calls: tuple[Call, str, bool]) -> JournalStep:
    """A step whose calls were made in this order, each answered or not."""
    with Journal(path) as journal:
        step = journal.begin(ACTION, WEB, engine="E1")
        for call, container, answered in calls:
            journal.before(step, call, "" if call is Call.CREATE else container)
            if answered:
                journal.after(step, call, container)
        (found,) = journal.steps()
    return found


def test_what_was_asked_and_not_answered_is_pending_whatever_came_after(tmp_path: Path) -> None:
    step = asked(
        tmp_path / "journal",
        (Call.CREATE, NEW, True),
        (Call.STOP, OLD, False),
        (Call.REMOVE, NEW, True),
        (Call.RENAME, OLD, False),
    )
    assert [each.call for each in step.pending] == [Call.STOP, Call.RENAME]
    assert step.is_stopping(OLD)
    assert not step.is_stopping(NEW)


@pytest.mark.parametrize("answered", [True, False])
def test_who_was_asked_to_start_after_a_stop_had_stopped(tmp_path: Path, answered: bool) -> None:
    step = asked(tmp_path / "journal", (Call.STOP, OLD, False), (Call.START, OLD, answered))
    assert not step.is_stopping(OLD)
    assert [each.call for each in step.pending] == ([] if answered else [Call.START])


def test_the_start_of_another_container_ends_no_stop(tmp_path: Path) -> None:
    step = asked(tmp_path / "journal", (Call.STOP, OLD, False), (Call.START, NEW, True))
    assert step.is_stopping(OLD)


def test_a_refused_stop_is_not_pending(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        step = journal.begin(ACTION, WEB, engine="E1")
        journal.before(step, Call.STOP, OLD)
        journal.after(step, Call.STOP, OLD, failed=True)
        (found,) = journal.steps()
    assert found.pending == ()


def test_a_step_that_is_being_taken_back_is_open_until_that_is_done(tmp_path: Path) -> None:
    path = written(tmp_path / "journal")
    with Journal(path, continued=True) as journal:
        journal.undoing(1)
        step = journal.steps()[0]
        assert (step.open, step.verified, step.undone) == (True, False, False)
        assert step.served, "whoever goes on with it must not lose what the new one wrote"
        journal.undone(1)
        step = journal.steps()[0]
        assert (step.open, step.undone, step.kept) == (False, True, WEB.id)


def test_a_journal_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    lines = (
        '{"time":"2026-01-01T00:00:00.000+00:00","step":1,"event":"begin",'
        '"schema":"linkdoctor.journal/1","engine":"E1","action":{"type":"restart",'
        '"container":"web"},"before":{"id":"a","name":"web","running":true}}\n'
        '{"time":"2026-01-01T00:00:01.000+00:00","step":1,"event":"end","result":"fixed"}\n'
    )
    (tmp_path / "journal").write_text(lines)
    (step,) = steps(read(tmp_path / "journal"))
    assert (step.before.started_at, step.before.sources) == ("", ())
    assert step.ended_at == "2026-01-01T00:00:01.000+00:00"


# Whether it can be taken back


def ended(
    path: Path, action: Action, result: str, *, acted: bool = True, kept: str = ""
) -> JournalStep:
    with Journal(path) as journal:
        step = journal.begin(action, WEB, engine="E1")
        journal.before(step, Call.START, WEB.id)
        journal.after(step, Call.START, WEB.id, failed=not acted)
        if result:
            journal.end(step, result, kept=kept)
        (found,) = journal.steps()
    return found


@pytest.mark.parametrize(
    ("action", "result", "acted", "kept", "why"),
    [
        (Start(container="web"), "fixed", True, "", ""),
        (Start(container="web"), "not-fixed", True, "", ""),
        (Start(container="web"), "not-fixed", False, "", "it changed nothing"),
        (Start(container="web"), "", True, "", "--resume"),
        (Restart(container="web"), "fixed", True, "", "a restart leaves nothing"),
        (ACTION, "fixed", True, OLD, ""),
        (ACTION, "fixed", True, "", "the old container was removed"),
        (ACTION, "undone", True, "", "it changed nothing"),
    ],
)
def test_what_a_journal_says_against_taking_a_step_back(
    tmp_path: Path, action: Action, result: str, acted: bool, kept: str, why: str
) -> None:
    step = ended(tmp_path / "journal", action, result, acted=acted, kept=kept)
    said = why_irreversible(step)
    assert said.startswith(why) if why != "--resume" else why in said
    assert bool(said) == bool(why)


def test_what_no_engine_would_start_again_is_not_taken_back(tmp_path: Path) -> None:
    ghost = msgspec.structs.replace(WEB, running=True, stranded=stranded(["db", "app"]))
    with Journal(tmp_path / "journal") as journal:
        step = journal.begin(ACTION, ghost, engine="E1")
        journal.before(step, Call.START, ghost.id)
        journal.after(step, Call.START, ghost.id, failed=False)
        journal.end(step, "fixed", kept=OLD)
        (found,) = journal.steps()
    assert "links app, db is gone" in why_irreversible(found)
    down = msgspec.structs.replace(found, before=msgspec.structs.replace(ghost, running=False))
    assert why_irreversible(down) == "", "what did not run is put back without being started"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (Files.KEEP, "can be taken back while the old container is kept (it is, if it wrote files"),
        (Files.CARRY, "can be taken back while the old container is kept (it is, if not all"),
        (Files.DROP, "cannot be taken back: --drop-files removes the old container"),
    ],
)
def test_whether_a_replacement_can_be_taken_back_depends_on_what_becomes_of_files(
    files: Files, said: str
) -> None:
    assert beforehand(ACTION, files).startswith(said)
    assert beforehand(Start(container="web"), files) == "can be taken back with --undo"


def test_the_command_that_takes_back_names_engine_and_journal() -> None:
    where = Url("unix:///run/my engine.sock")
    assert undo_command(where, "/a b", {}) == (
        "linkdoctor fix -H 'unix:///run/my engine.sock' --undo '/a b'"
    )
    assert undo_command(ContextName("far"), "/a", {}) == "linkdoctor fix --context far --undo /a"
    assert undo_command(Url(), "/a", {}) == "linkdoctor fix --undo /a"
    set_there = {"DOCKER_HOST": "tcp://far:2375"}
    assert undo_command(Url(), "/a", set_there) == "linkdoctor fix -H tcp://far:2375 --undo /a"
    with_keys = {**set_there, "DOCKER_TLS_VERIFY": "1"}
    assert undo_command(Url(), "/a", with_keys) == "linkdoctor fix --undo /a"


@pytest.mark.parametrize("content", [None, "", "no journal\n", "cut off"])
def test_only_a_journal_with_a_step_is_used(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "journal"
    if content is not None:
        path.write_text(content)
    for use in (undo, resume):
        with pytest.raises(NoJournalError):
            use(path, Url(f"unix://{tmp_path}/no-engine"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NoJournalError, match="there is no journal"):
        resume(tmp_path / "pipe", Url(f"unix://{tmp_path}/no-engine"))
