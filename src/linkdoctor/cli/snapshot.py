"""``linkdoctor snapshot``: keep what is seen of one engine, to be diagnosed elsewhere."""

from __future__ import annotations

import secrets
import sys
from functools import partial
from pathlib import Path
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
    LogsOption,
    ProbeExternalOption,
    ProbeOption,
    TimeoutOption,
    configuration,
    examine_targets,
    examples,
    resolve_engines,
)
from linkdoctor.cli.writing import emit_result
from linkdoctor.given_files import read_bounded
from linkdoctor.model.report import ExitCode
from linkdoctor.render.layout import counted

__all__ = ["register", "snapshot"]


_SHORTEST_KEY, _LONGEST_KEY = 16, 4096


def snapshot(
    output_: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write; - for a pipe."),
    ] = None,
    show: Annotated[
        Path | None,
        typer.Option(
            "--show",
            metavar="FILE",
            help="List everything that a snapshot file contains; takes no snapshot.",
        ),
    ] = None,
    host: HostOption = None,
    context: ContextOption = None,
    saved: Annotated[
        Path | None,
        typer.Option(
            "--snapshot",
            metavar="FILE",
            help="With --redact-names: a snapshot to redact, instead of an engine.",
        ),
    ] = None,
    redact_names: Annotated[
        bool,
        typer.Option(
            "--redact-names",
            help="Replace names and addresses with pseudonyms; the findings stay the same.",
        ),
    ] = False,
    redact_key: Annotated[
        Path | None,
        typer.Option(
            "--redact-key",
            metavar="FILE",
            help="With --redact-names: a file with a secret, created if it does not exist. "
            "Snapshots with the same secret have the same pseudonyms; without it, each has its "
            "own.",
        ),
    ] = None,
    format_: FormatOption = Format.TEXT,
    timeout: TimeoutOption = None,
    logs: LogsOption = False,
    probe: ProbeOption = False,
    probe_external: ProbeExternalOption = False,
    config: ConfigOption = None,
) -> None:
    """Save what is seen of one engine to a file, for `check --snapshot`.

    It contains names, addresses and ports, and only those values of environment variables that
    belong to a link. Only you may read the file.
    """
    if show is not None:
        if output_ is not None or redact_names or saved is not None:
            raise CliError("--show only lists what a file holds; use it alone")
        _show(show, format_)
        return
    if format_ is not Format.TEXT:
        raise CliError("--format needs --show: a snapshot has its own format")
    if output_ is None:
        raise CliError("name the file to write with -o FILE, or one to list with --show FILE")
    if not redact_names and (redact_key is not None or saved is not None):
        option = "--redact-key" if redact_key is not None else "--snapshot"
        raise CliError(f"{option} needs --redact-names")
    engines = resolve_engines(
        host,
        context,
        [saved] if saved is not None else None,
        timeout,
        configuration(config),
        logs=logs,
        probe=probe,
        probe_external=probe_external,
    )
    if len(engines.hosts) + len(engines.contexts) + len(engines.snapshots) > 1:
        raise CliError("a snapshot is of one engine: run it once for each, with -H or --context")
    to_pipe = str(output_) == "-"
    if to_pipe and sys.stdout.isatty():
        raise CliError("a snapshot is binary, not for a terminal; name a file with -o")
    if not to_pipe:
        output.refuse_unwritable(output_)
    key = _key(redact_key) if redact_names else None

    from linkdoctor import api

    with output.ProgressLine() as progress:
        examination = examine_targets(engines, progress)
    if not examination.snapshots:
        lost = examination.unreachable[0]
        raise CliError(f"no snapshot: {lost.reason}", ExitCode.INCOMPLETE)
    seen = examination.snapshots[0]
    if key is not None:
        seen = api.redact_names(seen, key)
    content = api.snapshot_bytes(seen)
    if to_pipe:
        output.emit_bytes(content)
        return
    output.write_atomically(output_, content)
    output.complain(f"wrote {output_}: {seen.host}, {counted(len(seen.containers), 'container')}")


def _key(path: Path | None) -> bytes:
    """Read the secret that decides the pseudonyms, or make one; raises CliError."""
    if path is None:
        return secrets.token_bytes(32)
    if not path.exists():
        output.refuse_unwritable(path)
        output.write_atomically(path, f"{secrets.token_hex(32)}\n".encode())
    try:
        key = read_bounded(path, _LONGEST_KEY)[:_LONGEST_KEY].strip()
    except OSError as error:
        raise CliError(f"{path}: {error.strerror or type(error).__name__}") from None
    if len(key) < _SHORTEST_KEY:
        raise CliError(f"{path}: a secret needs at least {_SHORTEST_KEY} characters")
    return key


def _show(path: Path, format_: Format) -> None:
    from linkdoctor.api import SnapshotError, contents_of
    from linkdoctor.render.inventory import render_inventory

    try:
        held = contents_of(path)
    except SnapshotError as error:
        raise CliError(str(error)) from None
    emit_result(held, format_, partial(render_inventory, held))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "snapshot",
        short_help="Save what is seen of one engine to a file.",
        epilog=examples(
            "linkdoctor snapshot -o host1.json.gz",
            "linkdoctor snapshot -H tcp://10.0.0.5:2376 -o host2.json.gz",
            "linkdoctor check --snapshot host1.json.gz --snapshot host2.json.gz",
            "linkdoctor snapshot --show host1.json.gz",
            "linkdoctor snapshot --redact-names --snapshot host1.json.gz -o safe.json.gz",
        ),
    )(snapshot)
