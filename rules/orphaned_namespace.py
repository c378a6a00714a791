"""A container shares a namespace that its owner no longer has.

## What it means

The container was created to share the network, the processes or the IPC of another one (`--network
container:vpn`, Compose's `network_mode: service:vpn`). That owner was restarted, removed or
replaced. If this container runs, it is left in the old namespace; if it is stopped, it cannot be
started.

## Why it matters

An old network namespace has nothing but a loopback device: the container reaches nothing, and
nothing reaches it under the name or the ports of the owner. The engine reports both as *running*.

## How it is proved

The kernel's number of the container's namespace (`/proc/<pid>/ns/net`, `ipc`) differs from that of
the container whose namespace it shares. Seen from another machine: the owner was started later than
this container, which always starts after its owner. Or the owner, whose id the engine keeps, does
not exist or does not run. Or `State.Error` says that a namespace could not be joined. Or this
container was killed at the moment when the owner of its processes ended, and nobody had stopped it.

## What it is not

Two containers with the same namespace are healthy however often they were restarted. If both are
stopped, nothing is reported. An owner on the network of the host keeps it across restarts.

## How to fix it

Restart the container after its owner: it joins the current namespace. If the owner was removed or
created again, create this container again too, since it keeps the old owner's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from linkdoctor.rulekit import (
    Case,
    Container,
    EachContainer,
    Event,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Link,
    MissingEvidence,
    Namespaces,
    Need,
    Port,
    Proof,
    Publication,
    Rule,
    Safety,
    Severity,
    Start,
    Status,
    Topology,
)
from linkdoctor.rulekit.fixes import (
    compose_service,
    doing,
    is_wanted,
    restart_target,
    start_source,
    through_compose,
)
from linkdoctor.rulekit.orphans import Orphan, Shared, State, orphan_of
from linkdoctor.rulekit.world import World


class _Served(NamedTuple):
    """What leads to the owner and is served by the sharer."""

    links: tuple[Link, ...] = ()
    published: frozenset[int] = frozenset()
    """Ports of the host."""


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report a container that does not live in the namespace that it is to share."""
    sharer = place.container
    orphan = orphan_of(place.host, sharer, topology)
    if orphan is None:
        return
    owner = orphan.owner.name if orphan.owner is not None else ""
    evidence = (
        Proof(
            what=orphan.what,
            observed=orphan.observed,
            expected=orphan.expected,
            where=orphan.where,
        ),
    )
    fixes = tuple(_fixes(place, orphan, topology))
    told = _told(sharer, orphan, topology)
    missing: MissingEvidence | None = None
    served = _Served()
    try:
        served = _served(place, orphan, topology)
    except MissingEvidence as reason:
        missing = reason
    for link in served.links:
        yield Hit(
            message=f"{link.target.name} reaches {owner} as {link.alias}, but {sharer.name} "
            f"answers there: {told}.",
            evidence=evidence,
            fixes=fixes,
            target=link.target.name,
            source=owner,
            alias=link.alias,
            key=sharer.name,
        )
    if served.published:
        listed = ", ".join(map(str, sorted(served.published)))
        yield Hit(
            message=f"What {owner} publishes at {listed} leads nowhere: {sharer.name} answers "
            f"there, and {told}.",
            evidence=evidence,
            fixes=fixes,
            target=owner,
            key=sharer.name,
        )
    if not served.links and not served.published:
        yield Hit(
            message=f"{told}.",
            evidence=evidence,
            fixes=fixes,
            source=owner,
        )
    if missing is not None:
        raise missing


def _told(sharer: Container, orphan: Orphan, topology: Topology) -> str:
    runs = topology.is_running(sharer)
    whose = f"the {orphan.shared.value} namespace of"
    if orphan.owner is None:
        left = "is left in the old namespace" if runs else "cannot be started any more"
        return (
            f"{sharer.name} shares {whose} container {orphan.reference[:12]}, which was removed, "
            f"and {left}"
        )
    owner = orphan.owner.name
    match orphan.state:
        case State.DOWN:
            return f"{sharer.name} shares {whose} {owner}, which does not run, and is cut off"
        case State.REFUSED:
            today = "; it runs now" if topology.is_running(orphan.owner) else ""
            return (
                f"{sharer.name} was not started, because it shares {whose} {owner}, which did not "
                f"run then{today}"
            )
        case _ if not runs:
            return f"{sharer.name} was killed when {owner} ended, whose processes it shares"
        case _:
            return (
                f"{sharer.name} is left in an old {orphan.shared.value} namespace of {owner}, "
                "which was restarted since"
            )


def _fixes(place: HostContainer, orphan: Orphan, topology: Topology) -> Iterator[Fix]:
    sharer, owner = place.container, orphan.owner
    if owner is None:
        service = compose_service(sharer)
        yield Fix(
            title=f"create {sharer.name} again with the {orphan.shared.value} namespace of the "
            "container that replaced its owner",
            safety=Safety.MANUAL,
            commands=(through_compose(*service),) if service is not None else (),
        )
    elif not topology.is_running(sharer):
        names = [each.name for each in (owner, sharer) if not topology.is_running(each)]
        yield doing(
            f"start {' and then '.join(names)}",
            Safety.SAFE,
            *(Start(container=each) for each in names),
        )
    elif orphan.state is State.DOWN:
        first = start_source(owner)
        again = restart_target(topology, place.host, sharer)
        yield Fix(
            title=f"{first.title}, then {again.title}",
            safety=Safety.RESTART,
            commands=(*first.commands, *again.commands),
            actions=(*first.actions, *again.actions),
        )
    else:
        yield restart_target(topology, place.host, sharer)


def _served(place: HostContainer, orphan: Orphan, topology: Topology) -> _Served:
    """Return what leads to the owner's ports that the sharer serves, where nobody comes by now."""
    owner = orphan.owner
    runs = topology.is_running(place.container)
    if owner is None or orphan.shared is not Shared.NETWORK or not runs:
        return _Served()
    links = tuple(
        link for link in topology.links_to(place.host, owner) if is_wanted(topology, link.target)
    )
    details = topology.details(owner)
    published = {each.port.number: each.host_port for each in details.published}
    exposed = {port.number for port in details.exposed} if links else set[int]()
    if not exposed and not published:
        return _Served()
    served = {each.port for each in topology.listeners(place.container)}
    if topology.is_running(owner):
        served -= {each.port for each in topology.listeners(owner)}
    return _Served(
        links=links if exposed & served else (),
        published=frozenset(published[port] for port in published.keys() & served),
    )


_PUBLISHED = Publication(port=Port(5000), host_address="0.0.0.0", host_port=8080)
_VPN = 4026530001
_FORMER = 4026530002
_LATER = "2026-01-01T11:00:00Z"


def _sharing(*, network: int = _VPN, started_at: str = "2026-01-01T10:00:00Z") -> World:
    world = World().run("vpn", expose=[5000]).run("app", mode="container:vpn", listen=[5000])
    container = next(each for each in world.snapshot().containers if each.name == "vpn")
    return (
        world.change("app", network_mode=f"container:{container.id}")
        .change("vpn", started_at=started_at)
        .lives_in("vpn", Namespaces(network=_VPN, ipc=1))
        .lives_in("app", Namespaces(network=network, ipc=2))
    )


def _from_afar(started_at: str) -> World:
    return _sharing(started_at=started_at).lives_in("vpn", None).lives_in("app", None)


_REFUSED = "cannot join network of a non running container: 0123456789ab"
_AT = "2026-01-01T11:50:00.00000%dZ"


def _killed(*actions: str) -> World:
    ids = {each.name: each.id for each in _sharing().snapshot().containers}
    events = tuple(
        Event(time=_AT % number, action=action, container=name, container_id=ids[name])
        for number, (name, action) in enumerate(each.split() for each in actions)
    )
    world = World(events=events).run("vpn").run("app")
    return world.change("app", pid_mode=f"container:{ids['vpn']}").change(
        "app", status=Status.EXITED, pid=0, exit_code=137, finished_at=_AT % 9
    )


RULE = Rule(
    code="LD113",
    name="orphaned-namespace",
    severity=Severity.ERROR,
    since="0.2",
    summary="a container shares a namespace that its owner no longer has",
    needs=frozenset({Need.DETAILS, Need.NAMESPACES, Need.EVENTS, Need.LISTENERS, Need.LINK_ANSWER}),
    check=EachContainer(check),
    explains=frozenset({"LD502", "LD503", "LD507", "LD510"}),
    cases=(
        Case(
            title="the owner was restarted",
            given=lambda: (_sharing(network=_FORMER, started_at=_LATER).snapshot(),),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="somebody is linked to the owner for what the sharer serves",
            given=lambda: (
                _sharing(network=_FORMER, started_at=_LATER).run("web", link="vpn:app").snapshot(),
            ),
            expect=(Expected(target="web", alias="app"),),
        ),
        Case(
            title="the owner publishes what the sharer serves",
            given=lambda: (
                _sharing(network=_FORMER, started_at=_LATER)
                .change("vpn", published=(_PUBLISHED,))
                .snapshot(),
            ),
            expect=(Expected(target="vpn"),),
        ),
        Case(
            title="from afar: the owner was started later",
            given=lambda: (_from_afar(_LATER).snapshot(),),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="the owner was created again",
            given=lambda: (_sharing().recreate("vpn").snapshot(),),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="the owner is down",
            given=lambda: (_sharing().stop("vpn").snapshot(),),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="the owner did not run when the sharer was started",
            given=lambda: (_sharing().refuse("app", _REFUSED).snapshot(),),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="the owner of its processes was restarted, which killed it",
            given=lambda: (_killed("vpn kill", "app die", "vpn die", "vpn start").snapshot(),),
            expect=(Expected(target="app"),),
        ),
        Case(
            title="both were stopped, and only the owner was started again",
            given=lambda: (
                _killed("app kill", "app die", "vpn kill", "vpn die", "vpn start").snapshot(),
            ),
        ),
        Case(title="the same namespace", given=lambda: (_sharing().snapshot(),)),
        Case(
            title="the same namespace, whatever the times say",
            given=lambda: (_sharing(started_at=_LATER).snapshot(),),
        ),
        Case(
            title="from afar: the owner was started before",
            given=lambda: (_from_afar("2026-01-01T09:59:59Z").snapshot(),),
        ),
        Case(
            title="from afar: the owner is on the host's network",
            given=lambda: (_from_afar(_LATER).change("vpn", network_mode="host").snapshot(),),
        ),
        Case(
            title="both are stopped",
            given=lambda: (
                _sharing(network=_FORMER, started_at=_LATER)
                .change("app", status=Status.EXITED, pid=0)
                .stop("vpn")
                .snapshot(),
            ),
        ),
    ),
)
