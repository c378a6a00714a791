"""``linkdoctor snapshot``: keep what is seen of one engine, to be diagnosed elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    CliError,
    ConfigOption,
    ContextOption,
    HostOption,
    LogsOption,
    ProbeExternalOption,
    ProbeOption,
    TimeoutOption,
    configuration,
    engines_meant,
    examples,
    look,
)
from linkdoctor.model.report import ExitCode
from linkdoctor.render.layout import counted

__all__ = ["register", "snapshot"]


def snapshot(
    output_: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write; - for a pipe."),
    ],
    host: HostOption = None,
    context: ContextOption = None,
    timeout: TimeoutOption = None,
    logs: LogsOption = False,
    probe: ProbeOption = False,
    probe_external: ProbeExternalOption = False,
    config: ConfigOption = None,
) -> None:
    """Write what is seen of one engine to a file, which `check --snapshot` diagnoses.

    It holds names, addresses and ports; values of environment variables only where they are
    those of a link. Only you may read the file.
    """
    engines = engines_meant(
        host,
        context,
        None,
        timeout,
        configuration(config),
        logs=logs,
        probe=probe,
        probe_external=probe_external,
    )
    if len(engines.hosts) + len(engines.contexts) > 1:
        raise CliError("a snapshot is of one engine: call it once for each, with -H or --context")
    to_pipe = str(output_) == "-"
    if to_pipe and sys.stdout.isatty():
        raise CliError("a snapshot is binary and not for a terminal; name a file with -o")
    if not to_pipe:
        output.refuse_unwritable(output_)

    from linkdoctor.api import snapshot_bytes

    with output.Progress() as progress:
        examination = look(engines, progress)
    if not examination.snapshots:
        lost = examination.unreachable[0]
        raise CliError(f"no snapshot: {lost.reason}", ExitCode.INCOMPLETE)
    seen = examination.snapshots[0]
    content = snapshot_bytes(seen)
    if to_pipe:
        output.emit_bytes(content)
        return
    output.write_atomically(output_, content)
    output.complain(f"wrote {output_}: {seen.host}, {counted(len(seen.containers), 'container')}")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "snapshot",
        short_help="Keep what is seen of one engine in a file.",
        epilog=examples(
            "linkdoctor snapshot -o host1.json.gz",
            "linkdoctor snapshot -H tcp://10.0.0.5:2376 -o host2.json.gz",
            "linkdoctor check --snapshot host1.json.gz --snapshot host2.json.gz",
        ),
    )(snapshot)
