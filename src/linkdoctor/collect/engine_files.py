"""Evidence of a container through the engine's API alone: the archive endpoint and ``top``."""

from __future__ import annotations

import re

from linkdoctor.collect.answers import TopAnswer
from linkdoctor.collect.engine import EngineClient, TooLarge, segment

__all__ = [
    "Unreadable",
    "descendants_in_top",
    "environment_from_top",
    "first_file",
    "read_archived",
    "top",
]

_ASSIGNMENT = re.compile(r"(?:(?<=\s)|^)([A-Za-z_][A-Za-z0-9_.\-]*)=(\S*)")
_LONGEST_ROW = 4 * 1024 * 1024
_BLOCK = 512
_OCTAL = re.compile(rb"[0-7]*")
_REGULAR = (b"0", b"\0")
_MORE_OF_THE_NEXT = (b"x", b"g", b"L", b"K")
"""Headers that tell more of the file whose header comes next, or of all that follow."""


class Unreadable(Exception):
    """The engine's answer does not hold what was asked for."""


def read_archived(client: EngineClient, container_id: str, path: str, limit: int) -> bytes:
    """Read at most `limit` bytes of a file of a container through the archive endpoint.

    The engine resolves the path inside the container's root. Nothing is unpacked to disk.

    Raises:
        Unreadable: the path is no regular file.
        TooLarge: it is far larger than `limit`.
        NotThere, EngineError: as every request.
    """
    try:
        archive = client.get_bytes(
            f"/containers/{segment(container_id)}/archive", limit=limit + (1 << 16), path=path
        )
    except TooLarge:
        raise TooLarge(f"{path} is larger than the limit") from None
    return first_file(archive, path)[:limit]


def first_file(archive: bytes, path: str) -> bytes:
    """Return the content of the one file that an archive of the engine holds.

    The library's reader understands all that ever was in an archive, for which it takes time
    that grows with the square of the size. Here each header is looked at once.

    Raises:
        Unreadable: it is no regular file, or the archive is damaged; names nothing but `path`.
    """
    at = 0
    while any(header := archive[at : at + _BLOCK]):
        kind, size = header[156:157], _size(header[124:136])
        at += _BLOCK
        if len(header) < _BLOCK or size is None or at + size > len(archive):
            raise Unreadable(f"the archive of {path} is damaged")
        if kind in _REGULAR:
            return archive[at : at + size]
        if kind not in _MORE_OF_THE_NEXT:
            break
        at += -(-size // _BLOCK) * _BLOCK
    raise Unreadable(f"{path} is not a regular file in the container")


def _size(field: bytes) -> int | None:
    """Read a size; one that does not fit into octal digits is larger than all that is read."""
    digits = field.strip(b" \0")
    return int(digits or b"0", 8) if _OCTAL.fullmatch(digits) else None


def top(client: EngineClient, container_id: str) -> TopAnswer:
    """Ask for a container's processes with their environments."""
    return client.get(
        f"/containers/{segment(container_id)}/top", TopAnswer, ps_args="eww -o pid,ppid,args"
    )


def environment_from_top(answer: TopAnswer, pid: int) -> tuple[tuple[str, str], ...]:
    """Find the environment of the container's first process in the answer of ``top``.

    ``ps`` prints it behind the arguments, with nothing between the two. Values with blanks are
    cut short, which does no harm: no variable of a link has any. A name that stands there twice
    with different values is ambiguous and left out.

    Raises:
        Unreadable: the process is not in the answer.
    """
    titles = [title.upper() for title in answer.Titles]
    if "PID" not in titles or len(titles) < 2:
        raise Unreadable("the engine's ps does not print pids")
    column = titles.index("PID")
    for row in answer.Processes or ():
        if len(row) == len(titles) and row[column] == str(pid):
            return _assignments(row[-1][:_LONGEST_ROW])
    raise Unreadable("the engine's ps does not show the container's first process")


def descendants_in_top(answer: TopAnswer, pid: int) -> tuple[int, ...] | None:
    """Return the pids of the descendants of a process; None if the answer tells no parents."""
    titles = [title.upper() for title in answer.Titles]
    if "PID" not in titles or "PPID" not in titles:
        return None
    own, parent = titles.index("PID"), titles.index("PPID")
    children: dict[str, list[str]] = {}
    for row in answer.Processes or ():
        if len(row) == len(titles) and row[own].isdecimal():
            children.setdefault(row[parent], []).append(row[own])
    found: list[str] = []
    pending = [str(pid)]
    while pending:
        below = children.pop(pending.pop(), [])  # popped, so that a loop ends
        found += below
        pending += below
    return tuple(sorted({int(each) for each in found if each != str(pid)}))


def _assignments(text: str) -> tuple[tuple[str, str], ...]:
    values: dict[str, set[str]] = {}
    for name, value in _ASSIGNMENT.findall(text):
        values.setdefault(name, set()).add(value)
    return tuple((name, min(found)) for name, found in values.items() if len(found) == 1)
