"""Logs, health checks and events on a real engine: what they tell, and what never leaks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from linkdoctor.api import Examination
from linkdoctor.collect.collector import CollectOptions
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.report import Finding, Report, Safety, Severity
from linkdoctor.model.snapshot import Complaint, ComplaintKind, Container, Event

from .examining import codes, diagnose, leaks, look, only_fault, report, words
from .situations import Lab

SECRET = "s3cr3t-marker"
ASKS = f'while true; do echo "key {SECRET}" >&2; wget -q -O - "$1"; sleep 0.2; done'
NO_NAME, REFUSED = ComplaintKind.UNRESOLVED, ComplaintKind.REFUSED


def asking(url: str) -> list[str]:
    """A command that asks for a page for ever, and says why it does not get it."""
    return ["sh", "-c", ASKS, "sh", url]


def listening_to(lab: Lab) -> Examination:
    """What is seen with `--logs`."""
    return look(lab, further=CollectOptions(logs=True))


def container(examination: Examination, name: str) -> Container:
    """A container that was seen."""
    (found,) = [each for each in examination.snapshots[0].containers if each.name == name]
    return found


def complaints(lab: Lab, name: str, *, within: float = 10.0) -> tuple[Complaint, ...]:
    """What a container's log says of peers, once it says anything."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        heard = container(listening_to(lab), name).complaints
        assert isinstance(heard, Known)
        if heard.value:
            return heard.value
        time.sleep(0.3)
    raise AssertionError(f"{name} complains of nothing")


def events(lab: Lab, name: str) -> list[Event]:
    """What the engine remembers of a container, as linkdoctor reads it."""
    (snapshot,) = look(lab).snapshots
    assert isinstance(snapshot.events, Known)
    return [each for each in snapshot.events.value if each.container == name]


def proof(finding: Finding, what: str) -> str:
    """What a proof of a finding shows."""
    (found,) = [each.observed for each in finding.evidence if each.what == what]
    return found


# Logs


def test_a_log_is_not_read_unless_asked_for(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", command=asking("http://helloapp:1/"))
    heard = container(look(lab), "web").complaints
    assert isinstance(heard, Unknown)
    assert "--logs" in heard.detail


def test_a_target_that_is_refused_says_so_in_its_log(lab: Lab) -> None:
    lab.run("app", expose=[5000])
    lab.run("web", link="app:helloapp", command=asking("http://helloapp:5000/"))
    (found,) = complaints(lab, "web")
    assert (found.kind, found.host) == (REFUSED, lab.address("app"))
    assert found.count >= 1
    assert abs(datetime.fromisoformat(found.last) - datetime.now(UTC)) < timedelta(seconds=30)
    seen = listening_to(lab)
    (fault,) = [each for each in report(seen).findings if each.code == "LD502"]
    said = proof(fault, "what the log of web says")
    assert said.startswith(f"connection refused at {lab.address('app')}")
    assert leaks(seen, SECRET) == leaks(report(seen), SECRET) == []


@pytest.mark.parametrize("terminal", [False, True])
def test_the_log_of_a_terminal_is_read_too(lab: Lab, terminal: bool) -> None:
    lab.run("app", expose=[5000])
    lab.image("lab:base")
    lab.api.create_container(
        "lab:base",
        command=asking("http://helloapp:5000/"),
        name="web",
        tty=terminal,
        host_config={"Links": ["app:helloapp"]},
    )
    lab.start("web")
    (found,) = complaints(lab, "web")
    assert (found.kind, found.host) == (REFUSED, lab.address("app"))


def test_a_log_driver_that_keeps_nothing_is_said_to_be_so(lab: Lab) -> None:
    lab.run("app", expose=[5000])
    lab.image("lab:base")
    lab.api.create_container(
        "lab:base",
        command=["sleep", "1000"],
        name="web",
        host_config={"Links": ["app:helloapp"], "LogConfig": {"Type": "none"}},
    )
    lab.start("web")
    heard = container(listening_to(lab), "web").complaints
    assert isinstance(heard, Unknown)
    assert heard.detail.startswith("its log driver keeps nothing")


def test_of_a_log_with_endless_lines_the_last_ones_are_read(lab: Lab) -> None:
    long = "head -c 20000 /dev/zero | tr '\\0' x; echo"
    lab.run("app", expose=[5000])
    script = (
        f"for n in $(seq 100); do {long}; done; wget -q -O - http://helloapp:5000/; "
        "touch /tmp/done; exec sleep 1000"
    )
    lab.run("web", link="app:helloapp", command=["sh", "-c", script])
    lab.wait_for(lambda: lab.exec("web", "test -e /tmp/done")[0] == 0)
    heard = container(listening_to(lab), "web").complaints
    assert isinstance(heard, Known)
    assert heard.source == "docker logs --tail 20 web"
    assert [each.kind for each in heard.value] == [REFUSED]


def test_a_container_that_dials_nobody_is_not_listened_to(lab: Lab) -> None:
    lab.run("web", command=["sh", "-c", "echo bad address; exec sleep 1000"])
    assert isinstance(container(listening_to(lab), "web").complaints, Unknown)


def test_the_log_of_a_container_that_has_ended_is_read(lab: Lab) -> None:
    lab.run("app", expose=[5000])
    command = ["sh", "-c", "wget -q -O - http://helloapp:5000/"]
    lab.run("web", link="app:helloapp", command=command)
    lab.wait_for(lambda: lab.pid("web") == 0)
    assert [each.kind for each in complaints(lab, "web")] == [REFUSED]


# LD301


def test_a_name_that_the_log_calls_unknown_is_missing(lab: Lab) -> None:
    lab.run("web", command=asking("http://db/"))
    (found,) = complaints(lab, "web")
    assert (found.kind, found.host) == (NO_NAME, "db")
    fault = only_fault(report(listening_to(lab)))
    assert (fault.code, fault.target, fault.alias) == ("LD301", "web", "db")
    assert fault.severity is Severity.ERROR
    assert proof(fault, "what the log of web says").startswith("name not resolved at db, ")


def test_a_complaint_from_before_the_link_is_none(lab: Lab) -> None:
    lab.network("back")
    lab.run("web", network="back", command=asking("http://db:5000/"))
    assert complaints(lab, "web", within=30)  # its resolver waits for one that nobody is
    lab.run("app", network="back", listen=5000, aliases=["db"])
    assert codes(report(listening_to(lab))) == []


WAITS = "#!/bin/sh\nuntil nc -z db 5432; do sleep 0.2; done\nexec sleep 100000\n"


def waiting(lab: Lab) -> str:
    """An image whose entry-point script waits for `db`."""
    files = {"/entrypoint.sh": WAITS}
    return lab.image("lab:waits", files=files, entrypoint=["/entrypoint.sh"], command=None)


def test_a_script_that_waits_for_a_source_under_another_alias(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", image=waiting(lab), command=[], link="pg:database")
    fault = only_fault(diagnose(lab))
    assert (fault.code, fault.alias, fault.source) == ("LD301", "db", "pg")
    assert fault.evidence[0].where == "line 2 of /entrypoint.sh"


def test_a_script_that_waits_for_its_link_is_no_fault(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", image=waiting(lab), command=[], link="pg:db")
    assert codes(diagnose(lab)) == []


def test_a_script_that_waits_for_a_container_that_it_is_not_linked_to(lab: Lab) -> None:
    lab.run("db", listen=5432)
    lab.run("web", image=waiting(lab), command=[])
    fault = only_fault(diagnose(lab))
    assert (fault.code, fault.target, fault.source) == ("LD301", "web", "db")


# LD106


def test_what_a_failed_health_check_says_of_peers_is_shown_and_its_secrets_are_not(
    lab: Lab,
) -> None:
    check = (
        f"echo 'password={SECRET}'; "
        "echo 'dial tcp 172.17.0.2:5432: connect: connection refused'; exit 3"
    )
    lab.run("db", expose=[5432])
    assert lab.address("db") == "172.17.0.2"
    lab.run("app", listen=5000, health=check)
    lab.run("web", link="app:helloapp")
    lab.wait_for(lambda: lab.inspect("app")["State"]["Health"]["FailingStreak"] > 1, 20)
    seen = look(lab)
    (fault,) = [each for each in report(seen).findings if each.code == "LD106"]
    assert fault.severity is Severity.WARNING
    assert proof(fault, "last health check of app").startswith("exit code 3, ")
    assert proof(fault, "what the last health check of app says").startswith(
        "connection refused at 172.17.0.2:5432, once"
    )
    assert leaks(seen, SECRET) == leaks(report(seen), SECRET) == []
    (fix,) = fault.fixes
    assert fix.safety is Safety.MANUAL
    assert words(fix) == [["docker", "inspect", "--format", "{{json .State.Health}}", "app"]]


# Events


def raw_events(lab: Lab) -> list[dict[str, object]]:
    """The engine's own events up to now."""
    return list(lab.api.events(since=0, until=int(time.time()), decode=True))


def test_events_up_to_a_past_time_end_at_once(lab: Lab) -> None:
    lab.run("app", listen=5000)
    begun = time.monotonic()
    assert events(lab, "app")
    assert raw_events(lab)
    assert time.monotonic() - begun < 5


def test_the_life_of_a_container_is_told_in_order(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.restart("app")
    lab.pause("app")
    lab.unpause("app")
    lab.rename("app", "app2")
    told = [each.action for each in events(lab, "app") if each.action not in ("kill", "stop")]
    newest = told[-7:]
    assert newest == ["create", "start", "die", "start", "restart", "pause", "unpause"]
    assert [each.action for each in events(lab, "app2")][-1] == "rename"


def test_the_command_of_an_exec_is_in_the_engines_events_and_not_in_ours(lab: Lab) -> None:
    lab.run("app", listen=5000, labels={"owner": SECRET})
    lab.exec("app", f"echo {SECRET}")
    time.sleep(1.1)
    assert SECRET in json.dumps(raw_events(lab))
    assert leaks(look(lab), SECRET) == []


def history_of(found: Report, code: str) -> str:
    """What a finding tells of its source's events."""
    (fault,) = [each for each in found.findings if each.code == code]
    return proof(fault, f"what happened to {fault.source}")


@pytest.mark.parametrize(
    ("happens", "code", "told"),
    [
        (lambda lab: lab.stop("app"), "LD101", ["died"]),
        (lambda lab: lab.recreate("app"), "LD102", ["died", "removed", "created", "started"]),
        (lambda lab: lab.remove("app"), "LD103", ["died", "removed"]),
        (lambda lab: lab.move("app"), "LD201", ["died", "started"]),
    ],
    ids=["stopped", "recreated", "removed", "moved"],
)
def test_a_finding_tells_what_happened_to_its_source(
    lab: Lab, happens: Callable[[Lab], object], code: str, told: Sequence[str]
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    happens(lab)
    told_now = history_of(diagnose(lab), code)
    assert [each.split()[0] for each in told_now.split(", ")] == list(told)
