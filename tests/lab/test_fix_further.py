"""`linkdoctor fix` on faults that take more than one engine, or a situation of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .examining import codes, diagnose, remarks, told
from .fixing import command_line, fixed, steps_of
from .nameserver import nameserver
from .situations import Lab

MARK = "/data/mark"
KEPT = (0, "kept\n")
READS = ["sh", "-c", 'address="$DB_PORT_5432_TCP_ADDR"; sleep 100000']
MEANT = {"linkdoctor.publish": "5000"}


def target(lab: Lab, name: str = "web", **given: object) -> None:
    """A container with data in a volume without a name."""
    lab.run(name, binds=["/data"], **given)  # type: ignore[arg-type]
    assert lab.exec(name, f"echo kept > {MARK}")[0] == 0


def is_kept(lab: Lab, name: str = "web") -> bool:
    """Whether its data is there, and no old container."""
    names = {each for found in lab.listed().values() for each in found}
    return lab.exec(name, ["cat", MARK]) == KEPT and not any("linkdoctor" in one for one in names)


# Variables


def test_variables_that_no_link_sets_are_set_by_hand(lab: Lab, tmp_path: Path) -> None:
    lab.network("back")
    lab.run("pg", network="back", listen=5432)
    target(lab, network="back", link="pg:db", command=READS)
    assert codes(diagnose(lab)) == ["LD203 web/db"]
    fixed(lab, tmp_path, "recreate")
    assert told(diagnose(lab)) == []
    assert lab.process_environment("web")["DB_PORT_5432_TCP_ADDR"] == "db"
    assert lab.fetch("web", "http://db:5432/") == (0, "pg\n")
    assert is_kept(lab)


def test_an_empty_address_is_filled_by_a_restart(lab: Lab, tmp_path: Path) -> None:
    ready = lab.engine.home / "ready"
    ready.mkdir()
    serve = "test -e /ready/now && exec httpd -f -p 5432 -h /srv; sleep 1; exit 3"
    lab.run(
        "pg",
        command=["sh", "-c", f"mkdir -p /srv; echo pg > /srv/index.html; {serve}"],
        expose=[5432],
        restart="always",
        binds=[f"{ready}:/ready"],
    )
    lab.run("web", link="pg:db", binds=["/data"], start=False)

    def started_between() -> bool:
        if lab.inspect("pg")["State"]["Status"] != "restarting":
            return False
        lab.restart("web")
        return lab.process_environment("web").get("DB_PORT") == "tcp://:5432"

    lab.wait_for(started_between, 60)
    assert lab.exec("web", f"echo kept > {MARK}")[0] == 0
    (ready / "now").touch()
    lab.restart("pg")  # the engine waits longer each time
    lab.wait_listening("pg", 5432)
    assert "LD205 web/db" in codes(diagnose(lab))
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "restart", "--yes")
    assert "1 step of 1 carried out" in done.stdout
    # That pg died again and again just before is told of for ten minutes.
    assert set(codes(diagnose(lab))) <= {"LD106 web/db"}
    assert lab.fetch("web", "http://db:5432/") == (0, "pg\n")
    assert is_kept(lab)


# Names


def test_a_pin_that_means_the_same_is_dropped(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    target(lab, link="app:helloapp", extra_hosts=[f"helloapp:{lab.address('app')}"])
    assert codes(diagnose(lab)) == ["LD304 web/helloapp"]
    fixed(lab, tmp_path, "recreate", "--fail-on", "warning")
    assert told(diagnose(lab)) == []
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert is_kept(lab)


def test_a_pin_that_means_something_else_is_left_to_a_person(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", extra_hosts=["helloapp:10.9.9.9"])
    identity = lab.inspect("web")["Id"]
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 1
    assert "without --add-host helloapp:10.9.9.9" in done.stdout
    assert lab.inspect("web")["Id"] == identity


def test_a_source_behind_another_container_is_linked_by_its_owner(lab: Lab, tmp_path: Path) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("inner", network_mode="container:app")
    target(lab, network="back", link="inner:helloapp")
    assert codes(diagnose(lab)) == ["LD306 web/helloapp"]
    fixed(lab, tmp_path, "recreate")
    assert told(diagnose(lab)) == []
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert is_kept(lab)


def test_a_search_domain_that_takes_the_alias_goes(lab: Lab, tmp_path: Path) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    target(
        lab,
        network="back",
        link="app:helloapp",
        dns_search=["corp.example"],
        dns_options=["ndots:1"],
    )
    permission = ("--apply", "--allow", "recreate", "--yes", "--fail-on", "warning")
    with nameserver(lab, "web", {"helloapp.corp.example": "10.9.9.9"}):
        assert codes(diagnose(lab)) == ["LD310 web/helloapp"]
        done = command_line(lab, tmp_path, "fix", *permission)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.inspect("web")["HostConfig"]["DnsSearch"] == ["."]
    assert told(diagnose(lab)) == []
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert is_kept(lab)


# Ports of the host


def test_a_port_on_the_loopback_is_opened_and_its_target_follows(lab: Lab, tmp_path: Path) -> None:
    target(lab, "app", listen=5000, publish={5000: "127.0.0.1:18000"}, labels=MEANT)
    target(lab, link="app:helloapp")
    assert codes(diagnose(lab)) == ["LD506 app/"]
    fixed(lab, tmp_path, "recreate", "--fail-on", "warning")
    assert told(diagnose(lab)) == []
    assert {each["HostIp"] for each in bound(lab)} == {"0.0.0.0", "::"}
    lab.wait_listening("app", 5000)
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert is_kept(lab, "app")
    assert is_kept(lab)


def test_a_taken_port_is_given_up_for_a_free_one(lab: Lab, tmp_path: Path) -> None:
    lab.run("db", listen=5432, publish={5432: 18000})
    lab.run("app", listen=5000, publish={5000: 18000}, refused=True)
    assert codes(diagnose(lab)) == ["LD508 app/"]
    fixed(lab, tmp_path, "recreate")
    assert told(diagnose(lab)) == []
    assert {each["HostPort"] for each in bound(lab)} == {"18001"}


@pytest.mark.parametrize("given", [None, "8000-8010"])
def test_a_port_of_the_engines_choice_that_is_counted_on_is_fixed(
    lab: Lab, tmp_path: Path, given: str | None
) -> None:
    lab.run("app", listen=5000, labels=MEANT, publish={5000: given})
    number = bound(lab)[0]["HostPort"]
    assert remarks(diagnose(lab)) == ["LD511 app/"]
    # Remarks are fixed only if they are asked for.
    assert command_line(lab, tmp_path, "fix", "--format", "json").returncode == 0
    fixed(lab, tmp_path, "recreate", "--select", "LD511")
    assert told(diagnose(lab)) == []
    lab.restart("app")
    assert {each["HostPort"] for each in bound(lab)} == {number}


def test_ports_of_the_engines_choice_are_kept_if_that_is_asked_for(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    target(lab, link="app:helloapp", listen=80, publish={80: None})
    number = bound(lab, "web", 80)[0]["HostPort"]
    lab.recreate("app")
    fixed(lab, tmp_path, "recreate", "--pin-ports")
    lab.wait_listening("web", 80)
    assert told(diagnose(lab)) == []
    assert {each["HostPort"] for each in bound(lab, "web", 80)} == {number}
    assert is_kept(lab)


def bound(lab: Lab, name: str = "app", port: int = 5000) -> list[dict[str, str]]:
    """The bindings of a port."""
    found: list[dict[str, str]] = lab.inspect(name)["NetworkSettings"]["Ports"][f"{port}/tcp"]
    return found


# Circles, and sources that are not there


def test_a_circle_by_names_is_opened(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    target(lab, link="app:helloapp")
    lab.rename("app", "app-old")
    lab.rename("web", "app")
    assert codes(diagnose(lab))[0] == "LD108 app/helloapp"
    fixed(lab, tmp_path, "recreate")
    assert told(diagnose(lab)) == []
    assert lab.stored_links("app") == ["app-old:helloapp"]
    assert lab.fetch("app", "http://helloapp:5000/") == (0, "app\n")
    assert is_kept(lab, "app")


def test_a_source_that_is_gone_comes_first(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    target(lab, link="app:helloapp")
    lab.remove("app")
    done = command_line(lab, tmp_path, "fix", "--format", "json")
    assert (done.returncode, steps_of(done)) == (1, [])
    assert "there is no container app" in done.stdout
    lab.run("app", listen=5000)
    fixed(lab, tmp_path, "recreate")
    assert told(diagnose(lab)) == []
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert is_kept(lab)


# Two hosts


def test_a_source_of_another_host_is_published_there_and_named_here(
    two_hosts: tuple[Lab, Lab], tmp_path: Path
) -> None:
    first, second = two_hosts
    first.network("back")
    target(first, network="back", link="billing:billing")
    target(second, "billing", listen=9000)
    assert codes(diagnose(first, second)) == ["LD401 web/billing"]
    fixed(first, tmp_path, "recreate", beside=second)
    second.wait_listening("billing", 9000)
    assert told(diagnose(first, second)) == []
    assert first.fetch("web", "http://billing:9000/") == (0, "billing\n")
    assert is_kept(first)
    assert is_kept(second, "billing")


def test_a_pin_to_a_container_of_another_host_becomes_one_to_the_host(
    two_hosts: tuple[Lab, Lab], tmp_path: Path
) -> None:
    first, second = two_hosts
    second.network("back", subnet="172.30.9.0/24")
    target(second, "db", network="back", listen=5432)
    target(first, extra_hosts=[f"db:{second.address('db', 'back')}"])
    assert codes(diagnose(first, second)) == ["LD403 web/"]
    fixed(first, tmp_path, "recreate", beside=second)
    second.wait_listening("db", 5432)
    assert told(diagnose(first, second)) == []
    assert first.fetch("web", "http://db:5432/") == (0, "db\n")
    assert is_kept(first)
    assert is_kept(second, "db")
