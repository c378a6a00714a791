"""Which evidence may be missing: the words of ``--accept-missing``, and what each stands for.

A kind is named by its cause (``root``: it needs root on the engine's own machine) or by what is
missing (``firewall``). What an accepted gap keeps from being judged is a note of the verdict; an
engine that could not be asked, and what is only too early, are never accepted.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

import msgspec

from linkdoctor.model.evidence import ONLY_FOR_ROOT, Gap, Need, Unknown
from linkdoctor.model.report import Skipped

__all__ = ["KINDS", "AcceptedKind", "accepted", "kind_meant"]

_EVERYTHING = "all"


class AcceptedKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of missing evidence, as a person calls it."""

    summary: str
    needs: frozenset[Need] = frozenset()
    gaps: frozenset[Gap] = frozenset()
    everything: bool = False
    """It stands for every kind."""


def _of(summary: str, *needs: Need) -> AcceptedKind:
    return AcceptedKind(summary=summary, needs=frozenset(needs))


def _because(summary: str, gap: Gap) -> AcceptedKind:
    return AcceptedKind(summary=summary, gaps=frozenset({gap}))


_BY_NEED: Mapping[str, AcceptedKind] = {
    "details": _of("what inspect reports about a container", Need.DETAILS),
    "links": _of("where the engine says that a link leads", Need.LINK_ANSWER),
    "environment": _of("environments of running processes", Need.PROCESS_ENV),
    "hosts-file": _of("hosts files of containers", Need.HOSTS_FILE),
    "sockets": _of(
        "listening sockets, of containers and of the host", Need.LISTENERS, Need.HOST_LISTENERS
    ),
    "script": _of("entry-point scripts", Need.ENTRY_SCRIPT),
    "resolver": _of(
        "what containers' own resolvers answer, and in which order they look names up",
        Need.DNS_ANSWER,
        Need.NAME_LOOKUP,
    ),
    "networks": _of("networks of the engine", Need.NETWORKS),
    "host": _of(
        "addresses, sockets, routes and interfaces of the host, environment of the engine",
        Need.HOST_ADDRESSES,
        Need.HOST_LISTENERS,
        Need.ROUTES,
        Need.INTERFACES,
        Need.ENGINE_ENV,
    ),
    "stored-links": _of("links on the engine's disk", Need.STORED_LINKS),
    "firewall": _of("firewall rules", Need.FIREWALL),
    "events": _of("what the engine remembers: starts, deaths", Need.EVENTS),
    "namespaces": _of("namespaces of containers' processes", Need.NAMESPACES),
    "probes": _of("answers to probes", Need.PROBES),
}


def _slug(text: str) -> str:
    return "-".join(text.lower().replace("_", " ").split())


_NAMED = frozenset(need for kind in _BY_NEED.values() for need in kind.needs)
KINDS: Mapping[str, AcceptedKind] = {
    _EVERYTHING: AcceptedKind(
        summary="everything that is missing, except an engine that cannot be asked", everything=True
    ),
    "root": _because("what only root on the engine's own machine may see", Gap.DENIED),
    "time": _because("what could not be read in time", Gap.TIMED_OUT),
    "cut": _because("what a limit cut off", Gap.CUT),
    "gone": _because("what vanished or kept changing while it was read", Gap.VANISHED),
    "unsupported": _because("what this engine or machine does not offer", Gap.UNSUPPORTED),
    "not-asked": _because("what was not asked for", Gap.NOT_COLLECTED),
    **_BY_NEED,
    # What has no shorter name is called as the report calls it.
    **{_slug(need.value): _of(need.value, need) for need in Need if need not in _NAMED},
}
"""All kinds by the names that stand in the documentation."""

_ALSO_CALLED: Mapping[str, str] = {
    **{_slug(need.value): name for name, kind in _BY_NEED.items() for need in kind.needs},
    **{gap.value: name for name, kind in KINDS.items() for gap in kind.gaps},
    "everything": _EVERYTHING,
    "privileges": "root",
    "permission": "root",
    "timeout": "time",
    "vanished": "gone",
    "listeners": "sockets",
    "ports": "sockets",
    "dns": "resolver",
    "env": "environment",
    "hosts": "hosts-file",
    "scripts": "script",
    "probe": "probes",
}
"""What reports call them, and what else comes to mind."""
_NEVER = {
    Gap.TOO_EARLY.value: "evidence that is only too early never fails a run; --settle waits for it",
    Gap.UNREACHABLE.value: "an engine that cannot be asked is never accepted",
}


def kind_meant(word: str) -> str:
    """Return the name of the kind that a word stands for.

    Raises:
        ValueError: it stands for none; the message names the nearest.
    """
    slug = _slug(word)
    if slug in _NEVER:
        raise ValueError(_NEVER[slug])
    if slug in KINDS:
        return slug
    if slug in _ALSO_CALLED:
        return _ALSO_CALLED[slug]
    near = difflib.get_close_matches(slug, [*KINDS, *_ALSO_CALLED], 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(KINDS)}"
    raise ValueError(f"unknown kind of evidence; {hint}")


def accepted(skips: Iterable[Skipped], kinds: Collection[str]) -> tuple[Skipped, ...]:
    """Mark the skips whose missing evidence is of one of these kinds; raises ValueError."""
    wanted = [KINDS[kind_meant(each)] for each in kinds]
    return tuple(
        msgspec.structs.replace(skip, accepted=True) if _is_of(skip, wanted) else skip
        for skip in skips
    )


def _is_of(skip: Skipped, kinds: Iterable[AcceptedKind]) -> bool:
    if skip.gap in (Gap.UNREACHABLE, Gap.TOO_EARLY):
        return False
    gap = skip.gap
    if Unknown(gap=gap, detail=skip.reason) in ONLY_FOR_ROOT:
        gap = Gap.DENIED
    return any(
        kind.everything or gap in kind.gaps or skip.need in {each.value for each in kind.needs}
        for kind in kinds
    )
