"""The list of everything that a snapshot file holds, one value a line."""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.privacy.inventory import AGAINST, FieldGroup, Held, Inventory
from linkdoctor.render.layout import Style, TextStyle, counted, text_of

__all__ = ["render_inventory"]

_LONGEST = 1 << 30
"""Nothing is cut: the list has to be complete."""


def render_inventory(held: Inventory, medium: TextStyle) -> str:
    """Lay out the list for people and for grep: a value is never wrapped."""
    return text_of(_lines(held, medium))


def _lines(held: Inventory, medium: TextStyle) -> Iterator[str]:
    total = sum(group.count for group in held.groups)
    names = "pseudonyms for names and addresses" if held.renamed else "real names"
    yield from medium.paragraph(
        f"snapshot of {held.host}, taken {held.taken_at}: {counted(total, 'value')}; {names}"
    )
    for group in held.groups:
        yield ""
        distinct = len(group.values)
        number = (
            f"{group.count}" if distinct == group.count else f"{group.count}, {distinct} different"
        )
        yield from medium.paragraph(f"{medium.paint(group.kind, Style.STRONG)} ({number})")
        yield from medium.paragraph(group.why, indent="  ")
        for value in group.values:
            yield f"    {_value(value, group, medium)}"


def _value(held: Held, group: FieldGroup, medium: TextStyle) -> str:
    of = f"{medium.say(held.of, _LONGEST)} = " if held.of else ""
    shown = medium.say(held.value, _LONGEST) if held.value else "(empty)"
    times = f"  ({held.count} times)" if held.count > 1 else ""
    style = Style.ERROR if held.why == AGAINST else Style.FAINT
    why = medium.paint(f"  [{held.why}]", style) if held.why else ""
    return f"{of}{shown}{times}{why}"
