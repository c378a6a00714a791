"""The source of a link keeps restarting, or its health check fails.

## What it means

The source is in a restart loop, even if it happens to run at this moment, or its health check
reports it as unhealthy.

## Why it matters

The link is correct, but the service behind it does not answer, or only now and then. A target that
starts while its source is between two restarts gets variables with an empty address.

## How it is proved

The engine's events show that the source died three times or more within the last ten minutes,
although nobody stopped it: an error. Or its state is *restarting* at this moment. Or its health is
*unhealthy*: then the exit code of the last check is shown, how many checks failed in a row, and
what the check's output says about peers that it cannot reach (the rest of the output may contain
anything and is never shown). If the engine counts three or more restarts, but its events do not
reach back far enough to tell when they were, the source is not judged. With `--probe` it is an
error if the link was tried and did not work.

## What it is not

A health check that still says *starting* is within its start period: the rule is skipped, since it
is too early to judge. A source that was stopped, killed or restarted by hand, however often, or
died once or twice, is not in a loop; nor is one that died a few times at first and has now run for
a minute, and twice as long as it did before. A job without a restart policy that ends with 0 and is
started again is intended. A source that is down for good is LD101.

## How to fix it

Look at the source's last log lines and at the full output of its health check; the fault is inside
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    Complaint,
    ComplaintKind,
    Container,
    Details,
    EachLink,
    Expected,
    Fix,
    Health,
    Hit,
    Link,
    MissingEvidence,
    Need,
    Probe,
    ProbeOutcome,
    Proof,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
    commands,
)
from linkdoctor.rulekit.history import words_of
from linkdoctor.rulekit.link_ports import judged_only_later
from linkdoctor.rulekit.probed import failed_probes
from linkdoctor.rulekit.restarts import MANY, Death, deaths_lately
from linkdoctor.rulekit.world import World

_HEALTH = "{{json .State.Health}}"
_MOST_SHOWN = 6


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report a link whose source is in a restart loop or unhealthy."""
    source = topology.source_of(link)
    if source is None:
        return
    details = topology.details(source)
    deaths: tuple[Death, ...] = ()
    missing: MissingEvidence | None = None
    try:
        deaths = deaths_lately(link.host, source, topology)
    except MissingEvidence as reason:
        missing = reason
    state = _loop(deaths) or _trouble(details)
    if not state:
        if missing is not None:
            raise missing
        if details.health is not None and details.health.status == "starting":
            judged_only_later(link.host, source, topology, Need.DETAILS)
        return
    command = (
        commands.inspect_format(_HEALTH, source.name)
        if details.status is Status.RUNNING and not deaths
        else commands.logs(source.name)
    )
    yield Hit(
        message=f"{link.target.name} reaches {source.name} as {link.alias}, but {source.name} is "
        f"{state}.",
        evidence=(
            Proof(
                what=f"state of {source.name}",
                observed=state,
                expected="running and not unhealthy",
                where=topology.read_from(source.details),
            ),
            *_times_of(source, deaths),
            *_last_check(source, details, topology),
        ),
        fixes=(
            Fix(
                title=f"see what {source.name} says",
                safety=Safety.MANUAL,
                commands=(command,),
            ),
        ),
        # A probe that failed shows what the state only makes likely.
        severity=Severity.ERROR if deaths or failed_probes(link, topology) else None,
    )


def _loop(deaths: Sequence[Death]) -> str:
    if not deaths:
        return ""
    code = f", the last time with exit code {deaths[-1].exit_code}"
    return (
        f"restarting over and over: it died {len(deaths)} times within ten minutes"
        f"{code if deaths[-1].exit_code >= 0 else ''}"
    )


def _times_of(source: Container, deaths: Sequence[Death]) -> Iterator[Proof]:
    if deaths:
        shown = [f"{each.time:%H:%M:%S}" for each in deaths[-_MOST_SHOWN:]]
        earlier = ["…"] if len(deaths) > len(shown) else []
        yield Proof(
            what=f"deaths of {source.name} that nobody requested",
            observed=f"{', '.join([*earlier, *shown])} UTC",
            expected=f"fewer than {MANY} within ten minutes",
            where="docker events",
        )


def _last_check(source: Container, details: Details, topology: Topology) -> Iterator[Proof]:
    """Yield how the last health check ended; of its output, what it says of peers."""
    health = details.health
    if details.status is not Status.RUNNING or health is None or health.exit_code is None:
        return
    streak = f", {health.failing_streak} times in a row" if health.failing_streak > 1 else ""
    where = topology.read_from(source.details)
    yield Proof(
        what=f"last health check of {source.name}",
        observed=f"exit code {health.exit_code}{streak}",
        expected="exit code 0",
        where=where,
    )
    for complaint in health.complaints:
        yield Proof(
            what=f"what the last health check of {source.name} says",
            observed=words_of(complaint),
            where=where,
        )


def _trouble(details: Details) -> str:
    if details.status is Status.RESTARTING:
        return f"being restarted (last exit code {details.exit_code})"
    if (
        details.status is Status.RUNNING
        and details.health is not None
        and details.health.status == "unhealthy"
    ):
        return "unhealthy"
    return ""


_REFUSED = Probe(alias="helloapp", port=5000, outcome=ProbeOutcome.REFUSED, address="172.17.0.2")


def _linked(health: str | None = None) -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000], health=health)
        .run("web", link="app:helloapp")
    )


def _looping() -> World:
    return (
        _linked()
        .die("app", "11:58:00", "11:58:40", "11:59:20", "11:59:50")
        .change("app", restart_count=4, restart_policy="always")
    )


RULE = Rule(
    code="LD106",
    name="source-not-ready",
    severity=Severity.WARNING,
    since="0.1",
    summary="the source of a link restarts over and over, or is unhealthy",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.EVENTS}),
    check=EachLink(check, up=True),
    explains=frozenset({"LD502", "LD510"}),
    cases=(
        Case(
            title="the health check fails",
            given=lambda: (_linked("unhealthy").snapshot(),),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="a restart loop",
            given=lambda: (
                _linked().change("app", status=Status.RESTARTING, exit_code=1).snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="the health check says whom the source cannot reach",
            given=lambda: (
                _linked()
                .change(
                    "app",
                    health=Health(
                        status="unhealthy",
                        exit_code=1,
                        failing_streak=3,
                        complaints=(Complaint(kind=ComplaintKind.REFUSED, host="db", port=5432),),
                    ),
                )
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp"),),
        ),
        Case(
            title="unhealthy, and a probe shows that it does not answer",
            given=lambda: (
                World()
                .run("app", expose=[5000], health="unhealthy")
                .run("web", link="app:helloapp", probes=[_REFUSED])
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="it runs at this moment, and died three times within ten minutes",
            given=lambda: (_looping().snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="no restart policy, but something starts it again whenever it fails",
            given=lambda: (_looping().change("app", restart_count=0).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="it died once or twice",
            given=lambda: (
                _linked()
                .die("app", "11:58:00", "11:59:50")
                .change("app", restart_count=2)
                .snapshot(),
            ),
        ),
        Case(
            title="it was restarted by hand several times",
            given=lambda: (
                _linked()
                .die("app", "11:57:00", "11:58:00", "11:59:00", "11:59:50", signal=True)
                .change("app", restart_count=0)
                .snapshot(),
            ),
        ),
        Case(
            title="it died some times until its own database was there, and has run since",
            given=lambda: (
                _linked()
                .die("app", "11:55:00", "11:55:10", "11:55:20", "11:55:30")
                .change("app", restart_count=4)
                .snapshot(),
            ),
        ),
        Case(
            title="it died three times, but long ago",
            given=lambda: (
                _linked()
                .die("app", "11:01:00", "11:11:10", "11:21:20")
                .change("app", restart_count=3)
                .snapshot(),
            ),
        ),
        Case(
            title="a job that ends well and is started again and again",
            given=lambda: (
                _linked()
                .die("app", "11:57:00", "11:58:00", "11:59:00", exit_code=0)
                .change("app", restart_count=0)
                .snapshot(),
            ),
        ),
        Case(title="healthy", given=lambda: (_linked("healthy").snapshot(),)),
        Case(title="within its start period", given=lambda: (_linked("starting").snapshot(),)),
        Case(title="without a health check", given=lambda: (_linked().snapshot(),)),
        Case(
            title="it failed before it was stopped",
            given=lambda: (
                _linked().change("app", health=Health(status="unhealthy")).stop("app").snapshot(),
            ),
        ),
    ),
)
