"""What is said of a name that a container expects and nothing provides.

:mod:`~linkdoctor.rulekit.expectations` finds them, :mod:`~linkdoctor.rulekit.name_fixes` advises
how the container comes to them.
"""

from __future__ import annotations

from collections.abc import Iterator

from linkdoctor.model.network_mode import Host, Shared
from linkdoctor.model.report import Proof
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import DEFAULT_BRIDGE, Topology
from linkdoctor.rulekit.candidates import Candidate, KnownAs
from linkdoctor.rulekit.connecting import HOST_MODE
from linkdoctor.rulekit.expectations import Unmet
from linkdoctor.rulekit.history import proof_of
from linkdoctor.rulekit.reach import effective_mode, networks_of

__all__ = ["evidence_of", "message_of"]

_NO_NETWORK = "none"


def message_of(host: str, container: Container, unmet: Unmet, topology: Topology) -> str:
    """Say in a sentence what a container expects, and why it does not find it."""
    target = container.name
    names = " or ".join(unmet.expectation.names)
    if unmet.link is not None:
        return (
            f"{target} expects {names}, which nothing provides; it is linked to "
            f"{unmet.link.source_name} as {unmet.link.alias}."
        )
    if len(unmet.candidates) == 1:
        why = _why_not(host, container, unmet.candidates[0], topology)
        return f"{target} expects {names}, but {why}."
    if unmet.candidates:
        who = ", ".join(sorted(each.container.name for each in unmet.candidates))
        kind = unmet.candidates[0].known_as.value
        return (
            f"{target} expects {names}, which nothing provides; {who} have it as {kind}, out of "
            f"reach of {target}."
        )
    return f"{target} expects {names}, which nothing provides."


def _why_not(host: str, target: Container, candidate: Candidate, topology: Topology) -> str:
    """Return why the one container that is meant is not found under the name."""
    source, kind = candidate.container, candidate.known_as
    if not topology.is_inspected(source):
        return f"nothing provides it; {source.name} has it as {kind.value}"
    if kind is KnownAs.MADE_UP:
        return f"the container is called {source.name} now, as Compose left it"
    match effective_mode(host, target, topology), effective_mode(host, source, topology):
        case Shared(), _:
            return "it has the network of a container that is gone"
        case _, Shared():
            return f"{source.name} has the network of a container that is gone"
        case _, Host():
            return f"{source.name} has the network of the host, where containers have no names"
        case Host(), _:
            return f"it has the network of the host, where names do not lead to {source.name}"
        case _:
            pass
    if set(_joined(host, source, topology)) & set(_joined(host, target, topology)):
        return f"{source.name} has that name as {kind.value} only, which is not looked up"
    called = "" if kind is KnownAs.NAME else f" (its {kind.value})"
    return (
        f"has neither a link to the container {source.name}{called} nor a user-defined network in "
        "common with it"
    )


def _joined(host: str, container: Container, topology: Topology) -> Iterator[str]:
    for each in networks_of(host, container, topology):
        if each not in (DEFAULT_BRIDGE, HOST_MODE, _NO_NETWORK):
            yield each


def evidence_of(target: Container, unmet: Unmet) -> Iterator[Proof]:
    """Yield what shows that a container expects a name, and that nothing provides it."""
    expectation = unmet.expectation
    found = f"linked as {unmet.link.alias}" if unmet.link else "no link, alias or hosts line"
    yield Proof(
        what=f"name that {expectation.origin.value} expects",
        observed=found,
        expected=" or ".join(expectation.names),
        where=expectation.where,
    )
    if unmet.asked:
        yield Proof(
            what=f"answer of the container's own resolver for {expectation.names[0]}",
            observed="no such name",
            expected="an address",
            where="resolv.conf of the container, asked from its network namespace",
        )
    if unmet.complaint is not None:
        yield proof_of(target, unmet.complaint)
