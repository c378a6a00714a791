"""The environments of a container: as it was configured, and of all of its processes.

Here secrets end: of a value no more leaves than what a link set, and the hosts that it names.
The first process is not always the one that matters: it may have written its title over its
environment, or started the program with variables that were saved before its last start.
What `docker exec` started is no descendant of the first process, and is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from linkdoctor.collect import engine_files, process, procfs
from linkdoctor.collect.answers import ContainerAnswer, TopAnswer
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.links import StoredLink
from linkdoctor.model.redact import redact
from linkdoctor.model.references import HostReference
from linkdoctor.model.snapshot import Details, ProcessVariables
from linkdoctor.model.variables import Variable, parse_link_variable, prefixes_of_links
from linkdoctor.reading.limits import is_cut
from linkdoctor.reading.settings import references_in_environment

__all__ = [
    "ConfiguredEnvironment",
    "Environments",
    "aliases_of",
    "configured",
    "first_near",
    "from_top",
    "others_near",
    "pairs",
]

_MOST_PROCESSES = 1024
_LARGEST_ENVIRONMENT = 128 * 1024
_MOST_KEPT = 8
_TOO_MANY = Unknown(
    gap=Gap.CUT, detail=f"it has more than {_MOST_PROCESSES} processes, which is more than are read"
)
_NO_PARENTS = Unknown(
    gap=Gap.UNSUPPORTED, detail="the engine's ps does not print the parents of processes"
)


class ConfiguredEnvironment(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is kept of ``Config.Env``."""

    variables: tuple[Variable, ...]
    references: tuple[HostReference, ...]
    """The hosts that its values name."""
    references_cut: bool
    """They may name more: a limit was reached."""


class Environments(msgspec.Struct, frozen=True, kw_only=True):
    """What links set for the processes of a container."""

    first: tuple[Variable, ...]
    others: Evidence[tuple[ProcessVariables, ...]]


def aliases_of(details: Details) -> tuple[str, ...]:
    """Return the aliases of all links that inspect prints."""
    links = (*details.stored_links, *(link for each in details.endpoints for link in each.links))
    return tuple(link.alias for link in links)


def configured(answer: ContainerAnswer, links: Iterable[StoredLink]) -> ConfiguredEnvironment:
    """Keep of ``Config.Env`` what its values name, and those that may be a link's of its own.

    Args:
        answer: the inspect of the container.
        links: all of its own, as the engine prints them.
    """
    environment = pairs(answer.Config.Env or ())
    references = references_in_environment(environment)
    aliases = (link.alias for link in links)
    prefixes = prefixes_of_links(answer.Name.removeprefix("/"), aliases, environment)
    return ConfiguredEnvironment(
        variables=redact(environment, prefixes),
        references=references,
        references_cut=is_cut([value for _, value in environment], references),
    )


def pairs(environment: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Split ``NAME=value`` entries."""
    split = (each.partition("=") for each in environment)
    return tuple((name, value) for name, _, value in split if name)


def first_near(held: procfs.Proc, name: str, details: Details) -> tuple[Variable, ...]:
    """Read the environment of a container's first process.

    Raises:
        NotProven: it may not be read.
        BeingStarted: it is not the container's own yet.
    """
    environment = process.environment_of(held)
    # For an instant after a start the process is still the runtime's, with its own environment.
    if any(variable.startswith("_LIBCONTAINER_") for variable, _ in environment):
        raise procfs.BeingStarted
    return _redacted(environment, name, details)


def others_near(
    held: procfs.Proc, first: tuple[Variable, ...], details: Details
) -> Evidence[tuple[ProcessVariables, ...]]:
    """Read what links set for the descendants of a container's first process."""
    prefixes = _prefixes(first, details)
    source = f"/proc/{held.pid}/task"
    if not prefixes:
        return Known((), source)
    try:
        read = list(procfs.environments_below(held, _MOST_PROCESSES, _LARGEST_ENVIRONMENT))
    except procfs.TooMany:
        return _TOO_MANY
    return Known(_others(((pid, _pairs(raw)) for pid, raw in read), first, prefixes), source)


def from_top(answer: TopAnswer, name: str, details: Details) -> Environments:
    """Find the environments of a container's processes in the answer of ``top``.

    Raises:
        Unreadable: the first process is not in the answer.
    """
    first = _redacted(engine_files.environment_from_top(answer, details.pid), name, details)
    below = engine_files.descendants_in_top(answer, details.pid)
    if below is None:
        return Environments(first=first, others=_NO_PARENTS)
    if len(below) > _MOST_PROCESSES:
        return Environments(first=first, others=_TOO_MANY)
    prefixes = _prefixes(first, details)
    read = ((pid, engine_files.environment_from_top(answer, pid)) for pid in below if prefixes)
    return Environments(first=first, others=Known(_others(read, first, prefixes), "docker top"))


def _redacted(
    environment: tuple[tuple[str, str], ...], name: str, details: Details
) -> tuple[Variable, ...]:
    return redact(environment, prefixes_of_links(name, aliases_of(details), environment))


def _prefixes(first: Iterable[Variable], details: Details) -> frozenset[str]:
    parsed = (parse_link_variable(each.name) for each in first if each.value is not None)
    of_first = {each.prefix for each in parsed if each is not None}
    return prefixes_of_links("", aliases_of(details), ()) | of_first


def _others(
    read: Iterable[tuple[int, tuple[tuple[str, str], ...]]],
    first: Iterable[Variable],
    prefixes: Collection[str],
) -> tuple[ProcessVariables, ...]:
    """Return each set of variables that is not the first process's, once."""
    seen = {tuple(each for each in first if each.value is not None)}
    found: list[ProcessVariables] = []
    for pid, environment in sorted(read):
        kept = tuple(each for each in redact(environment, prefixes) if each.value is not None)
        if kept and kept not in seen and len(found) < _MOST_KEPT:
            seen.add(kept)
            found.append(ProcessVariables(pid=pid, variables=kept))
    return tuple(found)


def _pairs(raw: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(dict(_assignments(raw)).items())


def _assignments(raw: bytes) -> Iterator[tuple[str, str]]:
    for entry in raw.decode("utf-8", "replace").split("\0"):
        name, equals, value = entry.partition("=")
        if name and equals:
            yield name, value
