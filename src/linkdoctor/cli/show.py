"""``linkdoctor show``: the link card of one container."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from linkdoctor.cli.common import (
    CliError,
    ConfigOption,
    ContextOption,
    Format,
    FormatOption,
    HostOption,
    SnapshotOption,
    TimeoutOption,
    configuration,
    examine_or_fail,
    examples,
    exit_of_a_view,
    resolve_containers,
    resolve_engines,
)
from linkdoctor.cli.completion import complete_container
from linkdoctor.cli.writing import emit_result

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

    from linkdoctor.api import join
    from linkdoctor.render.card import cards_of, render_cards

    joined = join(examine_or_fail(engines))
    (name,) = resolve_containers([container], joined)
    cards = cards_of(joined.topology, name)
    if not cards.cards:
        raise CliError(f"{name} is gone; `linkdoctor check {name}` shows what is linked to it")
    emit_result(cards, format_, partial(render_cards, cards))
    raise exit_of_a_view(joined.examination)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "show",
        short_help="Show what a container is linked to and what it got.",
        epilog=examples(
            "linkdoctor show web", "linkdoctor show web --format json | jq '.cards[].links'"
        ),
    )(show)
