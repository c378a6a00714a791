"""Which link variables a target is known to read, and what to do where it gets none."""

from __future__ import annotations

from collections.abc import Iterable

from linkdoctor.model.knowledge import Reading, image_name
from linkdoctor.model.links import Port, injected_variables
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.topology import Link, Topology
from linkdoctor.model.variables import Variable
from linkdoctor.rulekit.fixes import recreate

__all__ = ["ESCAPE", "keep_variables", "lacking", "set_by_hand", "variables_wanted"]

ESCAPE = "DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS=1"
"""In its own environment it makes an engine of the 29 series set link variables as before."""

_SETS_VARIABLES = (28,)


def variables_wanted(link: Link, topology: Topology) -> dict[str, str]:
    """Return the variables of a link that its target reads without a default, and where.

    A name that ends in ``*`` stands for any variable that begins so: images are known to read
    some, not which. Variables that the user set are no wish to the link.
    """
    details = topology.details(link.target)
    set_by_user = {variable.name for variable in details.environment}
    reads = (*details.reads, *topology.script_reads(link.target))
    wanted = {
        read.variable: read.where
        for read in reads
        if read.prefix == link.prefix and not read.optional and read.variable not in set_by_user
    }
    for row in topology.image_expectations(link.target):
        by_default = not set_by_user.intersection(row.settings)
        pattern = f"{link.prefix}_PORT_*"
        by_hand = any(_fits(each, pattern) for each in set_by_user)
        if (
            row.reads is Reading.VARIABLES
            and link.alias in row.names
            and by_default
            and not by_hand
        ):
            image = image_name(link.target.image)
            wanted[pattern] = f"image {image}, which reads link variables"
    return wanted


def lacking(wanted: Iterable[str], link: Link, topology: Topology) -> tuple[str, ...]:
    """Return those of the wanted variables that the target's process does not have, sorted."""
    has = {variable.name for variable in topology.process_environment(link.target)}
    return tuple(sorted(name for name in wanted if not any(_fits(each, name) for each in has)))


def set_by_hand(link: Link, names: Iterable[str], topology: Topology) -> Fix:
    """Advise to set link variables by hand, to the name of the alias."""
    wanted = tuple(sorted(names))
    return recreate(
        topology,
        link.host,
        link.target,
        environment=_by_name(link, wanted, topology),
        why=f"with {', '.join(wanted)} set by hand, the address being the name {link.alias}",
    )


def _by_name(link: Link, wanted: tuple[str, ...], topology: Topology) -> tuple[Variable, ...]:
    """Return the wanted variables as a link would set them, the name in place of the address."""
    source = topology.source_of(link)
    exposed = set(topology.details(source).exposed) if source is not None else set[Port]()
    reads = (*topology.details(link.target).reads, *topology.script_reads(link.target))
    read = {Port(each.port, each.protocol) for each in reads if each.prefix == link.prefix}
    variables = injected_variables(
        version=_SETS_VARIABLES,
        target=link.target.name,
        alias=link.alias,
        address=link.alias,
        exposed=exposed | read,
    )
    return tuple(
        each
        for each in variables
        if any(_fits(each.name, pattern) for pattern in wanted) and each.value is not None
    )


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def keep_variables(target: str) -> Fix:
    """Advise to let an engine of the 29 series set link variables for a while yet."""
    return Fix(
        title=f"until engine 30: set {ESCAPE} in the engine's environment, restart the "
        f"engine and {target}",
        safety=Safety.MANUAL,
    )
