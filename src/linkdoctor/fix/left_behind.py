"""Decides whether an old container still holds something that its replacement has not."""

from __future__ import annotations

import contextlib
import time

import msgspec

from linkdoctor.collect.control import Control
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.carrying import Copied, is_unchanged
from linkdoctor.fix.journal import JournalStep
from linkdoctor.fix.written import nothing_lost, written_outside_volumes
from linkdoctor.model.evidence import Known
from linkdoctor.model.plan import Files, in_words

__all__ = ["Copies", "holds_more", "not_carried_in_words", "why_kept"]

_READING = 30.0
_NAMED = 5


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied into a new container."""

    copied: Copied
    running: bool
    """The old container was running meanwhile, and may have written more."""

    @property
    def all_there(self) -> bool:
        """Whether the new container has for certain all that the old one wrote."""
        return self.copied.complete and not self.running

    def in_words(self) -> str:
        """Say what was copied, a clause; '' if nothing was."""
        number = self.copied.files
        files = "1 file" if number == 1 else f"{number} files"
        meanwhile = " while the old one was running" if self.running else ""
        return f"{files} written outside volumes carried over{meanwhile}, and compared" * bool(
            number
        )


def why_kept(control: Control, step: JournalStep, copies: Copies | None) -> str:
    """Say why an old container, which is stopped, must be kept; '' if nothing is lost with it."""
    if step.files is Files.DROP or step.carried:
        return ""
    if step.files is Files.CARRY and copies is not None:
        return _why_not_carried(control, step, copies)
    return holds_more(control, step.before.id, step.new_id)


def holds_more(control: Control, container: str, other: str) -> str:
    """Say what a container holds outside volumes that another one, if any, has not; or ''."""
    with contextlib.suppress(EngineError):  # what cannot be compared counts as held
        if other and nothing_lost(control, container, other):
            return ""
    deadline = time.monotonic() + _READING
    written, _ = written_outside_volumes(control, container, deadline)
    if not isinstance(written, Known):
        return f"what it wrote outside volumes could not be read ({written.detail})"
    if not other and not written.value.paths:
        return ""
    return f"it holds what was written outside volumes: {in_words(written.value)}"


def _why_not_carried(control: Control, step: JournalStep, copies: Copies) -> str:
    if not copies.copied.complete:
        return not_carried_in_words(copies.copied)
    if not copies.running:
        return ""
    try:
        if is_unchanged(control, step.before.id, copies.copied):
            return ""
    except EngineError as error:
        return f"whether it kept writing after its files were copied is not known ({error})"
    return "it kept writing after its files were copied, until the new one served"


def not_carried_in_words(copied: Copied) -> str:
    """Say what of an old container is not in the new one."""
    shown = [f"{path} ({why})" for path, why in copied.not_carried[:_NAMED]]
    more = len(copied.not_carried) - len(shown)
    return "not carried over: " + ", ".join([*shown, *([f"{more} more"] if more else [])])
