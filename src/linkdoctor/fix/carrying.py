"""Copies what one container wrote outside volumes into another one that has not started yet.

The old container's archive is read once, and what was written is passed on while it is read:
nothing is held and nothing touches this machine's disk. Then the archive of the new container is
read, and every path is compared: kind, mode, owner, extended attributes, content, link target, and
what was deleted. An archive carries neither sockets nor deletions: these are named.
"""

from __future__ import annotations

import hashlib
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from linkdoctor.collect.control import Control
from linkdoctor.collect.engine import EngineError
from linkdoctor.collect.layer import ChangeKind, Piecewise
from linkdoctor.fix.written import PieceFile, above, leaves, mount_places

__all__ = ["LARGEST", "LONGEST", "Copied", "carry", "is_unchanged", "made_by_engine"]

LONGEST = 900.0
"""Seconds for copying and comparing."""
LARGEST = 64 * 1024**3
"""Bytes that are copied at most; a container that wrote more is not replaced."""

_LOOKING = 60.0
_PIECE = 1 << 18
_BLOCK = 512
_END = bytes(2 * _BLOCK)
_ATTRIBUTES = "SCHILY.xattr."
_SPECIAL = {
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
}


class _Entry(msgspec.Struct, frozen=True):
    """One path of an archive, as it is compared."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    target: str
    """Of a symbolic or hard link."""
    attributes: tuple[tuple[str, str], ...]
    content: str
    """SHA-256 of a file's content."""


class _Layer(msgspec.Struct, frozen=True):
    """What of a container's archive is looked at."""

    wanted: frozenset[str]
    """The paths that are copied and compared."""
    deleted: frozenset[str]
    """The paths of the image that were deleted; something may have been put there since."""
    hidden: frozenset[str]
    """What was written beneath a mount's place, where an archive would reach the mount."""
    made: frozenset[str]
    """What the engine made, in the new container as in the old one."""


class _Contents:
    """What was found in an archive."""

    def __init__(self) -> None:
        self.entries: dict[str, _Entry] = {}
        self.special: dict[str, str] = {}
        self.below_deleted: set[str] = set()
        """Everything at and beneath deleted paths."""


class Copied(msgspec.Struct, frozen=True):
    """What was copied into a new container, and how the comparison went."""

    files: int
    not_carried: tuple[tuple[str, str], ...]
    """Paths that are not in the new container as they were in the old one, each with the reason."""
    layer: _Layer
    entries: dict[str, _Entry]

    @property
    def complete(self) -> bool:
        """Whether all of it is in the new container."""
        return not self.not_carried


def carry(
    control: Control, old: str, new: str, made: frozenset[str], *, longest: float = LONGEST
) -> Copied:
    """Copy what `old` wrote outside volumes into `new`, which must not have started, and compare.

    Args:
        control: the engine.
        old: the container that is replaced.
        new: its replacement.
        made: what the engine made in it, of :func:`made_by_engine`.
        longest: seconds that it may take.

    Raises:
        EngineError: it could not be copied as a whole; part of it may be in the new container.
    """
    deadline = time.monotonic() + longest
    layer = _layer(control, old, made)
    if not layer.wanted and not layer.hidden:
        return Copied(0, (), layer, {})
    found = _Contents()
    with control.export(old, _left(deadline)) as source:
        control.unpack(new, _selected(source, layer, found, deadline), _left(deadline))
    there = _Contents()
    _read(control, new, layer, there, deadline)
    files = sum(each.kind != tarfile.DIRTYPE for each in found.entries.values())
    problems = tuple(sorted(_differences(layer, found, there).items()))
    return Copied(files, problems, layer, found.entries)


def is_unchanged(control: Control, old: str, copied: Copied, *, longest: float = LONGEST) -> bool:
    """Whether a container, which was running while it was copied, wrote nothing since.

    Raises:
        EngineError: it could not be found out.
    """
    deadline = time.monotonic() + longest
    now = _layer(control, old, copied.layer.made)
    if not now.wanted <= copied.layer.wanted or now.deleted != copied.layer.deleted:
        return False
    found = _Contents()
    _read(control, old, copied.layer, found, deadline)
    return found.entries == copied.entries


def made_by_engine(control: Control, new: str) -> frozenset[str]:
    """Return the places of mounts that the engine makes in a container that was never started.

    Looking into it makes the engine mount its volumes, and make the places where there are none:
    so those are found, too, that lie behind symbolic links of the image.

    Raises:
        EngineError: nothing can be copied into it.
    """
    with control.archive(new, "/", _LOOKING) as answer:
        answer.read()
    workdir = control.inspect_raw(new)["Config"].get("WorkingDir") or "/"
    made = {each.path for each in control.changes(new)}
    return frozenset(made - above(made) - {workdir})


def _layer(control: Control, container: str, made: frozenset[str]) -> _Layer:
    mounts = mount_places(control.inspect_raw(container)) | made
    changes = control.changes(container)
    written = leaves(changes, mounts)
    beneath = tuple(f"{each}/" for each in mounts)
    hidden = {each.path for each in written if each.path.startswith(beneath)}
    shown = [each for each in written if each.path not in hidden]
    directories = above(each.path for each in shown) & {each.path for each in changes}
    return _Layer(
        wanted=frozenset(each.path for each in shown) | directories,
        deleted=frozenset(each.path for each in shown if each.kind is ChangeKind.DELETED),
        hidden=frozenset(hidden),
        made=made,
    )


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise EngineError("copying took too long")
    return left


def _members(
    source: Piecewise, deadline: float
) -> Iterator[tuple[str, tarfile.TarInfo, tarfile.TarFile]]:
    """Read an archive once, from its beginning to its end."""
    with tarfile.open(mode="r|", fileobj=PieceFile(source, deadline)) as tar:
        stored: Any = tar
        while (member := tar.next()) is not None:
            stored.members.clear()  # it keeps them all, for ways of reading not used here
            yield _as_listed(f"/{member.name}"), member, tar


def _as_listed(name: str) -> str:
    """Write a name as the engine's list of changes does, which is UTF-8."""
    return "".join("\ufffd" if "\udc80" <= each <= "\udcff" else each for each in name)


def _read(
    control: Control, container: str, layer: _Layer, found: _Contents, deadline: float
) -> None:
    with control.export(container, _left(deadline)) as source:
        for _ in _selected(source, layer, found, deadline):
            pass


def _selected(
    source: Piecewise, layer: _Layer, found: _Contents, deadline: float
) -> Iterator[bytes]:
    """Yield an archive of what is wanted of another one, and note what it holds.

    Raises:
        EngineError: it is damaged, or did not come in time.
    """
    try:
        yield from _copied(source, layer, found, deadline)
    except (tarfile.TarError, ValueError, OverflowError) as error:  # numbers that are none, too
        # Its own words may hold what a container wrote, at any length.
        kind = type(error).__name__
        raise EngineError(f"the archive of its files is damaged ({kind})") from None


def _copied(source: Piecewise, layer: _Layer, found: _Contents, deadline: float) -> Iterator[bytes]:
    gone = tuple(f"{each}/" for each in layer.deleted)
    for path, member, tar in _members(source, deadline):
        if path in layer.deleted or (gone and path.startswith(gone)):
            found.below_deleted.add(path)
        if path not in layer.wanted:
            continue
        if member.type in _SPECIAL:
            found.special[path] = _SPECIAL[member.type]
            continue
        yield member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        digest = hashlib.sha256()
        content = tar.extractfile(member) if member.isreg() else None
        if content is not None:
            while piece := content.read(_PIECE):
                digest.update(piece)
                yield piece
            yield bytes(-member.size % _BLOCK)
        found.entries[path] = _entry(member, digest.hexdigest())
    yield _END


def _entry(member: tarfile.TarInfo, digest: str) -> _Entry:
    named = sorted(member.pax_headers.items())
    return _Entry(
        kind=member.type,
        mode=member.mode & 0o7777,
        owner=(member.uid, member.gid),
        target=member.linkname,
        attributes=tuple((key, value) for key, value in named if key.startswith(_ATTRIBUTES)),
        content=digest,
    )


def _differences(layer: _Layer, old: _Contents, new: _Contents) -> dict[str, str]:
    """Return what is not in the new container as it was in the old one, each with the reason."""
    problems = dict.fromkeys(layer.hidden, "beneath the place of a mount") | old.special
    for path in layer.wanted - layer.deleted - old.entries.keys() - old.special.keys():
        problems[path] = "a socket, or gone meanwhile"
    for path, entry in old.entries.items():
        there = new.entries.get(path)
        if there is None:
            problems[path] = "missing"
        elif there != entry:
            problems[path] = _difference(entry, there)
    came_back = new.below_deleted - old.below_deleted
    for path in came_back - above(came_back) if came_back else ():
        problems.setdefault(path, "deleted in the old container, and back in the new one")
    return problems


def _difference(old: _Entry, new: _Entry) -> str:
    if old.content != new.content:
        return "another content"
    if (old.kind, old.target) != (new.kind, new.target):
        return "another kind of file"
    if old.owner != new.owner:
        return "another owner"
    return "another mode" if old.mode != new.mode else "other attributes"
