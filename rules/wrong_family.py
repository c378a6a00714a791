"""The service of a link listens for IPv6 only, and is dialled by IPv4, or the reverse.

## What it means

The process in the source listens on every address of one family, but the address that the target
has for the source is of the other. A program that listens on `::` accepts IPv4 connections too,
unless the program, its language or the sysctl `net.ipv6.bindv6only` disables that.

## Why it matters

Every connection through the link is refused, although the source appears to listen on every
address.

## How it is proved

The kernel's list of listening sockets of the source's network namespace says for each whether it
accepts only IPv6 (`IPV6_V6ONLY`; `ss` prints `[::]` instead of `*` for it). None for the port
accepts the family of an address that the source has on the network of the link. As in LD502, a port
that the target is known to dial counts. If none is known, it is reported only when no exposed port
is reachable.

## What it is not

A socket for both families, or a second one for the other family, is reachable. If the source has
addresses of both families, programs try one after the other: one that works is enough. A single
address that is not the link's is LD514, the loopback address LD503.

## How to fix it

Make the service bind to both families, or to `0.0.0.0` if the network has no IPv6.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Endpoint,
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
    """Report ports of a link whose listener takes another family than the target dials."""
    for fault in listener_faults(link, PortState.WRONG_FAMILY, topology):
        source = fault.source
        at = sorted(dialled_addresses(link, source, topology))
        yield fault.hit(
            f"{source.name} serves port {fault.listed} for {_served(at)} only, but "
            f"{link.target.name} dials it as {link.alias} at {', '.join(at)}.",
            topology,
            bound=bound_places(source, fault.ports, topology),
            wanted=_wildcard(at),
            advice=f"make the service in {source.name} bind to {_wildcard(at)}, or to both "
            "families",
        )


def _served(at: list[str]) -> str:
    return "IPv4" if any(":" in each for each in at) else "IPv6"


def _wildcard(at: list[str]) -> str:
    return "[::]" if any(":" in each for each in at) else "0.0.0.0"


def _listening(on: str, *, ipv6_only: bool = False) -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000], listen_on=on, ipv6_only=ipv6_only)
        .run("web", link="app:helloapp")
    )


def _with_addresses(address: str, address6: str) -> World:
    """A source on a user-defined network with these addresses, that listens for IPv4 alone."""
    endpoint = Endpoint(network="back", address=address, address6=address6, aliases=("app",))
    return (
        World()
        .network("back")
        .run("app", network="back", expose=[5000], listen=[5000])
        .change("app", endpoints=(endpoint,))
        .run("web", network="back", link="app:helloapp")
    )


RULE = Rule(
    code="LD513",
    name="wrong-family",
    severity=Severity.ERROR,
    since="0.2",
    summary="the service of a link listens for IPv6 only and is dialled by IPv4, or the reverse",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS}),
    check=EachLink(check, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="bound to :: for IPv6 alone",
            given=lambda: (_listening("::", ipv6_only=True).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="bound to 0.0.0.0 on a network with IPv6 alone",
            given=lambda: (_with_addresses("", "fd00::2").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="only an exposed port that nobody dials is of the other family",
            given=lambda: (
                World()
                .run("app", expose=[5000, 5001], listen=[5000])
                .listen("app", Listener(address="::", port=5001, protocol="tcp", ipv6_only=True))
                .run("web", link="app:helloapp")
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.INFO),),
        ),
        Case(
            title="bound to 0.0.0.0 on a network with both families",
            given=lambda: (_with_addresses("172.18.0.2", "fd00::2").snapshot(),),
        ),
        Case(title="bound to :: for both", given=lambda: (_listening("::").snapshot(),)),
        Case(
            title="a socket for each family",
            given=lambda: (
                _listening("::", ipv6_only=True)
                .listen("app", Listener(address="0.0.0.0", port=5000, protocol="tcp"))
                .snapshot(),
            ),
        ),
        Case(title="bound to ::1 is LD503", given=lambda: (_listening("::1").snapshot(),)),
    ),
)
