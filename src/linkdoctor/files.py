"""Snapshots, reports and baselines on disk, and the data that comes with linkdoctor."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import tomllib
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from linkdoctor import __version__
from linkdoctor.decode_errors import explain_decode_error
from linkdoctor.given_files import read_bounded
from linkdoctor.model.baseline import BASELINE_SCHEMA, Baseline
from linkdoctor.model.knowledge import ImageExpectation
from linkdoctor.model.report import SCHEMA as REPORT_SCHEMA
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import SCHEMA, Snapshot
from linkdoctor.privacy.inventory import Inventory, inventory, unknown_in
from linkdoctor.render.as_json import harmless_json

__all__ = [
    "DEMO_FILES",
    "BaselineError",
    "SnapshotError",
    "baseline_bytes",
    "contents_of",
    "demo_snapshots",
    "known_images",
    "read_baseline",
    "read_kept",
    "read_snapshot",
    "read_snapshots",
    "snapshot_bytes",
]

DEMO_FILES = ("demo-alpha.json.gz", "demo-beta.json.gz")
"""The recorded hosts among the package's data."""

_LARGEST_SNAPSHOT = 512 * 1024 * 1024
_LARGEST_BASELINE = 64 * 1024 * 1024
_LONGEST_VERSION = 9
_LONGEST_WORDS = 300
_GZIP = b"\x1f\x8b"
_DATA = "linkdoctor.data"

_BASELINE_KIND, _, _NEWEST_BASELINE = BASELINE_SCHEMA.partition("/")
_BASELINE_VERSION = re.compile(rf"{re.escape(_BASELINE_KIND)}/([1-9][0-9]{{0,5}})")

_NOT_DECODED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class SnapshotError(Exception):
    """A file cannot be used as a snapshot or report; the message is one line: what, and where."""


class BaselineError(Exception):
    """A baseline cannot be used; the message is one line: the file, what is wrong, a way out."""


# --- snapshots and reports ------------------------------------------------------------------------


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """Encode a snapshot for a file: JSON, compressed, the same bytes for the same snapshot."""
    return gzip.compress(msgspec.json.encode(snapshot), mtime=0)


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file, compressed or not.

    Raises:
        SnapshotError: it cannot be read, is damaged, or is of a newer schema.
    """
    return _decode_snapshot(_content(path), str(path))


def read_snapshots(files: Sequence[Path]) -> dict[Path, Snapshot]:
    """Read snapshot files, each once: a pipe can be read no second time.

    Raises:
        SnapshotError: a file cannot be used.
    """
    return {path: read_snapshot(path) for path in dict.fromkeys(files)}


def read_kept(path: Path) -> Snapshot | Report:
    """Read a snapshot or a report in JSON, compressed or not.

    Raises:
        SnapshotError: it cannot be read, is damaged, is neither, or is of a newer schema.
    """
    content = _content(path)
    schema = _schema_of(content, str(path))
    if _kind(schema) not in (_kind(SCHEMA), _kind(REPORT_SCHEMA)):
        raise SnapshotError(
            f"{path}: neither a snapshot nor a report of `check --format json`: its schema is "
            f"{schema[:80]!r}"
        )
    if _kind(schema) == _kind(REPORT_SCHEMA):
        return _decoded(content, str(path), Report, REPORT_SCHEMA, "report")
    return _decode_snapshot(content, str(path))


def _content(path: Path) -> bytes:
    """Read a file of JSON, compressed or not; raises SnapshotError."""
    try:
        content = read_bounded(path, _LARGEST_SNAPSHOT)
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or type(error).__name__}") from None
    return _plain(content, str(path))


def _plain(content: bytes, name: str) -> bytes:
    content = _decompressed(content, name) if content.startswith(_GZIP) else content
    if len(content) > _LARGEST_SNAPSHOT:
        raise SnapshotError(f"{name}: larger than {_LARGEST_SNAPSHOT >> 20} MiB")
    return content


def _decompressed(content: bytes, name: str) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        plain = decompressor.decompress(content, _LARGEST_SNAPSHOT + 1)
    except zlib.error as error:
        raise SnapshotError(f"{name}: a damaged snapshot: {error}") from None
    if not decompressor.eof and len(plain) <= _LARGEST_SNAPSHOT:
        raise SnapshotError(f"{name}: a truncated snapshot")
    if decompressor.unused_data:
        raise SnapshotError(f"{name}: a damaged snapshot: something follows its end")
    return plain


class _Schema(msgspec.Struct):
    schema: str = ""


def _decode_snapshot(content: bytes, name: str) -> Snapshot:
    return _decoded(content, name, Snapshot, SCHEMA, "snapshot")


def _decoded(content: bytes, name: str, type_: type[T], wanted: str, what: str) -> T:
    schema = _schema_of(content, name)
    version = schema.partition("/")[2]
    if _kind(schema) != _kind(wanted):
        raise SnapshotError(f"{name}: not a {what}: its schema is {schema[:80]!r}, not {wanted!r}")
    if not _is_known(version, wanted):
        raise SnapshotError(
            f"{name}: made by a newer linkdoctor ({schema[:80]}); this one, {__version__}, "
            f"reads up to {wanted}; upgrade linkdoctor"
        )
    try:
        return msgspec.json.decode(content, type=type_)
    except _NOT_DECODED as error:
        # It may quote what stands in the file, which may be endless.
        words = explain_decode_error(error)[:_LONGEST_WORDS]
        raise SnapshotError(f"{name}: a damaged {what}: {words}") from None


def _schema_of(content: bytes, name: str) -> str:
    try:
        return msgspec.json.decode(content, type=_Schema).schema
    except msgspec.ValidationError as error:
        raise SnapshotError(f"{name}: not a snapshot: {explain_decode_error(error)}") from None
    except _NOT_DECODED as error:
        raise SnapshotError(f"{name}: not a snapshot: not valid JSON ({error})") from None


def _kind(schema: str) -> str:
    return schema.partition("/")[0]


def _is_known(version: str, wanted: str) -> bool:
    digits = version.isascii() and version.isdecimal() and len(version) <= _LONGEST_VERSION
    return digits and int(version) <= int(wanted.partition("/")[2])


def contents_of(path: Path) -> Inventory:
    """List everything that a snapshot file holds, also what linkdoctor would take no notice of.

    Raises:
        SnapshotError: it cannot be read, is damaged, or is of a newer schema.
    """
    content = _content(path)
    snapshot = _decode_snapshot(content, str(path))
    repeated: list[tuple[str, str]] = []

    def fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
        counts = Counter(name for name, _ in pairs)
        repeated.extend((name, f"{value}") for name, value in pairs if counts[name] > 1)
        return dict(pairs)

    try:
        plain = json.loads(content, object_pairs_hook=fields)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"{path}: not a snapshot: not valid JSON ({error})") from None
    known = json.loads(msgspec.json.encode(snapshot))
    return inventory(snapshot, [*repeated, *unknown_in(plain, known)])


# --- baselines ------------------------------------------------------------------------------------


def baseline_bytes(baseline: Baseline) -> bytes:
    """Encode a baseline for a file that people can read and compare."""
    return harmless_json(msgspec.to_builtins(baseline), indent=2).encode()


def read_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        BaselineError: it is not there, cannot be read, is damaged, or is of a newer schema.
    """
    try:
        content = read_bounded(path, _LARGEST_BASELINE)
    except FileNotFoundError:
        raise BaselineError(
            f"{path}: there is no such baseline; `linkdoctor check --write-baseline "
            f"{shlex.quote(str(path))}` writes one"
        ) from None
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror or type(error).__name__}") from None
    if len(content) > _LARGEST_BASELINE:
        raise BaselineError(f"{path}: not a baseline: larger than {_LARGEST_BASELINE >> 20} MiB")
    return _decoded_baseline(content, path)


def _decoded_baseline(content: bytes, path: Path) -> Baseline:
    try:
        plain: Any = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{path}: not a baseline: not valid JSON ({error})") from None
    schema = plain.get("schema") if isinstance(plain, dict) else None
    version = _BASELINE_VERSION.fullmatch(schema) if isinstance(schema, str) else None
    if version is None:
        raise BaselineError(f"{path}: not a baseline: it lacks the schema {BASELINE_SCHEMA!r}")
    if int(version[1]) > int(_NEWEST_BASELINE):
        raise BaselineError(
            f"{path}: written by a newer linkdoctor ({schema}); upgrade linkdoctor, or rewrite it "
            "with --write-baseline"
        )
    try:
        return msgspec.convert(plain, Baseline)
    except msgspec.ValidationError as error:
        raise BaselineError(f"{path}: a damaged baseline: {explain_decode_error(error)}") from None


# --- what comes with linkdoctor -------------------------------------------------------------------


def demo_snapshots() -> tuple[Snapshot, ...]:
    """Read the recorded hosts that come with linkdoctor."""
    directory = resources.files(_DATA)
    return tuple(
        _decode_snapshot(_decompressed(directory.joinpath(name).read_bytes(), name), name)
        for name in DEMO_FILES
    )


@cache
def known_images() -> tuple[ImageExpectation, ...]:
    """Read the table of what images expect, ``data/images.toml``: once, since it never changes."""
    text = resources.files(_DATA).joinpath("images.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["image"], tuple[ImageExpectation, ...])
