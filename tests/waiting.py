"""Waits for what a deadline must end, without measuring how long it took."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

__all__ = ["SOON", "soon"]

T = TypeVar("T")

SOON = 20.0
"""Seconds within which a deadline of a second has passed, however busy the machine is.

Fewer than the 30 that linkdoctor gives an engine where nothing else is said.
"""


def soon(call: Callable[[], T]) -> T:
    """Return what a call returns or raise what it raises; fail if it goes on for ever."""
    outcome: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as failure:
            outcome.put((None, failure))

    Thread(target=work, daemon=True).start()
    try:
        result, failure = outcome.get(timeout=SOON)
    except Empty:
        raise AssertionError("its deadline did not end it") from None
    if failure is not None:
        raise failure
    return result  # type: ignore[return-value]
