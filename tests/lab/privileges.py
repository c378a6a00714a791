"""Writes the tables of `docs/privileges.md`: which evidence is had with which privileges.

They are what linkdoctor itself recorded on an engine of the lab, run with each set of
privileges; a lab test compares the page with it. `python -m tests.lab.privileges` writes it.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from docs.readme import with_part
from linkdoctor.api import Examination, load_rules, report_on
from linkdoctor.collect.unknown_reasons import ONLY_NEAR
from linkdoctor.model.evidence import Evidence, Known
from linkdoctor.model.snapshot import LOG_NOT_READ, NOT_PROBED, Container, Snapshot

from .engine import SEARCH_PATH, Engine
from .examining import a_minute_later
from .lowered import DOCKER, LINKDOCTOR, as_user, run
from .nameserver import nameserver
from .situations import Lab

PAGE = Path(__file__).resolve().parents[2] / "docs" / "privileges.md"
TCP = "127.0.0.1:2375"
SCRIPT = '#!/bin/sh\nwget "http://$DB_PORT_5432_TCP_ADDR/"\nexec "$@"\n'


class Level(NamedTuple):
    """A set of privileges."""

    title: str
    capabilities: tuple[str, ...] | None = None
    """None: all that root has."""
    afar: bool = False


LEVELS = (
    Level("from another machine", afar=True),
    Level("group docker", ()),
    Level("+ PTRACE", ("CAP_SYS_PTRACE",)),
    Level("+ DAC", ("CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")),
    Level("+ ADMIN", ("CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN")),
    Level("+ NET", ("CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_NET_ADMIN")),
    Level("root"),
)
"""Each has what the one before it has, and more."""


def make_situation(lab: Lab) -> None:
    """A broken link, and something of each kind of evidence."""
    image = lab.image(
        "shop/report:1",
        entrypoint=["/entrypoint.sh"],
        command=["sleep", "100000"],
        files={"/entrypoint.sh": SCRIPT},
    )
    lab.run("db", listen=5432)
    lab.run("report", image=image, command=[], link="db:db")
    lab.run("other")
    lab.network("back")
    lab.run("portal", network="back", link="billing:billing")
    lab.move("db")
    lab.run("web", link="db:db")


def seen_with(lab: Lab, level: Level) -> Snapshot:
    """What linkdoctor sees with these privileges, logs and probes included."""
    words = [*LINKDOCTOR, "snapshot", "--logs", "--probe", "-o", "-"]
    if level.afar:
        entering = ["nsenter", f"--net=/run/netns/{lab.engine.namespace}", "--"]
        argv = [*entering, *words, "--host", f"tcp://{TCP}"]
    elif level.capabilities is None:
        argv = [*words, "--host", lab.url]
    else:
        argv = [*as_user(level.capabilities), *words, "--host", lab.url]
    done = run(argv, environment={"PATH": SEARCH_PATH})
    assert done.returncode == 0, done.stderr.decode()
    return _decoded(done.stdout)


def _decoded(content: bytes) -> Snapshot:
    return msgspec.json.decode(gzip.decompress(content), type=Snapshot)


# --- the tables -----------------------------------------------------------------------------------


def evidence_of(snapshot: Snapshot) -> Iterator[tuple[str, Evidence[Any]]]:
    """Every kind of evidence, and what was had of it."""
    report, other = (_named(snapshot, name) for name in ("report", "other"))
    yield "containers, links, published ports", report.details
    yield "networks", snapshot.networks
    yield "events of the last minutes", snapshot.events
    yield "last lines of the logs (`--logs`)", report.complaints
    yield "environment of a linked container's process", report.process_environment
    yield "hosts file of a linked container", report.hosts_file
    yield "name service switch of a linked container", report.name_lookup
    yield "entry-point script of a linked container", report.script_reads
    yield "environment of a process without links", other.process_environment
    yield "hosts file of a container without links", other.hosts_file
    yield "links on the engine's disk", report.stored_links
    yield "environment of the engine", snapshot.keeps_link_variables
    yield "listening sockets of containers", report.listeners
    yield "answers of a container's own resolver", _first_answer(_named(snapshot, "portal"))
    yield "probes (`--probe`)", report.probes
    yield "addresses and listening sockets of the host", snapshot.host_listeners
    yield "routes and interfaces of the host", snapshot.routes
    yield "firewall rules", snapshot.firewall


def _first_answer(container: Container) -> Evidence[Any]:
    """What a container's resolver says; from afar it is not even asked."""
    return next((each.addresses for each in container.dns_answers), ONLY_NEAR)


def _named(snapshot: Snapshot, name: str) -> Container:
    return next(each for each in snapshot.containers if each.name == name)


def cell(evidence: Evidence[Any]) -> str:
    """How a piece of evidence was had."""
    if not isinstance(evidence, Known):
        return "–"
    if evidence.source.startswith(("docker top", "docker cp")):
        return "asked"
    return "yes"


def skipped_rules(snapshot: Snapshot) -> tuple[str, ...]:
    """The rules that lacked evidence somewhere, had nobody asked for logs and probes."""
    containers = (
        msgspec.structs.replace(each, probes=NOT_PROBED, complaints=LOG_NOT_READ)
        for each in snapshot.containers
    )
    plain = msgspec.structs.replace(snapshot, containers=tuple(containers), probed=False)
    report = report_on(Examination(snapshots=(a_minute_later(plain),)), load_rules())
    return tuple(sorted({each.code for each in report.skipped}))


def table(snapshots: Sequence[Snapshot]) -> str:
    """Evidence by privileges."""
    kinds = [dict(evidence_of(each)) for each in snapshots]
    lines = [_row("evidence", (level.title for level in LEVELS)), "|---" * (len(LEVELS) + 1) + "|"]
    lines += [_row(kind, (cell(each[kind]) for each in kinds)) for kind in kinds[-1]]
    return "\n".join(lines)


def _row(first: str, cells: Iterable[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def rules_table(snapshots: Sequence[Snapshot]) -> str:
    """The rules that are skipped, by privileges."""
    lines = ["| with | rules that lacked evidence |", "|---|---|"]
    for level, snapshot in zip(LEVELS, snapshots, strict=True):
        codes = [f"[{code}](rules/{code}.md)" for code in skipped_rules(snapshot)]
        lines.append(_row(level.title, [", ".join(codes) or "none"]))
    return "\n".join(lines)


def filled(page: str, snapshots: Sequence[Snapshot]) -> str:
    """The page with its tables as the lab sees them."""
    page = with_part(page, "evidence", table(snapshots))
    return with_part(page, "rules", rules_table(snapshots))


def take(lab: Lab) -> list[Snapshot]:
    """What is seen with each set of privileges of one situation."""
    make_situation(lab)
    os.chown(lab.engine.socket, 0, DOCKER)
    with nameserver(lab, "portal", {"other": "10.9.9.9"}):
        return [seen_with(lab, level) for level in LEVELS]


def main() -> int:
    """Write the page."""
    engine = Engine("host1", tcp=TCP)
    try:
        engine.start()
        with Lab(engine) as lab:
            snapshots = take(lab)
    finally:
        engine.stop()
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), snapshots), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
