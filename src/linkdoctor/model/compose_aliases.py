"""Compose gives every link further aliases: for ``db`` also ``db_1`` and ``shop_db_1``.

They are one link with one fault, which is reported once, under the name that the user wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from linkdoctor.model.report import Finding, Proof, Skipped
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Link, Topology

__all__ = ["AliasesOfCompose", "aliases_of_compose", "fold_aliases", "fold_skips"]

AliasesOfCompose: TypeAlias = Mapping[tuple[str, str, str], str]
"""By host, target and an alias that Compose added: the user's alias for the same link."""

_NUMBERED = re.compile(r".+[-_][0-9]+")
_RENAMED = re.compile(r"[0-9a-f]{12}_(?=.)")
"""Compose calls a container so while it recreates it, and for good if it is interrupted."""


def aliases_of_compose(topology: Topology) -> AliasesOfCompose:
    """Find the aliases that Compose added to links, each with the one that the user wrote."""
    found: dict[tuple[str, str, str], str] = {}
    for host, target in topology.containers():
        project = _label(target, "project")
        links = topology.links_of(host, target) if project else ()
        for source, own in _by_source(links).items():
            if len(own) > 1:
                given = _given(host, source, project, topology)
                added = [each for each in own if _is_added(each, source, project, given)]
                main = _users(own, added, given)
                found.update(((host, target.name, each), main) for each in added if each != main)
    return found


def _by_source(links: Iterable[Link]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for link in links:
        found.setdefault(link.source_name, []).append(link.alias)
    return found


def _label(container: Container, name: str) -> str:
    wanted = f"com.docker.compose.{name}"
    return next((each.value for each in container.labels if each.name == wanted), "")


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """What Compose calls a source, by its labels; '' and nothing where they are not there."""

    service: str = ""
    names: frozenset[str] = frozenset()


def _given(host: str, source: str, project: str, topology: Topology) -> _Given:
    container = topology.container_named(host, source)
    if container is None or _label(container, "project") != project:
        return _Given()
    service, number = _label(container, "service"), _label(container, "container-number")
    short = {f"{service}{mark}{number}" for mark in "-_"} if service and number else set()
    long = {f"{project}{mark}{service}{mark}{number}" for mark in "-_"} if short else set()
    return _Given(service=service, names=frozenset(short | long))


def _is_added(alias: str, source: str, project: str, given: _Given) -> bool:
    name = _RENAMED.sub("", source, count=1)
    if alias in (source, name) or alias in given.names:
        return True
    numbered = _NUMBERED.fullmatch(alias) is not None
    return numbered and name in (f"{project}_{alias}", f"{project}-{alias}")


def _users(own: Sequence[str], added: Sequence[str], given: _Given) -> str:
    """Return the alias that stands for all: the service's, the user's first, the shortest."""
    if given.service in own:
        return given.service
    users = sorted(set(own) - set(added))
    return users[0] if users else min(added, key=lambda each: (len(each), each))


def fold_aliases(findings: Iterable[Finding], added: AliasesOfCompose) -> list[Finding]:
    """Report what an added alias shares with the user's once, with the others named in it."""
    kept: dict[tuple[object, ...], list[Finding]] = {}
    further: dict[tuple[object, ...], list[Finding]] = {}
    everything = list(findings)
    if not added:
        return everything
    for finding in everything:
        place = (finding.host, finding.target, finding.alias)
        key = _key(finding, added.get(place, finding.alias))
        (further if place in added else kept).setdefault(key, []).append(finding)
    folded: list[Finding] = []
    for key in dict.fromkeys((*kept, *further)):
        mains, others = kept.get(key, []), further.get(key, [])
        if mains:
            folded += [_with(mains[0], others), *mains[1:]]
        else:  # the user's own alias is well
            first, *rest = sorted(others, key=lambda each: (len(each.alias), each.alias))
            folded.append(_with(first, rest))
    return folded


def _key(finding: Finding, alias: str) -> tuple[object, ...]:
    if not finding.alias:
        return (finding.fingerprint,)
    return (finding.code, finding.severity, finding.host, finding.target, finding.source, alias)


def _with(main: Finding, others: Sequence[Finding]) -> Finding:
    names = sorted({each.alias for each in others} - {main.alias})
    if not names:
        return main
    consequences = {*main.consequences, *(code for each in others for code in each.consequences)}
    proof = Proof(
        what="the same link, by aliases that Compose adds",
        observed=", ".join(names),
        where=next((each.where for each in main.evidence if each.where), "inspect"),
    )
    return msgspec.structs.replace(
        main,
        aliases=tuple(names),
        consequences=tuple(sorted(consequences)),
        evidence=(*main.evidence, proof),
    )


def fold_skips(
    skips: Iterable[tuple[Skipped, str]], added: AliasesOfCompose
) -> Iterator[tuple[Skipped, str]]:
    """Leave out what was skipped for an added alias just as for the user's."""
    every = list(skips)
    known = {(each.code, each.host, each.subject, each.need, each.reason) for each, _ in every}
    for skip, alias in every:
        target = skip.subject.partition("/")[0]
        main = added.get((skip.host, target, alias))
        same = (skip.code, skip.host, f"{target}/{main}", skip.need, skip.reason)
        if main is None or same not in known:
            yield skip, alias
