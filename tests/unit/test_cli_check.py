"""``linkdoctor check`` on saved snapshots."""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import read_snapshot, snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import (
    Finding,
    Fix,
    HostSummary,
    Proof,
    Report,
    Skipped,
    Summary,
)
from linkdoctor.model.snapshot import Probe, ProbeOutcome
from linkdoctor.render.documents import UNPRINTED
from linkdoctor.rulekit.world import World

Run = Callable[..., "Result"]


class Result(msgspec.Struct, frozen=True):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    for name in ("LINKDOCTOR_CONFIG", "NO_COLOR", "FORCE_COLOR", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)

    def run_it(*arguments: str | Path) -> Result:
        with pytest.raises(SystemExit) as left:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Result(int(left.value.code or 0), captured.out, captured.err)

    return run_it


def saved(path: Path, world: World) -> Path:
    path.write_bytes(snapshot_bytes(world.snapshot()))
    return path


def linked(host: str = "host1") -> World:
    return World(host).run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    return saved(tmp_path / "healthy.json.gz", linked())


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    return saved(tmp_path / "stale.json.gz", linked().move("app"))


@pytest.fixture
def blind(tmp_path: Path) -> Path:
    unknown = Unknown(gap=Gap.DENIED, detail="not permitted")
    return saved(
        tmp_path / "blind.json.gz", linked().unknown("web", "process_environment", unknown)
    )


# --- exit codes -----------------------------------------------------------------------------


def test_healthy_exits_with_0(run: Run, healthy: Path) -> None:
    result = run("check", "--snapshot", healthy)
    assert result == Result(0, "✓ healthy: 1 link between 2 containers on host1\n", "")


def test_findings_exit_with_1(run: Run, stale: Path) -> None:
    result = run("check", "--snapshot", stale)
    assert result.code == 1
    assert "LD201 stale-env   web → app as helloapp" in result.out
    assert "\n      docker restart web\n" in result.out
    assert result.err == ""


def test_missing_evidence_exits_with_3(run: Run, blind: Path) -> None:
    result = run("check", "--snapshot", blind)
    assert result.code == 3
    assert result.out.startswith("? incomplete")
    assert "not permitted" in result.out


def test_missing_evidence_never_hides_a_1(run: Run, blind: Path, stale: Path) -> None:
    assert run("check", "--snapshot", blind, "--snapshot", stale).code == 1


def test_the_threshold(run: Run, tmp_path: Path) -> None:
    warned = saved(tmp_path / "warned", World().run("app").run("web", link="app"))
    result = run("check", "--snapshot", warned)
    assert result.code == 0
    assert result.out.startswith("! 1 warning on host1")
    assert run("check", "--snapshot", warned, "--fail-on", "warning").code == 1


@pytest.mark.parametrize("format_", ["text", "json"])
def test_codes_do_not_depend_on_the_format(run: Run, stale: Path, format_: str) -> None:
    assert run("check", "--snapshot", stale, "--format", format_).code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-such-option",),
        ("--format", "xml"),
        ("--timeout", "0"),
        ("--timeout", "-1"),
        ("--timeout", "nan"),
        ("--timeout", "inf"),
        ("--timeout", "1e9"),
        ("--fail-on", "never"),
        ("--host", ""),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("check", *arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--probe",), "--probe needs a live engine"),
        (("--probe-external",), "--probe-external needs --probe"),
    ],
)
def test_probes_of_a_saved_file_are_wrong_usage(
    run: Run, healthy: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = run("check", "--snapshot", healthy, *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_probes_that_a_saved_file_holds_are_judged(run: Run, tmp_path: Path) -> None:
    refused = Probe(alias="helloapp", port=5000, outcome=ProbeOutcome.REFUSED, address="172.17.0.2")
    world = (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", probes=[refused])
    )
    result = run("check", "--snapshot", saved(tmp_path / "refused.json.gz", world))
    assert result.code == 1
    assert "LD510 unreachable" in result.out


# --- what is asked for ----------------------------------------------------------------------


@pytest.mark.parametrize("word", ["LD201", "ld201", "stale-env", "STALE-ENV", "LD2", "LD1,LD201"])
def test_rules_can_be_selected(run: Run, stale: Path, word: str) -> None:
    assert run("check", "--snapshot", stale, "--select", word).code == 1


def test_what_is_not_selected_is_not_applied(run: Run, stale: Path) -> None:
    assert run("check", "--snapshot", stale, "--select", "LD1").code == 0


def test_what_is_ignored_is_counted(run: Run, stale: Path) -> None:
    result = run("check", "--snapshot", stale, "--ignore", "stale-env", "-v")
    assert result.code == 0
    assert "1 finding suppressed" in result.out


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("stale-evn", "did you mean stale-env (LD201)?"),
        ("LD2O1", "did you mean LD201 (stale-env)?"),
        ("nonsense", "`linkdoctor rules` lists them"),
        ("Q7", "`linkdoctor rules` lists them"),
    ],
)
def test_unknown_rules_are_refused(run: Run, stale: Path, word: str, hint: str) -> None:
    for option in ("--select", "--ignore"):
        result = run("check", "--snapshot", stale, option, word)
        assert result.code == 2
        assert result.err == f"linkdoctor: no rule is called '{word}'; {hint}\n"


@pytest.mark.parametrize("word", ["web", "/web", "app", "0000000000"])
def test_containers_can_be_chosen(run: Run, stale: Path, tmp_path: Path, word: str) -> None:
    (first, second) = sorted(read_snapshot(stale).containers, key=lambda each: each.id)
    assert first.id[:10] == second.id[:10]
    result = run("check", word, "--snapshot", stale)
    assert result.code == (2 if word.isdecimal() else 1)
    assert ("several containers have ids like" in result.err) is word.isdecimal()


def test_an_id_stands_for_its_name(run: Run, stale: Path) -> None:
    web = next(each for each in read_snapshot(stale).containers if each.name == "web")
    assert run("check", web.id, "--snapshot", stale).code == 1


def test_other_containers_are_left_out(run: Run, tmp_path: Path) -> None:
    world = saved(tmp_path / "three", linked().run("other").move("app"))
    assert run("check", "other", "--snapshot", world).code == 0


def test_an_unknown_container_is_refused(run: Run, healthy: Path) -> None:
    result = run("check", "wbe", "--snapshot", healthy)
    assert result.code == 2
    assert result.out == ""
    assert result.err == (
        "linkdoctor: no container is called 'wbe' on host1; did you mean 'web'?\n"
    )


def test_a_source_that_is_gone_can_be_asked_about(run: Run, tmp_path: Path) -> None:
    gone = saved(tmp_path / "gone", linked().remove("app"))
    result = run("check", "app", "--snapshot", gone)
    assert result.code == 1
    assert "LD103" in result.out


def test_hosts_of_one_name_stay_apart(run: Run, tmp_path: Path) -> None:
    first = saved(tmp_path / "before", linked())
    second = saved(tmp_path / "after", linked().move("app"))
    result = run("check", "--snapshot", first, "--snapshot", second)
    assert result.code == 1
    assert "2 hosts" in result.out.splitlines()[0]


def test_a_file_given_twice_is_one_host(run: Run, healthy: Path) -> None:
    result = run("check", "--snapshot", healthy, "--snapshot", healthy)
    assert result.out == "✓ healthy: 1 link between 2 containers on host1\n"


# --- output ---------------------------------------------------------------------------------


def keys(struct: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(struct)]


def test_json_keeps_the_contract(run: Run, stale: Path, blind: Path) -> None:
    result = run("check", "--snapshot", stale, "--snapshot", blind, "--format", "json")
    report = json.loads(result.out)
    only_if_asked_for = ["suppressed", "notes"]
    assert [*report, *only_if_asked_for] == keys(Report)
    assert report["schema"] == "linkdoctor.report/1"
    assert list(report["tool"]) == ["name", "version"]
    assert list(report["summary"]) == keys(Summary)
    assert {tuple(each) for each in report["hosts"]} == {tuple(keys(HostSummary))}
    assert {tuple(each) for each in report["findings"]} == {tuple(keys(Finding))}
    assert {tuple(each) for each in report["skipped"]} == {tuple(keys(Skipped))}
    (found,) = report["findings"]
    assert {tuple(each) for each in found["evidence"]} == {tuple(keys(Proof))}
    printed = [each for each in keys(Fix) if each not in UNPRINTED]
    assert {tuple(each) for each in found["fixes"]} == {tuple(printed)}
    assert msgspec.json.decode(result.out, type=Report).findings[0].code == "LD201"


def test_the_same_state_gives_the_same_bytes(run: Run, stale: Path) -> None:
    arguments = ("check", "--snapshot", stale, "--format", "json")
    assert run(*arguments) == run(*arguments)


def test_quiet(run: Run, healthy: Path, stale: Path) -> None:
    assert run("check", "-q", "--snapshot", healthy) == Result(0, "", "")
    result = run("check", "-q", "--snapshot", stale)
    assert result.out == "✗ 1 error on host1: 2 containers, 1 link examined\n"


@pytest.mark.parametrize("format_", ["text", "json"])
def test_output_to_a_file(run: Run, stale: Path, tmp_path: Path, format_: str) -> None:
    there = tmp_path / "out" / "report"
    there.parent.mkdir()
    there.write_text("the old one")
    result = run("check", "--snapshot", stale, "--format", format_, "-o", there)
    assert result == Result(1, "", "")
    assert "stale-env" in there.read_text()
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    assert os.listdir(there.parent) == ["report"]


def test_output_follows_a_symbolic_link(run: Run, healthy: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    run("check", "--snapshot", healthy, "-o", link)
    assert link.is_symlink()
    assert real.read_text().startswith("✓ healthy")


def test_output_never_replaces_a_device(run: Run, healthy: Path) -> None:
    assert run("check", "--snapshot", healthy, "-o", "/dev/null").code == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_dash_is_standard_output(run: Run, healthy: Path) -> None:
    assert run("check", "--snapshot", healthy, "-o", "-").out.startswith("✓ healthy")


def test_output_that_cannot_be_written(run: Run, healthy: Path, tmp_path: Path) -> None:
    nowhere = run("check", "--snapshot", healthy, "-o", tmp_path / "nowhere" / "report")
    assert nowhere.code == 2
    assert "there is no directory" in nowhere.err
    directory = run("check", "--snapshot", healthy, "-o", tmp_path)
    assert directory == Result(2, "", f"linkdoctor: {tmp_path}: is a directory\n")


# --- snapshots that cannot be used ----------------------------------------------------------


def newer() -> bytes:
    return b'{"schema": "linkdoctor.snapshot/99", "what": "ever"}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not valid JSON"),
        (b"hello", "not valid JSON"),
        (b"[]", "not a snapshot"),
        (b"{}", "not a snapshot"),
        (b'{"schema": "linkdoctor.report/1"}', "not a snapshot"),
        (newer(), "made by a newer linkdoctor"),
        (gzip.compress(newer(), mtime=0), "made by a newer linkdoctor"),
        (b'{"schema": "linkdoctor.snapshot/1"}', "a damaged snapshot"),
        (snapshot_bytes(linked().snapshot())[:-20], "a truncated snapshot"),
        (b"\x1f\x8bnonsense", "a damaged snapshot"),
    ],
    ids=[
        "empty",
        "text",
        "list",
        "object",
        "report",
        "newer",
        "newer-compressed",
        "no-fields",
        "truncated",
        "no-gzip",
    ],
)
def test_snapshots_that_cannot_be_used(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "snapshot"
    file.write_bytes(content)
    result = run("check", "--snapshot", file)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith(f"linkdoctor: {file}: ")
    assert said in result.err
    assert len(result.err.splitlines()) == 1


def test_a_snapshot_that_is_not_there(run: Run, tmp_path: Path) -> None:
    result = run("check", "--snapshot", tmp_path / "none")
    assert result.code == 2
    assert "No such file or directory" in result.err


# --- packs of rules -------------------------------------------------------------------------


def test_a_pack_that_does_not_load_is_one_line(run: Run, healthy: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "broken.py").write_text("this is no python")
    result = run("check", "--snapshot", healthy, "--rules", pack)
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "broken.py" in result.err


def test_a_directory_that_is_not_there(run: Run, healthy: Path, tmp_path: Path) -> None:
    result = run("check", "--snapshot", healthy, "--rules", tmp_path / "none")
    assert result.code == 2
    assert "no such directory of rules" in result.err


# --- hostile input --------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_hostile_snapshot_does_nothing_to_a_terminal(
    run: Run, tmp_path: Path, format_: str
) -> None:
    evil = "evil\x1b]0;owned\x07\x1b[2J\x9b\u202e\n"
    world = World(f"host{evil}").run(evil, expose=[1]).run("web", link=f"{evil}:{evil}").stop(evil)
    result = run("check", "--snapshot", saved(tmp_path / "evil", world), "--format", format_, "-v")
    assert result.code == 1
    assert all(each.isprintable() or each == "\n" for each in result.out)
    assert "owned" in result.out


def test_hostile_arguments_do_nothing_to_a_terminal(run: Run, healthy: Path) -> None:
    result = run("check", "\x1b[2Jwbe\udcff", "--snapshot", healthy)
    assert result.code == 2
    assert "\x1b" not in result.err


# --- what may be missing, what is waited for, what the verdict is about --------------------------


def test_what_is_accepted_as_missing_is_a_note(run: Run, blind: Path) -> None:
    assert run("check", "--snapshot", blind).code == 3
    result = run("check", "--snapshot", blind, "--accept-missing", "root")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("✓ healthy: 1 link between 2 containers on host1; ")
    assert "accepted as missing (root)" in result.out
    plain = json.loads(
        run("check", "--snapshot", blind, "--accept-missing", "env", "--format", "json").out
    )
    assert plain["summary"]["verdict"] == "healthy"
    assert plain["summary"]["accepted"] == len(plain["skipped"]) > 0
    assert {(each["gap"], each["accepted"]) for each in plain["skipped"]} == {("denied", True)}
    assert plain["scope"]["accept_missing"] == ["environment"]


def test_the_configuration_accepts_too_and_the_option_takes_its_place(
    run: Run, blind: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('accept-missing = ["root"]\n')
    assert run("check", "--snapshot", blind, "--config", config).code == 0
    given = ("--config", config, "--accept-missing", "firewall,cut")
    assert run("check", "--snapshot", blind, *given).code == 3


def test_an_unknown_kind_is_wrong_usage(run: Run, blind: Path, tmp_path: Path) -> None:
    result = run("check", "--snapshot", blind, "--accept-missing", "rot")
    assert (result.code, result.out) == (2, "")
    assert "--accept-missing 'rot'" in result.err
    assert "did you mean 'root'?" in result.err
    config = tmp_path / "config.toml"
    config.write_text('accept-missing = ["firewal"]\n')
    result = run("check", "--snapshot", blind, "--config", config)
    assert (result.code, result.out) == (2, "")
    assert "did you mean 'firewall'?" in result.err
    assert run("config", "--config", config).code == 2


def test_what_is_saved_does_not_settle(run: Run, healthy: Path) -> None:
    result = run("check", "--snapshot", healthy, "--settle", "5")
    assert (result.code, result.out) == (2, "")
    assert "--settle needs a live engine" in result.err
    assert run("check", "--watch", "5", "--settle", "5").code == 2
    assert run("check", "--settle", "0").code == 2


def test_the_verdict_is_about_what_was_asked_for(run: Run, tmp_path: Path) -> None:
    world = linked().run("db", expose=[1], listen=[1]).run("job", link="db:db").move("db")
    path = saved(tmp_path / "file", world)
    assert run("check", "web", "--snapshot", path) == Result(
        0, "✓ web: nothing wrong (1 link); 1 error elsewhere on host1\n", ""
    )
    assert run("check", "job", "--snapshot", path).code == 1
    plain = json.loads(run("check", "web", "--snapshot", path, "--format", "json").out)
    assert plain["scope"]["containers"] == ["web"]
    assert plain["scope"]["elsewhere"]["error"] == 1
    page = run("check", "web", "--snapshot", path, "--format", "html").out
    assert "1 error elsewhere" in page


def test_what_just_started_exits_with_0_so_far(run: Run, tmp_path: Path) -> None:
    world = World().run("app", expose=[5000], started_at="2026-01-01T11:59:58Z")
    path = saved(tmp_path / "file", world.run("web", link="app:helloapp"))
    result = run("check", "--snapshot", path)
    assert result.code == 0
    assert result.out.startswith("✓ healthy so far: ")
    assert "Healthy so far" in run("check", "--snapshot", path, "--format", "html").out
    plain = json.loads(run("check", "--snapshot", path, "--format", "json").out)
    assert plain["summary"]["too_early"] == len(plain["skipped"]) > 0
    assert {each["gap"] for each in plain["skipped"]} == {"too-early"}
    verbose = run("check", "-v", "--snapshot", path).out
    assert "too early to judge (" in verbose
