"""The target mounts a hosts file of its own, so its links have no name.

## What it means

A file is mounted over the target's `/etc/hosts`. The engine writes the lines of links into its own
file, which the target never sees.

## Why it matters

On the default bridge the hosts file is the only place that defines an alias. Only the variables of
the link are left, and engine 29 sets none.

## How it is proved

Inspect of the target shows a mount at `/etc/hosts`, and the file has no line for the alias.

## What it is not

A mounted file that contains the alias itself is intended. A link on a user-defined network needs no
hosts line.

## How to fix it

Create the target again without the mount; `--add-host` adds further lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Fix,
    Hit,
    Link,
    LinkKind,
    Need,
    Probe,
    ProbeOutcome,
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
)
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose target cannot see its hosts line."""
    if not topology.details(link.target).mounts_hosts_file:
        return
    if topology.hosts_lines_with(link.target, link.alias):
        return
    probes = topology.found_by_probes(link.target, link.alias)
    unresolved = any(probe.outcome is ProbeOutcome.NO_NAME for probe in probes)
    yield Hit(
        # A program may do without the name; a probe shows that it cannot be had.
        severity=Severity.ERROR if unresolved else None,
        message=f"{link.target.name} mounts a hosts file of its own, so {link.alias}, its link to "
        f"{link.source_name}, does not resolve.",
        evidence=(
            Proof(
                what=f"mount at /etc/hosts of {link.target.name}",
                observed=f"a file without {link.alias}",
                expected="the engine's own file",
                where=topology.read_from(link.target.hosts_file),
            ),
        ),
        fixes=(
            Fix(
                title=f"create {link.target.name} again without the mount at /etc/hosts; use "
                "--add-host for further names",
                safety=Safety.MANUAL,
            ),
        ),
    )


def _mounting() -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run("web", link="app:helloapp", mounts_hosts_file=True)
    )


RULE = Rule(
    code="LD309",
    name="hosts-file-mounted",
    severity=Severity.WARNING,
    since="0.1",
    summary="the target mounts a hosts file of its own, so its links have no name",
    needs=frozenset({Need.DETAILS, Need.HOSTS_FILE}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    explains=frozenset({"LD510"}),
    cases=(
        Case(
            title="a probe shows that the name does not resolve",
            given=lambda: (
                World()
                .run("app", expose=[5000], listen=[5000])
                .run(
                    "web",
                    link="app:helloapp",
                    mounts_hosts_file=True,
                    probes=[Probe(alias="helloapp", port=None, outcome=ProbeOutcome.NO_NAME)],
                )
                .hosts("web", "helloapp", address=None)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a mounted file without the alias",
            given=lambda: (_mounting().hosts("web", "helloapp", address=None).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(title="a mounted file that names the alias", given=lambda: (_mounting().snapshot(),)),
        Case(
            title="nothing is mounted",
            given=lambda: (World().run("app").run("web", link="app:helloapp").snapshot(),),
        ),
    ),
)
