"""Environment variables, and the names and forms of those that a link sets."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from linkdoctor.moved import renamed

__all__ = [
    "LinkField",
    "LinkVariable",
    "Variable",
    "address_in",
    "address_of",
    "is_address",
    "is_link_shaped",
    "parse_link_variable",
    "prefix_of",
    "prefixes_of_links",
    "tells_a_place",
]


class Variable(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """An environment variable. ``value`` is there only if it is link-shaped."""

    name: str
    value: str | None = None


class LinkField(StrEnum):
    """What a variable of a link tells."""

    NAME = "NAME"
    DEFAULT = "PORT"
    URL = "URL"
    START = "START"
    END = "END"
    ADDR = "ADDR"
    PORT = "PORT_NUMBER"
    PORT_START = "PORT_START"
    PORT_END = "PORT_END"
    PROTO = "PROTO"


class LinkVariable(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The name of a link variable, taken apart: ``DB_PORT_5432_TCP_ADDR``."""

    prefix: str
    field: LinkField
    port: int | None = None
    protocol: str | None = None


_LONGEST_VALUE = 256

_PER_PORT = re.compile(
    r"(?P<prefix>.+)_PORT_(?P<port>\d{1,5})_(?P<protocol>TCP|UDP|SCTP)"
    r"(?P<field>|_START|_END|_ADDR|_PROTO|_PORT|_PORT_START|_PORT_END)",
    re.DOTALL,
)
_PER_PORT_FIELDS = {
    "": LinkField.URL,
    "_START": LinkField.START,
    "_END": LinkField.END,
    "_ADDR": LinkField.ADDR,
    "_PROTO": LinkField.PROTO,
    "_PORT": LinkField.PORT,
    "_PORT_START": LinkField.PORT_START,
    "_PORT_END": LinkField.PORT_END,
}
_ENDPOINT = re.compile(r"(?:tcp|udp|sctp)://(?P<address>[0-9a-fA-F.:\[\]]*):\d{1,5}")
_ADDR = LinkField.ADDR
_PLACES = (LinkField.DEFAULT, LinkField.URL, LinkField.START, LinkField.END)
_NUMBER = re.compile(r"\d{1,5}")
_LINK_PATH = re.compile(r"/[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]+")


@lru_cache(maxsize=4096)  # many containers have variables of the same names
def parse_link_variable(name: str) -> LinkVariable | None:
    """Take the name of a variable apart, if it has the form of one that a link sets.

    ``<PREFIX>_PORT`` and ``<PREFIX>_NAME`` have that form too, so whether a link set the
    variable is for the caller to decide by the prefix.
    """
    if match := _PER_PORT.fullmatch(name):
        return LinkVariable(
            prefix=match["prefix"],
            field=_PER_PORT_FIELDS[match["field"]],
            port=int(match["port"]),
            protocol=match["protocol"].lower(),
        )
    for suffix, field in (("_PORT", LinkField.DEFAULT), ("_NAME", LinkField.NAME)):
        if name.endswith(suffix) and len(name) > len(suffix):
            return LinkVariable(prefix=name.removesuffix(suffix), field=field)
    return None


def tells_a_place(name: str) -> bool:
    """Whether a link variable of this name holds an address, a port or a protocol."""
    parsed = parse_link_variable(name)
    return parsed is not None and parsed.field is not LinkField.NAME and "_ENV_" not in name


def address_of(variable: Variable) -> str | None:
    """Return the address that a link variable holds: '' if it is empty, None if it holds none."""
    parsed = parse_link_variable(variable.name)
    if parsed is None or variable.value is None:
        return None
    return address_in(parsed, variable.value)


def address_in(parsed: LinkVariable, value: str) -> str | None:
    """Return the address in the value of a link variable whose name was taken apart."""
    if parsed.field is _ADDR:
        return value
    if parsed.field in _PLACES:
        match = _ENDPOINT.fullmatch(value)
        return match["address"].strip("[]") if match else None
    return None


def prefix_of(alias: str) -> str:
    """Return the prefix of the variables that a link with this alias sets: ``my-db`` → ``MY_DB``.

    Only ``-`` is replaced; dots and spaces stay (engine lab).
    """
    return alias.upper().replace("-", "_")


def prefixes_of_links(
    name: str, aliases: Iterable[str], variables: Iterable[tuple[str, str]]
) -> frozenset[str]:
    """Return the prefixes of the variables that links of a container set, or have set.

    A link that the engine has no more is known by its ``<PREFIX>_NAME=/<container>/<alias>``:
    that repeats what the name of the variable and that of the container tell.

    Args:
        name: of the container.
        aliases: of its links.
        variables: its environment.
    """
    found = {prefix_of(alias) for alias in aliases}
    for variable, value in variables:
        prefix = variable.removesuffix("_NAME")
        before, _, alias = value.rpartition("/")
        if variable != prefix and before == f"/{name}" and prefix_of(alias) == prefix:
            found.add(prefix)
    return frozenset(found)


def is_link_shaped(name: str, value: str) -> bool:
    """Whether a variable's name and value both have the form of those that a link sets."""
    parsed = parse_link_variable(name)
    if parsed is None or len(value) > _LONGEST_VALUE:
        return False
    match parsed.field:
        case LinkField.ADDR:
            return value == "" or is_address(value)
        case LinkField.PROTO:
            return value in ("tcp", "udp", "sctp")
        case LinkField.PORT | LinkField.PORT_START | LinkField.PORT_END:
            # A number may be anything; only in a link's own variable is it surely a port.
            return "_ENV_" not in name and _NUMBER.fullmatch(value) is not None
        case LinkField.NAME:
            return "_ENV_" not in name and _LINK_PATH.fullmatch(value) is not None
        case _:
            match = _ENDPOINT.fullmatch(value)
            if match is None:
                return False
            address = match["address"].strip("[]")
            return address == "" or is_address(address)


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address; one with a zone may hold anything there."""
    # Most texts that are asked about are names.
    if "%" in text or (":" not in text and not text[-1:].isdigit()):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        return renamed(sys.modules[__name__], name)
