"""What is asked at the terminal before steps are carried out, and what is said while they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from linkdoctor.cli import output

if TYPE_CHECKING:
    from linkdoctor.fix.use_cases import Answer, Done, Plan, Step
    from linkdoctor.render.layout import TextStyle

__all__ = ["Asking", "step_numbers"]


class Asking:
    """Asks before each step, or once for all that are picked from a plan, and tells how it goes."""

    def __init__(self, medium: TextStyle, *, several: bool, pick: bool, silent: bool) -> None:
        self._medium, self._several, self._pick, self._silent = medium, several, pick, silent
        self._picked: frozenset[int] = frozenset()
        self._last = 0

    @property
    def asks_each(self) -> bool:
        """Whether a person is asked before each step, and sees how one went before the next."""
        return not (self._pick or self._silent)

    def plan(self, planned: Plan) -> None:
        """Show a plan and let its steps be picked, if that was asked for."""
        numbers = [each.number for each in planned.steps]
        self._last = numbers[-1]
        if not self._pick:
            return
        for step in planned.steps:
            self._show(step)
        while True:
            said = typer.prompt(
                f"which steps? [{_span(numbers)}, all, none, ?]", default="none", err=True
            )
            picked = step_numbers(said, numbers)
            if picked is not None:
                self._picked = picked
                return
            self._explain(_PICKING)

    def about(self, step: Step) -> Answer:
        """Whether a step is wanted."""
        from linkdoctor.fix.use_cases import Answer

        if self._silent:
            return Answer.YES
        if self._pick:
            return Answer.YES if step.number in self._picked else Answer.NO
        self._show(step)
        answers = {"y": Answer.YES, "n": Answer.NO, "q": Answer.STOP}
        while True:
            said = typer.prompt("do it? [y]es, [n]o, [q]uit, [?]", default="n", err=True)
            answer = answers.get(said.strip().lower()[:1])
            if answer is not None:
                return answer
            self._explain(_ANSWERS)

    def on_step(self, step: Step, done: Done | None) -> None:
        """Say which of how many steps begins, how it ended, and how many are left."""
        if done is None:
            text = f"step {step.number} of {self._last}: {step.title} ..."
        else:
            from linkdoctor.render.layout import counted

            word = done.result.value if done.result is not None else "not started"
            left = self._last - step.number
            more = f"; {counted(left, 'step')} left" if left else ""
            text = f"step {step.number} of {self._last}: {word}{more}"
        output.complain(self._medium.say(text))

    def _explain(self, lines: Sequence[str]) -> None:
        for line in lines:
            typer.echo(line, err=True)

    def _show(self, step: Step) -> None:
        from linkdoctor.render.plan import step_lines

        for line in step_lines(step, self._medium, several=self._several):
            typer.echo(line, err=True)


_ANSWERS = (
    "  y  carry out this step",
    "  n  skip it, and the steps that need it",
    "  q  skip this step and all that follow; what is done stays done",
    "  ?  this help",
)
_PICKING = (
    "  1-3,5  these steps, by number; a step that needs a skipped one is skipped, too",
    "  all    every step",
    "  none   no step: nothing is changed",
    "  ?      this help",
)


def _span(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"


def step_numbers(text: str, known: Sequence[int]) -> frozenset[int] | None:
    """Read which steps are meant: ``1-3,5``, ``all`` or ``none``; None if that is none of them."""
    word = text.strip().lower()
    if word in ("all", "none"):
        return frozenset(known) if word == "all" else frozenset()
    found: set[int] = set()
    for part in word.replace(",", " ").split() or [""]:
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        if not all(each.isascii() and each.isdecimal() for each in ends):
            return None
        low, high = (int(each) for each in ends)
        if not known[0] <= low <= high <= known[-1]:
            return None
        found |= set(range(low, high + 1))
    return frozenset(found)
