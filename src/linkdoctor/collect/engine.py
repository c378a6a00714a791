"""The engine's API: the only module that imports the docker SDK.

The SDK decides where the engine is (URL, context, TLS, ``DOCKER_*``) and gives the connection
pool; requests go straight to that pool, because the SDK's own methods cost three times as much
per inspect. An examination sends GET requests only; what writes is :mod:`.control`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import docker
import docker.errors
import docker.tls
import msgspec
import requests
import urllib3
from docker.utils import kwargs_from_env, parse_host

from linkdoctor.collect.answers import VersionAnswer
from linkdoctor.collect.contexts import UnknownContext, current_context, load_context
from linkdoctor.collect.sockets import knock
from linkdoctor.collect.timely import Until, end_in_time

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


class EngineError(Exception):
    """The engine cannot be used; the message is one line: what is wrong and what to do."""


class EndpointError(EngineError):
    """The engine is named in a way that cannot be right: wrong usage, not an engine's failure."""


class TooLarge(EngineError):
    """The answer is larger than what is read of it."""


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
        """Give the seconds that are left; never below zero."""
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


class _Body(Protocol):
    status: int

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes: ...

    def release_conn(self) -> None: ...

    def close(self) -> None: ...


class EngineClient:
    """One engine."""

    def __init__(self, client: docker.APIClient, endpoint: str, deadline: Deadline) -> None:
        """Take the connection pool from beneath the SDK's adapter."""
        self._client = client
        self.endpoint = endpoint
        self._deadline = deadline
        base = client.base_url
        adapter = client.get_adapter(base)
        request = requests.Request("GET", base + "/").prepare()
        # The type stubs know only requests' abstract adapter.
        self._pool = adapter.get_connection_with_tls_context(  # type: ignore[attr-defined]
            request, verify=client.verify, cert=client.cert
        )
        self._until = Until()
        end_in_time(self._pool, self._until)
        self._prefix = ""
        self.version = self._version()
        self._prefix = f"/v{_api_to_ask(self.version.ApiVersion)}"

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
        self._pool.close()

    @property
    def socket_path(self) -> Path | None:
        """The unix socket, if the engine is this machine's own."""
        scheme, _, path = self.endpoint.partition("://")
        return Path(path) if scheme == "unix" else None

    def get(self, path: str, kind: type[T], /, **query: str) -> T:
        """Ask for a JSON answer and decode it.

        Raises:
            NotThere: the container is gone, or has just stopped.
            EngineError: no answer, an error, or an answer that is none.
        """
        body = self.get_bytes(path, limit=_LARGEST_ANSWER, **query)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise EngineError(
                f"the answer to GET {path} is not that of a Docker engine: {error}"
            ) from None

    def get_bytes(self, path: str, /, *, limit: int, **query: str) -> bytes:
        """Ask for an answer of at most `limit` bytes; raises as :meth:`get`."""
        url = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        # Half of the time is left for others, whatever becomes of this one.
        longest = min(_LONGEST_REQUEST, self._deadline.seconds / 2)
        status, body = self.send(
            "GET", url, self._deadline, limit=limit, shown=path, longest=longest
        )
        if status in (_NOT_FOUND, _NOT_RUNNING):
            raise NotThere(path, status)
        if status != _OK:
            raise Refused(path, status)
        return body

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
        """Send one request and give status and answer, whatever the status; errors name `shown`.

        The whole answer must be there within `longest` seconds, and before the deadline.
        Only :mod:`linkdoctor.collect.control` sends anything but GET.

        Raises:
            EngineError: no answer, or none in time.
        """
        left = deadline.left()
        if left <= 0:
            raise EngineError(f"no time left: {deadline.seconds:g} s are over")
        limit_of_time = min(left, longest)
        self._until.moment = time.monotonic() + limit_of_time
        try:
            response = self._opened(method, url, body, limit_of_time)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise EngineError(_why(error, self.endpoint)) from None
        try:
            answer = self._read(response, f"{method} {shown}", limit, deadline)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            response.close()
            what = f"its answer to {method} {shown}"
            if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)):
                raise EngineError(
                    f"the engine did not end {what} in time (--timeout sets how long to wait)"
                ) from None
            raise EngineError(f"the engine broke off {what}: {_kind(error)}") from None
        except EngineError:
            response.close()
            raise
        response.release_conn()
        return response.status, answer

    def _opened(self, method: str, url: str, body: bytes | None, seconds: float) -> _Body:
        """Send a request, and once more if it reads only and met the end of a connection.

        An engine may close a connection that it kept open just when it is used again.
        """
        content = {} if body is None else {"Content-Type": "application/json"}

        def once() -> _Body:
            answer: _Body = self._pool.urlopen(
                method,
                url,
                body=body,
                headers={"User-Agent": "linkdoctor", **content},
                preload_content=False,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(total=seconds),
            )
            return answer

        try:
            return once()
        except urllib3.exceptions.ProtocolError as error:
            if method != "GET" or not any(isinstance(each, ConnectionError) for each in error.args):
                raise
        return once()

    def _read(self, response: _Body, request: str, limit: int, deadline: Deadline) -> bytes:
        body = bytearray()
        # No compression was asked for: what is compressed all the same is no answer.
        while chunk := response.read1(1 << 18, decode_content=False):
            body += chunk
            if len(body) > limit:
                raise TooLarge(f"the answer to {request} is larger than {limit >> 20} MiB")
            if deadline.left() <= 0:
                raise EngineError(f"no time left: {deadline.seconds:g} s are over")
        return bytes(body)

    def _version(self) -> VersionAnswer:
        try:
            return self.get("/version", VersionAnswer)
        except NotThere:
            raise EngineError(f"{self.endpoint} answers, but it is no Docker engine") from None


def segment(text: str) -> str:
    """Quote a name for use as one segment of a path."""
    return quote(text, safe="")


def connect(
    where: Url | ContextName, deadline: Deadline, environment: Mapping[str, str] = os.environ
) -> EngineClient:
    """Connect to an engine and learn its version.

    Raises:
        EngineError: it cannot be reached, or is none.
    """
    base_url, tls = _guarded(lambda: _locate(where, environment))
    endpoint = _shown(base_url)
    _refuse_ssh(base_url)
    scheme, _, path = endpoint.partition("://")
    if scheme == "unix":
        # The SDK leaks its socket when connecting fails.
        try:
            knock(Path(path))
        except OSError as error:
            raise EngineError(_why(error, endpoint)) from None
    client = _guarded(
        lambda: docker.APIClient(base_url=base_url, tls=tls or False, version="1.41", timeout=10)
    )
    try:
        return EngineClient(client, endpoint, deadline)
    except BaseException:
        client.close()
        raise


def endpoint_of(where: Url | ContextName, environment: Mapping[str, str] = os.environ) -> str:
    """Give the endpoint to show for an engine, without asking it; raises EndpointError."""
    base_url, tls = _guarded(lambda: _locate(where, environment))
    _refuse_ssh(base_url)
    _guarded(lambda: parse_host(base_url, False, tls is not None))
    return _shown(base_url)


def _locate(
    where: Url | ContextName, environment: Mapping[str, str]
) -> tuple[str | None, docker.tls.TLSConfig | None]:
    if isinstance(where, ContextName):
        return _locate_context(where.name, environment)
    from_environment = kwargs_from_env(environment=dict(environment) or {"-": ""})
    tls = from_environment.get("tls")
    if where.url is not None:
        return where.url, tls
    # DOCKER_HOST beats the context, as with the docker CLI.
    if "base_url" in from_environment:
        return from_environment["base_url"], tls
    url, context_tls = _locate_context(current_context(environment), environment)
    return url, context_tls or tls


def _locate_context(
    name: str, environment: Mapping[str, str]
) -> tuple[str | None, docker.tls.TLSConfig | None]:
    try:
        context = load_context(name, environment)
    except UnknownContext as error:
        raise EndpointError(str(error)) from None
    if context is None:
        return None, None
    if context.authority is None and context.certificate is None:
        return context.url, None
    pair = (str(context.certificate), str(context.key)) if context.certificate else None
    tls = docker.tls.TLSConfig(
        client_cert=pair,
        ca_cert=str(context.authority) if context.authority else None,
        verify=not context.skip_verification,
    )
    return context.url, tls


def _guarded(action: Callable[[], T]) -> T:
    try:
        return action()
    except EngineError:
        raise
    except docker.errors.TLSParameterError as error:
        raise EndpointError(f"TLS cannot be set up: {str(error).splitlines()[0]}") from None
    except (docker.errors.DockerException, OSError, ValueError) as error:
        raise EndpointError(
            f"no engine can be asked that way: {str(error).splitlines()[0]}"
        ) from None


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


def _why(error: BaseException, endpoint: str) -> str:
    causes = [error, *_chain(error)]
    if any(isinstance(each, PermissionError) for each in causes):
        return (
            f"no permission on {endpoint}: run as root, or join the group that owns the socket "
            "(usually `docker`)"
        )
    if any(isinstance(each, FileNotFoundError) for each in causes):
        return f"no engine at {endpoint}: there is no such socket; is Docker running here?"
    if any(isinstance(each, ConnectionRefusedError) for each in causes):
        return f"no engine at {endpoint}: connection refused; is Docker running there?"
    if any(isinstance(each, urllib3.exceptions.NameResolutionError) for each in causes):
        return f"no engine at {endpoint}: its host name cannot be resolved"
    if any(isinstance(each, (urllib3.exceptions.TimeoutError, TimeoutError)) for each in causes):
        return f"{endpoint} did not answer in time (--timeout sets how long to wait)"
    if any(isinstance(each, urllib3.exceptions.SSLError) for each in causes):
        return f"TLS with {endpoint} failed: check DOCKER_CERT_PATH and the certificates"
    if any(isinstance(each, OSError) for each in causes):
        last = next(each for each in reversed(causes) if isinstance(each, OSError))
        return f"no engine at {endpoint}: {os.strerror(last.errno) if last.errno else _kind(last)}"
    return f"no Docker engine answers at {endpoint}: {_kind(error)}"


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following = error
    for _ in range(8):
        reason = getattr(following, "reason", None)
        following = (
            reason
            if isinstance(reason, BaseException)
            else following.__cause__ or following.__context__  # type: ignore[assignment]
        )
        if following is None:
            break
        found.append(following)
        found += [each for each in following.args if isinstance(each, BaseException)]
    return found
