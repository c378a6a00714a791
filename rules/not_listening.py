"""Nothing listens on the port that a link uses.

## What it means

The source runs, but no process in its network namespace has a listening socket on the port that
the target dials, or on any port that the source exposes.

## Why it matters

Every connection through the link is refused.

## How it is proved

The kernel's list of listening sockets of the source's network namespace has none for the port. A
port that the target is known to dial (from its environment or arguments, at the alias) counts. If
none is known, it is reported only when all exposed TCP ports lack a listener.

## What it is not

If another container shares the source's network (`--network container:app`) and listens, the
namespace is not empty. But if the source was restarted since, that container is in a namespace that
nothing reaches, and this is reported instead. Without that container's sockets nothing is reported.
A source that started less than ten seconds ago, or whose health check says *starting*, may still be
starting up. UDP ports are not judged. Some exposed ports without a listener are normal for images
that expose everything they could offer: that is info only. A listener on the loopback address is
LD503.

## How to fix it

Check the source's log and the ports that it does listen on: the program failed to start its
service, or uses a different port from the one that the image exposes.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    Fix,
    Gap,
    Hit,
    Link,
    Need,
    Proof,
    Restart,
    Rule,
    Safety,
    Severity,
    Topology,
    Unknown,
    commands,
)
from linkdoctor.rulekit.fixes import doing
from linkdoctor.rulekit.link_ports import PortState, dialled_ports, doors_of
from linkdoctor.rulekit.orphans import listens_apart
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report ports of a link that nothing listens on."""
    source = topology.source_of(link)
    doors = doors_of(link, source, topology) if source is not None else None
    if source is None or doors is None:
        return
    matter, others = doors.judged(PortState.CLOSED)
    if matter:
        apart = _apart(link, source, matter, topology)
        if apart is not None:
            yield _left_behind(link, source, apart, matter, topology)
        else:
            yield _hit(link, source, matter, topology, severity=None, key="")
    elif others and _apart(link, source, others, topology) is None:
        yield _hit(link, source, others, topology, severity=Severity.INFO, key="others")


def _apart(
    link: Link, source: Container, ports: tuple[int, ...], topology: Topology
) -> Container | None:
    """Return a container that serves one of the ports for the source, in another namespace."""
    found = (listens_apart(link.host, source, port, topology) for port in ports)
    return next((each for each in found if each is not None), None)


def _left_behind(
    link: Link,
    source: Container,
    sharer: Container,
    ports: tuple[int, ...],
    topology: Topology,
) -> Hit:
    listed = ", ".join(map(str, ports))
    return Hit(
        message=f"{sharer.name} shares the network of {source.name} and listens on {listed}, but "
        f"in a different network namespace from the one that {source.name} has now: "
        f"{link.target.name}, which reaches {source.name} as {link.alias}, finds nothing there.",
        evidence=(
            Proof(
                what=f"listening sockets of {source.name}",
                observed=_listening(source, topology),
                expected=", ".join(f"0.0.0.0:{port}/tcp" for port in ports),
                where=topology.read_from(source.listeners),
            ),
            Proof(
                what=f"listening sockets of {sharer.name}",
                observed=_listening(sharer, topology),
                expected=f"those of {source.name}, whose network it shares",
                where=topology.read_from(sharer.listeners),
            ),
        ),
        fixes=(
            doing(
                f"restart {sharer.name}, so that it joins the current network of {source.name}",
                Safety.RESTART,
                Restart(container=sharer.name),
            ),
        ),
    )


def _listening(container: Container, topology: Topology) -> str:
    found = {
        f"{each.address}:{each.port}/{each.protocol}" for each in topology.listeners(container)
    }
    return ", ".join(sorted(found)) or "none"


def _hit(
    link: Link,
    source: Container,
    ports: tuple[int, ...],
    topology: Topology,
    *,
    severity: Severity | None,
    key: str,
) -> Hit:
    dialled = dialled_ports(link, topology)
    listed = ", ".join(map(str, ports))
    where = next((dialled[port] for port in ports if port in dialled), "")
    dials = f", which {link.target.name} dials ({where})" if where else ""
    plural = "s" if len(ports) > 1 else ""
    return Hit(
        message=f"Nothing in {source.name} listens on port{plural} {listed}{dials}; "
        f"{link.target.name} reaches {source.name} as {link.alias}.",
        evidence=(
            Proof(
                what=f"listening sockets of {source.name}",
                observed=_listening(source, topology),
                expected=", ".join(f"0.0.0.0:{port}/tcp" for port in ports),
                where=topology.read_from(source.listeners),
            ),
        ),
        fixes=(
            Fix(
                title=f"find out why the service of {source.name} does not listen",
                safety=Safety.MANUAL,
                commands=(commands.logs(source.name),),
            ),
        ),
        severity=severity,
        key=key,
    )


_NOT_SEEN = Unknown(gap=Gap.DENIED, detail="the process could not be proven")


RULE = Rule(
    code="LD502",
    name="not-listening",
    severity=Severity.ERROR,
    since="0.1",
    summary="nothing listens on the port that a link uses",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS}),
    check=EachLink(check, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="no exposed port has a listener",
            given=lambda: (
                World().run("app", expose=[5000]).run("web", link="app:helloapp").snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="the dialled port has no listener, though an exposed one has",
            given=lambda: (
                World()
                .run("app", expose=[8080], listen=[8080])
                .run("web", link="app:api", env={"API_URL": "http://api:5000/"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="api", severity=Severity.ERROR),),
        ),
        Case(
            title="only some exposed ports have none",
            given=lambda: (
                World()
                .run("app", expose=[80, 443], listen=[80])
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.INFO),),
        ),
        Case(
            title="a sharer was left in a namespace that the source no longer has",
            given=lambda: (
                World()
                .run("app", expose=[5000])
                .run("inner", mode="container:app", listen=[5000])
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a sharer whose sockets cannot be seen",
            given=lambda: (
                World()
                .run("app", expose=[5000])
                .run("inner", mode="container:app")
                .unknown("inner", "listeners", _NOT_SEEN)
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="all listen",
            given=lambda: (World.tutorial().snapshot(),),
        ),
        Case(
            title="the source has only just started",
            given=lambda: (
                World()
                .run("app", expose=[5000], started_at="2026-01-01T11:59:55.123456789Z")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
        Case(
            title="its health check says that it is starting",
            given=lambda: (
                World()
                .run("app", expose=[5000], health="starting")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
        ),
    ),
)
