"""Situations of links, in a few words each, made on a real engine.

`lab.run("app", listen=5000)` and `lab.run("web", link="app:helloapp")` are a healthy link;
`lab.recreate("app")` after them is a ghost.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
from docker.errors import APIError, ImageNotFound, NotFound

from . import bodies, images, plain
from .engine import Engine
from .leftovers import wait_until

LISTENING = "0A"
REQUEST_TIMEOUT = 30
FETCH = """\
wget -q -O - "$1" & wget=$!
{ sleep "$2"; kill $wget; } > /dev/null 2>&1 &
wait $wget
"""  # busybox: wget's own -T crashes, and `timeout` keeps the output open for a second
RUNTIME = (b"runc", b"docker-init", b"/proc/self/exe")


class Lab:
    """What one can do on one engine; containers are named, never looked up by id."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.client = self._connect()
        self._runs: dict[str, Callable[[], str]] = {}
        self._ports: dict[str, int] = {}
        self._images: dict[str, object] = {}

    @property
    def api(self) -> docker.APIClient:
        """The engine's plain API."""
        return self.client.api

    @property
    def url(self) -> str:
        """The engine's address, as `DOCKER_HOST` takes it."""
        return self.engine.url

    def close(self) -> None:
        """Close the connections to the engine; the engine itself stays."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Images

    def image(
        self,
        reference: str,
        *,
        expose: Sequence[int | str] = (),
        env: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        entrypoint: Sequence[str] | None = None,
        command: Sequence[str] | None = ("sh",),
        files: Mapping[str, str] | None = None,
    ) -> str:
        """Make the image `name:tag` of busybox and what is given; gives the reference back."""
        lines = images.changes(
            expose=expose, env=env, labels=labels, entrypoint=entrypoint, command=command
        )
        recipe = (lines, dict(files or {}))
        if self._images.get(reference) != recipe:
            images.load(self.api, reference, lines, files)
            self._images[reference] = recipe
        return reference

    # The life of a container

    def run(
        self,
        name: str,
        *,
        link: str | Sequence[str] | None = None,
        image: str = images.BASE,
        expose: Sequence[int | str] | None = None,
        publish: Mapping[int | str, bodies.HostPort] | None = None,
        publish_all: bool = False,
        env: Mapping[str, str] | None = None,
        network: str | None = None,
        network_links: Sequence[str] = (),
        aliases: Sequence[str] = (),
        restart: str | None = None,
        extra_hosts: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        entrypoint: Sequence[str] | None = None,
        listen: int | None = None,
        listen_on: str = "0.0.0.0",
        network_mode: str | None = None,
        health: str | None = None,
        hostname: str | None = None,
        binds: Sequence[str] = (),
        dns_search: Sequence[str] = (),
        dns_options: Sequence[str] = (),
        start: bool = True,
        refused: bool = False,
    ) -> str:
        """Do what `docker run -d --name NAME …` does; gives the container's id.

        Without a command the container listens (`listen=5000`, and exposes that port unless
        `expose` says otherwise) or sleeps; `command=[]` is the image's own. Links go where the
        docker CLI puts them: into the host configuration and, on a user-defined `network`, also
        into the endpoint's; `network_links` go into the endpoint's alone. `refused=True` expects
        the engine to refuse and gives its words; the container may remain.
        """
        wanted = bodies.Container(
            image=image,
            links=[link] if isinstance(link, str) else list(link or ()),
            expose=expose if expose is not None else [] if listen is None else [listen],
            publish=publish or {},
            publish_all=publish_all,
            env=env or {},
            network=network,
            network_links=network_links,
            aliases=aliases,
            restart=restart,
            extra_hosts=extra_hosts,
            labels=labels or {},
            command=bodies.main_process(name, command, listen, listen_on),
            entrypoint=entrypoint,
            network_mode=network_mode,
            health=health,
            hostname=hostname,
            binds=binds,
            dns_search=dns_search,
            dns_options=dns_options,
        )

        def launch() -> str:
            self._need(image)
            made = self.api.create_container_from_config(wanted.body(), name)  # type: ignore[no-untyped-call]
            identity = str(made["Id"])
            if start:
                self.start(name)
            return identity

        self._runs[name] = launch
        self._ports.pop(name, None)
        if listen is not None:
            self._ports[name] = listen
        return refusal(launch) if refused else launch()

    def stop(self, *names: str) -> None:
        """Stop containers, one after another."""
        for name in names:
            self.api.stop(name, timeout=5)

    def start(self, name: str) -> None:
        """Start a container, and wait until it listens; the engine's refusal is an APIError."""
        self.api.start(name)
        self._settle(name)

    def restart(self, name: str) -> None:
        """Restart a container, likewise."""
        self.api.restart(name, timeout=5)
        self._settle(name)

    def pause(self, name: str) -> None:
        """Freeze a container's processes."""
        self.api.pause(name)

    def unpause(self, name: str) -> None:
        """Thaw a container's processes."""
        self.api.unpause(name)

    def remove(self, *names: str) -> None:
        """Remove containers, running or not, one after another."""
        for name in names:
            self.api.remove_container(name, v=True, force=True)

    def rename(self, old: str, new: str) -> None:
        """Rename a container."""
        self.api.rename(old, new)
        if old in self._runs:
            self._runs[new] = self._runs.pop(old)
        if old in self._ports:
            self._ports[new] = self._ports.pop(old)

    def recreate(self, name: str) -> str:
        """`docker rm -f NAME && docker run --name NAME` with the same arguments; the new id."""
        self.remove(name)
        return self._runs[name]()

    def move(self, name: str, network: str = "bridge") -> tuple[str, str]:
        """Stop a container, let another take its address, start it: (old, new) address.

        The other one, `<name>-squatter…`, keeps running at the old address.
        """
        old = self.address(name, network)
        self.stop(name)
        for number in range(1, 9):
            squatter = f"{name}-squatter{number}"
            self.run(squatter, network=None if network == "bridge" else network)
            if self.address(squatter, network) == old:
                break
            # a lower address was free as well: that one stays taken, and the next try goes on
        else:
            raise RuntimeError(f"nobody could take {old}")
        self.start(name)
        return old, self.address(name, network)

    def clean(self) -> None:
        """Remove all containers and all user-defined networks."""
        found = self.api.containers(all=True)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._discard, [str(each["Id"]) for each in found]))
        if found:
            self._forget_link_rules()
        for network in self.api.networks():
            if network["Name"] not in ("bridge", "host", "none"):
                self.api.remove_network(network["Id"])
        self._runs.clear()
        self._ports.clear()

    def restart_engine(self) -> None:
        """Restart the engine, as a reboot of the host would, and connect anew."""
        self.client.close()
        self.engine.restart()
        self.client = self._connect()

    # Networks

    def network(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnet: str | None = None,
        internal: bool = False,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Make a user-defined network; gives its id."""
        pools = [docker.types.IPAMPool(subnet=subnet)] if subnet else []
        made = self.api.create_network(
            name,
            driver=driver,
            options=dict(options or {}),
            ipam=docker.types.IPAMConfig(pool_configs=pools),
            internal=internal,
            labels=dict(labels or {}),
        )
        return str(made["Id"])

    def connect(
        self,
        network: str,
        name: str,
        *,
        aliases: Sequence[str] = (),
        links: Sequence[str] = (),
        address: str | None = None,
    ) -> None:
        """`docker network connect [--alias …] [--link …] [--ip …] NETWORK NAME`."""
        pairs = [(source, alias) for source, _, alias in (link.partition(":") for link in links)]
        self.api.connect_container_to_network(
            name, network, aliases=list(aliases), links=pairs, ipv4_address=address
        )

    def disconnect(self, network: str, name: str) -> None:
        """`docker network disconnect NETWORK NAME`."""
        self.api.disconnect_container_from_network(name, network)

    # What there is to see

    def inspect(self, name: str) -> dict[str, Any]:
        """The engine's own description of a container."""
        found: dict[str, Any] = self.api.inspect_container(name)
        return found

    def find(self, name: str) -> dict[str, Any] | None:
        """As inspect, for names (`web`, or a link: `web/helloapp`) that may lead nowhere."""
        try:
            return self.inspect(name)
        except NotFound:
            return None

    def listed(self) -> dict[str, list[str]]:
        """The sorted `Names` of every container in `docker ps -a`, by full id."""
        found = self.api.containers(all=True)
        return {str(each["Id"]): sorted(each["Names"]) for each in found}

    def links(self, name: str) -> list[str] | None:
        """The links as inspect tells them, sorted (the engine's order is random)."""
        found = self.inspect(name)["HostConfig"]["Links"]
        return None if found is None else sorted(found)

    def endpoint_links(self, name: str) -> dict[str, list[str] | None]:
        """The links of each network that a container is on."""
        networks = self.inspect(name)["NetworkSettings"]["Networks"]
        return {network: endpoint["Links"] for network, endpoint in networks.items()}

    def stored_links(self, name: str) -> list[str] | None:
        """The links as the engine keeps them on disk: as they were typed."""
        file = self.engine.data_root / "containers" / self.inspect(name)["Id"] / "hostconfig.json"
        found: list[str] | None = json.loads(file.read_text())["Links"]
        return found

    def names(self, name: str) -> list[str]:
        """A container's sorted `Names` in `docker ps -a`: its own and those of links to it."""
        return self.listed()[self.inspect(name)["Id"]]

    def address(self, name: str, network: str = "bridge") -> str:
        """A container's IPv4 address on a network; empty when it has none."""
        found = self.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]
        return str(found)

    def pid(self, name: str) -> int:
        """The pid of a container's first process, on this machine; 0 when it does not run."""
        return int(self.inspect(name)["State"]["Pid"])

    def error(self, name: str) -> str:
        """Why the container's last start failed: `State.Error`."""
        return str(self.inspect(name)["State"]["Error"])

    def process_environment(self, name: str) -> dict[str, str]:
        """The environment of a container's first process, from /proc.

        For an instant after a start the process is still the runtime: that is waited out.
        """
        process = Path(f"/proc/{self.pid(name)}")
        if not wait_until(lambda: _has_begun(process), 5.0):
            raise RuntimeError(f"{name} runs no program of its own")
        text = (process / "environ").read_bytes().decode()
        return {key: value for key, _, value in (each.partition("=") for each in _split(text))}

    def hosts_file(self, name: str) -> str:
        """The text of a running container's /etc/hosts, through /proc."""
        return Path(f"/proc/{self.pid(name)}/root/etc/hosts").read_text()

    def hosts_lines(self, name: str, alias: str) -> list[str]:
        """The lines of a container's /etc/hosts that hold the name `alias`."""
        lines = self.hosts_file(name).splitlines()
        return [line for line in lines if alias in line.split()[1:]]

    def exec(self, name: str, command: str | Sequence[str]) -> tuple[int, str]:
        """Run a command (a text goes through `sh -c`): (exit code, output of both streams).

        The engine's refusal to run anything at all is an APIError.
        """
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        made = str(self.api.exec_create(name, argv)["Id"])
        output = plain.post(self.engine.socket, f"/exec/{made}/start", {"Detach": False})
        return int(self.api.exec_inspect(made)["ExitCode"]), bodies.unframed(output)

    def fetch(self, name: str, url: str, timeout: int = 2) -> tuple[int, str]:
        """What `wget` inside a container says of a URL: (exit code, page or complaint).

        The exit code is 143 when it took longer than the timeout.
        """
        return self.exec(name, ["sh", "-c", FETCH, "sh", url, str(timeout)])

    def wait_listening(self, name: str, port: int, timeout: float = 5.0) -> None:
        """Wait until something in the container's network namespace listens on a TCP port."""
        process = Path(f"/proc/{self.pid(name)}")
        if not wait_until(lambda: port in _listening(process), timeout):
            raise RuntimeError(f"nothing in {name} listens on {port}")

    def wait_for(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait until the condition holds, or fail."""
        if not wait_until(condition, timeout, pause=0.05):
            raise RuntimeError("waited in vain")

    def _connect(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.engine.url, timeout=REQUEST_TIMEOUT)

    def _forget_link_rules(self) -> None:
        """Delete the firewall rules of links: the engine forgets them if a source goes first."""
        for rule in self.engine.inside("iptables", "-S", "DOCKER").splitlines():
            if rule.startswith("-A DOCKER -s "):
                self.engine.inside("iptables", *rule.replace("-A", "-D", 1).split())

    def _settle(self, name: str) -> None:
        """Wait until a container listens, if it was made to."""
        if name in self._ports:
            self.wait_listening(name, self._ports[name])

    def _need(self, image: str) -> None:
        """Make the base image at its first use."""
        if image == images.BASE and image not in self._images:
            try:
                self.api.inspect_image(image)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                self.image(image)

    def _discard(self, identity: str) -> None:
        with contextlib.suppress(NotFound):  # it may go by itself
            self.api.remove_container(identity, v=True, force=True)


def refusal(attempt: Callable[[], object]) -> str:
    """The engine's words when it refuses an attempt; an AssertionError when it does not."""
    try:
        attempt()
    except APIError as error:
        return str(error.explanation)
    raise AssertionError("the engine accepted what it was expected to refuse")


def _split(environment: str) -> list[str]:
    return [each for each in environment.split("\0") if "=" in each]


def _has_begun(process: Path) -> bool:
    """Whether the runtime has handed over to the container's own program."""
    try:
        program = (process / "cmdline").read_bytes().partition(b"\0")[0]
    except OSError:
        return False
    return bool(program) and not program.startswith(RUNTIME)


def _listening(process: Path) -> set[int]:
    """The TCP ports that are listened on in a process's network namespace."""
    ports = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (process / "net" / table).read_text().splitlines()[1:]
        except OSError:
            return set()  # the process is gone
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENING:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports
