"""The use cases of linkdoctor, typed: the public Python API, and all that the CLI calls.

>>> from linkdoctor.api import Url, diagnose_engines
>>> report = diagnose_engines([Url("unix:///var/run/docker.sock")])  # doctest: +SKIP
>>> report.summary.verdict  # doctest: +SKIP

The way of the data: `examine` → `join`, once → `diagnose` → whatever takes a `Diagnosis`.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import msgspec

from linkdoctor import diagnosis
from linkdoctor.collect.collector import CollectOptions
from linkdoctor.collect.contexts import DEFAULT, current_context
from linkdoctor.collect.engine import ContextName, EndpointError, EngineError, Url, endpoint_of
from linkdoctor.collect.engines import (
    DEFAULT_TIMEOUT,
    TOOL,
    Progress,
    container_names,
    examine,
)
from linkdoctor.diagnosis import OWN_NAMES, Override, Selection
from linkdoctor.files import (
    DEMO_FILES,
    BaselineError,
    SnapshotError,
    baseline_bytes,
    contents_of,
    demo_snapshots,
    known_images,
    read_baseline,
    read_kept,
    read_snapshot,
    read_snapshots,
    snapshot_bytes,
)
from linkdoctor.model.baseline import baseline_of
from linkdoctor.model.changes import changes_between
from linkdoctor.model.coverage import EngineSeen, SelfCheck, SilentEngine, coverage_of
from linkdoctor.model.differences import (
    Comparison,
    State,
    looked_for,
    notes_on,
    side_of,
    state_between,
)
from linkdoctor.model.evidence import Evidence, Gap, Known, Need, Unknown
from linkdoctor.model.examination import Diagnosis, Examination, Joined
from linkdoctor.model.knowledge import Declaration, Knowledge
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.privacy.inventory import Inventory
from linkdoctor.registry import LoadedRule, PackError, load_rules

__all__ = [
    "DEFAULT_TIMEOUT",
    "DEMO_FILES",
    "TOOL",
    "BaselineError",
    "CollectOptions",
    "Comparison",
    "ContextName",
    "Diagnosis",
    "EndpointError",
    "EngineError",
    "Examination",
    "Inventory",
    "Joined",
    "LoadedRule",
    "Override",
    "PackError",
    "Progress",
    "Selection",
    "SnapshotError",
    "Url",
    "add_read",
    "add_snapshots",
    "baseline_bytes",
    "baseline_of",
    "compare",
    "container_names",
    "contents_of",
    "default_engine",
    "demo_snapshots",
    "diagnose",
    "diagnose_engines",
    "examine",
    "join",
    "known_images",
    "load_rules",
    "read_baseline",
    "read_kept",
    "read_snapshot",
    "read_snapshots",
    "redact_names",
    "report_on",
    "seen_from_here",
    "snapshot_bytes",
]


def join(examination: Examination, *, declarations: Sequence[Declaration] = ()) -> Joined:
    """Join the snapshots of an examination with what is known beforehand.

    Args:
        examination: what was seen.
        declarations: what the configuration says of containers.
    """
    knowledge = Knowledge(images=known_images(), declarations=tuple(declarations))
    return Joined(examination=examination, topology=Topology(examination.snapshots, knowledge))


def diagnose(
    joined: Joined,
    rules: Iterable[LoadedRule],
    *,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    today: date | None = None,
) -> Diagnosis:
    """Apply rules to what was seen and joined.

    Args:
        joined: what was seen; also a diagnosis, to look at it with another selection.
        rules: all that there are.
        selection: what is wanted, and what is known and accepted.
        today: what the ends of suppressions are held against; by default the day by UTC.
    """
    examination = joined.examination
    report = diagnosis.diagnose(
        joined.topology,
        [loaded.rule for loaded in rules],
        tool=TOOL,
        taken_at=_taken_at(examination),
        selection=selection,
        unreachable=examination.unreachable,
        today=today or datetime.now(UTC).date(),
    )
    return Diagnosis(examination=examination, topology=joined.topology, report=report)


def report_on(
    examination: Examination,
    rules: Iterable[LoadedRule],
    *,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    declarations: Sequence[Declaration] = (),
    today: date | None = None,
) -> Report:
    """Apply rules to what was seen, and return the report alone.

    Args:
        examination: what was seen.
        rules: all that there are.
        selection: what is wanted, and what is known and accepted.
        declarations: what the configuration says of containers.
        today: what the ends of suppressions are held against; by default the day by UTC.
    """
    joined = join(examination, declarations=declarations)
    return diagnose(joined, rules, selection=selection, today=today).report


def diagnose_engines(
    engines: Sequence[Url | ContextName] = (Url(),), *, timeout: float = DEFAULT_TIMEOUT
) -> Report:
    """Examine engines and diagnose their links with every installed rule."""
    return report_on(examine(engines, timeout=timeout), load_rules())


def seen_from_here(examination: Examination) -> SelfCheck:
    """Return which evidence was had of each engine by this user, on this machine."""
    return SelfCheck(
        tool=TOOL,
        python=platform.python_version(),
        user=os.geteuid(),
        engines=tuple(
            EngineSeen(
                host=each.host,
                endpoint=each.endpoint,
                engine=each.engine,
                containers=len(each.containers),
                sights=coverage_of(each),
            )
            for each in examination.snapshots
        ),
        silent=tuple(
            SilentEngine(host=each.host, endpoint=each.endpoint, reason=each.reason)
            for each in examination.unreachable
        ),
    )


def _taken_at(examination: Examination) -> str:
    times = [snapshot.taken_at for snapshot in examination.snapshots]
    return max(times) if times else _now()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def default_engine(environment: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Return which engine is asked if none is named, and what decides that; '' for nothing does.

    Raises:
        EndpointError: it is named in a way that cannot be right.
    """
    environment = os.environ if environment is None else environment
    endpoint = endpoint_of(Url(), environment)
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if environment.get(variable):
            return endpoint, f"${variable}"
    context = current_context(environment)
    return endpoint, "" if context == DEFAULT else f"docker context {context}"


def redact_names(snapshot: Snapshot, key: bytes) -> Snapshot:
    """Replace names and addresses by pseudonyms; the findings stay the same.

    Args:
        snapshot: as it was taken.
        key: a secret of any length from 16 bytes on. Snapshots of several hosts fit together if
            it is the same; who has it can tell whether a name that he guesses is there.
    """
    secret = hashlib.blake2b(key, digest_size=32).digest()
    rules = {word for each in load_rules() for word in (each.rule.code, each.rule.name)}
    knowledge = Knowledge(images=known_images())
    # Most runs need no pseudonyms.
    from linkdoctor.privacy.redaction import redacted

    return redacted(
        snapshot, secret, knowledge, frozenset({*rules, *OWN_NAMES, *OWN_NAMES.values()})
    )


def add_snapshots(examination: Examination, files: Sequence[Path]) -> Examination:
    """Add saved snapshots to what was seen; each host keeps or gets a name of its own.

    Snapshots of equally named hosts are told apart by their files: unlike live engines, two
    of them may well share name and endpoint and be two machines, or one at two times.

    Raises:
        SnapshotError: a file cannot be used.
    """
    return add_read(examination, read_snapshots(files))


def add_read(examination: Examination, read: Mapping[Path, Snapshot]) -> Examination:
    """Add snapshots that were read already, as :func:`add_snapshots` does."""
    counts = Counter(snapshot.host for snapshot in (*examination.snapshots, *read.values()))
    named = tuple(
        snapshot
        if counts[snapshot.host] == 1
        else msgspec.structs.replace(snapshot, host=f"{snapshot.host} ({path})")
        for path, snapshot in read.items()
    )
    return msgspec.structs.replace(examination, snapshots=(*examination.snapshots, *named))


def compare(
    before: Snapshot | Report,
    after: Snapshot | Report,
    rules: Sequence[LoadedRule],
    *,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    declarations: Sequence[Declaration] = (),
) -> Comparison:
    """Return what changed between two snapshots of one host, two reports, or one of each.

    Snapshots are diagnosed with these rules and declarations; a report is what it was.

    Raises:
        SnapshotError: one of two snapshots has pseudonyms and the other has not.
    """

    def examined(kept: Snapshot | Report) -> Diagnosis | Report:
        if isinstance(kept, Report):
            return kept
        joined = join(Examination(snapshots=(kept,)), declarations=declarations)
        return diagnose(joined, rules, selection=selection)

    old, new = examined(before), examined(after)
    old_report, new_report = (
        each if isinstance(each, Report) else each.report for each in (old, new)
    )
    changes = changes_between(old_report, new_report)
    if isinstance(after, Snapshot):
        changes = looked_for(changes, partial(_why_not, after, rules, selection))
    return Comparison(
        before=side_of(before),
        after=side_of(after),
        findings=changes,
        state=_state(old, new),
        notes=tuple(notes_on(before, after, old_report, new_report)),
    )


def _why_not(
    snapshot: Snapshot, rules: Sequence[LoadedRule], selection: Selection, code: str
) -> str:
    """Return why a rule could find nothing in a snapshot; '' if it could."""
    if selection.ignores(code) or not selection.selects(code):
        return f"{code} is left out"
    needs = {each.rule.code: each.rule.needs for each in rules}
    if code not in needs:
        return f"there is no rule {code}"
    if Need.PROBES in needs[code] and not snapshot.probed:
        return "nothing was probed: this needs --probe"
    return ""


def _state(before: Diagnosis | Report, after: Diagnosis | Report) -> Evidence[State]:
    if isinstance(before, Report) or isinstance(after, Report):
        return Unknown(
            gap=Gap.UNSUPPORTED,
            detail="a report has neither addresses nor start times; compare two snapshots",
        )
    (old,), (new,) = before.examination.snapshots, after.examination.snapshots
    if old.renamed != new.renamed:
        raise SnapshotError("only one of the two snapshots has pseudonyms")
    if old.host != new.host:
        return Unknown(gap=Gap.UNSUPPORTED, detail="the two snapshots are of different hosts")
    return Known(state_between(before.topology, after.topology), "two snapshots")
