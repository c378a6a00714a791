"""What there is in a :class:`~linkdoctor.rulekit.world.World`, and what is seen of it.

Its containers, networks and rules can be changed behind the engine's back here; what the engine
itself does stands in :mod:`~linkdoctor.rulekit.world`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.links import HostsLine, parse_stored_link
from linkdoctor.model.redact import redact
from linkdoctor.model.snapshot import (
    Container,
    Details,
    Engine,
    Event,
    Firewall,
    FirewallRule,
    LinkAnswer,
    Listener,
    Namespaces,
    Network,
    ProcessVariables,
    Route,
    Snapshot,
    Tool,
)
from linkdoctor.rulekit.world_host import CHAINS, all_routes, firewall_of, interfaces_of
from linkdoctor.rulekit.world_setup import setup_seen

__all__ = ["EARLIER", "LATER", "WorldState"]

_NOT_SAID = Unknown(gap=Gap.NOT_COLLECTED, detail="it is read off what the container is")
_UNSEEN = Unknown(gap=Gap.UNSUPPORTED, detail="only on the engine's own machine")
LATER = "2026-01-01T12:00:00Z"
"""When one looks."""
EARLIER = "2026-01-01T10:00:00Z"
"""When containers were started, unless it is said."""


class WorldState:
    """One engine and its containers, as they are."""

    def __init__(
        self,
        host: str = "host1",
        *,
        engine: str = "20.10.24",
        icc: bool = True,
        addresses: Sequence[str] = ("10.77.0.1",),
        host_listeners: Sequence[Listener] = (),
        routes: Sequence[Route] = (),
        mtu: int = 1500,
        manages_firewall: bool = True,
        filters_bridges: bool = True,
        keeps_link_variables: bool = False,
        product: str = "Docker",
        events: Sequence[Event] = (),
    ) -> None:
        """Start an empty engine."""
        self.host = host
        self.engine = engine
        self._containers: dict[str, Container] = {}
        self._networks = {
            "bridge": Network(
                id="n-bridge",
                name="bridge",
                driver="bridge",
                subnets=("172.17.0.0/16",),
                reserved=("172.17.0.1",),
                icc=icc,
                bridge="docker0",
            )
        }
        self._addresses = tuple(addresses)
        self._host_listeners = tuple(host_listeners)
        self._routes = tuple(routes)
        self._mtu = mtu
        self._manages_firewall = manages_firewall
        self._filters_bridges = filters_bridges
        self._keeps_link_variables = keeps_link_variables
        self._product = product
        self._events = tuple(events)
        self._pairs: list[FirewallRule] = []
        """The firewall rules of links, which only ``icc=False`` brings."""
        self._own_rules: list[FirewallRule] = []
        """The firewall rules of the administrator."""
        self._flushed = False
        self._chains: tuple[str, ...] = ()
        """The engine's chains that a flush left in place, empty."""
        self._now = LATER
        self._next_address = 2
        self._next_id = 1
        self._pointers: dict[tuple[str, str], str] = {}
        """The id of the container object that a live link points to, by target's id and alias."""

    def network(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnets: Sequence[str] = (),
        mtu: int | None = None,
        icc: bool = True,
        internal: bool = False,
    ) -> Self:
        """Make a user-defined network."""
        self._networks[name] = Network(
            id=f"n-{name}",
            name=name,
            driver=driver,
            subnets=tuple(subnets),
            reserved=tuple(each.replace(".0/", ".1/").partition("/")[0] for each in subnets),
            bridge=f"br-{name}" if driver == "bridge" else "",
            mtu=mtu,
            icc=icc,
            internal=internal,
        )
        return self

    def change(self, name: str, **changes: object) -> Self:
        """Change what inspect reports about a container."""
        container = self._containers[name]
        details = msgspec.structs.replace(self._details(name), **changes)
        self._containers[name] = msgspec.structs.replace(
            container, details=Known(details, "inspect")
        )
        return self

    def unknown(self, name: str, field: str, unknown: Unknown) -> Self:
        """Take away a piece of evidence of a container."""
        self._containers[name] = msgspec.structs.replace(self._containers[name], **{field: unknown})
        return self

    def hosts(self, name: str, alias: str, *, address: str | None) -> Self:
        """Change the address of the hosts line that an alias leads; None deletes the line."""
        container = self._containers[name]
        lines = container.hosts_file.value if isinstance(container.hosts_file, Known) else ()
        changed = tuple(
            msgspec.structs.replace(line, address=address)
            if address is not None and line.names[0] == alias
            else line
            for line in lines
            if address is not None or line.names[0] != alias
        )
        self._containers[name] = msgspec.structs.replace(
            container, hosts_file=Known(changed, f"/proc/{self._details(name).pid}/root/etc/hosts")
        )
        return self

    def listen(self, name: str, *listeners: Listener) -> Self:
        """Let a container listen at further places."""
        container = self._containers[name]
        before = container.listeners.value if isinstance(container.listeners, Known) else ()
        self._containers[name] = msgspec.structs.replace(
            container,
            listeners=Known((*before, *listeners), f"/proc/{self._details(name).pid}/ns/net"),
        )
        return self

    def write_hosts(self, name: str, *lines: HostsLine) -> Self:
        """Add lines to the end of a container's hosts file, as somebody in the container does."""
        container = self._containers[name]
        before = container.hosts_file.value if isinstance(container.hosts_file, Known) else ()
        self._containers[name] = msgspec.structs.replace(
            container,
            hosts_file=Known((*before, *lines), f"/proc/{self._details(name).pid}/root/etc/hosts"),
        )
        return self

    def flush_firewall(self, *, keep_chains: bool = False) -> Self:
        """Take away the engine's chains, as a restart of another firewall does.

        With `keep_chains` they are left, empty, as ``iptables -F`` does.
        """
        self._flushed = True
        self._chains = CHAINS if keep_chains else ()
        return self

    def filter(self, *rules: FirewallRule) -> Self:
        """Add firewall rules of the administrator."""
        self._own_rules += rules
        return self

    def forget_pairs(self) -> Self:
        """Take away the firewall rules of links, as an engine restart with live-restore does."""
        self._pairs.clear()
        return self

    def retype(self, name: str, *links: str) -> Self:
        """Change the links that the engine's disk holds, which its next start looks up."""
        stored = Known(tuple(parse_stored_link(each) for each in links), "hostconfig.json")
        self._containers[name] = msgspec.structs.replace(
            self._containers[name], stored_links=stored
        )
        return self

    def lives_in(self, name: str, namespaces: Namespaces | None) -> Self:
        """Say in which namespaces a container's process lives; None if that is not seen."""
        seen = Known(namespaces, "/proc/1000/ns") if namespaces is not None else _UNSEEN
        self._containers[name] = msgspec.structs.replace(self._containers[name], namespaces=seen)
        return self

    def child(self, name: str, variables: Mapping[str, str]) -> Self:
        """Return a container a second process with other variables of links than the first has."""
        pid = self._details(name).pid + 1
        other = ProcessVariables(pid=pid, variables=redact(variables.items()))
        self._containers[name] = msgspec.structs.replace(
            self._containers[name], other_processes=Known((other,), f"/proc/{pid}/environ")
        )
        return self

    def snapshot(self) -> Snapshot:
        """See what there is."""
        by_id = {container.id: container for container in self._containers.values()}
        names: dict[str, list[str]] = {each.id: [each.name] for each in by_id.values()}
        for (owner, alias), pointer in self._pointers.items():
            if owner in by_id and pointer in by_id:
                names[pointer].append(f"{by_id[owner].name}/{alias}")
        containers = tuple(
            msgspec.structs.replace(
                _with_setup(each),
                names=tuple(sorted(names[each.id])),
                link_answers=self._answers(each, by_id),
            )
            for each in sorted(self._containers.values(), key=lambda each: each.name)
        )
        return Snapshot(
            taken_at=self._now,
            engine_time=self._now,
            tool=Tool(name="linkdoctor", version="0"),
            host=self.host,
            endpoint="unix:///var/run/docker.sock",
            engine=Engine(
                name=self.host, version=self.engine, api_version="1.41", product=self._product
            ),
            containers=containers,
            networks=Known(tuple(self._networks.values()), "GET /networks"),
            host_addresses=Known(self._addresses, "netlink"),
            host_listeners=Known(self._host_listeners, "netlink"),
            firewall=Known(self._firewall(self._pairs), "iptables-save"),
            routes=Known(all_routes(self._networks.values(), self._routes), "netlink"),
            interfaces=Known(interfaces_of(self._networks.values(), self._mtu), "netlink"),
            keeps_link_variables=Known(self._keeps_link_variables, "/proc/1/environ"),
            events=Known(self._events, "GET /events"),
            probed=any(isinstance(each.probes, Known) for each in containers),
        )

    def _firewall(self, pairs: Sequence[FirewallRule]) -> Firewall:
        return firewall_of(
            self._networks.values(),
            pairs=pairs,
            own_rules=self._own_rules,
            flushed=self._chains if self._flushed else None,
            managed=self._manages_firewall,
            filters_bridges=self._filters_bridges,
        )

    def _adopt(self, seen: Snapshot) -> None:
        """Be what is seen in a snapshot, which another one of this engine was turned into."""
        said = {each.id for each in self._containers.values() if _says_setup(each)}
        self._now = seen.taken_at
        self._containers = {
            each.name: each if each.id in said else _without_setup(each) for each in seen.containers
        }
        self._pointers = {
            (self._containers[target].id, alias): each.id
            for each in seen.containers
            for target, _, alias in (name.partition("/") for name in each.names)
            if alias
        }
        if isinstance(seen.firewall, Known):
            others = self._firewall(()).rules
            self._pairs = [each for each in seen.firewall.value.rules if each not in others]
        if isinstance(seen.host_listeners, Known):
            self._host_listeners = seen.host_listeners.value
        if isinstance(seen.events, Known):
            self._events = seen.events.value
        taken = [
            int(place.address.rpartition(".")[2])
            for each in seen.containers
            if isinstance(each.details, Known)
            for place in each.details.value.endpoints
            if "." in place.address
        ]
        self._next_address = max(self._next_address, *(each + 1 for each in taken))

    def _answers(self, target: Container, by_id: Mapping[str, Container]) -> tuple[LinkAnswer, ...]:
        if isinstance(target.details, Unknown):
            return ()
        return tuple(
            LinkAnswer(alias=each.alias, container_id=Known(None, "GET"))
            for each in self._details(target.name).stored_links
            if self._pointers.get((target.id, each.alias)) not in by_id
        )

    def _details(self, name: str) -> Details:
        details = self._containers[name].details
        if not isinstance(details, Known):
            raise TypeError(f"{name} has no details")
        return details.value


def _says_setup(container: Container) -> bool:
    """Whether somebody said how a container was made; else it is read off what it is."""
    return isinstance(container.details, Known) and isinstance(container.details.value.setup, Known)


def _without_setup(container: Container) -> Container:
    if not isinstance(container.details, Known):
        return container
    details = msgspec.structs.replace(container.details.value, setup=_NOT_SAID)
    return msgspec.structs.replace(container, details=Known(details, container.details.source))


def _with_setup(container: Container) -> Container:
    details = container.details
    if not isinstance(details, Known) or isinstance(details.value.setup, Known):
        return container
    setup = Known(setup_seen(container, details.value), "inspect")
    seen = msgspec.structs.replace(details.value, setup=setup)
    return msgspec.structs.replace(container, details=Known(seen, details.source))
