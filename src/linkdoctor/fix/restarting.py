"""Restarts several containers side by side: what takes long is that they stop.

The requests, and the looks at how each container runs then, are made by threads. All else stays
with the caller's own: only it writes into the journal, in which each step is begun, and its request
noted, before that goes out. A thread that is left behind by Ctrl-C therefore notes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue

import msgspec

from linkdoctor.collect.control import Control, ControlError, Seen, Unanswered
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.journal import Call, Journal, JournalError
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.proving import NotGood, Patience, prove
from linkdoctor.fix.recorder import state_before
from linkdoctor.fix.step_run import Refused, may_go_on, restartable, sentence
from linkdoctor.model.actions import Restart

__all__ = ["Faults", "restart_side_by_side"]

_POLL_INTERVAL = 0.1

Faults = Callable[[Sequence[int]], Iterable[tuple[int, str | None]]]
"""Looks for what restarts, given by their places, were to fix: yields each with its fault."""


class _Begun(msgspec.Struct, kw_only=True):
    """A restart that the journal knows, while it is not over."""

    step: int
    seen: Seen
    took: float = 0.0
    ill: str = ""


class _Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a thread has to say."""

    place: int
    answered: bool
    """The request was answered; otherwise the container was looked at after it."""
    took: float = 0.0
    ill: str = ""
    error: Exception | None = None


def restart_side_by_side(
    actions: Sequence[Restart],
    control: Control,
    journal: Journal,
    *,
    faults: Faults,
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> tuple[Outcome, ...]:
    """Restart containers that do not depend on one another, and prove each; give their outcomes.

    One that fails does not hinder the others. An interrupt leaves those that are not over as open
    steps, and says which they are.
    """
    batch = _Batch(actions, control, journal, patience)
    try:
        batch.begin()
        batch.hear()
        batch.judge(faults)
    except BaseException as interrupt:
        for each in batch.begun.values():
            interrupt.add_note(may_go_on(each.seen.name, journal))
        raise
    return tuple(batch.outcomes[place] for place in range(len(actions)))


class _Batch:
    """The restarts, each known by its place."""

    def __init__(
        self, actions: Sequence[Restart], control: Control, journal: Journal, patience: Patience
    ) -> None:
        self._actions, self._control, self._journal = actions, control, journal
        self._patience = patience
        self._said: SimpleQueue[_Heard] = SimpleQueue()
        self._awaited: set[int] = set()
        self.begun: dict[int, _Begun] = {}
        """Those that are not over."""
        self.outcomes: dict[int, Outcome] = {}

    def begin(self) -> None:
        """Note each, and send its request; one that is refused is over."""
        for place, action in enumerate(self._actions):
            try:
                seen, sources = restartable(self._control, action)
                before = state_before(seen, sources)
                engine = self._control.engine_id()
                step = self._journal.begin(action, before, engine=engine)
                self.begun[place] = _Begun(step=step, seen=seen)
                self._journal.before(step, Call.RESTART, seen.id)
            except (Refused, EngineError, JournalError) as error:
                self._refuse(place, str(error))
                continue
            self._awaited.add(place)
            threading.Thread(
                target=self._work, args=(place, seen), name="linkdoctor-restart", daemon=True
            ).start()

    def hear(self) -> None:
        """Note the answers as they come, until every container was looked at."""
        while self._awaited:
            try:  # poll, because a signal delivered to another thread does not wake this one
                heard = self._said.get(timeout=_POLL_INTERVAL)
            except Empty:
                continue
            if heard.place in self._awaited:
                self._take(heard)

    def judge(self, faults: Faults) -> None:
        """Look at what those that run well were to fix."""
        for place, fault in faults(tuple(sorted(self.begun))):
            self._end(place, fault or "")

    def _work(self, place: int, seen: Seen) -> None:
        began = time.monotonic()
        answered = False
        try:
            self._control.restart(seen.id)
            answered = True
            self._said.put(_Heard(place=place, answered=True, took=time.monotonic() - began))
            ill = prove(
                self._control, seen.id, self._patience, was_unhealthy=seen.health == "unhealthy"
            )
            self._said.put(_Heard(place=place, answered=False, ill=ill))
        except Exception as error:  # raised where it is heard
            self._said.put(_Heard(place=place, answered=not answered, error=error))

    def _take(self, heard: _Heard) -> None:
        begun = self.begun[heard.place]
        if heard.answered and (heard.error is None or isinstance(heard.error, ControlError)):
            failed = heard.error is not None
            try:
                self._journal.after(begun.step, Call.RESTART, begun.seen.id, failed=failed)
            except JournalError as error:
                self._awaited.discard(heard.place)
                self._refuse(heard.place, str(error))
                return
        if heard.answered and heard.error is None:
            begun.took = heard.took
            return
        self._awaited.discard(heard.place)
        match heard.error:
            case None:
                begun.ill = heard.ill
            case Unanswered():
                # It stays open in the journal: whether it was done is for `resume` to find out.
                self._over(heard.place, Result.NOT_FIXED, str(heard.error), begun.seen)
            case EngineError() | NotGood():
                self._end(heard.place, str(heard.error))
            case _:
                raise heard.error

    def _end(self, place: int, reason: str) -> None:
        begun = self.begun[place]
        result = Result.NOT_FIXED if reason else Result.FIXED
        try:
            self._journal.end(begun.step, result)
        except JournalError as error:
            self._refuse(place, str(error))
        else:
            self._over(place, result, reason, begun.seen)

    def _over(self, place: int, result: Result, reason: str, seen: Seen) -> None:
        begun = self.begun.pop(place)
        self.outcomes[place] = Outcome(
            action=self._actions[place],
            result=result,
            reason=reason,
            notes=(sentence(begun.ill),) if begun.ill else (),
            step=begun.step,
            container=seen.id,
            interrupted=begun.took,
        )

    def _refuse(self, place: int, reason: str) -> None:
        self.begun.pop(place, None)
        action = self._actions[place]
        self.outcomes[place] = Outcome(action=action, result=Result.NOT_FIXED, reason=reason)
