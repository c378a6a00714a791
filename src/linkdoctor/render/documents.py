"""The documents of ``--format json``: the contracts' fields, and no others."""

from __future__ import annotations

from typing import Any

import msgspec

from linkdoctor.model.differences import Comparison
from linkdoctor.model.report import Report

__all__ = ["UNPRINTED", "document_of", "printable"]

UNPRINTED = ("actions", "host", "elsewhere", "left_to_person")
"""The fields of a fix that are for `linkdoctor fix` and stay out of the JSON contract."""


def document_of(result: msgspec.Struct) -> Any:
    """Return a report, a comparison, a card or a list as its JSON contract has it."""
    if isinstance(result, Report):
        return printable(result)
    if isinstance(result, Comparison):
        return _printable_comparison(result)
    return msgspec.to_builtins(result)


def printable(report: Report) -> dict[str, Any]:
    """Return a report as its JSON contract has it."""
    plain: dict[str, Any] = msgspec.to_builtins(report)
    if report.suppressed is msgspec.UNSET:
        plain.pop("notes", None)
    suppressed = [each["finding"] for each in plain.get("suppressed", ())]
    for finding in (*plain["findings"], *suppressed):
        _without_unprinted(finding)
    return plain


def _printable_comparison(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as its JSON contract has it."""
    plain: dict[str, Any] = msgspec.to_builtins(comparison)
    findings = plain["findings"]
    for finding in (
        *findings["new"],
        *(each["finding"] for each in findings["gone"]),
        *(each[side] for each in findings["changed"] for side in ("before", "after")),
    ):
        _without_unprinted(finding)
    return plain


def _without_unprinted(finding: dict[str, Any]) -> None:
    """Take out of a plain finding what is not for its JSON contract."""
    for fix in finding["fixes"]:
        for field in UNPRINTED:
            del fix[field]
