"""What a change needs to know of a container, from the engine's inspect."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from linkdoctor.model.network_mode import shared_reference

__all__ = ["InspectAnswer", "Seen", "seen_of"]

_STOP_TIMEOUT = 10
"""The engine's own, in seconds."""


class _Health(msgspec.Struct):
    Status: str = ""


class _State(msgspec.Struct):
    Status: str = ""
    Running: bool = False
    Restarting: bool = False
    Dead: bool = False
    ExitCode: int = 0
    Error: str = ""
    StartedAt: str = ""
    FinishedAt: str = ""
    Health: _Health | None = None


class _RestartPolicy(msgspec.Struct):
    Name: str = ""
    MaximumRetryCount: int = 0


class _HostConfig(msgspec.Struct):
    RestartPolicy: _RestartPolicy = msgspec.field(default_factory=_RestartPolicy)
    Links: list[str] | None = None
    NetworkMode: str = ""
    PidMode: str = ""
    IpcMode: str = ""


class _Config(msgspec.Struct):
    StopTimeout: int | None = None


class _Network(msgspec.Struct):
    NetworkID: str = ""
    Aliases: list[str] | None = None


class _NetworkSettings(msgspec.Struct):
    Networks: dict[str, _Network] | None = None


class InspectAnswer(msgspec.Struct):
    """``GET /containers/{id}/json``, as far as a change needs it."""

    Id: str
    Name: str
    State: _State
    RestartCount: int = 0
    Config: _Config = msgspec.field(default_factory=_Config)
    HostConfig: _HostConfig = msgspec.field(default_factory=_HostConfig)
    NetworkSettings: _NetworkSettings = msgspec.field(default_factory=_NetworkSettings)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a step needs to know of a container: no environment, no command line."""

    id: str
    name: str
    status: str
    """``created``, ``running``, ``paused``, ``restarting``, ``removing``, ``exited``, ``dead``."""
    running: bool
    """Its first process is there; true while paused, and false between two tries."""
    exit_code: int = 0
    error: str = ""
    started_at: str = ""
    finished_at: str = ""
    restart_count: int = 0
    health: str = ""
    """``starting``, ``healthy``, ``unhealthy``; '' without a health check."""
    restart_policy: str = "no"
    """As ``docker run --restart`` takes it: ``on-failure:3``."""
    stop_timeout: int = _STOP_TIMEOUT
    """Seconds that it is given to stop; below zero: for ever."""
    link_aliases: tuple[str, ...] = ()
    """The aliases of its links on the default bridge."""
    networks: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Name, id and aliases of each network that it is on."""
    shares: tuple[tuple[str, str], ...] = ()
    """``network``, ``pid`` or ``ipc``, and the container whose namespace it lives in."""

    @property
    def wanted_up(self) -> bool:
        """It runs, or the engine is about to start it again."""
        return self.running or self.status == "restarting"

    @property
    def never_started(self) -> bool:
        """It was created and never ran."""
        return not self.started_at or self.started_at.startswith("0001-")


def seen_of(answer: InspectAnswer) -> Seen:
    """Return what a step needs to know of a container."""
    state = answer.State
    policy = answer.HostConfig.RestartPolicy
    retries = f":{policy.MaximumRetryCount}" if policy.MaximumRetryCount else ""
    timeout = answer.Config.StopTimeout
    networks = answer.NetworkSettings.Networks or {}
    return Seen(
        id=answer.Id,
        name=answer.Name.removeprefix("/"),
        status="dead" if state.Dead else state.Status,
        running=state.Running and not state.Restarting,
        exit_code=state.ExitCode,
        error=state.Error,
        started_at=state.StartedAt,
        finished_at=state.FinishedAt,
        restart_count=answer.RestartCount,
        health=state.Health.Status if state.Health and state.Health.Status != "none" else "",
        restart_policy=f"{policy.Name or 'no'}{retries}",
        stop_timeout=_STOP_TIMEOUT if timeout is None else timeout,
        link_aliases=_aliases(answer.HostConfig.Links or ()),
        networks=tuple(
            (name, each.NetworkID, tuple(each.Aliases or ()))
            for name, each in sorted(networks.items())
        ),
        shares=_shares(answer.HostConfig),
    )


def _shares(host: _HostConfig) -> tuple[tuple[str, str], ...]:
    modes = (("network", host.NetworkMode), ("pid", host.PidMode), ("ipc", host.IpcMode))
    found = ((namespace, shared_reference(mode)) for namespace, mode in modes)
    return tuple((namespace, owner) for namespace, owner in found if owner is not None)


def _aliases(links: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(link.rpartition("/")[2] for link in links))
