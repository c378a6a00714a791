"""The command line as a whole: help, versions, catalogue, pages, cards, and what goes wrong."""

from __future__ import annotations

import io
import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyte
import pytest

from linkdoctor import __version__
from linkdoctor import cli as module
from linkdoctor.api import load_rules, snapshot_bytes
from linkdoctor.cli import main
from linkdoctor.cli.output import ProgressLine, emit
from linkdoctor.rulekit.world import World
from tests.waiting import SOON

CALL = [sys.executable, "-m", "linkdoctor"]


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    for name in ("LINKDOCTOR_CONFIG", "LINKDOCTOR_DEBUG", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def left(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as error:
        main([str(each) for each in arguments])
    return int(error.value.code or 0)


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    world = World().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")
    path = tmp_path / "stale.json.gz"
    path.write_bytes(snapshot_bytes(world.move("app").snapshot()))
    return path


# --- help and version -----------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("--version") == 0
    assert capsys.readouterr().out == f"linkdoctor {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "--timeout", "soon"), "'--timeout': 'soon' is not a number"),
        (("check", "--fail-on", "x"), "'--fail-on': 'x' is not one of 'error', 'warning', 'info'"),
        (("check", "--timeout", "\x1b[31m"), "'--timeout': '\\x1b[31m' is not a number"),
        (("fix", "--wait", "nan"), "'--wait': must be 0 or more"),
        (("graph", "--focus", "web", "--depth", "far"), "'--depth': 'far' is not a whole number"),
        (("graph", "--focus", "web", "--depth", "-1"), "'--depth': must be 0 or more"),
    ],
)
def test_bad_value_of_an_option_is_named_in_plain_words(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left(*arguments) == 2
    assert capsys.readouterr().err.endswith(f"Error: Invalid value for {words}\n")


@pytest.mark.parametrize("command", list(module.all_commands()))
def test_help_shows_no_type_of_python(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert left(command, "--help") == 0
    out = capsys.readouterr().out
    assert [each for each in ("<str>", "<list", "<path>", "x>=") if each in out] == []


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_help(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert left(*arguments) == 0
    out = capsys.readouterr().out
    for command in ("check", "show", "rules", "explain", "demo", "snapshot", "diff"):
        assert f"\n  {command} " in out
    assert "..." not in out.partition("Commands:")[2]


@pytest.mark.parametrize(
    "command", ["check", "show", "rules", "explain", "demo", "snapshot", "diff"]
)
def test_the_help_of_each_command_keeps_its_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left(command, "-h") == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("  Examples:")
    assert lines[start + 1].startswith(f"    linkdoctor {command}")
    assert all(len(line) <= 80 for line in lines)


def imported_by(*arguments: str) -> set[str]:
    code = (
        "import sys; from linkdoctor.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*(name for name in ('docker', 'rich.console', 'requests', 'psutil', 'dns') "
        "if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [("--version",), ("explain", "LD201"), ("rules",), ("-h",)])
def test_nothing_heavy_is_imported_for_small_things(arguments: tuple[str, ...]) -> None:
    assert imported_by(*arguments) == set()


# --- rules and pages ------------------------------------------------------------------------


def test_the_catalogue_lists_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("rules") == 0
    out = capsys.readouterr().out
    for loaded in load_rules():
        assert f"{loaded.rule.code}  {loaded.rule.name} " in out


def test_the_catalogue_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("rules", "--format", "json") == 0
    catalogue = json.loads(capsys.readouterr().out)
    assert catalogue["schema"] == "linkdoctor.rules/1"
    assert [each["code"] for each in catalogue["rules"]] == [
        each.rule.code for each in load_rules()
    ]


def test_every_page_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    for loaded in load_rules():
        assert left("explain", loaded.rule.code) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{loaded.rule.code} {loaded.rule.name}")
        for heading, _ in loaded.page.sections:
            assert f"\n{heading}\n" in out


@pytest.mark.parametrize("word", ["LD001", "rule-crashed", "ld002", "engine-unreachable"])
def test_own_codes_have_pages(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("explain", word) == 0
    assert "What it means" in capsys.readouterr().out


def test_a_page_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("explain", "stale-env", "--format", "json") == 0
    page = json.loads(capsys.readouterr().out)
    assert page["schema"] == "linkdoctor.page/1"
    assert page["code"] == "LD201"
    assert page["sections"][0]["heading"] == "What it means"


@pytest.mark.parametrize("word", ["LD2", "stale-evn", "", "LD201,LD301"])
def test_a_page_is_of_one_rule(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("explain", word) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


# --- cards ----------------------------------------------------------------------------------


def test_a_card(stale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("show", "web", "--snapshot", stale) == 0
    out = capsys.readouterr().out
    assert out.startswith("web on host1: running\n")
    assert "≠ HELLOAPP_PORT_5000_TCP_ADDR" in out


def test_a_card_as_json(stale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("show", "/web", "--snapshot", stale, "--format", "json") == 0
    cards = json.loads(capsys.readouterr().out)
    assert cards["schema"] == "linkdoctor.card/1"
    (card,) = cards["cards"]
    (link,) = card["links"]
    assert link["status"] == "live"
    assert [each["name"] for each in link["variables"] if each["differs"]] == [
        "HELLOAPP_PORT",
        "HELLOAPP_PORT_5000_TCP",
        "HELLOAPP_PORT_5000_TCP_ADDR",
    ]


def test_a_card_of_nobody(stale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left("show", "wbe", "--snapshot", stale) == 2
    assert "did you mean 'web'?" in capsys.readouterr().err


# --- the recording --------------------------------------------------------------------------


def test_the_demo_says_that_it_is_a_recording(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("demo") == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("This is a recording")
    assert "No engine was asked" in captured.out.splitlines()[0]
    assert left("demo", "--format", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["schema"] == "linkdoctor.report/1"
    assert "recording" in captured.err


# --- terminals ------------------------------------------------------------------------------


def on_a_terminal(arguments: list[str], width: int, **environment: str) -> bytes:
    """Run linkdoctor on a terminal of its own and give what it wrote there."""
    mine, its = pty.openpty()
    try:
        done = subprocess.Popen(
            [*CALL, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
            env={**os.environ, "TERM": "xterm", "COLUMNS": str(width), **environment},
        )
        os.close(its)
        written = b""
        while True:
            try:
                piece = os.read(mine, 65536)
            except OSError:
                break
            if not piece:
                break
            written += piece
        done.wait()
    finally:
        os.close(mine)
    return written


def test_colour_on_a_terminal_only(stale: Path) -> None:
    arguments = ["check", "--snapshot", str(stale)]
    assert b"\x1b[1;31m" in on_a_terminal(arguments, 80)
    assert b"\x1b" not in on_a_terminal(arguments, 80, NO_COLOR="1")
    assert b"\x1b" not in on_a_terminal(arguments, 80, TERM="dumb")
    piped = subprocess.run([*CALL, *arguments], capture_output=True, check=False)
    assert b"\x1b" not in piped.stdout
    forced = subprocess.run(
        [*CALL, *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, "FORCE_COLOR": "1"},
    )
    assert b"\x1b[1;31m" in forced.stdout


def test_a_narrow_terminal(stale: Path) -> None:
    screen = pyte.Screen(40, 60)
    pyte.ByteStream(screen).feed(on_a_terminal(["check", "--snapshot", str(stale)], 40))
    lines = [line.rstrip() for line in screen.display]
    assert "      docker restart web" in lines
    assert any(line.startswith("ERROR   LD201 stale-env") for line in lines)


def test_an_output_that_knows_ascii_only(stale: Path) -> None:
    done = subprocess.run(
        [*CALL, "check", "--snapshot", str(stale)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert b"web -> app as helloapp" in done.stdout
    assert b"observed 172.17.0.2, expected 172.17.0.4" in done.stdout


class Terminal(io.StringIO):
    """A terminal of which it is known when something was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = threading.Event()

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.shown.set()


def test_progress_shows_nothing_of_what_is_over_before_its_patience_is() -> None:
    terminal = Terminal()
    with ProgressLine(terminal, patience=3600):
        pass
    assert terminal.getvalue() == ""
    assert ProgressLine.PATIENCE == 1.0


def test_progress_shows_what_is_done_and_for_how_long() -> None:
    terminal, clock = Terminal(), itertools.count(100, 7)
    with ProgressLine(terminal, patience=0, now=lambda: float(next(clock))) as progress:
        progress("reading \x1b[2J")
        assert terminal.shown.wait(SOON)
        terminal.shown.clear()
        assert terminal.shown.wait(SOON)
    assert "reading \\x1b[2J ... 14 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


# --- what goes wrong ------------------------------------------------------------------------


def test_a_reader_who_goes_away_changes_nothing(stale: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*CALL, "check", "--snapshot", str(stale)],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line(stale: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*CALL, "check", "--snapshot", str(stale)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert (
        done.stderr == b"linkdoctor: standard output cannot be written: No space left on device\n"
    )


def test_ctrl_c_is_one_line() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [*CALL, "show", "web", "-H", url, "--timeout", "3600"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        caller, _ = listener.accept()  # it hangs from here on
        with caller:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=SOON)
    assert process.returncode == 130
    assert (out, err) == (b"", b"linkdoctor: interrupted\n")


def test_our_own_errors_are_one_line_without_their_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        try:
            int(f"{secret}\x1b[2J")
        except ValueError as error:
            raise RuntimeError(secret) from error

    secret = "hunter2"

    monkeypatch.setattr("linkdoctor.cli.rules.rules_of", fail)
    assert left("rules") == 2
    err = capsys.readouterr().err
    assert err.startswith("linkdoctor: internal error: RuntimeError in rules.py:")
    assert err.endswith("please report it with the output of linkdoctor --version\n")
    assert "hunter2" not in err
    assert len(err.splitlines()) == 1
    monkeypatch.setenv("LINKDOCTOR_DEBUG", "1")
    assert left("rules") == 2
    err = capsys.readouterr().err
    assert [line for line in err.splitlines() if line.endswith("Error")] == [
        "ValueError",
        "RuntimeError",
    ]
    assert err.count("Traceback (most recent call last):\n  File ") == 2
    assert "hunter2" not in err
    assert "\x1b" not in err


def test_unknown_commands_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert left("chekc") == 2
    assert "chekc" in capsys.readouterr().err


def test_names_that_stdout_cannot_encode(capsys: pytest.CaptureFixture[str]) -> None:
    emit("lone \udcff\n")
    assert capsys.readouterr().out == "lone \\udcff\n"


def test_all_names_what_is_public() -> None:
    assert module.__all__ == ["all_commands", "app", "main"]
