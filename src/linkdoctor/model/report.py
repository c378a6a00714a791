"""The result of a diagnosis, in the shape of its JSON contract (``linkdoctor.report/1``)."""

from __future__ import annotations

import hashlib
from enum import IntEnum, StrEnum

import msgspec

from linkdoctor.model.actions import Action
from linkdoctor.model.evidence import Gap
from linkdoctor.model.snapshot import Tool

__all__ = [
    "SCHEMA",
    "Because",
    "Completeness",
    "Elsewhere",
    "ExitCode",
    "Finding",
    "Fix",
    "HostSummary",
    "Proof",
    "Report",
    "Safety",
    "Scope",
    "Severity",
    "Skipped",
    "Summary",
    "Suppressed",
    "Verdict",
    "exit_code",
    "fingerprint",
]

SCHEMA = "linkdoctor.report/1"


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The link is broken, or will break at the next ordinary event with certainty, or leaks."""
    WARNING = "warning"
    """It will break on a foreseeable event."""
    INFO = "info"
    """Worth knowing."""

    @property
    def rank(self) -> int:
        """Return the place in order: 0 is the worst."""
        return list(Severity).index(self)


class Safety(StrEnum):
    """What a fix does to what is running."""

    SAFE = "safe"
    """Interrupts nothing."""
    RESTART = "restart"
    """Restarts a container."""
    RECREATE = "recreate"
    """Replaces a container."""
    MANUAL = "manual"
    """Advice only."""


class Verdict(StrEnum):
    """The report in one word."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCOMPLETE = "incomplete"


class Completeness(StrEnum):
    """Whether all evidence of a host was had."""

    COMPLETE = "complete"
    PARTIAL = "partial"


class ExitCode(IntEnum):
    """The exit codes of every command; they do not depend on the output format."""

    OK = 0
    """Nothing at or above the threshold."""
    FINDINGS = 1
    """Findings at or above the threshold."""
    USAGE = 2
    """Wrong usage, configuration, or an internal error."""
    INCOMPLETE = 3
    """An engine could not be reached, or evidence is missing that a rule needed."""
    INTERRUPTED = 130
    """Ctrl-C; `check` tells what was known by then."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of proof: what was observed, what was expected, and where it was read."""

    what: str
    observed: str
    expected: str = ""
    where: str = ""


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fix a fault: the commands that a person would type."""

    title: str
    safety: Safety
    commands: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    """The same, as `linkdoctor fix` carries it out; none where it is for a person only."""
    host: str = ""
    """Where the actions are for, if that is not the finding's host."""
    elsewhere: tuple[Fix, ...] = ()
    """What has to be done on other hosts first; its commands are among `commands`."""
    left_to_person: str = ""
    """Why there are commands and no actions, a clause: what `linkdoctor fix` says of it."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of one link, with its proof and its fixes."""

    code: str
    name: str
    severity: Severity
    host: str
    target: str
    source: str
    alias: str
    message: str
    evidence: tuple[Proof, ...]
    consequences: tuple[str, ...] = ()
    """The codes of further faults that this one explains; they are not reported beside it."""
    fixes: tuple[Fix, ...] = ()
    fingerprint: str
    docs: str
    aliases: tuple[str, ...] = ()
    """Further aliases of the same link, which Compose adds by itself: the same fault."""


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that could not be applied, and the evidence that it lacked."""

    code: str
    host: str
    subject: str
    missing: str
    reason: str
    gap: Gap = Gap.NOT_COLLECTED
    """Why it is missing. What is only `too-early` does not make a report incomplete."""
    need: str = ""
    """The kind of evidence that is missing."""
    accepted: bool = False
    """`--accept-missing` names it: it does not make a report incomplete."""

    @property
    def is_lacking(self) -> bool:
        """Whether the verdict lacks it: it is neither accepted nor only too early."""
        return not self.accepted and self.gap is not Gap.TOO_EARLY


class HostSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One examined host. ``engine`` is empty if the engine could not be reached."""

    name: str
    endpoint: str
    engine: str
    containers: int
    links: int
    evidence: Completeness


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and the counts."""

    verdict: Verdict
    error: int
    warning: int
    info: int
    suppressed: int
    skipped: int
    too_early: int = 0
    """Of what was skipped: what can be judged in a moment (`--settle` waits for it)."""
    accepted: int = 0
    """Of what was skipped: what `--accept-missing` names."""

    @property
    def lacking(self) -> int:
        """Return how many checks lacked evidence that was not accepted as missing."""
        return self.skipped - self.too_early - self.accepted


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """What concerns only containers that were not asked for."""

    error: int = 0
    warning: int = 0
    info: int = 0
    skipped: int = 0
    """Checks that lacked evidence there, or were too early."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What the verdict is about."""

    containers: tuple[str, ...] = ()
    """Those that were asked for; all if empty."""
    select: tuple[str, ...] = ()
    """The only rules that were applied, by codes or beginnings of codes; all if empty."""
    ignore: tuple[str, ...] = ()
    """The rules whose findings are only counted."""
    accept_missing: tuple[str, ...] = ()
    """The kinds of evidence that may be missing."""
    links: int = 0
    """The links that it is about."""
    rules_left_out: int = 0
    """Rules that `select` left out: what they would find was not looked at."""
    elsewhere: Elsewhere = Elsewhere()
    not_running: tuple[str, ...] = ()
    """Those that were asked for and do not run or are paused: no rule may be about that."""


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that suppresses a finding."""

    origin: str
    """`ignore`, `configuration`, `label` or `baseline`."""
    entry: str
    """The statement, as it was written."""
    reason: str = ""
    until: str = ""
    """The last day on which it holds; '' without an end."""


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that is only counted, with all that suppresses it."""

    finding: Finding
    by: tuple[Because, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a diagnosis."""

    schema: str = SCHEMA
    tool: Tool
    taken_at: str
    hosts: tuple[HostSummary, ...]
    scope: Scope = Scope()
    summary: Summary
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    suppressed: tuple[Suppressed, ...] | msgspec.UnsetType = msgspec.UNSET
    """What is only counted, if that was asked for."""
    notes: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """On statements that suppress nothing, are over or stand for no rule. Printed beside
    `suppressed` only."""


def fingerprint(*, code: str, host: str, target: str, alias: str, key: str) -> str:
    """Return a finding its identity, which neither wording nor container ids change."""
    text = "\x1f".join((code, host, target, alias, key))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def exit_code(report: Report) -> ExitCode:
    """Return the exit code that a report's verdict stands for."""
    return {
        Verdict.HEALTHY: ExitCode.OK,
        Verdict.UNHEALTHY: ExitCode.FINDINGS,
        Verdict.INCOMPLETE: ExitCode.INCOMPLETE,
    }[report.summary.verdict]
