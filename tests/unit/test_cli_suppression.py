"""What is only counted, on the command line: tokens, baselines, files that cannot be used."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor.api import snapshot_bytes
from linkdoctor.files import BaselineError, baseline_bytes, read_baseline
from linkdoctor.model.baseline import Baseline, Entry
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.snapshot import Tool
from linkdoctor.rulekit.world import World

Run = Callable[..., tuple[int, str, str]]


def saved(path: Path, world: World) -> Path:
    path.write_bytes(snapshot_bytes(world.snapshot()))
    return path


def stale(**labels: str) -> World:
    named = {name.replace("_", "."): value for name, value in labels.items()}
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", labels=named)
        .move("app")
    )


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    return saved(tmp_path / "stale", stale())


def config(directory: Path, text: str) -> Path:
    path = directory / "config.toml"
    path.write_text(text)
    return path


# --- the report -----------------------------------------------------------------------------------


def test_each_finding_tells_the_token_that_ignores_it(run: Run, seen: Path) -> None:
    code, out, _ = run("check", "--snapshot", seen)
    assert code == 1
    assert out.endswith("\n  to ignore it: --ignore LD201@web/helloapp\n")
    ignored = run("check", "--snapshot", seen, "--ignore", "LD201@web/helloapp")
    assert ignored == (
        0,
        "✓ healthy: 1 link between 2 containers on host1; 1 suppressed\n",
        "",
    )


def test_the_fingerprint_will_do_too(run: Run, seen: Path) -> None:
    (found,) = json.loads(run("check", "--snapshot", seen, "--format", "json")[1])["findings"]
    token = f"{found['code']}#{found['fingerprint']}"
    assert run("check", "--snapshot", seen, "--ignore", f"LD999, {token}")[0] == 2
    assert run("check", "--snapshot", seen, "--ignore", f"LD605, {token}")[0] == 0


def test_several_hosts_are_told_apart(run: Run, seen: Path, tmp_path: Path) -> None:
    other = World("host2").run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")
    arguments = (
        "check",
        "--snapshot",
        seen,
        "--snapshot",
        saved(tmp_path / "b", other.move("app")),
    )
    assert "--ignore LD201@host2:web/helloapp\n" in run(*arguments)[1]
    code, out, _ = run(*arguments, "--ignore", "LD201@host2:web/helloapp")
    assert code == 1
    assert "1 error" in out


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("LD201@", "is not a valid finding token: it can be LD201@TARGET,"),
        ("LD201@a b", "is not a valid finding token"),
        ("LD999@web", "no rule is called 'LD999'; did you mean LD"),
        ("\x1b[2J@web", "is not a valid finding token"),
    ],
)
def test_tokens_that_cannot_be_read(run: Run, seen: Path, token: str, said: str) -> None:
    code, out, err = run("check", "--snapshot", seen, "--ignore", token)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


TABLE = """
[[ignore]]
code = "stale-env"
target = "we*"
reason = "restarts at night"
until = 2999-12-31

[[ignore]]
code = "LD207"
target = "api"
reason = "vault comes in spring"
until = 2020-01-31

[[ignore]]
code = "LD999"
reason = "a rule of ours"
"""

SHOWN = """\
✓ healthy: 1 link between 2 containers on host1; 1 suppressed

suppressed: 1 finding
  error LD201 stale-env: web → app as helloapp
    [[ignore]] of the configuration, stale-env@we*, until 2999-12-31: restarts
      at night
→ [[ignore]] LD999: no rule has that name; did you mean LD509
  (host-port-dialled)?
→ [[ignore]] LD207@api ended on 2020-01-31 (vault comes in spring): remove it,
  or give it another end
"""

WARNED = """\
linkdoctor: warning: [[ignore]] LD999: no rule has that name; did you mean LD509 \
(host-port-dialled)?
linkdoctor: warning: [[ignore]] LD207@api ended on 2020-01-31 (vault comes in spring): \
remove it, or give it another end
"""


def test_what_is_suppressed_is_shown_if_asked_for(run: Run, seen: Path, tmp_path: Path) -> None:
    arguments = ("check", "--snapshot", seen, "--config", config(tmp_path, TABLE))
    assert run(*arguments, "--show-suppressed") == (0, SHOWN, "")
    assert run(*arguments) == (0, SHOWN.split("\n")[0] + "\n", WARNED)
    assert run(*arguments, "-q") == (0, "", "")


def test_json_tells_it_too(run: Run, seen: Path, tmp_path: Path) -> None:
    arguments = ("check", "--snapshot", seen, "--config", config(tmp_path, TABLE))
    _, out, err = run(*arguments, "--show-suppressed", "--format", "json")
    report = json.loads(out)
    assert report["summary"]["suppressed"] == 1
    assert report["suppressed"][0]["by"] == [
        {
            "origin": "configuration",
            "entry": "stale-env@we*",
            "reason": "restarts at night",
            "until": "2999-12-31",
        }
    ]
    assert len(report["notes"]) == 2
    assert err == WARNED
    lines = run(*arguments, "--show-suppressed", "--format", "jsonl")[1].splitlines()
    assert [json.loads(each)["kind"] for each in lines] == [
        "host",
        "suppressed",
        "note",
        "note",
        "summary",
    ]


WHY = "--ignore or ignore of the configuration, LD201"


def test_sarif_has_a_place_for_it(run: Run, seen: Path) -> None:
    arguments = ("check", "--snapshot", seen, "--format", "sarif", "--ignore", "LD201")
    assert json.loads(run(*arguments)[1])["runs"][0]["results"] == []
    (result,) = json.loads(run(*arguments, "--show-suppressed")[1])["runs"][0]["results"]
    assert result["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": WHY}
    ]
    reported = run("check", "--snapshot", seen, "--format", "sarif", "--show-suppressed")[1]
    (result,) = json.loads(reported)["runs"][0]["results"]
    assert result["suppressions"] == []


def test_junit_never_lets_it_pass(run: Run, tmp_path: Path) -> None:
    ghost = World().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")
    seen = saved(tmp_path / "ghost", ghost.recreate("app"))
    ignored = ("--ignore", "LD102@web")
    root = ElementTree.fromstring(
        run("check", "--snapshot", seen, "--format", "junit", *ignored)[1].encode()
    )
    cases = {
        case.attrib["classname"]: [each.tag for each in case] for case in root.iter("testcase")
    }
    assert cases["linkdoctor.LD102"] == ["skipped"]
    # Its consequences were found too: they have not passed.
    assert "linkdoctor.LD201" not in cases
    assert cases["linkdoctor.LD101"] == []
    (skipped,) = root.iter("skipped")
    assert skipped.attrib["message"].startswith("suppressed: --ignore or ignore of ")


def test_options_take_the_place_of_the_list_and_not_of_tables(
    run: Run, seen: Path, tmp_path: Path
) -> None:
    listed = config(tmp_path, 'ignore = ["LD201"]')
    assert run("check", "--snapshot", seen, "--config", listed)[0] == 0
    assert run("check", "--snapshot", seen, "--config", listed, "--ignore", "LD605")[0] == 1
    tables = config(tmp_path, TABLE)
    assert run("check", "--snapshot", seen, "--config", tables, "--ignore", "LD605")[0] == 0
    token = config(tmp_path, 'ignore = ["LD201@web"]')
    assert run("check", "--snapshot", seen, "--config", token)[0] == 0


def test_fix_leaves_alone_what_is_accepted(run: Run, tmp_path: Path) -> None:
    labelled = saved(tmp_path / "labelled", stale(linkdoctor_ignore="LD201"))
    code, out, _ = run("fix", "--snapshot", labelled)
    assert (code, out) == (0, "nothing to fix\n")


# --- severities -----------------------------------------------------------------------------------


def test_severities_of_the_configuration(run: Run, seen: Path, tmp_path: Path) -> None:
    low = config(tmp_path, '[severity]\nstale-env = "info"')
    code, out, _ = run("check", "--snapshot", seen, "--config", low)
    assert code == 0
    assert "\nINFO    LD201 stale-env" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stale-evn = 'info'", "no rule is called 'stale-evn'; did you mean stale-env (LD201)?"),
        ("LD2 = 'info'", "no rule is called 'LD2'"),
        ("LD002 = 'info'", "LD002 is not a finding"),
        ("LD201 = 'info'\nstale-env = 'error'", "LD201 is given twice"),
        ("LD201 = 'loud'", "severity: must be one of error, warning, info, not 'loud'"),
    ],
)
def test_severities_that_cannot_be_used(
    run: Run, seen: Path, tmp_path: Path, text: str, said: str
) -> None:
    path = config(tmp_path, f"[severity]\n{text}")
    code, out, err = run("check", "--snapshot", seen, "--config", path)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


# --- baselines ------------------------------------------------------------------------------------


def test_a_baseline_lets_only_what_is_new_through(run: Run, seen: Path, tmp_path: Path) -> None:
    there = tmp_path / "base line.json"
    code, out, err = run("check", "-q", "--snapshot", seen, "--write-baseline", there)
    assert code == 1  # the exit code is that of the report, as ever
    assert "1 error" in out
    assert err == (
        f"linkdoctor: wrote {there}: 1 finding; `linkdoctor check --baseline '{there}'` reports "
        "what is new\n"
    )
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    assert run("check", "-q", "--snapshot", seen, "--baseline", there) == (0, "", "")
    new = saved(tmp_path / "new", stale().run("blog", link="app:app").move("app"))
    code, out, _ = run("check", "--snapshot", new, "--baseline", there)
    assert code == 1
    assert "blog" in out
    assert "; 1 suppressed\n" in out
    rewritten = tmp_path / "rewritten"
    run("check", "--snapshot", new, "--baseline", there, "--write-baseline", rewritten)
    assert [each.target for each in read_baseline(rewritten).entries] == ["blog", "web"]


def test_a_baseline_holds_nothing_that_is_accepted_otherwise(
    run: Run, seen: Path, tmp_path: Path
) -> None:
    there = tmp_path / "baseline"
    run("check", "--snapshot", seen, "--ignore", "LD201", "--write-baseline", there)
    assert read_baseline(there).entries == ()


@pytest.mark.parametrize("arguments", [("web",), ("--select", "LD2")])
def test_a_baseline_of_a_part_is_refused(
    run: Run, seen: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    there = tmp_path / "baseline"
    code, _, err = run("check", "--snapshot", seen, "--write-baseline", there, *arguments)
    assert code == 2
    assert "a baseline covers everything" in err
    assert not there.exists()


def test_a_baseline_of_what_was_not_all_seen(run: Run, tmp_path: Path) -> None:
    denied = Unknown(gap=Gap.DENIED, detail="not permitted")
    blind = saved(tmp_path / "blind", stale().unknown("web", "process_environment", denied))
    _, _, err = run("check", "--snapshot", blind, "--write-baseline", tmp_path / "baseline")
    assert "not everything could be seen" in err


def test_a_baseline_outlives_an_engine_that_is_down(run: Run, tmp_path: Path) -> None:
    there = tmp_path / "baseline"
    there.write_text("what was known")
    code, _, err = run("check", "-H", f"unix://{tmp_path}/none", "--write-baseline", there)
    assert code == 3
    assert err == f"linkdoctor: warning: {there} was not changed: not every engine could be asked\n"
    assert there.read_text() == "what was known"


def entry(**changes: object) -> dict[str, object]:
    plain = {"host": "h", "target": "t", "alias": "a", "code": "LD201", "fingerprint": "0" * 16}
    return {**plain, **changes}


def written(*entries: object, schema: object = "linkdoctor.baseline/1") -> bytes:
    tool = {"name": "linkdoctor", "version": "0"}
    return json.dumps({"schema": schema, "tool": tool, "entries": entries}).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "it lacks the schema 'linkdoctor.baseline/1'"),
        (b"null", "it lacks the schema"),
        (b'{"schema": 1}', "it lacks the schema"),
        (written(schema="linkdoctor.report/1"), "it lacks the schema"),
        (written(schema="linkdoctor.baseline/x"), "it lacks the schema"),
        (written(schema="linkdoctor.baseline/" + "9" * 10_000), "it lacks the schema"),
        (written(schema="linkdoctor.baseline/2"), "by a newer linkdoctor (linkdoctor.baseline/2)"),
        (b'{"schema": "linkdoctor.baseline/1"}', "a damaged baseline: needs the key"),
        (written(entry(fingerprint="0" * 15)), "a damaged baseline"),
        (written(entry(fingerprint=["\x1b[2J"])), "a damaged baseline"),
        (written(entry(code=None)), "a damaged baseline"),
        (written("text"), "a damaged baseline"),
    ],
)
def test_baselines_that_cannot_be_used(
    run: Run, seen: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    there = tmp_path / "baseline"
    there.write_bytes(content)
    code, out, err = run("check", "--snapshot", seen, "--baseline", there)
    assert (code, out) == (2, "")
    assert err.startswith(f"linkdoctor: {there}: ")
    assert said in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_a_baseline_that_is_not_there(run: Run, seen: Path, tmp_path: Path) -> None:
    there = tmp_path / "none"
    assert run("check", "--snapshot", seen, "--baseline", there) == (
        2,
        "",
        f"linkdoctor: {there}: there is no such baseline; `linkdoctor check --write-baseline "
        f"{there}` writes one\n",
    )
    code, _, err = run("check", "--snapshot", seen, "--baseline", tmp_path)
    assert (code, err) == (2, f"linkdoctor: {tmp_path}: Is a directory\n")


def test_a_baseline_larger_than_all_the_world(
    run: Run, seen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linkdoctor.files._LARGEST_BASELINE", 1 << 20)
    there = tmp_path / "baseline"
    there.write_bytes(b" " * ((1 << 20) + 1))
    code, _, err = run("check", "--snapshot", seen, "--baseline", there)
    assert code == 2
    assert "larger than 1 MiB" in err


def test_a_baseline_that_cannot_be_written(run: Run, seen: Path, tmp_path: Path) -> None:
    code, out, err = run("check", "--snapshot", seen, "--write-baseline", tmp_path / "no" / "where")
    assert (code, out) == (2, "")
    assert "there is no directory" in err


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.builds(
            Entry,
            host=st.text(),
            target=st.text(),
            alias=st.text(),
            code=st.text(),
            fingerprint=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
        ),
        max_size=3,
    )
)
def test_what_is_written_can_be_read(tmp_path_factory: object, entries: list[Entry]) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    there = tmp_path_factory.getbasetemp() / "round-trip"
    baseline = Baseline(tool=Tool(name="linkdoctor", version="0"), entries=tuple(entries))
    content = baseline_bytes(baseline)
    assert all(each.isprintable() or each == "\n" for each in content.decode())
    there.write_bytes(content)
    assert read_baseline(there) == baseline


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_baseline_or_refused(tmp_path_factory: object, content: bytes) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    there = tmp_path_factory.getbasetemp() / "any-bytes"
    there.write_bytes(content)
    with pytest.raises(BaselineError):
        read_baseline(there)
