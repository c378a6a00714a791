"""What can fix a link: each action is printed as commands and executed from one datum."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.snapshot import Publication
from linkdoctor.model.variables import Variable

__all__ = [
    "Action",
    "ConnectNetwork",
    "Joined",
    "Namespace",
    "Recreate",
    "Rename",
    "Restart",
    "SetRestartPolicy",
    "Start",
    "Unpause",
]


class Namespace(StrEnum):
    """What a container can share with another one; its value is the option of `docker run`."""

    NETWORK = "network"
    PID = "pid"
    IPC = "ipc"


class Joined(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A namespace that a container shares with another one."""

    namespace: Namespace
    container: str
    """The container that owns it, by its name of today."""


class Start(msgspec.Struct, frozen=True, kw_only=True, tag="start"):
    """Start a container that does not run."""

    container: str


class Unpause(msgspec.Struct, frozen=True, kw_only=True, tag="unpause"):
    """Let a paused container go on."""

    container: str


class Restart(msgspec.Struct, frozen=True, kw_only=True, tag="restart"):
    """Restart a container: allowed only where each of its links leads to a running source."""

    container: str


class Rename(msgspec.Struct, frozen=True, kw_only=True, tag="rename"):
    """Give a container another name."""

    container: str
    to: str


class SetRestartPolicy(msgspec.Struct, frozen=True, kw_only=True, tag="set-restart-policy"):
    """Change what happens to a container when it ends or the host boots."""

    container: str
    policy: str


class ConnectNetwork(msgspec.Struct, frozen=True, kw_only=True, tag="connect-network"):
    """Connect a container to a network, under further aliases."""

    network: str
    container: str
    aliases: tuple[str, ...] = ()


class Recreate(msgspec.Struct, frozen=True, kw_only=True, tag="recreate"):
    """Replace a container by one that is the same but for what stands here."""

    container: str
    links: tuple[StoredLink, ...] | None = None
    """All links of the new one, by names of today; None: those of the old one."""
    publish: tuple[Publication, ...] = ()
    """Further ports to publish."""
    published: tuple[Publication, ...] | None = None
    """All ports to publish; None: those of the old one."""
    expose: tuple[Port, ...] = ()
    """Further ports to expose."""
    extra_hosts: tuple[HostsLine, ...] = ()
    """Further lines for its hosts file."""
    drop_extra_hosts: tuple[str, ...] = ()
    """Names whose extra hosts are left out."""
    network: str | None = None
    """The network that takes the place of its present ones."""
    aliases: tuple[str, ...] = ()
    """Further names on its network."""
    environment: tuple[Variable, ...] = ()
    """Further variables: of links, set by hand."""
    dns_search: tuple[str, ...] | None = None
    """The search domains of its resolver, ``.`` for none at all; None: those of the old one."""
    joins: tuple[Joined, ...] = ()
    """Namespaces that it shares, whose owners have other ids than when the old one was made."""
    pinned: tuple[Publication, ...] = ()
    """Those of `published` that the engine had chosen: they are kept if they are free."""
    stays_down: bool = False
    """The old one did not run, and the new one is not started."""


Action: TypeAlias = (
    Start | Unpause | Restart | Rename | SetRestartPolicy | ConnectNetwork | Recreate
)
