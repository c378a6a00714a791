"""JUnit XML, for what shows test results: a suite a host, a case a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Finding, HostSummary, Report, Severity, Skipped, Suppressed
from linkdoctor.render.phrases import (
    UNREACHABLE,
    because_of,
    details,
    headline,
    moment,
    named,
    title,
)
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import sanitize

if TYPE_CHECKING:
    from junitparser import TestCase, TestSuite

__all__ = ["render", "render_junit"]

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


def render(diagnosis: Diagnosis, request: RenderRequest) -> str:
    """Write the report as test results: a rule that was applied is a test."""
    return render_junit(diagnosis.report, fail_on=request.fail_on, examined=dict(request.applied))


def render_junit(report: Report, *, fail_on: Severity, examined: Mapping[str, str]) -> str:
    """Write a report as JUnit XML.

    Args:
        report: what is written.
        fail_on: the least severity that is a failure; what is less is a case that passes, with
            its text as output.
            What is suppressed, if the report holds it, is skipped.
        examined: the rules that were applied, names by code; one that neither found nor lacked
            anything on a host is a case that passes.
    """
    from junitparser import JUnitXml

    document = JUnitXml("linkdoctor")
    for host in report.hosts:
        document.add_testsuite(_suite(host, report, fail_on, examined))
    # junitparser leaves these two methods without types.
    document.update_statistics()  # type: ignore[no-untyped-call]
    # All texts are neutral, which leaves nothing that XML does not allow.
    return f"{_DECLARATION}{str(document.tostring(), 'utf-8')}\n"  # type: ignore[no-untyped-call]


def _suite(
    host: HostSummary, report: Report, fail_on: Severity, examined: Mapping[str, str]
) -> TestSuite:
    from junitparser import TestSuite

    findings = [each for each in report.findings if each.host == host.name]
    skipped = [each for each in report.skipped if each.host == host.name]
    every = report.suppressed if isinstance(report.suppressed, tuple) else ()
    suppressed = [each for each in every if each.finding.host == host.name]
    found = [*findings, *(each.finding for each in suppressed)]
    told = {each.code for each in found} | {each.code for each in skipped}
    told |= {code for each in found for code in each.consequences}
    suite = TestSuite(sanitize(host.name, 200))
    if (taken_at := moment(report.taken_at)) is not None:
        suite.timestamp = taken_at.isoformat()
    suite.add_property("tool", sanitize(f"{report.tool.name} {report.tool.version}"))
    suite.add_property("engine", sanitize(host.engine))
    suite.add_property("endpoint", sanitize(host.endpoint))
    suite.add_property("verdict", headline(report))
    cases = [_of_finding(each, fail_on) for each in findings]
    cases += [_of_suppressed(each) for each in suppressed]
    cases += [_of_skip(each) for each in skipped]
    if host.engine:
        cases += list(_passed(examined, told))
    suite.add_testcases(cases)
    return suite


def _case(code: str, name: str) -> TestCase:
    from junitparser import TestCase

    return TestCase(name, classname=f"linkdoctor.{named(code)}", time=0)


def _of_finding(finding: Finding, fail_on: Severity) -> TestCase:
    from junitparser import Failure

    case = _case(finding.code, title(finding))
    if finding.severity.rank > fail_on.rank:
        case.system_out = details(finding)
        return case
    failure = Failure(sanitize(finding.message), finding.severity.value)
    failure.text = details(finding)
    case.result = [failure]
    return case


def _of_suppressed(suppressed: Suppressed) -> TestCase:
    from junitparser import Skipped as SkippedTest

    case = _case(suppressed.finding.code, title(suppressed.finding))
    reasons = "; ".join(map(because_of, suppressed.by))
    case.result = [SkippedTest(f"suppressed: {sanitize(reasons)}")]
    return case


def _of_skip(skip: Skipped) -> TestCase:
    from junitparser import Error
    from junitparser import Skipped as SkippedTest

    if skip.code == UNREACHABLE:
        # A skipped test is green to most readers, and of this host nothing is known.
        case = _case(skip.code, f"{UNREACHABLE} engine-unreachable: {named(skip.host)}")
        case.result = [Error(sanitize(skip.reason), "engine-unreachable")]
        return case
    case = _case(
        skip.code, f"{named(skip.code)}: {sanitize(skip.subject)}: {sanitize(skip.missing)}"
    )
    accepted = "accepted as missing: " if skip.accepted else ""
    words = f"{accepted}no {sanitize(skip.missing)}: {sanitize(skip.reason)}"
    case.result = [SkippedTest(words, skip.gap.value)]
    return case


def _passed(examined: Mapping[str, str], told: set[str]) -> Iterator[TestCase]:
    for code, name in sorted(examined.items()):
        if code not in told:
            yield _case(code, f"{named(code)} {named(name)}")
