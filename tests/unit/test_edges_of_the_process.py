"""Closed streams, a reader who goes, ``python -OO``, a full disk, defaults that print secrets."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
import pydoc
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import linkdoctor
from linkdoctor.cli import output
from linkdoctor.fix.lock import LockError, locked

SOON = 25.0
RUN = f"{sys.executable} -m linkdoctor"


def shell(text: str, **environment: str) -> tuple[int, str, str]:
    """Run a line of bash; the exit code is that of the last command that failed."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SOON,
        env=os.environ | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@functools.cache
def plain(words: str) -> tuple[int, str, str]:
    """A command as anybody runs it; several tests compare theirs with it."""
    return shell(f"{RUN} {words}")


@pytest.mark.parametrize("command", ["demo", "check", "rules", "--version", "fix --apply"])
def test_a_closed_standard_output_is_one_line_before_any_work(command: str) -> None:
    code, out, told = shell(f"{RUN} {command} >&-")
    assert (code, out) == (2, "")
    assert told.startswith("linkdoctor: standard output is closed")
    assert told.count("\n") == 1


def test_a_closed_standard_error_keeps_the_result() -> None:
    code, out, told = shell(f"{RUN} demo 2>&-")
    assert (code, told) == (0, "")
    assert out == plain("demo")[1]
    assert shell(f"{RUN} check -H unix:///nowhere/docker.sock 2>&-")[0] == 3
    assert shell(f"{RUN} check --config /nowhere 2>&-")[0] == 2


def test_a_reader_who_goes_changes_neither_the_exit_code_nor_says_a_word() -> None:
    assert shell(f"{RUN} demo | head -c 1") == (0, plain("demo")[1][:1], "")


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    code, out, told = shell(f"{RUN} demo > /dev/full")
    assert (code, out) == (2, "")
    assert told == "linkdoctor: standard output cannot be written: No space left on device\n"


def test_that_the_reader_has_gone_is_known_to_what_would_go_on() -> None:
    text = (
        "import sys; from linkdoctor.cli import output\n"
        "for _ in range(100_000):\n"
        "    output.emit('x' * 100)\n"
        "    if output.reader_has_gone(): sys.exit(7)\n"
    )
    assert shell(f"{sys.executable} - <<'E' | true\n{text}\nE")[0] == 7
    assert not output.reader_has_gone()


def test_without_docstrings_every_rule_has_its_page() -> None:
    code, out, told = shell(f"{RUN} explain LD102", PYTHONOPTIMIZE="2")
    assert (code, told) == (0, "")
    assert out == plain("explain LD102")[1]
    assert shell(f"{RUN} demo", PYTHONOPTIMIZE="2") == plain("demo")


def test_a_rule_of_ones_own_has_its_page_without_docstrings(tmp_path: Path) -> None:
    own = Path(linkdoctor.__file__).parents[2] / "rules" / "source_paused.py"
    text = own.read_text().replace("LD105", "OUR105").replace("source-paused", "our-own")
    (tmp_path / "our_own.py").write_text(text)
    code, out, told = shell(f"{RUN} explain --rules {tmp_path} OUR105", PYTHONOPTIMIZE="2")
    assert (code, told) == (0, "")
    assert "What it means" in out


def functions() -> Iterator[Callable[..., object]]:
    """Every function and class of linkdoctor."""
    for found in pkgutil.walk_packages(linkdoctor.__path__, "linkdoctor."):
        if found.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(found.name)).values():
            if inspect.isfunction(value) and value.__module__.startswith("linkdoctor"):
                yield value
            elif inspect.isclass(value) and value.__module__.startswith("linkdoctor"):
                yield from (each for each in vars(value).values() if inspect.isfunction(each))


def test_no_default_argument_holds_the_environment() -> None:
    wrong = [
        f"{each.__module__}.{each.__qualname__}"
        for each in map(inspect.unwrap, functions())
        if any(
            isinstance(parameter.default, type(os.environ))
            for parameter in inspect.signature(each).parameters.values()
        )
    ]
    assert wrong == []


def test_help_prints_no_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKDOCTOR_TEST_SECRET", "unmistakable-value")
    for name in set(linkdoctor.__all__) - {"__version__"}:
        shown = pydoc.render_doc(getattr(linkdoctor, name))
        assert "unmistakable-value" not in shown
        assert "LINKDOCTOR_TEST_SECRET" not in shown


def test_the_lock_of_an_engine_needs_no_disk() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with locked("engine"), pytest.raises(LockError, match="is fixing links"), locked("engine"):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
