"""The rules that an engine keeps with nftables itself: listed, never touched.

They stand in a table of the engine's own, whose form is "not a stable interface": what is not
understood makes the whole table Unknown. An accept in another table does not make up for a drop in
this one, so no other is read. What is understood is told in the words of iptables: the chain
``filter-forward-in__<bridge>``, which decides what reaches a bridge, is called ``DOCKER``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from linkdoctor.collect.firewall import (
    Unlisted,
    filters_bridges_here,
    output_of,
    program_here,
)
from linkdoctor.model.evidence import Gap
from linkdoctor.model.snapshot import Firewall, FirewallRule
from linkdoctor.rulekit.firewall import NFT_CHAIN, NFT_TABLE

__all__ = ["nftables_here", "parse_bridges_table"]

_Json: TypeAlias = Mapping[str, Any]

_ENTRANCE, _CHAIN = "FORWARD", "DOCKER"
_MOST_RULES = 20_000
_VERDICTS = {"accept": "ACCEPT", "drop": "DROP", "return": "RETURN", "reject": "REJECT"}
_SILENT = ("counter", "log", "comment")
"""Statements that decide nothing."""
_CONTINUED = {"established", "related", "invalid", "untracked"}
_PROTOCOLS = ("tcp", "udp", "sctp")


def nftables_here() -> Firewall:
    """List what the engine's table in the network namespace of this thread does with containers.

    Raises:
        Unlisted: there is no program for it, it does not end, or it is not understood.
        OSError: a program cannot be started.
    """
    program = program_here("nft")
    if program is None:
        raise Unlisted(Gap.UNSUPPORTED, "no program nft was found to list the firewall")
    chains: tuple[str, ...] = ()
    rules: tuple[FirewallRule, ...] = ()
    # A table that is not there is no error of the program's: it was taken away.
    if NFT_TABLE in _tables(output_of(program, "-j", "list", "tables", "ip")):
        listing = output_of(program, "-j", "list", "table", "ip", NFT_TABLE)
        chains, rules = parse_bridges_table(listing)
    return Firewall(
        backend="nftables", chains=chains, rules=rules, filters_bridges=filters_bridges_here()
    )


def _tables(listing: bytes) -> set[str]:
    return {str(each["table"].get("name")) for each in _items(listing) if _is_of(each, "table")}


def _items(listing: bytes) -> list[_Json]:
    try:
        items = msgspec.json.decode(listing, type=dict[str, list[dict[str, Any]]])["nftables"]
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError, RecursionError):
        raise _not_understood("the answer of nft") from None
    if len(items) > _MOST_RULES:
        raise Unlisted(Gap.UNSUPPORTED, "there are more firewall rules than are read")
    return list(items)


def _is_of(item: _Json, kind: str) -> bool:
    return isinstance(item.get(kind), dict)


def _not_understood(what: str) -> Unlisted:
    return Unlisted(
        Gap.UNSUPPORTED, f"{what} has a form that this version of linkdoctor does not understand"
    )


def parse_bridges_table(
    listing: bytes,
) -> tuple[tuple[str, ...], tuple[FirewallRule, ...]]:
    """Read ``nft -j list table ip docker-bridges``: the chains, and what decides about containers.

    A rule that only continues connections that are there already is left out.

    Raises:
        Unlisted: it is not understood, or there are too many rules.
    """
    items = _items(listing)
    chains = {str(each["chain"].get("name")): each["chain"] for each in items if "chain" in each}
    if not chains:
        return (), ()
    entrances = [name for name, chain in chains.items() if chain.get("hook") == "forward"]
    if not entrances:
        raise _not_understood(f"the table {NFT_TABLE}")
    maps = {str(each["map"].get("name")): each["map"] for each in items if "map" in each}
    rules: list[FirewallRule] = []
    try:
        for rule in (each["rule"] for each in items if _is_of(each, "rule")):
            chain = str(rule.get("chain"))
            if chain in entrances:
                rules += _entering(rule, maps, chains)
            elif chain.startswith(NFT_CHAIN):
                rules += _deciding(rule, chain.removeprefix(NFT_CHAIN))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise _not_understood(f"a rule of the table {NFT_TABLE}") from None
    own = (_CHAIN,) if any(name.startswith(NFT_CHAIN) for name in chains) else ()
    return own, tuple(rules)


def _entering(
    rule: _Json, maps: Mapping[str, _Json], chains: Mapping[str, Any]
) -> Iterator[FirewallRule]:
    """Read a rule of the chain that all forwarded packets enter: by interface they go on."""
    expressions = rule["expr"]
    lookups = [each["vmap"] for each in expressions if "vmap" in each]
    if not lookups:
        yield from _plain(rule, _ENTRANCE, "")
        return
    if any(kind not in ("vmap", *_SILENT) for each in expressions for kind in each):
        raise _not_understood(f"the chain {rule['chain']}")
    (lookup,) = lookups
    key = lookup["key"]["meta"]["key"]
    if key == "iifname":
        return  # after what decides about the way to a bridge, which is always the last word
    if key != "oifname":
        raise _not_understood(f"the chain {rule['chain']}")
    data = lookup["data"]
    elements = (
        maps[data.removeprefix("@")].get("elem", []) if isinstance(data, str) else data["set"]
    )
    for interface, verdict in elements:
        target = verdict["jump"]["target"]
        if target != f"{NFT_CHAIN}{interface}":
            raise _not_understood(f"the way to the chain {target}")
        if target in chains:
            yield FirewallRule(chain=_ENTRANCE, verdict=_CHAIN, out_interface=interface)


def _deciding(rule: _Json, bridge: str) -> Iterator[FirewallRule]:
    """Read a rule of the chain that decides what reaches a bridge."""
    for each in _plain(rule, _CHAIN, bridge):
        # Both ends are the bridge's own: such a packet comes in by it, too.
        within = (
            not each.in_interface and _is_address(each.source) and _is_address(each.destination)
        )
        yield msgspec.structs.replace(each, in_interface=bridge) if within else each


def _is_address(text: str) -> bool:
    return bool(text) and "/" not in text


class _Reading(msgspec.Struct):
    """What the expressions of a rule have told so far."""

    fields: dict[str, Any]
    conditional: bool = False
    continued: bool = False


def _plain(rule: _Json, chain: str, bridge: str) -> Iterator[FirewallRule]:
    reading = _Reading(fields={"out_interface": bridge})
    verdict = ""
    for expression in rule["expr"]:
        ((kind, content),) = expression.items()
        if kind == "match":
            _match(reading, content)
        elif kind in _VERDICTS:
            verdict = _VERDICTS[kind]
        elif kind == "limit":
            reading.conditional = True
        elif kind not in _SILENT:
            raise _not_understood(f"a rule of the chain {rule['chain']}")
    if reading.continued or not verdict:
        return
    yield FirewallRule(
        chain=chain,
        verdict=verdict,
        conditional=reading.conditional,
        handle=int(rule["handle"]),
        **reading.fields,
    )


def _match(reading: _Reading, match: _Json) -> None:
    """Take what a match tells; what is not understood is a condition that may or may not hold."""
    kind, of = _left(match["left"])
    operator, right = match["op"], match["right"]
    if kind == "ct" and of.get("key") == "state":
        states = set(right) if isinstance(right, list) else {right}
        if operator in ("==", "in") and states <= _CONTINUED:
            reading.continued = True
        else:
            reading.conditional |= operator not in ("==", "in") or "new" not in states
    elif kind == "meta" and of.get("key") in ("iifname", "oifname") and isinstance(right, str):
        field = "in_interface" if of["key"] == "iifname" else "out_interface"
        name = f"{right[:-1]}+" if right.endswith("*") else right
        reading.fields[field] = f"!{name}" if operator == "!=" else name
    elif operator == "==" and kind == "meta" and of.get("key") == "l4proto" and right in _PROTOCOLS:
        reading.fields["protocol"] = right
    elif operator == "==" and kind == "payload":
        _payload(reading, of, right)
    else:
        reading.conditional = True


def _left(left: Any) -> tuple[str, _Json]:
    """Return what a match looks at, and of what; nothing where that is not understood."""
    if isinstance(left, dict) and len(left) == 1:
        ((kind, of),) = left.items()
        if isinstance(of, dict):
            return str(kind), of
    return "", {}


def _payload(reading: _Reading, of: _Json, right: object) -> None:
    protocol, field = of.get("protocol"), of.get("field")
    if protocol == "ip" and field in ("saddr", "daddr"):
        network = _network(right)
        if network is not None:
            reading.fields["source" if field == "saddr" else "destination"] = network
            return
    elif protocol in _PROTOCOLS and field in ("sport", "dport"):
        reading.fields["protocol"] = protocol
        if isinstance(right, int) and not isinstance(right, bool):
            reading.fields["source_port" if field == "sport" else "destination_port"] = right
            return
    reading.conditional = True


def _network(right: object) -> str | None:
    text = right
    if isinstance(right, dict) and isinstance(right.get("prefix"), dict):
        prefix = right["prefix"]
        text = f"{prefix.get('addr')}/{prefix.get('len')}"
    try:
        network = ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return None
    if network.prefixlen == 0:
        return ""
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)
