"""A proxy before an engine that kills its client at a request of one's choice."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from . import plain
from .passing import Passing

AMID = 0.6
"""Seconds; far less than a slow stop takes."""

_CREDENTIALS = struct.Struct("3i")


class When(StrEnum):
    """When the client is killed."""

    BEFORE = "before"
    """The request never reaches the engine."""
    DURING = "during"
    """The engine got the request, and then sees its client hang up."""
    AMID = "amid"
    """The engine has been at work on it for a while, if it takes a while, and still is."""
    AFTER = "after"
    """The engine has done it; the client never learns."""


@dataclass(frozen=True)
class Cut:
    """Kill the client at its nth request, or at its nth that changes something."""

    when: When
    nth: int
    writes: bool
    with_guardian: bool = False
    """Whoever else spoke through the proxy since the aim is killed first."""
    signal: signal.Signals = signal.SIGKILL
    times: int = 1
    """How often it is sent, half a second apart."""
    at: str = ""
    """Only requests that hold these words count."""


class CuttingProxy(Passing):
    """Passes requests on, one connection to the engine for each, and kills one client."""

    def __init__(self, engine: Path, path: Path) -> None:
        self.url = f"unix://{path}"
        self.path = path
        self.cut: Cut | None = None
        self.victim = 0
        self.fell_at: str | None = None
        self._engine = engine
        self._seen = 0
        self._others: set[int] = set()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        super().__init__(listener)

    def aim(self, victim: int, cut: Cut) -> None:
        """Choose the process to kill, and when; it must not have asked anything yet."""
        self.cut, self._seen, self.fell_at, self.victim = cut, 0, None, victim
        self._others = set()

    def _serve(self, client: socket.socket) -> None:
        self._spawn(self._answer, client)

    def _answer(self, client: socket.socket) -> None:
        found = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid = int(_CREDENTIALS.unpack(found)[0])
        with contextlib.suppress(OSError), client.makefile("rb") as asking:
            while line := asking.readline():
                method, path, _ = line.decode().split(" ")
                length, chunked = 0, False
                while (header := asking.readline().strip().lower()) != b"":
                    if header.startswith(b"content-length:"):
                        length = int(header.partition(b":")[2])
                    chunked = chunked or header == b"transfer-encoding: chunked"
                body = b"".join(_chunks(asking)) if chunked else asking.read(length)
                if path.endswith("/session"):  # it lets nobody hold anything at the engine
                    client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                when = self._falls(pid, method, path)
                if when in (When.BEFORE, When.DURING):
                    self._kill(pid)
                if when is When.BEFORE:
                    return
                answer = self._forward(method, path, body, when, pid)
                if when is When.AFTER:
                    self._kill(pid)
                if when is not None:
                    return
                client.sendall(answer)

    def _falls(self, pid: int, method: str, path: str) -> When | None:
        cut = self.cut
        if pid != self.victim:
            self._others.add(pid)
        if cut is None or pid != self.victim or self.fell_at is not None:
            return None
        self._seen += (method != "GET" or not cut.writes) and cut.at in f"{method} {path}"
        if self._seen < cut.nth or cut.at not in f"{method} {path}":
            return None
        self.fell_at = f"{method} {path}"
        return cut.when

    def _kill(self, pid: int) -> None:
        cut = self.cut
        if cut is not None and cut.with_guardian:
            for other in self._others:
                os.kill(other, signal.SIGKILL)
        for nth in range(cut.times if cut is not None else 1):
            time.sleep(0.5 if nth else 0.0)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, cut.signal if cut is not None else signal.SIGKILL)

    def _forward(
        self, method: str, path: str, body: bytes, when: When | None, victim: int
    ) -> bytes:
        connection = plain.UnixConnection(self._engine, timeout=60.0)
        try:
            kind = "application/x-tar" if method == "PUT" else "application/json"
            headers = {"Content-Type": kind} if body else {}
            connection.request(method, path, body or None, headers)
            if when is When.AMID:
                time.sleep(AMID)
                self._kill(victim)
            if when in (When.AMID, When.DURING):
                return b""
            with connection.getresponse() as response:
                content = response.read()
                head = f"HTTP/1.1 {response.status} {response.reason}\r\n"
        finally:
            connection.close()
        return head.encode() + f"Content-Length: {len(content)}\r\n\r\n".encode() + content


def _chunks(asking: BinaryIO) -> Iterator[bytes]:
    """The body of a request that is sent piece by piece."""
    while size := int(asking.readline(), 16):
        yield asking.read(size)
        asking.readline()
    asking.readline()


@contextlib.contextmanager
def cutting(engine: Path, path: Path) -> Generator[CuttingProxy, None, None]:
    """A proxy at a unix socket of its own."""
    proxy = CuttingProxy(engine, path)
    try:
        yield proxy
    finally:
        proxy.close()
