"""Metrics for Prometheus, for the textfile collector of its node exporter.

The labels are bounded: one series a host and code, and details of the first findings only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from linkdoctor.model.evidence import Gap
from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Completeness, HostSummary, Report, Severity
from linkdoctor.render.phrases import is_incomplete, moment, named
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import sanitize

if TYPE_CHECKING:
    from prometheus_client import Metric

__all__ = ["MOST_FINDINGS", "render", "render_prometheus"]

MOST_FINDINGS = 200
"""As many findings, the gravest first, have a series of their own."""

_LONGEST_HOST = 200


def render(diagnosis: Diagnosis, _: RenderRequest) -> str:
    """Write the report as metrics."""
    return render_prometheus(diagnosis.report)


def render_prometheus(report: Report) -> str:
    """Write a report in the text exposition format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Once(Collector):
        """Yields the metrics of this report: plain values, kept nowhere else."""

        def collect(self) -> Iterator[Metric]:
            return _metrics(report)

    # A registry of our own: the usual one would add metrics of this very process.
    registry = CollectorRegistry()
    registry.register(Once())
    return generate_latest(registry).decode()


def _metrics(report: Report) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    labels = _host_labels(report)
    findings = GaugeMetricFamily(
        "linkdoctor_findings",
        "Findings that are not suppressed, by host, code and severity.",
        labels=("host", "code", "severity"),
    )
    numbers = Counter(
        (labels[each.host], named(each.code), each.severity.value) for each in report.findings
    )
    for of_finding, number in sorted(numbers.items()):
        findings.add_metric(of_finding, number)
    yield findings
    yield _info(report, labels)
    yield GaugeMetricFamily(
        "linkdoctor_findings_without_info",
        "Findings beyond those in linkdoctor_finding_info.",
        value=max(len(report.findings) - MOST_FINDINGS, 0),
    )
    skipped = Counter(skip.host for skip in report.skipped if skip.is_lacking)
    early = Counter(skip.host for skip in report.skipped if skip.gap is Gap.TOO_EARLY)
    accepted = Counter(skip.host for skip in report.skipped if skip.accepted)
    families: tuple[tuple[str, str, Callable[[HostSummary], int]], ...] = (
        ("containers", "Containers examined.", lambda host: host.containers),
        ("links", "Links examined.", lambda host: host.links),
        ("skipped_checks", "Checks that lacked evidence.", lambda host: skipped[host.name]),
        ("too_early_checks", "Checks that were too early.", lambda host: early[host.name]),
        (
            "accepted_checks",
            "Checks whose missing evidence was accepted.",
            lambda host: accepted[host.name],
        ),
        ("engine_up", "1 if the engine could be asked.", lambda host: bool(host.engine)),
        ("evidence_complete", "1 if no check lacked evidence.", _is_complete),
    )
    for name, text, value in families:
        family = GaugeMetricFamily(f"linkdoctor_{name}", text, labels=("host",))
        for host in report.hosts:
            family.add_metric([labels[host.name]], int(value(host)))
        yield family
    there = report.scope.elsewhere
    outside = GaugeMetricFamily(
        "linkdoctor_findings_elsewhere",
        "Findings that concern only containers that were not asked for, by severity.",
        labels=("severity",),
    )
    for severity in Severity:
        outside.add_metric([severity.value], getattr(there, severity.value))
    yield outside
    yield GaugeMetricFamily(
        "linkdoctor_suppressed", "Findings that are suppressed.", value=report.summary.suppressed
    )
    yield GaugeMetricFamily(
        "linkdoctor_incomplete",
        "1 if an engine could not be asked, or evidence that the verdict needed is missing.",
        value=int(is_incomplete(report)),
    )
    taken_at = moment(report.taken_at)
    if taken_at is not None:
        yield GaugeMetricFamily(
            "linkdoctor_last_run_timestamp_seconds",
            "When the evidence was taken, in seconds since 1970.",
            value=taken_at.timestamp(),
        )


def _is_complete(host: HostSummary) -> bool:
    return host.evidence is Completeness.COMPLETE


def _host_labels(report: Report) -> dict[str, str]:
    """Return each host a label of its own, also where cutting made names alike."""
    labels: dict[str, str] = {}
    names = dict.fromkeys(
        (*(host.name for host in report.hosts), *(each.host for each in report.findings))
    )
    for name in names:
        label = sanitize(name, _LONGEST_HOST)
        taken = set(labels.values())
        number = 2
        while label in taken:
            label = f"{sanitize(name, _LONGEST_HOST)} ({number})"
            number += 1
        labels[name] = label
    return labels


def _info(report: Report, hosts: Mapping[str, str]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    names = ("code", "name", "severity", "target", "alias", "fingerprint")
    family = GaugeMetricFamily(
        "linkdoctor_finding_info",
        f"What a finding is about; always 1. The {MOST_FINDINGS} most severe only.",
        labels=("host", *names),
    )
    # A series may be there once only.
    rows = dict.fromkeys(
        (hosts[finding.host], *(named(str(getattr(finding, name))) for name in names))
        for finding in report.findings[:MOST_FINDINGS]
    )
    for row in rows:
        family.add_metric(row, 1)
    return family
