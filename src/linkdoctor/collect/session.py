"""A name that an engine gives to one client at a time, for as long as the client stays connected.

It is the id of a session of ``POST /session``, which the engine opens for builds: a second one of
the same id is refused. The engine then speaks HTTP/2 to its client, and asks every few seconds
whether it is well; all that is asked is answered with *serving*. Nothing is changed by it.
"""

from __future__ import annotations

import contextlib
import struct
import threading
from pathlib import Path
from typing import Protocol

from linkdoctor.collect import sockets

__all__ = ["EngineClaim", "claim_at_engine", "is_claimed_at_engine"]

_TIMEOUT = 10.0
_LARGEST_HEAD = 16 * 1024
_LARGEST_FRAME = 1 << 20
_TAKEN = b"already exists"
_SWITCHED = b"101"

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME = struct.Struct(">HBBBL")
"""Length (of three bytes), kind, flags, stream."""
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_OK = b"\x88\x0f\x10\x10application/grpc"
"""``:status: 200`` and the content type, as HPACK has them."""
_SERVING = b"\x00\x00\x00\x00\x02\x08\x01"
_ENDED_WELL = b"\x00\x0bgrpc-status\x010"


class _Stream(Protocol):
    def settimeout(self, seconds: float | None, /) -> None: ...

    def sendall(self, content: bytes, /) -> None: ...

    def recv(self, most: int, /) -> bytes: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...


class _Ended(Exception):
    """The engine has hung up, or says what is not HTTP/2."""


class EngineClaim:
    """A name that is held at an engine, by a thread that answers it."""

    def __init__(self, stream: _Stream, begun: bytes) -> None:
        """Take the connection of a session, and what was read of it already."""
        self._stream = stream
        self._buffer = begun
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let the name go; the engine notices within seconds."""
        sockets.shut(self._stream)
        self._thread.join(_TIMEOUT)
        self._stream.close()

    @property
    def held(self) -> bool:
        """Whether the engine still has it."""
        return self._thread.is_alive()

    def _serve(self) -> None:
        with contextlib.suppress(OSError, _Ended):
            if self._read(len(_PREFACE)) != _PREFACE:
                return
            self._send(_SETTINGS, 0, 0, b"")
            while True:
                self._answer()

    def _answer(self) -> None:
        high, low, kind, flags, stream = _FRAME.unpack(self._read(_FRAME.size))
        length = (high << 8) | low
        if length > _LARGEST_FRAME:
            raise _Ended
        content = self._read(length)
        if kind == _SETTINGS and not flags & _ACK:
            self._send(_SETTINGS, _ACK, 0, b"")
        elif kind == _PING and not flags & _ACK:
            self._send(_PING, _ACK, 0, content)
        elif kind == _GOAWAY:
            raise _Ended
        elif kind in (_DATA, _HEADERS):
            if kind == _DATA and length:
                self._send(_WINDOW_UPDATE, 0, 0, struct.pack(">L", length))
            if flags & _END_STREAM:
                self._send(_HEADERS, _END_HEADERS, stream, _OK)
                self._send(_DATA, 0, stream, _SERVING)
                self._send(_HEADERS, _END_HEADERS | _END_STREAM, stream, _ENDED_WELL)

    def _send(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        length = len(content)
        head = _FRAME.pack(length >> 8, length & 0xFF, kind, flags, stream)
        self._stream.sendall(head + content)

    def _read(self, length: int) -> bytes:
        while len(self._buffer) < length:
            more = self._stream.recv(1 << 16)
            if not more:
                raise _Ended
            self._buffer += more
        found, self._buffer = self._buffer[:length], self._buffer[length:]
        return found


def claim_at_engine(path: Path, name: str) -> EngineClaim | None:
    """Take a name at the engine behind a unix socket; None if it is taken, or cannot be had.

    Whether it is taken says :func:`is_claimed_at_engine`: an engine, or what stands before it,
    may not offer this at all.
    """
    with contextlib.suppress(OSError):
        stream = sockets.unix_stream(path, _TIMEOUT)
        try:
            head, rest = _asked(stream, name, "Connection: Upgrade\r\nUpgrade: h2c\r\n")
            if head.split(b" ")[1:2] == [_SWITCHED]:
                stream.settimeout(None)
                return EngineClaim(stream, rest)
        except BaseException:
            stream.close()
            raise
        stream.close()
    return None


def is_claimed_at_engine(path: Path, name: str) -> bool:
    """Whether somebody has a name at the engine; it is not taken by asking."""
    with contextlib.suppress(OSError), contextlib.closing(sockets.unix_stream(path, _TIMEOUT)) as s:
        head, rest = _asked(s, name, "Connection: close\r\n")
        most = _length_of_body(head)  # what stands before an engine may keep the connection open
        while _TAKEN not in rest and len(rest) < most and (more := s.recv(4096)):
            rest += more
        return head.split(b" ")[1:2] != [_SWITCHED] and _TAKEN in rest
    return False


def _length_of_body(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return min(int(value[:20]), _LARGEST_HEAD)
    return _LARGEST_HEAD


def _asked(stream: _Stream, name: str, connection: str) -> tuple[bytes, bytes]:
    """Ask for a session without saying anything further; return the answer's head and the rest."""
    stream.sendall(
        (
            "POST /session HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n"
            f"X-Docker-Expose-Session-Uuid: {name}\r\n"
            f"X-Docker-Expose-Session-Name: linkdoctor\r\n{connection}\r\n"
        ).encode()
    )
    read = b""
    while b"\r\n\r\n" not in read:
        more = stream.recv(4096)
        if not more or len(read) > _LARGEST_HEAD:
            raise OSError("no answer to a request for a session")
        read += more
    head, _, rest = read.partition(b"\r\n\r\n")
    return head, rest
