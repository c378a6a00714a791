"""Rules × topology → report.

One cause, one finding: what a fault brings about on the same link is named in the finding of
the cause and not reported beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date

import msgspec

from linkdoctor.causes import Policy, explained_codes, fold
from linkdoctor.evaluation import Evaluation, evaluate
from linkdoctor.model.acceptance import accepted
from linkdoctor.model.baseline import Baseline
from linkdoctor.model.compose_aliases import (
    AliasesOfCompose,
    aliases_of_compose,
    fold_aliases,
    fold_skips,
)
from linkdoctor.model.evidence import Gap, Known, Need
from linkdoctor.model.own_codes import CRASH_CODE, OWN_NAMES, UNREACHABLE_CODE
from linkdoctor.model.report import (
    Completeness,
    Elsewhere,
    Finding,
    HostSummary,
    Report,
    Scope,
    Severity,
    Skipped,
    Summary,
    Suppressed,
    Verdict,
)
from linkdoctor.model.snapshot import Snapshot, Status, Tool, Unreachable
from linkdoctor.model.suppression import (
    Examined,
    Suppression,
    SuppressionOrigin,
    Suppressions,
    label_suppressions,
)
from linkdoctor.model.topology import Link, Topology
from linkdoctor.rulekit import Rule
from linkdoctor.rulekit.history import with_history

__all__ = [
    "OWN_NAMES",
    "Evaluation",
    "Override",
    "Selection",
    "Unreachable",
    "diagnose",
    "evaluate",
]


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
    policy = Policy(
        rules={rule.code: rule for rule in wanted},
        severities={each.code: each.severity for each in selection.severities},
        suppressions=_suppressions(topology, every, selection, today),
        accept_missing=selection.accept_missing,
    )
    added = aliases_of_compose(topology)
    folded = fold_aliases(fold(outcome.findings, policy), added)
    concerned = [
        with_history(policy.judged(finding), topology, events=policy.shows_events(finding.code))
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


def _suppressions(
    topology: Topology, rules: Iterable[Rule], selection: Selection, today: date | None
) -> Suppressions:
    labels = [
        each
        for host, container in topology.containers()
        for each in label_suppressions(host, container)
    ]
    plain = [
        Suppression(origin=SuppressionOrigin.IGNORE, code=code) for code in sorted(selection.ignore)
    ]
    return Suppressions(
        (*plain, *selection.suppressions, *labels),
        {**{rule.name.lower(): rule.code for rule in rules}, **OWN_NAMES},
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
    policy: Policy,
    added: AliasesOfCompose,
    unreachable: Sequence[Unreachable],
) -> tuple[Skipped, ...]:
    explained = explained_codes(findings, policy)
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
    findings: Iterable[Finding], policy: Policy, selection: Selection, skipped: int
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
