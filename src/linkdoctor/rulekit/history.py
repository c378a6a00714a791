"""What happened to a source, and what its target says of it: further proof of a finding.

Neither makes a finding, nor does it change its message or its fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from linkdoctor.model.evidence import Known
from linkdoctor.model.report import Finding, Proof
from linkdoctor.model.snapshot import Complaint, Container
from linkdoctor.model.topology import Topology

__all__ = ["proof_of", "with_history", "words_of"]

_WORDS = {
    "create": "created",
    "start": "started",
    "die": "died",
    "pause": "paused",
    "unpause": "unpaused",
    "rename": "renamed",
    "destroy": "removed",
    "oom": "ran out of memory",
}
"""The events that tell; `kill`, `stop` and `restart` come with a `die`."""
_MOST_EVENTS = 6
_MOST_COMPLAINTS = 3
_SECONDS = len("2026-01-01T10:00:00")
_DAY = len("2026-01-01")
_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")


def with_history(finding: Finding, topology: Topology, *, events: bool) -> Finding:
    """Add to a finding's proofs what the target's log tells and, if wanted, the engine's events."""
    target = topology.container_named(finding.host, finding.target) if finding.target else None
    further = (
        *(_events(finding, target, topology) if events else ()),
        *(_complaints(finding, target, topology) if target is not None else ()),
    )
    if not further:
        return finding
    return msgspec.structs.replace(finding, evidence=(*finding.evidence, *further))


def proof_of(target: Container, complaint: Complaint) -> Proof:
    """Say what the log of a container complains of."""
    return Proof(
        what=f"what the log of {target.name} says",
        observed=words_of(complaint),
        where=_log_of(target),
    )


def words_of(complaint: Complaint) -> str:
    """Put a complaint into words: ``connection refused at db:5432, 12 times, last at …``."""
    port = f":{complaint.port}" if complaint.port is not None else ""
    host = f"[{complaint.host}]" if port and ":" in complaint.host else complaint.host
    at = f" at {host}{port}" if host else ""
    times = "once" if complaint.count == 1 else f"{complaint.count} times"
    last = f", last at {complaint.last}" if complaint.last else ""
    return f"{complaint.kind.value}{at}, {times}{last}"


def _log_of(target: Container) -> str:
    heard = target.complaints
    return heard.source if isinstance(heard, Known) else f"docker logs {target.name}"


def _events(finding: Finding, target: Container | None, topology: Topology) -> Iterator[Proof]:
    """Yield what happened to the source since the target was started."""
    if not finding.source:
        return
    begun = ""
    if target is not None and isinstance(target.details, Known):
        begun = _moment(target.details.value.started_at)
    today = topology.taken_at(finding.host)[:_DAY]
    told = [
        f"{_WORDS[event.action]} {_clock(event.time, today)}"
        for event in topology.events(finding.host, finding.source)
        if event.action in _WORDS and _moment(event.time) > begun
    ]
    if told:
        earlier = ["…"] if len(told) > _MOST_EVENTS else []
        yield Proof(
            what=f"what happened to {finding.source}",
            observed=", ".join([*earlier, *told[-_MOST_EVENTS:]]),
            where="docker events",
        )


def _moment(time: str) -> str:
    """Write a time so that two can be compared as texts, to the microsecond; '' stays ''."""
    head, _, fraction = time.removesuffix("Z").partition(".")
    return f"{head}.{fraction[:6]:0<6}" if head else ""


def _clock(time: str, today: str) -> str:
    text = f"{time[:_SECONDS]}Z"
    return text[_DAY + 1 :] if time.startswith(today) else text


def _addresses(finding: Finding, topology: Topology) -> Iterator[str]:
    source = topology.container_named(finding.host, finding.source)
    if source is not None and isinstance(source.details, Known):
        for endpoint in source.details.value.endpoints:
            yield from (endpoint.address, endpoint.address6)


def _complaints(finding: Finding, target: Container, topology: Topology) -> Iterator[Proof]:
    """Yield what the target's log says of the source, by its names or its addresses."""
    if not finding.alias:
        return
    hosts = {finding.alias.lower(), finding.source.lower(), *_addresses(finding, topology)} - {""}
    for proof in finding.evidence:
        hosts.update(_ADDRESS.findall(f"{proof.observed} {proof.expected}"))
    found = [
        each for each in topology.complaints(target) if each.host and each.host.lower() in hosts
    ]
    found.sort(key=lambda each: (-each.count, each.kind.value, each.host, each.port or 0))
    told = [proof_of(target, each) for each in found[:_MOST_COMPLAINTS]]
    yield from (each for each in told if each not in finding.evidence)
