"""LD307 and LD310 on real engines: what DNS makes of an alias on a user-defined network."""

from __future__ import annotations

import pytest

from linkdoctor.model.report import Safety, Severity

from .examining import advised, apply, codes, diagnose, only_fault
from .nameserver import ANYTHING, nameserver
from .situations import Lab

SLEEP = ["sleep", "100000"]
STRANGER = "10.9.9.9"
WILDCARD = {ANYTHING: STRANGER}


@pytest.fixture
def back(lab: Lab) -> Lab:
    """A network of its own for the target."""
    lab.network("back")
    return lab


# LD307


def test_a_stranger_that_answers_for_a_missing_source_is_found(back: Lab) -> None:
    back.run("web", network="back", link="app:helloapp")
    with nameserver(back, "web", WILDCARD) as asked:
        found = only_fault(diagnose(back))
        assert (found.code, found.target, found.alias) == ("LD307", "web", "helloapp")
        assert found.evidence[0].observed == STRANGER
        assert asked == ["helloapp"]
        back.run("app", network="back", listen=5000)
        report = diagnose(back)
        assert (report.findings, report.skipped) == ((), ())
        assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")
        assert asked.count("helloapp") == 1


def test_a_search_domain_that_answers_for_a_missing_source_is_a_stranger(back: Lab) -> None:
    back.run("web", network="back", link="app:helloapp", dns_search=["corp.example"])
    with nameserver(back, "web", {"helloapp.corp.example": STRANGER}):
        assert codes(diagnose(back)) == ["LD307 web/helloapp"]


def test_where_nothing_answers_for_a_missing_source_the_alias_is_unresolvable(back: Lab) -> None:
    back.run("web", network="back", link="app:helloapp")
    with nameserver(back, "web", {"other": STRANGER}):
        found = only_fault(diagnose(back))
    assert (found.code, found.consequences) == ("LD306", ())


def test_a_stranger_that_answers_for_a_stopped_source_follows_from_that(back: Lab) -> None:
    back.run("app", network="back", listen=5000)
    back.run("web", network="back", link="app:helloapp")
    back.stop("app")
    with nameserver(back, "web", WILDCARD):
        found = only_fault(diagnose(back))
    assert (found.code, found.consequences) == ("LD101", ("LD307",))


def test_a_stranger_that_answers_for_a_source_elsewhere_follows_from_that(back: Lab) -> None:
    back.run("app", listen=5000)
    back.run("web", network="back", link="app:helloapp")
    with nameserver(back, "web", WILDCARD):
        found = only_fault(diagnose(back))
        assert (found.code, found.consequences) == ("LD402", ("LD307",))
        apply(back, advised(found, Safety.SAFE))
        report = diagnose(back)
        assert (report.findings, report.skipped) == ((), ())


def test_an_address_on_a_network_of_the_target_is_no_strangers(back: Lab) -> None:
    back.run("db", network="back", listen=5000)
    back.run("web", network="back", link="app:helloapp")
    with nameserver(back, "web", {ANYTHING: back.address("db", "back")}):
        report = diagnose(back)
    assert (report.findings, report.skipped) == ((), ())


# LD310


def test_a_search_domain_that_takes_the_alias_is_found(back: Lab) -> None:
    image = back.image("lab:sleep", command=SLEEP)
    back.run("app", network="back", listen=5000)
    back.run(
        "web",
        image=image,
        command=[],
        network="back",
        link="app:helloapp",
        dns_search=["corp.example"],
        dns_options=["ndots:1"],
    )
    with nameserver(back, "web", {"helloapp.corp.example": STRANGER}):
        found = only_fault(diagnose(back))
        assert "10.9.9.9" in back.exec("web", "nslookup helloapp; ping -c 1 -W 1 helloapp")[1]
    assert (found.code, found.target, found.alias) == ("LD310", "web", "helloapp")
    assert found.severity is Severity.WARNING
    apply(back, advised(found, Safety.RECREATE))
    report = diagnose(back)
    assert (codes(report), report.skipped) == ([], ())
    assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_search_domain_that_does_not_know_the_alias_is_quiet(back: Lab) -> None:
    back.run("app", network="back", listen=5000)
    back.run(
        "web",
        network="back",
        link="app:helloapp",
        dns_search=["corp.example"],
        dns_options=["ndots:1"],
    )
    with nameserver(back, "web", {"other": STRANGER}) as asked:
        report = diagnose(back)
    assert (report.findings, report.skipped) == ((), ())
    assert asked == ["helloapp.corp.example"]


def test_dockers_own_ndots_tries_the_alias_first(back: Lab) -> None:
    back.run("app", network="back", listen=5000)
    back.run("web", network="back", link="app:helloapp", dns_search=["corp.example"])
    with nameserver(back, "web", WILDCARD) as asked:
        report = diagnose(back)
        assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert (report.findings, report.skipped) == ((), ())
    assert asked == []


def test_the_hosts_line_of_a_link_on_the_bridge_wins(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", dns_search=["corp.example"])
    with nameserver(lab, "web", WILDCARD) as asked:
        report = diagnose(lab)
        assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert (codes(report), report.skipped) == ([], ())
    assert asked == []
