"""The links as typed, from the engine's disk: what its next start looks up by name.

Inspect shows what became of a link; ``hostconfig.json`` holds what was asked for. The engine may
live in another mount namespace than linkdoctor, so its files are read through its own root.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from linkdoctor.collect import procfs
from linkdoctor.collect.answers import ContainerAnswer
from linkdoctor.model.links import StoredLink, parse_stored_link

__all__ = [
    "Damaged",
    "Oversized",
    "directory_of",
    "opened",
    "parse_host_config",
    "read_stored_links",
]

_LARGEST_FILE = 1024 * 1024
_FULL_ID = re.compile(r"[0-9a-f]{64}")


class Damaged(Exception):
    """A file of the engine is not what it should be; the message quotes nothing of it."""


class Oversized(Damaged):
    """A file of the engine is larger than the limit."""


class _HostConfig(msgspec.Struct):
    """All of ``hostconfig.json`` that is decoded; the rest may hold anything."""

    Links: list[str] | None = None


@contextmanager
def opened(pid: int | None, proc: Path = Path("/proc")) -> Generator[procfs.Proc | None]:
    """Hold on to the process that keeps the engine's socket; None if it cannot be seen.

    With socket activation that is the service manager, whose root is the engine's too.
    """
    with ExitStack() as stack:
        held = None
        if pid is not None:
            with suppress(procfs.NotProven):
                held = stack.enter_context(procfs.hold(pid, proc))
        yield held


def directory_of(answer: ContainerAnswer, data_root: str = "") -> str | None:
    """Return the directory of a container on the engine's disk, as the engine's process names it.

    It is the directory of the files that the engine mounts into the container. A container that
    was never started has no such file, and one that shares another's network shows the other's:
    theirs is the directory of their id in the engine's data root, if that is given.
    """
    if _FULL_ID.fullmatch(answer.Id) is None:
        return None
    for path in (answer.HostsPath, answer.ResolvConfPath):
        directory = path.rpartition("/")[0]
        if _is_plain(path) and directory.rpartition("/")[2] == answer.Id:
            return directory
    return f"{data_root}/containers/{answer.Id}" if _is_plain(data_root) else None


def _is_plain(path: str) -> bool:
    return path.startswith("/") and "\0" not in path and ".." not in path.split("/")


def read_stored_links(engine: procfs.Proc, directory: str) -> tuple[StoredLink, ...]:
    """Return the links of a container as typed, in the file's order.

    Raises:
        Damaged: the file is not what the engine writes.
        OSError: there is no such file, or it may not be read.
    """
    path = f"{directory}/hostconfig.json"
    return parse_host_config(procfs.read_inside(engine, path, _LARGEST_FILE + 1))


def parse_host_config(content: bytes) -> tuple[StoredLink, ...]:
    """Take the links, and nothing else, out of a ``hostconfig.json``.

    Raises:
        Oversized: it is larger than 1 MiB.
        Damaged: it is not what the engine writes.
    """
    if len(content) > _LARGEST_FILE:
        raise Oversized(f"its hostconfig.json is larger than {_LARGEST_FILE >> 20} MiB")
    try:
        links = msgspec.json.decode(content, type=_HostConfig).Links
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Damaged("its hostconfig.json is damaged") from None
    return tuple(_readable(links or ()))


def _readable(links: Iterable[str]) -> Iterator[StoredLink]:
    for text in links:
        try:
            yield parse_stored_link(text)
        except ValueError:
            continue
