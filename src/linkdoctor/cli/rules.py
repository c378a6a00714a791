"""``linkdoctor rules``: the catalogue."""

from __future__ import annotations

from functools import partial

import typer

from linkdoctor.cli.common import (
    ConfigOption,
    Format,
    FormatOption,
    RulesOption,
    configuration,
    examples,
    rules_of,
)
from linkdoctor.cli.writing import emit_result

__all__ = ["register", "rules_command"]


def rules_command(
    format_: FormatOption = Format.TEXT, rules: RulesOption = None, config: ConfigOption = None
) -> None:
    """List the rules: code, name, severity and what each finds."""
    from linkdoctor.render.listing import catalogue_of, render_rules

    catalogue = catalogue_of(each.rule for each in rules_of(rules, configuration(config)))
    emit_result(catalogue, format_, partial(render_rules, catalogue))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "rules",
        short_help="List the rules.",
        epilog=examples("linkdoctor rules", "linkdoctor rules --rules ./our-rules --format json"),
    )(rules_command)
