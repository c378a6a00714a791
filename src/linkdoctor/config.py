"""The configuration file: where it is looked for, and what it may hold.

It is never read from the working directory: who may write there must not decide what is
reported.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec

from linkdoctor.decode_errors import JSON_KINDS, problem_and_key
from linkdoctor.given_files import read_bounded
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.report import Severity
from linkdoctor.model.suppression import Suppression, SuppressionOrigin

__all__ = [
    "CONFIG_VARIABLE",
    "LONGEST_TIMEOUT",
    "Config",
    "ConfigError",
    "Ignore",
    "Loaded",
    "find_config",
    "is_timeout",
    "load_config",
    "load_with_origin",
    "read_config",
    "usual_places",
]

CONFIG_VARIABLE = "LINKDOCTOR_CONFIG"
"""The variable of the environment that names the file."""

LONGEST_TIMEOUT = 86400.0
"""Seconds; more than a day is a slip."""

_SYSTEM_WIDE = Path("/etc/linkdoctor/config.toml")
_LARGEST_FILE = 1024 * 1024
_LARGEST_PORT = 65535

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TIMEOUT)]


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line: file, key and what is wrong."""


_Text = Annotated[str, msgspec.Meta(pattern=r"\S")]


class Ignore(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Findings that are known and accepted: they are only counted."""

    code: Annotated[
        _Text, msgspec.Meta(description="A code, the beginning of one, a name, or a glob.")
    ]
    target: Annotated[str, msgspec.Meta(description="A glob over names of targets.")] = "*"
    alias: Annotated[str, msgspec.Meta(description="A glob over aliases of links.")] = "*"
    host: Annotated[str, msgspec.Meta(description="A glob over names of hosts.")] = "*"
    reason: Annotated[_Text, msgspec.Meta(description="Why this is accepted.")]
    until: Annotated[
        date | None, msgspec.Meta(description="The last day on which it applies, in UTC.")
    ] = None

    def suppression(self) -> Suppression:
        """Return it as the diagnosis takes it."""
        host, target, alias = (
            "" if glob == "*" else glob for glob in (self.host, self.target, self.alias)
        )
        return Suppression(
            origin=SuppressionOrigin.CONFIGURATION,
            code=self.code.strip(),
            host=host,
            target=target,
            alias=alias,
            reason=self.reason,
            until=self.until,
        )


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What a configuration file sets; None or empty: not set."""

    select: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="The only rules to apply: codes, names or beginnings of codes."),
    ] = ()
    ignore: Annotated[
        tuple[str | Ignore, ...],
        msgspec.Meta(
            description="What is suppressed: rules, as with --ignore, or tables with more detail."
        ),
    ] = ()
    severity: Annotated[
        dict[str, Severity],
        msgspec.Meta(description="Severities to change, by code or name."),
    ] = {}
    accept_missing: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Kinds of evidence that may be missing, as with --accept-missing: root, "
            "firewall, all …"
        ),
    ] = ()
    fail_on: Annotated[
        Severity | None,
        msgspec.Meta(description="The least severity that exits with 1. Default: error."),
    ] = None
    timeout: Annotated[
        _Seconds | None,
        msgspec.Meta(description="Time limit for one engine, in seconds. Default: 30."),
    ] = None
    hosts: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="URLs of engines. Default: the one that the docker command would use."
        ),
    ] = ()
    rules: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Directories of additional rules, relative to the file's own."),
    ] = ()
    container: Annotated[
        tuple[Declaration, ...], msgspec.Meta(description="Declarations about containers.")
    ] = ()

    @property
    def ignored(self) -> tuple[str, ...]:
        """Return the rules that are ignored as with ``--ignore``, which takes their place."""
        return tuple(each for each in self.ignore if isinstance(each, str))

    @property
    def suppressions(self) -> tuple[Suppression, ...]:
        """Return what is known and accepted; it holds whatever ``--ignore`` says."""
        return tuple(each.suppression() for each in self.ignore if isinstance(each, Ignore))


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration, and where it was read."""

    config: Config = Config()
    file: Path | None = None
    keys: frozenset[str] = frozenset()
    """What the file sets; all else is as it is by default."""


def load_config(given: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Find and read the configuration; without a file it is empty.

    Args:
        given: the file of ``--config``.
        environment: ``LINKDOCTOR_CONFIG``, ``XDG_CONFIG_HOME`` and ``HOME`` are read from it.

    Raises:
        ConfigError: a file that is named is missing, or the one that is found cannot be used.
    """
    environment = os.environ if environment is None else environment
    return load_with_origin(given, environment).config


def load_with_origin(
    given: Path | None = None, environment: Mapping[str, str] | None = None
) -> Loaded:
    """Do as `load_config`, and tell what was read where; raises ConfigError."""
    environment = os.environ if environment is None else environment
    path = find_config(given, environment)
    return Loaded() if path is None else _read(path)


def find_config(given: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Return the file to read: one that is named must be there, the usual places may be empty."""
    if given is not None:
        return given
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    return next(filter(os.path.exists, usual_places(environment)), None)


def usual_places(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the places where a file is looked for that nobody names, in order."""
    # Relative paths are void by the XDG specification, and would be the working directory's.
    base = environment.get("XDG_CONFIG_HOME", "")
    home = environment.get("HOME", "")
    if os.path.isabs(base):
        yield Path(base, "linkdoctor", "config.toml")
    elif os.path.isabs(home):
        yield Path(home, ".config", "linkdoctor", "config.toml")
    yield _SYSTEM_WIDE


def read_config(path: Path) -> Config:
    """Read one configuration file; raises ConfigError."""
    return _read(path).config


def _read(path: Path) -> Loaded:
    raw = _parsed(path)
    _refuse_unknown_keys(path, raw)
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_in_words(error)}") from None
    for declaration in config.container:
        _refuse_odd_ports(path, declaration)
    config = msgspec.structs.replace(
        config, rules=tuple(_beside(path, directory) for directory in config.rules)
    )
    return Loaded(config=config, file=path, keys=frozenset(raw))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = read_bounded(path, _LARGEST_FILE)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror or type(error).__name__}"
        ) from None
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path}: larger than {_LARGEST_FILE >> 20} MiB")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        mixed = "immutable namespace ('ignore',)" in str(error)
        hint = "; ignore is either a list or [[ignore]] tables" if mixed else ""
        raise ConfigError(f"{path}: not valid TOML: {error}{hint}") from None


def _refuse_unknown_keys(path: Path, raw: Mapping[str, Any]) -> None:
    _refuse_unknown(path, raw, _keys(Config), "")
    for key, kind in (("container", Declaration), ("ignore", Ignore)):
        tables = raw.get(key, ())
        for table in tables if isinstance(tables, list) else ():
            if isinstance(table, dict):
                _refuse_unknown(path, table, _keys(kind), f" in [[{key}]]")


def _refuse_unknown(path: Path, table: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key.lower().replace("_", "-"), known, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"{path}: unknown key {key[:80]!r}{place}; {hint}")


def _keys(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(struct))


_KINDS = {
    **JSON_KINDS,
    "object": "a table",
    "str": "text in quotes",
    "null": "nothing",
    "datetime": "a date with a time",
    "date": "a date such as 2026-12-31",
    "time": "a time",
}


def _in_words(error: msgspec.ValidationError) -> str:
    """Say what is wrong, to people who write TOML."""
    what, key = problem_and_key(error, _KINDS)
    if match := re.fullmatch(r"has an unknown value (.+)", what):
        what = f"must be one of {', '.join(Severity)}, not {match[1]}"
    elif what.startswith("Expected `str` matching"):
        what = "must not be empty"
    elif what.startswith("Invalid RFC3339"):
        what = f"must be {_KINDS['date']}"
    elif key == "timeout" and not what.startswith("must be"):
        what = f"must be above 0 and at most {LONGEST_TIMEOUT:g} seconds"
    return f"{key or 'the file'}: {what}"


def _refuse_odd_ports(path: Path, declaration: Declaration) -> None:
    odd = [port for port in declaration.publishes if not 0 < port <= _LARGEST_PORT]
    if odd:
        raise ConfigError(f"{path}: container.publishes: {odd[0]} is not a port")


def _beside(path: Path, directory: str) -> str:
    return os.path.join(path.parent, os.path.expanduser(directory))


def is_timeout(seconds: float) -> bool:
    """Whether a number can be a time to wait."""
    return math.isfinite(seconds) and 0 < seconds <= LONGEST_TIMEOUT
