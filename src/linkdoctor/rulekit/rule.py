"""All that the author of a rule imports, besides :mod:`linkdoctor.model`.

A rule is a module: its docstring is its page, one pure function is its check, and its cases
are its example, its documentation and its tests.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TypeAlias

import msgspec

from linkdoctor.model.evidence import Need
from linkdoctor.model.knowledge import Knowledge
from linkdoctor.model.report import Fix, Proof, Severity
from linkdoctor.model.snapshot import Container, Snapshot
from linkdoctor.model.topology import Link, LinkKind, Topology

__all__ = [
    "SECTIONS",
    "Case",
    "Check",
    "EachContainer",
    "EachHost",
    "EachLink",
    "Expected",
    "Hit",
    "HostContainer",
    "Page",
    "Rule",
    "page_of",
]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """What a check reports; `diagnose` makes a finding of it."""

    message: str
    """One sentence in the names of the user's own containers."""
    evidence: tuple[Proof, ...]
    fixes: tuple[Fix, ...] = ()
    target: str | None = None
    """The target's name; by default that of the link or the container."""
    source: str | None = None
    """The source's name; by default that of the link."""
    alias: str | None = None
    """The alias; by default that of the link."""
    severity: Severity | None = None
    """Where it differs from the rule's."""
    key: str = ""
    """Tells apart several hits of one rule on one link; never wording or an id."""


class HostContainer(msgspec.Struct, frozen=True, kw_only=True):
    """A container and the host it lives on."""

    host: str
    container: Container


class EachLink(msgspec.Struct, frozen=True):
    """The check is asked once for every link, or for every one of some sort."""

    check: Callable[[Link, Topology], Iterable[Hit]]
    kind: LinkKind | None = None
    """Only links of this kind."""
    up: bool = False
    """Only links of targets that are up (:meth:`Topology.is_running`)."""


class EachContainer(msgspec.Struct, frozen=True):
    """The check is asked once for every container, or for every one that is up."""

    check: Callable[[HostContainer, Topology], Iterable[Hit]]
    up: bool = False
    """Only containers that are up; where that is not known, the rule is skipped."""


class EachHost(msgspec.Struct, frozen=True):
    """The check is asked once for every host, by its name; its findings have no target."""

    check: Callable[[str, Topology], Iterable[Hit]]


Check: TypeAlias = EachLink | EachContainer | EachHost


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a case expects of one finding."""

    target: str
    alias: str = ""
    severity: Severity | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A situation and the findings of this rule in it; none for a look-alike."""

    title: str
    given: Callable[[], tuple[Snapshot, ...]]
    expect: tuple[Expected, ...] = ()
    knowledge: Knowledge = Knowledge()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One diagnosis."""

    code: str
    name: str
    severity: Severity
    since: str
    """The version of linkdoctor that brought it."""
    summary: str
    """One line for lists."""
    needs: frozenset[Need]
    """The evidence that the check may read."""
    check: Check
    cases: tuple[Case, ...]
    explains: frozenset[str] = frozenset()
    """The codes that this fault brings about on the same link; they are not reported beside it.

    Rules of any pack may be named; they must not explain each other in a circle.
    """
    precedence: int = 0
    """Which of several causes a consequence is named under: the one with the highest precedence.

    It only decides between rules that explain the same code; between equals the first code does.
    """
    shows_events: bool = False
    """Add to the proofs what the engine's events say happened to the source.

    Only events since the target was started count.
    """


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's page: its title and its sections, in order."""

    title: str
    sections: tuple[tuple[str, str], ...]


SECTIONS = (
    "What it means",
    "Why it matters",
    "How it is proved",
    "What it is not",
    "How to fix it",
)
_OLD_LAST_SECTION = "How to mend it"
"""Until 0.1; packs that are not ours may go on to say it."""


def _docstring_in_source(module: ModuleType) -> str:
    """Return what ``python -OO`` strips: the page stands in the file all the same."""
    try:
        source = inspect.getsource(module)
        return ast.get_docstring(ast.parse(source)) or ""
    except (OSError, TypeError, SyntaxError, ValueError):
        return ""


def page_of(module: ModuleType) -> Page:
    """Read the page of a rule from its module's docstring.

    Raises:
        ValueError: if a section is missing or out of order.
    """
    text = inspect.cleandoc(module.__doc__ or _docstring_in_source(module))
    title, _, body = text.partition("\n")
    sections: list[tuple[str, str]] = []
    for block in body.split("\n## ")[1:]:
        heading, _, content = block.partition("\n")
        sections.append((heading.strip(), content.strip()))
    headings = tuple(heading for heading, _ in sections)
    if headings and headings[-1] == _OLD_LAST_SECTION:
        headings = (*headings[:-1], SECTIONS[-1])
        sections[-1] = (SECTIONS[-1], sections[-1][1])
    if headings != SECTIONS or not all(content for _, content in sections):
        raise ValueError(f"{module.__name__}: the page needs the sections {', '.join(SECTIONS)}")
    return Page(title=title.strip(), sections=tuple(sections))
