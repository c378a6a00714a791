"""The target's hosts file gives the alias another address than the source's.

## What it means

The line that the engine wrote into the target's `/etc/hosts` for the link does not hold the
address that the source has now.

## Why it matters

Every connection by name goes to the wrong place: to nothing, or to another container.

## How it is proved

The line that begins with the alias in the hosts file of the running target is compared with the
source's address on the default bridge. It happens without anyone editing the file: when the source
is disconnected from the bridge and connected again, engines 20.10 and 26.1 leave the old address;
after a rename of the target the engine no longer corrects it.

## What it is not

A line from `--add-host` is intended. A source without an address is not running (LD101). IPv4 and
IPv6 lines are each compared with the address of their own family.

## How to fix it

Restart the target, provided that each of its links leads to a running container; otherwise
create it again.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    Hit,
    HostsLine,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Topology,
    hosts_line,
)
from linkdoctor.rulekit.fixes import restart_target
from linkdoctor.rulekit.reach import nobodys_address
from linkdoctor.rulekit.world import World

_SHORT_ID = re.compile(r"[0-9a-f]{12}")


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose hosts line leads elsewhere than to the source."""
    source = topology.source_of(link) or topology.container_named(link.host, link.source_name)
    if source is None or not topology.is_running(source):
        return
    now = topology.link_addresses(link, source)
    hostname = topology.details(source).hostname
    for line in topology.hosts_lines_of(link):
        if not _is_wrong(line, source, hostname, now):
            continue
        expected = hosts_line(
            alias=link.alias, address=now[0], hostname=hostname, source=source.name
        )
        holder = topology.holder_of(link.host, line.address)
        whose = ""
        if holder is not None and holder is not source:
            whose = f", the address of {holder.name}"
        elif holder is None:
            whose = f", {nobodys_address(link.host, topology)}"
        yield Hit(
            message=f"In {link.target.name}, {link.alias} means {line.address}{whose}, but "
            f"{source.name} has {now[0]}.",
            evidence=(
                Proof(
                    what=f"hosts line of {link.alias}",
                    observed=f"{line.address} {' '.join(line.names)}",
                    expected=f"{expected.address} {' '.join(expected.names)}",
                    where=topology.read_from(link.target.hosts_file),
                ),
            ),
            fixes=(restart_target(topology, link.host, link.target),),
        )
        return


def _is_wrong(line: HostsLine, source: Container, hostname: str, now: Sequence[str]) -> bool:
    if line.address not in now:
        return any(_family(each) == _family(line.address) for each in now)
    second = line.names[1] if len(line.names) > 1 else ""
    return _SHORT_ID.fullmatch(second) is not None and second not in (source.id[:12], hostname)


def _family(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


RULE = Rule(
    code="LD302",
    name="hosts-mismatch",
    severity=Severity.ERROR,
    since="0.1",
    summary="the target's hosts file gives the alias another address than the source's",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.HOSTS_FILE}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    explains=frozenset({"LD201", "LD202", "LD510"}),
    precedence=10,
    shows_events=True,
    cases=(
        Case(
            title="the hosts line holds another address",
            given=lambda: (
                World.tutorial().hosts("web", "helloapp", address="172.17.0.99").snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the source moved; the engine corrected the line",
            given=lambda: (World.tutorial().move("app").snapshot(),),
        ),
        Case(
            title="a line that --add-host asked for",
            given=lambda: (
                World()
                .run("app", expose=[5000])
                .run("web", link="app:helloapp", add_host={"helloapp": "10.9.9.9"})
                .snapshot(),
            ),
        ),
        Case(
            title="the source is down and has no address",
            given=lambda: (World.tutorial().stop("app").snapshot(),),
        ),
    ),
)
