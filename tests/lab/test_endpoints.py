"""The ways to name an engine, through the command line, on a real engine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from .situations import Lab

TIMEOUT = 60


@pytest.fixture
def faulty(lab: Lab) -> Lab:
    """A lab with a stale link."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    return lab


def linkdoctor(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with a home of its own and no DOCKER_* but those given."""
    return subprocess.run(
        [sys.executable, "-m", "linkdoctor", *arguments],
        env={"HOME": str(home), "PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def codes(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The codes of a JSON report."""
    return [finding["code"] for finding in json.loads(result.stdout)["findings"]]


def context(home: Path, name: str, url: str) -> None:
    """Write a docker context, as `docker context create` does."""
    directory = home / ".docker" / "contexts" / "meta" / sha256(name.encode()).hexdigest()
    directory.mkdir(parents=True)
    endpoints = {"docker": {"Host": url, "SkipTLSVerify": False}}
    (directory / "meta.json").write_text(
        json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints})
    )


def test_the_host_option_names_an_engine(faulty: Lab, tmp_path: Path) -> None:
    result = linkdoctor("check", "-H", faulty.url, "--format", "json", home=tmp_path)
    assert (result.returncode, codes(result), result.stderr) == (1, ["LD201"], "")


def test_docker_host_names_the_default_engine(faulty: Lab, tmp_path: Path) -> None:
    result = linkdoctor("check", "--format", "json", home=tmp_path, DOCKER_HOST=faulty.url)
    assert codes(result) == ["LD201"]


def test_the_current_context_is_the_default_and_docker_host_beats_it(
    faulty: Lab, tmp_path: Path
) -> None:
    context(tmp_path, "lab", faulty.url)
    current = linkdoctor("check", "--format", "json", home=tmp_path, DOCKER_CONTEXT="lab")
    assert codes(current) == ["LD201"]
    beaten = linkdoctor(
        "check", home=tmp_path, DOCKER_CONTEXT="lab", DOCKER_HOST=f"unix://{tmp_path}/none"
    )
    assert beaten.returncode == 3


def test_the_context_option_names_an_engine(faulty: Lab, tmp_path: Path) -> None:
    context(tmp_path, "lab", faulty.url)
    result = linkdoctor("check", "--context", "lab", "--format", "json", home=tmp_path)
    assert codes(result) == ["LD201"]


def test_an_unknown_context_is_wrong_usage(lab: Lab, tmp_path: Path) -> None:
    context(tmp_path, "lab", lab.url)
    result = linkdoctor("check", "--context", "lap", home=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "'lap'" in result.stderr
    assert "lab" in result.stderr


@pytest.mark.parametrize("url", ["foo://x", "tcp://", "ssh://host", "tcp://127.0.0.1"])
def test_an_impossible_url_is_wrong_usage(url: str, tmp_path: Path) -> None:
    result = linkdoctor("check", "-H", url, home=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority with a server's and a client's certificate, good for a day."""
    openssl = shutil.which("openssl")
    assert openssl is not None
    home = tmp_path_factory.mktemp("certificates")

    def run(*arguments: str) -> None:
        subprocess.run(
            [str(openssl), *arguments], cwd=home, check=True, capture_output=True, timeout=TIMEOUT
        )

    def issue(name: str, extension: str) -> None:
        request = (
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.pem",
            "-subj",
            f"/CN={name}",
        )
        run("req", *request, "-out", f"{name}.csr")
        (home / "ext").write_text(extension)
        signing = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "ext")
        run(
            "x509", "-req", "-days", "1", "-in", f"{name}.csr", *signing, "-out", f"{name}-cert.pem"
        )

    authority = ("-newkey", "rsa:2048", "-nodes", "-keyout", "ca-key.pem", "-subj", "/CN=lab")
    run("req", "-x509", "-days", "1", *authority, "-out", "ca.pem")
    issue("server", "subjectAltName=IP:127.0.0.1")
    issue("client", "extendedKeyUsage=clientAuth")
    (home / "client.pem").rename(home / "key.pem")
    (home / "client-cert.pem").rename(home / "cert.pem")
    return home


@contextmanager
def tls_front(certificates: Path, behind: Path) -> Iterator[int]:
    """Put TLS with client certificates in front of an engine's socket; gives the port."""
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificates / "server-cert.pem", certificates / "server.pem")
    settings.load_verify_locations(certificates / "ca.pem")
    settings.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        done = threading.Event()
        threads: list[threading.Thread] = []

        def accept() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                thread = threading.Thread(target=serve, args=(connection,))
                thread.start()
                threads.append(thread)

        def serve(connection: socket.socket) -> None:
            with connection, socket.socket(socket.AF_UNIX) as engine:
                connection.settimeout(10)
                engine.settimeout(10)
                try:
                    with settings.wrap_socket(connection, server_side=True) as inside:
                        engine.connect(str(behind))
                        answering = threading.Thread(target=pump, args=(engine, inside))
                        answering.start()
                        pump(inside, engine)
                        answering.join(10)
                except OSError:
                    pass  # a client that does not trust us hangs up

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            accepting.join(10)
            for thread in threads:
                thread.join(15)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy bytes until the source ends, then end the sink."""
    try:
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_an_engine_behind_tls_is_examined_from_afar(
    faulty: Lab, certificates: Path, tmp_path: Path
) -> None:
    with tls_front(certificates, faulty.engine.socket) as port:
        result = linkdoctor(
            *("check", "--format", "json", "--ignore", "LD502,LD503"),
            home=tmp_path,
            DOCKER_HOST=f"tcp://127.0.0.1:{port}",
            DOCKER_TLS_VERIFY="1",
            DOCKER_CERT_PATH=str(certificates),
        )
    assert (result.returncode, codes(result)) == (1, ["LD201"])


def test_a_server_that_is_not_trusted_is_said_in_one_line(
    lab: Lab, certificates: Path, tmp_path: Path
) -> None:
    for name in ("cert.pem", "key.pem"):
        shutil.copy(certificates / name, tmp_path / name)
    shutil.copy(certificates / "cert.pem", tmp_path / "ca.pem")
    with tls_front(certificates, lab.engine.socket) as port:
        result = linkdoctor(
            *("check", "-q"),
            home=tmp_path,
            DOCKER_HOST=f"tcp://127.0.0.1:{port}",
            DOCKER_TLS_VERIFY="1",
            DOCKER_CERT_PATH=str(tmp_path),
        )
    assert result.returncode == 3
    assert "TLS" in result.stdout
    assert "Traceback" not in result.stderr


def test_missing_certificates_are_wrong_usage(tmp_path: Path) -> None:
    result = linkdoctor(
        "check",
        home=tmp_path,
        DOCKER_HOST="tcp://127.0.0.1:2376",
        DOCKER_TLS_VERIFY="1",
        DOCKER_CERT_PATH=str(tmp_path),
    )
    assert result.returncode == 2
    assert "TLS" in result.stderr
