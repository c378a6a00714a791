"""What just started is not healthy but not judged yet: said in the verdict, and exit code 0."""

from __future__ import annotations

from collections import Counter

import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.model.evidence import Gap
from linkdoctor.model.report import Completeness, ExitCode, Report, Verdict, exit_code
from linkdoctor.model.snapshot import Probe, ProbeOutcome, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.render.github import render_github
from linkdoctor.render.markdown import render_markdown
from linkdoctor.render.nagios import State, render_nagios, state_of
from linkdoctor.render.prometheus import render_prometheus
from linkdoctor.render.text import render_text
from linkdoctor.rulekit.world import World

RULES = [loaded.rule for loaded in load_rules()]
JUST_NOW = "2026-01-01T11:59:55Z"
"""Five seconds before the snapshot of a `World` is taken."""


def report(world: World) -> Report:
    return diagnose(
        Topology([world.snapshot()]),
        RULES,
        tool=Tool(name="linkdoctor", version="0"),
        taken_at="2026-01-01T12:00:00Z",
    )


def deaf(started_at: str = JUST_NOW, health: str | None = None) -> World:
    """A source that does not listen, or not yet."""
    return (
        World()
        .run("app", expose=[5000], started_at=started_at, health=health)
        .run("web", link="app:helloapp")
    )


def early(found: Report) -> dict[str, int]:
    return Counter(each.code for each in found.skipped if each.gap is Gap.TOO_EARLY)


def verdict(found: Report, *, quiet: bool = False) -> str:
    return render_text(found, width=80, colour=False, quiet=quiet).partition("\n")[0]


def test_a_source_that_just_started_and_does_not_listen_yet() -> None:
    found = report(deaf())
    assert found.findings == ()
    assert "LD502" in early(found)
    assert found.summary.verdict is Verdict.HEALTHY
    assert exit_code(found) is ExitCode.OK
    number = found.summary.too_early
    assert verdict(found) == (
        "✓ healthy so far: 1 link between 2 containers on host1; "
        f"{number} checks too early for app (--settle SECONDS waits for that)"
    )
    (skip,) = (each for each in found.skipped if each.code == "LD502")
    assert skip.missing == "listening sockets of app"
    assert "started less than 10 s before" in skip.reason
    assert found.hosts[0].evidence is Completeness.COMPLETE


def test_quiet_is_not_silent_about_it() -> None:
    assert verdict(report(deaf()), quiet=True).startswith("✓ healthy so far")


def test_what_is_well_already_is_not_too_early() -> None:
    world = World().run("app", expose=[5000], listen=[5000], started_at=JUST_NOW)
    found = report(world.run("web", link="app:helloapp"))
    assert found.skipped == ()
    assert verdict(found) == "✓ healthy: 1 link between 2 containers on host1"


def test_a_health_check_that_has_not_decided_is_not_judged_yet() -> None:
    listening = World().run("app", expose=[5000], listen=[5000], health="starting")
    found = report(listening.run("web", link="app:helloapp"))
    assert early(found) == {"LD106": 1}
    assert exit_code(found) is ExitCode.OK
    assert "health check still says starting" in found.skipped[0].reason
    assert "LD502" in early(report(deaf("2026-01-01T10:00:00Z", health="starting")))


@pytest.mark.parametrize("health", ["healthy", "none"])
def test_one_that_just_started_and_is_healthy_is_healthy(health: str) -> None:
    world = World().run("app", expose=[5000], listen=[5000], started_at=JUST_NOW, health=health)
    assert report(world.run("web", link="app:helloapp")).skipped == ()


@pytest.mark.parametrize(
    "started_at",
    [
        "2026-01-01T13:00:00Z",
        "2026-01-01T12:00:02Z",
        "2036-01-01T00:00:00.123456789Z",
    ],
)
def test_a_clock_set_back_is_not_just_started(started_at: str) -> None:
    found = report(deaf(started_at))
    assert [each.code for each in found.findings] == ["LD502"]
    assert not early(found)
    assert exit_code(found) is ExitCode.FINDINGS


def test_a_start_within_the_second_of_the_snapshot_is_just_started() -> None:
    """The time of a snapshot is cut to whole seconds, that of a start is not."""
    assert "LD502" in early(report(deaf("2026-01-01T12:00:00.987654321Z")))


@pytest.mark.parametrize("started_at", ["2026-01-01T11:59:50Z", "", "0001-01-01T00:00:00Z", "x"])
def test_ten_seconds_later_and_without_a_time_it_is_judged(started_at: str) -> None:
    assert [each.code for each in report(deaf(started_at)).findings] == ["LD502"]


def test_a_publication() -> None:
    world = World().run("app", publish={5000: 18000}, started_at=JUST_NOW)
    assert early(report(world)) == {"LD507": 1}


def test_the_port_of_the_host_dialled_at_the_alias() -> None:
    world = World().run("db", publish={5432: 5433}, listen=[5432], started_at=JUST_NOW)
    world.run("web", link="db:db", env={"DATABASE_URL": "postgres://db:5433/x"})
    assert "LD509" in early(report(world))


def test_a_probe_that_is_refused() -> None:
    probe = Probe(alias="helloapp", port=5000, outcome=ProbeOutcome.REFUSED, address="172.17.0.2")
    world = World().run("app", expose=[5000], listen=[5000], started_at=JUST_NOW)
    found = report(world.run("web", link="app:helloapp", probes=[probe]))
    assert early(found) == {"LD510": 1}
    assert "answers to probes of app" in found.skipped[0].missing


def test_too_early_never_hides_a_fault_or_a_gap() -> None:
    broken = deaf().run("other", link="app:app").stop("app")
    assert exit_code(report(broken)) is ExitCode.FINDINGS
    found = report(deaf().run("db", expose=[1], listen=[1]).run("job", link="db:db").move("db"))
    assert exit_code(found) is ExitCode.FINDINGS
    assert f"{found.summary.too_early} checks too early" in verdict(found)


def test_every_format_says_so() -> None:
    found = report(deaf())
    number = f"{found.summary.too_early} checks too early"
    assert state_of(found) is State.OK
    assert f"LINKDOCTOR OK - no findings so far, {number}" in render_nagios(found)
    assert "healthy so far: no findings; " in render_markdown(found)
    assert "too-early" in render_markdown(found)
    assert number in render_github(found)
    metrics = render_prometheus(found)
    assert f'linkdoctor_too_early_checks{{host="host1"}} {found.summary.too_early}.0' in metrics
    assert 'linkdoctor_skipped_checks{host="host1"} 0.0' in metrics
    assert 'linkdoctor_evidence_complete{host="host1"} 1.0' in metrics
    assert "linkdoctor_incomplete 0.0" in metrics
