"""Reads and writes baselines: files of what is known."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec

from linkdoctor.decode_errors import explain_decode_error
from linkdoctor.given_files import read_bounded
from linkdoctor.model.baseline import BASELINE_SCHEMA, Baseline
from linkdoctor.render.as_json import harmless_json

__all__ = ["BaselineError", "baseline_bytes", "read_baseline"]

_LARGEST_BASELINE = 64 * 1024 * 1024
_KIND, _, _NEWEST = BASELINE_SCHEMA.partition("/")
_SCHEMA = re.compile(rf"{re.escape(_KIND)}/([1-9][0-9]{{0,5}})")


class BaselineError(Exception):
    """A baseline cannot be used; the message is one line: the file, what is wrong, a way out."""


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
    return _decoded(content, path)


def _decoded(content: bytes, path: Path) -> Baseline:
    try:
        plain: Any = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{path}: not a baseline: not valid JSON ({error})") from None
    schema = plain.get("schema") if isinstance(plain, dict) else None
    version = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if version is None:
        raise BaselineError(f"{path}: not a baseline: it lacks the schema {BASELINE_SCHEMA!r}")
    if int(version[1]) > int(_NEWEST):
        raise BaselineError(
            f"{path}: written by a newer linkdoctor ({schema}); upgrade linkdoctor, or rewrite it "
            "with --write-baseline"
        )
    try:
        return msgspec.convert(plain, Baseline)
    except msgspec.ValidationError as error:
        raise BaselineError(f"{path}: a damaged baseline: {explain_decode_error(error)}") from None
