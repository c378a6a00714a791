"""Python's collector of cycles, and when it is better left out."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["without_collector"]


@contextmanager
def without_collector() -> Generator[None]:
    """Keep the collector of cycles from running meanwhile.

    What is read of an engine and what rules make of it are trees: it is freed by counting, and
    there is nothing for the collector to find. Yet it would walk all of it again and again while
    it grows, which takes a third of the time for a hundred thousand links.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
