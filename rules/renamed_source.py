"""The source was renamed: the link works only until the engine's next start.

## What it means

The running engine follows its pointer to the source, regardless of its name. The disk has the name
that was typed, and today no container has that name, or another one has it.

## Why it matters

At its next start the engine does not find the typed name: the link is silently lost, and so is
every later link of the target. If another container took the name, the link leads there.

## How it is proved

The link in the engine's own `hostconfig.json` is looked up among today's names, and does not lead
to the container that the engine's pointer leads to. If the disk cannot be read: the target's hosts
line has a different name for the source from its current one.

## What it is not

A link that was typed with the source's id is found under any name. A hosts line's second name is
the source's hostname, not its name. A source that was recreated is LD102. A link on a user-defined
network is looked up at each query. A target that was stopped for good is not reported.

## How to fix it

Give the source its old name back, if it is free, or create the target again, with a link to its
current name.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    DEFAULT_BRIDGE,
    Case,
    Container,
    EachLink,
    Expected,
    Fix,
    Gap,
    Hit,
    Link,
    LinkKind,
    MissingEvidence,
    Need,
    Proof,
    Rename,
    Rule,
    Safety,
    Severity,
    Topology,
    Unknown,
)
from linkdoctor.rulekit.fixes import doing, recreate_source
from linkdoctor.rulekit.next_start import LinkOutcome, Registration, registrations
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose source cannot be found by the name that was typed."""
    stays_down = topology.details(link.target).restart_policy == "no"
    if stays_down and not topology.is_running(link.target):
        return
    source = topology.source_of(link)
    if source is None:
        return
    try:
        stored = registrations(topology, link.host, link.target)
    except MissingEvidence:
        yield from _by_the_hosts_line(link, source, topology)
        raise
    yield from _by_the_disk(link, source, stored, topology)


def _by_the_disk(
    link: Link, source: Container, stored: tuple[Registration, ...], topology: Topology
) -> Iterator[Hit]:
    index = next((i for i, each in enumerate(stored) if each.link.alias == link.alias), None)
    if index is None or stored[index].source is source:
        return
    typed, other = stored[index].link.source, stored[index].source
    if "/" in typed:  # the name of a link: whether it is there depends on the engine's order
        return
    lost = sorted(
        {each.link.alias for each in stored[index + 1 :] if each.fate is LinkOutcome.LOST}
    )
    also = (
        f", and also {', '.join(lost)}" if lost and stored[index].fate is LinkOutcome.FAILED else ""
    )
    whose = f"another container ({other.id[:12]})" if other is not None else "no container"
    future = (
        f"the engine's next start links {link.alias} to the current {typed} instead"
        if other is not None and stored[index].fate is not LinkOutcome.FAILED
        else f"the engine's next start loses {link.alias}{also}"
    )
    yield Hit(
        message=f"{link.target.name} was linked to {typed} as {link.alias}; that source is called "
        f"{source.name} now, and {future}.",
        evidence=(
            Proof(
                what=f"link {link.alias} of {link.target.name} on the engine's disk",
                observed=f"{typed}:{link.alias}, which is {whose} today",
                expected=f"{source.name}:{link.alias}",
                where=topology.read_from(link.target.stored_links),
            ),
        ),
        fixes=tuple(_fixes(link, source, typed, topology)),
    )


def _by_the_hosts_line(link: Link, source: Container, topology: Topology) -> Iterator[Hit]:
    if not topology.is_running(link.target):
        return
    hostname = topology.details(source).hostname
    for line in topology.hosts_lines_of(link):
        # alias, hostname, name; the name is left out where it is the alias itself
        if len(line.names) != 3 or line.names[1] != hostname or line.names[2] == source.name:
            continue
        old = line.names[2]
        yield Hit(
            message=f"{source.name} was called {old} when {link.target.name} was started; if the "
            f"link {link.alias} was typed with that name, the engine's next start loses it.",
            evidence=(
                Proof(
                    what=f"hosts line of {link.alias}",
                    observed=f"{line.address} {' '.join(line.names)}",
                    expected=f"{line.address} {link.alias} {hostname} {source.name}",
                    where=topology.read_from(link.target.hosts_file),
                ),
            ),
            fixes=(_recreate(link, source, topology),),
        )
        return


def _fixes(link: Link, source: Container, old: str, topology: Topology) -> Iterator[Fix]:
    if _may_be_called(link, source, old, topology):
        yield doing(
            f"give {source.name} its old name {old} back",
            Safety.SAFE,
            Rename(container=source.name, to=old),
        )
    yield _recreate(link, source, topology)


def _recreate(link: Link, source: Container, topology: Topology) -> Fix:
    why = f"with a link to {source.name}"
    return recreate_source(topology, link.host, link.target, why=why)


def _may_be_called(link: Link, source: Container, old: str, topology: Topology) -> bool:
    """Whether the old name is free, and nothing leans on today's."""
    networks = {each.network for each in topology.details(source).endpoints}
    return (
        topology.resolve_reference(link.host, old) is None
        and not topology.is_typed(link.host, source.name)
        and networks <= {DEFAULT_BRIDGE}
    )


_NOT_NEAR = Unknown(gap=Gap.UNSUPPORTED, detail="only on the engine's own machine")


def _renamed() -> World:
    return World.tutorial().rename("app", "backend")


RULE = Rule(
    code="LD110",
    name="renamed-source",
    severity=Severity.WARNING,
    since="0.1",
    summary="the source was renamed: the engine's next start does not find it",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.STORED_LINKS, Need.HOSTS_FILE}),
    check=EachLink(check, kind=LinkKind.LEGACY),
    shows_events=True,
    cases=(
        Case(
            title="the source was renamed",
            given=lambda: (_renamed().snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="another container took the name",
            given=lambda: (_renamed().run("app", expose=[5000]).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the disk cannot be read, and the hosts line gives the old name",
            given=lambda: (_renamed().unknown("web", "stored_links", _NOT_NEAR).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(title="never renamed", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="renamed and back",
            given=lambda: (_renamed().rename("backend", "app").snapshot(),),
        ),
        Case(
            title="the link was typed with the source's id",
            given=lambda: (_renamed().retype("web", f"{1:012x}{1:052x}:helloapp").snapshot(),),
        ),
        Case(
            title="the source's hostname is not its name",
            given=lambda: (
                World()
                .run("app", expose=[5000], hostname="other")
                .run("web", link="app:helloapp")
                .unknown("web", "stored_links", _NOT_NEAR)
                .snapshot(),
            ),
        ),
        Case(
            title="a source that shares another's network leads to that one",
            given=lambda: (
                World()
                .run("app", expose=[5000])
                .run("sidecar", mode="container:app")
                .run("web", link="app:helloapp")
                .retype("web", "sidecar:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="the source was recreated under its name",
            given=lambda: (World.tutorial().recreate("app").snapshot(),),
        ),
        Case(
            title="the target has stopped for good",
            given=lambda: (_renamed().stop("web").snapshot(),),
        ),
        Case(
            title="a link on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back")
                .run("web", network="back", link="app:helloapp")
                .rename("app", "backend")
                .snapshot(),
            ),
        ),
    ),
)
