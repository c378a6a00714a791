"""Every kind of evidence that a snapshot holds, one row each.

The collector's readers, the coverage of ``check --verbose`` and ``self-check``, and the tests are
driven by these rows. Each field of a snapshot that may be Unknown has exactly one, and whatever
has one is read by something of :mod:`linkdoctor.collect`: unit tests hold that.
"""

from __future__ import annotations

import msgspec

from linkdoctor.model.evidence import Need, Unknown
from linkdoctor.model.snapshot import (
    LOG_NOT_READ,
    NOT_PROBED,
    Container,
    Details,
    DnsAnswer,
    LinkAnswer,
    Snapshot,
)

__all__ = ["CONTAINER_EVIDENCE", "HOST_EVIDENCE", "EvidenceKind", "OnDemand", "evidence_fields"]


class OnDemand(msgspec.Struct, frozen=True):
    """An option that turns a kind of evidence on."""

    option: str
    unasked: Unknown
    """What stands in place of the evidence where the option was not given."""


class EvidenceKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of evidence."""

    holder: type[msgspec.Struct]
    """The struct that has it: the snapshot itself, or something of a container."""
    field: str
    label: str
    """What it is called where coverage is counted."""
    need: Need | None = None
    """What rules call it; None where no rule is skipped without it."""
    on_demand: OnDemand | None = None
    each: str = ""
    """What one of several of a container is called, a format for the holder; '' if it has one."""
    listed: bool = True
    """It is told what became of it, container by container."""
    counted: bool = True
    """It is counted of how many containers it was had."""
    told_with: str = ""
    """Another field, read in one go with it: it is told apart only where that one is Known."""


HOST_EVIDENCE = (
    EvidenceKind(holder=Snapshot, field="networks", label="networks", need=Need.NETWORKS),
    EvidenceKind(
        holder=Snapshot, field="host_addresses", label="addresses", need=Need.HOST_ADDRESSES
    ),
    EvidenceKind(
        holder=Snapshot, field="host_listeners", label="listening sockets", need=Need.HOST_LISTENERS
    ),
    EvidenceKind(holder=Snapshot, field="firewall", label="firewall", need=Need.FIREWALL),
    EvidenceKind(holder=Snapshot, field="routes", label="routes", need=Need.ROUTES),
    EvidenceKind(holder=Snapshot, field="interfaces", label="interfaces", need=Need.INTERFACES),
    EvidenceKind(
        holder=Snapshot,
        field="keeps_link_variables",
        label="environment of the engine",
        need=Need.ENGINE_ENV,
    ),
    EvidenceKind(holder=Snapshot, field="events", label="events", need=Need.EVENTS),
)
"""What is read once for each engine, in the order in which it is told."""

CONTAINER_EVIDENCE = (
    EvidenceKind(holder=Container, field="details", label="details", need=Need.DETAILS),
    EvidenceKind(
        holder=LinkAnswer,
        field="container_id",
        label="where links lead",
        need=Need.LINK_ANSWER,
        each="where link {0.alias} leads",
    ),
    EvidenceKind(
        holder=Container, field="process_environment", label="environment", need=Need.PROCESS_ENV
    ),
    EvidenceKind(holder=Container, field="other_processes", label="environment of other processes"),
    EvidenceKind(holder=Container, field="namespaces", label="namespaces", need=Need.NAMESPACES),
    EvidenceKind(holder=Container, field="hosts_file", label="hosts file", need=Need.HOSTS_FILE),
    EvidenceKind(holder=Container, field="resolver", label="resolver", need=Need.DNS_ANSWER),
    EvidenceKind(
        holder=Container, field="name_lookup", label="name service switch", need=Need.NAME_LOOKUP
    ),
    EvidenceKind(holder=Container, field="listeners", label="sockets", need=Need.LISTENERS),
    EvidenceKind(holder=Container, field="script_reads", label="script", need=Need.ENTRY_SCRIPT),
    EvidenceKind(
        holder=Container,
        field="script_hosts",
        label="hosts in the script",
        told_with="script_reads",
    ),
    EvidenceKind(
        holder=Container, field="stored_links", label="stored links", need=Need.STORED_LINKS
    ),
    EvidenceKind(
        holder=DnsAnswer,
        field="addresses",
        label="answers of the resolver",
        need=Need.DNS_ANSWER,
        each="answer of the resolver for {0.name}",
        counted=False,
    ),
    EvidenceKind(
        holder=Container,
        field="probes",
        label="probes",
        need=Need.PROBES,
        on_demand=OnDemand("--probe", NOT_PROBED),
    ),
    EvidenceKind(
        holder=Container,
        field="complaints",
        label="log",
        on_demand=OnDemand("--logs", LOG_NOT_READ),
    ),
    EvidenceKind(holder=Details, field="setup", label="setup", listed=False, counted=False),
)
"""What is read of each container, in the order in which it is told."""


def evidence_fields(need: Need, holder: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields of a struct that hold what rules call by one name."""
    return tuple(
        each.field
        for each in (*HOST_EVIDENCE, *CONTAINER_EVIDENCE)
        if each.need is need and each.holder is holder
    )
