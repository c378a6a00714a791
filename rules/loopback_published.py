"""A port that is needed from outside is published on the host's loopback address only.

## What it means

The container's port is bound to `127.0.0.1` (or `::1`) of its host, and something needs it from
outside that host.

## Why it matters

Only programs on the host itself reach it. A connection to the host's own address is refused, even
from a container on the same host.

## How it is proved

Every host binding of the port is on a loopback address. That something needs it from outside is
known as in LD505: from the label `linkdoctor.publish`, from `publishes` in the configuration, or
from the settings of another container that name the host's address or name with the port, provided
that nothing else on the host listens there.

## What it is not

A binding on the loopback address that nobody outside needs is intended: a proxy on the host may be
in front of it. A port that is bound to another address too is reachable. A container on the host's
own network may dial the loopback address.

## How to fix it

If it is intended, remove the label, or let a proxy on the host listen on its own address. Otherwise
create the container again with the port published on every address, or on that of one network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    Declaration,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Knowledge,
    Listener,
    Need,
    Proof,
    Publication,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import recreate_source
from linkdoctor.rulekit.host_ports import LABEL, is_bound_to_loopback
from linkdoctor.rulekit.link_ports import is_loopback
from linkdoctor.rulekit.relied_ports import ReliedPort, relied_ports
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report ports that are needed from outside and lead no further than the loopback address."""
    for port in relied_ports(place, topology):
        if all(map(is_bound_to_loopback, port.publications)) and not _is_served(port, topology):
            yield port.hit(_message(port), _binding(port, topology), _fixes(port, topology))


def _is_served(port: ReliedPort, topology: Topology) -> bool:
    """Whether another program of the host answers what is dialled."""
    dial = port.dial
    return dial is not None and any(
        each.protocol == "tcp" and each.port == dial.port and not is_loopback(each.address)
        for each in topology.host_listeners(port.host)
    )


def _message(port: ReliedPort) -> str:
    name, bound, dial = port.container.name, _shown(port.publications), port.dial
    if dial is None:
        return (
            f"Port {port.number} of {name} is meant to be reached from outside {port.host}, but "
            f"is published on {bound} only."
        )
    caller = port.place
    return (
        f"{caller.container.name} on {caller.host} dials {dial.host}:{dial.port}, which is "
        f"{port.host}; {name} there is published on {bound} only."
    )


def _binding(port: ReliedPort, topology: Topology) -> Proof:
    name, dial = port.container.name, port.dial
    what = f"{port.number}/tcp" if dial is None else f"{port.publications[0].port} on {port.host}"
    return Proof(
        what=f"host binding of {name} {what}",
        observed=_shown(port.publications),
        expected=f"an address of {port.host}" if dial is None else f"{dial.host}:{dial.port}",
        where=topology.read_from(port.container.details),
    )


def _shown(publications: Sequence[Publication]) -> str:
    return ", ".join(
        sorted(f"{_bracketed(each.host_address)}:{each.host_port}" for each in publications)
    )


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _fixes(port: ReliedPort, topology: Topology) -> tuple[Fix, ...]:
    host = port.host
    opened = tuple(
        Publication(port=each.port, host_address="", host_port=each.host_port)
        if each in port.publications
        else each
        for each in topology.details(port.container).published
    )
    number = port.publications[0].host_port
    return (
        recreate_source(
            topology,
            host,
            port.container,
            published=opened,
            why=f"with port {number} published on every address of {host}; anyone who can reach "
            f"{host} can then reach it",
        ),
        Fix(
            title=f"or leave it, if only {host} itself needs it, and let a proxy there listen for "
            "clients outside",
            safety=Safety.MANUAL,
        ),
    )


def _hosts(*, publish_on: str = "127.0.0.1", listener: str = "127.0.0.1") -> tuple[World, World]:
    listening = Listener(address=listener, port=18000, protocol="tcp")
    return (
        World("host1", addresses=("10.77.0.1",), host_listeners=(listening,)).run(
            "app", publish={5000: 18000}, publish_on=publish_on, listen=[5000]
        ),
        World("host2", addresses=("10.77.0.2",)).run(
            "web", env={"APP_URL": "http://10.77.0.1:18000/"}
        ),
    )


RULE = Rule(
    code="LD506",
    name="loopback-published",
    severity=Severity.WARNING,
    since="0.1",
    summary="a port that is needed from outside is published on the loopback address only",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.HOST_ADDRESSES, Need.HOST_LISTENERS}),
    check=EachContainer(check, up=True),
    explains=frozenset({"LD511"}),
    cases=(
        Case(
            title="a label says that the port is meant for outside",
            given=lambda: (
                World()
                .run("app", publish={5000: 5000}, publish_on="127.0.0.1", labels={LABEL: "5000"})
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.WARNING),),
        ),
        Case(
            title="the configuration says so, and it is bound to ::1",
            given=lambda: (World().run("app", publish={5000: 5000}, publish_on="::1").snapshot(),),
            knowledge=Knowledge(declarations=(Declaration(container="app", publishes=(5000,)),)),
            expect=(Expected(target="app", severity=Severity.WARNING),),
        ),
        Case(
            title="a container on another host dials it",
            given=lambda: tuple(each.snapshot() for each in _hosts()),
            expect=(Expected(target="web", alias="10.77.0.1", severity=Severity.WARNING),),
        ),
        Case(
            title="a container of the same host dials it at the host's address",
            given=lambda: (
                _hosts()[0].run("near", env={"APP_URL": "http://10.77.0.1:18000/"}).snapshot(),
            ),
            expect=(Expected(target="near", alias="10.77.0.1"),),
        ),
        Case(
            title="nobody outside needs it",
            given=lambda: (
                World()
                .run("app", publish={5000: 5000}, publish_on="127.0.0.1")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="it is published on every address",
            given=lambda: tuple(
                each.snapshot() for each in _hosts(publish_on="0.0.0.0", listener="0.0.0.0")
            ),
        ),
        Case(
            title="a proxy of the host listens at its own address",
            given=lambda: tuple(each.snapshot() for each in _hosts(listener="10.77.0.1")),
        ),
        Case(
            title="a container on the host's own network",
            given=lambda: (
                _hosts()[0]
                .run("near", mode="host", env={"APP_URL": "http://host1:18000/"})
                .snapshot(),
            ),
        ),
        Case(
            title="the container tells others its own address",
            given=lambda: (
                World("host1", addresses=("10.77.0.1",))
                .run(
                    "app",
                    publish={5000: 18000},
                    publish_on="127.0.0.1",
                    env={"APP_URL": "http://10.77.0.1:18000/"},
                )
                .snapshot(),
            ),
        ),
    ),
)
