"""One alias was requested for two sources: the engine dropped one of them.

## What it means

The target was created with two links under one alias to two different containers, as in `--link
app:db --link other:db`.

## Why it matters

The engine keeps the first and drops the second silently: inspect prints one link, and the
target never reaches the other container under that name.

## How it is proved

The engine's own `hostconfig.json` of the target has the alias twice, and the typed names lead to
two different containers today.

## What it is not

One source may have many aliases, and the same link may be typed twice, or once by name and once by
id. Links on a user-defined network belong to the network's endpoint.

## How to fix it

Create the target again, with another alias for the source that was dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    Container,
    EachContainer,
    Expected,
    Hit,
    HostContainer,
    Isolated,
    LinkKind,
    MissingEvidence,
    Need,
    Proof,
    Rule,
    Severity,
    StoredLink,
    Topology,
)
from linkdoctor.rulekit.fixes import recreate_source
from linkdoctor.rulekit.next_start import LinkOutcome, Registration, registrations
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each alias of a target that is up, or comes up at boot, asked for with two sources."""
    target = place.container
    if not topology.is_running(target) and topology.details(target).restart_policy == "no":
        return
    if isinstance(topology.network_mode(place.host, target), Isolated):
        return
    if not topology.details(target).stored_links:
        return  # of two links with one alias the engine keeps one: without any, none was dropped
    stored = registrations(topology, place.host, target)
    live = _live(place, topology)
    reported: set[str] = set()
    for dropped in stored:
        alias = dropped.link.alias
        if dropped.fate is not LinkOutcome.TAKEN or alias in reported:
            continue
        first = next(each for each in stored if each.link.alias == alias)
        kept = live.get(alias, first.source)
        if kept is None or dropped.source is None or dropped.source is kept:
            continue
        reported.add(alias)
        yield _hit(place, kept, dropped, stored, topology)


def _live(place: HostContainer, topology: Topology) -> dict[str, Container]:
    """Return the containers to which the engine's pointers lead, by alias, as far as they do."""
    found: dict[str, Container] = {}
    for link in topology.links_of(place.host, place.container):
        try:
            source = topology.source_of(link)
        except MissingEvidence:
            continue
        if link.kind is LinkKind.LEGACY and source is not None:
            found[link.alias] = source
    return found


def _hit(
    place: HostContainer,
    kept: Container,
    dropped: Registration,
    stored: Sequence[Registration],
    topology: Topology,
) -> Hit:
    target, alias, typed = place.container, dropped.link.alias, dropped.link.source
    lost = dropped.source.name if dropped.source is not None else typed
    details = topology.details(target)
    taken = {each.alias for each in details.stored_links} | {each.link.alias for each in stored}
    other = _free(lost, taken)
    links = (*details.stored_links, StoredLink(lost, other))
    return Hit(
        message=f"{target.name} was created with two links called {alias}, to {kept.name} and to "
        f"{lost}; the engine kept {kept.name} and dropped {lost} silently.",
        evidence=(
            Proof(
                what=f"links {alias} of {target.name} on the engine's disk",
                observed=", ".join(
                    f"{each.link.source}:{alias}" for each in stored if each.link.alias == alias
                ),
                expected="one source",
                where=topology.read_from(target.stored_links),
            ),
        ),
        fixes=(
            recreate_source(
                topology,
                place.host,
                target,
                links=links,
                why=f"with {lost} as {other}; {target.name} must use that name for it",
            ),
        ),
        source=lost,
        alias=alias,
    )


def _free(name: str, taken: set[str]) -> str:
    """Return an alias that is not taken: the source's name, or the first numbered one."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}-{number}"
    return free


def _two() -> World:
    return World().run("one", expose=[80], listen=[80]).run("two", expose=[81], listen=[81])


RULE = Rule(
    code="LD305",
    name="duplicate-alias",
    severity=Severity.ERROR,
    since="0.1",
    summary="one alias was requested for two sources, and one was dropped",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.STORED_LINKS}),
    check=EachContainer(check),
    cases=(
        Case(
            title="two sources",
            given=lambda: (_two().run("web", link=["one:same", "two:same"]).snapshot(),),
            expect=(Expected(target="web", alias="same"),),
        ),
        Case(
            title="two sources, the engine restarted since",
            given=lambda: (
                _two().run("web", link=["one:same", "two:same"]).restart_engine().snapshot(),
            ),
            expect=(Expected(target="web", alias="same"),),
        ),
        Case(
            title="one source, many aliases",
            given=lambda: (_two().run("web", link=["one:a", "one:b"]).snapshot(),),
        ),
        Case(
            title="the same link twice",
            given=lambda: (_two().run("web", link=["one:same", "one:same"]).snapshot(),),
        ),
        Case(
            title="once by name, once by id",
            given=lambda: (
                _two()
                .run("web", link="one:same")
                .retype("web", "one:same", f"{1:064x}:same")
                .snapshot(),
            ),
        ),
        Case(
            title="a target that has stopped for good",
            given=lambda: (
                _two().run("web", link=["one:same", "two:same"]).stop("web").snapshot(),
            ),
        ),
        Case(
            title="on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("one", network="back")
                .run("two", network="back")
                .run("web", network="back", link=["one:same", "two:same"])
                .retype("web", "one:same", "two:same")
                .snapshot(),
            ),
        ),
    ),
)
