"""How alike two names are: the support for what a link was probably meant to be."""

from __future__ import annotations

from difflib import SequenceMatcher
from enum import StrEnum

import msgspec

__all__ = ["SimilarNames", "Similarity", "similarity"]

_ALIKE = 0.75


class Similarity(StrEnum):
    """How alike two names are."""

    SIMILAR = "similar"
    """Most of their letters are the same, in the same order."""
    CONTAINS = "one within the other"
    """`app` and `helloapp`: less than similar."""
    NONE = "none"


class SimilarNames(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Two names, since replaced by pseudonyms, that were alike."""

    one: str
    other: str
    how: Similarity


def similarity(one: str, other: str) -> Similarity:
    """Return how alike two names in lower case are."""
    if SequenceMatcher(None, one, other).ratio() >= _ALIKE:
        return Similarity.SIMILAR
    within = len(min(one, other, key=len)) > 1 and (one in other or other in one)
    return Similarity.CONTAINS if within else Similarity.NONE
