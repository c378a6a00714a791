"""Whether the time that a reader takes grows with what it reads, and not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["grows_evenly"]

_GROWTH = 4
_WORST = 2.5
"""How many times longer than the input the time may grow; with its square it would be 4."""
_UNSEEN = 0.01
"""Seconds below which nothing is measured."""
_TRIES = 4
"""A machine that is busy may mislead once, but not each time."""


def grows_evenly(read: Callable[[int], object], largest: int) -> bool:
    """Whether a large input takes about as many times longer than a small one as it is larger.

    Args:
        read: reads an input of a size.
        largest: the size of the large input; the small one is a quarter of it.
    """
    for _ in range(_TRIES):
        took = _seconds(read, largest)
        if took < _UNSEEN or took < _WORST * _GROWTH * _seconds(read, largest // _GROWTH):
            return True
    return False


def _seconds(read: Callable[[int], object], size: int) -> float:
    """Return the time of this process alone: what else the machine does is not counted."""
    begun = time.process_time()
    read(size)
    return time.process_time() - begun
