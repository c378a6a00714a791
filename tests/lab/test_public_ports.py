"""Public ports that the engine chose: they move at a restart, and a replacement keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor.fix.outcome import Result
from linkdoctor.model.actions import Recreate
from linkdoctor.model.links import Port
from linkdoctor.model.snapshot import Publication

from .fixing import command_line, fix, fixed, leftovers_of, steps_of
from .situations import Lab

RANGE = "18000-18010"


def public(lab: Lab, name: str = "web", port: str = "80/tcp") -> int:
    """The port of the host that leads to a container's port."""
    bindings = lab.inspect(name)["NetworkSettings"]["Ports"][port]
    (found,) = {int(each["HostPort"]) for each in bindings}
    return found


def pair(lab: Lab, *, publish: str | None = None) -> None:
    """The classic pair, whose web is published where the engine likes."""
    lab.run("app", listen=5000)
    if publish is None:
        lab.run("web", link="app:helloapp", listen=80, publish_all=True)
    else:
        lab.run("web", link="app:helloapp", listen=80, publish={80: publish})


@pytest.mark.parametrize("publish", [None, RANGE], ids=["any port", "a range"])
def test_a_restart_moves_the_port_and_the_step_says_so(
    lab: Lab, tmp_path: Path, publish: str | None
) -> None:
    pair(lab, publish=publish)
    before = public(lab)
    lab.move("app")
    done = command_line(lab, tmp_path, "fix")
    assert f"its public port {before} will change" in done.stdout
    fixed(lab, tmp_path, "restart")
    assert public(lab) != before


@pytest.mark.parametrize("publish", [None, RANGE], ids=["any port", "a range"])
def test_a_replacement_keeps_the_port_unless_told_otherwise(
    lab: Lab, tmp_path: Path, publish: str | None
) -> None:
    pair(lab, publish=publish)
    before = public(lab)
    lab.recreate("app")
    done = command_line(lab, tmp_path, "fix", "--no-pin-ports")
    assert f"its public port {before} will change" in done.stdout
    done = command_line(lab, tmp_path, "fix")
    assert f"keeps its public port {before}, if still free" in done.stdout
    fixed(lab, tmp_path, "recreate")
    assert public(lab) == before
    assert lab.fetch("web", "http://helloapp:5000/")[0] == 0
    lab.recreate("app")
    fixed(lab, tmp_path, "recreate", "--no-pin-ports")
    asked = lab.inspect("web")["HostConfig"]["PortBindings"] or {}
    # It was pinned by then: a fixed port is no port of the engine's choice any more.
    assert public(lab) == before
    assert [each["HostPort"] for each in asked.get("80/tcp", ())] == [str(before)]


def test_a_fixed_port_is_not_spoken_of(lab: Lab, tmp_path: Path) -> None:
    pair(lab, publish="18080")
    lab.move("app")
    (step,) = steps_of(command_line(lab, tmp_path, "fix", "--format", "json"))
    assert step["notes"] == []


@pytest.mark.parametrize("publish", [None, RANGE], ids=["any port", "a range"])
def test_a_port_that_was_taken_meanwhile_is_no_failure(
    lab: Lab, tmp_path: Path, publish: str | None
) -> None:
    pair(lab, publish=publish)
    before = public(lab)
    lab.stop("web")  # its port is free again, and the plan was made before
    lab.run("thief", listen=81, publish={81: before})
    chosen = tuple(
        Publication(port=Port(80), host_address=address, host_port=before, ephemeral=True)
        for address in ("0.0.0.0", "::")
    )
    fixed = tuple(
        Publication(port=Port(80), host_address=address, host_port=before)
        for address in ("0.0.0.0", "::")
    )
    order = Recreate(container="web", published=fixed, pinned=chosen)
    outcome = fix(lab, order, tmp_path / "journal.jsonl")
    assert outcome.result is Result.FIXED, outcome.reason
    assert any(f"public port {before} was taken meanwhile" in each for each in outcome.notes)
    assert public(lab) != before
    assert public(lab, "thief", "81/tcp") == before
    if publish:
        assert public(lab) in range(18000, 18011)
        asked = lab.inspect("web")["HostConfig"]["PortBindings"]["80/tcp"]
        assert {each["HostPort"] for each in asked} == {RANGE}
    assert leftovers_of(lab) == []


def test_a_port_that_a_fix_asks_for_is_not_given_up(lab: Lab, tmp_path: Path) -> None:
    pair(lab)
    lab.run("thief", listen=81, publish={81: 18081})
    asked = (Publication(port=Port(80), host_address="", host_port=18081),)
    before = lab.inspect("web")["Id"]
    outcome = fix(lab, Recreate(container="web", publish=asked), tmp_path / "journal.jsonl")
    assert outcome.result is Result.UNDONE
    assert "port is already allocated" in outcome.reason
    assert lab.inspect("web")["Id"] == before
