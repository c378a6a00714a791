"""Evidence of a container through the engine's API alone: the archive endpoint and ``top``."""

from __future__ import annotations

import io
import re

from linkdoctor.collect.answers import TopAnswer
from linkdoctor.collect.engine import EngineClient, segment

__all__ = ["Unreadable", "environment_from_top", "read_archived", "top"]

_ASSIGNMENT = re.compile(r"(?:(?<=\s)|^)([A-Za-z_][A-Za-z0-9_.\-]*)=(\S*)")
_LONGEST_ROW = 4 * 1024 * 1024


class Unreadable(Exception):
    """The engine's answer does not hold what was asked for."""


def read_archived(client: EngineClient, container_id: str, path: str, limit: int) -> bytes:
    """Read at most `limit` bytes of a file of a container through the archive endpoint.

    The engine resolves the path inside the container's root. Nothing is unpacked to disk.

    Raises:
        Unreadable: the path is no regular file.
        NotThere, EngineError: as every request.
    """
    import tarfile

    archive = client.get_bytes(
        f"/containers/{segment(container_id)}/archive", limit=limit + (1 << 16), path=path
    )
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            member = tar.next()
            if member is None or not member.isreg():
                raise Unreadable(f"{path} is no regular file in the container")
            file = tar.extractfile(member)
            return file.read(limit) if file is not None else b""
    except (tarfile.TarError, OSError, ValueError) as error:
        raise Unreadable(f"the archive of {path} cannot be read: {type(error).__name__}") from None


def top(client: EngineClient, container_id: str) -> TopAnswer:
    """Ask for a container's processes with their environments."""
    return client.get(
        f"/containers/{segment(container_id)}/top", TopAnswer, ps_args="eww -o pid,args"
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


def _assignments(text: str) -> tuple[tuple[str, str], ...]:
    values: dict[str, set[str]] = {}
    for name, value in _ASSIGNMENT.findall(text):
        values.setdefault(name, set()).add(value)
    return tuple((name, min(found)) for name, found in values.items() if len(found) == 1)
