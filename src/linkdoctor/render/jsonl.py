"""One JSON object a line, for log pipelines: hosts, findings, skipped checks, the summary.

What is suppressed comes before the summary, if it was asked for.
The fields are those of the JSON contract; each line has a ``kind`` besides, and the summary,
which comes last and tells that the report is whole, has the report's own fields too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Report
from linkdoctor.render.as_json import harmless_json
from linkdoctor.render.documents import printable
from linkdoctor.render.renderer import RenderRequest

__all__ = ["render", "render_jsonl"]


def render(diagnosis: Diagnosis, _: RenderRequest) -> str:
    """Write the report, one object a line."""
    return render_jsonl(diagnosis.report)


def render_jsonl(report: Report) -> str:
    """Encode a report, one object a line."""
    return "".join(map(harmless_json, _objects(printable(report))))


def _objects(plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for field, kind in (("hosts", "host"), ("findings", "finding"), ("skipped", "skipped")):
        for each in plain[field]:
            yield {"kind": kind, **each}
    for each in plain.get("suppressed", ()):
        yield {"kind": "suppressed", **each}
    for each in plain.get("notes", ()):
        yield {"kind": "note", "message": each}
    whole = {field: plain[field] for field in ("schema", "tool", "taken_at", "scope")}
    yield {"kind": "summary", **whole, **plain["summary"]}
