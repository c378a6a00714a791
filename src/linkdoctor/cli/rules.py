"""``linkdoctor rules``: the catalogue."""

from __future__ import annotations

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    ConfigOption,
    Format,
    FormatOption,
    RulesOption,
    configuration,
    examples,
    rules_of,
)

__all__ = ["register", "rules_command"]


def rules_command(
    format_: FormatOption = Format.TEXT, rules: RulesOption = None, config: ConfigOption = None
) -> None:
    """List the rules: code, name, severity and what each finds."""
    from linkdoctor.render.as_json import render_json
    from linkdoctor.render.listing import RuleList, RuleRow, render_rules

    loaded = rules_of(rules, configuration(config))
    catalogue = RuleList(
        rules=tuple(
            RuleRow(
                code=each.rule.code,
                name=each.rule.name,
                severity=each.rule.severity.value,
                summary=each.rule.summary,
                since=each.rule.since,
                needs=tuple(sorted(need.value for need in each.rule.needs)),
                explains=tuple(sorted(each.rule.explains)),
            )
            for each in loaded
        )
    )
    if format_ is Format.JSON:
        output.emit_bytes(render_json(catalogue).encode())
        return
    width, colour, ascii_only = output.output_style()
    output.emit(render_rules(catalogue, width=width, colour=colour, ascii_only=ascii_only))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "rules",
        short_help="List the rules.",
        epilog=examples("linkdoctor rules", "linkdoctor rules --rules ./our-rules --format json"),
    )(rules_command)
