"""`import linkdoctor`: what is promised, and what it costs."""

from __future__ import annotations

import doctest
import subprocess
import sys

import pytest

import linkdoctor


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
