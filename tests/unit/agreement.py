"""What is printed for a finding and what is planned for it alone: the same steps, in this order."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

import msgspec

from linkdoctor.fix.plan import plan
from linkdoctor.model.report import Finding, Fix, Report
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.fixes import KEPT

__all__ = ["disagreements", "typed_steps"]

_ONE_CALL = {
    "start": "Start",
    "unpause": "Unpause",
    "restart": "Restart",
    "update": "SetRestartPolicy",
    "network connect": "ConnectNetwork",
    "compose": "Recreate",
}


def disagreements(report: Report, topology: Topology) -> tuple[str, ...]:
    """The findings whose fix, as it is typed, is not what is planned for them alone."""
    hosts = [each.host for each in topology.snapshots()]
    found: list[str] = []
    for finding in report.findings:
        fix = _typed_fix(finding)
        planned = _planned(report, topology, finding)
        if fix is None or not fix.commands or not planned:
            continue
        typed = list(typed_steps(fix.host or finding.host, fix.commands, hosts))
        if typed != planned:
            found.append(f"{finding.code} of {finding.target}: typed {typed}, planned {planned}")
    return tuple(found)


def _typed_fix(finding: Finding) -> Fix | None:
    """The fix that the plan takes; by hand, where linkdoctor's own command is printed first."""
    numbers = [number for number, each in enumerate(finding.fixes) if each.actions]
    if not numbers:
        return None
    fix, *after = finding.fixes[numbers[0] :]
    if not fix.commands or not fix.commands[0].startswith("linkdoctor "):
        return fix
    return after[0] if after and after[0].title.startswith("by hand: ") else None


def _planned(report: Report, topology: Topology, finding: Finding) -> list[str]:
    alone = msgspec.structs.replace(report, findings=(finding,))
    steps = plan(alone, topology, remarks=True).steps
    return [f"{each.host}: {type(each.action).__name__} {each.action.container}" for each in steps]


def typed_steps(host: str, commands: Iterable[str], hosts: Iterable[str] = ()) -> Iterator[str]:
    """What commands do, `host: Kind container` each; all that replaces a container is one line."""
    notes = {f"# on {shlex.quote(each)}:": each for each in hosts}
    making, created = "", False
    for command in commands:
        if command in notes:
            host = notes[command]
            continue
        words = shlex.split(command)
        verb = "network connect" if words[1] == "network" else words[1]
        if verb == "rename":
            making, created = words[2] if words[3] == f"{words[2]}{KEPT}" else "", False
            yield f"{host}: {'Recreate' if making else 'Rename'} {words[2]}"
        elif making and words[-1] == f"{making}{KEPT}" and verb in ("update", "stop"):
            continue
        elif making and not created and ("docker run" in command or "docker create" in command):
            created = "docker create" in command
            making = making if created else ""
        elif created and words[-1] == making and verb in ("network connect", "start"):
            created, making = (True, making) if verb == "network connect" else (False, "")
        else:
            yield f"{host}: {_ONE_CALL[verb]} {words[-1]}"
