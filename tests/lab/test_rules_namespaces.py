"""LD113 on a real engine: containers whose shared namespace is not that of today."""

from __future__ import annotations

import pytest

from linkdoctor.model.report import Finding, Safety, Severity

from . import images
from .examining import advised, apply, codes, diagnose
from .situations import Lab
from .test_collect import afar

SLEEP = ["sleep", "100000"]


def orphans(lab: Lab | str) -> list[Finding]:
    return [each for each in diagnose(lab).findings if each.code == "LD113"]


def share(lab: Lab, name: str, kind: str, owner: str, command: list[str] | None = None) -> None:
    """Run a container that shares a namespace of another one."""
    mode = f"container:{lab.inspect(owner)['Id']}"
    lab.client.containers.run(
        images.BASE,
        command or SLEEP,
        name=name,
        detach=True,
        network_mode=mode if kind == "network" else None,
        pid_mode=mode if kind == "pid" else None,
        ipc_mode=mode if kind == "ipc" else None,
    )


@pytest.fixture
def sharing(lab: Lab) -> Lab:
    lab.run("vpn", expose=[5000], command=SLEEP)
    share(lab, "app", "network", "vpn", ["httpd", "-f", "-p", "5000", "-h", "/"])
    lab.wait_listening("app", 5000)
    lab.run("web", link="vpn:helloapp")
    return lab


def test_a_sharer_of_the_same_namespace_is_healthy(sharing: Lab) -> None:
    assert codes(diagnose(sharing)) == []
    with afar(sharing) as proxy:
        assert orphans(proxy.url) == []
    sharing.restart("app")
    sharing.wait_listening("app", 5000)
    assert codes(diagnose(sharing)) == []


def test_a_restarted_owner_leaves_the_sharer_behind_and_its_restart_helps(sharing: Lab) -> None:
    sharing.restart("vpn")
    report = diagnose(sharing)
    assert codes(report) == ["LD113 web/helloapp"]
    found = report.findings[0]
    assert (found.severity, found.source) == (Severity.ERROR, "vpn")
    assert "LD502" in found.consequences
    assert "app" in found.message
    with afar(sharing) as proxy:
        assert [each.target for each in orphans(proxy.url)] == ["app"]
    apply(sharing, advised(found, Safety.RESTART))
    sharing.wait_listening("app", 5000)
    assert orphans(sharing) == []
    assert sharing.fetch("web", "http://helloapp:5000/")[0] in (0, 1)


def test_what_the_owner_publishes_for_the_sharer_is_one_fault(lab: Lab) -> None:
    lab.run("vpn", publish={5000: 18000}, command=SLEEP)
    share(lab, "app", "network", "vpn", ["httpd", "-f", "-p", "5000", "-h", "/"])
    lab.wait_listening("app", 5000)
    assert codes(diagnose(lab)) == []
    lab.restart("vpn")
    report = diagnose(lab)
    assert codes(report) == ["LD113 vpn/"]
    assert report.findings[0].consequences == ("LD507",)
    assert "18000" in report.findings[0].message


def test_an_owner_that_was_removed(sharing: Lab) -> None:
    sharing.remove("web", "vpn")
    (found,) = orphans(sharing)
    assert (found.target, found.severity) == ("app", Severity.ERROR)
    sharing.run("vpn", command=SLEEP)
    (found,) = orphans(sharing)
    assert "was removed" in found.message
    sharing.client.containers.get("app").stop(timeout=0)
    assert orphans(sharing) == []  # nobody wants it to run
    with pytest.raises(Exception, match="No such container"):
        sharing.client.containers.get("app").start()
    (found,) = orphans(sharing)
    assert "cannot be started" in found.message


def test_an_owner_that_is_down(sharing: Lab) -> None:
    sharing.stop("vpn")
    (found,) = orphans(sharing)
    apply(sharing, advised(found, Safety.RESTART))
    sharing.wait_listening("app", 5000)
    assert orphans(sharing) == []


def test_both_stopped_miss_nothing(sharing: Lab) -> None:
    sharing.stop("web", "app", "vpn")
    assert orphans(sharing) == []


def test_a_sharer_that_was_refused_because_its_owner_was_down(sharing: Lab) -> None:
    sharing.stop("app", "vpn")
    with pytest.raises(Exception, match="join"):
        sharing.client.containers.get("app").start()
    (found,) = orphans(sharing)
    assert "did not run" in found.message
    apply(sharing, advised(found, Safety.SAFE))
    sharing.wait_listening("app", 5000)
    assert orphans(sharing) == []


def test_a_restart_of_the_owner_kills_who_shares_its_processes(lab: Lab) -> None:
    lab.run("main", command=SLEEP)
    share(lab, "debug", "pid", "main")
    assert orphans(lab) == []
    lab.restart("main")
    lab.wait_for(lambda: not lab.pid("debug"))
    (found,) = orphans(lab)
    assert (found.target, found.source) == ("debug", "main")
    apply(lab, advised(found, Safety.SAFE))
    assert orphans(lab) == []
    lab.stop("debug", "main")
    lab.start("main")
    assert orphans(lab) == []


def test_an_ipc_namespace_of_a_restarted_owner(lab: Lab) -> None:
    lab.client.containers.run(images.BASE, SLEEP, name="main", detach=True, ipc_mode="shareable")
    share(lab, "helper", "ipc", "main")
    assert orphans(lab) == []
    lab.restart("main")
    (found,) = orphans(lab)
    assert "IPC" in found.message
    lab.restart("helper")
    assert orphans(lab) == []


def test_an_owner_on_the_hosts_network_keeps_it(lab: Lab) -> None:
    lab.run("agent", network_mode="host", command=SLEEP)
    share(lab, "side", "network", "agent")
    lab.restart("agent")
    assert orphans(lab) == []
    with afar(lab) as proxy:
        assert orphans(proxy.url) == []
