"""What the engine left in a target when it still had a link: a hosts line, a variable.

A hosts line of a link has the form (address, alias, short id, name); ``<ALIAS>_NAME`` holds
``/target/alias``. Evidence that could not be had leaves no trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.links import HostsLine, environment_prefix
from linkdoctor.model.report import Proof
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology
from linkdoctor.model.variables import Variable, is_address

__all__ = ["traced_aliases", "traced_source", "traces_of"]

_SHORT_ID = re.compile(r"[0-9a-f]{12}")


def traced_aliases(target: Container, topology: Topology) -> frozenset[str]:
    """Return the aliases of the links that left a trace in a target."""
    lines = (line.names[0] for line in _written_lines(target, topology))
    return frozenset((*lines, *map(_alias_of, _named(target, topology))))


def traced_source(host: str, target: Container, alias: str, topology: Topology) -> Container | None:
    """Return the container that the traces of a link lead to, if there is one."""
    lines = {line.names[0]: line for line in _written_lines(target, topology)}
    names = lines[alias].names[1:] if alias in lines else (alias,)
    found = (topology.resolve_reference(host, each) for each in names)
    return next((each for each in found if each is not None), None)


def traces_of(target: Container, alias: str, topology: Topology) -> tuple[Proof, ...]:
    """Return what the engine left of a link in its target: variables, then hosts lines."""
    lines = tuple(
        Proof(
            what=f"hosts line of {alias}",
            observed=f"{line.address} {' '.join(line.names)}",
            expected="a link behind it",
            where=topology.read_from(target.hosts_file),
        )
        for line in _written_lines(target, topology)
        if line.names[0] == alias
    )
    variables = tuple(
        Proof(
            what=variable.name,
            observed=variable.value or "",
            expected="a link behind it",
            where=topology.read_from(target.process_environment),
        )
        for variable in _named(target, topology)
        if _alias_of(variable) == alias
    )
    return (*variables, *lines)


def _written_lines(target: Container, topology: Topology) -> Iterator[HostsLine]:
    """Yield the hosts lines that have the form of those that the engine writes for links."""
    details = topology.details(target)
    try:
        lines = topology.hosts_file(target)
    except MissingEvidence:
        return
    for line in lines:
        own = len(line.names) == 2 and line.names[1] in (
            details.hostname,
            target.id[:12],
        )
        if (
            len(line.names) in (2, 3)
            and _SHORT_ID.fullmatch(line.names[1])
            and is_address(line.address)
            and not own
            and line not in details.extra_hosts
        ):
            yield line


def _named(target: Container, topology: Topology) -> Iterator[Variable]:
    """Yield the variables of the process that name a link of this very target."""
    own = {variable.name for variable in topology.details(target).environment}
    try:
        variables = topology.process_environment(target)
    except MissingEvidence:
        return
    for variable in variables:
        alias = _alias_of(variable)
        if (
            variable.name not in own
            and variable.name == f"{environment_prefix(alias)}_NAME"
            and variable.value == f"/{target.name}/{alias}"
        ):
            yield variable


def _alias_of(variable: Variable) -> str:
    return (variable.value or "").rpartition("/")[2]
