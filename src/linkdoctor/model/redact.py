"""Which values of environment variables may leave the collector.

The rule is an allow-list: a value is kept only where both its name and its form are those of
a variable that a link sets; names of containers and numbers only where a link of this very
container sets them, since they may be anything else. Everything else is reduced to its name.
Who may call this is an import contract: secrets end in :mod:`linkdoctor.collect.environment`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from linkdoctor.model.variables import (
    LinkField,
    Variable,
    is_link_shaped,
    parse_link_variable,
    prefix_of,
)

__all__ = ["redact"]


def redact(
    variables: Iterable[tuple[str, str]], prefixes: Collection[str] | None = None
) -> tuple[Variable, ...]:
    """Keep the names of all variables and the values of the link-shaped ones only, sorted.

    Args:
        variables: names and values.
        prefixes: of the links of the container (:func:`prefixes_of_links`). None where the
            variables are known to be those of links.
    """
    kept = (
        Variable(
            name=name,
            value=value
            if is_link_shaped(name, value) and (prefixes is None or _fits(name, value, prefixes))
            else None,
        )
        for name, value in variables
    )
    # A name may stand there twice, and nothing is less than nothing.
    return tuple(sorted(kept, key=lambda each: (each.name, each.value or "")))


def _fits(name: str, value: str, prefixes: Collection[str]) -> bool:
    """Whether a link-shaped value is that of a link, or an address, or repeats its name."""
    parsed = parse_link_variable(name)
    if parsed is None:
        return False
    if parsed.field is LinkField.NAME:
        alias = value.rpartition("/")[2]
        return parsed.prefix in prefixes and prefix_of(alias) == parsed.prefix
    if parsed.field in (LinkField.PORT, LinkField.PORT_START, LinkField.PORT_END):
        return parsed.prefix in prefixes or int(value) == parsed.port
    return True  # addresses and protocols
