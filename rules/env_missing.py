"""The target reads link variables, but its link sets none.

## What it means

The target's command line, its entry-point script or its image reads variables like
`DB_PORT_5432_TCP_ADDR`. Links on user-defined networks have never set any; links on the default
bridge set none from engine 29 on.

## Why it matters

The program finds no address. Some images then silently do something else: redmine falls back to
SQLite, cassandra seeds itself as a new cluster.

## How it is proved

A variable that is read without a default is neither in the environment of the target's process nor
set by the user; or the image is known to read link variables, none of its settings is set, and the
process has none with the alias's prefix.

## What it is not

Programs that use the alias as a name need no variables. Variables that a script only tests for are
optional. On older engines a link on the default bridge to a source that exposes no port is LD501.

## How to fix it

Create the target again with the variables set by hand, to names instead of addresses. On engine 29
you can get the variables back for now: set `DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS=1` in the
engine's own environment; engine 30 removes that too.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    FIRST_WITHOUT_VARIABLES,
    Case,
    EachLink,
    Expected,
    Fix,
    Hit,
    ImageExpectation,
    Knowledge,
    Link,
    LinkKind,
    Need,
    Proof,
    Reading,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.variable_users import keep_variables, lacking, set_by_hand, variables_wanted
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link that sets no variables to a target that reads them."""
    legacy = link.kind is LinkKind.LEGACY
    if legacy and topology.engine_version(link.host) < FIRST_WITHOUT_VARIABLES:
        return
    if not topology.is_running(link.target) or topology.source_of(link) is None:
        return
    wanted = variables_wanted(link, topology)
    if not wanted:
        return
    missing = {name: wanted[name] for name in lacking(wanted, link, topology)}
    if not missing:
        return
    name, where = min(missing.items())
    why = (
        f"engine {'.'.join(map(str, topology.engine_version(link.host)))} sets no link variables"
        if legacy
        else f"a link on the network {link.network} sets no variables"
    )
    yield Hit(
        message=f"{link.target.name} reads {name}, but {why}.",
        evidence=(
            Proof(
                what=f"variables of {link.alias} in the process of {link.target.name}",
                observed="none",
                expected=", ".join(sorted(missing)),
                where=where,
            ),
        ),
        fixes=tuple(_fixes(link, sorted(missing), topology)),
    )


def _fixes(link: Link, missing: list[str], topology: Topology) -> Iterator[Fix]:
    yield set_by_hand(link, missing, topology)
    if link.kind is LinkKind.LEGACY:
        yield keep_variables(link.target.name)


_READS = ("sh", "-c", "exec dial $DB_PORT_5432_TCP_ADDR")
_KNOWN = Knowledge(
    images=(
        ImageExpectation(
            images=("redmine",),
            reads=Reading.VARIABLES,
            names=("postgres",),
            settings=("REDMINE_DB_POSTGRES",),
        ),
    )
)


def _on_29() -> World:
    return World(engine="29.1.0").run("pg", expose=[5432], listen=[5432])


RULE = Rule(
    code="LD203",
    name="env-missing",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target reads link variables, but its link sets none",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV, Need.ENTRY_SCRIPT}),
    check=EachLink(check),
    cases=(
        Case(
            title="the command line reads variables of a link on a user-defined network",
            given=lambda: (
                World()
                .network("back")
                .run("pg", network="back", expose=[5432], listen=[5432])
                .run("web", network="back", link="pg:db", command=_READS)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="engine 29",
            given=lambda: (_on_29().run("web", link="pg:db", command=_READS).snapshot(),),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="engine 29 and an image that reads variables",
            given=lambda: (
                _on_29().run("tracker", link="pg:postgres", image="redmine:5").snapshot(),
            ),
            knowledge=_KNOWN,
            expect=(Expected(target="tracker", alias="postgres"),),
        ),
        Case(
            title="engine 20.10 sets them",
            given=lambda: (
                World()
                .run("pg", expose=[5432], listen=[5432])
                .run("web", link="pg:db", command=_READS)
                .snapshot(),
            ),
        ),
        Case(
            title="the user sets the variable",
            given=lambda: (
                _on_29()
                .run("web", link="pg:db", command=_READS, env={"DB_PORT_5432_TCP_ADDR": "db"})
                .snapshot(),
            ),
        ),
        Case(
            title="the program uses the name",
            given=lambda: (_on_29().run("web", link="pg:db", env={"DB_HOST": "db"}).snapshot(),),
        ),
    ),
)
