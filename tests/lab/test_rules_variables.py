"""LD203, LD205 and LD309 on a real engine: links whose variables or names are not there."""

from __future__ import annotations

from .examining import codes, diagnose, only_fault
from .situations import Lab

READS = ["sh", "-c", 'address="$DB_PORT_5432_TCP_ADDR"; sleep 100000']


def test_a_program_that_reads_variables_gets_none_on_a_user_defined_network(lab: Lab) -> None:
    lab.network("back")
    lab.run("pg", network="back", listen=5432)
    lab.run("web", network="back", link="pg:db", command=READS)
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.target, finding.alias) == ("LD203", "web", "db")
    assert "DB_PORT_5432_TCP_ADDR" not in lab.process_environment("web")


def test_variables_that_are_set_by_hand_are_quiet(lab: Lab) -> None:
    lab.network("back")
    lab.run("pg", network="back", listen=5432)
    by_hand = {"DB_PORT_5432_TCP_ADDR": "db"}
    lab.run("web", network="back", link="pg:db", command=READS, env=by_hand)
    assert diagnose(lab).findings == ()


def test_the_same_program_on_the_default_bridge_is_quiet(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", command=READS)
    assert lab.process_environment("web")["DB_PORT_5432_TCP_ADDR"] == lab.address("pg")
    assert diagnose(lab).findings == ()


def test_a_source_between_two_restarts_leaves_an_empty_address(lab: Lab) -> None:
    lab.run(
        "pg",
        command=["sh", "-c", "sleep 1; exit 3"],
        expose=[5432],
        restart="always",
    )
    lab.run("web", link="pg:db", start=False)

    def started_between() -> bool:
        if lab.inspect("pg")["State"]["Status"] != "restarting":
            return False
        lab.restart("web")
        return lab.process_environment("web").get("DB_PORT") == "tcp://:5432"

    lab.wait_for(started_between, 60)
    report = diagnose(lab)
    assert "LD205 web/db" in codes(report)
    assert "LD201 web/db" not in codes(report)


def test_a_mounted_hosts_file_hides_the_link(lab: Lab) -> None:
    mine = lab.engine.home / "hosts"
    mine.write_text("127.0.0.1 localhost\n")
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", binds=[f"{mine}:/etc/hosts"])
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.target, finding.alias) == ("LD309", "web", "helloapp")


def test_a_mounted_hosts_file_that_names_the_alias_is_quiet(lab: Lab) -> None:
    lab.run("app", listen=5000)
    mine = lab.engine.home / "hosts"
    mine.write_text(f"{lab.address('app')} helloapp\n")
    lab.run("web", link="app:helloapp", binds=[f"{mine}:/etc/hosts"])
    assert diagnose(lab).findings == ()
