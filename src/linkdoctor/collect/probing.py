"""Tries what links promise: resolves each alias and connects to each port, as the target would.

Only with ``--probe``, and only near: from the target's own network namespace, where its process is
proven. From afar a probe would need ``exec``, which runs programs in containers. A connection is
closed as soon as it stands; nothing is sent.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

import msgspec

from linkdoctor.collect import sockets
from linkdoctor.collect.engine import Deadline
from linkdoctor.collect.hops import cause_of_failure
from linkdoctor.collect.namespace import inside
from linkdoctor.collect.resolver import ask
from linkdoctor.collect.shares import in_turn
from linkdoctor.collect.workers import map_concurrently
from linkdoctor.model.evidence import (
    PROBES_ONLY_NEAR,
    Evidence,
    Gap,
    Known,
    MissingEvidence,
    Unknown,
)
from linkdoctor.model.snapshot import Container, Probe, ProbeCause, ProbeOutcome, Snapshot, Status
from linkdoctor.model.topology import Link, Topology
from linkdoctor.rulekit.link_ports import dialled_ports
from linkdoctor.rulekit.reach import is_inside

__all__ = ["MOST_OF_ALL", "MOST_OF_ONE", "may_be_dialled", "with_probes"]

_PATIENCE = 2.0
"""Seconds that a connection may take."""
_IN_HAND = _PATIENCE + 0.5
"""Seconds that must be left for a probe to begin: one cut short would pass for a silent peer."""
_PAUSE = 1.5
MOST_OF_ONE = 256
"""Ports that are tried from one target; its links take turns."""
MOST_OF_ALL = 4096
"""Ports that are tried from all targets of an engine together; the targets take turns."""
_MOST_EXPOSED = 16
_WORKERS = 8


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A link and the ports to be tried."""

    link: Link
    ports: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    """Ports that the link promises too, beyond what is tried."""


class _Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A port of a link at the address that the alias means."""

    link: Link
    port: int
    address: str


def with_probes(
    snapshot: Snapshot,
    draft: Topology,
    deadline: Deadline,
    *,
    near: bool,
    external: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Snapshot:
    """Probe every link of every running target; what comes of it stands in the targets.

    Args:
        snapshot: what is known of the engine.
        draft: the same, joined; it may lack what was asked for since.
        deadline: probes that could not end before it are not tried.
        near: whether the engine's processes may be on this machine.
        external: dial also where an alias leads outside the networks of the containers examined.
        progress: is told what is being done.
    """
    targets = [
        each
        for _, each in draft.containers()
        if _runs(each) and draft.links_of(snapshot.host, each)
    ]
    if not near:
        return _with(snapshot, {each.id: PROBES_ONLY_NEAR for each in targets})
    found: dict[str, Evidence[tuple[Probe, ...]]] = {}
    plans: list[_Plan] = []
    for target in targets:
        try:
            plans += _plans(snapshot.host, target, draft)
        except MissingEvidence as missing:
            found[target.id] = missing.unknown
    if plans:
        progress(f"probing {len(plans)} link{'s' if len(plans) > 1 else ''}")
    results: dict[str, list[Probe | Unknown]] = {each.id: [] for each in targets}
    for link, result in _tried(plans, _Bounds(snapshot, external=external), deadline):
        results[link.target.id].append(result)
    return _with(snapshot, {key: _joined(own) for key, own in results.items()} | found)


def may_be_dialled(address: str, *, subnets: tuple[str, ...], external: bool) -> bool:
    """Whether a probe may connect to an address.

    Never to one that leads back into the target itself (loopback), to many hosts or to none.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if (
        parsed.is_loopback
        or parsed.is_multicast
        or parsed.is_unspecified
        or parsed.is_link_local
        or parsed.is_reserved
    ):
        return False
    return external or is_inside(str(parsed), subnets)


class _Bounds:
    """Where probes may go: the networks that the examined containers are on."""

    def __init__(self, snapshot: Snapshot, *, external: bool) -> None:
        self._external = external
        endpoints = [
            endpoint
            for each in snapshot.containers
            if isinstance(each.details, Known)
            for endpoint in each.details.value.endpoints
        ]
        if isinstance(snapshot.networks, Known):
            joined = {endpoint.network for endpoint in endpoints}
            self._subnets = tuple(
                subnet
                for network in snapshot.networks.value
                if network.name in joined
                for subnet in network.subnets
            )
        else:
            self._subnets = tuple(
                address
                for endpoint in endpoints
                for address in (endpoint.address, endpoint.address6)
                if address
            )

    def allow(self, address: str) -> bool:
        return may_be_dialled(address, subnets=self._subnets, external=self._external)


def _runs(container: Container) -> bool:
    details = container.details
    return isinstance(details, Known) and details.value.status is Status.RUNNING


def _plans(host: str, target: Container, topology: Topology) -> list[_Plan]:
    return [_plan(link, topology) for link in topology.links_of(host, target)]


def _plan(link: Link, topology: Topology) -> _Plan:
    """Return the ports that a link promises: those that the target dials, then the exposed ones.

    Of many exposed ones those come first that are known to be listened on.
    """
    dialled = sorted(dialled_ports(link, topology))
    source = topology.source_or_namesake(link)
    exposed = () if source is None else topology.details(source).exposed
    heard = set() if source is None else {each.port for each in topology.listeners_if_had(source)}
    offered = sorted(
        {port.number for port in exposed if port.protocol == "tcp"} - set(dialled),
        key=lambda port: (port not in heard, port),
    )
    return _Plan(
        link=link,
        ports=(*dialled, *offered[:_MOST_EXPOSED]),
        left_out=tuple(offered[_MOST_EXPOSED:]),
    )


def _tried(
    plans: list[_Plan], bounds: _Bounds, deadline: Deadline
) -> list[tuple[Link, Probe | Unknown]]:
    """Resolve every alias, then try the ports, eight at a time; links and targets take turns."""
    results: list[tuple[Link, Probe | Unknown]] = []
    attempts: dict[str, list[list[_Attempt]]] = {}
    """Those of each link, by target."""

    def address_of(plan: _Plan) -> str | Unknown | None:
        return _address(plan.link, deadline)

    def answer_to(attempt: _Attempt) -> Probe | Unknown:
        return _dialled(attempt, deadline)

    results += [
        (each.link, _left_out(each.link, each.left_out[0])) for each in plans if each.left_out
    ]
    addresses = map_concurrently(_WORKERS, address_of, plans)
    for plan, address in zip(plans, addresses, strict=True):
        if isinstance(address, Unknown):
            results.append((plan.link, address))
        elif address is None:
            results += [(plan.link, _untried(plan.link, port)) for port in plan.ports]
        elif not address:
            no_name = Probe(alias=plan.link.alias, port=None, outcome=ProbeOutcome.NO_NAME)
            results.append((plan.link, no_name))
        elif not bounds.allow(address):
            results += [(plan.link, _untried(plan.link, port, address)) for port in plan.ports]
        else:
            attempts.setdefault(plan.link.target.id, []).append(
                [_Attempt(link=plan.link, port=port, address=address) for port in plan.ports]
            )
    of_targets = [in_turn(links) for links in attempts.values()]
    wanted = in_turn([each[:MOST_OF_ONE] for each in of_targets])
    tried, too_many = wanted[:MOST_OF_ALL], wanted[MOST_OF_ALL:]
    too_many += [attempt for each in of_targets for attempt in each[MOST_OF_ONE:]]
    answers = map_concurrently(_WORKERS, answer_to, tried)
    results += zip((each.link for each in tried), answers, strict=True)
    results += [(each.link, _left_out(each.link, each.port)) for each in too_many]
    return results


def _left_out(link: Link, port: int) -> Probe:
    return Probe(alias=link.alias, port=port, outcome=ProbeOutcome.LEFT_OUT)


def _untried(link: Link, port: int, address: str = "") -> Probe:
    return Probe(alias=link.alias, port=port, outcome=ProbeOutcome.NOT_TRIED, address=address)


def _address(link: Link, deadline: Deadline) -> str | Unknown | None:
    """Return the address that the alias means in the target.

    '' if the name does not resolve, None if no time was left. The hosts file comes before DNS,
    and IPv4 before IPv6; of several addresses the first one counts.
    """
    hosts, resolver = link.target.hosts_file, link.target.resolver
    if isinstance(hosts, Unknown):
        return hosts
    name = link.alias.lower()
    known = [line.address for line in hosts.value if name in (each.lower() for each in line.names)]
    if known:
        return next((each for each in known if ":" not in each), known[0])
    if hosts.cut:
        return Unknown(gap=Gap.CUT, detail=hosts.cut)
    if isinstance(resolver, Unknown):
        return resolver
    if resolver.cut:
        return Unknown(gap=Gap.CUT, detail=resolver.cut)
    if deadline.left() < _IN_HAND:
        return None
    answer = inside(link.target, lambda: ask(resolver.value, link.alias))
    if isinstance(answer, Unknown):
        # That the name has no answer now, for whatever reason, is what the target meets too.
        return answer if answer.gap is Gap.DENIED else ""
    return answer.value[0] if answer.value else ""


def _dialled(attempt: _Attempt, deadline: Deadline) -> Probe | Unknown:
    if deadline.left() < _IN_HAND:
        return _untried(attempt.link, attempt.port)

    def dial() -> Evidence[sockets.Dialled]:
        return Known(sockets.dial(attempt.address, attempt.port, _PATIENCE), "probe")

    answer = inside(attempt.link.target, dial)
    if _has_no_route(answer) and deadline.left() >= _PAUSE + _IN_HAND:
        # For a moment after its source came back the kernel still believes that nobody is there.
        time.sleep(_PAUSE)
        answer = inside(attempt.link.target, dial)
    if isinstance(answer, Unknown):
        return answer
    return Probe(
        alias=attempt.link.alias,
        port=attempt.port,
        outcome=answer.value.outcome,
        address=attempt.address,
        milliseconds=round(answer.value.seconds * 1000, 1),
        cause=_cause(attempt, answer.value),
    )


def _cause(attempt: _Attempt, met: sockets.Dialled) -> ProbeCause:
    """Return what the target's namespace shows of why nobody was reached, right afterwards."""
    if met.outcome not in (ProbeOutcome.NO_ROUTE, ProbeOutcome.TIMED_OUT):
        return ProbeCause.NOT_SHOWN

    def look() -> Evidence[ProbeCause]:
        cause = cause_of_failure(attempt.address, attempt.port, told=met.unreachable)
        return Known(cause, "routes and neighbours of its network namespace")

    found = inside(attempt.link.target, look)
    return found.value if isinstance(found, Known) else ProbeCause.NOT_SHOWN


def _has_no_route(answer: Evidence[sockets.Dialled]) -> bool:
    return isinstance(answer, Known) and answer.value.outcome is ProbeOutcome.NO_ROUTE


def _joined(results: list[Probe | Unknown]) -> Evidence[tuple[Probe, ...]]:
    """Join what came of a target's probes; where one could not begin, the whole is Unknown."""
    unknown = next((each for each in results if isinstance(each, Unknown)), None)
    if unknown is not None:
        return unknown
    probes = [each for each in results if isinstance(each, Probe)]
    return Known(tuple(sorted(probes, key=_order)), "its network namespace")


def _order(probe: Probe) -> tuple[str, int]:
    return (probe.alias, probe.port or 0)


def _with(snapshot: Snapshot, found: dict[str, Evidence[tuple[Probe, ...]]]) -> Snapshot:
    return msgspec.structs.replace(
        snapshot,
        containers=tuple(
            msgspec.structs.replace(each, probes=found[each.id]) if each.id in found else each
            for each in snapshot.containers
        ),
    )
