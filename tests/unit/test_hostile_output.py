"""Hostile names on their way from a snapshot to a terminal and into a shell, nothing left out."""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pyte
import pytest

from linkdoctor.api import Diagnosis, Examination, diagnose, join, load_rules
from linkdoctor.fix.use_cases import Scope, make_plan
from linkdoctor.model.plan import Plan
from linkdoctor.render.as_json import render_json
from linkdoctor.render.card import CardList, card_of, render_cards
from linkdoctor.render.evidence_lines import evidence_summaries
from linkdoctor.render.layout import TextStyle
from linkdoctor.render.plan import render_plan
from linkdoctor.render.sanitize import is_harmless
from linkdoctor.render.text import render_text
from linkdoctor.rulekit.world import World
from tests.hostile import HOSTILE, hostile_report, with_each_hostile_text

RULES = load_rules()
WIDE = 4000
SGR = re.compile(r"\x1b\[[0-9;]*m")
"""The one sequence that linkdoctor writes itself."""


def worlds(text: str) -> Iterator[World]:
    """Links in trouble, in which everything that somebody may choose is this text."""
    name = text.replace(":", "") or "app"
    alias = text.rpartition("/")[2].replace(":", "") or "alias"
    for_all: dict[str, Any] = {
        "expose": [5000],
        "listen": [5000],
        "image": text or "image",
        "hostname": text or "host",
        "env": {text or "X": text, "DB_HOST": text},
        "labels": {
            "com.docker.compose.project": text,
            "com.docker.compose.service": text,
            "linkdoctor.expects": text,
        },
    }
    yield (
        World(f"host{text}")
        .network(f"net{text}")
        .run(name, **for_all)
        .run("web", link=f"{name}:{alias}", env={f"{text}_HOST": name, "API": f"http://{name}/"})
        .run(f"other{name}", network=f"net{text}", aliases=[alias])
        .move(name)
    )
    yield World().run("app", **for_all).run(f"a{name}", link=f"app:{alias}").recreate("app")
    yield World().run(f"a{name}").run("web", link=f"a{name}:{alias}").stop(f"a{name}")


@cache
def examined(text: str) -> tuple[tuple[Diagnosis, Plan], ...]:
    seen = [Examination(snapshots=(each.snapshot(),)) for each in worlds(text)]
    found = [diagnose(join(each), RULES) for each in seen]
    assert all(each.report.findings for each in found)
    return tuple((each, make_plan(each, Scope())) for each in found)


@cache
def shown(text: str, *, colour: bool = False) -> tuple[str, ...]:
    """All that a person may get to see of those worlds and of a report full of the text."""
    return tuple(rendered(text, TextStyle(width=60, colour=colour)))


def rendered(text: str, medium: TextStyle) -> Iterator[str]:
    colour = medium.colour
    for diagnosis, plan in examined(text):
        report, topology = diagnosis.report, diagnosis.topology
        places = evidence_summaries(diagnosis.examination.snapshots)
        yield render_text(report, width=60, colour=colour, verbose=True, seen=places, note=text)
        yield render_plan(
            [(step, None) for step in plan.steps], plan.advice, head=text, more={}, medium=medium
        )
        cards = [card_of(topology, host, each) for host, each in topology.containers()]
        yield render_cards(CardList(cards=tuple(cards)), medium)
    yield render_text(hostile_report(text), width=60, colour=colour, verbose=True, note=text)


@with_each_hostile_text
def test_nothing_that_is_shown_can_be_obeyed_by_a_terminal(text: str) -> None:
    encoded = [render_json(each) for one, plan in examined(text) for each in (one.report, plan)]
    for each in (*shown(text), *encoded):
        assert all(is_harmless(line) for line in each.split("\n"))


@with_each_hostile_text
def test_colours_are_linkdoctors_own(text: str) -> None:
    assert [SGR.sub("", each) for each in shown(text, colour=True)] == list(shown(text))


def test_a_terminal_shows_what_was_printed_and_does_nothing_else() -> None:
    for text in (each for each in HOSTILE if len(each) < 100):
        printed = shown(text)[0]
        screen = pyte.Screen(WIDE, printed.count("\n") + 1)
        pyte.Stream(screen).feed(printed.replace("\n", "\r\n"))
        assert (screen.title, screen.icon_name) == ("", "")
        assert screen.cursor.y == printed.count("\n")
        # It composes letters and their marks, and puts nothing behind a wide one.
        first = "".join(screen.buffer[0][column].data for column in range(WIDE))
        assert first.rstrip() == normalize("NFC", printed.split("\n")[0].rstrip())


# --- in a shell -----------------------------------------------------------------------------------


def commands(text: str) -> list[str]:
    """Everything that is printed to be typed; a line that is none is a comment or in brackets."""
    found = (
        command
        for seen, plan in examined(text)
        for commands in (
            *(fix.commands for finding in seen.report.findings for fix in finding.fixes),
            *(typed for step in plan.steps for typed in (step.commands, step.undo)),
            *(typed for advice in plan.advice for _, typed in advice.fixes),
        )
        for command in commands
    )
    printed = map(TextStyle().command, dict.fromkeys(found))
    return [each for each in printed if each.startswith("(eval ") or not each.startswith("(")]


TEMPTING = ("touch", "owned", "id", "calc")
MEANT = ("docker", "iptables", "nsenter", "sudo", "ip", "linkdoctor")


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """Programs that hostile names try to run, and those that are meant, which do nothing."""
    for name in (*TEMPTING, *MEANT):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        mark = (
            f'echo {name} >> "{tmp_path}/ran"\n' if name in ("touch", "owned", "id", "calc") else ""
        )
        program.write_text(f"#!/bin/sh\n{mark}exit 0\n")
        program.chmod(stat.S_IRWXU)
    (tmp_path / "work").mkdir()
    return tmp_path


def test_no_command_that_is_printed_runs_what_a_name_says(bait: Path) -> None:
    lines = [line for text in HOSTILE for line in commands(text)]
    assert len(lines) > 2 * len(HOSTILE)
    for line in lines:
        assert line.startswith("#") or shlex.split(line)[0] in (*MEANT, "(eval")
    script = bait / "script"
    script.write_text("\n".join(lines) + "\n")
    shell = ["/bin/sh", str(script)]
    subprocess.run([shell[0], "-n", shell[1]], check=True, timeout=20)
    done = subprocess.run(
        shell,
        cwd=bait / "work",
        env={"PATH": str(bait / "bin")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (bait / "ran").exists()
    assert list((bait / "work").iterdir()) == []
