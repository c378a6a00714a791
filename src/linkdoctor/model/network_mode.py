"""A container's network mode, read once: a network of its own, the host's, none or another one's.

Inspect tells it as a string, and so does a snapshot: ``default``, a network's name, ``host``,
``none`` or ``container:REFERENCE``. Its PID and IPC modes refer to another container alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from linkdoctor.model.snapshot import Container

__all__ = [
    "DEFAULT_BRIDGE",
    "Host",
    "Isolated",
    "NetworkMode",
    "Own",
    "Shared",
    "is_default_bridge",
    "mode_sharing",
    "parse_network_mode",
    "shared_reference",
]

DEFAULT_BRIDGE = "bridge"
"""The name of the network that a container joins unless it is told otherwise."""

_OF_DEFAULT_BRIDGE = ("default", DEFAULT_BRIDGE, "")
_PREFIX = "container:"


class Own(msgspec.Struct, frozen=True, gc=False):
    """A network namespace of its own, made with a place on a network."""

    network: str
    """Its name, or its id where that was typed."""

    @property
    def on_default_bridge(self) -> bool:
        """Whether it was made on the network that a container joins unless it is told otherwise."""
        return self.network == DEFAULT_BRIDGE


class Host(msgspec.Struct, frozen=True, gc=False):
    """The host's network namespace: it joins no network, and has no name or address of its own."""


class Isolated(msgspec.Struct, frozen=True, gc=False):
    """A network namespace of its own, made with nothing but a loopback device."""


class Shared(msgspec.Struct, frozen=True):
    """The network namespace of another container: it joins no network of its own."""

    reference: str
    """What refers to the other one: its id, or a name."""
    owner: Container | None = None
    """None if there is no such container: then it can be reached by nobody, and cannot start again.

    A mode that was only parsed has none either: `Topology.network_mode` looks the owner up.
    """


NetworkMode = Own | Host | Isolated | Shared

_FIXED: Mapping[str, Own | Host | Isolated] = MappingProxyType(
    {
        **dict.fromkeys(_OF_DEFAULT_BRIDGE, Own(DEFAULT_BRIDGE)),
        "host": Host(),
        "none": Isolated(),
    }
)


def parse_network_mode(mode: str) -> NetworkMode:
    """Read a network mode as the engine writes it; '' is the default."""
    fixed = _FIXED.get(mode)
    if fixed is not None:
        return fixed
    reference = shared_reference(mode)
    return Own(mode) if reference is None else Shared(reference)


def is_default_bridge(mode: str) -> bool:
    """Whether a network mode, or a network's name, means the default bridge."""
    return mode in _OF_DEFAULT_BRIDGE


def shared_reference(mode: str) -> str | None:
    """Return what a network, PID or IPC mode refers to as the owner of the namespace, or None."""
    return mode.removeprefix(_PREFIX) if mode.startswith(_PREFIX) else None


def mode_sharing(reference: str) -> str:
    """Return the network, PID or IPC mode by which a container shares another one's namespace."""
    return f"{_PREFIX}{reference}"
