"""How many examples are tried: few with each commit, many where there is time for it."""

from __future__ import annotations

import os

__all__ = ["MORE", "tries"]

MORE = int(os.environ.get("LINKDOCTOR_FUZZ", "1"))
"""How many times as many examples as with each commit."""


def tries(number: int) -> int:
    """A number of examples that is worth its time with each commit, made more where wanted."""
    return number * MORE
