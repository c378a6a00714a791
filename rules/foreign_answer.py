"""A foreign DNS server answers in place of a link's source.

## What it means

The source of a link on a user-defined network is missing. The embedded DNS forwards the alias to
the servers of the host, and one of them knows it: a wildcard record, a search domain, a provider
that answers every name.

## Why it matters

The alias resolves, so nothing looks wrong: the target talks to a stranger, perhaps sends it
passwords, and reports odd answers instead of a missing name.

## How it is proved

The target's own resolver, asked from its network namespace, answers the alias with addresses, and
none of them is in a subnet of the target's networks.

## What it is not

If the source runs on the link's network, the embedded DNS answers itself. An address on any of the
target's networks is no stranger's (on an overlay network it may be on another host); nor is one
that the source has elsewhere. A hosts line or another container with the alias comes before DNS. If
the source exists and has stopped (LD101), is on another network (LD402) or on another engine
(LD401), that is the cause; if nothing answers, it is LD306.

## How to fix it

Create the source on the network of the link, and give it an alias that no DNS server outside knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    Details,
    EachLink,
    Expected,
    Fix,
    Hit,
    Host,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
    commands,
)
from linkdoctor.rulekit.candidates import candidates_for
from linkdoctor.rulekit.connecting import dial_the_host, join
from linkdoctor.rulekit.fixes import owner_is_gone, start_source
from linkdoctor.rulekit.reach import (
    addresses_of,
    effective_mode,
    is_answered,
    is_inside,
    is_local,
    namespace_of,
    subnets_of,
)
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link on a user-defined network whose alias leads out of the target's networks."""
    if topology.details(link.target).status is not Status.RUNNING or is_answered(link, topology):
        return
    source = topology.source_of(link)
    answer = _answer(link, source, topology)
    if not answer or _is_in_the_hosts_file(link, topology):
        return
    subnets = subnets_of(link.host, link.target, topology)
    if subnets is None or any(is_inside(each, subnets) for each in answer):
        return
    if source is not None and addresses_of(link.host, source, topology).intersection(answer):
        return
    listed = ", ".join(answer)
    yield Hit(
        message=f"In {link.target.name}, {link.alias} means {listed}, which is on none of its "
        f"networks: {_where_it_is(link, source, topology)}, and a foreign DNS server answers in "
        "its place.",
        evidence=(
            Proof(
                what=f"answer of the resolver of {link.target.name} for {link.alias}",
                observed=listed,
                expected=f"an address in {', '.join(subnets)}",
                where="its own resolver",
            ),
        ),
        fixes=(
            *_back_in_place(link, source, topology),
            Fix(
                title=f"give {link.source_name} an alias in {link.target.name} that no DNS server "
                "outside knows",
                safety=Safety.MANUAL,
            ),
        ),
    )


def _where_it_is(link: Link, source: Container | None, topology: Topology) -> str:
    if source is None:
        return f"no container here is called {link.source_name}"
    if not topology.is_running(source):
        return f"{source.name} does not run"
    return f"{source.name} is not on network {link.network}"


def _back_in_place(link: Link, source: Container | None, topology: Topology) -> tuple[Fix, ...]:
    """Advise what brings the source back; one that exists is not created."""
    if source is not None:
        if namespace_of(link.host, source, topology) is None:
            return (owner_is_gone(source),)
        if not topology.is_running(source):
            return (start_source(source),)
        if isinstance(effective_mode(link.host, source, topology), Host):
            return dial_the_host(topology, link.host, link.target, source, link.alias, link=link)
        return (join(topology, link.host, source, link.network),)
    candidates = candidates_for(link.host, link.target, link.source_name, topology)
    if candidates:
        others = " or ".join(sorted(each.container.name for each in candidates))
        return (
            Fix(
                title=f"find out whether {others} is meant, and give it the name "
                f"{link.source_name} on network {link.network}",
                safety=Safety.MANUAL,
            ),
        )
    return (
        Fix(
            title=f"create {link.source_name} on network {link.network}",
            safety=Safety.MANUAL,
            commands=(
                commands.shell(
                    *("docker", "run", "--network", link.network),
                    *("--name", link.source_name, "…"),
                ),
            ),
        ),
    )


def _answer(link: Link, source: Container | None, topology: Topology) -> tuple[str, ...]:
    if is_local(topology.network(link.host, link.network)) and topology.providers_beside(link):
        return ()
    if source is not None and _is_away_for_good_reason(topology.details(source)):
        return topology.dns_answer_if_had(link.target, link.alias) or ()
    return topology.dns_answer(link.target, link.alias)


def _is_away_for_good_reason(source: Details) -> bool:
    """Whether nobody may miss the source: a job that has done its work, or a restart."""
    done = source.status is Status.EXITED and source.exit_code == 0
    return done or source.status is Status.RESTARTING


def _is_in_the_hosts_file(link: Link, topology: Topology) -> bool:
    return bool(topology.hosts_lines_with(link.target, link.alias))


def _linked(answer: str) -> World:
    return (
        World()
        .network("back", subnets=["172.18.0.0/16"])
        .run("web", network="back", link="app:helloapp", answers={"helloapp": [answer]})
    )


RULE = Rule(
    code="LD307",
    name="foreign-answer",
    severity=Severity.ERROR,
    since="0.1",
    summary="a foreign DNS server answers in place of a link's source",
    needs=frozenset({Need.DETAILS, Need.DNS_ANSWER, Need.HOSTS_FILE, Need.NETWORKS}),
    check=EachLink(check, kind=LinkKind.NETWORK),
    explains=frozenset({"LD310", "LD510"}),
    cases=(
        Case(
            title="the source does not exist, and a wildcard answers",
            given=lambda: (_linked("10.9.9.9").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source has stopped, and a wildcard answers",
            given=lambda: (
                _linked("10.9.9.9")
                .run("app", network="back")
                .stop("app", exit_code=137)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on an overlay network a stranger answers",
            given=lambda: (
                World()
                .network("wide", driver="overlay", subnets=["10.0.1.0/24"])
                .run("web", network="wide", link="app:helloapp", answers={"helloapp": ["10.9.9.9"]})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on an overlay network the source of another host answers",
            given=lambda: (
                World()
                .network("wide", driver="overlay", subnets=["10.0.1.0/24"])
                .run("web", network="wide", link="app:helloapp", answers={"helloapp": ["10.0.1.7"]})
                .snapshot(),
            ),
        ),
        Case(
            title="an address on the target's network",
            given=lambda: (_linked("172.18.0.77").snapshot(),),
        ),
        Case(
            title="the source is on another network and has that address there",
            given=lambda: (
                World()
                .network("back", subnets=["172.18.0.0/16"])
                .network("front", subnets=["172.20.0.0/16"])
                .run("app", network="front")
                .run(
                    "web",
                    network="back",
                    link="app:helloapp",
                    answers={"helloapp": ["172.20.0.2"]},
                )
                .snapshot(),
            ),
        ),
        Case(
            title="a network without subnets tells nothing",
            given=lambda: (
                World()
                .network("back")
                .run("web", network="back", link="app:helloapp", answers={"helloapp": ["10.9.9.9"]})
                .snapshot(),
            ),
        ),
        Case(
            title="an extra host comes before DNS",
            given=lambda: (
                World()
                .network("back", subnets=["172.18.0.0/16"])
                .run(
                    "web",
                    network="back",
                    link="app:helloapp",
                    add_host={"helloapp": "10.0.0.5"},
                    answers={"helloapp": ["10.9.9.9"]},
                )
                .snapshot(),
            ),
        ),
        Case(
            title="the source runs: the embedded DNS answers itself",
            given=lambda: (_linked("172.18.0.3").run("app", network="back").snapshot(),),
        ),
        Case(
            title="the source has ended and the resolver was not asked",
            given=lambda: (
                World()
                .network("back", subnets=["172.18.0.0/16"])
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .stop("app")
                .snapshot(),
            ),
        ),
        Case(
            title="a link on the default bridge does not use DNS",
            given=lambda: (
                World()
                .run("app")
                .run("web", link="app:helloapp", answers={"helloapp": ["10.9.9.9"]})
                .snapshot(),
            ),
        ),
    ),
)
