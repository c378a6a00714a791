"""A search domain gives the alias of a link another meaning.

## What it means

The target's resolver is configured to try names without dots with its search domains first
(`ndots`), and one of those domains has a name like the alias.

## Why it matters

Programs in the target that dial the alias reach the machine that has that name in the other domain,
not the source. It starts on the day when somebody gives a machine of that domain such a name.

## How it is proved

The target's `resolv.conf` has search domains and an `ndots` above the number of dots in the alias;
its own resolver, asked from its network namespace for the alias in such a domain, answers with
addresses that the source does not have.

## What it is not

On user-defined networks Docker sets `ndots:0`, unless the container or the engine is configured
otherwise: then the alias itself is tried first, and the embedded DNS answers. A link on the default
bridge has a hosts line, which comes before DNS, and so has an alias with an extra host. If the
source is not on the network at all, a foreign answer in its place is LD307.

## How to fix it

Create the target again without search domains (`--dns-search .`), or with `--dns-opt ndots:0`; or
make its programs dial the alias with a dot at the end: then no search domain is added.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
)
from linkdoctor.rulekit.fixes import recreate
from linkdoctor.rulekit.reach import addresses_of, is_inside, searched_names, subnets_of
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link on a user-defined network whose alias a search domain takes."""
    if (
        link.kind is not LinkKind.NETWORK
        or topology.details(link.target).status is not Status.RUNNING
    ):
        return
    names = searched_names(link, topology)
    if not names or _is_in_the_hosts_file(link, topology):
        return
    for name in names:
        answer = topology.dns_answer(link.target, name)
        if not answer:
            continue
        if _is_the_source(answer, link, topology):
            return
        yield _hit(link, name, answer, topology)
        return


def _is_the_source(answer: tuple[str, ...], link: Link, topology: Topology) -> bool:
    source = topology.source_of(link)
    if source is not None:
        return bool(addresses_of(link.host, source, topology).intersection(answer))
    # On another host of the network, perhaps.
    subnets = subnets_of(link.host, link.target, topology)
    return subnets is None or any(is_inside(each, subnets) for each in answer)


def _is_in_the_hosts_file(link: Link, topology: Topology) -> bool:
    return bool(topology.hosts_lines_with(link.target, link.alias))


def _hit(link: Link, name: str, answer: tuple[str, ...], topology: Topology) -> Hit:
    listed = ", ".join(answer)
    return Hit(
        message=f"In {link.target.name}, {link.alias} is tried as {name} first, which is {listed} "
        f"and not {link.source_name}.",
        evidence=(
            Proof(
                what=f"answer of the resolver of {link.target.name} for {name}",
                observed=listed,
                expected=f"no such name, or an address of {link.source_name}",
                where="its own resolver",
            ),
            Proof(
                what=f"ndots of {link.target.name}",
                observed=str(topology.resolver(link.target).ndots),
                expected=f"at most {link.alias.count('.')}",
                where=topology.read_from(link.target.resolver),
            ),
        ),
        fixes=(
            recreate(
                topology,
                link.host,
                link.target,
                dns_search=(".",),
                why="without search domains",
            ),
            Fix(
                title=f"make programs in {link.target.name} dial {link.alias}. with a dot at its "
                "end",
                safety=Safety.MANUAL,
            ),
        ),
    )


_CORP = {"helloapp.corp.example": ["10.9.9.9"]}


def _searching(ndots: int, answers: dict[str, list[str]]) -> World:
    return (
        World()
        .network("back", subnets=["172.18.0.0/16"])
        .run("app", network="back", expose=[5000], listen=[5000])
        .run(
            "web",
            network="back",
            link="app:helloapp",
            search=["corp.example"],
            ndots=ndots,
            answers=answers,
        )
    )


RULE = Rule(
    code="LD310",
    name="search-domain",
    severity=Severity.WARNING,
    since="0.1",
    summary="a search domain gives the alias of a link another meaning",
    needs=frozenset({Need.DETAILS, Need.DNS_ANSWER, Need.HOSTS_FILE, Need.NETWORKS}),
    check=EachLink(check),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="the search domain knows the alias",
            given=lambda: (_searching(1, _CORP).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.WARNING),),
        ),
        Case(
            title="the search domain does not know it",
            given=lambda: (_searching(1, {"helloapp.corp.example": []}).snapshot(),),
        ),
        Case(
            title="ndots:0, as Docker sets it",
            given=lambda: (_searching(0, _CORP).snapshot(),),
        ),
        Case(
            title="the name there is the source's too",
            given=lambda: (_searching(1, {"helloapp.corp.example": ["172.18.0.2"]}).snapshot(),),
        ),
        Case(
            title="a link on the default bridge: the hosts line wins",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run("web", link="app:helloapp", search=["corp.example"], answers=_CORP)
                .snapshot(),
            ),
        ),
        Case(
            title="an extra host wins",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back", expose=[5000], listen=[5000])
                .run(
                    "web",
                    network="back",
                    link="app:helloapp",
                    search=["corp.example"],
                    add_host={"helloapp": "172.18.0.2"},
                    answers=_CORP,
                )
                .snapshot(),
            ),
        ),
        Case(
            title="on an overlay network the name there is the source's on another host",
            given=lambda: (
                World()
                .network("wide", driver="overlay", subnets=["10.0.1.0/24"])
                .run(
                    "web",
                    network="wide",
                    link="app:helloapp",
                    search=["corp.example"],
                    answers={"helloapp": ["10.0.1.7"], "helloapp.corp.example": ["10.0.1.7"]},
                )
                .snapshot(),
            ),
        ),
    ),
)
