"""What a user names is read or refused in bounded time: a named pipe is not waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import pytest

from linkdoctor import given_files
from linkdoctor.collect.contexts import UnknownContext, current_context, load_context
from linkdoctor.fix.journal import JournalError, read
from linkdoctor.given_files import read_bounded, read_regular
from linkdoctor.registry import PackError, load_rules

RECORDED = resources.files("linkdoctor.data").joinpath("demo-alpha.json.gz")
SOON = 25.0


def linkdoctor(*words: str | Path, given: bytes | None = None) -> tuple[int, str, str]:
    """Run the command line, which may take no longer than SOON."""
    done = subprocess.run(
        [sys.executable, "-m", "linkdoctor", *map(str, words)],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        timeout=SOON,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe into which nobody writes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--snapshot"),
        ("check", "--config"),
        ("demo-check", "--baseline"),
        ("diff", "--from-first"),
        ("snapshot", "--show"),
    ],
    ids=" ".join,
)
def test_a_pipe_into_which_nobody_writes_is_refused(
    run: Callable[..., tuple[int, str, str]],
    pipe: Path,
    words: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(given_files, "_UNTIL_A_WRITER_COMES", 0.01)
    recorded = pipe.parent / "alpha.json.gz"
    recorded.write_bytes(RECORDED.read_bytes())
    command: list[str | Path] = [*words, pipe]
    if words[0] == "demo-check":
        command = ["check", "--snapshot", recorded, "--baseline", pipe]
    elif words[0] == "diff":
        command = ["diff", pipe, recorded]
    code, out, told = run(*command)
    assert (code, out) == (2, "")
    assert told.count("\n") == 1
    assert str(pipe) in told
    assert "nothing writes to this pipe" in told


def test_a_snapshot_comes_through_standard_input() -> None:
    content = RECORDED.read_bytes()
    code, out, told = linkdoctor("check", "--snapshot", "/dev/stdin", given=content)
    assert (code, told) == (1, "")
    assert "alpha" in out


def test_a_snapshot_comes_through_process_substitution(tmp_path: Path) -> None:
    recorded = tmp_path / "alpha.json.gz"
    recorded.write_bytes(RECORDED.read_bytes())
    text = f"exec {sys.executable} -m linkdoctor check --snapshot <(cat {recorded})"
    done = subprocess.run(
        ["bash", "-c", text],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=SOON,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_writer_may_be_slow_and_may_come_late(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader_waits = threading.Semaphore(0)
    wait = given_files._wait

    def announced(descriptor: int, seconds: float) -> None:
        reader_waits.release()
        wait(descriptor, seconds)

    def write() -> None:
        assert reader_waits.acquire(timeout=SOON)
        with pipe.open("wb", buffering=0) as file:
            for piece in (b"one ", b"two ", b"three"):
                file.write(piece)
                assert reader_waits.acquire(timeout=SOON)

    monkeypatch.setattr(given_files, "_wait", announced)
    monkeypatch.setattr(given_files, "_UNTIL_A_WRITER_COMES", SOON)
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert read_bounded(pipe, 100) == b"one two three"
    writer.join(SOON)
    assert not writer.is_alive()


def test_a_writer_that_says_nothing_and_stays_is_not_waited_for_for_ever(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def in_vain(_: int, seconds: float) -> None:
        waits.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(given_files, "_wait", in_vain)
    writer = os.open(pipe, os.O_RDWR)
    try:
        with pytest.raises(TimeoutError):
            read_bounded(pipe, 100)
    finally:
        os.close(writer)
    assert waits == [given_files._BETWEEN_TWO_PIECES]


def test_a_wait_for_a_pipe_ends(pipe: Path) -> None:
    writer = os.open(pipe, os.O_RDWR)
    try:
        with pytest.raises(TimeoutError, match="nothing writes to this pipe"):
            given_files._wait(writer, 0.01)
    finally:
        os.close(writer)


def test_no_more_is_read_than_one_byte_above_the_limit(pipe: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert len(read_bounded(file, 10)) == len(read_regular(file, 10)) == 11
    writer = os.open(pipe, os.O_RDWR)
    try:
        os.write(writer, b"x" * 100)
        assert len(read_bounded(pipe, 10)) == 11
    finally:
        os.close(writer)


def test_nothing_may_be_given_for_a_configuration_and_a_directory_may_not(tmp_path: Path) -> None:
    assert read_bounded(Path("/dev/null"), 10) == b""
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 10)


def test_a_terminal_is_not_read(tmp_path: Path) -> None:
    controller, terminal = os.openpty()
    try:
        with pytest.raises(OSError, match="a terminal"):
            read_bounded(Path(os.ttyname(terminal)), 10)
    finally:
        os.close(controller)
        os.close(terminal)


def test_what_lies_where_it_is_looked_for_is_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    assert current_context({"DOCKER_CONFIG": str(tmp_path)}) == "default"
    meta = tmp_path / "contexts" / "meta" / "0"
    meta.mkdir(parents=True)
    os.mkfifo(meta / "meta.json")
    with pytest.raises(UnknownContext):
        load_context("elsewhere", {"DOCKER_CONFIG": str(tmp_path)})


def test_a_journal_and_a_rule_are_no_pipes(pipe: Path) -> None:
    with pytest.raises(JournalError, match="not a regular file"):
        read(pipe)
    pack = pipe.parent / "pack"
    pack.mkdir()
    os.mkfifo(pack / "our_rule.py")
    with pytest.raises(PackError, match="is not a file"):
        load_rules([pack])
