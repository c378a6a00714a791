"""The engine is Podman, which has no links.

## What it means

The engine at this endpoint is Podman. It speaks Docker's API, but does not support links.

## Why it matters

`docker run --link` is refused there (`link is not supported`). Links of a user-defined network, as
Compose writes them, are accepted and dropped silently: the alias never resolves. Programs
that rely on link variables or aliases do not work as they do under Docker.

## How it is proved

The engine's own answer to `docker version` names Podman among its components. That Podman refuses
links on its default network and drops those of other networks was observed on Podman 4.3 (Debian
12, as root); its recorded answers are among the tests.

## What it is not

Docker of any version. Other findings on Podman are proved as on Docker: names that a container
expects, listeners, addresses.

## How to fix it

Put the containers on a network of their own, where their names and aliases resolve (Podman needs
aardvark-dns or, with CNI, the dnsname plugin for that), or put them into one pod, where they reach
each other on localhost.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachHost,
    Expected,
    Fix,
    Hit,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.world import World


def check(host: str, topology: Topology) -> Iterator[Hit]:
    """Report a host whose engine is Podman."""
    product = topology.product(host)
    if product != "Podman":
        return
    yield Hit(
        message=f"The engine of {host} is Podman, which does not support links.",
        evidence=(
            Proof(what="engine", observed=product, expected="Docker", where="docker version"),
        ),
        fixes=(
            Fix(
                title="put the containers on a network of their own, each with the names that the "
                "others expect: podman network create NETWORK, then podman run --network NETWORK "
                "--network-alias ALIAS …",
                safety=Safety.MANUAL,
            ),
            Fix(
                title="or put them into one pod, where they reach each other on localhost: podman "
                "pod create POD, then podman run --pod POD …",
                safety=Safety.MANUAL,
            ),
        ),
    )


RULE = Rule(
    code="LD606",
    name="links-unsupported",
    severity=Severity.WARNING,
    since="0.1",
    summary="the engine is Podman, which has no links",
    needs=frozenset(),
    check=EachHost(check),
    cases=(
        Case(
            title="Podman",
            given=lambda: (World(engine="4.3.1", product="Podman").run("app").snapshot(),),
            expect=(Expected(target=""),),
        ),
        Case(title="Docker", given=lambda: (World.tutorial().snapshot(),)),
    ),
)
