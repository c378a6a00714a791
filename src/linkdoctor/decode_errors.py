"""What is wrong with a file that was decoded: in plain words, not in those of msgspec."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["JSON_KINDS", "explain_decode_error", "problem_and_key"]

JSON_KINDS: Mapping[str, str] = {
    "array": "a list",
    "object": "an object",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}
"""What people call the kinds of values, by msgspec's names."""


def problem_and_key(error: Exception, kinds: Mapping[str, str] = JSON_KINDS) -> tuple[str, str]:
    """Return what is wrong, and the key that it is about; '' for the whole file.

    Args:
        error: msgspec's error.
        kinds: what to call the kinds of values; a kind without a name keeps msgspec's.
    """
    what, _, where = str(error).partition(" - at ")
    key = re.sub(r"\[(?:\.\.\.|\d+)\]", "", where.strip("`").removeprefix("$").lstrip("."))
    if match := re.fullmatch(r"Expected `(.+?)`(?:, got `(.+)`)?", what):
        wanted = [each for each in match[1].split(" | ") if each != "null"]
        expected = " or ".join(dict.fromkeys(kinds.get(each, each) for each in wanted))
        got = f", not {kinds.get(match[2], match[2])}" if match[2] else ""
        what = f"must be {expected}{got}"
    elif match := re.fullmatch(r"Object missing required field `(.+)`", what):
        what = f"needs the key {match[1]!r}"
    elif match := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        what = f"has an unknown key {match[1]!r}"
    elif match := re.fullmatch(r"Invalid enum value (.+)", what):
        what = f"has an unknown value {match[1]}"
    return what, key


def explain_decode_error(error: Exception) -> str:
    """Return one clause on a file of JSON that cannot be decoded."""
    what, key = problem_and_key(error)
    return f"{key}: {what}" if key else what
