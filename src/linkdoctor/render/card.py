"""The link card of one container: what it is linked to, and what its process really got."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from linkdoctor.model.evidence import MissingEvidence, Unknown
from linkdoctor.model.snapshot import Container, Details, HostsLine
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.model.variables import Variable
from linkdoctor.render.layout import Style, TextStyle, text_of, width_of, wrapped

__all__ = [
    "Card",
    "CardList",
    "LinkCard",
    "PortsCard",
    "PublishedPort",
    "VariableCard",
    "card_of",
    "cards_of",
    "link_status",
    "render_cards",
]

T = TypeVar("T")

_LONGEST_VALUE = 200
_VALUE_NOT_KEPT = "(set; value not kept)"


class VariableCard(msgspec.Struct, frozen=True, kw_only=True):
    """A variable as the process has it and as the engine would set it now; None: not set."""

    name: str
    in_process: str | None
    today: str | None
    differs: bool


class LinkCard(msgspec.Struct, frozen=True, kw_only=True):
    """One link, seen from the card's container."""

    target: str
    alias: str
    kind: str
    network: str
    source: str
    status: str
    """`live`, or what is wrong in a few words."""
    addresses: tuple[str, ...]
    addresses_missing: str
    variables: tuple[VariableCard, ...]
    variables_missing: str
    """Why variables could not be compared; '' if they could."""


class PublishedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port of the host that leads to a port of the container."""

    host_address: str
    host_port: int
    port: str


class PortsCard(msgspec.Struct, frozen=True, kw_only=True):
    """What the container exposes, publishes and listens on."""

    exposed: tuple[str, ...]
    published: tuple[PublishedPort, ...]
    declared_missing: str
    listening: tuple[str, ...]
    listening_missing: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The link card of one container."""

    host: str
    container: str
    id: str
    image: str
    state: str
    state_missing: str
    links: tuple[LinkCard, ...]
    linked_from: tuple[LinkCard, ...]
    hosts_lines: tuple[HostsLine, ...]
    """The lines of the hosts file that concern the aliases."""
    hosts_missing: str
    ports: PortsCard


class CardList(msgspec.Struct, frozen=True, kw_only=True):
    """The cards of the containers that were asked for, one a host."""

    schema: str = "linkdoctor.card/1"
    cards: tuple[Card, ...]


# --- from the topology ------------------------------------------------------------------------


def cards_of(topology: Topology, name: str) -> CardList:
    """Return the cards of every container that has a name, on whichever host."""
    return CardList(
        cards=tuple(
            card_of(topology, on, each) for on, each in topology.containers() if each.name == name
        )
    )


def card_of(topology: Topology, host: str, container: Container) -> Card:
    """Gather what is known of a container's links."""
    details, no_details = _value_or_reason(lambda: topology.details(container))
    links = topology.links_of(host, container)
    lines, no_lines = _value_or_reason(lambda: topology.hosts_file(container))
    names = {name for link in links for name in (link.alias, link.source_name)}
    return Card(
        host=host,
        container=container.name,
        id=container.id,
        image=container.image,
        state=_state(details) if details else "",
        state_missing=no_details,
        links=tuple(_link_card(topology, link) for link in links),
        linked_from=tuple(
            _link_card(topology, link)
            for link in topology.links_to(host, container)
            if link.target is not container
        ),
        hosts_lines=tuple(line for line in lines or () if names.intersection(line.names)),
        hosts_missing=no_lines,
        ports=_ports(topology, container, details, no_details),
    )


def _value_or_reason(read: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return read(), ""
    except MissingEvidence as missing:
        return None, missing.unknown.detail or missing.unknown.gap.value


def _state(details: Details) -> str:
    words = [details.status.value]
    if details.health is not None:
        words.append(details.health.status)
    if details.status.value in ("exited", "dead"):
        words.append(f"exit code {details.exit_code}")
    if details.out_of_memory:
        words.append("out of memory")
    if details.error:
        words.append(details.error)
    return ", ".join(words)


def _link_card(topology: Topology, link: Link) -> LinkCard:
    source = topology.source_or_namesake(link)
    addresses, no_addresses = (
        _value_or_reason(lambda: topology.link_addresses(link, source)) if source else (None, "")
    )
    variables, no_variables = _variables(topology, link, source)
    return LinkCard(
        target=link.target.name,
        alias=link.alias,
        kind=link.kind.value,
        network=link.network,
        source=source.name if source else link.source_name,
        status=link_status(topology, link),
        addresses=addresses or (),
        addresses_missing=no_addresses,
        variables=variables,
        variables_missing=no_variables,
    )


def link_status(topology: Topology, link: Link) -> str:
    """Return `live`, or what is wrong with a link in a few words."""
    try:
        source = topology.source_of(link)
    except MissingEvidence as missing:
        return f"not known: {missing.unknown.detail}"
    if source is None:
        named = topology.container_named(link.host, link.source_name)
        if link.kind is LinkKind.NETWORK:
            return "no such container"
        return "ghost: another container has the name now" if named else "ghost: source is gone"
    if link.kind is LinkKind.NETWORK and topology.endpoint(source, link.network) is None:
        return f"source is not on network {link.network}"
    if isinstance(source.details, Unknown):
        return f"not known: {source.details.detail}"
    status = source.details.value.status.value
    return "live" if status == "running" else f"source {status}"


def _variables(
    topology: Topology, link: Link, source: Container | None
) -> tuple[tuple[VariableCard, ...], str]:
    if link.kind is LinkKind.NETWORK:
        return (), ""  # a link on a user-defined network sets none
    process, no_process = _value_or_reason(lambda: topology.variables_of(link))
    today, no_today = (
        _value_or_reason(lambda: topology.variables_today(link, source)) if source else ((), "")
    )
    missing = no_process or no_today
    return tuple(_compared(process or (), today or (), missing == "")), missing


def _compared(
    process: Iterable[Variable], today: Iterable[Variable], comparable: bool
) -> Iterator[VariableCard]:
    there = {each.name: _value(each) for each in process}
    wanted = {each.name: _value(each) for each in today}
    for name in sorted({*there, *wanted}):
        left, right = there.get(name), wanted.get(name)
        # A value that was not kept cannot be compared; that it is there can.
        kept = _VALUE_NOT_KEPT not in (left, right)
        differs = (left is None) != (right is None) or (kept and left != right)
        yield VariableCard(name=name, in_process=left, today=right, differs=comparable and differs)


def _value(variable: Variable) -> str:
    return _VALUE_NOT_KEPT if variable.value is None else variable.value


def _ports(
    topology: Topology, container: Container, details: Details | None, no_details: str
) -> PortsCard:
    listeners, no_listeners = _value_or_reason(lambda: topology.listeners(container))
    return PortsCard(
        exposed=tuple(map(str, details.exposed)) if details else (),
        published=tuple(
            PublishedPort(
                host_address=each.host_address, host_port=each.host_port, port=str(each.port)
            )
            for each in (details.published if details else ())
        ),
        declared_missing=no_details,
        listening=tuple(
            f"{_endpoint(each.address, each.port)}/{each.protocol}" for each in listeners or ()
        ),
        listening_missing=no_listeners,
    )


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# --- on paper ---------------------------------------------------------------------------------


def render_cards(cards: CardList, medium: TextStyle) -> str:
    """Lay out cards, with an empty line between them."""
    lines: list[str] = []
    for number, card in enumerate(cards.cards):
        lines += [""] if number else []
        lines += _card(card, medium)
    return text_of(lines)


def _card(card: Card, medium: TextStyle) -> Iterator[str]:
    state = card.state or f"state not known: {card.state_missing}"
    head = f"{medium.name(card.container)} on {medium.name(card.host)}: {medium.say(state)}"
    name = medium.name(card.container)
    for line in wrapped(head, medium.width, "", "  "):
        yield line.replace(name, medium.paint(name, Style.STRONG), 1)
    yield from medium.paragraph(f"image {card.image}, id {card.id[:12]}", indent="  ")
    if not card.links and not card.linked_from:
        yield "  no links from or to it" if not card.state_missing else "  links not known"
    for link in card.links:
        yield ""
        yield from _link(link, medium)
    if card.hosts_lines or card.hosts_missing:
        yield ""
        yield from _hosts(card, medium)
    if card.linked_from:
        yield ""
        yield "linked from"
        for link in card.linked_from:
            text = f"{link.target} as {link.alias} ({link.kind}): {link.status}"
            yield from medium.paragraph(text, indent="  ", hanging="    ")
    yield ""
    yield from _ports_lines(card.ports, medium)


def _link(link: LinkCard, medium: TextStyle) -> Iterator[str]:
    where = f" on {link.network}" if link.kind == LinkKind.NETWORK.value else ""
    addresses = " ".join(link.addresses)
    at = addresses or (
        f"address not known: {link.addresses_missing}" if link.addresses_missing else "no address"
    )
    live = link.status == "live"
    status = medium.say(link.status, _LONGEST_VALUE)
    text = f"{medium.name(link.alias)} → {medium.name(link.source)} ({link.kind} link{where}), "
    line = f"{medium.say(text)}{medium.say(at, _LONGEST_VALUE)}: {status}"
    lines = list(wrapped(line, medium.width, "", "  "))
    painted = medium.paint(status, Style.GOOD if live else Style.ERROR)
    if lines[-1].endswith(status):
        lines[-1] = lines[-1].removesuffix(status) + painted
    yield from lines
    if link.kind == LinkKind.NETWORK.value:
        return
    if link.variables_missing:
        text = f"variables not compared: {link.variables_missing}"
        yield from medium.paragraph(text, indent="  ", hanging="    ")
    elif not link.variables:
        yield from medium.paragraph("no variables, and none would be set today", indent="  ")
    yield from _variable_lines(link, medium)


def _variable_lines(link: LinkCard, medium: TextStyle) -> Iterator[str]:
    known = not link.variables_missing
    rows = [
        (
            medium.say(each.name, _LONGEST_VALUE),
            _cell(each.in_process, medium) if known or each.in_process is not None else "?",
            _cell(each.today, medium) if known or each.today is not None else "?",
            each.differs,
        )
        for each in link.variables
    ]
    if not rows:
        return
    titles = ("variable", "in the process", "would be set today")
    columns = list(zip(*(row[:3] for row in rows), strict=True))
    widths = [
        max(width_of(cell) for cell in (title, *column))
        for title, column in zip(titles, columns, strict=True)
    ]
    if 4 + sum(widths) + 4 > medium.width:
        yield from _stacked(rows, medium)
        return
    head = f"    {titles[0]:<{widths[0]}}  {titles[1]:<{widths[1]}}  {titles[2]}"
    yield medium.paint(head, Style.FAINT)
    for name, process, today, differs in rows:
        text = f"{_padded(name, widths[0])}  {_padded(process, widths[1])}  {today}"
        sign = medium.say("≠") if differs else ""
        line = f"  {sign:<2}{text}".rstrip()
        yield medium.paint(line, Style.ERROR) if differs else line


def _stacked(rows: Sequence[tuple[str, str, str, bool]], medium: TextStyle) -> Iterator[str]:
    for name, process, today, differs in rows:
        sign = medium.say("≠") if differs else ""
        first = list(wrapped(name, medium.width, f"  {sign:<2}", "    "))
        values = [process] if process == today else [f"process: {process}", f"today:   {today}"]
        lines = [*first, *(line for value in values for line in _deeper(value, medium))]
        for line in lines:
            yield medium.paint(line, Style.ERROR) if differs else line


def _deeper(text: str, medium: TextStyle) -> Iterator[str]:
    yield from wrapped(text, medium.width, "      ", "        ")


def _cell(value: str | None, medium: TextStyle) -> str:
    if value is None:
        return "(not set)"
    return medium.say(value, _LONGEST_VALUE) or "(empty)"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _hosts(card: Card, medium: TextStyle) -> Iterator[str]:
    if card.hosts_missing:
        text = f"hosts file not seen: {card.hosts_missing}"
        yield from medium.paragraph(text, hanging="  ")
        return
    yield "hosts file"
    for line in card.hosts_lines:
        text = f"{line.address}  {' '.join(line.names)}"
        yield from wrapped(medium.say(text), medium.width, "  ", "    ")


def _ports_lines(ports: PortsCard, medium: TextStyle) -> Iterator[str]:
    published = [
        f"{_endpoint(each.host_address, each.host_port)} → {each.port}" for each in ports.published
    ]
    yield "ports"
    for what, values, missing in (
        ("exposed", ports.exposed, ports.declared_missing),
        ("published", published, ports.declared_missing),
        ("listening", ports.listening, ports.listening_missing),
    ):
        shown = f"not seen: {missing}" if missing else ", ".join(values) or "none"
        yield from medium.paragraph(f"{what:<10} {shown}", indent="  ", hanging=" " * 13)
