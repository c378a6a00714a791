"""Which rule's findings can be the cause of which other's, over all packs."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from linkdoctor.rulekit.rule import Rule

__all__ = ["CauseCycleError", "causes_first"]


class CauseCycleError(ValueError):
    """Rules explain each other in a circle, so none of them can be the cause."""

    def __init__(self, codes: tuple[str, ...]) -> None:
        self.codes = codes
        """Each explains the next one, and the last one the first."""
        circle = " explains ".join((*codes, codes[0]))
        super().__init__(
            f"rules explain each other in a circle, so none can be the cause: {circle}"
        )


def causes_first(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the codes of the rules, each before those that it explains.

    A code that no rule has is not among them: another pack may bring it.

    Raises:
        CauseCycleError: rules explain each other in a circle.
    """
    explained = {rule.code: rule.explains for rule in rules}
    causes: dict[str, list[str]] = {code: [] for code in explained}
    for code, consequences in explained.items():
        for consequence in sorted(consequences & causes.keys()):
            causes[consequence].append(code)
    try:
        return tuple(TopologicalSorter(causes).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        raise CauseCycleError(tuple(circle[:-1])) from error
