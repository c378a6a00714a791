"""What was seen on one engine, and how: the input of every diagnosis.

A snapshot is safe to hand on: values of environment variables are in it only where they
are link-shaped (:mod:`linkdoctor.model.variables`), labels only where linkdoctor or Compose
wrote them, command lines not at all. Of how a container was made there is what holds no secret:
user, rights, limits, mounts (:mod:`linkdoctor.model.setup`).

What is frozen and made of frozen parts can be in no cycle: with ``gc=False`` Python's collector
does not walk it, however many containers there are.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from linkdoctor.model.evidence import Evidence, Gap, Unknown
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.setup import Setup
from linkdoctor.model.similarity import SimilarNames
from linkdoctor.model.variables import Variable

__all__ = [
    "LOG_NOT_READ",
    "NOT_PROBED",
    "SCHEMA",
    "Complaint",
    "ComplaintKind",
    "Container",
    "Details",
    "DnsAnswer",
    "Endpoint",
    "Engine",
    "Event",
    "Firewall",
    "FirewallRule",
    "Health",
    "HostsLine",
    "Interface",
    "Label",
    "LinkAnswer",
    "Listener",
    "NameLookup",
    "Namespaces",
    "Network",
    "Probe",
    "ProbeCause",
    "ProbeOutcome",
    "ProcessVariables",
    "Publication",
    "Resolver",
    "Route",
    "Snapshot",
    "Status",
    "Tool",
    "Unreachable",
    "Variable",
]

SCHEMA = "linkdoctor.snapshot/1"

_NOT_LOOKED = Unknown(
    gap=Gap.NOT_COLLECTED, detail="the linkdoctor that took the snapshot did not look at it"
)
NOT_PROBED = Unknown(gap=Gap.NOT_COLLECTED, detail="only --probe asks for it")
LOG_NOT_READ = Unknown(gap=Gap.NOT_COLLECTED, detail="only --logs reads it")


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


class Tool(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The program that took a snapshot or made a report."""

    name: str
    version: str


class Engine(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The engine that was examined."""

    name: str
    """The host name that the engine reports (``docker info``)."""
    version: str
    api_version: str
    product: str = "Docker"
    """``Podman`` where the socket belongs to Podman, which has no links."""
    live_restore: bool = False
    """Containers keep running while the engine restarts."""


class Listener(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """A socket that waits for connections (TCP) or datagrams (UDP)."""

    address: str
    port: int
    protocol: str
    owner: str = ""
    """The name of the process that listens, where it was seen."""
    ipv6_only: bool = False
    """It takes no IPv4 connections (``IPV6_V6ONLY``), which a listener at ``::`` else does."""
    device: str = ""
    """The one interface that it is bound to (``SO_BINDTODEVICE``); '' for every one."""
    device_addresses: tuple[str, ...] = ()
    """The addresses of that interface."""


class Publication(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """A container port bound to a port of the host."""

    port: Port
    host_address: str
    host_port: int
    ephemeral: bool = False
    """The engine chose the host port (``-P``, ``-p 80``) and chooses another at each start
    (engine lab)."""


class Label(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """A label that linkdoctor, Compose or swarm wrote; other labels are not kept."""

    name: str
    value: str


class Endpoint(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A container's place on one network."""

    network: str
    network_id: str = ""
    address: str = ""
    address6: str = ""
    fixed_address: str = ""
    """The IPv4 address that ``--ip`` asked for: the container has it at every start."""
    aliases: tuple[str, ...] = ()
    """Names that the embedded DNS answers on this network, besides the container's name."""
    links: tuple[StoredLink, ...] = ()


class ComplaintKind(StrEnum):
    """What a program says of a peer that it cannot reach."""

    UNRESOLVED = "name not resolved"
    REFUSED = "connection refused"
    TIMED_OUT = "timed out"
    NO_ROUTE = "no route"


class Complaint(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """What a container's log or health check says of a peer, reduced to names known otherwise."""

    kind: ComplaintKind
    host: str = ""
    """An alias, a container's name, a host of a setting or a link's address; '' for any other."""
    port: int | None = None
    count: int = 1
    """How often, among the lines that were read."""
    last: str = ""
    """The time of the last of them, RFC 3339; '' if the engine does not tell."""


class Health(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The result of the container's health check: starting, healthy or unhealthy."""

    status: str
    exit_code: int | None = None
    """How the last check ended; None if there was none yet."""
    failing_streak: int = 0
    complaints: tuple[Complaint, ...] = ()
    """What the last check's output complains of. The output itself may hold anything and is not
    kept."""


class LinkAnswer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Which container ``GET /containers/<target>/<alias>/json`` gives: its id, or None for 404.

    The decisive test for a ghost link (engine lab: ``test_engine_facts``).
    """

    alias: str
    container_id: Evidence[str | None]


class DnsAnswer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the container's own resolver answers for a name; no addresses: it has none."""

    name: str
    addresses: Evidence[tuple[str, ...]]


class Resolver(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The container's ``resolv.conf``."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1
    """A name with fewer dots is tried with the search domains first."""


class NameLookup(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a container's programs ask for a name, as ``nsswitch.conf`` tells their C library."""

    hosts_file: bool = True
    """False if the hosts file is never asked."""
    dns: bool = True
    """False if DNS is never asked for a name that the hosts file does not have."""


class ProbeOutcome(StrEnum):
    """How far a probe came, from the target's network namespace."""

    CONNECTED = "connected"
    NO_NAME = "the name does not resolve"
    REFUSED = "refused"
    TIMED_OUT = "no answer"
    NO_ROUTE = "no route"
    """The kernel said so: a route that is missing, a neighbour, or a REJECT (see ProbeCause)."""
    NOT_TRIED = "not tried"
    """The name leads to an address outside the networks of the containers examined; or, without an
    address, there was no time left."""
    LEFT_OUT = "left out"
    """There are more ports than are probed; it stands for all that were left out of the link."""


class ProbeCause(StrEnum):
    """Why a probe met no answer or *no route to host*, as the target's namespace shows it."""

    NOT_SHOWN = ""
    NO_ROUTE = "no route"
    """The namespace's routes do not know the address, or forbid it."""
    NO_NEIGHBOUR = "no such neighbour"
    """Nobody answers for the address, or for the gateway to it, on the network."""
    REJECTED = "host unreachable"
    """There is a route and the next hop answers: someone on the way sent that message."""


class Probe(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """One attempt to resolve an alias and connect to a port that the link promises."""

    alias: str
    port: int | None
    """None where the name did not resolve."""
    outcome: ProbeOutcome
    address: str = ""
    milliseconds: float = 0.0
    cause: ProbeCause = ProbeCause.NOT_SHOWN
    """Of NO_ROUTE, which is only what the kernel says, and of TIMED_OUT."""


class Namespaces(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The kernel's numbers of the namespaces that a container's process lives in."""

    network: int
    ipc: int


class ProcessVariables(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The link-shaped variables of another process of a container than its first."""

    pid: int
    variables: tuple[Variable, ...]


class Details(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What inspecting one container adds to the list."""

    status: Status
    pid: int = 0
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""
    """``State.Error``: why the last start failed."""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    restart_count: int | None = None
    """How often the restart policy started it again since it was last started by hand; None if
    the engine does not tell."""
    health: Health | None = None
    restart_policy: str = "no"
    hostname: str = ""
    network_mode: str = "default"
    pid_mode: str = ""
    """``container:ID`` where it shares another one's processes, '' in any other mode."""
    ipc_mode: str = ""
    """``container:ID`` where it shares another one's memory, '' in any other mode."""
    auto_remove: bool = False
    """The engine removes it as soon as it stops (``--rm``)."""
    stored_links: tuple[StoredLink, ...] = ()
    """``HostConfig.Links``, sorted: the engine prints them in random order."""
    endpoints: tuple[Endpoint, ...] = ()
    exposed: tuple[Port, ...] = ()
    published: tuple[Publication, ...] = ()
    """The bindings that there are; none while the container does not run."""
    requested: tuple[Publication, ...] = ()
    """The bindings that were asked for port by port (``-p``, not ``-P``), whether or not the
    container runs; host port 0 where the engine was to choose, freely or from a range."""
    extra_hosts: tuple[HostsLine, ...] = ()
    environment: tuple[Variable, ...] = ()
    """``Config.Env``: what the image and the user set, not what links add."""
    references: tuple[HostReference, ...] = ()
    """The hosts that the environment and the arguments name."""
    references_cut: bool = False
    """They may name more: a limit was reached."""
    reads: tuple[VariableRead, ...] = ()
    """The link variables that the command line reads."""
    mounts_hosts_file: bool = False
    stop_timeout: int | None = None
    """Seconds that it is given to stop, -1 for as long as it takes; None: the engine's 10."""
    setup: Evidence[Setup] = _NOT_LOOKED
    """How it was made, without what may hold a secret: what its successor is told."""


class Container(msgspec.Struct, frozen=True, gc=False, kw_only=True):
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
    script_hosts: Evidence[tuple[HostReference, ...]] = _NOT_LOOKED
    """The hosts that the entry-point script names."""
    stored_links: Evidence[tuple[StoredLink, ...]] = _NOT_LOOKED
    """The links as typed, from the engine's ``hostconfig.json``: what its next start looks up.
    In the order of the file; inspect shows what became of them."""
    probes: Evidence[tuple[Probe, ...]] = NOT_PROBED
    other_processes: Evidence[tuple[ProcessVariables, ...]] = _NOT_LOOKED
    """The descendants of the container's first process whose link-shaped variables are others
    than its own; what `docker exec` started is none of them."""
    namespaces: Evidence[Namespaces] = _NOT_LOOKED
    complaints: Evidence[tuple[Complaint, ...]] = LOG_NOT_READ
    """What the last lines of the log say of peers."""
    dns_answers: tuple[DnsAnswer, ...] = ()
    name_lookup: Evidence[NameLookup] = _NOT_LOOKED


class Network(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One network of the engine."""

    id: str
    name: str
    driver: str
    subnets: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    """Addresses of the subnets that are no container's: the gateway's, and those set aside."""
    icc: bool = True
    """False where containers may talk only over links (``enable_icc=false``)."""
    bridge: str = ""
    """The interface of a bridge network on the host."""
    mtu: int | None = None
    """The MTU that the network's options set; None for the engine's default."""
    internal: bool = False
    """No traffic of the network leaves the host."""


class FirewallRule(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One rule of a chain that Docker keeps, or a jump to such a chain.

    The chains of nftables are told by the names of those of iptables that do the same:
    ``FORWARD`` for its ``filter-FORWARD``, ``DOCKER`` for ``filter-forward-in__<bridge>``.
    """

    chain: str
    verdict: str
    """``ACCEPT``, ``DROP``, ``RETURN`` …, or the chain that is jumped to."""
    source: str = ""
    """An address or network; '' for any."""
    destination: str = ""
    in_interface: str = ""
    """``!`` before it for any other."""
    out_interface: str = ""
    protocol: str = ""
    source_port: int | None = None
    destination_port: int | None = None
    conditional: bool = False
    """Further conditions narrow it, which are not kept."""
    reject_with: str = ""
    """What a REJECT answers with: ``icmp-host-prohibited``, ``tcp-reset`` …"""
    handle: int | None = None
    """The number by which nftables deletes it."""


class Firewall(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The firewall rules that concern containers, as the engine's own namespace has them."""

    backend: str
    """``iptables-nft``, ``iptables-legacy`` or ``nftables``."""
    chains: tuple[str, ...] = ()
    """The chains of the filter table whose names begin with ``DOCKER``."""
    rules: tuple[FirewallRule, ...] = ()
    """Those that decide about new connections of containers; rules for connections that are
    there already are left out."""
    managed: bool = True
    """False if the engine is configured not to manage the firewall (``--iptables=false``)."""
    filters_bridges: bool = True
    """Traffic within a bridge passes the firewall (``bridge-nf-call-iptables``)."""


class Route(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """A route of the host's main table."""

    destination: str
    """A network; ``0.0.0.0/0`` or ``::/0`` is the default route."""
    interface: str
    gateway: str = ""
    metric: int = 0
    """Of two routes to one destination, that with the lower metric is used."""


class Interface(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """A network interface of the host."""

    name: str
    mtu: int
    up: bool = True


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """What the engine did with a container; it remembers its last 256 events of all kinds."""

    time: str
    """RFC 3339, UTC."""
    action: str
    """``start``, ``die``, ``restart``, ``rename``, ``destroy`` …"""
    container: str
    """The container's name then."""
    container_id: str
    exit_code: int = -1
    """Of a ``die``: how the process ended; -1 if the engine does not tell."""


class Snapshot(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything that was seen on one engine."""

    schema: str = SCHEMA
    taken_at: str
    """RFC 3339, UTC."""
    engine_time: str = ""
    """The engine's own clock then, which its times are told by; '' if it does not tell."""
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
    firewall: Evidence[Firewall] = _NOT_LOOKED
    routes: Evidence[tuple[Route, ...]] = _NOT_LOOKED
    interfaces: Evidence[tuple[Interface, ...]] = _NOT_LOOKED
    keeps_link_variables: Evidence[bool] = _NOT_LOOKED
    """The engine's environment has the escape that makes engine 29 set link variables."""
    events: Evidence[tuple[Event, ...]] = _NOT_LOOKED
    probed: bool = False
    """``--probe`` was given."""
    settled: bool = True
    """False if containers kept changing while they were read."""
    renamed: bool = False
    """Names and addresses are pseudonyms (``--redact-names``)."""
    alike: tuple[SimilarNames, ...] = ()
    """Which names were alike before they were replaced; pseudonyms do not show it."""


class Unreachable(msgspec.Struct, frozen=True, kw_only=True):
    """A host whose engine could not be asked."""

    host: str
    endpoint: str
    reason: str
