"""Evidence that was had, or the reason why it was not.

Absence of evidence is never health: whatever is optional in a snapshot is either
:class:`Known`, with the place where it was read, or :class:`Unknown`, with the gap.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar, Union

import msgspec

__all__ = [
    "NOT_ASKED_AFAR",
    "NOT_LOOKED_UP_AFAR",
    "ONLY_FOR_ROOT",
    "ONLY_NEAR",
    "PROBES_ONLY_NEAR",
    "Evidence",
    "Gap",
    "Known",
    "MissingEvidence",
    "Need",
    "Unknown",
]

T = TypeVar("T")


class Gap(StrEnum):
    """Why a piece of evidence is missing."""

    NOT_COLLECTED = "not-collected"
    DENIED = "denied"
    TIMED_OUT = "timed-out"
    UNSUPPORTED = "unsupported"
    VANISHED = "vanished"
    TOO_EARLY = "too-early"
    """The container just started, or its health check has not spoken yet: not judged yet."""
    CUT = "cut"
    """There was more than a limit allows; what was cut off is not known."""
    UNREACHABLE = "unreachable"
    """The engine could not be asked at all."""


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
    EVENTS = "events of the engine"
    NAMESPACES = "namespaces of the running process"


class Known(msgspec.Struct, Generic[T], frozen=True, gc=False, tag="known", omit_defaults=True):
    """A piece of evidence and the place where it was read."""

    value: T
    source: str
    cut: str = ""
    """Why there may be more than this: a limit cut it off; '' where this is all of it."""


class Unknown(msgspec.Struct, frozen=True, gc=False, tag="unknown"):
    """A piece of evidence that is missing, and why."""

    gap: Gap
    detail: str


ONLY_NEAR = Unknown(gap=Gap.UNSUPPORTED, detail="readable only as root on the engine's host")
PROBES_ONLY_NEAR = Unknown(
    gap=Gap.UNSUPPORTED,
    detail="without root on the engine's host a probe would need exec, which check never uses",
)
NOT_ASKED_AFAR = Unknown(
    gap=Gap.NOT_COLLECTED,
    detail="without root on the engine's host it is read only for containers with links",
)
NOT_LOOKED_UP_AFAR = Unknown(
    gap=Gap.NOT_COLLECTED,
    detail="without root on the engine's host it is read only for containers with links or "
    "settings that a user-defined network's DNS may answer",
)
ONLY_FOR_ROOT = frozenset({ONLY_NEAR, PROBES_ONLY_NEAR, NOT_ASKED_AFAR, NOT_LOOKED_UP_AFAR})
"""What root on the engine's own machine would have, besides all that is denied."""


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
