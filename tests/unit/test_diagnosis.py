"""Skips, crashes, causes and their consequences, order, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
import pytest

from linkdoctor.diagnosis import Selection, Unreachable, diagnose
from linkdoctor.model.evidence import Gap, Need, Unknown
from linkdoctor.model.report import (
    Completeness,
    ExitCode,
    Proof,
    Report,
    Severity,
    Verdict,
    exit_code,
)
from linkdoctor.model.snapshot import Tool
from linkdoctor.model.topology import Link, Topology
from linkdoctor.registry import load_rules
from linkdoctor.render.documents import printable
from linkdoctor.rulekit import EachLink, Hit, Rule
from linkdoctor.rulekit.world import World

TOOL = Tool(name="linkdoctor", version="0")
RULES = [loaded.rule for loaded in load_rules()]


def rule(
    check: Callable[[Link, Topology], Iterable[Hit]],
    *,
    code: str = "LD999",
    severity: Severity = Severity.ERROR,
    explains: frozenset[str] = frozenset(),
) -> Rule:
    return Rule(
        code=code,
        name="made-up",
        severity=severity,
        since="0",
        summary="",
        needs=frozenset(),
        check=EachLink(check),
        cases=(),
        explains=explains,
    )


def hits(message: str = "It is so.") -> Callable[[Link, Topology], Iterator[Hit]]:
    def check(link: Link, topology: Topology) -> Iterator[Hit]:
        yield Hit(message=message, evidence=(Proof(what="w", observed="o"),))

    return check


def healthy() -> World:
    return World().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")


def report(world: World, rules: Iterable[Rule] = RULES, **selection: object) -> Report:
    return diagnose(
        Topology([world.snapshot()]),
        rules,
        tool=TOOL,
        taken_at="2026-01-01T12:00:00Z",
        selection=Selection(**selection),  # type: ignore[arg-type]
    )


def test_a_healthy_host_has_no_findings_and_no_skips() -> None:
    found = report(healthy())
    assert (found.findings, found.skipped) == ((), ())
    assert found.summary.verdict is Verdict.HEALTHY
    assert exit_code(found) is ExitCode.OK
    assert found.hosts[0].evidence is Completeness.COMPLETE


def test_a_rule_that_crashes_is_a_finding_and_hides_no_other() -> None:
    def crash(link: Link, topology: Topology) -> Iterator[Hit]:
        yield from ()
        raise RuntimeError("hunter2")

    found = report(healthy(), [rule(crash, code="LD998"), rule(hits())])
    assert [each.code for each in found.findings] == ["LD001", "LD999"]
    assert "LD998" in found.findings[0].message
    assert b"hunter2" not in msgspec.json.encode(found)


def test_missing_evidence_is_a_skip_that_says_what_and_why() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    world = healthy().unknown("web", "process_environment", denied)
    found = report(world)
    skip = next(each for each in found.skipped if each.code == "LD201")
    assert (skip.host, skip.subject) == ("host1", "web/helloapp")
    assert skip.missing == f"{Need.PROCESS_ENV.value} of web"
    assert skip.reason == "run as root"
    assert found.summary.verdict is Verdict.INCOMPLETE
    assert exit_code(found) is ExitCode.INCOMPLETE
    assert found.hosts[0].evidence is Completeness.PARTIAL


def test_missing_evidence_never_hides_a_fault() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    world = healthy().stop("app").unknown("web", "process_environment", denied)
    assert exit_code(report(world)) is ExitCode.FINDINGS


def test_a_skip_below_the_threshold_is_not_incomplete() -> None:
    def look(link: Link, topology: Topology) -> Iterator[Hit]:
        topology.process_environment(link.target)
        yield from ()

    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    world = healthy().unknown("web", "process_environment", denied)
    found = report(world, [rule(look, severity=Severity.WARNING)])
    assert found.summary.skipped == 1
    assert exit_code(found) is ExitCode.OK


def test_one_cause_is_one_finding_with_its_consequences() -> None:
    world = healthy().recreate("app")
    (finding,) = report(world).findings
    assert finding.code == "LD102"
    assert finding.consequences == ("LD201", "LD302")


def test_two_faults_of_one_link_that_do_not_explain_each_other_are_two_findings() -> None:
    world = World().run("app", expose=[5000]).run("web", link="app:helloapp").move("app")
    assert [each.code for each in report(world).findings] == ["LD201", "LD502"]


def test_what_explains_another_rule_explains_its_skip_too() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    world = healthy().recreate("app").unknown("web", "process_environment", denied)
    assert "LD201" not in {each.code for each in report(world).skipped}


def test_a_remark_does_not_hide_a_graver_fault_nor_its_skip() -> None:
    world = World().run("app", expose=[5000], listen=[5000]).run("web", link="app:a_b")
    wrong = report(world.hosts("web", "a_b", address="10.9.9.9"))
    assert [each.code for each in wrong.findings] == ["LD302", "LD308"]
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    unseen = report(world.unknown("web", "hosts_file", denied))
    assert "LD302" in {each.code for each in unseen.skipped}
    nameless = World().run("app", expose=[5000], listen=[5000]).run("web", link="app:my app")
    (finding,) = report(nameless.hosts("web", "my app", address="10.9.9.9")).findings
    assert (finding.code, finding.consequences) == ("LD308", ("LD302",))


def test_ignored_findings_are_counted() -> None:
    found = report(healthy().stop("app"), ignore=frozenset({"LD1"}))
    assert found.findings == ()
    assert found.summary.suppressed == 1
    assert exit_code(found) is ExitCode.OK


def test_only_selected_rules_are_applied() -> None:
    found = report(healthy().move("app").stop("app"), select=frozenset({"LD2"}))
    assert found.findings == ()


def test_only_the_wanted_containers_are_reported() -> None:
    world = healthy().run("blog", link="app:app").stop("app")
    found = report(world, containers=frozenset({"blog"}))
    assert [each.target for each in found.findings] == ["blog"]
    both = report(world, containers=frozenset({"app"}))
    assert [each.target for each in both.findings] == ["blog", "web"]


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        (Severity.ERROR, Severity.ERROR, ExitCode.FINDINGS),
        (Severity.WARNING, Severity.ERROR, ExitCode.OK),
        (Severity.WARNING, Severity.WARNING, ExitCode.FINDINGS),
        (Severity.INFO, Severity.WARNING, ExitCode.OK),
        (Severity.INFO, Severity.INFO, ExitCode.FINDINGS),
    ],
)
def test_the_exit_code_follows_the_threshold(
    severity: Severity, fail_on: Severity, code: ExitCode
) -> None:
    found = report(healthy(), [rule(hits(), severity=severity)], fail_on=fail_on)
    assert exit_code(found) is code


def test_the_fingerprint_survives_wording_and_recreation() -> None:
    one = report(healthy(), [rule(hits("One wording."))]).findings[0]
    other = report(healthy().recreate("app"), [rule(hits("Another."))]).findings[0]
    assert one.fingerprint == other.fingerprint
    assert len(one.fingerprint) == 16


def test_the_same_state_gives_the_same_bytes_in_order() -> None:
    world = healthy().run("blog", link="app:app").run("aaa", link="app:x").stop("app")
    found = report(world)
    assert [each.target for each in found.findings] == ["aaa", "blog", "web"]
    assert msgspec.json.encode(found) == msgspec.json.encode(report(world))


def test_an_unreachable_engine_is_a_skip_and_hides_no_other_host() -> None:
    found = diagnose(
        Topology([healthy().stop("app").snapshot()]),
        RULES,
        tool=TOOL,
        taken_at="2026-01-01T12:00:00Z",
        unreachable=[Unreachable(host="tcp://h2:1", endpoint="tcp://h2:1", reason="refused")],
    )
    assert [each.code for each in found.skipped] == ["LD002"]
    assert [each.code for each in found.findings] == ["LD101"]
    assert exit_code(found) is ExitCode.FINDINGS
    assert [each.name for each in found.hosts] == ["host1", "tcp://h2:1"]


def test_with_every_engine_unreachable_the_report_is_incomplete() -> None:
    found = diagnose(
        Topology([]),
        RULES,
        tool=TOOL,
        taken_at="2026-01-01T12:00:00Z",
        unreachable=[Unreachable(host="h", endpoint="h", reason="refused")],
    )
    assert exit_code(found) is ExitCode.INCOMPLETE


def test_the_json_has_the_keys_of_the_contract() -> None:
    found = printable(report(healthy().stop("app")))
    assert list(found) == [
        "schema",
        "tool",
        "taken_at",
        "hosts",
        "scope",
        "summary",
        "findings",
        "skipped",
    ]
    assert found["schema"] == "linkdoctor.report/1"
    assert list(found["hosts"][0]) == [
        "name",
        "endpoint",
        "engine",
        "containers",
        "links",
        "evidence",
    ]
    assert list(found["summary"]) == [
        "verdict",
        "error",
        "warning",
        "info",
        "suppressed",
        "skipped",
        "too_early",
        "accepted",
    ]
    assert list(found["scope"]) == [
        "containers",
        "select",
        "ignore",
        "accept_missing",
        "links",
        "rules_left_out",
        "elsewhere",
        "not_running",
    ]
    assert list(found["scope"]["elsewhere"]) == ["error", "warning", "info", "skipped"]
    finding = found["findings"][0]
    assert list(finding) == [
        "code",
        "name",
        "severity",
        "host",
        "target",
        "source",
        "alias",
        "message",
        "evidence",
        "consequences",
        "fixes",
        "fingerprint",
        "docs",
        "aliases",
    ]
    assert list(finding["evidence"][0]) == ["what", "observed", "expected", "where"]
    assert list(finding["fixes"][0]) == ["title", "safety", "commands"]
