"""A port that must be reachable from outside its host is not published.

## What it means

Something outside the engine's own networks needs a port of the container, or already dials it at
the host's address, but no host port leads there.

## Why it matters

A connection to the host's address is refused. The container looks healthy, and a link to it works,
because links need no published port. `EXPOSE` alone publishes nothing.

## How it is proved

That a port must be reachable from outside is known from the label `linkdoctor.publish` on the
container or its image (`5000` or `80,443`), or from `publishes` in the configuration: a warning if
no binding exists. That something dials it is proved by the settings of a container that name an
examined host's address or name with a port. It is an error if that host has no binding for the
port, nothing else on the host listens there, and a running container exposes it.

## What it is not

An exposed port that nothing outside needs. A port that a process of the host itself serves. A
binding on the host's loopback address only is LD506.

## How to fix it

Create the container again with `--publish`. Containers that are linked to it must be created again
after it, because their links would lead to the removed container.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    Declaration,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Knowledge,
    Listener,
    Need,
    Port,
    Proof,
    Publication,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import made_there, recreate_source
from linkdoctor.rulekit.host_ports import LABEL, dials, host_named, hosts_dialled, wanted_ports
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report ports that should be published and are not."""
    yield from _meant_for_outside(place, topology)
    yield from _dialled(place, topology)


def _meant_for_outside(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    container = place.container
    published = {each.port.number for each in topology.details(container).published}
    for number, where in sorted(wanted_ports(container, topology).items()):
        if number in published:
            continue
        yield Hit(
            message=f"Port {number} of {container.name} must be reachable from outside "
            f"{place.host}, but no port of the host leads to it.",
            evidence=(
                Proof(
                    what=f"host binding of {container.name} {number}/tcp",
                    observed="none",
                    expected=f"a port of {place.host}",
                    where=where,
                ),
            ),
            fixes=_publish(place.host, container, number, number, topology),
            severity=Severity.WARNING,
            key=str(number),
        )


def _dialled(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    caller = place.container
    if not hosts_dialled(caller, topology):
        return
    for dial in dials(caller, topology):
        host, port = host_named(dial.host, topology), dial.port
        if host is None or _is_served(host, port, topology):
            continue
        source = _exposing(host, port, topology)
        if source is None:
            continue
        yield Hit(
            message=f"{caller.name} on {place.host} dials {dial.host}:{port}, which is "
            f"{host}; {source.name} there exposes port {port}, but does not publish it.",
            evidence=(
                Proof(
                    what=f"host binding of {source.name} {port}/tcp on {host}",
                    observed="none",
                    expected=f"{dial.host}:{port}",
                    where=dial.where,
                ),
            ),
            fixes=made_there(_publish(host, source, port, port, topology), host, place.host),
            source=source.name,
            alias=dial.host,
            key=str(port),
        )


def _is_served(host: str, port: int, topology: Topology) -> bool:
    bindings = (
        publication.host_port
        for _, container in topology.containers(host)
        for publication in topology.details(container).published
    )
    if port in bindings:
        return True
    listeners = topology.host_listeners(host)
    return any(each.protocol == "tcp" and each.port == port for each in listeners)


def _exposing(host: str, port: int, topology: Topology) -> Container | None:
    for _, container in topology.containers(host):
        if topology.is_running(container) and Port(port) in topology.details(container).exposed:
            return container
    return None


def _publish(
    host: str, container: Container, host_port: int, port: int, topology: Topology
) -> tuple[Fix, ...]:
    return (
        recreate_source(
            topology,
            host,
            container,
            publish=(Publication(port=Port(port), host_address="", host_port=host_port),),
            why="with its port published",
        ),
    )


RULE = Rule(
    code="LD505",
    name="unpublished-port",
    severity=Severity.ERROR,
    since="0.1",
    summary="a port that must be reachable from outside its host is not published",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.HOST_ADDRESSES, Need.HOST_LISTENERS}),
    check=EachContainer(check, up=True),
    cases=(
        Case(
            title="a label says that the port is meant for outside",
            given=lambda: (
                World().run("app", expose=[5000], listen=[5000], labels={LABEL: "5000"}).snapshot(),
            ),
            expect=(Expected(target="app", severity=Severity.WARNING),),
        ),
        Case(
            title="the configuration says so",
            given=lambda: (World().run("app", expose=[5000], listen=[5000]).snapshot(),),
            knowledge=Knowledge(declarations=(Declaration(container="app", publishes=(5000,)),)),
            expect=(Expected(target="app", severity=Severity.WARNING),),
        ),
        Case(
            title="a container on another host dials it",
            given=lambda: (
                World("host1", addresses=("10.77.0.1",))
                .run("app", expose=[5000], listen=[5000])
                .run("near", link="app:app")
                .snapshot(),
                World("host2", addresses=("10.77.0.2",))
                .run("web", env={"APP_URL": "http://10.77.0.1:5000/"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="10.77.0.1", severity=Severity.ERROR),),
        ),
        Case(
            title="it is published",
            given=lambda: (
                World("host1", addresses=("10.77.0.1",))
                .run("app", publish={5000: 5000}, labels={LABEL: "5000"})
                .snapshot(),
                World("host2", addresses=("10.77.0.2",))
                .run("web", env={"APP_URL": "http://10.77.0.1:5000/"})
                .snapshot(),
            ),
        ),
        Case(
            title="exposed only, and nobody outside needs it",
            given=lambda: (
                World().run("app", expose=[5000]).run("web", link="app:helloapp").snapshot(),
            ),
        ),
        Case(
            title="a process of the host serves the port",
            given=lambda: (
                World(
                    "host1",
                    addresses=("10.77.0.1",),
                    host_listeners=(Listener(address="0.0.0.0", port=5000, protocol="tcp"),),
                )
                .run("app", expose=[5000])
                .snapshot(),
                World("host2", addresses=("10.77.0.2",))
                .run("web", env={"APP_URL": "http://10.77.0.1:5000/"})
                .snapshot(),
            ),
        ),
    ),
)
