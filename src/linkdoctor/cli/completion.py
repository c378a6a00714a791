"""What a shell completes: codes, kinds of evidence, names of containers."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from linkdoctor.cli.common import (
    Engines,
    configuration,
    engines_named,
    own_codes,
    read_saved,
    resolve_engines,
    rules_of,
)
from linkdoctor.cli.errors import CliError

__all__ = ["complete_code", "complete_container", "complete_kind"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def complete_code(incomplete: str) -> list[tuple[str, str]]:
    """Complete a code or the name of a rule, for shells."""
    try:
        rules = rules_of(None, configuration(None))
    except CliError:
        return []
    known = [(each.rule.code, each.rule.name) for each in rules]
    known += [(each.code, each.name) for each in own_codes()]
    by_code = [pair for pair in known if pair[0].startswith(incomplete.upper())]
    by_name = [(name, code) for code, name in known if name.startswith(incomplete.lower())]
    return by_code or by_name


def complete_kind(incomplete: str) -> list[tuple[str, str]]:
    """Complete a kind of missing evidence, for shells."""
    from linkdoctor.model.acceptance import KINDS

    return [(name, kind.summary) for name, kind in KINDS.items() if name.startswith(incomplete)]


def complete_container(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a container, for shells; silent where the engine does not answer."""
    given = ctx.params
    config = given.get("config")
    try:
        engines = resolve_engines(
            given.get("host"),
            given.get("context"),
            # Not every version of typer makes paths of them here.
            [Path(each) for each in given.get("snapshot") or ()],
            None,
            configuration(None if config is None else Path(config)),
        )
        names = _names_there(engines)
    except CliError:
        return []
    # What Docker would not take for a name could be anything: it is not handed to a shell.
    return [each for each in names if each.startswith(incomplete) and _NAME.fullmatch(each)]


def _names_there(engines: Engines) -> list[str]:
    from linkdoctor import api

    names = set(api.container_names(engines_named(engines)))
    saved = read_saved(engines).values()
    return sorted(names | {each.name for snapshot in saved for each in snapshot.containers})
