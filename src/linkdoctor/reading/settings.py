"""The hosts that environment variables and named options refer to.

Everything here is an allow-list: a value is read only in the few forms below, and what is
ambiguous names nothing. Values are read in one pass over strings, without patterns that could go
back and forth over hostile input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from linkdoctor.model.references import Form, HostReference
from linkdoctor.reading.connection_strings import read_connection_string
from linkdoctor.reading.limits import LONGEST_NAME, LONGEST_VALUE, MOST_IN_A_VALUE
from linkdoctor.reading.places import (
    SERVICE_PORTS,
    FoundHost,
    as_references,
    dialled_hosts,
    read_place,
    read_port,
)
from linkdoctor.reading.setting_names import (
    NAMES_PLACES,
    is_dialled,
    is_plural,
    is_sensitive,
    name_stem,
    names_hosts,
    names_no_place,
    split_name,
)
from linkdoctor.reading.urls import read_jdbc, read_urls

__all__ = [
    "Ports",
    "Setting",
    "hosts_in_setting",
    "java_option",
    "references_in_environment",
    "sibling_ports",
]

Ports = Mapping[tuple[str, ...], int]
"""Ports by the stem of the setting's name."""


class Setting(NamedTuple):
    """A variable or an option, with the words of its name."""

    name: str
    words: tuple[str, ...]
    value: str


_LINK_NAME = re.compile(r"PORT_[0-9]{1,5}_(?:TCP|UDP|SCTP)")


def references_in_environment(
    variables: Iterable[tuple[str, str]],
) -> tuple[HostReference, ...]:
    """Return the hosts that environment variables name."""
    settings = [
        Setting(name, split_name(name), value)
        for name, value in variables
        if len(name) <= LONGEST_NAME and len(value) <= LONGEST_VALUE
    ]
    ports = sibling_ports(settings)
    found: set[tuple[FoundHost, str]] = set()
    for setting in settings:
        if _is_of_a_link(setting):
            continue
        if hosts := _java_options(setting.value) or hosts_in_setting(setting, ports):
            where = f"environment variable {_printable(setting.name)}"
            found.update((host, where) for host in hosts)
    return as_references(found)


def _printable(text: str) -> str:
    """Keep what a variable's name is made of; anything else could be a terminal escape."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "?"
        for letter in text
    )


def sibling_ports(settings: Iterable[Setting]) -> dict[tuple[str, ...], int]:
    """Return the port that ``X_PORT`` sets for ``X``; none where it is set to several."""
    ports: dict[tuple[str, ...], set[int]] = {}
    for setting in settings:
        port = read_port(setting.value)
        if port is None or not setting.words or is_sensitive(setting.words):
            continue
        if setting.words[-1].endswith("PORT"):
            ports.setdefault(name_stem(setting.words), set()).add(port)
    return {words: port for words, (port, *others) in ports.items() if not others}


def _is_of_a_link(setting: Setting) -> bool:
    """Whether a link has set the variable; ``X_ENV_…`` are the source's own settings."""
    if _LINK_NAME.search(setting.name) or "_ENV_" in setting.name:
        return True
    return setting.name.endswith("_NAME") and setting.value.startswith("/")


def hosts_in_setting(
    setting: Setting, ports: Ports, bare: Form = Form.HOST_VARIABLE
) -> list[FoundHost]:
    """Read the value of a variable or an option. ``bare`` is the form of a host without more."""
    words, value = setting.words, setting.value.strip()
    if not value or not words or not is_dialled(words):
        return []
    urls = read_urls(value)
    if urls is not None:
        return urls
    if is_sensitive(words):
        return []
    if value[0] in "{[" and (inside := _json(value)) is not None:
        return inside
    for read in (read_jdbc, read_connection_string):
        found = read(value)
        if found is not None:
            return found
    return _in_plain(words, value, ports, bare)


def _in_plain(words: tuple[str, ...], value: str, ports: Ports, bare: Form) -> list[FoundHost]:
    """Read ``host``, ``host:port`` and lists of them."""
    if names_no_place(words) or value.upper() == "_".join(words):
        return []
    strong = not NAMES_PLACES.isdisjoint(words)
    parts = value.replace(",", " ").split()
    if strong and parts:
        parts[-1] = _without_path(parts[-1])
    places = [place for place in map(read_place, parts[: MOST_IN_A_VALUE + 1]) if place is not None]
    if not places or len(places) != len(parts):
        return []
    if all(port is not None for _, port in places):
        if strong or all(port in SERVICE_PORTS for _, port in places):
            least = 20 if strong else 80
            form = Form.HOST_PORT if bare is Form.HOST_VARIABLE else bare
            return dialled_hosts([p for p in places if p[1] is not None and p[1] >= least], form)
        return []
    if not names_hosts(words) or (len(parts) > 1 and not is_plural(words)):
        return []
    sibling = ports.get(name_stem(words))
    return dialled_hosts([(host, port or sibling) for host, port in places], bare)


def _without_path(text: str) -> str:
    """Cut the path off ``zk2:2181/kafka``, but not off an image's name or a port's range."""
    place, slash, path = text.partition("/")
    return place if slash and ":" in place and not {":", "@"}.intersection(path) else text


def _json(value: str) -> list[FoundHost] | None:
    """Look for URLs in JSON; None if it is not JSON. Secrets may lie beside them."""
    try:
        top: object = json.loads(value)
    except (ValueError, RecursionError):
        return None
    found: list[FoundHost] = []
    left: list[tuple[tuple[str, ...], object]] = [((), top)]
    while left and len(found) < MOST_IN_A_VALUE:
        words, item = left.pop()
        if isinstance(item, dict):
            left += [(split_name(str(key)[:LONGEST_NAME]), inner) for key, inner in item.items()]
        elif isinstance(item, list):
            left += [(words, inner) for inner in item]
        elif isinstance(item, str) and is_dialled(words):
            found += read_urls(item) or ()
    return found


def _java_options(value: str) -> list[FoundHost]:
    """Read the ``-Dname=value`` of ``JAVA_OPTS``; a quote or a stray word makes it doubtful."""
    if not value.lstrip().startswith("-") or "-D" not in value:
        return []
    words = value.split()
    if any(not word.startswith("-") or '"' in word or "'" in word for word in words):
        return []
    settings = [setting for word in words if (setting := java_option(word))]
    ports = sibling_ports(settings)
    return [host for each in settings for host in hosts_in_setting(each, ports, Form.OPTION)]


def java_option(word: str) -> Setting | None:
    """Read ``-Dname=value``; None if it is not one."""
    name, equals, value = word.partition("=")
    if not word.startswith("-D") or not equals or not 2 < len(name) <= LONGEST_NAME:
        return None
    return Setting(name[2:], split_name(name[2:]), value)
