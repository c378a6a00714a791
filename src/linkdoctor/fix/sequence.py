"""The commands of a whole report, in the order in which they can be pasted, each once.

It is the order of the plan that `linkdoctor fix` makes of the same report. Pure, as the plan is.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.fix.plan import plan
from linkdoctor.model.actions import Recreate, Rename
from linkdoctor.model.plan import Step
from linkdoctor.model.report import Finding, Fix, Report, Safety
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.commands import one_call, shell
from linkdoctor.rulekit.printed_fixes import own_command

__all__ = ["commands_in_order"]

_NOTHING = Fix(title="", safety=Safety.MANUAL)


def commands_in_order(report: Report, topology: Topology) -> tuple[str, ...]:
    """Return the commands of several findings; none where they can be pasted as they stand."""
    planned = plan(report, topology)
    served = {fingerprint for each in planned.steps for fingerprint in each.fingerprints}
    if len(served) < 2:
        return ()
    sequence = _Sequence(report, topology)
    lines = tuple(line for each in planned.steps for line in sequence.of(each))
    return lines if len(lines) > 1 and lines != _as_they_stand(report, served) else ()


def _as_they_stand(report: Report, served: set[str]) -> tuple[str, ...]:
    chosen = (_chosen(each) for each in report.findings if each.fingerprint in served)
    return tuple(command for each in chosen for command in each.commands)


def _chosen(finding: Finding) -> Fix:
    """Return the fix of a finding that the plan takes first."""
    return next((each for each in finding.fixes if each.actions), _NOTHING)


class _Sequence:
    """What was said so far."""

    def __init__(self, report: Report, topology: Topology) -> None:
        self._findings = {each.fingerprint: each for each in report.findings}
        self._topology = topology
        self._several = len(topology.snapshots()) > 1
        self._host = ""
        self._names: dict[tuple[str, str], str] = {}
        """What containers are called by then."""
        self._covered: set[tuple[str, str]] = set()
        """The targets all of whose findings one command of linkdoctor's own fixes."""

    def of(self, step: Step) -> Iterator[str]:
        """Yield the lines for a step that are not said yet."""
        findings = [self._findings[each] for each in step.fingerprints]
        if findings and all((each.host, each.target) in self._covered for each in findings):
            return
        action = step.action
        if isinstance(action, Recreate):
            yield from self._own(findings)
            return
        if self._several and step.host != self._host:
            self._host = step.host
            yield f"# on {shell(step.host)}:"
        yield one_call(action)
        if isinstance(action, Rename):
            self._names[step.host, action.container] = action.to

    def _own(self, findings: list[Finding]) -> Iterator[str]:
        """Yield linkdoctor's commands; what a recreation brings about they do as well."""
        for each in findings:
            place = (each.host, each.target)
            if place in self._covered:
                continue
            called = self._names.get(place, each.target)
            fix = _chosen(each)
            command = own_command(self._topology, each.host, each.target, fix, called=called)
            if command:
                self._covered.add(place)
                yield command
