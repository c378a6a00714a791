"""Two system calls that Python has not, or not yet: ``setns`` (3.12) and ``openat2``."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache

__all__ = ["NotOffered", "enter_network", "open_beneath"]

_CLONE_NEWNET = 0x40000000
_OPENAT2 = 437  # the same on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10
_NOT_OFFERED = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EAGAIN, errno.E2BIG)
"""An old kernel, a sandbox, or a file that was moved meanwhile."""


class NotOffered(Exception):
    """The kernel, or a sandbox, does not do this."""


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def _how(flags: int) -> _OpenHow:
    return _OpenHow(flags, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)


_SIZE = ctypes.c_size_t(ctypes.sizeof(_OpenHow))


def enter_network(descriptor: int) -> None:
    """Take this thread into a network namespace; raises OSError."""
    if _library().setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def open_beneath(root: int, path: str, flags: int) -> int:
    """Open a file as a process sees it whose root is a directory: no link leads out of it.

    Raises:
        NotOffered: it has to be done step by step.
        OSError: there is no such file, or it may not be opened.
    """
    how = _how(flags)
    name = os.fsencode(path)
    if b"\0" in name:
        raise NotOffered
    descriptor: int = _library().syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(root),
        ctypes.c_char_p(name),
        ctypes.byref(how),
        _SIZE,
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        if number in _NOT_OFFERED:
            raise NotOffered
        raise OSError(number, os.strerror(number))
    return descriptor
