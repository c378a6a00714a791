"""Lines, widths, colours and signs: what every text output shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec
from rich.cells import cell_len, chop_cells

from linkdoctor.render.sanitize import LONGEST_TEXT, is_harmless, sanitize, to_ascii

__all__ = ["NARROWEST", "Style", "TextStyle", "counted", "listed", "text_of", "width_of", "wrapped"]

NARROWEST = 20
_LONGEST_COMMAND = 32 * 1024
_LONGEST_NAME = 64


class Style(StrEnum):
    """How a piece of text is painted: SGR parameters, of the 16 colours that a user can choose."""

    ERROR = "1;31"
    WARNING = "1;33"
    INFO = "1;36"
    GOOD = "1;32"
    STRONG = "1"
    FAINT = "2"


class TextStyle(msgspec.Struct, frozen=True, kw_only=True):
    """What the text is written on."""

    width: int = 80
    colour: bool = False
    ascii_only: bool = False

    def paint(self, text: str, style: Style) -> str:
        """Colour a text that is already laid out."""
        return f"\x1b[{style.value}m{text}\x1b[0m" if self.colour and text else text

    def say(self, text: str, limit: int = LONGEST_TEXT) -> str:
        """Make a text fit to be shown: harmless, not endless, in signs that the medium knows."""
        shown = sanitize(text, limit)
        return to_ascii(shown) if self.ascii_only else shown

    def name(self, text: str) -> str:
        """Make a name fit to be shown within a line."""
        return self.say(text, _LONGEST_NAME)

    def command(self, text: str) -> str:
        """Return a command as it is typed, or say why it is not shown.

        It is never wrapped and never altered: it is there to be copied, or not there.
        """
        if not is_harmless(text):
            return "(name holds control characters; not printed as a command)"
        if len(text) > _LONGEST_COMMAND:
            return "(too long to be printed; --format json has it)"
        if self.ascii_only and not text.isascii():
            return "(not printable on this terminal; --format json has it)"
        return self.paint(text, Style.STRONG)

    def paragraph(
        self, text: str, *, indent: str = "", hanging: str | None = None, limit: int = LONGEST_TEXT
    ) -> Iterator[str]:
        """Lay out a text of any origin in lines; `hanging` indents all but the first."""
        yield from wrapped(self.say(text, limit), self.width, indent, hanging)


def width_of(text: str) -> int:
    """Return the number of terminal cells that a harmless text takes."""
    return cell_len(text)


def wrapped(text: str, width: int, indent: str = "", hanging: str | None = None) -> Iterator[str]:
    """Break a text at blanks; a word that is wider than a line is broken within."""
    following = indent if hanging is None else hanging
    line, used = indent, 0
    for word in text.split(" "):
        room = max(width - len(following), 8)
        for piece in _pieces(word, room):
            if used and width_of(line) + 1 + width_of(piece) > width:
                yield line.rstrip()
                line, used = following, 0
            line += f" {piece}" if used else piece
            used += 1
    yield line.rstrip()


def _pieces(word: str, room: int) -> Iterable[str]:
    return chop_cells(word, room) if width_of(word) > room else (word,)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 link``, ``3 links``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str], most: int = 4) -> str:
    """Return a list in words: ``a, b and c``; ``a, b, c and 7 more``."""
    if len(words) > most + 1:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def text_of(lines: Iterable[str]) -> str:
    """Join lines into a text that ends with a line break; no lines give no text."""
    text = "\n".join(lines)
    return f"{text}\n" if text else ""
