"""Pseudonyms for names, numbers and ids: secret without the key, and faithful in what decides.

The same key gives the same pseudonym wherever a name stands, on whatever host, and two names never
share one. A pseudonym has the length, the separators and the capitals of its name; so it is as
good or odd a host name, and what is made from a name (``my-db`` → ``MY_DB_PORT_5432_TCP``,
``shop_db_1``, the short id of an id) is made from its pseudonym in the same way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

__all__ = ["GRAMMAR", "Pseudonyms"]

GRAMMAR = frozenset(
    (
        # what variables of links are made of
        *("port", "tcp", "udp", "sctp", "addr", "proto", "start", "end", "name", "env"),
        # names to which Docker or every machine gives a meaning
        *("localhost", "localdomain", "host", "gateway", "docker", "internal", "bridge", "none"),
        *("default", "ingress", "gwbridge"),
        # the words by which a variable is known for a secret, or for none (LD207)
        *(
            "pass",
            "dbpass",
            "pgpass",
            "password",
            "passwords",
            "passwd",
            "passphrase",
            "pwd",
            "secret",
            "secrets",
            "token",
        ),
        *("tokens", "credential", "credentials", "apikey", "secretkey", "privatekey", "accesskey"),
        *("key", "base", "api", "private", "access", "encryption", "signing", "master", "auth"),
        *("deploy", "allow", "random", "require", "required", "enable", "enabled", "disable"),
        *("disabled", "no", "empty", "use", "generate", "forgot", "reset", "show", "hide"),
        *("public", "mysql", "proxy", "first", "second", "single"),
    )
)
"""Words that are kept wherever they stand, because a rule reads them and they tell nothing."""

_ENDINGS = ("password", "passwd")
"""A word with this ending keeps it: ``PGPASSWORD`` names a secret."""

_PIECE = re.compile(
    r"(?<![0-9A-Za-z])(?P<id>[0-9A-Fa-f]{64}|[0-9A-Fa-f]{12})(?![0-9A-Za-z])"
    r"|(?P<port>(?<=[Pp][Oo][Rr][Tt][_-])[0-9]{1,5}(?=[_-](?i:tcp|udp|sctp)))"
    r"|(?P<number>[0-9]+)"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<other>[^\W_])"
)
_LONGEST = 256
"""Letters of a run that decide about one another: the work grows with their square."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_HEX_LETTERS = "abcdef"
_OTHERS = "àáâãäåæçèéêëìíîïðñòóôõöøùúûü"


class Pseudonyms:
    """The pseudonyms that one key gives."""

    def __init__(self, key: bytes, kept: Iterable[str] = ()) -> None:
        """Take a secret of up to 64 bytes, and further words that are kept."""
        self._key = key
        self._kept = GRAMMAR | {word.lower() for word in kept}
        self._known: dict[str, str] = {}

    def noise(self, *parts: str) -> int:
        """Return a number below 2**32 that nobody can tell without the key."""
        text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, key=self._key, digest_size=4).digest())

    def keeps(self, word: str) -> bool:
        """Whether a word stays what it is."""
        return word.lower() in self._kept

    def name(self, text: str) -> str:
        """Return the pseudonym of a name, or of several with anything between them."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = _PIECE.sub(self._piece, text)
        return found

    def id(self, text: str) -> str:
        """Return the pseudonym of a hexadecimal id; that of its beginning begins it."""
        digits = text.lower()
        mixed: list[str] = []
        for place, digit in enumerate(digits):
            alphabet = _DIGITS if digit in _DIGITS else _HEX_LETTERS
            size = len(alphabet)
            noise = self.noise("id", digits[: min(place, _LONGEST)], str(max(place, _LONGEST)))
            by = noise if place else 1 + noise % (size - 1)
            mixed.append(alphabet[(alphabet.index(digit) + by) % size])
        return _with_capitals("".join(mixed), text)

    def _piece(self, match: re.Match[str]) -> str:
        text = match[0]
        match match.lastgroup:
            case "id":
                return self.id(text)
            case "port":
                return text
            case "number":
                return self._mixed(text, _DIGITS)
            case "word":
                return self._word(text)
            case _:
                letter = _OTHERS[self.noise("letter", text.lower()) % len(_OTHERS)]
                return _with_capitals(letter, text)

    def _word(self, text: str) -> str:
        word = text.lower()
        if word in self._kept:
            return text
        ending = _ending(word)
        mixed = self._mixed(word.removesuffix(ending), _LETTERS) + ending
        # What is kept, or ends like a secret, must not be the pseudonym of anything else. Going on
        # from there comes to an end, at the latest where it began.
        while mixed in self._kept or _ending(mixed) != ending:
            mixed = self._mixed(mixed.removesuffix(ending), _LETTERS) + ending
        return _with_capitals(mixed, text)

    def _mixed(self, text: str, alphabet: str) -> str:
        """Permute the texts of a length; one that is too long to be a name goes by pieces."""
        return "".join(
            self._shifted(text[place : place + _LONGEST], alphabet)
            for place in range(0, len(text), _LONGEST)
        )

    def _shifted(self, text: str, alphabet: str) -> str:
        """Shift each letter by what all the others are."""
        size, length = len(alphabet), len(text)
        shifted = [alphabet.index(letter) for letter in text]
        for place in range(length):
            noise = self.noise("on", str(length), text[:place])
            last = place == length - 1
            shifted[place] += 1 + noise % (size - 1) if last else noise
            shifted[place] %= size
        for place in range(length - 2, -1, -1):
            behind = ",".join(map(str, shifted[place + 1 :]))
            shifted[place] = (shifted[place] + self.noise("back", str(length), behind)) % size
        return "".join(alphabet[number] for number in shifted)


def _ending(word: str) -> str:
    return next((each for each in _ENDINGS if word.endswith(each)), "")


def _with_capitals(text: str, like: str) -> str:
    if like.islower():
        return text
    return "".join(
        letter.upper() if model.isupper() else letter
        for letter, model in zip(text, like, strict=True)
    )
