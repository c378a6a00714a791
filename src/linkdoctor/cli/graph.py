"""``linkdoctor graph``: draw the topology of links."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    CliError,
    ConfigOption,
    ContextOption,
    HostOption,
    RulesOption,
    SnapshotOption,
    TimeoutOption,
    check_not_negative,
    configuration,
    examine_targets,
    examples,
    resolve_containers,
    resolve_engines,
    rules_of,
)
from linkdoctor.model.report import ExitCode

if TYPE_CHECKING:
    from linkdoctor.render.graph import Picture

__all__ = ["GraphFormat", "graph", "register"]

_DEFAULT_DEPTH = 1


class GraphFormat(StrEnum):
    """How the picture is written."""

    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"


def graph(
    host: HostOption = None,
    context: ContextOption = None,
    snapshot: SnapshotOption = None,
    focus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONTAINER",
            help="Draw only this container, by name or id, and what is near it. Repeatable.",
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="With --focus: how many arrows to follow. Default: 1.",
            callback=check_not_negative,
        ),
    ] = None,
    format_: Annotated[
        GraphFormat,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"The format of the picture: {', '.join(GraphFormat)}.",
            case_sensitive=False,
        ),
    ] = GraphFormat.TEXT,
    output_: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the picture to this file, atomically."
        ),
    ] = None,
    timeout: TimeoutOption = None,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Draw which container is linked to which, and where the findings are.

    Arrows lead from a target to the source that it dials. Numbers are those of the findings, in
    the order of `linkdoctor check`.
    """
    settings = configuration(config)
    loaded = rules_of(rules, settings)
    if depth is not None and not focus:
        raise CliError("--depth needs --focus")
    engines = resolve_engines(host, context, snapshot, timeout, settings)
    path = None if output_ is None or str(output_) == "-" else output_
    if path is not None:
        output.refuse_unwritable(path)

    from linkdoctor.api import report_on
    from linkdoctor.model.topology import Topology
    from linkdoctor.render.graph import focused
    from linkdoctor.render.graph_from_topology import picture_of

    with output.ProgressLine() as progress:
        examination = examine_targets(engines, progress)
    unreachable = examination.unreachable
    if not examination.snapshots:
        raise CliError("; ".join(each.reason for each in unreachable), ExitCode.INCOMPLETE)
    report = report_on(examination, loaded, declarations=settings.container)
    picture = picture_of(report, Topology(examination.snapshots))
    if focus:
        names = resolve_containers(focus, examination)
        picture = focused(picture, names, _DEFAULT_DEPTH if depth is None else depth)
    text = _drawn(picture, format_, to_file=path is not None)
    if path is not None:
        output.write_atomically(path, text.encode("utf-8", "backslashreplace"))
    elif format_ is GraphFormat.TEXT:
        output.emit(text)
    else:
        output.emit_bytes(text.encode())
    for lost in unreachable:
        output.complain(f"{lost.host} could not be asked: {lost.reason}")
    raise typer.Exit(ExitCode.INCOMPLETE if unreachable else ExitCode.OK)


def _drawn(picture: Picture, format_: GraphFormat, *, to_file: bool) -> str:
    if format_ is GraphFormat.TEXT:
        from linkdoctor.render.graph_text import render_graph_text

        width, colour, ascii_only = output.output_style(to_file=to_file)
        return render_graph_text(picture, width=width, colour=colour, ascii_only=ascii_only)
    return _RENDERERS[format_](picture)


def _dot(picture: Picture) -> str:
    from linkdoctor.render.graph_dot import render_dot

    return render_dot(picture)


def _mermaid(picture: Picture) -> str:
    from linkdoctor.render.graph_mermaid import render_mermaid

    return render_mermaid(picture)


def _svg(picture: Picture) -> str:
    from linkdoctor.render.graph_svg import render_svg

    return render_svg(picture)


def _json(picture: Picture) -> str:
    from linkdoctor.render.as_json import render_json

    return render_json(picture)


_RENDERERS: dict[GraphFormat, Callable[[Picture], str]] = {
    GraphFormat.DOT: _dot,
    GraphFormat.MERMAID: _mermaid,
    GraphFormat.SVG: _svg,
    GraphFormat.JSON: _json,
}


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "graph",
        short_help="Draw the links between containers, and what is wrong with them.",
        epilog=examples(
            "linkdoctor graph                              in this terminal",
            "linkdoctor graph --focus web --depth 2        only web and what is near it",
            "linkdoctor graph --format svg -o links.svg    for a browser or a document",
            "linkdoctor graph --format dot | dot -Tpng > links.png",
            "linkdoctor graph --format mermaid             for Markdown",
            more=(
                "Exit codes: 0 drawn, whatever was found; 2 wrong usage or configuration; 3 an "
                "engine could not be asked. For a verdict, use `linkdoctor check`."
            ),
        ),
    )(graph)
