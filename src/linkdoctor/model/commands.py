"""The commands that a person would type, quoted for a POSIX shell."""

from __future__ import annotations

import shlex

__all__ = ["connect_network", "inspect_format", "logs", "remove", "restart", "shell", "start"]


def shell(*words: str) -> str:
    """Join words into one command, each quoted so that no name can be more than a word."""
    return " ".join(shlex.quote(word) for word in words)


def start(*containers: str) -> str:
    """Give the command that starts containers."""
    return shell("docker", "start", *containers)


def restart(*containers: str) -> str:
    """Give the command that restarts containers."""
    return shell("docker", "restart", *containers)


def remove(container: str) -> str:
    """Give the command that removes a container that does not run."""
    return shell("docker", "rm", container)


def logs(container: str) -> str:
    """Give the command that shows a container's last words."""
    return shell("docker", "logs", "--tail", "50", container)


def connect_network(network: str, container: str, *, alias: str | None = None) -> str:
    """Give the command that connects a container to a network, under an alias if one is given."""
    options = ("--alias", alias) if alias else ()
    return shell("docker", "network", "connect", *options, network, container)


def inspect_format(template: str, container: str) -> str:
    """Give the command that prints a part of what the engine knows of a container."""
    return shell("docker", "inspect", "--format", template, container)
