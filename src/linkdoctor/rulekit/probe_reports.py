"""What is said of a probe that failed: the step, who refuses, which rule of the firewall may."""

from __future__ import annotations

from collections.abc import Sequence

from linkdoctor.model.evidence import MissingEvidence
from linkdoctor.model.links import Port
from linkdoctor.model.report import Proof
from linkdoctor.model.snapshot import (
    Container,
    FirewallRule,
    Listener,
    Probe,
    ProbeCause,
    ProbeOutcome,
)
from linkdoctor.model.topology import Link, Topology
from linkdoctor.rulekit.firewall import refusals_on, words_of_rule
from linkdoctor.rulekit.link_ports import is_loopback
from linkdoctor.rulekit.reach import addresses_of

__all__ = ["and_may_be", "proof_of_probe", "proof_of_rule", "refusals_of", "what_failed"]


def what_failed(
    link: Link, source: Container | None, alike: Sequence[Probe], topology: Topology
) -> str:
    """Say which step failed, of probes to several ports that all ended alike."""
    first = alike[0]
    where = f"port {', '.join(str(each.port) for each in alike)} at {first.address}"
    match first.outcome:
        case ProbeOutcome.NO_NAME:
            return "neither its hosts file nor its resolver gives an address for the name"
        case ProbeOutcome.NO_ROUTE:
            return _no_way(link, first, topology)
        case ProbeOutcome.REFUSED:
            return f"{where} is refused{_by_whom(link, source, first, topology)}"
        case _:
            seconds = f"within {first.milliseconds / 1000:.0f} s"
            return f"{where} does not answer {seconds}: {_silence(link, first, topology)}"


def _no_way(link: Link, probe: Probe, topology: Topology) -> str:
    match probe.cause:
        case ProbeCause.NO_ROUTE:
            return f"it has no route to {probe.address}"
        case ProbeCause.NO_NEIGHBOUR:
            return _no_neighbour(link, probe, topology)
        case ProbeCause.REJECTED:
            return (
                f"it has a route to {probe.address} and its neighbour answers, but a firewall's "
                "REJECT or a router replies that the host cannot be reached"
            )
        case _:
            return (
                f"the kernel says that {probe.address} cannot be reached: a route is missing, "
                "nothing has the address, or a firewall rejects it"
            )


def _no_neighbour(link: Link, probe: Probe, topology: Topology) -> str:
    holder = topology.holder_of(link.host, probe.address)
    whose = "no container here has it" if holder is None else f"it is {holder.name}'s"
    return f"nothing on its network answers for {probe.address} or the gateway to it ({whose})"


def _silence(link: Link, probe: Probe, topology: Topology) -> str:
    if probe.cause is ProbeCause.NO_ROUTE:
        return "it has no route there"
    if probe.cause is ProbeCause.NO_NEIGHBOUR:
        return _no_neighbour(link, probe, topology)
    if topology.holder_of(link.host, probe.address) is None:
        return "no container here has that address"
    return "something on the way drops it, or the answer"


def _by_whom(link: Link, source: Container | None, probe: Probe, topology: Topology) -> str:
    """Return who refuses, where that is shown: a listener that would accept it, or none."""
    if source is None:
        return ""
    if probe.address not in addresses_of(link.host, source, topology):
        return f", and that is not an address of {link.source_name}"
    listeners = [
        each
        for each in topology.listeners_if_had(source)
        if (each.port, each.protocol) == (probe.port, "tcp") and not is_loopback(each.address)
    ]
    if any(_accepts(each, probe.address) for each in listeners):
        return f", though {link.source_name} listens there: a firewall refuses it"
    if listeners:
        on = ", ".join(sorted({each.address for each in listeners}))
        return (
            f"; {link.source_name} listens on {on}, which may not accept this address, or a "
            "firewall refuses it"
        )
    return ""


def _accepts(listener: Listener, address: str) -> bool:
    """Return whether a listener certainly accepts an address: `::` may be IPv6 only."""
    return listener.address in (address, "::" if ":" in address else "0.0.0.0")


_REFUSING = {
    ProbeOutcome.REFUSED: ("REJECT",),
    ProbeOutcome.NO_ROUTE: ("REJECT",),
    ProbeOutcome.TIMED_OUT: ("DROP",),
}


def refusals_of(link: Link, probe: Probe, topology: Topology) -> tuple[FirewallRule, ...]:
    """Return the rules of the host's firewall that may have refused the probe."""
    verdicts = _REFUSING.get(probe.outcome, ())
    named = (ProbeCause.NO_ROUTE, ProbeCause.NO_NEIGHBOUR)
    own = topology.endpoint(link.target, link.network)
    if not verdicts or probe.port is None or probe.cause in named or own is None:
        return ()
    try:
        network = topology.network(link.host, link.network)
        firewall = topology.firewall(link.host)
    except MissingEvidence:
        return ()
    if network is None or not network.bridge:
        return ()
    matching = refusals_on(
        firewall,
        network.bridge,
        target=own.address6 if ":" in probe.address else own.address,
        source=probe.address,
        port=Port(probe.port),
    )
    return tuple(each for each in matching if each.verdict in verdicts)


def and_may_be(link: Link, rules: Sequence[FirewallRule]) -> str:
    """Name the first of some rules of the firewall, to be said after what failed."""
    if not rules:
        return ""
    return f"; the firewall of {link.host} has a rule that may do this: {words_of_rule(rules[0])}"


def proof_of_rule(link: Link, rule: FirewallRule, topology: Topology) -> Proof:
    """Prove that the firewall has a rule that may have refused a probe."""
    return Proof(
        what=f"firewall rule on the way from {link.target.name} to {link.source_name}",
        observed=words_of_rule(rule),
        expected="no rule that refuses it",
        where=topology.firewall_read_from(link.host),
    )


_SAID = {each: each.value for each in ProbeOutcome} | {
    ProbeOutcome.NO_ROUTE: "the kernel says that it cannot be reached"
}
"""How a connection ended: `no route` alone would claim more than the kernel's error shows."""


def proof_of_probe(link: Link, probe: Probe) -> Proof:
    """Prove how a probe ended."""
    if probe.port is None:
        observed = probe.outcome.value
    else:
        how = f" ({probe.cause.value})" if probe.cause else ""
        observed = (
            f"{probe.address}:{probe.port}: {_SAID[probe.outcome]}{how}, "
            f"after {probe.milliseconds:g} ms"
        )
    return Proof(
        what=f"probe of {link.alias} from {link.target.name}",
        observed=observed,
        expected="connected",
        where=f"network namespace of {link.target.name}",
    )
