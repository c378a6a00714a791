"""Answers the engine's API over a unix socket from recorded raw answers."""

from __future__ import annotations

import io
import json
import socketserver
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

DATA = Path(__file__).parent / "data"
RECORDING = DATA / "engine-29.json"


def situations(recording: Path = RECORDING) -> dict[str, dict[str, Any]]:
    """The recorded situations of an engine, by default one of the 29 series."""
    recorded: dict[str, dict[str, Any]] = json.loads(recording.read_text())["situations"]
    return recorded


@contextmanager
def replayed(situation: dict[str, Any], path: Path, *, stalls_at: str = "") -> Iterator[Event]:
    """Serve a recorded situation on a unix socket; gives the event of a stalled request.

    A request for the path `stalls_at` is not answered before the end.
    """
    server = _Server(situation, path, stalls_at)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.stalled
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    request_queue_size = 64  # on a busy machine five callers are easily kept waiting

    def __init__(self, situation: dict[str, Any], path: Path, stalls_at: str) -> None:
        self.situation = situation
        self.stalls_at = stalls_at
        self.stalled, self.over = Event(), Event()
        super().__init__(str(path), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: found[0] for name, found in parse_qs(address.query).items()}
        path = [unquote(each) for each in address.path.split("/") if each]
        if path and path[0].startswith("v1."):
            path = path[1:]
        server = cast(_Server, self.server)
        if server.stalls_at and "/".join(path) == server.stalls_at:
            server.stalled.set()
            server.over.wait(30)
            return
        body = _answer(server.situation, path, query)
        self.send_response(404 if body is None else 200)
        content = b'{"message": "not found"}' if body is None else body
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def address_string(self) -> str:
        """A unix socket has no address."""
        return ""


def _answer(situation: dict[str, Any], path: list[str], query: dict[str, str]) -> bytes | None:
    raw = situation.get("raw", {}).get("/".join(path))
    if raw is not None:
        return str(raw).encode("latin-1")
    match path:
        case ["version" | "info" | "networks" as what]:
            return json.dumps(situation[what]).encode()
        case ["containers", "json"]:
            return json.dumps(situation["containers"]).encode()
        case ["containers", identity, "json"]:
            return _inspect(situation, identity)
        case ["containers", target, alias, "json"]:
            return _inspect(situation, f"{target}/{alias}")
        case ["containers", identity, "archive"]:
            name = _name(situation, identity)
            text = situation["hosts"].get(name) if query["path"] == "/etc/hosts" else None
            return None if text is None else _tar(text)
        case ["containers", identity, "top"]:
            return _top(situation, _name(situation, identity))
        case _:
            return None


def _name(situation: dict[str, Any], identity: str) -> str:
    for name, answer in situation["inspect"].items():
        if identity in (name, answer["Id"]):
            return str(name)
    return ""


def _inspect(situation: dict[str, Any], identity: str) -> bytes | None:
    if "/" in identity:
        for link in situation["link"].values():
            if link["path"] == f"/{identity}" and link["status"] == 200:
                return json.dumps({"Id": link["id"]}).encode()
        return None
    answer = situation["inspect"].get(_name(situation, identity))
    return None if answer is None else json.dumps(answer).encode()


def _top(situation: dict[str, Any], name: str) -> bytes | None:
    environment = situation["process_environ"].get(name)
    if environment is None:
        return None
    pid = str(situation["inspect"][name]["State"]["Pid"])
    row = [pid, f"program {' '.join(environment)}"]
    return json.dumps({"Titles": ["PID", "COMMAND"], "Processes": [row]}).encode()


def _tar(text: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("hosts")
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()
