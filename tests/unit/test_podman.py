"""Podman, replayed through the real collector: recorded answers of 4.3.1, and odder ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from linkdoctor.api import Examination, Url, examine, load_rules, report_on
from linkdoctor.collect.collector import CollectOptions
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.report import Safety, Severity
from linkdoctor.model.snapshot import Container, Details, Snapshot, Status
from tests.replay import DATA, replayed, situations

Change = Callable[[dict[str, Any]], None]


def recorded() -> dict[str, Any]:
    return situations(DATA / "podman-4.3.json")["plain"]


def examined(situation: dict[str, Any], directory: Path) -> Examination:
    with replayed(situation, directory / "s"):
        found = examine(
            [Url(f"unix://{directory}/s")],
            timeout=20,
            environment={},
            further=CollectOptions(logs=True),
        )
    assert not found.unreachable
    return found


def seen(situation: dict[str, Any], directory: Path) -> Snapshot:
    (snapshot,) = examined(situation, directory).snapshots
    return snapshot


def details(snapshot: Snapshot, name: str) -> Details:
    found = container(snapshot, name).details
    assert isinstance(found, Known)
    return found.value


def container(snapshot: Snapshot, name: str) -> Container:
    (found,) = [each for each in snapshot.containers if each.name == name]
    return found


def test_podman_is_recognised(tmp_path: Path) -> None:
    snapshot = seen(recorded(), tmp_path)
    assert (snapshot.engine.product, snapshot.engine.version) == ("Podman", "4.3.1")
    assert isinstance(snapshot.events, Unknown)
    assert {each.name: details(snapshot, each.name).status for each in snapshot.containers} == {
        "app": Status.RUNNING,
        "db": Status.RUNNING,
        "ended": Status.EXITED,
        "held": Status.PAUSED,
        "made": Status.CREATED,
        "web": Status.RUNNING,
    }


def test_its_default_network_is_the_default_bridge(tmp_path: Path) -> None:
    snapshot = seen(recorded(), tmp_path)
    (endpoint,) = details(snapshot, "app").endpoints
    assert (endpoint.network, endpoint.address) == ("bridge", "10.88.0.4")
    (other,) = details(snapshot, "db").endpoints
    assert (other.network, "postgres" in other.aliases) == ("back", True)
    assert isinstance(snapshot.networks, Known)
    assert {each.name for each in snapshot.networks.value} == {"back", "bridge"}


def test_an_empty_health_is_none(tmp_path: Path) -> None:
    assert details(seen(recorded(), tmp_path), "app").health is None


def test_the_missing_links_are_the_one_finding_of_the_host(tmp_path: Path) -> None:
    report = report_on(examined(recorded(), tmp_path), load_rules())
    (host,) = [each for each in report.findings if not each.target]
    assert (host.code, host.severity) == ("LD606", Severity.WARNING)
    assert all(fix.safety is Safety.MANUAL and not fix.commands for fix in host.fixes)


def test_no_advice_would_type_a_link(tmp_path: Path) -> None:
    report = report_on(examined(recorded(), tmp_path), load_rules())
    (found,) = [each for each in report.findings if each.code == "LD301"]
    assert (found.target, found.alias) == ("web", "db")
    commands = [
        each for finding in report.findings for fix in finding.fixes for each in fix.commands
    ]
    assert not [each for each in commands if "--link" in each]


def test_a_snapshot_of_podman_survives_its_encoding(tmp_path: Path) -> None:
    snapshot = seen(recorded(), tmp_path)
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot
    assert "pw@" not in msgspec.json.encode(snapshot).decode()


def without_slashes(situation: dict[str, Any]) -> None:
    for each in situation["containers"]:
        each["Names"] = [name.removeprefix("/") for name in each["Names"]]
    for each in situation["inspect"].values():
        each["Name"] = each["Name"].removeprefix("/")


def with_states_of_its_own(situation: dict[str, Any]) -> None:
    for name, status in (("made", "configured"), ("ended", "stopped"), ("held", "initialized")):
        situation["inspect"][name]["State"]["Status"] = status
        for each in situation["containers"]:
            if each["Names"] == [f"/{name}"]:
                each["State"] = status
    situation["inspect"]["db"]["State"]["Status"] = "unheard-of"


def with_nulls(situation: dict[str, Any]) -> None:
    for each in situation["inspect"].values():
        each["NetworkSettings"] |= {"Networks": None, "Ports": None}
        each["HostConfig"] |= {"Links": [], "RestartPolicy": None, "ExtraHosts": None}
        each["Config"] |= {"Env": None, "Labels": None, "ExposedPorts": None}
        each["State"]["Health"] = None
        each["Args"] = each["Mounts"] = None
    for each in situation["containers"]:
        each["NetworkSettings"] = None


def with_fields_left_out(situation: dict[str, Any]) -> None:
    for each in situation["inspect"].values():
        for field in ("Path", "Args", "Mounts"):
            each.pop(field)
        for part, kept in (("State", ("Status",)), ("HostConfig", ()), ("NetworkSettings", ())):
            each[part] = {name: each[part][name] for name in kept}
    situation["info"] = {}


def with_an_engine_component_alone(situation: dict[str, Any]) -> None:
    situation["version"] = {
        "Version": "5.4.0",
        "ApiVersion": "1.41",
        "Components": [{"Name": "Podman Engine"}],
    }


@pytest.mark.parametrize(
    "change",
    [
        without_slashes,
        with_states_of_its_own,
        with_nulls,
        with_fields_left_out,
        with_an_engine_component_alone,
    ],
)
def test_odder_answers_are_read_too(change: Change, tmp_path: Path) -> None:
    situation = recorded()
    change(situation)
    examination = examined(situation, tmp_path)
    (snapshot,) = examination.snapshots
    assert snapshot.engine.product == "Podman"
    assert [each.name for each in snapshot.containers] == [
        *("app", "db", "ended", "held", "made", "web"),
    ]
    assert all(isinstance(each.details, Known) for each in snapshot.containers)
    report = report_on(examination, load_rules())
    assert "LD606" in {each.code for each in report.findings}
    assert "LD001" not in {each.code for each in report.findings}


def test_the_log_is_read_as_of_docker(tmp_path: Path) -> None:
    situation = recorded()
    identity = situation["inspect"]["web"]["Id"]
    line = "2026-11-24T07:55:09Z dial tcp: lookup db: no such host\n"
    frame = f"\x02\x00\x00\x00\x00\x00\x00{chr(len(line))}{line}"
    situation["raw"][f"containers/{identity}/logs"] = frame * 2
    snapshot = seen(situation, tmp_path)
    heard = container(snapshot, "web").complaints
    assert isinstance(heard, Known)
    ((complaint,), where) = heard.value, heard.source
    assert (complaint.host, complaint.count, complaint.last) == ("db", 2, "2026-11-24T07:55:09Z")
    assert where == "docker logs --tail 200 web"
    assert isinstance(container(snapshot, "app").complaints, Unknown)
