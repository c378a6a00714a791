"""Requests to the engine without the SDK, whose streams have neither deadline nor a clean end."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from docker.errors import APIError

TIMEOUT = 20.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        """Connect to the path, not to the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def post(path: Path, address: str, body: dict[str, Any]) -> bytes:
    """All that the engine answers, up to the end of the stream; an APIError when it refuses."""
    connection = UnixConnection(path)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", address, json.dumps(body), headers)
        with connection.getresponse() as response:
            answer = response.read()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            message = str(json.loads(answer)["message"])
            raise APIError(message, explanation=message)
        return answer
    finally:
        connection.close()
