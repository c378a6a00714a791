"""A report turned into ordered steps. Pure: nothing is asked of an engine, nothing is changed.

Findings are taken one after another, in the report's order. Each asks for the actions of the first
of its fixes that can be carried out; what these need is added (see :mod:`rulekit.expansion`), what
they make needless disappears. A finding whose actions cannot be carried out, or contradict those of
an earlier one, is listed with the reason instead.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping

import msgspec

from linkdoctor.fix.step_words import STOP_TIMEOUT, step_of
from linkdoctor.model.actions import Recreate, Rename
from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.plan import Advice, Plan, Step
from linkdoctor.model.report import Finding, Fix, Report, Safety, Severity
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.expansion import Expansion, expand
from linkdoctor.rulekit.tasks import Key, Task, Work, in_sequence, needs_of, rank

__all__ = ["STOP_TIMEOUT", "plan", "rank"]


class _Refused(Exception):
    """A fix cannot be carried out; the message is a clause."""


def plan(
    report: Report,
    topology: Topology,
    *,
    allow: Safety = Safety.RECREATE,
    remarks: bool = False,
    pin_ports: bool = True,
    tried_in_vain: frozenset[str] = frozenset(),
) -> Plan:
    """Plan what fixes the findings of a report.

    Args:
        report: of the topology, as the diagnosis made it.
        topology: what was seen.
        allow: the widest steps that may be planned.
        remarks: plan for findings of severity `info`, too.
        pin_ports: a container that is replaced keeps the ports of the host that the engine chose.
        tried_in_vain: fingerprints for which nothing is to be planned: it was tried in vain.
    """
    draft = _Draft(topology, allow)
    advice: list[Advice] = []
    for number, finding in enumerate(report.findings):
        if finding.severity is Severity.INFO and not remarks:
            continue
        if finding.fingerprint in tried_in_vain:
            reason = "its step was not carried out, or had no effect"
        else:
            reason = _take(draft, finding, number)
        if reason:
            advice.append(_advice(finding, reason))
    work = draft.work
    if pin_ports:
        work = {key: tuple(_pinned(topology, key, each) for each in work[key]) for key in work}
    return Plan(
        tool=report.tool,
        taken_at=report.taken_at,
        allow=allow,
        findings=len(report.findings),
        steps=_steps(report, topology, work, draft.order),
        advice=tuple(advice),
        summary=report.summary,
        hosts=report.hosts,
        skipped=report.skipped,
    )


def _take(draft: _Draft, finding: Finding, number: int) -> str:
    """Plan the first fix of a finding that can be; return why none can be, or ''."""
    reasons: list[str] = []
    for fix in finding.fixes:
        if not fix.actions:
            continue
        try:
            draft.add(finding, fix, number)
        except _Refused as refused:
            reasons.append(str(refused))
        except MissingEvidence as missing:
            reasons.append(f"could not tell whether it can be done: {missing}")
        else:
            return ""
    reasons += [fix.left_to_person for fix in finding.fixes if fix.left_to_person]
    return reasons[0] if reasons else "needs manual action"


def _advice(finding: Finding, reason: str) -> Advice:
    return Advice(
        host=finding.host,
        code=finding.code,
        severity=finding.severity,
        target=finding.target,
        alias=finding.alias,
        fingerprint=finding.fingerprint,
        reason=reason,
        fixes=tuple((fix.title, fix.commands) for fix in finding.fixes),
    )


class _Draft:
    """The work planned so far; a fix is added whole or not at all."""

    def __init__(self, topology: Topology, allow: Safety) -> None:
        self._topology, self._allow = topology, allow
        self.work: dict[Key, tuple[Task, ...]] = {}
        self.order: list[tuple[Key, Key]] = []

    def add(self, finding: Finding, fix: Fix, number: int) -> None:
        """Add a fix; raises _Refused or MissingEvidence."""
        host = fix.host or finding.host
        work: dict[Key, tuple[Task, ...]] = {}
        order: list[tuple[Key, Key]] = []
        before: list[Key] = []
        for part in (*fix.elsewhere, fix):
            expansion = expand(
                self._topology,
                part.host or host,
                *part.actions,
                allow=self._allow,
                planned=ChainMap(work, self.work),
                finding=number,
            )
            _check(expansion)
            work.update(expansion.work)
            order += expansion.order
            asked = [(part.host or host, each.container) for each in part.actions]
            order += [(key, each) for key in asked for each in before if each != key]
            before += asked
        self.work.update(work)
        self.order += order


def _check(expansion: Expansion) -> None:
    if expansion.refusals:
        raise _Refused(expansion.refusals[0].reason)
    if expansion.missing is not None:
        raise expansion.missing


def _pinned(topology: Topology, key: Key, task: Task) -> Task:
    """Let a recreation keep the host ports of today, those of the engine's choice included."""
    container = topology.container_named(*key)
    if not isinstance(task.action, Recreate) or container is None:
        return task
    action = task.action
    ports = action.published
    if ports is None:
        ports = topology.details(container).published
    pinned = tuple(each for each in ports if each.ephemeral and each.host_port)
    if not pinned:
        return task
    fixed = tuple(
        msgspec.structs.replace(each, ephemeral=False) if each in pinned else each for each in ports
    )
    action = msgspec.structs.replace(action, published=fixed, pinned=pinned)
    return msgspec.structs.replace(task, action=action)


def _steps(
    report: Report, topology: Topology, work: Work, order: Iterable[tuple[Key, Key]]
) -> tuple[Step, ...]:
    needs = needs_of(topology, work, order)
    numbers: dict[Key, list[int]] = {}
    steps: list[Step] = []
    placed = [(key, task) for key in in_sequence(needs) for task in work[key]]
    final = {
        finding: number
        for number, (_, task) in enumerate(placed, start=1)
        for finding in task.findings
    }
    recreations = {
        key: number
        for number, (key, task) in enumerate(placed, start=1)
        if isinstance(task.action, Recreate)
    }
    proved: dict[int, list[int]] = {}
    for each, step in final.items():
        is_replaced = isinstance(placed[step - 1][1].action, Recreate)
        last = _proved_by(report.findings[each], step, recreations) if is_replaced else step
        proved.setdefault(last, []).append(each)
    replaced = frozenset(recreations)
    renamed = {
        (key[0], key[1]): task.action.to for key, task in placed if isinstance(task.action, Rename)
    }
    for number, (key, task) in enumerate(placed, start=1):
        previous = [each for near in needs[key] for each in numbers.get(near, ())]
        own = numbers.setdefault(key, [])
        steps.append(
            step_of(
                report,
                topology,
                key,
                task,
                number=number,
                after=(*sorted(previous), *own),
                fixes=proved.get(number, []),
                renamed={old: new for (host, old), new in renamed.items() if host == key[0]},
                replaced=replaced,
                work=work,
            )
        )
        own.append(number)
    return tuple(steps)


def _proved_by(finding: Finding, last: int, recreations: Mapping[Key, int]) -> int:
    """Return the step after which a finding has to be gone.

    It is the last that serves it; but where this replaces a source, and the finding's own target is
    replaced after it, the target's link is a ghost in between.
    """
    return max(last, recreations.get((finding.host, finding.target), last))
