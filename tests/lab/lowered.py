"""Programs of this checkout, run by an unprivileged user with a few capabilities, or by less."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .engine import SEARCH_PATH

NOBODY = 65534
DOCKER = 64242
"""A group that nobody is in; the engine's socket belongs to it."""
ROOT = Path(__file__).resolve().parents[2]
LINKDOCTOR = (sys.executable, "-m", "linkdoctor")
AS_LONG_AS_IT_MAY_TAKE = 60.0


def as_user(capabilities: Sequence[str], uid: int = NOBODY) -> list[str]:
    """The words that begin a command line: an unprivileged user of the group docker.

    The capabilities are named as systemd names them, `CAP_SYS_PTRACE`; with uid 0 they are all
    that root has left.
    """
    kept = "".join(f",+{each.removeprefix('CAP_').lower()}" for each in capabilities)
    words = ["setpriv", f"--bounding-set=-all{kept}", "--no-new-privs"]
    words += [f"--inh-caps=-all{kept}", f"--ambient-caps=-all{kept}"]
    if uid:
        words += [f"--reuid={uid}", f"--regid={uid}", f"--groups={DOCKER}"]
    return words


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = AS_LONG_AS_IT_MAY_TAKE,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command line where every user may look into the checkout and its Python."""
    script = "\n".join(["set -e", *_opened(ROOT, Path(sys.base_prefix)), shlex.join(argv)])
    return subprocess.run(
        ["unshare", "--mount", "--propagation=private", "sh", "-c", script],
        env={"PATH": SEARCH_PATH, "HOME": "/", "LC_ALL": "C", **(environment or {})},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def _opened(*directories: Path) -> Iterator[str]:
    """Commands that open, in a mount namespace of its own, the way to directories for everybody.

    A directory on the way that others may not pass is covered by an empty one that they may.
    """
    closed = {each: parent for each in directories if (parent := _closed_parent(each))}
    for number, directory in enumerate(closed):
        yield f"stash{number}=$(mktemp -d) && mount --bind {_quoted(directory)} $stash{number}"
    for parent in dict.fromkeys(closed.values()):
        yield f"mount -t tmpfs -o mode=755 tmpfs {_quoted(parent)}"
    for number, directory in enumerate(closed):
        yield f"mkdir -p {_quoted(directory)} && mount --bind $stash{number} {_quoted(directory)}"
        yield f"umount $stash{number} && rmdir $stash{number}"


def _closed_parent(directory: Path) -> Path | None:
    """The outermost directory on the way that others may not pass."""
    way = [*reversed(directory.parents), directory]
    return next((each for each in way if not each.stat().st_mode & 0o001), None)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
