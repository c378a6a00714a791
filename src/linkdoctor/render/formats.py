"""The table of output formats: what each is called, and which renderer writes it.

A renderer is imported when its format is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from linkdoctor.render.renderer import Renderer

__all__ = ["GRAPH_FORMATS", "REPORT_FORMATS", "CheckFormat", "GraphFormat", "OutputFormat"]


class CheckFormat(StrEnum):
    """How the report of `check` is written."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"
    GITHUB = "github"
    HTML = "html"
    JUNIT = "junit"
    NAGIOS = "nagios"
    PROMETHEUS = "prometheus"
    SARIF = "sarif"


class GraphFormat(StrEnum):
    """How the picture is written."""

    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True):
    """One format, and what has to be worked out for it beside the diagnosis."""

    load: Callable[[], Renderer]
    in_order: bool = False
    """It shows the commands of all findings as one sequence."""
    rules: bool = False
    """It tells of rules that found nothing, too."""


def _text() -> Renderer:
    from linkdoctor.render.text import render

    return render


def _json() -> Renderer:
    from linkdoctor.render.as_json import render

    return render


def _jsonl() -> Renderer:
    from linkdoctor.render.jsonl import render

    return render


def _markdown() -> Renderer:
    from linkdoctor.render.markdown import render

    return render


def _github() -> Renderer:
    from linkdoctor.render.github import render

    return render


def _html() -> Renderer:
    from linkdoctor.render.html import render

    return render


def _junit() -> Renderer:
    from linkdoctor.render.junit import render

    return render


def _nagios() -> Renderer:
    from linkdoctor.render.nagios import render

    return render


def _prometheus() -> Renderer:
    from linkdoctor.render.prometheus import render

    return render


def _sarif() -> Renderer:
    from linkdoctor.render.sarif import render

    return render


REPORT_FORMATS: Mapping[CheckFormat, OutputFormat] = MappingProxyType(
    {
        CheckFormat.TEXT: OutputFormat(load=_text, in_order=True),
        CheckFormat.JSON: OutputFormat(load=_json),
        CheckFormat.JSONL: OutputFormat(load=_jsonl),
        CheckFormat.MARKDOWN: OutputFormat(load=_markdown, in_order=True),
        CheckFormat.GITHUB: OutputFormat(load=_github),
        CheckFormat.HTML: OutputFormat(load=_html, in_order=True),
        CheckFormat.JUNIT: OutputFormat(load=_junit, rules=True),
        CheckFormat.NAGIOS: OutputFormat(load=_nagios),
        CheckFormat.PROMETHEUS: OutputFormat(load=_prometheus),
        CheckFormat.SARIF: OutputFormat(load=_sarif, rules=True),
    }
)
"""The formats of a report."""


def _graph_text() -> Renderer:
    from linkdoctor.render.graph_text import render_graph_text
    from linkdoctor.render.graph_view import drawn_by

    return drawn_by(
        lambda picture, style: render_graph_text(
            picture, width=style.width, colour=style.colour, ascii_only=style.ascii_only
        )
    )


def _graph_dot() -> Renderer:
    from linkdoctor.render.graph_dot import render_dot
    from linkdoctor.render.graph_view import drawn_by

    return drawn_by(lambda picture, _: render_dot(picture))


def _graph_mermaid() -> Renderer:
    from linkdoctor.render.graph_mermaid import render_mermaid
    from linkdoctor.render.graph_view import drawn_by

    return drawn_by(lambda picture, _: render_mermaid(picture))


def _graph_svg() -> Renderer:
    from linkdoctor.render.graph_svg import render_svg
    from linkdoctor.render.graph_view import drawn_by

    return drawn_by(lambda picture, _: render_svg(picture))


def _graph_json() -> Renderer:
    from linkdoctor.render.as_json import render_json
    from linkdoctor.render.graph_view import drawn_by

    return drawn_by(lambda picture, _: render_json(picture))


GRAPH_FORMATS: Mapping[GraphFormat, OutputFormat] = MappingProxyType(
    {
        GraphFormat.TEXT: OutputFormat(load=_graph_text),
        GraphFormat.DOT: OutputFormat(load=_graph_dot),
        GraphFormat.MERMAID: OutputFormat(load=_graph_mermaid),
        GraphFormat.SVG: OutputFormat(load=_graph_svg),
        GraphFormat.JSON: OutputFormat(load=_graph_json),
    }
)
"""The formats of a picture."""
