"""Which evidence was read from where, and what was not had, for ``check --verbose``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from linkdoctor.model.coverage import EvidenceItem, evidence_of_container, evidence_of_host
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.render.layout import TextStyle, listed, wrapped

__all__ = ["EvidenceSummary", "evidence_lines", "evidence_summaries"]

_LONGEST_PLACE = 200
_CONTAINERS_SHOWN = 12
_OF_A_PROCESS = re.compile(r"(/proc/\d+)/.*")
_ON_DISK = re.compile(r".*/containers/[0-9a-f]{64}(/[a-z.]+)")
_COMMAND = re.compile(r"(docker logs) .*")
_ONLY_ON_DEMAND = re.compile(r"only (--[a-z-]+)\b.*")


class EvidenceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Where the evidence of a container, or of a host, was read, or why it was not had."""

    host: str
    container: str
    """'' for the host itself."""
    places: tuple[str, ...]
    gaps: tuple[tuple[str, str], ...]
    """What was not had, and why."""


def evidence_summaries(snapshots: Iterable[Snapshot]) -> tuple[EvidenceSummary, ...]:
    """Return, for each host and container, which evidence was read and where."""
    return tuple(each for snapshot in snapshots for each in _of_one_engine(snapshot))


def _of_one_engine(snapshot: Snapshot) -> Iterator[EvidenceSummary]:
    items = tuple(evidence_of_host(snapshot))
    sources: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item.evidence, Known):
            sources.setdefault(item.evidence.source, []).append(item.what)
    yield EvidenceSummary(
        host=snapshot.host,
        container="",
        places=tuple(f"{', '.join(whats)} from {source}" for source, whats in sources.items()),
        gaps=_gaps(items),
    )
    # What was asked for may still concern only some of the containers.
    given = snapshot.probed or any(
        isinstance(each.complaints, Known) for each in snapshot.containers
    )
    for container in snapshot.containers:
        items = tuple(evidence_of_container(container))
        places = (each.evidence.source for each in items if isinstance(each.evidence, Known))
        yield EvidenceSummary(
            host=snapshot.host,
            container=container.name,
            places=tuple(dict.fromkeys(map(_in_short, places))),
            gaps=tuple(gap for gap in _gaps(items) if not given or not _is_on_demand(gap)),
        )


def _in_short(place: str) -> str:
    """Leave out of a place what says only which container it is about."""
    return _COMMAND.sub(r"\1", _ON_DISK.sub(r"…\1", _OF_A_PROCESS.sub(r"\1", place)))


def _is_on_demand(gap: tuple[str, str]) -> bool:
    return _ONLY_ON_DEMAND.fullmatch(gap[1]) is not None


def _gaps(items: Iterable[EvidenceItem]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (each.what, each.evidence.detail) for each in items if isinstance(each.evidence, Unknown)
    )


def evidence_lines(
    seen: Sequence[EvidenceSummary], medium: TextStyle, *, several: bool
) -> Iterator[str]:
    """Lay out evidence_summaries: places one by one, gaps by their reasons, options in one line."""
    for host in dict.fromkeys(each.host for each in seen):
        of_host = [each for each in seen if each.host == host]
        on = f" on {medium.name(host)}" if several else ""
        for each in of_host:
            if each.container or each.places:
                yield from _places(each, medium, on)
        for reason, whats, names in _grouped(of_host):
            who = listed([medium.name(name) for name in names], _CONTAINERS_SHOWN)
            of = f" of {who or f'host {medium.name(host)}'}{on if who else ''}"
            text = f"no {', '.join(whats)}{of}: {reason}"
            yield from medium.paragraph(text, indent="  ", hanging="    ")
    options = dict.fromkeys(option for each in seen for option in _options(each))
    if options:
        yield from medium.paragraph(
            f"not asked for: {listed(list(options))}", indent="  ", hanging="    "
        )


def _places(seen: EvidenceSummary, medium: TextStyle, on: str) -> Iterator[str]:
    places = [medium.say(place, _LONGEST_PLACE) for place in seen.places]
    if seen.container:
        text = f"{medium.name(seen.container)}{on}: read from {', '.join(places) or 'nowhere'}"
    else:
        text = f"host {medium.name(seen.host)}: {'; '.join(places)}"
    yield from wrapped(text, medium.width, "  ", "    ")


def _grouped(
    seen: Iterable[EvidenceSummary],
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield each reason with what it kept away and from which containers, in order of sight."""
    groups: dict[tuple[str, bool, tuple[str, ...]], list[str]] = {}
    for each in seen:
        reasons: dict[str, list[str]] = {}
        for what, reason in each.gaps:
            if not _ONLY_ON_DEMAND.fullmatch(reason):
                reasons.setdefault(reason, []).append(what)
        for reason, lacking in reasons.items():
            names = groups.setdefault((reason, bool(each.container), tuple(lacking)), [])
            names += [each.container] if each.container else []
    for (reason, _, whats), names in groups.items():
        yield reason, whats, tuple(names)


def _options(seen: EvidenceSummary) -> Iterator[str]:
    for what, reason in seen.gaps:
        if match := _ONLY_ON_DEMAND.fullmatch(reason):
            yield f"{what} ({match[1]})"
