"""What was seen on one engine, and how: the input of every diagnosis.

A snapshot is safe to hand on: values of environment variables are in it only where they
are link-shaped (:mod:`linkdoctor.model.variables`), labels only where linkdoctor or Compose
wrote them, command lines not at all.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from linkdoctor.model.evidence import Evidence
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.variables import Variable

__all__ = [
    "SCHEMA",
    "Container",
    "Details",
    "DnsAnswer",
    "Endpoint",
    "Engine",
    "Health",
    "HostsLine",
    "Label",
    "LinkAnswer",
    "Listener",
    "Network",
    "Publication",
    "Resolver",
    "Snapshot",
    "Status",
    "Tool",
    "Variable",
]

SCHEMA = "linkdoctor.snapshot/1"


class Status(StrEnum):
    """``State.Status`` as the engine reports it."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    STOPPING = "stopping"


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """The program that took a snapshot or made a report."""

    name: str
    version: str


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that was examined."""

    name: str
    """The host name that the engine reports (``docker info``)."""
    version: str
    api_version: str
    product: str = "Docker"
    """``Podman`` where the socket belongs to Podman, which has no links."""


class Listener(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A socket that waits for connections (TCP) or datagrams (UDP)."""

    address: str
    port: int
    protocol: str


class Publication(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A container port bound to a port of the host."""

    port: Port
    host_address: str
    host_port: int


class Label(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A label that linkdoctor or Compose wrote; other labels are not kept."""

    name: str
    value: str


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place on one network."""

    network: str
    network_id: str = ""
    address: str = ""
    address6: str = ""
    aliases: tuple[str, ...] = ()
    """Names that the embedded DNS answers on this network, besides the container's name."""
    links: tuple[StoredLink, ...] = ()


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the container's health check: starting, healthy or unhealthy."""

    status: str


class LinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Which container ``GET /containers/<target>/<alias>/json`` gives: its id, or None for 404.

    The decisive test for a ghost link (engine lab: ``test_engine_facts``).
    """

    alias: str
    container_id: Evidence[str | None]


class DnsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the container's own resolver answers for a name; no addresses: it has none."""

    name: str
    addresses: Evidence[tuple[str, ...]]


class Resolver(msgspec.Struct, frozen=True, kw_only=True):
    """The container's ``resolv.conf``."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What inspecting one container adds to the list."""

    status: Status
    pid: int = 0
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""
    """``State.Error``: why the last start failed."""
    started_at: str = ""
    finished_at: str = ""
    health: Health | None = None
    restart_policy: str = "no"
    hostname: str = ""
    network_mode: str = "default"
    stored_links: tuple[StoredLink, ...] = ()
    """``HostConfig.Links``, sorted: the engine prints them in random order."""
    endpoints: tuple[Endpoint, ...] = ()
    exposed: tuple[Port, ...] = ()
    published: tuple[Publication, ...] = ()
    extra_hosts: tuple[HostsLine, ...] = ()
    environment: tuple[Variable, ...] = ()
    """``Config.Env``: what the image and the user set, not what links add."""
    references: tuple[HostReference, ...] = ()
    """The hosts that the environment and the arguments name."""
    reads: tuple[VariableRead, ...] = ()
    """The link variables that the command line reads."""
    mounts_hosts_file: bool = False


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container. What was not asked for is Unknown, with the reason."""

    id: str
    name: str
    names: tuple[str, ...] = ()
    """All ``Names`` of the list: the name itself and, for each live legacy link that leads
    here, ``target/alias``."""
    image: str = ""
    labels: tuple[Label, ...] = ()
    details: Evidence[Details]
    link_answers: tuple[LinkAnswer, ...] = ()
    process_environment: Evidence[tuple[Variable, ...]]
    hosts_file: Evidence[tuple[HostsLine, ...]]
    resolver: Evidence[Resolver]
    listeners: Evidence[tuple[Listener, ...]]
    script_reads: Evidence[tuple[VariableRead, ...]]
    """The link variables that the entry-point script reads."""
    dns_answers: tuple[DnsAnswer, ...] = ()


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """One network of the engine."""

    id: str
    name: str
    driver: str
    subnets: tuple[str, ...] = ()
    icc: bool = True
    """False where containers may talk only over links (``enable_icc=false``)."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was seen on one engine."""

    schema: str = SCHEMA
    taken_at: str
    """RFC 3339, UTC."""
    tool: Tool
    host: str
    """The name of the host in reports."""
    endpoint: str
    """The address under which the engine was asked; never holds credentials."""
    engine: Engine
    containers: tuple[Container, ...] = ()
    networks: Evidence[tuple[Network, ...]]
    host_addresses: Evidence[tuple[str, ...]]
    host_listeners: Evidence[tuple[Listener, ...]]
    settled: bool = True
    """False if containers kept changing while they were read."""
