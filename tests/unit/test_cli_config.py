"""The configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor import config as module
from linkdoctor.api import snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.config import Config, ConfigError, find_config, load_config, read_config
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.report import Severity
from linkdoctor.rulekit.world import World


def written(directory: Path, text: str) -> Path:
    path = directory / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


EVERYTHING = """
select = ["LD2", "missing-alias"]
ignore = ["LD605"]
fail-on = "warning"
timeout = 5
hosts = ["unix:///var/run/docker.sock", "tcp://10.0.0.5:2376"]
rules = ["rules", "/srv/rules"]

[[container]]
container = "web-*"
expects = ["db"]
publishes = [8080]
"""


def test_every_key(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, EVERYTHING)) == Config(
        select=("LD2", "missing-alias"),
        ignore=("LD605",),
        fail_on=Severity.WARNING,
        timeout=5,
        hosts=("unix:///var/run/docker.sock", "tcp://10.0.0.5:2376"),
        rules=(str(tmp_path / "rules"), "/srv/rules"),
        container=(Declaration(container="web-*", expects=("db",), publishes=(8080,)),),
    )


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "")) == Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail_on = 'error'", "unknown key 'fail_on'; did you mean 'fail-on'?"),
        ("host = []", "unknown key 'host'; did you mean 'hosts'?"),
        ("Select = []", "unknown key 'Select'; did you mean 'select'?"),
        ("zzz = 1", "unknown key 'zzz'; known: select, ignore"),
        (
            "[[container]]\ncontainer = 'web'\nexpect = ['db']",
            "unknown key 'expect' in [[container]]; did you mean 'expects'?",
        ),
        ("[[container]]\nexpects = ['db']", "container: needs the key 'container'"),
        ("[container]\nname = 'web'", "container: must be a list, not a table"),
        ("select = 'LD2'", "select: must be a list, not text in quotes"),
        ("select = [1]", "select: must be text in quotes, not a whole number"),
        ("timeout = 'soon'", "timeout: must be a number, not text in quotes"),
        ("timeout = 0", "timeout: must be above 0 and at most 86400 seconds"),
        ("timeout = -1.5", "timeout: must be above 0 and at most 86400 seconds"),
        ("timeout = inf", "timeout: must be above 0 and at most 86400 seconds"),
        ("timeout = nan", "timeout: must be above 0 and at most 86400 seconds"),
        ("fail-on = 'never'", "fail-on: must be one of error, warning, info, not 'never'"),
        (
            "[[container]]\ncontainer = 'web'\npublishes = [70000]",
            "container.publishes: 70000 is not a port",
        ),
        ("select = [", "not valid TOML"),
        ("a = " + "[" * 100_000, "not valid TOML"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read_config(path)
    assert str(error.value).startswith(f"{path}: {said}")
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_config(path)


# --- where it is looked for -----------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_system_wide_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    system_wide = tmp_path / "etc" / "config.toml"
    monkeypatch.setattr(module, "_SYSTEM_WIDE", system_wide)
    return system_wide


def test_the_order(tmp_path: Path, no_system_wide_file: Path) -> None:
    environment = {"HOME": str(tmp_path / "home")}
    assert find_config(None, environment) is None
    system_wide = written(no_system_wide_file.parent, "")
    assert find_config(None, environment) == system_wide
    home = written(tmp_path / "home" / ".config" / "linkdoctor", "")
    assert find_config(None, environment) == home
    environment["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert find_config(None, environment) == system_wide
    xdg = written(tmp_path / "xdg" / "linkdoctor", "")
    assert find_config(None, environment) == xdg
    environment["LINKDOCTOR_CONFIG"] = "/named"
    assert find_config(None, environment) == Path("/named")
    assert find_config(Path("/given"), environment) == Path("/given")


def test_never_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "")
    written(tmp_path / "linkdoctor", "")
    for environment in ({}, {"XDG_CONFIG_HOME": ".", "HOME": "."}, {"XDG_CONFIG_HOME": ""}):
        assert find_config(None, environment) is None


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "none", {})
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(None, {"LINKDOCTOR_CONFIG": str(tmp_path / "none")})


# --- on the command line --------------------------------------------------------------------


def left(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as error:
        main([str(each) for each in arguments])
    return int(error.value.code or 0)


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    path = tmp_path / "warned.json.gz"
    path.write_bytes(snapshot_bytes(World().run("app").run("web", link="app").snapshot()))
    return path


def test_the_configuration_counts_and_options_win(tmp_path: Path, warned: Path) -> None:
    config = written(tmp_path, "fail-on = 'warning'")
    check = ("check", "--snapshot", warned, "--config", config)
    assert left(*check) == 1
    assert left(*check, "--fail-on", "error") == 0
    written(tmp_path, "fail-on = 'warning'\nignore = ['LD501']")
    assert left(*check) == 0
    assert left(*check, "--ignore", "LD201") == 1


def test_declarations_reach_the_rules(
    tmp_path: Path, warned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[[container]]\ncontainer = 'web'\nexpects = ['database']"
    assert left("check", "--snapshot", warned, "--config", written(tmp_path, text)) == 1
    assert "database" in capsys.readouterr().out


def test_a_wrong_configuration_exits_with_2(
    tmp_path: Path, warned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left("check", "--snapshot", warned, "--config", written(tmp_path, "x = 1")) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"linkdoctor: {tmp_path}/config.toml: unknown key 'x'")


def test_unknown_codes_in_the_configuration_are_errors(tmp_path: Path, warned: Path) -> None:
    config = written(tmp_path, "ignore = ['stale-evn']")
    assert left("check", "--snapshot", warned, "--config", config) == 2
