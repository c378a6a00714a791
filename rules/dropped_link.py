"""A link was requested, but the engine does not have it.

## What it means

The target was created with a link, but the running engine has none under that alias: inspect does
not print it.

## Why it matters

The engine writes no hosts line and sets no variable for it at the target's next start, and no
longer updates those of the running target: the alias is unknown or leads to the wrong place,
without an error.

## How it is proved

The engine's own `hostconfig.json` of the running target requests the link. If that cannot be read:
a variable `<ALIAS>_NAME=/target/alias` in its process, or a hosts line as the engine writes it
(address, alias, short id, name). It happens when the engine starts after a source was renamed or
removed: at the first typed name that it does not find, it drops this link and all later ones of the
target (engine lab). `docker rm --link` also causes it, until the engine's next start.

On a user-defined network the link belongs to the target's endpoint: if the target is disconnected
and connected again without `--link`, or to another network, the link is dropped; the disk still has
it.

## What it is not

Variables that the image or the user set do not come from a link; nor do those that name another
target (LD111), or extra hosts. A link that is printed and does nothing is LD112; one that was
dropped for another with the same alias is LD305. A name that the target now gets from elsewhere,
such as an alias of the source itself or a hosts line, is not missing; nor are the extra aliases
that Compose adds to a link that still exists.

## How to fix it

Once the source exists under that name, create the target again with the link.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    Container,
    EachContainer,
    Endpoint,
    Expected,
    Fix,
    Gap,
    Hit,
    HostContainer,
    HostsLine,
    LinkKind,
    MissingEvidence,
    Need,
    Own,
    Proof,
    Rule,
    Safety,
    Severity,
    StoredLink,
    Topology,
    Unknown,
    commands,
    is_swarm_task,
)
from linkdoctor.rulekit.fixes import owner_is_gone, recreate_source
from linkdoctor.rulekit.link_traces import traced_aliases, traced_source, traces_of
from linkdoctor.rulekit.lost_links import lost_links
from linkdoctor.rulekit.next_start import LinkOutcome, Registration, registrations
from linkdoctor.rulekit.reach import namespace_of
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each link that a running target of the default bridge was made with and has not."""
    target = place.container
    mode = topology.network_mode(place.host, target)
    if is_swarm_task(target):
        return
    match mode:
        case Own(on_default_bridge=True):
            yield from _on_the_bridge(place, topology)
        case Own(network=network):
            yield from _on_a_network(place, network, topology)
        case _:
            return


def _on_the_bridge(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    target = place.container
    has = {
        link.alias for link in topology.links_of(place.host, target) if link.kind is LinkKind.LEGACY
    }
    try:
        stored = registrations(topology, place.host, target)
    except MissingEvidence:
        yield from _by_its_traces(place, has, topology)
        raise
    for link, lost in _dropped(stored, has):
        yield _asked_for(place, link, lost, stored, topology)


def _on_a_network(place: HostContainer, network: str, topology: Topology) -> Iterator[Hit]:
    """Find links that were asked for on a user-defined network and hang on no endpoint."""
    target = place.container
    stored = {link.alias: link for link in reversed(topology.stored_links(target))}
    for lost in lost_links(place.host, target, network, topology):
        link, source, others = lost.link, lost.source, lost.others
        leads = f"; there it means {others[0].name}" if others else ""
        name = source.name if source is not None else link.source
        there = topology.endpoint(target, network) is not None
        observed = f"none on {network}" if there else f"not on {network}"
        yield Hit(
            message=f"{target.name} was created with a link to {name} as {link.alias} on network "
            f"{network}, but the engine has no such link now{leads}.",
            evidence=(
                Proof(
                    what=f"link {link.alias} of {target.name} in inspect",
                    observed=observed,
                    expected=f"{link.source}:{link.alias}, as on the engine's disk",
                    where=topology.read_from(target.stored_links),
                ),
            ),
            fixes=tuple(_fixes_on(place, network, tuple(sorted(stored.values())), topology)),
            source=name,
            alias=link.alias,
        )


def _fixes_on(
    place: HostContainer, network: str, links: Sequence[StoredLink], topology: Topology
) -> Iterator[Fix]:
    target = place.container
    endpoint = topology.endpoint(target, network)
    own = (target.name, target.id[:12], topology.details(target).hostname)
    words = [
        word
        for each in (endpoint.aliases if endpoint else ())
        if each not in own
        for word in ("--alias", each)
    ]
    words += [word for each in links for word in ("--link", f"{each.source}:{each.alias}")]
    connect = commands.shell("docker", "network", "connect", *words, network, target.name)
    if endpoint is None:
        yield Fix(
            title=f"connect {target.name} to network {network}, with its links",
            safety=Safety.SAFE,
            commands=(connect,),
            left_to_person="its links have to be given with the connection",
        )
        return
    leave = commands.shell("docker", "network", "disconnect", network, target.name)
    yield Fix(
        title=f"reconnect {target.name} to network {network}, with its links (cuts its "
        "connections on that network for a moment)",
        safety=Safety.RESTART,
        commands=(leave, connect),
        left_to_person="it has to leave the network first, and loses what else it was given there",
    )
    why = f"with its links on network {network}"
    yield recreate_source(topology, place.host, target, links=links, why=why)


def _dropped(
    stored: Sequence[Registration], has: set[str]
) -> Iterator[tuple[Registration, tuple[str, ...]]]:
    """Yield each dropped link, the first of its alias, and those lost with it."""
    seen = set(has)
    failed = False
    for index, each in enumerate(stored):
        if each.link.alias in seen or (failed and each.fate is LinkOutcome.LOST):
            continue
        seen.add(each.link.alias)
        later: list[str] = []
        if each.fate is LinkOutcome.FAILED:
            failed = True
            later = [one.link.alias for one in stored[index + 1 :] if one.link.alias not in seen]
        yield each, tuple(dict.fromkeys(later))


def _asked_for(
    place: HostContainer,
    dropped: Registration,
    lost: Sequence[str],
    stored: Sequence[Registration],
    topology: Topology,
) -> Hit:
    target, alias, typed = place.container, dropped.link.alias, dropped.link.source
    failed = dropped.fate is LinkOutcome.FAILED
    why = ""
    also = f", and also dropped {', '.join(lost)}" if lost else ""
    if failed and dropped.source is None:
        why = f": it found nothing called {typed} when it started{also}"
    elif failed and _has_lost_its_owner(place, dropped, topology):
        why = f": {typed} has the network of a container that is gone{also}"
    return Hit(
        message=f"{target.name} was created with a link to {typed} as {alias}, but the engine has "
        f"no such link{why}.",
        evidence=(
            Proof(
                what=f"link {alias} of {target.name} in inspect",
                observed="none",
                expected=f"{typed}:{alias}, as on the engine's disk",
                where=topology.read_from(target.stored_links),
            ),
            *traces_of(target, alias, topology),
        ),
        fixes=tuple(_fixes(place, dropped, stored, topology)),
        source=dropped.source.name if dropped.source is not None else typed,
        alias=alias,
    )


def _fixes(
    place: HostContainer, dropped: Registration, stored: Sequence[Registration], topology: Topology
) -> Iterator[Fix]:
    target = place.container
    if _has_lost_its_owner(place, dropped, topology) and dropped.source is not None:
        yield owner_is_gone(dropped.source)
        return
    if dropped.fate is LinkOutcome.FAILED and dropped.source is not None:
        yield Fix(
            title=f"give {dropped.source.name} its own network, because a container with the "
            f"host's network cannot be linked to; then create {target.name} again",
            safety=Safety.MANUAL,
        )
        return
    absent = list(dict.fromkeys(each.link.source for each in stored if each.source is None))
    if absent:
        names = ", ".join(absent)
        yield Fix(
            title=f"bring back the containers called {names}: rename those that were renamed, "
            "create those that are gone",
            safety=Safety.MANUAL,
        )
    links = {
        each.link.alias: StoredLink(
            each.source.name if each.source is not None else each.link.source, each.link.alias
        )
        for each in reversed(stored)
    }
    # What is live leads where its pointer leads, whatever name was typed.
    links |= {each.alias: each for each in topology.details(target).stored_links}
    why = f"after {', '.join(absent)} is back" if absent else f"with the link {dropped.link.alias}"
    asked = tuple(sorted(links.values()))
    yield recreate_source(topology, place.host, target, links=asked, why=why)


def _has_lost_its_owner(place: HostContainer, dropped: Registration, topology: Topology) -> bool:
    source = dropped.source
    return source is not None and namespace_of(place.host, source, topology) is None


def _by_its_traces(place: HostContainer, has: set[str], topology: Topology) -> Iterator[Hit]:
    """Find dropped links by what the engine left in the target when it still had them."""
    target = place.container
    for alias in sorted(traced_aliases(target, topology) - has):
        source = traced_source(place.host, target, alias, topology)
        name = source.name if source is not None else "a container"
        yield Hit(
            message=f"{target.name} was started with a link to {name} as {alias}, but the engine "
            "has no such link now.",
            evidence=traces_of(target, alias, topology),
            fixes=tuple(_fixes_by_traces(place, alias, source, topology)),
            source=source.name if source is not None else "",
            alias=alias,
        )


def _fixes_by_traces(
    place: HostContainer, alias: str, source: Container | None, topology: Topology
) -> Iterator[Fix]:
    target = place.container
    if source is None:
        yield Fix(
            title=f"create {target.name} again with a link to its source as {alias}",
            safety=Safety.MANUAL,
        )
        return
    links = (*topology.details(target).stored_links, StoredLink(source.name, alias))
    why = f"with the link {alias}"
    yield recreate_source(topology, place.host, target, links=links, why=why)


_NOT_NEAR = Unknown(gap=Gap.UNSUPPORTED, detail="only on the engine's own machine")


def _restarted() -> World:
    """The source was renamed, and the engine restarted."""
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("other", expose=[80], listen=[80])
        .run("web", link=["app:helloapp", "other:second"])
        .rename("app", "app2")
        .restart_engine()
    )


_COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "app"}


def _reconnected(link: str, labels: dict[str, str] | None = None) -> World:
    """The target left the network of its link and came back without it."""
    return (
        World()
        .network("back")
        .run("app", network="back", aliases=["data"], listen=[5000], labels=labels)
        .run("web", network="back", labels=labels)
        .retype("web", link)
    )


def _unlinked() -> World:
    return World.tutorial().unlink("web", "helloapp")


RULE = Rule(
    code="LD109",
    name="dropped-link",
    severity=Severity.ERROR,
    since="0.1",
    summary="a link was requested, but the engine does not have it",
    needs=frozenset(
        {Need.DETAILS, Need.STORED_LINKS, Need.PROCESS_ENV, Need.HOSTS_FILE, Need.NETWORKS}
    ),
    check=EachContainer(check, up=True),
    explains=frozenset({"LD203", "LD301"}),
    cases=(
        Case(
            title="the source was renamed, then the engine restarted; a later link is lost with it",
            given=lambda: (_restarted().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the live link was removed with docker rm --link",
            given=lambda: (_unlinked().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the disk cannot be read, and the process still has the variables",
            given=lambda: (_unlinked().unknown("web", "stored_links", _NOT_NEAR).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the disk cannot be read, and the hosts line still stands",
            given=lambda: (
                World.tutorial()
                .rename("app", "app2")
                .restart_engine(live_restore=True)
                .unknown("web", "stored_links", _NOT_NEAR)
                .unknown("web", "process_environment", _NOT_NEAR)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="another container with the host's network took the source's name",
            given=lambda: (
                World.tutorial()
                .rename("app", "app2")
                .run("app", mode="host")
                .unlink("web", "helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on a user-defined network, reconnected without the link",
            given=lambda: (_reconnected("app:helloapp").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on a user-defined network, reconnected without it, and another has the name",
            given=lambda: (
                _reconnected("app:helloapp")
                .run("other", network="back", aliases=["helloapp"])
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on a user-defined network, connected to another one instead",
            given=lambda: (
                _reconnected("app:helloapp")
                .network("front")
                .change("web", endpoints=(Endpoint(network="front", address="172.19.0.9"),))
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on a user-defined network, reconnected; the source has the name itself",
            given=lambda: (_reconnected("app:data").snapshot(),),
        ),
        Case(
            title="on a user-defined network, reconnected; a hosts line has the name",
            given=lambda: (
                _reconnected("app:helloapp")
                .write_hosts("web", HostsLine(address="172.18.0.2", names=("helloapp",)))
                .snapshot(),
            ),
        ),
        Case(
            title="on a user-defined network, reconnected; Compose added the alias",
            given=lambda: (_reconnected("app:app-1", _COMPOSE).snapshot(),),
        ),
        Case(title="healthy", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="the source was renamed, and the engine has not restarted yet",
            given=lambda: (World.tutorial().rename("app", "app2").snapshot(),),
        ),
        Case(
            title="the engine restarted, and all names were there",
            given=lambda: (World.tutorial().restart_engine().snapshot(),),
        ),
        Case(
            title="the user set the variable",
            given=lambda: (
                World()
                .run("web", env={"APP_NAME": "/web/app"})
                .unknown("web", "stored_links", _NOT_NEAR)
                .snapshot(),
            ),
        ),
        Case(
            title="extra hosts are the user's",
            given=lambda: (
                World()
                .run("web", add_host={"helloapp": "10.0.0.9"})
                .unknown("web", "stored_links", _NOT_NEAR)
                .snapshot(),
            ),
        ),
        Case(
            title="the target was renamed, and has its link",
            given=lambda: (World.tutorial().rename("web", "shop").snapshot(),),
        ),
        Case(
            title="the alias was asked for twice, and is there",
            given=lambda: (
                World()
                .run("one", expose=[80])
                .run("two", expose=[80])
                .run("web", link=["one:same", "two:same"])
                .snapshot(),
            ),
        ),
        Case(
            title="on a user-defined network the disk holds the link too",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .retype("web", "app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="engine 29 sets no variables, and the link is there",
            given=lambda: (
                World(engine="29.0.0")
                .run("app", expose=[5000])
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="a target that is down",
            given=lambda: (_unlinked().stop("web").snapshot(),),
        ),
    ),
)
