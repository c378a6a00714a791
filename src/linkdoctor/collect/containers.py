"""Reads the containers of an engine: inspect, process, stored links, and where links lead.

One list call shows every container, address and live link; inspect adds what it leaves open.
On the engine's own machine the rest comes from ``/proc``; from afar from the archive endpoint
and ``top``, and only for the containers that links or expectations concern.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from linkdoctor.collect import hostconfig, procfs
from linkdoctor.collect.answers import ContainerAnswer, IdAnswer, InfoAnswer, ListAnswer
from linkdoctor.collect.engine import (
    Deadline,
    EngineClient,
    EngineError,
    NotThere,
    decoded,
    segment,
)
from linkdoctor.collect.logs import with_health_complaints
from linkdoctor.collect.process_evidence import (
    ProcessEvidence,
    fill_from_engine,
    needs_the_engine,
    read_process,
)
from linkdoctor.collect.setups import read_setups
from linkdoctor.collect.translate import Commands, details_of, labels_of
from linkdoctor.collect.unknown_reasons import (
    GONE,
    LATE,
    ONLY_NEAR,
    collect_evidence,
    failed,
    unanswered,
)
from linkdoctor.collect.workers import BackgroundTask, map_concurrently
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.evidence_kinds import CONTAINER_EVIDENCE
from linkdoctor.model.links import StoredLink, parse_link_name
from linkdoctor.model.network_mode import Host, parse_network_mode
from linkdoctor.model.snapshot import Container, Details, LinkAnswer

__all__ = [
    "InspectedContainer",
    "Progress",
    "list_containers",
    "names_of",
    "read_containers",
    "unread",
]

Progress = Callable[[str], None]

_WORKERS = 8
_NO_DIRECTORY = Unknown(gap=Gap.UNSUPPORTED, detail="the engine does not report its data directory")
_FIELDS = tuple(
    each.field for each in CONTAINER_EVIDENCE if each.holder is Container and each.on_demand is None
)
"""The evidence that is read of every container."""


class _Inspected(msgspec.Struct, frozen=True):
    listed: ListAnswer
    answer: ContainerAnswer | Unknown
    raw: msgspec.Raw | None = None


class InspectedContainer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a container before the engine is asked for more."""

    details: Details | Unknown
    process: ProcessEvidence | Unknown = msgspec.field(default_factory=dict)
    """What ``/proc`` shows, or the reason why it shows nothing."""

    @property
    def needs_the_engine(self) -> bool:
        """Whether the engine is asked for what could not be read near."""
        if isinstance(self.details, Unknown):
            return False
        return needs_the_engine(self.details, self.process)


def list_containers(client: EngineClient) -> list[ListAnswer]:
    """List all containers, running or not; raises EngineError."""
    try:
        return client.get("/containers/json", list[ListAnswer], all="1")
    except NotThere:
        raise client.not_an_engine() from None


def read_containers(
    client: EngineClient,
    listed: Sequence[ListAnswer],
    disk: procfs.Proc | None,
    informed: BackgroundTask[InfoAnswer],
    deadline: Deadline,
    progress: Progress,
) -> list[Container]:
    """Read the containers of a list.

    Args:
        client: the engine.
        listed: what it lists.
        disk: the process that keeps the engine's socket, whose root has the engine's files; None
            if it cannot be seen.
        informed: what the engine says of itself, when that is needed.
        deadline: of all that is read.
        progress: is told what is read now.
    """
    inspected = list(_inspected(client, listed, deadline, progress))
    live = {
        link
        for each in inspected
        for name in each.listed.Names or ()
        if (link := parse_link_name(name))
    }
    sources = frozenset(source for each in inspected for source in _sources_of(each.answer))
    near = client.socket_path is not None
    info = informed.result()
    data_root = info.DockerRootDir
    raws = ((each.listed, each.raw) for each in inspected)
    setups = read_setups(client, [(each, raw) for each, raw in raws if raw is not None], info)
    commands = Commands()
    progress("reading processes, hosts files and sockets")

    def looked_at(each: _Inspected) -> InspectedContainer:
        if isinstance(each.answer, Unknown):
            return InspectedContainer(details=each.answer)
        try:
            details = msgspec.structs.replace(
                details_of(each.answer, commands), setup=setups[each.listed.Id]
            )
            serves = _serves(each, sources)
            process = read_process(
                each.answer, details, near=near, deadline=deadline, serves=serves
            )
        except Exception as error:  # one container must not hide the others
            return InspectedContainer(details=failed(error))
        return InspectedContainer(details=details, process=process)

    def container_of(each: _Inspected, seen: InspectedContainer) -> Container:
        try:
            links = _stored_links(disk, each.answer, data_root)
            return _container(client, each, seen, live, links)
        except Exception as error:  # one container must not hide the others
            return unread(each.listed, failed(error))

    # That thread goes from one network namespace to the next, and ends then.
    looks = BackgroundTask(lambda: [looked_at(each) for each in inspected]).result()
    pairs = list(zip(inspected, looks, strict=True))
    slow = [number for number, (_, seen) in enumerate(pairs) if seen.needs_the_engine]
    asked = dict(
        zip(
            slow,
            map_concurrently(_WORKERS, lambda number: container_of(*pairs[number]), slow),
            strict=True,
        )
    )
    containers = [
        asked[number] if number in asked else container_of(*pair)
        for number, pair in enumerate(pairs)
    ]
    return with_health_complaints(containers, (each.answer for each in inspected))


def _sources_of(answer: ContainerAnswer | Unknown) -> set[str]:
    """Return the names, or ids, of the sources of a container's links."""
    if isinstance(answer, Unknown):
        return set()
    endpoints = (answer.NetworkSettings.Networks or {}).values()
    links = [*(answer.HostConfig.Links or ()), *(link for e in endpoints for link in e.Links or ())]
    return {link.partition(":")[0].removeprefix("/") for link in links}


def _serves(inspected: _Inspected, sources: Collection[str]) -> bool:
    """Whether the ports of a container are anyone's: then it matters who listens there."""
    listed, answer = inspected.listed, inspected.answer
    if isinstance(answer, Unknown):
        return False
    names = {name.removeprefix("/") for name in listed.Names or ()}
    return (
        not names.isdisjoint(sources)
        or not {listed.Id, listed.Id[:12]}.isdisjoint(sources)
        or any(parse_link_name(name) for name in names)
        or any((answer.NetworkSettings.Ports or {}).values())
        or isinstance(parse_network_mode(answer.HostConfig.NetworkMode), Host)
    )


def _stored_links(
    disk: procfs.Proc | None, answer: ContainerAnswer | Unknown, data_root: str
) -> Evidence[tuple[StoredLink, ...]]:
    if isinstance(answer, Unknown):
        return answer
    if disk is None:
        return ONLY_NEAR
    directory = hostconfig.directory_of(answer, data_root)
    if directory is None:
        return _NO_DIRECTORY
    return collect_evidence(
        lambda: hostconfig.read_stored_links(disk, directory), f"{directory}/hostconfig.json"
    )


def _inspected(
    client: EngineClient, listed: Sequence[ListAnswer], deadline: Deadline, progress: Progress
) -> Iterator[_Inspected]:
    """Inspect every container; of one that is gone it is told that it is."""
    paths = [f"/containers/{segment(each.Id)}/json" for each in listed]
    answers = client.get_each(paths, msgspec.Raw)
    asked = zip(listed, paths, answers, strict=True)
    for number, (each, path, answer) in enumerate(asked, start=1):
        progress(f"reading container {number} of {len(listed)}")
        if isinstance(answer, NotThere):
            yield _Inspected(each, GONE)
            continue
        try:
            if isinstance(answer, EngineError):
                raise answer
            yield _Inspected(each, decoded(answer, path, ContainerAnswer), answer)
        except EngineError as error:
            late = deadline.left() <= 0
            yield _Inspected(each, LATE if late else unanswered(error))


def _container(
    client: EngineClient,
    inspected: _Inspected,
    seen: InspectedContainer,
    live: set[tuple[str, str]],
    stored_links: Evidence[tuple[StoredLink, ...]],
) -> Container:
    listed, answer, details = inspected.listed, inspected.answer, seen.details
    if isinstance(answer, Unknown):
        return unread(listed, answer)
    if isinstance(details, Unknown):
        return unread(listed, details)
    name = answer.Name.removeprefix("/")
    process: Mapping[str, Any] = fill_from_engine(client, answer, details, seen.process)
    return Container(
        id=answer.Id,
        name=name,
        names=names_of(listed),
        image=answer.Config.Image,
        labels=labels_of(answer.Config.Labels),
        details=Known(details, "inspect"),
        link_answers=_link_answers(client, name, details, live),
        stored_links=stored_links,
        **process,
    )


def unread(listed: ListAnswer, reason: Unknown) -> Container:
    """Return a container of which no more is known than that it is there."""
    names = names_of(listed)
    missing: Mapping[str, Any] = dict.fromkeys(_FIELDS, reason)
    own = [name for name in names if parse_link_name(name) is None]
    return Container(
        id=listed.Id,
        name=own[0] if own else listed.Id[:12],
        names=names,
        image=listed.Image,
        **missing,
    )


def names_of(listed: ListAnswer) -> tuple[str, ...]:
    """Return all names of a container, its own and those that live links give it, sorted."""
    return tuple(sorted(name.removeprefix("/") for name in listed.Names or ()))


def _link_answers(
    client: EngineClient, target: str, details: Details, live: set[tuple[str, str]]
) -> tuple[LinkAnswer, ...]:
    return tuple(
        LinkAnswer(alias=link.alias, container_id=_link_answer(client, target, link.alias))
        for link in details.stored_links
        if (target, link.alias) not in live
    )


def _link_answer(client: EngineClient, target: str, alias: str) -> Evidence[str | None]:
    path = f"/containers/{segment(target)}/{segment(alias)}/json"
    try:
        return Known(client.get(path, IdAnswer).Id, f"GET {path}")
    except NotThere as answer:
        return Known(None, f"GET {path}") if answer.not_found else GONE
    except EngineError as error:
        return unanswered(error)
