"""What shells are offered: names of containers, codes and names of rules."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from linkdoctor.api import Url, container_names, snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.rulekit.world import World
from tests.replay import replayed, situations
from tests.waiting import soon

Offered = Callable[..., list[str]]


@pytest.fixture
def offered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Offered:
    """What bash is offered behind some words; it asks by variables of the environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    monkeypatch.delenv("LINKDOCTOR_CONFIG", raising=False)

    def complete(*words: str | Path) -> list[str]:
        monkeypatch.setenv("_LINKDOCTOR_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["linkdoctor", *map(str, words)]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        assert (left.value.code, captured.err) == (0, "")
        return captured.out.split()

    return complete


@pytest.mark.parametrize("command", ["check", "show", "fix"])
def test_containers_of_the_engine_that_is_named(
    offered: Offered, tmp_path: Path, command: str
) -> None:
    with replayed(situations()["healthy"], tmp_path / "s"):
        assert offered(command, "-H", f"unix://{tmp_path}/s", "") == ["app", "web"]
        assert offered(command, "--host", f"unix://{tmp_path}/s", "w") == ["web"]
        assert offered(command, "--host", f"unix://{tmp_path}/s", "nobody") == []


def test_containers_of_the_usual_engine(
    offered: Offered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with replayed(situations()["healthy"], tmp_path / "s"):
        assert offered("check", "app", "") == ["app", "web"]


def test_containers_of_the_configured_engine(offered: Offered, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'hosts = ["unix://{tmp_path}/s"]')
    with replayed(situations()["healthy"], tmp_path / "s"):
        assert offered("check", "--config", config, "") == ["app", "web"]


def test_containers_of_a_file(offered: Offered, tmp_path: Path) -> None:
    file = tmp_path / "seen"
    world = World().run("app").run("web", link="app").run("$(touch owned)").run("a b").run("-x")
    file.write_bytes(snapshot_bytes(world.snapshot()))
    assert offered("check", "--snapshot", file, "") == ["app", "web"]


@pytest.mark.parametrize(
    "words",
    [
        ("check", ""),
        ("check", "-H", "nonsense://", ""),
        ("check", "-H", "ssh://h", ""),
        ("check", "--context", "nobody", ""),
        ("check", "--snapshot", "/none", ""),
        ("check", "--config", "/none", ""),
        ("check", "--timeout", "soon", ""),
    ],
)
def test_what_goes_wrong_is_silent(offered: Offered, words: tuple[str, ...]) -> None:
    assert offered(*words) == []


def test_an_engine_that_hangs_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        assert soon(lambda: container_names([Url(url)], timeout=0.1)) == ()


def test_codes_and_names_of_rules(offered: Offered) -> None:
    assert offered("explain", "LD60")[:2] == ["LD601", "LD602"]
    assert offered("check", "--ignore", "stale-env") == ["stale-env", "stale-env-port"]
