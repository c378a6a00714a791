"""The target's process holds an address that its source no longer has.

## What it means

The source was stopped and came back with another address. Docker corrected the target's hosts
file, but the environment of a running process cannot be changed: its link variables still name
the old address.

## Why it matters

A program that reads the variables dials an address that is nobody's, or, worse, another
container's. `docker exec … env` hides it: it computes the variables afresh.

## How it is proved

A link variable in the environment of the target's *process* (`/proc/<pid>/environ`, or `ps`
through `docker top`) holds an address that is none of the source's addresses now.

## What it is not

Variables that the image or the user set (`Config.Env`) are not the link's. Two aliases that share
a prefix may each explain the address. From engine 29 on there are no link variables.

## How to mend it

Restart the target, provided that each of its links leads to a running container; if one does
not, the target must be created again, since a restart would kill it. Better: let the program use
the name of the alias, which the engine keeps right.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.evidence import Need
from linkdoctor.model.fixes import restart_target
from linkdoctor.model.reach import nobodys_address
from linkdoctor.model.report import Fix, Proof, Safety, Severity
from linkdoctor.model.topology import Link, LinkKind, Topology
from linkdoctor.model.world import World
from linkdoctor.rulekit import Case, EachLink, Expected, Hit, Rule

_MOST_SHOWN = 3


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose variables in the process name an address of nobody's choice."""
    source = topology.source_of(link) or topology.named(link.host, link.source_name)
    if source is None or not topology.is_running(source):
        return
    now = topology.link_addresses(link, source)
    if not now:
        return
    known = {*now, *_addresses_of_prefix(link, topology)}
    stale = [
        (trace.variable, trace.address)
        for trace in topology.traces_of(link)
        if trace.address and trace.address not in known
    ]
    if not stale:
        return
    address = stale[0][1]
    holder = topology.holder_of(link.host, address)
    nobodys = f"now {nobodys_address(link.host, topology)}"
    whose = f"now the address of {holder.name}" if holder else nobodys
    yield Hit(
        message=f"{link.target.name} was started when {source.name} had {address}, {whose}; "
        f"{source.name} has {now[0]} today, but the variables of {link.alias} in the running "
        f"process still say {address}.",
        evidence=tuple(
            Proof(
                what=variable.name,
                observed=variable.value or "",
                expected=(variable.value or "").replace(address, now[0]),
                where=topology.read_from(link.target.process_environment),
            )
            for variable, address in stale[:_MOST_SHOWN]
        ),
        fixes=(
            restart_target(topology, link.host, link.target),
            Fix(
                title=f"for good: let the program in {link.target.name} use the name "
                f"{link.alias} instead of the variables; the engine keeps the name right",
                safety=Safety.MANUAL,
            ),
        ),
    )


def _addresses_of_prefix(link: Link, topology: Topology) -> Iterator[str]:
    for other in topology.links_of(link.host, link.target):
        if other.prefix == link.prefix and other.alias != link.alias:
            source = topology.source_shown(other)
            if source is not None:
                yield from topology.link_addresses(other, source)


RULE = Rule(
    code="LD201",
    name="stale-env",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target's process holds an address that the source no longer has",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    explains=frozenset({"LD202"}),
    cases=(
        Case(
            title="the source came back with another address",
            given=lambda: (World.tutorial().move("app").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(title="healthy", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="the target was restarted after that",
            given=lambda: (World.tutorial().move("app").restart("web").snapshot(),),
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
                        "HELLOAPP_PORT": "tcp://10.0.0.9:5000",
                        "HELLOAPP_PORT_5000_TCP": "tcp://10.0.0.9:5000",
                        "HELLOAPP_PORT_5000_TCP_ADDR": "10.0.0.9",
                    },
                )
                .snapshot(),
            ),
        ),
        Case(
            title="engine 29 sets no variables",
            given=lambda: (
                World(engine="29.0.0")
                .run("app", expose=[5000])
                .run("web", link="app:helloapp")
                .move("app")
                .snapshot(),
            ),
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
    ),
)
