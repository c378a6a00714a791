"""What a snapshot holds, value by value: of which kind each one is, and where it stands.

Every field of every struct of a snapshot has its kind here. One without a kind is an error, so
nothing can be added to snapshots that redaction and the listing do not know of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, StrEnum
from typing import TypeVar, cast

import msgspec

from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.links import Port, StoredLink
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.setup import Attachment, Private, Setup
from linkdoctor.model.similarity import SimilarNames
from linkdoctor.model.snapshot import (
    Complaint,
    Container,
    Details,
    DnsAnswer,
    Endpoint,
    Engine,
    Event,
    Firewall,
    FirewallRule,
    Health,
    HostsLine,
    Interface,
    Label,
    LinkAnswer,
    Listener,
    NameLookup,
    Namespaces,
    Network,
    Probe,
    ProcessVariables,
    Publication,
    Resolver,
    Route,
    Snapshot,
    Tool,
)
from linkdoctor.model.variables import Variable

__all__ = ["KINDS", "Kind", "Leaf", "Scalar", "TextChange", "leaves", "with_texts"]

S = TypeVar("S", bound=msgspec.Struct)


class Kind(StrEnum):
    """The kinds of values, by what they tell."""

    CONTAINER = "names of containers"
    ALIAS = "aliases and other names of containers on networks"
    HOST = "names of hosts"
    HOSTNAME = "hostnames of containers"
    HOSTS_NAME = "names in hosts files and extra hosts"
    PEER = "hosts that settings, scripts and logs name"
    DOMAIN = "search domains, and names that were looked up"
    NETWORK = "names of networks"
    MODE = "network modes"
    INTERFACE = "network interfaces"
    CHAIN = "chains and verdicts of the firewall"
    PROCESS = "names of processes that listen"
    IMAGE = "images"
    VARIABLE = "names of environment variables"
    VALUE = "values of environment variables"
    LABEL = "names of labels"
    LABEL_VALUE = "values of labels"
    ADDRESS = "addresses"
    SUBNET = "subnets"
    ID = "ids of containers and networks"
    ENDPOINT = "where the engine was asked"
    PLACE = "where evidence was read"
    REASON = "why evidence is missing"
    MESSAGE = "the engine's errors at the last start"
    TIME = "times"
    VERSION = "versions"
    WORD = "words of Docker and linkdoctor"
    PORT = "ports"
    NUMBER = "other numbers, and yes or no"
    OPTION = "options of docker run: user, rights, limits, mounts"


_K = Kind

KINDS: Mapping[type[msgspec.Struct], Mapping[str, Kind]] = {
    Snapshot: {
        "schema": _K.WORD,
        "taken_at": _K.TIME,
        "engine_time": _K.TIME,
        "host": _K.HOST,
        "endpoint": _K.ENDPOINT,
        "host_addresses": _K.ADDRESS,
        "keeps_link_variables": _K.NUMBER,
        "probed": _K.NUMBER,
        "settled": _K.NUMBER,
        "renamed": _K.NUMBER,
    },
    SimilarNames: {"one": _K.ALIAS, "other": _K.PEER, "how": _K.WORD},
    Known: {"source": _K.PLACE, "cut": _K.REASON},
    Unknown: {"gap": _K.WORD, "detail": _K.REASON},
    Tool: {"name": _K.WORD, "version": _K.VERSION},
    Engine: {
        "name": _K.HOST,
        "version": _K.VERSION,
        "api_version": _K.VERSION,
        "product": _K.WORD,
        "live_restore": _K.NUMBER,
    },
    Listener: {
        "address": _K.ADDRESS,
        "port": _K.PORT,
        "protocol": _K.WORD,
        "owner": _K.PROCESS,
        "ipv6_only": _K.NUMBER,
        "device": _K.INTERFACE,
        "device_addresses": _K.ADDRESS,
    },
    Port: {"number": _K.PORT, "protocol": _K.WORD},
    Publication: {"host_address": _K.ADDRESS, "host_port": _K.PORT, "ephemeral": _K.NUMBER},
    Label: {"name": _K.LABEL, "value": _K.LABEL_VALUE},
    Endpoint: {
        "network": _K.NETWORK,
        "network_id": _K.ID,
        "address": _K.ADDRESS,
        "address6": _K.ADDRESS,
        "fixed_address": _K.ADDRESS,
        "aliases": _K.ALIAS,
    },
    StoredLink: {"source": _K.CONTAINER, "alias": _K.ALIAS},
    HostsLine: {"address": _K.ADDRESS, "names": _K.HOSTS_NAME},
    Complaint: {
        "kind": _K.WORD,
        "host": _K.PEER,
        "port": _K.PORT,
        "count": _K.NUMBER,
        "last": _K.TIME,
    },
    Health: {"status": _K.WORD, "exit_code": _K.NUMBER, "failing_streak": _K.NUMBER},
    LinkAnswer: {"alias": _K.ALIAS, "container_id": _K.ID},
    DnsAnswer: {"name": _K.DOMAIN, "addresses": _K.ADDRESS},
    NameLookup: {"hosts_file": _K.NUMBER, "dns": _K.NUMBER},
    Resolver: {"nameservers": _K.ADDRESS, "search": _K.DOMAIN, "ndots": _K.NUMBER},
    Probe: {
        "alias": _K.ALIAS,
        "port": _K.PORT,
        "outcome": _K.WORD,
        "address": _K.ADDRESS,
        "milliseconds": _K.NUMBER,
        "cause": _K.WORD,
    },
    Details: {
        "status": _K.WORD,
        "pid": _K.NUMBER,
        "exit_code": _K.NUMBER,
        "out_of_memory": _K.NUMBER,
        "error": _K.MESSAGE,
        "created_at": _K.TIME,
        "started_at": _K.TIME,
        "finished_at": _K.TIME,
        "restart_count": _K.NUMBER,
        "restart_policy": _K.WORD,
        "hostname": _K.HOSTNAME,
        "network_mode": _K.MODE,
        "references_cut": _K.NUMBER,
        "pid_mode": _K.MODE,
        "ipc_mode": _K.MODE,
        "auto_remove": _K.NUMBER,
        "mounts_hosts_file": _K.NUMBER,
        "stop_timeout": _K.NUMBER,
    },
    Setup: {
        "image": _K.IMAGE,
        "options": _K.OPTION,
        "network_mode": _K.MODE,
        "publish": _K.OPTION,
        "publish_all": _K.NUMBER,
        "expose": _K.OPTION,
        "dns_search": _K.DOMAIN,
        "beyond": _K.OPTION,
        "refused": _K.OPTION,
    },
    Private: {"part": _K.WORD, "names": _K.VARIABLE, "words": _K.OPTION},
    Attachment: {
        "network": _K.NETWORK,
        "aliases": _K.ALIAS,
        "options": _K.OPTION,
        "hardware_address": _K.OPTION,
        "driver_options": _K.OPTION,
    },
    Container: {"id": _K.ID, "name": _K.CONTAINER, "names": _K.CONTAINER, "image": _K.IMAGE},
    Network: {
        "id": _K.ID,
        "name": _K.NETWORK,
        "driver": _K.WORD,
        "subnets": _K.SUBNET,
        "reserved": _K.ADDRESS,
        "icc": _K.NUMBER,
        "bridge": _K.INTERFACE,
        "mtu": _K.NUMBER,
        "internal": _K.NUMBER,
    },
    FirewallRule: {
        "chain": _K.CHAIN,
        "verdict": _K.CHAIN,
        "source": _K.SUBNET,
        "destination": _K.SUBNET,
        "in_interface": _K.INTERFACE,
        "out_interface": _K.INTERFACE,
        "protocol": _K.WORD,
        "source_port": _K.PORT,
        "destination_port": _K.PORT,
        "conditional": _K.NUMBER,
        "reject_with": _K.WORD,
        "handle": _K.NUMBER,
    },
    Firewall: {
        "backend": _K.WORD,
        "chains": _K.CHAIN,
        "managed": _K.NUMBER,
        "filters_bridges": _K.NUMBER,
    },
    Route: {
        "destination": _K.SUBNET,
        "interface": _K.INTERFACE,
        "gateway": _K.ADDRESS,
        "metric": _K.NUMBER,
    },
    Interface: {"name": _K.INTERFACE, "mtu": _K.NUMBER, "up": _K.NUMBER},
    Event: {
        "time": _K.TIME,
        "action": _K.WORD,
        "container": _K.CONTAINER,
        "container_id": _K.ID,
        "exit_code": _K.NUMBER,
    },
    Namespaces: {"network": _K.NUMBER, "ipc": _K.NUMBER},
    ProcessVariables: {"pid": _K.NUMBER},
    Variable: {"name": _K.VARIABLE, "value": _K.VALUE},
    HostReference: {
        "host": _K.PEER,
        "port": _K.PORT,
        "default_port": _K.PORT,
        "form": _K.WORD,
        "where": _K.PLACE,
        "spelling": _K.PEER,
    },
    VariableRead: {
        "variable": _K.VARIABLE,
        "prefix": _K.VARIABLE,
        "port": _K.PORT,
        "protocol": _K.WORD,
        "optional": _K.NUMBER,
        "where": _K.PLACE,
    },
}
"""The kind of each field that holds a value, or evidence of one, or a tuple of them. Fields that
hold structs have none: those have kinds of their own."""

_TAGS: Mapping[type[msgspec.Struct], str] = {Known: "known", Unknown: "unknown"}

Scalar = str | int | float | bool


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a snapshot."""

    kind: Kind
    value: Scalar
    path: str
    """The fields that lead to it: ``containers.details.endpoints.address``."""
    owner: msgspec.Struct
    """The struct that holds it."""


def leaves(snapshot: Snapshot) -> Iterator[Leaf]:
    """Yield every value of a snapshot, in the order of the file; what is None is no value."""
    yield from _leaves(snapshot, "", None, snapshot)


def _leaves(value: object, path: str, kind: Kind | None, owner: msgspec.Struct) -> Iterator[Leaf]:
    if isinstance(value, msgspec.Struct):
        if isinstance(value, Known | Unknown):
            yield Leaf(kind=Kind.WORD, value=_TAGS[type(value)], path=f"{path}.type", owner=value)
        for name in value.__struct_fields__:
            within = _kind_within(value, name, kind)
            if isinstance(value, Known) and name == "cut" and not value.cut:
                continue  # it is not in the file
            # The value of a piece of evidence stands where the evidence does.
            further = path if isinstance(value, Known) and name == "value" else f"{path}.{name}"
            yield from _leaves(getattr(value, name), further.lstrip("."), within, value)
    elif isinstance(value, tuple):
        for each in cast("tuple[object, ...]", value):
            yield from _leaves(each, path, kind, owner)
    elif isinstance(value, str | int | float):
        plain = value.value if isinstance(value, Enum) else value
        yield Leaf(kind=_required(kind, path), value=plain, path=path, owner=owner)


def _kind_within(owner: msgspec.Struct, field: str, kind: Kind | None) -> Kind | None:
    """Return the kind of a field; the value of evidence is of the kind of the evidence."""
    if isinstance(owner, Known) and field == "value":
        return kind
    return KINDS[type(owner)].get(field)


def _required(kind: Kind | None, path: str) -> Kind:
    if kind is None:
        raise LookupError(f"{path} has no kind")
    return kind


TextChange = Callable[[Kind, str, msgspec.Struct], str]
"""Gives the text to stand in the place of one of a kind, which a struct holds."""


def with_texts(struct: S, change: TextChange) -> S:
    """Replace every text in a struct; words that an enumeration fixes are none."""
    return cast("S", _changed(struct, None, struct, change))


def _changed(value: object, kind: Kind | None, owner: msgspec.Struct, change: TextChange) -> object:
    if isinstance(value, msgspec.Struct):
        changes = {
            name: _changed(getattr(value, name), _kind_within(value, name, kind), value, change)
            for name in value.__struct_fields__
        }
        return msgspec.structs.replace(value, **changes)
    if isinstance(value, tuple):
        several = cast("tuple[object, ...]", value)
        return tuple(_changed(each, kind, owner, change) for each in several)
    if isinstance(value, str) and not isinstance(value, Enum):
        return change(_required(kind, type(owner).__name__), value, owner)
    return value
