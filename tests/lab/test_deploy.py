"""What `deploy/` installs, at work on a real engine."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.deploy.programs import DEPLOY, SEARCH_PATH, bin_with_linkdoctor, program, run
from tests.deploy.test_monitors import (
    ICINGA,
    NAGIOS,
    icinga_constants,
    icinga_environment,
    nagios_settings,
)
from tests.deploy.test_timers import DROP_IN, INSTALLED, SERVICE, cron_lines, settings

from . import lowered
from .leftovers import wait_until
from .lowered import DOCKER, as_user
from .privileges import LEVELS
from .situations import Lab

ANSIBLE = DEPLOY / "ansible" / "linkdoctor.yml"
METRICS_DIRECTORY = "/var/lib/prometheus/node-exporter"
CLONE_NEWNET = "CLONE_NEWNET"
CHECKED_WITHIN = 30.0


@pytest.fixture
def stale(lab: Lab) -> Lab:
    """A link whose source came back elsewhere."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    return lab


def at(lab: Lab, directory: Path) -> dict[str, str]:
    """The environment in which linkdoctor examines the lab."""
    return {"PATH": bin_with_linkdoctor(directory), "DOCKER_HOST": lab.url}


def is_stale(metrics: str) -> bool:
    """Whether the metrics tell of the link's fault."""
    return bool(
        re.search(r'^linkdoctor_findings\{code="LD201",host="host1",.*\} 1.0$', metrics, re.M)
    )


# cron


def test_cron_writes_metrics_and_mails_the_verdict(stale: Lab, tmp_path: Path) -> None:
    metrics, daily = (what for _, _, what in cron_lines())
    here = metrics.replace(METRICS_DIRECTORY, str(tmp_path)).replace("/run/", f"{tmp_path}/")
    done = run(["/bin/sh", "-c", here], status=None, environment=at(stale, tmp_path))
    assert (done.stdout, done.stderr) == ("", "")
    assert is_stale((tmp_path / "linkdoctor.prom").read_text())
    mail = run(["/bin/sh", "-c", daily], status=1, environment=at(stale, tmp_path))
    assert mail.stdout.startswith("✗ 1 error on host1")
    stale.restart("web")
    assert run(["/bin/sh", "-c", daily], environment=at(stale, tmp_path)).stdout == ""


# systemd


def service(unit: Path, lab: Lab, directory: Path) -> tuple[configparser.SectionProxy, list[str]]:
    """What a unit says, and its command for the lab, which writes into a directory of the test."""
    said = settings(unit)["Service"]
    words = shlex.split(said["ExecStart"])
    assert words[0] == INSTALLED
    output = words.index("--output") + 1
    words[output] = f"{directory}/{Path(words[output]).name}"
    return said, [*lowered.LINKDOCTOR, *words[1:], "--host", lab.url]


@pytest.fixture
def open_directory(lab: Lab) -> Iterator[Path]:
    """A directory that any user finds; the engine's socket belongs to the group docker."""
    path = lab.engine.home / "metrics"
    path.mkdir()
    path.chmod(0o777)
    os.chown(lab.engine.socket, 0, DOCKER)
    yield path
    os.chown(lab.engine.socket, 0, 0)
    for each in path.iterdir():
        each.unlink()
    path.rmdir()


def test_the_service_sees_all_with_the_capabilities_it_has(stale: Lab, tmp_path: Path) -> None:
    said, words = service(SERVICE, stale, tmp_path)
    capabilities = tuple(said["CapabilityBoundingSet"].split())
    (needed,) = (level.capabilities for level in LEVELS if level.title == "+ NET")
    assert capabilities == needed
    done = lowered.run([*as_user(capabilities, uid=0), *words])
    assert done.returncode in map(int, said["SuccessExitStatus"].split()), done.stderr
    metrics = (tmp_path / "linkdoctor.prom").read_text()
    assert is_stale(metrics)
    assert 'linkdoctor_evidence_complete{host="host1"} 1.0' in metrics


def test_the_service_as_an_unprivileged_user_says_what_it_lacks(
    stale: Lab, open_directory: Path
) -> None:
    said, words = service(DROP_IN, stale, open_directory)
    assert said["CapabilityBoundingSet"] == ""
    assert said["SupplementaryGroups"] == "docker"
    done = lowered.run([*as_user(()), *words])
    assert done.returncode in (1, 3), done.stderr
    metrics = (open_directory / "linkdoctor.prom").read_text()
    assert is_stale(metrics)
    assert 'linkdoctor_evidence_complete{host="host1"} 0.0' in metrics


def allowed_calls(group: str) -> set[str]:
    """The system calls of a group of systemd's."""
    listing = run([program("systemd-analyze"), "--no-pager", "syscall-filter", group]).stdout
    names = [line.strip() for line in listing.splitlines()[1:]]
    found: set[str] = set()
    for name in (each for each in names if each and not each.startswith("#")):
        found |= allowed_calls(name) if name.startswith("@") else {name}
    return found


def test_the_bounds_of_the_service_leave_room_for_all_it_does(stale: Lab, tmp_path: Path) -> None:
    """No systemd runs here: what the kernel is asked for is compared with what the unit allows."""
    said, words = service(SERVICE, stale, tmp_path)
    trace = tmp_path / "trace"
    run(
        [program("strace"), "-f", "-qq", "-o", trace, *words, "--logs", "--probe"],
        status=1,
        environment={"PATH": SEARCH_PATH},
    )
    text = trace.read_text(errors="replace")
    calls = set(re.findall(r"^\d+ +([a-z_][a-z0-9_]*)\(", text, re.M))
    assert {"setns", "execve", "socket"} <= calls, "the trace shows the work"
    assert calls <= allowed_calls(said["SystemCallFilter"])
    assert set(re.findall(r"\bsocket\((AF_\w+)", text)) <= {
        *said["RestrictAddressFamilies"].split(),
    }
    assert said["RestrictNamespaces"] == "net"
    entered = re.findall(r"\bsetns\(\d+, (\w+)", text)
    assert entered
    assert set(entered) == {CLONE_NEWNET}
    assert "PROT_WRITE|PROT_EXEC" not in text, "MemoryDenyWriteExecute="
    written = re.findall(r'"([^"]+)", O_(?:WRONLY|RDWR)[^)]*\) = \d', text)
    assert all(each == "/dev/null" or each.startswith(str(tmp_path)) for each in written), written


# Nagios


def state_of(status: Path) -> Mapping[str, str]:
    """What Nagios keeps of its one service."""
    text = status.read_text() if status.exists() else ""
    block = re.search(r"servicestatus \{(.*?)\}", text, re.S)
    return dict(re.findall(r"\t(\w+)=(.*)", block[1])) if block else {}


def test_nagios_runs_the_check_and_takes_its_state(stale: Lab, tmp_path: Path) -> None:
    here = bin_with_linkdoctor(tmp_path).partition(":")[0] + "/linkdoctor"
    objects = tmp_path / "linkdoctor.cfg"
    objects.write_text(NAGIOS.read_text().replace(INSTALLED, here))
    main = nagios_settings(tmp_path, objects)
    site = tmp_path / "site.cfg"
    asked = f"check_command check_linkdoctor!{stale.url}!0!0\n}}"
    head = site.read_text().partition("define service")[0]
    site.write_text(
        f"{head}define service {{\nuse docker-links\nhost_name alpha\ncontacts admin\n{asked}"
    )
    main.write_text(
        f"{main.read_text()}interval_length=1\nservice_inter_check_delay_method=n\n"
        "execute_host_checks=0\nstatus_update_interval=1\nenable_notifications=0\n"
    )
    status = tmp_path / "status.dat"
    with (tmp_path / "out").open("wb") as out:
        nagios = subprocess.Popen([program("nagios4"), main], stdout=out, stderr=out)
    try:
        wait_until(lambda: state_of(status).get("has_been_checked") == "1", CHECKED_WITHIN, 0.2)
        state = state_of(status)
    finally:
        nagios.terminate()
        nagios.wait(10)
    assert state["current_state"] == "2", (tmp_path / "nagios.log").read_text()
    assert state["plugin_output"].startswith("LINKDOCTOR CRITICAL - 1 error: LD201 web/helloapp")
    assert state["performance_data"].startswith("errors=1;;0;0 ")
    assert "fix: restart web (restart)" in state["long_plugin_output"]


# Ansible


def test_ansible_gathers_two_hosts_and_tells_what_is_between_them(
    two_hosts: tuple[Lab, Lab], tmp_path: Path
) -> None:
    first, second = two_hosts
    first.run("catalog", listen=8080)
    second.run("storefront", env={"CATALOG_URL": "http://10.77.0.1:8080/items"})
    engines = {"alpha": first.url, "beta": second.url}
    hosts = {
        name: {"ansible_connection": "local", "linkdoctor_engine": ["--host", url]}
        for name, url in engines.items()
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"docker": {"hosts": hosts}}))

    told = ansible(inventory, tmp_path, status=2)
    assert "error LD505 host2 storefront/10.77.0.1: storefront on host2 dials" in told
    assert "unhealthy: 1 errors, 0 checks skipped" in told
    assert {each.name for each in (tmp_path / "gathered").iterdir()} == {
        "alpha.ldsnap",
        "beta.ldsnap",
    }
    assert not list(tmp_path.glob("linkdoctor-*")), "nothing is left behind"

    second.remove("storefront")
    assert "unhealthy" not in ansible(inventory, tmp_path)


def ansible(inventory: Path, directory: Path, status: int = 0) -> str:
    """What the playbook says."""
    own = {
        "PATH": bin_with_linkdoctor(directory),
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }
    playbook = Path(sys.executable).parent / "ansible-playbook"
    given = json.dumps(
        {"linkdoctor_become": False, "linkdoctor_gathered": str(directory / "gathered")}
    )
    done = run([playbook, "-i", inventory, "-e", given, ANSIBLE], status=status, environment=own)
    assert "WARNING" not in done.stderr, done.stderr
    assert "changed=0" in done.stdout
    return done.stdout


# Icinga


def test_icinga_runs_the_check_and_takes_its_state(stale: Lab, tmp_path: Path) -> None:
    here = bin_with_linkdoctor(tmp_path).partition(":")[0] + "/linkdoctor"
    objects = tmp_path / "linkdoctor.conf"
    text = ICINGA.read_text().replace(INSTALLED, here)
    objects.write_text(text.replace("check_interval = 5m", "check_interval = 1s"))
    main = tmp_path / "icinga2.conf"
    main.write_text(
        "include <itl>\ninclude <plugins>\n"
        'object CheckerComponent "checker" { }\n'
        'object PerfdataWriter "results" {\n'
        f'  service_perfdata_path = "{tmp_path}/result"\n'
        f'  service_temp_path = "{tmp_path}/service.tmp"\n'
        f'  host_perfdata_path = "{tmp_path}/host"\n  host_temp_path = "{tmp_path}/host.tmp"\n'
        '  service_format_template = "$service.state$\\t$service.output$\\t$service.perfdata$"\n'
        "  rotation_interval = 1s\n}\n"
        'object Host "alpha" {\n  check_command = "dummy"\n  vars.docker = true\n'
        f'  vars.linkdoctor_host = [ "{stale.url}" ]\n}}\n'
        f'include "{objects}"\n'
    )
    own = {"PATH": SEARCH_PATH, **icinga_environment()}
    words = [program("icinga2"), "daemon", "-c", str(main), *icinga_constants(tmp_path)]
    with (tmp_path / "out").open("wb") as out:
        # It is several processes, and takes its time to end: they have a group of their own.
        icinga = subprocess.Popen(words, stdout=out, stderr=out, env=own, start_new_session=True)
    try:
        wait_until(lambda: bool(results(tmp_path)), CHECKED_WITHIN, 0.2)
    finally:
        os.killpg(icinga.pid, signal.SIGKILL)
        icinga.wait(10)
    said = results(tmp_path)
    assert said.startswith("CRITICAL\tLINKDOCTOR CRITICAL - 1 error: LD201 web/helloapp"), (
        tmp_path / "out"
    ).read_text()
    assert "\terrors=1;;0;0 " in said


def results(directory: Path) -> str:
    """The first results that Icinga wrote."""
    return "".join(each.read_text() for each in sorted(directory.glob("result.*")))
