"""What changed between two looks at the same hosts, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.model.changes import Absence, Change, Changes, GoneFinding, HostChange, HostEvent
from linkdoctor.model.differences import (
    Comparison,
    ContainerChange,
    ContainerEvent,
    LinkChange,
    Move,
    NetworkChange,
    NetworkEvent,
    Side,
)
from linkdoctor.model.evidence import Known
from linkdoctor.model.report import Finding
from linkdoctor.render.layout import Style, TextStyle, counted, listed, text_of
from linkdoctor.render.phrases import SEVERITY_STYLES

__all__ = ["render_diff"]


def render_diff(comparison: Comparison, medium: TextStyle) -> str:
    """Lay out a comparison: new findings first, then those gone and changed, then the hosts."""
    return text_of(_lines(comparison, medium))


def _lines(comparison: Comparison, medium: TextStyle) -> Iterator[str]:
    changes = comparison.findings
    several = len({*comparison.before.hosts, *comparison.after.hosts}) > 1
    yield from _head(comparison, medium)
    for each in changes.new:
        yield ""
        yield from _finding("new", each, Style.ERROR, medium, several)
        yield from medium.paragraph(each.message, indent="  ")
    for gone in changes.gone:
        yield ""
        yield from _gone(gone, medium, several)
    for change in changes.changed:
        yield ""
        yield from _changed(change, medium, several)
    if changes.hosts:
        yield ""
        for host in changes.hosts:
            yield from medium.paragraph(_host(host, medium), hanging="  ")
    yield from _state(comparison, medium)
    for note in comparison.notes:
        yield from medium.paragraph(f"note: {note}", hanging="  ")


def _head(comparison: Comparison, medium: TextStyle) -> Iterator[str]:
    before, after = comparison.before, comparison.after
    if before.hosts == after.hosts:
        where = f"on {_hosts(before, medium)}, from {before.taken_at} to {after.taken_at}"
    else:
        where = (
            f"from {_hosts(before, medium)} at {before.taken_at} "
            f"to {_hosts(after, medium)} at {after.taken_at}"
        )
    yield from medium.paragraph(f"{_summary(comparison.findings)} {where}", hanging="  ")


def _summary(changes: Changes) -> str:
    counts = {
        "new": len(changes.new),
        "mended": sum(each.absence is Absence.FIXED for each in changes.gone),
        "explained by another": sum(each.absence is Absence.EXPLAINED for each in changes.gone),
        "not looked for": sum(each.absence is Absence.UNSEEN for each in changes.gone),
        "changed": len(changes.changed),
        "unchanged": changes.unchanged,
    }
    told = [f"{number} {what}" for what, number in counts.items() if number]
    return ", ".join(told) or "no findings before or after"


def _hosts(side: Side, medium: TextStyle) -> str:
    return listed([medium.name(each) for each in side.hosts]) or "no host"


def _finding(
    word: str, finding: Finding, style: Style, medium: TextStyle, several: bool
) -> Iterator[str]:
    arrow = f" → {medium.name(finding.source)}" if finding.source else ""
    alias = f" as {medium.name(finding.alias)}" if finding.alias else ""
    subject = medium.name(finding.target) or f"host {medium.name(finding.host)}"
    on = f" on {medium.name(finding.host)}" if several and finding.target else ""
    text = f"{finding.code} {finding.name}: {subject}{arrow}{alias}{on}"
    severity = medium.paint(finding.severity.value, SEVERITY_STYLES[finding.severity])
    first, *others = medium.paragraph(text, hanging="  ")
    yield f"{medium.paint(word, style)} {severity} {first}"
    yield from others


def _gone(gone: GoneFinding, medium: TextStyle, several: bool) -> Iterator[str]:
    words = {
        Absence.FIXED: ("mended", Style.GOOD, ""),
        Absence.EXPLAINED: ("gone", Style.WARNING, f"now a consequence of {gone.reason}"),
        Absence.UNSEEN: ("gone", Style.WARNING, f"not looked for: {gone.reason}"),
    }
    word, style, why = words[gone.absence]
    yield from _finding(word, gone.finding, style, medium, several)
    if why:
        yield from medium.paragraph(why, indent="  ")


def _changed(change: Change, medium: TextStyle, several: bool) -> Iterator[str]:
    before, after = change.before, change.after
    yield from _finding("changed", after, Style.STRONG, medium, several)
    if before.severity is not after.severity:
        text = f"severity: {before.severity.value} → {after.severity.value}"
        yield from medium.paragraph(text, indent="  ")
    if before.message != after.message:
        yield from medium.paragraph(f"before: {before.message}", indent="  ", hanging="    ")
        yield from medium.paragraph(f"now:    {after.message}", indent="  ", hanging="    ")
    if before.consequences != after.consequences:
        old, new = (", ".join(each.consequences) or "nothing" for each in (before, after))
        yield from medium.paragraph(f"also causes: {old} → {new}", indent="  ", hanging="    ")
    if before.evidence != after.evidence:
        old_proofs = {(each.what, each.observed, each.expected) for each in before.evidence}
        for proof in after.evidence:
            if (proof.what, proof.observed, proof.expected) not in old_proofs:
                seen = proof.observed or "(empty)"
                if proof.expected:
                    seen = f"observed {seen}, expected {proof.expected}"
                text = f"proof: {proof.what}: {seen}"
                yield from medium.paragraph(text, indent="  ", hanging="    ")
    if before.fixes != after.fixes:
        titles = [each.title for each in after.fixes] or ["none"]
        for title in titles:
            yield from medium.paragraph(f"fix: {title}", indent="  ", hanging="    ")


def _host(change: HostChange, medium: TextStyle) -> str:
    host = f"host {medium.name(change.host)}"
    match change.event:
        case HostEvent.ADDED:
            return f"{host} is examined now, and was not before"
        case HostEvent.REMOVED:
            return f"{host} is no longer examined"
        case HostEvent.LOST:
            return f"{host} can no longer be asked"
        case HostEvent.BACK:
            return f"{host} could not be asked before"
        case HostEvent.ENGINE:
            return f"{host} has another engine: {change.before} → {change.after}"


def _state(comparison: Comparison, medium: TextStyle) -> Iterator[str]:
    state = comparison.state
    if not isinstance(state, Known):
        yield ""
        yield from medium.paragraph(
            f"containers, addresses and networks are not compared: {state.detail}", hanging="  "
        )
        return
    value = state.value
    for title, lines in (
        ("containers", [_container(each, medium) for each in value.containers]),
        ("addresses", [_move(each, medium) for each in value.addresses]),
        ("networks", [_network(each, medium) for each in value.networks]),
        ("links", [_link(each, medium) for each in value.links]),
    ):
        yield from _section(title, lines, medium)
    if not (value.containers or value.addresses or value.networks or value.links):
        yield ""
        yield "containers, addresses, networks and links are as they were"


def _section(title: str, lines: Sequence[str], medium: TextStyle) -> Iterator[str]:
    if lines:
        yield ""
        yield medium.paint(f"{title} ({counted(len(lines), 'change')})", Style.STRONG)
    for line in lines:
        yield from medium.paragraph(line, indent="  ", hanging="    ")


def _container(change: ContainerChange, medium: TextStyle) -> str:
    name = medium.name(change.container)
    match change.event:
        case ContainerEvent.ADDED:
            return f"{name}: new, {change.after or 'not inspected'}"
        case ContainerEvent.REMOVED:
            return f"{name}: removed"
        case ContainerEvent.RECREATED:
            return f"{name}: recreated, {change.before} → {change.after}"
        case ContainerEvent.RENAMED:
            return f"{name}: was called {medium.name(change.before)}"
        case ContainerEvent.RESTARTED:
            return f"{name}: started again, at {change.after}"
        case ContainerEvent.STATUS:
            return f"{name}: {change.before} → {change.after}"


def _move(move: Move, medium: TextStyle) -> str:
    where = f"{medium.name(move.container)} on {medium.name(move.network)}"
    return f"{where}: {move.before or 'none'} → {move.after or 'none'}"


def _network(change: NetworkChange, medium: TextStyle) -> str:
    name = medium.name(change.network)
    match change.event:
        case NetworkEvent.ADDED:
            return f"{name}: new, {change.after}"
        case NetworkEvent.REMOVED:
            return f"{name}: removed"
        case NetworkEvent.RECREATED:
            return f"{name}: recreated, {change.before} → {change.after}"
        case NetworkEvent.CHANGED:
            return f"{name}: {change.before} → {change.after}"


def _link(change: LinkChange, medium: TextStyle) -> str:
    name = f"{medium.name(change.target)} as {medium.name(change.alias)}"
    before, after = medium.name(change.before), medium.name(change.after)
    return f"{name} on {medium.name(change.network)}: {before or 'none'} → {after or 'none'}"
