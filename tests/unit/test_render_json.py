"""JSON that is safe to print and keeps its contract."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.render.as_json import render_json


class Word(msgspec.Struct, frozen=True):
    word: str


def test_printable_text_stays_readable() -> None:
    assert render_json(Word("größe ≠ 数据")) == '{\n  "word": "größe ≠ 数据"\n}\n'


def test_what_a_terminal_could_obey_is_escaped() -> None:
    shown = render_json(Word("\x1b[2J\x9b\x7f\u202e\u200b\U000e0041\ud800\n"))
    assert shown.isascii()
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert msgspec.json.decode(shown, type=Word).word == (
        "\x1b[2J\x9b\x7f\u202e\u200b\U000e0041\ufffd\n"
    )


@given(st.text(st.characters(codec=None)))
def test_everything_comes_back_but_lone_surrogates(word: str) -> None:
    shown = render_json(Word(word))
    kept = "".join("\ufffd" if 0xD800 <= ord(each) <= 0xDFFF else each for each in word)
    assert json.loads(shown)["word"] == kept
    assert all(each.isprintable() or each == "\n" for each in shown)
