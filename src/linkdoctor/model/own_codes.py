"""The codes of the examination itself, which no rule stands behind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CRASH_CODE", "OWN_NAMES", "UNREACHABLE_CODE"]

CRASH_CODE = "LD001"
"""A rule crashed: a finding about the rule."""
UNREACHABLE_CODE = "LD002"
"""An engine could not be reached: a skip of everything on that host."""
OWN_NAMES: Mapping[str, str] = MappingProxyType(
    {"rule-crashed": CRASH_CODE, "engine-unreachable": UNREACHABLE_CODE}
)
"""The codes by their names."""
