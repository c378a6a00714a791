"""Finds rule packs: entry points of the group ``linkdoctor.rules``, and directories."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import msgspec

from linkdoctor.model.own_codes import OWN_NAMES
from linkdoctor.rulekit import Page, Rule, page_of
from linkdoctor.rulekit.cause_order import CauseCycleError, causes_first

__all__ = ["GROUP", "LoadedRule", "PackError", "load_rules"]

GROUP = "linkdoctor.rules"

_CODE = re.compile(r"[A-Z]{2,8}[0-9]{3}")


class PackError(Exception):
    """A rule pack cannot be used; the message names it, its file and the error."""


class LoadedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with its page and the place it came from."""

    rule: Rule
    page: Page
    origin: str


def load_rules(directories: Sequence[Path] = ()) -> tuple[LoadedRule, ...]:
    """Load every rule of every pack, sorted by code.

    Args:
        directories: further packs, each a directory with one file a rule.

    Raises:
        PackError: if a pack fails to load, a page is incomplete, a code is used twice or rules
            explain each other in a circle.
    """
    loaded: dict[str, LoadedRule] = {}
    for module in (*_installed_modules(), *_modules_in(directories)):
        rule = _rule_of(module)
        if earlier := loaded.get(rule.rule.code):
            raise PackError(
                f"code {rule.rule.code} is used twice: by {earlier.origin} and {rule.origin}"
            )
        loaded[rule.rule.code] = rule
    _refuse_cycles(loaded)
    return tuple(loaded[code] for code in sorted(loaded))


def _refuse_cycles(loaded: Mapping[str, LoadedRule]) -> None:
    try:
        causes_first(each.rule for each in loaded.values())
    except CauseCycleError as error:
        origins = ", ".join(dict.fromkeys(loaded[code].origin for code in error.codes))
        raise PackError(f"{error} (from {origins})") from error


def _rule_of(module: ModuleType) -> LoadedRule:
    origin = module.__file__ or module.__name__
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        raise PackError(f"{origin}: a rule's module must define RULE, a linkdoctor.rulekit.Rule")
    if rule.code in OWN_NAMES.values():
        raise PackError(f"{origin}: code {rule.code} is reserved for linkdoctor")
    if not _CODE.fullmatch(rule.code):
        raise PackError(f"{origin}: {rule.code!r} is not a code; a code looks like LD123")
    try:
        page = page_of(module)
    except ValueError as error:
        raise PackError(f"{origin}: {error}") from error
    return LoadedRule(rule=rule, page=page, origin=origin)


def _installed_modules() -> Iterator[ModuleType]:
    for entry_point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            package = entry_point.load()
        except Exception as error:
            raise PackError(_failure(f"rule pack {entry_point.value}", error)) from error
        for found in pkgutil.iter_modules(package.__path__):
            if found.name.startswith("_"):
                continue
            name = f"{package.__name__}.{found.name}"
            try:
                yield importlib.import_module(name)
            except Exception as error:
                raise PackError(_failure(f"rule {name}", error)) from error


def _modules_in(directories: Sequence[Path]) -> Iterator[ModuleType]:
    for number, directory in enumerate(directories):
        if not directory.is_dir():
            raise PackError(f"{directory}: no such directory of rules")
        for file in sorted(directory.glob("[!_]*.py")):
            if not file.is_file():  # a named pipe would be waited for
                raise PackError(f"{file}: is not a file")
            yield _load_file(f"linkdoctor_pack_{number}_{file.stem}", file)


def _load_file(name: str, file: Path) -> ModuleType:
    # Loaded under a name of its own and never through sys.path: a user's dns.py must not
    # take the place of dnspython.
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PackError(f"{file}: cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PackError(_failure(str(file), error)) from error
    return module


def _failure(what: str, error: Exception) -> str:
    file = getattr(error, "filename", None)
    line = getattr(error, "lineno", None)
    where = f" ({file}, line {line})" if file and line else ""
    return f"{what} failed to load: {type(error).__name__}: {error}{where}"
