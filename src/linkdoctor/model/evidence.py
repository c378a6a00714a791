"""Evidence that was had, or the reason why it was not.

Absence of evidence is never health: whatever is optional in a snapshot is either
:class:`Known`, with the place where it was read, or :class:`Unknown`, with the gap.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar, Union

import msgspec

__all__ = ["Evidence", "Gap", "Known", "MissingEvidence", "Need", "Unknown"]

T = TypeVar("T")


class Gap(StrEnum):
    """Why a piece of evidence could not be had."""

    NOT_COLLECTED = "not-collected"
    DENIED = "denied"
    TIMED_OUT = "timed-out"
    UNSUPPORTED = "unsupported"
    VANISHED = "vanished"
    TOO_EARLY = "too-early"
    """The container just started, or its health check has not spoken yet: not judged yet."""
    CUT = "cut"
    """There was more than a limit allows; what was cut off is not known."""


class Need(StrEnum):
    """The kinds of evidence that a rule can ask for."""

    DETAILS = "container details"
    LINK_ANSWER = "where the engine says the link leads"
    PROCESS_ENV = "environment of the running process"
    HOSTS_FILE = "hosts file"
    LISTENERS = "listening sockets"
    ENTRY_SCRIPT = "entry-point script"
    DNS_ANSWER = "answers of the container's own resolver"
    NAME_LOOKUP = "name service switch"
    NETWORKS = "networks of the engine"
    HOST_ADDRESSES = "addresses of the host"
    HOST_LISTENERS = "listening sockets of the host"
    STORED_LINKS = "link strings on the engine's disk"
    FIREWALL = "firewall rules of the engine"
    ROUTES = "routes of the host"
    INTERFACES = "network interfaces of the host"
    ENGINE_ENV = "environment of the engine"
    PROBES = "answers to probes"


class Known(msgspec.Struct, Generic[T], frozen=True, gc=False, tag="known"):
    """A piece of evidence and the place where it was read."""

    value: T
    source: str


class Unknown(msgspec.Struct, frozen=True, gc=False, tag="unknown"):
    """A piece of evidence that could not be had, and why."""

    gap: Gap
    detail: str


Evidence: TypeAlias = Union[Known[T], Unknown]  # noqa: UP007 - a generic alias needs the long form


class MissingEvidence(Exception):
    """A rule touched evidence that is Unknown: the rule is skipped for this subject."""

    def __init__(self, need: Need, subject: str, unknown: Unknown) -> None:
        super().__init__(need, subject, unknown)
        self.need = need
        self.subject = subject
        self.unknown = unknown

    def __str__(self) -> str:
        """Say what is missing, of what, and why; thousands are raised and never shown."""
        return f"{self.need.value} of {self.subject}: {self.unknown.detail}"
