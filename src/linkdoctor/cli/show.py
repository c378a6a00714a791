"""``linkdoctor show``: the link card of one container."""

from __future__ import annotations

from typing import Annotated

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    CliError,
    ConfigOption,
    ContextOption,
    Format,
    FormatOption,
    HostOption,
    SnapshotOption,
    TimeoutOption,
    complete_container,
    configuration,
    examine_targets,
    examples,
    resolve_containers,
    resolve_engines,
)
from linkdoctor.model.report import ExitCode

__all__ = ["register", "show"]


def show(
    container: Annotated[
        str,
        typer.Argument(
            metavar="CONTAINER", help="Its name or id.", autocompletion=complete_container
        ),
    ],
    host: HostOption = None,
    context: ContextOption = None,
    snapshot: SnapshotOption = None,
    format_: FormatOption = Format.TEXT,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what a container is linked to, and what its process really got."""
    engines = resolve_engines(host, context, snapshot, timeout, configuration(config))

    from linkdoctor.model.topology import Topology
    from linkdoctor.render.as_json import render_json
    from linkdoctor.render.card import CardList, card_of, render_cards

    with output.ProgressLine() as progress:
        examination = examine_targets(engines, progress)
    unreachable = examination.unreachable
    if not examination.snapshots:
        raise CliError("; ".join(each.reason for each in unreachable), ExitCode.INCOMPLETE)
    (name,) = resolve_containers([container], examination)
    topology = Topology(examination.snapshots)
    cards = CardList(
        cards=tuple(
            card_of(topology, on, each) for on, each in topology.containers() if each.name == name
        )
    )
    if not cards.cards:
        raise CliError(f"{name} is gone; `linkdoctor check {name}` shows what is linked to it")
    if format_ is Format.JSON:
        output.emit_bytes(render_json(cards).encode())
    else:
        width, colour, ascii_only = output.output_style()
        output.emit(render_cards(cards, width=width, colour=colour, ascii_only=ascii_only))
    for lost in unreachable:
        output.complain(f"{lost.host} could not be asked: {lost.reason}")
    raise typer.Exit(ExitCode.INCOMPLETE if unreachable else ExitCode.OK)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "show",
        short_help="Show what a container is linked to and what it got.",
        epilog=examples(
            "linkdoctor show web", "linkdoctor show web --format json | jq '.cards[].links'"
        ),
    )(show)
