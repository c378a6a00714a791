"""A small model of an engine, to write down situations in a few words.

The cases of rules are made with it. It follows the engine as the lab shows it: a target gets
its variables and hosts lines at its start; when a source comes back elsewhere the hosts line is
rewritten and the variables are not; a recreated source leaves a ghost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from linkdoctor.model.actions import Action
from linkdoctor.model.evidence import Known
from linkdoctor.model.links import (
    HostsLine,
    Port,
    StoredLink,
    engine_version,
    parse_stored_link,
)
from linkdoctor.model.network_mode import mode_sharing, shared_reference
from linkdoctor.model.redact import redact
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.snapshot import (
    LOG_NOT_READ,
    NOT_PROBED,
    Complaint,
    Container,
    Details,
    DnsAnswer,
    Endpoint,
    Event,
    Health,
    Label,
    Listener,
    NameLookup,
    Namespaces,
    Probe,
    Publication,
    Resolver,
    Status,
)
from linkdoctor.model.variables import prefixes_of_links
from linkdoctor.reading.command_lines import references_in_arguments
from linkdoctor.reading.scripts import references_in_script
from linkdoctor.reading.settings import references_in_environment
from linkdoctor.reading.variable_reads import link_variables_read
from linkdoctor.rulekit.link_effects import given_links, link_rules
from linkdoctor.rulekit.world_state import EARLIER, LATER, WorldState

__all__ = ["World"]

_EMBEDDED_DNS = "127.0.0.11"
_SHORT_ID = 12


class World(WorldState):
    """One engine and its containers."""

    @classmethod
    def tutorial(cls) -> World:
        """Return the classic pair: `web`, linked to `app` as `helloapp`, and all is well."""
        return cls().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")

    def run(
        self,
        name: str,
        *,
        link: str | Sequence[str] = (),
        expose: Iterable[int] = (),
        listen: Iterable[int] = (),
        listen_on: str = "0.0.0.0",
        ipv6_only: bool = False,
        device: str = "",
        device_addresses: Sequence[str] = (),
        owner: str = "",
        publish: Mapping[int, int] | None = None,
        publish_on: str = "0.0.0.0",
        ephemeral: bool = False,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = ("server",),
        script: str = "",
        network: str | None = None,
        aliases: Sequence[str] = (),
        image: str = "image",
        labels: Mapping[str, str] | None = None,
        hostname: str | None = None,
        add_host: Mapping[str, str] | None = None,
        restart: str = "no",
        health: str | None = None,
        started_at: str = EARLIER,
        answers: Mapping[str, Sequence[str]] | None = None,
        mounts_hosts_file: bool = False,
        mode: str | None = None,
        pid: str = "",
        ipc: str = "",
        auto_remove: bool = False,
        fixed: bool = False,
        search: Sequence[str] = (),
        ndots: int = 1,
        nameservers: Sequence[str] | None = None,
        asks_hosts_file: bool = True,
        asks_dns: bool = True,
        probes: Sequence[Probe] | None = None,
        complaints: Sequence[Complaint] | None = None,
    ) -> World:
        """Start a container.

        `mode` is a network mode without a network of one's own: none, host, container:NAME.
        `pid` and `ipc` are container:NAME where it shares these namespaces.
        `ephemeral` says that `publish` holds the ports that the engine chose for ``-P``.
        `fixed` gives the address as `--ip` does.
        """
        container_id = self._new_id()
        exposed = tuple(sorted({Port(number) for number in (*expose, *(publish or {}))}))
        typed = tuple(
            parse_stored_link(each) for each in ([link] if isinstance(link, str) else link)
        )
        # Of two links with one alias the engine keeps the first, silently.
        links = tuple(sorted({each.alias: each for each in reversed(typed)}.values()))
        bindings = tuple(
            Publication(
                port=Port(inside), host_address=publish_on, host_port=outside, ephemeral=ephemeral
            )
            for inside, outside in (publish or {}).items()
        )
        variables = tuple((env or {}).items())
        extra = tuple(HostsLine(address=at, names=(of,)) for of, at in (add_host or {}).items())
        details = Details(
            status=Status.RUNNING,
            pid=1000 + self._next_id,
            created_at=f"{EARLIER[:11]}09:{self._next_id // 60:02}:{self._next_id % 60:02}Z",
            started_at=started_at,
            restart_policy=restart,
            hostname=hostname or container_id[:12],
            network_mode=self._kept(mode or network or "default"),
            pid_mode=self._kept(pid),
            ipc_mode=self._kept(ipc),
            auto_remove=auto_remove,
            stored_links=() if network else links,
            endpoints=(self._endpoint(network, name, container_id, aliases, links, fixed),)
            if mode is None
            else (),
            exposed=exposed,
            published=bindings,
            requested=() if ephemeral else bindings,
            extra_hosts=extra,
            environment=redact(
                variables, prefixes_of_links(name, (each.alias for each in links), variables)
            ),
            references=_references(variables, command),
            reads=_reads(command),
            health=Health(status=health) if health else None,
            mounts_hosts_file=mounts_hosts_file,
        )
        self._containers[name] = Container(
            id=container_id,
            name=name,
            image=image,
            labels=tuple(Label(name=key, value=value) for key, value in (labels or {}).items()),
            details=Known(details, "inspect"),
            process_environment=Known((), f"/proc/{details.pid}/environ"),
            hosts_file=Known((), f"/proc/{details.pid}/root/etc/hosts"),
            other_processes=Known((), f"/proc/{details.pid}/task"),
            resolver=Known(
                Resolver(
                    nameservers=tuple(nameservers)
                    if nameservers is not None
                    else (_EMBEDDED_DNS,)
                    if network
                    else ("10.77.0.254",),
                    search=tuple(search),
                    ndots=ndots,
                ),
                f"/proc/{details.pid}/root/etc/resolv.conf",
            ),
            namespaces=Known(
                Namespaces(
                    network=self._network_namespace(details.network_mode, details.pid),
                    ipc=self._ipc_namespace(details.ipc_mode, details.pid),
                ),
                f"/proc/{details.pid}/ns",
            ),
            stored_links=Known(
                () if network else typed,
                f"/var/lib/docker/containers/{container_id}/hostconfig.json",
            ),
            listeners=Known(
                tuple(
                    Listener(
                        address=listen_on,
                        port=port,
                        protocol="tcp",
                        owner=owner,
                        ipv6_only=ipv6_only,
                        device=device,
                        device_addresses=tuple(device_addresses),
                    )
                    for port in sorted(listen)
                ),
                f"/proc/{details.pid}/ns/net",
            ),
            script_reads=Known(link_variables_read(script, "/entrypoint.sh"), "/proc"),
            script_hosts=Known(references_in_script(script, "/entrypoint.sh"), "/proc"),
            probes=NOT_PROBED if probes is None else Known(tuple(probes), "probe"),
            complaints=LOG_NOT_READ
            if complaints is None
            else Known(tuple(complaints), f"docker logs {name}"),
            name_lookup=Known(
                NameLookup(hosts_file=asks_hosts_file, dns=asks_dns),
                f"/proc/{details.pid}/root/etc/nsswitch.conf",
            ),
            dns_answers=tuple(
                DnsAnswer(name=asked, addresses=Known(tuple(found), "its own resolver"))
                for asked, found in (answers or {}).items()
            ),
        )
        for each in links if not network else ():
            source = self._containers.get(each.source)
            if source is not None:
                self._pointers[container_id, each.alias] = source.id
        self._begin(name)
        return self

    def restart(self, name: str) -> World:
        """Restart a container: it gets its variables and hosts lines anew."""
        self._begin(name)
        return self

    def restart_source(self, name: str) -> World:
        """Start a stopped source: it has an address again."""
        self.change(
            name,
            status=Status.RUNNING,
            pid=999,
            exit_code=0,
            published=self._details(name).requested,
        )
        return self.move(name)

    def stop(self, name: str, *, exit_code: int = 0) -> World:
        """Stop a container; as a target it takes the firewall rules of its links along."""
        address = self._details(name).endpoints[0].address
        sources = {each.source for each in self._details(name).stored_links} & set(self._containers)
        ends = {self._details(each).endpoints[0].address for each in sources}
        self._pairs = [
            each
            for each in self._pairs
            if not (
                address in (each.source, each.destination)
                and {each.source, each.destination} - {address} <= ends
            )
        ]
        self.change(name, status=Status.EXITED, pid=0, exit_code=exit_code, published=())
        endpoint = self._details(name).endpoints[0]
        gone = msgspec.structs.replace(endpoint, address="")
        return self.change(name, endpoints=(gone,))

    def refuse(self, name: str, error: str) -> World:
        """Leave a container as a refused start leaves it."""
        return self.change(name, status=Status.CREATED, pid=0, error=error, published=())

    def move(self, name: str) -> World:
        """Restart a source so that it gets another address; live hosts lines follow."""
        details = self._details(name)
        old = details.endpoints[0]
        new = msgspec.structs.replace(old, address=self._new_address(old.network))
        self.change(name, endpoints=(new,))
        source = self._containers[name]
        for target in self._containers.values():
            for (owner, alias), pointer in self._pointers.items():
                if owner == target.id and pointer == source.id:
                    self.hosts(target.name, alias, address=new.address)
        return self

    def join(self, name: str, network: str, *, aliases: Sequence[str] = ()) -> World:
        """Connect a container to one more network."""
        endpoint = self._endpoint(network, name, self._containers[name].id, aliases, (), False)
        return self.change(name, endpoints=(*self._details(name).endpoints, endpoint))

    def take(self, name: str, address: str) -> World:
        """Return a container that nobody is linked to another address of its network."""
        endpoint = self._details(name).endpoints[0]
        return self.change(name, endpoints=(msgspec.structs.replace(endpoint, address=address),))

    def recreate(self, name: str) -> World:
        """Remove a container and run another of that name: links to it become ghosts.

        It has another id. Its own links lead to what has their sources' names today; who shares
        its namespaces goes on to refer to the id of the one that is gone.
        """
        old, new_id = self._containers[name], self._new_id()
        details = self._details(name)
        short, pid = new_id[:_SHORT_ID], 1000 + self._next_id
        endpoints = tuple(
            msgspec.structs.replace(
                each,
                address=self._new_address(each.network),
                aliases=tuple(short if at == old.id[:_SHORT_ID] else at for at in each.aliases),
            )
            for each in details.endpoints[:1]
        )
        self._containers[name] = msgspec.structs.replace(old, id=new_id)
        self.change(
            name,
            pid=pid,
            hostname=short if details.hostname == old.id[:_SHORT_ID] else details.hostname,
            endpoints=endpoints,
        )
        if isinstance(old.namespaces, Known):
            network = self._network_namespace(details.network_mode, pid)
            self.lives_in(
                name, Namespaces(network=network, ipc=self._ipc_namespace(details.ipc_mode, pid))
            )
        for each in details.stored_links:
            source = self._containers.get(each.source)
            if source is not None:
                self._pointers[new_id, each.alias] = source.id
        self._begin(name)
        return self

    def apply(self, action: Action) -> World:
        """Carry out what a fix says, as an engine would; what is seen is seen a while later.

        Raises:
            EngineRefusal: the engine would refuse it.
            NotModelled: what was seen does not tell what it would do.
        """
        # Rules import this module at each start of linkdoctor, and only tests carry out actions.
        from linkdoctor.rulekit.engine_actions import apply_to

        self._adopt(apply_to(self.snapshot(), action))
        return self

    def rename(self, old: str, new: str) -> World:
        """Rename a container: links follow, its process and its hosts file do not."""
        renamed = msgspec.structs.replace(self._containers.pop(old), name=new)
        self._containers[new] = renamed
        for target in tuple(self._containers.values()):
            if isinstance(target.details, Known):
                links = tuple(
                    StoredLink(new, link.alias)
                    if self._pointers.get((target.id, link.alias)) == renamed.id
                    else link
                    for link in target.details.value.stored_links
                )
                self.change(target.name, stored_links=links)
        return self

    def unlink(self, name: str, alias: str) -> World:
        """Remove a live link, as ``docker rm --link`` does; disk and process keep it."""
        self.hosts(name, alias, address=None)
        links = tuple(each for each in self._details(name).stored_links if each.alias != alias)
        self._pointers.pop((self._containers[name].id, alias), None)
        return self.change(name, stored_links=links)

    def restart_engine(self, *, live_restore: bool = False) -> World:
        """Restart the engine: it looks up the links on its disk by the names of today.

        All containers are started anew, unless they live on (``live_restore``).
        """
        self._pointers.clear()
        for target in tuple(self._containers.values()):
            typed = target.stored_links.value if isinstance(target.stored_links, Known) else ()
            found: dict[str, str] = {}
            for link in typed:
                source = self._containers.get(link.source)
                if source is None:
                    break
                if link.alias not in found:
                    found[link.alias] = source.name
                    self._pointers[target.id, link.alias] = source.id
            links = tuple(sorted(StoredLink(name, alias) for alias, name in found.items()))
            self.change(target.name, stored_links=links)
        for name in () if live_restore else tuple(self._containers):
            self._begin(name)
        return self

    def die(self, name: str, *times: str, exit_code: int = 1, signal: bool = False) -> World:
        """Let a container have died at some times of the last hour (``11:58:30``), and start again.

        With `signal` somebody had stopped it each time.
        """
        happened: list[Event] = []
        for each in times:
            actions = (*(("kill",) if signal else ()), "die", "start")
            for number, action in enumerate(actions):
                happened.append(
                    Event(
                        time=f"{LATER[:11]}{each}.{number:06}Z",
                        action=action,
                        container=name,
                        container_id=self._containers[name].id,
                        exit_code=exit_code if action == "die" else -1,
                    )
                )
        self._events = (*self._events, *happened)
        started = max((each.time for each in happened), default=EARLIER)
        return self.change(name, started_at=started)

    def remove(self, name: str) -> World:
        """Remove a container."""
        del self._containers[name]
        return self

    def _endpoint(
        self,
        network: str | None,
        name: str,
        container_id: str,
        aliases: Sequence[str],
        links: tuple[StoredLink, ...],
        fixed: bool,
    ) -> Endpoint:
        address = self._new_address(network or "bridge")
        return Endpoint(
            network=network or "bridge",
            address=address,
            fixed_address=address if fixed else "",
            aliases=(name, container_id[:12], *aliases) if network else (),
            links=links if network else (),
        )

    def _new_id(self) -> str:
        self._next_id += 1
        return f"{self._next_id - 1:012x}{self._next_id - 1:052x}"

    def _kept(self, mode: str) -> str:
        """Return a mode as the engine keeps it: another container by its id."""
        owner = self._owner(mode)
        return mode if owner is None else mode_sharing(owner.id)

    def _owner(self, mode: str) -> Container | None:
        reference = shared_reference(mode)
        if reference is None:
            return None
        by_id = (each for each in self._containers.values() if each.id == reference)
        return next(by_id, None) or self._containers.get(reference)

    def _network_namespace(self, mode: str, pid: int) -> int:
        """Return the number of a network namespace: a container's own, the host's or another's."""
        owner = self._owner(mode)
        if owner is not None and isinstance(owner.namespaces, Known):
            return owner.namespaces.value.network
        return 1 if mode == "host" else pid

    def _ipc_namespace(self, mode: str, pid: int) -> int:
        """Return the number of an IPC namespace: a container's own, or another's."""
        owner = self._owner(mode)
        if owner is not None and isinstance(owner.namespaces, Known):
            return owner.namespaces.value.ipc
        return pid

    def _new_address(self, network: str) -> str:
        self._next_address += 1
        third = 17 if network == "bridge" else 18 + sorted(self._networks).index(network)
        return f"172.{third}.0.{self._next_address - 1}"

    def _begin(self, name: str) -> None:
        target = self._containers[name]
        here = self._details(name)
        sources = {
            each.alias: source
            for each in here.stored_links
            if (source := self._containers.get(each.source)) is not None
            and self._pointers.get((target.id, each.alias)) == source.id
        }
        bridge = self._networks["bridge"]
        for source in sources.values() if not bridge.icc else ():
            there = self._details(source.name)
            rules = link_rules(
                target_address=here.endpoints[0].address,
                source_address=there.endpoints[0].address,
                exposed=there.exposed,
            )
            self._pairs += [each for each in rules if each not in self._pairs]
        self._containers[name] = given_links(
            target,
            sources,
            version=engine_version(self.engine),
            keeps_variables=self._keeps_link_variables,
            gateway=bridge.reserved[0],
        )


def _references(
    variables: Iterable[tuple[str, str]], command: Sequence[str]
) -> tuple[HostReference, ...]:
    return (*references_in_environment(variables), *references_in_arguments(command))


def _reads(command: Sequence[str]) -> tuple[VariableRead, ...]:
    return tuple(
        read
        for number, argument in enumerate(command)
        for read in link_variables_read(argument, f"argument {number}")
    )
