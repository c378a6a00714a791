"""Published ports of a host that something outside its networks relies on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from linkdoctor.model.report import Fix, Proof
from linkdoctor.model.snapshot import Container, Publication
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.fixes import made_there
from linkdoctor.rulekit.host_ports import (
    Dial,
    dialled_by,
    dials_at,
    hosts_dialled,
    meant_for_outside,
    published_as,
    wanted_ports,
)
from linkdoctor.rulekit.rule import Hit, HostContainer

__all__ = ["ReliedPort", "relied_ports"]


class ReliedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A published port that is said to be meant for outside, or that another container dials."""

    place: HostContainer
    """The container that the finding is about: the one that publishes it, or the one that dials."""
    host: str
    """Where the port is published."""
    container: Container
    """Who publishes it."""
    publications: tuple[Publication, ...]
    """The bindings of that port; the first one is the container's own."""
    number: int
    """As it is relied on: the container's port, or the port of the host that is dialled."""
    reason: Proof
    """What relies on it."""
    dial: Dial | None = None
    """What is dialled; None if the port is only meant for outside."""

    def hit(self, message: str, proof: Proof, fixes: Iterable[Fix]) -> Hit:
        """Report what is wrong with the port, with what relies on it as further proof."""
        return Hit(
            message=message,
            evidence=(proof, self.reason),
            fixes=made_there(fixes, self.host, self.place.host),
            source=self.container.name if self.dial is not None else None,
            alias=self.dial.host if self.dial is not None else None,
            key=str(self.number),
        )


def relied_ports(place: HostContainer, topology: Topology) -> Iterator[ReliedPort]:
    """Yield the published ports of a container that are meant for outside, then those it dials."""
    container = place.container
    for number, where in sorted(wanted_ports(container, topology).items()):
        found = published_as(container, number, topology)
        if found:
            yield ReliedPort(
                place=place,
                host=place.host,
                container=container,
                publications=found,
                number=number,
                reason=meant_for_outside(number, where),
            )
    for host in hosts_dialled(container, topology):
        for dial, bindings in dials_at(host, container, place.host, topology):
            yield ReliedPort(
                place=place,
                host=host,
                container=bindings[0].container,
                publications=tuple(each.publication for each in bindings),
                number=dial.port,
                reason=dialled_by(container, dial),
                dial=dial,
            )
