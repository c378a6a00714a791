"""What `check` tells a renderer beside the diagnosis, and the exit code of each format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from linkdoctor.cli import output
from linkdoctor.cli.common import own_codes
from linkdoctor.model.report import exit_code
from linkdoctor.render.formats import REPORT_FORMATS, CheckFormat

if TYPE_CHECKING:
    from linkdoctor.api import Selection
    from linkdoctor.model.examination import Diagnosis
    from linkdoctor.registry import LoadedRule
    from linkdoctor.render.renderer import RenderRequest

__all__ = ["exit_code_of", "in_order", "render"]


def render(
    format_: CheckFormat,
    diagnosis: Diagnosis,
    request: RenderRequest,
    rules: Sequence[LoadedRule],
    *,
    selection: Selection | None = None,
    to_file: bool = False,
) -> str:
    """Write a diagnosis in any format.

    Args:
        format_: the format.
        diagnosis: what is written.
        request: what the user asked for; what the format needs besides is added to it.
        rules: all that there are.
        selection: what was wanted of them; by default all.
        to_file: whether it is laid out for a file, not for standard output.
    """
    row = REPORT_FORMATS[format_]
    if format_ is CheckFormat.TEXT:
        named = [(each.rule.code, each.rule.name) for each in rules]
        named += [(each.code, each.name) for each in own_codes()]
        style = output.output_style(to_file=to_file)
        request = msgspec.structs.replace(request, style=style, names=tuple(named))
    if row.in_order and not (format_ is CheckFormat.TEXT and request.quiet):
        request = msgspec.structs.replace(request, in_order=in_order(diagnosis))
    if row.rules:
        request = _with_rules(request, rules, selection)
    return row.load()(diagnosis, request)


def _with_rules(
    request: RenderRequest, rules: Sequence[LoadedRule], wanted: Selection | None
) -> RenderRequest:
    """Add the rules that could have found something, and their pages."""
    from linkdoctor.cli.explain import pages_of

    applied = [
        each
        for each in rules
        if wanted is None or (wanted.selects(each.rule.code) and not wanted.ignores(each.rule.code))
    ]
    return msgspec.structs.replace(
        request,
        applied=tuple((each.rule.code, each.rule.name) for each in applied),
        pages=pages_of(applied),
    )


def exit_code_of(format_: CheckFormat, diagnosis: Diagnosis, request: RenderRequest) -> int:
    """Return the exit code, which for nagios is the state of a service."""
    if format_ is not CheckFormat.NAGIOS:
        return exit_code(diagnosis.report)
    from linkdoctor.render.nagios import state_of

    return state_of(diagnosis.report, warning=request.warning, critical=request.critical)


def in_order(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return the commands of several findings as one sequence, where they need an order."""
    findings = diagnosis.report.findings
    if sum(any(fix.actions for fix in each.fixes) for each in findings) < 2:
        return ()
    from linkdoctor.fix.sequence import commands_in_order

    return commands_in_order(diagnosis.report, diagnosis.topology)
