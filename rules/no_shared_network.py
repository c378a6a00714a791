"""The source of a link is not on the network where the link works.

## What it means

The source exists on this engine, but not on the network of the link: it was created on another one,
or has been disconnected. The target still has the link.

## Why it matters

On a user-defined network the embedded DNS looks the source up on that network only: the alias does
not resolve, or a foreign server answers instead. On the default bridge the hosts line keeps the
address that the source had, which leads nowhere or to another container; `docker exec` and health
checks in the target are refused, and so is its next start (engine lab).

## How it is proved

The container that the link leads to has no endpoint on the link's network, and neither does the
container whose network namespace it shares. The target is on that network.

## What it is not

A source that can be reached another way is not reported: an extra host, another container with the
alias on the network, a hosts line with an address that the source has elsewhere. On a network that
spans hosts the target's own resolver decides. A target that left the network itself is LD112 or
LD404; a start that was refused for this reason is LD104; a source that does not exist is LD306 or
LD103. Another common network does not help: the alias exists only on the link's own network.

## How to fix it

Connect the source to the network of the link, which interrupts nothing. On a user-defined network
the alias resolves at the next query. On the default bridge, engines before 28 leave the hosts line
at the old address if the source gets another one: that is LD302 then. A source with the network of
the host cannot be connected to another one: make the alias mean the host (`--add-host
…:host-gateway`).
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Endpoint,
    Expected,
    Fix,
    Hit,
    Host,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Shared,
    Topology,
)
from linkdoctor.rulekit.connecting import HOST_MODE, dial_the_host, join
from linkdoctor.rulekit.reach import (
    addresses_of,
    effective_mode,
    has_hosts_line,
    is_local,
    networks_of,
)
from linkdoctor.rulekit.world import World

_NO_NETWORK = "none"
"""What the engine calls the network of a container that has none."""


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link whose source is on other networks than the link's."""
    source = topology.source_of(link)
    if source is None or topology.endpoint(link.target, link.network) is None:
        return
    if _is_plainly_there(link, source, topology):
        return
    networks = tuple(
        each for each in networks_of(link.host, source, topology) if each != _NO_NETWORK
    )
    if link.network in networks or _is_reached_otherwise(link, source, topology):
        return
    there = f"is on {', '.join(networks)}" if networks else "is on no network"
    if networks == (HOST_MODE,):
        there = "has the network of the host, where containers have no names"
    yield Hit(
        message=f"{link.target.name} is linked to {source.name} as {link.alias} on network "
        f"{link.network}, but {source.name} {there}: {_effect(link)}.",
        evidence=(
            Proof(
                what=f"networks of {source.name}",
                observed=", ".join(networks) or "none",
                expected=link.network,
                where=topology.read_from(source.details),
            ),
        ),
        fixes=_fixes(link, source, topology),
    )


def _is_plainly_there(link: Link, source: Container, topology: Topology) -> bool:
    """Whether the source has an endpoint of its own on the link's network."""
    return (
        topology.endpoint(source, link.network) is not None
        and link.network != _NO_NETWORK
        and not isinstance(topology.network_mode(link.host, source), Shared)
    )


def _effect(link: Link) -> str:
    if link.kind is LinkKind.NETWORK:
        return "the embedded DNS does not find it"
    return f"{link.target.name} cannot reach it, and would not start again"


def _is_reached_otherwise(link: Link, source: Container, topology: Topology) -> bool:
    if link.kind is LinkKind.NETWORK:
        if not is_local(topology.network(link.host, link.network)):
            return has_hosts_line(link.target, link.alias, topology) or bool(
                topology.dns_answer(link.target, link.alias)
            )
        return bool(topology.providers_beside(link))
    extra = topology.details(link.target).extra_hosts
    first = topology.first_hosts_line(link.target, link.alias)
    if first is None:
        return bool(topology.providers_of(link.host, link.target, link.alias, links=False))
    return first in extra or first.address in addresses_of(link.host, source, topology)


def _fixes(link: Link, source: Container, topology: Topology) -> tuple[Fix, ...]:
    if isinstance(effective_mode(link.host, source, topology), Host):
        return dial_the_host(topology, link.host, link.target, source, link.alias, link=link)
    return (join(topology, link.host, source, link.network),)


def _on_front() -> World:
    return (
        World()
        .network("back")
        .network("front")
        .run("app", network="front", expose=[5000], listen=[5000])
    )


def _off_the_bridge() -> World:
    front = Endpoint(network="front", address="172.19.0.9")
    return World.tutorial().network("front").change("app", endpoints=(front,))


RULE = Rule(
    code="LD402",
    name="no-shared-network",
    severity=Severity.ERROR,
    since="0.1",
    summary="the source of a link is not on the link's network",
    needs=frozenset(
        {Need.DETAILS, Need.LINK_ANSWER, Need.HOSTS_FILE, Need.NETWORKS, Need.DNS_ANSWER}
    ),
    check=EachLink(check, up=True),
    explains=frozenset(
        {"LD201", "LD202", "LD205", "LD301", "LD302", "LD303", "LD306", "LD307", "LD310", "LD510"}
    ),
    precedence=40,
    cases=(
        Case(
            title="the source is on another network",
            given=lambda: (_on_front().run("web", network="back", link="app:helloapp").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source left the default bridge",
            given=lambda: (_off_the_bridge().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source left every network, and its line was deleted",
            given=lambda: (
                World.tutorial()
                .change("app", endpoints=())
                .hosts("web", "helloapp", address=None)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source has no network",
            given=lambda: (
                World()
                .network("back")
                .run("app", mode="none")
                .change("app", endpoints=(Endpoint(network="none"),))
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source has the host's network",
            given=lambda: (
                World()
                .network("back")
                .run("app", mode="host")
                .change("app", endpoints=(Endpoint(network="host"),))
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source shares the network of a container that is elsewhere",
            given=lambda: (
                _on_front()
                .run("inner", mode="container:app")
                .run("web", network="back", link="inner:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on an overlay network nothing answers",
            given=lambda: (
                World()
                .network("wide", driver="overlay")
                .run("app")
                .run("web", network="wide", link="app:helloapp", answers={"helloapp": []})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on an overlay network the source of another host answers",
            given=lambda: (
                World()
                .network("wide", driver="overlay")
                .run("app")
                .run("web", network="wide", link="app:helloapp", answers={"helloapp": ["10.0.1.7"]})
                .snapshot(),
            ),
        ),
        Case(
            title="on one network",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(title="on the default bridge", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="the source shares the network of a container that is there",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("inner", mode="container:app")
                .run("web", network="back", link="inner:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="reached through a published port, by an extra host",
            given=lambda: (
                World()
                .network("back")
                .run("app", publish={5000: 5000})
                .run(
                    "web",
                    network="back",
                    link="app:helloapp",
                    add_host={"helloapp": "10.77.0.1"},
                )
                .snapshot(),
            ),
        ),
        Case(
            title="reached through a published port, by an extra host of a link on the bridge",
            given=lambda: (
                World()
                .run("app", publish={5000: 5000})
                .run("web", link="app:helloapp", add_host={"helloapp": "10.77.0.1"})
                .change("app", endpoints=())
                .snapshot(),
            ),
        ),
        Case(
            title="the line was edited to an address that the source has",
            given=lambda: (
                _off_the_bridge().hosts("web", "helloapp", address="172.19.0.9").snapshot(),
            ),
        ),
        Case(
            title="the target left the bridge itself",
            given=lambda: (_off_the_bridge().change("web", endpoints=()).snapshot(),),
        ),
        Case(
            title="the start of the target was refused for it",
            given=lambda: (
                _off_the_bridge()
                .refuse("web", "Cannot link to /app, as it does not belong to the default network")
                .snapshot(),
            ),
        ),
    ),
)
