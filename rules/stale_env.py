"""The target's process holds an address that its source no longer has.

## What it means

The source was stopped and came back with another address. Docker corrected the target's hosts
file, but the environment of a running process cannot be changed: its link variables still name
the old address.

## Why it matters

A program that reads the variables dials an address that is unused or, worse, another container's.
`docker exec … env` hides it, because it computes the variables again.

## How it is proved

A link variable in the environment of the target's *process* (`/proc/<pid>/environ`, or `ps` through
`docker top`) holds an address that is none of the source's addresses now. The environments of the
first process's descendants are read as well: the first may have overwritten its own, or passed on
variables that were saved before its start. There an address counts only if it belongs to the link's
network.

## What it is not

Variables that the image or the user set (`Config.Env`) do not come from the link. If two aliases
share a prefix, the one whose source exposes the port explains the address; if both do,
`<PREFIX>_NAME` decides. Processes that `docker exec` started are not checked. From engine 29 on
there are no link variables.

## How to fix it

Restart the target, provided that each of its links leads to a running container; if one does not,
create the target again, because a restart would kill it. Better: make the program use the alias as
a name, which the engine keeps up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Endpoint,
    Expected,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
    TracedVariable,
)
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.reach import is_inside, nobodys_address
from linkdoctor.rulekit.world import World

_MOST_SHOWN = 3


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose variables in the process name an address of nobody's choice."""
    source = topology.source_of(link) or topology.container_named(link.host, link.source_name)
    if source is None or not topology.is_running(source):
        return
    now = topology.link_addresses(link, source)
    if not now:
        return
    stale = _stale(link, topology.traces_of(link), topology)
    where = topology.read_from(link.target.process_environment)
    process = "the running process"
    if not stale:
        pid, stale = _stale_elsewhere(link, topology)
        where, process = f"/proc/{pid}/environ", f"a running process (pid {pid})"
    if not stale:
        return
    address = stale[0].address
    holder = topology.holder_of(link.host, address)
    nobodys = f"now {nobodys_address(link.host, topology)}"
    whose = f"now the address of {holder.name}" if holder else nobodys
    yield Hit(
        message=f"{link.target.name} was started when {source.name} had {address}, {whose}; "
        f"{source.name} has {now[0]} today, but the variables of {link.alias} in {process} "
        f"still say {address}.",
        evidence=tuple(
            Proof(
                what=trace.variable.name,
                observed=trace.variable.value or "",
                expected=(trace.variable.value or "").replace(trace.address, now[0]),
                where=where,
            )
            for trace in stale[:_MOST_SHOWN]
        ),
        fixes=(
            restart_target(topology, link.host, link.target),
            Fix(
                title=f"permanently: make the program in {link.target.name} use the name "
                f"{link.alias} instead of the variables; the engine keeps the name up to date",
                safety=Safety.MANUAL,
            ),
        ),
    )


def _stale(
    link: Link, traces: Sequence[TracedVariable], topology: Topology
) -> list[TracedVariable]:
    """Return the variables of this link that hold an address of none that may have set them."""
    return [
        trace
        for trace in traces
        if trace.address
        and link in (owners := _owners(link, trace, topology))
        and trace.address not in {each for owner in owners for each in _addresses(owner, topology)}
    ]


def _stale_elsewhere(link: Link, topology: Topology) -> tuple[int, list[TracedVariable]]:
    """Return the same of another process than the first; there a program may have set its own."""
    for pid, traces in topology.traces_elsewhere(link):
        network = topology.network(link.host, link.network)
        subnets = network.subnets if network is not None else ()
        reserved = network.reserved if network is not None else ()
        found = [
            each
            for each in _stale(link, traces, topology)
            if is_inside(each.address, subnets) and each.address not in reserved
        ]
        if found:
            return pid, found
    return 0, []


def _owners(link: Link, trace: TracedVariable, topology: Topology) -> tuple[Link, ...]:
    """Return the links that may have set a variable: several aliases may share one prefix.

    That is the link whose source exposes the port. Where several do, the last one that was set
    remained, and the variable ``<PREFIX>_NAME`` is of the same one.
    """
    same = tuple(
        each
        for each in topology.links_of(link.host, link.target)
        if each.kind is LinkKind.LEGACY and each.prefix == link.prefix
    )
    if len(same) < 2:
        return same
    port = _port_of(trace)
    exposing = tuple(each for each in same if port in _exposed(each, topology)) or same
    name = topology.variable_of(link, f"{link.prefix}_NAME")
    alias = (name.value or "").rpartition("/")[2] if name is not None else ""
    return tuple(each for each in exposing if each.alias == alias) or exposing


def _port_of(trace: TracedVariable) -> int:
    number = (trace.variable.value or "").rpartition(":")[2]
    if trace.parsed.port is None and number.isdecimal():
        return int(number)
    return trace.parsed.port or 0


def _exposed(link: Link, topology: Topology) -> set[int]:
    source = topology.source_or_namesake(link)
    return {port.number for port in topology.details(source).exposed} if source else set()


def _addresses(link: Link, topology: Topology) -> tuple[str, ...]:
    source = topology.source_or_namesake(link)
    return topology.link_addresses(link, source) if source is not None else ()


def _at(address: str) -> Endpoint:
    return Endpoint(network="bridge", address=address)


RULE = Rule(
    code="LD201",
    name="stale-env",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target's process holds an address that the source no longer has",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV, Need.NETWORKS}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    explains=frozenset({"LD202"}),
    shows_events=True,
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
            title="a second process has variables that were saved before the source moved",
            given=lambda: (
                World.tutorial()
                .move("app")
                .restart("web")
                .child("web", {"HELLOAPP_PORT_5000_TCP_ADDR": "172.17.0.2"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a second process was given a proxy of its own",
            given=lambda: (
                World.tutorial()
                .child("web", {"HELLOAPP_PORT_5000_TCP_ADDR": "127.0.0.1"})
                .snapshot(),
            ),
        ),
        Case(
            title="two aliases with one prefix, whose sources swapped addresses",
            given=lambda: (
                World()
                .run("one", expose=[80])
                .run("two", expose=[81])
                .run("web", link=["one:a-2", "two:a_2"])
                .change("one", endpoints=(_at("172.17.0.3"),))
                .change("two", endpoints=(_at("172.17.0.2"),))
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="a-2"), Expected(target="web", alias="a_2")),
        ),
        Case(
            title="they swapped addresses and expose the same port: the name tells whose it is",
            given=lambda: (
                World()
                .run("one", expose=[80])
                .run("two", expose=[80])
                .run("web", link=["one:a-2", "two:a_2"])
                .change("one", endpoints=(_at("172.17.0.3"),))
                .change("two", endpoints=(_at("172.17.0.2"),))
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="a_2"),),
        ),
        Case(
            title="two aliases with one prefix that expose the same port",
            given=lambda: (
                World()
                .run("one", expose=[80])
                .run("two", expose=[80])
                .run("web", link=["one:a-2", "two:a_2"])
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
