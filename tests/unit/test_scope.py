"""What the verdict is about: some containers, some rules; and what is known besides."""

from __future__ import annotations

import json

import pytest

from linkdoctor.diagnosis import Selection, Unreachable, diagnose
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import Elsewhere, ExitCode, Report, Severity, exit_code
from linkdoctor.model.snapshot import Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.render.github import render_github
from linkdoctor.render.jsonl import render_jsonl
from linkdoctor.render.markdown import render_markdown
from linkdoctor.render.nagios import State, render_nagios, state_of
from linkdoctor.render.sarif import render_sarif
from linkdoctor.render.text import render_text
from linkdoctor.rulekit.world import World

RULES = [loaded.rule for loaded in load_rules()]
DENIED = Unknown(gap=Gap.DENIED, detail="no permission to read it; run as root")


def broken(number: int = 30) -> World:
    """A link that is well, and so many that are not: their source came back elsewhere."""
    world = World("vm").run("app", expose=[5000], listen=[5000]).run("web", link="app:app")
    world.run("db", expose=[5432], listen=[5432])
    for each in range(number):
        world.run(f"job{each:02}", link="db:db")
    return world.move("db") if number else world


def report(
    world: World,
    *containers: str,
    select: frozenset[str] = frozenset(),
    ignore: frozenset[str] = frozenset(),
    unreachable: tuple[Unreachable, ...] = (),
) -> Report:
    return diagnose(
        Topology([world.snapshot()]),
        RULES,
        tool=Tool(name="linkdoctor", version="0"),
        taken_at="2026-01-01T12:00:00Z",
        selection=Selection(containers=frozenset(containers), select=select, ignore=ignore),
        unreachable=unreachable,
    )


def verdict(found: Report, *, quiet: bool = False) -> str:
    return render_text(found, width=80, colour=False, quiet=quiet).partition("\n")[0]


def test_the_verdict_names_what_was_asked_for_and_counts_the_rest() -> None:
    found = report(broken(), "web")
    assert verdict(found) == "✓ web: nothing wrong (1 link); 30 errors elsewhere on vm"
    assert exit_code(found) is ExitCode.OK
    assert found.scope.containers == ("web",)
    assert found.scope.links == 1
    assert found.scope.elsewhere == Elsewhere(error=30)


def test_nothing_elsewhere_is_said_too() -> None:
    assert verdict(report(broken(0), "web")) == (
        "✓ web: nothing wrong (1 link); nothing wrong elsewhere on vm"
    )


def test_a_container_that_is_asked_for_and_does_not_run_is_not_passed_over() -> None:
    found = report(broken(0).stop("web"), "web")
    assert verdict(found) == (
        "✓ web: nothing wrong (1 link); nothing wrong elsewhere on vm; not running: web"
    )
    assert found.scope.not_running == ("web",)
    assert "not running: web" in render_nagios(found)
    assert report(broken(0).stop("web"), "app").scope.not_running == ()
    assert "not running" not in verdict(report(broken(0).stop("web")))


def test_a_source_that_is_asked_for_has_the_links_that_lead_to_it() -> None:
    found = report(broken(), "db")
    assert verdict(found) == "✗ db: 30 errors (30 links); nothing wrong elsewhere on vm"
    assert exit_code(found) is ExitCode.FINDINGS


def test_one_of_the_broken_ones() -> None:
    found = report(broken(), "job07", "web")
    assert verdict(found) == "✗ job07 and web: 1 error (2 links); 29 errors elsewhere on vm"


def test_what_is_not_seen_of_a_source_is_not_seen_of_it() -> None:
    """The skipped check is about web's link, and it is app's sockets that nobody saw."""
    blind = broken().unknown("app", "listeners", DENIED)
    of_source = report(blind, "app")
    assert exit_code(of_source) is ExitCode.INCOMPLETE
    assert verdict(of_source).startswith("? app: incomplete: 4 checks lacked evidence; nothing ")
    elsewhere = report(blind, "job07")
    assert exit_code(elsewhere) is ExitCode.FINDINGS
    assert "4 checks skipped elsewhere" in verdict(elsewhere)


def test_rules_that_were_not_applied_are_not_looked_at() -> None:
    found = report(broken(), select=frozenset({"LD5"}))
    left_out = sum(not rule.code.startswith("LD5") for rule in RULES)
    assert verdict(found) == (
        f"✓ LD5: nothing wrong (31 links on vm); not looked at: {left_out} other rules"
    )
    assert found.scope.select == ("LD5",)
    assert found.scope.rules_left_out == left_out
    assert "✗ LD2: 30 errors (31 links on vm); not" in verdict(
        report(broken(), select=frozenset({"LD2"}))
    )


def test_rules_that_are_ignored_are_named() -> None:
    found = report(broken(), ignore=frozenset({"LD2"}))
    assert verdict(found).endswith("; 30 suppressed; ignored: LD2")
    assert verdict(found).startswith("✓ healthy: 31 links between ")
    assert found.scope.ignore == ("LD2",)


def test_what_is_ignored_is_not_counted_elsewhere_either() -> None:
    found = report(broken(), "web", ignore=frozenset({"LD2"}))
    assert found.scope.elsewhere == Elsewhere()


def test_an_engine_that_could_not_be_asked_stays_incomplete() -> None:
    lost = (Unreachable(host="far", endpoint="tcp://far", reason="refused"),)
    found = report(broken(), "web", unreachable=lost)
    assert exit_code(found) is ExitCode.INCOMPLETE
    assert verdict(found).startswith("? web: incomplete: 1 of 2 engines could not be asked; ")


@pytest.mark.parametrize("kind", ["markdown", "github", "nagios", "sarif", "jsonl"])
def test_every_format_tells_of_the_scope(kind: str) -> None:
    found = report(broken(), "web")
    text = {
        "markdown": render_markdown(found),
        "github": render_github(found),
        "nagios": render_nagios(found),
        "sarif": render_sarif(found, pages=()),
        "jsonl": render_jsonl(found),
    }[kind]
    assert "web" in text
    if kind == "jsonl":
        scope = json.loads(text.splitlines()[-1])["scope"]
        assert (scope["containers"], scope["elsewhere"]["error"]) == (["web"], 30)
    else:
        assert "30 errors elsewhere" in text


def test_the_state_of_a_service_follows_the_scope() -> None:
    assert state_of(report(broken(), "web")) is State.OK
    assert state_of(report(broken(), "job01")) is State.CRITICAL


def test_quiet_says_nothing_of_what_was_not_asked_for() -> None:
    assert verdict(report(broken(), "web"), quiet=True) == ""


def test_a_fault_of_the_host_is_everybodys() -> None:
    world = World("vm", icc=False).run("app", expose=[5000], listen=[5000])
    world.run("web", link="app:app").run("other").flush_firewall()
    found = report(world, "other")
    assert any(not each.target for each in found.findings)
    assert found.scope.elsewhere.error == sum(
        each.severity is Severity.ERROR for each in report(world).findings
    ) - len(found.findings)
