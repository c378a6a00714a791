"""A plan of fixes, and what became of it, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from linkdoctor.model.evidence import Unknown
from linkdoctor.model.plan import Advice, Files, Step, in_words
from linkdoctor.model.report import Safety
from linkdoctor.render.layout import Style, TextStyle, counted, listed, text_of

__all__ = ["Mark", "more_permission_lines", "render_plan", "step_lines"]

_LONGEST_COMMAND = 32 * 1024
_STYLES = {
    Safety.SAFE: Style.GOOD,
    Safety.RESTART: Style.WARNING,
    Safety.RECREATE: Style.ERROR,
}


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a step."""

    word: str
    reason: str = ""
    notes: tuple[str, ...] = ()
    good: bool = False
    reversible: str = ""
    """Whether it can be taken back; '' where there is nothing to take back."""


def render_plan(
    steps: Sequence[tuple[Step, Mark | None]],
    advice: Sequence[Advice],
    *,
    head: str,
    before: Iterable[str] = (),
    more: Mapping[Safety, int],
    medium: TextStyle,
    several: bool = False,
    tail: Iterable[str] = (),
) -> str:
    """Lay out a plan: its steps in order, what is left to a person, and what more could be done.

    Args:
        steps: in the order in which they are carried out, each with what became of it, if it
            was its turn.
        advice: the findings that no step serves.
        head: the first line of the plan.
        before: lines above it, as they are to be printed.
        more: how many more steps each wider permission would take.
        medium: what is written on.
        several: name the hosts.
        tail: further lines at the end.
    """
    lines = [*before, *medium.paragraph(head, limit=_LONGEST_COMMAND)]
    for step, mark in steps:
        lines += ["", *step_lines(step, medium, mark=mark, several=several)]
    if advice:
        lines += ["", "left to you:"]
        for each in advice:
            lines += _advice(each, medium, several)
    lines += more_permission_lines(more, medium)
    for line in tail:
        lines += ["", *medium.paragraph(line, limit=_LONGEST_COMMAND)]
    return text_of(lines)


def step_lines(
    step: Step, medium: TextStyle, *, mark: Mark | None = None, several: bool = False
) -> Iterator[str]:
    """Lay out one step: how it is done and taken back, or what became of it."""
    on = f" on {medium.name(step.host)}" if several else ""
    codes = f" ({', '.join(step.codes)})" if step.codes else ""
    head = medium.say(f"step {step.number}: {step.title}{on}{codes}")
    safety = medium.paint(f"[{step.safety.value}]", _STYLES.get(step.safety, Style.STRONG))
    yield f"{head} {safety}"
    yield from medium.paragraph(step.reason, indent="  ")
    if step.interrupts:
        names = listed([medium.name(each) for each in step.interrupts], 8)
        text = f"interrupts {names}, up to {counted(step.seconds, 'second')} and its start"
        yield from medium.paragraph(text, indent="  ", limit=_LONGEST_COMMAND)
    for note in step.notes:
        yield from medium.paragraph(note, indent="  ", hanging="    ")
    if mark is None:
        for text in _written_lines(step):
            yield from medium.paragraph(text, indent="  ", hanging="    ", limit=_LONGEST_COMMAND)
    yield from _how(step, medium) if mark is None else _outcome(mark, medium)


def _written_lines(step: Step) -> Iterator[str]:
    """Say what the container that is replaced wrote outside volumes, and what becomes of it."""
    if isinstance(step.written, Unknown):
        yield (
            "what it wrote outside volumes could not be read "
            f"({step.written.detail}): {_WHAT_BECOMES[step.files]}"
        )
    elif step.written is not None and step.written.value.paths:
        yield (f"wrote outside volumes {in_words(step.written.value)}; {_WHAT_BECOMES[step.files]}")
    if step.tmpfs:
        yield f"what {listed(step.tmpfs, 8)} holds in memory (tmpfs) is lost"


_WHAT_BECOMES = {
    Files.KEEP: "the old container is kept, stopped, unless the new one makes all of it again "
    "(--carry-files copies it into the new one, --drop-files loses it)",
    Files.CARRY: "it is copied into the new container before that starts, and compared",
    Files.DROP: "IT IS LOST (--drop-files)",
}


def _how(step: Step, medium: TextStyle) -> Iterator[str]:
    if step.reversible:
        yield from medium.paragraph(step.reversible, indent="  ")
    for command in step.commands:
        yield f"      {medium.command(command)}"
    if step.undo:
        yield "  undo:"
        for command in step.undo:
            yield f"      {medium.command(command)}"


def _outcome(mark: Mark, medium: TextStyle) -> Iterator[str]:
    style = Style.GOOD if mark.good else Style.ERROR
    reason = f": {mark.reason}" if mark.reason else ""
    yield "  " + medium.paint(medium.say(f"{mark.word}{reason}"), style)
    for note in mark.notes:
        yield from medium.paragraph(note, indent="  ", hanging="    ")
    if mark.reversible:
        yield from medium.paragraph(mark.reversible, indent="  ", hanging="    ")


def more_permission_lines(more: Mapping[Safety, int], medium: TextStyle) -> Iterator[str]:
    """Say what a wider permission would add."""
    if more:
        yield ""
    for safety, count in more.items():
        yield from medium.paragraph(
            f"--allow {safety.value} would allow {counted(count, 'more step', 'more steps')}"
        )


def _advice(advice: Advice, medium: TextStyle, several: bool) -> Iterator[str]:
    subject = f"{advice.target}/{advice.alias}" if advice.alias else advice.target
    subject = subject or f"host {advice.host}"
    on = f" on {medium.name(advice.host)}" if several else ""
    head = f"{advice.code} {medium.name(subject)}{on}: {advice.reason}"
    yield from medium.paragraph(head, indent="  ", hanging="    ")
    for title, commands in advice.fixes:
        yield from medium.paragraph(title, indent="    ", hanging="      ")
        for command in commands:
            yield f"      {medium.command(command)}"
