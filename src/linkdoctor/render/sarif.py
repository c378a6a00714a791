"""SARIF 2.1.0, for what collects the findings of analysers.

A link is no file: results have logical locations, ``host/target/alias``, and no physical ones.
The fixes of SARIF change files, so that ours are text: in the message and in the properties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Because, Finding, Report, Severity, Skipped
from linkdoctor.render.as_json import harmless_json
from linkdoctor.render.documents import printable
from linkdoctor.render.listing import PageView
from linkdoctor.render.phrases import (
    UNREACHABLE,
    because_of,
    details,
    headline,
    is_incomplete,
    moment,
)
from linkdoctor.render.renderer import RenderRequest

__all__ = ["render", "render_sarif"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_IN_PROPERTIES = ("host", "target", "source", "alias", "evidence", "consequences", "fixes")


def render(diagnosis: Diagnosis, request: RenderRequest) -> str:
    """Write the report for code scanning."""
    return render_sarif(diagnosis.report, pages=request.pages)


def render_sarif(report: Report, *, pages: Sequence[PageView]) -> str:
    """Encode a report as one run.

    Args:
        report: what is encoded.
        pages: of the rules that were applied; they become the rules of the tool.
    """
    named = {page.code: page for page in pages}
    suppressed = report.suppressed if isinstance(report.suppressed, tuple) else ()
    results = (*report.findings, *(each.finding for each in suppressed))
    told = {each.code for each in results} | {each.code for each in report.skipped}
    codes = sorted(told | set(named))
    plain = printable(report)
    every = (*plain["findings"], *(each["finding"] for each in plain.get("suppressed", ())))
    by = (*(() for _ in report.findings), *(each.by for each in suppressed))
    asked = isinstance(report.suppressed, tuple)
    run = {
        "tool": {
            "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "rules": [_rule(code, named, report) for code in codes],
            }
        },
        "invocations": [_invocation(report)],
        "properties": {"verdict": headline(report), "scope": plain["scope"]},
        "results": [
            _result(each, fields, codes, because if asked else None)
            for each, fields, because in zip(results, every, by, strict=True)
        ],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return harmless_json(log, indent=2)


def _rule(code: str, pages: Mapping[str, PageView], report: Report) -> dict[str, Any]:
    page = pages.get(code)
    if page is None:
        names = [each.name for each in report.findings if each.code == code]
        return {"id": code, "name": names[0]} if names else {"id": code}
    text = "\n\n".join(f"{each.heading}\n\n{each.text}" for each in page.sections)
    return {
        "id": code,
        "name": page.name,
        "shortDescription": {"text": _unlinked(page.summary)},
        "help": {"text": _unlinked(f"{page.title}\n\n{text}")},
        "defaultConfiguration": {"level": _LEVELS[page.severity]},
        "properties": {"since": page.since},
    }


def _result(
    finding: Finding, plain: dict[str, Any], codes: Sequence[str], by: Sequence[Because] | None
) -> dict[str, Any]:
    parts = [each for each in (finding.host, finding.target, finding.alias) if each]
    # By the standard either every result of a run has such a list or none has.
    kept = {} if by is None else {"suppressions": [_suppression(each) for each in by]}
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity.value],
        "message": {"text": _unlinked(details(finding))},
        "locations": [
            {
                "logicalLocations": [
                    {
                        "name": parts[-1] if parts else "",
                        "fullyQualifiedName": "/".join(parts),
                        "kind": "resource",
                    }
                ]
            }
        ],
        "partialFingerprints": {"linkdoctor/v1": finding.fingerprint},
        "properties": {field: plain[field] for field in _IN_PROPERTIES},
        **kept,
    }


def _suppression(because: Because) -> dict[str, Any]:
    text = _unlinked(because_of(because))
    return {"kind": "external", "status": "accepted", "justification": text}


def _invocation(report: Report) -> dict[str, Any]:
    invocation: dict[str, Any] = {"executionSuccessful": not is_incomplete(report)}
    if (taken_at := moment(report.taken_at)) is not None:
        utc = taken_at.astimezone(UTC).isoformat(timespec="seconds")
        invocation["endTimeUtc"] = utc.replace("+00:00", "Z")
    invocation["toolExecutionNotifications"] = [_notification(each) for each in report.skipped]
    return invocation


def _notification(skip: Skipped) -> dict[str, Any]:
    level = Severity.WARNING if skip.is_lacking else Severity.INFO
    level = Severity.ERROR if skip.code == UNREACHABLE else level
    text = f"{skip.subject} on {skip.host}: no {skip.missing}: {skip.reason}"
    return {
        "level": _LEVELS[level.value],
        "message": {"text": _unlinked(text)},
        "associatedRule": {"id": skip.code},
        "properties": {"gap": skip.gap.value, "accepted": skip.accepted},
    }


def _unlinked(text: str) -> str:
    """Take apart what readers of SARIF would show as a link: ``[text](address)``."""
    return text.replace("](", "] (")
