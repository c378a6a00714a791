"""What a connection to an engine can do, and the few errors with which it fails.

There are two kinds of connection, and what stands behind them knows many more errors:
:mod:`.unix_http` and :mod:`.sdk` translate theirs into these, and into those of the operating
system: ``PermissionError``, ``FileNotFoundError``, ``ConnectionRefusedError``, ``TimeoutError``
and any other ``OSError``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from linkdoctor.collect.streams import Streamed

__all__ = [
    "AnswerBrokenOff",
    "AnswerTooLarge",
    "AnswerTooSlow",
    "BadAnswer",
    "HostNotFound",
    "NoAnswer",
    "TlsFailed",
    "Transport",
]


class AnswerBrokenOff(OSError):
    """The answer began and did not come to its end."""


class AnswerTooSlow(AnswerBrokenOff):
    """The answer began and did not end in time."""


class AnswerTooLarge(Exception):
    """The answer is larger than was allowed."""


class BadAnswer(ValueError):
    """What came is not an answer of HTTP."""


class HostNotFound(OSError):
    """The engine's host name cannot be resolved."""


class TlsFailed(OSError):
    """The two sides do not agree on TLS."""


class NoAnswer(Exception):
    """There is no answer, for none of the reasons above; the message is what a library calls it."""


class Transport(Protocol):
    """The connections to one engine; several threads may use them.

    Every request raises:
        OSError, AnswerTooLarge, BadAnswer, NoAnswer: there is no answer that can be used.
    """

    def exchange(
        self, method: str, url: str, body: bytes | None, seconds: float, limit: int
    ) -> tuple[int, bytes]:
        """Send one request and return status and body of the answer."""
        ...

    def exchange_each(
        self, urls: Sequence[str], seconds: float, longest: float, limit: int
    ) -> Iterator[tuple[int, bytes] | Exception]:
        """Send GET requests, a few at a time, and yield the answers in their order.

        What prevented an answer is given in its place. All may take `seconds`, each `longest`.
        """
        ...

    def stream(
        self, method: str, url: str, body: Iterator[bytes] | None, seconds: float
    ) -> Streamed:
        """Send one request whose body or answer is too large to be held."""
        ...

    def hang_up(self) -> None:
        """Break off what is under way in other threads, where that can be done."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...
