"""``linkdoctor check``: examine engines and report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    CheckFormat,
    CliError,
    ConfigOption,
    ContextOption,
    Engines,
    FailOnOption,
    HostOption,
    LogsOption,
    ProbeExternalOption,
    ProbeOption,
    RulesOption,
    SnapshotOption,
    TimeoutOption,
    VerboseOption,
    codes_meant,
    complete_code,
    configuration,
    containers_meant,
    engines_meant,
    examples,
    look,
    own_codes,
    rules_of,
)
from linkdoctor.cli.formats import Ordered, exit_code_of, render
from linkdoctor.model.report import Severity

if TYPE_CHECKING:
    from linkdoctor.api import Examination, LoadedRule
    from linkdoctor.model.report import Report
    from linkdoctor.render.nagios import Range

__all__ = ["check", "register", "report_text"]


def check(
    containers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONTAINER",
            help="Report only what concerns these containers, by name or id.",
            show_default=False,
        ),
    ] = None,
    host: HostOption = None,
    context: ContextOption = None,
    snapshot: SnapshotOption = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODES",
            help="Apply only these rules: codes, names or beginnings like LD2. Repeatable.",
            autocompletion=complete_code,
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODES",
            help="Only count what these rules find. Repeatable.",
            autocompletion=complete_code,
        ),
    ] = None,
    fail_on: FailOnOption = None,
    format_: Annotated[
        CheckFormat,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"How to write the report: {', '.join(CheckFormat)}.",
            case_sensitive=False,
        ),
    ] = CheckFormat.TEXT,
    output_: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the report there, whole or not at all."
        ),
    ] = None,
    warning: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help="For --format nagios: how many errors and warnings together are no WARNING. "
            "Default: 0.",
        ),
    ] = None,
    critical: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help="For --format nagios: how many errors are not CRITICAL. Default: 0. A range is "
            "10, 10:, ~:10, 10:20 or @10:20.",
        ),
    ] = None,
    timeout: TimeoutOption = None,
    logs: LogsOption = False,
    probe: ProbeOption = False,
    probe_external: ProbeExternalOption = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print the verdict only, and nothing if all is healthy; for --format text.",
        ),
    ] = False,
    verbose: VerboseOption = False,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Examine engines and report every broken link, its proof and its fix."""
    settings = configuration(config)
    loaded = rules_of(rules, settings)
    selected = codes_meant(select or settings.select, loaded)
    ignored = codes_meant(ignore or settings.ignore, loaded)
    engines = engines_meant(
        host,
        context,
        snapshot,
        timeout,
        settings,
        logs=logs,
        probe=probe,
        probe_external=probe_external,
    )
    if format_ is not CheckFormat.NAGIOS and (warning is not None or critical is not None):
        raise CliError("--warning and --critical are for --format nagios")
    ranges = (_range("--warning", warning), _range("--critical", critical))
    to_file = output_ is not None and str(output_) != "-"
    if output_ is not None and to_file:
        output.refuse_unwritable(output_)

    from linkdoctor.api import Selection, report_on

    examination = _seen(engines)
    names = containers_meant(containers or (), examination) if examination.snapshots else ()
    selection = Selection(
        select=selected,
        ignore=ignored,
        containers=frozenset(names),
        fail_on=fail_on or settings.fail_on or Severity.ERROR,
    )
    report = report_on(examination, loaded, selection=selection, declarations=settings.container)
    ordered = Ordered(
        report=report,
        examination=examination,
        rules=loaded,
        selection=selection,
        warning=ranges[0],
        critical=ranges[1],
    )
    if format_ is CheckFormat.TEXT:
        text = report_text(
            report, loaded, examination, verbose=verbose, quiet=quiet, to_file=to_file
        )
    else:
        text = render(format_, ordered)
    if output_ is not None and to_file:
        # Metrics are there for the user that the node exporter runs as.
        mode = 0o644 if format_ is CheckFormat.PROMETHEUS else 0o600
        output.write_atomically(output_, text.encode("utf-8", "backslashreplace"), mode=mode)
    elif format_ is CheckFormat.TEXT:
        output.emit(text)
    else:
        output.emit_bytes(text.encode())
    raise typer.Exit(exit_code_of(format_, ordered))


def _range(option: str, text: str | None) -> Range:
    from linkdoctor.render.nagios import Range, parse_range

    if text is None:
        return Range()
    try:
        return parse_range(text)
    except ValueError as error:
        raise CliError(f"{option} {text!r}: {error}") from None


def _seen(engines: Engines) -> Examination:
    with output.Progress() as progress:
        return look(engines, progress)


def report_text(
    report: Report,
    rules: Sequence[LoadedRule],
    examination: Examination,
    *,
    verbose: bool = False,
    quiet: bool = False,
    to_file: bool = False,
    note: str = "",
) -> str:
    """Lay out a report for standard output or a file."""
    from linkdoctor.render.seen import sightings
    from linkdoctor.render.text import render_text

    width, colour, ascii_only = output.paper(to_file=to_file)
    names = {each.rule.code: each.rule.name for each in rules}
    names |= {each.code: each.name for each in own_codes()}
    return render_text(
        report,
        width=width,
        colour=colour,
        verbose=verbose,
        quiet=quiet,
        note=note,
        ascii_only=ascii_only,
        names=names,
        seen=sightings(examination.snapshots) if verbose else (),
    )


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "check",
        short_help="Report every broken link, its proof and its fix.",
        epilog=examples(
            "linkdoctor check                              this machine's engine",
            "linkdoctor check web db                       only what concerns web or db",
            "linkdoctor check -H tcp://10.0.0.5:2376 -H unix:///var/run/docker.sock",
            "linkdoctor check --ignore LD501 --fail-on warning",
            "linkdoctor check --format json -o report.json",
            "linkdoctor check --format html -o report.html    a page for the browser",
            "linkdoctor check --format prometheus -o /srv/textfiles/linkdoctor.prom",
            "linkdoctor check --format nagios --warning 5",
            more=(
                "Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage or "
                "configuration; 3 incomplete. With --format nagios: 0 OK, 1 WARNING, 2 CRITICAL "
                "or wrong usage, 3 UNKNOWN: incomplete, and no errors. The configuration is "
                "--config, $LINKDOCTOR_CONFIG, ~/.config/linkdoctor/config.toml or "
                "/etc/linkdoctor/config.toml."
            ),
        ),
    )(check)
