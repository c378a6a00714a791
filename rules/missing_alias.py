"""A container expects a name that nothing provides.

## What it means

The container dials a name, but no link, network alias, container name or hosts line provides that
name to it. Most often the link exists under another alias: linked as `app`, expected `helloapp`.

## Why it matters

The name does not resolve, and the program fails at its first connection, or silently falls back to
something else (redmine to SQLite, cassandra to a new cluster).

## How it is proved

What the container expects comes from, the strongest first: the label `linkdoctor.expects` on the
container or its image; the configuration; link variables that its command line or entry-point
script reads; hosts that its environment or arguments name (URLs, `host:port`, `*_HOST`); hosts that
its entry-point script dials or waits for unconditionally; the table of known images. Label,
configuration and command line are sufficient on their own. The others need support: a link under
another alias whose source exposes the port or has a similar name, a container of exactly that name
out of reach (for a script, one that exposes the port), the container's own resolver, asked from
inside its network namespace, saying that there is no such name, or, with `--logs`, the container's
log since its last start saying that the name did not resolve. If the resolver's answer is all there
is, or a service of the same Compose project, it is a warning: a setting may belong to a feature
that is not in use, or to another service that shares the file of settings.

## What it is not

Names that DNS, extra hosts, the container's own hostname, network aliases or the hosts file
provide, in any letter case; names with a dot, which public DNS may know; `localhost`; values that
are not a host; a default of the image that a setting replaces; a link whose alias the settings use.
But the alias of a link on a user-defined network is found only in its exact spelling. A name that
is a container of another examined engine is LD401. Before linkdoctor advises creating a container,
it searches for it by name, Compose service, aliases on any network, hostname, and the name that a
failed attempt of Compose v1 changed (`4f2b01c3d5e6_db`), first in the target's own Compose project.
If several are possible, all are named and none is chosen.

## How to fix it

On a user-defined network, give the source the missing name as a network alias; the target does not
change. On the default bridge, create the target again with the alias that it expects. A source with
the network of the host has no name: make the name mean the host (`--add-host …:host-gateway`).
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Complaint,
    ComplaintKind,
    Declaration,
    EachContainer,
    Expected,
    Hit,
    HostContainer,
    ImageExpectation,
    Knowledge,
    Need,
    Reading,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.expectations import Unmet, unmet_expectations
from linkdoctor.rulekit.name_fixes import ways_to_provide
from linkdoctor.rulekit.unmet_names import evidence_of, message_of
from linkdoctor.rulekit.world import World


def check(place: HostContainer, topology: Topology) -> Iterator[Hit]:
    """Report each name that a container expects and nothing provides."""
    undecided: list[str] = []
    for unmet in unmet_expectations(place.host, place.container, topology):
        if unmet.undecided:
            undecided.append(unmet.expectation.names[0])
            continue
        if unmet.elsewhere and unmet.link is None:
            continue  # LD401
        name = unmet.expectation.names[0]
        yield Hit(
            message=message_of(place.host, place.container, unmet, topology),
            evidence=tuple(evidence_of(place.container, unmet)),
            fixes=tuple(ways_to_provide(place.host, place.container, unmet, topology)),
            alias=name,
            source=_source_name(unmet),
            severity=Severity.WARNING if unmet.rests_on_the_resolver_alone else None,
        )
    for name in undecided:
        topology.dns_answer(place.container, name)  # raises: it says what is missing


def _source_name(unmet: Unmet) -> str:
    if unmet.link is not None:
        return unmet.link.source_name
    return unmet.nearby[0].name if len(unmet.nearby) == 1 else ""


_HELLO = ImageExpectation(
    images=("carinamarina/hello-world-web",),
    reads=Reading.NAME,
    names=("helloapp",),
    ports=(5000,),
    settings=("APP_HOST",),
)
_KNOWN = Knowledge(images=(_HELLO,))


_WAITS = "#!/bin/sh\nuntil nc -z db 5432; do sleep 1; done\nexec server\n"
_COMPLAINT = Complaint(
    kind=ComplaintKind.UNRESOLVED, host="helloapp", count=12, last="2026-01-01T11:00:00Z"
)


def _compose(project: str, service: str) -> dict[str, str]:
    return {"com.docker.compose.project": project, "com.docker.compose.service": service}


def _apart(*databases: str) -> World:
    """A web service of the project shop, and databases that are on another network than it is."""
    world = World().network("front").network("back")
    for name in databases:
        labels = _compose(name.partition("-")[0], "db")
        world = world.run(name, network="back", labels=labels)
    env, labels = {"DB_HOST": "db"}, _compose("shop", "web")
    return world.run("shop-web-1", network="front", env=env, labels=labels)


def _spelled(alias: str, env: dict[str, str]) -> World:
    return (
        World()
        .network("back")
        .run("app", network="back", expose=[5000], listen=[5000])
        .run("web", network="back", link=f"app:{alias}", env=env)
    )


def _app() -> World:
    return World().run("app", expose=[5000], listen=[5000])


RULE = Rule(
    code="LD301",
    name="missing-alias",
    severity=Severity.ERROR,
    since="0.1",
    summary="a container expects a name that nothing provides",
    needs=frozenset(
        {
            Need.DETAILS,
            Need.LINK_ANSWER,
            Need.HOSTS_FILE,
            Need.ENTRY_SCRIPT,
            Need.DNS_ANSWER,
            Need.NETWORKS,
        }
    ),
    check=EachContainer(check),
    cases=(
        Case(
            title="a label names what is expected",
            given=lambda: (
                _app()
                .run("web", link="app:app", labels={"linkdoctor.expects": "helloapp"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the configuration names what is expected",
            given=lambda: (_app().run("web", link="app:app").snapshot(),),
            knowledge=Knowledge(
                declarations=(Declaration(container="web*", expects=("helloapp",)),)
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the command line reads link variables",
            given=lambda: (
                _app()
                .run("web", link="app:app", command=("sh", "-c", "dial $DB_PORT_5432_TCP_ADDR"))
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="the entry-point script reads link variables of a source under another alias",
            given=lambda: (
                World()
                .run("pg", expose=[5432], listen=[5432])
                .run(
                    "web",
                    link="pg:database",
                    script="#!/bin/sh\nexec app --db $DB_PORT_5432_TCP_ADDR\n",
                )
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="a URL in the environment; linked under another alias",
            given=lambda: (
                _app()
                .run("web", link="app:app", env={"API_URL": "http://helloapp:5000/v1"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="on a user-defined network, linked under the alias in other letters",
            given=lambda: (_spelled("DB", {"API_URL": "http://db:5000/"}).snapshot(),),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="on a user-defined network, a host in other letters than the alias",
            given=lambda: (_spelled("db", {"API_HOST": "DB", "API_PORT": "5000"}).snapshot(),),
            expect=(Expected(target="web", alias="DB"),),
        ),
        Case(
            title="on a user-defined network, in the letters of the alias",
            given=lambda: (_spelled("DB", {"API_URL": "http://DB:5000/"}).snapshot(),),
        ),
        Case(
            title="a URL, whose host a program may turn into lower case",
            given=lambda: (_spelled("db", {"API_URL": "http://DB:5000/"}).snapshot(),),
        ),
        Case(
            title="on a user-defined network, the source's own name in other letters",
            given=lambda: (_spelled("db", {"API_HOST": "APP", "API_PORT": "5000"}).snapshot(),),
        ),
        Case(
            title="a hosts line, in other letters",
            given=lambda: (
                _app().run("web", link="app:DB", env={"API_URL": "http://db:5000/"}).snapshot(),
            ),
        ),
        Case(
            title="the image is known to use a name",
            given=lambda: (
                _app()
                .run("web", link="app:app", image="carinamarina/hello-world-web:latest")
                .snapshot(),
            ),
            knowledge=_KNOWN,
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the resolver says that there is no such name",
            given=lambda: (
                World()
                .run("web", env={"API_URL": "http://helloapp:5000/"}, answers={"helloapp": []})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.WARNING),),
        ),
        Case(
            title="the log says that the name does not resolve",
            given=lambda: (
                World()
                .run("web", env={"API_HOST": "helloapp"}, complaints=[_COMPLAINT])
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="the container is there by its Compose service, on another network",
            given=lambda: (_apart("shop-db-1").snapshot(),),
            expect=(Expected(target="shop-web-1", alias="db", severity=Severity.WARNING),),
        ),
        Case(
            title="two replicas of the service are there, out of reach",
            given=lambda: (_apart("shop-db-1", "shop-db-2").snapshot(),),
            expect=(Expected(target="shop-web-1", alias="db", severity=Severity.WARNING),),
        ),
        Case(
            title="a failed attempt of Compose v1 left the container under another name",
            given=lambda: (
                World()
                .network("back")
                .run("4f2b01c3d5e6_db", network="back")
                .run("web", network="back", env={"DB_HOST": "db"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db", severity=Severity.ERROR),),
        ),
        Case(
            title="the container has the network of the host, where it has no name",
            given=lambda: (
                World()
                .network("back")
                .run("db", mode="host")
                .run("web", network="back", env={"DB_HOST": "db"})
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db", severity=Severity.ERROR),),
        ),
        Case(
            title="a service of another project has that name, and nothing else supports it",
            given=lambda: (_apart("blog-db-1").snapshot(),),
        ),
        Case(
            title="the log complained before the last start",
            given=lambda: (
                World()
                .run(
                    "web",
                    env={"API_HOST": "helloapp"},
                    complaints=[_COMPLAINT],
                    started_at="2026-01-01T11:30:00Z",
                )
                .snapshot(),
            ),
        ),
        Case(
            title="the log complains of a name that is provided meanwhile",
            given=lambda: (
                _app()
                .run(
                    "web",
                    link="app:helloapp",
                    env={"API_HOST": "helloapp"},
                    complaints=[_COMPLAINT],
                )
                .snapshot(),
            ),
        ),
        Case(
            title="the entry-point script waits for a source under another alias",
            given=lambda: (
                World()
                .run("pg", expose=[5432], listen=[5432])
                .run("web", link="pg:database", script=_WAITS)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="the entry-point script waits for a container without a link to it",
            given=lambda: (
                World()
                .run("db", expose=[5432], listen=[5432])
                .run("web", script=_WAITS)
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="the script waits for a name that the resolver does not know",
            given=lambda: (World().run("web", script=_WAITS, answers={"db": []}).snapshot(),),
            expect=(Expected(target="web", alias="db", severity=Severity.WARNING),),
        ),
        Case(
            title="a container of the name that the script waits for, with another port",
            given=lambda: (World().run("db", expose=[27017]).run("web", script=_WAITS).snapshot(),),
        ),
        Case(
            title="a script that waits only under a condition",
            given=lambda: (
                World()
                .run("db", expose=[5432], listen=[5432])
                .run("web", script='#!/bin/sh\nif [ "$WAIT" ]; then\n  nc -z db 5432\nfi\n')
                .snapshot(),
            ),
        ),
        Case(
            title="a script that waits for a link's alias",
            given=lambda: (
                World()
                .run("pg", expose=[5432], listen=[5432])
                .run("web", link="pg:db", script=_WAITS)
                .snapshot(),
            ),
        ),
        Case(
            title="a bare word, which may be no host",
            given=lambda: (
                World()
                .run("web", env={"APP_SERVER": "standalone"}, answers={"standalone": []})
                .snapshot(),
            ),
        ),
        Case(
            title="the resolver answers the name",
            given=lambda: (
                World()
                .run("web", env={"SMTP_HOST": "mailhost"}, answers={"mailhost": ["10.1.1.1"]})
                .snapshot(),
            ),
        ),
        Case(
            title="a name that some DNS server may know",
            given=lambda: (
                _app().run("web", link="app:app", env={"SMTP_HOST": "mailhost"}).snapshot(),
            ),
        ),
        Case(
            title="linked as expected",
            given=lambda: (
                _app()
                .run("web", link="app:helloapp", image="carinamarina/hello-world-web:latest")
                .snapshot(),
            ),
            knowledge=_KNOWN,
        ),
        Case(
            title="a setting replaces the image's default",
            given=lambda: (
                _app()
                .run(
                    "web",
                    link="app:app",
                    image="carinamarina/hello-world-web:latest",
                    env={"APP_HOST": "app"},
                )
                .snapshot(),
            ),
            knowledge=_KNOWN,
        ),
        Case(
            title="a network alias provides the name",
            given=lambda: (
                World()
                .network("back")
                .run("app", network="back", aliases=["helloapp"])
                .run("web", network="back", env={"API_URL": "http://helloapp:5000/"})
                .snapshot(),
            ),
        ),
        Case(
            title="an extra host provides the name",
            given=lambda: (
                _app()
                .run(
                    "web",
                    link="app:app",
                    env={"API_URL": "http://helloapp:5000/"},
                    add_host={"helloapp": "10.0.0.9"},
                )
                .snapshot(),
            ),
        ),
    ),
)
