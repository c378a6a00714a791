"""LD201 on a real engine where the first process's variables are not the whole truth."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.model.report import Safety

from .examining import advised, apply, codes, diagnose, look, report
from .situations import Lab
from .test_collect import afar

SAVES_ITS_VARIABLES = (
    "[ -e /saved ] || env | grep ^HELLOAPP_PORT > /saved; "
    "(export $(cat /saved); exec sleep 100000) & exec sleep 100001"
)
HAS_NONE = "exec env -i sleep 100000"


def stale(lab: Lab) -> list[str]:
    return [each for each in codes(diagnose(lab)) if each.startswith("LD201")]


def shell(words: str) -> list[str]:
    return ["sh", "-c", words]


def test_two_aliases_with_one_prefix_whose_sources_swapped_addresses(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=81)
    lab.run("web", link=["one:a-2", "two:a_2"])
    assert stale(lab) == []
    lab.stop("one", "two")
    lab.start("two")
    lab.start("one")
    assert (lab.address("one"), lab.address("two")) == ("172.17.0.3", "172.17.0.2")
    assert stale(lab) == ["LD201 web/a-2", "LD201 web/a_2"]
    lab.restart("web")
    assert stale(lab) == []


def test_the_same_port_belongs_to_the_alias_that_the_name_tells(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=80)
    lab.run("web", link=["one:a-2", "two:a_2"])
    assert stale(lab) == []
    alias = lab.process_environment("web")["A_2_NAME"].rpartition("/")[2]
    lab.stop("one", "two")
    lab.start("two")
    lab.start("one")
    assert stale(lab) == [f"LD201 web/{alias}"]


def both_sleep(lab: Lab) -> bool:
    """The shell has become a sleep, and so has its child: each has the environment it was given."""
    running = [" ".join(each) for each in lab.api.top("web")["Processes"]]
    return all(any(f"sleep {each}" in line for line in running) for each in (100000, 100001))


@pytest.fixture
def saved(lab: Lab) -> Lab:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", command=shell(SAVES_ITS_VARIABLES))
    assert stale(lab) == []
    lab.move("app")
    lab.wait_listening("app", 5000)
    lab.restart("web")
    lab.wait_for(lambda: both_sleep(lab))
    return lab


def test_variables_that_a_program_saved_before_its_last_start_are_found(saved: Lab) -> None:
    assert saved.process_environment("web")["HELLOAPP_PORT_5000_TCP_ADDR"] == saved.address("app")
    found = next(each for each in diagnose(saved).findings if each.code == "LD201")
    assert (found.target, found.alias) == ("web", "helloapp")
    assert "pid" in found.message


def test_from_afar_they_are_found_too(saved: Lab) -> None:
    with afar(saved) as proxy:
        assert "LD201 web/helloapp" in codes(diagnose(proxy.url))


def test_a_shell_that_docker_exec_opened_is_not_the_program(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", command=shell(HAS_NONE))
    opened = lab.api.exec_create("web", ["sleep", "100000"])["Id"]
    lab.api.exec_start(opened, detach=True)
    lab.wait_for(lambda: bool(lab.api.exec_inspect(opened)["Pid"]))
    lab.move("app")
    assert stale(lab) == []


def test_a_restart_of_the_target_helps_a_stale_first_process(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    lab.wait_listening("app", 5000)
    found = next(each for each in diagnose(lab).findings if each.code == "LD201")
    apply(lab, advised(found, Safety.RESTART))
    assert stale(lab) == []


def test_what_no_link_of_the_container_set_leaves_only_its_name(lab: Lab) -> None:
    secrets = {"XYZ_NAME": "/any/s3cr3t", "PIN_PORT_1_TCP_PORT": "54321"}
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", env=secrets)
    seen = look(lab)
    for snapshot in seen.snapshots:
        text = msgspec.json.encode(snapshot).decode()
        assert "s3cr3t" not in text
        assert "54321" not in text
        assert "XYZ_NAME" in text
        assert "/web/helloapp" in text
    assert [each.code for each in report(seen).findings if each.code == "LD201"] == []
