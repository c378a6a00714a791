"""The target sets a variable itself that its link would set.

## What it means

`Config.Env` of the target, from the image or from `-e`, has a variable with the same name as one
that the link sets, and another value. The target's own value wins.

## Why it matters

Programs that read the variable get the target's value and not the source's address, at every start.
That is often intended.

## How it is proved

The names in `Config.Env` are compared with the variables that the engine would set for the link
today. Only the values of addresses, ports and protocols are compared.

## What it is not

A value that equals the link's changes nothing. `<ALIAS>_NAME` and `<ALIAS>_ENV_…` are not judged:
nothing connects by them. From engine 29 on links set no variables, and a link on a user-defined
network never did.

## How to fix it

If it is not intended, remove one of the two: the variable or the link.
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
    Proof,
    Rule,
    Safety,
    Severity,
    Topology,
    is_link_shaped,
    tells_a_place,
)
from linkdoctor.rulekit.world import World


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link whose variables the target's own settings replace."""
    source = topology.source_of(link)
    if source is None or not topology.is_running(source):
        return
    begins = f"{link.prefix}_"
    settings = topology.details(link.target).environment
    own = {
        each.name: each.value
        for each in settings
        if each.name.startswith(begins) and tells_a_place(each.name)
    }
    if not own:
        return
    theirs = {
        each.name: each.value or ""
        for each in topology.variables_today(link, source)
        # Of the target's own only such values were kept: others could not be compared.
        if tells_a_place(each.name) and is_link_shaped(each.name, each.value or "")
    }
    replaced = sorted(name for name in own.keys() & theirs.keys() if own[name] != theirs[name])
    if not replaced:
        return
    yield Hit(
        message=f"{link.target.name} sets {', '.join(replaced)} itself, so its program does not "
        f"get what the link {link.alias} would set for {source.name}.",
        evidence=tuple(
            Proof(
                what=name,
                observed=own[name] or "a value of its own",
                expected=theirs[name],
                where=f"Config.Env of {link.target.name}",
            )
            for name in replaced
        ),
        fixes=(
            Fix(
                title=f"if that is not intended, create {link.target.name} again without "
                f"{', '.join(replaced)}, or without the link",
                safety=Safety.MANUAL,
            ),
        ),
    )


def _own(
    env: dict[str, str], *, engine: str = "20.10.24", expose: tuple[int, ...] = (5432,)
) -> World:
    return World(engine=engine).run("pg", expose=expose).run("web", link="pg:db", env=env)


RULE = Rule(
    code="LD204",
    name="env-overridden",
    severity=Severity.INFO,
    since="0.1",
    summary="the target sets a variable itself that its link would set",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    cases=(
        Case(
            title="the target sets the port in its own way",
            given=lambda: (_own({"DB_PORT": "5432", "DB_NAME": "shop"}).snapshot(),),
            expect=(Expected(target="web", alias="db", severity=Severity.INFO),),
        ),
        Case(
            title="the target sets another address",
            given=lambda: (_own({"DB_PORT_5432_TCP_ADDR": "10.0.0.9"}).snapshot(),),
            expect=(Expected(target="web", alias="db", severity=Severity.INFO),),
        ),
        Case(
            title="the values are equal",
            given=lambda: (_own({"DB_PORT_5432_TCP_ADDR": "172.17.0.2"}).snapshot(),),
        ),
        Case(
            title="other variables with the alias's prefix",
            given=lambda: (_own({"DB_NAME": "shop", "DB_USER": "me"}).snapshot(),),
        ),
        Case(
            title="the source exposes nothing, so the link sets no port",
            given=lambda: (_own({"DB_PORT": "5432"}, expose=()).snapshot(),),
        ),
        Case(
            title="engine 29 sets nothing",
            given=lambda: (_own({"DB_PORT": "5432"}, engine="29.1.0").snapshot(),),
        ),
        Case(
            title="a link on a user-defined network sets nothing",
            given=lambda: (
                World()
                .network("back")
                .run("pg", network="back", expose=[5432])
                .run("web", network="back", link="pg:db", env={"DB_PORT": "5432"})
                .snapshot(),
            ),
        ),
    ),
)
