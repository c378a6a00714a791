"""What a modelled engine has after a container was replaced by a new one.

How the new one is made is said by :func:`linkdoctor.rulekit.run_words.changed`, as it is for the
commands that are printed. It has another id: links that lead to the old one are ghosts, and its
namespaces are gone.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from linkdoctor.model.actions import Recreate
from linkdoctor.model.evidence import Evidence, Known
from linkdoctor.model.links import Port, StoredLink
from linkdoctor.model.network_mode import (
    Host,
    Shared,
    mode_sharing,
    parse_network_mode,
    shared_reference,
)
from linkdoctor.model.redact import redact
from linkdoctor.model.setup import Attachment, Setup
from linkdoctor.model.snapshot import (
    Container,
    Details,
    Endpoint,
    Health,
    LinkAnswer,
    Publication,
    Resolver,
    Snapshot,
    Status,
)
from linkdoctor.model.topology import DEFAULT_BRIDGE
from linkdoctor.model.variables import prefixes_of_links
from linkdoctor.reading.settings import references_in_environment
from linkdoctor.rulekit.engine_starts import last_chosen_port, started, stopped
from linkdoctor.rulekit.engine_state import (
    EngineRefusal,
    NotModelled,
    container_named,
    details_of,
    following_id,
    network_owner,
    owner_of,
    recorded,
    with_container,
    with_details,
)
from linkdoctor.rulekit.run_words import changed

__all__ = ["EMBEDDED_DNS", "recreated"]

EMBEDDED_DNS = "127.0.0.11"
_DEFAULT_MODES = ("default", DEFAULT_BRIDGE, "")
_SHORT_ID = 12
_BRIDGE_ONLY = "conflicting options: {} type networking can't be used with links"


def recreated(snapshot: Snapshot, action: Recreate) -> Snapshot:
    """Return what there is once a container was replaced, as an action says.

    Raises:
        EngineRefusal: the new one would not be created, or not started.
        NotModelled: it was not seen how the old one was made.
    """
    old = container_named(snapshot, action.container)
    setup = details_of(old).setup
    if not isinstance(setup, Known):
        raise NotModelled(f"how {old.name} was made was not seen")
    last_port = last_chosen_port(snapshot)
    snapshot = _removed(stopped(snapshot, old.name), old)
    new = _made(snapshot, old, changed(setup.value, action), action)
    snapshot = _created(snapshot, new)
    return snapshot if action.stays_down else started(snapshot, new.name, last_port)


def _removed(snapshot: Snapshot, old: Container) -> Snapshot:
    """Take a container away: links to it are ghosts, those of its own are gone."""
    targets = {name.partition("/")[::2] for name in old.names if "/" in name}
    left = [
        msgspec.structs.replace(
            each,
            names=tuple(name for name in each.names if not name.startswith(f"{old.name}/")),
            link_answers=(
                *each.link_answers,
                *(
                    LinkAnswer(alias=alias, container_id=Known(None, "GET"))
                    for target, alias in sorted(targets)
                    if target == each.name
                ),
            ),
        )
        for each in snapshot.containers
        if each.id != old.id
    ]
    gone = msgspec.structs.replace(snapshot, containers=tuple(left))
    return recorded(gone, "destroy", old)


def _created(snapshot: Snapshot, new: Container) -> Snapshot:
    """Add a container: each of its links leads to what has the source's name today."""
    containers = sorted((*snapshot.containers, new), key=lambda each: each.name)
    snapshot = msgspec.structs.replace(snapshot, containers=tuple(containers))
    for link in details_of(new).stored_links:
        source = container_named(snapshot, link.source)
        names = tuple(sorted((*source.names, f"{new.name}/{link.alias}")))
        snapshot = with_container(snapshot, msgspec.structs.replace(source, names=names))
    return recorded(snapshot, "create", new)


def _made(snapshot: Snapshot, old: Container, setup: Setup, action: Recreate) -> Container:
    """Return the new container as it is before its start."""
    before = details_of(old)
    identity = following_id(old)
    mode = _shared(snapshot, setup.network_mode)
    links = _legacy(snapshot, setup, mode)
    published = tuple(_publication(each) for each in setup.publish)
    exposed = {*before.exposed, *action.expose, *(each.port for each in published)}
    default = before.hostname == old.id[:_SHORT_ID]
    given = [(each.name, each.value or "") for each in action.environment]
    aliases = (
        link.alias for link in (*links, *(one for at in setup.attachments for one in at.links))
    )
    added = redact(given, prefixes_of_links(old.name, aliases, given))
    environment = {each.name: each for each in (*before.environment, *added)}
    joined = {each.namespace.value: mode_sharing(each.container) for each in action.joins}
    created = with_details(
        old,
        status=Status.CREATED,
        pid=0,
        exit_code=0,
        error="",
        out_of_memory=False,
        created_at=snapshot.engine_time or snapshot.taken_at,
        started_at="",
        finished_at="",
        restart_count=None if before.restart_count is None else 0,
        health=None if before.health is None else Health(status="starting"),
        hostname=identity[:_SHORT_ID] if default else before.hostname,
        network_mode=mode,
        pid_mode=_shared(snapshot, joined.get("pid", before.pid_mode)),
        ipc_mode=_shared(snapshot, joined.get("ipc", before.ipc_mode)),
        stored_links=links,
        endpoints=tuple(_endpoints(snapshot, old.name, identity, setup, mode)),
        exposed=tuple(sorted(exposed)),
        published=(),
        requested=published,
        extra_hosts=setup.extra_hosts,
        environment=tuple(environment.values()),
        references=(*before.references, *references_in_environment(given)),
        setup=Known(setup, "inspect"),
    )
    return msgspec.structs.replace(
        created,
        id=identity,
        names=(old.name,),
        link_answers=(),
        stored_links=Known(setup.links, old.stored_links.source)
        if isinstance(old.stored_links, Known)
        else old.stored_links,
        complaints=Known((), old.complaints.source)
        if isinstance(old.complaints, Known)
        else old.complaints,
        resolver=_resolver(snapshot, old, details_of(created), setup),
    )


def _shared(snapshot: Snapshot, mode: str) -> str:
    """Return a mode as the engine keeps it: another container by its id."""
    owner = owner_of(snapshot, mode)
    return mode if owner is None else mode_sharing(owner.id)


def _legacy(snapshot: Snapshot, setup: Setup, mode: str) -> tuple[StoredLink, ...]:
    if not setup.links:
        return ()
    if isinstance(parse_network_mode(mode), Host | Shared):
        raise EngineRefusal(_BRIDGE_ONLY.format(mode.partition(":")[0]))
    for each in setup.links:
        if all(container.name != each.source for container in snapshot.containers):
            raise EngineRefusal(
                f"could not get container for {each.source}: No such container: {each.source}"
            )
    # Of two links with one alias the engine keeps the first, silently; one to a container in
    # another one's network leads to that one.
    links = (
        StoredLink(network_owner(snapshot, container_named(snapshot, each.source)).name, each.alias)
        for each in reversed(setup.links)
    )
    return tuple(sorted({each.alias: each for each in links}.values()))


def _endpoints(
    snapshot: Snapshot, name: str, identity: str, setup: Setup, mode: str
) -> Iterable[Endpoint]:
    if shared_reference(mode) is not None:
        return
    places = setup.attachments
    if not places:
        first = DEFAULT_BRIDGE if mode in _DEFAULT_MODES else mode
        places = (Attachment(network=first),)
    known = snapshot.networks.value if isinstance(snapshot.networks, Known) else None
    for each in places:
        if each.network in ("host", "none"):
            yield Endpoint(network=each.network)
            continue
        if known is not None and all(network.name != each.network for network in known):
            raise EngineRefusal(f"network {each.network} not found")
        own = each.network != DEFAULT_BRIDGE
        yield Endpoint(
            network=each.network,
            fixed_address=_option(each.options, "--ip"),
            aliases=tuple(dict.fromkeys((name, identity[:_SHORT_ID], *each.aliases)))
            if own
            else (),
            links=each.links if own else (),
        )


def _option(words: tuple[str, ...], option: str) -> str:
    return words[words.index(option) + 1] if option in words else ""


def _publication(word: str) -> Publication:
    """Read what :func:`~linkdoctor.rulekit.run_words.publish_word` writes."""
    rest, _, inside = word.rpartition(":")
    address, _, outside = rest.rpartition(":")
    number = int(outside) if outside else 0
    return Publication(
        port=Port.parse(inside),
        host_address=address.strip("[]") or "0.0.0.0",
        host_port=number,
        ephemeral=not number,
    )


def _resolver(
    snapshot: Snapshot, old: Container, details: Details, setup: Setup
) -> Evidence[Resolver]:
    """Return the new one's resolver: the engine's own on a network of one's own."""
    if not isinstance(old.resolver, Known):
        return old.resolver
    before = old.resolver.value
    own = any(each.network not in (DEFAULT_BRIDGE, "none", "host") for each in details.endpoints)
    servers = before.nameservers
    if own:
        servers = (EMBEDDED_DNS,)
    elif EMBEDDED_DNS in servers:
        servers = _of_the_host(snapshot, old)
    search = before.search
    if setup.dns_search:
        search = tuple(each for each in setup.dns_search if each != ".")
    ndots = 0 if own and EMBEDDED_DNS not in before.nameservers else before.ndots
    return Known(Resolver(nameservers=servers, search=search, ndots=ndots), old.resolver.source)


def _of_the_host(snapshot: Snapshot, old: Container) -> tuple[str, ...]:
    """Return the nameservers that one on the default bridge is given, as another one has them."""
    for each in snapshot.containers:
        if each.id != old.id and isinstance(each.resolver, Known):
            servers = each.resolver.value.nameservers
            if EMBEDDED_DNS not in servers:
                return servers
    return ()
