"""A container does not ask the server that knows the name it dials.

## What it means

On a user-defined network the engine answers names at `127.0.0.11`, and writes that address into the
container's `/etc/resolv.conf`. Here the file names another server: a file is mounted over it, or a
program or a person has rewritten it. Or the container's `nsswitch.conf` tells its C library never
to ask DNS, or never to ask the hosts file, which has the name.

## Why it matters

The name does not resolve, or somebody else's server resolves it to something else, although the
link and the networks are correct.

## How it is proved

The first server of the target's `resolv.conf`, read as resolvers do (a keyword must be at the
beginning of its line; for glibc a Windows line end makes the address invalid), is not `127.0.0.11`,
and its own resolver, if it could be asked, does not answer with the address of the container that
has the name. `nsswitch.conf` counts only if the container's processes have loaded glibc and it
lacks `files` for a name of the hosts file, or `dns` for one of the embedded DNS; services after an
action such as `[NOTFOUND=return]` are never asked. What the target dials is known as in LD311.

## What it is not

A name in the hosts file needs no DNS. A server that forwards to the embedded DNS, such as a cache
in the container, gives the right answer; whether it does is unknown until it can be asked. On the
default bridge there is no embedded DNS. musl and programs without a C library ignore
`nsswitch.conf`; a service in it that linkdoctor does not know may have the name.

## How to fix it

Make the container use the engine's own file: remove the mount, or whatever writes the file, and set
further servers with `--dns`: the embedded DNS asks them for what it does not know. In
`nsswitch.conf` the usual line is `hosts: files dns`.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachContainer,
    Expected,
    Fix,
    Hit,
    HostContainer,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
)
from linkdoctor.rulekit.dns_names import EMBEDDED, DnsName, bypasses, names_by_dns
from linkdoctor.rulekit.link_ports import is_loopback
from linkdoctor.rulekit.world import World

_PODMAN = "Podman"


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each name that a running container dials and does not ask for where it is known."""
    target = place.container
    running = topology.details(target).status is Status.RUNNING
    if not running or topology.product(place.host) == _PODMAN:
        return
    for link in topology.links_of(place.host, target):
        if link.kind is LinkKind.LEGACY and not topology.name_lookup(target).hosts_file:
            yield _without_hosts_file(link, topology)
    for dialled in names_by_dns(place.host, target, topology):
        if topology.hosts_lines_with(target, dialled.name):
            continue
        if bypasses(target, topology) and _is_astray(place, dialled, topology):
            yield _elsewhere(target, dialled, topology)
        elif not topology.name_lookup(target).dns:
            yield _without_dns(target, dialled, topology)


def _is_astray(place: HostContainer, dialled: DnsName, topology: Topology) -> bool:
    """Whether the target's own servers do not lead to a container that has the name."""
    answer = topology.dns_answer_if_had(place.container, dialled.name)
    if answer is None and _may_forward(place, topology):
        topology.dns_answer(place.container, dialled.name)  # raises: it says what is missing
    right = {
        address
        for each in dialled.holders
        for endpoint in topology.details(each).endpoints
        for address in (endpoint.address, endpoint.address6)
    }
    return right.isdisjoint(answer or ())


def _may_forward(place: HostContainer, topology: Topology) -> bool:
    """Whether a server of the target may ask the embedded DNS, or is it, further down."""
    return any(
        is_loopback(server) or topology.holder_of(place.host, server) is not None
        for server in topology.resolver(place.container).nameservers
    )


def _elsewhere(target: Container, dialled: DnsName, topology: Topology) -> Hit:
    servers = ", ".join(topology.resolver(target).nameservers)
    asks = f"asks {servers}" if servers else "names no server"
    return Hit(
        message=f"{target.name} dials {dialled.name} ({dialled.where}), which only the engine's "
        f"DNS at {EMBEDDED} knows, but its resolv.conf {asks}.",
        evidence=(
            Proof(
                what=f"servers in resolv.conf of {target.name}",
                observed=servers or "none",
                expected=EMBEDDED,
                where=topology.read_from(target.resolver),
            ),
        ),
        fixes=(
            Fix(
                title=f"make {target.name} use the engine's own resolv.conf: remove what is "
                "mounted over it or rewrites it, then restart it; set further servers with --dns",
                safety=Safety.MANUAL,
            ),
        ),
        source=_source(dialled),
        alias=dialled.name,
        severity=dialled.severity,
    )


def _without_dns(target: Container, dialled: DnsName, topology: Topology) -> Hit:
    return Hit(
        message=f"{target.name} dials {dialled.name} ({dialled.where}), which only DNS knows, but "
        "its nsswitch.conf never lets it ask DNS.",
        evidence=(_switch(target, topology),),
        fixes=(_usual_switch(target),),
        source=_source(dialled),
        alias=dialled.name,
        severity=dialled.severity,
    )


def _without_hosts_file(link: Link, topology: Topology) -> Hit:
    target = link.target
    return Hit(
        message=f"{target.name} is linked to {link.source_name} as {link.alias}, a name that only "
        "its hosts file has, but its nsswitch.conf never lets it ask the hosts file.",
        evidence=(_switch(target, topology),),
        fixes=(_usual_switch(target),),
        source=link.source_name,
        alias=link.alias,
    )


def _switch(target: Container, topology: Topology) -> Proof:
    asked = topology.name_lookup(target)
    found = [name for name, does in (("files", asked.hosts_file), ("dns", asked.dns)) if does]
    return Proof(
        what=f"what glibc in {target.name} asks for a host, by nsswitch.conf",
        observed=", ".join(found) or "neither files nor dns",
        expected="files, then dns",
        where=topology.read_from(target.name_lookup),
    )


def _usual_switch(target: Container) -> Fix:
    return Fix(
        title=f"put the line hosts: files dns into nsswitch.conf of {target.name}",
        safety=Safety.MANUAL,
    )


def _source(dialled: DnsName) -> str:
    return dialled.link.source_name if dialled.link is not None else dialled.holders[0].name


_FOREIGN = "10.9.9.9"
_URL = {"API_URL": "http://app:5000/"}


def _asking(
    *servers: str,
    link: str | None = None,
    env: dict[str, str] | None = None,
    answer: tuple[str, ...] | None = None,
    add_host: dict[str, str] | None = None,
    asks_dns: bool = True,
) -> World:
    """A target on a user-defined network that asks these servers."""
    return (
        World()
        .network("back")
        .run("app", network="back", expose=[5000], listen=[5000])
        .run(
            "web",
            network="back",
            nameservers=servers,
            link=link or (),
            env=env,
            answers=None if answer is None else {"app": answer},
            add_host=add_host,
            asks_dns=asks_dns,
        )
    )


def _on_the_bridge(*, asks_hosts_file: bool = True, asks_dns: bool = True) -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000])
        .run(
            "web",
            link="app:helloapp",
            nameservers=[_FOREIGN],
            asks_hosts_file=asks_hosts_file,
            asks_dns=asks_dns,
        )
    )


RULE = Rule(
    code="LD313",
    name="resolver-bypassed",
    severity=Severity.ERROR,
    since="0.2",
    summary="a container does not ask the server that knows the name it dials",
    needs=frozenset(
        {
            Need.DETAILS,
            Need.HOSTS_FILE,
            Need.NETWORKS,
            Need.ENTRY_SCRIPT,
            Need.DNS_ANSWER,
            Need.NAME_LOOKUP,
        }
    ),
    check=EachContainer(check, up=True),
    explains=frozenset({"LD310", "LD510"}),
    cases=(
        Case(
            title="a foreign resolv.conf, and a link",
            given=lambda: (_asking(_FOREIGN, link="app:helloapp").snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a foreign resolv.conf, and a name in a setting with a port",
            given=lambda: (_asking(_FOREIGN, env=_URL).snapshot(),),
            expect=(Expected(target="web", alias="app", severity=Severity.ERROR),),
        ),
        Case(
            title="a foreign resolv.conf, and a bare name in a setting",
            given=lambda: (_asking(_FOREIGN, env={"API_HOST": "app"}).snapshot(),),
            expect=(Expected(target="web", alias="app", severity=Severity.WARNING),),
        ),
        Case(
            title="a resolv.conf without a server",
            given=lambda: (_asking(env=_URL).snapshot(),),
            expect=(Expected(target="web", alias="app"),),
        ),
        Case(
            title="a foreign server answers with something else",
            given=lambda: (_asking(_FOREIGN, env=_URL, answer=("10.1.1.1",)).snapshot(),),
            expect=(Expected(target="web", alias="app"),),
        ),
        Case(
            title="a server in the container that does not know the name",
            given=lambda: (_asking("127.0.0.1", env=_URL, answer=()).snapshot(),),
            expect=(Expected(target="web", alias="app"),),
        ),
        Case(
            title="a server in the container that asks the embedded DNS",
            given=lambda: (_asking("127.0.0.1", env=_URL, answer=("172.18.0.2",)).snapshot(),),
        ),
        Case(
            title="nsswitch.conf without dns",
            given=lambda: (_asking(EMBEDDED, link="app:helloapp", asks_dns=False).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="nsswitch.conf without files, and a link on the default bridge",
            given=lambda: (_on_the_bridge(asks_hosts_file=False).snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="nsswitch.conf without dns, and a link on the default bridge",
            given=lambda: (_on_the_bridge(asks_dns=False).snapshot(),),
        ),
        Case(
            title="the engine's own resolv.conf",
            given=lambda: (_asking(EMBEDDED, link="app:helloapp", env=_URL).snapshot(),),
        ),
        Case(
            title="a foreign resolv.conf, and nothing that the embedded DNS knows",
            given=lambda: (_asking(_FOREIGN, env={"API_URL": "http://example.com/"}).snapshot(),),
        ),
        Case(
            title="a foreign resolv.conf, and an extra host",
            given=lambda: (_asking(_FOREIGN, env=_URL, add_host={"app": "172.18.0.2"}).snapshot(),),
        ),
        Case(
            title="the default bridge has no DNS of its own",
            given=lambda: (_on_the_bridge().snapshot(),),
        ),
    ),
)
