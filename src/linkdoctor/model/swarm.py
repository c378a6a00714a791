"""What tells a task of a swarm service from a container that someone ran."""

from __future__ import annotations

import re

from linkdoctor.model.snapshot import Container

__all__ = ["is_swarm_task"]

_TASK_LABEL = "com.docker.swarm.task.id"
_TASK_NAME = re.compile(r".+\.(?:[1-9][0-9]*|[0-9a-z]{25})\.[0-9a-z]{25}")
"""``<service>.<slot, or node>.<task>``; snapshots of 0.1 hold no labels of swarm."""


def is_swarm_task(container: Container) -> bool:
    """Return whether a container is a task of a swarm service.

    The network mode of its inspect says ``default`` or ``bridge`` whatever networks the task is on,
    and means nothing (engine lab).
    """
    return any(each.name == _TASK_LABEL for each in container.labels) or (
        _TASK_NAME.fullmatch(container.name) is not None
    )
