"""The evidence of a container's running process: near, from ``/proc``; from afar, by the engine.

Each row of :data:`READERS` reads one kind of evidence, or several in one go, both near and from
afar. What they are called and who needs them stands in :mod:`linkdoctor.model.evidence_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import msgspec

from linkdoctor.collect import engine_files, environment, procfs, sockets
from linkdoctor.collect.answers import ContainerAnswer
from linkdoctor.collect.container_files import (
    MOST_READ,
    EntryScript,
    collect_file,
    read_script,
)
from linkdoctor.collect.engine import Deadline, EngineClient
from linkdoctor.collect.name_lookup import (
    afar_lookup,
    known_lookup,
    near_lookup,
    near_resolver,
)
from linkdoctor.collect.resolver import parse_resolver
from linkdoctor.collect.unknown_reasons import LATE, ONLY_NEAR, collect_evidence
from linkdoctor.model.evidence import (
    NOT_ASKED_AFAR,
    NOT_LOOKED_UP_AFAR,
    Evidence,
    Gap,
    Known,
    Unknown,
)
from linkdoctor.model.links import parse_hosts
from linkdoctor.model.snapshot import Details, Listener, Namespaces, Status

__all__ = [
    "READERS",
    "ProcessEvidence",
    "Reader",
    "fill_from_engine",
    "matters_afar",
    "needs_the_engine",
    "read_process",
]

ProcessEvidence: TypeAlias = Mapping[str, Evidence[Any]]
"""What was read of a container's running process, by the fields of the container."""

_WITHOUT_DNS = ("bridge", "host", "none")
_NOT_RUNNING = Unknown(gap=Gap.NOT_COLLECTED, detail="it does not run")


class _Near(NamedTuple):
    """A container whose process is proven to be one of this machine."""

    held: procfs.Proc
    answer: ContainerAnswer
    details: Details
    serves: bool
    """Its ports are anyone's: then it matters who listens there."""
    place: str
    """Where its process is, in ``/proc``."""

    def file(self, path: str) -> bytes:
        return procfs.read_inside(self.held, path, MOST_READ)


class _Afar(NamedTuple):
    """A container of an engine that is asked."""

    client: EngineClient
    answer: ContainerAnswer
    details: Details

    def file(self, path: str) -> bytes:
        return engine_files.read_archived(self.client, self.answer.Id, path, MOST_READ)


class Reader(msgspec.Struct, frozen=True):
    """How evidence is read: one kind of it, or several that are read in one go."""

    fields: tuple[str, ...]
    """The fields of the container, in the order in which the functions return them."""
    near: Callable[[_Near], tuple[Evidence[Any], ...]]
    afar: Callable[[_Afar], tuple[Evidence[Any], ...]] | None = None
    """None for what only the engine's own machine shows."""


def read_process(
    answer: ContainerAnswer, details: Details, *, near: bool, deadline: Deadline, serves: bool
) -> ProcessEvidence | Unknown:
    """Read what ``/proc`` shows of a container's process, or return why it shows nothing.

    Args:
        answer: the inspect of the container.
        details: the same, translated.
        near: the engine is this machine's own.
        deadline: after it, nothing is read any more.
        serves: it matters who listens at the container's ports.
    """
    if details.pid <= 0 or details.status not in (Status.RUNNING, Status.PAUSED):
        return _ALL_NOT_RUNNING
    if deadline.left() <= 0:
        return _ALL_LATE
    if not near:
        return ONLY_NEAR
    try:
        with procfs.prove(details.pid, answer.Id) as held:
            process = _Near(held, answer, details, serves, f"/proc/{held.pid}")
            return {
                field: evidence
                for reader in READERS
                for field, evidence in zip(reader.fields, reader.near(process), strict=True)
            }
    except procfs.NotProven as reason:
        return Unknown(gap=Gap.DENIED, detail=str(reason))


def needs_the_engine(details: Details, process: ProcessEvidence | Unknown) -> bool:
    """Whether the engine is asked for what could not be read near."""
    unread = isinstance(process, Unknown) or bool(_denied_fields(process))
    return unread and matters_afar(details)


def fill_from_engine(
    client: EngineClient,
    answer: ContainerAnswer,
    details: Details,
    process: ProcessEvidence | Unknown,
) -> ProcessEvidence:
    """Take from the engine what this user may not read in ``/proc``; the rest stays as it is."""
    if isinstance(process, Unknown):
        return _from_engine(_Afar(client, answer, details), process)
    denied = _denied_fields(process)
    if not denied:
        return process
    asked = _from_engine(_Afar(client, answer, details), ONLY_NEAR)
    return {**process, **{field: asked[field] for field in denied}}


def _from_engine(container: _Afar, only_near: Unknown) -> ProcessEvidence:
    found: dict[str, Evidence[Any]] = {}
    matters = matters_afar(container.details)
    for reader in READERS:
        if reader.afar is None:
            found.update(dict.fromkeys(reader.fields, only_near))
        elif matters:
            found.update(zip(reader.fields, reader.afar(container), strict=True))
        else:
            found.update(dict.fromkeys(reader.fields, NOT_ASKED_AFAR))
    return found


def _denied_fields(process: ProcessEvidence) -> list[str]:
    """Return the fields that were denied, and that the engine may tell."""
    return [field for field in _ASKED_AFAR if _is_denied(process[field])]


def _is_denied(evidence: Evidence[Any]) -> bool:
    return isinstance(evidence, Unknown) and evidence.gap is Gap.DENIED


def matters_afar(details: Details) -> bool:
    """Whether a container has links, or settings that name hosts."""
    return bool(
        details.stored_links or details.references or any(each.links for each in details.endpoints)
    )


# The readers


def _environments_near(process: _Near) -> tuple[Evidence[Any], ...]:
    name = process.answer.Name.removeprefix("/")
    first = collect_evidence(
        lambda: environment.first_near(process.held, name, process.details),
        f"{process.place}/environ",
    )
    if isinstance(first, Unknown):
        return first, first
    return first, environment.others_near(process.held, first.value, process.details)


def _environments_afar(container: _Afar) -> tuple[Evidence[Any], ...]:
    client, answer, details = container
    name = answer.Name.removeprefix("/")
    found = collect_evidence(
        lambda: environment.from_top(engine_files.top(client, answer.Id), name, details),
        "docker top",
    )
    if isinstance(found, Unknown):
        return found, found
    return Known(found.value.first, found.source), found.value.others


def _namespaces_near(process: _Near) -> tuple[Evidence[Any], ...]:
    return (collect_evidence(lambda: _namespaces(process.held), f"{process.place}/ns"),)


def _namespaces(held: procfs.Proc) -> Namespaces:
    network, ipc = procfs.namespaces_of(held)
    return Namespaces(network=network, ipc=ipc)


def _hosts_file_near(process: _Near) -> tuple[Evidence[Any], ...]:
    place = f"{process.place}/root/etc/hosts"
    return (collect_file(lambda: process.file("/etc/hosts"), parse_hosts, place),)


def _hosts_file_afar(container: _Afar) -> tuple[Evidence[Any], ...]:
    place = "docker cp /etc/hosts"
    return (collect_file(lambda: container.file("/etc/hosts"), parse_hosts, place),)


def _resolver_near(process: _Near) -> tuple[Evidence[Any], ...]:
    return (
        collect_file(
            lambda: process.file("/etc/resolv.conf"),
            lambda text: near_resolver(process.held, text),
            f"{process.place}/root/etc/resolv.conf",
        ),
    )


def _resolver_afar(container: _Afar) -> tuple[Evidence[Any], ...]:
    # Only such a link is looked up with search domains, and an archive costs the engine more than
    # a hundred inspects.
    if not _dials_by_dns(container.details):
        return (NOT_LOOKED_UP_AFAR,)
    place = "docker cp /etc/resolv.conf"
    return (collect_file(lambda: container.file("/etc/resolv.conf"), parse_resolver, place),)


def _dials_by_dns(details: Details) -> bool:
    """Whether a container has links or settings that the embedded DNS may answer."""
    own = [each for each in details.endpoints if each.network not in _WITHOUT_DNS]
    return bool(own) and (bool(details.references) or any(each.links for each in own))


def _name_lookup_near(process: _Near) -> tuple[Evidence[Any], ...]:
    place = f"{process.place}/root/etc/nsswitch.conf"
    return (known_lookup(collect_evidence(lambda: near_lookup(process.held), place)),)


def _name_lookup_afar(container: _Afar) -> tuple[Evidence[Any], ...]:
    found = collect_evidence(
        lambda: afar_lookup(container.file, "docker cp /etc/nsswitch.conf"), ""
    )
    return (found if isinstance(found, Unknown) else found.value,)


def _listeners_near(process: _Near) -> tuple[Evidence[Any], ...]:
    place = f"{process.place}/ns/net"
    return (collect_evidence(lambda: _listeners(process.held, owned=process.serves), place),)


def _listeners(held: procfs.Proc, *, owned: bool) -> tuple[Listener, ...]:
    """Read the listening sockets, and of TCP sockets the names of the processes that own them.

    The thread stays behind in the container's network namespace: one for each container would
    cost more than all that is read.
    """
    sockets.enter(Path(f"/proc/self/fd/{held.descriptor}/ns/net"))
    found = sockets.sockets_here()
    inodes = {inode for listener, inode in found if listener.protocol == "tcp" and inode}
    owners = procfs.owners_of(held, inodes) if owned and inodes else {}
    # Several sockets at one place (SO_REUSEPORT) are one listener.
    names: dict[Listener, str] = {}
    for listener, inode in found:
        names[listener] = names.get(listener) or owners.get(inode, "")
    return tuple(sorted(msgspec.structs.replace(each, owner=name) for each, name in names.items()))


def _script_near(process: _Near) -> tuple[Evidence[Any], ...]:
    read = collect_evidence(
        lambda: read_script(process.answer, process.file), f"{process.place}/root"
    )
    return _parts_of_script(read)


def _script_afar(container: _Afar) -> tuple[Evidence[Any], ...]:
    read = collect_evidence(lambda: read_script(container.answer, container.file), "docker cp")
    return _parts_of_script(read)


def _parts_of_script(read: Evidence[EntryScript]) -> tuple[Evidence[Any], ...]:
    if isinstance(read, Unknown):
        return read, read
    script = read.value
    return Known(script.reads, read.source, script.cut), Known(
        script.hosts, read.source, script.cut
    )


READERS = (
    Reader(("process_environment", "other_processes"), _environments_near, _environments_afar),
    Reader(("namespaces",), _namespaces_near),
    Reader(("hosts_file",), _hosts_file_near, _hosts_file_afar),
    Reader(("resolver",), _resolver_near, _resolver_afar),
    Reader(("name_lookup",), _name_lookup_near, _name_lookup_afar),
    Reader(("listeners",), _listeners_near),
    Reader(("script_reads", "script_hosts"), _script_near, _script_afar),
)
"""In the order in which the evidence is read."""

_FIELDS = tuple(field for reader in READERS for field in reader.fields)
_ASKED_AFAR = tuple(field for reader in READERS if reader.afar for field in reader.fields)
_ALL_NOT_RUNNING: ProcessEvidence = MappingProxyType(dict.fromkeys(_FIELDS, _NOT_RUNNING))
_ALL_LATE: ProcessEvidence = MappingProxyType(dict.fromkeys(_FIELDS, LATE))
