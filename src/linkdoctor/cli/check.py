"""``linkdoctor check``: examine engines and report."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
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
    build_selection,
    check_timeout,
    configuration,
    examine_targets,
    examples,
    read_saved,
    resolve_containers,
    resolve_engines,
    rules_of,
)
from linkdoctor.cli.completion import complete_code, complete_container, complete_kind
from linkdoctor.cli.formats import exit_code_of, render
from linkdoctor.cli.settling import settled
from linkdoctor.cli.watch import watch as keep_watching
from linkdoctor.cli.writing import format_option, output_option, place_to_write, write_text
from linkdoctor.model.report import ExitCode
from linkdoctor.render.formats import CheckFormat
from linkdoctor.render.layout import counted

if TYPE_CHECKING:
    from linkdoctor.api import LoadedRule, Selection
    from linkdoctor.model.baseline import Baseline
    from linkdoctor.model.examination import Diagnosis, Examination, Joined
    from linkdoctor.model.snapshot import Snapshot
    from linkdoctor.render.thresholds import Range

__all__ = ["check", "register"]


def check(
    containers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONTAINER",
            help="Report only what concerns these containers, by name or id.",
            show_default=False,
            autocompletion=complete_container,
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
            help="Suppress these rules, or one finding: LD201@web/db, as the report "
            "names it. Repeatable.",
            autocompletion=complete_code,
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Suppress the findings in a file that --write-baseline wrote."
        ),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the findings to a baseline file for --baseline."),
    ] = None,
    show_suppressed: Annotated[
        bool,
        typer.Option(
            "--show-suppressed",
            help="Show suppressed findings, and why; for --format text, json, jsonl and sarif "
            "(junit always does).",
        ),
    ] = False,
    fail_on: FailOnOption = None,
    accept_missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Evidence that may be missing: a check that lacks it is only a note, and does not "
            "exit with 3. A cause (root, time, cut, gone, unsupported), what is missing "
            "(sockets, firewall, stored-links, host …), or all. Repeatable.",
            autocompletion=complete_kind,
        ),
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Check again while something is too early to judge because it has only just "
            "started, but no longer than this.",
            callback=check_timeout,
        ),
    ] = None,
    format_: Annotated[CheckFormat, format_option("report", CheckFormat)] = CheckFormat.TEXT,
    output_: Annotated[Path | None, output_option("report")] = None,
    warning: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help="For --format nagios: how many errors and warnings together are allowed before "
            "the state is WARNING. Default: 0.",
        ),
    ] = None,
    critical: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE",
            help="For --format nagios: how many errors are allowed before the state is CRITICAL. "
            "Default: 0. A range is 10, 10:, ~:10, 10:20 or @10:20.",
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
            help="Print only the verdict, and nothing if healthy; for --format text.",
        ),
    ] = False,
    verbose: VerboseOption = False,
    watch: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Check again every N seconds, until Ctrl-C, and report what changed.",
            callback=check_timeout,
        ),
    ] = None,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Examine engines and report every broken link, its proof and its fix."""
    settings = configuration(config)
    loaded = rules_of(rules, settings)
    selection = build_selection(
        select=select,
        ignore=ignore,
        fail_on=fail_on,
        config=settings,
        rules=loaded,
        accept_missing=accept_missing,
    )
    selection = msgspec.structs.replace(
        selection,
        baseline=_baseline(baseline),
        # Among tests, what is left out would look as if it had passed.
        show_suppressed=show_suppressed or format_ is CheckFormat.JUNIT,
    )
    engines = resolve_engines(
        host,
        context,
        snapshot,
        timeout,
        settings,
        logs=logs,
        probe=probe,
        probe_external=probe_external,
    )
    ranges = _ranges(format_, warning, critical)
    _refuse_to_wait_in_vain(engines, watch, settle)
    if watch is not None:
        _refuse_to_watch(format_, output_, write_baseline)
    if write_baseline is not None and (containers or select):
        raise CliError("a baseline covers everything: it cannot be used with CONTAINER or --select")
    file = place_to_write(output_)
    if write_baseline is not None:
        output.refuse_unwritable(write_baseline)

    from linkdoctor.api import diagnose, join
    from linkdoctor.render.renderer import RenderRequest

    saved = read_saved(engines)

    def look(*, keep_what_is_known: bool = False) -> Joined:
        seen = _seen(engines, saved, keep_what_is_known=keep_what_is_known)
        return join(seen, declarations=settings.container)

    joined = look(keep_what_is_known=True)
    if joined.examination.snapshots:
        names = resolve_containers(containers or (), joined)
        selection = msgspec.structs.replace(selection, containers=names)

    def look_again() -> Diagnosis:
        return diagnose(look(keep_what_is_known=True), loaded, selection=selection)

    diagnosis = settled(settle or 0, diagnose(joined, loaded, selection=selection), look_again)
    report, interrupted = diagnosis.report, diagnosis.examination.interrupted
    if interrupted:
        output.complain("interrupted: this is what was known by then")
    request = RenderRequest(
        verbose=verbose,
        quiet=quiet,
        fail_on=selection.fail_on,
        warning=ranges[0],
        critical=ranges[1],
    )
    text = render(
        format_, diagnosis, request, loaded, selection=selection, to_file=file is not None
    )
    # Metrics are there for the user that the node exporter runs as.
    mode = 0o644 if format_ is CheckFormat.PROMETHEUS else 0o600
    write_text(text, file, laid_out=format_ is CheckFormat.TEXT, mode=mode)
    if not quiet and not (format_ is CheckFormat.TEXT and (verbose or show_suppressed)):
        for note in report.notes or ():
            output.complain(f"warning: {note}")
    if interrupted:
        # Threads that wait for an engine would hold up an ordinary exit.
        os._exit(ExitCode.INTERRUPTED)
    if write_baseline is not None:
        _write_baseline(write_baseline, diagnosis, loaded, selection)
    if watch is not None:
        keep_watching(watch, report, lambda: diagnose(look(), loaded, selection=selection).report)
    raise typer.Exit(exit_code_of(format_, diagnosis, request))


def _refuse_to_watch(
    format_: CheckFormat, output_: Path | None, write_baseline: Path | None
) -> None:
    if write_baseline is not None:
        raise CliError("--watch never ends: write a baseline without it")
    if format_ is not CheckFormat.TEXT or output_ is not None:
        raise CliError("--watch shows text on standard output: leave --format and --output out")


def _refuse_to_wait_in_vain(engines: Engines, watch: float | None, settle: float | None) -> None:
    if watch is not None and settle is not None:
        raise CliError("--watch and --settle cannot be used together")
    if watch is not None and engines.snapshots:
        raise CliError("--watch needs a live engine, not a snapshot")
    if settle is not None and engines.snapshots and not (engines.hosts or engines.contexts):
        raise CliError("--settle needs a live engine, not a snapshot")


def _baseline(path: Path | None) -> Baseline | None:
    from linkdoctor.api import BaselineError, read_baseline

    if path is None:
        return None
    try:
        return read_baseline(path)
    except BaselineError as error:
        raise CliError(str(error)) from None


def _write_baseline(
    path: Path, diagnosis: Diagnosis, rules: Sequence[LoadedRule], selection: Selection
) -> None:
    from linkdoctor.api import baseline_bytes, baseline_of, diagnose

    report = diagnosis.report
    if selection.baseline is not None:
        # What is known already is written down again.
        everything = msgspec.structs.replace(selection, baseline=None)
        report = diagnose(diagnosis, rules, selection=everything).report
    if not all(host.engine for host in report.hosts):
        output.complain(f"warning: {path} was not changed: not every engine could be asked")
        return
    written = baseline_of(report)
    output.write_atomically(path, baseline_bytes(written))
    count = counted(len(written.entries), "finding")
    again = f"`linkdoctor check --baseline {shlex.quote(str(path))}` reports what is new"
    output.complain(f"wrote {path}: {count}; {again}")
    if report.summary.skipped:
        output.complain(
            "warning: not everything could be seen; faults found there later will count as new"
        )


def _ranges(format_: CheckFormat, warning: str | None, critical: str | None) -> tuple[Range, Range]:
    if format_ is not CheckFormat.NAGIOS and (warning is not None or critical is not None):
        raise CliError("--warning and --critical are for --format nagios")
    return _range("--warning", warning), _range("--critical", critical)


def _range(option: str, text: str | None) -> Range:
    from linkdoctor.render.thresholds import Range, parse_range

    if text is None:
        return Range()
    try:
        return parse_range(text)
    except ValueError as error:
        raise CliError(f"{option} {text!r}: {error}") from None


def _seen(
    engines: Engines, saved: Mapping[Path, Snapshot], *, keep_what_is_known: bool
) -> Examination:
    with output.ProgressLine() as progress:
        return examine_targets(
            engines, progress, saved=saved, keep_what_is_known=keep_what_is_known
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
            "linkdoctor check --settle 60                   wait for what just started",
            "linkdoctor check --accept-missing root         as a user who is not root",
            "linkdoctor check --ignore LD501,LD201@web/db --fail-on warning",
            "linkdoctor check --write-baseline known.json   accept all of it as known",
            "linkdoctor check -q --baseline known.json      only what is new, for cron",
            "linkdoctor check --format json -o report.json",
            "linkdoctor check --watch 30",
            "linkdoctor check --format html -o report.html    a page for the browser",
            "linkdoctor check --format prometheus -o /srv/textfiles/linkdoctor.prom",
            "linkdoctor check --format nagios --warning 5",
            more=(
                "Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage or "
                "configuration; 3 incomplete; 130 interrupted. With --format nagios: 0 OK, 1 "
                "WARNING, 2 CRITICAL or wrong usage, 3 UNKNOWN: incomplete, and no errors. The "
                "configuration is --config, $LINKDOCTOR_CONFIG, ~/.config/linkdoctor/config.toml "
                "or /etc/linkdoctor/config.toml."
            ),
        ),
    )(check)
