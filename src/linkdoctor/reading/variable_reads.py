"""The link variables that a script reads, and whether it can do without them."""

from __future__ import annotations

import re

from linkdoctor.model.references import VariableRead
from linkdoctor.reading.limits import LONGEST_NAME, LONGEST_SCRIPT, MOST_READS
from linkdoctor.reading.places import printable_where, read_port
from linkdoctor.reading.shell_syntax import blocks_opened, without_comment

__all__ = ["link_variables_read"]

_WORD_OF_SCRIPT = re.compile(r"[A-Za-z0-9_]+")
_LINK_VARIABLE = re.compile(
    r"([A-Z_][A-Z0-9_]*)_PORT_([0-9]{1,5})_(TCP|UDP)(?:_ADDR|_PORT|_PROTO)?"
)
_PORT_WORD = "([A-Z_][A-Z0-9_]{0,200}_PORT)"
_NUMBER_READ = re.compile(
    rf"\$\{{{_PORT_WORD}:?[-=]([0-9]{{1,5}})\}}"
    rf"|(?:environ\.get|getenv)\(['\"]{_PORT_WORD}['\"], ?['\"]?([0-9]{{1,5}})['\"]?\)"
    rf"|process\.env\.{_PORT_WORD} ?(?:\|\||\?\?) ?['\"]?([0-9]{{1,5}})\b"
)
_DEFAULTS = (":-", "-", ":=", "=", ":+", "+")
_FALLBACKS = ("||", "??", " or ", "?:", " ? ")
_READS = ("environ[", "process.env[", "ENV[", "ENV{", "getenv(", "Getenv(", "ENV.fetch(")
_READS_IF_SET = ("environ.get(", "os.getenv(", "environ.setdefault(", "environ.pop(")
_LOOK_AROUND = 256


def link_variables_read(text: str, where: str) -> tuple[VariableRead, ...]:
    """Return the link variables that a script reads, in the strict form with port and protocol.

    A variable is needed only if the script reads it without a condition: a test of any variable
    of that link, a guarded block, a default or an assignment make it optional. A plain ``X_PORT``
    is among them, and optional, where its default shows that the script takes it for a number.
    """
    if "_PORT" not in text or len(text) > LONGEST_SCRIPT:
        return ()
    numbers = _numbers_read(text, where)
    if "_PORT_" not in text:
        return numbers
    optional: dict[str, bool] = {}
    tested: set[str] = set()
    assigned: set[str] = set()
    depth = 0
    for line in text.replace("\\\n", " ").split("\n"):
        code = without_comment(line)
        depth = max(0, depth + blocks_opened(code))
        may_lack = depth > 0 or _only_prints(code)
        is_test = _is_test(code)
        for match in _WORD_OF_SCRIPT.finditer(code) if "_" in code else ():
            word = match.group()
            if is_test:
                tested.add(_prefix(word))
            if "_PORT_" not in word or _link_variable(word) is None:
                continue
            if _is_assignment(code, match):
                assigned.add(word)
            elif (reads_if_set := _reads_if_set(code, match)) is not None:
                optional[word] = optional.get(word, False) or may_lack or reads_if_set
    caught = "KeyError" in text
    found = tuple(
        _variable_read(
            word,
            optional=optional[word] or caught or word in assigned or _prefix(word) in tested,
            where=where,
        )
        for word in sorted(optional)[:MOST_READS]
    )
    return (*found, *numbers)[:MOST_READS]


def _numbers_read(text: str, where: str) -> tuple[VariableRead, ...]:
    """Return the ``X_PORT`` that a script takes for numbers: it has a number for their default.

    A script that knows a link's form of them (``tcp://…``), cuts them or sets them itself may
    well cope with it: then they are left out.
    """
    if "tcp:" in text:
        return ()
    ports: dict[str, int] = {}
    coped_with: set[str] = set()
    for line in text.replace("\\\n", " ").split("\n"):
        code = without_comment(line) if "_PORT" in line else ""
        for match in _NUMBER_READ.finditer(code):
            word = match[1] or match[3] or match[5]
            port = read_port(match[2] or match[4] or match[6])
            if port is not None and _link_variable(word) is None:
                ports.setdefault(word, port)
        for match in _WORD_OF_SCRIPT.finditer(code):
            if match.group().endswith("_PORT") and _copes(code, match):
                coped_with.add(match.group())
    return tuple(
        VariableRead(
            variable=word,
            prefix=word.removesuffix("_PORT"),
            port=ports[word],
            protocol="tcp",
            optional=True,
            where=printable_where(where),
        )
        for word in sorted(ports.keys() - coped_with)[:MOST_READS]
    )


def _copes(code: str, match: re.Match[str]) -> bool:
    """Whether a line sets a variable to something else, unsets it or cuts it."""
    if code.split(maxsplit=1)[0] == "unset":
        return True
    if code[max(0, match.start() - 2) : match.start()] == "${":
        return code[match.end() : match.end() + 1] in ("#", "%", "/")
    if not _is_assignment(code, match):
        return False
    return _NUMBER_READ.match(code[match.end() + 1 :].lstrip("'\"")) is None


def _variable_read(word: str, *, optional: bool, where: str) -> VariableRead:
    prefix, port, protocol = _link_variable(word) or ("", 0, "")
    return VariableRead(
        variable=word,
        prefix=prefix,
        port=port,
        protocol=protocol,
        optional=optional,
        where=printable_where(where),
    )


def _link_variable(word: str) -> tuple[str, int, str] | None:
    match = _LINK_VARIABLE.fullmatch(word) if len(word) <= LONGEST_NAME else None
    if match is None or read_port(match[2]) is None:
        return None
    return match[1], int(match[2]), match[3].lower()


def _prefix(word: str) -> str:
    """Return the prefix of any variable that a link sets: testing one of them guards them all."""
    variable = _link_variable(word)
    if variable is not None:
        return variable[0]
    return word.removesuffix("_PORT").removesuffix("_NAME").partition("_ENV_")[0]


def _is_test(code: str) -> bool:
    start = code.lstrip()
    return (
        start.startswith(("if ", "if(", "elif ", "unless ", "case ", "} else if", "assert "))
        or "[ " in code
        or " test " in f" {code}"
        or " -v " in code
        or "isset(" in code
    )


def _only_prints(code: str) -> bool:
    words = code.split(maxsplit=1)
    return words[:1] in (["echo"], ["printf"]) and not {">", "|"}.intersection(code)


def _is_assignment(code: str, match: re.Match[str]) -> bool:
    """Whether the script sets the variable: ``X=…``, ``export X=…``, ``environ["X"] = …``."""
    before = code[max(0, match.start() - 1) : match.start()]
    after = code[match.end() : match.end() + 8]
    if after.startswith("=") and not after.startswith("=="):
        return not before or before.isspace() or before in ";&|("
    stripped = after.lstrip("'\"")
    if not stripped.startswith("]"):
        return False
    sign = stripped[1:].lstrip()
    return sign.startswith(("=", "||=")) and not sign.startswith(("==", "=>", "=~"))


def _reads_if_set(code: str, match: re.Match[str]) -> bool | None:
    """Whether a read allows for a variable that is not set; None if it is not a read."""
    before = code[max(0, match.start() - _LOOK_AROUND) : match.start()]
    after = code[match.end() : match.end() + _LOOK_AROUND]
    if before.endswith(("\\$", "$$", "\\${", "$${")):
        return None
    if before.endswith(("$", "${")):
        nested = before.removesuffix("{").removesuffix("$")
        if nested.rfind("${") > nested.rfind("}") or "||" in nested:
            return True
        return before.endswith("{") and after.startswith(_DEFAULTS)
    fallback = any(sign in before or sign in after for sign in _FALLBACKS)
    if before.endswith("process.env."):
        return fallback
    opening = before.rstrip().removesuffix('"').removesuffix("'").rstrip()
    if opening.endswith(_READS_IF_SET):
        return True
    if not opening.endswith(_READS):
        return None
    return fallback or after.lstrip("'\" ").startswith((",", ") {"))
