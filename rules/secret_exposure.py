"""A legacy link passes secrets of the source to its target.

## What it means

A link on the default bridge copies the source's whole environment, except `HOME` and `PATH`, into
the target's as `<ALIAS>_ENV_…`. Some of those variables hold secrets.

## Why it matters

Anything that can read the target's environment (its program, each child process, a page of debug
output, a crash report) has the source's password, whether the target needs it or not.

## How it is proved

A variable `<ALIAS>_ENV_…` in the environment of the target's *process*, which the target does not
set itself, has a name that ends like the name of a secret: `PASSWORD`, `SECRET`, `TOKEN`, `API_KEY`
and the like, word by word. **No value is read, kept or shown.**

## What it is not

`…_PASSWORD_FILE` holds a path, `ALLOW_EMPTY_PASSWORD` a switch, `MONKEY` and `TOKENIZER_PATH` are
other words. A variable of that form that the target sets itself does not come from the link. Links
on user-defined networks, and those of engine 29, pass on no variables.

## How to fix it

Move the target and its link to a user-defined network, give it only the variables that it needs,
and change the secrets: they may have been read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

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
)
from linkdoctor.rulekit.migration import to_network
from linkdoctor.rulekit.world import World

_WORD = re.compile(r"[A-Z]+|[0-9]+")
_SECRETS = frozenset(
    {"PASSWORD", "PASSWORDS", "PASSWD", "PASSPHRASE", "SECRET", "SECRETS", "TOKEN", "TOKENS"}
) | {
    "CREDENTIAL",
    "CREDENTIALS",
    "DBPASS",
    "PGPASS",
    "APIKEY",
    "SECRETKEY",
    "PRIVATEKEY",
    "ACCESSKEY",
}
_ENDINGS = ("PASSWORD", "PASSWD")
"""No other word ends so: `PGPASSWORD`."""
_OTHER_PASSES = frozenset({"PROXY", "FIRST", "SECOND", "SINGLE"})
"""Before `PASS`: a directive of a proxy, or a run over something."""
_KEYS = frozenset(
    {"API", "PRIVATE", "ACCESS", "SECRET", "ENCRYPTION", "SIGNING", "MASTER", "AUTH", "DEPLOY"}
)
"""Before `KEY`: a bare key may be anything, as the fingerprint in `GPG_KEY`."""
_SWITCHES = frozenset(
    {"ALLOW", "RANDOM", "REQUIRE", "REQUIRED", "ENABLE", "ENABLED", "DISABLE", "DISABLED", "NO"}
) | {"EMPTY", "USE", "GENERATE", "FORGOT", "RESET", "SHOW", "HIDE", "PUBLIC"}
"""They make a switch of what follows: `MYSQL_RANDOM_ROOT_PASSWORD=yes`."""


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a legacy link that puts names of secrets into the target's process."""
    handed = f"{link.prefix}_ENV_"
    names = [
        variable.name
        for variable in topology.variables_of(link)
        if variable.name.startswith(handed) and _names_a_secret(variable.name[len(handed) :])
    ]
    if not names:
        return
    names.sort()
    yield Hit(
        message=f"The link {link.alias} passes {len(names)} of {link.source_name}'s variables that "
        f"are named like secrets to {link.target.name}: {', '.join(names)}.",
        evidence=(
            Proof(
                what=f"variables of {link.alias} in the process of {link.target.name}",
                observed=", ".join(names),
                expected="none named like a secret",
                where=topology.read_from(link.target.process_environment),
            ),
        ),
        fixes=(
            to_network(topology, link.host, link.target),
            Fix(
                title=f"then change the secrets of {link.source_name}: whatever reads the "
                f"environment of {link.target.name} may have them",
                safety=Safety.MANUAL,
            ),
        ),
    )


@lru_cache(maxsize=1024)  # many containers have variables of the same names
def _names_a_secret(name: str) -> bool:
    words = _WORD.findall(name.upper())
    while words and words[-1].isdigit():
        words.pop()
    if not words or not _SWITCHES.isdisjoint(words[:-1]):
        return False
    if words[-3:] == ["SECRET", "KEY", "BASE"] or words[-2:] == ["MYSQL", "PWD"]:
        return True
    if words[-1] == "PASS":
        return _OTHER_PASSES.isdisjoint(words[:-1])
    if words[-1] == "KEY":
        return words[-2:-1] != [] and words[-2] in _KEYS
    return words[-1] in _SECRETS or words[-1].endswith(_ENDINGS)


def _handing(env: dict[str, str], *, engine: str = "20.10.24") -> World:
    return World(engine=engine).run("pg", expose=[5432], env=env).run("web", link="pg:db")


_SECRET_NAMES = {
    "POSTGRES_PASSWORD": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "PGPASSWORD": "x",
    "github_token": "x",
    "SECRET_KEY_BASE": "x",
    "API_KEY_2": "x",
    "DB_PASS": "x",
    "PASS": "x",
    "DBPASS": "x",
}
_OTHER_NAMES = {
    "MONKEY": "x",
    "COMPASS": "x",
    "PROXY_PASS": "http://app",
    "PASS_THROUGH": "yes",
    "GPG_KEY": "x",
    "TOKENIZER_PATH": "x",
    "POSTGRES_PASSWORD_FILE": "/run/secrets/pw",
    "ALLOW_EMPTY_PASSWORD": "yes",
    "TOKEN_TTL": "60",
    "PWD": "/",
    "AWS_ACCESS_KEY_ID": "x",
}


def _secret(name: str) -> Case:
    return Case(
        title=f"the source has {name}",
        given=lambda: (_handing({name: "x"}).snapshot(),),
        expect=(Expected(target="web", alias="db", severity=Severity.WARNING),),
    )


RULE = Rule(
    code="LD207",
    name="secret-exposure",
    severity=Severity.WARNING,
    since="0.1",
    summary="a legacy link passes secrets of the source to its target",
    needs=frozenset(
        {Need.DETAILS, Need.PROCESS_ENV, Need.LINK_ANSWER, Need.ENTRY_SCRIPT, Need.NETWORKS}
    ),
    check=EachLink(check, kind=LinkKind.LEGACY, up=True),
    cases=(
        *map(_secret, _SECRET_NAMES),
        Case(
            title="many secrets are one finding",
            given=lambda: (_handing(_SECRET_NAMES).snapshot(),),
            expect=(Expected(target="web", alias="db"),),
        ),
        Case(
            title="names that only look like those of secrets",
            given=lambda: (_handing(_OTHER_NAMES).snapshot(),),
        ),
        Case(
            title="the target sets such a variable itself",
            given=lambda: (
                World()
                .run("pg", expose=[5432])
                .run("web", link="pg:db", env={"DB_ENV_POSTGRES_PASSWORD": "x"})
                .snapshot(),
            ),
        ),
        Case(
            title="engine 29 hands nothing over",
            given=lambda: (_handing(_SECRET_NAMES, engine="29.1.0").snapshot(),),
        ),
        Case(
            title="a link on a user-defined network hands nothing over",
            given=lambda: (
                World()
                .network("back")
                .run("pg", network="back", env=_SECRET_NAMES)
                .run("web", network="back", link="pg:db")
                .snapshot(),
            ),
        ),
    ),
)
