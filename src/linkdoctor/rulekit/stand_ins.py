"""Which container was perhaps started in the place of one that the engine refused to start."""

from __future__ import annotations

import re
from collections.abc import Iterable

from linkdoctor.model.snapshot import Container, Status
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.fixes import KEPT, compose_service
from linkdoctor.rulekit.restarts import time_of

__all__ = ["guessed", "is_kept", "stand_in_for"]

_ASIDE = re.compile(rf"({re.escape(KEPT)}|-linkdoctor-(old|undone))(-[0-9]+)?$")
"""What follows the name in that of a container that was put aside."""


def stand_in_for(
    refused: Container, candidates: Iterable[Container], topology: Topology
) -> Container | None:
    """Return a running container of the same image that was made after the refused one, or None.

    Nobody can tell whether it was meant in its place. Certainly it was not if the refused one had
    run before, if the other was there already (a replica), or if Compose made the refused one:
    it repeats an attempt under the same name.

    Args:
        refused: a container whose start the engine refused.
        candidates: those that serve the same purpose.
        topology: where they are.
    """
    details = topology.details(refused)
    made = time_of(details.created_at)
    if details.status is not Status.CREATED or made is None or compose_service(refused):
        return None
    for other in candidates:
        if other.id == refused.id or other.image != refused.image:
            continue
        later = time_of(topology.details(other).created_at)
        if later is not None and later > made and topology.is_running(other):
            return other
    return None


def is_kept(host: str, container: Container, topology: Topology) -> bool:
    """Whether it is the predecessor that a recreation keeps beside its successor, by name."""
    aside = _ASIDE.search(container.name)
    successor = topology.container_named(host, container.name[: aside.start()]) if aside else None
    return (
        successor is not None
        and successor.image == container.image
        and topology.is_running(successor)
    )


def guessed(stand_in: Container | None) -> str:
    """Return the words that name the guess; '' if there is none."""
    if stand_in is None:
        return ""
    return (
        f"; perhaps {stand_in.name} was started in its place (a guess: it has the same image and "
        "was created later)"
    )
