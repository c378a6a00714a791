"""LD101 to LD104 on a real engine: sources that are down, recreated, gone, or refused."""

from __future__ import annotations

import pytest
from docker.errors import APIError

from linkdoctor.model.report import Completeness, Safety, Severity, Verdict

from .examining import advised, apply, codes, diagnose, leaks, only_fault, words
from .situations import Lab

SERVER = ["httpd", "-f", "-p", "5000", "-h", "/srv"]
SECRET = "s3cr3t-argument"
PAGE = {"/srv/index.html": "hello\n"}


@pytest.fixture
def linked(lab: Lab) -> Lab:
    """`web`, linked to `app` as `helloapp`; both images bring their own command."""
    server = lab.image("lab:app", expose=[5000], command=SERVER, files=PAGE)
    client = lab.image("lab:web", env={"COLOUR": "light blue"}, command=["sleep", "100000"])
    lab.run("app", image=server, command=[])
    lab.wait_listening("app", 5000)
    lab.run("web", image=client, command=[], link="app:helloapp")
    return lab


def recreate_source(lab: Lab) -> None:
    """A new `app` that serves, before anything looks."""
    lab.recreate("app")
    lab.wait_listening("app", 5000)


# Health


def test_a_healthy_host_gives_no_finding_and_no_skip(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.run("db", network="back", listen=5432, aliases=["postgres"])
    lab.run("shop", network="back", link="db:database", publish={8080: 18080}, listen=8080)
    lab.run("idle", start=False)
    report = diagnose(lab)
    assert report.findings == ()
    assert report.skipped == ()
    assert report.summary.verdict is Verdict.HEALTHY
    (host,) = report.hosts
    assert (host.name, host.engine) == ("host1", f"Docker {lab.api.version()['Version']}")
    assert (host.containers, host.links) == (5, 2)
    assert host.evidence is Completeness.COMPLETE


def test_an_empty_host_is_healthy(lab: Lab) -> None:
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


# LD101


def test_a_stopped_source_is_one_fault_and_its_start_fixes_it(linked: Lab) -> None:
    linked.stop("app")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD101", "web", "helloapp")
    assert found.severity is Severity.ERROR
    assert "exit code 137" in found.evidence[0].observed
    apply(linked, advised(found, Safety.SAFE))
    linked.wait_listening("app", 5000)
    assert codes(diagnose(linked)) == []


def test_a_source_that_ended_by_itself_shows_its_exit_code(lab: Lab) -> None:
    lab.run("app", expose=[5000], command=["sh", "-c", "sleep 2; exit 7"])
    lab.run("web", link="app:helloapp")
    lab.wait_for(lambda: not lab.pid("app"))
    found = only_fault(diagnose(lab))
    assert found.code == "LD101"
    assert "exit code 7" in found.evidence[0].observed


def test_a_stopped_source_on_a_user_defined_network_is_the_same_fault(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    lab.stop("app")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD101", "web", "helloapp")
    apply(lab, advised(found, Safety.SAFE))
    lab.wait_listening("app", 5000)
    assert codes(diagnose(lab)) == []


def test_the_command_that_shows_the_sources_log_can_be_typed(linked: Lab) -> None:
    linked.stop("app")
    apply(linked, advised(only_fault(diagnose(linked)), Safety.MANUAL))


def test_a_target_that_has_stopped_too_misses_nothing(linked: Lab) -> None:
    linked.stop("web", "app")
    assert codes(diagnose(linked)) == []


def test_a_source_that_came_back_at_its_old_address_is_healthy(linked: Lab) -> None:
    linked.restart("app")
    linked.wait_listening("app", 5000)
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


# LD102


def test_a_recreated_source_is_a_ghost_and_a_recreated_target_fixes_it(linked: Lab) -> None:
    recreate_source(linked)
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD102", "web", "helloapp")
    assert found.source == "app"
    assert [fix.safety for fix in found.fixes] == [Safety.RECREATE, Safety.RECREATE]
    apply(linked, advised(found, Safety.RECREATE))
    assert linked.process_environment("web")["COLOUR"] == "light blue"
    assert linked.fetch("web", "http://helloapp:5000/") == (0, "hello\n")
    report = diagnose(linked)
    assert (codes(report), report.skipped) == ([], ())


def test_a_recreated_source_at_another_address_is_one_fault_with_consequences(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.remove("app")
    lab.run("other", listen=81)
    lab.run("app", listen=5000)
    found = only_fault(diagnose(lab))
    assert (found.code, found.alias) == ("LD102", "helloapp")
    assert found.consequences == ("LD201", "LD302")


def test_every_link_to_a_recreated_source_is_a_fault_of_its_own(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("web", link=["app:helloapp", "app:second", "db:db"])
    lab.run("worker", link="app:app")
    lab.recreate("app")
    report = diagnose(lab)
    assert codes(report) == ["LD102 web/helloapp", "LD102 web/second", "LD102 worker/app"]


def test_a_ghost_of_a_target_that_has_stopped_for_good_is_not_missed(linked: Lab) -> None:
    linked.stop("web")
    recreate_source(linked)
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


def test_a_ghost_of_a_stopped_target_that_would_start_at_boot_is_a_fault(lab: Lab) -> None:
    lab.run("app", listen=5000, restart="always")
    lab.run("web", link="app:helloapp", restart="always")
    lab.stop("web")
    lab.recreate("app")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD102", "web", "helloapp")
    assert "web cannot be started again" in found.message


def test_a_renamed_source_is_no_ghost(linked: Lab) -> None:
    linked.rename("app", "app2")
    report = diagnose(linked)
    assert (codes(report), report.skipped) == (["LD110 web/helloapp"], ())


def test_a_recreated_source_on_a_user_defined_network_is_picked_up(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    lab.recreate("app")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_recreated_target_is_linked_to_the_source_of_today(linked: Lab) -> None:
    recreate_source(linked)
    linked.recreate("web")
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


def test_an_engine_restart_fixes_a_ghost(lab: Lab) -> None:
    lab.run("app", listen=5000, restart="always")
    lab.run("web", link="app:helloapp", restart="always")
    lab.recreate("app")
    assert codes(diagnose(lab)) == ["LD102 web/helloapp"]
    lab.restart_engine()
    lab.wait_for(lambda: bool(lab.pid("app") and lab.pid("web")))
    lab.wait_listening("app", 5000)
    assert codes(diagnose(lab)) == []


# LD103


def test_a_removed_source_is_gone(linked: Lab) -> None:
    linked.remove("app")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD103", "web", "helloapp")
    assert found.source == "app"


def test_the_advice_for_a_source_that_is_gone_fixes_it_in_its_order(linked: Lab) -> None:
    linked.remove("app")
    found = only_fault(diagnose(linked))
    create, recreate = found.fixes
    assert (create.safety, recreate.safety) == (Safety.MANUAL, Safety.RECREATE)
    # Typed now it would stop web, and the engine would refuse the new one.
    assert recreate.commands == ()
    linked.run("app", image="lab:app", command=[])
    linked.wait_listening("app", 5000)
    apply(linked, advised(only_fault(diagnose(linked)), Safety.RECREATE))
    report = diagnose(linked)
    assert (codes(report), report.skipped) == ([], ())


def test_a_removed_container_that_nobody_is_linked_to_is_not_missed(linked: Lab) -> None:
    linked.run("bystander", listen=81)
    linked.remove("bystander")
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


# LD104


def test_a_refusal_because_the_source_was_down_is_fixed_by_two_starts(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.stop("app")
    lab.run("web", link="app:helloapp", refused=True)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD104", "web", "helloapp")
    assert words(advised(found, Safety.SAFE)) == [
        ["docker", "start", "app"],
        ["docker", "start", "web"],
    ]
    apply(lab, advised(found, Safety.SAFE))
    lab.wait_listening("app", 5000)
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_refusal_whose_source_runs_meanwhile_is_fixed_by_one_start(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.stop("app")
    lab.run("web", link="app:helloapp", refused=True)
    lab.start("app")
    found = only_fault(diagnose(lab))
    assert found.code == "LD104"
    assert words(advised(found, Safety.SAFE)) == [["docker", "start", "web"]]
    apply(lab, advised(found, Safety.SAFE))
    assert codes(diagnose(lab)) == []


def test_a_refusal_because_the_source_is_off_the_bridge_is_fixed_by_connecting(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", link="app:helloapp", refused=True)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD104", "web", "helloapp")
    assert words(advised(found, Safety.SAFE))[0] == [
        "docker",
        "network",
        "connect",
        "bridge",
        "app",
    ]
    apply(lab, advised(found, Safety.SAFE))
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())


def test_a_restart_with_a_ghost_link_is_fixed_by_a_recreated_target(linked: Lab) -> None:
    recreate_source(linked)
    with pytest.raises(APIError, match="Cannot link to a non running container"):
        linked.restart("web")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD104", "web", "helloapp")
    assert [fix.safety for fix in found.fixes] == [Safety.RECREATE, Safety.RECREATE]
    apply(linked, advised(found, Safety.RECREATE))
    report = diagnose(linked)
    assert (codes(report), report.skipped) == ([], ())


def test_a_refused_restart_under_a_restart_policy_explains_its_ghost_link(lab: Lab) -> None:
    client = lab.image("lab:web", command=["sleep", "100000"])
    lab.run("app", listen=5000)
    lab.run("web", image=client, command=[], link="app:helloapp", restart="on-failure:2")
    lab.recreate("app")
    with pytest.raises(APIError, match="Cannot link to a non running container"):
        lab.restart("web")
    found = only_fault(diagnose(lab))
    assert (found.code, found.consequences) == ("LD104", ("LD102",))
    apply(lab, advised(found, Safety.RECREATE))
    report = diagnose(lab)
    assert (codes(report), report.skipped) == ([], ())


def test_a_start_that_failed_for_another_reason_is_no_refused_link(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", command=["no-such-program", SECRET], refused=True)
    report = diagnose(lab)
    # Version 0.1 said nothing at all of a target that the engine could not start.
    assert (codes(report), report.skipped) == (["LD115 web/"], ())
    assert report.findings[0].severity is Severity.WARNING
    assert "program does not exist" in report.findings[0].message
    assert leaks(report, SECRET, "no-such-program") == []


def test_a_source_whose_start_failed_is_told_with_its_target(linked: Lab) -> None:
    linked.remove("app")
    linked.run("app", command=["no-such-program"], refused=True)
    assert [each for each in codes(diagnose(linked)) if each.startswith("LD115")] == []


def test_a_job_that_nobody_is_linked_to_may_fail_to_start(lab: Lab) -> None:
    lab.run("job", command=["no-such-program"], refused=True)
    assert diagnose(lab).findings == ()


def test_a_refused_attempt_that_was_perhaps_repeated_is_a_warning(lab: Lab) -> None:
    """Version 0.1 had it as a remark: whether it was repeated is a guess."""
    lab.run("app", listen=5000)
    lab.stop("app")
    lab.run("web", link="app:helloapp", refused=True)
    lab.start("app")
    lab.run("web2", link="app:helloapp")
    report = diagnose(lab)
    assert codes(report) == ["LD104 web/helloapp"]
    assert report.findings[0].severity is Severity.WARNING
    assert "perhaps web2" in report.findings[0].message


def test_a_refused_replica_beside_a_healthy_one_is_an_error(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web1", link="app:helloapp")
    lab.stop("app")
    lab.run("web2", link="app:helloapp", refused=True)
    lab.start("app")
    (found,) = [each for each in diagnose(lab).findings if each.code == "LD104"]
    assert (found.target, found.severity) == ("web2", Severity.ERROR)


def test_a_target_that_ran_and_was_refused_is_an_error_beside_any_other(linked: Lab) -> None:
    linked.stop("web", "app")
    with pytest.raises(APIError):
        linked.client.containers.get("web").start()
    linked.start("app")
    linked.run("web2", image="lab:web", command=[], link="app:helloapp")
    (found,) = [each for each in diagnose(linked).findings if each.code == "LD104"]
    assert (found.target, found.severity) == ("web", Severity.ERROR)
