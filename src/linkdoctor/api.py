"""The use cases of linkdoctor, typed: the public Python API, and all that the CLI calls.

>>> from linkdoctor.api import Url, diagnose_engines
>>> report = diagnose_engines([Url("unix:///var/run/docker.sock")])  # doctest: +SKIP
>>> report.summary.verdict  # doctest: +SKIP
"""

from __future__ import annotations

import gzip
import os
import threading
import tomllib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import msgspec

from linkdoctor import __version__
from linkdoctor.collect.collector import Further, collect
from linkdoctor.collect.engine import (
    ContextName,
    Deadline,
    EndpointError,
    EngineError,
    Url,
    connect,
    endpoint_of,
)
from linkdoctor.diagnose import Selection, Unreachable, diagnose
from linkdoctor.model.knowledge import Declaration, ImageExpectation, Knowledge
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import SCHEMA, Snapshot, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import LoadedRule, PackError, load_rules

__all__ = [
    "DEFAULT_TIMEOUT",
    "DEMO_FILES",
    "TOOL",
    "ContextName",
    "EndpointError",
    "EngineError",
    "Examination",
    "Further",
    "LoadedRule",
    "PackError",
    "Progress",
    "Selection",
    "SnapshotError",
    "Url",
    "add_snapshots",
    "demo_snapshots",
    "diagnose_engines",
    "examine",
    "known_images",
    "load_rules",
    "read_snapshot",
    "report_on",
    "snapshot_bytes",
]

TOOL = Tool(name="linkdoctor", version=__version__)
DEFAULT_TIMEOUT = 30.0
"""Seconds that the examination of one engine may take."""

DEMO_FILES = ("demo-alpha.json.gz", "demo-beta.json.gz")
"""The recorded hosts among the package's data."""

_LARGEST_SNAPSHOT = 512 * 1024 * 1024
_LONGEST_VERSION = 9
_LONGEST_WORDS = 300
_GZIP = b"\x1f\x8b"

Progress = Callable[[str], None]


class SnapshotError(Exception):
    """A snapshot file cannot be used; the message is one line: what is wrong and where."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of several engines, and which could not be asked."""

    snapshots: tuple[Snapshot, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()


def examine(
    engines: Sequence[Url | ContextName] = (Url(),),
    *,
    timeout: float = DEFAULT_TIMEOUT,
    further: Further = Further(),  # noqa: B008 - frozen
    environment: Mapping[str, str] = os.environ,
    progress: Progress = lambda _: None,
) -> Examination:
    """Take a snapshot of each engine, all at once; one that fails does not hide the others.

    Args:
        engines: where the engines are; by default the one that the docker CLI would use.
        timeout: seconds that each engine may take, whatever it does.
        further: what is read or tried only if asked for.
        environment: ``DOCKER_*`` variables are read from it.
        progress: is told what is being read.

    Raises:
        EndpointError: an engine is named in a way that cannot be right.
    """
    for where in engines:
        endpoint_of(where, environment)
    seen: dict[int, Snapshot] = {}
    failed: dict[int, Unreachable] = {}

    def work(number: int, where: Url | ContextName) -> None:
        deadline = Deadline(timeout)
        try:
            client = connect(where, deadline, environment)
            try:
                seen[number] = collect(
                    client, deadline, tool=TOOL, further=further, progress=progress
                )
            finally:
                client.close()
        except EngineError as error:
            failed[number] = _unreachable(where, environment, str(error))
        except Exception as error:  # one engine must not hide the others
            failed[number] = _unreachable(
                where,
                environment,
                f"linkdoctor failed on it: {type(error).__name__}; please report it",
            )

    threads = [
        threading.Thread(target=work, args=(number, where), daemon=True)
        for number, where in enumerate(engines)
    ]
    for thread in threads:
        thread.start()
    clock = Deadline(timeout + 2)  # every request has its own deadline; this is the last resort
    for number, thread in enumerate(threads):
        thread.join(clock.left())
        if thread.is_alive():
            failed[number] = _unreachable(
                engines[number], environment, f"it did not answer within {timeout:g} s"
            )
    snapshots = [seen[number] for number in sorted(seen) if number not in failed]
    return Examination(
        snapshots=_distinct(snapshots),
        unreachable=tuple(failed[number] for number in sorted(failed)),
    )


def _unreachable(
    where: Url | ContextName, environment: Mapping[str, str], reason: str
) -> Unreachable:
    try:
        endpoint = endpoint_of(where, environment)
    except EngineError:
        endpoint = ""
    if isinstance(where, ContextName):
        return Unreachable(host=f"context {where.name}", endpoint=endpoint, reason=reason)
    return Unreachable(host=endpoint or "the engine", endpoint=endpoint, reason=reason)


def _distinct(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """Give each snapshot a host name of its own: engines on one machine share theirs."""
    counts = Counter(snapshot.host for snapshot in snapshots)
    distinct: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        name = snapshot.host
        if counts[name] > 1:
            name = f"{name} ({snapshot.endpoint})"
        # The same engine given twice is one host.
        distinct.setdefault(name, msgspec.structs.replace(snapshot, host=name))
    return tuple(distinct.values())


def report_on(
    examination: Examination,
    rules: Iterable[LoadedRule],
    *,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    declarations: Sequence[Declaration] = (),
) -> Report:
    """Apply rules to what was seen."""
    knowledge = Knowledge(images=known_images(), declarations=tuple(declarations))
    return diagnose(
        Topology(examination.snapshots, knowledge),
        [loaded.rule for loaded in rules],
        tool=TOOL,
        taken_at=_taken_at(examination),
        selection=selection,
        unreachable=examination.unreachable,
    )


def diagnose_engines(
    engines: Sequence[Url | ContextName] = (Url(),), *, timeout: float = DEFAULT_TIMEOUT
) -> Report:
    """Examine engines and diagnose their links with every installed rule."""
    return report_on(examine(engines, timeout=timeout), load_rules())


def _taken_at(examination: Examination) -> str:
    times = [snapshot.taken_at for snapshot in examination.snapshots]
    return max(times) if times else _now()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def known_images() -> tuple[ImageExpectation, ...]:
    """Read the table of what images expect, ``data/images.toml``."""
    text = resources.files("linkdoctor.data").joinpath("images.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["image"], tuple[ImageExpectation, ...])


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """Encode a snapshot for a file: JSON, compressed, the same bytes for the same snapshot."""
    return gzip.compress(msgspec.json.encode(snapshot), mtime=0)


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file, compressed or not.

    Raises:
        SnapshotError: it cannot be read, is damaged, or is of a newer schema.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_SNAPSHOT + 1)
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or type(error).__name__}") from None
    return _decode_snapshot(content, str(path))


def demo_snapshots() -> tuple[Snapshot, ...]:
    """Read the recorded hosts that come with linkdoctor."""
    directory = resources.files("linkdoctor.data")
    return tuple(
        _decode_snapshot(directory.joinpath(name).read_bytes(), name) for name in DEMO_FILES
    )


class _Schema(msgspec.Struct):
    schema: str = ""


def _decode_snapshot(content: bytes, name: str) -> Snapshot:
    content = _decompressed(content, name) if content.startswith(_GZIP) else content
    if len(content) > _LARGEST_SNAPSHOT:
        raise SnapshotError(f"{name}: larger than {_LARGEST_SNAPSHOT >> 20} MiB")
    try:
        schema = msgspec.json.decode(content, type=_Schema).schema
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{name}: no snapshot: not valid JSON ({error})") from None
    kind, _, version = schema.partition("/")
    if kind != SCHEMA.partition("/")[0]:
        raise SnapshotError(f"{name}: no snapshot: its schema is {schema[:80]!r}, not {SCHEMA!r}")
    if not _is_known(version):
        raise SnapshotError(
            f"{name}: made by a newer linkdoctor ({schema[:80]}); this one, {__version__}, "
            f"reads up to {SCHEMA}; upgrade linkdoctor"
        )
    try:
        return msgspec.json.decode(content, type=Snapshot)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # It may quote what stands in the file, which may be endless.
        words = str(error)[:_LONGEST_WORDS]
        raise SnapshotError(f"{name}: a damaged snapshot: {words}") from None


def _is_known(version: str) -> bool:
    digits = version.isascii() and version.isdecimal() and len(version) <= _LONGEST_VERSION
    return digits and int(version) <= int(SCHEMA.partition("/")[2])


def _decompressed(content: bytes, name: str) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        plain = decompressor.decompress(content, _LARGEST_SNAPSHOT + 1)
    except zlib.error as error:
        raise SnapshotError(f"{name}: a damaged snapshot: {error}") from None
    if not decompressor.eof and len(plain) <= _LARGEST_SNAPSHOT:
        raise SnapshotError(f"{name}: a truncated snapshot")
    return plain


def add_snapshots(examination: Examination, files: Sequence[Path]) -> Examination:
    """Add saved snapshots to what was seen; each host keeps or gets a name of its own.

    Snapshots of equally named hosts are told apart by their files: unlike live engines, two
    of them may well share name and endpoint and be two machines, or one at two times.

    Raises:
        SnapshotError: a file cannot be used.
    """
    read = {path: read_snapshot(path) for path in dict.fromkeys(files)}
    counts = Counter(snapshot.host for snapshot in (*examination.snapshots, *read.values()))
    named = tuple(
        snapshot
        if counts[snapshot.host] == 1
        else msgspec.structs.replace(snapshot, host=f"{snapshot.host} ({path})")
        for path, snapshot in read.items()
    )
    return msgspec.structs.replace(examination, snapshots=(*examination.snapshots, *named))
