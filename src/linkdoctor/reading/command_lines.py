"""The hosts that the arguments of a command refer to, and the shell text among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkdoctor.model.references import Form, HostReference
from linkdoctor.reading.limits import (
    LONGEST_NAME,
    LONGEST_SHELL_TEXT,
    LONGEST_VALUE,
    MOST_ARGUMENTS,
)
from linkdoctor.reading.places import (
    SERVICE_PORTS,
    FoundHost,
    Place,
    as_references,
    dialled_hosts,
    read_host,
    read_place,
    read_port,
)
from linkdoctor.reading.setting_names import is_dialled, split_name
from linkdoctor.reading.settings import Setting, hosts_in_setting, java_option, sibling_ports
from linkdoctor.reading.shell_syntax import KEYWORDS, SHELLS, program_name, split_commands
from linkdoctor.reading.urls import read_jdbc, read_urls, url_scheme
from linkdoctor.reading.words import word_set

__all__ = [
    "SILENT_PROGRAMS",
    "has_loose_at",
    "hosts_in_command",
    "hosts_in_simple_command",
    "references_in_arguments",
]

SILENT_PROGRAMS = frozenset({"echo", "printf", ":", "log", "logger"})
"""What they are given is printed, not dialled."""
_TEXT_FLAGS = frozenset({"-c", "-ec", "-ce", "-lc", "-cl", "-xc", "-cx", "-exc", "-euxc", "-euc"})
_CLIENTS = word_set(
    """
    mysql mysqladmin mysqldump mysqlcheck mysqlshow mariadb mariadb-admin mariadb-dump psql
    pg_dump pg_restore pg_isready redis-cli mongo mongosh mongodump mongorestore
    wait-for-it wait-for-it.sh
    """
)
_SERVERS = word_set(
    """
    uvicorn gunicorn hypercorn daphne flask django-admin manage.py runserver php rails puma thin
    unicorn http-server httpd nginx vite next nuxt ng webpack jupyter mkdocs streamlit serve
    webpack-dev-server artisan
    """
)
"""Their ``--host`` is where they listen."""
_OWNERS = frozenset(
    {"chown", "su-exec", "gosu", "setpriv", "docker", "podman", "skopeo", "crane", "chpst"}
)
"""What stands behind them as ``a:b`` is a user and a group, or an image."""
_WAITERS = frozenset({"wait-for-it", "wait-for-it.sh", "wait-for", "wait-for.sh", "waitforit"})
_DIALLERS = frozenset({"nc", "ncat", "netcat", "telnet", "nc.openbsd", "nc.traditional"})
_LONE_OPTIONS = frozenset({"HOST", "HOSTS", "SERVER", "SERVERS", "BROKER", "BROKERS", "PORT"})
_ARGUMENT_PORTS = SERVICE_PORTS | {3000, 3001, 4000, 5000, 5001, 8000, 8001, 9000}


def references_in_arguments(arguments: Sequence[str]) -> tuple[HostReference, ...]:
    """Return the hosts that the arguments of a command name; arguments are counted from 0."""
    known = [
        argument if len(argument) <= LONGEST_VALUE else ""
        for argument in arguments[:MOST_ARGUMENTS]
    ]
    found = {
        (host, f"argument {number}") for number, hosts in hosts_in_command(known) for host in hosts
    }
    return as_references(found)


def hosts_in_command(arguments: Sequence[str]) -> Iterator[tuple[int, list[FoundHost]]]:
    """Yield what each argument names, with its number."""
    programs = {program_name(argument) for argument in arguments}
    texts = set(_shell_texts(arguments))
    pairs = list(_options(arguments, texts))
    ports = sibling_ports(setting for _, setting in pairs)
    serves = not _SERVERS.isdisjoint(programs)
    for number, setting in pairs:
        if not (serves and setting.words == ("OPTION", "HOST")):
            yield number, hosts_in_setting(setting, ports, Form.OPTION)
    for number in texts:
        yield number, _in_shell(arguments[number])
    yield from _clients(arguments)
    yield from _pairs_of_diallers(arguments)
    if _OWNERS.isdisjoint(programs):
        end = arguments.index("--") if "--" in arguments else len(arguments)
        values = {number for number, _ in pairs}
        for number, argument in enumerate(arguments):
            behind = arguments[number - 1] if number else ""
            waits = number < end and not _WAITERS.isdisjoint(programs)
            if number in values or number in texts or argument.startswith("-"):
                continue
            if behind.startswith("-") and behind != "--" and not waits:
                yield number, read_urls(argument) or [] if _may_be_url(behind) else []
            else:
                yield number, _bare(argument, waits=waits, serves=serves)


def _shell_texts(arguments: Sequence[str]) -> Iterator[int]:
    """Yield the numbers of the arguments that a shell reads."""
    for number in range(1, len(arguments)):
        if arguments[number - 1] in _TEXT_FLAGS and any(
            program_name(argument) in SHELLS for argument in arguments[max(0, number - 4) : number]
        ):
            yield number
    if len(arguments) == 1 and any(map(str.isspace, arguments[0])):
        yield 0


def _options(arguments: Sequence[str], texts: set[int]) -> Iterator[tuple[int, Setting]]:
    """Yield the named options, with the number of the argument that holds the value."""
    for number, argument in enumerate(arguments):
        if number in texts or not argument.startswith("-"):
            continue
        if (setting := java_option(argument)) is not None:
            yield number, setting
            continue
        name, equals, value = argument.partition("=")
        name = name.lstrip("-")
        if not 1 < len(name) <= LONGEST_NAME or any(map(str.isspace, name)):
            continue
        if equals:
            yield number, Setting(name, _option_words(name), value)
        elif number + 1 < len(arguments) and (argument.startswith("--") or len(name) > 2):
            value = arguments[number + 1]
            if not value.startswith("-") and number + 1 not in texts:
                yield number + 1, Setting(name, _option_words(name), value)


def _option_words(name: str) -> tuple[str, ...]:
    """As the name of a variable, but a lone ``--host`` is a host to dial."""
    words = split_name(name)
    return ("OPTION", *words) if len(words) == 1 and words[0] in _LONE_OPTIONS else words


def _may_be_url(flag: str) -> bool:
    """Whether what follows a short option may be a URL that is dialled."""
    return is_dialled(split_name(flag)) and flag not in ("-H", "-A", "-e", "-b", "-p", "-l", "-d")


def _bare(argument: str, *, waits: bool, serves: bool) -> list[FoundHost]:
    """Read an argument that belongs to no option."""
    for read in (read_urls, read_jdbc):
        found = read(argument)
        if found is not None:
            return found
    place = read_place(argument)
    if place is None or place[1] is None or (serves and not waits):
        return []
    return dialled_hosts([place], Form.HOST_PORT) if waits or _is_service(place) else []


def _is_service(place: Place) -> bool:
    return place[1] in _ARGUMENT_PORTS


def _clients(arguments: Sequence[str]) -> Iterator[tuple[int, list[FoundHost]]]:
    """Read the ``-h`` of the few clients where it is the host and not help."""
    client = ""
    for number, argument in enumerate(arguments):
        if not argument.startswith("-"):
            client = client or (program if (program := program_name(argument)) in _CLIENTS else "")
        elif client and argument == "-h" and number + 1 < len(arguments):
            place = read_place(arguments[number + 1], default=_client_port(client, arguments))
            yield number + 1, dialled_hosts([place] if place else [], Form.OPTION)
        elif client and argument.startswith("-h") and len(argument) > 3:
            place = read_place(argument[2:], default=_client_port(client, arguments))
            yield number, dialled_hosts([place] if place else [], Form.OPTION)


def _client_port(client: str, arguments: Sequence[str]) -> int | None:
    """Read a client's port; the ``-p`` of MySQL and MongoDB is a password."""
    if client.startswith("mongo"):
        return None
    flag = "-P" if client.startswith(("mysql", "maria")) else "-p"
    at = arguments.index(flag) + 1 if flag in arguments else len(arguments)
    return read_port(arguments[at]) if at < len(arguments) else None


def _pairs_of_diallers(words: Sequence[str]) -> Iterator[tuple[int, list[FoundHost]]]:
    """Read ``nc -z db 5432``: the first host that a port follows."""
    start = next((n for n, word in enumerate(words) if program_name(word) in _DIALLERS), None)
    if start is None:
        return
    for number in range(start + 1, len(words) - 1):
        if words[number] in ("-l", "-lp", "-lk", "-lkp", "-nlp", "-lnp"):
            return
        host, port = read_host(words[number]), read_port(words[number + 1])
        if host is not None and port is not None:
            yield number, dialled_hosts([(host, port)], Form.HOST_PORT)
            return


def _in_shell(text: str) -> list[FoundHost]:
    """Read URLs, and the hosts that ``nc`` and ``wait-for-it`` wait for, from shell text."""
    commands = split_commands(text) if len(text) <= LONGEST_SHELL_TEXT else None
    if commands is None:
        return []
    found: list[FoundHost] = []
    for words in commands:
        first = next((word for word in words if word not in KEYWORDS), "")
        if any(map(has_loose_at, words)):
            return []
        if program_name(first) not in SILENT_PROGRAMS:
            found += hosts_in_simple_command(words)
    return found


def hosts_in_simple_command(words: list[str]) -> list[FoundHost]:
    """Read URLs, and the hosts of programs that dial or wait, from one command of a shell."""
    found = [host for word in words for host in _urls_in_word(word) or _device(word)]
    if not _WAITERS.isdisjoint(map(program_name, words)):
        end = words.index("--") if "--" in words else len(words)
        for word in words[:end]:
            found += _bare(word, waits=True, serves=False)
    for reader in (_clients, _pairs_of_diallers):
        found += [host for _, hosts in reader(words) for host in hosts]
    return found


def has_loose_at(word: str) -> bool:
    """Whether an ``@`` belongs to no URL.

    It may be that of a password with a space, a quote or a semicolon in it; what looked like
    the host of the URL before is then a piece of that password.
    """
    return "@" in word and word not in ("$@", "${@}") and _urls_in_word(word) is None


def _device(word: str) -> list[FoundHost]:
    """Read ``/dev/tcp/db/5432`` of bash."""
    if not word.startswith(("/dev/tcp/", "/dev/udp/")):
        return []
    host, _, port = word[9:].partition("/")
    place = read_place(f"{host}:{port}")
    return dialled_hosts([place] if place else [], Form.HOST_PORT)


def _urls_in_word(word: str) -> list[FoundHost] | None:
    """Read ``URL``, ``NAME=URL`` or ``--name=URL``; None if the word holds no URL."""
    name, equals, value = word.partition("=")
    if equals and url_scheme(value) is not None and url_scheme(word) is None:
        return read_urls(value) if is_dialled(split_name(name[:LONGEST_NAME])) else []
    return read_urls(word)
