"""Which link variables a target is known to read, and what to do where it gets none."""

from __future__ import annotations

from collections.abc import Iterable

from linkdoctor.model.knowledge import Reading, image_name
from linkdoctor.model.report import Fix, Safety
from linkdoctor.model.topology import Link, Topology

__all__ = ["ESCAPE", "keep_variables", "lacking", "set_by_hand", "variables_wanted"]

ESCAPE = "DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS=1"
"""In its own environment it makes an engine of the 29 series set link variables as before."""


def variables_wanted(link: Link, topology: Topology) -> dict[str, str]:
    """Give the variables of a link that its target reads without a default, and where.

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
        if row.reads is Reading.VARIABLES and link.alias in row.names and by_default:
            image = image_name(link.target.image)
            wanted[f"{link.prefix}_PORT_*"] = f"image {image}, which reads link variables"
    return wanted


def lacking(wanted: Iterable[str], link: Link, topology: Topology) -> tuple[str, ...]:
    """Give those of the wanted variables that the target's process does not have, sorted."""
    has = {variable.name for variable in topology.process_environment(link.target)}
    return tuple(
        sorted(
            name
            for name in wanted
            if not any(
                each == name or (name.endswith("*") and each.startswith(name[:-1])) for each in has
            )
        )
    )


def set_by_hand(link: Link, names: Iterable[str]) -> Fix:
    """Advise to set link variables by hand, to the name of the alias."""
    return Fix(
        title=f"create {link.target.name} again with {', '.join(sorted(names))} set by hand, the "
        f"address being the name {link.alias}",
        safety=Safety.MANUAL,
    )


def keep_variables(target: str) -> Fix:
    """Advise to let an engine of the 29 series set link variables for a while yet."""
    return Fix(
        title=f"until engine 30: set {ESCAPE} in the engine's environment, restart the "
        f"engine and {target}",
        safety=Safety.MANUAL,
    )
