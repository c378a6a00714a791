"""The engine's API: where an engine is, and requests to it.

A unix socket without TLS is asked directly (:mod:`.unix_http`), everything else through the docker
SDK (:mod:`.sdk`), which is imported only then: that takes as long as asking for a hundred
containers. Both fail with the errors of :mod:`.transport`, which become an :class:`EngineError`
here.
An examination sends GET requests only; what writes is :mod:`.control`.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from linkdoctor.collect.answers import VersionAnswer
from linkdoctor.collect.contexts import UnknownContext, current_context, load_context
from linkdoctor.collect.sockets import knock
from linkdoctor.collect.transport import (
    AnswerBrokenOff,
    AnswerTooLarge,
    AnswerTooSlow,
    HostNotFound,
    NoAnswer,
    TlsFailed,
    Transport,
)
from linkdoctor.collect.unix_http import UnixTransport

if TYPE_CHECKING:
    from linkdoctor.collect.sdk import Tls
    from linkdoctor.collect.streams import Streamed

__all__ = [
    "NEWEST_API",
    "ContextName",
    "Deadline",
    "EndpointError",
    "EngineClient",
    "EngineError",
    "NotThere",
    "Refused",
    "TooLarge",
    "Url",
    "connect",
    "decoded",
    "endpoint_of",
    "segment",
]

T = TypeVar("T")

NEWEST_API = (1, 56)
"""The newest API whose answers were read in tests; a newer engine is asked in this version."""

_LARGEST_ANSWER = 64 * 1024 * 1024
_LONGEST_REQUEST = 10.0
_NOT_FOUND = 404
_NOT_RUNNING = 409
_OK = 200
_TLS_VARIABLES = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_PLAIN_SOCKET = re.compile(r"unix:///[^?#;]*[^?#;/]")


class EngineError(Exception):
    """The engine cannot be used; the message is one line: what is wrong and what to do."""


class EndpointError(EngineError):
    """The engine is named in a way that cannot be right: wrong usage, not an engine's failure."""


class TooLarge(EngineError):
    """The answer is larger than the limit."""


class Refused(EngineError):
    """The engine answered with an error; its words are not kept, they may hold anything."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(f"GET {path} was answered with status {status}")
        self.status = status


class NotThere(Exception):
    """The engine answered 404 or 409: the container is gone, or has just stopped."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(path)
        self.not_found = status == _NOT_FOUND


class Deadline:
    """The moment by which everything must be done."""

    def __init__(self, seconds: float) -> None:
        """Start the clock."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; never below zero."""
        return max(0.0, self._end - time.monotonic())

    def end(self) -> None:
        """Let no time be left: what waits for nothing but the clock gives up."""
        self._end = time.monotonic()


class Url(msgspec.Struct, frozen=True):
    """An engine named by its URL; None is the default of the environment."""

    url: str | None = None


class ContextName(msgspec.Struct, frozen=True):
    """An engine named by a docker context."""

    name: str


class EngineClient:
    """One engine."""

    def __init__(self, transport: Transport, endpoint: str, deadline: Deadline) -> None:
        """Learn the engine's version; raises EngineError."""
        self._transport = transport
        self.endpoint = endpoint
        self._deadline = deadline
        self._prefix = ""
        self.version = self._version()
        self._prefix = f"/v{_api_to_ask(self.version.ApiVersion)}"

    def hang_up(self) -> None:
        """Break off what is under way in other threads: it ends as if the engine had hung up."""
        self._transport.hang_up()

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    @property
    def socket_path(self) -> Path | None:
        """The unix socket, if the engine is this machine's own."""
        scheme, _, path = self.endpoint.partition("://")
        return Path(path) if scheme == "unix" else None

    def get(self, path: str, kind: type[T], /, **query: str) -> T:
        """Ask for a JSON answer and decode it.

        Raises:
            NotThere: the container is gone, or has just stopped.
            EngineError: no answer, an error, or an answer that is not valid.
        """
        return decoded(self.get_bytes(path, limit=_LARGEST_ANSWER, **query), path, kind)

    def get_each(self, paths: Sequence[str], kind: type[T]) -> Iterator[T | NotThere | EngineError]:
        """Ask for several JSON answers, a few at a time, and yield them in their order.

        What :meth:`get` would raise is given in place of an answer.
        """
        urls = [self._prefix + path for path in paths]
        left = self._deadline.left()
        answers = self._transport.exchange_each(urls, left, self._longest(), _LARGEST_ANSWER)
        for path, answer in zip(paths, answers, strict=True):
            try:
                if isinstance(answer, Exception):
                    raise self._failure(answer, f"GET {path}", _LARGEST_ANSWER, self._deadline)
                yield decoded(_body_of(answer, path), path, kind)
            except (NotThere, EngineError) as error:
                yield error

    def get_bytes(self, path: str, /, *, limit: int, **query: str) -> bytes:
        """Ask for an answer of at most `limit` bytes; raises as :meth:`get`."""
        url = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        answer = self.send(
            "GET", url, self._deadline, limit=limit, shown=path, longest=self._longest()
        )
        return _body_of(answer, path)

    def _longest(self) -> float:
        # Half of the time is left for others, whatever becomes of this one.
        return min(_LONGEST_REQUEST, self._deadline.seconds / 2)

    def send(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        *,
        limit: int,
        shown: str,
        body: bytes | None = None,
        longest: float = _LONGEST_REQUEST,
    ) -> tuple[int, bytes]:
        """Send one request and return status and answer, whatever the status; errors name `shown`.

        The whole answer must be there within `longest` seconds, and before the deadline.
        Only :mod:`linkdoctor.collect.control` sends anything but GET.

        Raises:
            EngineError: no answer, or none in time.
        """
        left = deadline.left()
        if left <= 0:
            raise _no_time_left(deadline)
        try:
            return self._transport.exchange(method, url, body, min(left, longest), limit)
        except (OSError, ValueError, AnswerTooLarge, NoAnswer) as error:
            raise self._failure(error, f"{method} {shown}", limit, deadline) from None

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        shown: str,
        longest: float,
        body: Iterator[bytes] | None = None,
    ) -> Generator[Streamed]:
        """Send one request whose body or answer is too large to be held; errors name `shown`.

        The whole answer must have been read within `longest` seconds. What the user of the answer
        raises while it is open passes, but for errors of the connection.

        Raises:
            EngineError: no answer, or none in time.
        """
        deadline = Deadline(longest)
        try:
            answer = self._transport.stream(method, url, body, longest)
            try:
                yield answer
            finally:
                answer.close()
        except OSError as error:
            if deadline.left() <= 0:
                raise EngineError(
                    f"{method} {shown} did not finish within {longest:.0f} s"
                ) from None
            raise EngineError(f"the engine cut short {method} {shown}: {_kind(error)}") from None

    def _failure(
        self, error: Exception, request: str, limit: int, deadline: Deadline
    ) -> EngineError:
        if isinstance(error, AnswerTooLarge):
            return TooLarge(f"the answer to {request} is larger than {limit >> 20} MiB")
        if isinstance(error, AnswerTooSlow) and deadline.left() > 0:
            return EngineError(
                f"the engine did not finish its answer to {request} in time (--timeout sets how "
                "long to wait)"
            )
        if isinstance(error, AnswerBrokenOff):
            if deadline.left() <= 0:
                return _no_time_left(deadline)
            return EngineError(f"the engine cut short its answer to {request}: {error}")
        return EngineError(_why(error, self.endpoint))

    def _version(self) -> VersionAnswer:
        try:
            return self.get("/version", VersionAnswer)
        except NotThere:
            raise self.not_an_engine() from None

    def not_an_engine(self) -> EngineError:
        """Return the error for an answer that no Docker engine gives."""
        return EngineError(f"{self.endpoint} answered, but is not a Docker engine")


def _no_time_left(deadline: Deadline) -> EngineError:
    return EngineError(f"time limit reached: {deadline.seconds:g} s are over")


def _body_of(answer: tuple[int, bytes], path: str) -> bytes:
    status, body = answer
    if status in (_NOT_FOUND, _NOT_RUNNING):
        raise NotThere(path, status)
    if status != _OK:
        raise Refused(path, status)
    return body


def decoded(body: bytes | msgspec.Raw, path: str, kind: type[T]) -> T:
    """Decode the answer to a request; raises EngineError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EngineError(
            f"the answer to GET {path} is not that of a Docker engine: {error}"
        ) from None


def segment(text: str) -> str:
    """Quote a name for use as one segment of a path."""
    return quote(text, safe="")


def connect(
    where: Url | ContextName, deadline: Deadline, environment: Mapping[str, str] | None = None
) -> EngineClient:
    """Connect to an engine and learn its version.

    Raises:
        EngineError: it cannot be reached, or is not an engine.
    """
    environment = os.environ if environment is None else environment
    base_url, tls = _locate(where, environment)
    endpoint = _shown(base_url)
    _refuse_ssh(base_url)
    scheme, _, path = endpoint.partition("://")
    if scheme == "unix":
        # The SDK leaks its socket when connecting fails.
        try:
            knock(Path(path))
        except OSError as error:
            raise EngineError(_why(error, endpoint)) from None
    transport = UnixTransport(Path(path)) if _is_plain(base_url, tls) else _pooled(base_url, tls)
    try:
        return EngineClient(transport, endpoint, deadline)
    except BaseException:
        transport.close()
        raise


def endpoint_of(where: Url | ContextName, environment: Mapping[str, str] | None = None) -> str:
    """Return the endpoint to show for an engine, without asking it; raises EndpointError."""
    environment = os.environ if environment is None else environment
    base_url, tls = _locate(where, environment)
    _refuse_ssh(base_url)
    if not _is_plain(base_url, tls):
        from linkdoctor.collect import sdk

        try:
            sdk.check_url(base_url, tls)
        except sdk.Unusable as error:
            raise EndpointError(str(error)) from None
    return _shown(base_url)


def _is_plain(base_url: str | None, tls: Tls | None) -> bool:
    """Whether an engine is asked without the SDK: on a unix socket, named in the usual way."""
    return tls is None and (not base_url or _PLAIN_SOCKET.fullmatch(base_url) is not None)


def _pooled(base_url: str | None, tls: Tls | None) -> Transport:
    from linkdoctor.collect import sdk

    try:
        return sdk.PooledTransport(base_url, tls)
    except sdk.Unusable as error:
        raise EndpointError(str(error)) from None


def _locate(
    where: Url | ContextName, environment: Mapping[str, str]
) -> tuple[str | None, Tls | None]:
    if isinstance(where, ContextName):
        return _locate_context(where.name, environment)
    host, tls = _from_environment(environment)
    if where.url is not None:
        return where.url, tls
    # DOCKER_HOST beats the context, as with the docker CLI.
    if host:
        return host, tls
    url, context_tls = _locate_context(current_context(environment), environment)
    return url, context_tls or tls


def _from_environment(environment: Mapping[str, str]) -> tuple[str | None, Tls | None]:
    if not any(environment.get(name) for name in _TLS_VARIABLES):
        return environment.get("DOCKER_HOST"), None
    from linkdoctor.collect import sdk

    try:
        return sdk.from_environment(environment)
    except sdk.Unusable as error:
        raise EndpointError(str(error)) from None


def _locate_context(name: str, environment: Mapping[str, str]) -> tuple[str | None, Tls | None]:
    try:
        context = load_context(name, environment)
    except UnknownContext as error:
        raise EndpointError(str(error)) from None
    if context is None:
        return None, None
    if context.authority is None and context.certificate is None:
        return context.url, None
    from linkdoctor.collect import sdk

    try:
        return context.url, sdk.tls_of(context)
    except sdk.Unusable as error:
        raise EndpointError(str(error)) from None


def _refuse_ssh(base_url: str | None) -> None:
    if base_url and base_url.startswith("ssh://"):
        raise EndpointError(
            "ssh:// engines cannot be asked directly; forward the socket with "
            "`ssh -L /tmp/docker.sock:/var/run/docker.sock HOST` and use -H unix:///tmp/docker.sock"
        )


def _shown(base_url: str | None) -> str:
    if not base_url:
        return "unix:///var/run/docker.sock"
    url = base_url.replace("http+unix://", "unix://")
    if url.startswith("unix://") and not url.startswith("unix:///"):
        return "unix:///" + url.removeprefix("unix://")
    # Credentials in a URL must not reach a report.
    parts = urlsplit(url)
    return url.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1) if "@" in parts.netloc else url


def _api_to_ask(offered: str) -> str:
    try:
        version = tuple(int(part) for part in offered.split("."))
    except ValueError:
        raise EngineError("the engine reports no API version") from None
    return ".".join(str(part) for part in min(version, NEWEST_API))


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _why(error: Exception, endpoint: str) -> str:
    """Return why there is no answer, and what to do; the error is a transport's."""
    match error:
        case PermissionError():
            return (
                f"no permission on {endpoint}: run as root, or join the group that owns the socket "
                "(usually `docker`)"
            )
        case FileNotFoundError():
            return f"no engine at {endpoint}: there is no such socket; is Docker running here?"
        case ConnectionRefusedError():
            return f"no engine at {endpoint}: connection refused; is Docker running there?"
        case HostNotFound():
            return f"no engine at {endpoint}: its host name cannot be resolved"
        case TimeoutError():
            return f"{endpoint} did not answer in time (--timeout sets how long to wait)"
        case TlsFailed():
            return f"TLS with {endpoint} failed: check DOCKER_CERT_PATH and the certificates"
        case OSError():
            words = os.strerror(error.errno) if error.errno else _kind(error)
            return f"no engine at {endpoint}: {words}"
        case NoAnswer():
            return f"no Docker engine answers at {endpoint}: {error}"
        case _:
            return f"no Docker engine answers at {endpoint}: {_kind(error)}"
