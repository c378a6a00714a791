"""The names of an engine's containers, and nothing else: for shells that complete them."""

from __future__ import annotations

from linkdoctor.collect.answers import ListAnswer
from linkdoctor.collect.engine import EngineClient
from linkdoctor.model.links import parse_link_name

__all__ = ["names_of"]


def names_of(client: EngineClient) -> tuple[str, ...]:
    """Ask for the list of containers; their aliases in others are no names. Raises EngineError."""
    listed = client.get("/containers/json", list[ListAnswer], all="1")
    names = (name for each in listed for name in each.Names or ())
    return tuple(sorted(name.removeprefix("/") for name in names if parse_link_name(name) is None))
