"""The service of a link listens on another network's address only.

## What it means

The source is on several networks, or has further addresses, and its process listens on only one
address or interface. It is not the one on which the target connects.

## Why it matters

Every connection through the link is refused, although the service runs and other containers reach
it.

## How it is proved

The kernel's list of listening sockets of the source's network namespace has some for the port, but
each is bound to an address that the source does not have on the network of the link, or to an
interface without such an address. As in LD502, a port that the target is known to dial counts. If
none is known, it is reported only when no exposed port is reachable.

## What it is not

A listener on `0.0.0.0` or `::`, or an additional one on the link's own address, is reachable. The
loopback address is LD503; a listener on every address of the other family is LD513. Containers that
share the source's network namespace reach every address of it.

## How to fix it

Make the service bind to `0.0.0.0`: that is a setting of the program, often called *bind*, *listen*
or *host*. Or connect source and target to the network on which it does listen.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Hit,
    Link,
    Listener,
    Need,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.link_ports import PortState, bound_places, dialled_addresses
from linkdoctor.rulekit.listener_faults import listener_faults
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report ports of a link whose listener is bound to another address than the target dials."""
    for fault in listener_faults(link, PortState.ELSEWHERE, topology):
        source, target = fault.source, link.target.name
        bound = bound_places(source, fault.ports, topology)
        at = ", ".join(sorted(dialled_addresses(link, source, topology)))
        yield fault.hit(
            f"{source.name} serves port {fault.listed} only at {', '.join(bound)}; "
            f"{target} dials it as {link.alias} at {at}.",
            topology,
            bound=bound,
            wanted="0.0.0.0",
            advice=f"make the service in {source.name} bind to 0.0.0.0 instead of one address or "
            "interface",
        )


def _listening(on: str, *, device: str = "", device_addresses: tuple[str, ...] = ()) -> World:
    """A source on two networks, linked to on the first, where it has 172.18.0.2."""
    return (
        World()
        .network("back")
        .network("front")
        .run(
            "app",
            network="back",
            expose=[5000],
            listen=[5000],
            listen_on=on,
            device=device,
            device_addresses=device_addresses,
        )
        .join("app", "front")
        .run("web", network="back", link="app:helloapp")
    )


def _here() -> str:
    return _address("back")


def _there() -> str:
    return _address("front")


def _address(network: str) -> str:
    """Return the address that the source of the cases has on a network."""
    topology = Topology((_listening("0.0.0.0").snapshot(),))
    app = topology.container_named("host1", "app")
    endpoint = topology.endpoint(app, network) if app is not None else None
    return endpoint.address if endpoint is not None else ""


RULE = Rule(
    code="LD514",
    name="bound-elsewhere",
    severity=Severity.ERROR,
    since="0.2",
    summary="the service of a link listens on another network's address only",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS}),
    check=EachLink(check, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="bound to its address on another network",
            given=lambda: (_listening(_there()).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="bound to that address, written as IPv6",
            given=lambda: (_listening(f"::ffff:{_there()}").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="bound to the interface of another network",
            given=lambda: (
                _listening("0.0.0.0", device="eth1", device_addresses=(_there(),)).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a link on the default bridge, and an address of a user-defined network",
            given=lambda: (
                World()
                .network("front")
                .run("app", expose=[5000], listen=[5000], listen_on="172.19.0.9")
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="bound to the address of the link",
            given=lambda: (_listening(_here()).snapshot(),),
        ),
        Case(
            title="bound to the address of the link, written as IPv6",
            given=lambda: (_listening(f"::ffff:{_here()}").snapshot(),),
        ),
        Case(
            title="bound to the interface of the link",
            given=lambda: (
                _listening("0.0.0.0", device="eth0", device_addresses=(_here(),)).snapshot(),
            ),
        ),
        Case(title="bound to every address", given=lambda: (_listening("0.0.0.0").snapshot(),)),
        Case(
            title="bound to another address, and to the link's own",
            given=lambda: (
                _listening(_there())
                .listen("app", Listener(address=_here(), port=5000, protocol="tcp"))
                .snapshot(),
            ),
        ),
        Case(
            title="the loopback interface is LD503",
            given=lambda: (
                _listening("0.0.0.0", device="lo", device_addresses=("127.0.0.1",)).snapshot(),
            ),
        ),
        Case(
            title="nothing listens",
            given=lambda: (
                World().run("app", expose=[5000]).run("web", link="app:helloapp").snapshot(),
            ),
        ),
    ),
)
