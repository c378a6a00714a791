"""LD112 and LD304 on a real engine: links that are there and do nothing, or are overruled."""

from __future__ import annotations

import pytest

from linkdoctor.model.report import Severity

from .examining import codes, diagnose, only_fault
from .situations import Lab


@pytest.fixture
def app(lab: Lab) -> Lab:
    """A source."""
    lab.run("app", listen=5000)
    return lab


def test_a_target_that_left_the_bridge_is_found(app: Lab) -> None:
    app.network("back")
    app.run("web", link="app:helloapp")
    app.connect("back", "web")
    app.disconnect("bridge", "web")
    finding = only_fault(diagnose(app))
    assert (finding.code, finding.target, finding.alias) == ("LD112", "web", "helloapp")
    app.connect("bridge", "web")
    assert codes(diagnose(app)) == []


def test_a_link_at_the_bridges_endpoint_is_found(app: Lab) -> None:
    app.run("web")
    app.disconnect("bridge", "web")
    app.connect("bridge", "web", links=["app:helloapp"])
    finding = only_fault(diagnose(app))
    assert (finding.code, finding.target, finding.alias) == ("LD112", "web", "helloapp")
    assert app.hosts_lines("web", "helloapp") == []


def test_a_target_on_a_further_network_is_quiet(app: Lab) -> None:
    app.network("back")
    app.run("web", link="app:helloapp")
    app.connect("back", "web")
    assert diagnose(app).findings == ()
    assert app.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_an_extra_host_that_overrules_the_link_is_found(app: Lab) -> None:
    app.run("web", link="app:helloapp", extra_hosts=["helloapp:10.9.9.9"])
    finding = only_fault(diagnose(app))
    assert (finding.code, finding.severity) == ("LD304", Severity.ERROR)
    assert app.hosts_lines("web", "helloapp")[0].startswith("10.9.9.9\t")


def test_an_extra_host_with_the_sources_address_is_a_warning(app: Lab) -> None:
    app.run("web", link="app:helloapp", extra_hosts=[f"helloapp:{app.address('app')}"])
    finding = only_fault(diagnose(app))
    assert (finding.code, finding.severity) == ("LD304", Severity.WARNING)


def test_an_extra_host_of_another_name_is_quiet(app: Lab) -> None:
    app.run("web", link="app:helloapp", extra_hosts=["mail:10.9.9.9"])
    assert diagnose(app).findings == ()


def test_two_aliases_of_one_source_do_not_shadow_each_other(app: Lab) -> None:
    app.run("web", link=["app:aaa", "app:app", "app:zzz"])
    assert diagnose(app).findings == ()


def test_a_links_line_that_has_another_sources_name_is_found(lab: Lab) -> None:
    lab.run("db", listen=5432)
    lab.run("db2", listen=5432)
    lab.run("web", link=["db:old", "db2:db"])
    lines = lab.hosts_lines("web", "db")
    assert len(lines) == 2
    # The engine writes the lines in any order: only the first one counts.
    expected = [] if lines[0].split()[1] == "db" else ["LD304 web/db"]
    assert codes(diagnose(lab)) == expected
