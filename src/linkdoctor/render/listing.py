"""The catalogue of rules, and the page of one rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from linkdoctor.render.layout import Style, TextStyle, text_of, width_of, wrapped
from linkdoctor.rulekit import Page, Rule

__all__ = [
    "PageView",
    "RuleList",
    "RuleRow",
    "Section",
    "catalogue_of",
    "page_of_rule",
    "render_page",
    "render_rules",
]

_STYLES = {"error": Style.ERROR, "warning": Style.WARNING, "info": Style.INFO}
_NARROWEST_TABLE = 60
"""Narrower mediums get one block a rule instead of a table."""


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rule in the catalogue."""

    code: str
    name: str
    severity: str
    summary: str
    since: str
    needs: tuple[str, ...]
    explains: tuple[str, ...]


class RuleList(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue."""

    schema: str = "linkdoctor.rules/1"
    rules: tuple[RuleRow, ...]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One section of a page."""

    heading: str
    text: str


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one code."""

    schema: str = "linkdoctor.page/1"
    code: str
    name: str
    severity: str
    summary: str
    title: str
    since: str
    needs: tuple[str, ...]
    explains: tuple[str, ...]
    sections: tuple[Section, ...]


def catalogue_of(rules: Iterable[Rule]) -> RuleList:
    """Return the catalogue of rules."""
    return RuleList(
        rules=tuple(
            RuleRow(
                code=rule.code,
                name=rule.name,
                severity=rule.severity.value,
                summary=rule.summary,
                since=rule.since,
                needs=tuple(sorted(need.value for need in rule.needs)),
                explains=tuple(sorted(rule.explains)),
            )
            for rule in rules
        )
    )


def page_of_rule(rule: Rule, page: Page) -> PageView:
    """Return the page of a rule."""
    return PageView(
        code=rule.code,
        name=rule.name,
        severity=rule.severity.value,
        summary=rule.summary,
        title=page.title,
        since=rule.since,
        needs=tuple(sorted(need.value for need in rule.needs)),
        explains=tuple(sorted(rule.explains)),
        sections=tuple(Section(heading=heading, text=text) for heading, text in page.sections),
    )


def render_rules(rules: RuleList, medium: TextStyle) -> str:
    """Lay out the catalogue as a table, or as blocks where a table has no room."""
    lay_out = _table if medium.width >= _NARROWEST_TABLE else _blocks
    return text_of(lay_out(rules.rules, medium))


def _table(rules: Sequence[RuleRow], medium: TextStyle) -> Iterator[str]:
    names = max((width_of(medium.name(rule.name)) for rule in rules), default=0)
    codes = max((width_of(rule.code) for rule in rules), default=0)
    for rule in rules:
        name = medium.name(rule.name)
        padding = " " * (names - width_of(name))
        severity = medium.say(rule.severity, 20)
        head = f"{rule.code:<{codes}}  {name}{padding}  {severity:<7}  "
        painted = head.replace(
            f"  {severity:<7}  ",
            f"  {medium.paint(f'{severity:<7}', _STYLES.get(rule.severity, Style.STRONG))}  ",
            1,
        )
        indent = " " * width_of(head)
        first, *others = wrapped(medium.say(rule.summary), medium.width, indent, indent)
        yield painted + first.removeprefix(indent)
        yield from others


def _blocks(rules: Sequence[RuleRow], medium: TextStyle) -> Iterator[str]:
    for rule in rules:
        severity = medium.paint(
            medium.say(rule.severity, 20), _STYLES.get(rule.severity, Style.STRONG)
        )
        yield f"{rule.code} {medium.name(rule.name)} {severity}"
        yield from medium.paragraph(rule.summary, indent="  ")


def render_page(page: PageView, medium: TextStyle) -> str:
    """Lay out the page of one code."""
    return text_of(_page(page, medium))


def _page(page: PageView, medium: TextStyle) -> Iterator[str]:
    style = _STYLES.get(page.severity, Style.STRONG)
    severity = medium.paint(medium.say(page.severity, 20), style)
    head = medium.paint(f"{page.code} {medium.name(page.name)}", Style.STRONG)
    yield f"{head}  {severity}"
    yield from medium.paragraph(page.title)
    yield ""
    yield from medium.paragraph(f"since {page.since}")
    if page.needs:
        yield from medium.paragraph(f"reads: {', '.join(page.needs)}", hanging="  ")
    if page.explains:
        yield from medium.paragraph(f"also causes: {', '.join(page.explains)}", hanging="  ")
    for section in page.sections:
        yield ""
        yield medium.paint(medium.say(section.heading), Style.STRONG)
        yield from _prose(section.text, medium)


def _prose(text: str, medium: TextStyle) -> Iterator[str]:
    """Fill paragraphs; what is indented, listed or fenced keeps its lines."""
    paragraph: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        kept = fenced or line.startswith((" ", "\t"))
        item = line.startswith(("- ", "* "))
        if paragraph and (fence or kept or item or not line.strip()):
            yield from _filled(paragraph, medium)
            paragraph = []
        if fence:
            fenced = not fenced
        elif kept:
            yield f"  {medium.say(line.replace(chr(9), '    '))}"
        elif line.strip():
            paragraph.append(line.strip())
        else:
            yield ""
    if paragraph:
        yield from _filled(paragraph, medium)


def _filled(paragraph: Sequence[str], medium: TextStyle) -> Iterator[str]:
    listed = paragraph[0].startswith(("- ", "* "))
    yield from medium.paragraph(
        " ".join(paragraph), indent="  ", hanging="    " if listed else "  ", limit=20_000
    )
