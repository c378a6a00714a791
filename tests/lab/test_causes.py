"""Faults that come together: each link's cause is named once, and what it brings about with it."""

from __future__ import annotations

from linkdoctor.render.text import render_text

from .examining import codes, diagnose, told
from .situations import Lab


def test_a_ghost_whose_new_source_is_stopped_and_elsewhere_is_one_ghost(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    lab.recreate("app")
    lab.stop("app")
    report = diagnose(lab)
    assert told(report) == ["LD102 web/helloapp"]
    assert set(report.findings[0].consequences) <= {"LD101", "LD201", "LD302"}


def test_two_links_of_one_target_with_two_faults_are_two_findings(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("web", link=["app:helloapp", "db:db"])
    lab.move("app")
    lab.stop("db")
    assert sorted(told(diagnose(lab))) == ["LD101 web/db", "LD201 web/helloapp"]


def test_a_stopped_source_that_came_back_stale_before_is_one_cause(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    lab.stop("app")
    assert told(diagnose(lab)) == ["LD101 web/helloapp"]


def test_a_ghost_beside_a_stopped_source_and_a_moved_one(lab: Lab) -> None:
    lab.run("one", listen=5001)
    lab.run("two", listen=5002)
    lab.run("three", listen=5003)
    lab.run("web", link=["one:ghost", "two:down", "three:moved"])
    lab.move("three")
    lab.recreate("one")
    lab.stop("two")
    found = sorted(codes(diagnose(lab)))
    assert found == ["LD101 web/down", "LD102 web/ghost", "LD201 web/moved"]


def test_one_source_with_ten_targets_is_ten_findings_and_one_paragraph(lab: Lab) -> None:
    lab.run("app", listen=5000)
    for number in range(10):
        lab.run(f"web{number}", link="app:helloapp")
    lab.stop("app")
    report = diagnose(lab)
    assert codes(report) == [f"LD101 web{number}/helloapp" for number in range(10)]
    assert len({each.fingerprint for each in report.findings if each.code == "LD101"}) == 10
    text = render_text(report, width=100, colour=False)
    assert text.count("ERROR   LD101") == 1
    assert "10 containers → app" in text
    assert text.count("docker start app") == 1
