"""Several pieces of work at once, none of which can hold up the end of the process.

The threads of :mod:`concurrent.futures` are waited for when the interpreter ends: one of them
that hangs, on a file system that does not answer for one, would never let it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TypeVar

__all__ = ["at_once"]

T = TypeVar("T")
R = TypeVar("R")


def at_once(workers: int, action: Callable[[T], R], things: Iterable[T]) -> list[R]:
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

    crew = [
        threading.Thread(target=work, name="linkdoctor-crew", daemon=True)
        for _ in range(min(workers, waiting.qsize()))
    ]
    for each in crew:
        each.start()
    for each in crew:
        each.join()
    if failures:
        raise failures[min(failures)]
    return [results[number] for number in sorted(results)]
