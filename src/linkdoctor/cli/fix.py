"""``linkdoctor fix``: plan what fixes the findings, and carry it out if told to."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from linkdoctor.cli import output
from linkdoctor.cli.asking import Asking
from linkdoctor.cli.common import (
    CliError,
    ConfigOption,
    ContextOption,
    FailOnOption,
    Format,
    FormatOption,
    HostOption,
    RulesOption,
    SnapshotOption,
    TimeoutOption,
    build_selection,
    check_not_negative,
    configuration,
    engines_named,
    examine_targets,
    examples,
    resolve_containers,
    resolve_engines,
    rules_of,
)
from linkdoctor.cli.completion import complete_code, complete_container
from linkdoctor.cli.journals import (
    FixCommand,
    from_journal,
    tell_of_interrupted,
    undo_lines,
)
from linkdoctor.model.plan import Files
from linkdoctor.model.report import ExitCode, Safety, exit_code

if TYPE_CHECKING:
    from linkdoctor.fix.use_cases import Applied, Done, Plan, Scope
    from linkdoctor.model.examination import Joined
    from linkdoctor.model.report import Report
    from linkdoctor.render.layout import TextStyle
    from linkdoctor.render.plan import Mark

__all__ = ["Allowed", "fix", "register"]


class Allowed(StrEnum):
    """How far ``--apply`` may go."""

    SAFE = "safe"
    RESTART = "restart"
    RECREATE = "recreate"


def fix(
    containers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONTAINER",
            help="Fix only what concerns these containers, by name or id.",
            show_default=False,
            autocompletion=complete_container,
        ),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Run the plan. Without this option nothing is changed.")
    ] = False,
    allow: Annotated[
        Allowed | None,
        typer.Option(
            help="The most disruptive steps allowed: safe interrupts nothing, restart restarts "
            "containers, recreate replaces them. Default: recreate for a plan, safe with --apply.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="With --apply or --undo: do not ask for confirmation."),
    ] = False,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive",
            "-i",
            help="Like --apply, but show the plan and ask which steps to run.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the plan, as without --apply.")
    ] = False,
    plan_out: Annotated[
        Path | None,
        typer.Option(
            "--plan-out", metavar="FILE", help="Also write the plan to this file, as JSON."
        ),
    ] = None,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Keep replaced containers, stopped.")
    ] = False,
    carry_files: Annotated[
        bool,
        typer.Option(
            "--carry-files",
            help="Copy the files that a replaced container wrote outside volumes into the new one, "
            "and compare them. Without this, the old container is kept, stopped, if it wrote any.",
        ),
    ] = False,
    drop_files: Annotated[
        bool,
        typer.Option(
            "--drop-files",
            help="Discard the files that a replaced container wrote outside volumes.",
        ),
    ] = False,
    pin_ports: Annotated[
        bool,
        typer.Option(
            "--pin-ports/--no-pin-ports",
            help="Replaced containers keep the host ports that the engine chose for them (-P, "
            "ranges), if they are free.",
        ),
    ] = True,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write the journal. Default: a new file in ~/.local/state/linkdoctor.",
        ),
    ] = None,
    undo: Annotated[
        Path | None,
        typer.Option(
            metavar="[JOURNAL]",
            help="Take back the changes that a journal records, as far as possible; asks first. "
            "Default: the newest journal of the engine.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="JOURNAL",
            help="Finish an interrupted run safely; `auto` finds its journal in the default "
            "directory.",
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="How long to wait for another run to end. Default: 0.",
            show_default=False,
            callback=check_not_negative,
        ),
    ] = 0.0,
    host: HostOption = None,
    context: ContextOption = None,
    snapshot: SnapshotOption = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODES",
            help="Fix only what these rules find: codes, names or beginnings like LD2.",
            autocompletion=complete_code,
        ),
    ] = None,
    fail_on: FailOnOption = None,
    format_: FormatOption = Format.TEXT,
    timeout: TimeoutOption = None,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Plan how to fix broken links; with --apply, do it and prove it.

    Without --apply nothing is changed. A replaced container is kept until the new one has proved
    itself, and is put back if it does not. Restarts that do not depend on one another run side by
    side, up to four at once, unless each step is asked about.
    """
    settings = configuration(config)
    files = _files(carry=carry_files, drop=drop_files, keep_old=keep_old)
    if interactive and yes:
        raise CliError("--interactive and --yes cannot be used together")
    apply = apply or (interactive and undo is None and resume is None)
    _refuse_nonsense(
        apply=apply and not dry_run, yes=yes, pick=interactive, undo=undo, resume=resume
    )
    if plan_out is not None:
        output.refuse_unwritable(plan_out)
    engines = resolve_engines(host, context, snapshot, timeout, settings)
    if undo is not None or resume is not None:
        raise typer.Exit(from_journal(engines, undo, resume, wait, yes=yes))
    loaded = rules_of(rules, settings)
    selection = build_selection(
        select=select, ignore=None, fail_on=fail_on, config=settings, rules=loaded
    )

    from linkdoctor.api import join
    from linkdoctor.fix.use_cases import (
        Scope,
        diagnosed,
        make_plan,
        read_written,
        steps_with_more_permission,
    )

    with output.ProgressLine() as progress:
        seen = join(examine_targets(engines, progress), declarations=settings.container)
    snapshots = seen.examination.snapshots
    names = resolve_containers(containers or (), seen) if snapshots else frozenset()
    scope = Scope(
        engines=tuple(engines_named(engines)),
        rules=tuple(loaded),
        selection=msgspec.structs.replace(selection, containers=names),
        declarations=settings.container,
        timeout=engines.timeout,
        pin_ports=pin_ports,
    )
    acting = apply and not dry_run
    if acting and engines.snapshots:
        raise CliError("--apply needs a live engine, not a snapshot: name it with -H or --context")
    medium = output.output_style()
    permitted = Safety(allow or (Allowed.SAFE if acting else Allowed.RECREATE))
    if plan_out is not None or not acting:
        found = diagnosed(seen, scope)
        planned = make_plan(found, scope, allow=permitted)
        planned = read_written(planned, seen.examination, scope, files=files)
        if plan_out is not None:
            output.write_atomically(plan_out, _json(planned))
        if not acting:
            more = {
                each.allow: each.steps
                for each in steps_with_more_permission(found, scope, permitted)
            }
            _print_plan(planned, found.report, medium, format_, more)
            raise typer.Exit(exit_code(found.report))
    ask = Asking(medium, several=len(snapshots) > 1, pick=interactive, silent=yes)
    applied = _applied(
        scope,
        seen,
        permitted,
        medium,
        ask=ask,
        keep_old=keep_old,
        files=files,
        journal=journal,
        wait=wait,
    )
    _print_applied(applied, medium, format_)
    raise typer.Exit(_code(applied))


def _files(*, carry: bool, drop: bool, keep_old: bool) -> Files:
    if drop and (carry or keep_old):
        other = "--carry-files" if carry else "--keep-old"
        raise CliError(f"{other} and --drop-files cannot be used together")
    return Files.CARRY if carry else Files.DROP if drop else Files.KEEP


def _refuse_nonsense(
    *, apply: bool, yes: bool, pick: bool, undo: Path | None, resume: Path | None
) -> None:
    if sum((apply, undo is not None, resume is not None)) > 1:
        raise CliError("--apply, --undo and --resume cannot be used together")
    if apply and not yes and not (output.is_terminal(sys.stdin) and output.is_terminal(sys.stderr)):
        asks = "--interactive" if pick else "--apply"
        way = "use --apply --yes" if pick else "add --yes"
        raise CliError(f"{asks} asks before each step and there is no terminal: {way}")


def _applied(
    scope: Scope,
    seen: Joined,
    allow: Safety,
    medium: TextStyle,
    *,
    ask: Asking,
    keep_old: bool,
    files: Files,
    journal: Path | None,
    wait: float,
) -> Applied:
    from linkdoctor.api import EngineError
    from linkdoctor.fix.use_cases import MOST_AT_ONCE, FixError, apply

    try:
        tell_of_interrupted(scope.engines)
        return apply(
            scope,
            allow=allow,
            confirm=ask.about,
            planned=ask.plan,
            on_step=ask.on_step,
            at_once=1 if ask.asks_each else MOST_AT_ONCE,
            keep_old=keep_old,
            files=files,
            journal=journal,
            wait=wait,
            examination=seen,
        )
    except (EngineError, FixError) as error:
        raise CliError(str(error), ExitCode.INCOMPLETE) from None


def _print_plan(
    planned: Plan,
    report: Report,
    medium: TextStyle,
    format_: Format,
    more: dict[Safety, int],
) -> None:
    if format_ is Format.JSON:
        output.emit_bytes(_json(planned))
        return
    from linkdoctor.render.layout import counted
    from linkdoctor.render.plan import render_plan

    count = counted(len(planned.steps), "step")
    if planned.steps:
        head = (
            f"{count} would fix these findings; nothing has been changed (--apply runs the plan, "
            "with the permissions that it needs)"
        )
    elif planned.advice:
        head = "no automatic fix available; see the advice below"
    elif _is_whole(report):
        head = "nothing to fix"
    else:
        head = "no step is planned: not everything could be seen"
    text = render_plan(
        [(step, None) for step in planned.steps],
        planned.advice,
        head=head,
        before=_verdict(report, medium),
        more=more,
        medium=medium,
        several=len(report.hosts) > 1,
    )
    output.emit(text)


def _is_whole(report: Report) -> bool:
    """Whether nothing that matters was missed: then no step means that nothing is wrong."""
    from linkdoctor.render.phrases import is_incomplete

    return not is_incomplete(report)


def _verdict(report: Report, medium: TextStyle) -> list[str]:
    """Return what `check` says first, where not everything was seen."""
    if _is_whole(report):
        return []
    from linkdoctor.render.text import verdict_lines

    return [*verdict_lines(report, medium), ""]


def _print_applied(applied: Applied, medium: TextStyle, format_: Format) -> None:
    if format_ is Format.JSON:
        output.emit_bytes(_json(applied))
        return
    from linkdoctor.fix.use_cases import Result
    from linkdoctor.render.layout import counted, text_of
    from linkdoctor.render.plan import render_plan

    done = [each for one in applied.rounds for each in one.done]
    fixed = sum(each.result is Result.FIXED for each in done)
    summary = applied.report.summary
    left = f"{counted(summary.error, 'error')} and {counted(summary.warning, 'warning')} left"
    head = f"{counted(fixed, 'step')} of {len(done)} carried out" if done else _NOTHING_DONE
    if any(host.engine for host in applied.report.hosts):
        head += f"; {left}"
    if applied.wider:
        head += f"; {_waiting(applied)}"
    text = render_plan(
        [(each.step, _mark(each)) for each in done],
        applied.left.advice,
        head=head,
        before=_verdict(applied.report, medium),
        more={each.allow: each.steps for each in applied.wider},
        medium=medium,
        several=len(applied.report.hosts) > 1,
    )
    output.emit(text + text_of(undo_lines(applied.undo, applied.journals, medium)))


_NOTHING_DONE = "nothing has been changed"


def _waiting(applied: Applied) -> str:
    """Say how many steps wait for which permission."""
    from linkdoctor.render.layout import counted

    first, *others = applied.wider
    verb = "waits" if first.steps == 1 else "wait"
    text = f"{counted(first.steps, 'step')} {verb} for --allow {first.allow.value}"
    return ", ".join((text, *(f"{each.steps} for --allow {each.allow.value}" for each in others)))


def _code(applied: Applied) -> ExitCode:
    """Return the exit code of what is left; a new container that does not run well is, too.

    What does not run has no links to find fault with.
    """
    from linkdoctor.fix.outcome import Result
    from linkdoctor.model.actions import Recreate

    unproved = any(
        one.result is Result.NOT_FIXED
        and isinstance(one.step.action, Recreate)
        and (one.reversible or one.irreversible)
        for each in applied.rounds
        for one in each.done
    )
    code = exit_code(applied.report)
    return ExitCode.FINDINGS if unproved and code is ExitCode.OK else code


def _json(value: Plan | Applied) -> bytes:
    from linkdoctor.render.as_json import render_json

    return render_json(value).encode()


def _mark(done: Done) -> Mark:
    from linkdoctor.fix.use_cases import Result
    from linkdoctor.render.plan import Mark

    reversible = "can be taken back" if done.reversible else ""
    if done.irreversible:
        reversible = f"cannot be taken back: {done.irreversible}"
    return Mark(
        reversible=reversible,
        word=done.result.value if done.result is not None else "not started",
        reason=done.reason,
        notes=done.notes,
        good=done.result is Result.FIXED,
    )


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "fix",
        cls=FixCommand,
        short_help="Plan how to fix broken links; with --apply, do it.",
        epilog=examples(
            "linkdoctor fix                                the plan; nothing is changed",
            "linkdoctor fix web --apply                    what interrupts nothing, step by step",
            "linkdoctor fix -i --allow restart             pick the steps from the plan",
            "linkdoctor fix --apply --allow restart --yes",
            "linkdoctor fix --undo                         take back what the last run did",
            more="Exit codes: as for check, for what is left; 1 also if a replacement failed.",
        ),
    )(fix)
