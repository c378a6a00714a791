"""What a snapshot file holds, listed to the last value, and the command that redacts it."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import (
    Examination,
    SnapshotError,
    contents_of,
    demo_snapshots,
    load_rules,
    read_snapshot,
    report_on,
    snapshot_bytes,
)
from linkdoctor.cli import main
from linkdoctor.model.snapshot import Snapshot, Variable
from linkdoctor.privacy.fields import KINDS, Kind, leaves
from linkdoctor.privacy.inventory import AGAINST
from linkdoctor.render.inventory import render_inventory
from linkdoctor.render.layout import TextStyle
from linkdoctor.render.sanitize import sanitize
from linkdoctor.rulekit.world import World

RULES = load_rules()


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    for name in ("LINKDOCTOR_CONFIG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def written(path: Path, content: bytes | Snapshot) -> Path:
    path.write_bytes(snapshot_bytes(content) if isinstance(content, Snapshot) else content)
    return path


def left(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as error:
        main(["snapshot", *map(str, arguments)])
    return int(error.value.code or 0)


def strings_in(plain: object) -> Iterator[str]:
    """Every string that is a value in JSON."""
    if isinstance(plain, dict):
        for value in plain.values():
            yield from strings_in(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from strings_in(value)
    elif isinstance(plain, str):
        yield plain


def structs_in(kind: object) -> Iterator[type[msgspec.Struct]]:
    for each in getattr(kind, "__args__", ()):
        yield from structs_in(each)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind


# --- kinds ----------------------------------------------------------------------------------


def test_every_field_of_a_snapshot_has_a_kind_or_holds_structs() -> None:
    waiting: list[type[msgspec.Struct]] = [Snapshot]
    seen: set[type[msgspec.Struct]] = set()
    while waiting:
        struct = waiting.pop()
        if struct in seen:
            continue
        seen.add(struct)
        for field in msgspec.structs.fields(struct):
            within = [each for each in structs_in(field.type) if each.__name__ not in _EVIDENCE]
            has_kind = field.name in KINDS[struct]
            assert has_kind != bool(within), f"{struct.__name__}.{field.name}"
            waiting += within
    assert seen <= set(KINDS)


_EVIDENCE = ("Known", "Unknown")


def test_a_value_without_a_kind_is_an_error() -> None:
    class Stranger(msgspec.Struct, frozen=True):
        secret: str

    snapshot = World().run("app").snapshot()
    stranger = msgspec.structs.replace(snapshot, tool=Stranger("x"))
    with pytest.raises(LookupError):
        list(leaves(stranger))


# --- the list -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1])
def test_every_string_of_the_file_is_in_the_list(tmp_path: Path, number: int) -> None:
    path = written(tmp_path / "file", demo_snapshots()[number])
    held = contents_of(path)
    listed = {value.value for group in held.groups for value in group.values}
    there = set(strings_in(json.loads(gzip.decompress(path.read_bytes()))))
    assert there <= listed
    lines = set(render_inventory(held, TextStyle(width=40)).splitlines())
    for text in there:
        shown = sanitize(text, 1 << 30) or "(empty)"
        assert any(shown in line for line in lines), text


def test_the_counts_are_those_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "file", demo_snapshots()[0])
    there = list(strings_in(json.loads(gzip.decompress(path.read_bytes()))))
    numbers = {Kind.PORT.value, Kind.NUMBER.value}
    groups = contents_of(path).groups
    assert sum(each.count for each in groups if each.kind not in numbers) == len(there)
    assert all(each.count == sum(value.count for value in each.values) for each in groups)
    assert all(each.why for each in groups)


def test_what_linkdoctor_takes_no_notice_of_is_listed_too(tmp_path: Path) -> None:
    snapshot = World().run("app").snapshot()
    plain = json.loads(msgspec.json.encode(snapshot))
    plain["diary"] = {"monday": ["smuggled"]}
    plain["containers"][0]["details"]["value"]["password"] = "hunter2"
    text = json.dumps(plain).replace('"host":', '"host": "twice", "host":', 1)
    held = contents_of(written(tmp_path / "file", text.encode()))
    (group,) = (
        each for each in held.groups if each.kind == "unknown to this version of linkdoctor"
    )
    told = {(each.of, each.value) for each in group.values}
    assert ("diary.monday", "smuggled") in told
    assert ("containers.details.value.password", "hunter2") in told
    assert ("host", "twice") in told


def test_values_say_why_they_were_allowed(tmp_path: Path) -> None:
    snapshot = World().run("app", expose=[5000]).run("web", link="app:helloapp").snapshot()
    held = contents_of(written(tmp_path / "file", snapshot))
    (group,) = (each for each in held.groups if each.kind == Kind.VALUE)
    whys = {each.of: each.why for each in group.values}
    assert whys["HELLOAPP_NAME"] == "/target/alias"
    assert whys["HELLOAPP_PORT"] == "protocol, address and port"
    assert whys["HELLOAPP_PORT_5000_TCP_ADDR"] == "an address"
    assert AGAINST not in whys.values()


@pytest.mark.parametrize(
    "variable", [Variable(name="API_TOKEN", value="x"), Variable(name="DB_PORT", value="my words")]
)
def test_a_value_that_should_not_be_there_is_marked(tmp_path: Path, variable: Variable) -> None:
    world = World().run("app").change("app", environment=(variable,))
    held = contents_of(written(tmp_path / "file", world.snapshot()))
    assert AGAINST in {value.why for group in held.groups for value in group.values}


def test_hostile_names_do_nothing_to_a_terminal(tmp_path: Path) -> None:
    evil = "evil\x1b]0;owned\x07\x1b[2J\x9b\u202e\n"
    snapshot = World(f"host{evil}").run(evil, expose=[1]).run("web", link=f"{evil}:a").snapshot()
    shown = render_inventory(contents_of(written(tmp_path / "file", snapshot)), TextStyle())
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "owned" in shown


GOLDEN = """\
snapshot of host1, taken 2026-01-01T12:00:00Z: 148 values; real names

names of containers (2, 1 different)
  of containers, of links' sources, and of `target/alias` as the engine lists
    app  (2 times)

names of hosts (2, 1 different)
  the engine's host
    host1  (2 times)
"""


def test_the_text_and_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "file", World().run("app").snapshot())
    assert left("--show", path) == 0
    out = capsys.readouterr().out
    assert out.startswith(GOLDEN)
    assert left("--show", path, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "linkdoctor.contents/1"
    assert document["groups"][0]["values"][0]["value"] == "app"


def test_a_file_with_something_behind_its_end_is_refused(tmp_path: Path) -> None:
    content = snapshot_bytes(World().snapshot()) + gzip.compress(b"more")
    with pytest.raises(SnapshotError, match="something follows its end"):
        contents_of(written(tmp_path / "file", content))


def test_a_damaged_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("--show", written(tmp_path / "file", b"{")) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


# --- redaction on the command line ------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return written(tmp_path / "plain.json.gz", demo_snapshots()[0])


def test_a_saved_snapshot_can_be_redacted(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "safe.json.gz"
    assert left("--redact-names", "--snapshot", saved, "-o", out) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    before, after = (
        report_on(Examination(snapshots=(read_snapshot(each),)), RULES) for each in (saved, out)
    )
    assert before.summary == after.summary
    assert read_snapshot(out).renamed
    assert "squatter" not in gzip.decompress(out.read_bytes()).decode()


def test_each_time_the_pseudonyms_are_others_unless_a_key_is_kept(
    saved: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    contents: list[bytes] = []
    for further in ((), (), ("--redact-key", key), ("--redact-key", key)):
        assert left("--redact-names", "--snapshot", saved, "-o", tmp_path / "out", *further) == 0
        contents.append((tmp_path / "out").read_bytes())
    assert len(set(contents)) == 3
    assert contents[2] == contents[3]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) > 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "-o FILE"),
        (("--show", "x", "-o", "y"), "--show only lists"),
        (("-o", "y", "--redact-key", "k"), "--redact-key needs --redact-names"),
        (("-o", "y", "--snapshot", "x"), "--snapshot needs --redact-names"),
        (("-o", "y", "--format", "json"), "--format needs --show"),
        (("-o", "y", "--redact-names", "--snapshot", "x", "-H", "unix:///x"), "of one engine"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left(*arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1


def test_a_secret_that_is_too_short_is_refused(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = written(tmp_path / "key", b"short\n")
    out = tmp_path / "out"
    assert left("--redact-names", "--snapshot", saved, "-o", out, "--redact-key", key) == 2
    assert "at least 16 characters" in capsys.readouterr().err
    assert not out.exists()
