"""One run at a time on one engine. The lock goes with its holder, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Generator
from pathlib import Path

from linkdoctor.fix.journal import state_directory

__all__ = ["Lock", "LockError", "Locked", "locked"]

_PAUSE = 0.1


class LockError(Exception):
    """The lock cannot be had; the message is one line."""


class Locked(LockError):
    """Another run holds the lock."""

    def __init__(self, holder: int | None) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{who} is mending links on this engine; wait for it, or use --wait")
        self.holder = holder
        """Its process id, if it is known."""


class Lock:
    """A lock that is held. A child process that is given the descriptor holds it too."""

    def __init__(self, descriptor: int) -> None:
        """Take a descriptor that is locked."""
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Give the descriptor."""
        return self._descriptor


@contextlib.contextmanager
def locked(
    engine_id: str, *, wait: float = 0.0, directory: Path | None = None
) -> Generator[Lock, None, None]:
    """Hold the lock of an engine.

    Args:
        engine_id: ``ID`` of ``GET /info``.
        wait: seconds to wait for another run.
        directory: where the locks are; by default the state directory.

    Raises:
        Locked: another run holds it still.
        LockError: the file cannot be made.
    """
    place = state_directory() if directory is None else directory
    name = hashlib.sha256(engine_id.encode()).hexdigest()[:16]
    path = place / f"engine-{name}.lock"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LockError(f"{path} cannot be made: {error.strerror}") from None
    try:
        _take(descriptor, time.monotonic() + wait)
        _sign(descriptor, path)
        yield Lock(descriptor)
    finally:
        os.close(descriptor)


def _sign(descriptor: int, path: Path) -> None:
    """Write down who holds the lock; where not even that can be written, no journal can."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise LockError(f"{path} cannot be written: {error.strerror}") from None


def _take(descriptor: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Locked(_holder(descriptor)) from None
            time.sleep(_PAUSE)
        else:
            return


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip()
    return int(text) if text.isdecimal() else None
