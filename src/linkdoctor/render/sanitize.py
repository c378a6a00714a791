"""Hostile text made harmless: what containers are called must not steer a terminal.

An allow-list: whatever Unicode calls printable and people can see passes, everything else is
shown as an escape. Control characters, escape sequences, C1, bidi controls, zero-width
characters, line breaks, private and unassigned code points and lone surrogates all go that way.
"""

from __future__ import annotations

import re

__all__ = ["LONGEST_TEXT", "is_harmless", "sanitize", "to_ascii"]

LONGEST_TEXT = 1000
"""Characters after which a text is cut, unless the caller says otherwise."""

# Printable to Unicode, and yet nothing is seen: fillers, joiners, variation selectors, blanks.
_UNSEEN = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_UNSEEN_CHARACTER = re.compile(f"[{_UNSEEN}]")

_TO_ASCII = str.maketrans(
    {
        "✓": "OK",
        "✗": "X",
        "→": "->",
        "←": "<-",
        "≠": "!=",
        "…": "...",
        "–": "-",  # noqa: RUF001 - the dash is meant
        "—": "-",
        "×": "x",  # noqa: RUF001 - the sign is meant
        "·": "-",
        "≥": ">=",
        "≤": "<=",
        "’": "'",  # noqa: RUF001 - the quotation mark is meant
        "“": '"',
        "”": '"',
    }
)


def is_harmless(text: str) -> bool:
    """Whether a text holds nothing that would have to be escaped."""
    return text.isprintable() and _UNSEEN_CHARACTER.search(text) is None


def sanitize(text: str, limit: int = LONGEST_TEXT) -> str:
    """Escape all that cannot be seen, and cut what is longer than `limit` characters."""
    kept = text if len(text) <= limit else text[: limit - 1]
    if not is_harmless(kept):
        kept = "".join(map(_shown, kept))
    return kept if len(text) <= limit else f"{kept}…"


def _shown(character: str) -> str:
    if is_harmless(character):
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def to_ascii(text: str) -> str:
    """Replace the signs that linkdoctor itself uses, for outputs that know ASCII only."""
    return text.translate(_TO_ASCII)
