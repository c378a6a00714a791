"""What programs say of peers that they cannot reach, read from logs and health checks.

A log may hold any secret. So of a line nothing is handed on but a kind, a count, a time, and a
host that is known otherwise: an alias, a container's name, a host of a setting, an address of a
link. Any other host becomes ''. Lines are read with patterns of bounded length only, each of them
once, so that hostile text costs no more than its size.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.snapshot import Complaint, ComplaintKind, Container
from linkdoctor.model.variables import Variable, address_of

__all__ = ["complaints_in", "known_hosts", "names_of_containers"]

_LONGEST_LINE = 64 * 1024
_MOST_LINES = 500
_MOST_COMPLAINTS = 50
_BEFORE, _AFTER = 1024, 512
"""How far from the words that complain their host is looked for."""


def complaints_in(
    lines: Iterable[tuple[str, str]], known: Collection[str]
) -> tuple[Complaint, ...]:
    """Read the complaints of up to 500 lines, each with its time (RFC 3339, or '').

    Args:
        lines: time and text; of a longer line only the first 64 KiB are read.
        known: the hosts that may be named, in any case; all others become ''.
    """
    names = {_normal(name): name for name in sorted(known, reverse=True) if name}
    found: dict[tuple[ComplaintKind, str, int | None], tuple[int, str]] = {}
    for time, text in _joined(islice(lines, _MOST_LINES)):
        place = _complaint(text, names)
        if place is not None:
            count, last = found.get(place, (0, ""))
            found[place] = (count + 1, max(last, _time(time)))
    complaints = [
        Complaint(kind=kind, host=host, port=port, count=count, last=last)
        for (kind, host, port), (count, last) in found.items()
    ]
    complaints.sort(key=lambda each: (not each.host, -each.count, *_place_of(each)))
    return tuple(sorted(complaints[:_MOST_COMPLAINTS], key=_place_of))


def names_of_containers(containers: Iterable[Container]) -> frozenset[str]:
    """Return the names and addresses of an engine's containers, which any of them may dial."""
    names: set[str] = set()
    for container in containers:
        names.add(container.name)
        if isinstance(container.details, Known):
            for endpoint in container.details.value.endpoints:
                names |= {endpoint.address, endpoint.address6, *endpoint.aliases}
    return frozenset(names - {""})


def known_hosts(container: Container, of_engine: Collection[str]) -> frozenset[str]:
    """Return the hosts that one container may be said to complain of.

    They are those of the engine and those that its own evidence names: links, settings, hosts
    lines. Its own names are left out: they stand in a log for many reasons.
    """
    names = {*of_engine, *_names_in_settings(container)}
    if isinstance(container.script_hosts, Known):
        names.update(reference.host for reference in container.script_hosts.value)
    if isinstance(container.hosts_file, Known):
        for line in container.hosts_file.value:
            names |= {line.address, *line.names}
    if isinstance(container.process_environment, Known):
        names.update(map(_address, container.process_environment.value))
    own = {container.name, container.id[:12], ""}
    if isinstance(container.details, Known):
        own.add(container.details.value.hostname)
        for endpoint in container.details.value.endpoints:
            own |= {endpoint.address, endpoint.address6}
    return frozenset(names - own)


def _names_in_settings(container: Container) -> Iterator[str]:
    for label in container.labels:
        if label.name == "linkdoctor.expects":
            yield from label.value.replace(",", " ").split()
    if isinstance(container.details, Unknown):
        return
    details = container.details.value
    for link in (*details.stored_links, *(link for at in details.endpoints for link in at.links)):
        yield from (link.source, link.alias)
    for line in details.extra_hosts:
        yield from (line.address, *line.names)
    yield from (reference.host for reference in details.references)
    yield from (read.prefix.lower() for read in details.reads)
    yield from map(_address, details.environment)


def _address(variable: Variable) -> str:
    return address_of(variable) or ""


# --- lines ---------------------------------------------------------------------------------

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,16}m")
_QUOTES = dict(zip(map(ord, "\u2018\u2019\u201c\u201d"), "''\"\"", strict=True))
"""GNU programs print typographic quotes where the locale lets them."""
_FOLLOWS = re.compile(
    r"\s{0,8}(?:is the server running on (?:host|that host)\b|TCP/IP connections on port\b)",
    re.IGNORECASE,
)


def _time(text: str) -> str:
    match = _TIME.fullmatch(text[:64])
    return match[1] + match[2] if match else ""


def _joined(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Cut lines, and put the further lines of PostgreSQL's complaint to its first."""
    held: tuple[str, str] | None = None
    for time, text in lines:
        cut = _COLOUR.sub("", text[:_LONGEST_LINE]).translate(_QUOTES)
        if held is not None and _FOLLOWS.match(cut):
            held = (held[0], f"{held[1]} {cut}")
            continue
        if held is not None:
            yield held
        held = (time, cut)
    if held is not None:
        yield held


def _place_of(complaint: Complaint) -> tuple[str, str, int]:
    return complaint.kind.value, complaint.host, complaint.port or 0


# --- what a line complains of --------------------------------------------------------------

# What ends the words of a complaint: its end, punctuation, or a note that belongs to it. Prose
# ("connection refused by policy") goes on otherwise, and a statistic has a number behind them.
_END = (
    r"(?=\s{0,8}(?:$|\.(?:\s|$)|[,;)\]}\"'\\<|(\[]|:(?!\s{0,4}\d)|\s-\s)"
    r"|\s{1,8}(?:to host|for|while|tcp|at|in|on|errno|executing|calling|Is the)\b"
    r"|\s{1,4}after \d{1,9} ?(?:ms|milliseconds|s|seconds)\b)"
)
# Errno names stand alone: not in a path, nor in a longer name.
_CODE = r"(?<![\w/.-]){}(?![\w/-])"


def _sign(*words: str, codes: str = "") -> re.Pattern[str]:
    parts = [rf"(?<![\w/-])(?:{'|'.join(words)}){_END}"]
    if codes:
        parts.append(_CODE.format(f"(?:{codes})"))
    return re.compile("|".join(parts), re.IGNORECASE)


_SIGNS = (
    (
        ComplaintKind.UNRESOLVED,
        re.compile(
            "|".join(
                (
                    _CODE.format("(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME|EAI_NODATA)"),
                    r"(?<![\w/-])(?:name or service not known|name does not resolve"
                    r"|temporary failure in name resolution|no such host(?: is known)?"
                    r"|no address associated with hostname"
                    r"|nodename nor servname provided, or not known|server misbehaving"
                    rf"|host not found|unknown host|nxdomain){_END}",
                    r"\bcould not translate host name [\"'\\]",
                    r"\bbad address ['\"]",
                    r"\bUnknownHostException\b(?=: ?\S)",
                    r"\bUnresolvedAddressException\b",
                    r"\bphp_network_getaddresses: getaddrinfo\b",
                    r"\bUnknown MySQL server host ['\"\\]",
                    r"\bhost not found in upstream [\"'\\]",
                    r"\b(?:could not|couldn't|cannot|can't|unable to|failed to) resolve"
                    r"(?: the)? (?:host(?:name| name)?(?: address)?|address|proxy)\b[:\s]",
                    r"\b(?:failed|failure) (?:to resolve|resolving) ['\"]",
                    r"\bfailed to lookup address information\b",
                    r"\btemporary failure resolving ['\"]",
                    r"\bcould not be resolved \(\d{1,3}: ",
                    r"\bunknown host:? (?!key)['\"]?[\w.-]{1,253}['\"]?\s*$",
                    r"\bserver can't find [\w.-]{1,253}: (?:NXDOMAIN|SERVFAIL)",
                    r"\[Errno -[235]\] ",
                )
            ),
            re.IGNORECASE,
        ),
    ),
    (
        ComplaintKind.REFUSED,
        re.compile(
            "|".join(
                (
                    _sign("connection refused", codes="ECONNREFUSED").pattern,
                    r"\[Errno 111\] ",
                    r"\bkind: ConnectionRefused\b",
                    r"\bCan't connect to (?:MySQL|MariaDB|server|local)[^()]{0,300}\(111\b",
                    r"\bconnection refused \((?:Connection refused|os error 111|\d)",
                    r"\bConnectionRefusedError: ",
                )
            ),
            re.IGNORECASE,
        ),
    ),
    (
        ComplaintKind.NO_ROUTE,
        re.compile(
            "|".join(
                (
                    _sign(
                        "no route to host",
                        "host is unreachable",
                        "network is unreachable",
                        codes="EHOSTUNREACH|ENETUNREACH",
                    ).pattern,
                    r"\[Errno 1(?:13|01)\] ",
                    r"\bCan't connect to (?:MySQL|MariaDB|server)[^()]{0,300}\(113\b",
                )
            ),
            re.IGNORECASE,
        ),
    ),
    (
        ComplaintKind.TIMED_OUT,
        re.compile(
            "|".join(
                (
                    _sign(
                        "connection timed out",
                        "connect timed out",
                        "connection attempt timed out",
                        "i/o timeout",
                        codes="ETIMEDOUT|ESOCKETTIMEDOUT",
                    ).pattern,
                    r"\[Errno 110\] ",
                    r"\bdial (?:tcp|udp) [^\s]{1,300}: context deadline exceeded",
                    r"\bCan't connect to (?:MySQL|MariaDB|server)[^()]{0,300}\(110\b",
                    r"\bconnection to server at [^()]{1,300}\([^()]{1,64}\), port \d{1,5} failed: "
                    r"timeout expired",
                )
            ),
            re.IGNORECASE,
        ),
    ),
)

_HINTS = (
    *("refused", "timed out", "timeout", "timedout", "no route", "unreach", "[errno", "eai_"),
    *("notfound", "not found", "not known", "resolv", "such host", "unknown", "no address"),
    *(
        "nodename",
        "misbehaving",
        "getaddrinfo",
        "bad address",
        "host name",
        "nxdomain",
        "name resolution",
    ),
    *("lookup address", "can't connect", "context deadline", "can't find"),
)
"""One of them is in every line that complains; to look for them is much cheaper."""

# The line repeats the code of an error whose own line has been counted.
_REPEATS = re.compile(r"\W{0,40}(?:code|errno|cause|name)\W{1,8}E?[A-Z]\w{0,40}\W{0,8}")
# It is about a peer that dials us.
_OF_A_CLIENT = re.compile(
    r"\bfrom client\b|\bclient timed out\b|\breading client\b|\bwaiting for request\b"
    r"|\bto client\b|\bkeepalive\b|\baccept(?:ed|ing)? connection from\b",
    re.IGNORECASE,
)
_PROXY_ERROR = ", client: "
_UPSTREAM = re.compile(r", upstream: \"([^\"\s]{1,300})\"")
_RESOLVER = re.compile(r"(\blookup [^\s:]{1,253}) on [0-9a-fA-F.:\[\]]{2,48}:53\b")


def _complaint(text: str, names: dict[str, str]) -> tuple[ComplaintKind, str, int | None] | None:
    folded = text.lower()
    if not any(word in folded for word in _HINTS):
        return None
    if _REPEATS.fullmatch(text[:200].strip()) or _OF_A_CLIENT.search(text):
        return None
    for kind, sign in _SIGNS:
        match = sign.search(text)
        if match is None:
            continue
        around = text[max(0, match.start() - _BEFORE) : match.end() + _AFTER]
        if _PROXY_ERROR in around and "in upstream" not in around:
            around = _peer_of_proxy(kind, around)
            if not around:
                return None
        around = _RESOLVER.sub(r"\1", around)
        return (kind, *_known_place(around, names))
    return None


def _peer_of_proxy(kind: ComplaintKind, text: str) -> str:
    """Return what names the peer; a proxy names client, server and request too."""
    if kind is ComplaintKind.UNRESOLVED:
        return text.partition(_PROXY_ERROR)[0]
    upstream = _UPSTREAM.search(text) if "connecting to upstream" in text else None
    return upstream[1] if upstream else ""


# --- the host and the port ------------------------------------------------------------------


class _Place(NamedTuple):
    host: str
    port: int | None
    end: int


_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"
_URL = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}://([^\s/?#\"'<>\\,)]{1,300})", re.I)
_NAME_SLASH_ADDRESS = re.compile(
    rf"(?<![\w.@/:-])({_NAME})/(?:<unresolved>|([0-9.]{{7,15}}|\[?[0-9a-fA-F:]{{2,45}}\]?))"
    r":(\d{1,5})(?![\w@-])"
)
_HOST_PORT = re.compile(
    rf"(?<![\w.@/:-])({_NAME}|\[[0-9a-fA-F:.]{{2,45}}\]):(\d{{1,5}})(?![\w@-]|[.:]\w)"
)
_ADDRESS_PORT = re.compile(
    r"(?<![\w.@/:-])([0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}):(\d{1,5})(?![\w@:-]|\.\d)"
)
"""An IPv6 address without brackets, as Node.js prints it."""
_BARRED = re.compile(r"\|([0-9a-fA-F.:]{2,45})\|:(\d{1,5})(?!\d)")
"""As GNU wget prints it: ``app (app)|172.17.0.2|:5000``."""
_NAMED = re.compile(
    r"\b(?:host ?name|host|address|server|upstream|lookup|resolve|resolving|resolved|for|at|to"
    r"|on|connect|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH"
    r"|UnknownHostException|getaddrinfo|find|with"
    rf")(?=[\s:='\"`\\(]{{1,6}}({_NAME})(?![\w/@]|\s(?:server|database|broker|at|on)\b))",
    re.IGNORECASE,
)
"""The words overlap: ``resolve host: app``. In ``to MySQL server on 'db'`` MySQL is no host."""
_QUOTED = re.compile(rf"['\"`]({_NAME})\\?['\"`]")
_AN_ADDRESS = re.compile(r"(?<![\w.:@/-])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.@:/-]|\.\d)")
_FIRST_WORD = re.compile(rf"\s{{0,40}}({_NAME}): ")
_RESOLVED = re.compile(rf"(?<![\w.@/:-])({_NAME}) could not be resolved ")
_A_PORT = re.compile(r"\bport['\"\\]{0,3}\s{0,3}[:=]?\s{0,3}['\"]?(\d{1,5})\b", re.IGNORECASE)
_WINDOW_FOR_PORT = 120


def _known_place(text: str, names: dict[str, str]) -> tuple[str, int | None]:
    """Return the first place whose host is known: one with a port before one without."""
    without_port = ""
    # A word with a loose @ may be the rest of a password, and the number before it a piece of it.
    trusts_ports = not _has_loose_at(text)
    for place in _places(text):
        host = names.get(_normal(place.host))
        if host is None:
            continue
        port = place.port if place.port is not None else _port_behind(text, place.end)
        if port is not None and trusts_ports:
            return host, port
        without_port = without_port or host
    return without_port, None


def _has_loose_at(text: str) -> bool:
    return any(
        "@" in word and (word.count("@") > 1 or "://" not in word or not _is_authority(word))
        for word in text.split()
    )


def _is_authority(word: str) -> bool:
    """Whether the ``@`` of a URL ends its credentials, and no password goes on behind."""
    rest = word.partition("://")[2]
    return "@" not in re.split(r"[/?#]", rest, maxsplit=1)[-1] or "@" in re.split(r"[/?#]", rest)[0]


def _places(text: str) -> Iterator[_Place]:
    for match in _URL.finditer(text):
        authority = match[1].rpartition("@")[2]
        host, port = _split(authority)
        yield _Place(host, port, match.end())
    for match in _NAME_SLASH_ADDRESS.finditer(text):
        for host in (match[1], match[2]):
            if host:
                yield _Place(host.strip("[]"), _number(match[3]), match.end())
    for pattern in (_HOST_PORT, _ADDRESS_PORT, _BARRED):
        for match in pattern.finditer(text):
            yield _Place(match[1].strip("[]"), _number(match[2]), match.end())
    for pattern in (_RESOLVED, _NAMED, _QUOTED, _AN_ADDRESS, _FIRST_WORD):
        for match in pattern.finditer(text):
            yield _Place(match[1], None, match.end(1))


def _split(authority: str) -> tuple[str, int | None]:
    host, colon, port = authority.rpartition(":")
    if not colon or (number := _number(port)) is None:
        return authority.strip("[]"), None
    return host.strip("[]"), number


def _port_behind(text: str, end: int) -> int | None:
    match = _A_PORT.search(text, end, end + _WINDOW_FOR_PORT)
    return _number(match[1]) if match else None


def _number(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if 0 < number < 65536 else None


def _normal(host: str) -> str:
    """Compare names without case and a last dot, and addresses in one form."""
    name = host.lower().rstrip(".-")
    if ":" not in name:
        return name
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
