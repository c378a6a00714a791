"""A plan of fixes: what is to be done, in order, and what is left to a person."""

from __future__ import annotations

import msgspec

from linkdoctor.model.actions import Action
from linkdoctor.model.report import HostSummary, Safety, Severity, Skipped, Summary
from linkdoctor.model.snapshot import Tool

__all__ = ["SCHEMA", "Advice", "Plan", "Step"]

SCHEMA = "linkdoctor.plan/1"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One action, and all that a person wants to know before it is carried out."""

    number: int
    host: str
    safety: Safety
    title: str
    reason: str
    """Why it is needed, one sentence."""
    codes: tuple[str, ...]
    """The codes of the findings that it serves."""
    fingerprints: tuple[str, ...]
    """The findings that it serves, alone or with other steps."""
    mends: tuple[str, ...]
    """Those among them of which nothing may be left after it."""
    action: Action
    interrupts: tuple[str, ...]
    """The containers that do not serve meanwhile: its own, and those linked to it, which wait."""
    seconds: int
    """For how long at most, but for the time that starting takes; 0 if nothing is interrupted."""
    commands: tuple[str, ...]
    """What a person would type for it."""
    undo: tuple[str, ...]
    """What takes these commands back; none where nothing is left to be taken back."""
    after: tuple[int, ...]
    """The steps without which it makes no sense."""
    reversible: str = ""
    """Whether ``linkdoctor fix --undo`` can take it back when it is done; a clause."""
    notes: tuple[str, ...] = ()
    """What is different after it, and what it leaves to do; a clause each."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that no step serves."""

    host: str
    code: str
    severity: Severity
    target: str
    alias: str
    fingerprint: str
    reason: str
    """Why nothing is planned for it, a clause."""
    fixes: tuple[tuple[str, tuple[str, ...]], ...]
    """What a person can do: each with its title and its commands."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, in order, and what is left to a person."""

    schema: str = SCHEMA
    tool: Tool
    taken_at: str
    """When the engines were examined, RFC 3339, UTC."""
    allow: Safety
    """The widest steps that were planned."""
    findings: int
    """How many findings there are, planned for or not."""
    steps: tuple[Step, ...]
    advice: tuple[Advice, ...]
    summary: Summary
    """What the examination found: without evidence, no steps do not mean that all is well."""
    hosts: tuple[HostSummary, ...]
    """All that were to be examined; ``engine`` is empty if one could not be asked."""
    skipped: tuple[Skipped, ...]
    """What could not be looked for, and why."""
