"""A place that something dials: a host, and perhaps its port.

A false host is a false alarm, and a piece of a secret must never get out. So what is ambiguous is
not a host, and only a host and a port are handed on.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from linkdoctor.model.references import Form, HostReference
from linkdoctor.reading.limits import MOST_IN_A_VALUE, MOST_REFERENCES
from linkdoctor.reading.words import word_set

__all__ = [
    "SERVICE_PORTS",
    "FoundHost",
    "Place",
    "as_references",
    "dialled_hosts",
    "printable_where",
    "read_host",
    "read_place",
    "read_port",
]

Place = tuple[str, int | None]
"""A host, and its port where the text names one."""


class FoundHost(NamedTuple):
    """A host that a text names and that is dialled: not the container itself."""

    host: str
    port: int | None
    default_port: int | None
    form: Form


_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_HEX = frozenset("0123456789abcdef")
_NO_HOSTS = word_set(
    """
    true false on off yes no y n none null nil undefined unset default auto enabled disabled
    enable disable changeme change-me change_me change placeholder todo tbd fixme xxx example
    host hostname ip any all local unknown empty internal external latest stable nan inf
    production development staging prod dev debug info warn error memory socket
    """
)
_PLACEHOLDERS = ("your-", "your_", "change-", "change_", "replace-", "replace_", "insert-")
_FILES = tuple(
    word_set(
        """
        .sock .yml .yaml .json .conf .cfg .ini .toml .xml .pem .crt .key .cer .txt .log .py .js
        .ts .jar .war .sql .sqlite .sqlite3 .csv .html .php .properties .env .so .pid .lock
        """
    )
)
_LOCAL = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "loopback"})
SERVICE_PORTS = frozenset(
    int(port)
    for port in word_set(
        """
        80 443 389 636 1433 1521 1883 2181 2375 2376 2379 3128 3306 3307 4222 4369 4444 5432 5433
        5671 5672 5984 6379 6380 6432 6443 7474 7687 8025 8080 8081 8086 8123 8125 8443 8500 8529
        8888 8983 9042 9090 9091 9092 9093 9094 9200 9300 9418 9411 10000 11211 11434 14268 15672
        19530 26257 26379 27017 27018 28015 50051 61613 61616
        """
    )
)
"""Ports that hardly mean anything but a service. Round numbers are left out: they count."""
_LONGEST_WHERE = 256


def read_place(text: str, *, default: int | None = None) -> Place | None:
    """Read ``host``, ``host:port``, ``[address]:port`` or an address; None if it is neither."""
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in inner or (rest and not rest.startswith(":")):
            return None
        host, port = _read_address(inner), rest[1:] if rest else None
    elif text.count(":") > 1:
        host, port = _read_address(text), None
    else:
        name, colon, number = text.partition(":")
        host, port = read_host(name), number if colon else None
    if host is None:
        return None
    if port is None:
        return host, default
    number_read = read_port(port)
    return None if number_read is None else (host, number_read)


def read_port(text: str) -> int | None:
    """Read a port number; None if it is not one."""
    if not (0 < len(text) <= 5 and text.isascii() and text.isdigit()):
        return None
    return int(text) if 0 < int(text) < 65536 else None


def read_host(text: str) -> str | None:
    """Read a name, as it is spelled, or an IPv4 address."""
    name = text.lower().removesuffix(".")
    if not name or len(name) > 253 or not text.isascii():
        return None
    labels = name.split(".")
    if labels[-1].isdigit():
        return _read_address(name) if len(labels) == 4 else None
    if not all(map(_is_label, labels)) or (len(labels) > 1 and labels[-1][0].isdigit()):
        return None
    if len(labels) == 1 and (name.startswith("0x") or _looks_random(text)):
        return None
    if name in _NO_HOSTS or name.startswith(_PLACEHOLDERS) or name.endswith(_FILES):
        return None
    # `DB_HOST=DATABASE_HOST` is a placeholder, and names of hosts are not written so.
    return None if "_" in text and text.isupper() else text.removesuffix(".")


def dialled_hosts(
    places: Iterable[Place], form: Form, default_port: int | None = None
) -> list[FoundHost]:
    """Return the hosts of places, but for the container itself: a program dials no peer there."""
    return [
        FoundHost(host, port, default_port, form) for host, port in places if not _is_local(host)
    ][:MOST_IN_A_VALUE]


def _read_address(text: str) -> str | None:
    """Read an IP address. Pairs of hex digits are rather a hardware address."""
    if not text.isascii() or "%" in text or len(text) > 45:
        return None
    if ":" in text and "::" not in text and max(map(len, text.split(":"))) <= 2:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _is_label(label: str) -> bool:
    return (
        0 < len(label) <= 63
        and label[0] not in "_-"
        and label[-1] != "-"
        and _LABEL.issuperset(label)
    )


def _looks_random(label: str) -> bool:
    """Whether a label is rather an identifier or a secret than a name."""
    if not any(letter.isdigit() for letter in label):
        return False
    if len(label) >= 12 and _HEX.issuperset(label.lower()):
        return True
    if len(label) >= 10 and label.lower() != label and label.upper() != label:
        return True
    return len(label) >= 24 and "-" not in label and "_" not in label


def _is_local(host: str) -> bool:
    """Whether a host is the container itself, or no single host at all."""
    host = host.lower()
    if host in _LOCAL or host.endswith((".localhost", ".localdomain")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or str(address).startswith(("0.", "255.255.255.255"))
    )


def as_references(found: Iterable[tuple[FoundHost, str]]) -> tuple[HostReference, ...]:
    """Return hosts, each with where it was found, in order and without repetitions."""
    unique: dict[tuple[str, int, str, str], HostReference] = {}
    for host, where in sorted(found, key=_order):
        name = host.host.lower()
        reference = HostReference(
            host=name,
            spelling=host.host if host.host != name else "",
            port=host.port,
            default_port=host.default_port,
            form=host.form,
            where=where,
        )
        unique.setdefault((name, host.port or 0, host.form, where), reference)
    return tuple(unique.values())[:MOST_REFERENCES]


def _order(pair: tuple[FoundHost, str]) -> tuple[str, int, str, str, int, str]:
    host, where = pair
    name = host.host
    return name.lower(), host.port or 0, host.form, where, host.default_port or 0, name


def printable_where(where: str) -> str:
    """Return the name of a script, cut to a sane length and harmless for a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in where[:_LONGEST_WHERE])
