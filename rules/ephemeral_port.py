"""Something relies on a host port that the engine chose by itself.

## What it means

The container's port is published with `--publish-all`, or with `--publish` without a host port or
with a range of them. The engine then chooses the port at each start, but something outside relies
on it.

## Why it matters

It works today. At the next start of the container, or of the engine, the port changes, and clients
of the old number reach nothing, or another container.

## How it is proved

Inspect shows that no single host port was requested. What relies on it is known as in LD505: from
the label `linkdoctor.publish`, from `publishes` in the configuration, or from the settings of
another container that name the host's address or name with today's port.

## What it is not

A port that was requested by its number stays. A port that nothing outside relies on may change. A
program that looks the port up at each use, with `docker port`, needs no fixed one.

## How to fix it

Create the container again with a fixed host port. A port below 32768 is outside the engine's own
range. If you keep today's number, the engine may give it to another container first after a reboot.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Declaration,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Knowledge,
    Need,
    Proof,
    Publication,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import recreate_source
from linkdoctor.rulekit.host_ports import LABEL
from linkdoctor.rulekit.relied_ports import ReliedPort, relied_ports
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report ports that are counted on and will move."""
    for port in relied_ports(place, topology):
        if all(each.ephemeral for each in port.publications):
            yield port.hit(_message(port), _binding(port, topology), _fixes(port, topology))


def _message(port: ReliedPort) -> str:
    name, host, dial = port.container.name, port.host, port.dial
    if dial is None:
        today = port.publications[0].host_port
        return (
            f"Port {port.number} of {name} is meant to be reached from outside {host}, but the "
            f"engine chose port {today} for it, and chooses another at the next start."
        )
    caller = port.place
    return (
        f"{caller.container.name} on {caller.host} dials {dial.host}:{dial.port}, a port that the "
        f"engine of {host} chose for {name}; it chooses another at the next start of {name}."
    )


def _binding(port: ReliedPort, topology: Topology) -> Proof:
    today = port.publications[0]
    return Proof(
        what=f"host binding of {port.container.name} {today.port} on {port.host}",
        observed=f"port {today.host_port}, chosen by the engine",
        expected="a fixed port",
        where=topology.read_from(port.container.details),
    )


def _fixes(port: ReliedPort, topology: Topology) -> tuple[Fix, ...]:
    number, today = port.publications[0].port, port.publications[0].host_port
    pinned = tuple(
        Publication(port=each.port, host_address=each.host_address, host_port=today)
        if each.port == number
        else each
        for each in topology.details(port.container).published
    )
    return (
        recreate_source(
            topology,
            port.host,
            port.container,
            published=pinned,
            why=f"with port {today} of {port.host} fixed, so that existing clients still reach it",
        ),
        Fix(
            title="better, if its clients can be changed: publish it at a fixed port below "
            "32768, which the engine never assigns by itself",
            safety=Safety.MANUAL,
        ),
    )


def _dialled_from_afar(*, ephemeral: bool) -> tuple[World, World]:
    return (
        World("host1", addresses=("10.77.0.1",)).run(
            "app", publish={5000: 32768}, ephemeral=ephemeral, listen=[5000]
        ),
        World("host2", addresses=("10.77.0.2",)).run(
            "web", env={"APP_URL": "http://10.77.0.1:32768/"}
        ),
    )


RULE = Rule(
    code="LD511",
    name="ephemeral-port",
    severity=Severity.INFO,
    since="0.1",
    summary="something relies on a host port that the engine chose by itself",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.HOST_ADDRESSES}),
    check=EachContainer(check, up=True),
    cases=(
        Case(
            title="a container on another host dials it",
            given=lambda: tuple(each.snapshot() for each in _dialled_from_afar(ephemeral=True)),
            expect=(Expected(target="web", alias="10.77.0.1", severity=Severity.INFO),),
        ),
        Case(
            title="a label says that the port is meant for outside",
            given=lambda: (
                World()
                .run("app", publish={5000: 32768}, ephemeral=True, labels={LABEL: "5000"})
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.INFO),),
        ),
        Case(
            title="the configuration says so",
            given=lambda: (
                World().run("app", publish={5000: 32768}, ephemeral=True, listen=[5000]).snapshot(),
            ),
            knowledge=Knowledge(declarations=(Declaration(container="app", publishes=(5000,)),)),
            expect=(Expected(target="app", severity=Severity.INFO),),
        ),
        Case(
            title="the port was asked for",
            given=lambda: tuple(each.snapshot() for each in _dialled_from_afar(ephemeral=False)),
        ),
        Case(
            title="nobody outside counts on it",
            given=lambda: (
                World()
                .run("app", publish={5000: 32768}, ephemeral=True)
                .run("web", link="app:helloapp", env={"APP_URL": "http://helloapp:5000/"})
                .snapshot(),
            ),
        ),
        Case(
            title="the container tells others its own address",
            given=lambda: (
                World("host1", addresses=("10.77.0.1",))
                .run(
                    "app",
                    publish={5000: 32768},
                    ephemeral=True,
                    env={"APP_URL": "http://10.77.0.1:32768/"},
                )
                .snapshot(),
            ),
        ),
    ),
)
