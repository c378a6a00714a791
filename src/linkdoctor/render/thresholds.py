"""Ranges of the Monitoring Plugins guidelines: how many findings are too many."""

from __future__ import annotations

import math
import re

import msgspec

__all__ = ["Range", "parse_range"]

_NUMBER = r"-?\d{1,15}(?:\.\d{1,6})?"
_RANGE = re.compile(rf"(?P<inside>@?)(?:(?P<start>~|{_NUMBER})?:)?(?P<end>{_NUMBER})?", re.ASCII)


class Range(msgspec.Struct, frozen=True):
    """A range of the guidelines: what lies outside is alarmed, with `inside` what lies within."""

    text: str = "0"
    """As it was written."""
    start: float = 0
    end: float = 0
    inside: bool = False

    def alarms(self, number: float) -> bool:
        """Whether a number is to be alarmed."""
        return (self.start <= number <= self.end) is self.inside


def parse_range(text: str) -> Range:
    """Read a range: ``10``, ``10:``, ``~:10``, ``10:20`` or ``@10:20``.

    Raises:
        ValueError: it is none, or ends before it starts.
    """
    found = _RANGE.fullmatch(text)
    if found is None or not (found["start"] or found["end"]):
        raise ValueError("a range looks like 10, 10:, ~:10, 10:20 or @10:20")
    start = -math.inf if found["start"] == "~" else float(found["start"] or 0)
    end = float(found["end"]) if found["end"] else math.inf
    if start > end:
        raise ValueError("a range cannot end before it starts")
    return Range(text, start, end, bool(found["inside"]))
