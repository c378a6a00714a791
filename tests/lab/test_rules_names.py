"""LD301, LD306 and LD401 on real engines: names that a container expects, here or elsewhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest

from linkdoctor.collect.sockets import in_namespace
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.report import Finding, Report, Safety, Severity

from .examining import advised, apply, codes, diagnose, only_fault, told, words
from .situations import Lab

SLEEP = ["sleep", "100000"]
HELLO = "carinamarina/hello-world-web:latest"
PAGE = {"/srv/index.html": "hello\n"}
READS = 'wget -q -O /tmp/page "http://$HELLOAPP_PORT_5000_TCP_ADDR:5000/"; exec sleep 100000'
DIALS = ["sh", "-c", "exec sleep 100000", "sh", "--api=http://helloapp:5000/v1"]


@contextmanager
def resolver(lab: Lab, name: str, known: str) -> Iterator[None]:
    """Answer DNS queries on a container's loopback address: one name is known, all others not."""
    namespace = Path(f"/proc/{lab.pid(name)}/ns/net")
    server = in_namespace(namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server.bind(("127.0.0.1", 53))
    server.settimeout(10.0)
    thread = threading.Thread(target=answer_queries, args=(server, known))
    thread.start()
    try:
        yield
    finally:
        server.sendto(b"", server.getsockname())
        thread.join()
        server.close()


def answer_queries(server: socket.socket, known: str) -> None:
    """Answer queries until an empty one comes."""
    while True:
        packet, sender = server.recvfrom(512)
        if not packet:
            return
        query = dns.message.from_wire(packet)
        reply = dns.message.make_response(query)
        asked = query.question[0].name
        if asked.to_text(omit_final_dot=True) == known:
            reply.answer.append(dns.rrset.from_text(asked, 60, "IN", "A", "10.1.1.1"))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        server.sendto(reply.to_wire(), sender)


def expects_by_label(lab: Lab) -> None:
    """The label of the image."""
    image = lab.image("lab:label", labels={"linkdoctor.expects": "helloapp"}, command=SLEEP)
    lab.run("web", image=image, command=[], link="app:app")


def expects_by_variable(lab: Lab) -> None:
    """The command line reads link variables."""
    image = lab.image("lab:variable", command=["sh", "-c", READS])
    lab.run("web", image=image, command=[], link="app:app")


def expects_by_script(lab: Lab) -> None:
    """The entry-point script reads link variables."""
    script = f"#!/bin/sh\n{READS}\n"
    image = lab.image(
        "lab:script", files={"/start.sh": script}, entrypoint=["/start.sh"], command=None
    )
    lab.run("web", image=image, command=[], link="app:app")


def expects_by_environment(lab: Lab) -> None:
    """A URL in the environment."""
    image = lab.image("lab:sleep", command=SLEEP)
    env = {"API_URL": "http://helloapp:5000/v1"}
    lab.run("web", image=image, command=[], link="app:app", env=env)


def expects_by_host_variable(lab: Lab) -> None:
    """A bare name in a variable that is called a host."""
    image = lab.image("lab:sleep", command=SLEEP)
    env = {"API_HOST": "helloapp", "API_PORT": "5000"}
    lab.run("web", image=image, command=[], link="app:app", env=env)


def expects_by_arguments(lab: Lab) -> None:
    """A URL among the arguments."""
    image = lab.image("lab:dials", command=DIALS)
    lab.run("web", image=image, command=[], link="app:app")


def expects_by_image(lab: Lab) -> None:
    """The image is known to use a name."""
    lab.image(HELLO, command=SLEEP)
    lab.run("web", image=HELLO, command=[], link="app:app")


@pytest.mark.parametrize(
    ("expects", "origin"),
    [
        (expects_by_label, "label"),
        (expects_by_variable, "link variable"),
        (expects_by_script, "link variable"),
        (expects_by_environment, "setting"),
        (expects_by_host_variable, "setting"),
        (expects_by_arguments, "setting"),
        (expects_by_image, "image"),
    ],
)
def test_a_link_under_another_alias_than_expected_is_fixed_by_recreation(
    lab: Lab, expects: Callable[[Lab], None], origin: str
) -> None:
    lab.run("app", listen=5000)
    expects(lab)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD301", "web", "helloapp")
    assert (found.source, found.severity) == ("app", Severity.ERROR)
    assert "linked to app as app" in found.message
    assert found.evidence[0].what == f"name that {origin} expects"
    apply(lab, advised(found, Safety.RECREATE))
    report = diagnose(lab)
    assert (codes(report), report.skipped) == ([], ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert lab.fetch("web", "http://app:5000/") == (0, "app\n")


def test_a_configured_expectation_that_nothing_meets_is_fixed_by_recreation(lab: Lab) -> None:
    image = lab.image("lab:sleep", command=SLEEP)
    declarations = [Declaration(container="web*", expects=("helloapp",))]
    lab.run("app", listen=5000)
    lab.run("web1", image=image, command=[], link="app:app")
    lab.run("job", image=image, command=[], link="app:app")
    found = only_fault(diagnose(lab, declarations=declarations))
    assert (found.code, found.target, found.alias) == ("LD301", "web1", "helloapp")
    assert found.evidence[0].what == "name that configuration expects"
    apply(lab, advised(found, Safety.RECREATE))
    report = diagnose(lab, declarations=declarations)
    assert (codes(report), report.skipped) == ([], ())


def test_a_name_that_only_the_containers_own_resolver_denies_is_a_warning(lab: Lab) -> None:
    lab.run("web", env={"API_URL": "http://helloapp:5000/"})
    with resolver(lab, "web", known="other"):
        found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD301", "web", "helloapp")
    assert found.severity is Severity.WARNING
    assert found.evidence[-1].observed == "no such name"


def test_a_name_that_the_containers_own_resolver_knows_is_not_missing(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:app", env={"API_URL": "http://helloapp:5000/"})
    with resolver(lab, "web", known="helloapp"):
        report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_name_that_a_silent_resolver_could_know_is_a_skip_and_no_fault(lab: Lab) -> None:
    lab.run("web", env={"API_URL": "http://helloapp:5000/"})
    report = diagnose(lab)
    assert report.findings == ()
    assert [(each.code, each.subject) for each in report.skipped] == [("LD301", "web")]


def test_a_bare_word_that_the_resolver_denies_may_be_no_host(lab: Lab) -> None:
    lab.run("web", env={"APP_SERVER": "standalone", "SMTP_HOST": "mailhost"})
    with resolver(lab, "web", known="other"):
        report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_container_of_the_expected_name_out_of_reach_is_brought_near(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", listen=5000)
    lab.run("web", network="back", env={"API_URL": "http://app:5000/"})
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD301", "web", "app")
    apply(lab, advised(found, Safety.SAFE))
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
    assert lab.fetch("web", "http://app:5000/") == (0, "app\n")


def test_a_wrong_alias_on_a_user_defined_network_is_fixed_at_the_source(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000, aliases=["service"])
    lab.run("web", network="back", link="app:api", env={"API_URL": "http://helloapp:5000/"})
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD301", "web", "helloapp")
    apply(lab, advised(found, Safety.RESTART))
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
    for name in ("helloapp", "service", "api", "app"):
        assert lab.fetch("web", f"http://{name}:5000/") == (0, "app\n")


def test_names_that_something_provides_are_not_missing(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", listen=5000)
    lab.run("db", network="back", aliases=["postgres"], listen=5432)
    url = {"API_URL": "http://helloapp:5000/"}
    lab.run("by-link", link="app:helloapp", env=url)
    lab.run("by-extra-host", link="app:app", env=url, extra_hosts=["helloapp:10.0.0.9"])
    lab.run("by-own-name", link="app:app", env=url, hostname="helloapp")
    lab.run("by-alias", network="back", env={"DATABASE_URL": "postgres://postgres/shop"})
    lab.run("by-name", network="back", env={"DATABASE_URL": "postgres://db:5432/shop"})
    lab.run("by-loopback", env={"API_URL": "http://localhost:5000/"})
    report = diagnose(lab)
    assert (codes(report), report.skipped) == ([], ())


def test_values_that_are_no_host_are_not_missed(lab: Lab) -> None:
    env = {"MODE": "production", "COLOUR": "light", "RATIO": "16:9", "AT": "12:30", "API_HOST": ""}
    lab.run("app", listen=5000)
    lab.run("web", link="app:app", env=env)
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_setting_that_replaces_the_images_default_is_right(lab: Lab) -> None:
    lab.image(HELLO, command=SLEEP)
    lab.run("app", listen=5000)
    lab.run("web", image=HELLO, command=[], link="app:app", env={"APP_HOST": "app"})
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_the_hello_image_linked_as_it_expects_is_healthy(lab: Lab) -> None:
    lab.image(HELLO, command=SLEEP)
    lab.run("app", listen=5000)
    lab.run("web", image=HELLO, command=[], link="app:helloapp")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


# LD306


def test_a_link_on_a_network_to_a_source_that_does_not_exist_resolves_nowhere(lab: Lab) -> None:
    lab.network("back")
    lab.run("web", network="back", link="app:helloapp")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD306", "web", "helloapp")
    assert found.source == "app"
    lab.run("app", network="back", listen=5000)
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_source_on_another_network_is_fixed_by_connecting_it(lab: Lab) -> None:
    lab.network("back")
    lab.network("front")
    lab.run("app", network="front", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD402", "web", "helloapp")
    assert words(advised(found, Safety.SAFE)) == [["docker", "network", "connect", "back", "app"]]
    apply(lab, advised(found, Safety.SAFE))
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_removed_source_on_a_network_resolves_nowhere(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    lab.remove("app")
    assert codes(diagnose(lab)) == ["LD306 web/helloapp"]


def test_a_source_that_was_renamed_on_a_network_is_named_and_gets_its_name_back(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    lab.rename("app", "app2")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD306", "web", "helloapp")
    assert "no container is called app (app2 had it as name, until it was renamed)" in found.message
    assert "create" not in found.fixes[0].title
    apply(lab, advised(found, Safety.SAFE))
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_renamed_source_that_does_not_serve_there_gets_no_name_back_unasked(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    lab.rename("app", "app-before")
    lab.stop("app-before")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target) == ("LD306", "web")
    assert "find out whether app-before is meant" in found.fixes[0].title
    assert not any(fix.actions for fix in found.fixes)


def test_a_link_that_names_an_alias_or_an_id_of_its_source_resolves(lab: Lab) -> None:
    lab.network("back")
    identity = lab.run("p-app-1", network="back", aliases=["app"], listen=5000)
    lab.run("web", network="back", link=["app:helloapp", f"{identity[:12]}:byid"])
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
    for name in ("helloapp", "byid"):
        assert lab.fetch("web", f"http://{name}:5000/") == (0, "p-app-1\n")


def test_an_extra_host_answers_for_a_source_that_is_not_there(lab: Lab) -> None:
    lab.network("back")
    lab.run("web", network="back", link="app:helloapp", extra_hosts=["helloapp:10.0.0.5"])
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


# LD401


def pages(first: Lab, second: Lab) -> tuple[str, str]:
    """Images with commands of their own: a client on the first host, a server on the second."""
    server = ["httpd", "-f", "-p", "9000", "-h", "/srv"]
    return (
        first.image("lab:sleep", command=SLEEP),
        second.image("lab:billing", expose=[9000], command=server, files=PAGE),
    )


def the_one(report: Report, code: str, target: str, alias: str) -> Finding:
    """The one fault of a report over two hosts."""
    found = only_fault(report)
    assert (found.code, found.host, found.target, found.alias) == (code, "host1", target, alias)
    return found


def test_a_link_to_a_container_of_the_other_host_is_fixed_by_publishing_it(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    client, server = pages(*two_hosts)
    first.network("back")
    first.run("web", image=client, command=[], network="back", link="billing:billing")
    second.run("billing", image=server, command=[])
    second.wait_listening("billing", 9000)
    found = the_one(diagnose(first, second), "LD401", "web", "billing")
    assert found.consequences == ("LD306",)
    assert "it runs on host2" in found.message
    apply(first, advised(found, Safety.RECREATE), second)
    second.wait_listening("billing", 9000)
    report = diagnose(first, second)
    assert (codes(report), report.skipped) == ([], ())
    assert first.fetch("web", "http://billing:9000/") == (0, "hello\n")


def test_a_setting_that_names_a_container_of_the_other_host_is_the_same_fault(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    client, server = pages(*two_hosts)
    first.run("web", image=client, command=[], env={"BILLING_URL": "http://billing:9000/"})
    second.run("billing", image=server, command=[])
    second.wait_listening("billing", 9000)
    found = the_one(diagnose(first, second), "LD401", "web", "billing")
    apply(first, advised(found, Safety.RECREATE), second)
    second.wait_listening("billing", 9000)
    report = diagnose(first, second)
    assert (codes(report), report.skipped) == ([], ())
    assert first.fetch("web", "http://billing:9000/") == (0, "hello\n")


def test_a_removed_source_that_the_other_host_has_is_gone_and_shown_there(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    first.run("app", listen=5000)
    first.run("web", link="app:helloapp")
    first.remove("app")
    second.run("app", listen=5000)
    found = the_one(diagnose(first, second), "LD103", "web", "helloapp")
    assert found.consequences == ("LD401",)
    assert [proof for proof in found.evidence if "host2" in proof.what]


def test_the_same_names_on_both_hosts_are_healthy(two_hosts: tuple[Lab, Lab]) -> None:
    for lab in two_hosts:
        lab.network("back")
        lab.run("app", listen=5000)
        lab.run("web", link="app:helloapp")
        lab.run("db", network="back", listen=5432)
        lab.run("shop", network="back", link="db:database")
    report = diagnose(*two_hosts)
    assert (report.findings, report.skipped) == ((), ())
    assert [(each.name, each.links) for each in report.hosts] == [("host1", 2), ("host2", 2)]


def test_an_extra_host_that_leads_to_the_other_host_is_healthy(two_hosts: tuple[Lab, Lab]) -> None:
    first, second = two_hosts
    env = {"DATABASE_URL": "postgres://db/shop"}
    first.run("web", env=env, extra_hosts=["db:10.77.0.2"])
    second.run("db", listen=5432, publish={5432: 5432})
    report = diagnose(first, second)
    assert (report.findings, report.skipped) == ((), ())


def test_of_an_alias_with_a_slash_the_last_part_is_the_name(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:a/b")
    assert lab.links("web") == ["/app:/web/a/b"]
    assert len(lab.hosts_lines("web", "b")) == 1
    assert "B_PORT" in lab.process_environment("web")
    assert told(diagnose(lab)) == []
    lab.recreate("app")
    assert told(diagnose(lab)) == ["LD102 web/b"]
