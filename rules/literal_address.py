"""A container's settings hold the address of a container instead of its name.

## What it means

An environment variable, the command or an extra host contains an address from a container network
of this engine. Often somebody copied the variables of a link, `DB_PORT_5432_TCP_ADDR=172.17.0.5`,
into `-e`.

## Why it matters

The engine assigns addresses at each start. After the next one the address may be unused, or belong
to another container, which then gets the connections, passwords included.

## How it is proved

An address in `Config.Env`, the command or the extra hosts that is in the subnet of a bridge network
of this engine. It is an error if no container has it now, or if the setting names a container
(`DB_…`, an extra host `db`) and another one has it. Otherwise the right container has it today, and
it is a warning.

## What it is not

A fixed address from `--ip`; the gateway's and other addresses of the host; the container's own;
addresses on macvlan, ipvlan and overlay networks, which may belong to something outside this
engine. Anyone who puts their own machines on the bridge of a Docker network must reserve their
addresses (`--aux-address`). A stale address that a link put into the running process is LD201, an
extra host for the alias of a link is LD304, and an address outside this engine's networks is LD403.

## How to fix it

Use the name in the setting: the alias of a link, or the container's name on a user-defined network.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from linkdoctor.rulekit import (
    DEFAULT_BRIDGE,
    Case,
    Container,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    LinkKind,
    Need,
    Network,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.literal_addresses import (
    Literal,
    bridge_of,
    has_for_good,
    is_of_the_host,
    literals_of,
    meant_container,
    meant_link,
)
from linkdoctor.rulekit.reach import is_answered, namespace_of
from linkdoctor.rulekit.world import World

_MOST_SHOWN = 4


class _Found(NamedTuple):
    address: str
    network: Network
    places: tuple[Literal, ...]
    holder: Container | None
    meant: Container | None

    @property
    def is_wrong(self) -> bool:
        return self.holder is None or self.meant not in (None, self.holder)


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each address of a container network in the settings of a running container."""
    by_address: dict[str, list[Literal]] = {}
    for literal in literals_of(place.container, topology):
        if _is_of_a_link(place, literal, topology):
            continue
        by_address.setdefault(literal.address, []).append(literal)
    for address, literals in by_address.items():
        found = _judge(place, address, tuple(literals), topology)
        if found is not None:
            yield _hit(place, found, topology)


def _is_of_a_link(place: HostContainer, literal: Literal, topology: Topology) -> bool:
    """Whether an extra host has the alias of a link on a network, which is LD304's affair."""
    return bool(literal.name) and any(
        link.kind is LinkKind.NETWORK
        and link.alias.lower() == literal.name.lower()
        and is_answered(link, topology)
        for link in topology.links_of(place.host, place.container)
    )


def _judge(
    place: HostContainer, address: str, places: tuple[Literal, ...], topology: Topology
) -> _Found | None:
    network = bridge_of(place.host, address, topology)
    if network is None or is_of_the_host(place.host, address, topology):
        return None
    holder = topology.holder_of(place.host, address)
    owner = namespace_of(place.host, place.container, topology)
    if holder is not None and holder in (place.container, owner):
        return None
    for _, each in topology.containers(place.host):
        # Whoever could not be inspected may have the address: that is missing evidence here.
        if holder in (None, each) and has_for_good(each, address, topology):
            return None
    meant = (meant_container(place.host, place.container, literal, topology) for literal in places)
    return _Found(
        address=address,
        network=network,
        places=places,
        holder=holder,
        meant=next((each for each in meant if each is not None), None),
    )


def _hit(place: HostContainer, found: _Found, topology: Topology) -> Hit:
    link = next(
        (
            link
            for literal in found.places
            if (link := meant_link(place.host, place.container, literal, topology)) is not None
        ),
        None,
    )
    first = found.places[0]
    return Hit(
        message=f"{place.container.name} has the address {found.address} of network "
        f"{found.network.name} in its settings ({first.where}): {_whose(found)}"
        f"{_elsewhere(place.host, found, topology)}.",
        evidence=tuple(
            Proof(
                what=literal.where,
                observed=literal.address,
                expected="a name",
                where="the extra hosts in inspect"
                if literal.name
                else f"inspect of {place.container.name}",
            )
            for literal in found.places[:_MOST_SHOWN]
        ),
        fixes=(_fix(place, found, topology),),
        severity=Severity.ERROR if found.is_wrong else None,
        key=first.where,
        alias=link.alias if link else None,
        source=link.source_name if link else None,
    )


def _whose(found: _Found) -> str:
    if found.holder is None:
        return "no container has it now"
    if found.is_wrong and found.meant is not None:
        return f"it is {found.holder.name}'s now, not {found.meant.name}'s"
    return f"{found.holder.name} has it today, but may get a different one at its next start"


def _elsewhere(host: str, found: _Found, topology: Topology) -> str:
    """Say whose it is on another examined host: equal subnets make that a hint, no proof."""
    if found.holder is None:
        for other, holder in topology.holders_of(found.address):
            if other != host:
                return f" (on {other} it is {holder.name}'s, but links do not cross engines)"
    return ""


def _fix(place: HostContainer, found: _Found, topology: Topology) -> Fix:
    name, peer = place.container.name, found.meant or found.holder
    where = ", ".join(literal.where for literal in found.places[:_MOST_SHOWN])
    if peer is None:
        how = "the name of the intended container, linked or on a common network,"
    elif found.network.name == DEFAULT_BRIDGE:
        alias = next(
            (
                link.alias
                for link in topology.links_of(place.host, place.container)
                if topology.source_or_namesake(link) is peer
            ),
            "",
        )
        how = alias or f"the alias of a link to {peer.name}, or its name on a common network,"
    else:
        how = f"the name {peer.name}"
    return Fix(
        title=f"create {name} again with {how} instead of {found.address} in {where}",
        safety=Safety.MANUAL,
    )


_COPIED = {
    "DB_PORT": "tcp://172.17.0.2:5432",
    "DB_PORT_5432_TCP": "tcp://172.17.0.2:5432",
    "DB_PORT_5432_TCP_ADDR": "172.17.0.2",
}


def _pg() -> World:
    return World().run("pg", expose=[5432], listen=[5432])


RULE = Rule(
    code="LD208",
    name="literal-address",
    severity=Severity.WARNING,
    since="0.1",
    summary="a container's settings hold the address of a container instead of its name",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.NETWORKS, Need.HOST_ADDRESSES}),
    check=EachContainer(check, up=True),
    explains=frozenset({"LD204"}),
    cases=(
        Case(
            title="copied variables of a link, right today",
            given=lambda: (_pg().run("web", env=_COPIED).snapshot(),),
            expect=(Expected(target="web", severity=Severity.WARNING),),
        ),
        Case(
            title="copied variables of a link, and the container came back elsewhere",
            given=lambda: (_pg().run("web", env=_COPIED).move("pg").snapshot(),),
            expect=(Expected(target="web", severity=Severity.ERROR),),
        ),
        Case(
            title="another container has the address of the one that the variables name",
            given=lambda: (World().run("thief").run("db").run("web", env=_COPIED).snapshot(),),
            expect=(Expected(target="web", severity=Severity.ERROR),),
        ),
        Case(
            title="the variables of a link are overridden with an address",
            given=lambda: (
                _pg()
                .run("web", link="pg:db", env={"DB_PORT_5432_TCP_ADDR": "172.17.0.9"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db", severity=Severity.ERROR),),
        ),
        Case(
            title="an address in a URL",
            given=lambda: (
                _pg().run("web", env={"DATABASE_URL": "postgres://172.17.0.2/x"}).snapshot(),
            ),
            expect=(Expected(target="web", severity=Severity.WARNING),),
        ),
        Case(
            title="an address in the command",
            given=lambda: (_pg().run("web", command=("dial", "--db-host=172.17.0.2")).snapshot(),),
            expect=(Expected(target="web", severity=Severity.WARNING),),
        ),
        Case(
            title="an extra host with the address of another container",
            given=lambda: (_pg().run("db").run("web", add_host={"db": "172.17.0.2"}).snapshot(),),
            expect=(Expected(target="web", severity=Severity.ERROR),),
        ),
        Case(
            title="an address that --ip gave for good",
            given=lambda: (
                World()
                .network("back", subnets=["172.18.0.0/16"])
                .run("pg", network="back", fixed=True)
                .run("web", network="back", env={"DB_HOST": "172.18.0.2"})
                .snapshot(),
            ),
        ),
        Case(
            title="an address that --ip gave to a container that is down",
            given=lambda: (
                World()
                .network("back", subnets=["172.18.0.0/16"])
                .run("pg", network="back", fixed=True)
                .run("web", network="back", env={"DB_HOST": "172.18.0.2"})
                .stop("pg")
                .snapshot(),
            ),
        ),
        Case(
            title="the gateway, which is the host",
            given=lambda: (
                World().run("web", env={"HTTP_PROXY": "http://172.17.0.1:3128"}).snapshot(),
            ),
        ),
        Case(
            title="an address of the host on the bridge",
            given=lambda: (
                World(addresses=("10.77.0.1", "172.17.0.254"))
                .run("web", env={"DB_HOST": "172.17.0.254"})
                .snapshot(),
            ),
        ),
        Case(
            title="its own address",
            given=lambda: (World().run("web", env={"PEER_HOST": "172.17.0.2"}).snapshot(),),
        ),
        Case(
            title="an address that no network of this engine has",
            given=lambda: (_pg().run("web", env={"DB_HOST": "10.0.0.9"}).snapshot(),),
        ),
        Case(
            title="where it listens, and a range",
            given=lambda: (
                _pg()
                .run("web", env={"BIND_ADDR": "0.0.0.0:80", "NO_PROXY": "172.17.0.0/16,172.17.0.2"})
                .snapshot(),
            ),
        ),
        Case(
            title="a network that reaches outside the engine",
            given=lambda: (
                World()
                .network("lan", driver="macvlan", subnets=["192.168.1.0/24"])
                .run("web", network="lan", env={"DB_HOST": "192.168.1.20"})
                .snapshot(),
            ),
        ),
        Case(
            title="an extra host for the alias of a link is LD304",
            given=lambda: (
                _pg().run("web", link="pg:db", add_host={"db": "172.17.0.2"}).snapshot(),
            ),
        ),
        Case(
            title="what a link set itself, and is stale",
            given=lambda: (World.tutorial().move("app").snapshot(),),
        ),
    ),
)
