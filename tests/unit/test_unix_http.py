"""HTTP over a unix socket, and peers that do it wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linkdoctor.collect.transport import AnswerBrokenOff, AnswerTooLarge, BadAnswer
from linkdoctor.collect.unix_http import UnixTransport

LIMIT = 1 << 20
Answer = Callable[[socket.socket, bytes], None]


@contextmanager
def answering(path: Path, answer: Answer) -> Iterator[list[socket.socket]]:
    """A server that answers each request; gives the connections that were made."""
    made: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(caller: socket.socket) -> None:
        with caller:
            try:
                while request := caller.recv(1 << 16):
                    answer(caller, request)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            made.append(caller)
            threads.append(threading.Thread(target=serve, args=(caller,), daemon=True))
            threads[-1].start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in made:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            accepting.join(5)
            for thread in threads:
                thread.join(5)


def saying(content: bytes, *, hangs_up: bool = False) -> Answer:
    """Always the same answer."""

    def answer(caller: socket.socket, _: bytes) -> None:
        caller.sendall(content)
        if hangs_up:
            caller.shutdown(socket.SHUT_RDWR)

    return answer


def asked(path: Path, content: bytes, *, hangs_up: bool = True) -> tuple[int, bytes]:
    """What becomes of one request that is answered so."""
    with answering(path, saying(content, hangs_up=hangs_up)):
        wire = UnixTransport(path)
        try:
            return wire.exchange("GET", "/x", None, 5.0, LIMIT)
        finally:
            wire.close()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", (200, b"{}")),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length:  2 \r\n\r\n{}", (404, b"{}")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nLater: yes\r\n\r\n",
            (200, b"abc0123456789"),
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", (200, b"until the end")),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            (200, b""),
        ),
    ],
)
def test_answers_of_every_form_are_read(
    content: bytes, expected: tuple[int, bytes], tmp_path: Path
) -> None:
    assert asked(tmp_path / "s", content) == expected


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ConnectionResetError),
        (b"SSH-2.0-OpenSSH\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 ok\r\n\r\n", BadAnswer),
        (b"x" * (1 << 17), BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", AnswerBrokenOff),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", AnswerBrokenOff),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", AnswerBrokenOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", AnswerBrokenOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", AnswerBrokenOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, AnswerBrokenOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", AnswerBrokenOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", AnswerTooLarge),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", AnswerTooLarge),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (LIMIT + 1), AnswerTooLarge),
    ],
)
def test_what_is_no_answer_is_refused(
    content: bytes, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        asked(tmp_path / "s", content)


def test_a_peer_that_says_nothing_is_left_in_time(tmp_path: Path) -> None:
    with answering(tmp_path / "s", lambda caller, request: None), pytest.raises(TimeoutError):
        UnixTransport(tmp_path / "s").exchange("GET", "/x", None, 0.05, LIMIT)


def test_a_url_cannot_smuggle_a_second_request(tmp_path: Path) -> None:
    with answering(tmp_path / "s", saying(b"")) as made:
        for url in ("/x HTTP/1.1\r\nHost: y\r\n\r\nDELETE /x", "/a b", "/é"):
            with pytest.raises(ValueError, match="no URL"):
                UnixTransport(tmp_path / "s").exchange("GET", url, None, 1.0, LIMIT)
    assert made == []


def test_one_connection_serves_one_request_after_another(tmp_path: Path) -> None:
    content = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with answering(tmp_path / "s", saying(content)) as made:
        wire = UnixTransport(tmp_path / "s")
        for _ in range(3):
            assert wire.exchange("GET", "/x", None, 5.0, LIMIT) == (200, b"{}")
        wire.close()
        assert len(made) == 1


def test_a_connection_that_was_hung_up_is_not_used_again(tmp_path: Path) -> None:
    content = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with answering(tmp_path / "s", saying(content, hangs_up=True)) as made:
        wire = UnixTransport(tmp_path / "s")
        for number in range(1, 4):
            assert wire.exchange("GET", "/x", None, 5.0, LIMIT) == (200, b"{}")
            made[-1].close()
            assert len(made) == number
        wire.close()


def test_many_answers_come_in_their_order_and_a_bad_one_hides_no_other(tmp_path: Path) -> None:
    def echo(caller: socket.socket, request: bytes) -> None:
        path = request.split(b" ")[1]
        if path == b"/5":
            caller.sendall(b"nonsense\r\n\r\n")
        else:
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)

    with answering(tmp_path / "s", echo) as made:
        wire = UnixTransport(tmp_path / "s")
        urls = [f"/{number}" for number in range(20)]
        found = list(wire.exchange_each(urls, 5.0, 5.0, LIMIT))
        wire.close()
    assert isinstance(found.pop(5), BadAnswer)
    del urls[5]
    assert found == [(200, url.encode()) for url in urls]
    assert len(made) <= 9


def test_when_the_time_is_over_each_of_many_says_so(tmp_path: Path) -> None:
    with answering(tmp_path / "s", lambda caller, request: None):
        found = list(
            UnixTransport(tmp_path / "s").exchange_each(["/1", "/2", "/3"], 0.05, 5.0, LIMIT)
        )
    assert [type(each) for each in found] == [TimeoutError] * 3


def test_who_stops_reading_leaves_no_connection_behind(tmp_path: Path) -> None:
    content = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with answering(tmp_path / "s", saying(content)):
        wire = UnixTransport(tmp_path / "s")
        answers = wire.exchange_each(["/1", "/2", "/3"], 5.0, 5.0, LIMIT)
        assert next(iter(answers)) == (200, b"{}")
        answers.close()  # type: ignore[attr-defined]
        wire.close()
