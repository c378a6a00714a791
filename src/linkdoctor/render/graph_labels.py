"""What arrows say on their way: the lines of a label, and a free place for them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import msgspec

from linkdoctor.render.graph import Arrow, arrow_label, numbers
from linkdoctor.render.layout import width_of
from linkdoctor.render.sanitize import sanitize

__all__ = ["CELL", "LINE", "Area", "FreeSpace", "Label", "LabelLine", "label_lines"]

CELL = 6.7
"""The width of a character of a label."""
LINE = 15
"""The height of a line of a label."""
_CLEAR = 8
"""How far a label keeps from a box."""
_LABEL_CELLS = 30
_LINES_SHOWN = 3
_PLACES = tuple(sorted((place / 100 for place in range(14, 90, 4)), key=lambda x: abs(x - 0.5)))

Area = tuple[float, float, float, float]
"""Left, top, right and bottom."""


class LabelLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one arrow says: its text, and the signs of its findings."""

    text: str
    badge: str
    arrow: Arrow | None

    @property
    def width(self) -> float:
        """Return the width of text and badge."""
        badge = width_of(self.badge) * CELL + 14 if self.badge else 0
        return width_of(self.text) * CELL + badge


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The lines on a path, by the middle of the first of them."""

    x: float
    y: float
    lines: tuple[LabelLine, ...]


def label_lines(arrows: Sequence[Arrow]) -> tuple[LabelLine, ...]:
    """Return what the label of some arrows says, each of them in a line while they are few."""
    lines = []
    for arrow in arrows[:_LINES_SHOWN]:
        text = sanitize(arrow_label(arrow), _LABEL_CELLS)
        lines.append(
            LabelLine(text=text, badge=numbers(arrow.findings, arrow.severity), arrow=arrow)
        )
    more = len(arrows) - _LINES_SHOWN
    if more > 0:
        lines.append(LabelLine(text=f"and {more} more", badge="", arrow=None))
    return tuple(lines)


class FreeSpace:
    """Where labels can stand: what is taken is kept in bands, so that looking it up is quick."""

    def __init__(self, boxes: Iterable[Area], band: float) -> None:
        """Begin with the areas of boxes; a band is as high as a row of them."""
        self._band = band
        self._bands: dict[int, list[Area]] = {}
        for left, top, right, bottom in boxes:
            self._take(left - _CLEAR, top, right + _CLEAR, bottom)

    def place_label(
        self, points: Sequence[tuple[float, float]], lines: tuple[LabelLine, ...]
    ) -> Label | None:
        """Find a free place for a label on its path; the middle if there is none."""
        if not lines:
            return None
        half = max(line.width for line in lines) / 2 + 2
        high = LINE * len(lines)
        places = [
            _on_curve(start, end, place)
            for start, end in itertools.pairwise(points)
            for place in _PLACES
        ]
        x, y = self._freest(places, half, high / 2)
        self._take(x - half, y - high / 2, x + half, y + high / 2)
        return Label(x=x, y=y - high / 2 + LINE / 2, lines=lines)

    def _take(self, left: float, top: float, right: float, bottom: float) -> None:
        for band in range(int(top // self._band), int(bottom // self._band) + 1):
            self._bands.setdefault(band, []).append((left, top, right, bottom))

    def _freest(
        self, places: Sequence[tuple[float, float]], half: float, rise: float
    ) -> tuple[float, float]:
        """Return the first free place, else the one where the least is in the way."""
        least: float = math.inf
        best = places[0]
        for x, y in places:
            met = self._met(x - half, y - rise, x + half, y + rise)
            if met < least:
                least, best = met, (x, y)
            if not met:
                break
        return best

    def _met(self, left: float, top: float, right: float, bottom: float) -> float:
        """Return the area that is taken already."""
        return sum(
            max(min(right, other[2]) - max(left, other[0]), 0)
            * max(min(bottom, other[3]) - max(top, other[1]), 0)
            for band in range(int(top // self._band), int(bottom // self._band) + 1)
            for other in self._bands.get(band, ())
        )


def _on_curve(
    start: tuple[float, float], end: tuple[float, float], place: float
) -> tuple[float, float]:
    """Return a point of the curve that is drawn between two points."""
    rest = 1 - place
    middle = (start[0] + end[0]) / 2
    weights = (rest**3, 3 * place * rest**2 + 3 * place**2 * rest, place**3)
    x = weights[0] * start[0] + weights[1] * middle + weights[2] * end[0]
    y = start[1] * (rest**3 + 3 * place * rest**2) + end[1] * (3 * place**2 * rest + place**3)
    return x, y
