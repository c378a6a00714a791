"""Commands that several findings share are printed with the first of them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from linkdoctor.model.report import Finding, Fix

__all__ = ["ALL_IN_ORDER", "Printed", "once"]

ALL_IN_ORDER = "all of it, in an order in which it can be pasted:"
"""Above the commands of a whole report."""


class Printed:
    """What was printed so far, and where."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._where: dict[tuple[str, ...], tuple[str, str]] = {}

    def fresh(self, finding: Finding, fixes: Iterable[Fix]) -> tuple[Fix, ...]:
        """Return the fixes of a finding, without commands that stand above it already."""
        about = f"{finding.code} {finding.target or finding.host}"
        return tuple(self._fresh((finding.fingerprint, about), each) for each in fixes)

    def _fresh(self, here: tuple[str, str], fix: Fix) -> Fix:
        if not fix.commands:
            return fix
        first = self._where.setdefault(fix.commands, here)
        if first == here:
            return fix
        title = f"{fix.title} (the commands stand above, at {first[1]})"
        return msgspec.structs.replace(fix, title=title, commands=())


def once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in which the same commands stand once."""
    printed = Printed()
    return tuple(
        msgspec.structs.replace(each, fixes=printed.fresh(each, each.fixes)) for each in findings
    )
