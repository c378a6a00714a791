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
from functools import partial

from linkdoctor.rulekit import (
    Case,
    EachContainer,
    Event,
    Expected,
    Hit,
    HostContainer,
    Namespaces,
    Need,
    Port,
    Publication,
    Rule,
    Severity,
    Status,
    Topology,
)
from linkdoctor.rulekit.orphan_report import sentence_of, served_in_vain, ways_to_rejoin
from linkdoctor.rulekit.orphans import orphan_of
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report a container that does not live in the namespace that it is to share."""
    name = place.container.name
    orphan = orphan_of(place.host, place.container, topology)
    if orphan is None:
        return
    fixes = tuple(ways_to_rejoin(place, orphan, topology))
    told, owner = sentence_of(place.container, orphan, topology), orphan.owner_name
    hit = partial(Hit, evidence=(orphan.proof,), fixes=fixes)
    served = served_in_vain(place, orphan, topology)
    for link in served.links:
        reached = f"{link.target.name} reaches {owner} as {link.alias}"
        yield hit(
            message=f"{reached}, but {name} answers there: {told}.",
            target=link.target.name,
            source=owner,
            alias=link.alias,
            key=name,
        )
    if served.published:
        dead = f"What {owner} publishes at {', '.join(map(str, served.published))} leads nowhere"
        yield hit(message=f"{dead}: {name} answers there, and {told}.", target=owner, key=name)
    if not served.links and not served.published:
        yield hit(message=f"{told}.", source=owner)
    if served.missing is not None:
        raise served.missing


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
