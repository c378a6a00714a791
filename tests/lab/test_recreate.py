"""A container that is recreated is the same in all but what must differ; failures cost nothing."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from linkdoctor.fix.journal import Journal, read
from linkdoctor.fix.outcome import Result
from linkdoctor.fix.recreation import Surroundings, recreation
from linkdoctor.fix.undo import undo
from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.snapshot import Publication

from . import leftovers
from .fixing import QUICK, api_version, control_of, create, fix, leftovers_of
from .situations import Lab

SLEEP = ["sleep", "100000"]
OTHER_EVERY_TIME = {
    "Created",
    "ExecIDs",
    "GraphDriver",
    "HostnamePath",
    "HostsPath",
    "LogPath",
    "ResolvConfPath",
    "State",
    "Storage",
}
OF_THE_ENDPOINT = {
    "EndpointID",
    "Gateway",
    "GlobalIPv6Address",
    "IPAddress",
    "IPv6Gateway",
    "MacAddress",
    "SandboxID",
    "SandboxKey",
}
SECRET = "hunter2-5e3c"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def comparable(raw: dict[str, Any]) -> Any:
    """What inspect tells, without what is another each time, and without its own id."""
    kept = {key: value for key, value in raw.items() if key not in OTHER_EVERY_TIME}
    text = json.dumps(kept).replace(raw["Id"], "ID").replace(raw["Id"][:12], "SHORT")
    kept = json.loads(text)
    kept["Mounts"] = sorted(kept["Mounts"], key=lambda mount: str(mount["Destination"]))
    for mount in kept["Mounts"]:  # the volume at an anonymous place is now named
        words = set(mount["Mode"].split(","))  # RW tells what "ro" would
        mount["Mode"] = sorted(words - {"nocopy", "ro", ""})
        mount["Name"] = mount.get("Name") or Path(mount["Source"]).parent.name
    kept["HostConfig"].pop("Binds")
    for mount in kept["HostConfig"].get("Mounts") or ():
        if mount["Type"] == "volume":
            mount.pop("Source", None)  # likewise; the comparison of Mounts tells
    kept["NetworkSettings"] = {
        key: value for key, value in kept["NetworkSettings"].items() if key not in OF_THE_ENDPOINT
    }
    for endpoint in kept["NetworkSettings"]["Networks"].values():
        for each in OF_THE_ENDPOINT - ({"IPAddress"} if endpoint.get("IPAMConfig") else set()):
            endpoint.pop(each, None)
        for each in ("Aliases", "DNSNames"):
            endpoint[each] = sorted(endpoint.get(each) or ())
    for found in (kept["NetworkSettings"].get("Ports") or {}).values():
        for binding in found or ():
            port = int(binding["HostPort"])
            binding["HostPort"] = "ephemeral" if port >= 32768 else port
    links = kept["HostConfig"].get("Links")
    kept["HostConfig"]["Links"] = links and sorted(links)
    return without_empty(kept)


def without_empty(value: Any) -> Any:
    """As given, but an empty list, object or text is as good as none."""
    if isinstance(value, dict):
        cleaned = {key: without_empty(each) for key, each in value.items()}
        return {key: each for key, each in cleaned.items() if each is not None} or None
    if isinstance(value, list):
        return [without_empty(each) for each in value] or None
    return None if value == "" else value


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two descriptions differ, each as `path: before -> after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after})
        found = [differences(before.get(key), after.get(key), f"{path}.{key}") for key in keys]
        return [each for part in found for each in part]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        found = [
            differences(*pair, f"{path}[{number}]")
            for number, pair in enumerate(zip(before, after, strict=True))
        ]
        return [each for part in found for each in part]
    return [] if before == after else [f"{path}: {before} -> {after}"]


def everything(lab: Lab, home: Path) -> dict[str, Any]:
    """A container on two networks of its own that sets what `docker run` can set."""
    bound = home / "bound"
    bound.mkdir(exist_ok=True)
    newer = api_version(lab) >= (1, 44)
    endpoint: dict[str, Any] = {
        "IPAMConfig": {"IPv4Address": "10.88.0.77", "LinkLocalIPs": ["169.254.34.68"]},
        "Aliases": ["shop", "store"],
        "Links": ["app:helloapp", "ghost:nobody"],
        "DriverOpts": {"com.example.opt": "1"},
    }
    if newer:
        endpoint["MacAddress"] = "02:42:ac:99:00:07"
    body: dict[str, Any] = {
        "Image": "lab:full",
        "Cmd": SLEEP,
        "Entrypoint": ["/usr/bin/env"],
        "Env": [f"PASSWORD={SECRET}", "EMPTY=", "SPACED=a b"],
        "Labels": {"com.example.a": "1", "com.example.b": "two words"},
        "ExposedPorts": {"7000/tcp": {}, "53/udp": {}, "8080/tcp": {}, "8081/tcp": {}},
        "Hostname": "chosen",
        "Domainname": "example.test",
        "User": "0:0",
        "WorkingDir": "/var",
        "Tty": True,
        "OpenStdin": True,
        "StopSignal": "SIGKILL",
        "StopTimeout": 3,
        "Volumes": {"/anonymous": {}},
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 500_000_000,
            "Timeout": 2_000_000_000,
            "Retries": 2,
            "StartPeriod": 1_000_000_000,
        },
        "HostConfig": {
            "NetworkMode": "n1",
            "Binds": [f"{bound}:/bound:ro", "named:/named", "/bare"],
            "Mounts": [
                {"Type": "volume", "Target": "/mounted"},
                {"Type": "volume", "Source": "other", "Target": "/other", "ReadOnly": True},
                {"Type": "tmpfs", "Target": "/fast", "TmpfsOptions": {"SizeBytes": 1048576}},
                {
                    "Type": "bind",
                    "Source": str(bound),
                    "Target": "/shared",
                    "BindOptions": {"Propagation": "private"},
                },
            ],
            "Tmpfs": {"/scratch": "rw,size=65536k"},
            "VolumesFrom": ["lender:ro"],
            "PortBindings": {
                "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}],
                "8081/tcp": [{"HostIp": "", "HostPort": ""}],
            },
            "PublishAllPorts": True,
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4},
            "CapAdd": ["NET_ADMIN", "SYS_TIME"],
            "CapDrop": ["MKNOD"],
            "Dns": ["10.88.0.53"],
            "DnsOptions": ["ndots:2"],
            "DnsSearch": ["example.test"],
            "ExtraHosts": ["extra:10.9.9.9", "six:fd00::1"],
            "GroupAdd": ["65534"],
            "IpcMode": "shareable",
            "OomScoreAdj": 100,
            "ReadonlyRootfs": True,
            "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"],
            "ShmSize": 33554432,
            "Sysctls": {"net.ipv4.ip_unprivileged_port_start": "1024"},
            "Init": True,
            "Runtime": "runc",
            "CpuShares": 512,
            "CpuPeriod": 50000,
            "CpuQuota": 25000,
            "CpusetCpus": "0",
            "Memory": 67108864,
            "MemoryReservation": 33554432,
            "MemorySwap": 134217728,
            "PidsLimit": 200,
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}],
            "Devices": [
                {
                    "PathOnHost": "/dev/null",
                    "PathInContainer": "/dev/nothing",
                    "CgroupPermissions": "rw",
                }
            ],
            "DeviceCgroupRules": ["c 1:3 rw"],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
            "CgroupParent": "",
            "MaskedPaths": ["/proc/kcore"],
            "ReadonlyPaths": [],
        },
        "NetworkingConfig": {"EndpointsConfig": {"n1": endpoint}},
    }
    if not newer:
        body["MacAddress"] = "02:42:ac:99:00:07"
    if api_version(lab) >= (1, 43):
        body["HostConfig"]["Annotations"] = {"com.example.note": "1"}
    return body


def second_network(lab: Lab) -> None:
    lab.connect("n2", "full", aliases=["back"], links=["app:second"], address="10.89.0.77")


@pytest.fixture
def full(lab: Lab, journal: Path) -> Lab:
    """`full`, which sets everything, beside what it needs."""
    lab.image(
        "lab:full",
        expose=[6000],
        env={"FROM_IMAGE": "1"},
        labels={"com.example.image": "yes"},
        entrypoint=["sh", "-c"],
        command=["exit 1"],
        files={"/anonymous/of-image": "x"},
    )
    lab.network("n1", subnet="10.88.0.0/24")
    lab.network("n2", subnet="10.89.0.0/24")
    lab.run("app", listen=5000, network="n1")
    lab.connect("n2", "app")
    create(
        lab,
        "lender",
        {"Image": lab.image("lab:base"), "Cmd": SLEEP, "Volumes": {"/lent": {}}},
    )
    create(lab, "full", everything(lab, lab.engine.home))
    second_network(lab)
    lab.start("full")
    return lab


def test_a_container_that_sets_everything_is_the_same_afterwards(full: Lab, journal: Path) -> None:
    volumes = [mount["Destination"] for mount in full.inspect("full")["Mounts"]]
    written = [path for path in volumes if path in ("/anonymous", "/bare", "/mounted", "/named")]
    assert len(written) == 4
    for path in written:
        assert full.exec("full", f"rm -f {path}/of-image; echo kept > {path}/file")[0] == 0
    before = full.inspect("full")
    outcome = fix(full, Recreate(container="full"), journal)
    assert (outcome.result, outcome.reason, outcome.notes) == (Result.FIXED, "", ())
    after = full.inspect("full")
    assert after["Id"] == outcome.container != before["Id"]
    assert differences(comparable(before), comparable(after)) == []
    endpoint = after["NetworkSettings"]["Networks"]["n1"]
    assert (endpoint["IPAddress"], endpoint["MacAddress"]) == ("10.88.0.77", "02:42:ac:99:00:07")
    for path in written:
        assert full.exec("full", f"cat {path}/file")[1].strip() == "kept"
    assert full.exec("full", "ls /anonymous")[1].split() == ["file"]
    assert full.find(before["Id"]) is None
    assert leftovers_of(full) == []
    assert SECRET not in journal.read_text()
    assert journal.stat().st_mode & 0o777 == 0o600


def test_a_second_recreation_changes_nothing_more(full: Lab, journal: Path) -> None:
    fix(full, Recreate(container="full"), journal)
    before = full.inspect("full")
    assert fix(full, Recreate(container="full"), journal).result is Result.FIXED
    after = full.inspect("full")
    assert sorted(after["HostConfig"]["Binds"]) == sorted(before["HostConfig"]["Binds"])
    assert differences(comparable(before), comparable(after)) == []


ODD: dict[str, dict[str, Any]] = {
    "legacy links": {
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"Links": ["app:helloapp", "app:two"], "PublishAllPorts": True},
    },
    "of the host": {
        "HostConfig": {
            "PidMode": "host",
            "UTSMode": "host",
            "UsernsMode": "host",
            "CgroupnsMode": "host",
        }
    },
    "cpus": {"HostConfig": {"NanoCpus": 500_000_000, "Memory": 67108864, "OomKillDisable": False}},
    "host network": {"HostConfig": {"NetworkMode": "host"}},
    "no network": {"HostConfig": {"NetworkMode": "none"}, "NetworkDisabled": False},
    "network of another": {"Image": "lab:ported", "HostConfig": {"NetworkMode": "container:app"}},
    "no entry point": {"Image": "lab:entry", "Entrypoint": [""], "Cmd": SLEEP},
    "unchecked": {"Image": "lab:entry", "Cmd": ["100000"], "Healthcheck": {"Test": ["NONE"]}},
    "unmasked": {"HostConfig": {"MaskedPaths": [], "ReadonlyPaths": []}},
    "no log": {"HostConfig": {"LogConfig": {"Type": "none", "Config": {}}}},
    "always": {"HostConfig": {"RestartPolicy": {"Name": "always"}}},
    "bridge, hardware address": {"MacAddress": "02:42:ac:99:00:09"},
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_container_is_the_same_afterwards(lab: Lab, journal: Path, kind: str) -> None:
    lab.image("lab:entry", entrypoint=["sleep"], command=["3"])
    lab.image("lab:ported", expose=[6000], command=SLEEP)
    lab.run("app", listen=5000)
    body = {"Image": "lab:base", "Cmd": SLEEP, "StopSignal": "SIGKILL", **ODD[kind]}
    if "MacAddress" in body and api_version(lab) >= (1, 44):
        endpoint = {"MacAddress": body.pop("MacAddress")}
        body["NetworkingConfig"] = {"EndpointsConfig": {"bridge": endpoint}}
    create(lab, "odd", body)
    lab.start("odd")
    before = lab.inspect("odd")
    outcome = fix(lab, Recreate(container="odd"), journal)
    assert (outcome.result, outcome.reason) == (Result.FIXED, "")
    assert differences(comparable(before), comparable(lab.inspect("odd"))) == []


def test_a_privileged_container_is_ordered_again_as_it_is(lab: Lab) -> None:
    # It is not started: the machine of the lab may not give away every capability.
    host = {"Privileged": True, "Devices": [], "CapAdd": ["ALL"]}
    create(lab, "first", {"Image": lab.image("lab:base"), "Cmd": SLEEP, "HostConfig": host})
    raw = lab.inspect("first")
    around = Surroundings(api=api_version(lab), name_leads_to=raw["Image"])
    create(lab, "second", recreation(raw, Recreate(container="first"), around).body)
    second = comparable({**lab.inspect("second"), "Name": "/first"})
    assert differences(comparable(raw), second) == []


def test_an_image_that_lost_its_name_is_taken_by_id(lab: Lab, journal: Path) -> None:
    lab.image("lab:moving", env={"WHICH": "first"})
    lab.run("web", image="lab:moving", command=SLEEP)
    before = lab.inspect("web")
    lab.image("lab:moving", env={"WHICH": "second"})
    assert fix(lab, Recreate(container="web"), journal).result is Result.FIXED
    after = lab.inspect("web")
    assert after["Image"] == before["Image"] == after["Config"]["Image"]
    assert "WHICH=first" in after["Config"]["Env"]


# What the action changes


def test_a_ghost_is_fixed_with_the_links_of_today(lab: Lab, journal: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    assert fix(lab, Recreate(container="app"), journal).result is Result.FIXED
    # the engine now calls the source of the ghost by the name under which it was put aside
    assert lab.links("web") == ["/app-linkdoctor-old:/web/helloapp"]
    assert lab.find("web/helloapp") is None
    outcome = fix(lab, Recreate(container="web"), journal)
    assert (outcome.result, outcome.interrupted) == (Result.FIXED, 0.0)
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    environment = lab.process_environment("web")
    assert environment.get("HELLOAPP_NAME", "/web/helloapp") == "/web/helloapp"


def test_the_new_target_follows_its_source(lab: Lab, journal: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    assert fix(lab, Recreate(container="web"), journal).result is Result.FIXED
    old, new = lab.move("app")
    assert old != new
    assert lab.hosts_lines("web", "helloapp")[0].split()[0] == new


def test_ports_hosts_links_and_network_are_added(lab: Lab, journal: Path) -> None:
    lab.network("shop")
    lab.run("app", listen=5000, network="shop")
    lab.run("db", listen=5432)
    lab.run("web", link="db:db", publish={8000: None}, extra_hosts=["old:10.1.1.1"])
    action = Recreate(
        container="web",
        links=(StoredLink("app", "helloapp"),),
        network="shop",
        aliases=("front",),
        publish=(
            Publication(port=Port(8000), host_address="127.0.0.1", host_port=18000),
            Publication(port=Port(9000), host_address="", host_port=0, ephemeral=True),
        ),
        expose=(Port(7000),),
        extra_hosts=(HostsLine(address="10.2.2.2", names=("new",)),),
        drop_extra_hosts=("old",),
    )
    assert fix(lab, action, journal).result is Result.FIXED
    after = lab.inspect("web")
    assert after["HostConfig"]["PortBindings"] == {
        "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18000"}],
        "9000/tcp": [{"HostIp": "", "HostPort": ""}],
    }
    assert set(after["Config"]["ExposedPorts"]) == {"7000/tcp", "8000/tcp", "9000/tcp"}
    assert after["HostConfig"]["ExtraHosts"] == ["new:10.2.2.2"]
    assert lab.endpoint_links("web") == {"shop": ["app:helloapp"]}
    assert "front" in after["NetworkSettings"]["Networks"]["shop"]["Aliases"]
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


# Failures


def assert_back(lab: Lab, name: str, identity: str) -> None:
    """The old container has its name, runs, and nothing is left over."""
    seen = lab.inspect(name)
    assert (seen["Id"], seen["State"]["Running"]) == (identity, True)
    assert leftovers_of(lab) == []


ENDS_THE_SECOND_TIME = """
test -e /data/began && rm /data/began && exit 3
touch /data/began
exec sleep 100000
"""


def test_a_new_one_that_ends_at_once_is_put_back(lab: Lab, journal: Path) -> None:
    lab.image("lab:once", files={"/data/.keep": ""})
    identity = lab.run(
        "web",
        image="lab:once",
        command=["sh", "-c", ENDS_THE_SECOND_TIME],
        binds=["began:/data"],
        publish={80: 18081},
    )
    lab.wait_for(lambda: lab.exec("web", "test -e /data/began")[0] == 0)
    outcome = fix(lab, Recreate(container="web"), journal)
    assert outcome.result is Result.UNDONE
    assert outcome.reason == "it ended at once, with exit code 3"
    assert_back(lab, "web", identity)


def test_an_unhealthy_new_one_is_put_back(lab: Lab, journal: Path) -> None:
    script = "test -e /data/began && touch /tmp/sick; touch /data/began; exec sleep 100000"
    identity = lab.run(
        "web",
        command=["sh", "-c", script],
        health="test ! -e /tmp/sick",
        binds=["sick:/data"],
    )
    outcome = fix(lab, Recreate(container="web"), journal)
    assert (outcome.result, outcome.reason) == (Result.UNDONE, "its health check fails")
    assert_back(lab, "web", identity)


def test_a_port_that_was_grabbed_puts_the_old_one_back(lab: Lab, journal: Path) -> None:
    lab.run("thief", publish={80: 18082})
    identity = lab.run("web")
    grabbed = Publication(port=Port(80), host_address="", host_port=18082)
    outcome = fix(lab, Recreate(container="web", publish=(grabbed,)), journal)
    assert outcome.result is Result.UNDONE
    assert "18082" in outcome.reason
    assert "port is already allocated" in outcome.reason
    assert_back(lab, "web", identity)


def test_links_that_are_not_clean_put_the_old_one_back(lab: Lab, journal: Path) -> None:
    identity = lab.run("web", restart="always")
    outcome = fix(lab, Recreate(container="web"), journal, verify=lambda: "LD204 is still there")
    assert (outcome.result, outcome.reason) == (Result.UNDONE, "LD204 is still there")
    assert_back(lab, "web", identity)
    assert lab.inspect("web")["HostConfig"]["RestartPolicy"]["Name"] == "always"


def test_an_interruption_from_the_keyboard_puts_the_old_one_back(lab: Lab, journal: Path) -> None:
    identity = lab.run("web")

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fix(lab, Recreate(container="web"), journal, verify=interrupted)
    assert_back(lab, "web", identity)


def test_a_ghost_that_cannot_start_again_is_not_stopped_for_a_new_one_that_fails(
    lab: Lab, journal: Path
) -> None:
    lab.run("app", listen=5000)
    identity = lab.run("web", link="app:helloapp")
    lab.recreate("app")
    outcome = fix(lab, Recreate(container="web"), journal, verify=lambda: "not clean")
    assert outcome.result is Result.UNDONE
    assert_back(lab, "web", identity)


def test_a_failed_start_where_the_old_one_cannot_start_either_loses_nothing(
    lab: Lab, journal: Path
) -> None:
    lab.run("app", listen=5000)
    identity = lab.run("web", link="app:helloapp", publish={80: 18083})
    lab.recreate("app")
    outcome = fix(lab, Recreate(container="web"), journal, verify=lambda: "not clean")
    assert (outcome.result, outcome.kept) == (Result.NOT_FIXED, identity)
    assert lab.inspect("web")["State"]["Running"]
    assert lab.inspect("web-linkdoctor-old")["Id"] == identity


def test_a_name_that_is_taken_meanwhile_is_said(lab: Lab, journal: Path) -> None:
    identity = lab.run("web")

    def steal() -> str:
        lab.api.rename("web", "elsewhere")
        lab.run("web", command=["sleep", "99999"])
        return "not clean"

    outcome = fix(lab, Recreate(container="web"), journal, verify=steal)
    assert outcome.result is Result.UNDONE
    assert "was taken by another container" in outcome.notes[0]
    assert lab.inspect("web-linkdoctor-old")["Id"] == identity
    assert lab.inspect("web-linkdoctor-old")["State"]["Running"]
    assert lab.inspect("web")["State"]["Running"]


def test_a_full_disk_under_the_journal_puts_the_old_one_back(lab: Lab, tmp_path: Path) -> None:
    identity = lab.run("web")
    leftovers.command("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(tmp_path))
    try:
        journal = tmp_path / "journal.jsonl"
        policies = itertools.cycle(("always", "no"))
        while not journal.exists() or journal.stat().st_size < 2300:  # a recreation begins
            fix(lab, SetRestartPolicy(container="web", policy=next(policies)), journal)
        outcome = fix(lab, Recreate(container="web"), journal)
        assert "No space left on device" in outcome.reason or "disk is full" in outcome.reason
        assert outcome.result is Result.UNDONE
        assert_back(lab, "web", identity)
    finally:
        leftovers.command("umount", "--lazy", str(tmp_path))


def test_an_engine_that_goes_away_midway_costs_nothing(lab: Lab, journal: Path) -> None:
    identity = lab.run("web", binds=["data:/data"])
    back = threading.Timer(2.0, lab.engine.boot)

    def go_away() -> str:
        lab.engine.halt()
        back.start()
        return "not clean"

    try:
        outcome = fix(lab, Recreate(container="web"), journal, verify=go_away)
    finally:
        back.join()
        lab.client.close()
        lab.client = lab._connect()
    assert (outcome.result, outcome.reason) == (Result.UNDONE, "not clean")
    assert_back(lab, "web", identity)


# What is refused


def refused(lab: Lab, journal: Path, name: str) -> str:
    before = lab.listed()
    outcome = fix(lab, Recreate(container=name), journal)
    assert (outcome.result, outcome.step) == (Result.NOT_FIXED, None)
    assert lab.listed() == before
    return outcome.reason


def test_what_is_owned_elsewhere_is_left_alone(lab: Lab, journal: Path) -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    lab.run("web", labels=labels)
    assert "Compose project shop" in refused(lab, journal, "web")


def test_what_goes_when_it_stops_is_left_alone(lab: Lab, journal: Path) -> None:
    body = {"Image": lab.image("lab:base"), "Cmd": SLEEP, "HostConfig": {"AutoRemove": True}}
    create(lab, "web", body)
    lab.start("web")
    assert "--rm" in refused(lab, journal, "web")


def test_a_source_that_does_not_run_is_named_beforehand(lab: Lab, journal: Path) -> None:
    lab.run("app")
    lab.run("web", link="app:helloapp")
    lab.stop("app")
    assert "app does not run" in refused(lab, journal, "web")
    lab.remove("app")
    assert "there is no container app" in refused(lab, journal, "web")
    assert "No such container" in refused(lab, journal, "nobody")


def test_leftovers_of_an_earlier_run_are_named(lab: Lab, journal: Path) -> None:
    lab.run("web")
    lab.run("web-linkdoctor-old")
    assert "from an earlier run" in refused(lab, journal, "web")


def test_a_restart_never_kills_a_target(lab: Lab, journal: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    assert fix(lab, Restart(container="web"), journal).result is Result.FIXED
    lab.stop("app")
    outcome = fix(lab, Restart(container="web"), journal)
    assert "app, the source of web's link helloapp, does not run" in outcome.reason
    lab.recreate("app")
    outcome = fix(lab, Restart(container="web"), journal)
    assert outcome.result is Result.NOT_FIXED
    assert "ghost link" in outcome.reason
    assert lab.inspect("web")["State"]["Running"]


# Taking back


def take_back(lab: Lab, journal: Path) -> list[str]:
    with control_of(lab) as control, Journal(journal, continued=True) as written:
        outcomes = undo(written, control, patience=QUICK)
    return [f"{type(each.action).__name__} {each.result}" for each in outcomes]


def test_every_step_is_taken_back_in_reverse_order(lab: Lab, journal: Path) -> None:
    lab.network("shop")
    lab.run("down", start=False)
    lab.run("frozen")
    lab.pause("frozen")
    identity = lab.run("web", restart="on-failure:3")
    actions: list[Action] = [
        Start(container="down"),
        Unpause(container="frozen"),
        Rename(container="frozen", to="thawed"),
        SetRestartPolicy(container="thawed", policy="always"),
        ConnectNetwork(network="shop", container="thawed", aliases=("warm",)),
    ]
    for action in actions:
        assert fix(lab, action, journal).result is Result.FIXED
    kept = fix(lab, Recreate(container="web"), journal, keep_old=True)
    assert (kept.result, kept.kept) == (Result.FIXED, identity)
    old = lab.inspect("web-linkdoctor-old")
    assert (old["State"]["Running"], old["HostConfig"]["RestartPolicy"]["Name"]) == (False, "no")
    assert lab.inspect("thawed")["NetworkSettings"]["Networks"]["shop"]
    assert take_back(lab, journal) == [
        "Recreate undone",
        "ConnectNetwork undone",
        "SetRestartPolicy undone",
        "Rename undone",
        "Unpause undone",
        "Start undone",
    ]
    assert_back(lab, "web", identity)
    policy = lab.inspect("web")["HostConfig"]["RestartPolicy"]
    assert policy == {"Name": "on-failure", "MaximumRetryCount": 3}
    frozen = lab.inspect("frozen")
    assert frozen["State"]["Paused"]
    assert set(frozen["NetworkSettings"]["Networks"]) == {"bridge"}
    assert frozen["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert not lab.inspect("down")["State"]["Running"]
    assert take_back(lab, journal) == []
    assert read(journal)


def test_a_recreation_whose_old_container_is_gone_is_not_taken_back(
    lab: Lab, journal: Path
) -> None:
    lab.run("web")
    fix(lab, Recreate(container="web"), journal)
    assert take_back(lab, journal) == ["Recreate not-fixed"]
    assert lab.inspect("web")["State"]["Running"]
