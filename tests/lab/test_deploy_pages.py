"""What the tutorial and the runbooks show is what one gets who types it."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from .pages import DOCS, PAGES, Step, Terminal, comparable, needs_elsewhere, play, prepare, steps
from .pages import written as page_with
from .situations import Lab


def differences(page: str, outputs: list[str]) -> list[str]:
    """Where the page says something else than the terminal did."""
    shown = [step for step in steps(page) if step.output is not None]
    assert len(shown) == len(outputs)
    found: list[str] = []
    for step, output in zip(shown, outputs, strict=True):
        if comparable(step.output or "") != comparable(output):
            lines = (step.output or "").splitlines(), output.splitlines()
            found += [
                f"$ {step.command}",
                *difflib.unified_diff(*lines, "page", "now", lineterm=""),
            ]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_prints_what_the_page_shows(
    path: Path, lab: Lab, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    page = path.read_text(encoding="utf-8")
    elsewhere: Lab | None = None
    if needs_elsewhere(page):
        _, elsewhere = request.getfixturevalue("two_hosts")
    for each in filter(None, (lab, elsewhere)):
        prepare(each)
    found = differences(page, play(page, Terminal(lab, elsewhere, tmp_path)))
    assert not found, "\n".join([*found, "`make pages` types it anew"])


def test_every_runbook_is_listed() -> None:
    index = (DOCS / "runbooks" / "README.md").read_text(encoding="utf-8")
    assert len(PAGES) > 7
    for path in PAGES[1:]:
        assert f"]({path.name})" in index


# How pages are read


PAGE = """\
# Title

<!-- lab
docker run --name a
-->

```console
$ echo one \\
    two
one two
$ false
```
"""


def test_a_page_is_read_in_its_order() -> None:
    assert list(steps(PAGE)) == [
        Step("docker run --name a", None),
        Step("echo one \\\n    two", "one two\n"),
        Step("false", ""),
    ]


def test_a_page_is_written_with_what_was_printed() -> None:
    assert page_with(PAGE, ["one two\n", ""]) == PAGE
    assert "\nthree\n$ false\n```" in page_with(PAGE, ["three", ""])


def test_what_differs_from_run_to_run_is_compared_by_where_it_stands() -> None:
    before = "web 172.17.0.2, app 172.17.0.3, web 172.17.0.2 at 08:33:10Z"
    assert comparable(before) == comparable(
        "web 172.17.0.7, app 172.17.0.4,\n  web 172.17.0.7 at 09:00:00Z"
    )
    assert comparable(before) != comparable(
        "web 172.17.0.7, app 172.17.0.4, web 172.17.0.4 at 09:00:00Z"
    )
    assert comparable("1 error") != comparable("2 errors")
