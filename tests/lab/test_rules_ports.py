"""LD501 to LD505 on real engines: ports that are not exposed, served, published."""

from __future__ import annotations

import pytest

from linkdoctor.api import Url, diagnose_engines
from linkdoctor.model.evidence import Gap, Known
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.report import ExitCode, Safety, Severity, exit_code

from .examining import advised, apply, codes, diagnose, look, only_fault, remarks, told
from .situations import Lab

SLEEP = ["sleep", "100000"]
SERVE = ["httpd", "-f", "-p", "5000", "-h", "/srv"]
PAGE = {"/srv/index.html": "hello\n"}
TWO_LISTENERS = "httpd -p 127.0.0.1:5000; exec httpd -f -p 172.17.0.2:5000"


# LD501


def test_a_source_that_exposes_nothing_is_a_warning_and_is_fixed_by_exposing(lab: Lab) -> None:
    client = lab.image("lab:sleep", command=SLEEP)
    server = lab.image("lab:app", command=SERVE, files=PAGE)
    lab.run("app", image=server, command=[])
    lab.wait_listening("app", 5000)
    lab.run("web", image=client, command=[], link="app:helloapp")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD501", "web", "helloapp")
    assert found.severity is Severity.WARNING
    assert "It listens on 5000." in found.message
    assert "with port 5000 exposed" in found.fixes[0].title
    assert "HELLOAPP_PORT" not in lab.process_environment("web")
    apply(lab, advised(found, Safety.RECREATE))
    lab.wait_listening("app", 5000)
    report = diagnose(lab)
    assert (codes(report), report.skipped) == ([], ())
    address = lab.address("app")
    assert lab.process_environment("web")["HELLOAPP_PORT"] == f"tcp://{address}:5000"


def test_the_engines_dns_and_the_loopback_address_are_no_ports_to_expose(lab: Lab) -> None:
    client = lab.image("lab:sleep", command=SLEEP)
    lab.network("back")
    lab.run("app", image=client, command=["httpd", "-f", "-p", "127.0.0.1:5000"])
    lab.wait_listening("app", 5000)
    lab.connect("back", "app")
    lab.run("web", image=client, command=[], link="app:helloapp")
    found = only_fault(diagnose(lab))
    assert found.code == "LD501"
    assert "It listens on 5000 of its loopback address only" in found.message
    assert not any(fix.actions for fix in found.fixes)
    lab.run("api", image=client, command=["httpd", "-f", "-p", "5000"])
    lab.wait_listening("api", 5000)
    lab.connect("back", "api")
    lab.run("front", image=client, command=[], link="api:api")
    messages = {each.target: each for each in diagnose(lab).findings}
    assert "It listens on 5000." in messages["front"].message
    assert "with port 5000 exposed" in messages["front"].fixes[0].title


def test_a_source_that_exposes_nothing_is_blocked_where_only_links_may_talk(quiet_lab: Lab) -> None:
    client = quiet_lab.image("lab:sleep", command=SLEEP)
    server = quiet_lab.image("lab:app", command=SERVE, files={"/srv/index.html": "app\n"})
    quiet_lab.run("app", image=server, command=[])
    quiet_lab.wait_listening("app", 5000)
    quiet_lab.run("web", image=client, command=[], link="app:helloapp")
    assert quiet_lab.fetch("web", "http://helloapp:5000/", timeout=1)[0] == 143
    found = only_fault(diagnose(quiet_lab))
    assert (found.code, found.target, found.alias) == ("LD501", "web", "helloapp")
    assert found.severity is Severity.ERROR
    assert "--icc=false" in found.message
    apply(quiet_lab, advised(found, Safety.RECREATE))
    quiet_lab.wait_listening("app", 5000)
    report = diagnose(quiet_lab)
    assert (codes(report), report.skipped) == ([], ())
    assert quiet_lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_healthy_link_where_only_links_may_talk_is_healthy(quiet_lab: Lab) -> None:
    quiet_lab.run("app", listen=5000)
    quiet_lab.run("web", link="app:helloapp")
    report = diagnose(quiet_lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_published_port_is_an_exposed_one(lab: Lab) -> None:
    lab.run("app", listen=5000, expose=[], publish={5000: 15000})
    lab.run("web", link="app:helloapp")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_link_on_a_user_defined_network_needs_no_exposed_port(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000, expose=[])
    lab.run("web", network="back", link="app:helloapp")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


# LD502


def test_an_exposed_port_that_nothing_listens_on_is_a_fault(lab: Lab) -> None:
    lab.run("app", expose=[5000])
    lab.run("web", link="app:helloapp")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD502", "web", "helloapp")
    assert found.severity is Severity.ERROR
    assert found.evidence[0].observed == "none"
    apply(lab, advised(found, Safety.MANUAL))


def test_a_dialled_port_that_nothing_listens_on_is_a_fault_though_another_is_open(
    lab: Lab,
) -> None:
    lab.run("app", listen=8080)
    lab.run("web", link="app:api", env={"API_URL": "http://api:5000/"})
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD502", "web", "api")
    assert "0.0.0.0:8080/tcp" in found.evidence[0].observed
    assert "which web dials (environment variable API_URL)" in found.message


def test_a_link_on_a_user_defined_network_needs_a_listener_too(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", expose=[5000])
    lab.run("web", network="back", link="app:helloapp")
    assert codes(diagnose(lab)) == ["LD502 web/helloapp"]


def test_some_exposed_ports_without_a_listener_are_a_remark(lab: Lab) -> None:
    lab.run("app", listen=5000, expose=[5000, 5001])
    lab.run("web", link="app:helloapp")
    report = diagnose(lab)
    assert (codes(report), remarks(report)) == ([], ["LD502 web/helloapp"])
    assert report.skipped == ()


def test_a_sharer_that_listens_for_the_source_is_seen(lab: Lab) -> None:
    lab.run("app", expose=[5000])
    lab.run("helper", network_mode="container:app", listen=5000, expose=[])
    lab.run("web", link="app:helloapp")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_sharer_left_behind_by_a_restart_is_why_nothing_listens(lab: Lab) -> None:
    lab.run("app", expose=[5000], publish={5000: 18000})
    lab.run("helper", network_mode="container:app", listen=5000, expose=[])
    lab.run("web", link="app:helloapp")
    lab.restart("app")
    # LD113 is the cause, and says where the listener is; that nothing answers follows from it.
    found = next(each for each in diagnose(lab).findings if each.target == "web")
    assert (found.code, found.alias) == ("LD113", "helloapp")
    assert "LD502" in found.consequences
    assert "helper" in found.message
    apply(lab, advised(found, Safety.RESTART))
    assert lab.fetch("web", "http://helloapp:5000/")[0] == 0
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_udp_ports_are_not_judged(lab: Lab) -> None:
    lab.run("app", expose=["53/udp"])
    lab.run("web", link="app:helloapp")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_source_that_has_only_just_started_may_still_be_on_its_way(lab: Lab) -> None:
    lab.run("app", expose=[5000])
    lab.run("web", link="app:helloapp")
    report = diagnose_engines([Url(lab.url)])
    assert report.findings == ()
    # It is not passed over silently: it was not judged yet.
    assert {each.code for each in report.skipped} >= {"LD502"}
    assert {each.gap for each in report.skipped} == {Gap.TOO_EARLY}
    assert exit_code(report) is ExitCode.OK


def test_a_source_whose_health_check_says_starting_may_still_be_on_its_way(lab: Lab) -> None:
    lab.run("app", expose=[5000], health="sleep 60")
    lab.run("web", link="app:helloapp")
    report = diagnose(lab)
    assert report.findings == ()
    assert {each.code for each in report.skipped} >= {"LD106", "LD502"}
    assert {each.gap for each in report.skipped} == {Gap.TOO_EARLY}
    assert exit_code(report) is ExitCode.OK


# LD503


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53"])
def test_a_service_on_the_loopback_address_only_is_a_fault(lab: Lab, address: str) -> None:
    lab.run("app", listen=5000, listen_on=address)
    lab.run("web", link="app:helloapp")
    assert lab.fetch("web", "http://helloapp:5000/")[0] != 0
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD503", "web", "helloapp")
    assert found.severity is Severity.ERROR
    assert found.evidence[0].observed == f"httpd listens on {address}:5000"


def test_a_dialled_port_on_the_loopback_address_is_a_fault_though_another_is_open(
    lab: Lab,
) -> None:
    lab.run(
        "app", expose=[8080], command=["sh", "-c", "httpd -p 127.0.0.1:5000; exec httpd -f -p 8080"]
    )
    lab.wait_listening("app", 5000)
    lab.wait_listening("app", 8080)
    lab.run("web", link="app:api", env={"API_URL": "http://api:5000/"})
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD503", "web", "api")


def test_a_service_on_its_own_address_is_reachable(lab: Lab) -> None:
    lab.run("app", listen=5000, listen_on="172.17.0.2")
    lab.run("web", link="app:helloapp")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_service_on_loopback_and_on_its_own_address_is_reachable(lab: Lab) -> None:
    lab.run("app", expose=[5000], command=["sh", "-c", TWO_LISTENERS])
    lab.wait_listening("app", 5000)
    lab.run("web", link="app:helloapp")
    assert lab.fetch("web", "http://helloapp:5000/etc/group")[0] == 0
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


# LD504


TWO_PORTS = "httpd -p 9000 -h /srv; exec httpd -f -p 5000 -h /srv"
ANYWHERE = TWO_PORTS.replace("/srv", "/tmp")


def serve_two_ports(lab: Lab) -> None:
    server = lab.image("lab:two", expose=[5000], command=["sh", "-c", TWO_PORTS], files=PAGE)
    lab.run("app", image=server, command=[])
    lab.wait_listening("app", 9000)
    lab.wait_listening("app", 5000)


def test_a_dialled_port_that_is_not_exposed_is_a_remark_and_is_fixed_by_exposing(lab: Lab) -> None:
    serve_two_ports(lab)
    client = lab.image("lab:sleep", command=SLEEP)
    lab.run("web", image=client, command=[], link="app:api", env={"API_URL": "http://api:9000/"})
    assert lab.fetch("web", "http://api:9000/") == (0, "hello\n")
    report = diagnose(lab)
    assert (codes(report), told(report), report.skipped) == ([], ["LD504 web/api"], ())
    (found,) = (each for each in report.findings if each.code == "LD504")
    apply(lab, advised(found, Safety.RECREATE))
    lab.wait_listening("app", 9000)
    lab.wait_listening("app", 5000)
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())
    assert lab.process_environment("web")["API_PORT_9000_TCP_PORT"] == "9000"


def test_a_dialled_port_that_is_not_exposed_is_blocked_where_only_links_may_talk(
    quiet_lab: Lab,
) -> None:
    serve_two_ports(quiet_lab)
    client = quiet_lab.image("lab:sleep", command=SLEEP)
    quiet_lab.run(
        "web", image=client, command=[], link="app:api", env={"API_URL": "http://api:9000/"}
    )
    assert quiet_lab.fetch("web", "http://api:9000/", timeout=1)[0] == 143
    found = only_fault(diagnose(quiet_lab))
    assert (found.code, found.target, found.alias) == ("LD504", "web", "api")
    assert found.severity is Severity.ERROR
    apply(quiet_lab, advised(found, Safety.RECREATE))
    quiet_lab.wait_listening("app", 9000)
    quiet_lab.wait_listening("app", 5000)
    assert quiet_lab.fetch("web", "http://api:9000/") == (0, "hello\n")
    report = diagnose(quiet_lab)
    assert (told(report), report.skipped) == ([], ())


def test_an_open_port_that_nobody_dials_is_no_news(lab: Lab) -> None:
    serve_two_ports(lab)
    lab.run("web", link="app:api", env={"API_URL": "http://api:5000/"})
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


def test_a_link_on_a_user_defined_network_reaches_what_is_not_exposed(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", expose=[5000], command=["sh", "-c", ANYWHERE])
    lab.wait_listening("app", 5000)
    lab.wait_listening("app", 9000)
    lab.run("web", network="back", link="app:api", env={"API_URL": "http://api:9000/"})
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


# Who listens


def listeners(lab: Lab, name: str) -> list[tuple[str, str]]:
    """The addresses that a container listens on, each with the program that does."""
    (snapshot,) = look(lab).snapshots
    (found,) = (each.listeners for each in snapshot.containers if each.name == name)
    assert isinstance(found, Known)
    return [(f"{each.address}:{each.port}/{each.protocol}", each.owner) for each in found.value]


def test_the_program_that_listens_is_named_wherever_it_stands_in_the_tree(lab: Lab) -> None:
    lab.run(
        "app",
        publish={5000: 15000},
        command=[
            "sh",
            "-c",
            "(httpd -f -p 0.0.0.0:5000 & wait) & httpd -p 5001; exec sleep 100000",
        ],
    )
    lab.wait_listening("app", 5000)
    lab.wait_listening("app", 5001)
    assert listeners(lab, "app") == [("0.0.0.0:5000/tcp", "httpd"), (":::5001/tcp", "httpd")]


def test_a_program_outside_the_containers_own_tree_is_not_named(lab: Lab) -> None:
    lab.run("app", publish={5000: 15000})
    lab.run("helper", network_mode="container:app", listen=5000, expose=[])
    assert listeners(lab, "app") == [("0.0.0.0:5000/tcp", "")]


def test_a_container_that_nobody_uses_is_not_searched_for_owners(lab: Lab) -> None:
    lab.run("app", listen=5000)
    assert listeners(lab, "app") == [("0.0.0.0:5000/tcp", "")]


# LD505


def test_a_port_meant_for_outside_is_fixed_by_publishing_it(lab: Lab) -> None:
    server = lab.image("lab:app", expose=[5000], command=SERVE, files=PAGE)
    lab.run("app", image=server, command=[], labels={"linkdoctor.publish": "5000"})
    lab.wait_listening("app", 5000)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD505", "app", "")
    assert found.severity is Severity.WARNING
    apply(lab, advised(found, Safety.RECREATE))
    lab.wait_listening("app", 5000)
    report = diagnose(lab, declarations=[Declaration(container="app", publishes=(5000,))])
    assert (codes(report), report.skipped) == ([], ())
    assert lab.inspect("app")["NetworkSettings"]["Ports"]["5000/tcp"]


def test_a_configured_publication_that_does_not_exist_is_a_warning(lab: Lab) -> None:
    lab.run("app", listen=5000)
    found = only_fault(diagnose(lab, declarations=[Declaration(container="a*", publishes=(5000,))]))
    assert (found.code, found.target, found.severity) == ("LD505", "app", Severity.WARNING)


@pytest.mark.parametrize("host_port", [5000, 15000])
def test_a_port_meant_for_outside_that_is_published_anywhere_is_right(
    lab: Lab, host_port: int
) -> None:
    labels = {"linkdoctor.publish": "5000"}
    lab.run("app", listen=5000, labels=labels, publish={5000: host_port})
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_port_that_the_other_host_dials_is_fixed_by_publishing_it_there(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    server = first.image("lab:app", expose=[5000], command=SERVE, files=PAGE)
    first.run("app", image=server, command=[])
    first.wait_listening("app", 5000)
    second.run("web", env={"APP_URL": "http://10.77.0.1:5000/"})
    assert second.fetch("web", "http://10.77.0.1:5000/")[0] != 0
    found = only_fault(diagnose(first, second))
    assert (found.code, found.host, found.target) == ("LD505", "host2", "web")
    assert (found.source, found.alias) == ("app", "10.77.0.1")
    assert found.severity is Severity.ERROR
    apply(second, advised(found, Safety.RECREATE), first)
    first.wait_listening("app", 5000)
    report = diagnose(first, second)
    assert (codes(report), report.skipped) == ([], ())
    assert second.fetch("web", "http://10.77.0.1:5000/") == (0, "hello\n")


def test_a_published_port_that_the_other_host_dials_is_healthy(two_hosts: tuple[Lab, Lab]) -> None:
    first, second = two_hosts
    first.run("app", listen=5000, publish={5000: 15000})
    second.run("web", env={"APP_URL": "http://10.77.0.1:15000/"})
    report = diagnose(first, second)
    assert (report.findings, report.skipped) == ((), ())
    assert second.fetch("web", "http://10.77.0.1:15000/") == (0, "app\n")


def test_a_port_that_a_container_on_the_hosts_network_serves_needs_no_publication(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    first.run("app", listen=5000)
    first.run("onhost", network_mode="host", listen=5000, expose=[])
    second.run("web", env={"APP_URL": "http://10.77.0.1:5000/"})
    report = diagnose(first, second)
    assert (report.findings, report.skipped) == ((), ())
    assert second.fetch("web", "http://10.77.0.1:5000/") == (0, "onhost\n")


def test_an_exposed_port_that_nobody_outside_needs_is_healthy(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", env={"APP_URL": "http://helloapp:5000/"})
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
