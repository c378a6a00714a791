"""Docker's own semantics of links, as pure functions.

Every form in which a link appears, the variables that an engine injects, the hosts line and
the firewall rules that it writes. Each function is tested against a real engine in the lab
(``tests/lab/test_link_semantics.py``), variable by variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from linkdoctor.model.variables import Variable, is_address, prefix_of

__all__ = [
    "FIRST_WITHOUT_VARIABLES",
    "HostsLine",
    "LinkRefusal",
    "LinkRule",
    "Port",
    "Refusal",
    "StoredLink",
    "engine_version",
    "environment_prefix",
    "firewall_rules",
    "hosts_line",
    "injected_variables",
    "parse_hosts",
    "parse_link_name",
    "parse_refusal",
    "parse_stored_link",
]

FIRST_WITHOUT_VARIABLES = (29,)
"""The first engine that sets no link variables any more (recorded from a 29-series engine)."""

_C_SPACE = " \t\v\f\r"
_WHITE_SPACE = re.compile(f"[{_C_SPACE}]+")

_FIRST_TCP_FIRST = (28,)
"""The first engine that puts all TCP ports before the others, and keeps runs to one protocol."""


class Port(msgspec.Struct, frozen=True, gc=False, order=True):
    """A port of a container: its number and its protocol."""

    number: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        """Return Docker's notation: ``5000/tcp``."""
        return f"{self.number}/{self.protocol}"

    @classmethod
    def parse(cls, text: str) -> Port:
        """Read Docker's notation, ``5000/tcp`` or ``5000``.

        Raises:
            ValueError: if the text is no port.
        """
        number, _, protocol = text.partition("/")
        port = cls(int(number), (protocol or "tcp").lower())
        if not 0 < port.number < 65536:
            raise ValueError(f"no port: {text!r}")
        return port


class StoredLink(msgspec.Struct, frozen=True, gc=False, order=True):
    """A link as it is written down: the source it names and the alias it gives it."""

    source: str
    alias: str


class HostsLine(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One line of a hosts file: an address and its names, the first of them leading."""

    address: str
    names: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class LinkRule(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One ACCEPT rule that the engine adds for a link where ``icc=false``."""

    source: str
    destination: str
    protocol: str
    source_port: int | None = None
    destination_port: int | None = None


def parse_stored_link(text: str) -> StoredLink:
    """Read a link in any of the forms in which the engine or a person writes it.

    ``app:helloapp`` (command line, Compose, networks), ``app`` (the alias is the name) and
    ``/app:/web/helloapp`` (``HostConfig.Links`` in inspect).

    Raises:
        ValueError: if the text names no source or no alias.
    """
    source, colon, rest = text.partition(":")
    source = source.removeprefix("/")
    # An alias may be given with slashes: what stands behind the last is written to the hosts file
    # and made into variables (engine lab).
    alias = rest.rpartition("/")[2]
    alias = alias if colon else source.rpartition("/")[2]
    if not source or not alias:
        raise ValueError(f"no link: {text[:80]!r}")
    return StoredLink(source, alias)


def parse_link_name(name: str) -> tuple[str, str] | None:
    """Read ``web/helloapp``, an entry of the list's ``Names``: (target, alias), else None."""
    target, slash, path = name.removeprefix("/").partition("/")
    alias = path.rpartition("/")[2]
    return (target, alias) if slash and target and alias else None


def environment_prefix(alias: str) -> str:
    """Return the prefix of the variables that a link sets: of ``my-db`` it is ``MY_DB``."""
    return prefix_of(alias)


def engine_version(text: str) -> tuple[int, ...]:
    """Read the leading numbers of an engine's version: ``28.5.2+dfsg`` → ``(28, 5, 2)``."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def injected_variables(
    *,
    version: tuple[int, ...],
    target: str,
    alias: str,
    address: str,
    exposed: Iterable[Port],
    source_environment: Iterable[str] = (),
    keeps_variables: bool = False,
) -> tuple[Variable, ...]:
    """Return the variables that an engine sets in a target for one legacy link, sorted by name.

    Args:
        version: of the engine, which decides the order of ports and, from 29 on, that no
            variable is set at all.
        target: the target's name at its start.
        alias: the link's alias.
        address: the source's address on the default bridge; '' if it has none.
        exposed: the ports that the source exposes.
        source_environment: the names of the source's own variables (``Config.Env``).
        keeps_variables: the engine (29) runs with its escape variable set.
    """
    if version >= FIRST_WITHOUT_VARIABLES and not keeps_variables:
        return ()
    prefix = environment_prefix(alias)
    ports = _in_engine_order(exposed, version)
    values = {f"{prefix}_NAME": f"/{target}/{alias}"}
    if ports:
        values[f"{prefix}_PORT"] = f"{ports[0].protocol}://{address}:{ports[0].number}"
    values |= _range_variables(prefix, address, _runs(ports, version))
    for port in ports:
        name = f"{prefix}_PORT_{port.number}_{port.protocol.upper()}"
        values[name] = f"{port.protocol}://{address}:{port.number}"
        values[f"{name}_ADDR"] = address
        values[f"{name}_PORT"] = str(port.number)
        values[f"{name}_PROTO"] = port.protocol
    variables = [Variable(name=name, value=value) for name, value in values.items()]
    variables += [
        Variable(name=f"{prefix}_ENV_{name}")
        for name in source_environment
        if name not in ("HOME", "PATH")
    ]
    return tuple(sorted(set(variables)))


def _in_engine_order(ports: Iterable[Port], version: tuple[int, ...]) -> tuple[Port, ...]:
    if version >= _FIRST_TCP_FIRST:
        return tuple(sorted(ports, key=lambda port: (port.protocol != "tcp", port)))
    return tuple(sorted(ports, key=lambda port: (port.number, port.protocol != "tcp", port)))


def _range_variables(
    prefix: str, address: str, runs: Iterable[tuple[Port, Port]]
) -> dict[str, str]:
    values: dict[str, str] = {}
    for first, end in runs:
        start_name = f"{prefix}_PORT_{first.number}_{first.protocol.upper()}"
        end_name = f"{prefix}_PORT_{first.number}_{end.protocol.upper()}"
        values[f"{start_name}_START"] = f"{first.protocol}://{address}:{first.number}"
        values[f"{start_name}_ADDR"] = address
        values[f"{start_name}_PROTO"] = first.protocol
        values[f"{start_name}_PORT_START"] = str(first.number)
        values[f"{end_name}_END"] = f"{end.protocol}://{address}:{end.number}"
        values[f"{end_name}_PORT_END"] = str(end.number)
    return values


def _runs(ports: Sequence[Port], version: tuple[int, ...]) -> Iterator[tuple[Port, Port]]:
    """Find the runs of ports that the engine takes for ranges: their first and last ports.

    Since 28 a run is of one protocol, and two ports are enough; before, three were needed.
    """
    since_28 = version >= _FIRST_TCP_FIRST
    end_of_run, shortest = (_end_of_run, 1) if since_28 else (_end_of_run_before_28, 2)
    index = 0
    while index < len(ports):
        last = end_of_run(ports, index)
        if last - index < shortest:
            index += 1
            continue
        yield ports[index], ports[last]
        index = last + 1


def _end_of_run(ports: Sequence[Port], index: int) -> int:
    last = index
    while last + 1 < len(ports) and ports[last + 1] == Port(
        ports[last].number + 1, ports[index].protocol
    ):
        last += 1
    return last


def _end_of_run_before_28(ports: Sequence[Port], index: int) -> int:
    """Find the end of a run as engines before 28 count it.

    They raise their expectation by one per port whether or not the number rose, so that 53/tcp
    and 53/udp together let a later gap of one pass.
    """
    expected = ports[index].number
    for following in range(index + 1, len(ports)):
        if ports[following].number > expected + 1:
            return following - 1
        expected += 1
    return len(ports) - 1


def hosts_line(*, alias: str, address: str, hostname: str, source: str) -> HostsLine:
    """Return the line that the engine writes into a target's hosts file for a legacy link.

    The source's *hostname* stands second; by default it is the short id. The source's name
    follows unless it is the alias itself.
    """
    names = (alias, hostname) if alias == source else (alias, hostname, source)
    return HostsLine(address=address, names=names)


def parse_hosts(text: str) -> tuple[HostsLine, ...]:
    """Read a hosts file as resolvers do: what they skip is left out.

    They know no other white space than C does (a no-break space is part of a name), and read no
    address that is written loosely: ``127.1`` or ``010.0.0.1`` (engine lab).
    """
    lines = (
        _WHITE_SPACE.split(line.partition("#")[0].strip(_C_SPACE)) for line in text.split("\n")
    )
    return tuple(
        HostsLine(address=fields[0], names=tuple(fields[1:]))
        for fields in lines
        if len(fields) > 1 and is_address(fields[0])
    )


def firewall_rules(
    *, target_address: str, source_address: str, exposed: Iterable[Port]
) -> tuple[LinkRule, ...]:
    """Return the pairs of ACCEPT rules for a legacy link on a bridge with ``icc=false``."""
    return tuple(
        rule
        for port in sorted(exposed)
        for rule in (
            LinkRule(
                source=target_address,
                destination=source_address,
                protocol=port.protocol,
                destination_port=port.number,
            ),
            LinkRule(
                source=source_address,
                destination=target_address,
                protocol=port.protocol,
                source_port=port.number,
            ),
        )
    )


class Refusal(StrEnum):
    """Why an engine refused to start a container because of a link."""

    NOT_RUNNING = "the source was not running"
    NOT_ON_BRIDGE = "the source is not on the default bridge"
    MISSING = "the source did not exist"
    HOST_NETWORK = "links cannot be used with host networking"
    RULE_EXISTS = "its firewall still has the rule of a former link between the same addresses"


class LinkRefusal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A link error of ``State.Error``, understood."""

    refusal: Refusal
    source: str | None = None
    """The source's name, or its id where the engine prints that."""
    alias: str | None = None


_REFUSALS = (
    (
        # 20.10 to 29: the source is down, or the link's object was removed.
        re.compile(
            r"Cannot link to a non running container: /(?P<source>\S+) AS /\S+?/(?P<alias>.+)"
        ),
        Refusal.NOT_RUNNING,
    ),
    (
        # 20.10, 26.1
        re.compile(
            r"Cannot link to /(?P<source>\S+), as it does not belong to the default network"
        ),
        Refusal.NOT_ON_BRIDGE,
    ),
    (
        # 28.5
        re.compile(r"container (?P<source>\S+) not attached to default bridge network"),
        Refusal.NOT_ON_BRIDGE,
    ),
    (
        re.compile(r"could not get container for (?P<source>\S+): No such container"),
        Refusal.MISSING,
    ),
    (
        re.compile(r"conflicting options: host type networking can't be used with links"),
        Refusal.HOST_NETWORK,
    ),
    (
        # 29 with nftables: what is left of removed containers that had the same addresses.
        re.compile(r"adding rules? for bridge .*ip saddr .*rule exists", re.DOTALL),
        Refusal.RULE_EXISTS,
    ),
)


def parse_refusal(error: str) -> LinkRefusal | None:
    """Understand ``State.Error`` if it speaks of a link, in the words of any known engine."""
    for pattern, refusal in _REFUSALS:
        if match := pattern.search(error[:4096]):
            groups = match.groupdict()
            return LinkRefusal(
                refusal=refusal, source=groups.get("source"), alias=groups.get("alias")
            )
    return None
