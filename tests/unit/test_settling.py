"""`--settle`: how often is looked again, for how long, and what ends it."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.api import Diagnosis, Examination, diagnose, join, load_rules
from linkdoctor.cli import settling
from linkdoctor.rulekit.world import World

RULES = load_rules()
EARLY = "2026-01-01T11:59:58Z"
LONG_AGO = "2026-01-01T10:00:00Z"


def seen(started_at: str, *, stable: bool = True) -> Examination:
    world = World().run("app", expose=[5000], started_at=started_at).run("web", link="app:app")
    return Examination(snapshots=(msgspec.structs.replace(world.snapshot(), settled=stable),))


def diagnosed(examination: Examination) -> Diagnosis:
    return diagnose(join(examination), RULES)


class Looks:
    """Gives one examination after the other, the last one for ever; time passes by pauses alone."""

    def __init__(self, *examinations: Examination) -> None:
        self.now = 0.0
        self.number = 0
        self._examinations = examinations

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def look(self) -> Diagnosis:
        self.number += 1
        return diagnosed(self._examinations[min(self.number, len(self._examinations) - 1)])

    def settled(self, seconds: float) -> Diagnosis:
        first = diagnosed(self._examinations[0])
        return settling.settled(seconds, first, self.look, now=lambda: self.now, pause=self.pause)


def test_what_is_settled_is_not_looked_at_again() -> None:
    once = Looks(seen(LONG_AGO))
    report = once.settled(60).report
    assert [each.code for each in report.findings] == ["LD502"]
    assert (once.number, once.now) == (0, 0)


def test_it_ends_as_soon_as_nothing_is_too_early() -> None:
    thrice = Looks(seen(EARLY), seen(EARLY), seen(LONG_AGO))
    report = thrice.settled(60).report
    assert report.summary.too_early == 0
    assert [each.code for each in report.findings] == ["LD502"]
    assert thrice.number == 2
    assert thrice.now < 10


@pytest.mark.parametrize("seconds", [0, 0.5, 2, 7, 60])
def test_it_ends_when_the_seconds_are_over(seconds: float) -> None:
    endless = Looks(seen(EARLY))
    report = endless.settled(seconds).report
    assert report.summary.too_early
    assert endless.now == seconds
    assert bool(endless.number) is bool(seconds)


def test_containers_that_kept_changing_are_waited_for() -> None:
    twice = Looks(seen(LONG_AGO, stable=False), seen(LONG_AGO))
    examination = twice.settled(60).examination
    assert examination.snapshots[0].settled
    assert twice.number == 1


def test_an_interrupted_look_is_the_last() -> None:
    cut_off = msgspec.structs.replace(seen(EARLY), interrupted=True)
    twice = Looks(seen(EARLY), cut_off)
    examination = twice.settled(60).examination
    assert examination.interrupted
    assert twice.number == 1


def test_ctrl_c_while_waiting_gives_what_is_known() -> None:
    class Interrupted(Looks):
        def pause(self, seconds: float) -> None:
            raise KeyboardInterrupt

    endless = Interrupted(seen(EARLY))
    diagnosis = endless.settled(60)
    assert diagnosis.examination.interrupted
    assert diagnosis.report.summary.too_early
