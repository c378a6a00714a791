"""What was examined, what it is when it is joined, and what was found in it.

A :class:`Diagnosis` is all that renderers, plans and pictures take: the snapshots are joined once,
by whoever makes it.
"""

from __future__ import annotations

import msgspec

from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import Snapshot, Unreachable
from linkdoctor.model.topology import Topology

__all__ = ["Diagnosis", "Examination", "Joined"]


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of several engines, and which could not be asked."""

    snapshots: tuple[Snapshot, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    interrupted: bool = False
    """Ctrl-C ended it: there is more that was not looked at."""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """An examination whose snapshots are joined, with what is known beforehand."""

    examination: Examination
    topology: Topology


class Diagnosis(Joined, frozen=True, kw_only=True):
    """A joined examination, and the report on it."""

    report: Report
