"""Every fix that linkdoctor can carry out clears its finding, for every case of every rule.

It is carried out on the model of an engine (:mod:`linkdoctor.rulekit.engine_actions`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec
import pytest

from linkdoctor.diagnosis import diagnose, evaluate
from linkdoctor.fix.plan import plan
from linkdoctor.model.actions import Action
from linkdoctor.model.report import Finding, Fix, Report, Severity, Skipped
from linkdoctor.model.snapshot import Snapshot, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Case, Rule
from linkdoctor.rulekit.engine_actions import EngineRefusal, apply_to
from linkdoctor.rulekit.world import World

RULES = tuple(loaded.rule for loaded in load_rules())
TOOL = Tool(name="linkdoctor", version="0")
AT = "2026-01-01T12:00:00Z"


class Advised(msgspec.Struct, frozen=True):
    """A fix with actions, as the finding of a case prints it."""

    rule: Rule
    case: Case
    finding: Finding
    fix: Fix

    @property
    def key(self) -> tuple[str, str]:
        return self.rule.code, self.case.title

    def steps(self) -> Iterator[tuple[str, Action]]:
        """Yield the actions of the fix, each with its host, in order."""
        host = self.finding.host
        for part in (*self.fix.elsewhere, self.fix):
            for action in part.actions:
                yield part.host or host, action


FIRST_BY_HAND: Mapping[tuple[str, str], str] = {
    ("LD103", "the source was removed"): "app",
    ("LD103", "Compose v1 renamed the source, it was removed, and none took its place"): "app",
    ("LD109", "the source was renamed, then the engine restarted; a later link is lost with it"): (
        "app"
    ),
}
"""The container that a person makes first: the fix before this one says so."""

UNCOVERED: Mapping[tuple[str, str], frozenset[str]] = {
    # Whose line stands first is chance, and the other one's was the only one while this was gone.
    (
        "LD303",
        "the line was deleted, and the line of another link has the name of its source",
    ): frozenset({"LD304"}),
}
"""Errors that a fix does not bring about, but that nobody could see before it."""


def _advised() -> Iterator[Advised]:
    for rule in RULES:
        for case in rule.cases:
            for finding in _found(rule, case, case.given() if case.expect else ()).findings:
                for fix in finding.fixes:
                    if fix.actions:
                        yield Advised(rule, case, finding, fix)


class _Found(msgspec.Struct, frozen=True):
    findings: tuple[Finding, ...]
    skipped: frozenset[Skipped]


def _found(rule: Rule, case: Case, snapshots: tuple[Snapshot, ...]) -> _Found:
    outcome = evaluate(Topology(snapshots, case.knowledge), [rule])
    return _Found(outcome.findings, frozenset(skip for skip, _ in outcome.skipped))


ADVISED = tuple(_advised())


def named(each: Advised) -> str:
    finding = each.finding
    return f"{each.rule.code}-{each.case.title}-{finding.target}/{finding.alias}-{each.fix.title}"


def after(snapshots: Iterable[Snapshot], steps: Iterable[tuple[str, Action]]) -> list[Snapshot]:
    now = {each.host: each for each in snapshots}
    for host, action in steps:
        now[host] = apply_to(now[host], action)
    return list(now.values())


def given(each: Advised) -> tuple[Snapshot, ...]:
    """Return the case's situation, with what a person makes first."""
    snapshots = each.case.given()
    name = FIRST_BY_HAND.get(each.key)
    if name is None:
        return snapshots
    return tuple(_with(one, name) if one.host == each.finding.host else one for one in snapshots)


def _with(snapshot: Snapshot, name: str) -> Snapshot:
    made = World().run("first").run(name, expose=[5000], listen=[5000]).snapshot()
    new = next(each for each in made.containers if each.name == name)
    new = msgspec.structs.replace(new, id=hashlib.sha256(name.encode()).hexdigest())
    return msgspec.structs.replace(snapshot, containers=(*snapshot.containers, new))


@pytest.mark.parametrize("each", ADVISED, ids=named)
def test_the_fix_clears_its_finding(each: Advised) -> None:
    before = _found(each.rule, each.case, given(each))
    now = _found(each.rule, each.case, tuple(after(given(each), each.steps())))
    assert each.finding.fingerprint not in {one.fingerprint for one in now.findings}
    assert now.skipped <= before.skipped, "it is not gone: nobody looked"


@pytest.mark.parametrize("each", ADVISED, ids=named)
def test_the_plan_of_a_fix_brings_about_no_other_error(each: Advised) -> None:
    snapshots = given(each)
    report = reported(each.case, snapshots)
    chosen = msgspec.structs.replace(each.finding, fixes=(each.fix,))
    planned = plan(
        msgspec.structs.replace(report, findings=(chosen,)),
        Topology(snapshots, each.case.knowledge),
        remarks=True,
    )
    assert not planned.advice
    steps = [(step.host, step.action) for step in planned.steps]
    now = tuple(after(snapshots, steps))
    assert each.finding.fingerprint not in {
        one.fingerprint for one in _found(each.rule, each.case, now).findings
    }
    new = errors(reported(each.case, now).findings) - everything(each.case, snapshots)
    assert not {code for code, *_ in new} - UNCOVERED.get(each.key, frozenset()), new


def reported(case: Case, snapshots: tuple[Snapshot, ...]) -> Report:
    return diagnose(Topology(snapshots, case.knowledge), RULES, tool=TOOL, taken_at=AT)


def everything(case: Case, snapshots: tuple[Snapshot, ...]) -> set[tuple[str, str, str, str]]:
    """Return the errors that there are, those among them that another one explains."""
    return errors(evaluate(Topology(snapshots, case.knowledge), RULES).findings)


def errors(findings: Iterable[Finding]) -> set[tuple[str, str, str, str]]:
    return {
        (each.code, each.host, each.target, each.alias)
        for each in findings
        if each.severity is Severity.ERROR
    }


@pytest.mark.parametrize("each", [each for each in ADVISED if each.key in FIRST_BY_HAND], ids=named)
def test_a_fix_that_needs_a_person_first_is_refused_without(each: Advised) -> None:
    made = FIRST_BY_HAND[each.key]
    with pytest.raises(EngineRefusal, match=f"No such container: {made}"):
        after(each.case.given(), each.steps())
    assert f"after {made} is back" in each.fix.title


def test_what_is_listed_is_still_so() -> None:
    assert {*FIRST_BY_HAND, *UNCOVERED} <= {each.key for each in ADVISED}
    for key, codes in UNCOVERED.items():
        for each in (one for one in ADVISED if one.key == key):
            now = reported(each.case, tuple(after(given(each), each.steps())))
            assert codes <= {one.code for one in now.findings}
