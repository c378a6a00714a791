"""The names under which rule packs imported modules of linkdoctor 0.1: they warn, for one version.

A pack that is not ours goes on to load, and anyone who runs it is told what to change in it.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType

__all__ = ["MOVED", "RELOCATED", "RENAMED", "OldNames", "renamed", "understand_old_names"]

MOVED: Mapping[str, str] = MappingProxyType(
    {
        "linkdoctor.model.addresses": "linkdoctor.rulekit.reach",
        "linkdoctor.model.addressing": "linkdoctor.privacy.pseudonym_addresses",
        "linkdoctor.model.candidates": "linkdoctor.rulekit.candidates",
        "linkdoctor.model.circles": "linkdoctor.rulekit.cycles",
        "linkdoctor.model.commands": "linkdoctor.rulekit.commands",
        "linkdoctor.model.complaints": "linkdoctor.reading.log_complaints",
        "linkdoctor.model.contents": "linkdoctor.privacy.fields",
        "linkdoctor.model.dns_names": "linkdoctor.rulekit.dns_names",
        "linkdoctor.model.expectations": "linkdoctor.rulekit.expectations",
        "linkdoctor.model.firewall": "linkdoctor.rulekit.firewall",
        "linkdoctor.model.fixes": "linkdoctor.rulekit.fixes",
        "linkdoctor.model.history": "linkdoctor.rulekit.history",
        "linkdoctor.model.inventory": "linkdoctor.privacy.inventory",
        "linkdoctor.model.joining": "linkdoctor.rulekit.connecting",
        "linkdoctor.model.likeness": "linkdoctor.model.similarity",
        "linkdoctor.model.literals": "linkdoctor.rulekit.literal_addresses",
        "linkdoctor.model.lost_links": "linkdoctor.rulekit.lost_links",
        "linkdoctor.model.migration": "linkdoctor.rulekit.migration",
        "linkdoctor.model.mounts": "linkdoctor.rulekit.mounts",
        "linkdoctor.model.namesakes": "linkdoctor.rulekit.namesakes",
        "linkdoctor.model.naming": "linkdoctor.rulekit.name_fixes",
        "linkdoctor.model.orphans": "linkdoctor.rulekit.orphans",
        "linkdoctor.model.outside": "linkdoctor.rulekit.host_ports",
        "linkdoctor.model.owners": "linkdoctor.rulekit.owners",
        "linkdoctor.model.pasting": "linkdoctor.rulekit.pasting",
        "linkdoctor.model.ports": "linkdoctor.rulekit.link_ports",
        "linkdoctor.model.probed": "linkdoctor.rulekit.probed",
        "linkdoctor.model.pseudonyms": "linkdoctor.privacy.pseudonyms",
        "linkdoctor.model.reach": "linkdoctor.rulekit.reach",
        "linkdoctor.model.readers": "linkdoctor.rulekit.variable_users",
        "linkdoctor.model.redaction": "linkdoctor.privacy.redaction",
        "linkdoctor.model.registration": "linkdoctor.rulekit.next_start",
        "linkdoctor.model.restarts": "linkdoctor.rulekit.restarts",
        "linkdoctor.model.roads": "linkdoctor.rulekit.printed_fixes",
        "linkdoctor.model.run_options": "linkdoctor.rulekit.run_options",
        "linkdoctor.model.run_setup": "linkdoctor.rulekit.run_setup",
        "linkdoctor.model.run_words": "linkdoctor.rulekit.run_words",
        "linkdoctor.model.sentences": "linkdoctor.privacy.known_words",
        "linkdoctor.model.shared_namespaces": "linkdoctor.rulekit.shared_namespaces",
        "linkdoctor.model.sharer_fixes": "linkdoctor.rulekit.fixes",
        "linkdoctor.model.sharers": "linkdoctor.rulekit.orphans",
        "linkdoctor.model.sight": "linkdoctor.model.coverage",
        "linkdoctor.model.stand_ins": "linkdoctor.rulekit.stand_ins",
        "linkdoctor.model.start_errors": "linkdoctor.rulekit.start_errors",
        "linkdoctor.model.world": "linkdoctor.rulekit.world",
        "linkdoctor.model.world_setup": "linkdoctor.rulekit.world_setup",
    }
)
"""The modules that a rule could import, and where they are now."""

RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "Alike": "SimilarNames",
        "Door": "PortState",
        "Doors": "LinkPorts",
        "circles": "cycles",
        "Fate": "LinkOutcome",
        "Likeness": "Similarity",
        "Origin": "ExpectationOrigin",
        "Place": "HostContainer",
        "WITHIN": "CONTAINS",
        "likeness": "similarity",
        "looked_up": "resolve_reference",
        "named": "container_named",
        "source_shown": "source_or_namesake",
    }
)
"""The names that a rule could use, and what they are called now."""


RELOCATED: Mapping[str, str] = MappingProxyType(
    {
        "linkdoctor.model.variables.redact": "linkdoctor.model.redact",
        "linkdoctor.rulekit.redact": "linkdoctor.model.redact",
    }
)
"""The names that a rule could import, and the modules in which they stand now."""


class OldNames(MetaPathFinder, Loader):
    """Finds a module under its old name: asked last, for what nothing else finds."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return how a moved module is loaded; None for any other."""
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the old name with what stands under the new one, and warn."""
        new = MOVED[module.__name__]
        _warn(module.__name__, new, stacklevel=3)
        found = importlib.import_module(new)
        names = {name: getattr(found, name) for name in found.__all__}
        old = {old: names[now] for old, now in RENAMED.items() if now in names}
        module.__dict__.update(names | old)


def renamed(owner: object, name: str) -> object:
    """Return what an old name stands for in a module or an object, and warn.

    Raises:
        AttributeError: the name never stood for anything there.
    """
    now = RENAMED.get(name, "")
    whose = owner.__name__ if isinstance(owner, ModuleType) else type(owner).__name__
    if home := RELOCATED.get(f"{whose}.{name}"):
        _warn(f"{whose}.{name}", f"{home}.{name}", stacklevel=4)
        return getattr(importlib.import_module(home), name)
    if not now or not hasattr(owner, now):
        raise AttributeError(f"{whose!r} has no attribute {name!r}")
    _warn(f"{whose}.{name}", f"{whose}.{now}", stacklevel=4)
    return getattr(owner, now)


def _warn(old: str, new: str, *, stacklevel: int) -> None:
    warnings.warn(
        f"{old} is now {new}; the old name will be removed in linkdoctor 0.3",
        FutureWarning,
        stacklevel=stacklevel,
    )


def understand_old_names() -> None:
    """Let old names be imported from now on; a second call changes nothing."""
    if not any(isinstance(each, OldNames) for each in sys.meta_path):
        sys.meta_path.append(OldNames())
