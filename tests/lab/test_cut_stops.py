"""Cut off while a stop is under way: who still runs then does not run a moment later.

The old containers of these tests ignore SIGTERM, so that the engine is at work on their stop for
seconds, and most of them have a ghost link, so that they can never be started again.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from linkdoctor.collect import control as control_module
from linkdoctor.fix.journal import JournalStep, read, steps
from linkdoctor.fix.outcome import Result
from linkdoctor.model.actions import Recreate

from .cutting import AMID, Cut, When, cutting
from .fixing import QUICK, control_of, create, fix, leftovers_of
from .situations import Lab
from .test_kill_anywhere import MOST_REQUESTS, Victim

STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
STOPS_IN = 4
HEALTHY = {"Test": ["CMD-SHELL", "true"], "Interval": 300_000_000, "Retries": 3}
PORT = {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18091"}]}}
VOLUME = {"Binds": ["kept:/data"]}


@pytest.fixture
def victim(lab: Lab, tmp_path: Path) -> Iterator[Victim]:
    with cutting(lab.engine.socket, tmp_path / "p.sock") as proxy:
        yield Victim(lab, proxy, tmp_path)


def stubborn(
    lab: Lab, host: Mapping[str, Any], *, links: bool = True, healthy: bool = False
) -> None:
    """`web`, which takes `STOPS_IN` seconds to stop."""
    settings: dict[str, Any] = {
        "Image": lab.image("lab:base"),
        "Cmd": STUBBORN,
        "StopTimeout": STOPS_IN,
        "HostConfig": {**host, **({"Links": ["app:helloapp"]} if links else {})},
    }
    if healthy:
        settings["Healthcheck"] = HEALTHY
    create(lab, "web", settings)
    lab.start("web")


def alive(lab: Lab, host: Mapping[str, Any], *, healthy: bool = False) -> None:
    """`web` and its source."""
    lab.run("app", listen=5000)
    stubborn(lab, host, healthy=healthy)


def ghost(lab: Lab, host: Mapping[str, Any] = PORT, *, healthy: bool = False) -> None:
    """`web`, whose link leads to a container that was removed."""
    alive(lab, host, healthy=healthy)
    lab.recreate("app")


KINDS: dict[str, Callable[[Lab], None]] = {
    "a ghost with a port": lambda lab: ghost(lab),
    "a ghost with a volume": lambda lab: ghost(lab, VOLUME),
    "a ghost that is always restarted": lambda lab: ghost(
        lab, {**PORT, "RestartPolicy": {"Name": "always"}}
    ),
    "a ghost with a health check": lambda lab: ghost(lab, healthy=True),
    "a link that is alive": lambda lab: alive(lab, PORT),
    "no link": lambda lab: stubborn(lab, PORT, links=False),
}
CUTS = {
    "killed": Cut(When.AMID, 1, writes=True, at="/stop"),
    "killed at once": Cut(When.DURING, 1, writes=True, at="/stop"),
    "killed before": Cut(When.BEFORE, 1, writes=True, at="/stop"),
    "Ctrl-C": Cut(When.AMID, 1, writes=True, at="/stop", signal=signal.SIGINT),
    "Ctrl-C twice": Cut(When.AMID, 1, writes=True, at="/stop", signal=signal.SIGINT, times=2),
}
BOTH_DIE = Cut(When.AMID, 1, writes=True, at="/stop", with_guardian=True)


def last_step(victim: Victim) -> JournalStep:
    return steps(read(victim.journal))[-1]


def assert_one_serves(victim: Victim) -> None:
    """One container of the name serves, for good, and the journal says which of the two."""
    lab, step = victim.lab, last_step(victim)
    time.sleep(1.0)
    found = lab.inspect("web")
    assert found["State"]["Running"]
    assert leftovers_of(lab) == []
    assert len(lab.listed()) == (2 if lab.find("app") else 1)
    old = found["Id"] == step.before.id
    assert step.result == ("undone" if old else "fixed")
    assert old or lab.links("web") in (["/app:/web/helloapp"], None)


EVERY_CUT = "a ghost with a port"
"""What is cut in every way; the others in the two that matter most."""


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        (kind, how)
        for kind in KINDS
        for how in CUTS
        if kind == EVERY_CUT or how in ("killed", "Ctrl-C")
    ],
)
def test_one_serves_after_a_cut_during_a_slow_stop(
    lab: Lab, victim: Victim, kind: str, how: str
) -> None:
    KINDS[kind](lab)
    began = time.monotonic()
    assert victim.recreate("web", CUTS[how])
    assert victim.clean_up(by_undo=False) == [], "the guardian had done it, and the lock was free"
    assert time.monotonic() - began < 90.0
    assert_one_serves(victim)
    step = last_step(victim)
    new = "ghost" in kind and how != "killed before"
    assert step.result == ("fixed" if new else "undone")
    if how == "Ctrl-C":
        assert f"the {'new' if new else 'old'} container serves" in victim.said
    if how == "Ctrl-C twice":
        assert "interrupted again" in victim.said
        assert str(victim.journal) in victim.said


@pytest.mark.parametrize("kind", ["a ghost with a port", "a link that is alive"])
def test_without_a_guardian_a_resumption_finds_one_that_serves(
    lab: Lab, victim: Victim, kind: str
) -> None:
    KINDS[kind](lab)
    assert victim.recreate("web", BOTH_DIE)
    expected = Result.FIXED if "ghost" in kind else Result.UNDONE
    assert victim.clean_up(by_undo=False) == [expected], "while the stop was still under way"
    assert_one_serves(victim)


def test_a_resumption_long_after_the_stop(lab: Lab, victim: Victim) -> None:
    ghost(lab)
    assert victim.recreate("web", BOTH_DIE)
    lab.wait_for(lambda: not lab.inspect("web-linkdoctor-old")["State"]["Running"], 15.0)
    assert victim.clean_up(by_undo=False) == [Result.FIXED]
    assert_one_serves(victim)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_one_serves_wherever_it_is_cut_amid_a_request(
    lab: Lab, victim: Victim, how: signal.Signals
) -> None:
    for nth in range(1, MOST_REQUESTS):
        lab.clean()
        ghost(lab)
        if not victim.recreate("web", Cut(When.AMID, nth, writes=True, signal=how)):
            break
        assert victim.clean_up(by_undo=False) == [], victim.proxy.fell_at
        assert_one_serves(victim)
    assert nth > 5, "rename, create, stop, start, remove"


def test_a_stop_that_outlasts_the_patience_of_its_client(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghost(lab)
    with monkeypatch.context() as shorter:
        shorter.setattr(control_module, "_stopping", lambda _: AMID)
        outcome = fix(lab, Recreate(container="web"), tmp_path / "journal")
    assert lab.inspect("web")["State"]["Running"]
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert "The new container was left in its place" in " ".join(outcome.notes)
    time.sleep(STOPS_IN)
    assert lab.inspect("web")["State"]["Running"]
    assert not lab.inspect("web-linkdoctor-old")["State"]["Running"]
    with control_of(lab) as control:
        assert QUICK.steady < STOPS_IN
        assert control.look("web").running


def test_a_cut_return_of_an_old_container_is_brought_to_an_end(lab: Lab, victim: Victim) -> None:
    """Taking a replacement back has a guardian, too: the new container takes long to stop."""
    stubborn(lab, PORT, links=False)
    for how in (
        Cut(When.AMID, 1, writes=True, at="/stop"),
        Cut(When.AMID, 1, writes=True, at="/stop", signal=signal.SIGINT),
        Cut(When.AFTER, 1, writes=True, at="/rename"),
        BOTH_DIE,
    ):
        old = lab.inspect("web")["Id"]
        kept = fix(lab, Recreate(container="web"), victim.next_journal, keep_old=True)
        assert kept.kept == old
        assert victim.recreate("web", how, "undo")
        results = victim.clean_up(by_undo=False)
        assert results == ([Result.UNDONE] if how is BOTH_DIE else [])
        assert lab.inspect("web")["Id"] == old
        assert_one_serves(victim)
        victim.journal.unlink()
