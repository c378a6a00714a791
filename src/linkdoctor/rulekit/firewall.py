"""What an engine's firewall lets through between containers of one bridge."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from linkdoctor.model.links import Port
from linkdoctor.model.snapshot import Firewall, FirewallRule
from linkdoctor.model.variables import is_address
from linkdoctor.rulekit.reach import is_inside

__all__ = [
    "NFT_CHAIN",
    "NFT_TABLE",
    "Way",
    "chains_in_place",
    "chains_on_the_way",
    "is_blocked",
    "refusals_on",
    "ways_on",
    "words_of_rule",
]

NFT_TABLE = "docker-bridges"
"""The table in which an engine with nftables keeps its rules (29; recorded)."""
NFT_CHAIN = "filter-forward-in__"
"""Before the name of a bridge: the chain there that decides what reaches it."""
_CHAIN = "DOCKER"
"""The chain in which the engine keeps what it lets through (engine lab: 20.10 to 28.5); for
nftables it stands for the chains of the bridges."""
_ENTRANCE = "FORWARD"


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """From which address the engine's rules for links let through to which ports of another."""

    target: str
    source: str
    ports: tuple[Port, ...]
    rules: tuple[FirewallRule, ...]
    """The rules that make it up: two for each port, there and back, unless someone took one."""


def chains_in_place(firewall: Firewall) -> bool:
    """Whether traffic comes by the engine's chain at all: jumps lead to it."""
    return _CHAIN in firewall.chains and _CHAIN in chains_on_the_way(firewall.rules)


def chains_on_the_way(rules: Iterable[FirewallRule]) -> frozenset[str]:
    """Return the chains to which jumps lead from FORWARD, itself among them."""
    jumps: dict[str, set[str]] = {}
    for rule in rules:
        jumps.setdefault(rule.chain, set()).add(rule.verdict)
    reached, pending = {_ENTRANCE}, [_ENTRANCE]
    while pending:
        new = jumps.get(pending.pop(), set()) - reached
        reached |= new
        pending += new
    return frozenset(reached)


def ways_on(firewall: Firewall, bridge: str) -> tuple[Way, ...]:
    """Return the ways that the engine's rules for links open on a bridge.

    A rule for a published port lets in from outside the bridge, and is none of them; nor is a
    rule outside the engine's own chain.
    """
    found: dict[tuple[str, str], list[tuple[Port, FirewallRule]]] = {}
    for rule in firewall.rules:
        if _is_of_a_link(rule, bridge):
            there, back = rule.destination_port, rule.source_port
            if there is not None and back is None:
                opened = (rule.source, rule.destination), Port(there, rule.protocol)
            elif back is not None and there is None:
                opened = (rule.destination, rule.source), Port(back, rule.protocol)
            else:
                continue
            found.setdefault(opened[0], []).append((opened[1], rule))
    return tuple(
        Way(
            target=target,
            source=source,
            ports=tuple(sorted({port for port, _ in opened})),
            rules=tuple(rule for _, rule in opened),
        )
        for (target, source), opened in sorted(found.items(), key=lambda each: each[0])
    )


def _is_of_a_link(rule: FirewallRule, bridge: str) -> bool:
    return (
        rule.chain == _CHAIN
        and rule.verdict == "ACCEPT"
        and rule.in_interface == rule.out_interface == bridge
        and not rule.conditional
        and _is_one_address(rule.source)
        and _is_one_address(rule.destination)
    )


def _is_one_address(text: str) -> bool:
    return is_address(text)


def is_blocked(firewall: Firewall, bridge: str, *, target: str, source: str, port: Port) -> bool:
    """Whether a target certainly cannot open a connection to a source's port.

    The engine's own rule drops what stays within the bridge, and no rule of anyone could accept
    it before: one whose further conditions are not known counts as one that could.
    """
    if not firewall.filters_bridges or not chains_in_place(firewall):
        return False
    drops = any(
        rule.verdict == "DROP" and rule.in_interface == rule.out_interface == bridge
        for rule in firewall.rules
        if not rule.conditional and not rule.source and not rule.destination
    )
    return drops and not any(
        rule.verdict == "ACCEPT"
        and rule.protocol in ("", "all", port.protocol)
        and rule.destination_port in (None, port.number)
        and rule.source_port is None
        and _holds(rule.source, target)
        and _holds(rule.destination, source)
        and _is_through(rule.in_interface, bridge)
        and _is_through(rule.out_interface, bridge)
        for rule in firewall.rules
    )


_REFUSALS = ("REJECT", "DROP")


def refusals_on(
    firewall: Firewall, bridge: str, *, target: str, source: str, port: Port
) -> tuple[FirewallRule, ...]:
    """Return the rules that are not the engine's and may refuse a connection within a bridge.

    They match it, as far as their conditions are kept; whether an earlier rule accepts it first is
    not looked at.
    """
    if not firewall.filters_bridges:
        return ()
    return tuple(
        rule
        for rule in firewall.rules
        if rule.verdict in _REFUSALS
        and not _is_the_engines(rule, bridge)
        and rule.protocol in ("", "all", port.protocol)
        and rule.destination_port in (None, port.number)
        and rule.source_port is None
        and _holds(rule.source, target)
        and _holds(rule.destination, source)
        and _is_through(rule.in_interface, bridge)
        and _is_through(rule.out_interface, bridge)
    )


def _is_the_engines(rule: FirewallRule, bridge: str) -> bool:
    if rule.chain.startswith("DOCKER") and rule.chain != "DOCKER-USER":
        return True
    return rule.verdict == "DROP" and rule.in_interface == rule.out_interface == bridge


def words_of_rule(rule: FirewallRule) -> str:
    """Return a rule as ``iptables -S`` prints it, as far as it is kept."""
    words = ["-A", rule.chain]
    for option, value in (
        ("-s", rule.source),
        ("-d", rule.destination),
        ("-i", rule.in_interface),
        ("-o", rule.out_interface),
        ("-p", rule.protocol),
        ("--sport", rule.source_port),
        ("--dport", rule.destination_port),
    ):
        if value:
            text = str(value)
            words += ["!", option, text[1:]] if text.startswith("!") else [option, text]
    if rule.conditional:
        words.append("…")
    words += ["-j", rule.verdict]
    return " ".join((*words, "--reject-with", rule.reject_with) if rule.reject_with else words)


def _holds(network: str, address: str) -> bool:
    return not network or is_inside(address, (network,))


def _is_through(pattern: str, interface: str) -> bool:
    """Whether a rule's interface, as in ``eth0``, ``!eth0`` or ``eth+``, is this one."""
    name = pattern.removeprefix("!")
    same = interface.startswith(name[:-1]) if name.endswith("+") else name in ("", interface)
    return same != pattern.startswith("!")
