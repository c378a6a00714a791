"""What became of a step."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from linkdoctor.fix.recreation import Owner
from linkdoctor.model.actions import Action

__all__ = ["Outcome", "Result"]


class Result(StrEnum):
    """How a step ended."""

    FIXED = "fixed"
    """Done, and proved."""
    NOT_FIXED = "not-fixed"
    """Not done, or done in vain; the reason says which."""
    UNDONE = "undone"
    """Tried, and put back as it was."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a step."""

    action: Action
    result: Result
    reason: str = ""
    """Why it is not fixed, one clause without a full stop; '' when it is. It may hold the engine's
    words."""
    notes: tuple[str, ...] = ()
    """What is worth knowing besides, one sentence each."""
    step: int | None = None
    """Its number in the journal; None if it was refused before anything was changed."""
    container: str = ""
    """The id of the container that has the name now."""
    kept: str = ""
    """The id of the old container, where it was kept."""
    owner: Owner | None = None
    """Who owns the container, where it was left alone for that reason."""
    interrupted: float = 0.0
    """Seconds for which nothing served under the name."""
