"""Everything that a snapshot file holds, and why it may be there: for those who pass files on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import msgspec

from linkdoctor.model.snapshot import Label, Snapshot
from linkdoctor.model.variables import (
    LinkField,
    Variable,
    is_link_shaped,
    parse_link_variable,
)
from linkdoctor.privacy.fields import Kind, Leaf, leaves

__all__ = ["AGAINST", "SCHEMA", "FieldGroup", "Held", "Inventory", "inventory", "unknown_in"]

SCHEMA = "linkdoctor.contents/1"

AGAINST = "unexpected: it is not in the form of a link's"
"""Why a value may stay that linkdoctor would not have written."""
_UNKNOWN = "unknown to this version of linkdoctor"
_WHY: Mapping[Kind, str] = {
    Kind.CONTAINER: "of containers, of links' sources, and of `target/alias` as the engine lists",
    Kind.ALIAS: "links and networks give them",
    Kind.HOST: "the engine's host",
    Kind.HOSTNAME: "inspect tells them",
    Kind.HOSTS_NAME: "every line of the containers' hosts files is kept",
    Kind.PEER: "host names and addresses only; the settings' values that hold them are not kept",
    Kind.DOMAIN: "the containers' resolv.conf has them, or their resolvers were asked for them",
    Kind.NETWORK: "the engine lists them",
    Kind.MODE: "inspect tells them",
    Kind.INTERFACE: "of the host: bridges, routes and firewall rules name them",
    Kind.CHAIN: "of the firewall rules that concern containers",
    Kind.PROCESS: "of those that listen at a port",
    Kind.IMAGE: "as the engine lists them",
    Kind.VARIABLE: "the names only, unless a value is listed below",
    Kind.VALUE: "each has both the name and the form of a link's; no other value is kept",
    Kind.LABEL: "linkdoctor's own, and five of Compose; no other label is kept",
    Kind.LABEL_VALUE: "of those labels",
    Kind.ADDRESS: "of containers, hosts, sockets, hosts files and resolvers",
    Kind.SUBNET: "of networks, routes and firewall rules",
    Kind.ID: "the engine gives them",
    Kind.ENDPOINT: "never holds credentials",
    Kind.PLACE: "the files, requests and settings",
    Kind.REASON: "in linkdoctor's own words, or the engine's",
    Kind.MESSAGE: "State.Error, in the engine's words",
    Kind.TIME: "of the snapshot, starts, ends, events and the last complaints",
    Kind.VERSION: "of the engine and of linkdoctor",
    Kind.WORD: "states, drivers, protocols and the like",
    Kind.PORT: "exposed, published, listened at or dialled",
    Kind.OPTION: "how containers were made: no value of a variable or label, no argument",
    Kind.NUMBER: "process ids, exit codes, counts and settings, by field",
}

_ALLOWED: Mapping[LinkField, str] = {
    LinkField.NAME: "/target/alias",
    LinkField.ADDR: "an address",
    LinkField.PROTO: "a protocol",
    LinkField.PORT: "a port",
    LinkField.PORT_START: "a port",
    LinkField.PORT_END: "a port",
}


class Held(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One value that a file holds."""

    value: str
    of: str = ""
    """The variable or label whose value it is, or the field that holds a number."""
    why: str = ""
    """Why a value of a variable was allowed to stay."""
    count: int
    """How often it stands in the file."""


class FieldGroup(msgspec.Struct, frozen=True, kw_only=True):
    """All values of one kind."""

    kind: str
    why: str
    count: int
    """How many there are, each as often as it stands in the file."""
    values: tuple[Held, ...]
    """The distinct ones, sorted."""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a snapshot file holds."""

    schema: str = SCHEMA
    host: str
    taken_at: str
    renamed: bool
    """Names and addresses are pseudonyms."""
    groups: tuple[FieldGroup, ...]


def inventory(snapshot: Snapshot, unknown: Iterable[tuple[str, str]] = ()) -> Inventory:
    """List what a snapshot holds, kind by kind.

    Args:
        snapshot: as it was read.
        unknown: the places and values that its file holds besides.
    """
    of_kind: dict[Kind, Counter[tuple[str, str, str]]] = {}
    for leaf in leaves(snapshot):
        of_kind.setdefault(leaf.kind, Counter())[_told(leaf)] += 1
    groups = [_group(kind, _WHY[kind], of_kind[kind]) for kind in Kind if kind in of_kind]
    further = Counter((value, place, "") for place, value in unknown)
    if further:
        groups.append(_group(_UNKNOWN, "it takes no notice of them", further))
    return Inventory(
        host=snapshot.host,
        taken_at=snapshot.taken_at,
        renamed=snapshot.renamed,
        groups=tuple(groups),
    )


def _group(kind: str, why: str, counts: Counter[tuple[str, str, str]]) -> FieldGroup:
    values = (
        Held(value=value, of=of, why=reason, count=count)
        for (value, of, reason), count in counts.items()
    )
    return FieldGroup(
        kind=str(kind), why=why, count=counts.total(), values=tuple(sorted(values, key=_order))
    )


def _order(held: Held) -> tuple[str, str]:
    return held.of, held.value


def _told(leaf: Leaf) -> tuple[str, str, str]:
    """Return a value as text, whose value it is, and why it was allowed."""
    text = _text(leaf.value)
    if leaf.kind is Kind.VALUE and isinstance(leaf.owner, Variable):
        return text, leaf.owner.name, _reason(leaf.owner)
    if leaf.kind is Kind.LABEL_VALUE and isinstance(leaf.owner, Label):
        return text, leaf.owner.name, ""
    return text, leaf.path if leaf.kind is Kind.NUMBER else "", ""


def _text(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        value
        if isinstance(value, str)
        else f"{value:g}"
        if isinstance(value, float)
        else f"{value}"
    )


def _reason(variable: Variable) -> str:
    parsed = parse_link_variable(variable.name)
    if parsed is None or not is_link_shaped(variable.name, variable.value or ""):
        return AGAINST
    return _ALLOWED.get(parsed.field, "protocol, address and port")


def unknown_in(plain: object, known: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield what JSON that was read holds beyond what it was taken for: places and values."""
    if isinstance(plain, Mapping):
        fields = cast("Mapping[str, object]", plain)
        taken = cast("Mapping[str, object]", known) if isinstance(known, Mapping) else {}
        for name, value in fields.items():
            where = f"{place}.{name}".lstrip(".")
            if name not in taken:
                yield where, "(a field)"
            yield from unknown_in(value, taken.get(name), where)
    elif isinstance(plain, list):
        items = cast("list[object]", plain)
        others = cast("list[object]", known) if isinstance(known, list) else []
        for number, value in enumerate(items):
            yield from unknown_in(value, others[number] if number < len(others) else None, place)
    elif known is None and plain is not None:
        yield place, str(plain)
