"""A small model of an engine, to write down situations in a few words.

The cases of rules are made with it. It follows the engine as the lab shows it: a target gets
its variables and hosts lines at its start; when a source comes back elsewhere the hosts line is
rewritten and the variables are not; a recreated source leaves a ghost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.links import (
    HostsLine,
    Port,
    StoredLink,
    engine_version,
    firewall_rules,
    hosts_line,
    injected_variables,
    parse_stored_link,
)
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.snapshot import (
    LOG_NOT_READ,
    NOT_PROBED,
    Complaint,
    Container,
    Details,
    DnsAnswer,
    Endpoint,
    Engine,
    Event,
    Firewall,
    FirewallRule,
    Health,
    Interface,
    Label,
    LinkAnswer,
    Listener,
    NameLookup,
    Namespaces,
    Network,
    Probe,
    ProcessVariables,
    Publication,
    Resolver,
    Route,
    Snapshot,
    Status,
    Tool,
)
from linkdoctor.model.variables import Variable, prefixes_of_links, redact
from linkdoctor.reading.command_lines import references_in_arguments
from linkdoctor.reading.scripts import references_in_script
from linkdoctor.reading.settings import references_in_environment
from linkdoctor.reading.variable_reads import link_variables_read
from linkdoctor.rulekit.world_setup import setup_seen

__all__ = ["World"]

_CHAINS = ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-USER")
_UNSEEN = Unknown(gap=Gap.UNSUPPORTED, detail="only on the engine's own machine")
_LATER = "2026-01-01T12:00:00Z"
_EARLIER = "2026-01-01T10:00:00Z"
_EMBEDDED_DNS = "127.0.0.11"


class World:
    """One engine and its containers."""

    def __init__(
        self,
        host: str = "host1",
        *,
        engine: str = "20.10.24",
        icc: bool = True,
        addresses: Sequence[str] = ("10.77.0.1",),
        host_listeners: Sequence[Listener] = (),
        routes: Sequence[Route] = (),
        mtu: int = 1500,
        manages_firewall: bool = True,
        filters_bridges: bool = True,
        keeps_link_variables: bool = False,
        product: str = "Docker",
        events: Sequence[Event] = (),
    ) -> None:
        """Start an empty engine."""
        self.host = host
        self.engine = engine
        self._containers: dict[str, Container] = {}
        self._networks = {
            "bridge": Network(
                id="n-bridge",
                name="bridge",
                driver="bridge",
                subnets=("172.17.0.0/16",),
                reserved=("172.17.0.1",),
                icc=icc,
                bridge="docker0",
            )
        }
        self._addresses = tuple(addresses)
        self._host_listeners = tuple(host_listeners)
        self._routes = tuple(routes)
        self._mtu = mtu
        self._manages_firewall = manages_firewall
        self._filters_bridges = filters_bridges
        self._keeps_link_variables = keeps_link_variables
        self._product = product
        self._events = tuple(events)
        self._pairs: list[FirewallRule] = []
        """The firewall rules of links, which only ``icc=False`` brings."""
        self._own_rules: list[FirewallRule] = []
        """The firewall rules of the administrator."""
        self._flushed = False
        self._chains: tuple[str, ...] = ()
        """The engine's chains that a flush left in place, empty."""
        self._next_address = 2
        self._next_id = 1
        self._pointers: dict[tuple[str, str], str] = {}
        """The id of the container object that a live link points to, by target's id and alias."""

    @classmethod
    def tutorial(cls) -> World:
        """Return the classic pair: `web`, linked to `app` as `helloapp`, and all is well."""
        return cls().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")

    def network(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnets: Sequence[str] = (),
        mtu: int | None = None,
        icc: bool = True,
        internal: bool = False,
    ) -> World:
        """Make a user-defined network."""
        self._networks[name] = Network(
            id=f"n-{name}",
            name=name,
            driver=driver,
            subnets=tuple(subnets),
            reserved=tuple(each.replace(".0/", ".1/").partition("/")[0] for each in subnets),
            bridge=f"br-{name}" if driver == "bridge" else "",
            mtu=mtu,
            icc=icc,
            internal=internal,
        )
        return self

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
        started_at: str = _EARLIER,
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
        container_id = f"{self._next_id:012x}{self._next_id:052x}"
        self._next_id += 1
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
            created_at=f"{_EARLIER[:11]}09:{self._next_id // 60:02}:{self._next_id % 60:02}Z",
            started_at=started_at,
            restart_policy=restart,
            hostname=hostname or container_id[:12],
            network_mode=mode or network or "default",
            pid_mode=pid,
            ipc_mode=ipc,
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
                    network=self._network_namespace(mode, details.pid),
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
        """Remove a container and run another of that name: links to it become ghosts."""
        old = self._containers.pop(name)
        container_id = f"{self._next_id:012x}{self._next_id:052x}"
        self._next_id += 1
        self._containers[name] = msgspec.structs.replace(old, id=container_id)
        endpoint = self._details(name).endpoints[0]
        return self.change(
            name,
            hostname=container_id[:12],
            endpoints=(
                msgspec.structs.replace(endpoint, address=self._new_address(endpoint.network)),
            ),
        )

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
                        time=f"{_LATER[:11]}{each}.{number:06}Z",
                        action=action,
                        container=name,
                        container_id=self._containers[name].id,
                        exit_code=exit_code if action == "die" else -1,
                    )
                )
        self._events = (*self._events, *happened)
        started = max((each.time for each in happened), default=_EARLIER)
        return self.change(name, started_at=started)

    def lives_in(self, name: str, namespaces: Namespaces | None) -> World:
        """Say in which namespaces a container's process lives; None if that is not seen."""
        seen = Known(namespaces, "/proc/1000/ns") if namespaces is not None else _UNSEEN
        self._containers[name] = msgspec.structs.replace(self._containers[name], namespaces=seen)
        return self

    def child(self, name: str, variables: Mapping[str, str]) -> World:
        """Return a container a second process with other variables of links than the first has."""
        pid = self._details(name).pid + 1
        other = ProcessVariables(pid=pid, variables=redact(variables.items()))
        self._containers[name] = msgspec.structs.replace(
            self._containers[name], other_processes=Known((other,), f"/proc/{pid}/environ")
        )
        return self

    def remove(self, name: str) -> World:
        """Remove a container."""
        del self._containers[name]
        return self

    def change(self, name: str, **changes: object) -> World:
        """Change what inspect reports about a container."""
        container = self._containers[name]
        details = msgspec.structs.replace(self._details(name), **changes)
        self._containers[name] = msgspec.structs.replace(
            container, details=Known(details, "inspect")
        )
        return self

    def unknown(self, name: str, field: str, unknown: Unknown) -> World:
        """Take away a piece of evidence of a container."""
        self._containers[name] = msgspec.structs.replace(self._containers[name], **{field: unknown})
        return self

    def hosts(self, name: str, alias: str, *, address: str | None) -> World:
        """Change the address of the hosts line that an alias leads; None deletes the line."""
        container = self._containers[name]
        lines = container.hosts_file.value if isinstance(container.hosts_file, Known) else ()
        changed = tuple(
            msgspec.structs.replace(line, address=address)
            if address is not None and line.names[0] == alias
            else line
            for line in lines
            if address is not None or line.names[0] != alias
        )
        self._containers[name] = msgspec.structs.replace(
            container, hosts_file=Known(changed, f"/proc/{self._details(name).pid}/root/etc/hosts")
        )
        return self

    def listen(self, name: str, *listeners: Listener) -> World:
        """Let a container listen at further places."""
        container = self._containers[name]
        before = container.listeners.value if isinstance(container.listeners, Known) else ()
        self._containers[name] = msgspec.structs.replace(
            container,
            listeners=Known((*before, *listeners), f"/proc/{self._details(name).pid}/ns/net"),
        )
        return self

    def write_hosts(self, name: str, *lines: HostsLine) -> World:
        """Add lines to the end of a container's hosts file, as somebody in the container does."""
        container = self._containers[name]
        before = container.hosts_file.value if isinstance(container.hosts_file, Known) else ()
        self._containers[name] = msgspec.structs.replace(
            container,
            hosts_file=Known((*before, *lines), f"/proc/{self._details(name).pid}/root/etc/hosts"),
        )
        return self

    def flush_firewall(self, *, keep_chains: bool = False) -> World:
        """Take away the engine's chains, as a restart of another firewall does.

        With `keep_chains` they are left, empty, as ``iptables -F`` does.
        """
        self._flushed = True
        self._chains = _CHAINS if keep_chains else ()
        return self

    def filter(self, *rules: FirewallRule) -> World:
        """Add firewall rules of the administrator."""
        self._own_rules += rules
        return self

    def forget_pairs(self) -> World:
        """Take away the firewall rules of links, as an engine restart with live-restore does."""
        self._pairs.clear()
        return self

    def retype(self, name: str, *links: str) -> World:
        """Change the links that the engine's disk holds, which its next start looks up."""
        stored = Known(tuple(parse_stored_link(each) for each in links), "hostconfig.json")
        self._containers[name] = msgspec.structs.replace(
            self._containers[name], stored_links=stored
        )
        return self

    def snapshot(self) -> Snapshot:
        """See what there is."""
        by_id = {container.id: container for container in self._containers.values()}
        names: dict[str, list[str]] = {each.id: [each.name] for each in by_id.values()}
        for (owner, alias), pointer in self._pointers.items():
            if owner in by_id and pointer in by_id:
                names[pointer].append(f"{by_id[owner].name}/{alias}")
        containers = tuple(
            msgspec.structs.replace(
                _with_setup(each),
                names=tuple(sorted(names[each.id])),
                link_answers=self._answers(each, by_id),
            )
            for each in sorted(self._containers.values(), key=lambda each: each.name)
        )
        return Snapshot(
            taken_at=_LATER,
            engine_time=_LATER,
            tool=Tool(name="linkdoctor", version="0"),
            host=self.host,
            endpoint="unix:///var/run/docker.sock",
            engine=Engine(
                name=self.host, version=self.engine, api_version="1.41", product=self._product
            ),
            containers=containers,
            networks=Known(tuple(self._networks.values()), "GET /networks"),
            host_addresses=Known(self._addresses, "netlink"),
            host_listeners=Known(self._host_listeners, "netlink"),
            firewall=Known(self._firewall(), "iptables-save"),
            routes=Known(self._all_routes(), "netlink"),
            interfaces=Known(self._interfaces(), "netlink"),
            keeps_link_variables=Known(self._keeps_link_variables, "/proc/1/environ"),
            events=Known(self._events, "GET /events"),
            probed=any(isinstance(each.probes, Known) for each in containers),
        )

    def _firewall(self) -> Firewall:
        if self._flushed or not self._manages_firewall:
            return Firewall(
                backend="iptables-nft",
                chains=self._chains,
                managed=self._manages_firewall,
                filters_bridges=self._filters_bridges,
            )
        bridges = [each for each in self._networks.values() if each.bridge]
        jumps = [
            FirewallRule(chain="FORWARD", verdict="DOCKER", out_interface=each.bridge)
            for each in bridges
        ]
        drops = [
            FirewallRule(
                chain="FORWARD",
                verdict="ACCEPT" if each.icc else "DROP",
                in_interface=each.bridge,
                out_interface=each.bridge,
            )
            for each in bridges
        ]
        return Firewall(
            backend="iptables-nft",
            chains=_CHAINS,
            rules=(*jumps, *drops, *self._pairs, *self._own_rules),
            managed=self._manages_firewall,
            filters_bridges=self._filters_bridges,
        )

    def _all_routes(self) -> tuple[Route, ...]:
        bridges = (
            Route(destination=subnet, interface=each.bridge)
            for each in self._networks.values()
            for subnet in each.subnets
            if each.bridge
        )
        uplink = Route(destination="0.0.0.0/0", interface="eth0", gateway="10.77.0.254")
        return (uplink, *bridges, *self._routes)

    def _interfaces(self) -> tuple[Interface, ...]:
        bridges = (
            Interface(name=each.bridge, mtu=each.mtu or 1500)
            for each in self._networks.values()
            if each.bridge
        )
        return (Interface(name="eth0", mtu=self._mtu), *bridges)

    def _answers(self, target: Container, by_id: Mapping[str, Container]) -> tuple[LinkAnswer, ...]:
        if isinstance(target.details, Unknown):
            return ()
        return tuple(
            LinkAnswer(alias=each.alias, container_id=Known(None, "GET"))
            for each in self._details(target.name).stored_links
            if self._pointers.get((target.id, each.alias)) not in by_id
        )

    def _details(self, name: str) -> Details:
        details = self._containers[name].details
        if not isinstance(details, Known):
            raise TypeError(f"{name} has no details")
        return details.value

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

    def _network_namespace(self, mode: str | None, pid: int) -> int:
        """Return the number of a network namespace: a container's own, the host's or another's."""
        owner = self._containers.get((mode or "").removeprefix("container:"))
        if owner is not None and isinstance(owner.namespaces, Known):
            return owner.namespaces.value.network
        return 1 if mode == "host" else pid

    def _ipc_namespace(self, mode: str, pid: int) -> int:
        """Return the number of an IPC namespace: a container's own, or another's."""
        owner = self._containers.get(mode.removeprefix("container:"))
        if owner is not None and isinstance(owner.namespaces, Known):
            return owner.namespaces.value.ipc
        return pid

    def _new_address(self, network: str) -> str:
        self._next_address += 1
        third = 17 if network == "bridge" else 18 + sorted(self._networks).index(network)
        return f"172.{third}.0.{self._next_address - 1}"

    def _begin(self, name: str) -> None:
        target = self._containers[name]
        details = self._details(name)
        variables: list[Variable] = []
        lines = list(details.extra_hosts)
        for each in details.stored_links:
            source = self._containers.get(each.source)
            if source is None or self._pointers.get((target.id, each.alias)) != source.id:
                continue
            there = self._details(source.name)
            address = there.endpoints[0].address
            variables += injected_variables(
                version=engine_version(self.engine),
                target=name,
                alias=each.alias,
                address=address,
                exposed=there.exposed,
                source_environment=(variable.name for variable in there.environment),
                keeps_variables=self._keeps_link_variables,
            )
            if not self._networks["bridge"].icc:
                self._open(details.endpoints[0].address, address, there.exposed)
            lines.append(
                hosts_line(
                    alias=each.alias, address=address, hostname=there.hostname, source=source.name
                )
            )
        lines += [
            HostsLine(address=each.address, names=(details.hostname,))
            for each in details.endpoints[:1]
        ]
        own = {variable.name for variable in details.environment}
        environment = (
            *details.environment,
            *(variable for variable in variables if variable.name not in own),
        )
        last = {variable.name: variable for variable in environment}
        self._containers[name] = msgspec.structs.replace(
            target,
            process_environment=Known(tuple(sorted(last.values())), f"/proc/{details.pid}/environ"),
            other_processes=Known((), f"/proc/{details.pid}/task"),
            hosts_file=Known(tuple(lines), f"/proc/{details.pid}/root/etc/hosts"),
        )

    def _open(self, target: str, source: str, exposed: Iterable[Port]) -> None:
        """Let a target through to a source's exposed ports, as the engine does."""
        for each in firewall_rules(target_address=target, source_address=source, exposed=exposed):
            rule = FirewallRule(
                chain="DOCKER",
                verdict="ACCEPT",
                source=each.source,
                destination=each.destination,
                in_interface="docker0",
                out_interface="docker0",
                protocol=each.protocol,
                source_port=each.source_port,
                destination_port=each.destination_port,
            )
            if rule not in self._pairs:
                self._pairs.append(rule)


def _with_setup(container: Container) -> Container:
    details = container.details
    if not isinstance(details, Known) or isinstance(details.value.setup, Known):
        return container
    setup = Known(setup_seen(container, details.value), "inspect")
    seen = msgspec.structs.replace(details.value, setup=setup)
    return msgspec.structs.replace(container, details=Known(seen, details.source))


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
