"""Fills one snapshot from one engine, cheapest truth first.

The engine and its host are read beside the containers. What is asked of peers and resolvers comes
after them, and logs and probes last, if the user asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from linkdoctor.collect import hostconfig, sockets
from linkdoctor.collect.answers import InfoAnswer, ListAnswer, NetworkAnswer
from linkdoctor.collect.containers import Progress, read_containers
from linkdoctor.collect.dns_answers import with_dns_answers
from linkdoctor.collect.engine import Deadline, EngineClient, EngineError, NotThere
from linkdoctor.collect.events import read_events
from linkdoctor.collect.holding_still import settled_containers
from linkdoctor.collect.host import Host, look_at_host
from linkdoctor.collect.logs import with_log_complaints
from linkdoctor.collect.translate import network_of
from linkdoctor.collect.workers import BackgroundTask
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.memory import without_collector
from linkdoctor.model.snapshot import Container, Engine, Network, Snapshot, Tool
from linkdoctor.model.topology import Topology

__all__ = ["CollectOptions", "Progress", "collect"]


class CollectOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is read or tried only if the user asks for it."""

    logs: bool = False
    """Read the last lines of the logs of linked containers."""
    probe: bool = False
    """Resolve and dial what links promise, from inside the targets' network namespaces."""
    probe_external: bool = False
    """Dial addresses outside the networks of the containers examined too."""


def collect(
    client: EngineClient,
    deadline: Deadline,
    *,
    tool: Tool,
    further: CollectOptions = CollectOptions(),  # noqa: B008 - frozen
    progress: Progress = lambda _: None,
) -> Snapshot:
    """Read everything that a diagnosis needs of one engine, with GET requests only.

    Containers that vanish midway are left out. If any come, go or change while they are read, all
    is read again, at most twice; nothing is claimed of those that never held still.

    Raises:
        EngineError: the engine does not answer, or not as a Docker engine does.
    """
    engine_pid = sockets.peer_pid(client.socket_path) if client.socket_path else None
    # The engine takes as long for these as for many containers, and so does the firewall.
    informed = BackgroundTask(lambda: _info(client, deadline))
    surrounded = BackgroundTask(lambda: _surroundings(client, informed, engine_pid))

    def read(listed: Sequence[ListAnswer]) -> list[Container]:
        with hostconfig.opened(engine_pid) as disk, without_collector():
            return read_containers(client, listed, disk, informed, deadline, progress)

    containers, settled = settled_containers(client, read, deadline)
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
        **msgspec.structs.asdict(host),
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
        raise client.not_an_engine() from None
    except EngineError:
        if deadline.left() > 0:
            raise
        return InfoAnswer()  # what is known of containers is worth more than the engine's name


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


def _networks(client: EngineClient) -> Evidence[tuple[Network, ...]]:
    try:
        answers = client.get("/networks", list[NetworkAnswer])
    except (EngineError, NotThere) as error:
        return Unknown(gap=Gap.UNSUPPORTED, detail=str(error))
    networks = sorted(map(network_of, answers), key=lambda each: (each.name, each.id))
    return Known(tuple(networks), "GET /networks")
