"""Which finding is the cause of which, over linkdoctor's own rules and packs from outside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.diagnosis import diagnose
from linkdoctor.model.report import Proof, Report, Severity
from linkdoctor.model.snapshot import Event, Tool
from linkdoctor.model.topology import Link, Topology
from linkdoctor.registry import PackError, load_rules
from linkdoctor.rulekit import EachLink, Hit, Rule
from linkdoctor.rulekit.cause_order import CauseCycleError, causes_first
from linkdoctor.rulekit.world import World

TOOL = Tool(name="linkdoctor", version="0")
RULES = {loaded.rule.code: loaded.rule for loaded in load_rules()}
PAGE = "A made-up rule.\n" + "".join(
    f"\n## {heading}\n\nx\n"
    for heading in (
        "What it means",
        "Why it matters",
        "How it is proved",
        "What it is not",
        "How to fix it",
    )
)
PACK = '''"""{page}"""

from linkdoctor.rulekit import EachLink, Hit, Proof, Rule, Severity


def check(link, topology):
    yield Hit(message="It is so.", evidence=(Proof(what="w", observed="o"),))


RULE = Rule(code="{code}", name="made-up-{lower}", severity=Severity.ERROR, since="0", summary="",
            needs=frozenset(), check=EachLink(check), cases=(), explains=frozenset({explains}),
            precedence={precedence}, shows_events={shows_events})
'''


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    yield Hit(message="It is so.", evidence=(Proof(what="w", observed="o"),))


def rule(code: str, *explains: str, precedence: int = 0) -> Rule:
    return Rule(
        code=code,
        name=code.lower(),
        severity=Severity.ERROR,
        since="0",
        summary="",
        needs=frozenset(),
        check=EachLink(check),
        cases=(),
        explains=frozenset(explains),
        precedence=precedence,
    )


def firing(code: str) -> Rule:
    """Return one of linkdoctor's own rules, but as an error that is found on every link."""
    return msgspec.structs.replace(RULES[code], check=EachLink(check), severity=Severity.ERROR)


def report(world: World, rules: Iterable[Rule]) -> Report:
    return diagnose(Topology([world.snapshot()]), rules, tool=TOOL, taken_at="2026-01-01T12:00:00Z")


def consequences(*rules: Rule) -> dict[str, tuple[str, ...]]:
    """Return the causes among rules that all fire on one link, with what each explains."""
    findings = report(World.tutorial(), rules).findings
    return {each.code: each.consequences for each in findings}


def pack(
    directory: Path,
    code: str,
    explains: Sequence[str] = (),
    *,
    precedence: int = 0,
    shows_events: bool = False,
) -> Path:
    text = PACK.format(
        page=PAGE,
        code=code,
        lower=code.lower(),
        explains=list(explains),
        precedence=precedence,
        shows_events=shows_events,
    )
    directory.mkdir(exist_ok=True)
    (directory / f"{code.lower()}.py").write_text(text)
    return directory


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(str(ended.value.code))


def with_pack(directory: Path) -> list[Rule]:
    return [loaded.rule for loaded in load_rules([directory])]


# --- linkdoctor's own rules -----------------------------------------------------------------


def test_every_code_that_a_rule_explains_comes_after_it() -> None:
    order = causes_first(RULES.values())
    assert sorted(order) == sorted(RULES)
    for each in RULES.values():
        for code in each.explains & RULES.keys():
            assert order.index(each.code) < order.index(code)


@pytest.mark.parametrize(
    "causes",
    [
        "LD508 LD104 LD103 LD102 LD101 LD105 LD404 LD308 LD302 LD106 LD113 LD304 LD503 LD513",
        "LD104 LD103 LD102 LD401 LD402 LD101 LD105 LD112 LD308 LD303 LD509 LD106 LD311",
    ],
)
def test_of_two_causes_of_a_failed_probe_the_one_nearer_to_the_root_names_it(causes: str) -> None:
    for first, second in combinations(causes.split(), 2):
        found = consequences(firing(second), firing(first), firing("LD510"))
        assert "LD510" not in found
        assert "LD510" in found[first], (first, second)


@pytest.mark.parametrize(
    ("first", "second", "consequence"),
    [
        ("LD401", "LD101", "LD306"),
        ("LD402", "LD112", "LD201"),
        ("LD112", "LD404", "LD303"),
        ("LD404", "LD308", "LD304"),
        ("LD302", "LD201", "LD202"),
        ("LD601", "LD109", "LD203"),
        ("LD402", "LD313", "LD310"),
        ("LD509", "LD106", "LD502"),
    ],
)
def test_of_two_causes_of_one_fault_the_one_with_the_higher_precedence_names_it(
    first: str, second: str, consequence: str
) -> None:
    assert {consequence} <= RULES[first].explains & RULES[second].explains
    found = consequences(firing(second), firing(first), firing(consequence))
    assert consequence in found[first]


def test_a_cause_whose_code_comes_later_explains_all_the_same() -> None:
    assert consequences(firing("LD310"), firing("LD313")) == {"LD313": ("LD310",)}


# --- precedence -----------------------------------------------------------------------------


def test_a_higher_precedence_breaks_a_tie() -> None:
    one, other = rule("XX901", "XX903"), rule("XX902", "XX903", precedence=1)
    assert consequences(one, other, rule("XX903")) == {"XX901": (), "XX902": ("XX903",)}


def test_of_equal_precedences_the_first_code_breaks_the_tie() -> None:
    one, other = rule("XX901", "XX903"), rule("XX902", "XX903")
    assert consequences(other, one, rule("XX903")) == {"XX901": ("XX903",), "XX902": ()}


def test_a_precedence_does_not_turn_a_consequence_into_a_cause() -> None:
    found = consequences(
        rule("XX901", "XX902"), rule("XX902", "XX903", precedence=9), rule("XX903")
    )
    assert found == {"XX901": ("XX902",), "XX903": ()}


def test_a_rule_from_outside_does_not_change_what_others_explain() -> None:
    own = [rule("LD901", "LD903", precedence=5), rule("LD902", "LD903"), rule("LD903")]
    without = consequences(*own)
    found = consequences(*own, rule("XX904", "LD905"), rule("LD905", "LD902"))
    assert without == {"LD901": ("LD903",), "LD902": ()}
    assert found == {"LD901": ("LD903",), "XX904": ("LD905",), "LD902": ()}


# --- packs from outside ---------------------------------------------------------------------


def test_a_rule_from_outside_that_explains_ld201_is_its_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "moved.json"
    file.write_bytes(snapshot_bytes(World.tutorial().move("app").snapshot()))
    rules = pack(tmp_path / "pack", "XX901", ["LD201"])
    assert run("check", "--snapshot", file, "--rules", rules, "--format", "json") == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [each["code"] for each in findings] == ["XX901"]
    assert findings[0]["consequences"] == ["LD201"]


def test_a_rule_from_outside_can_show_what_happened_to_the_source(tmp_path: Path) -> None:
    event = Event(time="2026-01-01T11:00:00Z", action="die", container="app", container_id="1")
    world = World(events=[event]).run("app", expose=[5000], listen=[5000])
    world = world.run("web", link="app:helloapp")
    for shows, proofs in ((True, ["w", "what happened to app"]), (False, ["w"])):
        rules = with_pack(pack(tmp_path, "XX901", shows_events=shows))
        (finding,) = [each for each in report(world, rules).findings if each.code == "XX901"]
        assert [each.what for each in finding.evidence] == proofs


def test_rules_that_explain_each_other_are_refused_by_their_codes(tmp_path: Path) -> None:
    chain = pack(pack(tmp_path / "chain", "XX901", ["LD201"]), "XX902", ["XX901"])
    assert {"XX901", "XX902"} <= {each.code for each in with_pack(chain)}
    circle = pack(pack(tmp_path / "circle", "XX901", ["XX902"]), "XX902", ["XX901"])
    with pytest.raises(PackError) as caught:
        load_rules([circle])
    assert "XX901 explains XX902 explains XX901" in str(caught.value)
    assert all(name in str(caught.value) for name in ("xx901.py", "xx902.py"))


def test_a_circle_over_two_packs_ends_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "healthy.json"
    file.write_bytes(snapshot_bytes(World.tutorial().snapshot()))
    one = pack(tmp_path / "one", "XX901", ["XX902"])
    other = pack(tmp_path / "other", "XX902", ["XX901"])
    code = run("check", "--snapshot", file, "--rules", one, "--rules", other)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert all(word in err for word in ("XX901", "XX902", "none can be the cause"))


def test_a_rule_that_explains_itself_is_a_circle() -> None:
    with pytest.raises(CauseCycleError, match="the cause: XX901 explains XX901"):
        causes_first([rule("XX901", "XX901")])


def test_a_code_that_no_rule_has_makes_no_circle() -> None:
    assert causes_first([rule("XX902", "XX901", "XX999"), rule("XX901")]) == ("XX902", "XX901")
