"""A name leads to containers of different services.

## What it means

On a user-defined network, several unrelated containers have the name that the target dials. This
happens when two Compose projects share a network and have a service of the same name, or when
somebody gives a network alias that another container already has.

## Why it matters

The embedded DNS answers with the addresses of all of them, shuffled: every second connection goes
to a stranger, passwords included. Each single look-up seems right.

## How it is proved

The names, network aliases and running containers of the target's networks, as inspect prints them,
and the answer of the target's own resolver, if it could be asked. What the target dials comes from
its links, its settings and scripts, its label or the configuration, as in LD301. For a link, the
name that counts is the source's: the alias is private to the target, and no other container can
take it.

## What it is not

Containers of one Compose service are its replicas. So are containers of one project, or made by
hand, that have the same image and similar names (`search1` and `search2`, `app-blue` and
`app-green`): that is load balancing. A name in the hosts file comes before DNS. A target that has
the name itself looks for its peers. Networks that span hosts are not judged.

## How to fix it

Give the intended container a name that no other one on the network has, and dial that name; or take
the name away from the other container.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
)
from linkdoctor.rulekit.dns_names import DnsName, are_replicas, names_by_dns
from linkdoctor.rulekit.fixes import compose_service
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each name that leads a running container to several services."""
    target = place.container
    if topology.details(target).status is not Status.RUNNING:
        return
    for dialled in names_by_dns(place.host, target, topology):
        if are_replicas(dialled.holders) or topology.hosts_lines_with(target, dialled.name):
            continue
        holders = _led_to(target, dialled, topology)
        if holders and not are_replicas(holders):
            yield _hit(target, dialled, holders, topology)


def _led_to(target: Container, dialled: DnsName, topology: Topology) -> tuple[Container, ...]:
    """Return the containers to which the embedded DNS leads; none if that is not known."""
    answer = topology.dns_answer_if_had(target, dialled.name)
    if answer:
        return tuple(
            each
            for network, there in dialled.answering
            for each in there
            if not _addresses(each, network, topology).isdisjoint(answer)
        )
    if len(dialled.answering) == 1:
        return dialled.answering[0][1]
    # Which of several networks the engine asks first cannot be told without asking.
    topology.dns_answer(target, dialled.name)
    return ()


def _addresses(container: Container, network: str, topology: Topology) -> frozenset[str]:
    endpoint = topology.endpoint(container, network)
    return frozenset((endpoint.address, endpoint.address6) if endpoint else ()) - {""}


def _hit(
    target: Container, dialled: DnsName, holders: tuple[Container, ...], topology: Topology
) -> Hit:
    told = sorted(map(_told, holders))
    network = next(name for name, there in dialled.answering if holders[0] in there)
    asked = dialled.name if dialled.link is None else dialled.link.source_name
    by = "" if dialled.link is None else f", its link to {asked},"
    return Hit(
        message=f"In {target.name}, {dialled.name}{by} leads to {' and to '.join(told)}: "
        f"each connection goes to a random one ({dialled.where}).",
        evidence=(
            Proof(
                what=f"containers called {asked} on network {network}",
                observed=", ".join(
                    f"{each.name} ({', '.join(sorted(_addresses(each, network, topology)))})"
                    for each in sorted(holders, key=lambda each: each.name)
                ),
                expected="containers of one service",
                where="inspect of every container of the engine",
            ),
        ),
        fixes=(
            Fix(
                title=f"give the container that {target.name} needs a name that no other one on "
                f"network {network} has, and make {target.name} dial that name",
                safety=Safety.MANUAL,
            ),
            Fix(
                title=f"take the name {asked} away from the other container on network "
                f"{network}, or disconnect that container from it",
                safety=Safety.MANUAL,
            ),
        ),
        source=dialled.link.source_name if dialled.link else _meant(target, holders),
        alias=dialled.name,
        severity=dialled.severity,
    )


def _told(container: Container) -> str:
    owner = compose_service(container)
    return f"{container.name} of project {owner[0]}" if owner is not None else container.name


def _meant(target: Container, holders: tuple[Container, ...]) -> str:
    """Return the one of the target's own project, which it probably means; else the first."""
    own = compose_service(target)
    near = [
        each.name
        for each in holders
        if own is not None and (compose_service(each) or ("",))[0] == own[0]
    ]
    return min(near or [each.name for each in holders])


_URL = {"COMPONENT_URL": "http://server:5000"}


def _labels(project: str, service: str = "server") -> dict[str, str]:
    return {"com.docker.compose.project": project, "com.docker.compose.service": service}


def _two(one: dict[str, str], other: dict[str, str], *names: str) -> World:
    """Two containers behind the name `server` on one network."""
    first, second = names or ("a-server", "b-server")
    return (
        World()
        .network("front")
        .run(first, network="front", aliases=["server"], listen=[5000], labels=one)
        .run(second, network="front", aliases=["server"], listen=[5000], labels=other)
    )


def _of_two_networks(answer: tuple[str, ...] | None) -> World:
    """A target on two networks, on each of which another project has the name."""
    return (
        World()
        .network("back")
        .network("front")
        .run("a-server", network="back", aliases=["server"], labels=_labels("a"))
        .run("b-server", network="front", aliases=["server"], labels=_labels("b"))
        .run("c-server", network="front", aliases=["server"], labels=_labels("c"))
        .run("web", network="back", env=_URL, answers={"server": answer} if answer else None)
        .join("web", "front")
    )


RULE = Rule(
    code="LD311",
    name="ambiguous-name",
    severity=Severity.ERROR,
    since="0.2",
    summary="a name leads to containers of different services",
    needs=frozenset(
        {Need.DETAILS, Need.HOSTS_FILE, Need.NETWORKS, Need.ENTRY_SCRIPT, Need.DNS_ANSWER}
    ),
    check=EachContainer(check, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="services of two projects have the name",
            given=lambda: (
                _two(_labels("a"), _labels("b"))
                .run("web", network="front", env=_URL, labels=_labels("a", "web"))
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="server", severity=Severity.ERROR),),
        ),
        Case(
            title="two containers made by hand have the name",
            given=lambda: (
                _two({}, {}, "mine", "theirs").run("web", network="front", env=_URL).snapshot(),
            ),
            expect=(Expected(target="web", alias="server"),),
        ),
        Case(
            title="a container has the name of a link's source as an alias",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back", listen=[5000])
                .run("other", network="back", aliases=["app"])
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a bare name in a setting may be in no use",
            given=lambda: (
                _two(_labels("a"), _labels("b"))
                .run("web", network="front", env={"API_HOST": "server"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="server", severity=Severity.WARNING),),
        ),
        Case(
            title="on two networks; the resolver answers with both of one",
            given=lambda: (_of_two_networks(("172.20.0.3", "172.20.0.4")).snapshot(),),
            expect=(Expected(target="web", alias="server"),),
        ),
        Case(
            title="on two networks; the resolver answers with that of one",
            given=lambda: (_of_two_networks(("172.18.0.2",)).snapshot(),),
        ),
        Case(
            title="replicas of one service",
            given=lambda: (
                _two(_labels("a"), _labels("a")).run("web", network="front", env=_URL).snapshot(),
            ),
        ),
        Case(
            title="replicas made by hand",
            given=lambda: (
                _two({}, {}, "server1", "server2").run("web", network="front", env=_URL).snapshot(),
            ),
        ),
        Case(
            title="the other one has stopped",
            given=lambda: (
                _two(_labels("a"), _labels("b"))
                .stop("b-server")
                .run("web", network="front", env=_URL)
                .snapshot(),
            ),
        ),
        Case(
            title="the other one is on a network that the target is not on",
            given=lambda: (
                World()
                .network("back")
                .network("front")
                .run("a-server", network="back", aliases=["server"], labels=_labels("a"))
                .run("b-server", network="front", aliases=["server"], labels=_labels("b"))
                .run("web", network="back", env=_URL)
                .snapshot(),
            ),
        ),
        Case(
            title="the private alias of a link comes before a public one",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back", listen=[5000])
                .run("other", network="back", aliases=["helloapp"])
                .run("web", network="back", link="app:helloapp", env={"A": "http://helloapp:5000"})
                .snapshot(),
            ),
        ),
        Case(
            title="an extra host comes before DNS",
            given=lambda: (
                _two(_labels("a"), _labels("b"))
                .run("web", network="front", env=_URL, add_host={"server": "172.19.0.2"})
                .snapshot(),
            ),
        ),
        Case(
            title="the target has the name itself",
            given=lambda: (
                _two(_labels("a"), _labels("b"))
                .run("c-server", network="front", aliases=["server"], env=_URL)
                .snapshot(),
            ),
        ),
        Case(
            title="nobody dials the name",
            given=lambda: (
                _two(_labels("a"), _labels("b")).run("web", network="front").snapshot(),
            ),
        ),
    ),
)
