"""What every output format is: a diagnosis in, text out."""

from __future__ import annotations

from typing import Protocol

import msgspec

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Severity
from linkdoctor.render.layout import TextStyle
from linkdoctor.render.listing import PageView
from linkdoctor.render.thresholds import Range

__all__ = ["RenderRequest", "Renderer"]


class RenderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How a diagnosis is to be shown; each format takes of it what it can show."""

    style: TextStyle = TextStyle()
    verbose: bool = False
    quiet: bool = False
    note: str = ""
    """Stands above the verdict."""
    in_order: tuple[str, ...] = ()
    """The commands of all findings, where they are not pasted as they stand."""
    names: tuple[tuple[str, str], ...] = ()
    """The codes of all rules and their names."""
    applied: tuple[tuple[str, str], ...] = ()
    """The codes and names of the rules that could have found something."""
    pages: tuple[PageView, ...] = ()
    """The pages of these rules and of linkdoctor's own codes."""
    fail_on: Severity = Severity.ERROR
    warning: Range = Range()
    critical: Range = Range()
    focus: frozenset[str] = frozenset()
    """The containers that a picture is about; all if empty."""
    depth: int = 1
    """How many arrows away from them it ends."""


class Renderer(Protocol):
    """Writes a diagnosis in one format."""

    def __call__(self, diagnosis: Diagnosis, request: RenderRequest, /) -> str:
        """Return the text, with a line break at its end."""
        ...
