"""JSON that is safe to print: the contract's keys in the contract's order."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from linkdoctor.model.examination import Diagnosis
from linkdoctor.render.documents import document_of
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import is_harmless

__all__ = ["harmless_json", "render", "render_json"]


def render(diagnosis: Diagnosis, _: RenderRequest) -> str:
    """Write the report as its JSON contract has it."""
    return render_json(diagnosis.report)


def render_json(result: msgspec.Struct) -> str:
    """Encode a report, a comparison, a card or a list, indented, with a line break at the end.

    Whatever a terminal could obey is escaped, as JSON allows for any character; a lone surrogate,
    which no strict reader takes, becomes U+FFFD.
    """
    return harmless_json(document_of(result), indent=2)


def harmless_json(plain: Any, *, indent: int | None = None) -> str:
    """Encode what is already plain as `render_json` does; without `indent` on one line."""
    text = json.dumps(plain, indent=indent, ensure_ascii=False)
    return "".join(line + "\n" for line in map(_harmless, text.split("\n")))


def _harmless(line: str) -> str:
    return line if is_harmless(line) else "".join(map(_escaped, line))


def _escaped(character: str) -> str:
    if is_harmless(character):
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    above = code - 0x10000
    return f"\\u{0xD800 + (above >> 10):04x}\\u{0xDC00 + (above & 0x3FF):04x}"
