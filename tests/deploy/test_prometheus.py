"""The alert rules, held by promtool against what `--format prometheus` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from linkdoctor.model.report import Report

from . import metrics
from .metrics import LAST_RUN, samples
from .programs import DEPLOY, program, read_yaml, run

RULES = DEPLOY / "prometheus" / "linkdoctor.rules.yml"
INSTANCE = {"instance": "alpha:9100", "job": "node"}
MINUTES = 60 * 26


def input_series(report: Report, *, gone_after: int | None = None) -> list[dict[str, str]]:
    """The series of a report that was taken when the test begins, for as long as it is there."""
    found = []
    for sample in samples(report):
        labels = ",".join(
            f"{name}={json.dumps(value, ensure_ascii=False)}"
            for name, value in {**sample.labels, **INSTANCE}.items()
        )
        value = 0 if sample.name == LAST_RUN else sample.value
        values = f"{value:g}x{gone_after or MINUTES}" + (" stale" if gone_after else "")
        found.append({"series": f"{sample.name}{{{labels}}}", "values": values})
    assert found
    return found


def run_again(series: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same with a report taken anew every minute."""
    return [
        {**each, "values": f"0+60x{MINUTES}"} if each["series"].startswith(LAST_RUN) else each
        for each in series
    ]


def hold(
    directory: Path,
    series: list[dict[str, str]],
    at: str,
    alerts: dict[str, list[dict[str, Any]]],
    *,
    rules: Path = RULES,
) -> None:
    """Let promtool see whether these alerts, and none of the others, fire."""
    names = [each["alert"] for each in read_yaml(RULES)["groups"][0]["rules"]]
    assert set(alerts) <= set(names)
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "alert_rule_test": [
                    {"eval_time": at, "alertname": name, "exp_alerts": alerts.get(name, [])}
                    for name in names
                ],
            }
        ],
    }
    file = directory / "test.yml"
    file.write_text(json.dumps(test, ensure_ascii=False), encoding="utf-8")
    run([program("promtool"), "test", "rules", file])


def alert(labels: dict[str, str], summary: str = "", description: str = "") -> dict[str, Any]:
    """One alert that promtool is to find."""
    annotations = {"summary": summary, "description": description} if summary else {}
    return {"exp_labels": {**INSTANCE, **labels}, "exp_annotations": annotations}


def without_words(directory: Path) -> Path:
    """The rules without their texts, for tests of when they fire."""
    content = read_yaml(RULES)
    for group in content["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    copy = directory / "rules.yml"
    copy.write_text(json.dumps(content), encoding="utf-8")
    return copy


def test_promtool_accepts_the_rules() -> None:
    done = run([program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", RULES])
    assert "SUCCESS" in done.stdout


def test_every_rule_has_a_severity_and_words() -> None:
    for rule in read_yaml(RULES)["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}


def test_nothing_fires_for_a_healthy_host(tmp_path: Path) -> None:
    hold(tmp_path, run_again(input_series(metrics.healthy())), "25h", {})


def test_each_broken_link_has_an_alert_of_its_own(tmp_path: Path) -> None:
    report = metrics.broken()
    series = run_again(input_series(report))
    infos = [each for each in samples(report) if each.name == "linkdoctor_finding_info"]
    assert len(infos) == len(report.findings) == 6
    alerts = [alert({**each.labels, "severity": "critical"}) for each in infos]
    rules = without_words(tmp_path)
    hold(tmp_path, series, "3m", {"DockerLinkBroken": alerts}, rules=rules)
    hold(tmp_path, series, "1m", {}, rules=rules)


def test_the_words_name_the_link_the_command_and_the_page(tmp_path: Path) -> None:
    report = metrics.broken()
    of_web = [each for each in input_series(report) if 'target="web"' in each["series"]]
    finding = next(each for each in samples(report) if each.labels.get("target") == "web")
    words = (
        "alpha: web/helloapp stale-env",
        "linkdoctor reports LD201 on alpha. `linkdoctor check web` there shows proof and fix, "
        "`linkdoctor explain LD201` the page.",
    )
    fires = alert({**finding.labels, "severity": "critical"}, *words)
    hold(tmp_path, of_web, "3m", {"DockerLinkBroken": [fires]})


def test_warnings_are_told_later_and_once_for_each_code(tmp_path: Path) -> None:
    report = metrics.at_risk()
    (finding,) = (each for each in report.findings if each.severity.value == "warning")
    series = run_again(input_series(report))
    rules = without_words(tmp_path)
    labels = {"host": finding.host, "code": finding.code, "severity": "warning"}
    # An aggregation drops the labels of whoever was asked.
    fires = {"exp_labels": labels, "exp_annotations": {}}
    hold(tmp_path, series, "62m", {"DockerLinkAtRisk": [fires]}, rules=rules)
    hold(tmp_path, series, "50m", {}, rules=rules)


def test_findings_without_a_series_of_their_own_are_told_too(tmp_path: Path) -> None:
    gist = [
        each
        for each in input_series(metrics.crowded())
        if not each["series"].startswith(("linkdoctor_finding_info", "linkdoctor_findings{"))
    ]
    words = (
        "alpha:9100: 3 more findings than are listed one by one",
        "`linkdoctor check` on alpha:9100 lists them all.",
    )
    fires = {"LinkdoctorFindingsCut": [alert({"severity": "critical"}, *words)]}
    hold(tmp_path, run_again(gist), "3m", fires)


def test_an_engine_that_does_not_answer_is_no_healthy_engine(tmp_path: Path) -> None:
    series = run_again(input_series(metrics.lost()))
    down = (
        "beta: the engine could not be asked",
        "linkdoctor ran on alpha:9100, and the engine did not answer. It is not "
        "known whether its links are healthy.",
    )
    down_now = {"LinkdoctorEngineDown": [alert({"host": "beta", "severity": "critical"}, *down)]}
    hold(tmp_path, series, "6m", down_now)
    hold(tmp_path, series, "4m", {})


def test_missing_evidence_is_told(tmp_path: Path) -> None:
    words = (
        "alpha:9100: linkdoctor could not see everything it needed",
        "`linkdoctor check -v` on alpha:9100 shows what was missing and why; the usual reason is "
        "that it does not run with the privileges of docs/privileges.md.",
    )
    fires = {"LinkdoctorIncomplete": [alert({"severity": "warning"}, *words)]}
    hold(tmp_path, run_again(input_series(metrics.partial())), "16m", fires)


def test_a_report_that_is_not_renewed_is_told(tmp_path: Path) -> None:
    words = (
        "alpha:9100: the last report is 36m 0s old",
        "`systemctl status linkdoctor.timer linkdoctor.service` on alpha:9100.",
    )
    fires = {"LinkdoctorStale": [alert({"severity": "warning"}, *words)]}
    series = input_series(metrics.healthy())
    hold(tmp_path, series, "36m", fires)
    hold(tmp_path, series, "34m", {})


def test_a_report_that_is_gone_is_told_for_a_day(tmp_path: Path) -> None:
    words = (
        "alpha:9100: the metrics of linkdoctor are gone",
        "There were some within the last day. Is the file in the node exporter's textfile "
        "directory, and may the exporter read it?",
    )
    fires = {"LinkdoctorAbsent": [alert({"severity": "warning"}, *words)]}
    series = input_series(metrics.healthy(), gone_after=10)
    hold(tmp_path, series, "30m", fires)
    hold(tmp_path, series, "25h", {})
