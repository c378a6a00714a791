"""The configuration as it holds, with where each part of it comes from.

The text is a configuration file itself: what it says can be kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from linkdoctor.render.layout import Style, TextStyle, text_of
from linkdoctor.render.sanitize import is_harmless

__all__ = ["Setting", "SettingList", "render_settings"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One key of the configuration."""

    key: str
    value: Any
    origin: str
    """`default`, `file`, `environment` or `docker`."""
    where: str = ""
    """The file, the variable of the environment, or the docker context."""


class SettingList(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration."""

    schema: str = "linkdoctor.config/1"
    file: str = ""
    """The file that was read; '' if there is none."""
    named_by: str = ""
    """What names it: `--config` or a variable; '' if it lies in one of the usual places."""
    looked_for: tuple[str, ...] = ()
    """Where a file is looked for if none is named."""
    settings: tuple[Setting, ...] = ()


def render_settings(settings: SettingList, medium: TextStyle) -> str:
    """Write the configuration as TOML; long lines are not broken, so that it stays TOML."""
    return text_of(_lines(settings, medium))


def _lines(settings: SettingList, medium: TextStyle) -> Iterator[str]:
    if settings.file:
        by = f", named by {settings.named_by}" if settings.named_by else ""
        yield _remark(f"read from {settings.file}{by}", medium)
    else:
        yield _remark(f"no file; looked for {', '.join(settings.looked_for)}", medium)
    for each in settings.settings:
        where = f": {each.where}" if each.where else ""
        remark = _remark(f"{each.origin}{where}", medium)
        several = isinstance(each.value, (list, tuple)) and any(
            isinstance(item, dict) for item in each.value
        )
        if several:
            yield f"{each.key} = [  {remark}"
            yield from (f"  {_plain(item, medium)}," for item in each.value)
            yield "]"
        else:
            yield f"{each.key} = {_plain(each.value, medium)}  {remark}"


def _remark(text: str, medium: TextStyle) -> str:
    return medium.paint(f"# {medium.say(text)}", Style.FAINT)


def _plain(value: object, medium: TextStyle) -> str:
    """Write a value as TOML has it."""
    if isinstance(value, Mapping):
        pairs = (f"{_key(str(key))} = {_plain(each, medium)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_plain(each, medium) for each in value)}]"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, date):
        return value.isoformat()
    return _quoted(str(value), ascii_only=medium.ascii_only)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name, ascii_only=False)


def _quoted(text: str, *, ascii_only: bool) -> str:
    return f'"{"".join(_character(each, ascii_only) for each in text)}"'


def _character(character: str, ascii_only: bool) -> str:
    if character in '"\\':
        return f"\\{character}"
    if is_harmless(character) and (character.isascii() or not ascii_only):
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
