"""Which renderer writes which format of `check`; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from linkdoctor.cli.common import CheckFormat
from linkdoctor.model.report import exit_code

if TYPE_CHECKING:
    from linkdoctor.api import Examination, LoadedRule, Selection
    from linkdoctor.model.report import Report
    from linkdoctor.render.nagios import Range

__all__ = ["RenderRequest", "exit_code_of", "in_order", "render"]


class RenderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A report, and what some formats tell of how it was asked for."""

    report: Report
    examination: Examination
    rules: tuple[LoadedRule, ...]
    selection: Selection
    warning: Range
    critical: Range


def render(format_: CheckFormat, ordered: RenderRequest) -> str:
    """Write a report in any format but text, which is laid out for a terminal."""
    return _RENDERERS[format_](ordered)


def exit_code_of(format_: CheckFormat, ordered: RenderRequest) -> int:
    """Return the exit code, which for nagios is the state of a service."""
    if format_ is not CheckFormat.NAGIOS:
        return exit_code(ordered.report)
    from linkdoctor.render.nagios import state_of

    return state_of(ordered.report, warning=ordered.warning, critical=ordered.critical)


def in_order(report: Report, examination: Examination) -> tuple[str, ...]:
    """Return the commands of several findings as one sequence, where they need an order."""
    if sum(any(fix.actions for fix in each.fixes) for each in report.findings) < 2:
        return ()
    from linkdoctor.fix.sequence import commands_in_order
    from linkdoctor.model.topology import Topology

    return commands_in_order(report, Topology(examination.snapshots))


def _applied(ordered: RenderRequest) -> tuple[LoadedRule, ...]:
    """Return the rules that could have found something."""
    wanted = ordered.selection
    return tuple(
        each
        for each in ordered.rules
        if wanted.selects(each.rule.code) and not wanted.ignores(each.rule.code)
    )


def _json(ordered: RenderRequest) -> str:
    from linkdoctor.render.as_json import render_json

    return render_json(ordered.report)


def _jsonl(ordered: RenderRequest) -> str:
    from linkdoctor.render.jsonl import render_jsonl

    return render_jsonl(ordered.report)


def _markdown(ordered: RenderRequest) -> str:
    from linkdoctor.render.markdown import render_markdown

    return render_markdown(ordered.report, in_order(ordered.report, ordered.examination))


def _github(ordered: RenderRequest) -> str:
    from linkdoctor.render.github import render_github

    return render_github(ordered.report)


def _html(ordered: RenderRequest) -> str:
    from linkdoctor.model.topology import Topology
    from linkdoctor.render.graph import focused
    from linkdoctor.render.graph_from_topology import picture_of
    from linkdoctor.render.html import render_html

    topology = Topology(ordered.examination.snapshots)
    picture = picture_of(ordered.report, topology)
    if ordered.selection.containers:
        picture = focused(picture, ordered.selection.containers, depth=1)
    typed = in_order(ordered.report, ordered.examination)
    return render_html(ordered.report, topology, picture, typed)


def _junit(ordered: RenderRequest) -> str:
    from linkdoctor.render.junit import render_junit

    examined = {each.rule.code: each.rule.name for each in _applied(ordered)}
    return render_junit(ordered.report, fail_on=ordered.selection.fail_on, examined=examined)


def _nagios(ordered: RenderRequest) -> str:
    from linkdoctor.render.nagios import render_nagios

    return render_nagios(ordered.report, warning=ordered.warning, critical=ordered.critical)


def _prometheus(ordered: RenderRequest) -> str:
    from linkdoctor.render.prometheus import render_prometheus

    return render_prometheus(ordered.report)


def _sarif(ordered: RenderRequest) -> str:
    from linkdoctor.cli.explain import pages_of
    from linkdoctor.render.sarif import render_sarif

    return render_sarif(ordered.report, pages=pages_of(_applied(ordered)))


_RENDERERS: dict[CheckFormat, Callable[[RenderRequest], str]] = {
    CheckFormat.JSON: _json,
    CheckFormat.JSONL: _jsonl,
    CheckFormat.MARKDOWN: _markdown,
    CheckFormat.GITHUB: _github,
    CheckFormat.HTML: _html,
    CheckFormat.JUNIT: _junit,
    CheckFormat.NAGIOS: _nagios,
    CheckFormat.PROMETHEUS: _prometheus,
    CheckFormat.SARIF: _sarif,
}
