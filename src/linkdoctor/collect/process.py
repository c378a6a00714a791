"""The environment that a process got when it started: the only module that imports psutil."""

from __future__ import annotations

import os

import psutil

from linkdoctor.collect.procfs import NotProven, Proc

__all__ = ["environment_of"]


def environment_of(held: Proc) -> tuple[tuple[str, str], ...]:
    """Read the environment of a proven process.

    Raises:
        NotProven: it may not be read, or the process ended meanwhile.
    """
    try:
        environment = psutil.Process(held.pid).environ()
        # While the process that was proven lives, nobody else has its pid: what was read is its.
        alive = _still_there(held)
    except psutil.AccessDenied:
        raise NotProven("no permission to read its process environment; run as root") from None
    except (psutil.Error, OSError):
        raise NotProven("its process ended while it was read") from None
    if not alive:
        raise NotProven("its process ended while it was read")
    return tuple(environment.items())


def _still_there(held: Proc) -> bool:
    try:
        os.stat("stat", dir_fd=held.descriptor)
    except OSError:
        return False
    return True
