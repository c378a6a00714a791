"""`linkdoctor config`, the annotated example, the schema, and the manual page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor import config as module
from linkdoctor.config import Config, ConfigError, Ignore, read_config
from linkdoctor.model.knowledge import Declaration
from linkdoctor.model.report import Severity
from linkdoctor.render.layout import TextStyle
from linkdoctor.render.settings import Setting, SettingList, render_settings

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
EXAMPLE = DOCS / "config.example.toml"
MANUAL = DOCS / "man" / "linkdoctor.1"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setattr(module, "_SYSTEM_WIDE", tmp_path / "etc" / "config.toml")


def settings_of(run: Run, *arguments: str | Path) -> dict[str, dict[str, Any]]:
    code, out, _ = run("config", "--format", "json", *arguments)
    assert code == 0
    return {each["key"]: each for each in json.loads(out)["settings"]}


# --- the command ----------------------------------------------------------------------------------


def test_without_a_file(run: Run, tmp_path: Path) -> None:
    places = f"{tmp_path}/xdg/linkdoctor/config.toml, {tmp_path}/etc/config.toml"
    assert run("config") == (
        0,
        f"# no file; looked for {places}\n"
        "select = []  # default\n"
        "ignore = []  # default\n"
        "severity = {}  # default\n"
        "accept-missing = []  # default\n"
        'fail-on = "error"  # default\n'
        "timeout = 30  # default\n"
        'hosts = ["unix:///var/run/docker.sock"]  # default\n'
        "rules = []  # default\n"
        "container = []  # default\n",
        "",
    )


TEXT = """
ignore = ["LD605", { code = "LD207", target = "we*", reason = "known", until = 2999-12-31 }]
fail-on = "error"
severity.boot-order = "info"
[[container]]
container = "web-*"
expects = ["db"]
"""


def test_with_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(TEXT)
    assert run("config", "--config", file) == (
        0,
        f"# read from {file}, named by --config\n"
        "select = []  # default\n"
        f"ignore = [  # file: {file}\n"
        '  "LD605",\n'
        '  { code = "LD207", target = "we*", reason = "known", until = 2999-12-31 },\n'
        "]\n"
        f'severity = {{ boot-order = "info" }}  # file: {file}\n'
        "accept-missing = []  # default\n"
        f'fail-on = "error"  # file: {file}\n'
        "timeout = 30  # default\n"
        'hosts = ["unix:///var/run/docker.sock"]  # default\n'
        "rules = []  # default\n"
        f"container = [  # file: {file}\n"
        '  { container = "web-*", expects = ["db"], publishes = [] },\n'
        "]\n",
        "",
    )


def test_what_names_the_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = tmp_path / "xdg" / "linkdoctor" / "config.toml"
    usual.parent.mkdir(parents=True)
    usual.write_text("timeout = 5")
    assert run("config")[1].startswith(f"# read from {usual}\n")
    assert settings_of(run)["timeout"] == {
        "key": "timeout",
        "value": 5.0,
        "origin": "file",
        "where": str(usual),
    }
    named = tmp_path / "named.toml"
    named.write_text("")
    monkeypatch.setenv("LINKDOCTOR_CONFIG", str(named))
    assert run("config")[1].startswith(f"# read from {named}, named by $LINKDOCTOR_CONFIG\n")


def test_where_the_engine_comes_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_of(run)["hosts"]["origin"] == "default"
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.5:2375")
    hosts = settings_of(run)["hosts"]
    assert hosts["value"] == ["tcp://10.0.0.5:2375"]
    assert (hosts["origin"], hosts["where"]) == ("environment", "$DOCKER_HOST")
    file = tmp_path / "config.toml"
    file.write_text('hosts = ["tcp://10.0.0.6:2375"]')
    assert settings_of(run, "--config", file)["hosts"]["origin"] == "file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail_on = 1", "did you mean 'fail-on'?"),
        ("select = ['LD999']", "no rule is called 'LD999'"),
        ("ignore = ['LD201@']", "is not a valid finding token"),
        ("[severity]\nLD999 = 'info'", "[severity]: no rule is called 'LD999'"),
        ("rules = ['nowhere']", "no such directory of rules"),
    ],
)
def test_what_is_wrong_with_a_file(run: Run, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    code, out, err = run("config", "--config", file)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_what_suppresses_nothing_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        "[[ignore]]\ncode = 'LD999'\nreason = 'x'\n"
        "[[ignore]]\ncode = 'LD201'\nreason = 'x'\nuntil = 2020-01-01\n"
        "[[ignore]]\ncode = 'LD202'\nreason = 'x'\n"
    )
    code, _, err = run("config", "--config", file)
    assert code == 0
    assert [line.split(" ")[2:4] for line in err.splitlines()] == [
        ["[[ignore]]", "LD999:"],
        ["[[ignore]]", "LD201"],
    ]


# --- its text is a file ---------------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_FILLED = _TEXTS.filter(lambda text: any(not each.isspace() for each in text))
_CONFIGS = st.builds(
    Config,
    select=st.lists(_TEXTS, max_size=2).map(tuple),
    ignore=st.lists(
        _TEXTS
        | st.builds(
            Ignore,
            code=_FILLED,
            target=_TEXTS,
            reason=_FILLED,
            until=st.none() | st.dates(),
        ),
        max_size=3,
    ).map(tuple),
    severity=st.dictionaries(_TEXTS, st.sampled_from(Severity), max_size=2),
    container=st.lists(
        st.builds(
            Declaration,
            container=_TEXTS,
            expects=st.lists(_TEXTS, max_size=2).map(tuple),
            publishes=st.lists(st.integers(1, 65535), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)


@settings(deadline=None, max_examples=50)
@given(config=_CONFIGS, ascii_only=st.booleans())
def test_the_text_can_be_read_again(
    tmp_path_factory: pytest.TempPathFactory, config: Config, ascii_only: bool
) -> None:
    plain = {key: value for key, value in msgspec.to_builtins(config).items() if value is not None}
    shown = SettingList(
        file="somewhere\n\x1b",
        settings=tuple(
            Setting(key=key, value=value, origin="file", where="some\nwhere")
            for key, value in plain.items()
        ),
    )
    text = render_settings(shown, TextStyle(ascii_only=ascii_only))
    assert all(each.isprintable() or each == "\n" for each in text)
    file = tmp_path_factory.getbasetemp() / "again.toml"
    file.write_text(text)
    assert read_config(file) == config


# --- the example and the schema -------------------------------------------------------------------


def test_the_example_sets_every_key() -> None:
    config = read_config(EXAMPLE)
    for name in Config.__struct_fields__:
        assert getattr(config, name) != getattr(Config(), name), name
    tables = [each for each in config.ignore if isinstance(each, Ignore)]
    for kind, made in ((Ignore, tables[0]), (Declaration, config.container[0])):
        for field in msgspec.structs.fields(kind):
            assert getattr(made, field.name) != field.default, field.name


def test_the_example_is_right(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    file = tmp_path / "config.toml"
    file.write_text(EXAMPLE.read_text())
    assert run("config", "--config", file)[0] == 0
    # What is commented out is right as well, in place of the tables.
    head, listed = EXAMPLE.read_text().split("# ignore = ")
    line = f"ignore = {listed.splitlines()[0]}\n"
    file.write_text(line + head.partition("[severity]")[0])
    assert len(read_config(file).ignore) == 3


def test_the_tables_of_the_page_on_suppression_are_right(tmp_path: Path) -> None:
    page = (DOCS / "suppression.md").read_text()
    tables = re.findall("```toml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "config.toml"
    file.write_text("".join(tables))
    config = read_config(file)
    assert (len(config.suppressions), len(config.severity)) == (1, 2)


def test_the_schema_describes_every_key() -> None:
    schema = json.loads((DOCS / "schema" / "config.schema.json").read_text())
    keys = schema["$defs"]["Config"]["properties"]
    assert set(keys) == {field.encode_name for field in msgspec.structs.fields(Config)}
    assert all("description" in each for each in keys.values())
    assert schema["$defs"]["Config"]["additionalProperties"] is False
    assert schema["$defs"]["Ignore"]["required"] == ["code", "reason"]


# --- hostile files --------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_configuration_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content)
    said = ""
    try:
        read_config(file)
    except ConfigError as error:
        said = str(error)
    assert said == "" or said.startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[ignore]]\ncode = 'LD207'", "ignore: needs the key 'reason'"),
        ("[[ignore]]\nreason = 'x'", "ignore: needs the key 'code'"),
        ("[[ignore]]\ncode = 'a'\nreason = ' '", "ignore.reason: must not be empty"),
        ("[[ignore]]\ncode = ''\nreason = 'x'", "ignore.code: must not be empty"),
        ("[[ignore]]\ncode = 1\nreason = 'x'", "ignore.code: must be text in quotes, not a whole"),
        (
            "[[ignore]]\ncode = 'a'\nreason = 'x'\nuntil = 'soon'",
            "ignore.until: must be a date such as 2026-12-31",
        ),
        (
            "[[ignore]]\ncode = 'a'\nreason = 'x'\nuntil = 2026-12-31T00:00:00",
            "ignore.until: must be a date such as 2026-12-31, not a date with a time",
        ),
        (
            "[[ignore]]\ncode = 'a'\nreason = 'x'\ntraget = 'web'",
            "unknown key 'traget' in [[ignore]]; did you mean 'target'?",
        ),
        ("ignore = [1]", "ignore: must be text in quotes or a table, not a whole number"),
        ("[ignore]\ncode = 'a'", "ignore: must be a list, not a table"),
        (
            "ignore = ['LD605']\n[[ignore]]\ncode = 'a'",
            "not valid TOML: Cannot mutate immutable namespace ('ignore',) (at line 2, column 9); "
            "ignore is either a list or [[ignore]] tables",
        ),
        ("severity = 'high'", "severity: must be a table, not text in quotes"),
        ("[severity]\nLD605 = 1", "severity: must be text in quotes, not a whole number"),
        ("#" + "x" * (1 << 20), "larger than 1 MiB"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_config(file)
    assert str(error.value).startswith(f"{file}: {said}")


# --- the manual page ------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("man") or not shutil.which("groff"), reason="needs man, groff")
def test_the_manual_page_is_laid_out_without_a_warning() -> None:
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(MANUAL)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "PAGER": "cat"},
        timeout=60,
    )
    assert done.stderr == ""
    for command in ("check", "fix", "show", "rules", "explain", "demo", "snapshot", "config"):
        assert f"   linkdoctor {command} [OPTIONS]" in done.stdout
    assert "~/.config/linkdoctor/config.toml" in done.stdout
