"""Ports of the host that the engine chose: a recreation keeps them if they are free.

`-P`, `-p 80` and a range (`-p 8000-8010:80`) get another port at each start (engine lab). A new
container asks for the old one's port; who else took it meanwhile keeps it.
"""

from __future__ import annotations

import re

import msgspec

from linkdoctor.model.actions import Recreate
from linkdoctor.model.snapshot import Publication

__all__ = ["is_port_taken", "moved_ports", "without_pins"]

_TAKEN = re.compile(r"port is already allocated|address already in use", re.IGNORECASE)


def is_port_taken(words: str) -> bool:
    """Whether the engine refused a start because somebody else has a port of the host."""
    return _TAKEN.search(words) is not None


def without_pins(action: Recreate) -> Recreate:
    """Return the action that leaves the choice of those ports to the engine again."""
    if action.published is None:
        return action
    chosen = {_place(each): each for each in action.pinned}
    published = tuple(chosen.get(_place(each), each) for each in action.published)
    return msgspec.structs.replace(action, published=published, pinned=())


def moved_ports(action: Recreate) -> str:
    """Say that the ports that were to be kept were taken by then, one sentence."""
    ports = sorted({each.host_port for each in action.pinned})
    named = ", ".join(map(str, ports))
    one = len(ports) == 1
    return (
        f"Its public {'port' if one else 'ports'} {named} {'was' if one else 'were'} taken "
        "meanwhile: the engine chose another."
    )


def _place(each: Publication) -> tuple[str, str, int]:
    return (str(each.port), each.host_address, each.host_port)
