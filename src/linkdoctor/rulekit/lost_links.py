"""Links on a user-defined network that were asked for and hang on no endpoint of the target.

They hang on the endpoint: who disconnects a container and connects it again without them has lost
them, while the string on the engine's disk stays (engine lab).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from linkdoctor.model.links import StoredLink
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import DEFAULT_BRIDGE, Topology
from linkdoctor.rulekit.fixes import compose_service

__all__ = ["LostLink", "lost_links"]


class LostLink(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A link of the engine's disk that the engine does not have, and whose alias is missed."""

    link: StoredLink
    source: Container | None
    """The container that it asks for, if there is one."""
    others: tuple[Container, ...]
    """Who answers to the alias in the source's place."""


def lost_links(
    host: str, target: Container, network: str, topology: Topology
) -> Iterator[LostLink]:
    """Yield the links of a container that was made on a user-defined network, sorted by alias.

    An alias that something else gives the target by now is not missed; nor is one that Compose
    added to another alias, as ``db-1`` and ``shop-db-1`` to ``db``.

    Raises:
        MissingEvidence: the stored links could not be read.
    """
    live = {link.alias for link in topology.links_of(host, target)}
    stored = {link.alias: link for link in reversed(topology.stored_links(target))}
    for alias, link in sorted(stored.items()):
        if alias in live:
            continue
        there = topology.answering(host, network, link.source)
        source = next(iter(there), topology.resolve_reference(host, link.source))
        others = _answering(host, target, alias, topology)
        astray = bool(others) and source is not None and source not in others
        given = (
            bool(topology.hosts_lines_with(target, alias))
            if astray
            else topology.is_provided(host, target, alias)
        )
        if not given and not _is_automatic(alias, target, source):
            yield LostLink(link=link, source=source, others=others)


def _answering(
    host: str, target: Container, name: str, topology: Topology
) -> tuple[Container, ...]:
    """Return who answers to a name in the target's embedded DNS: the first network with any."""
    for endpoint in topology.details(target).endpoints:
        if endpoint.network == DEFAULT_BRIDGE:
            continue
        found = topology.answering(host, endpoint.network, name)
        if found:
            return found
    return ()


def _is_automatic(alias: str, target: Container, source: Container | None) -> bool:
    owner = compose_service(source) if source is not None else None
    if owner is None or compose_service(target) is None:
        return False
    project, service = owner
    for name in (service, f"{project}-{service}", f"{project}_{service}"):
        number = alias.removeprefix(name)[1:]
        if alias.startswith((f"{name}-", f"{name}_")) and number.isdecimal():
            return True
    return False
