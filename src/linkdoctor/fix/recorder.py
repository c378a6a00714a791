"""The calls of one step, each with a line in the journal before and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from linkdoctor.collect.control import Control, ControlError, Seen
from linkdoctor.fix.journal import Before, Call, Journal, JournalError

__all__ = ["Recorder", "state_before"]

T = TypeVar("T")


class Recorder:
    """Makes the calls of one step, each with a line in the journal before and after it."""

    def __init__(self, journal: Journal, step: int, *, strict: bool = True) -> None:
        """Take the step's number; not `strict`: a full disk does not keep the call from going."""
        self.journal = journal
        self.step = step
        self._strict = strict

    def call(self, kind: Call, container: str, name: str, act: Callable[[], T]) -> T:
        """Make one call; raises JournalError before it was made, or what it raises."""
        self._note(lambda: self.journal.before(self.step, kind, container, name))
        try:
            result = act()
        except ControlError:
            self._note(lambda: self.journal.after(self.step, kind, container, name, failed=True))
            raise
        about = str(result) if kind is Call.CREATE else container
        self._note(lambda: self.journal.after(self.step, kind, about, name))
        return result

    def restart(self, control: Control) -> Callable[[str], None]:
        """Return what restarts a container, with its lines in the journal."""
        return lambda each: self.call(Call.RESTART, each, "", partial(control.restart, each))

    def relaxed(self) -> Recorder:
        """Return one for putting things back, which a full disk must not prevent."""
        return Recorder(self.journal, self.step, strict=False)

    def _note(self, write: Callable[[], None]) -> None:
        try:
            write()
        except JournalError:
            if self._strict:
                raise


def state_before(seen: Seen, sources: Iterable[str] = ()) -> Before:
    """Keep of a container what taking a step back needs."""
    return Before(
        id=seen.id,
        name=seen.name,
        running=seen.wanted_up,
        paused=seen.status == "paused",
        restart_policy=seen.restart_policy,
        stop_timeout=seen.stop_timeout,
        networks=tuple(name for name, _, _ in seen.networks),
        started_at=seen.started_at,
        sources=tuple(dict.fromkeys(sources)),
        unhealthy=seen.health == "unhealthy",
    )
