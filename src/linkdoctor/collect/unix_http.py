"""HTTP/1.1 over an engine's unix socket: requests and answers, and no more.

A local socket needs no TLS, no proxy and no redirect. Without the SDK, requests and urllib3 a
request costs a tenth, and none of them is imported. An answer is hostile: its head and its body
have limits, and reading has a deadline.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from linkdoctor.collect import sockets
from linkdoctor.collect.transport import (
    AnswerBrokenOff,
    AnswerTooLarge,
    AnswerTooSlow,
    BadAnswer,
)

if TYPE_CHECKING:
    from linkdoctor.collect.streams import Streamed

__all__ = ["UnixTransport"]

_CHUNK = 1 << 18
_LARGEST_HEAD = 1 << 16
_LONGEST_SIZE_LINE = 1 << 10
_WINDOW = 8
"""So many requests are under way at once, each on a connection of its own: while one answer is
decoded the engine prepares the others."""
_AN_INSTANT = 0.001
_HAS_NO_BODY = (204, 304)


class _Stream(Protocol):
    def settimeout(self, seconds: float, /) -> None: ...

    def sendall(self, content: bytes, /) -> None: ...

    def recv(self, most: int, flags: int = 0, /) -> bytes: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...


class UnixTransport:
    """The connections to one unix socket; several threads may use it."""

    def __init__(self, path: Path) -> None:
        """Take the socket's path; nothing is opened yet."""
        self._path = path
        self._idle: deque[_Stream] = deque()
        self._in_use: set[_Stream] = set()
        self._closed = False
        self._hung_up = False

    def hang_up(self) -> None:
        """Break off every request that is under way in other threads, and send no more."""
        self._hung_up = True
        for each in tuple(self._in_use):
            sockets.shut(each)

    def close(self) -> None:
        """Close every connection; one that is in use is closed when its answer has come."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def exchange(
        self, method: str, url: str, body: bytes | None, seconds: float, limit: int
    ) -> tuple[int, bytes]:
        """Send one request and return status and body of the answer.

        Raises:
            BadAnswer, AnswerTooLarge, OSError: there is no answer that can be used.
        """
        return self._ask(_request(method, url, body), seconds, limit).answer(seconds)

    def stream(
        self, method: str, url: str, body: Iterator[bytes] | None, seconds: float
    ) -> Streamed:
        """Send one request whose body or answer is too large to be held.

        Raises:
            OSError: there is no answer; reading it raises this too.
        """
        from linkdoctor.collect.streams import stream_through_socket  # only a fix that copies

        return stream_through_socket(self._path, method, url, body, seconds)

    def exchange_each(
        self, urls: Sequence[str], seconds: float, longest: float, limit: int
    ) -> Iterator[tuple[int, bytes] | Exception]:
        """Send GET requests, a few at a time, and yield the answers in their order.

        What prevented an answer is given in its place. All may take `seconds`, each `longest`.
        """
        under_way: deque[_Pending | Exception] = deque()
        end = time.monotonic() + seconds

        def begin(url: str) -> _Pending | Exception:
            try:
                left = min(end - time.monotonic(), longest)
                return self._ask(_request("GET", url, None), left, limit)
            except (OSError, ValueError) as error:
                return error

        def answer_of(pending: _Pending) -> tuple[int, bytes] | Exception:
            try:
                return pending.answer(min(end - time.monotonic(), longest))
            except (OSError, ValueError, AnswerTooLarge) as error:
                return error

        ahead = iter(urls)
        try:
            for url in ahead:
                under_way.append(begin(url))
                if len(under_way) == _WINDOW:
                    break
            while under_way:
                first = under_way.popleft()
                found = first if isinstance(first, Exception) else answer_of(first)
                # The next one is asked for before this one is looked at.
                for url in ahead:
                    under_way.append(begin(url))
                    break
                yield found
        finally:
            for each in under_way:
                if isinstance(each, _Pending):
                    each.give_up()

    def _ask(self, request: bytes, seconds: float, limit: int) -> _Pending:
        if seconds <= 0:
            raise TimeoutError

        def anew() -> _Stream:
            return self._sent(sockets.unix_stream(self._path, seconds), request, seconds)

        # An engine may close a connection that it kept open just when it is used again. What only
        # reads is asked for once more.
        again = anew if request.startswith(b"GET ") else None
        kept = self._idle_stream()
        if kept is None:
            return _Pending(anew(), limit, self, again)
        try:
            return _Pending(self._sent(kept, request, seconds), limit, self, again)
        except ConnectionError:
            if again is None:
                raise
            return _Pending(again(), limit, self)

    def _sent(self, stream: _Stream, request: bytes, seconds: float) -> _Stream:
        # Before anything is sent, so that hang_up() finds it.
        self._in_use.add(stream)
        if self._hung_up:
            self.done_with(stream, keep=False)
            raise ConnectionAbortedError
        try:
            stream.settimeout(seconds)
            stream.sendall(request)
        except BaseException:
            self.done_with(stream, keep=False)
            raise
        return stream

    def done_with(self, stream: _Stream, *, keep: bool) -> None:
        """Take a connection back, to be used again or not."""
        self._in_use.discard(stream)
        if keep and not self._closed:
            self._idle.append(stream)
        else:
            stream.close()

    def _idle_stream(self) -> _Stream | None:
        while True:
            try:
                stream = self._idle.pop()
            except IndexError:
                return None
            # Whoever speaks unasked has hung up, or is no engine.
            if sockets.is_silent(stream):
                return stream
            stream.close()


def _request(method: str, url: str, body: bytes | None) -> bytes:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("no URL of an engine")
    lines = [f"{method} {url} HTTP/1.1", "Host: localhost", "User-Agent: linkdoctor"]
    if body is not None:
        lines += ["Content-Type: application/json"]
    if body is not None or method != "GET":
        lines += [f"Content-Length: {len(body or b'')}"]
    return "\r\n".join((*lines, "", "")).encode("ascii") + (body or b"")


class _Pending:
    """A request that was sent, and whose answer is to be read."""

    def __init__(
        self,
        stream: _Stream,
        limit: int,
        transport: UnixTransport,
        again: Callable[[], _Stream] | None = None,
    ) -> None:
        self._stream = stream
        self._end = 0.0
        self._limit = limit
        self._transport = transport
        self._again = again
        """Asks once more on a new connection, if nothing comes on this one."""
        self._buffer = bytearray()

    def give_up(self) -> None:
        """Hang up."""
        self._transport.done_with(self._stream, keep=False)

    def answer(self, seconds: float) -> tuple[int, bytes]:
        """Read the answer; the connection is kept if the other side keeps it too."""
        self._end = time.monotonic() + seconds
        try:
            try:
                status, body, keeps = self._read()
            except ConnectionError:
                if self._again is None or self._buffer or time.monotonic() > self._end:
                    raise
                self._transport.done_with(self._stream, keep=False)
                self._stream = self._again()
                status, body, keeps = self._read()
        except BaseException:
            self.give_up()
            raise
        self._transport.done_with(self._stream, keep=keeps and not self._buffer)
        return status, body

    def _read(self) -> tuple[int, bytes, bool]:
        head = self._head()
        while b" 100 " in head.partition(b"\r\n")[0]:
            head = self._head()
        line, _, rest = head.partition(b"\r\n")
        words = line.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise BadAnswer("not an HTTP answer")
        headers = b"\r\n" + rest.lower()
        status = int(words[1])
        keeps = words[0] != b"HTTP/1.0" and b"close" not in _header(headers, b"connection")
        try:
            if status in _HAS_NO_BODY:
                return status, b"", keeps
            if b"chunked" in _header(headers, b"transfer-encoding"):
                return status, self._chunks(), keeps
            length = _header(headers, b"content-length")
            if not length:
                return status, self._rest(), False
            return status, self._exactly(int(length)), keeps
        except TimeoutError:
            raise AnswerTooSlow from None
        except (OSError, ValueError) as error:
            raise AnswerBrokenOff(type(error).__name__) from None

    def _head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                raise BadAnswer("an incomplete head")
            if not self._more():
                raise ConnectionResetError("no answer")
        head = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 4]
        return head

    def _more(self) -> bool:
        # The limit of a socket is for each piece; this one is for the whole answer.
        self._stream.settimeout(max(self._end - time.monotonic(), _AN_INSTANT))
        content = self._stream.recv(_CHUNK)
        self._buffer += content
        if time.monotonic() > self._end:
            raise TimeoutError
        return bool(content)

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            if not self._more():
                raise ConnectionResetError("an incomplete answer")

    def _exactly(self, size: int) -> bytes:
        if size < 0:
            raise BadAnswer("an invalid length")
        if size > self._limit:
            raise AnswerTooLarge
        self._fill(size)
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    def _rest(self) -> bytes:
        while self._more():
            if len(self._buffer) > self._limit:
                raise AnswerTooLarge
        body = bytes(self._buffer)
        self._buffer.clear()
        return body

    def _chunks(self) -> bytes:
        body = bytearray()
        while size := int(self._line().partition(b";")[0], 16):
            if size < 0:
                raise BadAnswer("no chunk")
            if len(body) + size > self._limit:
                raise AnswerTooLarge
            self._fill(size + 2)
            body += memoryview(self._buffer)[:size]
            del self._buffer[: size + 2]
        while self._line():
            pass  # what follows the last chunk is not used
        return bytes(body)

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _LONGEST_SIZE_LINE:
                raise BadAnswer("no chunk")
            if not self._more():
                raise ConnectionResetError("an incomplete answer")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _header(headers: bytes, name: bytes) -> bytes:
    """Return the value of a header, b"" if it is not there; the headers are in lower case."""
    begin = headers.find(b"\r\n" + name + b":")
    if begin < 0:
        return b""
    begin += len(name) + 3
    return headers[begin : headers.find(b"\r\n", begin)].strip()
