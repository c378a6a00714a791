"""The target's process has outdated ports for its source.

## What it means

Since the target was started, the link has moved to another container object that exposes other
ports. That happens on an engine with `live-restore`: the source is created again, and the engine,
at its restart, looks the link up by name while the target keeps running.

## Why it matters

A program that reads the variables dials a port on which nothing may listen any more, or does not
know one that it needs.

## How it is proved

The environment of the target's *process* holds `<ALIAS>_PORT_<number>_<protocol>` for a port that
the source does not expose now, or lacks it for a port that the source exposes.

## What it is not

Variables that the image or the user set (`Config.Env`) do not come from the link. Two aliases that
share a prefix share their ports. A process without any such variable (engine 29 and later, or a
program that dropped them) is LD203. If the address is stale too, it is LD201 or LD302.

## How to fix it

Restart the target, provided that each of its links leads to a running container; otherwise create
it again.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    Hit,
    Link,
    LinkField,
    LinkKind,
    MissingEvidence,
    Need,
    Port,
    Proof,
    Rule,
    Severity,
    Topology,
    TracedVariable,
)
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.world import World

_MOST_SHOWN = 4
_URL = LinkField.URL


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose variables in the process name other ports than the source's."""
    source = topology.source_of(link)
    if source is None or not topology.is_running(source):
        return
    told = {port for trace in topology.traces_of(link) if (port := _port(trace)) is not None}
    if not told:
        return
    exposed = topology.details(source).exposed
    shared = _ports_of_prefix(link, topology)
    gone = () if shared is None else tuple(sorted(told.difference(exposed, shared)))
    there = topology.names_of_variables(link.host, link.target)
    new = tuple(sorted({port for port in exposed if _name(link, port) not in there}))
    if gone or new:
        yield _hit(link, source, gone, new, topology)


def _port(trace: TracedVariable) -> Port | None:
    parsed = trace.parsed
    if parsed.field is not _URL or parsed.port is None or parsed.protocol is None:
        return None
    return Port(parsed.port, parsed.protocol)


def _name(link: Link, port: Port) -> str:
    return f"{link.prefix}_PORT_{port.number}_{port.protocol.upper()}"


def _ports_of_prefix(link: Link, topology: Topology) -> set[Port] | None:
    """Return the ports of the other links with this prefix; None if they cannot be told."""
    ports: set[Port] = set()
    for other in topology.links_of(link.host, link.target):
        if other.prefix != link.prefix or other.alias == link.alias:
            continue
        try:
            source = topology.source_of(other)
        except MissingEvidence:
            return None
        if source is None:
            return None
        ports.update(topology.details(source).exposed)
    return ports


def _hit(
    link: Link,
    source: Container,
    gone: tuple[Port, ...],
    new: tuple[Port, ...],
    topology: Topology,
) -> Hit:
    said = [
        *(
            [f"it still names {_listed(gone)}, which {source.name} no longer exposes"]
            if gone
            else []
        ),
        *([f"it lacks {_listed(new)}, which {source.name} exposes"] if new else []),
    ]
    where = topology.read_from(link.target.process_environment)
    proofs = [
        Proof(
            what=_name(link, port),
            observed="set in the process",
            expected=f"not set: {source.name} does not expose {port}",
            where=where,
        )
        for port in gone
    ]
    proofs += [
        Proof(
            what=_name(link, port),
            observed="not set in the process",
            expected=f"set: {source.name} exposes {port}",
            where=where,
        )
        for port in new
    ]
    return Hit(
        message=f"The process of {link.target.name} has outdated ports for {link.alias}: "
        f"{' and '.join(said)}.",
        evidence=tuple(proofs[:_MOST_SHOWN]),
        fixes=(restart_target(topology, link.host, link.target),),
    )


def _listed(ports: tuple[Port, ...]) -> str:
    shown = ", ".join(map(str, ports[:_MOST_SHOWN]))
    return f"{shown} and {len(ports) - _MOST_SHOWN} more" if len(ports) > _MOST_SHOWN else shown


def _exposing(*ports: int, now: tuple[Port, ...], engine: str = "20.10.24") -> World:
    """A source that came back with other ports while its target lived on."""
    return (
        World(engine=engine)
        .run("app", expose=ports, listen=ports)
        .run("web", link="app:helloapp")
        .recreate("app")
        .change("app", exposed=now)
        .restart_engine(live_restore=True)
    )


RULE = Rule(
    code="LD202",
    name="stale-env-port",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target's process has outdated ports for its source",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    shows_events=True,
    cases=(
        Case(
            title="the source exposes another port now",
            given=lambda: (_exposing(5000, now=(Port(8000),)).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source exposes one more",
            given=lambda: (_exposing(5000, now=(Port(5000), Port(8000))).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the protocol is another",
            given=lambda: (_exposing(53, now=(Port(53, "udp"),)).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the same ports, a range among them",
            given=lambda: (
                World()
                .run("app", expose=[80, 8080, 8081, 8082, 8083])
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="the target was restarted since",
            given=lambda: (_exposing(5000, now=(Port(8000),)).restart("web").snapshot(),),
        ),
        Case(
            title="the user set the variable",
            given=lambda: (
                World()
                .run("app", expose=[5000])
                .run(
                    "web",
                    link="app:helloapp",
                    env={
                        "HELLOAPP_PORT_5000_TCP": "tcp://10.0.0.9:5000",
                        "HELLOAPP_PORT_9000_TCP": "tcp://10.0.0.9:9000",
                    },
                )
                .snapshot(),
            ),
        ),
        Case(
            title="engine 29 sets no variables",
            given=lambda: (_exposing(5000, now=(Port(8000),), engine="29.0.0").snapshot(),),
        ),
        Case(
            title="two aliases with one prefix",
            given=lambda: (
                World()
                .run("one", expose=[80])
                .run("two", expose=[81])
                .run("web", link=["one:a-2", "two:a_2"])
                .snapshot(),
            ),
        ),
        Case(
            title="the target was renamed",
            given=lambda: (World.tutorial().rename("web", "shop").snapshot(),),
        ),
        Case(
            title="the link leads to nothing",
            given=lambda: (
                World.tutorial().recreate("app").change("app", exposed=(Port(8000),)).snapshot(),
            ),
        ),
    ),
)
