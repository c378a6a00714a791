"""The baseline: what was found once, and is known from then on (``linkdoctor.baseline/1``).

Fingerprints decide; code, host, target and alias are there for whoever reads the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import Tool
from linkdoctor.model.suppression import Suppression, SuppressionOrigin

__all__ = ["BASELINE_SCHEMA", "Baseline", "Entry", "baseline_of"]

BASELINE_SCHEMA = "linkdoctor.baseline/1"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One finding that is known."""

    host: str
    target: str
    alias: str
    code: str
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known; the same findings give the same bytes."""

    schema: str = BASELINE_SCHEMA
    tool: Tool
    entries: tuple[Entry, ...]

    def suppressions(self) -> Iterator[Suppression]:
        """Yield each entry as a statement that suppresses."""
        for each in self.entries:
            yield Suppression(
                origin=SuppressionOrigin.BASELINE,
                code=each.code,
                host=each.host,
                target=each.target,
                alias=each.alias,
                fingerprint=each.fingerprint,
            )


def baseline_of(report: Report) -> Baseline:
    """Make a baseline of what a report tells; what is suppressed already stays out of it."""
    entries = {
        each.fingerprint: Entry(
            host=each.host,
            target=each.target,
            alias=each.alias,
            code=each.code,
            fingerprint=each.fingerprint,
        )
        for each in report.findings
    }
    return Baseline(
        tool=report.tool, entries=tuple(sorted(entries.values(), key=msgspec.structs.astuple))
    )
