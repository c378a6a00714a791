"""Several pieces of work at once, none of which can hold up the end of the process.

The threads of :mod:`concurrent.futures` are waited for when the interpreter ends: one of them
that hangs, on a file system that does not answer for one, would never let it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

__all__ = ["BackgroundTask", "map_concurrently"]

T = TypeVar("T")
R = TypeVar("R")


class BackgroundTask(Generic[R]):
    """A piece of work that was begun beside others."""

    def __init__(self, action: Callable[[], R]) -> None:
        """Begin it in a thread of its own."""
        self._outcome: list[R] = []
        self._failure: BaseException | None = None
        self._action = action
        self._thread = threading.Thread(target=self._work, name="linkdoctor-worker", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._outcome.append(self._action())
        except BaseException as failure:
            self._failure = failure

    def result(self) -> R:
        """Wait for it; return what it returned, or raise what it raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._outcome[0]


def map_concurrently(workers: int, action: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Do something with each thing, several at once; the results have the order of the things.

    Raises:
        BaseException: what an action raised, once every thing was tried.
    """
    waiting: SimpleQueue[tuple[int, T]] = SimpleQueue()
    for numbered in enumerate(things):
        waiting.put(numbered)
    results: dict[int, R] = {}
    failures: dict[int, BaseException] = {}

    def work() -> None:
        while True:
            try:
                number, thing = waiting.get_nowait()
            except Empty:
                return
            try:
                results[number] = action(thing)
            except BaseException as failure:
                failures[number] = failure

    tasks = [BackgroundTask(work) for _ in range(min(workers, waiting.qsize()))]
    for each in tasks:
        each.result()
    if failures:
        raise failures[min(failures)]
    return [results[number] for number in sorted(results)]
