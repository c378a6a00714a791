"""``linkdoctor graph``: draw the topology of links."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    examine_or_fail,
    examples,
    exit_of_a_view,
    resolve_containers,
    resolve_engines,
    rules_of,
)
from linkdoctor.cli.writing import format_option, output_option, place_to_write, write_text
from linkdoctor.render.formats import GRAPH_FORMATS, GraphFormat

__all__ = ["graph", "register"]

_DEFAULT_DEPTH = 1


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
    format_: Annotated[GraphFormat, format_option("picture", GraphFormat)] = GraphFormat.TEXT,
    output_: Annotated[Path | None, output_option("picture")] = None,
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
    file = place_to_write(output_)

    from linkdoctor.api import diagnose, join
    from linkdoctor.render.renderer import RenderRequest

    joined = join(examine_or_fail(engines), declarations=settings.container)
    diagnosis = diagnose(joined, loaded)
    request = RenderRequest(
        style=output.output_style(to_file=file is not None),
        focus=resolve_containers(focus or (), joined),
        depth=_DEFAULT_DEPTH if depth is None else depth,
    )
    text = GRAPH_FORMATS[format_].load()(diagnosis, request)
    write_text(text, file, laid_out=format_ is GraphFormat.TEXT)
    raise exit_of_a_view(joined.examination)


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
