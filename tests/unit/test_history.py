"""What happened to a source and what its target's log says of it, as further proof."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.model.report import Finding, Proof, Report
from linkdoctor.model.snapshot import Complaint, ComplaintKind, Event, Snapshot, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit.history import proof_of, words_of
from linkdoctor.rulekit.world import World

TOOL = Tool(name="linkdoctor", version="0")
RULES = [loaded.rule for loaded in load_rules()]
LIFE = [("10:30:00", "die"), ("10:30:01", "kill"), ("11:00:00.5", "start"), ("09:00:00", "create")]
REFUSED = Complaint(
    kind=ComplaintKind.REFUSED, host="helloapp", port=5000, count=12, last="2026-01-01T11:59:00Z"
)


def event(clock: str, action: str, container: str = "app", day: str = "2026-01-01") -> Event:
    return Event(time=f"{day}T{clock}Z", action=action, container=container, container_id="1")


def report(snapshot: Snapshot) -> Report:
    return diagnose(Topology([snapshot]), RULES, tool=TOOL, taken_at=snapshot.taken_at)


def down(*events: Event, complaints: list[Complaint] | None = None) -> Snapshot:
    """`app` is down, and `web`, started at ten o'clock, is linked to it."""
    world = World(events=events).run("app", expose=[5000], listen=[5000])
    return world.run("web", link="app:helloapp", complaints=complaints).stop("app").snapshot()


def found(snapshot: Snapshot, code: str = "LD101") -> Finding:
    (finding,) = [each for each in report(snapshot).findings if each.code == code]
    return finding


def told(finding: Finding, what: str) -> list[str]:
    return [each.observed for each in finding.evidence if each.what == what]


def test_events_since_the_start_of_the_target_are_told_in_order() -> None:
    finding = found(down(*(event(*each) for each in LIFE)))
    assert finding.evidence[-1] == Proof(
        what="what happened to app",
        observed="died 10:30:00Z, started 11:00:00Z",
        where="docker events",
    )


def test_the_order_in_which_events_were_read_does_not_matter() -> None:
    events = [event(*each) for each in LIFE]
    assert found(down(*events)) == found(down(*events[::-1]))


def test_of_many_events_the_last_ones_are_told() -> None:
    finding = found(down(*(event(f"11:00:0{second}", "die") for second in range(9))))
    (text,) = told(finding, "what happened to app")
    assert text.startswith("…, died 11:00:03Z, ")
    assert text.count("died") == 6


def test_another_day_is_named() -> None:
    snapshot = msgspec.structs.replace(
        down(event("10:30:00", "die")), taken_at="2026-01-02T00:00:01Z"
    )
    assert told(found(snapshot), "what happened to app") == ["died 2026-01-01T10:30:00Z"]


def test_events_of_others_and_from_before_tell_nothing() -> None:
    finding = found(down(event("11:00:00", "die", "db"), event("09:59:59", "die")))
    assert not told(finding, "what happened to app")


def test_a_finding_that_events_do_not_explain_has_none() -> None:
    world = World(events=[event("11:00:00", "die")]).run("app", expose=[5000], listen=[])
    finding = found(world.run("web", link="app:helloapp").snapshot(), "LD502")
    assert not told(finding, "what happened to app")


@pytest.mark.parametrize("host", ["helloapp", "app", "172.17.0.2"])
def test_what_the_target_says_of_its_source_is_told(host: str) -> None:
    complaint = msgspec.structs.replace(REFUSED, host=host)
    world = World().run("app", expose=[5000], listen=[])
    snapshot = world.run("web", link="app:helloapp", complaints=[complaint]).snapshot()
    finding = found(snapshot, "LD502")
    assert finding.evidence[-1] == Proof(
        what="what the log of web says",
        observed=f"connection refused at {host}:5000, 12 times, last at 2026-01-01T11:59:00Z",
        where="docker logs web",
    )


@pytest.mark.parametrize("host", ["", "db", "172.17.0.9"])
def test_what_it_says_of_others_is_not(host: str) -> None:
    complaint = msgspec.structs.replace(REFUSED, host=host)
    assert not told(found(down(complaints=[complaint])), "what the log of web says")


def test_only_the_complaints_that_are_heard_most_are_told() -> None:
    many = [msgspec.structs.replace(REFUSED, port=port, count=port) for port in range(1, 9)]
    said = told(found(down(complaints=many)), "what the log of web says")
    assert [each.split()[3] for each in said] == ["helloapp:8,", "helloapp:7,", "helloapp:6,"]


def test_neither_events_nor_logs_change_what_a_finding_is() -> None:
    plain = found(down())
    rich = found(down(event("11:00:00", "die"), complaints=[REFUSED]))
    assert len(rich.evidence) == len(plain.evidence) + 2
    assert msgspec.structs.replace(rich, evidence=plain.evidence) == plain


def test_a_rule_that_rests_on_the_log_is_not_told_twice() -> None:
    complaint = Complaint(
        kind=ComplaintKind.UNRESOLVED, host="db", count=3, last="2026-01-01T11:00:00Z"
    )
    world = World().run("web", env={"DATABASE_URL": "redis://db"}, complaints=[complaint])
    finding = found(world.snapshot(), "LD301")
    assert len(told(finding, "what the log of web says")) == 1


def test_complaints_in_words() -> None:
    plain = Complaint(kind=ComplaintKind.TIMED_OUT)
    assert words_of(plain) == "timed out, once"
    six = Complaint(kind=ComplaintKind.NO_ROUTE, host="fd00::2", port=80, count=2)
    assert words_of(six) == "no route at [fd00::2]:80, 2 times"
    (web,) = World().run("web").snapshot().containers
    assert proof_of(web, plain).where == "docker logs web"
