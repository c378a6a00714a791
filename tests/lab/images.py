"""Images made on the spot from the machine's static busybox: no registry is asked."""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from docker import APIClient

BASE = "lab:base"
PATH = "/usr/bin:/bin"
DIRECTORIES = ("bin", "dev", "etc", "proc", "root", "run", "sys", "usr", "usr/bin", "var")
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


def changes(
    *,
    expose: Sequence[int | str] = (),
    env: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    entrypoint: Sequence[str] | None = None,
    command: Sequence[str] | None = ("sh",),
) -> list[str]:
    """The Dockerfile lines that say the same."""
    lines = [f"EXPOSE {port}" for port in expose]
    for key, value in {"PATH": PATH, **(env or {})}.items():
        lines.append(f"ENV {key}={_quoted(value)}")
    lines += [f"LABEL {_quoted(key)}={_quoted(value)}" for key, value in (labels or {}).items()]
    if entrypoint is not None:
        lines.append(f"ENTRYPOINT {json.dumps(list(entrypoint))}")
    if command is not None:
        lines.append(f"CMD {json.dumps(list(command))}")
    return lines


def load(
    api: APIClient, reference: str, lines: Sequence[str], files: Mapping[str, str] | None = None
) -> None:
    """Make the image `reference` (`name:tag`) of busybox, more files and Dockerfile lines."""
    repository, _, tag = reference.rpartition(":")
    data = root_filesystem(files or {})
    api.import_image_from_data(data, repository=repository, tag=tag, changes=list(lines))


def root_filesystem(files: Mapping[str, str]) -> bytes:
    """A tar of busybox, its applets and the files given; a script (`#!`) is made executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in DIRECTORIES:
            _add(tar, name, tarfile.DIRTYPE, mode=0o755)
        _add(tar, "tmp", tarfile.DIRTYPE, mode=0o1777)
        _add(tar, "bin/busybox", mode=0o755, content=_busybox().read_bytes())
        for applet in _applets():
            _add(tar, f"bin/{applet}", tarfile.SYMTYPE, target="/bin/busybox")
        _add(tar, "usr/bin/env", tarfile.SYMTYPE, target="/bin/busybox")
        for name, text in {**FILES, **files}.items():
            mode = 0o755 if text.startswith("#!") else 0o644
            _add(tar, name.lstrip("/"), mode=mode, content=text.encode())
    return buffer.getvalue()


def _add(
    tar: tarfile.TarFile,
    name: str,
    kind: bytes = tarfile.REGTYPE,
    *,
    mode: int = 0o777,
    target: str = "",
    content: bytes = b"",
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname, member.size = kind, mode, target, len(content)
    tar.addfile(member, io.BytesIO(content))


def _busybox() -> Path:
    found = shutil.which("busybox")
    if found is None:
        raise RuntimeError("no busybox on this machine")
    return Path(found)


@functools.cache
def _applets() -> tuple[str, ...]:
    """The names that busybox answers to, without its own: a link to itself would be no program."""
    argv = [str(_busybox()), "--list"]
    listing = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=10).stdout
    return tuple(name for name in listing.split() if name != "busybox")


def _quoted(text: str) -> str:
    for special in ("\\", '"', "$"):
        text = text.replace(special, f"\\{special}")
    return f'"{text}"'
