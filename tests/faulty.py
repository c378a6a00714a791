"""A proxy before an engine that spoils the answer to one request of one's choice."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.lab import plain
from tests.lab.passing import Passing

FLOOD = 1 << 30
"""Bytes that a flood sends, if they are taken."""
_PIECE = 1 << 20
_BEAT = 0.02


class Kind(StrEnum):
    """What becomes of an answer."""

    DELAYED = "delayed"
    """It comes, but a tenth of a second late."""
    SILENT = "silent"
    """It never comes; the connection stays open."""
    HUNG_UP = "hung up"
    """The connection is closed instead."""
    CUT = "cut"
    """Half of the body comes, then the connection is closed."""
    CUT_CHUNKS = "cut chunks"
    """Half of the body comes in a chunk, then the connection is closed."""
    SHORT = "short"
    """Half of the body comes, and the length says that this is all."""
    EMPTY = "empty"
    """No body comes, and the length says so."""
    NOTHING = "nothing"
    """204 No Content."""
    CORRUPT = "corrupt"
    """Every seventh byte of the body is another one."""
    NULL = "null"
    OBJECT = "object"
    LIST = "list"
    TEXT = "text"
    NUMBERS = "numbers"
    """Another JSON document than the one that was asked for."""
    DEEP = "deep"
    """JSON that is nested a hundred thousand times."""
    MOVED = "301"
    TOO_OLD = "400"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    CONFLICT = "409"
    FAILED = "500"
    UNAVAILABLE = "503"
    FLOOD = "flood"
    """A body of 1 GiB."""
    FLOOD_CHUNKS = "flood of chunks"
    """The same in chunks, with no length said."""
    FLOODED_ERROR = "flooded error"
    """A status of 500, with a body of 1 GiB."""
    BOMB = "bomb"
    """A body that would be 1 GiB if it were decompressed, which nobody asked for."""
    TRICKLE = "trickle"
    """The body comes byte by byte, for ever."""
    TRICKLED_HEAD = "trickled head"
    """A header comes byte by byte, for ever."""
    ENDLESS_HEAD = "endless head"
    """One header comes after another, for ever."""
    CONTINUED = "continued"
    """100 Continue, for ever."""
    GARBAGE = "garbage"
    """No HTTP at all."""


_STATUS = {
    Kind.MOVED: "301 Moved Permanently",
    Kind.TOO_OLD: "400 Bad Request",
    Kind.FORBIDDEN: "403 Forbidden",
    Kind.NOT_FOUND: "404 Not Found",
    Kind.CONFLICT: "409 Conflict",
    Kind.FAILED: "500 Internal Server Error",
    Kind.UNAVAILABLE: "503 Service Unavailable",
}
_BODIES = {
    Kind.EMPTY: b"",
    Kind.NULL: b"null",
    Kind.OBJECT: b"{}",
    Kind.LIST: b"[]",
    Kind.TEXT: b'"\\u001b[2J"',
    Kind.NUMBERS: b"[1e400, -0, 123456789012345678901234567890]",
    Kind.DEEP: b"[" * 100_000 + b"]" * 100_000,
}
_ENDLESS = {
    Kind.TRICKLED_HEAD: b"x",
    Kind.ENDLESS_HEAD: b"X-Again: and again\r\n",
    Kind.CONTINUED: b"\r\nHTTP/1.1 100 Continue\r\n",
}


Lie = Callable[[str, bytes], bytes]
"""Makes another body of that to a request for a path."""


def honest(path: str, body: bytes) -> bytes:
    """The body, as it is."""
    return body


@dataclass(frozen=True)
class Fault:
    """What happens to the nth request, and to those that follow if it lasts.

    With a path, without the version before it, only requests for that are counted: several
    requests are under way at once, and which is sent first is not said.
    """

    kind: Kind
    nth: int
    lasting: bool = False
    path: str = ""

    def __str__(self) -> str:
        where = f" for {self.path}" if self.path else ""
        return f"{self.kind}{' from' if self.lasting else ' at'} request {self.nth}{where}"


def bare(path: str) -> str:
    """A path without the version before it and the query behind it."""
    return re.sub(r"^/v[0-9.]+|[?].*", "", path)


class FaultyProxy(Passing):
    """Passes GET requests on, each over a connection of its own, but for those that fail."""

    def __init__(
        self, engine: Path, path: Path | None, fault: Fault | None = None, lie: Lie = honest
    ) -> None:
        if path is None:
            listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        else:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen()
            self.url = f"unix://{path}"
        self.asked: list[str] = []
        """The paths of all requests, in order."""
        self._engine = engine
        self._fault = fault
        self._lie = lie
        self._counting = threading.Lock()
        self._over = threading.Event()
        super().__init__(listener)

    def close(self) -> None:
        """End what never ends, then everything else."""
        self._over.set()
        super().close()

    def _serve(self, client: socket.socket) -> None:
        self._spawn(self._answer, client)

    def _answer(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client.makefile("rb") as asking:
            while line := asking.readline():
                method, path, _ = line.decode().split(" ")
                while asking.readline().strip():
                    pass
                with self._counting:
                    self.asked.append(path)
                    kind = self._kind(path)
                assert method == "GET", f"{method} {path}"
                if kind is not None and not self._spoil(client, path, kind):
                    client.shutdown(socket.SHUT_RDWR)
                    return
                if kind is None:
                    self._pass(client, path)

    def _kind(self, path: str) -> Kind | None:
        fault = self._fault
        if fault is None or (fault.path and bare(path) != fault.path):
            return None
        number = sum(not fault.path or bare(each) == fault.path for each in self.asked)
        falls = number >= fault.nth if fault.lasting else number == fault.nth
        return fault.kind if falls else None

    def _pass(self, client: socket.socket, path: str) -> None:
        status, reason, body = self._ask(path)
        body = self._lie(path, body)
        client.sendall(_head(f"{status} {reason}", len(body)) + body)

    def _ask(self, path: str) -> tuple[int, str, bytes]:
        connection = plain.UnixConnection(self._engine, timeout=30.0)
        try:
            connection.request("GET", path)
            with connection.getresponse() as response:
                return response.status, response.reason, response.read()
        finally:
            connection.close()

    def _spoil(self, client: socket.socket, path: str, kind: Kind) -> bool:
        """Treat one request badly; tell whether the connection can still be used."""
        send = client.sendall
        if kind in _STATUS:
            body = b'{"message": "\\u001b[2J it is a fault"}'
            send(_head(_STATUS[kind], len(body), "Location: http://127.0.0.1:9/") + body)
        elif kind in _BODIES:
            send(_head("200 OK", len(_BODIES[kind])) + _BODIES[kind])
        elif kind is Kind.DELAYED:
            self._over.wait(0.1)
            self._pass(client, path)
        elif kind is Kind.NOTHING:
            send(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif kind in (Kind.SHORT, Kind.CORRUPT):
            body = _spoilt(self._ask(path)[2], kind)
            send(_head("200 OK", len(body)) + body)
        else:
            self._break(send, path, kind)
            return False
        return True

    def _break(self, send: Callable[[bytes], None], path: str, kind: Kind) -> None:
        """Send what leaves the connection useless."""
        if kind is Kind.SILENT:
            self._over.wait()
        elif kind is Kind.CUT:
            body = self._ask(path)[2]
            send(_head("200 OK", len(body) + 1) + body[: len(body) // 2])
        elif kind is Kind.CUT_CHUNKS:
            half = _spoilt(self._ask(path)[2], Kind.SHORT)
            send(_head("200 OK", None) + f"{len(half):x}\r\n".encode() + half + b"\r\n")
        elif kind in (Kind.FLOOD, Kind.FLOODED_ERROR):
            send(_head("500 x" if kind is Kind.FLOODED_ERROR else "200 OK", FLOOD))
            for _ in range(FLOOD // _PIECE):
                send(b" " * _PIECE)
        elif kind is Kind.FLOOD_CHUNKS:
            send(_head("200 OK", None))
            for _ in range(FLOOD // _PIECE):
                send(f"{_PIECE:x}\r\n".encode() + b" " * _PIECE + b"\r\n")
        elif kind is Kind.BOMB:
            body = bomb()
            send(_head("200 OK", len(body), "Content-Encoding: gzip") + body)
        elif kind is Kind.TRICKLE:
            send(_head("200 OK", FLOOD))
            while not self._over.wait(_BEAT):
                send(b" ")
        elif kind in _ENDLESS:
            send(b"HTTP/1.1 200 OK\r\nX: " if kind is not Kind.CONTINUED else b"HTTP/1.1 100 C\r\n")
            while not self._over.wait(_BEAT):
                send(_ENDLESS[kind])
        elif kind is Kind.GARBAGE:
            send(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)
        else:
            assert kind is Kind.HUNG_UP, kind


def _head(status: str, length: int | None, *more: str) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return "\r\n".join((f"HTTP/1.1 {status}", size, *more, "", "")).encode()


def _spoilt(body: bytes, kind: Kind) -> bytes:
    if kind is Kind.SHORT:
        return body[: len(body) // 2]
    changed = bytearray(body)
    changed[3::7] = bytes(each ^ 0x15 for each in changed[3::7])
    return bytes(changed)


def bomb() -> bytes:
    """A gibibyte of blanks, compressed: one piece of it after another is one stream, too."""
    return gzip.compress(b" " * _PIECE) * (FLOOD // _PIECE)


@contextlib.contextmanager
def faulty(
    engine: Path, path: Path | None, fault: Fault | None = None, lie: Lie = honest
) -> Generator[FaultyProxy, None, None]:
    """A proxy at a unix socket of its own; without a path, at a port of the loopback."""
    proxy = FaultyProxy(engine, path, fault, lie)
    try:
        yield proxy
    finally:
        proxy.close()
