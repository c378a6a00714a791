"""A probe from the target's own network namespace does not reach the source.

## What it means

With `--probe`, linkdoctor resolved the alias as the target would and connected to each port that
the link promises. One step failed, and it is named: the name does not resolve; there is no route;
the connection is refused; or nothing answers within two seconds, since something on the way drops
it. A connection that stands only after more than a second is *slow*: packets get lost.

## Why it matters

Whatever the configuration says, the link does not work now.

## How it is proved

The alias is looked up in the target's hosts file, then with its own resolver, search domains and
all; of several addresses the first one is tried. Then a TCP connection is opened from within the
target's network namespace and closed at once; nothing is sent. Ports that the target is known to
dial count; where none is known, not one exposed port may answer.

## What it is not

Where another rule knows the reason, that rule reports it, and this one is among its consequences:
LD101, LD302, LD502, LD503 and others. Without `--probe` nothing is said. A source that has only
just started may refuse for a while: then it is too early to judge, and the rule is skipped. So it
is where no port is known to be dialled and some of many exposed ones were not probed. UDP is not
probed. Addresses outside the networks of the containers examined are dialled with
`--probe-external` only; the target's own loopback never.

## How to mend it

It depends on the step that failed. No route: look at the routes of the target. Refused though the
source listens, or no answer: look for firewall rules by hand, on the host (`DOCKER-USER`) and in
the source's own namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.model import commands
from linkdoctor.model.evidence import Gap, MissingEvidence, Need, Unknown
from linkdoctor.model.ports import Door, dialled_ports, door_of, judged_only_later, starting
from linkdoctor.model.report import Fix, Proof, Safety, Severity
from linkdoctor.model.snapshot import Container, Probe, ProbeOutcome, Status
from linkdoctor.model.topology import Link, Topology
from linkdoctor.model.world import World
from linkdoctor.rulekit import Case, EachLink, Expected, Hit, Rule

_SLOW = 1000.0
_STEPS = (
    ProbeOutcome.NO_NAME,
    ProbeOutcome.NO_ROUTE,
    ProbeOutcome.REFUSED,
    ProbeOutcome.TIMED_OUT,
)
"""The steps of a connection that can fail, the first one first."""


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report the first step that failed on the way from a target to its source."""
    if (
        not topology.was_probed(link.host)
        or topology.details(link.target).status is not Status.RUNNING
    ):
        return
    probes = [each for each in topology.probes(link.target) if each.alias == link.alias]
    matter = _that_matter(probes, link, topology)
    source = topology.source_shown(link)
    early = starting(link.host, source, topology) if source is not None else None
    cut = any(each.outcome is ProbeOutcome.LEFT_OUT for each in matter)
    failed = [
        each
        for each in matter
        if each.outcome in _STEPS
        if not (early and each.outcome is ProbeOutcome.REFUSED)
        # Where no port is known to be dialled, one of those left out may answer.
        if not (cut and each.outcome is not ProbeOutcome.NO_NAME)
    ]
    if failed:
        yield _failure(link, source, failed, topology)
    slow = [
        each
        for each in probes
        if each.outcome is ProbeOutcome.CONNECTED and each.milliseconds > _SLOW
    ]
    if slow and not failed:
        yield _slowness(link, slow)
    for each in matter:
        if each.outcome in (ProbeOutcome.NOT_TRIED, ProbeOutcome.LEFT_OUT):
            raise MissingEvidence(
                Need.PROBES, f"{link.target.name}/{link.alias}", _why_not_tried(each)
            )
    if source is not None and any(each.outcome is ProbeOutcome.REFUSED for each in matter):
        judged_only_later(link.host, source, topology, Need.PROBES)


def _that_matter(probes: Sequence[Probe], link: Link, topology: Topology) -> list[Probe]:
    if any(each.port is None for each in probes):
        return [each for each in probes if each.port is None]
    dialled = dialled_ports(link, topology)
    if dialled:
        return [each for each in probes if each.port in dialled]
    if any(each.outcome is ProbeOutcome.CONNECTED for each in probes):
        return []
    return list(probes)


def _why_not_tried(probe: Probe) -> Unknown:
    if probe.outcome is ProbeOutcome.LEFT_OUT:
        return Unknown(
            gap=Gap.CUT, detail="there are more ports than are probed: some were left out"
        )
    if not probe.address:
        return Unknown(
            gap=Gap.TIMED_OUT, detail="no time was left (--timeout sets how long to wait)"
        )
    return Unknown(
        gap=Gap.NOT_COLLECTED,
        detail=f"{probe.address} is outside the networks of the containers examined; "
        "--probe-external dials it",
    )


def _failure(
    link: Link, source: Container | None, failed: Sequence[Probe], topology: Topology
) -> Hit:
    first = min(failed, key=lambda each: (_STEPS.index(each.outcome), each.port or 0))
    alike = [each for each in failed if each.outcome is first.outcome]
    return Hit(
        message=f"A probe from {link.target.name} does not reach {link.source_name} as "
        f"{link.alias}: {_what_failed(link, source, alike, topology)}.",
        evidence=tuple(_proof(link, each) for each in alike[:_MOST_SHOWN]),
        fixes=(_fix(link, source, first),),
    )


_MOST_SHOWN = 4


def _what_failed(
    link: Link, source: Container | None, alike: Sequence[Probe], topology: Topology
) -> str:
    first = alike[0]
    where = f"port {', '.join(str(each.port) for each in alike)} at {first.address}"
    match first.outcome:
        case ProbeOutcome.NO_NAME:
            return "neither its hosts file nor its resolver knows the name"
        case ProbeOutcome.NO_ROUTE:
            return f"it has no route to {first.address}"
        case ProbeOutcome.REFUSED:
            listens = source is not None and _listens(source, first, topology)
            reason = f", though {link.source_name} listens there: a firewall refuses it"
            return f"{where} is refused{reason if listens else ''}"
        case _:
            nobody = topology.holder_of(link.host, first.address) is None
            who = "nobody has that address" if nobody else "something on the way drops it"
            return f"{where} does not answer within {first.milliseconds / 1000:.0f} s: {who}"


def _listens(source: Container, probe: Probe, topology: Topology) -> bool:
    return probe.port is not None and (
        door_of(probe.port, topology.listeners_if_had(source)) is Door.OPEN
    )


def _proof(link: Link, probe: Probe) -> Proof:
    if probe.port is None:
        observed = probe.outcome.value
    else:
        observed = (
            f"{probe.address}:{probe.port}: {probe.outcome.value}, after {probe.milliseconds:g} ms"
        )
    return Proof(
        what=f"probe of {link.alias} from {link.target.name}",
        observed=observed,
        expected="connected",
        where=f"network namespace of {link.target.name}",
    )


def _fix(link: Link, source: Container | None, probe: Probe) -> Fix:
    target = link.target
    match probe.outcome:
        case ProbeOutcome.NO_NAME:
            return Fix(
                title=f"look at what names mean in {target.name}",
                safety=Safety.MANUAL,
                commands=(
                    commands.shell(
                        "docker", "exec", target.name, "cat", "/etc/hosts", "/etc/resolv.conf"
                    ),
                ),
            )
        case ProbeOutcome.NO_ROUTE:
            return Fix(
                title=f"look at the routes of {target.name}, as root on its host",
                safety=Safety.MANUAL,
                commands=(_within(target, "ip", "route", "get", probe.address),),
            )
        case _:
            inside = () if source is None else (_within(source, "iptables", "-S", "INPUT"),)
            return Fix(
                title="look for firewall rules that were added by hand, as root on its host",
                safety=Safety.MANUAL,
                commands=(commands.shell("iptables", "-S", "DOCKER-USER"), *inside),
            )


def _within(container: Container, *words: str) -> str:
    """Give the command that runs a program of the host in a container's network namespace."""
    pid = commands.inspect_format("{{.State.Pid}}", container.name)
    return f'nsenter --net --target "$({pid})" {commands.shell(*words)}'


def _slowness(link: Link, slow: Sequence[Probe]) -> Hit:
    worst = max(slow, key=lambda each: each.milliseconds)
    return Hit(
        message=f"A probe from {link.target.name} reaches {link.source_name} as {link.alias}, but "
        f"slowly: port {worst.port} answers after {worst.milliseconds / 1000:.1f} s only.",
        evidence=tuple(_proof(link, each) for each in slow[:_MOST_SHOWN]),
        fixes=(
            Fix(
                title=f"look for lost packets between {link.target.name} and {link.source_name}",
                safety=Safety.MANUAL,
            ),
        ),
        severity=Severity.WARNING,
        key="slow",
    )


def _tried(outcome: ProbeOutcome, *, milliseconds: float = 1.0) -> World:
    address = "" if outcome is ProbeOutcome.NO_NAME else "172.17.0.2"
    probe = Probe(
        alias="helloapp",
        port=None if outcome is ProbeOutcome.NO_NAME else 5000,
        outcome=outcome,
        address=address,
        milliseconds=milliseconds,
    )
    return _with_probes(probe)


def _with_probes(*probes: Probe, started_at: str = "2026-01-01T10:00:00Z") -> World:
    return (
        World()
        .run("app", expose=[5000, 6000], listen=[5000, 6000], started_at=started_at)
        .run("web", link="app:helloapp", probes=probes)
    )


def _probe(port: int, outcome: ProbeOutcome, address: str = "172.17.0.2") -> Probe:
    return Probe(alias="helloapp", port=port, outcome=outcome, address=address, milliseconds=1.0)


RULE = Rule(
    code="LD510",
    name="unreachable",
    severity=Severity.ERROR,
    since="0.1",
    summary="a probe from the target's own network namespace does not reach the source",
    needs=frozenset({Need.DETAILS, Need.LINK_ANSWER, Need.LISTENERS, Need.PROBES}),
    check=EachLink(check),
    cases=(
        Case(
            title="the name does not resolve",
            given=lambda: (_tried(ProbeOutcome.NO_NAME).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="there is no route",
            given=lambda: (_tried(ProbeOutcome.NO_ROUTE).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a firewall refuses",
            given=lambda: (_tried(ProbeOutcome.REFUSED).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="a firewall drops",
            given=lambda: (_tried(ProbeOutcome.TIMED_OUT, milliseconds=2000).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="connected, but slowly",
            given=lambda: (_tried(ProbeOutcome.CONNECTED, milliseconds=1030).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.WARNING),),
        ),
        Case(
            title="the port that the target dials is refused, though another answers",
            given=lambda: (
                World()
                .run("app", expose=[5000, 6000], listen=[5000, 6000])
                .run(
                    "web",
                    link="app:helloapp",
                    env={"API_URL": "http://helloapp:6000/"},
                    probes=[
                        _probe(5000, ProbeOutcome.CONNECTED),
                        _probe(6000, ProbeOutcome.REFUSED),
                    ],
                )
                .snapshot(),
            ),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="connected",
            given=lambda: (_tried(ProbeOutcome.CONNECTED).snapshot(),),
        ),
        Case(
            title="one of the exposed ports answers, and none is known to be dialled",
            given=lambda: (
                _with_probes(
                    _probe(5000, ProbeOutcome.CONNECTED), _probe(6000, ProbeOutcome.REFUSED)
                ).snapshot(),
            ),
        ),
        Case(
            title="the source has only just started",
            given=lambda: (
                _with_probes(
                    _probe(5000, ProbeOutcome.REFUSED),
                    _probe(6000, ProbeOutcome.REFUSED),
                    started_at="2026-01-01T11:59:55Z",
                ).snapshot(),
            ),
        ),
        Case(
            title="an address outside, which is not dialled without being asked for",
            given=lambda: (
                _with_probes(_probe(5000, ProbeOutcome.NOT_TRIED, "10.9.9.9")).snapshot(),
            ),
        ),
        Case(
            title="of many exposed ports only some were probed, and those refuse",
            given=lambda: (
                _with_probes(
                    _probe(5000, ProbeOutcome.REFUSED), _probe(6000, ProbeOutcome.LEFT_OUT)
                ).snapshot(),
            ),
        ),
        Case(title="not probed", given=lambda: (World.tutorial().snapshot(),)),
        Case(
            title="the target does not run",
            given=lambda: (_tried(ProbeOutcome.REFUSED).stop("web").snapshot(),),
        ),
    ),
)
