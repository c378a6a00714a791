"""``linkdoctor diff``: what changed between two snapshots or reports."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from linkdoctor.cli.common import (
    CliError,
    ConfigOption,
    FailOnOption,
    Format,
    FormatOption,
    RulesOption,
    build_selection,
    configuration,
    examples,
    rules_of,
)
from linkdoctor.cli.writing import emit_result
from linkdoctor.model.report import ExitCode

__all__ = ["diff", "register"]


def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A snapshot or a JSON report.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="A later one of the same hosts.")],
    fail_on: FailOnOption = None,
    format_: FormatOption = Format.TEXT,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what changed between two snapshots or reports: findings, addresses, containers.

    Each may be a file of `linkdoctor snapshot` or of `check --format json`, compressed or not.
    Only two snapshots show which containers were restarted or recreated and which addresses moved.
    """
    settings = configuration(config)
    loaded = rules_of(rules, settings)

    from linkdoctor.api import SnapshotError, compare, read_kept
    from linkdoctor.model.changes import has_new_at
    from linkdoctor.render.diff import render_diff

    selection = build_selection(
        select=None, ignore=None, fail_on=fail_on, config=settings, rules=loaded
    )
    try:
        comparison = compare(
            read_kept(before),
            read_kept(after),
            loaded,
            selection=selection,
            declarations=settings.container,
        )
    except SnapshotError as error:
        raise CliError(str(error)) from None
    emit_result(comparison, format_, partial(render_diff, comparison))
    found = has_new_at(comparison.findings, selection.fail_on)
    raise typer.Exit(ExitCode.FINDINGS if found else ExitCode.OK)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "diff",
        short_help="Show what changed between two snapshots or reports.",
        epilog=examples(
            "linkdoctor diff monday.json.gz today.json.gz",
            "linkdoctor diff before.json after.json --format json | jq '.findings.new'",
            more=(
                "Exit codes: 0 no finding at or above --fail-on is new or has become as severe; 1 "
                "at least one; 2 wrong usage, configuration or a file that cannot be used."
            ),
        ),
    )(diff)
