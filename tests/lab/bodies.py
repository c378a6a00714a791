"""The bodies of requests to the engine, written out rather than left to the SDK's helpers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HostPort = int | str | None
"""A port of the host: `18080`, `"127.0.0.1:18080"`, or None for one of the engine's choice."""

HALF_A_SECOND = 500_000_000
HEADER = 8


@dataclass(frozen=True, kw_only=True)
class Container:
    """What a container shall be, in the words of `Lab.run`."""

    image: str
    links: Sequence[str]
    expose: Sequence[int | str]
    publish: Mapping[int | str, HostPort]
    publish_all: bool
    env: Mapping[str, str]
    network: str | None
    network_links: Sequence[str]
    aliases: Sequence[str]
    restart: str | None
    extra_hosts: Sequence[str]
    labels: Mapping[str, str]
    command: Sequence[str]
    entrypoint: Sequence[str] | None
    network_mode: str | None
    health: str | None
    hostname: str | None
    binds: Sequence[str]
    dns_search: Sequence[str]
    dns_options: Sequence[str]

    def body(self) -> dict[str, Any]:
        """The body of `POST /containers/create`. Stopping is done by SIGKILL: it is fast."""
        exposed = [port for given in self.expose for port in ports(given)]
        exposed += [port for given in self.publish for port in ports(given)]
        body: dict[str, Any] = {
            "Image": self.image,
            "Env": [f"{key}={value}" for key, value in self.env.items()],
            "ExposedPorts": {port: {} for port in exposed},
            "Labels": dict(self.labels),
            "StopSignal": "SIGKILL",
            "HostConfig": self._host_config(),
            "NetworkingConfig": {"EndpointsConfig": self._endpoints()},
        }
        if self.command:
            body["Cmd"] = list(self.command)
        if self.entrypoint is not None:
            body["Entrypoint"] = list(self.entrypoint)
        if self.hostname is not None:
            body["Hostname"] = self.hostname
        if self.health is not None:
            body["Healthcheck"] = {
                "Test": ["CMD-SHELL", self.health],
                "Interval": HALF_A_SECOND,
                "Timeout": 4 * HALF_A_SECOND,
                "Retries": 1,
            }
        return body

    def _host_config(self) -> dict[str, Any]:
        policy, _, retries = (self.restart or "no").partition(":")
        return {
            "Links": list(self.links),
            "NetworkMode": self.network_mode or self.network or "default",
            "PublishAllPorts": self.publish_all,
            "PortBindings": {
                port: [_binding(host)]
                for given, host in self.publish.items()
                for port in ports(given)
            },
            "RestartPolicy": {"Name": policy, "MaximumRetryCount": int(retries or 0)},
            "ExtraHosts": list(self.extra_hosts),
            "Binds": list(self.binds),
            "DnsSearch": list(self.dns_search),
            "DnsOptions": list(self.dns_options),
        }

    def _endpoints(self) -> dict[str, Any]:
        """As the docker CLI: links on a user-defined network are repeated at the endpoint."""
        network = self.network or ("bridge" if self.network_links or self.aliases else None)
        if network is None:
            return {}
        links = [*(self.links if self.network else ()), *self.network_links]
        return {network: {"Links": links or None, "Aliases": list(self.aliases) or None}}


def main_process(
    name: str, command: Sequence[str] | None, listen: int | None, listen_on: str
) -> Sequence[str]:
    """The command as given, else a web server that serves its container's name, else a sleep."""
    if command is not None:
        return command
    if listen is None:
        return ["sleep", "100000"]
    serve = 'mkdir -p /tmp/w; echo "$1" > /tmp/w/index.html; exec httpd -f -p "$2" -h /tmp/w'
    return ["sh", "-c", serve, "sh", name, f"{listen_on}:{listen}"]


def ports(given: int | str) -> Iterator[str]:
    """`5000`, `"53/udp"` or `"8080-8083"`, as the engine writes each port: `5000/tcp`."""
    numbers, _, protocol = str(given).partition("/")
    first, _, last = numbers.partition("-")
    for number in range(int(first), int(last or first) + 1):
        yield f"{number}/{protocol or 'tcp'}"


def unframed(received: bytes) -> str:
    """All that a process wrote: each frame is an eight-byte header and its content."""
    text = bytearray()
    while received:
        size = int.from_bytes(received[4:HEADER], "big")
        text += received[HEADER : HEADER + size]
        received = received[HEADER + size :]
    return text.decode(errors="replace")


def _binding(host: HostPort) -> dict[str, str]:
    address, _, port = str(host or "").rpartition(":")
    return {"HostIp": address, "HostPort": port}
