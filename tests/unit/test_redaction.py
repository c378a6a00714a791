"""Snapshots under pseudonyms: the findings stay, the names go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from linkdoctor.api import TOOL, demo_snapshots, known_images
from linkdoctor.diagnose import diagnose
from linkdoctor.model.knowledge import Knowledge
from linkdoctor.model.redaction import Redaction, redacted
from linkdoctor.model.report import Finding, Report
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Case

RULES = [loaded.rule for loaded in load_rules()]
CASES = [(rule.code, case) for rule in RULES for case in rule.cases]
KEY = b"a key of the tests"
IMAGES = known_images()
_WORD = re.compile(r"[\w./:#*-]+")


def report(snapshots: Sequence[Snapshot], knowledge: Knowledge) -> Report:
    return diagnose(Topology(snapshots, knowledge), RULES, tool=TOOL, taken_at="")


def known_to(case: Case | None) -> Knowledge:
    if case is None:
        return Knowledge(images=IMAGES)
    return msgspec.structs.replace(case.knowledge, images=(*case.knowledge.images, *IMAGES))


def renamed(knowledge: Knowledge, redaction: Redaction) -> Knowledge:
    """What the configuration would have to say of the pseudonyms."""
    declarations = tuple(
        msgspec.structs.replace(
            each,
            container=redaction.name(each.container),
            expects=tuple(map(redaction.name, each.expects)),
        )
        for each in knowledge.declarations
    )
    return msgspec.structs.replace(knowledge, declarations=declarations)


def shape(finding: Finding, redaction: Redaction | None = None) -> tuple[object, ...]:
    """What must stay of a finding; under pseudonyms if a redaction is given."""

    def name(text: str) -> str:
        return redaction.name(text) if redaction is not None else text

    return (
        finding.code,
        finding.severity,
        name(finding.host),
        name(finding.target),
        name(finding.source),
        name(finding.alias),
        finding.consequences,
        tuple(sorted(fix.safety for fix in finding.fixes)),
        tuple(len(fix.commands) for fix in finding.fixes),
        tuple(bool(fix.actions) for fix in finding.fixes),
        len(finding.evidence),
    )


def assert_same_findings(snapshots: Sequence[Snapshot], knowledge: Knowledge) -> None:
    redaction = Redaction(snapshots[0], KEY, knowledge.images)
    before = report(snapshots, knowledge)
    after = report(
        [redacted(each, KEY, knowledge) for each in snapshots], renamed(knowledge, redaction)
    )
    assert Counter(shape(each, redaction) for each in before.findings) == Counter(
        shape(each) for each in after.findings
    )
    assert Counter(
        (skip.code, redaction.name(skip.host), redaction.name(skip.subject))
        for skip in before.skipped
    ) == Counter((skip.code, skip.host, skip.subject) for skip in after.skipped)
    assert before.summary == after.summary


def test_every_rule_finds_in_every_case_what_it_found_before() -> None:
    wrong: list[str] = []
    for code, case in CASES:
        try:
            assert_same_findings(case.given(), known_to(case))
        except AssertionError as error:
            wrong.append(f"{code} {case.title}: {error}")
    assert not wrong, "\n".join(wrong)


def test_the_recorded_hosts_have_the_findings_that_they_had() -> None:
    assert_same_findings(demo_snapshots(), known_to(None))
    for each in demo_snapshots():
        assert_same_findings([each], known_to(None))
