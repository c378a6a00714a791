"""What a container has mounted, in words that give it the same again."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["mount_words"]

_Raw: TypeAlias = Mapping[str, Any]

_VOLUME_PATH = re.compile(r"/volumes/([^/]+)/_data/?$")
_PLAIN = frozenset(("Type", "Source", "Target", "ReadOnly", "BindOptions", "TmpfsOptions"))


def mount_words(raw: _Raw, gone: Collection[str] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words for all mounts, and what no words say.

    Each anonymous volume is named, and so is each from another container: it is taken again.
    """
    host: _Raw = raw["HostConfig"]
    mounted = {_clean(each["Destination"]): each for each in raw.get("Mounts") or ()}
    words: list[str] = []
    beyond: list[str] = []
    taken: set[str] = set()
    for bind in host.get("Binds") or ():
        source, colon, rest = bind.partition(":")
        destination = _clean(rest.partition(":")[0] if colon else source)
        taken.add(destination)
        found = mounted.get(destination)
        words += ("--volume", bind if colon or found is None else _bind(found, destination))
    for mount in host.get("Mounts") or ():
        destination = _clean(mount.get("Target", ""))
        taken.add(destination)
        word, unsaid = _mount(mount, mounted.get(destination))
        words += ("--mount", word)
        beyond += unsaid
    for path, options in sorted((host.get("Tmpfs") or {}).items()):
        taken.add(_clean(path))
        words += ("--tmpfs", f"{path}:{options}" if options else path)
    for each in host.get("VolumesFrom") or ():
        if each.partition(":")[0] not in gone:
            words += ("--volumes-from", each)
    for destination, found in sorted(mounted.items()):
        if destination not in taken and found.get("Type") in ("volume", "bind"):
            words += ("--volume", _bind(found, destination))
    return tuple(words), tuple(beyond)


def _mount(mount: _Raw, found: _Raw | None) -> tuple[str, tuple[str, ...]]:
    """Return a mount as ``--mount`` takes it, and what cannot be said of it."""
    kind = mount.get("Type", "")
    source = mount.get("Source") or (_volume(found) if kind == "volume" and found else "")
    bind, tmpfs = (mount.get(each) or {} for each in ("BindOptions", "TmpfsOptions"))
    fields = [("type", kind), ("source", source), ("target", mount.get("Target", ""))]
    if mount.get("ReadOnly"):
        fields.append(("readonly", "true"))
    if bind.get("Propagation"):
        fields.append(("bind-propagation", bind["Propagation"]))
    if tmpfs.get("SizeBytes"):
        fields.append(("tmpfs-size", str(tmpfs["SizeBytes"])))
    if tmpfs.get("Mode"):
        fields.append(("tmpfs-mode", f"{tmpfs['Mode']:o}"))
    # An anonymous volume that is empty stays empty: the image's files are not copied once more.
    anonymous = kind == "volume" and not mount.get("Source")
    if anonymous or (mount.get("VolumeOptions") or {}).get("NoCopy"):
        fields.append(("volume-nocopy", "true"))
    text = ",".join(_field(f"{key}={value}") for key, value in fields if value)
    return text, tuple(_beyond(mount, bind, tmpfs))


def _beyond(mount: _Raw, bind: _Raw, tmpfs: _Raw) -> Iterator[str]:
    further = {key: value for key, value in mount.items() if key not in _PLAIN and value}
    volume = {key for key, value in (further.pop("VolumeOptions", None) or {}).items() if value}
    odd = (
        set(further)
        | (volume - {"NoCopy"})
        | {key for key, value in bind.items() if value and key != "Propagation"}
        | {key for key, value in tmpfs.items() if value and key not in ("SizeBytes", "Mode")}
    )
    if odd:
        yield f"options of a mount ({', '.join(sorted(odd))})"


def _field(text: str) -> str:
    """Quote a field as the comma separated words of ``--mount`` have it."""
    return '"' + text.replace('"', '""') + '"' if re.search('[,"\n]', text) else text


def _bind(mount: _Raw, destination: str) -> str:
    # The image's files are not copied into it once more: an empty volume stays empty.
    options = [] if mount.get("RW", True) else ["ro"]
    if mount.get("Type") == "volume":
        options.append("nocopy")
        source = _volume(mount)
    else:
        source = mount["Source"]
        if mount.get("Propagation") not in ("", "rprivate", None):
            options.append(mount["Propagation"])
    options += [each for each in mount.get("Mode", "").split(",") if each in ("z", "Z")]
    mode = ",".join(dict.fromkeys(options))
    return f"{source}:{destination}" + (f":{mode}" if mode else "")


def _volume(mount: _Raw) -> str:
    """Return a volume's name; engine 28 leaves it out where `Binds` holds a mere destination."""
    if name := mount.get("Name"):
        return str(name)
    match = _VOLUME_PATH.search(mount.get("Source", ""))
    return match[1] if match else ""


def _clean(path: str) -> str:
    return posixpath.normpath(path or "/")
