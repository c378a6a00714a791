"""The target reads variables of a legacy link that its engine no longer sets, or soon will not set.

## What it means

Engine 29 sets no link variables any more. Engine 28.4 and later 28 releases still set them, and
call them deprecated. The target's command line, its entry-point script or its image reads such
variables.

## Why it matters

On engine 29 the program finds no address; on 28 it will not find one after the upgrade. Some images
then silently do something else: redmine falls back to SQLite, cassandra seeds itself as a new
cluster.

## How it is proved

The version of the engine, and a link variable that the target reads without a default, as for
LD203. On engine 29 it is an error if the process lacks the variable, or has it only from before the
upgrade. If the engine is configured to keep the variables, it is a warning: engine 30 removes that
too. Engine 28.5 is in the lab; for 29 there are a real engine's recorded answers, with the escape
variable modelled after its documentation.

## What it is not

Images and programs that use the alias as a name lose nothing. Variables that the user sets stay.
Links on user-defined networks have never set variables: that is LD203.

## How to fix it

Create the target again with the variables set by hand, to names instead of addresses. On engine 29
you can get the variables back for now: set `DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS=1` in the
engine's own environment.
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
    MissingEvidence,
    Need,
    Proof,
    Reading,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.variable_users import (
    ESCAPE,
    keep_variables,
    lacking,
    set_by_hand,
    variables_wanted,
)
from linkdoctor.rulekit.world import World

_DEPRECATED = (28, 4)


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose target reads variables that are going or gone."""
    version = topology.engine_version(link.host)
    if link.kind is not LinkKind.LEGACY or version < _DEPRECATED:
        return
    if not topology.is_running(link.target) or topology.source_of(link) is None:
        return
    wanted = variables_wanted(link, topology)
    if not wanted:
        return
    names = sorted(wanted)
    engine = ".".join(map(str, version))
    reads = f"{link.target.name} reads {names[0]}"
    by_hand = set_by_hand(link, names, topology)
    if version < FIRST_WITHOUT_VARIABLES:
        yield _hit(
            link,
            wanted,
            f"{reads}: engine {engine} still sets it for {link.alias}, engine 29 does not.",
            observed="set by the engine, which deprecates them",
            fixes=(by_hand,),
            severity=Severity.WARNING,
        )
    elif missing := lacking(wanted, link, topology):
        kept = _is_told_to_keep(link.host, topology)
        why = (
            f"{link.target.name} was started before engine {engine} was configured to keep them"
            if kept
            else f"engine {engine} sets no link variables any more"
        )
        yield _hit(
            link,
            {name: wanted[name] for name in missing},
            f"{link.target.name} reads {missing[0]}, but {why}.",
            observed="none",
            fixes=(
                restart_target(topology, link.host, link.target)
                if kept
                else keep_variables(link.target.name),
                by_hand,
            ),
        )
    elif topology.keeps_link_variables(link.host):
        yield _hit(
            link,
            wanted,
            f"{reads}, which engine {engine} sets only because of {ESCAPE}; engine 30 removes "
            "that.",
            observed="set by the engine, as configured",
            fixes=(by_hand,),
            severity=Severity.WARNING,
        )
    else:
        yield _hit(
            link,
            wanted,
            f"{reads} and has it from before the upgrade to engine {engine}, which sets no link "
            "variables any more: it will be gone when the container is started again.",
            observed="set by an earlier engine",
            fixes=(by_hand, keep_variables(link.target.name)),
        )


def _is_told_to_keep(host: str, topology: Topology) -> bool:
    """Whether the engine is known to set the variables; it decides on the advice alone."""
    try:
        return topology.keeps_link_variables(host)
    except MissingEvidence:
        return False


def _hit(
    link: Link,
    wanted: dict[str, str],
    message: str,
    *,
    observed: str,
    fixes: tuple[Fix, ...],
    severity: Severity | None = None,
) -> Hit:
    names = sorted(wanted)
    return Hit(
        message=message,
        evidence=(
            Proof(
                what=f"variables of {link.alias} in the process of {link.target.name}",
                observed=observed,
                expected=f"{', '.join(names)}, set by hand",
                where=wanted[names[0]],
            ),
        ),
        fixes=fixes,
        severity=severity,
    )


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


def _on(engine: str, *, keeps: bool = False) -> World:
    return World(engine=engine, keeps_link_variables=keeps).run("pg", expose=[5432], listen=[5432])


RULE = Rule(
    code="LD601",
    name="legacy-env-removed",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target reads variables of a legacy link that its engine no longer sets, or soon "
    "will not set",
    needs=frozenset(
        {Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV, Need.ENTRY_SCRIPT, Need.ENGINE_ENV}
    ),
    check=EachLink(check),
    explains=frozenset({"LD203"}),
    precedence=10,
    cases=(
        Case(
            title="engine 29 and a command line that reads a variable",
            given=lambda: (_on("29.1.0").run("web", link="pg:db", command=_READS).snapshot(),),
            expect=(Expected(target="web", alias="db", severity=Severity.ERROR),),
        ),
        Case(
            title="engine 29 and an image that reads variables",
            given=lambda: (
                _on("29.1.0").run("tracker", link="pg:postgres", image="redmine:5").snapshot(),
            ),
            knowledge=_KNOWN,
            expect=(Expected(target="tracker", alias="postgres", severity=Severity.ERROR),),
        ),
        Case(
            title="engine 29 that is configured to keep the variables",
            given=lambda: (
                _on("29.1.0", keeps=True).run("web", link="pg:db", command=_READS).snapshot(),
            ),
            expect=(Expected(target="web", alias="db", severity=Severity.WARNING),),
        ),
        Case(
            title="engine 28.5 deprecates the variables",
            given=lambda: (_on("28.5.2").run("web", link="pg:db", command=_READS).snapshot(),),
            expect=(Expected(target="web", alias="db", severity=Severity.WARNING),),
        ),
        Case(
            title="engine 28.3 and earlier",
            given=lambda: (_on("28.3.0").run("web", link="pg:db", command=_READS).snapshot(),),
        ),
        Case(
            title="the program uses the name",
            given=lambda: (
                _on("29.1.0").run("web", link="pg:db", env={"DB_HOST": "db"}).snapshot(),
            ),
        ),
        Case(
            title="the user sets the variable",
            given=lambda: (
                _on("29.1.0")
                .run("web", link="pg:db", command=_READS, env={"DB_PORT_5432_TCP_ADDR": "db"})
                .snapshot(),
            ),
        ),
        Case(
            title="a link on a user-defined network has never set any",
            given=lambda: (
                World(engine="29.1.0")
                .network("back")
                .run("pg", network="back", expose=[5432])
                .run("web", network="back", link="pg:db", command=_READS)
                .snapshot(),
            ),
        ),
    ),
)
