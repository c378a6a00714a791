"""A link on a user-defined network has a name that does not resolve.

## What it means

Docker accepts any link on a user-defined network. Here the source does not exist; or it shares the
network namespace of a container on that network, and both are known there only by that container's
name.

## Why it matters

The embedded DNS looks the source up at each query. It finds nothing and forwards the name to the
host's own DNS servers: the alias does not resolve.

## How it is proved

No container of the engine has the source's name (or id, or alias) on the network of the link, and
nothing else gives the target an answer for the alias. The container's own resolver, if it could be
asked, has no answer either; on networks that span hosts it must have been asked. If another
container has the alias on the link's own network, that does not help: the embedded DNS looks up
only the link's source there.

## What it is not

A source that is on the network but has stopped is LD101. One that exists and is on other networks
is LD402, one on another examined engine LD401. If a foreign server answers in its place, it is
LD307.

## How to fix it

Create the source on that network. The link starts to work at the next query; the target does not
need a restart. A source that was renamed is found again under its old name. If the source shares
another container's network, link the target to that container.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rename,
    Rule,
    Safety,
    Severity,
    StoredLink,
    Topology,
    commands,
)
from linkdoctor.rulekit.candidates import Candidate, KnownAs, candidates_for, replicas_of
from linkdoctor.rulekit.fixes import doing, recreate
from linkdoctor.rulekit.reach import has_hosts_line, is_local, networks_of, owner_of
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link on a user-defined network that leads nowhere."""
    source = topology.source_of(link)
    if source is not None and not _hides_behind_another(link, source, topology):
        return
    wide = not is_local(topology.network(link.host, link.network))
    if wide:
        # The source may live on another host of the same network: only the resolver knows.
        if has_hosts_line(link.target, link.alias, topology) or topology.dns_answer(
            link.target, link.alias
        ):
            return
    elif topology.providers_beside(link) or topology.dns_answer_if_had(link.target, link.alias):
        return
    if source is None:
        candidates = _candidates(link, topology)
        replicas = replicas_of(link.host, link.target, link.source_name, topology)
        observed = _nobody(link, candidates, wide=wide)
        if replicas:
            others = ", ".join(each.name for each in replicas)
            why = f"so that it is linked to {others} instead of {link.source_name}"
            fix = recreate(topology, link.host, link.target, why=why)
        else:
            fix = _to_the_source(link, candidates, topology)
    else:
        owner = owner_of(link.host, source, topology)
        observed = f"{source.name} is there only as {owner.name}, whose network it shares"
        links = tuple(
            StoredLink(owner.name, each.alias) if each.alias == link.alias else each
            for each in _links_of(link, topology)
        )
        fix = recreate(
            topology, link.host, link.target, links=links, why=f"with a link to {owner.name}"
        )
    yield Hit(
        message=f"{link.target.name} is linked to {link.source_name} as {link.alias} on network "
        f"{link.network}, but {observed}, so the name does not resolve.",
        evidence=(
            Proof(
                what=f"{link.source_name} on network {link.network}",
                observed=observed,
                expected=f"on {link.network}",
                where="inspect of every container of the engine"
                + (", and the target's own resolver" if wide else ""),
            ),
        ),
        fixes=(fix,),
    )


def _nobody(link: Link, candidates: Sequence[Candidate], *, wide: bool) -> str:
    found = f"no container {'here ' if wide else ''}is called {link.source_name}"
    if candidates:
        others = ", ".join(sorted(each.container.name for each in candidates))
        how = candidates[0].known_as
        has = "had" if how is KnownAs.FORMER_NAME else "has"
        found += f" ({others} {has} it as {how.value})"
    return f"{found} and the network's DNS knows of none elsewhere" if wide else found


def _candidates(link: Link, topology: Topology) -> tuple[Candidate, ...]:
    """Return who goes by the name of the source in any way, or else who was called so last."""
    found = candidates_for(link.host, link.target, link.source_name, topology)
    return found or tuple(
        Candidate(each, KnownAs.FORMER_NAME, same_project=False)
        for each in _called_so_before(link, topology)
    )


def _called_so_before(link: Link, topology: Topology) -> Iterator[Container]:
    """Yield the container that last had the name of the source, if it still exists (engine lab).

    The engine's events have each container under its name then.
    """
    happened = topology.events(link.host, link.source_name)
    holder = topology.resolve_reference(link.host, happened[-1].container_id) if happened else None
    if holder is not None and holder is not link.target:
        yield holder


def _to_the_source(link: Link, candidates: Sequence[Candidate], topology: Topology) -> Fix:
    """Advise to create the source only if it does not exist under another of its names."""
    if not candidates:
        return Fix(
            title=f"create {link.source_name} on network {link.network}",
            safety=Safety.MANUAL,
            commands=(
                commands.shell(
                    *("docker", "run", "--network", link.network, "--name", link.source_name, "…")
                ),
            ),
        )
    only = candidates[0]
    if len(candidates) == 1 and only.known_as is KnownAs.MADE_UP:
        return doing(
            f"give {only.container.name} its name {link.source_name} back, which a failed attempt "
            "of Compose changed",
            Safety.SAFE,
            Rename(container=only.container.name, to=link.source_name),
        )
    if only.known_as is KnownAs.FORMER_NAME and _serves_on(link, only.container, topology):
        return doing(
            f"give {only.container.name} its old name {link.source_name} back",
            Safety.SAFE,
            Rename(container=only.container.name, to=link.source_name),
        )
    others = " or ".join(sorted(each.container.name for each in candidates))
    return Fix(
        title=f"find out whether {others} is meant, and give it the name {link.source_name} on "
        f"network {link.network}",
        safety=Safety.MANUAL,
    )


def _serves_on(link: Link, container: Container, topology: Topology) -> bool:
    there = topology.endpoint(container, link.network) is not None
    return there and topology.is_running(container)


def _hides_behind_another(link: Link, source: Container, topology: Topology) -> bool:
    """Whether the source is on the network without a name of its own (engine lab)."""
    own = topology.endpoint(source, link.network) is not None
    return not own and link.network in networks_of(link.host, source, topology)


def _links_of(link: Link, topology: Topology) -> tuple[StoredLink, ...]:
    links = topology.links_of(link.host, link.target)
    return tuple(StoredLink(each.source_name, each.alias) for each in links)


def _of_shop(service: str) -> dict[str, str]:
    return {"com.docker.compose.project": "shop", "com.docker.compose.service": service}


def _network() -> World:
    return World().network("back").network("front")


RULE = Rule(
    code="LD306",
    name="unresolvable-alias",
    severity=Severity.ERROR,
    since="0.1",
    summary="the source of a link on a user-defined network does not exist there",
    needs=frozenset({Need.DETAILS, Need.DNS_ANSWER, Need.HOSTS_FILE, Need.NETWORKS}),
    check=EachLink(check, kind=LinkKind.NETWORK, up=True),
    explains=frozenset({"LD307", "LD510"}),
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
        ),
        Case(
            title="the source shares the network of another container",
            given=lambda: (
                _network()
                .run("app", network="back")
                .run("inner", mode="container:app")
                .run("web", network="back", link="inner:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="something foreign answers in the source's place",
            given=lambda: (
                _network()
                .run("web", network="back", link="app:helloapp", answers={"helloapp": ["10.9.9.9"]})
                .snapshot(),
            ),
        ),
        Case(
            title="another container has the source's name on the network as an alias",
            given=lambda: (
                _network()
                .run("app", network="front")
                .run("app-2", network="back", aliases=["app"])
                .run("web", network="back", link="app:helloapp")
                .snapshot(),
            ),
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
            title="on an overlay network the resolver knows no such name",
            given=lambda: (
                World()
                .network("wide", driver="overlay")
                .run("web", network="wide", link="app:helloapp", answers={"helloapp": []})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on an overlay network, which the resolver was not asked about",
            given=lambda: (
                World()
                .network("wide", driver="overlay")
                .run("web", network="wide", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="on an overlay network --add-host answers the name",
            given=lambda: (
                World()
                .network("wide", driver="overlay")
                .run(
                    "web",
                    network="wide",
                    link="app:helloapp",
                    add_host={"helloapp": "10.0.0.5"},
                    answers={"helloapp": []},
                )
                .snapshot(),
            ),
        ),
        Case(
            title="the first replica was removed: the link hides the alias of the second one",
            given=lambda: (
                World()
                .network("back")
                .run("shop_db_2", network="back", aliases=["db"], labels=_of_shop("db"))
                .run("shop_web_1", network="back", link="shop_db_1:db", labels=_of_shop("web"))
                .snapshot(),
            ),
            expect=(Expected(target="shop_web_1", alias="db"),),
        ),
        Case(
            title="another network of the target answers the alias",
            given=lambda: (
                World()
                .network("back")
                .network("front")
                .run("other", network="front", aliases=["db"])
                .run("web", network="back", link="shop_db_1:db")
                .join("web", "front")
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
