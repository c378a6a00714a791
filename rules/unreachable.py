"""A probe from the target's own network namespace does not reach the source.

## What it means

With `--probe`, linkdoctor resolved the alias as the target would and connected to each port that
the link promises. One step failed, and the message names it: the name does not resolve; the kernel
says that the address cannot be reached; the connection is refused; or nothing answers within two
seconds. A connection that takes more than a second to open is *slow*: packets get lost.

## Why it matters

The link does not work now, regardless of the configuration.

## How it is proved

The alias is looked up in the target's hosts file, then with its own resolver, including search
domains; of several addresses the first one is tried. Then a TCP connection is opened from within
the target's network namespace and closed at once; nothing is sent. *No route* is reported only if
the namespace has no route to the address: the kernel gives the same error for a neighbour that does
not answer and for a firewall's REJECT; the namespace's neighbour table tells which of them it is. A
firewall is blamed only if the source is known to listen on exactly that address or on all addresses
of its family. A rule of the host's firewall that may be the reason is shown. Ports that the target
is known to dial count. If none is known, it is reported only when no exposed port answers.

## What it is not

If another rule knows the reason, that rule reports it, and this one is among its consequences:
LD101, LD106, LD302, LD502, LD503 and others. Without `--probe` nothing is reported. A source that
has only just started may refuse for a while: it is too early to judge, and the rule is skipped. The
rule is also skipped if no port is known to be dialled and some of many exposed ones were not
probed. UDP is not probed. Addresses outside the networks of the containers examined are dialled
with `--probe-external` only; the target's own loopback never.

## How to fix it

It depends on the step that failed. Not reachable: check the routes of the target, which container
has the address, and whether a firewall has a REJECT. Refused although the source listens, or no
answer: look for firewall rules by hand, on the host (`DOCKER-USER`) and in the source's own
namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.rulekit import (
    Case,
    Container,
    EachLink,
    Expected,
    FirewallRule,
    Fix,
    Gap,
    Hit,
    Link,
    MissingEvidence,
    Need,
    Probe,
    ProbeCause,
    ProbeOutcome,
    Rule,
    Safety,
    Severity,
    Status,
    Topology,
    Unknown,
    commands,
)
from linkdoctor.rulekit.firewall import words_of_rule
from linkdoctor.rulekit.link_ports import judged_only_later
from linkdoctor.rulekit.probe_reports import (
    and_may_be,
    proof_of_probe,
    proof_of_rule,
    refusals_of,
    what_failed,
)
from linkdoctor.rulekit.probed import STEPS, failed_probes, probes_that_count
from linkdoctor.rulekit.world import World

_SLOW = 1000.0
_MOST_SHOWN = 4


def check(link: Link, topology: Topology) -> Iterator[Hit]:
    """Report the first step that failed on the way from a target to its source."""
    if (
        not topology.was_probed(link.host)
        or topology.details(link.target).status is not Status.RUNNING
    ):
        return
    probes = [each for each in topology.probes(link.target) if each.alias == link.alias]
    source = topology.source_or_namesake(link)
    matter = probes_that_count(link, topology)
    failed = failed_probes(link, topology)
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
    first = min(failed, key=lambda each: (STEPS.index(each.outcome), each.port or 0))
    alike = [each for each in failed if (each.outcome, each.cause) == (first.outcome, first.cause)]
    rules = refusals_of(link, first, topology)
    return Hit(
        message=f"A probe from {link.target.name} does not reach {link.source_name} as "
        f"{link.alias}: {what_failed(link, source, alike, topology)}{and_may_be(link, rules)}.",
        evidence=(
            *(proof_of_probe(link, each) for each in alike[:_MOST_SHOWN]),
            *(proof_of_rule(link, each, topology) for each in rules[:_MOST_SHOWN]),
        ),
        fixes=(_fix(link, source, first, rules),),
    )


def _fix(link: Link, source: Container | None, probe: Probe, rules: Sequence[FirewallRule]) -> Fix:
    target = link.target
    if rules:
        return Fix(
            title=f"add a rule before {words_of_rule(rules[0])} that accepts this traffic, or "
            "remove that rule where it is configured, as root on its host",
            safety=Safety.MANUAL,
            commands=(commands.shell("iptables", "-S", rules[0].chain),),
        )
    if probe.cause is ProbeCause.NO_NEIGHBOUR:
        # What an interface is asked for before any packet is sent passes no rule of iptables.
        inside = () if source is None else (_within(source, "ip", "address", "show"),)
        return Fix(
            title=f"check whether {link.source_name} still has {probe.address} on an interface "
            "that is up, and whether its other end is still attached to the bridge, as root on "
            "its host",
            safety=Safety.MANUAL,
            commands=(
                *inside,
                commands.shell("bridge", "link", "show"),
                _within(target, "ip", "neigh", "show", probe.address),
            ),
        )
    match probe.outcome:
        case ProbeOutcome.NO_NAME:
            return Fix(
                title=f"check what names resolve to in {target.name}",
                safety=Safety.MANUAL,
                commands=(
                    commands.shell(
                        "docker", "exec", target.name, "cat", "/etc/hosts", "/etc/resolv.conf"
                    ),
                ),
            )
        case ProbeOutcome.NO_ROUTE:
            return Fix(
                title=f"check the routes and neighbours of {target.name}, as root on its host",
                safety=Safety.MANUAL,
                commands=(
                    _within(target, "ip", "route", "get", probe.address),
                    _within(target, "ip", "neigh", "show", probe.address),
                ),
            )
        case _:
            inside = () if source is None else (_within(source, "iptables", "-S", "INPUT"),)
            return Fix(
                title="look for manually added firewall rules, as root on its host",
                safety=Safety.MANUAL,
                commands=(commands.shell("iptables", "-S", "DOCKER-USER"), *inside),
            )


def _within(container: Container, *words: str) -> str:
    """Return the command that runs a program of the host in a container's network namespace."""
    pid = commands.inspect_format("{{.State.Pid}}", container.name)
    return f'nsenter --net --target "$({pid})" {commands.shell(*words)}'


def _slowness(link: Link, slow: Sequence[Probe]) -> Hit:
    worst = max(slow, key=lambda each: each.milliseconds)
    return Hit(
        message=f"A probe from {link.target.name} reaches {link.source_name} as {link.alias}, but "
        f"slowly: port {worst.port} answers after {worst.milliseconds / 1000:.1f} s only.",
        evidence=tuple(proof_of_probe(link, each) for each in slow[:_MOST_SHOWN]),
        fixes=(
            Fix(
                title=f"look for lost packets between {link.target.name} and {link.source_name}",
                safety=Safety.MANUAL,
            ),
        ),
        severity=Severity.WARNING,
        key="slow",
    )


def _tried(
    outcome: ProbeOutcome,
    *,
    milliseconds: float = 1.0,
    cause: ProbeCause = ProbeCause.NOT_SHOWN,
    address: str = "172.17.0.2",
) -> World:
    probe = Probe(
        alias="helloapp",
        port=None if outcome is ProbeOutcome.NO_NAME else 5000,
        outcome=outcome,
        address="" if outcome is ProbeOutcome.NO_NAME else address,
        milliseconds=milliseconds,
        cause=cause,
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
    needs=frozenset(
        {
            Need.DETAILS,
            Need.LINK_ANSWER,
            Need.LISTENERS,
            Need.PROBES,
            Need.FIREWALL,
            Need.NETWORKS,
        }
    ),
    check=EachLink(check),
    cases=(
        Case(
            title="the name does not resolve",
            given=lambda: (_tried(ProbeOutcome.NO_NAME).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="there is no route",
            given=lambda: (_tried(ProbeOutcome.NO_ROUTE, cause=ProbeCause.NO_ROUTE).snapshot(),),
            expect=(Expected(target="web", alias="helloapp", severity=Severity.ERROR),),
        ),
        Case(
            title="the host's firewall rejects it, which looks like no route",
            given=lambda: (
                _tried(ProbeOutcome.NO_ROUTE, cause=ProbeCause.REJECTED)
                .filter(
                    FirewallRule(
                        chain="FORWARD", verdict="REJECT", reject_with="icmp-host-prohibited"
                    )
                )
                .snapshot(),
            ),
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
