"""LD506 to LD509 and LD511 on real engines: ports of the host that lead to containers or not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from docker.errors import APIError

from linkdoctor.api import Url, diagnose_engines
from linkdoctor.model.evidence import Gap
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.report import Safety, Severity

from .engine import SEARCH_PATH
from .examining import advised, apply, codes, diagnose, only_fault, told, words
from .leftovers import NAMESPACES
from .situations import Lab

SLEEP = ["sleep", "100000"]
SERVE = ["httpd", "-f", "-p", "5000", "-h", "/srv"]
PAGE = {"/srv/index.html": "hello\n"}
MEANT = {"linkdoctor.publish": "5000"}
AS_LONG_AS_A_TEST = "60"


@pytest.fixture
def server(lab: Lab) -> str:
    """An image that serves a page at port 5000 by its own command."""
    return lab.image("lab:app", expose=[5000], command=SERVE, files=PAGE)


@contextmanager
def program_of_the_host(lab: Lab, port: int) -> Iterator[None]:
    """A program in the engine's own network namespace that listens on a port."""
    entering = ["nsenter", f"--net={NAMESPACES / lab.engine.namespace}", "--"]
    listening = ["timeout", AS_LONG_AS_A_TEST, "busybox", "httpd", "-f", "-p", str(port)]
    with subprocess.Popen([*entering, *listening], env={"PATH": SEARCH_PATH}) as process:
        try:
            lab.wait_for(lambda: f":{port} " in lab.engine.inside("ss", "-ltn"))
            yield
        finally:
            process.terminate()


# LD506


def test_a_loopback_publication_meant_for_outside_is_fixed_by_opening_it(
    lab: Lab, server: str
) -> None:
    lab.run("app", image=server, command=[], publish={5000: "127.0.0.1:18000"}, labels=MEANT)
    lab.wait_listening("app", 5000)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD506", "app", "")
    assert found.severity is Severity.WARNING
    assert found.evidence[0].observed == "127.0.0.1:18000"
    apply(lab, advised(found, Safety.RECREATE))
    lab.wait_listening("app", 5000)
    declared = [Declaration(container="app", publishes=(5000,))]
    report = diagnose(lab, declarations=declared)
    assert (told(report), report.skipped) == ([], ())
    ports = lab.inspect("app")["NetworkSettings"]["Ports"]["5000/tcp"]
    assert {each["HostIp"] for each in ports} == {"0.0.0.0", "::"}


def test_a_loopback_publication_that_the_other_host_dials_is_fixed_there(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    image = first.image("lab:app", expose=[5000], command=SERVE, files=PAGE)
    first.run("app", image=image, command=[], publish={5000: "127.0.0.1:18000"})
    first.wait_listening("app", 5000)
    second.run("web", env={"APP_URL": "http://10.77.0.1:18000/"})
    assert second.fetch("web", "http://10.77.0.1:18000/")[0] != 0
    found = only_fault(diagnose(first, second))
    assert (found.code, found.host, found.target) == ("LD506", "host2", "web")
    assert (found.source, found.alias) == ("app", "10.77.0.1")
    apply(second, advised(found, Safety.RECREATE), first)
    first.wait_listening("app", 5000)
    report = diagnose(first, second)
    assert (told(report), report.skipped) == ([], ())
    assert second.fetch("web", "http://10.77.0.1:18000/") == (0, "hello\n")


def test_a_container_of_the_same_host_does_not_reach_a_loopback_publication_either(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, _ = two_hosts
    first.run("app", listen=5000, publish={5000: "127.0.0.1:18000"})
    first.run("web", env={"APP_URL": "http://10.77.0.1:18000/"})
    assert first.fetch("web", "http://10.77.0.1:18000/")[0] != 0
    assert codes(diagnose(first)) == ["LD506 web/10.77.0.1"]


def test_a_container_on_the_hosts_network_may_reach_it(two_hosts: tuple[Lab, Lab]) -> None:
    first, _ = two_hosts
    first.run("app", listen=5000, publish={5000: "127.0.0.1:18000"})
    first.run("web", network_mode="host", env={"APP_URL": "http://host1:18000/"})
    assert first.fetch("web", "http://127.0.0.1:18000/") == (0, "app\n")
    report = diagnose(first)
    assert (told(report), report.skipped) == ([], ())


def test_a_loopback_publication_that_nobody_outside_needs_is_intended(lab: Lab) -> None:
    lab.run("app", listen=5000, publish={5000: "127.0.0.1:18000"})
    lab.run("web", link="app:helloapp")
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


# LD507


def test_a_published_port_that_nothing_listens_on_is_a_fault(lab: Lab) -> None:
    lab.run("app", listen=8080, expose=[], publish={5000: 18000})
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD507", "app", "")
    assert found.severity is Severity.ERROR
    assert found.evidence[0].observed == "0.0.0.0:8080 (httpd)"
    assert "0.0.0.0:18000, [::]:18000 of host1 leads to port 5000 of app" in found.message
    apply(lab, advised(found, Safety.MANUAL))


def test_a_published_port_on_the_containers_loopback_address_is_dead_too(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    first.run("app", listen=5000, listen_on="127.0.0.1", publish={5000: 18000})
    second.run("web")
    assert second.fetch("web", "http://10.77.0.1:18000/")[0] != 0
    found = only_fault(diagnose(first, second))
    assert (found.code, found.target) == ("LD507", "app")
    assert "its own loopback address only" in found.message


@pytest.mark.parametrize(("listen_on", "code"), [("0.0.0.0", "LD502"), ("127.0.0.1", "LD503")])
def test_a_port_that_a_link_reports_is_not_reported_again(
    lab: Lab, listen_on: str, code: str
) -> None:
    port = 8080 if code == "LD502" else 5000
    lab.run("app", listen=port, listen_on=listen_on, expose=[], publish={5000: 18000})
    lab.run("web", link="app:helloapp")
    assert codes(diagnose(lab)) == [f"{code} web/helloapp"]


def test_what_is_published_because_it_is_exposed_need_not_be_served(lab: Lab) -> None:
    lab.run("app", listen=80, expose=[80, 443], publish_all=True)
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


def test_several_published_ports_of_which_one_is_served_are_one_remark(lab: Lab) -> None:
    published: dict[int | str, int | str | None] = {
        port: 18000 + port for port in range(5000, 5006)
    }
    lab.run("app", listen=5000, expose=[], publish=published)
    report = diagnose(lab)
    (found,) = report.findings
    assert (found.code, found.target, found.severity) == ("LD507", "app", Severity.INFO)
    assert "another published port is served" in found.message
    assert report.skipped == ()


def test_several_published_ports_of_which_none_is_served_are_one_error(lab: Lab) -> None:
    lab.run("app", listen=8080, expose=[], publish={5000: 18000, 5001: 18001})
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.severity) == ("LD507", "app", Severity.ERROR)
    assert "to 5000, " in found.message
    assert "to 5001" in found.message


def test_a_container_that_shares_the_network_may_serve_the_published_port(lab: Lab) -> None:
    lab.run("app", publish={5000: 18000})
    lab.run("helper", network_mode="container:app", listen=5000, expose=[])
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


def test_published_udp_ports_and_paused_containers_are_not_judged(lab: Lab) -> None:
    lab.run("dns", publish={"53/udp": 15353})
    lab.run("app", publish={5000: 18000})
    lab.pause("app")
    report = diagnose(lab)
    lab.unpause("app")
    assert (told(report), report.skipped) == ([], ())


def test_a_published_container_that_has_only_just_started_may_be_on_its_way(lab: Lab) -> None:
    lab.run("app", publish={5000: 18000})
    report = diagnose_engines([Url(lab.url)])
    assert told(report) == []
    (skip,) = report.skipped
    assert (skip.code, skip.gap) == ("LD507", Gap.TOO_EARLY), "not judged yet, and said so"


# LD508


def test_a_port_that_another_container_has_is_fixed_by_another_port(lab: Lab, server: str) -> None:
    lab.run("db", listen=5432, publish={5432: 18000})
    lab.run("app", image=server, command=[], publish={5000: 18000}, refused=True)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD508", "app", "")
    assert found.severity is Severity.ERROR
    assert "port 18000 of host1 is taken by db" in found.message
    apply(lab, advised(found, Safety.RECREATE))
    lab.wait_listening("app", 5000)
    bound = lab.inspect("app")["NetworkSettings"]["Ports"]["5000/tcp"]
    assert bound[0]["HostPort"] == "18001"
    lab.remove("app-before")
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


def test_the_kept_container_of_that_fix_is_a_remark_at_most(lab: Lab, server: str) -> None:
    lab.run("db", listen=5432, publish={5432: 18000})
    lab.run("app", image=server, command=[], publish={5000: 18000}, refused=True)
    apply(lab, advised(only_fault(diagnose(lab)), Safety.RECREATE))
    lab.wait_listening("app", 5000)
    report = diagnose(lab)
    assert (codes(report), told(report)) == ([], ["LD508 app-before/"])


def test_a_port_that_another_container_has_is_fixed_by_stopping_that(lab: Lab) -> None:
    lab.run("app", listen=5000, publish={5000: 18000})
    lab.stop("app")
    lab.run("db", listen=5432, publish={5432: "127.0.0.1:18000"})
    with pytest.raises(APIError):
        lab.start("app")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target) == ("LD508", "app")
    assert "is taken by db" in found.message
    apply(lab, advised(found, Safety.MANUAL))
    lab.wait_listening("app", 5000)
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


def test_a_port_that_a_program_of_the_host_has_is_told_from_a_free_one(lab: Lab) -> None:
    with program_of_the_host(lab, 19000):
        lab.run("app", listen=5000, publish={5000: 19000}, refused=True)
        found = only_fault(diagnose(lab))
        assert (found.code, found.target) == ("LD508", "app")
        assert "is taken by a program of host1 itself" in found.message
        recreate = Safety.RECREATE
        assert [fix.safety for fix in found.fixes] == [recreate, recreate, Safety.MANUAL]
    lab.wait_for(lambda: ":19000 " not in lab.engine.inside("ss", "-ltn"))
    found = only_fault(diagnose(lab))
    assert "was taken; it is free now" in found.message
    assert words(advised(found, Safety.SAFE)) == [["docker", "start", "app"]]
    apply(lab, advised(found, Safety.SAFE))
    lab.wait_listening("app", 5000)
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


def test_a_container_on_the_hosts_network_that_has_the_port_is_named(lab: Lab) -> None:
    lab.run("proxy", network_mode="host", listen=19000, expose=[])
    lab.run("app", listen=5000, publish={5000: 19000}, refused=True)
    found = only_fault(diagnose(lab))
    assert "is taken by httpd in proxy, which is on the host's network" in found.message


def test_a_taken_udp_port_is_not_a_tcp_port(lab: Lab) -> None:
    lab.run("other", listen=5000, publish={5000: 18000})
    lab.run("dns", publish={"53/udp": 18000})
    lab.run(
        "dns2", image=lab.image("lab:dns"), publish={"53/udp": 18000}, command=SLEEP, refused=True
    )
    found = only_fault(diagnose(lab))
    assert (found.code, found.target) == ("LD508", "dns2")
    assert "is taken by dns" in found.message


def test_a_source_that_could_not_come_back_is_one_fault_of_its_link(lab: Lab, server: str) -> None:
    client = lab.image("lab:web", command=SLEEP)
    lab.run("app", image=server, command=[], publish={5000: 18000})
    lab.wait_listening("app", 5000)
    lab.run("web", image=client, command=[], link="app:helloapp")
    lab.stop("app")
    lab.run("db", listen=5432, publish={5432: 18000})
    with pytest.raises(APIError):
        lab.start("app")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD508", "web", "helloapp")
    assert (found.source, found.consequences) == ("app", ("LD101",))
    apply(lab, advised(found, Safety.RECREATE))
    lab.wait_listening("app", 5000)
    lab.remove("app-before", "web-before")
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "hello\n")


def test_a_target_that_was_refused_for_it_is_started_after_it(lab: Lab) -> None:
    lab.run("db", listen=5432, publish={5432: 18000})
    lab.run("app", listen=5000, publish={5000: 18000}, refused=True)
    lab.run("web", link="app:helloapp", refused=True)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD508", "web", "helloapp")
    assert found.consequences == ("LD104",)
    apply(lab, advised(found, Safety.MANUAL))
    lab.wait_listening("app", 5000)
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())


def test_a_source_on_a_user_defined_network_is_one_fault_too(lab: Lab) -> None:
    lab.network("back")
    lab.run("db", listen=5432, publish={5432: 18000})
    lab.run("app", network="back", listen=5000, publish={5000: 18000}, refused=True)
    lab.run("web", network="back", link="app:helloapp")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD508", "web", "helloapp")
    assert "LD101" in found.consequences


def test_an_attempt_that_was_perhaps_repeated_at_another_port_is_a_warning(lab: Lab) -> None:
    """Version 0.1 had it as a remark: whether it was repeated is a guess."""
    lab.run("db", image=lab.image("lab:db", command=SLEEP), listen=5432, publish={5432: 18000})
    lab.run("app", listen=5000, publish={5000: 18000}, refused=True)
    lab.run("app2", listen=5000, publish={5000: 18001})
    report = diagnose(lab)
    assert codes(report) == ["LD508 app/"]
    assert report.findings[0].severity is Severity.WARNING
    assert "perhaps app2" in report.findings[0].message


def test_a_refused_replica_at_the_same_port_is_an_error(lab: Lab) -> None:
    lab.run("app1", listen=5000, publish={5000: 18000})
    lab.run("app2", listen=5000, publish={5000: 18000}, refused=True)
    (found,) = [each for each in diagnose(lab).findings if each.code == "LD508"]
    assert (found.target, found.severity) == ("app2", Severity.ERROR)


# LD509


@pytest.mark.parametrize("network", [None, "back"])
def test_the_hosts_port_dialled_at_the_alias_is_one_fault(lab: Lab, network: str | None) -> None:
    if network:
        lab.network(network)
    lab.run("db", listen=5432, publish={5432: 5433}, network=network)
    settings = {"DATABASE_URL": "postgres://db:5433/shop"}
    lab.run("web", link="db:db", network=network, env=settings)
    assert lab.fetch("web", "http://db:5433/")[0] == 1
    assert lab.fetch("web", "http://db:5432/") == (0, "db\n")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD509", "web", "db")
    assert (found.severity, found.consequences) == (Severity.ERROR, ("LD502",))
    assert "db:5432" in found.fixes[0].title


@pytest.mark.parametrize("url", ["postgres://db:5432/shop", "postgres://10.77.0.1:5433/shop"])
def test_the_right_port_for_the_right_address_is_healthy(
    two_hosts: tuple[Lab, Lab], url: str
) -> None:
    first, _ = two_hosts
    first.run("db", listen=5432, publish={5432: 5433})
    first.run("web", link="db:db", env={"DATABASE_URL": url})
    report = diagnose(first)
    assert (told(report), report.skipped) == ([], ())


def test_a_source_that_serves_the_hosts_number_too_is_reached(lab: Lab) -> None:
    lab.run(
        "db",
        publish={5432: 5433},
        command=["sh", "-c", "httpd -p 5433; exec httpd -f -p 5432"],
    )
    lab.wait_listening("db", 5432)
    lab.run("web", link="db:db", network=None, env={"DATABASE_URL": "postgres://db:5433/shop"})
    report = diagnose(lab)
    assert codes(report) == []
    assert not {each.code for each in report.findings} & {"LD509", "LD502"}


# LD511


@pytest.mark.parametrize("given", [None, "8000-8010"])
def test_a_port_of_the_engines_choice_that_the_other_host_dials_is_a_remark(
    two_hosts: tuple[Lab, Lab], given: str | None
) -> None:
    first, second = two_hosts
    image = first.image("lab:app", expose=[5000], command=SERVE, files=PAGE)
    first.run("app", image=image, command=[], publish={5000: given})
    first.wait_listening("app", 5000)
    number = first.inspect("app")["NetworkSettings"]["Ports"]["5000/tcp"][0]["HostPort"]
    url = f"http://10.77.0.1:{number}/"
    second.run("web", env={"APP_URL": url})
    assert second.fetch("web", url) == (0, "hello\n")
    report = diagnose(first, second)
    assert (codes(report), report.skipped) == ([], ())
    (found,) = report.findings
    assert (found.code, found.severity, found.host) == ("LD511", Severity.INFO, "host2")
    assert (found.target, found.source, found.alias) == ("web", "app", "10.77.0.1")
    apply(second, advised(found, Safety.RECREATE), first)
    first.wait_listening("app", 5000)
    report = diagnose(first, second)
    assert (told(report), report.skipped) == ([], ())
    first.restart("app")
    first.wait_listening("app", 5000)
    assert second.fetch("web", url) == (0, "hello\n")


@pytest.mark.parametrize("publish_all", [True, False])
def test_a_port_meant_for_outside_that_will_move_is_a_remark(lab: Lab, publish_all: bool) -> None:
    if publish_all:
        lab.run("app", listen=5000, labels=MEANT, publish_all=True)
    else:
        lab.run("app", listen=5000, labels=MEANT, publish={5000: None})
    report = diagnose(lab)
    assert (codes(report), told(report)) == ([], ["LD511 app/"])


def test_a_port_of_the_engines_choice_that_nobody_counts_on_is_healthy(lab: Lab) -> None:
    lab.run("app", listen=5000, publish_all=True)
    lab.run("web", link="app:helloapp", env={"APP_URL": "http://helloapp:5000/"})
    report = diagnose(lab)
    assert (told(report), report.skipped) == ([], ())
