"""The typed names of links form a cycle at the engine's next start.

## What it means

While the engine runs, a link is a pointer to one container. On its disk it is the text that was
typed, and the engine looks this up again at its next start, by the names that exist then. After a
rename or a recreation these names can lead from a container back to itself, directly or through
others.

## Why it matters

A container that is linked to itself, or to one that is linked back to it, can hang the engine
forever when it starts. Nothing is visible today, because the pointers of the running engine lead to
other containers.

## How it is proved

The links in the engine's own `hostconfig.json` of each container are looked up as the engine does
it: by id, by name, by the beginning of an id, and it stops at the first that is not found.

## What it is not

Two targets of one source, or a chain of links, are not a cycle. A renamed source whose name nothing
took is LD110. Links of containers on user-defined networks are names, looked up at each query.

## How to fix it

*Before* the engine restarts, create one container of the cycle again, with its current links, or
without the one that closes the cycle. Containers that need each other belong on a user-defined
network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from linkdoctor.rulekit import (
    Case,
    Container,
    EachHost,
    Expected,
    Fix,
    Hit,
    LinkKind,
    MissingEvidence,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.cycles import CycleLink, cycles, leads_to
from linkdoctor.rulekit.fixes import recreate_source
from linkdoctor.rulekit.next_start import LinkOutcome, registrations
from linkdoctor.rulekit.world import World


def check(host: str, topology: Topology) -> Iterator[Hit]:
    """Report each cycle of stored links once, on the container whose recreation opens it."""
    steps: dict[str, list[CycleLink]] = {}
    missing: MissingEvidence | None = None
    for _, container in topology.containers(host):
        try:
            steps[container.id] = _steps(host, container, topology)
        except MissingEvidence as error:
            missing = error
    for cycle in cycles(steps):
        yield _hit(host, cycle, steps, topology)
    if missing is not None:
        raise missing


def _steps(host: str, target: Container, topology: Topology) -> list[CycleLink]:
    return [
        CycleLink(target=target, alias=each.link.alias, typed=each.link.source, source=each.source)
        for each in registrations(topology, host, target)
        if each.fate is LinkOutcome.KEPT and each.source is not None
    ]


def _hit(
    host: str,
    cycle: Sequence[CycleLink],
    steps: Mapping[str, Sequence[CycleLink]],
    topology: Topology,
) -> Hit:
    opening = next((step for step in cycle if _opens(host, step.target, steps, topology)), None)
    step = opening or cycle[0]
    first = cycle.index(step)
    turned = (*cycle[first:], *cycle[:first])
    chain = " → ".join((*(each.target.name for each in turned), step.target.name))
    drop = Fix(
        title=f"before the engine restarts: create {step.target.name} again without the link "
        f"{step.alias}, and put containers that need each other on a user-defined network",
        safety=Safety.MANUAL,
    )
    fixes: tuple[Fix, ...] = (drop,)
    if opening is not None:
        why = "with its current links, before the engine restarts"
        fixes = (recreate_source(topology, host, step.target, why=why), drop)
    return Hit(
        message=f"With the names that were typed, the links form a cycle ({chain}); the "
        "engine's next start can hang forever.",
        evidence=tuple(
            Proof(
                what=f"link {each.alias} of {each.target.name} on the engine's disk",
                observed=f"{each.typed}:{each.alias}, which is {each.source.name} today",
                expected=_expected(host, each, topology),
                where=topology.read_from(each.target.stored_links),
            )
            for each in turned
        ),
        fixes=fixes,
        target=step.target.name,
        source=step.source.name,
        alias=step.alias,
    )


def _opens(
    host: str, target: Container, steps: Mapping[str, Sequence[CycleLink]], topology: Topology
) -> bool:
    """Whether a container, created again with the links of today, is in no cycle."""
    links = topology.links_of(host, target)
    shown = [topology.source_or_namesake(link) for link in links if link.kind is LinkKind.LEGACY]
    sources = [source.id for source in shown if source is not None]
    return not leads_to(target.id, sources, steps)


def _expected(host: str, step: CycleLink, topology: Topology) -> str:
    for link in topology.links_of(host, step.target):
        if link.kind is LinkKind.LEGACY and link.alias == step.alias:
            live = topology.source_or_namesake(link)
            if live is not None and live is not step.source:
                return f"{live.name}, to which the link leads now"
    return "no way back"


def _swapped() -> World:
    """The blue and green of a deployment: the new one takes the name of the old."""
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("proxy", link="app:backend")
        .rename("app", "app-old")
        .rename("proxy", "app")
    )


def _mutual() -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp")
        .retype("app", "web:front")
    )


RULE = Rule(
    code="LD108",
    name="link-cycle",
    severity=Severity.ERROR,
    since="0.1",
    summary="links form a cycle at the engine's next start",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.STORED_LINKS}),
    check=EachHost(check),
    explains=frozenset({"LD109", "LD110"}),
    cases=(
        Case(
            title="a target took the name of its own source",
            given=lambda: (_swapped().snapshot(),),
            expect=(Expected(target="app", alias="backend"),),
        ),
        Case(
            title="two containers that are linked to each other",
            given=lambda: (_mutual().snapshot(),),
            expect=(Expected(target="app", alias="front"),),
        ),
        Case(
            title="a cycle of three, beside a chain",
            given=lambda: (
                _mutual()
                .run("deep", link="app:app")
                .retype("app", "far:front")
                .run("far", link="web:web")
                .snapshot(),
            ),
            expect=(Expected(target="app", alias="front"),),
        ),
        Case(
            title="the cycle is closed by a link that the engine gives up before",
            given=lambda: (_mutual().retype("app", "nobody:x", "web:front").snapshot(),),
        ),
        Case(
            title="a chain, and two targets of one source",
            given=lambda: (
                World()
                .run("db", expose=[5432])
                .run("app", expose=[5000], link="db:db")
                .run("web", link=["app:app", "db:db"])
                .snapshot(),
            ),
        ),
        Case(
            title="the source was renamed, and nothing took its name",
            given=lambda: (World.tutorial().rename("app", "app-old").snapshot(),),
        ),
        Case(
            title="on a user-defined network two containers may name each other",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back", link="web:front")
                .run("web", network="back", link="app:helloapp")
                .retype("app", "web:front")
                .retype("web", "app:helloapp")
                .snapshot(),
            ),
        ),
    ),
)
