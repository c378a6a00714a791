"""The use cases of linkdoctor, typed: the public Python API, and all that the CLI calls.

>>> from linkdoctor.api import Url, diagnose_engines
>>> report = diagnose_engines([Url("unix:///var/run/docker.sock")])  # doctest: +SKIP
>>> report.summary.verdict  # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import platform
import threading
import tomllib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from importlib import resources
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

import msgspec

from linkdoctor import __version__
from linkdoctor.baselines import BaselineError, baseline_bytes, read_baseline
from linkdoctor.collect.collector import CollectOptions, collect
from linkdoctor.collect.contexts import DEFAULT, current_context
from linkdoctor.collect.engine import (
    ContextName,
    Deadline,
    EndpointError,
    EngineClient,
    EngineError,
    Url,
    connect,
    endpoint_of,
)
from linkdoctor.collect.names import names_of
from linkdoctor.collect.unknown_reasons import internal_error
from linkdoctor.decode_errors import explain_decode_error
from linkdoctor.diagnosis import OWN_NAMES, Override, Selection, Unreachable, diagnose
from linkdoctor.given_files import read_bounded
from linkdoctor.model.baseline import baseline_of
from linkdoctor.model.changes import changes_between
from linkdoctor.model.coverage import EngineSeen, SelfCheck, SilentEngine, coverage_of
from linkdoctor.model.differences import (
    Comparison,
    Kept,
    Side,
    State,
    looked_for,
    state_between,
)
from linkdoctor.model.evidence import Evidence, Gap, Known, Need, Unknown
from linkdoctor.model.knowledge import Declaration, ImageExpectation, Knowledge
from linkdoctor.model.report import SCHEMA as REPORT_SCHEMA
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import SCHEMA, Snapshot, Tool
from linkdoctor.model.topology import Topology
from linkdoctor.privacy.inventory import Inventory, inventory, unknown_in
from linkdoctor.privacy.redaction import redacted
from linkdoctor.registry import LoadedRule, PackError, load_rules

__all__ = [
    "DEFAULT_TIMEOUT",
    "DEMO_FILES",
    "TOOL",
    "BaselineError",
    "CollectOptions",
    "Comparison",
    "ContextName",
    "EndpointError",
    "EngineError",
    "Examination",
    "Inventory",
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
    "diagnose_engines",
    "examine",
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

TOOL = Tool(name="linkdoctor", version=__version__)
DEFAULT_TIMEOUT = 30.0
"""Seconds that the examination of one engine may take."""

DEMO_FILES = ("demo-alpha.json.gz", "demo-beta.json.gz")
"""The recorded hosts among the package's data."""

_LARGEST_SNAPSHOT = 512 * 1024 * 1024
_LONGEST_VERSION = 9
_LONGEST_WORDS = 300
_GZIP = b"\x1f\x8b"

_POLL_INTERVAL = 0.2
_INTERRUPT_GRACE = 1.5
"""Seconds that a reader may take to give up after an interruption."""

Progress = Callable[[str], None]


_NOT_DECODED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class SnapshotError(Exception):
    """A file cannot be used as a snapshot or report; the message is one line: what, and where."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of several engines, and which could not be asked."""

    snapshots: tuple[Snapshot, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    interrupted: bool = False
    """Ctrl-C ended it: there is more that was not looked at."""


def examine(
    engines: Sequence[Url | ContextName] = (Url(),),
    *,
    timeout: float = DEFAULT_TIMEOUT,
    further: CollectOptions = CollectOptions(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
    keep_what_is_known: bool = False,
) -> Examination:
    """Take a snapshot of each engine, all at once; one that fails does not hide the others.

    Args:
        engines: where the engines are; by default the one that the docker CLI would use.
        timeout: seconds that each engine may take, whatever it does.
        further: what is read or tried only if asked for.
        environment: ``DOCKER_*`` variables are read from it.
        progress: is told what is being read.
        keep_what_is_known: let Ctrl-C end the reading, not the call: what was read by then is
            given, and the rest is Unknown.

    Raises:
        EndpointError: an engine is named in a way that cannot be right.
        KeyboardInterrupt: Ctrl-C, unless `keep_what_is_known`.
    """
    environment = os.environ if environment is None else environment
    for where in engines:
        endpoint_of(where, environment)
    seen: dict[int, Snapshot] = {}
    failed: dict[int, Unreachable] = {}
    deadlines = [Deadline(timeout) for _ in engines]
    clients: list[EngineClient] = []

    def work(number: int, where: Url | ContextName) -> None:
        deadline = deadlines[number]
        try:
            client = connect(where, deadline, environment)
            clients.append(client)
            try:
                seen[number] = collect(
                    client, deadline, tool=TOOL, further=further, progress=progress
                )
            finally:
                client.close()
        except EngineError as error:
            failed[number] = _unreachable(where, environment, str(error))
        except Exception as error:  # one engine must not hide the others
            failed[number] = _unreachable(where, environment, internal_error(error))
        finally:
            done.put(number)

    # Not threads that are joined: Python takes one for ended whose join was interrupted.
    done: SimpleQueue[int] = SimpleQueue()
    waiting = set(range(len(engines)))
    late = f"it did not answer within {timeout:g} s"
    interrupted = False
    try:
        for number, where in enumerate(engines):
            threading.Thread(target=work, args=(number, where), daemon=True).start()
        # Every request has its own deadline; this is the last resort.
        _wait(waiting, done, timeout + 2)
    except KeyboardInterrupt:
        if not keep_what_is_known:
            raise
        interrupted, late = True, "it was interrupted before the engine had answered"
        failed_before = set(failed)
        for deadline in deadlines:
            deadline.end()
        for client in tuple(clients):
            client.hang_up()
        _wait(waiting, done, _INTERRUPT_GRACE)
        waiting |= failed.keys() - failed_before
    for number in waiting:
        failed[number] = _unreachable(engines[number], environment, late)
    snapshots = [seen[number] for number in sorted(seen) if number not in failed]
    return Examination(
        snapshots=_distinct(snapshots),
        unreachable=tuple(failed[number] for number in sorted(failed)),
        interrupted=interrupted,
    )


def _wait(waiting: set[int], done: SimpleQueue[int], seconds: float) -> None:
    """Take out of what is waited for all that is done within the time.

    Poll, because a signal delivered to another thread does not wake this one.
    """
    clock = Deadline(seconds)
    while waiting:
        try:
            waiting.discard(done.get(timeout=min(clock.left(), _POLL_INTERVAL)))
        except Empty:
            if clock.left() <= 0:
                return


def container_names(
    engines: Sequence[Url | ContextName] = (Url(),),
    *,
    timeout: float = 1.0,
    environment: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Return the names of all containers, for completion; an engine that does not answer has none.

    Args:
        engines: where the engines are; by default the one that the docker CLI would use.
        timeout: seconds that all of it may take, whatever the engines do.
        environment: ``DOCKER_*`` variables are read from it.
    """
    environment = os.environ if environment is None else environment
    deadline = Deadline(timeout)
    found: set[str] = set()

    def work(where: Url | ContextName) -> None:
        with contextlib.suppress(Exception):  # whoever presses a key wants no explanation
            client = connect(where, deadline, environment)
            with contextlib.closing(client):
                found.update(names_of(client))

    threads = [threading.Thread(target=work, args=(each,), daemon=True) for each in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline.left())
    return tuple(sorted(found.copy()))


def _unreachable(
    where: Url | ContextName, environment: Mapping[str, str], reason: str
) -> Unreachable:
    try:
        endpoint = endpoint_of(where, environment)
    except EngineError:
        endpoint = ""
    if isinstance(where, ContextName):
        return Unreachable(host=f"context {where.name}", endpoint=endpoint, reason=reason)
    return Unreachable(host=endpoint or "the engine", endpoint=endpoint, reason=reason)


def _distinct(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """Return each snapshot a host name of its own: engines on one machine share theirs."""
    counts = Counter(snapshot.host for snapshot in snapshots)
    distinct: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        name = snapshot.host
        if counts[name] > 1:
            name = f"{name} ({snapshot.endpoint})"
        # The same engine given twice is one host.
        distinct.setdefault(name, msgspec.structs.replace(snapshot, host=name))
    return tuple(distinct.values())


def report_on(
    examination: Examination,
    rules: Iterable[LoadedRule],
    *,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    declarations: Sequence[Declaration] = (),
    today: date | None = None,
) -> Report:
    """Apply rules to what was seen.

    Args:
        examination: what was seen.
        rules: all that there are.
        selection: what is wanted, and what is known and accepted.
        declarations: what the configuration says of containers.
        today: what the ends of suppressions are held against; by default the day by UTC.
    """
    knowledge = Knowledge(images=known_images(), declarations=tuple(declarations))
    return diagnose(
        Topology(examination.snapshots, knowledge),
        [loaded.rule for loaded in rules],
        tool=TOOL,
        taken_at=_taken_at(examination),
        selection=selection,
        unreachable=examination.unreachable,
        today=today or datetime.now(UTC).date(),
    )


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


def known_images() -> tuple[ImageExpectation, ...]:
    """Read the table of what images expect, ``data/images.toml``."""
    text = resources.files("linkdoctor.data").joinpath("images.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["image"], tuple[ImageExpectation, ...])


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """Encode a snapshot for a file: JSON, compressed, the same bytes for the same snapshot."""
    return gzip.compress(msgspec.json.encode(snapshot), mtime=0)


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file, compressed or not.

    Raises:
        SnapshotError: it cannot be read, is damaged, or is of a newer schema.
    """
    return _decode_snapshot(_content(path), str(path))


def _content(path: Path) -> bytes:
    """Read a file of JSON, compressed or not; raises SnapshotError."""
    try:
        content = read_bounded(path, _LARGEST_SNAPSHOT)
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or type(error).__name__}") from None
    return _plain(content, str(path))


def _plain(content: bytes, name: str) -> bytes:
    content = _decompressed(content, name) if content.startswith(_GZIP) else content
    if len(content) > _LARGEST_SNAPSHOT:
        raise SnapshotError(f"{name}: larger than {_LARGEST_SNAPSHOT >> 20} MiB")
    return content


def contents_of(path: Path) -> Inventory:
    """List everything that a snapshot file holds, also what linkdoctor would take no notice of.

    Raises:
        SnapshotError: it cannot be read, is damaged, or is of a newer schema.
    """
    content = _content(path)
    snapshot = _decode_snapshot(content, str(path))
    repeated: list[tuple[str, str]] = []

    def fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
        counts = Counter(name for name, _ in pairs)
        repeated.extend((name, f"{value}") for name, value in pairs if counts[name] > 1)
        return dict(pairs)

    try:
        plain = json.loads(content, object_pairs_hook=fields)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"{path}: not a snapshot: not valid JSON ({error})") from None
    known = json.loads(msgspec.json.encode(snapshot))
    return inventory(snapshot, [*repeated, *unknown_in(plain, known)])


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
    return redacted(
        snapshot, secret, knowledge, frozenset({*rules, *OWN_NAMES, *OWN_NAMES.values()})
    )


def demo_snapshots() -> tuple[Snapshot, ...]:
    """Read the recorded hosts that come with linkdoctor."""
    directory = resources.files("linkdoctor.data")
    return tuple(
        _decode_snapshot(_decompressed(directory.joinpath(name).read_bytes(), name), name)
        for name in DEMO_FILES
    )


class _Schema(msgspec.Struct):
    schema: str = ""


def read_kept(path: Path) -> Snapshot | Report:
    """Read a snapshot or a report in JSON, compressed or not.

    Raises:
        SnapshotError: it cannot be read, is damaged, is neither, or is of a newer schema.
    """
    content = _content(path)
    schema = _schema_of(content, str(path))
    if _kind(schema) not in (_kind(SCHEMA), _kind(REPORT_SCHEMA)):
        raise SnapshotError(
            f"{path}: neither a snapshot nor a report of `check --format json`: its schema is "
            f"{schema[:80]!r}"
        )
    if _kind(schema) == _kind(REPORT_SCHEMA):
        return _decoded(content, str(path), Report, REPORT_SCHEMA, "report")
    return _decode_snapshot(content, str(path))


def _decode_snapshot(content: bytes, name: str) -> Snapshot:
    return _decoded(content, name, Snapshot, SCHEMA, "snapshot")


def _decoded(content: bytes, name: str, type_: type[T], wanted: str, what: str) -> T:
    schema = _schema_of(content, name)
    version = schema.partition("/")[2]
    if _kind(schema) != _kind(wanted):
        raise SnapshotError(f"{name}: not a {what}: its schema is {schema[:80]!r}, not {wanted!r}")
    if not _is_known(version, wanted):
        raise SnapshotError(
            f"{name}: made by a newer linkdoctor ({schema[:80]}); this one, {__version__}, "
            f"reads up to {wanted}; upgrade linkdoctor"
        )
    try:
        return msgspec.json.decode(content, type=type_)
    except _NOT_DECODED as error:
        # It may quote what stands in the file, which may be endless.
        words = explain_decode_error(error)[:_LONGEST_WORDS]
        raise SnapshotError(f"{name}: a damaged {what}: {words}") from None


def _schema_of(content: bytes, name: str) -> str:
    try:
        return msgspec.json.decode(content, type=_Schema).schema
    except msgspec.ValidationError as error:
        raise SnapshotError(f"{name}: not a snapshot: {explain_decode_error(error)}") from None
    except _NOT_DECODED as error:
        raise SnapshotError(f"{name}: not a snapshot: not valid JSON ({error})") from None


def _kind(schema: str) -> str:
    return schema.partition("/")[0]


def _is_known(version: str, wanted: str) -> bool:
    digits = version.isascii() and version.isdecimal() and len(version) <= _LONGEST_VERSION
    return digits and int(version) <= int(wanted.partition("/")[2])


def _decompressed(content: bytes, name: str) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        plain = decompressor.decompress(content, _LARGEST_SNAPSHOT + 1)
    except zlib.error as error:
        raise SnapshotError(f"{name}: a damaged snapshot: {error}") from None
    if not decompressor.eof and len(plain) <= _LARGEST_SNAPSHOT:
        raise SnapshotError(f"{name}: a truncated snapshot")
    if decompressor.unused_data:
        raise SnapshotError(f"{name}: a damaged snapshot: something follows its end")
    return plain


def add_snapshots(examination: Examination, files: Sequence[Path]) -> Examination:
    """Add saved snapshots to what was seen; each host keeps or gets a name of its own.

    Snapshots of equally named hosts are told apart by their files: unlike live engines, two
    of them may well share name and endpoint and be two machines, or one at two times.

    Raises:
        SnapshotError: a file cannot be used.
    """
    return add_read(examination, read_snapshots(files))


def read_snapshots(files: Sequence[Path]) -> dict[Path, Snapshot]:
    """Read snapshot files, each once: a pipe can be read no second time.

    Raises:
        SnapshotError: a file cannot be used.
    """
    return {path: read_snapshot(path) for path in dict.fromkeys(files)}


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
    old, new = (
        each
        if isinstance(each, Report)
        else report_on(
            Examination(snapshots=(each,)), rules, selection=selection, declarations=declarations
        )
        for each in (before, after)
    )
    changes = changes_between(old, new)
    if isinstance(after, Snapshot):
        changes = looked_for(changes, partial(_why_not, after, rules, selection))
    return Comparison(
        before=_side(before),
        after=_side(after),
        findings=changes,
        state=_state(before, after),
        notes=tuple(_notes(before, after, old, new)),
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


def _side(kept: Snapshot | Report) -> Side:
    if isinstance(kept, Snapshot):
        return Side(kept=Kept.SNAPSHOT, taken_at=kept.taken_at, hosts=(kept.host,))
    hosts = tuple(each.name for each in kept.hosts)
    return Side(kept=Kept.REPORT, taken_at=kept.taken_at, hosts=hosts)


def _state(before: Snapshot | Report, after: Snapshot | Report) -> Evidence[State]:
    if isinstance(before, Report) or isinstance(after, Report):
        return Unknown(
            gap=Gap.UNSUPPORTED,
            detail="a report has neither addresses nor start times; compare two snapshots",
        )
    if before.renamed != after.renamed:
        raise SnapshotError("only one of the two snapshots has pseudonyms")
    if before.host != after.host:
        return Unknown(gap=Gap.UNSUPPORTED, detail="the two snapshots are of different hosts")
    return Known(state_between(before, after), "two snapshots")


def _notes(
    before: Snapshot | Report, after: Snapshot | Report, old: Report, new: Report
) -> Iterator[str]:
    if not {each.name for each in old.hosts} & {each.name for each in new.hosts}:
        yield "they have no host in common"
    if old.taken_at > new.taken_at:
        yield "the second is older than the first"
    for which, kept in (("first", before), ("second", after)):
        if isinstance(kept, Report) and kept.summary.suppressed:
            many = kept.summary.suppressed
            findings = "finding" if many == 1 else "findings"
            yield f"the {which} has {many} suppressed {findings}, which cannot be compared"
