"""The words of `docker run` that are made of an inspect make the same container again."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from linkdoctor.fix.plan import plan
from linkdoctor.model.actions import Recreate
from linkdoctor.model.plan import Plan
from linkdoctor.model.report import Safety
from linkdoctor.model.setup import Setup
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.fixes import commands_of
from linkdoctor.rulekit.run_options import Defaults
from linkdoctor.rulekit.run_setup import setup_of
from linkdoctor.rulekit.run_words import connect_words, words_of

from .engine import SEARCH_PATH
from .examining import advised, codes, diagnose, look, only_fault
from .fixing import api_version, command_line, create
from .situations import Lab
from .test_recreate import ODD, SECRET, SLEEP, comparable, differences, everything, second_network

MULTI_LINE = "-----BEGIN-----\nline 'two' \"three\" $HOME `id`\\\n\n-----END-----\n"


def setup_in(lab: Lab, name: str) -> Setup:
    """How a container of the lab was made."""
    raw = lab.inspect(name)
    image = lab.api.inspect_image(raw["Image"])  # type: ignore[no-untyped-call]
    info = lab.api.info()
    return setup_of(
        raw,
        image,
        image_name=raw["Config"]["Image"],
        defaults=Defaults(
            name=info["Name"],
            log_driver=info["LoggingDriver"],
            runtime=info["DefaultRuntime"],
            cgroup_version=info.get("CgroupVersion", ""),
        ),
    )


def docker(lab: Lab, home: Path, *words: str) -> None:
    """Let the docker client do something, without any configuration."""
    run(lab, home, "docker", *words)


def paste(lab: Lab, home: Path, commands: Sequence[str], shell: str = "sh") -> None:
    """Paste commands into a shell, one after another."""
    for command in commands:
        run(lab, home, shell, "-c", command)


def run(lab: Lab, home: Path, *words: str) -> None:
    """Run a program that may ask the engine."""
    # A client that is much newer than the engine refuses what the engine's own client says.
    path = SEARCH_PATH if api_version(lab) >= (1, 44) else f"/usr/bin:{SEARCH_PATH}"
    done = subprocess.run(
        words,
        env={"PATH": path, "HOME": str(home), "DOCKER_HOST": lab.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"


def made_again(lab: Lab, home: Path, name: str) -> list[str]:
    """Make a container again by its words alone; what differs afterwards."""
    before = lab.inspect(name)
    setup = setup_in(lab, name)
    words, further = words_of(setup, name), connect_words(setup, name)
    lab.stop(name)
    lab.rename(name, f"{name}-before")
    if further:
        docker(lab, home, "create", *words)
        for each in further:
            docker(lab, home, "network", "connect", *each)
        docker(lab, home, "start", name)
    else:
        docker(lab, home, "run", "--detach", *words)
    return differences(told(before), told(lab.inspect(name)))


def told(raw: dict[str, Any]) -> Any:
    """What can be compared: who was attached to the container at its start is no part of it."""
    kept = comparable(raw)
    for each in ("AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce", "Volumes"):
        kept["Config"].pop(each, None)
    if kept["Config"].get("Env"):
        kept["Config"]["Env"].sort()
    for mount in kept["HostConfig"].get("Mounts") or ():
        if mount["Type"] == "volume":
            mount.pop("VolumeOptions", None)  # an anonymous volume is named, and stays as it is
    kept["HostConfig"]["RestartPolicy"].setdefault("Name", "no")
    for each in ("CapAdd", "CapDrop"):  # clients of 28 write CAP_ before each name
        found = kept["HostConfig"].get(each)
        kept["HostConfig"][each] = found and [name.removeprefix("CAP_") for name in found]
    # Where nothing was asked for, the client says so in its own words (engine 20.10 to 28.5).
    for key, nothing in NOTHING.items():
        if kept["HostConfig"].get(key) == nothing:
            kept["HostConfig"].pop(key)
    return kept


NOTHING: dict[str, Any] = {
    "ConsoleSize": [0, 0],
    "MemorySwappiness": -1,
    "OomKillDisable": False,
    "PidsLimit": 0,
}


@pytest.fixture
def full(lab: Lab) -> Lab:
    """`full`, which sets everything that `docker run` can set, beside what it needs."""
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
    create(lab, "lender", {"Image": lab.image("lab:base"), "Cmd": SLEEP, "Volumes": {"/lent": {}}})
    body = everything(lab, lab.engine.home)
    body["Env"].append(f"CERTIFICATE={MULTI_LINE}")
    body["HostConfig"]["MaskedPaths"] = []
    create(lab, "full", body)
    further_network(lab)
    lab.start("full")
    return lab


def further_network(lab: Lab) -> None:
    """Connect `full` to another network, where engines give an address that shows it is theirs."""
    if shows_whose_address_it_is(lab):
        second_network(lab)


def shows_whose_address_it_is(lab: Lab) -> bool:
    """Whether the engine makes hardware addresses of IPv4 addresses, as engines did until 28."""
    return int(lab.api.version()["Version"].partition(".")[0]) < 28


def test_what_may_be_a_chosen_hardware_address_is_not_left_out(full: Lab) -> None:
    if not shows_whose_address_it_is(full):
        second_network(full)
        # Nobody can tell whether it was chosen: no command gives it, and none is printed.
        assert setup_in(full, "full").beyond == ("a hardware address on a further network",)
        assert printed_for(full, "full") == ()
    else:
        assert setup_in(full, "full").beyond == ()


def test_a_container_that_sets_everything_is_made_again(full: Lab, tmp_path: Path) -> None:
    assert setup_in(full, "full").beyond == ()
    assert made_again(full, tmp_path, "full") == []


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_container_is_made_again(lab: Lab, tmp_path: Path, kind: str) -> None:
    lab.image("lab:entry", entrypoint=["sleep"], command=["3"])
    lab.image("lab:ported", expose=[6000], command=SLEEP)
    lab.run("app", listen=5000)
    body = {"Image": "lab:base", "Cmd": SLEEP, "StopSignal": "SIGKILL", **ODD[kind]}
    if "MacAddress" in body and api_version(lab) >= (1, 44):
        endpoint = {"MacAddress": body.pop("MacAddress")}
        body["NetworkingConfig"] = {"EndpointsConfig": {"bridge": endpoint}}
    create(lab, "odd", body)
    lab.start("odd")
    assert made_again(lab, tmp_path, "odd") == []


# As it is printed


def printed_for(lab: Lab, name: str) -> tuple[str, ...]:
    """The commands that linkdoctor prints for a recreation by hand."""
    examination = look(lab)
    topology = Topology(examination.snapshots)
    return commands_of(topology, lab.engine.name, Recreate(container=name))


def test_what_is_printed_makes_a_container_that_sets_everything_again(
    full: Lab, tmp_path: Path
) -> None:
    full.run("secretive", env={"WHO": SECRET})
    before = full.inspect("full")
    # Options of a network's driver may hold a secret: with them nothing is printed.
    assert printed_for(full, "full") == ()
    full.remove("full")
    body = everything(full, full.engine.home)
    body["Env"].append(f"CERTIFICATE={MULTI_LINE}")
    body["Env"] += ["discovery.type=single node", "PATH=/bin:/usr/bin", "DOCKER_HOST=nowhere"]
    body["HostConfig"]["MaskedPaths"] = []
    body["HostConfig"].pop("Annotations", None)
    body["NetworkingConfig"]["EndpointsConfig"]["n1"].pop("DriverOpts")
    create(full, "full", body)
    further_network(full)
    full.start("full")
    before = full.inspect("full")
    commands = printed_for(full, "full")
    assert not any(each in "\n".join(commands) for each in (SECRET, "BEGIN", "two words", "1m"))
    paste(full, tmp_path, commands)
    assert differences(told(before), told(full.inspect("full"))) == []
    old = full.inspect("full-before")
    assert (old["Id"], old["State"]["Running"]) == (before["Id"], False)
    assert old["HostConfig"]["RestartPolicy"]["Name"] == "no"


LOSSES: dict[str, dict[str, Any]] = {
    "command": {"Cmd": ["sh", "-c", "echo 'a  b' \"$0\"; exec sleep 100000", "it's\n{{.}}"]},
    "entry point": {"Entrypoint": ["env"], "Cmd": ["A=b c", "sleep", "100000"]},
    "user": {"User": "65534:65534"},
    "capabilities": {"HostConfig": {"CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"]}},
    "limits": {
        "HostConfig": {
            "Memory": 67108864,
            "NanoCpus": 250_000_000,
            "PidsLimit": 50,
            "Ulimits": [{"Name": "nofile", "Soft": 512, "Hard": 1024}],
        }
    },
    "log options": {
        "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}}
    },
    "multi-line variables": {"Env": [f"KEY={MULTI_LINE}", f"a.b-c={MULTI_LINE}", "LAST=\n\n"]},
    "variables of the client": {"Env": ["HOME=/nowhere", "DOCKER_HOST=x", "HTTPS_PROXY=http://y"]},
    "labels": {"Labels": {"org.example.note": "it's `so`\n$HOME", "empty": ""}},
    "check": {"Healthcheck": {"Test": ["CMD-SHELL", "test -n 'a \"b\"'"], "Retries": 9}},
}


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_is_lost_by_what_is_printed(lab: Lab, tmp_path: Path, loss: str) -> None:
    lab.run("app", listen=5000)
    body = {"Image": lab.image("lab:base"), "Cmd": SLEEP, "StopSignal": "SIGKILL", **LOSSES[loss]}
    host = {**body.pop("HostConfig", {}), "Links": ["app:helloapp"]}
    create(lab, "web", {**body, "HostConfig": host})
    lab.start("web")
    lab.recreate("app")
    before = lab.inspect("web")
    fix = advised(only_fault(diagnose(lab)), Safety.RECREATE)
    paste(lab, tmp_path, fix.commands)
    after = lab.inspect("web")
    assert differences(told(before), told(after)) == []
    assert after["State"]["Running"]
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert codes(diagnose(lab)) == []


SET_BY_SHELLS = (
    *("_", "LINENO", "SECONDS", "RANDOM", "SHLVL", "GROUPS", "DIRSTACK", "FUNCNAME", "HISTCMD"),
    *("PIPESTATUS", "EPOCHSECONDS", "EPOCHREALTIME", "COMP_WORDBREAKS", "UID", "EUID", "PPID"),
    *("GID", "COLUMNS", "LINES", "OPTIND", "LC_ALL", "status", "path", "REPLY", "HOSTNAME"),
)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_variables_that_shells_set_themselves_arrive(lab: Lab, tmp_path: Path, shell: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", env=dict.fromkeys(SET_BY_SHELLS, "it's 7"))
    lab.recreate("app")
    before = lab.inspect("web")
    fix = advised(only_fault(diagnose(lab)), Safety.RECREATE)
    paste(lab, tmp_path, fix.commands, shell)
    assert differences(told(before), told(lab.inspect("web"))) == []


def test_linkdoctors_own_way_comes_first(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", env={"KEY": MULTI_LINE})
    lab.recreate("app")
    own, by_hand = only_fault(diagnose(lab)).fixes
    assert own.commands == (f"linkdoctor fix web --apply --allow recreate -H {lab.url}",)
    assert by_hand.title.startswith("by hand: ")
    assert "web-before" in by_hand.title
    words = shlex.split(own.commands[0])[1:-2]
    assert command_line(lab, tmp_path, *words, "--yes").returncode == 0
    assert codes(diagnose(lab)) == []


def test_what_linkdoctor_would_refuse_is_not_printed(lab: Lab) -> None:
    lab.run("app", listen=5000)
    body = {"Image": lab.image("lab:base"), "Cmd": SLEEP}
    create(lab, "web", {**body, "HostConfig": {"Links": ["app:helloapp"], "AutoRemove": True}})
    lab.start("web")
    lab.recreate("app")
    fix, *others = only_fault(diagnose(lab)).fixes
    assert (fix.safety, fix.commands, fix.actions, others) == (Safety.MANUAL, (), (), [])
    assert "--rm" in fix.title


def chain(lab: Lab) -> None:
    """The classic three: db, which was recreated, behind app, behind web."""
    lab.run("db", listen=6000)
    lab.run("app", listen=5000, link="db:db", restart="on-failure:3")
    lab.run("web", link="app:helloapp")
    lab.recreate("db")


def test_what_is_linked_to_what_is_recreated_by_hand_is_recreated_after_it(
    lab: Lab, tmp_path: Path
) -> None:
    chain(lab)
    _, by_hand = only_fault(diagnose(lab)).fixes
    assert all(f"{name}-before" in by_hand.title for name in ("app", "web"))
    paste(lab, tmp_path, by_hand.commands)
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert lab.fetch("app", "http://db:6000/") == (0, "db\n")
    assert [each for each in codes(diagnose(lab)) if each != "LD107"] == []


def test_the_printed_undo_gives_the_whole_restart_policy_back(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    expects = {"linkdoctor.expects": "helloapp"}
    lab.run("web", link="app:other", labels=expects, restart="on-failure:4")
    before = lab.inspect("web")
    (step,) = (each for each in plan_of(lab).steps if isinstance(each.action, Recreate))
    paste(lab, tmp_path, (*step.commands, *step.undo))
    after = lab.inspect("web")
    assert after["Id"] == before["Id"]
    assert after["HostConfig"]["RestartPolicy"] == before["HostConfig"]["RestartPolicy"]
    assert after["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] == 4


def test_no_undo_brings_a_container_back_that_its_ghost_link_keeps_down(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.recreate("app")
    (step,) = plan_of(lab).steps
    assert step.commands
    assert step.undo == ()
    assert step.reversible.startswith("cannot be taken back: ")


def test_a_port_that_is_pinned_is_no_change(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", publish={80: None, 81: 8081})
    lab.recreate("app")
    (step,) = plan_of(lab).steps
    assert step.title == "recreate web"


def plan_of(lab: Lab) -> Plan:
    """What `fix` would do."""
    return plan(diagnose(lab), Topology(look(lab).snapshots))
