"""What holds for every rule, without being told of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from linkdoctor.diagnosis import evaluate
from linkdoctor.model.evidence import Gap, Need, Unknown
from linkdoctor.model.evidence_kinds import evidence_fields
from linkdoctor.model.snapshot import Container, DnsAnswer, LinkAnswer, Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.registry import LoadedRule, load_rules
from linkdoctor.rulekit import Case

RULES = load_rules()
CASES = [(loaded, case) for loaded in RULES for case in loaded.rule.cases]
FIRING = [(loaded, case) for loaded, case in CASES if case.expect]
BLANK = Unknown(gap=Gap.DENIED, detail="blanked by the test")


def named(value: object) -> str:
    if isinstance(value, LoadedRule):
        return value.rule.code
    return value.title if isinstance(value, Case) else ""


def topology(case: Case) -> Topology:
    return Topology(case.given(), case.knowledge)


def blanked(snapshot: Snapshot, need: Need) -> Snapshot:
    of_host = dict.fromkeys(evidence_fields(need, Snapshot), BLANK)
    containers = tuple(_blanked_container(each, need) for each in snapshot.containers)
    return msgspec.structs.replace(snapshot, containers=containers, **of_host)


def _blanked_container(container: Container, need: Need) -> Container:
    changes: dict[str, Any] = dict.fromkeys(evidence_fields(need, Container), BLANK)
    if evidence_fields(need, LinkAnswer):
        own = tuple(name for name in container.names if "/" not in name)
        changes |= {"link_answers": (), "names": own}
    if evidence_fields(need, DnsAnswer):
        changes["dns_answers"] = ()
    return msgspec.structs.replace(container, **changes)


@pytest.mark.parametrize(("loaded", "case"), CASES, ids=named)
def test_the_case_holds(loaded: LoadedRule, case: Case) -> None:
    outcome = evaluate(topology(case), [loaded.rule])
    found = sorted((each.target, each.alias) for each in outcome.findings)
    assert found == sorted((each.target, each.alias) for each in case.expect)
    for expected in case.expect:
        severities = [
            each.severity
            for each in outcome.findings
            if (each.target, each.alias) == (expected.target, expected.alias)
        ]
        assert expected.severity is None or expected.severity in severities
    assert not any(each.code == "LD001" for each in outcome.findings)


@pytest.mark.parametrize("loaded", RULES, ids=named)
def test_a_rule_has_a_case_that_fires_and_a_look_alike(loaded: LoadedRule) -> None:
    assert any(case.expect for case in loaded.rule.cases)
    assert any(not case.expect for case in loaded.rule.cases)


@pytest.mark.parametrize("loaded", RULES, ids=named)
def test_the_needs_declared_are_the_needs_read(loaded: LoadedRule) -> None:
    read: set[Need] = set()
    for case in loaded.rule.cases:
        evaluate(topology(case).recording(read), [loaded.rule])
    assert read == loaded.rule.needs


@pytest.mark.parametrize(("loaded", "case"), FIRING, ids=named)
def test_without_any_evidence_it_is_skipped_with_a_reason(loaded: LoadedRule, case: Case) -> None:
    snapshots = case.given()
    for need in loaded.rule.needs - {Need.DETAILS}:
        snapshots = tuple(blanked(each, need) for each in snapshots)
    blind = evaluate(Topology(snapshots, case.knowledge), [loaded.rule])
    if loaded.rule.needs == {Need.DETAILS}:
        return
    seen = evaluate(topology(case), [loaded.rule])
    assert not {each.code for each in blind.findings} - {loaded.rule.code}
    if len(blind.findings) < len(seen.findings):
        assert blind.skipped, "a finding disappeared silently"
        assert all(skip.reason for skip, _ in blind.skipped)


@pytest.mark.parametrize(("loaded", "case"), FIRING, ids=named)
def test_each_kind_of_missing_evidence_alone_never_hides_a_fault(
    loaded: LoadedRule, case: Case
) -> None:
    for need in loaded.rule.needs - {Need.DETAILS}:
        snapshots = tuple(blanked(each, need) for each in case.given())
        outcome = evaluate(Topology(snapshots, case.knowledge), [loaded.rule])
        found = {(each.target, each.alias) for each in outcome.findings}
        for expected in case.expect:
            assert (expected.target, expected.alias) in found or outcome.skipped, need


@pytest.mark.parametrize(("loaded", "case"), FIRING, ids=named)
def test_a_finding_is_complete(loaded: LoadedRule, case: Case) -> None:
    for finding in evaluate(topology(case), [loaded.rule]).findings:
        assert finding.message.endswith(".")
        assert finding.evidence
        assert all(proof.observed and proof.where for proof in finding.evidence)
        assert finding.fixes


def test_codes_are_in_the_order_and_form_of_the_catalogue() -> None:
    codes = [loaded.rule.code for loaded in RULES]
    assert codes == sorted(set(codes))
    assert {
        *("LD101", "LD102", "LD103", "LD104", "LD201", "LD301", "LD302"),
        *("LD303", "LD306", "LD401", "LD501", "LD502", "LD503", "LD505"),
    } <= set(codes)
