"""LD106 on a real engine: sources that die again and again, and those that only look like it."""

from __future__ import annotations

import pytest

from linkdoctor.model.report import Finding, Severity

from .examining import codes, diagnose
from .situations import Lab

ONCE = "if [ -e /died ]; then exec sleep 100000; fi; touch /died; exit 3"


@pytest.fixture
def linked(lab: Lab) -> Lab:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    return lab


def loops(lab: Lab) -> list[Finding]:
    return [each for each in diagnose(lab).findings if each.code == "LD106"]


def test_a_crash_loop_is_seen_at_every_look(lab: Lab) -> None:
    lab.run("crash", expose=[80], command=["sh", "-c", "sleep 2; exit 3"], restart="always")
    lab.run("shop", link="crash:backend")
    lab.wait_for(lambda: lab.inspect("crash")["RestartCount"] >= 3, 40)
    for _ in range(6):
        (found,) = loops(lab)
        assert (found.target, found.alias, found.severity) == ("shop", "backend", Severity.ERROR)
        assert "exit code 3" in found.message
        assert "LD502" not in {each[:5] for each in codes(diagnose(lab))}


def test_a_source_that_something_else_starts_again_and_again_loops_too(lab: Lab) -> None:
    lab.run("crash", command=["sh", "-c", "sleep 3; exit 3"])
    lab.run("shop", link="crash:backend")
    for _ in range(3):
        lab.wait_for(lambda: not lab.pid("crash"))
        lab.start("crash")
    (found,) = loops(lab)
    assert (found.target, found.severity) == ("shop", Severity.ERROR)


def test_restarts_by_hand_are_no_loop(linked: Lab) -> None:
    app = linked.client.containers.get("app")
    for _ in range(2):
        app.restart(timeout=0)
        app.stop(timeout=0)
        app.start()
        app.kill()
        app.start()
    linked.wait_listening("app", 5000)
    assert loops(linked) == []


def test_one_death_is_no_loop(lab: Lab) -> None:
    lab.run("app", command=["sh", "-c", ONCE], restart="always")
    lab.run("web", link="app:helloapp")
    lab.wait_for(lambda: lab.inspect("app")["RestartCount"] == 1 and bool(lab.pid("app")))
    assert loops(lab) == []
