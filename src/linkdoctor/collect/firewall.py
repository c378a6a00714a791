"""The firewall rules that concern containers: listed, never touched.

A listing must change nothing: the program for the legacy tables would load their modules and
make the table, so it is run only where the kernel already has that table; the other one only
where nf_tables is in the kernel. Neither then makes a table (engine lab).
"""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from linkdoctor.model.evidence import Gap
from linkdoctor.model.snapshot import Firewall, FirewallRule
from linkdoctor.rulekit.firewall import chains_on_the_way

__all__ = [
    "Unlisted",
    "filters_bridges_here",
    "firewall_here",
    "output_of",
    "parse_filter_table",
    "program_here",
]

_NFT, _LEGACY = "iptables-nft", "iptables-legacy"

_SEARCHED = "/usr/sbin:/sbin:/usr/bin:/bin"
_ENVIRONMENT = {"PATH": _SEARCHED, "LC_ALL": "C"}
_LONGEST_WAIT = 2.0
_LARGEST_LISTING = 4 * 1024 * 1024
_MOST_RULES = 20_000

_JUMPS = ("-j", "--jump", "-g", "--goto")
_HARMLESS = ("tcp", "udp", "sctp", "dccp", "comment", "conntrack", "state")
"""Matches whose options are read, or say nothing."""
_CONTINUED = {"RELATED", "ESTABLISHED", "INVALID", "UNTRACKED"}
"""The states that no packet has which opens a connection."""


class Unlisted(Exception):
    """The rules could not be listed."""

    def __init__(self, gap: Gap, detail: str) -> None:
        super().__init__(detail)
        self.gap = gap


def firewall_here(bridges: Collection[str]) -> Firewall:
    """List what the firewall of the network namespace of this thread does with containers.

    Args:
        bridges: the interfaces of the engine's bridge networks.

    Raises:
        Unlisted: there is no program for it, it does not end, or it is not understood.
        OSError: a program cannot be started.
    """
    found = [
        Firewall(
            backend=backend, chains=chains, rules=rules, filters_bridges=filters_bridges_here()
        )
        for backend in _backends_here()
        for chains, rules in [parse_filter_table(_listed(backend), bridges)]
    ]
    in_use = [each for each in found if each.chains]
    if len(in_use) > 1:
        raise Unlisted(
            Gap.UNSUPPORTED,
            f"both {_NFT} and {_LEGACY} hold chains of an engine: which one is used is not clear",
        )
    nothing = Firewall(backend=_NFT, filters_bridges=filters_bridges_here())
    return (*in_use, *found, nothing)[0]


def _backends_here() -> Iterator[str]:
    if "filter" in _text("/proc/thread-self/net/ip_tables_names").split():
        yield _LEGACY
    if _kernel_has_nf_tables():
        yield _NFT


def _kernel_has_nf_tables() -> bool:
    modules = Path("/proc/modules")
    if not modules.exists() or re.search(r"^nf_tables ", _text(modules), re.MULTILINE):
        return True
    builtin = f"/lib/modules/{platform.release()}/modules.builtin"
    return "/nf_tables.ko" in _text(builtin)


def filters_bridges_here() -> bool:
    """Whether traffic within a bridge passes the firewall of this namespace."""
    return _text("/proc/sys/net/bridge/bridge-nf-call-iptables").strip() == "1"


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _listed(backend: str) -> str:
    program = program_here(f"{backend}-save") or _plain(backend)
    if program is None:
        raise Unlisted(Gap.UNSUPPORTED, f"no program {backend}-save was found to list the firewall")
    listing = output_of(program, "-t", "filter").decode("utf-8", "replace")
    if "is incompatible" in listing:
        raise Unlisted(Gap.UNSUPPORTED, f"{backend} does not understand the firewall's rules")
    return listing


def _plain(backend: str) -> str | None:
    """Return the program without a kind in its name, if it is of that kind."""
    teller, program = program_here("iptables"), program_here("iptables-save")
    if teller is None or program is None:
        return None
    kind = _NFT if b"(nf_tables)" in output_of(teller, "--version") else _LEGACY
    return program if kind == backend else None


def program_here(program: str) -> str | None:
    """Return the path of a program; None if there is none."""
    return shutil.which(program, path=_SEARCHED)


def output_of(*argv: str) -> bytes:
    """Run a program in this thread's namespaces; it may neither stay long nor say too much."""
    with subprocess.Popen(  # noqa: S603 - an absolute path, fixed words, no shell
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
    ) as process:
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(_LONGEST_WAIT, end)
        timer.start()
        try:
            output = process.stdout.read(_LARGEST_LISTING + 1) if process.stdout else b""
            if len(output) > _LARGEST_LISTING:
                process.kill()
            process.wait()
        finally:
            timer.cancel()
            timer.join()
    name = os.path.basename(argv[0])
    if late.is_set():
        raise Unlisted(Gap.TIMED_OUT, f"{name} did not end in time")
    if len(output) > _LARGEST_LISTING:
        raise Unlisted(Gap.CUT, f"{name} lists more rules than are read")
    if process.returncode != 0:
        reason = f"{name} failed (exit code {process.returncode}); it needs root, or CAP_NET_ADMIN"
        raise Unlisted(Gap.DENIED, reason)
    return output


def parse_filter_table(
    text: str, bridges: Collection[str]
) -> tuple[tuple[str, ...], tuple[FirewallRule, ...]]:
    """Read the filter table of ``iptables-save``: the engine's chains, and what concerns them.

    Kept are the rules of chains whose names begin with ``DOCKER``, those of FORWARD that jump
    there or name a bridge, and whatever else could accept, reject or drop traffic within a bridge
    on the way.
    A rule that only continues connections that are there already is left out.

    Raises:
        Unlisted: there are too many rules.
    """
    chains: set[str] = set()
    rules: list[FirewallRule] = []
    table = ""
    for line in text.split("\n"):
        if line.startswith("*"):
            table = line[1:].strip()
        elif table != "filter":
            continue
        elif line.startswith(":DOCKER"):
            chains.add(line[1:].split(" ")[0])
        elif line.startswith("-A ") and (rule := _rule(line)) is not None:
            rules.append(rule)
    if len(rules) > _MOST_RULES:
        raise Unlisted(Gap.CUT, "there are more firewall rules than are read")
    reached = chains_on_the_way(rules)
    kept = (each for each in rules if _is_of_interest(each, bridges, reached))
    return tuple(sorted(chains)), tuple(kept)


def _is_of_interest(rule: FirewallRule, bridges: Collection[str], reached: Collection[str]) -> bool:
    if rule.chain.startswith("DOCKER"):
        return True
    interfaces = (rule.in_interface, rule.out_interface)
    if rule.chain == "FORWARD" and (
        rule.verdict.startswith("DOCKER")
        or any(each.removeprefix("!") in bridges for each in interfaces)
    ):
        return True
    return (
        rule.verdict in ("ACCEPT", "REJECT", "DROP")
        and rule.chain in reached
        and all(_may_be_a_bridge(each, bridges) for each in interfaces)
    )


def _may_be_a_bridge(pattern: str, bridges: Collection[str]) -> bool:
    return not pattern or pattern.startswith("!") or pattern.endswith("+") or pattern in bridges


class _Reading(msgspec.Struct):
    """What the words of a rule have told so far."""

    source: str = ""
    destination: str = ""
    in_interface: str = ""
    out_interface: str = ""
    protocol: str = ""
    source_port: int | None = None
    destination_port: int | None = None
    conditional: bool = False
    verdict: str = ""
    reject_with: str = ""
    established: bool = False


def _rule(line: str) -> FirewallRule | None:
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    if len(words) < 2:
        return None
    reading = _Reading()
    rest = iter(words[2:])
    negated = False
    for word in rest:
        if word == "!":
            negated = True
            continue
        if word in _JUMPS:
            # What follows belongs to the verdict: --reject-with, --log-prefix …
            reading.verdict = next(rest, "")
            reading.reject_with = _reject_with(tuple(rest))
            break
        _read(reading, word, rest, negated)
        negated = False
    if reading.established:
        return None
    return FirewallRule(
        chain=words[1],
        verdict=reading.verdict,
        source=reading.source,
        destination=reading.destination,
        in_interface=reading.in_interface,
        out_interface=reading.out_interface,
        protocol=reading.protocol,
        source_port=reading.source_port,
        destination_port=reading.destination_port,
        conditional=reading.conditional,
        reject_with=reading.reject_with,
    )


def _reject_with(rest: tuple[str, ...]) -> str:
    return rest[1] if len(rest) > 1 and rest[0] == "--reject-with" else ""


_FIELDS = {
    **dict.fromkeys(("-s", "--source", "--src"), "source"),
    **dict.fromkeys(("-d", "--destination", "--dst"), "destination"),
    **dict.fromkeys(("-i", "--in-interface"), "in_interface"),
    **dict.fromkeys(("-o", "--out-interface"), "out_interface"),
    **dict.fromkeys(("-p", "--protocol"), "protocol"),
    **dict.fromkeys(("--sport", "--source-port"), "source_port"),
    **dict.fromkeys(("--dport", "--destination-port"), "destination_port"),
}


def _read(reading: _Reading, option: str, rest: Iterator[str], negated: bool) -> None:
    if option in _FIELDS:
        field, word = _FIELDS[option], next(rest, "")
        if field in ("in_interface", "out_interface"):
            setattr(reading, field, f"!{word}" if negated else word)
            return
        value: str | int | None = word
        if field in ("source", "destination"):
            value = _network(word)
        elif field in ("source_port", "destination_port"):
            value = int(word) if word.isascii() and word.isdecimal() else None
        if negated or value is None:
            reading.conditional = True
        else:
            setattr(reading, field, value)
    elif option in ("-m", "--match"):
        reading.conditional |= next(rest, "") not in _HARMLESS
    elif option in ("--ctstate", "--state"):
        states = set(next(rest, "").split(","))
        if negated:
            reading.established |= "NEW" in states
        elif states <= _CONTINUED:
            reading.established = True
        else:
            reading.conditional |= "NEW" not in states
    elif option == "--comment":
        next(rest, "")
    else:
        reading.conditional = True


def _network(text: str) -> str | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    single = network.prefixlen == network.max_prefixlen
    if network.prefixlen == 0:
        return ""
    return str(network.network_address) if single else str(network)
