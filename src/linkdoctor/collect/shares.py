"""Fair shares: of what there is too much to do, everybody's first comes before anybody's second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TypeVar

__all__ = ["in_turn"]

T = TypeVar("T")

_NOBODY = object()


def in_turn(queues: Iterable[Sequence[T]]) -> list[T]:
    """Join queues: the first of each, then the second of each, and so on.

    What is cut off at the end of it is cut from those that ask for the most.
    """
    rounds = zip_longest(*queues, fillvalue=_NOBODY)
    return [each for of_round in rounds for each in of_round if each is not _NOBODY]  # type: ignore[misc]
