"""``linkdoctor self-check``: what can be seen from here, and how to see the rest."""

from __future__ import annotations

from functools import partial

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    ConfigOption,
    ContextOption,
    Format,
    FormatOption,
    HostOption,
    LogsOption,
    ProbeOption,
    RulesOption,
    TimeoutOption,
    configuration,
    examine_targets,
    examples,
    resolve_engines,
    rules_of,
)
from linkdoctor.cli.writing import emit_result
from linkdoctor.model.report import ExitCode

__all__ = ["register", "self_check"]


def self_check(
    host: HostOption = None,
    context: ContextOption = None,
    format_: FormatOption = Format.TEXT,
    timeout: TimeoutOption = None,
    logs: LogsOption = False,
    probe: ProbeOption = False,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Show which engine answers, which evidence is available from here, and how to get the rest.

    It reads what `check` would read, and changes nothing.
    """
    settings = configuration(config)
    engines = resolve_engines(host, context, None, timeout, settings, logs=logs, probe=probe)
    loaded = rules_of(rules, settings)

    from linkdoctor.api import seen_from_here
    from linkdoctor.model.coverage import is_complete
    from linkdoctor.render.self_check import render_self_check

    with output.ProgressLine() as progress:
        found = seen_from_here(examine_targets(engines, progress))
    readers = {
        need: sorted(each.rule.code for each in loaded if need in each.rule.needs)
        for each in loaded
        for need in each.rule.needs
    }
    emit_result(found, format_, partial(render_self_check, found, readers))
    raise typer.Exit(ExitCode.OK if is_complete(found) else ExitCode.INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "self-check",
        short_help="Show what can be seen from here, and how to see the rest.",
        epilog=examples(
            "linkdoctor self-check                    this machine's engine",
            "linkdoctor self-check -H tcp://10.0.0.5:2376",
            more="Exit codes: 0 all evidence is available; 3 some is not, or an engine does not "
            "answer.",
        ),
    )(self_check)
