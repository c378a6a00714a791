"""What `--format prometheus` writes of reports of every kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from linkdoctor.api import Examination, demo_snapshots, load_rules, report_on
from linkdoctor.diagnosis import Unreachable
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import Report, Severity
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.render.prometheus import MOST_FINDINGS, render_prometheus
from linkdoctor.rulekit.world import World

LAST_RUN = "linkdoctor_last_run_timestamp_seconds"


class Sample(NamedTuple):
    """One series of a report: its name, its labels and its value."""

    name: str
    labels: dict[str, str]
    value: float


def samples(report: Report) -> Iterator[Sample]:
    """The series of a report, as Prometheus reads them."""
    for family in text_string_to_metric_families(render_prometheus(report)):
        for each in family.samples:
            yield Sample(each.name, dict(each.labels), each.value)


def _report(snapshots: Iterable[Snapshot], *lost: Unreachable) -> Report:
    return report_on(Examination(snapshots=tuple(snapshots), unreachable=lost), load_rules())


def healthy() -> Report:
    """A host on which all is well."""
    report = _report([_healthy_host()])
    assert report.findings == ()
    return report


def _healthy_host() -> Snapshot:
    return World().run("db", expose=[5432], listen=[5432]).run("web", link="db:db").snapshot()


def broken() -> Report:
    """The two hosts of the demo."""
    return _report(demo_snapshots())


def lost() -> Report:
    """A healthy host, and an engine that did not answer."""
    reason = Unreachable(host="beta", endpoint="tcp://192.0.2.1:2376", reason="timed out")
    return _report([_healthy_host()], reason)


def partial() -> Report:
    """A healthy host of which the environments could not be read."""
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    seen = _healthy_host()
    containers = tuple(
        msgspec.structs.replace(each, process_environment=denied) for each in seen.containers
    )
    report = _report([msgspec.structs.replace(seen, containers=containers)])
    assert report.findings == ()
    return report


def at_risk() -> Report:
    """A host with warnings and no errors, taken from the cases of the rules."""
    for loaded in load_rules():
        for case in loaded.rule.cases if loaded.rule.severity is Severity.WARNING else ():
            report = _report(case.given())
            if report.summary.warning and not report.summary.error:
                return report
    raise AssertionError("no rule has a case that is a warning alone")


def crowded() -> Report:
    """More findings than have a series of their own."""
    report = broken()
    finding = report.findings[0]
    many = (
        msgspec.structs.replace(finding, target=f"web{number}", fingerprint=f"{number:016x}")
        for number in range(MOST_FINDINGS + 3)
    )
    return msgspec.structs.replace(report, findings=tuple(many))
