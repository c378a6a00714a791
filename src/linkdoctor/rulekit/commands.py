"""The commands that a person would type, quoted for a POSIX shell."""

from __future__ import annotations

import shlex
from typing import TypeAlias

from linkdoctor.model.actions import (
    ConnectNetwork,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)

__all__ = [
    "OneCall",
    "connect_network",
    "inspect_format",
    "logs",
    "one_call",
    "remove",
    "restart",
    "shell",
    "start",
]


OneCall: TypeAlias = Start | Unpause | Restart | Rename | SetRestartPolicy | ConnectNetwork
"""An action that is one call to the engine."""


def shell(*words: str) -> str:
    """Join words into one command, each quoted so that no name can be more than a word."""
    return " ".join(shlex.quote(word) for word in words)


def one_call(action: OneCall) -> str:
    """Return the command for an action that is one call to the engine."""
    match action:
        case Start(container=name):
            return start(name)
        case Unpause(container=name):
            return shell("docker", "unpause", name)
        case Restart(container=name):
            return restart(name)
        case Rename(container=name, to=new):
            return shell("docker", "rename", name, new)
        case SetRestartPolicy(container=name, policy=policy):
            return shell("docker", "update", "--restart", policy, name)
        case ConnectNetwork(network=network, container=name, aliases=aliases):
            options = [word for alias in aliases for word in ("--alias", alias)]
            return shell("docker", "network", "connect", *options, network, name)


def start(*containers: str) -> str:
    """Return the command that starts containers."""
    return shell("docker", "start", *containers)


def restart(*containers: str) -> str:
    """Return the command that restarts containers."""
    return shell("docker", "restart", *containers)


def remove(container: str) -> str:
    """Return the command that removes a container that does not run."""
    return shell("docker", "rm", container)


def logs(container: str) -> str:
    """Return the command that shows a container's last words."""
    return shell("docker", "logs", "--tail", "50", container)


def connect_network(network: str, container: str, *, alias: str | None = None) -> str:
    """Return the command that connects a container to a network, under an alias if one is given."""
    aliases = (alias,) if alias else ()
    return one_call(ConnectNetwork(network=network, container=container, aliases=aliases))


def inspect_format(template: str, container: str) -> str:
    """Return the command that prints a part of what the engine knows of a container."""
    return shell("docker", "inspect", "--format", template, container)
