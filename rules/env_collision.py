"""Variables of a link have names that mean something else.

## What it means

Docker derives the prefix of a link's variables from its alias: upper case, and `-` becomes `_`. Two
aliases such as `a-2` and `a_2` then have the same prefix. Or the alias looks like a setting of the
program: with a link `redis`, `REDIS_PORT` is `tcp://172.17.0.2:6379`, but the program expects a
number.

## Why it matters

Of two links with the same prefix, the variables of one win, and which one is not defined. A program
that expects a port number in `tcp://172.17.0.2:6379` fails to start or cannot connect.

## How it is proved

Two aliases of one target have the same prefix, and their sources would set the same variable
differently. Or the running process has `<ALIAS>_PORT` from the link, in the link's form, and the
target's command or entry-point script reads this variable with a number as its default
(`${REDIS_PORT:-6379}`), or its image is known to use it as a setting.

## What it is not

Two aliases of one source set equal variables. A script that cuts or replaces the variable, or knows
the form `tcp:`, can handle it. A variable that the target sets itself wins over the link's (LD204).
From engine 29 on links set no variables.

## How to fix it

Create the target again with another alias, or set the variable by hand.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    Fix,
    Hit,
    ImageExpectation,
    Knowledge,
    Link,
    LinkKind,
    Need,
    Proof,
    Reading,
    Rule,
    Safety,
    Severity,
    Topology,
    environment_prefix,
    image_name,
    tells_a_place,
)
from linkdoctor.rulekit.migration import with_alias
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose variables collide with another's, or with a setting."""
    source = topology.source_of(link)
    if source is None or not topology.is_running(source):
        return
    yield from _with_another(link, source, topology)
    yield from _with_a_setting(link, topology)


def _with_another(link: Link, source: Container, topology: Topology) -> Iterator[Hit]:
    """Report two aliases with one prefix, on the later of them."""
    for other in topology.links_of(link.host, link.target):
        if other.prefix != link.prefix or other.alias >= link.alias:
            continue
        theirs = topology.source_of(other)
        if theirs is None or theirs is source:
            continue
        names = _set_differently(link, source, other, theirs, topology)
        if not names:
            continue
        new = _free_alias(link, topology)
        yield Hit(
            message=f"The aliases {other.alias} ({theirs.name}) and {link.alias} ({source.name}) "
            f"of {link.target.name} both set {names[0]}: only one of them can win.",
            evidence=tuple(
                Proof(
                    what=f"variables of {each.alias}",
                    observed=f"{each.prefix}_…",
                    expected="a prefix of its own",
                    where=f"inspect of {link.target.name}",
                )
                for each in (other, link)
            ),
            fixes=(with_alias(topology, link, new),),
        )
        return


def _set_differently(
    link: Link, source: Container, other: Link, theirs: Container, topology: Topology
) -> list[str]:
    """Return the variables with an address or a port that two links set to different values."""
    ours = {each.name: each.value for each in topology.variables_today(link, source)}
    others = {each.name: each.value for each in topology.variables_today(other, theirs)}
    return sorted(
        name
        for name in ours.keys() & others.keys()
        if ours[name] != others[name] and tells_a_place(name)
    )


def _with_a_setting(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report `<ALIAS>_PORT` of a link where the target takes it for a number."""
    name = f"{link.prefix}_PORT"
    given = topology.variable_of(link, name)
    where = _where_a_setting(name, link, topology) if given and given.value else ""
    if given is None or not where:
        return
    new = _free_alias(link, topology)
    yield Hit(
        message=f"The link {link.alias} sets {name} to {given.value} in {link.target.name}, which "
        "expects that variable to be a port number.",
        evidence=(
            Proof(
                what=name,
                observed=given.value or "",
                expected=f"a number ({where})",
                where=topology.read_from(link.target.process_environment),
            ),
        ),
        fixes=(
            Fix(
                title=f"create {link.target.name} again with {name} set to the number by hand: its "
                "own value wins over the link's",
                safety=Safety.MANUAL,
            ),
            with_alias(topology, link, new),
        ),
        key="setting",
    )


def _where_a_setting(name: str, link: Link, topology: Topology) -> str:
    """Say where a variable is taken for a setting; '' if that is not known."""
    for row in topology.image_expectations(link.target):
        if name in row.settings:
            return f"a setting of image {image_name(link.target.image)}"
    reads = (*topology.details(link.target).reads, *topology.script_reads(link.target))
    return next(
        (f"its default is {read.port} in {read.where}" for read in reads if read.variable == name),
        "",
    )


def _free_alias(link: Link, topology: Topology) -> str:
    """Return an alias with a prefix of its own."""
    prefixes = {each.prefix for each in topology.links_of(link.host, link.target)}
    base = link.source_name if environment_prefix(link.source_name) not in prefixes else ""
    candidates = (base, *(f"{link.source_name}-{number}" for number in range(2, 1000)))
    return next(each for each in candidates if each and environment_prefix(each) not in prefixes)


_TAKES_A_NUMBER = "#!/bin/sh\nexec cache --port ${REDIS_PORT:-6379}\n"
_KNOWN = Knowledge(
    images=(
        ImageExpectation(
            images=("shop",), reads=Reading.NAME, names=("redis",), settings=("REDIS_PORT",)
        ),
    )
)


def _two(first: tuple[int, ...], second: tuple[int, ...], *, engine: str = "20.10.24") -> World:
    return (
        World(engine=engine)
        .run("one", expose=first, listen=first)
        .run("two", expose=second, listen=second)
        .run("web", link=["one:a-2", "two:a_2"])
    )


def _redis(engine: str = "20.10.24") -> World:
    return World(engine=engine).run("cache", expose=[6379], listen=[6379])


RULE = Rule(
    code="LD206",
    name="env-collision",
    severity=Severity.WARNING,
    since="0.1",
    summary="variables of a link have names that mean something else",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.PROCESS_ENV, Need.ENTRY_SCRIPT}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    cases=(
        Case(
            title="two aliases with one prefix",
            given=lambda: (_two((80,), (80,)).snapshot(),),
            expect=(Expected(target="web", alias="a_2", severity=Severity.WARNING),),
        ),
        Case(
            title="the entry-point script takes the variable for a number",
            given=lambda: (
                _redis().run("web", link="cache:redis", script=_TAKES_A_NUMBER).snapshot(),
            ),
            expect=(Expected(target="web", alias="redis", severity=Severity.WARNING),),
        ),
        Case(
            title="the command takes the variable for a number",
            given=lambda: (
                _redis()
                .run("web", link="cache:redis", command=("sh", "-c", "dial ${REDIS_PORT:-6379}"))
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="redis"),),
        ),
        Case(
            title="a known setting of the image",
            given=lambda: (_redis().run("web", link="cache:redis", image="shop:1").snapshot(),),
            knowledge=_KNOWN,
            expect=(Expected(target="web", alias="redis"),),
        ),
        Case(
            title="two aliases of one source with one prefix",
            given=lambda: (
                World().run("one", expose=[80]).run("web", link=["one:a-2", "one:a_2"]).snapshot(),
            ),
        ),
        Case(
            title="two aliases whose variables have no name in common",
            given=lambda: (_two((80,), ()).snapshot(),),
        ),
        Case(
            title="engine 29 sets none",
            given=lambda: (_two((80,), (80,), engine="29.1.0").snapshot(),),
        ),
        Case(
            title="the target sets the number itself",
            given=lambda: (
                _redis()
                .run(
                    "web",
                    link="cache:redis",
                    script=_TAKES_A_NUMBER,
                    env={"REDIS_PORT": "6379"},
                )
                .snapshot(),
            ),
        ),
        Case(
            title="the script cuts the link's form",
            given=lambda: (
                _redis()
                .run(
                    "web",
                    link="cache:redis",
                    script="#!/bin/sh\nexec dial ${REDIS_PORT##*:} ${REDIS_PORT:-6379}\n",
                )
                .snapshot(),
            ),
        ),
        Case(
            title="engine 29 sets no such variable",
            given=lambda: (
                _redis("29.1.0").run("web", link="cache:redis", script=_TAKES_A_NUMBER).snapshot(),
            ),
        ),
        Case(
            title="a script that reads the variables of the link as they are",
            given=lambda: (
                _redis()
                .run(
                    "web",
                    link="cache:redis",
                    script="#!/bin/sh\nexec dial $REDIS_PORT_6379_TCP_ADDR\n",
                )
                .snapshot(),
            ),
        ),
    ),
)
