"""What changed between two snapshots of a real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from linkdoctor.api import compare, load_rules
from linkdoctor.model.changes import Absence
from linkdoctor.model.differences import ContainerEvent, NetworkEvent, State
from linkdoctor.model.evidence import Known
from linkdoctor.model.snapshot import Snapshot

from .examining import look
from .situations import Lab

RULES = load_rules()


def linkdoctor(lab: Lab, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "linkdoctor", *arguments],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "DOCKER_HOST": lab.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def seen(lab: Lab) -> Snapshot:
    """The engine as it is now."""
    (snapshot,) = look(lab).snapshots
    return snapshot


def state(before: Snapshot, after: Snapshot) -> State:
    """What changed besides findings."""
    evidence = compare(before, after, RULES).state
    assert isinstance(evidence, Known)
    return evidence.value


def events(changed: State) -> list[tuple[str, ContainerEvent]]:
    """What became of containers."""
    return [(each.container, each.event) for each in changed.containers]


def test_a_source_that_moved_is_a_new_fault_and_a_moved_address(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    before = seen(lab)
    lab.move("app")
    after = seen(lab)
    comparison = compare(before, after, RULES)
    new = [each.code for each in comparison.findings.new if each.code != "LD605"]
    assert new == ["LD201"]
    changed = state(before, after)
    assert ("app", ContainerEvent.RESTARTED) in events(changed)
    (move,) = (each for each in changed.addresses if each.container == "app")
    assert move.before != move.after != ""

    lab.restart("web")
    fixed = compare(after, seen(lab), RULES)
    assert {each.finding.code: each.absence for each in fixed.findings.gone} == {
        "LD201": Absence.FIXED
    }


def test_a_source_that_was_recreated_is_told_from_one_that_was_restarted(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    before = seen(lab)
    lab.recreate("app")
    after = seen(lab)
    codes = {each.code for each in compare(before, after, RULES).findings.new}
    assert "LD102" in codes
    assert ("app", ContainerEvent.RECREATED) in events(state(before, after))
    assert events(state(after, after)) == []


def test_names_and_networks(lab: Lab) -> None:
    lab.network("old")
    lab.run("app", network="old")
    before = seen(lab)
    lab.rename("app", "server")
    lab.network("new")
    lab.connect("new", "server")
    changed = state(before, seen(lab))
    assert events(changed) == [("server", ContainerEvent.RENAMED)]
    assert [(each.network, each.event) for each in changed.networks] == [
        ("new", NetworkEvent.ADDED)
    ]
    assert [(each.container, each.network) for each in changed.addresses] == [("server", "new")]


def test_the_command_on_files_of_the_command(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    files = [str(tmp_path / name) for name in ("before.json.gz", "after.json.gz")]
    assert linkdoctor(lab, tmp_path, "snapshot", "-o", files[0]).returncode == 0
    lab.move("app")
    assert linkdoctor(lab, tmp_path, "snapshot", "-o", files[1]).returncode == 0
    result = linkdoctor(lab, tmp_path, "diff", *files)
    assert result.returncode == 1, result.stderr
    assert "new error LD201 stale-env: web → app as helloapp" in result.stdout
    assert "app: started again" in result.stdout
    assert linkdoctor(lab, tmp_path, "diff", files[1], files[0]).returncode == 0


def test_two_redacted_hosts_of_one_key_fit_together(
    two_hosts: tuple[Lab, Lab], tmp_path: Path
) -> None:
    first, second = two_hosts
    first.run("db", listen=5432, publish={5432: 15432})
    second.run("web", env={"DB_HOST": "db"})
    key, found = str(tmp_path / "key"), []
    for options in ((), ("--redact-names", "--redact-key", key)):
        files = [str(tmp_path / f"{each.engine.name}{len(options)}.gz") for each in two_hosts]
        for each, file in zip(two_hosts, files, strict=True):
            done = linkdoctor(each, tmp_path, "snapshot", *options, "-o", file)
            assert done.returncode == 0, done.stderr
        shown = [word for file in files for word in ("--snapshot", file)]
        report = linkdoctor(first, tmp_path, "check", "--format", "json", *shown).stdout
        found.append([each["code"] for each in msgspec.json.decode(report)["findings"]])
    assert "LD401" in found[0]
    assert sorted(found[1]) == sorted(found[0])
