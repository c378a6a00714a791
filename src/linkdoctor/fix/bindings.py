"""The published ports of a new container, in the engine's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from linkdoctor.model.snapshot import Publication

__all__ = ["bindings_for", "with_bindings"]

_Raw: TypeAlias = dict[str, Any]

_ANY_ADDRESS = ("", "0.0.0.0", "::")


def with_bindings(present: Mapping[str, Any], publish: Sequence[Publication]) -> _Raw:
    """Return the bindings that there are, and further ones."""
    bindings = {port: [dict(each) for each in found or ()] for port, found in present.items()}
    for each in publish:
        here = bindings.setdefault(str(each.port), [])
        free = each.ephemeral or not each.host_port
        wanted = {"HostIp": each.host_address, "HostPort": "" if free else str(each.host_port)}
        if not free:  # a port that was the engine's choice is pinned
            here[:] = [found for found in here if found.get("HostPort") not in ("", "0", None)]
        if wanted not in here:
            here.append(wanted)
    return dict(bindings)


def bindings_for(
    present: Mapping[str, Any], published: Sequence[Publication], *, by_itself: bool
) -> _Raw:
    """Return the bindings that take the place of those there are, in the words of these if it can.

    Args:
        present: what was asked for, port by port.
        published: what is wanted, as it is seen: `-p 80:80` as one binding for each family.
        by_itself: the engine binds every exposed port (``-P``).
    """
    bindings: dict[str, list[_Raw]] = {}
    for each in published:
        asked = [dict(found) for found in present.get(str(each.port)) or ()]
        same = next((found for found in asked if _is_asked_by(each, found)), None)
        free = each.ephemeral or not each.host_port
        if same is None and free and by_itself:
            continue
        anywhere = each.host_address in _ANY_ADDRESS and not any(
            found.get("HostIp") == each.host_address for found in asked
        )
        wanted = same or {
            "HostIp": "" if anywhere else each.host_address,
            "HostPort": "" if free else str(each.host_port),
        }
        here = bindings.setdefault(str(each.port), [])
        if wanted not in here:
            here.append(wanted)
    return dict(bindings)


def _is_asked_by(seen: Publication, asked: _Raw) -> bool:
    """Whether a binding is what was asked for in these words."""
    address = asked.get("HostIp") or ""
    port = asked.get("HostPort") or ""
    fits = address == seen.host_address or (address == "" and seen.host_address in _ANY_ADDRESS)
    if seen.ephemeral or not seen.host_port:
        return fits and (port in ("", "0") or "-" in port)
    return fits and port == str(seen.host_port)
