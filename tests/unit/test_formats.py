"""The formats of `check` for machines and tickets, each read back by an independent reader."""

from __future__ import annotations

import importlib
import json
import re
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import junitparser
import msgspec
import pytest
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from linkdoctor.api import Examination, diagnose, join, load_rules, report_on, snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.cli.explain import pages_of
from linkdoctor.diagnosis import Selection, Unreachable
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import (
    Report,
    Severity,
    Verdict,
)
from linkdoctor.render.documents import UNPRINTED
from linkdoctor.render.formats import (
    GRAPH_FORMATS,
    REPORT_FORMATS,
    CheckFormat,
    GraphFormat,
    OutputFormat,
)
from linkdoctor.render.github import render_github
from linkdoctor.render.jsonl import render_jsonl
from linkdoctor.render.junit import render_junit
from linkdoctor.render.markdown import render_markdown
from linkdoctor.render.nagios import Range, State, parse_range, render_nagios, state_of
from linkdoctor.render.prometheus import MOST_FINDINGS, render_prometheus
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import is_harmless, sanitize
from linkdoctor.render.sarif import render_sarif
from linkdoctor.rulekit.world import World
from tests.hostile import hostile_report, with_each_hostile_text

RULES = load_rules()
NAMES = {each.rule.code: each.rule.name for each in RULES}
PAGES = pages_of(RULES)
DENIED = Unknown(gap=Gap.DENIED, detail="not permitted")
LOST = Unreachable(host="tcp://10.0.0.9:2375", endpoint="tcp://10.0.0.9:2375", reason="refused")


def linked(host: str = "host1") -> World:
    return World(host).run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")


@pytest.mark.parametrize(
    "row", [*REPORT_FORMATS.items(), *GRAPH_FORMATS.items()], ids=lambda row: repr(row[0])
)
def test_every_format_of_the_table_turns_a_diagnosis_into_text(
    row: tuple[CheckFormat | GraphFormat, OutputFormat],
) -> None:
    diagnosis = diagnose(join(Examination(snapshots=(linked().snapshot(),))), RULES)
    text = row[1].load()(diagnosis, RenderRequest())
    assert text.endswith("\n")


def test_the_tables_hold_every_format() -> None:
    assert set(REPORT_FORMATS) == set(CheckFormat)
    assert set(GRAPH_FORMATS) == set(GraphFormat)


def warned() -> World:
    return World().run("app").run("web", link="app")


def reported(
    *worlds: World, unreachable: tuple[Unreachable, ...] = (), fail_on: Severity = Severity.ERROR
) -> Report:
    examination = Examination(
        snapshots=tuple(world.snapshot() for world in worlds), unreachable=unreachable
    )
    return report_on(examination, RULES, selection=Selection(fail_on=fail_on))


HEALTHY = reported(linked())
STALE = reported(linked().move("app"))
WARNED = reported(warned())
BLIND = reported(linked().unknown("web", "process_environment", DENIED))
HALF = reported(linked(), unreachable=(LOST,))
MIXED = reported(linked().move("app"), World("host2").run("app").run("web", link="app"))

RENDERERS: dict[str, Callable[[Report], str]] = {
    "jsonl": render_jsonl,
    "markdown": render_markdown,
    "github": render_github,
    "junit": lambda report: render_junit(report, fail_on=Severity.ERROR, examined=NAMES),
    "nagios": render_nagios,
    "prometheus": render_prometheus,
    "sarif": lambda report: render_sarif(report, pages=PAGES),
}

# --- what holds for each ------------------------------------------------------------------------


@with_each_hostile_text
def test_nothing_that_a_terminal_could_obey(text: str) -> None:
    for render in RENDERERS.values():
        shown = render(hostile_report(text))
        assert all(is_harmless(line) for line in shown.split("\n"))
        assert shown.endswith("\n")
        assert shown.encode().decode() == shown


@pytest.mark.parametrize("format_", RENDERERS)
@pytest.mark.parametrize("report", [HEALTHY, STALE, WARNED, BLIND, HALF, MIXED])
def test_the_same_report_gives_the_same_bytes(format_: str, report: Report) -> None:
    again = msgspec.json.decode(msgspec.json.encode(report), type=Report)
    assert RENDERERS[format_](report) == RENDERERS[format_](again)


def test_the_situations_are_what_they_are_called() -> None:
    assert HEALTHY.summary.verdict is Verdict.HEALTHY
    assert [each.code for each in STALE.findings] == ["LD201"]
    assert (WARNED.summary.error, WARNED.summary.warning) == (0, 1)
    assert BLIND.summary.verdict is HALF.summary.verdict is Verdict.INCOMPLETE
    assert {each.host for each in MIXED.findings} == {"host1", "host2"}


# --- jsonl ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [HEALTHY, STALE, BLIND, HALF, MIXED])
def test_jsonl_holds_the_whole_report(report: Report) -> None:
    lines = [json.loads(line) for line in render_jsonl(report).splitlines()]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_kind.setdefault(line.pop("kind"), []).append(line)
    (summary,) = by_kind["summary"]
    whole = {field: summary.pop(field) for field in ("schema", "tool", "taken_at", "scope")}
    whole |= {"summary": summary, "hosts": by_kind["host"]}
    whole |= {"findings": by_kind.get("finding", []), "skipped": by_kind.get("skipped", [])}
    assert "actions" not in json.dumps(whole)
    plain = json.loads(msgspec.json.encode(report))
    for fix in (fix for finding in plain["findings"] for fix in finding["fixes"]):
        for field in UNPRINTED:
            del fix[field]
    assert whole == plain


def test_jsonl_ends_with_the_summary() -> None:
    lines = render_jsonl(STALE).splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["host", "finding", "summary"]
    assert lines[-1].startswith('{"kind": "summary", "schema": "linkdoctor.report/1", ')


@with_each_hostile_text
def test_jsonl_keeps_every_text(text: str) -> None:
    lines = render_jsonl(hostile_report(text)).splitlines()
    assert len(lines) == 5
    assert json.loads(lines[1])["alias"] == text.replace("\ud800", "\ufffd")


# --- markdown -------------------------------------------------------------------------------------

_READER = MarkdownIt("gfm-like", {"linkify": False}).enable("table")


def blocks(text: str) -> list[str]:
    return [token.type for token in _READER.parse(text)]


def shown_in(text: str) -> str:
    """What a reader sees: the texts, with code marked off by nothing."""
    inlines = [token for token in _READER.parse(text) if token.type == "inline"]
    return "\n".join("".join(each.content for each in token.children or ()) for token in inlines)


def test_markdown_says_what_is_wrong_and_what_fixes_it() -> None:
    shown = render_markdown(STALE)
    assert shown.startswith(
        "# linkdoctor report\n\n"
        "**unhealthy: 1 error; 2 containers and 1 link examined on 1 host**\n\n"
    )
    assert "\n## Errors (1)\n\n### LD201 stale-env: web → app as helloapp\n" in shown
    assert "\n```sh\ndocker restart web\n```\n" in shown
    proof = STALE.findings[0].evidence[0]
    where = (
        f"| {proof.what.replace('_', chr(92) + '_')} | `{proof.observed}` | `{proof.expected}` |"
    )
    assert where in shown


def test_markdown_groups_by_severity() -> None:
    shown = render_markdown(MIXED)
    assert shown.index("## Errors") < shown.index("LD201") < shown.index("## Warnings")


def test_markdown_tells_what_was_not_seen() -> None:
    shown = render_markdown(BLIND)
    assert f"## Not seen ({len(BLIND.skipped)} check" in shown
    assert "not permitted" in shown
    many = msgspec.structs.replace(BLIND, skipped=BLIND.skipped[:1] * 60)
    assert "\nand 10 more; --format json has them all\n" in render_markdown(many)


@with_each_hostile_text
def test_markdown_stays_text(text: str) -> None:
    text = text if text.strip() else "-"  # an empty message is no paragraph
    tame, wild = (render_markdown(hostile_report(each)) for each in ("tame", text))
    # No name makes a block of its own, tears a table apart or ends a fence.
    wanted = [each for each in blocks(tame) if each != "inline"]
    got = [each for each in blocks(wild) if each != "inline"]
    assert got == wanted
    inlines = [token.children or [] for token in _READER.parse(wild) if token.type == "inline"]
    kinds = {each.type for inline in inlines for each in inline}
    assert kinds <= {"text", "text_special", "code_inline", "strong_open", "strong_close"}
    prose = "\n".join(
        "".join("\n" if each.type == "code_inline" else each.content for each in inline)
        for inline in inlines
    )
    assert re.search(r"@\w|#\d|://|www\.|GH-\d|!\d|~\d|\$\d|%\d", prose) is None


@pytest.mark.parametrize("text", ["x|y=1;2;3", "<b>&</b>", "`` ` ``` x", "a*b_c\\", "1.5", "-"])
def test_markdown_shows_names_as_they_are(text: str) -> None:
    assert f"LD201 stale-env: {text} → {text} as {text}" in shown_in(
        render_markdown(hostile_report(text))
    )


def test_markdown_keeps_addresses_copyable() -> None:
    assert "​" not in render_markdown(STALE)
    assert "&#8203;" not in render_markdown(STALE)


def test_markdown_fences_are_longer_than_what_they_hold() -> None:
    report = hostile_report("````")
    (fence,) = (each for each in _READER.parse(render_markdown(report)) if each.type == "fence")
    assert (fence.markup, fence.info) == ("`````", "sh")
    assert fence.content == "docker restart ````\n"


def test_markdown_prints_no_command_that_cannot_be_copied() -> None:
    report = hostile_report("a\n# owned")
    (fence,) = (each for each in _READER.parse(render_markdown(report)) if each.type == "fence")
    assert fence.content == "# (name holds control characters; not printed as a command)\n"


# --- github ---------------------------------------------------------------------------------------

_ANNOTATION = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::(.*)")


def unescaped(text: str) -> str:
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n")):
        text = text.replace(escape, character)
    return text.replace("%25", "%")


def annotated(text: str) -> list[tuple[str, str, str]]:
    *commands, last = text.splitlines()
    assert last.startswith("linkdoctor: ")
    assert "::" not in last
    found = [_ANNOTATION.fullmatch(line) for line in commands]
    return [(m[1], unescaped(m[2]), unescaped(m[3])) for m in found if m] if all(found) else []


def test_github_annotates_each_finding() -> None:
    first, second = annotated(render_github(MIXED))
    assert first[:2] == ("error", "LD201 stale-env: web → app as helloapp")
    assert first[2].startswith(MIXED.findings[0].message + "\n")
    assert "\nfix: restart web [restart]\n    docker restart web\n" in first[2]
    assert second[0] == "warning"


def test_github_says_nothing_of_health_but_a_line() -> None:
    assert render_github(HEALTHY) == (
        "linkdoctor: healthy: no findings; 2 containers and 1 link examined on 1 host\n"
    )


def test_github_tells_what_was_not_seen() -> None:
    (seen,) = annotated(render_github(BLIND))
    assert seen[0] == "warning"
    (lost,) = annotated(render_github(HALF))
    assert lost == ("error", "LD002 engine-unreachable: tcp://10.0.0.9:2375", "refused")


@with_each_hostile_text
def test_github_takes_no_commands_from_names(text: str) -> None:
    shown = render_github(hostile_report(text))
    found = annotated(shown)
    assert [each[0] for each in found] == ["error", "error", "notice"]
    assert len(shown.splitlines()) == 4
    assert found[0][2].startswith(f"{sanitize(text)}\n".lstrip("\n"))


# --- junit ----------------------------------------------------------------------------------------


def cases(report: Report, fail_on: Severity = Severity.ERROR) -> dict[str, junitparser.TestCase]:
    text = render_junit(report, fail_on=fail_on, examined=NAMES)
    assert ET.fromstring(text.encode()).tag == "testsuites"
    document = junitparser.JUnitXml.fromstring(text.encode())
    assert [suite.name for suite in document] == [host.name for host in report.hosts]
    return {case.name: case for suite in document for case in suite}


def results(case: junitparser.TestCase) -> list[type]:
    return [type(each) for each in case.result]


def test_junit_has_a_case_for_each_rule_of_a_healthy_host() -> None:
    found = cases(HEALTHY)
    assert set(found) == {f"{code} {name}" for code, name in NAMES.items()}
    assert all(case.is_passed for case in found.values())


def test_junit_fails_for_an_error() -> None:
    found = cases(STALE)
    case = found["LD201 stale-env: web → app as helloapp"]
    assert results(case) == [junitparser.Failure]
    (failure,) = case.result
    assert failure.message == STALE.findings[0].message
    assert "docker restart web" in str(failure.text)
    assert case.classname == "linkdoctor.LD201"
    assert sum(not each.is_passed for each in found.values()) == 1
    assert "LD201 stale-env" not in found


@pytest.mark.parametrize("fail_on", [Severity.ERROR, Severity.WARNING])
def test_junit_keeps_to_the_threshold(fail_on: Severity) -> None:
    (name,) = (each for each in cases(WARNED) if " → " in each)
    case = cases(WARNED, fail_on)[name]
    assert case.is_passed is (fail_on is Severity.ERROR)
    assert (case.system_out is None) is (fail_on is Severity.WARNING)


def test_junit_tells_what_was_not_seen() -> None:
    skipped = [case for case in cases(BLIND).values() if case.is_skipped]
    assert len(skipped) == len(BLIND.skipped)
    lost = cases(HALF)["LD002 engine-unreachable: tcp://10.0.0.9:2375"]
    assert results(lost) == [junitparser.Error]


def test_junit_counts() -> None:
    text = render_junit(MIXED, fail_on=Severity.ERROR, examined=NAMES)
    root = ET.fromstring(text.encode())
    assert root.attrib["failures"] == "1"
    assert root.attrib["tests"] == str(len(root.findall(".//testcase")))
    assert {suite.attrib["timestamp"] for suite in root} == {"2026-01-01T12:00:00+00:00"}


@with_each_hostile_text
def test_junit_stays_xml(text: str) -> None:
    shown = render_junit(hostile_report(text), fail_on=Severity.ERROR, examined={})
    root = ET.fromstring(shown.encode())
    kinds = [each.tag for each in root.iter()]
    (failure,) = root.iter("failure")
    assert kinds.count("testcase") == 3
    assert "evil" not in kinds
    assert "script" not in kinds
    assert failure.get("message", "") == sanitize(text)


# --- nagios ---------------------------------------------------------------------------------------

_FIRST_LINE = re.compile(r"LINKDOCTOR (OK|WARNING|CRITICAL|UNKNOWN) - ([^|]+) \| ([^|]+)")
_METRIC = re.compile(r"([a-z]+)=(\d+);([^; ]*);([^; ]*);0")


def plugin(text: str) -> tuple[str, str, dict[str, tuple[str, ...]]]:
    first = _FIRST_LINE.fullmatch(text.split("\n")[0])
    assert first is not None
    metrics = [_METRIC.fullmatch(each) for each in first[3].split(" ")]
    return first[1], first[2], {m[1]: (m[2], m[3], m[4]) for m in metrics if m is not None}


def test_nagios_says_it_in_one_line() -> None:
    state, words, metrics = plugin(render_nagios(MIXED))
    assert (state, words) == (
        "CRITICAL",
        f"1 error, 1 warning: LD201 web/helloapp, {MIXED.findings[1].code} web/app",
    )
    assert metrics == {
        "errors": ("1", "", "0"),
        "warnings": ("1", "", ""),
        "problems": ("2", "0", ""),
        "info": ("0", "", ""),
        "skipped": (str(MIXED.summary.skipped), "", ""),
        "suppressed": ("0", "", ""),
        "containers": ("4", "", ""),
        "links": ("2", "", ""),
    }
    assert "\n  fix: restart web (restart)\n" in render_nagios(MIXED)


@pytest.mark.parametrize(
    ("report", "state", "words"),
    [
        (HEALTHY, State.OK, "no findings"),
        (WARNED, State.WARNING, "1 warning: "),
        (STALE, State.CRITICAL, "1 error: "),
        (BLIND, State.UNKNOWN, "no findings, "),
        (HALF, State.UNKNOWN, "no findings, 1 engine could not be asked"),
        (reported(linked().move("app"), unreachable=(LOST,)), State.CRITICAL, "1 error, 1 engine"),
        (reported(warned(), unreachable=(LOST,)), State.UNKNOWN, "1 warning, 1 engine"),
        (
            reported(warned(), unreachable=(LOST,), fail_on=Severity.WARNING),
            State.UNKNOWN,
            "1 warning, 1 engine",
        ),
    ],
)
def test_nagios_states(report: Report, state: State, words: str) -> None:
    assert state_of(report) is state
    said, text, _ = plugin(render_nagios(report))
    assert said == state.name
    assert text.startswith(words)


@pytest.mark.parametrize(
    ("text", "quiet", "alarmed"),
    [
        ("10", (0, 5, 10), (-1, 11)),
        ("10:", (10, 99), (0, 9)),
        ("~:10", (-5, 10), (11,)),
        ("10:20", (10, 15, 20), (9, 21)),
        ("@10:20", (9, 21), (10, 15, 20)),
        ("@5", (6,), (0, 5)),
        (":10", (0, 10), (11,)),
        ("0", (0,), (1,)),
        ("-5:-1", (-5, -1), (0,)),
        ("1.5:2.5", (2,), (1, 3)),
        ("~:", (0, 99), ()),
    ],
)
def test_ranges(text: str, quiet: tuple[int, ...], alarmed: tuple[int, ...]) -> None:
    read = parse_range(text)
    assert not any(map(read.alarms, quiet))
    assert all(map(read.alarms, alarmed))
    assert read.text == text


@pytest.mark.parametrize(
    "text", ["", ":", "@", "~", "x", "10:5", "1:2:3", "1e3", "10:~", "nan", "٣", "1|2", " 1", "1;"]
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="range"):
        parse_range(text)


def test_ranges_move_the_states() -> None:
    assert state_of(STALE, critical=parse_range("1")) is State.WARNING
    assert state_of(STALE, critical=parse_range("1"), warning=parse_range("1")) is State.OK
    assert state_of(WARNED, warning=parse_range("1")) is State.OK
    assert state_of(BLIND, critical=parse_range("9"), warning=parse_range("9")) is State.UNKNOWN
    _, _, metrics = plugin(
        render_nagios(STALE, warning=parse_range("~:3"), critical=parse_range("@5:9"))
    )
    assert metrics["problems"] == ("1", "~:3", "")
    assert metrics["errors"] == ("1", "", "@5:9")
    assert Range() == parse_range("0")


@with_each_hostile_text
def test_nagios_has_one_pipe(text: str) -> None:
    shown = render_nagios(hostile_report(text))
    assert plugin(shown)[0] == "CRITICAL"
    assert shown.count("|") == 1
    assert "<" not in shown
    assert len(shown.encode()) <= 4096
    assert len(shown.split("\n")[0].encode()) <= 1024


def test_nagios_is_short_whatever_was_found() -> None:
    many = msgspec.structs.replace(STALE, findings=STALE.findings * 500)
    shown = render_nagios(many)
    assert len(shown.encode()) <= 4096
    assert plugin(shown)[0] == "CRITICAL"
    assert re.search(r"\nand \d+ more lines; see linkdoctor check\n\Z", shown)


# --- prometheus -----------------------------------------------------------------------------------

Sample = tuple[tuple[tuple[str, str], ...], float]


def metrics_of(text: str) -> dict[str, list[Sample]]:
    return {
        family.name: [(tuple(sorted(each.labels.items())), each.value) for each in family.samples]
        for family in text_string_to_metric_families(text)
    }


def test_prometheus_counts() -> None:
    found = metrics_of(render_prometheus(MIXED))
    rows = {
        (dict(labels)["host"], dict(labels)["severity"])
        for labels, _ in found["linkdoctor_findings"]
    }
    assert rows == {("host1", "error"), ("host2", "warning")}
    per_host = [((("host", "host1"),), 2), ((("host", "host2"),), 2)]
    assert found["linkdoctor_containers"] == per_host
    assert [value for _, value in found["linkdoctor_links"]] == [1, 1]
    assert found["linkdoctor_suppressed"] == [((), 0)]
    assert found["linkdoctor_incomplete"] == [((), 0)]
    assert found["linkdoctor_last_run_timestamp_seconds"] == [((), 1767268800)]
    info = [dict(labels) for labels, _ in found["linkdoctor_finding_info"]]
    assert info[0] == {
        "host": "host1",
        "code": "LD201",
        "name": "stale-env",
        "severity": "error",
        "target": "web",
        "alias": "helloapp",
        "fingerprint": MIXED.findings[0].fingerprint,
    }


def test_prometheus_knows_only_linkdoctor() -> None:
    assert all(name.startswith("linkdoctor_") for name in metrics_of(render_prometheus(STALE)))


@pytest.mark.parametrize(("report", "value"), [(HEALTHY, 0), (STALE, 0), (BLIND, 1), (HALF, 1)])
def test_prometheus_tells_what_is_incomplete(report: Report, value: int) -> None:
    found = metrics_of(render_prometheus(report))
    assert found["linkdoctor_incomplete"] == [((), value)]
    up = {dict(labels)["host"]: number for labels, number in found["linkdoctor_engine_up"]}
    assert up == {host.name: bool(host.engine) for host in report.hosts}
    skipped = sum(number for _, number in found["linkdoctor_skipped_checks"])
    assert skipped == len(report.skipped)


def test_prometheus_labels_are_bounded() -> None:
    (first,) = STALE.findings
    many = tuple(
        msgspec.structs.replace(first, target=f"web{number}", fingerprint=f"{number:016x}")
        for number in range(MOST_FINDINGS + 50)
    )
    found = metrics_of(render_prometheus(msgspec.structs.replace(STALE, findings=many)))
    assert len(found["linkdoctor_finding_info"]) == MOST_FINDINGS
    assert found["linkdoctor_findings_without_info"] == [((), 50)]
    assert [value for _, value in found["linkdoctor_findings"]] == [MOST_FINDINGS + 50]


def test_prometheus_has_no_series_twice() -> None:
    (host,) = STALE.hosts
    hosts = tuple(
        msgspec.structs.replace(host, name=name)
        for name in ("x" * 300 + "1", "x" * 300 + "2", "\x1b", "\\x1b")
    )
    (first,) = STALE.findings
    twice = tuple(msgspec.structs.replace(first, host=each.name) for each in hosts) * 2
    report = msgspec.structs.replace(STALE, hosts=hosts, findings=twice)
    for samples in metrics_of(render_prometheus(report)).values():
        assert len({labels for labels, _ in samples}) == len(samples)
    assert len(metrics_of(render_prometheus(report))["linkdoctor_links"]) == 4


@with_each_hostile_text
def test_prometheus_stays_readable(text: str) -> None:
    found = metrics_of(render_prometheus(hostile_report(text)))
    ((labels, value),) = found["linkdoctor_finding_info"]
    assert (dict(labels)["alias"], value) == (sanitize(text, 64), 1)
    # A time that is none is not told, rather than told wrong.
    assert "linkdoctor_last_run_timestamp_seconds" not in found


# --- sarif ----------------------------------------------------------------------------------------


def sarif_of(report: Report) -> dict[str, Any]:
    """Read a log back through classes that were generated from the official schema."""
    text = render_sarif(report, pages=PAGES)
    model = importlib.import_module("pydantic_sarif.model")
    model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate_json(text)
    log: dict[str, Any] = json.loads(text)
    return log


@pytest.mark.parametrize("report", [HEALTHY, STALE, WARNED, BLIND, HALF, MIXED])
def test_sarif_is_what_the_schema_wants(report: Report) -> None:
    log = sarif_of(report)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result, finding in zip(run["results"], report.findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.code
        assert result["partialFingerprints"] == {"linkdoctor/v1": finding.fingerprint}
        assert result["level"] in ("error", "warning", "note")


def test_sarif_describes_the_rules() -> None:
    rules = sarif_of(HEALTHY)["runs"][0]["tool"]["driver"]["rules"]
    described = {rule["id"]: rule for rule in rules}
    assert set(described) == {page.code for page in PAGES}
    stale = described["LD201"]
    assert stale["name"] == "stale-env"
    assert stale["defaultConfiguration"] == {"level": "error"}
    assert "How to fix it" in stale["help"]["text"]


def test_sarif_places_and_fixes() -> None:
    (result,) = sarif_of(STALE)["runs"][0]["results"]
    ((place,),) = (each["logicalLocations"] for each in result["locations"])
    assert place["fullyQualifiedName"] == "host1/web/helloapp"
    assert "docker restart web" in result["message"]["text"]
    assert result["properties"]["fixes"][0]["commands"] == ["docker restart web"]
    assert "actions" not in result["properties"]["fixes"][0]
    assert "fixes" not in result


def test_sarif_tells_what_was_not_seen() -> None:
    (invocation,) = sarif_of(HALF)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["endTimeUtc"] == "2026-01-01T12:00:00Z"
    (note,) = invocation["toolExecutionNotifications"]
    assert (note["level"], note["associatedRule"]) == ("error", {"id": "LD002"})
    (invocation,) = sarif_of(HEALTHY)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is True


def test_sarif_without_a_page() -> None:
    log = json.loads(render_sarif(STALE, pages=()))
    assert log["runs"][0]["tool"]["driver"]["rules"] == [{"id": "LD201", "name": "stale-env"}]


@with_each_hostile_text
def test_sarif_takes_hostile_text(text: str) -> None:
    (run,) = sarif_of(hostile_report(text))["runs"]
    (result,) = run["results"]
    assert "](" not in result["message"]["text"]
    assert result["properties"]["alias"] == text.replace("\ud800", "\ufffd")
    assert "endTimeUtc" not in run["invocations"][0]


# --- the command line -----------------------------------------------------------------------------

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    for name in ("LINKDOCTOR_CONFIG", "NO_COLOR", "FORCE_COLOR", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)

    def run_it(world: World, *arguments: str | Path) -> tuple[int, str, str]:
        file = tmp_path / "snapshot.json.gz"
        file.write_bytes(snapshot_bytes(world.snapshot()))
        with pytest.raises(SystemExit) as left:
            main(["check", "--snapshot", str(file), *map(str, arguments)])
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    return run_it


BLIND_WORLD = linked().unknown("web", "process_environment", DENIED)


@pytest.mark.parametrize("format_", [each for each in CheckFormat if each != "nagios"])
@pytest.mark.parametrize(
    ("world", "code"), [(linked(), 0), (linked().move("app"), 1), (BLIND_WORLD, 3)]
)
def test_the_exit_code_does_not_depend_on_the_format(
    run: Run, world: World, code: int, format_: str
) -> None:
    left, out, err = run(world, "--format", format_)
    assert (left, err) == (code, "")
    assert out


@pytest.mark.parametrize(
    ("world", "code"),
    [(linked(), 0), (warned(), 1), (linked().move("app"), 2), (BLIND_WORLD, 3)],
)
def test_the_exit_code_of_nagios(run: Run, world: World, code: int) -> None:
    left, out, err = run(world, "--format", "nagios")
    assert (left, err) == (code, "")
    assert plugin(out)[0] == State(code).name


def test_the_thresholds_of_nagios(run: Run) -> None:
    stale = linked().move("app")
    assert run(stale, "--format", "nagios", "--critical", "1")[0] == 1
    assert run(stale, "--format", "nagios", "--critical", "1", "--warning", "~:5")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "nagios", "--warning", "ten"), "--warning 'ten': a range looks like"),
        (("--format", "nagios", "--critical", "9:1"), "--critical '9:1': a range cannot end"),
        (("--warning", "1"), "--warning and --critical are for --format nagios"),
        (("--format", "json", "--critical", "1"), "--warning and --critical are for"),
    ],
)
def test_wrong_ranges_are_wrong_usage(run: Run, arguments: tuple[str, ...], words: str) -> None:
    left, out, err = run(linked(), *arguments)
    assert (left, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("format_", [each for each in CheckFormat if each != "text"])
def test_quiet_is_for_text_only(run: Run, format_: str) -> None:
    assert run(linked(), "--format", format_, "-q") == run(linked(), "--format", format_)


@pytest.mark.parametrize("format_", list(CheckFormat))
def test_a_file_holds_what_would_be_printed(run: Run, tmp_path: Path, format_: str) -> None:
    there = tmp_path / "report"
    code, printed, _ = run(linked().move("app"), "--format", format_)
    assert run(linked().move("app"), "--format", format_, "-o", there) == (code, "", "")
    assert there.read_text() == printed
    # The node exporter runs as a user of its own.
    mode = 0o644 if format_ == "prometheus" else 0o600
    assert stat.S_IMODE(there.stat().st_mode) == mode


def test_junit_and_sarif_tell_of_the_rules_that_were_applied(run: Run) -> None:
    arguments = ("--select", "LD2", "--ignore", "LD201")
    _, out, _ = run(linked().move("app"), "--format", "junit", *arguments)
    suites = junitparser.JUnitXml.fromstring(out.encode())
    cases = {case.name.partition(" ")[0]: case for suite in suites for case in suite}
    wanted = {code for code in NAMES if code.startswith("LD2")} - {"LD201"}
    assert set(cases) == {*wanted, "LD201"}
    assert {code for code, case in cases.items() if case.is_passed} == wanted
    _, out, _ = run(linked().move("app"), "--format", "sarif", *arguments)
    rules = json.loads(out)["runs"][0]["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {*wanted, "LD001", "LD002"}


def test_each_library_is_imported_only_where_it_is_used() -> None:
    code = (
        "import sys; from linkdoctor.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*sorted({'junitparser', 'prometheus_client'} & set(sys.modules)))"
    )
    for arguments in ([], ["--version"], ["check", "-h"], ["demo"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == ""
