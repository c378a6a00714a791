"""Who made a container, and would undo what is changed behind its back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Owner", "owner"]


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who made a container and would undo what is changed behind its back."""

    kind: str
    """``Compose``, ``swarm``, ``Kubernetes`` …"""
    project: str = ""
    service: str = ""


def owner(raw: Mapping[str, Any]) -> Owner | None:
    """Return who owns a container, by its labels; None if it was made by hand."""
    labels: Mapping[str, str] = raw.get("Config", {}).get("Labels") or {}
    if project := labels.get("com.docker.compose.project"):
        service = labels.get("com.docker.compose.service", "")
        return Owner(kind="Compose", project=project, service=service)
    if name := labels.get("com.docker.swarm.service.name"):
        stack = labels.get("com.docker.stack.namespace", "")
        return Owner(kind="swarm", project=stack, service=name)
    for prefix, kind in _OWNERS:
        if any(label.startswith(prefix) for label in labels):
            return Owner(kind=kind)
    return None


_OWNERS = (
    ("com.docker.swarm.", "swarm"),
    ("com.docker.stack.", "swarm"),
    ("io.kubernetes.", "Kubernetes"),
    ("com.hashicorp.nomad.", "Nomad"),
    ("io.rancher.", "Rancher"),
    ("com.amazonaws.ecs.", "ECS"),
)
