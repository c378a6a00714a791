"""The engine's answers → the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from linkdoctor.collect import environment
from linkdoctor.collect.answers import ContainerAnswer, HealthAnswer, NetworkAnswer
from linkdoctor.model.links import HostsLine, Port, StoredLink, parse_stored_link
from linkdoctor.model.network_mode import shared_reference
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.model.snapshot import (
    Details,
    Endpoint,
    Health,
    Label,
    Network,
    Publication,
    Status,
)
from linkdoctor.reading.command_lines import references_in_arguments
from linkdoctor.reading.limits import is_cut
from linkdoctor.reading.variable_reads import link_variables_read

__all__ = [
    "Commands",
    "details_of",
    "labels_of",
    "network_of",
    "program_of",
    "script_places",
    "status_of",
]

_Told: TypeAlias = tuple[tuple[HostReference, ...], tuple[VariableRead, ...]]

_LONGEST_TEXT = 4096
_LONGEST_PORT = 5
_QUOTED_PROGRAM = re.compile(r'exec: "(?:[^"\\]|\\.)*"', re.DOTALL)
_COMPOSE = "com.docker.compose."
_COMPOSE_LABELS = ("project", "service", "container-number", "oneoff", "depends_on")
_SWARM_LABELS = ("com.docker.swarm.service.name", "com.docker.swarm.task.id")


class Commands:
    """What command lines tell. Many containers share one: each is read once."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._read: dict[tuple[str, ...], _Told] = {}

    def told_by(self, arguments: tuple[str, ...]) -> _Told:
        """Return the hosts that a command line names and the link variables that it reads."""
        told = self._read.get(arguments)
        if told is None:
            reads = chain.from_iterable(
                link_variables_read(argument, f"argument {number}")
                for number, argument in enumerate(arguments)
            )
            told = self._read[arguments] = references_in_arguments(arguments), tuple(reads)
        return told


def details_of(answer: ContainerAnswer, commands: Commands | None = None) -> Details:
    """Translate an inspect."""
    commands = commands or Commands()
    state, config, host = answer.State, answer.Config, answer.HostConfig
    configured = environment.configured(answer, _printed_links(answer))
    arguments = (answer.Path, *(answer.Args or ()))
    named, reads = commands.told_by(arguments)
    return Details(
        status=status_of(state.Status),
        pid=state.Pid,
        exit_code=state.ExitCode,
        out_of_memory=state.OOMKilled,
        error=_without_program(state.Error, answer.Path)[:_LONGEST_TEXT],
        created_at=answer.Created,
        started_at=state.StartedAt,
        finished_at=state.FinishedAt,
        restart_count=answer.RestartCount,
        health=_health(state.Health),
        restart_policy=(host.RestartPolicy.Name if host.RestartPolicy else "") or "no",
        hostname=config.Hostname,
        network_mode=host.NetworkMode or "default",
        pid_mode=_of_another(host.PidMode),
        ipc_mode=_of_another(host.IpcMode),
        auto_remove=host.AutoRemove,
        stored_links=_stored_links(host.Links or ()),
        endpoints=_endpoints(answer),
        exposed=_ports(config.ExposedPorts or ()),
        published=tuple(sorted(_publications(answer))),
        requested=tuple(sorted(_requested(answer))),
        extra_hosts=tuple(_extra_hosts(host.ExtraHosts or ())),
        environment=configured.variables,
        references=tuple(
            sorted(
                {*configured.references, *named},
                key=lambda each: (each.where, each.host, each.port or 0),
            )
        ),
        references_cut=configured.references_cut or is_cut(arguments, named),
        reads=reads,
        mounts_hosts_file=any(each.Destination == "/etc/hosts" for each in answer.Mounts or ()),
        stop_timeout=config.StopTimeout,
    )


def _of_another(mode: str) -> str:
    return mode if shared_reference(mode) is not None else ""


def _printed_links(answer: ContainerAnswer) -> Iterator[StoredLink]:
    """Yield all links of a container that inspect prints, of whatever kind."""
    endpoints = (answer.NetworkSettings.Networks or {}).values()
    texts = [*(answer.HostConfig.Links or ()), *(link for e in endpoints for link in e.Links or ())]
    return _readable_links(texts)


def _health(answer: HealthAnswer | None) -> Health | None:
    """Translate the health without the output of the check, which may hold anything."""
    # Podman prints an empty one, Docker for a check that was switched off `none`.
    if answer is None or answer.Status in ("", "none"):
        return None
    return Health(
        status=answer.Status,
        exit_code=answer.Log[-1].ExitCode if answer.Log else None,
        failing_streak=answer.FailingStreak,
    )


def _without_program(error: str, program: str) -> str:
    """Take the program out of the engine's words: it may be an argument that holds a secret."""
    if not error:
        return ""
    error = _QUOTED_PROGRAM.sub('exec: "…"', error)
    if not program:
        return error
    return re.sub(rf"\b(stat|exec) {re.escape(program)}(?=:)", r"\1 …", error)


def status_of(text: str) -> Status:
    """Translate the state of a container, as a list and an inspect tell it."""
    try:
        return _STATUSES_OF_PODMAN.get(text) or Status(text)
    except ValueError:
        return Status.DEAD


_STATUSES_OF_PODMAN = {
    "configured": Status.CREATED,
    "initialized": Status.CREATED,
    "stopped": Status.EXITED,
}


def labels_of(labels: dict[str, str] | None) -> tuple[Label, ...]:
    """Keep the labels that linkdoctor, Compose and swarm wrote; others may hold anything."""
    kept = {*(_COMPOSE + name for name in _COMPOSE_LABELS), *_SWARM_LABELS}
    return tuple(
        sorted(
            Label(name=name, value=value[:_LONGEST_TEXT])
            for name, value in (labels or {}).items()
            if name in kept or name.startswith("linkdoctor.")
        )
    )


def _stored_links(links: Iterable[str]) -> tuple[StoredLink, ...]:
    return tuple(sorted(set(_readable_links(links))))


def _readable_links(links: Iterable[str]) -> Iterator[StoredLink]:
    for text in links:
        try:
            yield parse_stored_link(text)
        except ValueError:
            continue


def _endpoints(answer: ContainerAnswer) -> tuple[Endpoint, ...]:
    networks = answer.NetworkSettings.Networks or {}
    return tuple(
        Endpoint(
            network=_network_name(name, endpoint.NetworkID),
            network_id=endpoint.NetworkID,
            address=endpoint.IPAddress,
            address6=endpoint.GlobalIPv6Address,
            fixed_address=endpoint.IPAMConfig.IPv4Address if endpoint.IPAMConfig else "",
            aliases=tuple(sorted({*(endpoint.Aliases or ()), *(endpoint.DNSNames or ())})),
            links=_stored_links(endpoint.Links or ()),
        )
        for name, endpoint in sorted(networks.items())
    )


def _network_name(name: str, network_id: str) -> str:
    """Return the network's name; Podman's inspect and list call its default network differently.

    Its id is no id there, so that a network of Docker's that is called so is not taken for it.
    """
    return "bridge" if name == network_id == "podman" else name


def _ports(texts: Iterable[str]) -> tuple[Port, ...]:
    return tuple(sorted(_readable_ports(texts)))


def _readable_ports(texts: Iterable[str]) -> Iterator[Port]:
    for text in texts:
        try:
            yield Port.parse(text)
        except ValueError:
            continue


def _publications(answer: ContainerAnswer) -> Iterator[Publication]:
    """Yield the bindings that there are: of a container that does not run, none."""
    host = answer.HostConfig
    for text, bindings in (answer.NetworkSettings.Ports or {}).items():
        asked = (host.PortBindings or {}).get(text) or ()
        fixed = {_fixed_port(each.HostPort) for each in asked} - {0}
        for binding in bindings or ():
            if number := _fixed_port(binding.HostPort):
                for port in _readable_ports([text]):
                    yield Publication(
                        port=port,
                        host_address=binding.HostIp,
                        host_port=number,
                        ephemeral=bool(asked or host.PublishAllPorts) and number not in fixed,
                    )


def _requested(answer: ContainerAnswer) -> Iterator[Publication]:
    for text, bindings in (answer.HostConfig.PortBindings or {}).items():
        for binding in bindings or ():
            number = _fixed_port(binding.HostPort)
            for port in _readable_ports([text]):
                yield Publication(
                    port=port,
                    host_address=binding.HostIp,
                    host_port=number,
                    ephemeral=number == 0,
                )


def _fixed_port(text: str) -> int:
    """Read a port of the host; 0 where the engine may choose one, freely or from a range."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_PORT else 0
    return number if number < 1 << 16 else 0


def _extra_hosts(entries: Iterable[str]) -> Iterator[HostsLine]:
    for entry in entries:
        # Docker accepts both name:address and name=address; an IPv6 address has colons itself.
        separator = "=" if "=" in entry else ":"
        name, _, address = entry.partition(separator)
        if name and address:
            yield HostsLine(address=address.strip("[]"), names=(name,))


def network_of(answer: NetworkAnswer) -> Network:
    """Translate a network."""
    pools = (answer.IPAM.Config if answer.IPAM else None) or ()
    subnets = (each.Subnet for each in pools)
    reserved = {
        address.partition("/")[0]
        for each in pools
        for address in (each.Gateway, *(each.AuxiliaryAddresses or {}).values())
    }
    options = answer.Options or {}
    icc = options.get("com.docker.network.bridge.enable_icc", "true")
    return Network(
        id=answer.Id,
        name=answer.Name,
        driver=answer.Driver,
        subnets=tuple(sorted(each for each in subnets if each)),
        reserved=tuple(sorted(each for each in reserved if each)),
        icc=icc.lower() not in ("false", "0", "f"),
        bridge=options.get("com.docker.network.bridge.name", f"br-{answer.Id[:12]}")
        if answer.Driver == "bridge"
        else "",
        mtu=_mtu(options.get("com.docker.network.driver.mtu", "")),
        internal=answer.Internal,
    )


def _mtu(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,5}", text) else None


def program_of(answer: ContainerAnswer) -> str:
    """Return the program that the container starts: a shell's or init's first argument counts."""
    words: Sequence[str] = [answer.Path, *(answer.Args or ())]
    if words[0].rpartition("/")[2] in _STARTERS:
        words = [word for word in words[1:] if word != "--"] or words
    return words[0]


def script_places(program: str, entries: Iterable[str]) -> tuple[str, ...]:
    """Return the paths at which a script that the container starts may lie."""
    if not program or "\0" in program or len(program) > _LONGEST_TEXT or program.startswith("-"):
        return ()
    if program.startswith("/"):
        return (program,)
    if "/" in program or not program.endswith((".sh", "entrypoint")):
        return ()
    path = dict(environment.pairs(entries)).get("PATH", "/usr/local/bin:/usr/bin:/bin")
    directories = [each for each in path.split(":") if each.startswith("/")]
    return tuple(f"{each.rstrip('/')}/{program}" for each in directories)


_STARTERS = ("sh", "bash", "ash", "dash", "tini", "docker-init", "dumb-init", "catatonit")
