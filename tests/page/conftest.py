"""A headless Chromium, and pages that keep a record of what they say and what they ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linkdoctor.api import Examination, demo_snapshots, load_rules, report_on
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.render.graph_from_topology import picture_of
from linkdoctor.render.html import render_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

HERE = Path(__file__).parent
REASON = pytest.StashKey[str]()
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# A browser of its own, which asks no one for anything by itself.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT = 10_000
"""Milliseconds that anything in a page may take."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say aloud that no page was looked at, and why: a skip is easily overlooked."""
    reason = config.stash.get(REASON, "")
    if reason:
        terminalreporter.write_line(f"browser tests skipped: {reason}", yellow=True)


def _chromium(config: pytest.Config) -> str:
    """The program; skip where there is none, and in CI fail."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is not None:
        return found
    reason = "no Chromium; on Debian it is the package chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    config.stash[REASON] = reason
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """A Chromium with a new profile."""
    program = _chromium(pytestconfig)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Look:
    """One page as a reader has it, with all that it said and asked for."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.address = path.as_uri()
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", self._forget)
        page.on("dialog", self._dismiss)
        page.goto(self.address)

    def _forget(self, request: Request) -> None:
        # What the policy forbade was never sent.
        if request.failure == "csp":
            self.asked.remove(request.url)

    def _dismiss(self, dialog: Any) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def is_quiet(self) -> bool:
        """Whether nothing was said, and nothing asked for but the page itself."""
        return self.said == [] and {each.partition("#")[0] for each in self.asked} == {self.address}


Visit = Callable[..., Look]


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """Opens a text as a page; further arguments are those of a browser context."""
    contexts = []

    def open_it(
        content: str, *, width: int = 1280, height: int = 900, suffix: str = ".html", **how: Any
    ) -> Look:
        context = browser.new_context(viewport={"width": width, "height": height}, **how)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT)
        path = tmp_path / f"page{len(contexts)}{suffix}"
        path.write_text(content, encoding="utf-8")
        return Look(context.new_page(), path)

    try:
        yield open_it
    finally:
        for context in contexts:
            context.close()


def page_of(*snapshots: Snapshot, report: Report | None = None) -> str:
    """The page of a report, by default of all rules."""
    if report is None:
        report = report_on(Examination(snapshots=snapshots), load_rules())
    topology = Topology(snapshots)
    return render_html(report, topology, picture_of(report, topology))


@pytest.fixture(scope="session")
def demo() -> str:
    """The page of the two recorded hosts."""
    return page_of(*demo_snapshots())
