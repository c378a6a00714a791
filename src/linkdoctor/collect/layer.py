"""What an engine tells of the files that a container wrote outside volumes and mounts."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import msgspec

__all__ = ["Change", "ChangeKind", "Piecewise"]


class ChangeKind(IntEnum):
    """What became of a file of the image; the numbers are the engine's."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A path at which a container's files differ from those of its image."""

    path: str
    """Absolute; each byte that is no UTF-8 is U+FFFD."""
    kind: ChangeKind = ChangeKind.MODIFIED


class Piecewise(Protocol):
    """An answer that is read piece by piece."""

    status: int

    def read(self) -> bytes:
        """Read the next piece; b"" at the end."""
        ...
