"""A container holds the address of a container on another host.

## What it means

An environment variable, the command, an extra host or a line of the hosts file names an address
that is a container's on another examined engine.

## Why it matters

Container addresses are known only on their own host. From here nothing answers at that address, or
something unrelated does.

## How it is proved

Several engines are examined in one run, and a container of another one has the address on a bridge
network. Nothing on this host has it: no container has the address, nor the host itself, no
network's subnet contains it, and no route of the host leads there.

## What it is not

Every engine uses the same subnets by default. An address in a subnet of this engine's own networks
is looked for here, even if a container elsewhere has it: that is LD208, which says so too. Overlay,
macvlan and ipvlan networks reach across hosts, and so do routes that somebody added to the other
host's containers. What the engine wrote for a link is LD302.

## How to fix it

Publish the port on the other host and use that host's address in the setting, put both containers
on one overlay network, or run an ambassador on this host.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from linkdoctor.rulekit import (
    Case,
    Container,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    MissingEvidence,
    Need,
    Proof,
    Route,
    Rule,
    Safety,
    Severity,
    Topology,
    is_address,
)
from linkdoctor.rulekit.fixes import address_of_host, cross_host
from linkdoctor.rulekit.literal_addresses import (
    Literal,
    is_of_the_host,
    literals_of,
)
from linkdoctor.rulekit.reach import is_inside
from linkdoctor.rulekit.world import World

_MOST_SHOWN = 4
_OF_NO_CONTAINER = ("127.", "0.", "::1", "fe00::", "ff0", "fe80:")


class _Foreign(NamedTuple):
    host: str
    source: Container
    network: str


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each address in a running container that only another host's container has."""
    if len(topology.snapshots()) < 2 or not topology.is_running(place.container):
        return
    literals = (*literals_of(place.container, topology), *_hosts_lines(place, topology))
    by_address: dict[str, list[Literal]] = {}
    for literal in literals:
        by_address.setdefault(literal.address, []).append(literal)
    for address, places in by_address.items():
        foreign = _foreign(place.host, address, topology)
        if foreign is not None:
            yield _hit(place, address, places, foreign, topology)
    if topology.links_of(place.host, place.container):
        topology.hosts_file(place.container)  # where it is missing, that is said


def _hosts_lines(place: HostContainer, topology: Topology) -> Iterator[Literal]:
    """Yield the lines of the hosts file that neither a link nor an extra host brought."""
    details = topology.details(place.container)
    aliases = {link.alias for link in topology.links_of(place.host, place.container)}
    try:
        lines = topology.hosts_file(place.container)
    except MissingEvidence:
        return
    for line in lines:
        name = line.names[0]
        if name in aliases or line in details.extra_hosts or not is_address(line.address):
            continue
        if not line.address.startswith(_OF_NO_CONTAINER):
            yield Literal(address=line.address, where=f"line of {name} in its hosts file")


def _foreign(host: str, address: str, topology: Topology) -> _Foreign | None:
    """Return the container of another host that alone can be meant by an address."""
    found = next(_holders_elsewhere(host, address, topology), None)
    if found is None or topology.holder_of(host, address) is not None:
        return None
    if is_of_the_host(host, address, topology):
        return None
    if is_inside(address, (subnet for each in topology.networks(host) for subnet in each.subnets)):
        return None
    if any(_leads_to(route, address) for route in topology.routes(host)):
        return None
    return found


def _holders_elsewhere(host: str, address: str, topology: Topology) -> Iterator[_Foreign]:
    for other, source in topology.holders_of(address):
        if other == host:
            continue
        for endpoint in topology.details(source).endpoints:
            network = topology.network(other, endpoint.network)
            if address not in (endpoint.address, endpoint.address6):
                continue
            if network is not None and network.driver == "bridge":
                yield _Foreign(host=other, source=source, network=network.name)


def _leads_to(route: Route, address: str) -> bool:
    return not route.destination.endswith("/0") and is_inside(address, (route.destination,))


def _hit(
    place: HostContainer, address: str, places: list[Literal], foreign: _Foreign, topology: Topology
) -> Hit:
    target, source = place.container, foreign.source
    first = places[0]
    return Hit(
        message=f"{target.name} has {address} in its settings ({first.where}), the address of "
        f"{source.name} on {foreign.host}: it can be reached only from that host.",
        evidence=(
            *(
                Proof(
                    what=literal.where,
                    observed=literal.address,
                    expected=f"an address that {place.host} can reach",
                    where=f"inspect of {target.name}"
                    if not literal.where.startswith("line of")
                    else topology.read_from(target.hosts_file),
                )
                for literal in places[:_MOST_SHOWN]
            ),
            Proof(
                what=f"holder of {address}",
                observed=f"{source.name} on {foreign.host}, network {foreign.network}",
                expected=f"a container on {place.host}",
                where="the lists of both engines",
            ),
        ),
        fixes=tuple(_fixes(place, address, places, foreign, topology)),
        source=source.name,
        key=first.where,
    )


def _fixes(
    place: HostContainer, address: str, places: list[Literal], foreign: _Foreign, topology: Topology
) -> Iterator[Fix]:
    """Advise as for a link across hosts; a setting is fixed by hand, an extra host is replaced."""
    names = [literal.name for literal in places if literal.name]
    by_hand = [literal.where for literal in places if not literal.name]
    alias = names[0] if names else foreign.source.name
    for fix in cross_host(
        topology,
        host=place.host,
        target=place.container,
        alias=alias,
        other_host=foreign.host,
        source=foreign.source,
        address=address_of_host(topology, foreign.host),
        drop_extra_hosts=names,
    ):
        if not by_hand and len(names) == 1:
            yield fix
        else:
            yield Fix(
                title=f"{fix.title}; and write {alias} instead of {address} in "
                f"{', '.join((*by_hand, *(f'extra host {name}' for name in names)))}",
                safety=Safety.MANUAL,
                commands=fix.commands,
            )


def _here() -> World:
    return World("host1")


def _there() -> World:
    return (
        World("host2", addresses=("10.77.0.2",))
        .network("back", subnets=["172.18.0.0/16"])
        .run("db", network="back", expose=[5432], listen=[5432])
    )


_ADDRESS = "172.18.0.2"

RULE = Rule(
    code="LD403",
    name="foreign-host-address",
    severity=Severity.ERROR,
    since="0.1",
    summary="a container holds the address of a container on another host",
    needs=frozenset(
        {Need.DETAILS, Need.HOSTS_FILE, Need.NETWORKS, Need.HOST_ADDRESSES, Need.ROUTES}
    ),
    check=EachContainer(check),
    cases=(
        Case(
            title="a setting",
            given=lambda: (
                _here().run("web", env={"DATABASE_URL": f"postgres://{_ADDRESS}/shop"}).snapshot(),
                _there().snapshot(),
            ),
            expect=(Expected(target="web"),),
        ),
        Case(
            title="copied variables of a link, and the command",
            given=lambda: (
                _here()
                .run(
                    "web",
                    env={"DB_PORT": f"tcp://{_ADDRESS}:5432", "DB_PORT_5432_TCP_ADDR": _ADDRESS},
                    command=("dial", f"--db-host={_ADDRESS}"),
                )
                .snapshot(),
                _there().snapshot(),
            ),
            expect=(Expected(target="web"),),
        ),
        Case(
            title="an extra host",
            given=lambda: (
                _here().run("web", add_host={"db": _ADDRESS}).snapshot(),
                _there().snapshot(),
            ),
            expect=(Expected(target="web"),),
        ),
        Case(
            title="the address of the other host itself",
            given=lambda: (
                _here().run("web", env={"DB_HOST": "10.77.0.2"}).snapshot(),
                _there().snapshot(),
            ),
        ),
        Case(
            title="a container here has it too",
            given=lambda: (
                _here()
                .network("back", subnets=["172.18.0.0/16"])
                .run("db", network="back")
                .run("web", env={"DB_HOST": _ADDRESS})
                .snapshot(),
                _there().snapshot(),
            ),
        ),
        Case(
            title="the same subnet here, where nobody has it: LD208",
            given=lambda: (
                _here()
                .network("back", subnets=["172.18.0.0/16"])
                .run("web", env={"DB_HOST": _ADDRESS})
                .snapshot(),
                _there().snapshot(),
            ),
        ),
        Case(
            title="a route to the other host's containers",
            given=lambda: (
                World(
                    "host1",
                    routes=[
                        Route(destination="172.18.0.0/16", interface="eth0", gateway="10.77.0.2")
                    ],
                )
                .run("web", env={"DB_HOST": _ADDRESS})
                .snapshot(),
                _there().snapshot(),
            ),
        ),
        Case(
            title="a network that spans hosts",
            given=lambda: (
                _here().run("web", env={"DB_HOST": _ADDRESS}).snapshot(),
                World("host2")
                .network("mesh", driver="overlay", subnets=["172.18.0.0/16"])
                .run("db", network="mesh")
                .snapshot(),
            ),
        ),
        Case(
            title="one host alone",
            given=lambda: (_here().run("web", env={"DB_HOST": _ADDRESS}).snapshot(),),
        ),
    ),
)
