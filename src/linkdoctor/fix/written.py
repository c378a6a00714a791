"""What a container wrote outside volumes: what a recreation would lose, and nothing else.

The engine lists every path at which a container's files differ from its image. Among them are the
places where it mounts something, the directories above these, and directories that changed only
because something in them did: these are not what anyone wrote.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import posixpath
import tarfile
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from linkdoctor.collect.control import Control, Missing, Raw
from linkdoctor.collect.engine import EngineError
from linkdoctor.collect.layer import Change, ChangeKind, Piecewise
from linkdoctor.fix.reversible import with_files
from linkdoctor.model.actions import Recreate
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.plan import Files, Plan, Step, Written

__all__ = [
    "PieceFile",
    "above",
    "is_engines",
    "leaves",
    "mount_places",
    "nothing_lost",
    "tmpfs_of",
    "with_written",
    "written_outside_volumes",
]

_SHOWN = 5
_MOST_HEADERS = 32
"""So many paths are looked at one by one; what is beyond counts as written."""
_LONGEST_HEADER = 10.0
_READING = 30.0
_LARGEST_COMPARED = 4 * 1024 * 1024
_OF_THE_ENGINE = frozenset(
    {
        "/.dockerenv",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/run/secrets",
        "/sbin/docker-init",
        "/usr/sbin/docker-init",
        "/usr/bin/docker-init",
    }
)
"""Where it mounts a file or directory of its own; it makes the place where the image has none."""
_TREES_OF_THE_ENGINE = ("/dev", "/proc", "/sys")
_OFTEN_LINKED = (
    ("/var/run/", "/run/"),
    ("/var/lock/", "/run/lock/"),
    ("/bin/", "/usr/bin/"),
    ("/sbin/", "/usr/sbin/"),
    ("/lib/", "/usr/lib/"),
    ("/lib64/", "/usr/lib64/"),
)
"""In most images the first is a symbolic link; what is mounted there is really at the second."""


class PieceFile(io.RawIOBase):
    """An answer that is read piece by piece, as :mod:`tarfile` takes it."""

    def __init__(self, answer: Piecewise, deadline: float) -> None:
        """Take the answer, and the moment by which it must be read."""
        super().__init__()
        self._answer, self._deadline = answer, deadline

    def read(self, _size: int = -1, /) -> bytes:
        """Read the next piece, whatever its size."""
        if time.monotonic() > self._deadline:
            raise TimeoutError("the archive was not read in time")
        return self._answer.read()


def mount_places(raw: Raw) -> frozenset[str]:
    """Return the paths at which something is mounted over a container's own files."""
    host: Mapping[str, Any] = raw.get("HostConfig") or {}
    places = [each.get("Destination") for each in raw.get("Mounts") or ()]
    places += [each.get("Target") for each in host.get("Mounts") or ()]
    places += host.get("Tmpfs") or ()
    places += [each.get("PathInContainer") for each in host.get("Devices") or ()]
    found = {posixpath.normpath(f"/{each}".replace("//", "/")) for each in places if each}
    for place in tuple(found):
        found |= {real + place[len(link) :] for link, real in _OFTEN_LINKED if _in(place, link)}
    return frozenset(found)


def _in(place: str, link: str) -> bool:
    return place.startswith(link)


def tmpfs_of(raw: Raw) -> tuple[str, ...]:
    """Return the mounts in memory of a container, without those that every one has."""
    host: Mapping[str, Any] = raw.get("HostConfig") or {}
    mounts = (each.get("Target") for each in host.get("Mounts") or () if each["Type"] == "tmpfs")
    return tuple(sorted({*(host.get("Tmpfs") or ()), *filter(None, mounts)}))


def is_engines(path: str) -> bool:
    """Whether a path is one that the engine itself manages."""
    return path in _OF_THE_ENGINE or any(
        path == tree or path.startswith(f"{tree}/") for tree in _TREES_OF_THE_ENGINE
    )


def above(paths: Iterable[str]) -> frozenset[str]:
    """Return the directories above paths, the root among them."""
    found: set[str] = set()
    for path in paths:
        parent = posixpath.dirname(path)
        while parent not in found:
            found.add(parent)
            parent = posixpath.dirname(parent)
    return frozenset(found)


def leaves(changes: Collection[Change], mounts: Collection[str]) -> tuple[Change, ...]:
    """Return what was written: without places of mounts, and directories that hold more of it.

    A directory that was deleted and made again is told as deleted, and counts.
    """
    places = {*mounts, *_OF_THE_ENGINE}
    foreign = above(places)
    own = [
        each
        for each in changes
        if each.path not in places
        and not is_engines(each.path)
        and (each.kind is ChangeKind.DELETED or each.path not in foreign)
    ]
    inner = above(each.path for each in own)
    return tuple(
        sorted(
            (each for each in own if each.kind is ChangeKind.DELETED or each.path not in inner),
            key=lambda change: change.path,
        )
    )


def written_outside_volumes(
    control: Control, container: str, deadline: float
) -> tuple[Known[Written] | Unknown, tuple[str, ...]]:
    """Read what a container wrote outside volumes, and its mounts in memory.

    Args:
        control: the engine; it is only read.
        container: its name or id.
        deadline: by the monotonic clock; what is not known by then is Unknown.
    """
    if deadline <= time.monotonic():
        return Unknown(Gap.TIMED_OUT, "there was no time left to ask for it"), ()
    try:
        raw = control.inspect_raw(container)
        tmpfs = tmpfs_of(raw)
    except Missing:
        return Unknown(Gap.VANISHED, "the container is gone"), ()
    except EngineError as error:
        return Unknown(Gap.DENIED, str(error)), ()
    try:
        found = leaves(control.changes(raw["Id"]), mount_places(raw))
        found = tuple(_that_count(control, raw, found, deadline))
        size = _size(control, raw["Id"], deadline) if found else 0
    except EngineError as error:
        return Unknown(Gap.DENIED, str(error)), tmpfs
    deleted = sum(each.kind is ChangeKind.DELETED for each in found)
    written = Written(
        files=len(found) - deleted,
        deleted=deleted,
        size=size,
        paths=tuple(each.path for each in found[:_SHOWN]),
    )
    return Known(written, f"GET /containers/{raw['Name'].lstrip('/')}/changes"), tmpfs


def with_written(
    plan: Plan, controls: Mapping[str, Control], *, files: Files, longest: float
) -> Plan:
    """Add to a plan what the containers that it replaces wrote outside volumes.

    Args:
        plan: of which the steps that replace a container are filled in.
        controls: of each host that can be asked.
        files: what is to become of what was written.
        longest: seconds that asking may take; what is not known by then is Unknown.
    """
    deadline = time.monotonic() + longest

    def filled(step: Step) -> Step:
        if not isinstance(step.action, Recreate):
            return step
        control = controls.get(step.host)
        if control is None:
            written: Known[Written] | Unknown = Unknown(
                Gap.NOT_COLLECTED, "the engine was not asked"
            )
            tmpfs: tuple[str, ...] = ()
        else:
            written, tmpfs = written_outside_volumes(control, step.action.container, deadline)
        return msgspec.structs.replace(
            step,
            written=written,
            tmpfs=tmpfs,
            files=files,
            reversible=with_files(step.reversible, step.action, files),
        )

    return msgspec.structs.replace(plan, steps=tuple(map(filled, plan.steps)))


def _that_count(
    control: Control, raw: Raw, found: Iterable[Change], deadline: float
) -> Iterator[Change]:
    """Leave out the working directory, and directories in which something came and went."""
    workdir = posixpath.normpath(raw["Config"].get("WorkingDir") or "/")
    looked_at = 0
    for each in found:
        if each.kind is ChangeKind.ADDED and (
            each.path == workdir or each.path in above([workdir])
        ):
            continue  # made by the engine, and empty
        if each.kind is ChangeKind.MODIFIED and looked_at < _MOST_HEADERS:
            looked_at += 1
            header = _header(control, raw["Id"], each.path, deadline)
            if header is not None and header.isdir():
                continue
        yield each


def _size(control: Control, container: str, deadline: float) -> int | None:
    if deadline <= time.monotonic():
        return None
    try:
        return control.size_written(container)
    except EngineError:
        return None


def _header(control: Control, container: str, path: str, deadline: float) -> tarfile.TarInfo | None:
    """Return how one file or directory is described; None where it cannot be archived.

    Raises:
        EngineError: it is not there, or the engine cannot be asked.
    """
    with _opened(control, container, path, deadline) as tar:
        return None if tar is None else tar.next()


@contextlib.contextmanager
def _opened(
    control: Control, container: str, path: str, deadline: float
) -> Generator[tarfile.TarFile | None]:
    longest = min(_LONGEST_HEADER, deadline - time.monotonic())
    if longest <= 0:
        raise EngineError("there was no time left to look at what was written")
    with control.archive(container, path, longest) as answer:
        file = PieceFile(answer, time.monotonic() + longest)
        try:
            tar = tarfile.open(mode="r|", fileobj=file)  # noqa: SIM115 - closed below
        except (tarfile.TarError, ValueError, OverflowError):
            yield None  # of a socket there is no archive
            return
        with tar:
            try:
                yield tar
            except (tarfile.TarError, ValueError, OverflowError) as error:
                kind = type(error).__name__  # its own words may hold what a container wrote
                raise EngineError(f"the archive of {path} is damaged ({kind})") from None


def nothing_lost(control: Control, old: str, new: str) -> bool:
    """Whether a new container has all that an old one wrote outside volumes, without copying.

    That is so where the old one wrote only what each start writes again: the engine makes places
    for mounts, an entry script settings, a server its file with the number of its process.

    Raises:
        EngineError: it could not be found out.
    """
    deadline = time.monotonic() + _READING
    found = leaves(control.changes(old), mount_places(control.inspect_raw(old)))
    if len(found) > _MOST_HEADERS or any(each.kind is ChangeKind.DELETED for each in found):
        return False
    return all(_has_as_well(control, old, new, each.path, deadline) for each in found)


def _has_as_well(control: Control, old: str, new: str, path: str, deadline: float) -> bool:
    mine = _look(control, old, path, deadline)
    try:
        return mine is not None and mine == _look(control, new, path, deadline)
    except Missing:
        return False


def _look(
    control: Control, container: str, path: str, deadline: float
) -> tuple[object, ...] | None:
    """Return kind, mode, owner, target and content of a path; None of what cannot be compared."""
    with _opened(control, container, path, deadline) as tar:
        header = None if tar is None else tar.next()
        if tar is None or header is None or header.size > _LARGEST_COMPARED:
            return None
        content = tar.extractfile(header) if header.isreg() else None
        digest = b"" if content is None else hashlib.sha256(content.read()).digest()
        described = (header.type, header.mode, header.uid, header.gid, header.linkname)
        return (*described, header.size, digest)
