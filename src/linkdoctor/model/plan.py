"""A plan of fixes: what is to be done, in order, and what is left to a person."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from linkdoctor.model.actions import Action
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.report import HostSummary, Safety, Severity, Skipped, Summary
from linkdoctor.model.snapshot import Tool

__all__ = ["SCHEMA", "Advice", "Files", "Plan", "Step", "Written", "in_words"]

SCHEMA = "linkdoctor.plan/1"


class Files(StrEnum):
    """What becomes of the files that a container wrote outside volumes, when it is replaced."""

    KEEP = "keep"
    """They stay where they are, in the old container, which is kept, stopped."""
    CARRY = "carry"
    """They are copied into the new container before it starts, and compared."""
    DROP = "drop"
    """They are lost with the old container."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a container wrote outside volumes and mounts; what the engine made is not counted."""

    files: int
    """Files and empty directories that were added or changed."""
    deleted: int
    """Files and directories of the image that were deleted."""
    size: int | None
    """Bytes of all of it; None where the engine does not tell."""
    paths: tuple[str, ...]
    """The first of them, in order."""


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
    fixes: tuple[str, ...] = msgspec.field(name="mends")
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
    written: Known[Written] | Unknown | None = None
    """What the container wrote outside volumes; None where no container is replaced."""
    files: Files = Files.KEEP
    """What becomes of it."""
    tmpfs: tuple[str, ...] = ()
    """Mounts in memory (tmpfs) whose content no new container can have."""
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


def in_words(written: Written) -> str:
    """Say what was written, with its first paths."""
    parts = [_counted(written.files, "file")] if written.files else []
    if written.files and written.size is not None:
        parts[0] += f" ({_bytes(written.size)})"
    if written.deleted:
        parts.append(_counted(written.deleted, "deletion"))
    if not parts:
        return "directories with another owner or mode"
    more = written.files + written.deleted - len(written.paths)
    paths = ", ".join([*written.paths, *([f"{more} more"] if more > 0 else [])])
    return f"{' and '.join(parts)}: {paths}"


def _counted(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def _bytes(size: int) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.1f} {unit}"
    return _counted(size, "byte")
