"""Which probes of a link count, and which of them failed."""

from __future__ import annotations

from linkdoctor.model.snapshot import Probe, ProbeOutcome
from linkdoctor.model.topology import Link, Topology
from linkdoctor.rulekit.link_ports import dialled_ports, starting

__all__ = ["STEPS", "failed_probes", "probes_that_count"]

STEPS = (
    ProbeOutcome.NO_NAME,
    ProbeOutcome.NO_ROUTE,
    ProbeOutcome.REFUSED,
    ProbeOutcome.TIMED_OUT,
)
"""The steps of a connection that can fail, the first one first."""


def probes_that_count(link: Link, topology: Topology) -> tuple[Probe, ...]:
    """Return the probes that decide about a link: of the ports that its target dials, or of all.

    Where no port is known to be dialled, one that answers is enough, and none counts.
    """
    probes = topology.found_by_probes(link.target, link.alias)
    nameless = tuple(each for each in probes if each.port is None)
    if nameless:
        return nameless
    dialled = dialled_ports(link, topology)
    if dialled:
        return tuple(each for each in probes if each.port in dialled)
    if any(each.outcome is ProbeOutcome.CONNECTED for each in probes):
        return ()
    return probes


def failed_probes(link: Link, topology: Topology) -> tuple[Probe, ...]:
    """Return those of :func:`probes_that_count` that show that the link does not work now.

    A source that has only just started may refuse for a while. Where no port is known to be
    dialled, one of those that were left out may answer.
    """
    source = topology.source_or_namesake(link)
    early = source is not None and starting(link.host, source, topology) is not None
    counting = probes_that_count(link, topology)
    cut = any(each.outcome is ProbeOutcome.LEFT_OUT for each in counting)
    return tuple(
        each
        for each in counting
        if each.outcome in STEPS
        if not (early and each.outcome is ProbeOutcome.REFUSED)
        if not (cut and each.outcome is not ProbeOutcome.NO_NAME)
    )
