"""Bodies and answers that are sent and read piece by piece, and peers that do it wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linkdoctor.api import Url
from linkdoctor.collect.control import Control, ControlError, Missing, controlling
from linkdoctor.collect.engine import EngineError
from tests.waiting import soon

from .test_unix_http import answering

VERSION = b'{"Version":"20.10.24","ApiVersion":"1.41"}'
LONG = 20.0


def spoken(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@contextmanager
def engine(path: Path, answer: bytes, *, trickle: float = 0.0) -> Iterator[Control]:
    """An engine that answers every request but the first with the same bytes, and hangs up.

    Where it trickles, it sends one byte after another, with a pause of so many seconds. Without
    an answer it says nothing and does not hang up.
    """
    over = threading.Event()

    def say(caller: socket.socket, request: bytes) -> None:
        if b"/version" in request:
            caller.sendall(spoken(b"200 OK", VERSION))
            return
        if not answer:
            return
        for at in range(0, len(answer), 1 if trickle else len(answer)):
            caller.sendall(answer[at : at + (1 if trickle else len(answer))])
            if trickle and over.wait(trickle):
                break
        caller.shutdown(socket.SHUT_RDWR)

    with answering(path, say), controlling(Url(f"unix://{path}"), {}) as control:
        try:
            yield control
        finally:
            over.set()


def exported(control: Control, longest: float = LONG) -> bytes:
    with control.export("web", longest) as answer:
        return b"".join(iter(answer.read, b""))


def test_an_answer_is_read_to_its_end(tmp_path: Path) -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with engine(tmp_path / "s", chunked) as control:
        assert exported(control) == b"abcde"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"HTTP/1.1 2",
        b"nothing of the kind\r\n\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_none(tmp_path: Path, answer: bytes) -> None:
    with (
        engine(tmp_path / "s", answer) as control,
        pytest.raises(EngineError, match="cut short GET /containers/web/export"),
    ):
        exported(control)


def test_an_answer_that_trickles_is_given_up(tmp_path: Path) -> None:
    # It would take minutes, each byte of it less than the time that it may take.
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    with (
        engine(tmp_path / "s", answer, trickle=0.02) as control,
        pytest.raises(EngineError, match="did not finish within 1 s"),
    ):
        soon(lambda: exported(control, 1.0))


def test_a_refusal_is_in_the_engines_words(tmp_path: Path) -> None:
    missing = spoken(b"404 Not Found", b'{"message":"No such container: web"}')
    with engine(tmp_path / "s", missing) as control, pytest.raises(Missing, match="No such"):
        exported(control)


def test_an_archive_that_is_refused_early_is_not_sent_on(tmp_path: Path) -> None:
    sent = 0

    def archive() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100_000):
            sent += 1
            yield bytes(1 << 16)

    refusal = spoken(b"500 Internal Server Error", b'{"message":"no space left on device"}')
    with (
        engine(tmp_path / "s", refusal) as control,
        pytest.raises(EngineError) as refused,
    ):
        control.unpack("web", archive(), LONG)
    assert sent < 1000
    if isinstance(refused.value, ControlError):  # the words may be lost with the connection
        assert "no space left" in str(refused.value)


def test_what_the_source_of_an_archive_raises_is_passed_on(tmp_path: Path) -> None:
    def archive() -> Iterator[bytes]:
        yield b"x"
        raise EngineError("the archive of its files is damaged")

    with (
        engine(tmp_path / "s", b"") as control,
        pytest.raises(EngineError, match="is damaged"),
    ):
        control.unpack("web", archive(), LONG)
