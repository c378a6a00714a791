"""``linkdoctor fix --undo`` and ``--resume``: what is done with the journal of an earlier run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from linkdoctor.cli import output
from linkdoctor.cli.common import Engines, engines_named
from linkdoctor.cli.errors import CliError
from linkdoctor.model.report import ExitCode

if TYPE_CHECKING:
    from linkdoctor.api import ContextName, Url
    from linkdoctor.fix.from_journal import Undoing
    from linkdoctor.fix.use_cases import Outcome
    from linkdoctor.render.layout import TextStyle

__all__ = [
    "AUTO",
    "FixCommand",
    "from_journal",
    "tell_of_interrupted",
    "undo_lines",
]

AUTO = "auto"
"""Stands for the newest journal, or for the interrupted ones."""


class FixCommand(TyperCommand):
    """The command, whose option ``--undo`` may stand without a journal."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; an ``--undo`` that stands alone means the newest journal."""
        return super().parse_args(ctx, _with_journal(args))


def _with_journal(arguments: Sequence[str]) -> list[str]:
    completed: list[str] = []
    for word, following in zip(arguments, [*arguments, "-"][1:], strict=True):
        completed.append(word)
        if word == "--undo" and following.startswith("-"):
            completed.append(AUTO)
    return completed


def tell_of_interrupted(engines: Iterable[Url | ContextName]) -> None:
    """Say which earlier runs were interrupted, on which engine, and how they are finished."""
    from linkdoctor.api import EngineError
    from linkdoctor.fix.from_journal import interrupted
    from linkdoctor.fix.reversible import engine_words
    from linkdoctor.rulekit.commands import shell

    for engine in engines:
        words = engine_words(engine, os.environ)
        where = f"on {words[-1]} " if words else ""
        # One that cannot be asked is named in the result, and hinders no other.
        with contextlib.suppress(EngineError):
            for path in interrupted(engine):
                command = shell("linkdoctor", "fix", *words, "--resume", str(path))
                output.complain(f"an earlier run {where}was interrupted; finish it with: {command}")


def undo_lines(commands: Sequence[str], journals: Sequence[str], medium: TextStyle) -> list[str]:
    """Say where it was written down what was done, and what takes it back."""
    lines: list[str] = []
    for path in journals:
        lines += ["", medium.say(f"journal: {path}", len(path) + 20)]
    if commands:
        lines += ["", "to take back what is possible:"]
        lines += [f"    {medium.command(each)}" for each in commands]
    elif journals:
        lines += ["none of it can be taken back"]
    return lines


def from_journal(
    engines: Engines, undo_from: Path | None, resume_from: Path | None, wait: float, *, yes: bool
) -> ExitCode:
    """Take back, or bring to an end, what a journal tells of; print how it went."""
    from linkdoctor.api import EngineError
    from linkdoctor.fix.from_journal import NoJournalError, how_it_ended, interrupted, resume, undo
    from linkdoctor.fix.use_cases import FixError, Result, must_answer

    where = engines_named(engines)
    if len(where) != 1:
        raise CliError("a journal belongs to one engine: name it with -H or --context")
    asking = _Asking(yes=yes)
    found: tuple[Path, ...] = ()
    try:
        if undo_from is not None:
            journal = None if str(undo_from) == AUTO else undo_from
            outcomes = undo(journal, where[0], agree=asking.agree, wait=wait)
        else:
            auto = str(resume_from) == AUTO
            if auto:
                must_answer(where[0])
            found = interrupted(where[0]) if auto else (Path(str(resume_from)),)
            outcomes = tuple(each for path in found for each in resume(path, where[0], wait=wait))
    except NoJournalError as error:
        raise CliError(str(error)) from None
    except (EngineError, FixError) as error:
        raise CliError(str(error), ExitCode.INCOMPLETE) from None
    if asking.declined:
        output.emit("declined; nothing was changed\n")
        return ExitCode.OK
    if not outcomes and resume_from is not None:
        for path in found:
            for clause in how_it_ended(path):
                output.complain(clause)
    output.emit(_outcomes(outcomes))
    failed = any(each.result is Result.NOT_FIXED for each in outcomes)
    return ExitCode.FINDINGS if failed else ExitCode.OK


class _Asking:
    """Shows what is to be taken back, and asks whether it is to be done."""

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self.declined = False

    def agree(self, undoing: Undoing) -> bool:
        """Whether it is wanted; nothing is asked where nothing would be done."""
        todo = [each for each in undoing.reversals if not each.why_not]
        if not (todo or undoing.interrupted):
            return True
        lines = [f"journal: {undoing.journal}"]
        lines += [
            f"{_named(step.action)}: was interrupted; will be finished first"
            for step in undoing.interrupted
        ]
        for each in undoing.reversals:
            what = f"cannot be taken back: {each.why_not}" if each.why_not else "will be taken back"
            lines.append(f"{_named(each.step.action)}: {what}")
        for line in lines:
            output.complain(line)
        if not self._yes and not (output.is_terminal(sys.stdin) and output.is_terminal(sys.stderr)):
            raise CliError("--undo asks first and there is no terminal: add --yes")
        if not self._yes:
            said = typer.prompt("take this back? [y]es, [n]o", default="n", err=True)
            self.declined = said.strip().lower()[:1] != "y"
        return not self.declined


def _named(action: Any) -> str:
    return f"{type(action).__name__.lower()} {action.container}"


def _outcomes(outcomes: Sequence[Outcome]) -> str:
    from linkdoctor.render.layout import text_of

    medium = output.output_style()
    if not outcomes:
        return "nothing was left to do\n"
    lines: list[str] = []
    for each in outcomes:
        reason = f": {each.reason}" if each.reason else ""
        text = f"{_named(each.action)}: {each.result.value}{reason}"
        lines += medium.paragraph(text, hanging="  ")
        for note in each.notes:
            lines += medium.paragraph(note, indent="  ", hanging="    ")
    return text_of(lines)
