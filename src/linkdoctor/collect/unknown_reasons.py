"""The reasons, in words, for which evidence is missing in more than one place."""

from __future__ import annotations

from linkdoctor.collect.engine import TooLarge
from linkdoctor.model.evidence import ONLY_NEAR, Gap, Unknown

__all__ = ["GONE", "LATE", "ONLY_NEAR", "internal_error", "unanswered"]

GONE = Unknown(gap=Gap.VANISHED, detail="it disappeared before it could be read")
LATE = Unknown(gap=Gap.TIMED_OUT, detail="no time was left (--timeout sets how long to wait)")


def unanswered(error: Exception) -> Unknown:
    """Return the reason for an answer of the engine that could not be used."""
    return Unknown(
        gap=Gap.CUT if isinstance(error, TooLarge) else Gap.UNSUPPORTED, detail=str(error)
    )


def internal_error(error: Exception) -> str:
    """Tell of a mistake of linkdoctor itself: without its text, which may hold anything."""
    return f"linkdoctor failed on it: {type(error).__name__}; please report it"
