"""Files of containers and of the engine on its own machine, through ``/proc/<pid>/root``.

A container is hostile: a symbolic link inside it must never lead out of it, a named pipe must
not hold us up, and a pid may belong to another process by the time it is read.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from linkdoctor.collect import kernel

__all__ = [
    "BeingStarted",
    "NotProven",
    "Proc",
    "TooMany",
    "environments_below",
    "hold",
    "maps_of",
    "namespaces_of",
    "owners_of",
    "prove",
    "read_inside",
]

_FULL_ID = re.compile(r"[0-9a-f]{64}")
_MOUNTED = (b"/etc/hosts", b"/etc/hostname", b"/etc/resolv.conf", b"/run/.containerenv")
_MOST_LINKS = 40
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_PROCESSES = 64
_MOST_THREADS = 64
_MOST_DESCRIPTORS = 1024
_LONGEST_NAME = 15
_LONGEST_LIST = 16 * 1024
_LONGEST_MAPS = 4 * 1024 * 1024


class NotProven(Exception):
    """This ``/proc`` does not show the container's process."""


class BeingStarted(Exception):
    """The process is still the runtime's, and about to become the container's."""


class TooMany(Exception):
    """There are more processes than are looked at."""


class Proc:
    """A process, held by a descriptor of its ``/proc`` directory.

    Once the process has ended, reads through the descriptor fail: they never reach another
    process that was given the same pid.
    """

    def __init__(self, pid: int, descriptor: int) -> None:
        """Hold an open descriptor of ``/proc/<pid>``."""
        self.pid = pid
        self.descriptor = descriptor


@contextmanager
def prove(pid: int, container_id: str, proc: Path = Path("/proc")) -> Generator[Proc]:
    """Prove that a pid of this machine is a container's process, and hold on to it.

    The mounts of a container's process name the container: the engine mounts ``hostname``,
    ``hosts`` and ``resolv.conf`` from a directory called after its id (engine lab). Where a
    runtime does not show that, its control group does. That a mount merely lies below such a
    directory proves nothing: the host's own processes see the shared memory of containers there.

    Raises:
        NotProven: the process is not there, or is not the container's, or may not be looked at.
    """
    if _FULL_ID.fullmatch(container_id) is None:
        raise NotProven("the engine names no process")
    with hold(pid, proc) as held:
        name = container_id.encode()
        if not (  # the cheap one first
            _group_names(_slurp(held.descriptor, "cgroup"), name)
            or _mounts_name(_slurp(held.descriptor, "mountinfo"), name)
        ):
            raise NotProven("the process with its pid on this machine is not the container's")
        yield held


def _mounts_name(mountinfo: bytes, container_id: bytes) -> bool:
    """Whether a process has the files that the engine mounts into this container."""
    for line in mountinfo.split(b"\n"):
        _, _, _, root, point, *_ = [*line.split(b" ", 5), b"", b"", b"", b"", b""]
        if point in _MOUNTED and container_id in root.split(b"/"):
            return True
    return False


def _group_names(cgroup: bytes, container_id: bytes) -> bool:
    return re.search(rb"[/:-]%s(\.scope|/|$)" % container_id, cgroup, re.MULTILINE) is not None


@contextmanager
def hold(pid: int, proc: Path = Path("/proc")) -> Generator[Proc]:
    """Hold on to whatever process has this pid now, unproven.

    Raises:
        NotProven: the process is not there.
    """
    if pid <= 0:
        raise NotProven("the engine names no process")
    try:
        descriptor = os.open(f"{proc}/{pid}", _DIRECTORY)
    except OSError:
        raise NotProven("its process is not visible in this /proc") from None
    try:
        yield Proc(pid, descriptor)
    finally:
        os.close(descriptor)


def _slurp(descriptor: int, name: str, limit: int = 1 << 20) -> bytes:
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=descriptor)
    except PermissionError:
        raise NotProven("no permission to look at its process; run as root") from None
    except OSError:
        return b""
    try:
        return _read(file, limit)
    except OSError:
        return b""
    finally:
        os.close(file)


def owners_of(held: Proc, inodes: Collection[int]) -> dict[int, str]:
    """Return the names of the processes that hold sockets, by the sockets' inodes.

    Only a process and its descendants are asked, parents before children; what another process
    holds, or one that may not be looked at, is left out. A pid that changed hands meanwhile does
    no harm: only the process that holds the very socket is named.

    A process may call itself anything: only what can be printed of its name is kept.
    """
    wanted = set(inodes)
    owners: dict[int, str] = {}
    queue = [held.pid]
    for pid in queue:  # it grows while it is walked
        if not wanted:
            break
        try:
            process = os.open(f"../{pid}", _DIRECTORY, dir_fd=held.descriptor)
        except OSError:
            continue
        try:
            if found := _sockets_of(process, wanted):
                name = _name_of(process)
                owners.update(dict.fromkeys(found, name))
                wanted -= found
            room = _MOST_PROCESSES - len(queue)
            queue += islice(_children_of(process), room) if room > 0 and wanted else ()
        finally:
            os.close(process)
    return {inode: name for inode, name in owners.items() if name}


def environments_below(held: Proc, most: int, limit: int) -> Iterator[tuple[int, bytes]]:
    """Return the environments of a process's descendants, each up to a limit.

    One that ended meanwhile, or that may not be looked at, is left out.

    Raises:
        TooMany: there are more descendants than `most`.
    """
    queue = [held.pid]
    for pid in queue:  # it grows while it is walked
        try:
            process = os.open(f"../{pid}", _DIRECTORY, dir_fd=held.descriptor)
        except OSError:
            continue
        try:
            if pid != held.pid:
                yield pid, _little(process, "environ", limit)
            queue += islice(_children_of(process), most + 2 - len(queue))
        finally:
            os.close(process)
        if len(queue) > most + 1:
            raise TooMany


def namespaces_of(held: Proc) -> tuple[int, int]:
    """Return the kernel's numbers of a process's network and IPC namespaces.

    Raises:
        OSError: they may not be looked at.
    """
    network, ipc = (os.stat(f"ns/{kind}", dir_fd=held.descriptor).st_ino for kind in ("net", "ipc"))
    return network, ipc


def maps_of(held: Proc) -> Iterator[bytes]:
    """Yield the memory maps of a process and its descendants, parents before children.

    They name the libraries that a process has loaded; one that may not be looked at has none.
    """
    queue = [held.pid]
    for pid in queue:  # it grows while it is walked
        try:
            process = os.open(f"../{pid}", _DIRECTORY, dir_fd=held.descriptor)
        except OSError:
            continue
        try:
            yield _little(process, "maps", _LONGEST_MAPS)
            queue += islice(_children_of(process), max(0, _MOST_PROCESSES - len(queue)))
        finally:
            os.close(process)


def _sockets_of(process: int, wanted: Collection[int]) -> set[int]:
    found: set[int] = set()
    for number in _entries(process, "fd", _MOST_DESCRIPTORS):
        try:
            leads_to = os.readlink(f"fd/{number}", dir_fd=process)
        except OSError:
            continue  # closed meanwhile, or not to be looked at
        inode = leads_to.removeprefix("socket:[").removesuffix("]")
        if leads_to.startswith("socket:[") and inode.isdecimal() and int(inode) in wanted:
            found.add(int(inode))
    return found


def _children_of(process: int) -> Iterator[int]:
    """Yield the pids of the children, which each thread of a process has for itself."""
    for thread in _entries(process, "task", _MOST_THREADS):
        for word in _little(process, f"task/{thread}/children", _LONGEST_LIST).split():
            if word.isdigit():
                yield int(word)


def _entries(process: int, name: str, most: int) -> list[str]:
    try:
        directory = os.open(name, _DIRECTORY, dir_fd=process)
    except OSError:
        return []
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in islice(entries, most)]
    except OSError:
        return []
    finally:
        os.close(directory)


def _name_of(process: int) -> str:
    name = _little(process, "comm", _LONGEST_NAME + 1).decode("utf-8", "replace")
    return "".join(letter for letter in name if letter.isprintable()).strip()


def _little(process: int, name: str, limit: int) -> bytes:
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=process)
    except OSError:
        return b""
    try:
        return _read(file, limit)
    except OSError:
        return b""
    finally:
        os.close(file)


def read_inside(held: Proc, path: str, limit: int) -> bytes:
    """Read at most `limit` bytes of a regular file, as the process itself names it.

    Symbolic links are followed inside the process's root only: by the kernel, or by hand where
    it does not offer that (before 5.6). Nothing but a regular file is ever opened: opening a
    device or a named pipe does something to it. A file that says that it is empty is not read:
    those of ``/proc`` say so, and reading some of them takes away what others wait for.

    Raises:
        OSError: there is no such regular file, or it may not be read.
    """
    root = os.open("root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=held.descriptor)
    try:
        try:
            found = kernel.open_beneath(root, path, os.O_PATH | os.O_CLOEXEC)
        except kernel.NotOffered:
            found = _find_inside(root, path)
        file = _opened(found)
        try:
            return _read(file, limit) if os.fstat(file).st_size else b""
        finally:
            os.close(file)
    finally:
        os.close(root)


def _opened(found: int) -> int:
    """Open for reading what was found, if it is a regular file; `found` is closed."""
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        # A descriptor of a regular file cannot become one of anything else.
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(found)


def _find_inside(root: int, path: str) -> int:
    """Find a file below `root`; gives a descriptor by which it can be looked at.

    Every step is taken with O_NOFOLLOW, so no link is followed, and with O_PATH, so what is
    found is looked at before it is opened.
    """
    pending = [part for part in path.split("/") if part not in ("", ".")][::-1]
    opened: list[int] = []
    links = 0
    try:
        while pending:
            part = pending.pop()
            here = opened[-1] if opened else root
            if part == "..":
                if opened:
                    os.close(opened.pop())
                continue
            found = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            opened.append(found)
            if stat.S_ISLNK(os.fstat(found).st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                leads_to = os.readlink("", dir_fd=found)
                os.close(opened.pop())
                if leads_to.startswith("/"):
                    while opened:
                        os.close(opened.pop())
                pending += [each for each in leads_to.split("/") if each not in ("", ".")][::-1]
        if not opened:
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        return opened.pop()
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _read(file: int, limit: int) -> bytes:
    content = bytearray()
    while len(content) < limit and (chunk := os.read(file, min(1 << 16, limit - len(content)))):
        content += chunk
    return bytes(content)
