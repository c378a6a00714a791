"""The commands by which a person recreates a container: the old one is kept, stopped."""

from __future__ import annotations

from collections.abc import Iterable

from linkdoctor.model.actions import Action, Recreate
from linkdoctor.model.evidence import Known
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit import commands
from linkdoctor.rulekit.compose import compose_service, through_compose
from linkdoctor.rulekit.pasting import can_be_pasted, commands_to_make
from linkdoctor.rulekit.run_words import changed

__all__ = ["KEPT", "commands_of", "keeping"]

KEPT = "-before"
"""Behind the name of the container that a person keeps until its successor works."""


def commands_of(topology: Topology, host: str, action: Action) -> tuple[str, ...]:
    """Return the commands that a person would type for an action alone, once it can be done.

    There are none if the container is gone, or where commands cannot say all of a recreation. What
    belongs to a Compose project is recreated by Compose.

    Raises:
        MissingEvidence: a container that is to be recreated was not inspected.
    """
    if not isinstance(action, Recreate):
        return (commands.one_call(action),)
    container = topology.container_named(host, action.container)
    if container is None:
        return ()
    owner = compose_service(container)
    if owner is not None:
        return (through_compose(*owner),)
    return _replacing(topology, container, action)


def _replacing(topology: Topology, target: Container, action: Recreate) -> tuple[str, ...]:
    details = topology.details(target)
    setup = details.setup
    if not isinstance(setup, Known) or not can_be_pasted(setup.value):
        return ()
    old = f"{target.name}{KEPT}"
    # The kept container must not come back at the next boot beside the new one.
    tame = ("--restart", "no", old)
    return (
        commands.shell("docker", "rename", target.name, old),
        *([commands.shell("docker", "update", *tame)] if details.restart_policy != "no" else []),
        commands.shell("docker", "stop", old),
        *commands_to_make(
            changed(setup.value, action), target.name, old, start=not action.stays_down
        ),
    )


def keeping(title: str, replaced: Iterable[str]) -> str:
    """Return the title of a fix whose commands replace containers: it says what they keep."""
    names = list(dict.fromkeys(f"{each}{KEPT}" for each in replaced))
    are, them = ("is", "it") if len(names) == 1 else ("are", "them")
    return (
        f"{title}; what was written outside volumes stays in {' and '.join(names)}, which {are} "
        f"kept, stopped, until you remove {them}"
    )
