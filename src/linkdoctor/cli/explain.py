"""``linkdoctor explain``: the page of one diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    ConfigOption,
    Format,
    FormatOption,
    RulesOption,
    codes_meant,
    complete_code,
    configuration,
    examples,
    own_codes,
    rules_of,
)

if TYPE_CHECKING:
    from linkdoctor.registry import LoadedRule
    from linkdoctor.render.listing import PageView

__all__ = ["explain", "pages_of", "register"]

_OWN_PAGES = {
    "rule-crashed": (
        "A rule crashed",
        "A rule raised an error instead of giving a result. What it would have found is missing "
        "from the report; every other rule was applied as always.",
        "The finding names the rule, the kind of error and the line of the rule's own file. The "
        "error's text is left out, because it may contain what the rule was looking at.",
        "Please report it with the output of `linkdoctor --version` and the finding. Until it is "
        "fixed, leave the rule out with --ignore and its code. If the rule is your own, fix the "
        "file that the finding names.",
    ),
    "engine-unreachable": (
        "An engine could not be asked",
        "Nothing is known about the containers of this host: their links may be healthy or "
        "broken. The exit code is 3, unless faults were found elsewhere.",
        "The report names the reason for the host: no socket, no permission, a refused "
        "connection, TLS, no answer in time, or an answer that does not come from a Docker engine.",
        "Follow the reason: start Docker, run as root or as a member of the group that owns "
        "the socket, correct --host or DOCKER_HOST, or wait longer with --timeout.",
    ),
}


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
    from linkdoctor.render.as_json import render_json
    from linkdoctor.render.listing import render_page

    page = _page(code, rules_of(rules, configuration(config)))
    if format_ is Format.JSON:
        output.emit_bytes(render_json(page).encode())
        return
    width, colour, ascii_only = output.output_style()
    output.emit(render_page(page, width=width, colour=colour, ascii_only=ascii_only))


def _page(asked: str, rules: tuple[LoadedRule, ...]) -> PageView:
    from linkdoctor.cli.common import CliError

    meant = codes_meant([asked], rules, beginnings=False)
    if len(meant) != 1:
        raise CliError("explain takes one code or name")
    code = next(iter(meant))
    return next(page for page in pages_of(rules) if page.code == code)


def pages_of(rules: Sequence[LoadedRule]) -> tuple[PageView, ...]:
    """Return the pages of rules and those of linkdoctor's own codes."""
    own = tuple(_own_page(each.code, each.name) for each in own_codes())
    return (*own, *map(_page_of_rule, rules))


def _page_of_rule(loaded: LoadedRule) -> PageView:
    from linkdoctor.render.listing import PageView, Section

    rule = loaded.rule
    return PageView(
        code=rule.code,
        name=rule.name,
        severity=rule.severity.value,
        summary=rule.summary,
        title=loaded.page.title,
        since=rule.since,
        needs=tuple(sorted(need.value for need in rule.needs)),
        explains=tuple(sorted(rule.explains)),
        sections=tuple(
            Section(heading=heading, text=text) for heading, text in loaded.page.sections
        ),
    )


def _own_page(code: str, name: str) -> PageView:
    from linkdoctor.render.listing import PageView, Section

    title, meaning, proof, fixing = _OWN_PAGES[name]
    return PageView(
        code=code,
        name=name,
        severity="error",
        summary=title,
        title=title,
        since="0.1",
        needs=(),
        explains=(),
        sections=(
            Section(heading="What it means", text=meaning),
            Section(heading="How it is proved", text=proof),
            Section(heading="How to fix it", text=fixing),
        ),
    )


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "explain",
        short_help="Show the page of a diagnosis.",
        epilog=examples("linkdoctor explain LD201", "linkdoctor explain stale-env"),
    )(explain)
