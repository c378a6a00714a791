"""Engines that cannot be asked: exit code 3, in time, whatever stands at the other end."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linkdoctor.api import snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.rulekit.world import World
from tests.waiting import SOON


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    for name in ("LINKDOCTOR_CONFIG", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


def left(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as error:
        main([str(each) for each in arguments])
    return int(error.value.code or 0)


Answer = Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Listen on a loopback port and treat each caller in one way."""
    over = threading.Event()

    def treat(caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            answer(caller, over)

    def serve() -> None:
        while not over.is_set():
            try:
                caller, _ = listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=treat, args=(caller,))
            thread.start()
            callers.append(thread)

    callers: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()
            for each in callers:
                each.join()


def garbage(caller: socket.socket, over: threading.Event) -> None:
    caller.recv(4096)
    caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)


def close(caller: socket.socket, over: threading.Event) -> None:
    caller.recv(1)


def hang(caller: socket.socket, over: threading.Event) -> None:
    over.wait(SOON)


def trickle(caller: socket.socket, over: threading.Event) -> None:
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
    for _ in range(int(SOON / 0.05)):
        if over.wait(0.05):
            return
        caller.sendall(b" ")


def not_docker(caller: socket.socket, over: threading.Event) -> None:
    caller.recv(4096)
    body = b'"hello"'
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def not_found(caller: socket.socket, over: threading.Event) -> None:
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def hostile(caller: socket.socket, over: threading.Event) -> None:
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 200 \x1b[2J\r\nContent-Length: 6\r\n\r\n\x1b]0;x\x07")


# What hangs or trickles would go on for SOON, and then end with other words.
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (garbage, "no Docker engine answers"),
        (close, "no engine at"),
        (hang, "did not answer in time"),
        (trickle, "did not finish its answer to GET /version in time"),
        (not_docker, "is not that of a Docker engine"),
        (not_found, "is not a Docker engine"),
        (hostile, "is not that of a Docker engine"),
    ],
)
def test_what_is_no_engine_exits_with_3_in_time(
    answer: Answer, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(answer) as url:
        code = left("check", "-H", url, "--timeout", "1")
    captured = capsys.readouterr()
    assert code == 3
    assert captured.out.startswith("? incomplete: the engine could not be asked: ")
    assert why in captured.out
    assert "\x1b" not in captured.out
    assert captured.err == ""


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def test_a_closed_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("check", "-H", closed_port()) == 3
    assert "connection refused" in capsys.readouterr().out


def test_a_socket_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("check", "-H", f"unix://{tmp_path}/none.sock") == 3
    assert "there is no such socket" in capsys.readouterr().out


def test_a_path_that_is_no_socket(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("hello")
    assert left("check", "-H", f"unix://{tmp_path}/file") == 3
    assert capsys.readouterr().out.startswith("? incomplete: ")


def one_line_and_2(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert left(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("linkdoctor: ")
    assert len(captured.err.splitlines()) == 1
    return captured.err


@pytest.mark.parametrize("url", ["nonsense://x", "tcp://:99999", "ssh://host"])
def test_urls_that_cannot_be_right(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "internal" not in one_line_and_2(capsys, "check", "-H", url)


def test_a_context_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no-such-context" in one_line_and_2(capsys, "check", "--context", "no-such-context")


def test_certificates_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    assert "TLS" in one_line_and_2(capsys, "check")


def test_json_tells_which_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    url = closed_port()
    assert left("check", "-H", url, "--format", "json") == 3
    report = json.loads(capsys.readouterr().out)
    assert report["summary"]["verdict"] == "incomplete"
    assert [each["name"] for each in report["hosts"]] == [url]
    assert report["hosts"][0]["evidence"] == "partial"
    assert [each["code"] for each in report["skipped"]] == ["LD002"]
    assert "connection refused" in report["skipped"][0]["reason"]


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    world = World().run("app", expose=[5000], listen=[5000]).run("web", link="app")
    path = tmp_path / "healthy.json.gz"
    path.write_bytes(snapshot_bytes(world.snapshot()))
    return path


def test_one_that_fails_does_not_hide_the_others(
    healthy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left("check", "-H", closed_port(), "--snapshot", healthy) == 3
    assert "nothing wrong found on host1: 2 containers" in capsys.readouterr().out


def test_no_claim_about_containers_of_engines_that_were_not_asked(
    healthy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left("check", "wbe", "-H", closed_port(), "--snapshot", healthy) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no container is called 'wbe' on host1, but tcp://" in captured.err


def test_containers_are_not_looked_for_where_nothing_was_seen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert left("check", "web", "-H", closed_port()) == 3
    assert capsys.readouterr().out.startswith("? incomplete")


def test_show_needs_an_engine(healthy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("show", "web", "-H", closed_port()) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert left("show", "web", "-H", closed_port(), "--snapshot", healthy) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith("web on host1: running")
    assert "could not be asked" in captured.err


def test_a_snapshot_needs_an_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "snapshot"
    assert left("snapshot", "-H", closed_port(), "-o", file) == 3
    assert not file.exists()
    assert capsys.readouterr().out == ""


def test_a_snapshot_is_of_one_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = ("-H", closed_port(), "-H", closed_port())
    assert left("snapshot", *engines, "-o", tmp_path / "x") == 2
    assert "run it once for each" in capsys.readouterr().err


def test_engines_of_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = closed_port()
    config = tmp_path / "config.toml"
    config.write_text(f"hosts = ['{url}']")
    assert left("check", "--config", config) == 3
    assert url in capsys.readouterr().out
