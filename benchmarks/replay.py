"""A large engine that is not there: recorded answers, multiplied, over a unix socket.

``python -m benchmarks.replay SOCKET CONTAINERS`` answers until its standard input ends. Every
answer is made beforehand, and a thread for each connection does no more than look it up, so that
what is measured is the client.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import socket
import sys
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.replay import situations

__all__ = ["LINKS_OF_A_HUNDRED", "Answers", "answers", "serve"]

LINKS_OF_A_HUNDRED = 10
"""So many of a hundred containers are targets, each linked to another one."""

Answers = Mapping[bytes, bytes]
"""Whole answers of HTTP by what is asked for: a path without version and without query."""

_VERSION = re.compile(rb"/v\d+\.\d+(?=/)")
_HEAD = (
    "HTTP/1.1 {status}\r\nApi-Version: 1.51\r\nContent-Type: {kind}\r\nOstype: linux\r\n"
    "Docker-Experimental: false\r\nServer: Docker/28.5.2 (linux)\r\n"
    "Date: Fri, 01 Jan 2027 12:00:00 GMT\r\n{length}\r\n\r\n"
)
_NOT_FOUND = b'{"message":"not found"}\n'


def answers(containers: int) -> dict[bytes, bytes]:
    """Make every answer of an engine with so many containers, from the recorded healthy link."""
    recorded = situations()["healthy"]
    listed = {each["Names"][0].lstrip("/"): each for each in recorded["containers"]}
    made: dict[bytes, bytes] = {}
    rows: list[dict[str, Any]] = []
    step = 100 // LINKS_OF_A_HUNDRED
    for number in range(containers):
        target = number % step == step - 1
        name = f"{'web' if target else 'app'}{number}"
        source = f"app{number - 1}"
        identity = f"{number + 1:012x}" + "c" * 52
        row = json.loads(json.dumps(listed["web" if target else "app"]))
        row.update(Id=identity, Names=[f"/{name}"])
        if (number + 1) % step == step - 1 and number + 1 < containers:
            row["Names"].append(f"/web{number + 1}/helloapp")
        rows.append(row)
        body = _inspected(recorded, number, name, source if target else "", identity)
        answer = _answer(body, chunked=True)
        for key in (identity, identity[:12], name):
            made[f"/containers/{key}/json".encode()] = answer
        if target:
            pid = str(body["State"]["Pid"])
            environment = _environment(number, source)
            line = " ".join(["server", *environment])
            processes = {"Titles": ["PID", "COMMAND"], "Processes": [[pid, line]]}
            made[f"/containers/{identity}/top".encode()] = _answer(processes)
            hosts = f"127.0.0.1\tlocalhost\n{_address(number - 1)}\thelloapp {source}\n"
            made[f"/containers/{identity}/archive".encode()] = _archive(hosts)
    version = {**recorded["version"], "Version": "28.5.2", "ApiVersion": "1.51"}
    made[b"/version"] = _answer(version)
    made[b"/_ping"] = _answer(b"OK")
    made[b"/info"] = _answer(recorded["info"])
    made[b"/networks"] = _answer(recorded["networks"])
    made[b"/containers/json"] = _answer(rows, chunked=True)
    made[b"/events"] = _answer(b"")
    return made


def _inspected(
    recorded: dict[str, Any], number: int, name: str, source: str, identity: str
) -> dict[str, Any]:
    text = json.dumps(recorded["inspect"]["web" if source else "app"])
    body: dict[str, Any] = json.loads(text.replace(json.loads(text)["Id"], identity))
    body["Name"] = f"/{name}"
    body["State"]["Pid"] = 4_000_000 + number  # no process of this machine
    body["Config"]["Hostname"] = identity[:12]
    body["Config"]["Env"] = _environment(number, "")
    body["HostConfig"]["Links"] = [f"/{source}:/{name}/helloapp"] if source else None
    settings = body["NetworkSettings"]
    settings["IPAddress"] = settings["Networks"]["bridge"]["IPAddress"] = _address(number)
    return body


def _environment(number: int, source: str) -> list[str]:
    own = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG=C.UTF-8",
        f"INSTANCE=instance-{number}",
        f"SESSION_SECRET=not-a-real-secret-{number}",
        "LOG_LEVEL=info",
        "MAX_CONNECTIONS=100",
    ]
    if not source:
        return own
    address = _address(number - 1)
    return [
        *own,
        f"HELLOAPP_NAME=/web{number}/helloapp",
        f"HELLOAPP_PORT=tcp://{address}:5000",
        f"HELLOAPP_PORT_5000_TCP=tcp://{address}:5000",
        f"HELLOAPP_PORT_5000_TCP_ADDR={address}",
        "HELLOAPP_PORT_5000_TCP_PORT=5000",
        "HELLOAPP_PORT_5000_TCP_PROTO=tcp",
    ]


def _address(number: int) -> str:
    return f"172.{17 + (number + 2) // 65536}.{(number + 2) // 256 % 256}.{(number + 2) % 256}"


def _answer(body: object, *, kind: str = "application/json", chunked: bool = False) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    if chunked:  # as the engine sends what it makes while it sends it
        head = _HEAD.format(status="200 OK", kind=kind, length="Transfer-Encoding: chunked")
        return head.encode() + b"%x\r\n" % len(content) + content + b"\r\n0\r\n\r\n"
    return _plain("200 OK", kind, content)


def _plain(status: str, kind: str, content: bytes) -> bytes:
    length = f"Content-Length: {len(content)}"
    return _HEAD.format(status=status, kind=kind, length=length).encode() + content


def _archive(text: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("hosts")
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return _answer(file.getvalue(), kind="application/x-tar")


def serve(path: Path, made: Answers) -> None:
    """Answer on a unix socket until the process ends."""
    missing = _plain("404 Not Found", "application/json", _NOT_FOUND)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)

    def accept() -> None:
        while True:
            caller, _ = listener.accept()
            threading.Thread(target=_talk, args=(caller, made, missing), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _talk(caller: socket.socket, made: Answers, missing: bytes) -> None:
    with caller, contextlib.suppress(OSError):
        waiting = b""
        while content := caller.recv(1 << 16):
            waiting += content
            while (end := waiting.find(b"\r\n\r\n")) >= 0:
                head, waiting = waiting[:end], waiting[end + 4 :]
                method, target, _ = head.split(b" ", 2)
                path = _VERSION.sub(b"", target.partition(b"?")[0], count=1)
                answer = made.get(path, missing)
                if method == b"HEAD":
                    answer = answer[: answer.index(b"\r\n\r\n") + 4]
                caller.sendall(answer)


def main() -> None:
    """Serve, and say when it can be asked."""
    path, containers = Path(sys.argv[1]), int(sys.argv[2])
    serve(path, answers(containers))
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
