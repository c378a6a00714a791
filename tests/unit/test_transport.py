"""The few errors with which a connection to an engine fails, whatever stands behind it."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
import urllib3
import urllib3.connection
import urllib3.exceptions

from linkdoctor.collect import sdk
from linkdoctor.collect.engine import Deadline, EngineError, Url, connect
from linkdoctor.collect.sdk import PooledTransport, Tls
from linkdoctor.collect.transport import HostNotFound, NoAnswer, TlsFailed
from linkdoctor.collect.unix_http import UnixTransport

LIMIT = 1 << 16


def under(cause: BaseException, kind: type[Exception] = urllib3.exceptions.HTTPError) -> Exception:
    """An error of the SDK's libraries that has another one as its reason."""
    error = kind("outer")
    error.__cause__ = cause
    return error


ABORTED = urllib3.exceptions.ProtocolError
UNRESOLVED = urllib3.exceptions.NameResolutionError(
    "engine", urllib3.connection.HTTPConnection("engine"), socket.gaierror()
)
LATE = urllib3.exceptions.ReadTimeoutError(urllib3.HTTPConnectionPool("engine"), "/", "late")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (under(PermissionError(13, "no")), PermissionError),
        (under(FileNotFoundError(2, "no")), FileNotFoundError),
        (under(ConnectionRefusedError(111, "no")), ConnectionRefusedError),
        (under(UNRESOLVED), HostNotFound),
        (LATE, TimeoutError),
        (under(TimeoutError()), TimeoutError),
        (urllib3.exceptions.SSLError(ssl.SSLError(1, "bad")), TlsFailed),
        (under(ConnectionResetError(104, "x"), ABORTED), ConnectionResetError),
        (ABORTED("aborted"), NoAnswer),
        (ValueError("s3cr3t"), NoAnswer),
    ],
)
def test_errors_of_the_sdk_become_those_of_a_transport(
    error: Exception, kind: type[Exception]
) -> None:
    assert type(sdk._translated(error)) is kind


def test_reason_without_a_name_of_its_own_is_what_the_library_calls_it() -> None:
    assert str(sdk._translated(urllib3.exceptions.ProtocolError("s3cr3t"))) == "ProtocolError"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_both_transports_raise_the_same_where_nobody_listens(tmp_path: Path) -> None:
    pooled = PooledTransport(f"tcp://127.0.0.1:{free_port()}", None)
    with pytest.raises(ConnectionRefusedError):
        pooled.exchange("GET", "/x", None, 2.0, LIMIT)
    pooled.close()
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    with pytest.raises(ConnectionRefusedError):
        UnixTransport(path).exchange("GET", "/x", None, 2.0, LIMIT)


def test_engine_says_what_is_wrong_without_words_of_a_library() -> None:
    port = free_port()
    with pytest.raises(EngineError, match=r"^no engine at .*: connection refused; is Docker"):
        connect(Url(f"tcp://127.0.0.1:{port}"), Deadline(2.0), {})


def test_certificates_without_every_extension_are_accepted_as_docker_accepts_them() -> None:
    pooled = PooledTransport(f"tcp://127.0.0.1:{free_port()}", Tls(verify=True))
    context: ssl.SSLContext = pooled._pool.conn_kw["ssl_context"]
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_mode is ssl.CERT_REQUIRED
    pooled.close()
