"""The links that an engine prints, and the variables that each of them sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from linkdoctor.model.evidence import Unknown
from linkdoctor.model.links import StoredLink, environment_prefix
from linkdoctor.model.network_mode import (
    DEFAULT_BRIDGE,
    Host,
    Isolated,
    Own,
    Shared,
    parse_network_mode,
)
from linkdoctor.model.snapshot import Container, Details
from linkdoctor.model.swarm import is_swarm_task
from linkdoctor.model.variables import (
    LinkField,
    LinkVariable,
    Variable,
    address_in,
    parse_link_variable,
)

__all__ = ["Link", "LinkKind", "TracedVariable", "printed_links", "traced"]

_WITH_ADDRESS = (
    LinkField.ADDR,
    LinkField.URL,
    LinkField.DEFAULT,
    LinkField.START,
    LinkField.END,
)


class LinkKind(StrEnum):
    """Where a link works."""

    LEGACY = "legacy"
    """On the default bridge: variables, a hosts line, a start-up check."""
    NETWORK = "network"
    """On a user-defined network: a name that the embedded DNS answers to this target."""


class Link(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One link of one target, as the engine prints it."""

    host: str
    kind: LinkKind
    target: Container
    alias: str
    source_name: str
    network: str

    @cached_property
    def prefix(self) -> str:
        """Return the prefix of the variables that this link sets."""
        return environment_prefix(self.alias)

    @cached_property
    def kept(self) -> dict[str, tuple[object, Any]]:
        """Return what :meth:`Topology.once_of` keeps, each with the topology that it is true of."""
        return {}


class TracedVariable(msgspec.Struct, frozen=True, gc=False):
    """A variable of a link in the target's process that is to hold an address, taken apart."""

    variable: Variable
    parsed: LinkVariable
    address: str
    """'' if it holds none."""


def printed_links(host: str, target: Container) -> Iterator[Link]:
    """Yield the links of one target, as inspect tells them."""
    if isinstance(target.details, Unknown):
        return
    details = target.details.value
    if is_swarm_task(target):
        return  # a service has no links, and the mode of its tasks means nothing
    if details.stored_links and _has_legacy_links(details):
        for stored in details.stored_links:
            yield _link(host, LinkKind.LEGACY, target, stored, DEFAULT_BRIDGE)
    for endpoint in details.endpoints:
        if endpoint.network != DEFAULT_BRIDGE:
            for stored in endpoint.links:
                yield _link(host, LinkKind.NETWORK, target, stored, endpoint.network)


def _has_legacy_links(details: Details) -> bool:
    match parse_network_mode(details.network_mode):
        case Own() as own:
            return own.on_default_bridge
        case Isolated():
            # It may have been connected to the bridge since; its links work from its next start on
            # (engine lab).
            return any(each.network == DEFAULT_BRIDGE for each in details.endpoints)
        case Host() | Shared():
            return False


def _link(host: str, kind: LinkKind, target: Container, stored: StoredLink, network: str) -> Link:
    return Link(
        host=host,
        kind=kind,
        target=target,
        alias=stored.alias,
        source_name=stored.source,
        network=network,
    )


def traced(link: Link, variables: Iterable[Variable]) -> tuple[TracedVariable, ...]:
    """Return those of a link's variables that are to hold an address, taken apart."""
    prefix = link.prefix
    found = [
        TracedVariable(variable, parsed, address)
        for variable in variables
        if (parsed := parse_link_variable(variable.name)) is not None
        and parsed.field in _WITH_ADDRESS
        and parsed.prefix == prefix
        and variable.value is not None
        and (address := address_in(parsed, variable.value)) is not None
    ]
    return tuple(found)
