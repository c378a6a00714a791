"""What `linkdoctor fix` says while it works: numbers, what is left, what waits for permission."""

from __future__ import annotations

import re
from pathlib import Path

from .fixing import command_line
from .situations import Lab
from .test_fix import at_a_terminal


def source_that_comes_back_elsewhere(lab: Lab) -> None:
    """A source that does not run, and whose address somebody else has by now."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.stop("app")
    lab.run("squatter")


def test_steps_are_counted_on_from_round_to_round(lab: Lab, tmp_path: Path) -> None:
    source_that_comes_back_elsewhere(lab)
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^step (\d+): (\w+ \w+)", done.stdout, re.MULTILINE) == [
        ("1", "start app"),
        ("2", "restart web"),
    ]
    assert done.stderr.splitlines() == [
        "linkdoctor: step 1 of 1: start app ...",
        "linkdoctor: step 1 of 1: fixed",
        "linkdoctor: step 2 of 2: restart web ...",
        "linkdoctor: step 2 of 2: fixed",
    ]


def test_what_waits_for_permission_is_counted_in_the_first_line(lab: Lab, tmp_path: Path) -> None:
    for name in ("app", "db"):
        lab.run(name, listen=5000)
        lab.run(f"{name}-user", link=f"{name}:peer")
    lab.move("app")
    lab.recreate("db")
    done = command_line(lab, tmp_path, "fix", "--apply", "--yes")
    assert done.returncode == 1
    head = done.stdout.splitlines()[0]
    assert head.startswith("nothing has been changed")
    assert "1 step waits for --allow restart, 2 for --allow recreate" in " ".join(
        done.stdout.split()
    )


def test_interactive_alone_asks_and_carries_out(lab: Lab, tmp_path: Path) -> None:
    source_that_comes_back_elsewhere(lab)
    keys = "?\n1\nall\n"
    done = at_a_terminal(lab, tmp_path, keys, "fix", "--interactive", "--allow", "restart")
    assert done.returncode == 0, done.stdout
    assert "2 steps of 2 carried out" in done.stdout
