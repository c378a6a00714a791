"""How a container's programs look names up, and with which C library: near, or from afar."""

from __future__ import annotations

import re
from collections.abc import Callable

from linkdoctor.collect import engine_files, nsswitch, procfs
from linkdoctor.collect.engine import NotThere
from linkdoctor.collect.nsswitch import Libc
from linkdoctor.collect.resolver import parse_resolver
from linkdoctor.model.evidence import Evidence, Known, Unknown
from linkdoctor.model.snapshot import NameLookup, Resolver

__all__ = ["afar_lookup", "known_lookup", "libc_of", "near_lookup", "near_resolver"]

_GLIBC = re.compile(rb"/libc(?:\.so\.6|-2\.\d+\.so)$", re.MULTILINE)
_MUSL = re.compile(rb"/(?:ld-musl-|libc\.musl-)[^/\n]*$", re.MULTILINE)
_LARGEST_FILE = 256 * 1024


def near_lookup(held: procfs.Proc) -> NameLookup | None:
    """Return what the programs of a proven process's container ask; None if it cannot be told.

    Raises:
        OSError: its ``nsswitch.conf`` may not be read.
    """
    return nsswitch.look_up(_near_text(held, nsswitch.PLACE), lambda: libc_of(held))


def near_resolver(held: procfs.Proc, text: str) -> Resolver:
    """Return what a ``resolv.conf`` says to a proven process, as its own C library reads it."""
    glibc = "\r" in text and libc_of(held).glibc is True
    return parse_resolver(text, glibc=glibc)


def afar_lookup(read: Callable[[str], bytes], source: str) -> Evidence[NameLookup]:
    """Return the same through the engine, which does not tell which C library is loaded."""
    try:
        text = read(nsswitch.PLACE).decode("utf-8", "replace")
    except (NotThere, engine_files.Unreadable):
        text = ""
    found = nsswitch.look_up(text, lambda: Libc(glibc=None))
    return nsswitch.UNDECIDED if found is None else Known(found, source)


def known_lookup(evidence: Evidence[NameLookup | None]) -> Evidence[NameLookup]:
    """Return the evidence, Unknown where it could not be told what is asked."""
    if isinstance(evidence, Unknown):
        return evidence
    return nsswitch.UNDECIDED if evidence.value is None else Known(evidence.value, evidence.source)


def _near_text(held: procfs.Proc, path: str) -> str:
    try:
        return procfs.read_inside(held, path, _LARGEST_FILE).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def libc_of(held: procfs.Proc) -> Libc:
    """Return which C library the container's programs have loaded.

    One that has none may be of a kind that reads ``nsswitch.conf`` by itself; where glibc is not
    even there, none of the container's programs does.
    """
    first: bool | None = None
    for number, maps in enumerate(procfs.maps_of(held)):
        if _GLIBC.search(maps):
            return Libc(glibc=True)
        if number == 0 and _MUSL.search(maps):
            first = False
    if first is None and not any(_is_there(held, each) for each in nsswitch.loaders()):
        first = False
    return Libc(glibc=first)


def _is_there(held: procfs.Proc, path: str) -> bool:
    try:
        procfs.read_inside(held, path, 1)
    except OSError:
        return False
    return True
