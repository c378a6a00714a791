"""What is only counted: by token, configuration, label and baseline; and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor.diagnosis import Override, Selection, Unreachable, diagnose
from linkdoctor.model.baseline import baseline_of
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import (
    ExitCode,
    Finding,
    Proof,
    Report,
    Severity,
    Suppressed,
    exit_code,
)
from linkdoctor.model.snapshot import Tool
from linkdoctor.model.suppression import (
    Suppression,
    SuppressionOrigin,
    Suppressions,
    code_meant,
    parse_token,
    token,
)
from linkdoctor.model.topology import Link, Topology
from linkdoctor.registry import load_rules
from linkdoctor.render.documents import printable
from linkdoctor.rulekit import EachLink, Hit, Rule
from linkdoctor.rulekit.world import World

TOOL = Tool(name="linkdoctor", version="0")
RULES = [loaded.rule for loaded in load_rules()]
NAMES = {rule.name: rule.code for rule in RULES}
TODAY = date(2026, 6, 15)


def linked(**labels: str) -> World:
    named = {name.replace("_", "."): value for name, value in labels.items()}
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", labels=named)
    )


def stale(**labels: str) -> World:
    """LD201 on web/helloapp, and nothing else."""
    return linked(**labels).move("app")


def ghost(**labels: str) -> World:
    """LD102 on web/helloapp, which explains LD201 and LD302."""
    return linked(**labels).recreate("app")


def report(
    *worlds: World,
    rules: Iterable[Rule] = RULES,
    unreachable: Sequence[Unreachable] = (),
    **selection: object,
) -> Report:
    return diagnose(
        Topology([world.snapshot() for world in worlds]),
        rules,
        tool=TOOL,
        taken_at="2026-01-01T12:00:00Z",
        selection=Selection(show_suppressed=True, **selection),  # type: ignore[arg-type]
        unreachable=unreachable,
        today=TODAY,
    )


def accepted(code: str, **parts: object) -> Suppression:
    return Suppression(origin=SuppressionOrigin.CONFIGURATION, code=code, reason="known", **parts)  # type: ignore[arg-type]


def codes(found: Report) -> list[str]:
    return [each.code for each in found.findings]


def kept(found: Report) -> tuple[Suppressed, ...]:
    assert isinstance(found.suppressed, tuple)
    return found.suppressed


def notes(found: Report) -> tuple[str, ...]:
    assert isinstance(found.notes, tuple)
    return found.notes


# --- tokens ---------------------------------------------------------------------------------------


def finding(**parts: str) -> Finding:
    made = Finding(
        code="LD201",
        name="stale-env",
        severity=Severity.ERROR,
        host="alpha",
        target="web",
        source="app",
        alias="db",
        message="",
        evidence=(),
        fingerprint="0123456789abcdef",
        docs="",
    )
    return msgspec.structs.replace(made, **parts)


@pytest.mark.parametrize(
    ("parts", "with_host", "said"),
    [
        ({}, False, "LD201@web/db"),
        ({}, True, "LD201@alpha:web/db"),
        ({"alias": ""}, False, "LD201@web"),
        ({"target": "", "alias": ""}, False, "LD201@alpha:"),
        ({"alias": "team/db"}, False, "LD201#0123456789abcdef"),
        ({"alias": "a b"}, False, "LD201#0123456789abcdef"),
        ({"alias": "*"}, False, "LD201#0123456789abcdef"),
        ({"target": "\x1b[2J"}, False, "LD201#0123456789abcdef"),
        ({"host": "alpha (a file)"}, True, "LD201#0123456789abcdef"),
        ({"host": "alpha (a file)"}, False, "LD201@web/db"),
    ],
)
def test_the_token_of_a_finding(parts: dict[str, str], with_host: bool, said: str) -> None:
    assert token(finding(**parts), with_host=with_host) == said


@settings(deadline=None, max_examples=50)
@given(host=st.text(), target=st.text(), alias=st.text(), with_host=st.booleans())
def test_a_token_suppresses_its_own_finding(
    host: str, target: str, alias: str, with_host: bool
) -> None:
    found = finding(host=host, target=target, alias=alias)
    said = token(found, with_host=with_host)
    assert said.isascii()
    assert not set(said) & set(" ,'\"*?[\\$`")
    statement = parse_token(said)
    assert statement is None or statement.said == said
    if statement is None:  # a host without a name: nothing but the code is left to say
        assert (said, host, target, alias) == ("LD201", "", "", "")
    else:
        assert Suppressions([statement], NAMES).of(found) == (statement,)


@settings(deadline=None, max_examples=50)
@given(
    names=st.lists(st.from_regex(r"[a-z0-9_.-]{1,8}", fullmatch=True), min_size=6, max_size=6),
)
def test_a_token_suppresses_no_other(names: list[str]) -> None:
    host, target, alias, *others = names
    statement = parse_token(token(finding(host=host, target=target, alias=alias), with_host=True))
    assert statement is not None
    met = Suppressions([statement], NAMES).of(
        finding(host=others[0], target=others[1], alias=others[2])
    )
    assert bool(met) is ([host, target, alias] == others)


@pytest.mark.parametrize("text", ["LD201", "stale-env", "LD2", ""])
def test_a_mere_code_is_no_token(text: str) -> None:
    assert parse_token(text) is None


@pytest.mark.parametrize(
    "text",
    ["LD201@", "@web", "LD201@:", "LD201@/", "LD201@a:b:c", "LD201@a b", "LD201#12", "LD201#", "#"],
)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(ValueError, match="LD201@TARGET"):
        parse_token(text)


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_text_is_a_token_or_none_or_refused(text: str) -> None:
    try:
        said = parse_token(text)
    except ValueError:
        return
    assert said is None or said.said.startswith(said.code)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("LD201", "LD201"),
        ("ld201", "LD201"),
        ("Stale-Env", "LD201"),
        ("LD2", "LD2"),
        ("LD9", None),
        ("", None),
    ],
)
def test_words_for_codes(word: str, code: str | None) -> None:
    assert code_meant(word, NAMES) == code


# --- what suppresses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        accepted("LD201"),
        accepted("ld201"),
        accepted("stale-env"),
        accepted("LD2"),
        accepted("LD2*"),
        accepted("stale-*"),
        accepted("LD201", target="web"),
        accepted("LD201", target="w*", alias="hello*", host="host?"),
        accepted("LD201", until=TODAY),
    ],
)
def test_what_meets_a_finding(said: Suppression) -> None:
    found = report(stale(), suppressions=(said,))
    assert codes(found) == []
    assert found.summary.suppressed == 1
    assert exit_code(found) is ExitCode.OK
    (one,) = kept(found)
    assert one.finding.code == "LD201"
    assert one.by == (said.because,)
    assert notes(found) == ()


@pytest.mark.parametrize(
    "said",
    [
        accepted("LD202"),
        accepted("LD201", target="app"),
        accepted("LD201", target="WEB"),
        accepted("LD201", alias="db"),
        accepted("LD201", host="host2"),
        accepted("LD201", until=date(2026, 6, 14)),
        accepted("LD201", fingerprint="0" * 16),
    ],
)
def test_what_meets_none(said: Suppression) -> None:
    found = report(stale(), suppressions=(said,))
    assert codes(found) == ["LD201"]
    assert found.summary.suppressed == 0
    assert exit_code(found) is ExitCode.FINDINGS


@pytest.mark.parametrize("value", ["LD201", "stale-env", "LD501, LD201", "LD501 LD201", "ld201,,"])
def test_a_label_of_the_target(value: str) -> None:
    found = report(stale(linkdoctor_ignore=value))
    assert codes(found) == []
    ((because,),) = (each.by for each in kept(found))
    assert because.origin == "label"
    assert because.entry.startswith("linkdoctor.ignore=")


def test_a_label_speaks_for_its_own_container_only() -> None:
    label = {"linkdoctor.ignore": "LD201"}
    source = World().run("app", expose=[5000], listen=[5000], labels=label)
    assert codes(report(source.run("web", link="app:helloapp").move("app"))) == ["LD201"]
    two = linked(linkdoctor_ignore="LD201").run("blog", link="app:app").move("app")
    assert [each.target for each in report(two).findings] == ["blog"]


def test_a_label_names_whole_codes_only() -> None:
    found = report(stale(linkdoctor_ignore="LD2 LD* stale-evn"))
    assert codes(found) == ["LD201"]
    assert notes(found) == (
        "label linkdoctor.ignore of web on host1: LD2: a label names whole codes",
        "label linkdoctor.ignore of web on host1: LD*: a label names whole codes",
        "label linkdoctor.ignore of web on host1: stale-evn: no rule has that name; "
        "did you mean stale-env (LD201)?",
    )


def test_a_label_that_never_ends_is_cut() -> None:
    found = report(stale(linkdoctor_ignore=" ".join(f"X{number}" for number in range(10_000))))
    assert len(notes(found)) == 21
    assert notes(found)[-1] == "and 44 more such statements"


def test_the_baseline_knows_what_was_there() -> None:
    baseline = baseline_of(report(stale()))
    assert [(each.target, each.alias, each.code) for each in baseline.entries] == [
        ("web", "helloapp", "LD201")
    ]
    again = report(stale(), baseline=baseline)
    assert codes(again) == []
    assert exit_code(again) is ExitCode.OK
    new = report(linked().run("blog", link="app:app").move("app"), baseline=baseline)
    assert [each.target for each in new.findings] == ["blog"]
    assert exit_code(new) is ExitCode.FINDINGS
    assert new.summary.suppressed == 1


def test_a_baseline_is_the_same_for_the_same_state() -> None:
    world = linked().run("blog", link="app:app").run("aaa", link="app:x").stop("app")
    first, second = (msgspec.json.encode(baseline_of(report(world))) for _ in range(2))
    assert first == second
    entries = baseline_of(report(world)).entries
    assert [each.target for each in entries] == ["aaa", "blog", "web"]


def test_every_statement_that_suppresses_is_told() -> None:
    found = report(
        stale(linkdoctor_ignore="LD201"),
        ignore=frozenset({"LD2"}),
        suppressions=(accepted("LD201"),),
        baseline=baseline_of(report(stale())),
    )
    (one,) = kept(found)
    assert [each.origin for each in one.by] == ["ignore", "configuration", "label", "baseline"]


# --- causes and consequences ----------------------------------------------------------------------


def test_a_suppressed_cause_takes_its_consequences_with_it() -> None:
    found = report(ghost(), suppressions=(accepted("LD102"),))
    assert codes(found) == []
    assert found.summary.suppressed == 1
    (one,) = kept(found)
    assert one.finding.consequences == ("LD201", "LD302")


def test_a_suppressed_cause_explains_skips_as_ever() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    world = ghost().unknown("web", "process_environment", denied)
    found = report(world, suppressions=(accepted("LD102"),))
    assert "LD201" not in {each.code for each in found.skipped}


def test_a_suppressed_consequence_stays_where_its_cause_names_it() -> None:
    found = report(ghost(), suppressions=(accepted("LD201"),))
    (one,) = found.findings
    assert one.consequences == ("LD201", "LD302")
    assert found.summary.suppressed == 0
    assert notes(found) == ()  # it is met, though nothing is to be counted


def fires(code: str, explains: Iterable[str] = (), severity: Severity = Severity.ERROR) -> Rule:
    def check(link: Link, topology: Topology) -> Iterator[Hit]:
        yield Hit(message=code, evidence=(Proof(what="w", observed="o"),))

    return Rule(
        code=code,
        name=code.lower(),
        severity=severity,
        since="0",
        summary="",
        needs=frozenset(),
        check=EachLink(check),
        cases=(),
        explains=frozenset(explains),
    )


def test_a_cause_that_is_reported_keeps_what_a_suppressed_one_explains_too() -> None:
    rules = [fires("LD901", ["LD903"]), fires("LD902", ["LD903"]), fires("LD903")]
    plain = report(linked(), rules=rules)
    assert [each.consequences for each in plain.findings] == [("LD903",), ()]
    found = report(linked(), rules=rules, suppressions=(accepted("LD901"),))
    assert [(each.code, each.consequences) for each in found.findings] == [("LD902", ("LD903",))]
    assert [each.finding.consequences for each in kept(found)] == [()]


def test_what_is_suppressed_elsewhere_hides_nothing_here() -> None:
    world = ghost().run("blog", link="app:app")
    baseline = baseline_of(report(world))
    assert codes(report(world.recreate("app"), baseline=baseline)) == ["LD102"]


# --- what could not be seen -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "missed"),
    [
        (accepted("LD201", target="web", alias="helloapp"), False),
        (accepted("LD201", target="blog"), True),
        (accepted("LD201", fingerprint="0" * 16), True),
    ],
)
def test_a_check_whose_result_would_be_suppressed_is_not_missed(
    said: Suppression, missed: bool
) -> None:
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    world = linked().unknown("web", "process_environment", denied)
    found = report(world, rules=[each for each in RULES if each.code == "LD201"])
    assert exit_code(found) is ExitCode.INCOMPLETE
    found = report(
        world, rules=[each for each in RULES if each.code == "LD201"], suppressions=(said,)
    )
    assert (exit_code(found) is ExitCode.INCOMPLETE) is missed


LOST = Unreachable(host="b", endpoint="b", reason="refused")
DENIED = Unknown(gap=Gap.DENIED, detail="run as root")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (accepted("LD201"), True),
        (accepted("LD201", target="blog"), True),
        (accepted("LD201", host="host1"), True),
        (accepted("LD201", host="elsewhere"), False),
        (accepted("LD510", target="web"), False),
        (parse_token("LD201@web"), True),
    ],
)
def test_what_suppresses_nothing_is_told(said: Suppression, told: bool) -> None:
    found = report(linked(), suppressions=(said,))
    assert any("no longer suppresses anything" in each for each in notes(found)) is told


@pytest.mark.parametrize(
    "partial",
    [
        lambda said: report(linked(), suppressions=said, unreachable=[LOST]),
        lambda said: report(linked(), suppressions=said, containers=frozenset({"web"})),
        lambda said: report(linked(), suppressions=said, select=frozenset({"LD1"})),
        lambda said: report(
            linked().unknown("web", "process_environment", DENIED), suppressions=said
        ),
    ],
    ids=["an engine lost", "some containers", "some rules", "evidence missing"],
)
def test_nothing_is_called_idle_that_was_not_looked_for(
    partial: Callable[[tuple[Suppression, ...]], Report],
) -> None:
    assert notes(partial((accepted("LD201"),))) == ()
    assert notes(report(linked(), suppressions=(accepted("LD201"),))) != ()


def test_a_rule_that_is_ignored_need_not_fire() -> None:
    assert notes(report(linked(), ignore=frozenset({"LD201"}))) == ()


def test_the_other_labels_are_told_too() -> None:
    found = report(linked(linkdoctor_ignore="LD201"))
    assert notes(found) == (
        "label linkdoctor.ignore of web on host1: LD201 no longer suppresses anything: remove it",
    )


def test_what_is_over_is_told_with_its_reason() -> None:
    said = accepted("LD201", target="web", until=date(2026, 6, 14))
    assert notes(report(stale(), suppressions=(said,))) == (
        "[[ignore]] LD201@web ended on 2026-06-14 (known): remove it, or give it another end",
    )


def test_entries_of_the_baseline_are_only_counted() -> None:
    baseline = baseline_of(report(stale()))
    (note,) = notes(report(linked(), baseline=baseline))
    assert note.startswith("1 entry of the baseline ")
    assert notes(report(linked(), baseline=baseline, select=frozenset({"LD1"}))) == ()
    assert notes(report(World("host2").run("app"), baseline=baseline)) == ()


# --- severities -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "code"),
    [
        (Severity.ERROR, ExitCode.FINDINGS),
        (Severity.WARNING, ExitCode.OK),
        (Severity.INFO, ExitCode.OK),
    ],
)
def test_the_exit_code_follows_the_severity_of_here(severity: Severity, code: ExitCode) -> None:
    found = report(stale(), severities=(Override(code="LD201", severity=severity),))
    assert [each.severity for each in found.findings] == [severity]
    assert exit_code(found) is code


def test_a_skip_follows_it_too() -> None:
    rules = [each for each in RULES if each.code == "LD201"]
    world = linked().unknown("web", "process_environment", DENIED)
    low = (Override(code="LD201", severity=Severity.INFO),)
    assert exit_code(report(world, rules=rules)) is ExitCode.INCOMPLETE
    assert exit_code(report(world, rules=rules, severities=low)) is ExitCode.OK


def test_a_lesser_cause_still_explains() -> None:
    low = (Override(code="LD102", severity=Severity.INFO),)
    (one,) = report(ghost(), severities=low).findings
    assert (one.severity, one.consequences) == (Severity.INFO, ("LD201", "LD302"))


def test_a_consequence_made_graver_than_its_cause_stands_beside_it() -> None:
    rules = [fires("LD901", ["LD902"], Severity.WARNING), fires("LD902", (), Severity.WARNING)]
    assert codes(report(linked(), rules=rules)) == ["LD901"]
    high = (Override(code="LD902", severity=Severity.ERROR),)
    found = report(linked(), rules=rules, severities=high)
    assert codes(found) == ["LD902", "LD901"]
    assert exit_code(found) is ExitCode.FINDINGS


def test_a_remark_made_an_error_explains_no_more_than_before() -> None:
    world = World().run("app", expose=[5000], listen=[5000]).run("web", link="app:a_b")
    world = world.hosts("web", "a_b", address="10.9.9.9")
    high = (Override(code="LD308", severity=Severity.ERROR),)
    assert codes(report(world, severities=high)) == ["LD302", "LD308"]


# --- properties -----------------------------------------------------------------------------------

_WORDS = st.sampled_from(["LD102", "LD201", "LD302", "LD2", "*", "stale-env", "LD501", "nonsense"])
_GLOBS = st.sampled_from(["", "web", "blog", "*", "w?b", "[wb]*"])
_STATEMENTS = st.builds(
    Suppression,
    origin=st.sampled_from([SuppressionOrigin.CONFIGURATION, SuppressionOrigin.IGNORE]),
    code=_WORDS,
    target=_GLOBS,
    alias=_GLOBS,
    until=st.sampled_from([None, date(2020, 1, 1), date(2030, 1, 1)]),
)
WORLD = linked().run("blog", link="app:app").recreate("app").run("cms", link="app:app").move("app")
EVERYTHING = report(WORLD)


@settings(deadline=None, max_examples=50)
@given(st.lists(_STATEMENTS, max_size=4))
def test_nothing_gets_lost_and_nothing_is_made_up(statements: list[Suppression]) -> None:
    found = report(WORLD, suppressions=tuple(statements))
    told = {each.fingerprint for each in found.findings}
    hidden = {each.finding.fingerprint for each in kept(found)}
    assert not told & hidden
    assert told | hidden == {each.fingerprint for each in EVERYTHING.findings}
    assert found.summary.suppressed == len(hidden)
    assert all(each.by for each in kept(found))
    assert exit_code(found) is (ExitCode.FINDINGS if told else ExitCode.OK)


# --- the contract ---------------------------------------------------------------------------------


def test_the_json_has_further_keys_only_if_asked_for() -> None:
    plain = diagnose(
        Topology([stale(linkdoctor_ignore="LD201 LD9").snapshot()]),
        RULES,
        tool=TOOL,
        taken_at="2026-01-01T12:00:00Z",
    )
    assert plain.notes  # they go to standard error
    assert list(printable(plain))[-1] == "skipped"
    asked = printable(report(stale(linkdoctor_ignore="LD201")))
    assert list(asked)[-2:] == ["suppressed", "notes"]
    (one,) = asked["suppressed"]
    assert list(one) == ["finding", "by"]
    assert list(one["finding"]) == list(printable(report(stale()))["findings"][0])
    assert list(one["finding"]["fixes"][0]) == ["title", "safety", "commands"]
    assert list(one["by"]) == [
        {"origin": "label", "entry": "linkdoctor.ignore=LD201", "reason": "", "until": ""}
    ]
    assert list(printable(report(linked()))["suppressed"]) == []
