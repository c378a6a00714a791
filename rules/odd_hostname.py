"""The alias of a link is not a valid host name.

## What it means

Docker accepts any text as an alias. Host names consist of letters, digits and hyphens, with dots
between labels of at most 63 characters; and two names are already taken in every container:
`localhost` and its own hostname.

## Why it matters

`localhost` always leads to the container itself. If the alias is the target's own hostname, the
target confuses itself with the source. A space splits the line in the hosts file into two other
names. Many programs refuse `_` or a hyphen at the wrong end, and on a user-defined network `My-App`
is not found under `my-app`.

## How it is proved

The alias, letter by letter, and the hostname of the target, as inspect prints them. It is an error
if the name cannot lead to the source: `localhost`, the target's own hostname, white space, `#` in a
hosts file, a label too long for the DNS of a user-defined network. Anything else is info.

## What it is not

Dots are part of names. `project_service_1` is how Compose itself named its containers: nobody chose
such an alias of a target that Compose created.

## How to fix it

Create the target again with another alias, and make its program use that alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from linkdoctor.rulekit import (
    Case,
    EachLink,
    Expected,
    Hit,
    Link,
    LinkKind,
    Need,
    Proof,
    Rule,
    Severity,
    Topology,
)
from linkdoctor.rulekit.fixes import compose_service
from linkdoctor.rulekit.migration import with_alias
from linkdoctor.rulekit.world import World

_LONGEST_LABEL = 63
_LONGEST_NAME = 253
_MADE_BY_COMPOSE = re.compile(r"[a-z0-9][a-z0-9_-]*_[0-9]+")
_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""What nearly every alias looks like; nothing is odd about it."""
_NOT_IN_A_LABEL = re.compile(r"[^a-z0-9-]+")


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link with an alias that is hard or impossible to use."""
    plain = _PLAIN.fullmatch(link.alias) is not None and link.alias != "localhost"
    if plain and link.alias != topology.details(link.target).hostname.lower():
        return
    if why := _cannot_lead(link, topology):
        severity = Severity.ERROR
    elif why := _is_odd(link):
        severity = Severity.INFO
    else:
        return
    new = _better(link, topology)
    yield Hit(
        message=f"The alias {link.alias} of {link.source_name} in {link.target.name} {why}.",
        evidence=(
            Proof(
                what=f"alias of {link.source_name} in {link.target.name}",
                observed=link.alias,
                expected=f"a name such as {new}",
                where="inspect",
            ),
        ),
        fixes=(with_alias(topology, link, new),),
        severity=severity,
    )


def _cannot_lead(link: Link, topology: Topology) -> str:
    """Say why the name does not lead to the source; '' if it may."""
    legacy = link.kind is LinkKind.LEGACY
    if link.alias.lower() == "localhost":
        return "always means the container itself, never the source"
    if link.alias.lower() == topology.details(link.target).hostname.lower():
        return (
            f"is the hostname of {link.target.name} itself, which mistakes {link.source_name} for "
            "itself"
            if legacy
            else f"is the hostname of {link.target.name} itself, and leads there"
        )
    if any(map(str.isspace, link.alias)):
        return "contains white space, so no program can look it up"
    if legacy and "#" in link.alias:
        return "contains a #, which starts a comment in a hosts file"
    if not legacy and _is_too_long(link.alias):
        return "is too long for the DNS, so no program can look it up"
    return ""


def _is_odd(link: Link) -> str:
    """Say what is odd about the name; '' if nothing."""
    alias = link.alias
    labels = alias.split(".")
    if _is_too_long(alias):
        return "is longer than host names may be"
    if any(not label or label.startswith("-") or label.endswith("-") for label in labels):
        return "has a hyphen or a dot where host names may not have one, which some programs refuse"
    if _NOT_IN_A_LABEL.search(alias.lower().replace(".", "").replace("_", "")):
        return "has characters that host names may not have, which many programs refuse"
    if "_" in alias:
        composed = compose_service(link.target) is not None and _MADE_BY_COMPOSE.fullmatch(alias)
        return "" if composed else "has an underscore, which some programs refuse in a host"
    if alias != alias.lower():
        if link.kind is LinkKind.NETWORK:
            return "has upper case: programs that ask for it in lower case do not find it"
        return "has upper case, which programs may change"
    return ""


def _is_too_long(alias: str) -> bool:
    return len(alias) > _LONGEST_NAME or max(map(len, alias.split("."))) > _LONGEST_LABEL


def _better(link: Link, topology: Topology) -> str:
    """Return a good name that the target does not have yet."""
    taken = {"localhost", topology.details(link.target).hostname.lower()}
    taken |= {
        each.alias.lower()
        for each in topology.links_of(link.host, link.target)
        if each.alias != link.alias
    }
    for name in (_as_name(link.alias), _as_name(link.source_name)):
        if name and name not in taken:
            return name
    base = _as_name(link.source_name) or "source"
    return next(name for n in range(2, 10**6) if (name := f"{base}-{n}") not in taken)


def _as_name(text: str) -> str:
    labels = (
        _NOT_IN_A_LABEL.sub("-", label)[:_LONGEST_LABEL].strip("-")
        for label in text.lower().split(".")
    )
    return ".".join(label for label in labels if label)[:_LONGEST_NAME].strip(".-")


def _linked(alias: str, *, engine: str = "20.10.24", hostname: str | None = None) -> World:
    return (
        World(engine=engine)
        .run("app", expose=[5000], listen=[5000])
        .run("web", link=f"app:{alias}", hostname=hostname)
    )


def _on_network(alias: str, *, hostname: str | None = None) -> World:
    return (
        World()
        .network("back")
        .run("app", network="back", expose=[5000], listen=[5000])
        .run("web", network="back", link=f"app:{alias}", hostname=hostname)
    )


def _odd(alias: str, severity: Severity = Severity.INFO) -> Case:
    return Case(
        title=f"the alias {alias!r}"[:60],
        given=lambda: (_linked(alias).snapshot(),),
        expect=(Expected(target="web", alias=alias, severity=severity),),
    )


_COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
_LONG = "x" * 64

RULE = Rule(
    code="LD308",
    name="odd-hostname",
    severity=Severity.INFO,
    since="0.1",
    summary="the alias of a link is not a valid host name",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER}),
    check=EachLink(check, up=True),
    explains=frozenset({"LD302", "LD303", "LD304", "LD510"}),
    precedence=20,
    cases=(
        *map(_odd, ("a_b", "My-App", "-app", "app-", "a..b", "caf\u00e9", _LONG)),
        *(_odd(alias, Severity.ERROR) for alias in ("localhost", "LocalHost", "my app", "a#b")),
        Case(
            title="the target's own hostname",
            given=lambda: (_linked("me", hostname="me").snapshot(),),
            expect=(Expected(target="web", alias="me", severity=Severity.ERROR),),
        ),
        Case(
            title="the target's own hostname on a user-defined network",
            given=lambda: (_on_network("me", hostname="me").snapshot(),),
            expect=(Expected(target="web", alias="me", severity=Severity.ERROR),),
        ),
        Case(
            title="a label too long for the DNS",
            given=lambda: (_on_network(_LONG).snapshot(),),
            expect=(Expected(target="web", alias=_LONG, severity=Severity.ERROR),),
        ),
        Case(title="a plain name", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="a dotted name with hyphens and digits",
            given=lambda: (_linked("db-1.example.com").snapshot(),),
        ),
        Case(
            title="a name that Compose made",
            given=lambda: (
                World()
                .run("shop_db_1", expose=[5432])
                .run("shop_web_1", link=["shop_db_1:db", "shop_db_1:shop_db_1"], labels=_COMPOSE)
                .snapshot(),
            ),
        ),
        Case(
            title="a target that has stopped",
            given=lambda: (_linked("a_b").stop("web").snapshot(),),
        ),
    ),
)
