"""The hosts that an entry-point script dials or waits for, whatever the circumstances."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from linkdoctor.model.references import Form, HostReference
from linkdoctor.reading.command_lines import (
    SILENT_PROGRAMS,
    has_loose_at,
    hosts_in_command,
    hosts_in_simple_command,
)
from linkdoctor.reading.limits import LONGEST_SCRIPT, LONGEST_SHELL_TEXT
from linkdoctor.reading.places import (
    FoundHost,
    as_references,
    dialled_hosts,
    printable_where,
    read_place,
)
from linkdoctor.reading.shell_syntax import (
    SHELLS,
    blocks_opened,
    program_name,
    quote_after,
    split_commands,
    without_comment,
    without_keywords,
)
from linkdoctor.reading.words import word_set

__all__ = ["references_in_script"]

_HERE_DOCUMENT = re.compile(r"(?<!<)<<-?\s{0,8}(['\"\\]?)([A-Za-z_][A-Za-z0-9_]{0,63})\1")
_ASKERS = frozenset({"ping", "ping6", "nslookup", "getent"})
_NUMBER_OPTIONS = frozenset({"-c", "-w", "-W", "-i", "-s", "-t", "-I"})
_READERS = word_set(
    """
    [ [[ test case cat sed grep egrep fgrep awk gawk expr tr cut sort tee local declare readonly
    apt-get apk yum dnf pip pip3 npm yarn gem git chown chmod mkdir cp mv ln usage die fail warn
    """
)
"""What they are given is compared, changed, printed or downloaded, not dialled."""
_IS_A_TEST = re.compile(r"\]\s{0,8}(?:&&|\|\|)|\btest\s[^;&|]{1,200}(?:&&|\|\|)")


def references_in_script(text: str, where: str) -> tuple[HostReference, ...]:
    """Return the hosts that a shell script names outright: no variables, nothing conditional.

    Read are URLs, ``host:port`` with the port of a service, and what ``wait-for-it``, ``nc``,
    ``ping`` and the clients of databases are given. Comments, here-documents, texts of several
    lines, blocks behind a condition and scripts of other languages are left out.
    """
    if len(text) > LONGEST_SCRIPT or not _is_for_a_shell(text):
        return ()
    found: set[tuple[FoundHost, str]] = set()
    for number, line in _unconditional_lines(text):
        place = f"line {number} of {printable_where(where)}"
        found.update((host, place) for host in _in_line_of_script(line))
    unique: dict[tuple[str, int], HostReference] = {}
    for reference in sorted(as_references(found), key=_by_line):
        unique.setdefault((reference.host, reference.port or 0), reference)
    return tuple(sorted(unique.values(), key=lambda each: (each.host, each.port or 0)))


def _by_line(reference: HostReference) -> tuple[int, str, int]:
    return int(reference.where.split(maxsplit=2)[1]), reference.host, reference.port or 0


def _is_for_a_shell(text: str) -> bool:
    words = text[:256].split("\n", maxsplit=1)[0].removeprefix("#!").split()
    if not text.startswith("#!") or not words:
        return False
    program = words[1] if program_name(words[0]) == "env" and len(words) > 1 else words[0]
    return program_name(program) in SHELLS


def _unconditional_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines, with their numbers, that run whatever the circumstances."""
    depth, quote, end = 0, "", ""
    held, first = "", 0
    for number, piece in enumerate(text.split("\n"), start=1):
        if end:
            end = "" if piece.strip() == end else end
            continue
        first = first or number
        if piece.endswith("\\") and len(held) < LONGEST_SHELL_TEXT:
            held += piece[:-1] + " "
            continue
        line, start = held + piece, first
        held, first = "", 0
        was_quoted, quote = bool(quote), quote_after(line, quote)
        if was_quoted or quote:
            continue
        code = without_comment(line)
        opened = blocks_opened(code)
        if depth <= 0 and opened <= 0 and not code.lstrip().startswith(("if ", "elif ")):
            yield start, line
        depth = max(0, depth + opened)
        here = _HERE_DOCUMENT.search(code)
        end = here[2] if here else ""


def _in_line_of_script(line: str) -> list[FoundHost]:
    if len(line) > LONGEST_SHELL_TEXT or _IS_A_TEST.search(line) or "<<" in line:
        return []
    found: list[FoundHost] = []
    for words in split_commands(line) or ():
        if any(map(has_loose_at, words)):
            return []
        words = without_keywords(words)
        program = program_name(words[0]) if words else ""
        if not words or program in SILENT_PROGRAMS or program in _READERS or program.endswith(")"):
            continue
        found += hosts_in_simple_command(words)
        found += [host for _, hosts in hosts_in_command(words) for host in hosts]
        found += _in_question(program, words[1:])
    return found


def _in_question(program: str, arguments: Sequence[str]) -> list[FoundHost]:
    """Read ``ping -c 1 db``, ``getent hosts db`` and ``nslookup db``."""
    if program not in _ASKERS or (
        program == "getent" and arguments[:1] not in (["hosts"], ["ahosts"])
    ):
        return []
    words = arguments[1:] if program == "getent" else arguments
    plain = [
        word
        for number, word in enumerate(words)
        if not word.startswith("-") and (not number or words[number - 1] not in _NUMBER_OPTIONS)
    ]
    place = read_place(plain[0]) if plain else None
    return dialled_hosts([place], Form.OPTION) if place and place[1] is None else []
