"""Files of a container, near or from afar: how much of each is read, and what a script tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from linkdoctor.collect import engine_files
from linkdoctor.collect.answers import ContainerAnswer
from linkdoctor.collect.engine import NotThere
from linkdoctor.collect.translate import program_of, script_places
from linkdoctor.collect.unknown_reasons import collect_evidence
from linkdoctor.model.evidence import Evidence, Known, Unknown
from linkdoctor.model.references import HostReference, VariableRead
from linkdoctor.reading.limits import is_script_cut
from linkdoctor.reading.scripts import references_in_script
from linkdoctor.reading.variable_reads import link_variables_read

__all__ = ["MOST_READ", "EntryScript", "collect_file", "read_script"]

T = TypeVar("T")

_LARGEST_FILE = 256 * 1024
MOST_READ = _LARGEST_FILE + 1
"""So many bytes of a file are asked for: whether one is too large shows in the last of them."""
_MOST_DIRECTORIES = 8
_FILE_CUT = f"it is larger than {_LARGEST_FILE >> 10} KiB, and only the beginning was read"
_PATH_CUT = f"its PATH has more than {_MOST_DIRECTORIES} directories, and only those were searched"
_SCRIPT_CUT = "it reads more variables, or names more hosts, than are kept"


class EntryScript(msgspec.Struct, frozen=True, kw_only=True):
    """What the entry-point script tells; nothing if there is none."""

    reads: tuple[VariableRead, ...] = ()
    hosts: tuple[HostReference, ...] = ()
    cut: str = ""
    """Why there may be more; '' if this is all."""


def collect_file(read: Callable[[], bytes], parse: Callable[[str], T], source: str) -> Evidence[T]:
    """Read a file, or as much of it as is read of any; where it was cut, that is said."""
    content = collect_evidence(read, source)
    if isinstance(content, Unknown):
        return content
    text, cut = _whole_lines(content.value)
    return Known(parse(text), source, cut)


def _whole_lines(content: bytes) -> tuple[str, str]:
    """Return the lines of a file that were read to their ends, and why there may be more.

    Half a line could be taken for another: `db` for the beginning of `db-replica`.
    """
    if len(content) <= _LARGEST_FILE:
        return _text(content), ""
    return _text(content[: content.rfind(b"\n", 0, _LARGEST_FILE) + 1]), _FILE_CUT


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def read_script(answer: ContainerAnswer, read: Callable[[str], bytes]) -> EntryScript:
    """Find the script that a container starts, and return what it tells."""
    places = script_places(program_of(answer), answer.Config.Env or ())
    for path in places[:_MOST_DIRECTORIES]:
        try:
            content = read(path)
        except (NotThere, FileNotFoundError, NotADirectoryError):
            continue
        except engine_files.Unreadable:
            return EntryScript()
        if not content.startswith(b"#!"):
            return EntryScript()
        text, cut = _whole_lines(content)
        reads, hosts = link_variables_read(text, path), references_in_script(text, path)
        if is_script_cut(reads, hosts):
            cut = cut or _SCRIPT_CUT
        return EntryScript(reads=reads, hosts=hosts, cut=cut)
    return EntryScript(cut=_PATH_CUT if len(places) > _MOST_DIRECTORIES else "")
