"""LD403 on two real engines: addresses that only the other host knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor.model.report import Finding, Report, Safety, Severity

from .examining import advised, apply, codes, diagnose, only_fault
from .situations import Lab

SUBNET = "172.31.7.0/24"
SERVER = ["httpd", "-f", "-p", "5432", "-h", "/srv"]
PAGE = {"/srv/index.html": "db\n"}


@pytest.fixture
def apart(two_hosts: tuple[Lab, Lab]) -> tuple[Lab, Lab, str]:
    """Two hosts, and the address of `db` on the second, out of a subnet that the first has not."""
    first, second = two_hosts
    second.network("back", subnet=SUBNET)
    image = second.image("lab:db", expose=[5432], command=SERVER, files=PAGE)
    second.run("db", network="back", image=image, command=[])
    second.wait_listening("db", 5432)
    return first, second, second.address("db", "back")


def found(report: Report, code: str) -> list[Finding]:
    return [each for each in report.findings if each.code == code]


def test_a_setting_with_the_address_of_a_container_of_the_other_host(
    apart: tuple[Lab, Lab, str],
) -> None:
    first, second, address = apart
    copied = {"DB_PORT": f"tcp://{address}:5432", "DB_PORT_5432_TCP_ADDR": address}
    first.run("web", env=copied)
    assert first.fetch("web", f"http://{address}:5432/")[0] != 0
    finding = only_fault(diagnose(first, second))
    assert (finding.code, finding.target, finding.source) == ("LD403", "web", "db")
    assert (finding.host, finding.severity) == ("host1", Severity.ERROR)
    assert "the address of db on host2" in finding.message
    assert {fix.safety for fix in finding.fixes} == {Safety.MANUAL}


def test_an_extra_host_is_replaced_by_the_other_hosts_address(
    apart: tuple[Lab, Lab, str],
) -> None:
    first, second, address = apart
    image = first.image("lab:web", command=["sleep", "100000"])
    first.run("web", image=image, command=[], extra_hosts=[f"db:{address}"])
    finding = only_fault(diagnose(first, second))
    assert (finding.code, finding.target, finding.source) == ("LD403", "web", "db")
    apply(first, advised(finding, Safety.RECREATE), second)
    second.wait_listening("db", 5432)
    report = diagnose(first, second)
    assert (codes(report), report.skipped) == ([], ())
    assert first.fetch("web", "http://db:5432/") == (0, "db\n")


def test_a_line_written_into_the_hosts_file(apart: tuple[Lab, Lab, str]) -> None:
    first, second, address = apart
    first.run("app", listen=5000)
    first.run("web", link="app:helloapp")
    hosts = Path(f"/proc/{first.pid('web')}/root/etc/hosts")
    hosts.write_text(f"{hosts.read_text()}{address}\tdb\n")
    finding = only_fault(diagnose(first, second))
    assert (finding.code, finding.target) == ("LD403", "web")
    assert finding.evidence[0].what == "line of db in its hosts file"


def test_the_address_of_the_other_host_itself_is_right(apart: tuple[Lab, Lab, str]) -> None:
    first, second, _ = apart
    second.run("shop", listen=5433, publish={5433: 5433})
    first.run("web", env={"DATABASE_URL": "postgres://10.77.0.2:5433/shop"})
    report = diagnose(first, second)
    assert (report.findings, report.skipped) == ((), ())


def test_the_same_subnet_on_both_hosts_is_looked_for_here(two_hosts: tuple[Lab, Lab]) -> None:
    first, second = two_hosts
    second.run("app", listen=5000)
    second.run("db", listen=5432)
    address = second.address("db")
    first.run("web", env={"DB_PORT": f"tcp://{address}:5432"})
    finding = only_fault(diagnose(first, second))
    assert finding.code == "LD208"
    assert "(on host2 it is db's" in finding.message
    first.run("db", listen=5432)
    assert first.address("db") == address
    report = diagnose(first, second)
    assert codes(report) == ["LD208 web/"]
    assert found(report, "LD208")[0].severity is Severity.WARNING


def test_a_route_to_the_other_hosts_containers_makes_the_address_right(
    apart: tuple[Lab, Lab, str],
) -> None:
    first, second, address = apart
    first.run("web", env={"DB_HOST": address})
    assert codes(diagnose(first, second)) == ["LD403 web/"]
    first.engine.inside("ip", "route", "add", SUBNET, "via", "10.77.0.2")
    try:
        report = diagnose(first, second)
    finally:
        first.engine.inside("ip", "route", "del", SUBNET)
    assert (report.findings, report.skipped) == ((), ())


def test_one_host_alone_knows_of_no_other(apart: tuple[Lab, Lab, str]) -> None:
    first, _, address = apart
    first.run("web", env={"DB_HOST": address})
    report = diagnose(first)
    assert (report.findings, report.skipped) == ((), ())
