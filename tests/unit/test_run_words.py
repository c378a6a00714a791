"""What an inspect says of a container is said in the words of `docker run`, all of it and once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.model.actions import Recreate
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.setup import withheld
from linkdoctor.model.snapshot import Publication
from linkdoctor.model.variables import Variable
from linkdoctor.rulekit.pasting import can_be_pasted, commands_to_make
from linkdoctor.rulekit.run_options import Defaults
from linkdoctor.rulekit.run_setup import setup_of
from linkdoctor.rulekit.run_words import changed, connect_words, words_of

ID = "0123456789ab" + "0" * 52
SWITCHES = {
    "--tty",
    "--interactive",
    "--init",
    "--read-only",
    "--privileged",
    "--publish-all",
    "--oom-kill-disable",
    "--no-healthcheck",
}
MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"]
MASKED += ["/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"]
MASKED += ["/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def inspected(
    config: dict[str, Any] | None = None,
    host: dict[str, Any] | None = None,
    networks: dict[str, Any] | None = None,
    mounts: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """As much of an inspect as an engine always gives."""
    return {
        "Id": ID,
        "Name": "/web",
        "Image": "sha256:1",
        "Config": {"Image": "image", "Hostname": ID[:12], **(config or {})},
        "HostConfig": {
            "NetworkMode": "default",
            "MaskedPaths": MASKED,
            "ReadonlyPaths": READ_ONLY,
            **(host or {}),
        },
        "NetworkSettings": {"Networks": {"bridge": {}} if networks is None else networks},
        "Mounts": mounts or [],
    }


def parsed(words: tuple[str, ...], image: str) -> tuple[dict[str, list[str]], list[str]]:
    """Read the words as the client does: options up to the image, then the command."""
    options: dict[str, list[str]] = {}
    rest = list(words)
    while rest and rest[0].startswith("--"):
        option, _, value = rest.pop(0).partition("=")
        if option in SWITCHES:
            options.setdefault(option, []).append(value or "true")
        else:
            options.setdefault(option, []).append(rest.pop(0))
    assert rest[0] == image, rest
    return options, rest[1:]


def said(
    raw: dict[str, Any], of_image: dict[str, Any] | None = None, **more: Any
) -> tuple[dict[str, list[str]], list[str]]:
    setup = setup_of(raw, {"Config": of_image or {}}, image_name="image", **more)
    return parsed(words_of(setup, "web"), "image")


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,10}", fullmatch=True)
variables = st.dictionaries(names, texts, max_size=4)
words = st.lists(texts.filter(bool), max_size=4)


@given(
    env=variables,
    of_image=variables,
    labels=st.dictionaries(names, texts, max_size=3),
    command=words,
    own_command=words,
    entry=st.lists(texts.filter(bool), max_size=1),
    user=st.sampled_from(["", "1000:1000", "nobody"]),
    caps=st.lists(st.sampled_from(["NET_ADMIN", "SYS_TIME", "ALL"]), unique=True),
    memory=st.integers(0, 2**40),
    cpus=st.integers(0, 64 * 10**9),
    log=st.dictionaries(st.sampled_from(["max-size", "max-file", "tag"]), texts, max_size=3),
    tty=st.booleans(),
)
def test_all_that_differs_from_the_image_is_said(
    env: dict[str, str],
    of_image: dict[str, str],
    labels: dict[str, str],
    command: list[str],
    own_command: list[str],
    entry: list[str],
    user: str,
    caps: list[str],
    memory: int,
    cpus: int,
    log: dict[str, str],
    tty: bool,
) -> None:
    merged = {**of_image, **env}
    raw = inspected(
        {
            "Env": [f"{name}={value}" for name, value in merged.items()],
            "Labels": labels,
            "Cmd": command or None,
            "Entrypoint": entry or None,
            "User": user,
            "Tty": tty,
        },
        {
            "CapAdd": caps,
            "Memory": memory,
            "NanoCpus": cpus,
            "LogConfig": {"Type": "json-file", "Config": log},
        },
    )
    image = {"Env": [f"{name}={value}" for name, value in of_image.items()], "Cmd": own_command}
    setup = setup_of(raw, {"Config": image}, image_name="image")
    if setup.beyond:
        assert not command
        assert own_command
        assert not entry
        return
    options, then = parsed(words_of(setup, "web"), "image")
    assert {**of_image, **_pairs(options, "--env")} == merged
    assert not set(_pairs(options, "--env").items()) & set(of_image.items())
    assert _pairs(options, "--label") == labels
    assert _pairs(options, "--log-opt") == log
    assert options.get("--user", [""]) == [user]
    assert options.get("--cap-add", []) == caps
    assert int(options.get("--memory", ["0"])[0]) == memory
    assert round(float(options.get("--cpus", ["0"])[0]) * 10**9) == cpus
    assert ("--tty" in options) == tty
    assert options.get("--entrypoint", []) == entry
    # An entry point that is given takes the image's command away.
    assert (then or ([] if entry else own_command)) == command


def _pairs(options: dict[str, list[str]], option: str) -> dict[str, str]:
    split = (each.partition("=") for each in options.get(option, ()))
    return {name: value for name, _, value in split}


BEYOND: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an entry point of several words": ({"Entrypoint": ["sh", "-c"], "Cmd": ["x"]}, {}),
    "a health check without a shell": ({"Healthcheck": {"Test": ["CMD", "true"]}}, {}),
    "a seccomp profile of its own": ({}, {"SecurityOpt": ['seccomp={"a":1}']}),
    "requests for devices": ({}, {"DeviceRequests": [{"Driver": "x", "Count": 1}]}),
    "the hidden paths of /proc and /sys": ({}, {"MaskedPaths": ["/proc/kcore"]}),
    "a removed variable of the image": ({"Env": ["GONE"]}, {}),
    "a disabled network": ({"NetworkDisabled": True}, {}),
}


@pytest.mark.parametrize("what", BEYOND)
def test_what_cannot_be_said_is_not_half_said(what: str) -> None:
    config, host = BEYOND[what]
    setup = setup_of(inspected(config, host), {}, image_name="image")
    assert setup.beyond == (what,)
    assert not can_be_pasted(withheld(setup))
    with pytest.raises(ValueError, match="docker run has no option for"):
        words_of(setup, "web")


def test_what_the_image_and_the_engine_say_is_not_repeated() -> None:
    image = {
        "Env": ["PATH=/bin"],
        "Cmd": ["server"],
        "Entrypoint": ["sh", "-c"],
        "User": "app",
        "WorkingDir": "/srv",
        "Labels": {"of": "image"},
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5},
    }
    host = {
        "Runtime": "runc",
        "CgroupnsMode": "private",
        "IpcMode": "private",
        "ShmSize": 64 * 1024 * 1024,
        "LogConfig": {"Type": "local", "Config": {}},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    }
    defaults = Defaults(log_driver="local", cgroup_version="2")
    found = said(inspected(dict(image), host), image, defaults=defaults)
    assert found == ({"--name": ["web"]}, [])
    options, _ = said(inspected(dict(image), host), image, defaults=Defaults(cgroup_version="1"))
    assert options == {"--name": ["web"], "--cgroupns": ["private"], "--log-driver": ["local"]}


def test_graphics_cards_are_asked_for_again() -> None:
    def request(**more: Any) -> dict[str, Any]:
        return {"DeviceRequests": [{"Capabilities": [["gpu"]], "Count": 0, **more}]}

    assert said(inspected(host=request(Count=-1)))[0]["--gpus"] == ["all"]
    assert said(inspected(host=request(Count=2)))[0]["--gpus"] == ["2"]
    asked = said(inspected(host=request(DeviceIDs=["0", "1"])))[0]["--gpus"]
    assert asked == ['"device=0,1"']


def test_each_owner_keeps_its_containers() -> None:
    labels = {"com.docker.swarm.service.name": "shop_web"}
    assert "swarm" in setup_of(inspected({"Labels": labels}), {}, image_name="x").refused
    assert "--rm" in setup_of(inspected(host={"AutoRemove": True}), {}, image_name="x").refused


# What an action changes


ON_TWO = inspected(
    host={"NetworkMode": "n1", "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}]}},
    networks={
        "n2": {"Links": ["db:db"], "IPAMConfig": {"IPv4Address": "10.2.0.9"}},
        "n1": {"Aliases": ["shop", ID[:12]], "Links": ["app:api"]},
    },
)


def test_an_action_changes_what_it_says_and_nothing_else() -> None:
    setup = setup_of(ON_TWO, {}, image_name="image")
    action = Recreate(
        container="web",
        links=(StoredLink("app2", "api"), StoredLink("db", "db"), StoredLink("new", "new")),
        publish=(Publication(port=Port(80), host_address="::1", host_port=8080),),
        expose=(Port(53, "udp"),),
        extra_hosts=(HostsLine(address="10.9.9.9", names=("other",)),),
        aliases=("front",),
        environment=(Variable(name="API_PORT", value="tcp://10.0.0.1:80"),),
        dns_search=(".",),
    )
    after = changed(setup, action)
    assert parsed(words_of(after, "web"), "image")[0] == {
        "--name": ["web"],
        "--env": ["API_PORT=tcp://10.0.0.1:80"],
        "--network": ["n1"],
        "--network-alias": ["shop", "front"],
        "--link": ["app2:api", "new:new"],
        "--publish": ["[::1]:8080:80/tcp"],
        "--expose": ["53/udp"],
        "--add-host": ["other:10.9.9.9"],
        "--dns-search": ["."],
    }
    assert connect_words(after, "web") == (("--link", "db:db", "--ip", "10.2.0.9", "n2", "web"),)
    assert changed(setup, Recreate(container="web")) == setup


def test_a_container_moves_to_another_network_with_its_links() -> None:
    setup = setup_of(ON_TWO, {}, image_name="image")
    options, _ = parsed(
        words_of(changed(setup, Recreate(container="web", network="n3")), "web"), "image"
    )
    assert (options["--network"], options["--link"]) == (["n3"], ["app:api", "db:db"])
    there = changed(setup, Recreate(container="web", network="bridge"))
    options, _ = parsed(words_of(there, "web"), "image")
    assert "--network" not in options
    assert options["--link"] == ["app:api", "db:db"]
    assert connect_words(there, "web") == ()


# As it is pasted


def test_no_secret_is_in_what_is_kept_or_printed() -> None:
    secret = "hunter2"
    raw = inspected(
        {
            "Env": [f"PASSWORD={secret}", f"a.b={secret}", f"PATH={secret}"],
            "Labels": {"note": secret},
            "Cmd": ["server", secret],
            "Entrypoint": [secret],
            "Healthcheck": {"Test": ["CMD-SHELL", f"curl {secret}"]},
        },
        {"LogConfig": {"Type": "json-file", "Config": {"token": secret}}},
        {"bridge": {"DriverOpts": {"key": secret}}},
    )
    setup = withheld(setup_of(raw, {}, image_name="image"))
    assert secret not in msgspec.json.encode(setup).decode()
    with pytest.raises(ValueError, match="withheld"):
        words_of(setup, "web")
    assert not can_be_pasted(setup)
    raw["NetworkSettings"]["Networks"]["bridge"] = {}
    setup = withheld(setup_of(raw, {}, image_name="image"))
    assert can_be_pasted(setup)
    (command,) = commands_to_make(setup, "web", "web-before")
    assert secret not in command
    assert " --env PASSWORD " in command
    assert "--env a.b" not in command
    assert "--env PATH" not in command


def test_names_that_no_template_can_hold_are_not_pasted() -> None:
    odd = setup_of(inspected({"Env": ['A"}}{{.Id}}=1']}), {}, image_name="image")
    assert not can_be_pasted(odd)
    assert not can_be_pasted(setup_of(inspected(), {}, image_name='x"}}'))
    assert can_be_pasted(setup_of(inspected(), {}, image_name="docker.io/library/x:1@sha256:ab"))
