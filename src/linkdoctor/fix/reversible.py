"""Whether a step can be taken back: said of a plan beforehand, of a journal's step afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from linkdoctor.collect.engine import ContextName, Url
from linkdoctor.fix.journal import JournalStep
from linkdoctor.fix.outcome import Result
from linkdoctor.model.actions import Action, Recreate, Restart
from linkdoctor.model.plan import Files
from linkdoctor.rulekit.commands import shell

__all__ = [
    "beforehand",
    "changed_something",
    "engine_words",
    "stranded",
    "undo_command",
    "why_irreversible",
    "with_files",
]

_RESTARTED = "a restart leaves nothing to take back"
_REPLACED = {
    Files.KEEP: "can be taken back while the old container is kept (it is, if it wrote files that "
    "the new one does not have; --keep-old keeps it anyway)",
    Files.CARRY: "can be taken back while the old container is kept (it is, if not all of its "
    "files could be carried over; --keep-old keeps it anyway)",
    Files.DROP: "cannot be taken back: --drop-files removes the old container",
}


_NEVER = "cannot be taken back: "


def beforehand(action: Action, files: Files = Files.KEEP, never: str = "") -> str:
    """Say of a planned action whether ``--undo`` can take it back, a clause.

    Args:
        action: what is planned.
        files: what is to become of what a container that is replaced wrote outside volumes.
        never: why it cannot be, whatever becomes of the files; a clause.
    """
    if never:
        return f"{_NEVER}{never}"
    match action:
        case Restart():
            return f"cannot be taken back: {_RESTARTED}"
        case Recreate():
            return _REPLACED[files]
        case _:
            return "can be taken back with --undo"


def stranded(aliases: Iterable[str]) -> str:
    """Say that a container could not be started again, because of links of these aliases."""
    names = sorted(aliases)
    if not names:
        return ""
    links = f"link{'s' if len(names) > 1 else ''} {', '.join(names)}"
    return (
        "as it was it could not be started again: the source of its "
        f"{links} is gone or was replaced"
    )


def with_files(said: str, action: Action, files: Files) -> str:
    """Return what was said beforehand, with what is to become of the files."""
    if isinstance(action, Recreate) and said.startswith(_NEVER):
        return said
    return beforehand(action, files)


def changed_something(step: JournalStep) -> bool:
    """Whether a step of a journal left a change behind, whether or not it helped."""
    last = step.calls[-1] if step.calls else None
    acted = last is not None and not last.failed
    return step.result == Result.FIXED or (step.result == Result.NOT_FIXED and acted)


def why_irreversible(step: JournalStep) -> str:
    """Say why a step of a journal cannot be taken back, a clause; '' if nothing speaks against it.

    The journal alone is asked. What depends on the step by now, only the engine knows.
    """
    if step.open:
        return "it was interrupted; --resume finishes it"
    if step.undone:
        return "it was taken back already"
    if not changed_something(step):
        return "it changed nothing that is still there"
    if isinstance(step.action, Restart):
        return _RESTARTED
    if isinstance(step.action, Recreate) and not step.kept:
        return (
            "the old container was removed when the new one had proved itself; --keep-old keeps it"
        )
    if isinstance(step.action, Recreate) and step.before.running:
        return step.before.stranded
    return ""


def engine_words(where: Url | ContextName, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options that name an engine again, in another shell too; none for the default."""
    if isinstance(where, ContextName):
        return ("--context", where.name)
    by_environment = environment.get("DOCKER_HOST", "")
    url = where.url or ("" if environment.get("DOCKER_TLS_VERIFY") else by_environment)
    return ("-H", url) if url else ()


def undo_command(where: Url | ContextName, journal: str, environment: Mapping[str, str]) -> str:
    """Return the command that takes back what a journal says was done."""
    return shell("linkdoctor", "fix", *engine_words(where, environment), "--undo", journal)
