"""Answers that must be over by a moment, however slowly they come.

The time limit of a socket is for each piece that is received: an engine, or whoever answers in
its place, that sends a byte now and then would never be given up. So each read gets no more than
what is left until the moment by which the whole answer must be there, head and body.
"""

from __future__ import annotations

import http.client
import io
import threading
import time
from typing import Any, Protocol

__all__ = ["RequestDeadline", "end_in_time"]


class RequestDeadline(threading.local):
    """The moment by which the request of this thread must be answered, by the monotonic clock."""

    moment = float("inf")


class _Pool(Protocol):
    def _new_conn(self) -> Any: ...


def end_in_time(pool: _Pool, until: RequestDeadline) -> None:
    """Make the answers that come through a pool's connections end in time, or with TimeoutError."""
    make = pool._new_conn

    def response(sock: Any, *arguments: Any, **named: Any) -> http.client.HTTPResponse:
        answer = http.client.HTTPResponse(sock, *arguments, **named)
        answer.fp = io.BufferedReader(_Timely(answer.fp.detach(), sock, until.moment))
        return answer

    def connection() -> Any:
        made = make()
        made.response_class = response
        return made

    # urllib3's own place for other connections; the SDK has its own there for unix sockets.
    pool._new_conn = connection  # type: ignore[method-assign]


class _Timely(io.RawIOBase):
    """A socket's file whose reads end at a moment."""

    def __init__(self, raw: io.RawIOBase, sock: Any, moment: float) -> None:
        self._raw, self._sock, self._moment = raw, sock, moment

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._moment - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._sock.settimeout(min(left, threading.TIMEOUT_MAX))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
