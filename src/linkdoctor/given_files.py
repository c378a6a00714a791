"""Reads files that a user names, or that lie where they are looked for: never for ever.

A named pipe without a writer would be waited for until someone comes. A pipe is read only where the
user named it (``--snapshot <(zcat …)``, ``/dev/stdin``), and not longer than a while.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from pathlib import Path

__all__ = ["read_bounded", "read_regular"]

_UNTIL_A_WRITER_COMES = 5.0
_BETWEEN_TWO_PIECES = 60.0
_ALTOGETHER = 300.0
_PIECE = 1 << 20


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file, at most one byte more than a limit.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    descriptor = _opened(path)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return _whole(descriptor, limit)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a file or a pipe that a user named, at most one byte more than a limit.

    Raises:
        OSError: it cannot be read, is a directory or a terminal, or nothing comes from it.
    """
    descriptor = _opened(path)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode):
            return _from_pipe(descriptor, limit)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.isatty(descriptor):
            raise OSError(errno.EINVAL, "a terminal, neither a file nor a pipe")
        return _whole(descriptor, limit)  # also /dev/null
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    # Without O_NONBLOCK the opening of a pipe waits for its writer.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def _whole(descriptor: int, limit: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(limit + 1)


def _from_pipe(descriptor: int, limit: int) -> bytes:
    end = time.monotonic() + _ALTOGETHER
    found = bytearray()
    begun = False  # a writer was there
    while len(found) <= limit:
        try:
            piece = os.read(descriptor, min(_PIECE, limit + 1 - len(found)))
        except BlockingIOError:
            begun = True
            _wait(descriptor, min(_BETWEEN_TWO_PIECES, end - time.monotonic()))
            continue
        if piece:
            found += piece
            begun = True
        elif begun:
            break
        else:
            _wait(descriptor, _UNTIL_A_WRITER_COMES)
            begun = True
    return bytes(found)


def _wait(descriptor: int, seconds: float) -> None:
    """Wait until something can be read from a pipe, or its last writer has gone."""
    watched = select.poll()
    watched.register(descriptor, select.POLLIN | select.POLLHUP)
    if seconds <= 0 or not watched.poll(seconds * 1000):
        raise TimeoutError(errno.ETIMEDOUT, "nothing writes to this pipe")
