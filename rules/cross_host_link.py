"""A container depends on one that runs on another host.

## What it means

The source of a link, or the name that a container expects, is not on the container's engine. It is
a container of another examined engine.

## Why it matters

Links never cross engines. The name does not resolve, even though the link looks correct.

## How it is proved

No container of the target's own engine has the name, nothing else provides it there, and a
container of another engine examined in the same run has it. Examine several engines with several
`--host` or `--context` options.

## What it is not

If both hosts have a container of that name, the one on the target's own host counts. A link on a
network that spans hosts, such as an attachable overlay network, reaches other engines: whether it
resolves is checked by LD306. A link on the default bridge whose source was removed is LD103, which
shows the container on the other host too.

## How to fix it

Publish the source's port and dial the other host's address, put both containers on one overlay
network, or run an ambassador on this host.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from linkdoctor.rulekit import (
    Case,
    Container,
    EachContainer,
    Expected,
    Hit,
    HostContainer,
    Known,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Status,
    Topology,
)
from linkdoctor.rulekit.expectations import unmet_expectations
from linkdoctor.rulekit.fixes import address_of_host, cross_host
from linkdoctor.rulekit.reach import is_local
from linkdoctor.rulekit.world import World


class _Reach(NamedTuple):
    alias: str
    source_name: str
    host: str
    source: Container
    how: str
    where: str


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each name of a container that only another host has."""
    for reach in (*_links(place, topology), *_expected(place, topology)):
        target, source = place.container, reach.source
        yield Hit(
            message=f"{target.name} {reach.how}, but {reach.source_name} is not on "
            f"{place.host}: it {_state(source)} on {reach.host}, and links do not cross engines.",
            evidence=(
                Proof(
                    what=f"container {reach.source_name}",
                    observed=f"on {reach.host} ({source.id[:12]})",
                    expected=f"on {place.host}",
                    where=reach.where,
                ),
            ),
            fixes=cross_host(
                topology,
                host=place.host,
                target=target,
                alias=reach.alias,
                source=source,
                other_host=reach.host,
                address=address_of_host(topology, reach.host),
            ),
            alias=reach.alias,
            source=reach.source_name,
        )


def _state(source: Container) -> str:
    known = source.details.value if isinstance(source.details, Known) else None
    return "runs" if known is not None and known.status is Status.RUNNING else "is"


def _links(place: HostContainer, topology: Topology) -> Iterator[_Reach]:
    for link in topology.links_of(place.host, place.container):
        if not topology.is_running(place.container):
            return
        elsewhere = topology.elsewhere(place.host, link.source_name)
        if not elsewhere or topology.container_named(place.host, link.source_name) is not None:
            continue
        if topology.source_of(link) is not None:
            continue
        if link.kind is LinkKind.NETWORK and (
            not is_local(topology.network(link.host, link.network))
            or topology.providers_of(place.host, place.container, link.alias, links=False)
        ):
            continue
        host, source = elsewhere[0]
        yield _Reach(
            alias=link.alias,
            source_name=link.source_name,
            host=host,
            source=source,
            how=f"is linked to {link.source_name} as {link.alias}",
            where="the lists of both engines",
        )


def _expected(place: HostContainer, topology: Topology) -> Iterator[_Reach]:
    linked = {link.alias.lower() for link in topology.links_of(place.host, place.container)}
    for unmet in unmet_expectations(place.host, place.container, topology):
        name = unmet.expectation.names[0]
        if unmet.elsewhere and unmet.link is None and name.lower() not in linked:
            host, source = unmet.elsewhere[0]
            yield _Reach(
                alias=name,
                source_name=name,
                host=host,
                source=source,
                how=f"expects {name}",
                where=unmet.expectation.where,
            )


def _here() -> World:
    return World("host1").network("back")


def _there() -> World:
    return World("host2", addresses=("10.77.0.2",))


RULE = Rule(
    code="LD401",
    name="cross-host-link",
    severity=Severity.ERROR,
    since="0.1",
    summary="a container depends on one that runs on another host",
    needs=frozenset(
        {
            Need.DETAILS,
            Need.LINK_ANSWER,
            Need.HOSTS_FILE,
            Need.ENTRY_SCRIPT,
            Need.DNS_ANSWER,
            Need.NETWORKS,
        }
    ),
    check=EachContainer(check),
    explains=frozenset({"LD301", "LD306", "LD307", "LD510"}),
    precedence=40,
    cases=(
        Case(
            title="the source of a link is on the other host",
            given=lambda: (
                _here().run("web", network="back", link="app:helloapp").snapshot(),
                _there().run("app", expose=[5000], listen=[5000]).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a setting names a container of the other host",
            given=lambda: (
                _here().run("web", env={"DATABASE_URL": "postgres://db/shop"}).snapshot(),
                _there().run("db", expose=[5432], listen=[5432]).snapshot(),
            ),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="the source of a link on the default bridge was moved to the other host",
            given=lambda: (
                _here().run("app").run("web", link="app:helloapp").remove("app").snapshot(),
                _there().run("app", expose=[5000], listen=[5000]).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a link on an attachable overlay network reaches the other host",
            given=lambda: (
                World("host1")
                .network("wide", driver="overlay")
                .run("web", network="wide", link="app:helloapp")
                .snapshot(),
                _there().run("app").snapshot(),
            ),
        ),
        Case(
            title="a link on a network of another driver that spans hosts",
            given=lambda: (
                World("host1")
                .network("wide", driver="weaveworks/net-plugin:latest_release")
                .run("web", network="wide", link="app:helloapp")
                .snapshot(),
                _there().run("app").snapshot(),
            ),
        ),
        Case(
            title="the same name on both hosts",
            given=lambda: (
                _here()
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
                _there().run("app").snapshot(),
            ),
        ),
        Case(
            title="an extra host leads to the other host",
            given=lambda: (
                _here()
                .run(
                    "web",
                    env={"DATABASE_URL": "postgres://db/shop"},
                    add_host={"db": "10.77.0.2"},
                )
                .snapshot(),
                _there().run("db").snapshot(),
            ),
        ),
    ),
)
