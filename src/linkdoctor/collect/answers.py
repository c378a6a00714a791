"""The answers of the engine's API, as far as linkdoctor reads them.

Field names are the engine's own. A field that an engine leaves out or sets to null is None.
What is decoded from JSON is in no cycle: Python's collector need not walk it.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "CheckAnswer",
    "ContainerAnswer",
    "EventAnswer",
    "HealthAnswer",
    "IdAnswer",
    "InfoAnswer",
    "ListAnswer",
    "NetworkAnswer",
    "TopAnswer",
    "VersionAnswer",
]


class _Component(msgspec.Struct, gc=False):
    Name: str = ""


class VersionAnswer(msgspec.Struct, gc=False):
    """``GET /version``."""

    Version: str
    ApiVersion: str
    Components: list[_Component] | None = None


class _FirewallBackend(msgspec.Struct, gc=False):
    Driver: str = ""


class InfoAnswer(msgspec.Struct, gc=False):
    """``GET /info``."""

    Name: str = ""
    SystemTime: str = ""
    LiveRestoreEnabled: bool = False
    FirewallBackend: _FirewallBackend | None = None
    DockerRootDir: str = ""
    LoggingDriver: str = ""
    DefaultRuntime: str = ""
    CgroupVersion: str = ""


class _ListedEndpoint(msgspec.Struct, gc=False):
    EndpointID: str = ""


class _ListedNetworks(msgspec.Struct, gc=False):
    Networks: dict[str, _ListedEndpoint] | None = None


class ListAnswer(msgspec.Struct, gc=False):
    """One container of ``GET /containers/json``."""

    Id: str
    Names: list[str] | None = None
    Image: str = ""
    State: str = ""
    NetworkSettings: _ListedNetworks | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The ids of its endpoints: a container that starts again gets new ones."""
        networks = (self.NetworkSettings.Networks if self.NetworkSettings else None) or {}
        return tuple(sorted(each.EndpointID for each in networks.values()))


class IdAnswer(msgspec.Struct, gc=False):
    """As much of an inspect as tells which container it is."""

    Id: str


class CheckAnswer(msgspec.Struct, gc=False):
    """One run of a health check."""

    ExitCode: int = 0
    Output: str = ""
    End: str = ""


class HealthAnswer(msgspec.Struct, gc=False):
    """``State.Health`` of an inspect."""

    Status: str = ""
    FailingStreak: int = 0
    Log: list[CheckAnswer] | None = None


class _State(msgspec.Struct, gc=False):
    Status: str
    Pid: int = 0
    ExitCode: int = 0
    OOMKilled: bool = False
    Error: str = ""
    StartedAt: str = ""
    FinishedAt: str = ""
    Health: HealthAnswer | None = None


class _Config(msgspec.Struct, gc=False):
    Hostname: str = ""
    Env: list[str] | None = None
    Image: str = ""
    Labels: dict[str, str] | None = None
    ExposedPorts: dict[str, Any] | None = None
    StopTimeout: int | None = None


class _RestartPolicy(msgspec.Struct, gc=False):
    Name: str = ""


class _Binding(msgspec.Struct, gc=False):
    HostIp: str = ""
    HostPort: str = ""


class _HostConfig(msgspec.Struct, gc=False):
    NetworkMode: str = ""
    PidMode: str = ""
    IpcMode: str = ""
    AutoRemove: bool = False
    Links: list[str] | None = None
    RestartPolicy: _RestartPolicy | None = None
    ExtraHosts: list[str] | None = None
    PortBindings: dict[str, list[_Binding] | None] | None = None
    PublishAllPorts: bool = False


class _EndpointIpam(msgspec.Struct, gc=False):
    IPv4Address: str = ""


class _EndpointAnswer(msgspec.Struct, gc=False):
    NetworkID: str = ""
    IPAMConfig: _EndpointIpam | None = None
    IPAddress: str = ""
    GlobalIPv6Address: str = ""
    Aliases: list[str] | None = None
    DNSNames: list[str] | None = None
    Links: list[str] | None = None


class _NetworkSettings(msgspec.Struct, gc=False):
    Ports: dict[str, list[_Binding] | None] | None = None
    Networks: dict[str, _EndpointAnswer] | None = None


class _Mount(msgspec.Struct, gc=False):
    Destination: str = ""


class ContainerAnswer(msgspec.Struct, gc=False):
    """``GET /containers/<id>/json``."""

    Id: str
    Name: str
    State: _State
    Config: _Config
    HostConfig: _HostConfig
    NetworkSettings: _NetworkSettings
    Path: str = ""
    Args: list[str] | None = None
    HostsPath: str = ""
    ResolvConfPath: str = ""
    Created: str = ""
    RestartCount: int | None = None
    Mounts: list[_Mount] | None = None


class _IpamConfig(msgspec.Struct, gc=False):
    Subnet: str = ""
    Gateway: str = ""
    AuxiliaryAddresses: dict[str, str] | None = None


class _Ipam(msgspec.Struct, gc=False):
    Config: list[_IpamConfig] | None = None


class NetworkAnswer(msgspec.Struct, gc=False):
    """One network of ``GET /networks``."""

    Id: str
    Name: str
    Driver: str = ""
    Internal: bool = False
    IPAM: _Ipam | None = None
    Options: dict[str, str] | None = None


class _Actor(msgspec.Struct, gc=False):
    ID: str = ""
    Attributes: dict[str, str] | None = None


class EventAnswer(msgspec.Struct, gc=False):
    """One line of ``GET /events``."""

    Action: str = ""
    Actor: _Actor | None = None
    time: int = 0
    nanoseconds: int = msgspec.field(name="timeNano", default=0)


class TopAnswer(msgspec.Struct, gc=False):
    """``GET /containers/<id>/top``."""

    Titles: list[str]
    Processes: list[list[str]] | None = None
