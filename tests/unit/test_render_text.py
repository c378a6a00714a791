"""The report for a person."""

from __future__ import annotations

import re

import msgspec
import pyte
import pytest

from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import (
    Completeness,
    Finding,
    Fix,
    HostSummary,
    Proof,
    Report,
    Safety,
    Severity,
    Skipped,
    Summary,
    Verdict,
)
from linkdoctor.model.snapshot import Snapshot, Tool
from linkdoctor.render.evidence_lines import evidence_summaries
from linkdoctor.render.layout import width_of
from linkdoctor.render.text import render_text
from linkdoctor.rulekit.world import World

HOSTILE = "evil\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u200b\ud800\nnext"


def finding(target: str = "web", **changes: object) -> Finding:
    base = Finding(
        code="LD201",
        name="stale-env",
        severity=Severity.ERROR,
        host="host1",
        target=target,
        source="app",
        alias="helloapp",
        message=f"{target} was started when app had 172.17.0.2; app has 172.17.0.4 today.",
        evidence=(
            Proof(
                what="HELLOAPP_PORT_5000_TCP_ADDR",
                observed="172.17.0.2",
                expected="172.17.0.4",
                where="/proc/4929/environ",
            ),
        ),
        fixes=(
            Fix(
                title=f"restart {target}",
                safety=Safety.RESTART,
                commands=(f"docker restart {target}",),
            ),
        ),
        fingerprint=f"print-{target}",
        docs="linkdoctor explain LD201",
    )
    return msgspec.structs.replace(base, **changes)


def host(name: str = "host1", **changes: object) -> HostSummary:
    base = HostSummary(
        name=name,
        endpoint="unix:///var/run/docker.sock",
        engine="Docker 20.10.24",
        containers=5,
        links=3,
        evidence=Completeness.COMPLETE,
    )
    return msgspec.structs.replace(base, **changes)


LOST = host("tcp://b:2375", engine="", containers=0, links=0, evidence=Completeness.PARTIAL)
LOST_SKIP = Skipped(
    code="LD002",
    host="tcp://b:2375",
    subject="tcp://b:2375",
    missing="the engine",
    reason="no engine at tcp://b:2375: connection refused",
)
DENIED = Skipped(
    code="LD201",
    host="host1",
    subject="web/helloapp",
    missing="environment of the running process of web",
    reason="not permitted",
)


def report(
    *findings: Finding,
    hosts: tuple[HostSummary, ...] = (host(),),
    skipped: tuple[Skipped, ...] = (),
    verdict: Verdict | None = None,
    suppressed: int = 0,
) -> Report:
    counts = {
        severity.value: sum(each.severity is severity for each in findings) for severity in Severity
    }
    if verdict is None:
        verdict = (
            Verdict.UNHEALTHY
            if counts["error"]
            else (Verdict.INCOMPLETE if skipped else Verdict.HEALTHY)
        )
    return Report(
        tool=Tool(name="linkdoctor", version="0"),
        taken_at="2026-01-01T12:00:00Z",
        hosts=hosts,
        summary=Summary(verdict=verdict, suppressed=suppressed, skipped=len(skipped), **counts),
        findings=findings,
        skipped=skipped,
    )


def text(of: Report, width: int = 80, **options: object) -> str:
    return render_text(of, width=width, colour=False, **options)  # type: ignore[arg-type]


# --- the verdict ----------------------------------------------------------------------------


def test_healthy_is_one_line() -> None:
    assert text(report()) == "✓ healthy: 3 links between 5 containers on host1\n"


def test_healthy_without_links_says_so() -> None:
    shown = text(report(hosts=(host(links=0),)))
    assert shown == "✓ healthy: no links among 5 containers on host1\n"


def test_one_of_each_is_singular() -> None:
    shown = text(report(hosts=(host(links=1, containers=1),)))
    assert shown == "✓ healthy: 1 link between 1 container on host1\n"


def test_healthy_on_several_hosts_adds_up() -> None:
    shown = text(report(hosts=(host(), host("host2"))))
    assert shown == "✓ healthy: 6 links between 10 containers on 2 hosts\n"


def test_errors_come_first() -> None:
    warned = finding("db", severity=Severity.WARNING, source="x")
    first = text(report(finding(), finding("api", source="y"), warned)).splitlines()[0]
    assert first == "✗ 2 errors, 1 warning on host1: 5 containers, 3 links examined"


def test_warnings_alone_are_not_called_healthy() -> None:
    first = text(report(finding(severity=Severity.WARNING))).splitlines()[0]
    assert first == "! 1 warning on host1: 5 containers, 3 links examined"


def test_incomplete_says_what_was_lacking_and_what_to_do() -> None:
    shown = text(report(skipped=(DENIED,)))
    assert shown.startswith("? incomplete: 1 check lacked evidence; nothing wrong found on host1")
    assert "environment of the running process of web: not permitted" in shown
    assert "→ run linkdoctor as root" in shown


def test_the_only_engine_unreachable_says_why_in_the_verdict() -> None:
    shown = text(report(hosts=(LOST,), skipped=(LOST_SKIP,)), quiet=True)
    assert shown == (
        "? incomplete: the engine could not be asked: "
        "no engine at tcp://b:2375: connection refused\n"
    )


def test_one_of_two_engines_unreachable() -> None:
    shown = text(report(hosts=(host(), LOST), skipped=(LOST_SKIP,)))
    assert shown.startswith(
        "? incomplete: 1 of 2 engines could not be asked; nothing wrong found on host1"
    )
    assert "not asked: no engine at tcp://b:2375: connection refused" in shown


def test_unreachable_engines_do_not_hide_errors() -> None:
    shown = text(report(finding(), hosts=(host(), LOST), skipped=(LOST_SKIP,)))
    first = shown.splitlines()[0]
    assert first.startswith("✗ 1 error on host1")
    assert first.endswith("1 of 2 engines could not be asked")


def test_quiet_shows_the_verdict_only() -> None:
    assert len(text(report(finding()), quiet=True).splitlines()) == 1


def test_quiet_and_healthy_shows_nothing() -> None:
    assert text(report(), quiet=True) == ""


def test_a_note_stands_above_all() -> None:
    assert text(report(), note="A recording.").startswith("A recording.\n✓ healthy")


# --- findings -------------------------------------------------------------------------------


def test_a_finding_in_full() -> None:
    assert text(report(finding(consequences=("LD302",))), names={"LD302": "hosts-mismatch"}) == (
        "✗ 1 error on host1: 5 containers, 3 links examined\n"
        "\n"
        "ERROR   LD201 stale-env   web → app as helloapp\n"
        "  web was started when app had 172.17.0.2; app has 172.17.0.4 today.\n"
        "  HELLOAPP_PORT_5000_TCP_ADDR: observed 172.17.0.2, expected 172.17.0.4\n"
        "    (/proc/4929/environ)\n"
        "  also causes: LD302 hosts-mismatch\n"
        "  fix: restart web [restart]\n"
        "      docker restart web\n"
        "  to ignore it: --ignore LD201@web/helloapp\n"
    )


def test_the_host_is_named_where_there_are_several() -> None:
    assert "as helloapp   on host1" in text(report(finding(), hosts=(host(), host("host2"))))


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_no_line_is_too_wide_but_the_verdict_and_commands(width: int) -> None:
    long = finding(message="word " * 60, target="a-rather-long-name-of-a-container-indeed")
    shown = text(report(long, finding(), skipped=(DENIED, LOST_SKIP)), width, verbose=True)
    for line in shown.splitlines()[1:]:
        assert width_of(line) <= width or line.startswith("      docker"), line


def test_commands_are_never_broken() -> None:
    command = "docker run -d " + " ".join(f"--link app{n}:a{n}" for n in range(40)) + " image"
    fix = Fix(title="run it", safety=Safety.RECREATE, commands=(command,))
    assert f"\n      {command}\n" in text(report(finding(fixes=(fix,))), 40)


def test_commands_for_another_engine_are_marked() -> None:
    elsewhere = host(endpoint="tcp://10.0.0.5:2375")
    assert "meant for the engine at tcp://10.0.0.5:2375" in text(
        report(finding(), hosts=(elsewhere,))
    )
    assert "meant for" not in text(report(finding()))


def test_many_targets_of_one_source_are_one_block() -> None:
    names = [f"web{number}" for number in range(10)]
    shown = text(report(*(finding(name) for name in names)))
    assert shown.count("LD201 stale-env") == 1
    assert "10 containers → app as helloapp" in shown
    assert "likewise: web1, web2" in shown
    assert f"      docker restart {' '.join(names)}\n" in shown
    assert "fix: restart web0, web1, web2, web3 and 6 more [restart]" in shown


def test_of_many_targets_the_first_is_proved_and_the_others_on_demand() -> None:
    def proved(name: str) -> Finding:
        return finding(name, evidence=(Proof(what=f"address in {name}", observed="172.17.0.2"),))

    of = report(proved("a"), proved("b"), proved("c"))
    shown = text(of)
    assert "address in a" in shown
    assert "address in b" not in shown
    assert "and 2 proofs for the others (-v shows them)" in shown
    assert "address in b" in text(of, verbose=True)


def test_two_sources_stay_apart() -> None:
    shown = text(report(finding("a"), finding("b", source="db", alias="db")))
    assert shown.count("LD201 stale-env") == 2


def test_without_a_source_nothing_is_put_together() -> None:
    shown = text(report(finding("a", source=""), finding("b", source="")))
    assert shown.count("LD201 stale-env") == 2


def test_one_target_with_two_aliases() -> None:
    shown = text(report(finding(alias="one"), finding(alias="two")))
    assert "web → app as one and two" in shown
    assert shown.count("docker restart web") == 1


def test_steps_that_cannot_be_joined_follow_one_another() -> None:
    def recreate(name: str) -> Finding:
        commands = (f"docker rm -f {name}", f"docker run --name {name} image")
        title = f"recreate {name} and remove {name}-before"
        fix = Fix(title=title, safety=Safety.RECREATE, commands=commands)
        return finding(name, fixes=(fix,))

    shown = text(report(recreate("a"), recreate("b")))
    assert "fix: recreate a and remove a-before; likewise b [recreate]" in shown
    assert "or:" not in shown
    lines = [line.strip() for line in shown.splitlines()]
    start = lines.index("docker rm -f a")
    assert lines[start : start + 4] == [
        "docker rm -f a",
        "docker run --name a image",
        "docker rm -f b",
        "docker run --name b image",
    ]


def test_what_another_target_needs_is_no_choice() -> None:
    def fixed(name: str, *titles: str) -> Finding:
        fixes = tuple(Fix(title=title, safety=Safety.RECREATE, commands=()) for title in titles)
        return finding(name, fixes=fixes)

    shown = text(
        report(
            fixed("a", "recreate a", "by hand: recreate a"),
            fixed("b", "recreate b through its Compose project"),
            fixed("c", "recreate c"),
        )
    )
    lines = [line.strip() for line in shown.splitlines()]
    assert [line for line in lines if line.startswith(("fix:", "or:", "and:"))] == [
        "fix: recreate a and c [recreate]",
        "or:  by hand: recreate a [recreate]",
        "and: recreate b through its Compose project [recreate]",
    ]


def test_a_shared_step_is_shown_once() -> None:
    def both(name: str) -> Finding:
        commands = ("docker start app", f"docker restart {name}")
        fix = Fix(title="start app, then its targets", safety=Safety.RESTART, commands=commands)
        return finding(name, fixes=(fix,))

    shown = text(report(both("a"), both("b")))
    assert shown.count("docker start app") == 1
    assert "      docker restart a b\n" in shown


def test_verbose_shows_the_background() -> None:
    world = World().run("app").run("web", link="app")
    shown = text(
        report(finding(), skipped=(DENIED,), suppressed=2),
        verbose=True,
        seen=evidence_summaries([world.snapshot()]),
    )
    assert "fingerprint: print-web; page: linkdoctor explain LD201" in shown
    assert "2 findings suppressed" in shown
    assert "LD201 web/helloapp: no environment of the running process of web" in shown
    assert "app: read from inspect, /proc/" in shown


def told(*snapshots: Snapshot, width: int = 500) -> list[str]:
    """What verbose tells of the places of evidence."""
    shown = text(report(), width, verbose=True, seen=evidence_summaries(snapshots))
    return [line.strip() for line in shown.splitlines() if line.startswith("  ")]


def test_verbose_tells_where_the_evidence_of_the_host_is_from() -> None:
    assert told(World().snapshot())[0] == (
        "host host1: networks from GET /networks; addresses, listening sockets, routes, "
        "interfaces from netlink; firewall from iptables-save; environment of the engine from "
        "/proc/1/environ; events from GET /events"
    )


def test_verbose_tells_the_places_of_a_container_once_each() -> None:
    world = World().run("app", listen=[5000], answers={"db": []}, complaints=[])
    (line,) = [line for line in told(world.snapshot()) if line.startswith("app: ")]
    assert re.fullmatch(
        r"app: read from inspect, /proc/\d+, /proc, …/hostconfig.json, "
        r"its own resolver, docker logs",
        line,
    )


def test_a_gap_of_many_containers_is_told_once() -> None:
    world = World()
    gap = Unknown(gap=Gap.DENIED, detail="not permitted")
    for number in range(200):
        world.run(f"web{number}")
        world.unknown(f"web{number}", "listeners", gap)
        world.unknown(f"web{number}", "process_environment", gap)
    (line,) = [line for line in told(world.snapshot(), width=2000) if line.startswith("no ")]
    assert line.startswith("no environment, sockets of web0, ")
    assert line.endswith(" and 188 more: not permitted")


def test_gaps_are_told_apart_by_their_reasons_and_what_they_kept_away() -> None:
    world = World().run("app").run("db").run("web").stop("web")
    world.unknown("app", "listeners", Unknown(gap=Gap.DENIED, detail="not permitted"))
    world.unknown("db", "listeners", Unknown(gap=Gap.VANISHED, detail="it was gone"))
    world.unknown("web", "resolver", Unknown(gap=Gap.DENIED, detail="not permitted"))
    found = [line for line in told(world.snapshot()) if line.startswith("no ")]
    assert found == [
        "no sockets of app: not permitted",
        "no sockets of db: it was gone",
        "no resolver of web: not permitted",
    ]


def test_the_gaps_of_a_host_name_the_host() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="run as root")
    bare = msgspec.structs.replace(
        World().run("app").snapshot(), firewall=denied, routes=denied, events=denied
    )
    assert "no firewall, routes, events of host host1: run as root" in told(bare)


def test_what_was_not_asked_for_is_one_line() -> None:
    found = told(World().run("app").run("web").snapshot())
    assert found[-1] == "not asked for: probes (--probe) and log (--logs)"
    assert not [line for line in found if line.startswith("no ")]


def test_what_was_asked_for_is_not_called_so() -> None:
    asked = World().run("app", probes=[], complaints=[]).snapshot()
    assert not [line for line in told(asked) if line.startswith("not asked")]


def test_several_hosts_are_told_apart() -> None:
    snapshots = (World("host1").run("app").snapshot(), World("host2").run("app").snapshot())
    shown = text(
        report(hosts=(host(), host("host2"))), 500, verbose=True, seen=evidence_summaries(snapshots)
    )
    assert "  app on host1: read from" in shown
    assert "  app on host2: read from" in shown


def test_hostile_places_do_nothing_to_a_terminal() -> None:
    world = World(HOSTILE).run("app", answers={HOSTILE: []})
    world.unknown("app", "listeners", Unknown(gap=Gap.DENIED, detail=HOSTILE))
    shown = text(report(), 80, verbose=True, seen=evidence_summaries([world.snapshot()]))
    assert all(each.isprintable() or each == "\n" for each in shown)


# --- mediums --------------------------------------------------------------------------------


def test_ascii_only() -> None:
    assert text(report(finding(), skipped=(DENIED,)), ascii_only=True, verbose=True).isascii()


def test_colour_changes_nothing_but_colour() -> None:
    of = report(finding(), finding("b", source=""), skipped=(DENIED,))
    painted = render_text(of, width=80, colour=True, verbose=True)
    plain = render_text(of, width=80, colour=False, verbose=True)
    assert "\x1b[1;31mERROR\x1b[0m" in painted
    screen = on_screen(painted)
    assert [line.rstrip() for line in screen.display if line.strip()] == [
        line for line in plain.splitlines() if line.strip()
    ]


# --- hostile input --------------------------------------------------------------------------


def on_screen(shown: str) -> pyte.Screen:
    screen = pyte.Screen(400, 200)
    pyte.Stream(screen).feed(shown.replace("\n", "\r\n"))
    return screen


def hostile_report() -> Report:
    proof = Proof(what=HOSTILE, observed=HOSTILE, expected=f"not {HOSTILE}", where=HOSTILE)
    fix = Fix(title=HOSTILE, safety=Safety.RESTART, commands=(f"docker restart '{HOSTILE}'",))
    bad = finding(
        HOSTILE,
        source=HOSTILE,
        alias=HOSTILE,
        name=HOSTILE,
        message=HOSTILE,
        evidence=(proof,),
        fixes=(fix,),
        consequences=(HOSTILE,),
    )
    skip = Skipped(code="LD301", host=HOSTILE, subject=HOSTILE, missing=HOSTILE, reason=HOSTILE)
    other = msgspec.structs.replace(bad, fingerprint="2", target=f"2{HOSTILE}")
    return report(bad, other, hosts=(host(HOSTILE), LOST), skipped=(skip, LOST_SKIP))


@pytest.mark.parametrize("verbose", [False, True])
def test_hostile_names_do_nothing_to_a_terminal(verbose: bool) -> None:
    shown = render_text(hostile_report(), width=80, colour=False, verbose=verbose, note=HOSTILE)
    assert all(each.isprintable() or each == "\n" for each in shown)
    screen = on_screen(shown)
    assert screen.title == ""
    assert "recording" not in screen.display[0]
    assert screen.display[0].startswith("evil\\x1b]0;owned")
    assert all(cell.fg == "default" for row in screen.buffer.values() for cell in row.values())


def test_a_command_with_control_characters_is_not_there_to_be_copied() -> None:
    shown = text(hostile_report())
    assert "(name holds control characters; not printed as a command)" in shown
    assert "docker restart" not in shown


def test_endless_names_are_cut() -> None:
    endless = "x" * 10_000_000
    bad = finding(
        endless,
        source=endless,
        alias=endless,
        message=endless,
        fixes=(Fix(title=endless, safety=Safety.MANUAL, commands=(f"docker logs {endless}",)),),
    )
    shown = text(report(bad))
    assert len(shown) < 6000
    assert "too long to be printed" in shown


@pytest.mark.parametrize("severity", list(Severity))
def test_the_longest_severity_stands_apart_from_the_code(severity: Severity) -> None:
    head = text(report(finding(severity=severity)))
    assert f"\n{severity.value.upper():<7} LD201 " in head
