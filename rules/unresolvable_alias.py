"""A link on a user-defined network whose name nothing answers.

## What it means

The link was accepted, as Docker accepts any link on a user-defined network, but its source does
not exist or is not on that network.

## Why it matters

The embedded DNS looks the source up at each query. It finds nothing and forwards the name to the
host's own DNS servers: the alias does not resolve, or something foreign answers in its place.

## How it is proved

No container of the engine has the source's name (or id, or alias) on the network of the link, and
nothing else gives the target an answer for the alias. On networks that span hosts the container's
own resolver must have said so too.

## What it is not

A source that is on the network but has stopped is LD101. A source that exists on another examined
engine is LD401.

## How to mend it

Connect the source to the network, which interrupts nothing, or create it. The link starts to work
at the next query; the target need not be restarted.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model import commands
from linkdoctor.model.evidence import Need
from linkdoctor.model.report import Fix, Proof, Safety, Severity
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.model.world import World
from linkdoctor.rulekit import Case, EachLink, Expected, Hit, Rule


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link on a user-defined network that leads nowhere."""
    if link.kind is not LinkKind.NETWORK or not topology.is_running(link.target):
        return
    source = topology.source_of(link)
    if source is not None and topology.endpoint(source, link.network) is not None:
        return
    network = topology.network(link.host, link.network)
    if network is not None and network.driver not in ("bridge", "macvlan", "ipvlan"):
        # The source may live on another host of the same network: only the resolver knows.
        if topology.dns_answer(link.target, link.alias):
            return
    elif topology.providers_of(link.host, link.target, link.alias, links=False):
        return
    if source is None:
        observed = f"no container is called {link.source_name}"
        fix = Fix(
            title=f"create {link.source_name} on network {link.network}",
            safety=Safety.MANUAL,
            commands=(
                commands.shell(
                    *("docker", "run", "--network", link.network, "--name", link.source_name, "…")
                ),
            ),
        )
    else:
        networks = ", ".join(each.network for each in topology.details(source).endpoints)
        observed = f"{source.name} is on {networks or 'no network'}"
        fix = Fix(
            title=f"connect {source.name} to network {link.network}",
            safety=Safety.SAFE,
            commands=(commands.connect_network(link.network, source.name),),
        )
    yield Hit(
        message=f"{link.target.name} is linked to {link.source_name} as {link.alias} on network "
        f"{link.network}, but {observed}, so the name does not resolve.",
        evidence=(
            Proof(
                what=f"{link.source_name} on network {link.network}",
                observed=observed,
                expected=f"on {link.network}",
                where="inspect of every container of the engine",
            ),
        ),
        fixes=(fix,),
    )


def _network() -> World:
    return World().network("back").network("front")


RULE = Rule(
    code="LD306",
    name="unresolvable-alias",
    severity=Severity.ERROR,
    since="0.1",
    summary="a link on a user-defined network whose source is not there",
    needs=frozenset({Need.DETAILS, Need.DNS_ANSWER, Need.HOSTS_FILE, Need.NETWORKS}),
    check=EachLink(check),
    cases=(
        Case(
            title="the source does not exist",
            given=lambda: (_network().run("web", network="back", link="app:helloapp").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source is on another network",
            given=lambda: (
                _network()
                .run("app", network="front")
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="healthy",
            given=lambda: (
                _network()
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="the source was recreated: it is looked up by name",
            given=lambda: (
                _network()
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .recreate("app")
                .snapshot(),
            ),
        ),
        Case(
            title="the link names a network alias of the source",
            given=lambda: (
                _network()
                .run("p-app-1", network="back", aliases=["app"])
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="--add-host answers the name",
            given=lambda: (
                _network()
                .run("web", network="back", link="app:db", add_host={"db": "10.0.0.5"})
                .snapshot(),
            ),
        ),
        Case(
            title="on an overlay network the source may be on another host",
            given=lambda: (
                World()
                .network("wide", driver="overlay")
                .run("web", network="wide", link="app:helloapp", answers={"helloapp": ["10.0.1.7"]})
                .snapshot(),
            ),
        ),
    ),
)
