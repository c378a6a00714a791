"""Fixtures of the engine lab. An engine starts when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .engine import Engine, join, unavailable
from .hosts import interface, link
from .releases import series, wanted_tree
from .situations import Lab

HERE = Path(__file__).parent
REASON = pytest.StashKey[str]()
LONGEST = ("test_written_files", "test_kill_anywhere", "test_forty_situations", "test_cut_stops")
"""The files that take longest. They begin first: what ends last should be a short one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory, and expect what is known to differ on this engine."""
    here = series()
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.lab)
        for mark in item.iter_markers("differs"):
            since, how = mark.kwargs["since"], mark.kwargs["how"]
            if here >= (since,):
                item.add_marker(pytest.mark.xfail(reason=how, strict=True))
        for mark in item.iter_markers("since"):
            if here < (mark.args[0],):
                reason = f"a fact of engine {mark.args[0]} and later"
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say aloud that the lab did not run, and why: a skip is easily overlooked."""
    reason = config.stash.get(REASON, "")
    if reason:
        terminalreporter.write_line(f"engine lab skipped: {reason}", yellow=True)


def _need_an_engine(config: pytest.Config) -> None:
    """Skip where no engine can be started; in CI, fail."""
    reason = unavailable()
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    config.stash[REASON] = reason
    pytest.skip(reason)


def _started(config: pytest.Config, engine: Engine) -> Iterator[Engine]:
    """The engine, started and later stopped."""
    _need_an_engine(config)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def _cleaned(lab: Lab) -> Iterator[Lab]:
    """The lab, empty before and after a test."""
    lab.clean()
    try:
        yield lab
    finally:
        lab.clean()


@pytest.fixture
def possible(pytestconfig: pytest.Config) -> None:
    """For tests that start engines of their own."""
    _need_an_engine(pytestconfig)


@pytest.fixture(scope="session")
def tree(pytestconfig: pytest.Config) -> Path | None:
    """The root of the Debian release whose engine is wanted; None for the machine's own."""
    _need_an_engine(pytestconfig)
    return wanted_tree()


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config, tree: Path | None) -> Iterator[Engine]:
    """The engine of most tests; its host is called host1."""
    yield from _started(pytestconfig, Engine("host1", tree=tree))


@pytest.fixture(scope="session")
def second_engine(pytestconfig: pytest.Config, tree: Path | None) -> Iterator[Engine]:
    """Another host's engine; its host is called host2."""
    yield from _started(pytestconfig, Engine("host2", tree=tree))


@pytest.fixture(scope="session")
def quiet_engine(pytestconfig: pytest.Config, tree: Path | None) -> Iterator[Engine]:
    """An engine whose default bridge lets only linked containers talk (`--icc=false`)."""
    yield from _started(pytestconfig, Engine("quiet", flags=["--icc=false"], tree=tree))


@pytest.fixture(scope="session")
def first_lab(engine: Engine) -> Iterator[Lab]:
    """The lab on host1, for the fixtures below: it is cleaned by nobody."""
    with Lab(engine) as lab:
        yield lab


@pytest.fixture(scope="session")
def joined_labs(first_lab: Lab, second_engine: Engine) -> Iterator[tuple[Lab, Lab]]:
    """The labs on host1 (10.77.0.1) and host2 (10.77.0.2), with a cable between the hosts."""
    join(first_lab.engine, second_engine)
    with Lab(second_engine) as second:
        yield first_lab, second


@pytest.fixture(scope="session")
def separated_lab(quiet_engine: Engine) -> Iterator[Lab]:
    """The lab on the engine with `--icc=false`, for the fixture below."""
    with Lab(quiet_engine) as lab:
        yield lab


@pytest.fixture
def lab(first_lab: Lab) -> Iterator[Lab]:
    """An empty lab on host1."""
    yield from _cleaned(first_lab)


@pytest.fixture
def two_hosts(lab: Lab, joined_labs: tuple[Lab, Lab]) -> Iterator[tuple[Lab, Lab]]:
    """Empty labs on host1 (10.77.0.1) and host2 (10.77.0.2)."""
    for second in _cleaned(joined_labs[1]):
        yield lab, second


@pytest.fixture
def quiet_lab(separated_lab: Lab) -> Iterator[Lab]:
    """An empty lab on an engine with `--icc=false`."""
    yield from _cleaned(separated_lab)


@pytest.fixture
def uplink(lab: Lab) -> Iterator[Lab]:
    """A host whose default route leads over an interface with a small MTU."""
    with interface(lab, "uplink0", "10.88.0.1/24", mtu=1400):
        link(lab, "route", "add", "default", "via", "10.88.0.254", "metric", "50")
        yield lab
