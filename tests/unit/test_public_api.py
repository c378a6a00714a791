"""`import linkdoctor`: what is promised, and what it costs."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import linkdoctor
from linkdoctor import api
from tests.replay import replayed, situations

OF_0_1 = (
    "DEFAULT_TIMEOUT",
    "DEMO_FILES",
    "TOOL",
    "BaselineError",
    "Comparison",
    "ContextName",
    "EndpointError",
    "EngineError",
    "Examination",
    "Inventory",
    "LoadedRule",
    "Override",
    "PackError",
    "Progress",
    "Selection",
    "SnapshotError",
    "Url",
    "add_read",
    "add_snapshots",
    "baseline_bytes",
    "baseline_of",
    "compare",
    "container_names",
    "contents_of",
    "default_engine",
    "demo_snapshots",
    "diagnose_engines",
    "examine",
    "known_images",
    "load_rules",
    "read_baseline",
    "read_kept",
    "read_snapshot",
    "read_snapshots",
    "redact_names",
    "report_on",
    "seen_from_here",
    "snapshot_bytes",
)


@pytest.mark.parametrize("name", linkdoctor.__all__)
def test_what_is_promised_is_there_and_explains_itself(name: str) -> None:
    found = getattr(linkdoctor, name)
    assert isinstance(found, str) or found.__doc__


def test_what_is_not_promised_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'diagnoze'"):
        _ = linkdoctor.diagnoze


def test_the_example_of_the_page_runs_as_far_as_it_can_without_an_engine() -> None:
    failed, tried = doctest.testmod(linkdoctor)
    assert (failed, tried > 0) == (0, True)


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, linkdoctor; print(sorted(x for x in sys.modules if 'linkdoctor.' in x))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_diagnose_examines_engines_and_returns_the_report(tmp_path: Path) -> None:
    with replayed(situations()["ghost"], tmp_path / "s"):
        report = linkdoctor.diagnose([linkdoctor.Url(f"unix://{tmp_path}/s")], timeout=20)
    assert isinstance(report, linkdoctor.Report)
    assert "LD102" in [each.code for each in report.findings]


@pytest.mark.parametrize("name", OF_0_1)
def test_the_use_cases_are_where_they_were(name: str) -> None:
    assert name in api.__all__
    assert hasattr(api, name)
