"""The report as one HTML file that needs nothing else: no network, no script, no other file.

Every value passes `neutral` and is escaped, whatever the template says of it. Styles and the
script stand in the file; the page's own policy names them by their hashes and forbids all else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from functools import cache
from importlib import resources

import msgspec
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import Report, Severity, Skipped, Verdict
from linkdoctor.model.topology import Topology
from linkdoctor.render.card import Card, card_of
from linkdoctor.render.graph import SIGNS, Picture, published_port_label
from linkdoctor.render.graph_svg import picture_css, svg_in_page
from linkdoctor.render.graph_view import picture_in
from linkdoctor.render.layout import counted
from linkdoctor.render.once import ALL_IN_ORDER, once
from linkdoctor.render.phrases import counts, moment, subject, typed
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.sanitize import sanitize
from linkdoctor.render.scope import elsewhere, label_of, left_open, so_far

__all__ = ["render", "render_html"]

_DATA = "linkdoctor.data"
_OPEN_AT_MOST = 12
"""Findings whose proofs are open from the start; of more, the reader opens what matters."""
_HEADINGS = {
    Verdict.HEALTHY: ("✓", "Healthy"),
    Verdict.UNHEALTHY: ("✗", "Unhealthy"),
    Verdict.INCOMPLETE: ("?", "Incomplete"),
}


class _CardView(msgspec.Struct, frozen=True, kw_only=True):
    """A link card, and how the picture calls its container."""

    id: str
    card: Card
    marks: tuple[tuple[int, Severity], ...]
    """Numbers and severities of the findings about it."""


class _SkipView(msgspec.Struct, frozen=True, kw_only=True):
    """What one missing piece of evidence on one host kept from being checked."""

    host: str
    missing: str
    reason: str
    gap: str
    codes: tuple[str, ...]
    subjects: tuple[str, ...]


def render(diagnosis: Diagnosis, request: RenderRequest) -> str:
    """Write the report as a page; its picture shows what is near the containers asked for."""
    picture = picture_in(diagnosis, diagnosis.report.scope.containers)
    return render_html(diagnosis.report, diagnosis.topology, picture, request.in_order)


def render_html(
    report: Report, topology: Topology, picture: Picture, in_order: Sequence[str] = ()
) -> str:
    """Write the report as a page of its own.

    Args:
        report: what was found.
        topology: what was seen; the link cards are made from it.
        picture: of that topology; the cards are those of its containers.
        in_order: the commands of all findings, where they are not pasted as they stand.
    """
    report = msgspec.structs.replace(report, findings=once(report.findings))
    style = _data("report.css") + picture_css()
    script = _data("report.js")
    sign, word = _HEADINGS[report.summary.verdict]
    page = _template().render(
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704 - our own
        report=report,
        sign=sign,
        verdict=f"{word}{so_far(report)}",
        label=label_of(report),
        scope_words=tuple(_scope_words(report)),
        counts=counts(report),
        seen_at=_seen_at(report),
        reached=sum(bool(host.engine) for host in report.hosts),
        containers=sum(host.containers for host in report.hosts),
        links=sum(host.links for host in report.hosts),
        svg=Markup(svg_in_page(picture)),  # noqa: S704 - escaped where it is made
        picture=picture,
        unlinked=_unlinked(picture),
        cards=tuple(_cards(topology, picture)),
        node_ids=_node_ids(picture),
        finding_nodes=_finding_nodes(picture),
        skips=_skips(report.skipped),
        signs=SIGNS,
        severities=tuple(Severity),
        open_proofs=len(report.findings) <= _OPEN_AT_MOST,
        counted=counted,
        subject=subject,
        commands=_commands,
        in_order=in_order,
        all_in_order=ALL_IN_ORDER.capitalize(),
        port_label=published_port_label,
    )
    return page if page.endswith("\n") else f"{page}\n"


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(_data("report.html"))


def _data(name: str) -> str:
    return resources.files(_DATA).joinpath(name).read_text("utf-8")


def _harmless(value: object) -> object:
    """Let nothing through that people cannot see; what is escaped already stays as it is."""
    return sanitize(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _policy(style: str, script: str) -> str:
    allowed = {
        "default-src": "'none'",
        "style-src": _hash_of(style),
        "script-src": _hash_of(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{what} {which}" for what, which in allowed.items())


def _hash_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _seen_at(report: Report) -> str:
    read = moment(report.taken_at)
    return read.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if read else report.taken_at


def _commands(commands: Iterable[str]) -> Markup:
    """Return commands as they are copied; they are not cut as other texts are."""
    return escape("\n".join(map(typed, commands)))


def _cards(topology: Topology, picture: Picture) -> Iterator[_CardView]:
    containers = {(host, each.id): each for host, each in topology.containers()}
    severities = {mark.number: mark.severity for mark in picture.findings}
    found = _findings_of_nodes(picture)
    for host in picture.hosts:
        nodes = [node for group in host.groups for node in (*group.nodes, *group.unlinked)]
        for node in sorted(nodes, key=lambda node: node.name):
            container = containers.get((host.name, node.container))
            if container is not None:
                own = sorted(found.get(node.id, ()))
                yield _CardView(
                    id=node.id,
                    card=card_of(topology, host.name, container),
                    marks=tuple((number, severities[number]) for number in own),
                )


def _findings_of_nodes(picture: Picture) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for host in picture.hosts:
        for group in host.groups:
            for node in group.nodes:
                found.setdefault(node.id, set()).update(node.findings)
    for arrow in picture.arrows:
        for end in (arrow.target, arrow.source):
            found.setdefault(end, set()).update(arrow.findings)
    return found


def _finding_nodes(picture: Picture) -> Mapping[int, str]:
    """Return the ids of the containers that each finding is about, separated by blanks."""
    nodes: dict[int, list[str]] = {}
    for node, numbers in _findings_of_nodes(picture).items():
        for number in numbers:
            nodes.setdefault(number, []).append(node)
    return {number: " ".join(ids) for number, ids in nodes.items()}


def _node_ids(picture: Picture) -> Mapping[tuple[str, str], str]:
    """Return the id of each container's node by its host and name."""
    return {
        (host.name, node.name): node.id
        for host in picture.hosts
        for group in host.groups
        for node in (*group.nodes, *group.unlinked)
        if node.container
    }


def _scope_words(report: Report) -> Iterator[str]:
    if there := elsewhere(report, ""):
        yield there
    yield from left_open(report)


def _unlinked(picture: Picture) -> int:
    return sum(len(group.unlinked) for host in picture.hosts for group in host.groups)


def _skips(skipped: Iterable[Skipped]) -> tuple[_SkipView, ...]:
    grouped: dict[tuple[str, str, str, str], list[Skipped]] = {}
    for each in skipped:
        gap = f"{each.gap.value}{', accepted' if each.accepted else ''}"
        grouped.setdefault((each.host, each.missing, each.reason, gap), []).append(each)
    return tuple(
        _SkipView(
            host=host,
            missing=missing,
            reason=reason,
            gap=gap,
            codes=tuple(dict.fromkeys(each.code for each in members)),
            subjects=tuple(dict.fromkeys(each.subject for each in members)),
        )
        for (host, missing, reason, gap), members in grouped.items()
    )
