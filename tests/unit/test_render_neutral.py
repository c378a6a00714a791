"""Hostile text on its way to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.render.layout import width_of, wrapped
from linkdoctor.render.sanitize import is_harmless, sanitize, to_ascii


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\x0ab"),
        ("a\rb", "a\\x0db"),
        ("a\tb", "a\\x09b"),
        ("\x00", "\\x00"),
        ("\x7f", "\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202efdp", "abc\\u202efdp"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("we\u200bb", "we\\u200bb"),
        ("\ufeffweb", "\\ufeffweb"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
        ("\u3164", "\\u3164"),
        ("a\ufe0f", "a\\ufe0f"),
        ("\U000e0041", "\\U000e0041"),
        ("\ue000", "\\ue000"),
    ],
)
def test_what_cannot_be_seen_is_escaped(hostile: str, shown: str) -> None:
    assert sanitize(hostile) == shown


@pytest.mark.parametrize("text", ["web", "my-db_1.2", "größe", "数据库", "a b", "✓ → ≠ …", ""])
def test_what_can_be_seen_stays(text: str) -> None:
    assert sanitize(text) == text


@given(st.text(st.characters(codec=None)))
def test_nothing_harmful_is_left(text: str) -> None:
    shown = sanitize(text)
    assert is_harmless(shown)
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in shown)


def test_a_long_text_is_cut() -> None:
    shown = sanitize("x" * 10_000_000, 64)
    assert len(shown) == 64
    assert shown.endswith("…")


def test_a_text_of_the_limit_is_not_cut() -> None:
    assert sanitize("x" * 64, 64) == "x" * 64


def test_signs_have_ascii_forms() -> None:
    assert to_ascii("✓ ✗ → ≠ …").isascii()


@given(st.text(), st.integers(20, 120))
def test_no_line_is_wider_than_asked(text: str, width: int) -> None:
    lines = list(wrapped(sanitize(text), width, "  ", "    "))
    assert all(width_of(line) <= width for line in lines)


@given(st.text())
def test_wrapping_loses_nothing_but_blanks(text: str) -> None:
    shown = sanitize(text)
    joined = "".join(wrapped(shown, 30))
    assert joined.replace(" ", "") == shown.replace(" ", "")


def test_wide_characters_take_two_cells() -> None:
    assert width_of("数据") == 4
    assert width_of("e\u0301") == 1
