"""Answers and bodies that are too large to be held: read and sent piece by piece.

Everything else goes through :mod:`.unix_http`, which holds whole answers. The time limit is for the
whole of an answer, as there, however slowly its pieces come.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from linkdoctor.collect import sockets
from linkdoctor.collect.pool_deadline import RequestDeadline, end_in_time
from linkdoctor.collect.transport import AnswerBrokenOff

__all__ = ["Streamed", "headers_of", "stream_through_socket"]

_PIECE = 1 << 18
_TAR = "application/x-tar"


class Streamed:
    """An answer whose body is read piece by piece."""

    def __init__(
        self, status: int, pieces: Callable[[int], bytes], close: Callable[[], None]
    ) -> None:
        """Take what reads the next piece, and what hangs up."""
        self.status = status
        self._pieces = pieces
        self.close = close

    def read(self) -> bytes:
        """Read the next piece; b"" at the end of the body."""
        return self._pieces(_PIECE)


class _Connections:
    """Makes connections to a unix socket, for :func:`.pool_deadline.end_in_time`."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path, seconds

    def _new_conn(self) -> Any:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = sockets.unix_stream(self._path, self._seconds)
        return connection


def headers_of(body: object) -> dict[str, str]:
    """Return the headers of a request; a body is an archive of unknown length."""
    sent = {} if body is None else {"Content-Type": _TAR, "Transfer-Encoding": "chunked"}
    return {"User-Agent": "linkdoctor", **sent}


def stream_through_socket(
    path: Path, method: str, url: str, body: Iterator[bytes] | None, seconds: float
) -> Streamed:
    """Send one request on a connection of its own; all of it is over within `seconds`.

    Raises:
        OSError: there is no answer; reading it raises this too.
    """
    until = RequestDeadline()
    until.moment = time.monotonic() + seconds
    connections = _Connections(path, seconds)
    end_in_time(connections, until)
    connection = connections._new_conn()
    try:
        try:
            connection.request(method, url, body, headers_of(body), encode_chunked=True)
        except (BrokenPipeError, ConnectionResetError):
            if body is None:
                raise
            # An engine that refuses an archive answers before it has read all of it.
        answer = connection.getresponse()
    except http.client.HTTPException as error:
        connection.close()
        raise AnswerBrokenOff(type(error).__name__) from None
    except BaseException:
        connection.close()
        raise

    def pieces(most: int) -> bytes:
        try:
            return bytes(answer.read1(most))
        except http.client.HTTPException as error:
            raise AnswerBrokenOff(type(error).__name__) from None

    def close() -> None:
        with contextlib.suppress(OSError):
            answer.close()
        connection.close()

    return Streamed(answer.status, pieces, close)
