"""LD201, LD302 and LD303 on a real engine: what the target knows is not what is."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor.model.report import Safety, Severity

from .examining import advised, apply, codes, diagnose, only_fault, remarks, words
from .situations import Lab


@pytest.fixture
def linked(lab: Lab) -> Lab:
    """`web`, which is linked to `app` as `helloapp` and brings its own command."""
    client = lab.image("lab:web", command=["sleep", "100000"])
    lab.run("app", listen=5000)
    lab.run("web", image=client, command=[], link="app:helloapp")
    return lab


def edit_hosts(lab: Lab, name: str, old: str, new: str) -> None:
    """Edit a container's hosts file in place, as a person inside it would."""
    hosts = Path(f"/proc/{lab.pid(name)}/root/etc/hosts")
    text = hosts.read_text()
    assert old in text
    hosts.write_text(text.replace(old, new))


def bounce(lab: Lab, name: str) -> tuple[str, str]:
    """Take a container off the bridge and put it back: (old, new) address."""
    old = lab.address(name)
    lab.disconnect("bridge", name)
    lab.run("squatter")
    lab.connect("bridge", name)
    return old, lab.address(name)


# LD201


def test_a_source_that_moved_leaves_stale_variables_and_a_restart_fixes_them(linked: Lab) -> None:
    old, new = linked.move("app")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD201", "web", "helloapp")
    assert found.severity is Severity.ERROR
    assert (old in found.message, new in found.message) == (True, True)
    assert "now the address of app-squatter1" in found.message
    proof = {each.what: (each.observed, each.expected) for each in found.evidence}
    assert proof["HELLOAPP_PORT_5000_TCP_ADDR"] == (old, new)
    assert words(advised(found, Safety.RESTART)) == [["docker", "restart", "web"]]
    apply(linked, advised(found, Safety.RESTART))
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


def test_an_old_address_that_nobody_took_is_called_nobodys(linked: Lab) -> None:
    linked.move("app")
    linked.remove("app-squatter1")
    found = only_fault(diagnose(linked))
    assert found.code == "LD201"
    assert "now an unused address" in found.message


def test_exec_shows_fresh_variables_where_the_process_has_stale_ones(linked: Lab) -> None:
    old, new = linked.move("app")
    assert linked.exec("web", "echo $HELLOAPP_PORT_5000_TCP_ADDR") == (0, f"{new}\n")
    assert linked.process_environment("web")["HELLOAPP_PORT_5000_TCP_ADDR"] == old
    assert codes(diagnose(linked)) == ["LD201 web/helloapp"]


def test_stale_variables_of_a_target_with_a_ghost_are_fixed_by_recreation_only(lab: Lab) -> None:
    client = lab.image("lab:web", command=["sleep", "100000"])
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("web", image=client, command=[], link=["app:helloapp", "db:db"])
    lab.recreate("db")
    lab.move("app")
    report = diagnose(lab)
    assert codes(report) == ["LD102 web/db", "LD201 web/helloapp"]
    for found in report.findings:
        assert not [fix for fix in found.fixes if fix.safety is Safety.RESTART]
        assert not [words for fix in found.fixes for words in fix.commands if "restart" in words]
    apply(lab, advised(report.findings[1], Safety.RECREATE))
    report = diagnose(lab)
    assert (codes(report), report.skipped) == ([], ())


def test_stale_variables_of_a_target_with_a_stopped_source_start_that_first(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("web", link=["app:helloapp", "db:db"])
    lab.move("app")
    lab.stop("db")
    report = diagnose(lab)
    assert codes(report) == ["LD101 web/db", "LD201 web/helloapp"]
    fix = advised(report.findings[1], Safety.RESTART)
    assert words(fix) == [["docker", "start", "db"], ["docker", "restart", "web"]]
    apply(lab, fix)
    lab.wait_listening("db", 5432)
    assert codes(diagnose(lab)) == []


def test_ghost_moved_and_stopped_together_are_one_fault_for_each_link(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("cache", listen=6379)
    lab.run("web", link=["app:helloapp", "db:db", "cache:cache"])
    lab.recreate("db")
    lab.move("app")
    lab.stop("cache")
    report = diagnose(lab)
    assert codes(report) == ["LD101 web/cache", "LD102 web/db", "LD201 web/helloapp"]
    assert report.skipped == ()


def test_variables_that_the_user_set_are_not_stale(lab: Lab) -> None:
    own = {"HELLOAPP_PORT": "tcp://10.0.0.9:5000", "HELLOAPP_PORT_5000_TCP_ADDR": "10.0.0.9"}
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", env=own)
    report = diagnose(lab)
    assert (codes(report), report.skipped) == ([], ())
    assert remarks(report) == ["LD204 web/helloapp"]


def test_two_aliases_with_one_prefix_are_not_stale(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=80)
    lab.run("web", link=["one:a-2", "two:a_2"])
    report = diagnose(lab)
    assert (codes(report), report.skipped) == (["LD206 web/a_2"], ())


def test_a_target_restarted_after_the_move_is_healthy(linked: Lab) -> None:
    linked.move("app")
    linked.restart("web")
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


def test_variables_of_an_unlinked_container_are_no_links(lab: Lab) -> None:
    lab.run("web", env={"HELLOAPP_PORT_5000_TCP_ADDR": "172.17.0.99"})
    report = diagnose(lab)
    assert (codes(report), report.skipped) == (["LD208 web/"], ())


# LD302


def test_a_source_that_went_off_the_bridge_and_back_leaves_a_wrong_line(linked: Lab) -> None:
    old, new = bounce(linked, "app")
    assert old != new
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD302", "web", "helloapp")
    assert found.consequences == ("LD201",)
    assert found.evidence[0].observed.startswith(old)
    assert found.evidence[0].expected.startswith(new)
    apply(linked, advised(found, Safety.RESTART))
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())
    assert linked.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_line_edited_by_hand_is_wrong_and_a_restart_fixes_it(linked: Lab) -> None:
    edit_hosts(linked, "web", linked.address("app"), "10.9.9.9")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD302", "web", "helloapp")
    assert found.consequences == ()
    assert "an unused address" in found.message
    apply(linked, advised(found, Safety.RESTART))
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


def test_a_wrong_line_names_whose_address_it_holds(linked: Lab) -> None:
    linked.run("other", listen=81)
    edit_hosts(linked, "web", linked.address("app"), linked.address("other"))
    found = only_fault(diagnose(linked))
    assert found.code == "LD302"
    assert "the address of other" in found.message


def test_a_source_that_came_back_at_its_address_leaves_a_right_line(linked: Lab) -> None:
    linked.disconnect("bridge", "app")
    linked.connect("bridge", "app")
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


def test_an_extra_host_with_the_name_of_the_alias_is_no_mismatch_but_shadows_it(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", extra_hosts=["helloapp:10.9.9.9"])
    report = diagnose(lab)
    assert (codes(report), report.skipped) == (["LD304 web/helloapp"], ())


def test_a_line_appended_by_hand_for_another_name_is_nobodys_business(linked: Lab) -> None:
    hosts = Path(f"/proc/{linked.pid('web')}/root/etc/hosts")
    hosts.write_text(hosts.read_text() + "10.9.9.9\thelloapp2\n")
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())


# LD303


def test_a_line_deleted_by_hand_is_missing_and_a_restart_fixes_it(linked: Lab) -> None:
    (line,) = linked.hosts_lines("web", "helloapp")
    edit_hosts(linked, "web", f"{line}\n", "")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD303", "web", "helloapp")
    apply(linked, advised(found, Safety.RESTART))
    report = diagnose(linked)
    assert (report.findings, report.skipped) == ((), ())
    assert linked.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_missing_line_stays_missing_when_the_source_restarts(linked: Lab) -> None:
    (line,) = linked.hosts_lines("web", "helloapp")
    edit_hosts(linked, "web", f"{line}\n", "")
    linked.restart("app")
    assert codes(diagnose(linked)) == ["LD303 web/helloapp"]


def test_a_target_that_mounts_a_hosts_file_of_its_own_is_told_that_and_no_more(lab: Lab) -> None:
    mine = lab.engine.home / "hosts"
    mine.write_text("127.0.0.1 localhost\n")
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", binds=[f"{mine}:/etc/hosts"])
    report = diagnose(lab)
    assert (codes(report), report.skipped) == (["LD309 web/helloapp"], ())


def test_a_link_on_a_user_defined_network_needs_no_line(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    assert lab.hosts_lines("web", "helloapp") == []
    report = diagnose(lab)
    assert (report.findings, report.skipped) == ((), ())
