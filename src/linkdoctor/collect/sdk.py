"""The docker SDK: TLS, ``DOCKER_*``, and the pool of connections for all but unix sockets.

The only module that imports the SDK and what it brings along, and knows their errors; none imports
it before an engine is named that needs it.
Requests go straight to the pool beneath the SDK's adapter, because the SDK's own methods cost
three times as much.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import docker
import docker.errors
import docker.tls
import requests
import urllib3
from docker.utils import kwargs_from_env, parse_host
from urllib3.util.ssl_ import create_urllib3_context

from linkdoctor.collect.contexts import Context
from linkdoctor.collect.pool_deadline import RequestDeadline, end_in_time
from linkdoctor.collect.streams import Streamed, headers_of
from linkdoctor.collect.transport import (
    AnswerBrokenOff,
    AnswerTooLarge,
    AnswerTooSlow,
    HostNotFound,
    NoAnswer,
    TlsFailed,
)
from linkdoctor.collect.workers import map_concurrently

__all__ = ["PooledTransport", "Tls", "Unusable", "check_url", "from_environment", "tls_of"]

T = TypeVar("T")
Tls = docker.tls.TLSConfig

_SIDE_BY_SIDE = 4
_MOST_AHEAD = 64
_DEEPEST_CAUSE = 8


class Unusable(Exception):
    """No engine can be asked that way; the message is one line."""


def from_environment(environment: Mapping[str, str]) -> tuple[str | None, Tls | None]:
    """Read ``DOCKER_HOST`` and the variables of TLS; raises Unusable."""
    found = _guarded(lambda: kwargs_from_env(environment=dict(environment) or {"-": ""}))
    return found.get("base_url"), found.get("tls")


def tls_of(context: Context) -> Tls | None:
    """Return the TLS settings of a context, if it has any; raises Unusable."""
    if context.authority is None and context.certificate is None:
        return None
    pair = (str(context.certificate), str(context.key)) if context.certificate else None
    return _guarded(
        lambda: Tls(
            client_cert=pair,
            ca_cert=str(context.authority) if context.authority else None,
            verify=not context.skip_verification,
        )
    )


def check_url(url: str | None, tls: Tls | None) -> None:
    """Refuse a URL that names no engine; raises Unusable."""
    _guarded(lambda: parse_host(url, False, tls is not None))


def _verify_as_docker_does(pool: Any) -> None:
    """Accept a certificate that has not all the extensions that RFC 5280 asks for.

    Python 3.13 refuses it by default, the docker command does not (engine lab, TLS): certificates
    made by Docker's own instructions often lack them. Chain, name and dates are verified as ever.
    """
    context = create_urllib3_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    pool.conn_kw["ssl_context"] = context


class PooledTransport:
    """The pool of connections to one engine; several threads may use it."""

    def __init__(self, url: str | None, tls: Tls | None) -> None:
        """Take the pool from beneath the SDK's adapter; raises Unusable."""
        self._client = _guarded(
            lambda: docker.APIClient(base_url=url, tls=tls or False, version="1.41", timeout=10)
        )
        try:
            base = self._client.base_url
            adapter = self._client.get_adapter(base)
            request = requests.Request("GET", base + "/").prepare()
            # The type stubs know only requests' abstract adapter.
            self._pool = adapter.get_connection_with_tls_context(  # type: ignore[attr-defined]
                request, verify=self._client.verify, cert=self._client.cert
            )
        except BaseException:
            self._client.close()
            raise
        if tls is not None:
            _verify_as_docker_does(self._pool)
        self._until = RequestDeadline()
        end_in_time(self._pool, self._until)

    def hang_up(self) -> None:
        """Do nothing: what is under way in the pool ends at its own time."""

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
        self._pool.close()

    def exchange(
        self, method: str, url: str, body: bytes | None, seconds: float, limit: int
    ) -> tuple[int, bytes]:
        """Send one request and return status and body of the answer.

        Raises:
            AnswerTooLarge, NoAnswer, OSError: there is no answer that can be used.
        """
        end = self._until.moment = time.monotonic() + seconds
        try:
            response = self._opened(method, url, body, seconds)
        except Exception as error:  # urllib3 lets pass what lies beneath it
            raise _translated(error) from None
        try:
            answer = _read(response, limit, end)
        except (urllib3.exceptions.TimeoutError, TimeoutError):
            response.close()
            raise AnswerTooSlow from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            response.close()
            raise AnswerBrokenOff(type(error).__name__) from None
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return response.status, answer

    def stream(
        self, method: str, url: str, body: Iterator[bytes] | None, seconds: float
    ) -> Streamed:
        """Send one request whose body or answer is too large to be held.

        Raises:
            OSError: there is no answer; reading it raises this too.
        """
        self._until.moment = time.monotonic() + seconds
        try:
            response = self._pool.urlopen(
                method,
                url,
                body=body,
                headers=headers_of(body),
                preload_content=False,
                retries=False,
                redirect=False,
                chunked=body is not None,
                timeout=urllib3.Timeout(total=seconds),
            )
        except urllib3.exceptions.HTTPError as error:
            raise AnswerBrokenOff(type(error).__name__) from None

        def pieces(most: int) -> bytes:
            try:
                return bytes(response.read1(most, decode_content=False))
            except urllib3.exceptions.HTTPError as error:
                raise AnswerBrokenOff(type(error).__name__) from None

        return Streamed(response.status, pieces, response.close)

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

    def exchange_each(
        self, urls: Sequence[str], seconds: float, longest: float, limit: int
    ) -> Iterator[tuple[int, bytes] | Exception]:
        """Send GET requests, a few at a time, and yield the answers in their order.

        What prevented an answer is given in its place. All may take `seconds`, each `longest`.
        """
        end = time.monotonic() + seconds

        def answer(url: str) -> tuple[int, bytes] | Exception:
            left = min(end - time.monotonic(), longest)
            if left <= 0:
                return TimeoutError()
            try:
                return self.exchange("GET", url, None, left, limit)
            except Exception as error:  # the answer to this one request
                return error

        for first in range(0, len(urls), _MOST_AHEAD):
            yield from map_concurrently(_SIDE_BY_SIDE, answer, urls[first : first + _MOST_AHEAD])


class _Body(Protocol):
    status: int

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes: ...

    def release_conn(self) -> None: ...

    def close(self) -> None: ...


def _read(response: _Body, limit: int, end: float) -> bytes:
    body = bytearray()
    # No compression was asked for: what is compressed all the same is no answer.
    while chunk := response.read1(1 << 18, decode_content=False):
        body += chunk
        if len(body) > limit:
            raise AnswerTooLarge
        if time.monotonic() > end:
            raise TimeoutError
    return bytes(body)


def _translated(error: Exception) -> Exception:
    """Return what kept a request from being answered as one of the errors of every transport."""
    causes = [error, *_causes_of(error)]
    for kind in (PermissionError, FileNotFoundError, ConnectionRefusedError):
        if any(isinstance(each, kind) for each in causes):
            return kind()
    if any(isinstance(each, urllib3.exceptions.NameResolutionError) for each in causes):
        return HostNotFound()
    if any(isinstance(each, (urllib3.exceptions.TimeoutError, TimeoutError)) for each in causes):
        return TimeoutError()
    if any(isinstance(each, urllib3.exceptions.SSLError) for each in causes):
        return TlsFailed()
    # The last one is nearest to the operating system.
    of_system = [each for each in causes if isinstance(each, OSError)]
    return of_system[-1] if of_system else NoAnswer(type(error).__name__)


def _causes_of(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following = error
    for _ in range(_DEEPEST_CAUSE):
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


def _guarded(action: Callable[[], T]) -> T:
    try:
        return action()
    except docker.errors.TLSParameterError:
        raise Unusable(
            "TLS cannot be set up: a certificate or key cannot be read; check DOCKER_CERT_PATH or "
            "the docker context"
        ) from None
    except (docker.errors.DockerException, ValueError):
        # Never their words: they are those of libraries.
        raise Unusable(
            "this is not the address of an engine; use unix:///path or tcp://host:port"
        ) from None
    except OSError as error:
        raise Unusable(f"no engine can be asked that way: {error.strerror or error}") from None
