"""What a limit cut off is not known: no rule rests on it, and one container's share is its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from linkdoctor.collect import dns_answers
from linkdoctor.collect.answers import ContainerAnswer
from linkdoctor.collect.container_files import collect_file, read_script
from linkdoctor.collect.engine import Deadline
from linkdoctor.collect.shares import in_turn
from linkdoctor.diagnosis import diagnose
from linkdoctor.model.coverage import coverage_of
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.report import ExitCode, Report, exit_code
from linkdoctor.model.snapshot import (
    Container,
    HostsLine,
    Probe,
    ProbeOutcome,
    Resolver,
    Snapshot,
    Tool,
)
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit.world import World

RULES = [loaded.rule for loaded in load_rules()]
LIMIT = 256 * 1024


def report(snapshot: Snapshot) -> Report:
    return diagnose(
        Topology([snapshot]),
        RULES,
        tool=Tool(name="linkdoctor", version="0"),
        taken_at="2026-01-01T12:00:00Z",
    )


def cut(found: Report) -> dict[str, int]:
    return Counter(each.code for each in found.skipped if each.gap is Gap.CUT)


def with_hosts(
    world: World, name: str, change: Callable[[tuple[HostsLine, ...]], Evidence[object]]
) -> Snapshot:
    snapshot = world.snapshot()

    def changed(each: Container) -> Container:
        assert isinstance(each.hosts_file, Known)
        return msgspec.structs.replace(each, hosts_file=change(each.hosts_file.value))

    return msgspec.structs.replace(
        snapshot,
        containers=tuple(
            changed(each) if each.name == name else each for each in snapshot.containers
        ),
    )


# --- files ----------------------------------------------------------------------------------------


def test_a_file_within_the_limit_is_whole() -> None:
    content = b"10.0.0.1 db\n" + b"#" * (LIMIT - 12)
    read = collect_file(lambda: content, str.splitlines, "a file")
    assert isinstance(read, Known)
    assert (len(read.value), read.cut) == (2, "")


def test_a_file_beyond_it_ends_with_its_last_whole_line() -> None:
    """Half a line could be taken for another: the address of one for that of its namesake."""
    lines = b"".join(b"10.0.0.1 host%06d\n" % number for number in range(20_000))
    read = collect_file(lambda: lines[: LIMIT + 1], str.splitlines, "a file")
    assert isinstance(read, Known)
    assert all(len(each) == len("10.0.0.1 host000000") for each in read.value)
    assert read.cut == "it is larger than 256 KiB, and only the beginning was read"


def test_a_file_of_one_endless_line_has_nothing() -> None:
    read = collect_file(lambda: b"x" * (LIMIT + 1), str.splitlines, "a file")
    assert isinstance(read, Known)
    assert read.value == []
    assert read.cut


# --- hosts files ----------------------------------------------------------------------------------


def test_a_missing_line_is_not_reported_where_the_file_was_cut() -> None:
    tutorial = World.tutorial()
    whole = report(with_hosts(tutorial, "web", lambda _: Known((), "hosts")))
    assert [each.code for each in whole.findings] == ["LD303"]
    found = report(with_hosts(tutorial, "web", lambda _: Known((), "hosts", "it is too large")))
    assert found.findings == ()
    assert "LD303" in cut(found)
    assert exit_code(found) is ExitCode.INCOMPLETE
    (skip,) = (each for each in found.skipped if each.code == "LD303")
    assert (skip.missing, skip.reason) == ("hosts file of web", "it is too large")


def test_a_line_that_was_read_counts_though_the_file_was_cut() -> None:
    healthy = report(
        with_hosts(World.tutorial(), "web", lambda lines: Known(lines, "hosts", "too large"))
    )
    assert healthy.findings == ()
    assert exit_code(healthy) is ExitCode.OK
    stale = (HostsLine(address="172.17.0.99", names=("helloapp", "app")),)
    found = report(with_hosts(World.tutorial(), "web", lambda _: Known(stale, "hosts", "large")))
    assert [each.code for each in found.findings] == ["LD302"]


def test_an_expected_name_may_be_in_what_was_cut() -> None:
    world = World().run("web", env={"API_URL": "http://billing:8080/"}).run("billing")
    assert [each.code for each in report(world.snapshot()).findings] == ["LD301"]
    found = report(with_hosts(world, "web", lambda lines: Known(lines, "hosts", "too large")))
    assert found.findings == ()
    assert "LD301" in cut(found)


def test_a_probe_is_not_resolved_by_a_file_that_was_cut() -> None:
    from linkdoctor.collect.probing import with_probes

    snapshot = with_hosts(World.tutorial(), "web", lambda _: Known((), "hosts", "too large"))
    seen = with_probes(snapshot, Topology([snapshot]), Deadline(5), near=True)
    assert next(each.probes for each in seen.containers if each.name == "web") == Unknown(
        gap=Gap.CUT, detail="too large"
    )


# --- references -----------------------------------------------------------------------------------


def test_settings_that_name_more_hosts_than_are_kept_are_not_judged_whole() -> None:
    world = World().run("web").change("web", references_cut=True)
    found = report(world.snapshot())
    assert cut(found) == {"LD301": 1, "LD401": 1}


# --- probes ---------------------------------------------------------------------------------------


def probe(port: int, outcome: ProbeOutcome) -> Probe:
    return Probe(alias="helloapp", port=port, outcome=outcome, address="172.17.0.2")


@pytest.mark.parametrize("outcome", [ProbeOutcome.REFUSED, ProbeOutcome.TIMED_OUT])
def test_an_exposed_port_that_was_left_out_may_answer(outcome: ProbeOutcome) -> None:
    probes = [probe(5000, outcome), probe(6000, ProbeOutcome.LEFT_OUT)]
    world = World().run("app", expose=[5000, 6000], listen=[5000, 6000])
    found = report(world.run("web", link="app:helloapp", probes=probes).snapshot())
    assert found.findings == ()
    assert cut(found) == {"LD510": 1}
    assert exit_code(found) is ExitCode.INCOMPLETE


def test_a_dialled_port_that_fails_needs_no_other() -> None:
    probes = [probe(5000, ProbeOutcome.TIMED_OUT), probe(6000, ProbeOutcome.LEFT_OUT)]
    world = World().run("app", expose=[5000, 6000], listen=[5000, 6000])
    world.run("web", link="app:helloapp", probes=probes, env={"A_URL": "http://helloapp:5000/"})
    found = report(world.snapshot())
    assert [each.code for each in found.findings] == ["LD510"]


def test_one_that_answers_is_enough() -> None:
    probes = [probe(5000, ProbeOutcome.CONNECTED), probe(6000, ProbeOutcome.LEFT_OUT)]
    world = World().run("app", expose=[5000, 6000], listen=[5000, 6000])
    found = report(world.run("web", link="app:helloapp", probes=probes).snapshot())
    assert (found.findings, found.skipped) == ((), ())


# --- questions to resolvers -----------------------------------------------------------------------


def answered(snapshot: Snapshot, deadline: Deadline) -> Snapshot:
    return dns_answers.with_dns_answers(snapshot, Topology([snapshot]), deadline)


def asking(hog: int, others: int) -> Snapshot:
    """A container whose settings name so many hosts, and others that name one each."""
    world = World().network("back")
    names = {f"A{number:03}_URL": f"http://host{number:03}/" for number in range(hog)}
    world.run("a-hog", network="back", env=names)
    for number in range(others):
        world.run(f"web{number:03}", network="back", env={"API_URL": "http://billing/"})
    return world.snapshot()


def gaps(seen: Snapshot, name: str) -> dict[str, int]:
    """What became of a container's questions; no process stands behind it, so none is answered."""
    container = next(each for each in seen.containers if each.name == name)
    unknown = [each.addresses for each in container.dns_answers]
    return Counter(each.gap.value for each in unknown if isinstance(each, Unknown))


def test_one_container_never_uses_up_the_questions_of_another() -> None:
    seen = answered(asking(100, 3), Deadline(30))
    assert gaps(seen, "a-hog") == {"denied": 64, "cut": 36}
    assert gaps(seen, "web000") == gaps(seen, "web002") == {"denied": 1}


def test_of_all_questions_everybodys_first_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_answers, "MOST_OF_ALL", 12)
    seen = answered(asking(50, 10), Deadline(30))
    assert gaps(seen, "a-hog") == {"denied": 2, "cut": 48}
    assert {gaps(seen, f"web{number:03}")["denied"] for number in range(10)} == {1}


def test_a_question_that_was_left_out_says_so_in_the_report() -> None:
    seen = answered(asking(65, 0), Deadline(30))
    (container,) = seen.containers
    left_out = tuple(
        each
        for each in container.dns_answers
        if isinstance(each.addresses, Unknown) and each.addresses.gap is Gap.CUT
    )
    assert [each.name for each in left_out] == ["host064"]
    names = {"A064_URL": "http://host064/"}
    world = World().network("back").run("a-hog", network="back", env=names)
    (alone,) = world.snapshot().containers
    alone = msgspec.structs.replace(alone, dns_answers=left_out)
    found = report(msgspec.structs.replace(world.snapshot(), containers=(alone,)))
    assert {(each.code, each.reason) for each in found.skipped} == {
        ("LD301", "there are more names than are asked for")
    }


def test_a_resolver_whose_settings_were_cut_is_not_asked() -> None:
    snapshot = asking(1, 0)
    (container,) = snapshot.containers
    blind = msgspec.structs.replace(container, resolver=Known(Resolver(), "file", "too large"))
    seen = answered(msgspec.structs.replace(snapshot, containers=(blind,)), Deadline(30))
    assert gaps(seen, "a-hog") == {"cut": 1}


@pytest.mark.parametrize(
    ("queues", "order"),
    [
        (["abc", "d", "ef"], "adebfc"),
        (["", "ab", ""], "ab"),
        ([], ""),
    ],
)
def test_turns(queues: list[str], order: str) -> None:
    assert "".join(in_turn(queues)) == order


# --- in files -------------------------------------------------------------------------------------


def test_that_it_was_cut_is_kept_in_snapshots_and_takes_no_room_otherwise(tmp_path: Path) -> None:
    from linkdoctor.api import read_snapshot, snapshot_bytes

    snapshot = with_hosts(World.tutorial(), "web", lambda _: Known((), "hosts", "too large"))
    path = tmp_path / "file"
    path.write_bytes(snapshot_bytes(snapshot))
    assert read_snapshot(path) == snapshot
    assert msgspec.json.encode(snapshot).count(b'"cut"') == 1


# --- scripts --------------------------------------------------------------------------------------


def answer(path: str, environment: list[str]) -> ContainerAnswer:
    plain = {"Id": "a" * 64, "Name": "/web", "Path": path, "Config": {"Env": environment}}
    plain |= {"State": {"Status": "running"}, "HostConfig": {}, "NetworkSettings": {}}
    return msgspec.convert(plain, ContainerAnswer)


def test_a_script_that_reads_more_than_is_kept_is_cut() -> None:
    lines = [f"echo $DB_PORT_{number}_TCP_ADDR" for number in range(1000, 1100)]
    text = "\n".join(["#!/bin/sh", *lines]).encode()
    found = read_script(answer("/run.sh", []), lambda _: text)
    assert (len(found.reads), bool(found.cut)) == (64, True)
    short = read_script(answer("/run.sh", []), lambda _: b"#!/bin/sh\necho $DB_PORT\n")
    assert short.cut == ""


def test_a_script_is_not_called_absent_where_its_path_is_too_long_to_be_searched() -> None:
    def nowhere(path: str) -> bytes:
        raise FileNotFoundError(path)

    places = ":".join(f"/opt/{number}/bin" for number in range(20))
    long = read_script(answer("entrypoint.sh", [f"PATH={places}"]), nowhere)
    assert "more than 8 directories" in long.cut
    usual = read_script(answer("entrypoint.sh", ["PATH=/usr/bin:/bin"]), nowhere)
    assert usual.cut == ""


# --- what is told of the examination --------------------------------------------------------------


def test_the_self_check_says_what_was_cut() -> None:
    snapshot = with_hosts(World.tutorial(), "web", lambda lines: Known(lines, "hosts", "too large"))
    (sight,) = (each for each in coverage_of(snapshot) if each.what == "hosts file")
    assert (sight.had, sight.of) == (1, 2)
    assert [(each.gap, each.reason) for each in sight.hindrances] == [(Gap.CUT, "too large")]
