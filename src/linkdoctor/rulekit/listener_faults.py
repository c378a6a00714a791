"""Ports of a link that something listens on, but not where the target dials it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from linkdoctor.model.report import Fix, Proof, Safety, Severity
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Link, Topology
from linkdoctor.rulekit.link_ports import PortState, doors_of
from linkdoctor.rulekit.rule import Hit

__all__ = ["ListenerFault", "listener_faults"]


class ListenerFault(msgspec.Struct, frozen=True, kw_only=True):
    """TCP ports of a source that all answer in one wrong way."""

    source: Container
    ports: tuple[int, ...]
    matters: bool
    """The target needs one of them."""

    @property
    def listed(self) -> str:
        """The ports in words: ``80, 443``."""
        return ", ".join(map(str, self.ports))

    def hit(
        self,
        message: str,
        topology: Topology,
        *,
        bound: Sequence[str],
        wanted: str,
        advice: str,
    ) -> Hit:
        """Report the fault; what does not matter to the target is only a remark.

        Args:
            message: one sentence.
            topology: what was seen.
            bound: where the listeners are bound.
            wanted: the address that they are to be bound to.
            advice: what a person does about it.
        """
        expected = ", ".join(f"{wanted}:{port}" for port in self.ports)
        proof = Proof(
            what=f"listening sockets of {self.source.name}",
            observed=", ".join(bound),
            expected=expected,
            where=topology.read_from(self.source.listeners),
        )
        return Hit(
            message=message,
            evidence=(proof,),
            fixes=(Fix(title=advice, safety=Safety.MANUAL),),
            severity=None if self.matters else Severity.INFO,
            key="" if self.matters else "others",
        )


def listener_faults(link: Link, state: PortState, topology: Topology) -> Iterator[ListenerFault]:
    """Yield the ports of a link that are in a state: those that matter, then the others.

    Raises:
        MissingEvidence: the sockets could not be seen, or it is too early to judge them.
    """
    source = topology.source_of(link)
    doors = doors_of(link, source, topology) if source is not None else None
    if source is None or doors is None:
        return
    matter, others = doors.judged(state)
    for ports, matters in ((matter, True), (others, False)):
        if ports:
            yield ListenerFault(source=source, ports=ports, matters=matters)
