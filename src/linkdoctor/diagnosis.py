"""Rules × topology → report.

One cause, one finding: what a fault brings about on the same link is named in the finding of
the cause and not reported beside it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import TypeVar

import msgspec

from linkdoctor.model.acceptance import accepted
from linkdoctor.model.baseline import Baseline
from linkdoctor.model.compose_aliases import (
    AliasesOfCompose,
    aliases_of_compose,
    fold_aliases,
    fold_skips,
)
from linkdoctor.model.evidence import Gap, Known, MissingEvidence, Need, Unknown
from linkdoctor.model.memory import without_collector
from linkdoctor.model.report import (
    Completeness,
    Elsewhere,
    Finding,
    HostSummary,
    Proof,
    Report,
    Scope,
    Severity,
    Skipped,
    Summary,
    Suppressed,
    Verdict,
    fingerprint,
)
from linkdoctor.model.snapshot import Snapshot, Status, Tool, Unreachable
from linkdoctor.model.suppression import (
    Examined,
    Origin,
    Suppression,
    Suppressions,
    label_suppressions,
)
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.rulekit import EachHost, EachLink, Hit, HostContainer, Rule
from linkdoctor.rulekit.history import with_history
from linkdoctor.rulekit.printed_fixes import printed

__all__ = [
    "CRASH_CODE",
    "OWN_NAMES",
    "UNREACHABLE_CODE",
    "Evaluation",
    "Override",
    "Selection",
    "Unreachable",
    "diagnose",
    "evaluate",
]

T = TypeVar("T")

CRASH_CODE = "LD001"
"""A rule crashed: a finding about the rule."""
UNREACHABLE_CODE = "LD002"
"""An engine could not be reached: a skip of everything on that host."""
OWN_NAMES = {"rule-crashed": CRASH_CODE, "engine-unreachable": UNREACHABLE_CODE}
"""What no rule stands behind."""

_CAUSES_FIRST = (
    "LD508",
    "LD104",
    "LD103",
    "LD102",
    "LD401",
    "LD402",
    "LD101",
    "LD105",
    "LD112",
    "LD404",
)
_CAUSES_NEXT = ("LD308", "LD302", "LD303", "LD208", "LD601", "LD509")
"""Then the rest by their codes. An alias that cannot be looked up explains its hosts line, a wrong
hosts line the variables, an address in a setting that it overrides the link's, an engine that sets
no variables that they are missing, and the host's port, dialled at an alias, that nobody listens
there."""


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A rule whose findings are graver or lesser here than the rule says."""

    code: str
    severity: Severity


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What of the diagnosis is wanted, and what is known and accepted."""

    select: frozenset[str] = frozenset()
    """Codes, or beginnings of codes, that are applied; all if empty."""
    ignore: frozenset[str] = frozenset()
    """Codes, or beginnings of codes, whose findings are only counted."""
    containers: frozenset[str] = frozenset()
    """Names of targets or sources; all if empty."""
    accept_missing: frozenset[str] = frozenset()
    """Kinds of evidence that may be missing (:mod:`linkdoctor.model.acceptance`)."""
    fail_on: Severity = Severity.ERROR
    suppressions: tuple[Suppression, ...] = ()
    """Further findings that are only counted; labels of containers and the baseline add to it."""
    baseline: Baseline | None = None
    """Findings that are known and only counted."""
    severities: tuple[Override, ...] = ()
    show_suppressed: bool = False
    """Keep in the report what is only counted."""

    def selects(self, code: str) -> bool:
        """Whether a rule is applied."""
        return not self.select or code.startswith(tuple(self.select))

    def ignores(self, code: str) -> bool:
        """Whether a rule's findings are only counted."""
        return bool(self.ignore) and code.startswith(tuple(self.ignore))

    def concerns(self, finding: Finding) -> bool:
        """Whether a finding is about the wanted containers."""
        return (
            not self.containers
            or finding.code == CRASH_CODE
            or not finding.target  # what is wrong with the host concerns every container
            or finding.target in self.containers
            or finding.source in self.containers
        )


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What applying rules gave, before anything is folded or left out."""

    findings: tuple[Finding, ...]
    skipped: tuple[tuple[Skipped, str], ...]
    """Each skip with the alias it is about ('' for a container)."""


def diagnose(
    topology: Topology,
    rules: Iterable[Rule],
    *,
    tool: Tool,
    taken_at: str,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    unreachable: Sequence[Unreachable] = (),
    today: date | None = None,
) -> Report:
    """Apply rules to a topology and make the report.

    Args:
        topology: what was seen.
        rules: all that there are.
        tool: what stands in the report for linkdoctor.
        taken_at: when it was seen.
        selection: what is wanted, and what is known and accepted.
        unreachable: the engines that could not be asked.
        today: what the ends of suppressions are held against; None: nothing ends.
    """
    every = tuple(rules)
    wanted = [rule for rule in every if selection.selects(rule.code)]
    outcome = evaluate(topology, wanted)
    policy = _Policy(
        rules={rule.code: rule for rule in wanted},
        severities={each.code: each.severity for each in selection.severities},
        suppressions=_suppressions(topology, every, selection, today),
        accept_missing=selection.accept_missing,
    )
    added = aliases_of_compose(topology)
    folded = fold_aliases(_fold(outcome.findings, policy), added)
    concerned = [
        with_history(policy.judged(finding), topology)
        for finding in folded
        if selection.concerns(finding)
    ]
    concerned.sort(key=_order)
    by = [(finding, policy.suppressions.of(finding)) for finding in concerned]
    findings = tuple(finding for finding, said in by if not said)
    every_skip = _skips(outcome, folded, policy, added, unreachable)
    links = _links_meant(topology, selection.containers)
    skipped = tuple(each for each in every_skip if _is_meant(each, links, selection.containers))
    notes = policy.suppressions.notes(
        outcome.findings,
        [skip for skip, _ in outcome.skipped],
        _examined(topology, outcome, wanted, selection, unreachable),
    )
    return Report(
        tool=tool,
        taken_at=taken_at,
        hosts=_hosts(topology, unreachable, skipped),
        scope=_scope(
            selection,
            topology,
            links=len(links),
            left_out=len(every) - len(wanted),
            elsewhere=_elsewhere(folded, policy, selection, len(every_skip) - len(skipped)),
        ),
        summary=_summary(
            findings, skipped, len(concerned) - len(findings), policy.severity_of, selection
        ),
        findings=findings,
        skipped=skipped,
        suppressed=tuple(
            Suppressed(finding=finding, by=tuple(each.because for each in said))
            for finding, said in by
            if said
        )
        if selection.show_suppressed
        else msgspec.UNSET,
        notes=notes if notes or selection.show_suppressed else msgspec.UNSET,
    )


class _Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How findings are judged, beyond being found."""

    rules: dict[str, Rule]
    """Those that are applied, by code."""
    severities: dict[str, Severity]
    suppressions: Suppressions
    accept_missing: frozenset[str] = frozenset()

    def severity_of(self, code: str) -> Severity:
        """Return the severity of a rule as it is here; ERROR for what no rule stands behind."""
        rule = self.rules.get(code)
        return self.severities.get(code, rule.severity) if rule else Severity.ERROR

    def judged(self, finding: Finding) -> Finding:
        """Return a finding the severity that it has here."""
        severity = self.severities.get(finding.code, finding.severity)
        return msgspec.structs.replace(finding, severity=severity)

    def explains(self, cause: Finding, code: str, severity: Severity) -> bool:
        """Whether a finding follows from a cause; what is graver than the cause does not.

        What follows from what is decided by the rules' own severities. Only a consequence that was
        itself made graver than its cause stands beside it: that is what was asked for.
        """
        declared = cause.code in self.rules and code in self.rules[cause.code].explains
        if not declared or cause.severity.rank > severity.rank:
            return False
        made = self.severities.get(code)
        return made is None or self.judged(cause).severity.rank <= made.rank


def _suppressions(
    topology: Topology, rules: Iterable[Rule], selection: Selection, today: date | None
) -> Suppressions:
    labels = [
        each
        for host, container in topology.containers()
        for each in label_suppressions(host, container)
    ]
    plain = [Suppression(origin=Origin.IGNORE, code=code) for code in sorted(selection.ignore)]
    return Suppressions(
        (*plain, *selection.suppressions, *labels),
        {rule.name.lower(): rule.code for rule in rules} | OWN_NAMES,
        baseline=selection.baseline.suppressions() if selection.baseline else (),
        today=today,
    )


def _examined(
    topology: Topology,
    outcome: Evaluation,
    rules: Iterable[Rule],
    selection: Selection,
    unreachable: Sequence[Unreachable],
) -> Examined:
    crashed = any(finding.code == CRASH_CODE for finding in outcome.findings)
    return Examined(
        hosts=tuple(snapshot.host for snapshot in topology.snapshots()),
        codes=frozenset(rule.code for rule in rules if Need.PROBES not in rule.needs),
        whole=not (crashed or unreachable or selection.containers),
    )


def evaluate(topology: Topology, rules: Iterable[Rule]) -> Evaluation:
    """Apply each rule to each of its subjects. A rule that crashes becomes a finding."""
    with without_collector():
        return _evaluate(topology, rules)


def _evaluate(topology: Topology, rules: Iterable[Rule]) -> Evaluation:
    outcome = _Evaluation()
    subjects = _Subjects(topology)
    hosts = [snapshot.host for snapshot in topology.snapshots()]
    for rule in rules:
        # A healthy subject, which nearly every one is, costs no more than the call of its check.
        check = rule.check
        if isinstance(check, EachLink):
            links = subjects.links(check.kind, check.up)
            _apply(rule, check.check, links, topology, _subject_of_link, outcome)
        elif isinstance(check, EachHost):
            _apply(rule, check.check, hosts, topology, _subject_of_host, outcome)
        else:
            if check.up:
                _apply(rule, _is_up, subjects.unknown, topology, _subject_of_place, outcome)
            places = subjects.up if check.up else subjects.places
            _apply(rule, check.check, places, topology, _subject_of_place, outcome)
    return Evaluation(findings=tuple(outcome.findings), skipped=tuple(outcome.skipped.items()))


class _Subjects:
    """What rules are asked about, sorted once and not by every rule."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._links: dict[tuple[LinkKind | None, bool], list[Link]] = {}
        self.places = [
            HostContainer(host=host, container=each) for host, each in topology.containers()
        ]

    def links(self, kind: LinkKind | None, up: bool) -> list[Link]:
        """Return the links of a kind, or of any; those of targets that are up, or all."""
        found = self._links.get((kind, up))
        if found is None:
            found = self._links[kind, up] = [
                link
                for link in self._topology.links()
                if kind in (None, link.kind)
                if not up or self._topology.is_running(link.target)
            ]
        return found

    @cached_property
    def unknown(self) -> list[HostContainer]:
        """Return the containers of which nothing is known."""
        return [each for each in self.places if isinstance(each.container.details, Unknown)]

    @cached_property
    def up(self) -> list[HostContainer]:
        """Return the containers that are known to be up."""
        return [
            each
            for each in self.places
            if isinstance(each.container.details, Known)
            and self._topology.is_running(each.container)
        ]


def _is_up(place: HostContainer, topology: Topology) -> Iterable[Hit]:
    """Ask what is not known: it raises, and the rule is skipped with the reason."""
    topology.is_running(place.container)
    return ()


class _Evaluation:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.skipped: dict[Skipped, str] = {}


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    target: str = ""
    source: str = ""
    alias: str = ""


def _subject_of_link(link: Link) -> _Subject:
    return _Subject(
        host=link.host, target=link.target.name, source=link.source_name, alias=link.alias
    )


def _subject_of_host(host: str) -> _Subject:
    return _Subject(host=host)


def _subject_of_place(place: HostContainer) -> _Subject:
    return _Subject(host=place.host, target=place.container.name)


def _apply(
    rule: Rule,
    check: Callable[[T, Topology], Iterable[Hit]],
    subjects: Iterable[T],
    topology: Topology,
    named: Callable[[T], _Subject],
    outcome: _Evaluation,
) -> None:
    crashed = False
    for subject in subjects:
        try:
            for hit in check(subject, topology):
                # One by one: what was found before evidence was missing counts.
                outcome.findings.append(_finding(rule, named(subject), hit, topology))
        except MissingEvidence as missing:
            about = named(subject)
            outcome.skipped[_skip(rule, about, missing)] = about.alias
        except Exception as error:
            # The first crash speaks for all; the other subjects are still examined.
            if not crashed:
                outcome.findings.append(_crash(rule, named(subject), error))
            crashed = True


def _finding(rule: Rule, subject: _Subject, hit: Hit, topology: Topology) -> Finding:
    target = subject.target if hit.target is None else hit.target
    source = subject.source if hit.source is None else hit.source
    alias = subject.alias if hit.alias is None else hit.alias
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=hit.severity or rule.severity,
        host=subject.host,
        target=target,
        source=source,
        alias=alias,
        message=hit.message,
        evidence=hit.evidence,
        fixes=printed(topology, subject.host, target or subject.target, hit.fixes),
        fingerprint=fingerprint(
            code=rule.code, host=subject.host, target=target, alias=alias, key=hit.key
        ),
        docs=f"linkdoctor explain {rule.code}",
    )


def _skip(rule: Rule, subject: _Subject, missing: MissingEvidence) -> Skipped:
    about = f"{subject.target}/{subject.alias}" if subject.alias else subject.target or subject.host
    return Skipped(
        code=rule.code,
        host=subject.host,
        subject=about,
        missing=f"{missing.need.value} of {missing.subject}",
        reason=missing.unknown.detail,
        gap=missing.unknown.gap,
        need=missing.need.value,
    )


def _crash(rule: Rule, subject: _Subject, error: Exception) -> Finding:
    # Only the place and the kind: the text of an exception may hold what it was looking at.
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = place.filename.replace("\\", "/").rpartition("/")[2]
    return Finding(
        code=CRASH_CODE,
        name="rule-crashed",
        severity=Severity.ERROR,
        host=subject.host,
        target=subject.target,
        source=subject.source,
        alias=subject.alias,
        message=f"Rule {rule.code} {rule.name} crashed; its diagnosis is missing from this report.",
        evidence=(
            Proof(
                what="error in the rule",
                observed=f"{type(error).__name__} in {file}, line {place.lineno}",
                expected="no error",
                where=rule.code,
            ),
        ),
        fingerprint=fingerprint(
            code=CRASH_CODE, host=subject.host, target=subject.target, alias="", key=rule.code
        ),
        docs=f"linkdoctor explain {CRASH_CODE}",
    )


def _fold(findings: Iterable[Finding], policy: _Policy) -> list[Finding]:
    by_link: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        by_link.setdefault((finding.host, finding.target, finding.alias), []).append(finding)
    return [
        finding for of_one_link in by_link.values() for finding in _fold_one(of_one_link, policy)
    ]


def _fold_one(findings: list[Finding], policy: _Policy) -> Iterator[Finding]:
    causes: list[Finding] = []
    consequences: dict[int, list[str]] = {}
    for finding in sorted(findings, key=_cause_order):
        explaining = [
            index
            for index, cause in enumerate(causes)
            if policy.explains(cause, finding.code, finding.severity)
        ]
        if explaining:
            # One that is reported comes first: its consequences are not to vanish with those of
            # a cause that is suppressed.
            reported = (each for each in explaining if not policy.suppressions.of(causes[each]))
            consequences.setdefault(next(reported, explaining[0]), []).append(finding.code)
        else:
            causes.append(finding)
    for index, cause in enumerate(causes):
        codes = tuple(sorted(set(consequences.get(index, ()))))
        yield msgspec.structs.replace(cause, consequences=codes) if codes else cause


def _cause_order(finding: Finding) -> tuple[int, int, str]:
    if finding.code in _CAUSES_FIRST:
        return (0, _CAUSES_FIRST.index(finding.code), "")
    if finding.code in _CAUSES_NEXT:
        return (1, _CAUSES_NEXT.index(finding.code), "")
    # What a probe met is last: others tell why, and it explains nothing.
    return (3 if finding.code == "LD510" else 2, 0, finding.code)


def _order(finding: Finding) -> tuple[int, str, str, str, str, str]:
    return (
        finding.severity.rank,
        finding.host,
        finding.target,
        finding.alias,
        finding.code,
        finding.fingerprint,
    )


def _skips(
    outcome: Evaluation,
    findings: Iterable[Finding],
    policy: _Policy,
    added: AliasesOfCompose,
    unreachable: Sequence[Unreachable],
) -> tuple[Skipped, ...]:
    explained = {
        (finding.host, finding.target, finding.alias, code)
        for finding in findings
        if finding.code in policy.rules
        for code in policy.rules[finding.code].explains
        if code in policy.rules and policy.explains(finding, code, policy.rules[code].severity)
    }
    skips = [
        skip
        for skip, alias in fold_skips(outcome.skipped, added)
        if not policy.suppressions.silences(skip, alias)
        and (skip.host, skip.subject.partition("/")[0], alias, skip.code) not in explained
    ]
    skips += [
        Skipped(
            code=UNREACHABLE_CODE,
            host=each.host,
            subject=each.host,
            missing="the engine",
            reason=each.reason,
            gap=Gap.UNREACHABLE,
            need="the engine",
        )
        for each in unreachable
    ]
    skips.sort(key=lambda each: (each.host, each.subject, each.code, each.missing))
    return accepted(skips, policy.accept_missing)


def _links_meant(topology: Topology, names: Collection[str]) -> list[Link]:
    """Return the links of the wanted containers, as target or as source; all if none is named."""
    return [
        link
        for link in topology.links()
        if not names
        or link.target.name in names
        or link.source_name in names
        or ((shown := topology.source_or_namesake(link)) is not None and shown.name in names)
    ]


def _is_meant(skip: Skipped, links: Iterable[Link], names: Collection[str]) -> bool:
    """Whether a skipped check is about the wanted containers, their links, or the host."""
    if not names or skip.subject == skip.host or skip.subject.partition("/")[0] in names:
        return True
    return any(
        skip.host == link.host and skip.subject == f"{link.target.name}/{link.alias}"
        for link in links
    )


def _scope(
    selection: Selection, topology: Topology, *, links: int, left_out: int, elsewhere: Elsewhere
) -> Scope:
    return Scope(
        containers=tuple(sorted(selection.containers)),
        select=tuple(sorted(selection.select)),
        ignore=tuple(sorted(selection.ignore)),
        accept_missing=tuple(sorted(selection.accept_missing)),
        links=links,
        rules_left_out=left_out,
        elsewhere=elsewhere,
        not_running=_not_running(selection.containers, topology),
    )


def _not_running(names: Collection[str], topology: Topology) -> tuple[str, ...]:
    """Return the wanted containers of which inspect says that their process is not at work."""
    down = {
        each.name
        for _, each in topology.containers()
        if each.name in names
        and isinstance(each.details, Known)
        and each.details.value.status not in (Status.RUNNING, Status.RESTARTING)
    }
    return tuple(sorted(down))


def _elsewhere(
    findings: Iterable[Finding], policy: _Policy, selection: Selection, skipped: int
) -> Elsewhere:
    """Count what is found, and not suppressed, about containers that were not asked for."""
    found = [
        policy.judged(each).severity
        for each in findings
        if not selection.concerns(each) and not policy.suppressions.of(each)
    ]
    return Elsewhere(
        error=found.count(Severity.ERROR),
        warning=found.count(Severity.WARNING),
        info=found.count(Severity.INFO),
        skipped=skipped,
    )


def _hosts(
    topology: Topology, unreachable: Sequence[Unreachable], skipped: Collection[Skipped]
) -> tuple[HostSummary, ...]:
    partial = {skip.host for skip in skipped if skip.gap is not Gap.TOO_EARLY}
    seen = [_host(topology, snapshot, partial) for snapshot in topology.snapshots()]
    unseen = [
        HostSummary(
            name=each.host,
            endpoint=each.endpoint,
            engine="",
            containers=0,
            links=0,
            evidence=Completeness.PARTIAL,
        )
        for each in unreachable
    ]
    return tuple(sorted((*seen, *unseen), key=lambda each: (each.name, each.endpoint)))


def _host(topology: Topology, snapshot: Snapshot, partial: Collection[str]) -> HostSummary:
    seen = isinstance(snapshot.networks, Known) and snapshot.settled
    whole = seen and snapshot.host not in partial
    return HostSummary(
        name=snapshot.host,
        endpoint=snapshot.endpoint,
        engine=f"{snapshot.engine.product} {snapshot.engine.version}",
        containers=len(snapshot.containers),
        links=sum(1 for _ in topology.links(snapshot.host)),
        evidence=Completeness.COMPLETE if whole else Completeness.PARTIAL,
    )


def _summary(
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],
    suppressed: int,
    severity_of: Callable[[str], Severity],
    selection: Selection,
) -> Summary:
    counts = {
        severity: sum(finding.severity is severity for finding in findings) for severity in Severity
    }
    threshold = selection.fail_on.rank
    if any(finding.severity.rank <= threshold for finding in findings):
        verdict = Verdict.UNHEALTHY
    elif any(each.is_lacking and severity_of(each.code).rank <= threshold for each in skipped):
        verdict = Verdict.INCOMPLETE
    else:
        verdict = Verdict.HEALTHY
    return Summary(
        verdict=verdict,
        error=counts[Severity.ERROR],
        warning=counts[Severity.WARNING],
        info=counts[Severity.INFO],
        suppressed=suppressed,
        skipped=len(skipped),
        too_early=sum(each.gap is Gap.TOO_EARLY for each in skipped),
        accepted=sum(each.accepted for each in skipped),
    )
