"""``linkdoctor explain``: the page of one diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from linkdoctor.cli.common import (
    ConfigOption,
    Format,
    FormatOption,
    RulesOption,
    codes_meant,
    configuration,
    examples,
    own_codes,
    rules_of,
)
from linkdoctor.cli.completion import complete_code
from linkdoctor.cli.writing import emit_result

if TYPE_CHECKING:
    from linkdoctor.registry import LoadedRule
    from linkdoctor.render.listing import PageView

__all__ = ["explain", "pages_of", "register"]


def explain(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE|NAME", help="LD201 or stale-env.", autocompletion=complete_code
        ),
    ],
    format_: FormatOption = Format.TEXT,
    rules: RulesOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the page of a diagnosis: what it means, how it is proved, how to fix it."""
    from linkdoctor.render.listing import render_page

    page = _page(code, rules_of(rules, configuration(config)))
    emit_result(page, format_, partial(render_page, page))


def _page(asked: str, rules: tuple[LoadedRule, ...]) -> PageView:
    from linkdoctor.cli.common import CliError

    meant = codes_meant([asked], rules, beginnings=False)
    if len(meant) != 1:
        raise CliError("explain takes one code or name")
    code = next(iter(meant))
    return next(page for page in pages_of(rules) if page.code == code)


def pages_of(rules: Sequence[LoadedRule]) -> tuple[PageView, ...]:
    """Return the pages of rules and those of linkdoctor's own codes."""
    from linkdoctor.render.listing import page_of_rule
    from linkdoctor.render.own_pages import own_page

    own = (own_page(each.code, each.name) for each in own_codes())
    return (*own, *(page_of_rule(each.rule, each.page) for each in rules))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "explain",
        short_help="Show the page of a diagnosis.",
        epilog=examples("linkdoctor explain LD201", "linkdoctor explain stale-env"),
    )(explain)
