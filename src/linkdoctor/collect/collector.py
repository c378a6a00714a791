"""Fills one snapshot from one engine, cheapest truth first.

One list call shows every container, address and live link; inspect adds what it leaves open.
On the engine's own machine the rest comes from ``/proc``; from afar from the archive endpoint
and ``top``, and only for the containers that links or expectations concern.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from linkdoctor.collect import engine_files, environments, hostconfig, procfs, sockets
from linkdoctor.collect.answers import (
    ContainerAnswer,
    IdAnswer,
    InfoAnswer,
    ListAnswer,
    NetworkAnswer,
)
from linkdoctor.collect.dns_answers import with_dns_answers
from linkdoctor.collect.engine import (
    Deadline,
    EngineClient,
    EngineError,
    NotThere,
    decoded,
    segment,
)
from linkdoctor.collect.events import read_events
from linkdoctor.collect.host import Host, look_at_host
from linkdoctor.collect.logs import with_health_complaints, with_log_complaints
from linkdoctor.collect.name_lookup import (
    afar_lookup,
    known_lookup,
    near_lookup,
    near_resolver,
)
from linkdoctor.collect.resolver import parse_resolver
from linkdoctor.collect.setups import read_setups
from linkdoctor.collect.translate import (
    Commands,
    details_of,
    labels_of,
    network_of,
    program_of,
    script_places,
    status_of,
)
from linkdoctor.collect.unknown_reasons import GONE, LATE, ONLY_NEAR, internal_error, unanswered
from linkdoctor.collect.workers import BackgroundTask, map_concurrently
from linkdoctor.model.evidence import (
    NOT_ASKED_AFAR,
    NOT_LOOKED_UP_AFAR,
    Evidence,
    Gap,
    Known,
    Unknown,
)
from linkdoctor.model.links import HostsLine, StoredLink, parse_hosts, parse_link_name
from linkdoctor.model.memory import without_collector
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.snapshot import (
    Container,
    Details,
    Engine,
    LinkAnswer,
    Listener,
    NameLookup,
    Namespaces,
    Network,
    ProcessVariables,
    Resolver,
    Snapshot,
    Status,
    Tool,
)
from linkdoctor.model.topology import Topology
from linkdoctor.model.variables import Variable
from linkdoctor.reading.references import is_script_cut, link_variables_read, references_in_script

__all__ = ["CollectOptions", "Progress", "collect"]

T = TypeVar("T")
P = TypeVar("P")
Progress = Callable[[str], None]

_ROUNDS = 3
_DENIED = Gap.DENIED
_WORKERS = 8
_LARGEST_FILE = 256 * 1024
_MOST_DIRECTORIES = 8
_FILE_CUT = f"it is larger than {_LARGEST_FILE >> 10} KiB, and only the beginning was read"
_PATH_CUT = f"its PATH has more than {_MOST_DIRECTORIES} directories, and only those were searched"
_SCRIPT_CUT = "it reads more variables, or names more hosts, than are kept"
_BEING_STARTED = Unknown(
    gap=Gap.TOO_EARLY, detail="its process was only just being started: not judged yet"
)
_WITHOUT_DNS = ("bridge", "host", "none")
_NOT_RUNNING = Unknown(gap=Gap.NOT_COLLECTED, detail="it does not run")
_MOVED = Unknown(
    gap=Gap.VANISHED, detail="it, or what it is linked to, changed each time that it was read"
)
_NO_DIRECTORY = Unknown(gap=Gap.UNSUPPORTED, detail="the engine does not report its data directory")


class CollectOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is read or tried only if the user asks for it."""

    logs: bool = False
    """Read the last lines of the logs of linked containers."""
    probe: bool = False
    """Resolve and dial what links promise, from inside the targets' network namespaces."""
    probe_external: bool = False
    """Dial addresses outside the networks of the containers examined too."""


class _Inspected(msgspec.Struct, frozen=True):
    listed: ListAnswer
    answer: ContainerAnswer | Unknown
    raw: msgspec.Raw | None = None


class _Script(msgspec.Struct, frozen=True, kw_only=True):
    """What the entry-point script tells; nothing if there is none."""

    reads: tuple[VariableRead, ...] = ()
    hosts: tuple[HostReference, ...] = ()
    cut: str = ""
    """Why there may be more; '' if this is all."""


class _Lived(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a container's running process."""

    process_environment: Evidence[tuple[Variable, ...]] = _NOT_RUNNING
    other_processes: Evidence[tuple[ProcessVariables, ...]] = _NOT_RUNNING
    namespaces: Evidence[Namespaces] = _NOT_RUNNING
    hosts_file: Evidence[tuple[HostsLine, ...]] = _NOT_RUNNING
    resolver: Evidence[Resolver] = _NOT_RUNNING
    name_lookup: Evidence[NameLookup] = _NOT_RUNNING
    listeners: Evidence[tuple[Listener, ...]] = _NOT_RUNNING
    script: Evidence[_Script] = _NOT_RUNNING


class _Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a container before the engine is asked for more."""

    details: Details | Unknown
    seen: _Lived | Unknown = _Lived()
    """What ``/proc`` shows, or the reason why it shows nothing."""

    @property
    def needs_the_engine(self) -> bool:
        """Whether the engine is asked for what could not be seen."""
        if isinstance(self.details, Unknown):
            return False
        unseen = isinstance(self.seen, Unknown) or bool(_denied_fields(self.seen))
        return unseen and _matters_afar(self.details)


def collect(
    client: EngineClient,
    deadline: Deadline,
    *,
    tool: Tool,
    further: CollectOptions = CollectOptions(),  # noqa: B008 - frozen
    progress: Progress = lambda _: None,
) -> Snapshot:
    """Read everything that a diagnosis needs of one engine, with GET requests only.

    Containers that vanish midway are left out. If containers come, go, start again or change
    state while they are read, all is read again, at most twice; nothing is claimed of those that
    never held still.

    Raises:
        EngineError: the engine does not answer, or not as a Docker engine does.
    """
    engine_pid = sockets.peer_pid(client.socket_path) if client.socket_path else None
    # The engine takes as long for these as for many containers, and so does the firewall.
    informed = BackgroundTask(lambda: _info(client, deadline))
    surrounded = BackgroundTask(lambda: _surroundings(client, informed, engine_pid))

    def read_containers(listed: Sequence[ListAnswer]) -> list[Container]:
        with hostconfig.opened(engine_pid) as disk, without_collector():
            return _containers(client, listed, disk, informed, deadline, progress)

    containers, settled = _settled_containers(client, read_containers, deadline)
    info = informed.result()
    networks, host = surrounded.result()
    engine = _engine(client, info)
    snapshot = Snapshot(
        taken_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        engine_time=info.SystemTime,
        tool=tool,
        host=engine.name or client.endpoint,
        endpoint=client.endpoint,
        engine=engine,
        containers=tuple(sorted(containers, key=lambda each: (each.name, each.id))),
        networks=networks,
        host_addresses=host.addresses,
        host_listeners=host.listeners,
        firewall=host.firewall,
        routes=host.routes,
        interfaces=host.interfaces,
        keeps_link_variables=host.keeps_link_variables,
        events=read_events(client, info.SystemTime, podman=engine.product == "Podman"),
        probed=further.probe,
        settled=settled,
    )
    near = client.socket_path is not None
    # What is to be asked for depends on the links: joined once, for all that follows.
    draft = Topology([snapshot])
    snapshot = with_dns_answers(snapshot, draft, deadline, near=near)
    if further.logs:
        snapshot = with_log_complaints(client, snapshot, deadline, progress=progress)
    if not further.probe:
        return snapshot
    from linkdoctor.collect.probing import with_probes

    return with_probes(
        snapshot, draft, deadline, near=near, external=further.probe_external, progress=progress
    )


def _settled_containers(
    client: EngineClient,
    read: Callable[[Sequence[ListAnswer]], list[Container]],
    deadline: Deadline,
) -> tuple[list[Container], bool]:
    """Read all containers, anew if they changed meanwhile; tell whether they held still."""
    listed = _list(client)
    rounds = 0
    while True:
        containers = read(listed)
        try:
            again = _list(client)
        except EngineError:
            return containers, False  # what was read is not lost
        rounds += 1
        moved = _moved(listed, containers, again)
        if not moved:
            return containers, True
        if rounds == _ROUNDS or deadline.left() < deadline.seconds / 2:
            touched = moved | _linked_to(moved, listed, again)
            return list(_those_that_held_still(containers, again, touched)), False
        listed = again


def _moved(
    before: Iterable[ListAnswer], containers: Iterable[Container], after: Iterable[ListAnswer]
) -> set[str]:
    """Return the ids of the containers that came, went or changed while they were read.

    One that was stopped and started between two looks had another state when it was inspected,
    or has other endpoints now.
    """
    earlier, later = ({each.Id: _state_of(each) for each in listed} for listed in (before, after))
    # What an engine calls otherwise than Docker does is DEAD: that says nothing.
    between = {
        each.id: each.details.value.status
        for each in containers
        if isinstance(each.details, Known) and each.details.value.status is not Status.DEAD
    }
    return {
        identity
        for identity in earlier.keys() | later.keys()
        if earlier.get(identity) != later.get(identity)
        or between.get(identity, later[identity][0]) != later[identity][0]
    }


def _state_of(listed: ListAnswer) -> tuple[Status, tuple[str, ...], tuple[str, ...]]:
    return (status_of(listed.State), tuple(sorted(listed.Names or ())), listed.endpoints)


def _linked_to(
    moved: Collection[str], before: Iterable[ListAnswer], after: Sequence[ListAnswer]
) -> set[str]:
    """Return the ids of the targets of links to some containers: the engine writes to them, too."""
    links = (
        parse_link_name(name)
        for each in (*before, *after)
        if each.Id in moved
        for name in each.Names or ()
    )
    targets = {link[0] for link in links if link is not None}
    return {each.Id for each in after if not targets.isdisjoint(_names_of(each))}


def _those_that_held_still(
    containers: Iterable[Container], after: Iterable[ListAnswer], moved: Collection[str]
) -> Iterator[Container]:
    """Leave out the containers that are gone, and all that was read of those that moved."""
    read = {each.id: each for each in containers}
    for listed in after:
        if listed.Id in moved or listed.Id not in read:
            yield _unread(listed, _MOVED)
        else:
            yield read[listed.Id]


def _surroundings(
    client: EngineClient, informed: BackgroundTask[InfoAnswer], engine_pid: int | None
) -> tuple[Evidence[tuple[Network, ...]], Host]:
    """Read what is neither a container nor the engine itself."""
    backend = informed.result().FirewallBackend
    networks = _networks(client)
    return networks, look_at_host(engine_pid, networks, backend.Driver if backend else "")


def _info(client: EngineClient, deadline: Deadline) -> InfoAnswer:
    try:
        return client.get("/info", InfoAnswer)
    except NotThere:
        raise _no_engine(client) from None
    except EngineError:
        if deadline.left() > 0:
            raise
        return InfoAnswer()  # what is known of containers is worth more than the engine's name


def _no_engine(client: EngineClient) -> EngineError:
    return EngineError(f"{client.endpoint} answered, but is not a Docker engine")


def _engine(client: EngineClient, info: InfoAnswer) -> Engine:
    components = client.version.Components or ()
    podman = any("podman" in each.Name.lower() for each in components)
    return Engine(
        name=info.Name,
        version=client.version.Version,
        api_version=client.version.ApiVersion,
        product="Podman" if podman else "Docker",
        live_restore=info.LiveRestoreEnabled,
    )


def _list(client: EngineClient) -> list[ListAnswer]:
    try:
        return client.get("/containers/json", list[ListAnswer], all="1")
    except NotThere:
        raise _no_engine(client) from None


def _networks(client: EngineClient) -> Evidence[tuple[Network, ...]]:
    try:
        answers = client.get("/networks", list[NetworkAnswer])
    except (EngineError, NotThere) as error:
        return Unknown(gap=Gap.UNSUPPORTED, detail=str(error))
    networks = sorted(map(network_of, answers), key=lambda each: (each.name, each.id))
    return Known(tuple(networks), "GET /networks")


def _containers(
    client: EngineClient,
    listed: Sequence[ListAnswer],
    disk: procfs.Proc | None,
    informed: BackgroundTask[InfoAnswer],
    deadline: Deadline,
    progress: Progress,
) -> list[Container]:
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

    def glanced_at(each: _Inspected) -> _Glance:
        if isinstance(each.answer, Unknown):
            return _Glance(details=each.answer)
        try:
            details = msgspec.structs.replace(
                details_of(each.answer, commands), setup=setups[each.listed.Id]
            )
            seen = _seen(each.answer, details, near, deadline, _serves(each, sources))
        except Exception as error:  # one container must not hide the others
            return _Glance(details=_failed(error))
        return _Glance(details=details, seen=seen)

    def container_of(each: _Inspected, glance: _Glance) -> Container:
        try:
            links = _stored_links(disk, each.answer, data_root)
            return _container(client, each, glance, live, links)
        except Exception as error:  # one container must not hide the others
            return _unread(each.listed, _failed(error))

    # That thread goes from one network namespace to the next, and ends then.
    glances = BackgroundTask(lambda: [glanced_at(each) for each in inspected]).result()
    pairs = list(zip(inspected, glances, strict=True))
    slow = [number for number, (_, glance) in enumerate(pairs) if glance.needs_the_engine]
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


def _failed(error: Exception) -> Unknown:
    return Unknown(gap=Gap.UNSUPPORTED, detail=internal_error(error))


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
        or answer.HostConfig.NetworkMode == "host"
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
    return _had(
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
    glance: _Glance,
    live: set[tuple[str, str]],
    stored_links: Evidence[tuple[StoredLink, ...]],
) -> Container:
    listed, answer, details = inspected.listed, inspected.answer, glance.details
    if isinstance(answer, Unknown):
        return _unread(listed, answer)
    if isinstance(details, Unknown):
        return _unread(listed, details)
    name = answer.Name.removeprefix("/")
    lived = _completed(client, answer, details, glance.seen)
    return Container(
        id=answer.Id,
        name=name,
        names=_names_of(listed),
        image=answer.Config.Image,
        labels=labels_of(answer.Config.Labels),
        details=Known(details, "inspect"),
        link_answers=_link_answers(client, name, details, live),
        stored_links=stored_links,
        process_environment=lived.process_environment,
        other_processes=lived.other_processes,
        namespaces=lived.namespaces,
        hosts_file=lived.hosts_file,
        resolver=lived.resolver,
        name_lookup=lived.name_lookup,
        listeners=lived.listeners,
        script_reads=_part(lived.script, lambda script: script.reads),
        script_hosts=_part(lived.script, lambda script: script.hosts),
    )


def _unread(listed: ListAnswer, reason: Unknown) -> Container:
    """Return a container of which no more is known than that it is there."""
    names = _names_of(listed)
    own = [name for name in names if parse_link_name(name) is None]
    return Container(
        id=listed.Id,
        name=own[0] if own else listed.Id[:12],
        names=names,
        image=listed.Image,
        details=reason,
        stored_links=reason,
        process_environment=reason,
        other_processes=reason,
        namespaces=reason,
        hosts_file=reason,
        resolver=reason,
        name_lookup=reason,
        listeners=reason,
        script_reads=reason,
        script_hosts=reason,
    )


def _names_of(listed: ListAnswer) -> tuple[str, ...]:
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


def _seen(
    answer: ContainerAnswer, details: Details, near: bool, deadline: Deadline, served: bool
) -> _Lived | Unknown:
    """Look at a container's process, or give the reason why it cannot be looked at."""
    if details.pid <= 0 or details.status not in (Status.RUNNING, Status.PAUSED):
        return _Lived()
    if deadline.left() <= 0:
        return _Lived(
            process_environment=LATE,
            other_processes=LATE,
            namespaces=LATE,
            hosts_file=LATE,
            resolver=LATE,
            name_lookup=LATE,
            listeners=LATE,
            script=LATE,
        )
    if not near:
        return ONLY_NEAR
    try:
        with procfs.prove(details.pid, answer.Id) as held:
            return _near(held, answer, details, served=served)
    except procfs.NotProven as reason:
        return Unknown(gap=Gap.DENIED, detail=str(reason))


def _completed(
    client: EngineClient, answer: ContainerAnswer, details: Details, seen: _Lived | Unknown
) -> _Lived:
    """Ask the engine for what this user may not read in /proc, and for nothing else."""
    if isinstance(seen, Unknown):
        return _afar(client, answer, details, seen)
    denied = _denied_fields(seen)
    if not denied:
        return seen
    lived = _afar(client, answer, details, ONLY_NEAR)
    return msgspec.structs.replace(seen, **{field: getattr(lived, field) for field in denied})


def _denied_fields(seen: _Lived) -> list[str]:
    fields = (
        *("process_environment", "other_processes", "hosts_file", "resolver"),
        *("name_lookup", "script"),
    )
    return [field for field in fields if _is_denied(getattr(seen, field))]


def _is_denied(evidence: object) -> bool:
    return isinstance(evidence, Unknown) and evidence.gap is _DENIED


def _near(held: procfs.Proc, answer: ContainerAnswer, details: Details, *, served: bool) -> _Lived:
    proc = f"/proc/{held.pid}"
    name = answer.Name.removeprefix("/")
    first = _had(lambda: environments.first_near(held, name, details), f"{proc}/environ")
    return _Lived(
        process_environment=first,
        other_processes=environments.others_near(held, first.value, details)
        if isinstance(first, Known)
        else first,
        namespaces=_had(lambda: _namespaces(held), f"{proc}/ns"),
        hosts_file=_file(
            lambda: procfs.read_inside(held, "/etc/hosts", _LARGEST_FILE + 1),
            parse_hosts,
            f"{proc}/root/etc/hosts",
        ),
        resolver=_file(
            lambda: procfs.read_inside(held, "/etc/resolv.conf", _LARGEST_FILE + 1),
            lambda text: near_resolver(held, text),
            f"{proc}/root/etc/resolv.conf",
        ),
        name_lookup=known_lookup(_had(lambda: near_lookup(held), f"{proc}/root/etc/nsswitch.conf")),
        listeners=_had(lambda: _listeners(held, owned=served), f"{proc}/ns/net"),
        script=_had(
            lambda: _script(answer, lambda path: procfs.read_inside(held, path, _LARGEST_FILE + 1)),
            f"{proc}/root",
        ),
    )


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


def _namespaces(held: procfs.Proc) -> Namespaces:
    network, ipc = procfs.namespaces_of(held)
    return Namespaces(network=network, ipc=ipc)


def _matters_afar(details: Details) -> bool:
    """Whether a container has links, or settings that name hosts."""
    return bool(
        details.stored_links or details.references or any(each.links for each in details.endpoints)
    )


def _afar(client: EngineClient, answer: ContainerAnswer, details: Details, near: Unknown) -> _Lived:
    if not _matters_afar(details):
        return _Lived(
            process_environment=NOT_ASKED_AFAR,
            other_processes=NOT_ASKED_AFAR,
            namespaces=near,
            hosts_file=NOT_ASKED_AFAR,
            resolver=NOT_ASKED_AFAR,
            name_lookup=NOT_ASKED_AFAR,
            listeners=near,
            script=NOT_ASKED_AFAR,
        )

    def read(path: str) -> bytes:
        return engine_files.read_archived(client, answer.Id, path, _LARGEST_FILE + 1)

    name = answer.Name.removeprefix("/")
    seen = _had(
        lambda: environments.from_top(engine_files.top(client, answer.Id), name, details),
        "docker top",
    )
    return _Lived(
        process_environment=_part(seen, lambda each: each.first),
        other_processes=seen.value.others if isinstance(seen, Known) else seen,
        namespaces=near,
        hosts_file=_file(lambda: read("/etc/hosts"), parse_hosts, "docker cp /etc/hosts"),
        # Only such a link is looked up with search domains, and an archive costs the engine more
        # than a hundred inspects.
        resolver=_file(
            lambda: read("/etc/resolv.conf"), parse_resolver, "docker cp /etc/resolv.conf"
        )
        if _dials_by_dns(details)
        else NOT_LOOKED_UP_AFAR,
        name_lookup=_had_lookup(read),
        listeners=near,
        script=_had(lambda: _script(answer, read), "docker cp"),
    )


def _dials_by_dns(details: Details) -> bool:
    """Whether a container has links or settings that the embedded DNS may answer."""
    own = [each for each in details.endpoints if each.network not in _WITHOUT_DNS]
    return bool(own) and (bool(details.references) or any(each.links for each in own))


def _had_lookup(read: Callable[[str], bytes]) -> Evidence[NameLookup]:
    found = _had(lambda: afar_lookup(read, "docker cp /etc/nsswitch.conf"), "")
    return found if isinstance(found, Unknown) else found.value


def _had(action: Callable[[], T], source: str) -> Evidence[T]:
    try:
        return Known(action(), source)
    except procfs.BeingStarted:
        return _BEING_STARTED
    except (procfs.NotProven, sockets.NamespaceDenied) as error:
        return Unknown(gap=Gap.DENIED, detail=str(error))
    except PermissionError:
        return Unknown(gap=Gap.DENIED, detail="no permission to read it; run as root")
    except NotThere:
        return GONE
    except (sockets.TooMany, hostconfig.Oversized) as error:
        return Unknown(gap=Gap.CUT, detail=str(error))
    except OSError as error:
        return Unknown(gap=Gap.VANISHED, detail=error.strerror or type(error).__name__)
    except (EngineError, engine_files.Unreadable, hostconfig.Damaged) as error:
        return unanswered(error)


def _file(read: Callable[[], bytes], parse: Callable[[str], T], source: str) -> Evidence[T]:
    """Read a file, or as much of it as is read of any; where it was cut, that is said."""
    content = _had(read, source)
    if isinstance(content, Unknown):
        return content
    text, cut = _whole_lines(content.value)
    return Known(parse(text), source, cut)


def _whole_lines(content: bytes) -> tuple[str, str]:
    """Return the lines of a file that were read to their ends, and whether there are more.

    Half a line could be taken for another: `db` for the beginning of `db-replica`.
    """
    if len(content) <= _LARGEST_FILE:
        return _text(content), ""
    return _text(content[: content.rfind(b"\n", 0, _LARGEST_FILE) + 1]), _FILE_CUT


def _script(answer: ContainerAnswer, read: Callable[[str], bytes]) -> _Script:
    places = script_places(program_of(answer), answer.Config.Env or ())
    for path in places[:_MOST_DIRECTORIES]:
        try:
            content = read(path)
        except (NotThere, FileNotFoundError, NotADirectoryError):
            continue
        except engine_files.Unreadable:
            return _Script()
        if not content.startswith(b"#!"):
            return _Script()
        text, cut = _whole_lines(content)
        reads, hosts = link_variables_read(text, path), references_in_script(text, path)
        if is_script_cut(reads, hosts):
            cut = cut or _SCRIPT_CUT
        return _Script(reads=reads, hosts=hosts, cut=cut)
    return _Script(cut=_PATH_CUT if len(places) > _MOST_DIRECTORIES else "")


def _part(evidence: Evidence[T], part: Callable[[T], P]) -> Evidence[P]:
    if isinstance(evidence, Unknown):
        return evidence
    cut = evidence.value.cut if isinstance(evidence.value, _Script) else evidence.cut
    return Known(part(evidence.value), evidence.source, cut)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
