"""Errors of decoding, in plain words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from linkdoctor.decode_errors import explain_decode_error
from linkdoctor.model.report import Severity


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    many: int | None = None
    severity: Severity = Severity.INFO


class _File(msgspec.Struct):
    items: list[_Item]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "must be an object, not a list"),
        ({}, "needs the key 'items'"),
        ({"items": 3}, "items: must be a list, not a whole number"),
        ({"items": [{"name": 3}]}, "items.name: must be text, not a whole number"),
        ({"items": [{"name": "a", "many": "x"}]}, "items.many: must be a whole number, not text"),
        ({"items": [{"name": "a", "x": 1}]}, "items: has an unknown key 'x'"),
        (
            {"items": [{"name": "a", "severity": "bad"}]},
            "items.severity: has an unknown value 'bad'",
        ),
    ],
)
def test_decode_error_is_explained_in_plain_words(content: Any, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(content), type=_File)
    assert explain_decode_error(caught.value) == words


def test_broken_json_keeps_its_own_words() -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(b"{")
    assert explain_decode_error(caught.value) == "Input data was truncated"
