"""``linkdoctor fix``: plan what mends the findings, and carry it out if told to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
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
    Format,
    FormatOption,
    HostOption,
    RulesOption,
    SnapshotOption,
    TimeoutOption,
    complete_code,
    complete_container,
    configuration,
    containers_meant,
    engines_meant,
    engines_named,
    examples,
    look,
    rules_of,
    selection_meant,
)
from linkdoctor.model.plan import Files
from linkdoctor.model.report import ExitCode, Safety, exit_code

if TYPE_CHECKING:
    from linkdoctor.api import Examination
    from linkdoctor.fix.use_cases import Answer, Applied, Done, Outcome, Plan, Scope, Step
    from linkdoctor.render.layout import Medium
    from linkdoctor.render.plan import Mark

__all__ = ["Allowed", "fix", "register"]


_AUTO = "auto"


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
            help="Mend only what concerns these containers, by name or id.",
            show_default=False,
            autocompletion=complete_container,
        ),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Carry the plan out. Without it nothing is changed.")
    ] = False,
    allow: Annotated[
        Allowed | None,
        typer.Option(
            help="The widest steps: safe interrupts nothing, restart restarts containers, "
            "recreate replaces them. Default: recreate for a plan, safe with --apply.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --apply: do not ask before each step.")
    ] = False,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive", "-i", help="With --apply: show the plan and ask which steps to take."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan only, as without --apply.")
    ] = False,
    plan_out: Annotated[
        Path | None,
        typer.Option("--plan-out", metavar="FILE", help="Write the plan there too, as JSON."),
    ] = None,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Keep the containers that are replaced, stopped.")
    ] = False,
    carry_files: Annotated[
        bool,
        typer.Option(
            "--carry-files",
            help="Copy what a container that is replaced wrote outside volumes into the new one, "
            "and compare. Without it the old container is kept, stopped, if it wrote anything.",
        ),
    ] = False,
    drop_files: Annotated[
        bool,
        typer.Option(
            "--drop-files",
            help="Lose what a container that is replaced wrote outside volumes.",
        ),
    ] = False,
    pin_ports: Annotated[
        bool,
        typer.Option(
            "--pin-ports",
            help="Let containers that are replaced keep the ports of the host that the engine "
            "chose for them (-P).",
        ),
    ] = False,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write down what is done. Default: a new file in "
            "~/.local/state/linkdoctor.",
        ),
    ] = None,
    undo: Annotated[
        Path | None,
        typer.Option(metavar="JOURNAL", help="Take back what a journal says was done."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="JOURNAL",
            help="Bring a run that was cut off to a safe end; `auto` finds its journal where "
            "journals are by default.",
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for another run to end.")
    ] = 0.0,
    host: HostOption = None,
    context: ContextOption = None,
    snapshot: SnapshotOption = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODES",
            help="Mend only what these rules find: codes, names or beginnings like LD2.",
            autocompletion=complete_code,
        ),
    ] = None,
    fail_on: FailOnOption = None,
    format_: FormatOption = Format.TEXT,
    timeout: TimeoutOption = None,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Plan what mends broken links; with --apply, do it and prove it.

    Without --apply nothing is changed. A container that is replaced is kept until the new one has
    proved itself, and is put back if it does not.
    """
    settings = configuration(config)
    files = _files(carry=carry_files, drop=drop_files, keep_old=keep_old)
    if interactive and (yes or not apply):
        raise CliError("--interactive goes with --apply, and not with --yes")
    _refuse_nonsense(apply=apply and not dry_run, yes=yes, undo=undo, resume=resume)
    if plan_out is not None:
        output.refuse_unwritable(plan_out)
    engines = engines_meant(host, context, snapshot, timeout, settings)
    if undo is not None or resume is not None:
        raise typer.Exit(_from_journal(engines, undo, resume, wait))
    loaded = rules_of(rules, settings)
    selection = selection_meant(
        select=select, ignore=None, fail_on=fail_on, config=settings, rules=loaded
    )

    from linkdoctor.fix.use_cases import Scope, diagnosed, make_plan, read_written, wider
    from linkdoctor.render.layout import Medium

    with output.Progress() as progress:
        seen = look(engines, progress)
    names = containers_meant(containers or (), seen) if seen.snapshots else frozenset()
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
        raise CliError("a snapshot cannot be mended: give --apply an engine, with -H or --context")
    width, colour, ascii_only = output.paper()
    medium = Medium(width=width, colour=colour, ascii_only=ascii_only)
    permitted = Safety(allow or (Allowed.SAFE if acting else Allowed.RECREATE))
    if plan_out is not None or not acting:
        report = diagnosed(seen, scope)
        planned = make_plan(seen, scope, allow=permitted, report=report)
        planned = read_written(planned, seen, scope, files=files)
        if plan_out is not None:
            output.write_atomically(plan_out, _json(planned))
        if not acting:
            more = {each.allow: each.steps for each in wider(seen, scope, permitted, report)}
            _print_plan(planned, medium, format_, more, several=len(seen.snapshots) > 1)
            raise typer.Exit(exit_code(report))
    ask = _Asking(medium, several=len(seen.snapshots) > 1, pick=interactive)
    applied = _applied(
        scope,
        seen,
        permitted,
        medium,
        ask=None if yes else ask,
        keep_old=keep_old,
        files=files,
        journal=journal,
        wait=wait,
    )
    _print_applied(applied, medium, format_)
    raise typer.Exit(exit_code(applied.report))


def _files(*, carry: bool, drop: bool, keep_old: bool) -> Files:
    if drop and (carry or keep_old):
        other = "--carry-files" if carry else "--keep-old"
        raise CliError(f"{other} and --drop-files cannot be used together")
    return Files.CARRY if carry else Files.DROP if drop else Files.KEEP


def _refuse_nonsense(*, apply: bool, yes: bool, undo: Path | None, resume: Path | None) -> None:
    if sum((apply, undo is not None, resume is not None)) > 1:
        raise CliError("--apply, --undo and --resume exclude one another")
    if apply and not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CliError("--apply asks before each step and there is no terminal: add --yes")


def _applied(
    scope: Scope,
    seen: Examination,
    allow: Safety,
    medium: Medium,
    *,
    ask: _Asking | None,
    keep_old: bool,
    files: Files,
    journal: Path | None,
    wait: float,
) -> Applied:
    from linkdoctor.api import EngineError
    from linkdoctor.fix.use_cases import Answer, FixError, apply, interrupted

    def told(step: Step, done: Done | None) -> None:
        if done is None:
            output.complain(medium.say(f"step {step.number}: {step.title} ..."))

    try:
        for engine in scope.engines:
            for path in interrupted(engine):
                output.complain(f"a run was cut off; linkdoctor fix --resume {path} ends it")
        return apply(
            scope,
            allow=allow,
            confirm=ask.about if ask else (lambda _: Answer.YES),
            planned=ask.plan if ask else (lambda _: None),
            told=told,
            keep_old=keep_old,
            files=files,
            journal=journal,
            wait=wait,
            examination=seen,
        )
    except (EngineError, FixError) as error:
        raise CliError(str(error), ExitCode.INCOMPLETE) from None


class _Asking:
    """Asks at the terminal: before each step, or once for all that are picked from a plan."""

    def __init__(self, medium: Medium, *, several: bool, pick: bool) -> None:
        self._medium, self._several, self._pick = medium, several, pick
        self._picked: frozenset[int] = frozenset()

    def plan(self, planned: Plan) -> None:
        """Show a plan and let its steps be picked, if that was asked for."""
        if not self._pick:
            return
        for step in planned.steps:
            self._show(step)
        while True:
            said = typer.prompt("which steps? [1-3,5, all, none]", default="none", err=True)
            picked = _numbers(said, len(planned.steps))
            if picked is not None:
                self._picked = picked
                return

    def about(self, step: Step) -> Answer:
        """Tell whether a step is wanted."""
        from linkdoctor.fix.use_cases import Answer

        if self._pick:
            return Answer.YES if step.number in self._picked else Answer.NO
        self._show(step)
        said = typer.prompt("do it? [y]es, [n]o, [q]uit", default="n", err=True)
        answers = {"y": Answer.YES, "n": Answer.NO, "q": Answer.STOP}
        return answers.get(said.strip().lower()[:1], Answer.NO)

    def _show(self, step: Step) -> None:
        from linkdoctor.render.plan import step_lines

        for line in step_lines(step, self._medium, several=self._several):
            typer.echo(line, err=True)


def _numbers(text: str, most: int) -> frozenset[int] | None:
    """Read which steps are meant: ``1-3,5``, ``all`` or ``none``; None if that is none of them."""
    word = text.strip().lower()
    if word in ("all", "none"):
        return frozenset(range(1, most + 1)) if word == "all" else frozenset()
    found: set[int] = set()
    for part in word.replace(",", " ").split() or [""]:
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        if not all(each.isascii() and each.isdecimal() for each in ends):
            return None
        low, high = (int(each) for each in ends)
        if not 1 <= low <= high <= most:
            return None
        found |= set(range(low, high + 1))
    return frozenset(found)


def _from_journal(
    engines: Engines, undo_from: Path | None, resume_from: Path | None, wait: float
) -> ExitCode:
    from linkdoctor.api import EngineError
    from linkdoctor.fix.use_cases import FixError, Result, interrupted, resume, undo

    where = engines_named(engines)
    if len(where) != 1:
        raise CliError("a journal is about one engine: name it with -H or --context")
    try:
        if undo_from is not None:
            outcomes = undo(undo_from, where[0], wait=wait)
        else:
            found = (
                interrupted(where[0]) if str(resume_from) == _AUTO else (Path(str(resume_from)),)
            )
            outcomes = tuple(each for path in found for each in resume(path, where[0], wait=wait))
    except (EngineError, FixError) as error:
        raise CliError(str(error), ExitCode.INCOMPLETE) from None
    output.emit(_outcomes(outcomes))
    failed = any(each.result is Result.NOT_FIXED for each in outcomes)
    return ExitCode.FINDINGS if failed else ExitCode.OK


def _outcomes(outcomes: Sequence[Outcome]) -> str:
    from linkdoctor.render.layout import Medium, text_of

    width, colour, ascii_only = output.paper()
    medium = Medium(width=width, colour=colour, ascii_only=ascii_only)
    if not outcomes:
        return "nothing was left to do\n"
    lines: list[str] = []
    for each in outcomes:
        what = type(each.action).__name__.lower()
        reason = f": {each.reason}" if each.reason else ""
        text = f"{what} {each.action.container}: {each.result.value}{reason}"
        lines += medium.paragraph(text, hanging="  ")
        for note in each.notes:
            lines += medium.paragraph(note, indent="  ", hanging="    ")
    return text_of(lines)


def _print_plan(
    planned: Plan, medium: Medium, format_: Format, more: dict[Safety, int], *, several: bool
) -> None:
    if format_ is Format.JSON:
        output.emit_bytes(_json(planned))
        return
    from linkdoctor.render.layout import counted
    from linkdoctor.render.plan import render_plan

    count = counted(len(planned.steps), "step")
    if planned.steps:
        head = f"{count} would mend what is listed here; nothing has been changed (--apply does it)"
    elif planned.advice:
        head = "nothing can be mended without you"
    else:
        head = "nothing to mend"
    text = render_plan(
        [(step, None) for step in planned.steps],
        planned.advice,
        head=head,
        wider=more,
        medium=medium,
        several=several,
    )
    output.emit(text)


def _print_applied(applied: Applied, medium: Medium, format_: Format) -> None:
    if format_ is Format.JSON:
        output.emit_bytes(_json(applied))
        return
    from linkdoctor.fix.use_cases import Result
    from linkdoctor.render.layout import counted
    from linkdoctor.render.plan import render_plan

    done = [each for one in applied.rounds for each in one.done]
    fixed = sum(each.result is Result.FIXED for each in done)
    summary = applied.report.summary
    left = f"{counted(summary.error, 'error')} and {counted(summary.warning, 'warning')} left"
    head = f"{counted(fixed, 'step')} of {len(done)} carried out; {left}"
    tail = [f"journal: {path} (linkdoctor fix --undo takes it back)" for path in applied.journals]
    output.emit(
        render_plan(
            [(each.step, _mark(each)) for each in done],
            applied.left.advice,
            head=head,
            wider={each.allow: each.steps for each in applied.wider},
            medium=medium,
            several=len(applied.report.hosts) > 1,
            tail=tail,
        )
    )


def _json(value: Plan | Applied) -> bytes:
    from linkdoctor.render.as_json import render_json

    return render_json(value).encode()


def _mark(done: Done) -> Mark:
    from linkdoctor.fix.use_cases import Result
    from linkdoctor.render.plan import Mark

    return Mark(
        word=done.result.value if done.result is not None else "not begun",
        reason=done.reason,
        notes=done.notes,
        good=done.result is Result.FIXED,
    )


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "fix",
        short_help="Plan what mends broken links, and do it if told to.",
        epilog=examples(
            "linkdoctor fix                                the plan; nothing is changed",
            "linkdoctor fix web --apply                    what interrupts nothing, step by step",
            "linkdoctor fix --apply --allow restart --yes",
            "linkdoctor fix --undo JOURNAL                 take it back",
            more="Exit codes: as of check, for what is left.",
        ),
    )(fix)
