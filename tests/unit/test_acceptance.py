"""Evidence that may be missing: which words there are, and what becomes of the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor.diagnosis import Selection, Unreachable, diagnose
from linkdoctor.model.acceptance import KINDS, kind_meant
from linkdoctor.model.evidence import ONLY_NEAR, Gap, Need, Unknown
from linkdoctor.model.report import ExitCode, Report, exit_code
from linkdoctor.model.snapshot import Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.render.text import render_text
from linkdoctor.rulekit.world import World

RULES = [loaded.rule for loaded in load_rules()]
DENIED = Unknown(gap=Gap.DENIED, detail="no permission to read it; run as root")
LATE = Unknown(gap=Gap.TIMED_OUT, detail="no time was left")


def report(world: World, *kinds: str, unreachable: tuple[Unreachable, ...] = ()) -> Report:
    return diagnose(
        Topology([world.snapshot()]),
        RULES,
        tool=Tool(name="linkdoctor", version="0"),
        taken_at="2026-01-01T12:00:00Z",
        selection=Selection(accept_missing=frozenset(map(kind_meant, kinds))),
        unreachable=unreachable,
    )


def verdict(found: Report) -> str:
    return render_text(found, width=80, colour=False).partition("\n")[0]


@pytest.mark.parametrize("reason", [DENIED, ONLY_NEAR])
def test_what_only_root_sees_is_a_note(reason: Unknown) -> None:
    blind = World.tutorial().unknown("app", "listeners", reason)
    assert exit_code(report(blind)) is ExitCode.INCOMPLETE
    found = report(blind, "root")
    assert exit_code(found) is ExitCode.OK
    assert verdict(found) == (
        "✓ healthy: 1 link between 2 containers on host1; "
        "4 checks skipped, accepted as missing (root)"
    )
    assert [each.code for each in found.skipped] == ["LD502", "LD503", "LD513", "LD514"]
    assert all(each.accepted for each in found.skipped), "it stays listed"
    assert (found.summary.skipped, found.summary.accepted, found.summary.lacking) == (4, 4, 0)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("sockets", ExitCode.OK),
        ("listening sockets", ExitCode.OK),
        ("all", ExitCode.OK),
        ("denied", ExitCode.OK),
        ("firewall", ExitCode.INCOMPLETE),
        ("time", ExitCode.INCOMPLETE),
        ("unsupported", ExitCode.INCOMPLETE),
    ],
)
def test_only_what_is_named_is_accepted(kind: str, code: ExitCode) -> None:
    assert exit_code(report(World.tutorial().unknown("app", "listeners", DENIED), kind)) is code


def test_what_root_would_not_have_either_is_not_accepted_with_it() -> None:
    blind = World.tutorial().unknown("app", "listeners", LATE)
    assert exit_code(report(blind, "root")) is ExitCode.INCOMPLETE
    assert exit_code(report(blind, "root", "time")) is ExitCode.OK


def test_one_gap_of_two_is_not_enough() -> None:
    blind = World.tutorial().unknown("app", "listeners", DENIED)
    blind.unknown("web", "process_environment", LATE)
    assert exit_code(report(blind, "root")) is ExitCode.INCOMPLETE


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_hides_a_finding(kind: str) -> None:
    world = World.tutorial().move("app").unknown("app", "listeners", DENIED)
    found, plain = report(world, kind), report(world)
    assert found.findings == plain.findings
    assert exit_code(found) is ExitCode.FINDINGS


def test_an_engine_that_cannot_be_asked_is_never_accepted() -> None:
    lost = (Unreachable(host="far", endpoint="tcp://far", reason="refused"),)
    found = report(World.tutorial(), "all", unreachable=lost)
    assert exit_code(found) is ExitCode.INCOMPLETE
    assert [each.gap for each in found.skipped] == [Gap.UNREACHABLE]
    assert not found.skipped[0].accepted


def test_every_kind_of_evidence_and_every_cause_has_a_name() -> None:
    needs = {need for kind in KINDS.values() for need in kind.needs}
    assert needs == set(Need)
    gaps = {gap for kind in KINDS.values() for gap in kind.gaps}
    assert gaps == set(Gap) - {Gap.TOO_EARLY, Gap.UNREACHABLE}


def test_the_words_of_the_report_are_understood() -> None:
    for need in Need:
        assert need in KINDS[kind_meant(need.value)].needs
    for gap in set(Gap) - {Gap.TOO_EARLY, Gap.UNREACHABLE}:
        assert gap in KINDS[kind_meant(gap.value)].gaps


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("rooot", "did you mean 'root'?"),
        ("Fire_wal", "did you mean 'firewall'?"),
        ("zzz", "known: all, root, "),
        ("too-early", "--settle waits for it"),
        ("unreachable", "never accepted"),
    ],
)
def test_an_unknown_word_names_the_nearest(word: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint.replace("?", r"\?")):
        kind_meant(word)


def test_the_page_on_privileges_lists_the_kinds() -> None:
    page = (Path(__file__).parents[2] / "docs" / "privileges.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("| kind | what may be missing |\n|---|---|\n")
    rows = [f"| `{name}` | {kind.summary} |" for name, kind in KINDS.items()]
    assert rest.splitlines()[: len(rows)] == rows
