"""A container's resolver: what its ``resolv.conf`` says and what it answers.

The only module that imports dnspython, and only when there is something to ask.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.snapshot import Resolver
from linkdoctor.model.variables import is_address

if TYPE_CHECKING:
    import dns.resolver

__all__ = ["ask", "parse_resolver"]

_LIFETIME = 1.0
_C_SPACE = " \t\v\f\r"
_WHITE_SPACE = re.compile(f"[{_C_SPACE}]+")

_MOST = 8
_MOST_DOTS = 15


def parse_resolver(text: str, *, glibc: bool = False) -> Resolver:
    """Read a ``resolv.conf``; the last ``search`` line counts, as in every resolver.

    ``ndots`` is 1 unless an option says otherwise, and at most 15. A name with fewer dots is tried
    with the search domains first, by glibc and by musl; one with enough dots as it is, after which
    glibc tries the search domains too, and musl does not.

    Args:
        text: of the file.
        glibc: it is read by glibc, for which the carriage return of a Windows line end is part of
            the address: such a line names no server (engine lab).
    """
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    ndots = 1
    for line in text.split("\n"):
        # A keyword stands at the beginning of its line, or the line means nothing (engine lab).
        words = _WHITE_SPACE.split(line.rstrip(_C_SPACE)) if line[:1].isalpha() else []
        match words:
            case ["nameserver", address, *_]:
                if is_address(address.partition("%")[0]) and not (glibc and line.endswith("\r")):
                    nameservers.append(address)
            case ["search" | "domain", *domains]:
                known = itertools.takewhile(lambda each: not each.startswith("#"), domains)
                search = tuple(domain for domain in [*known][:_MOST] if domain != ".")
            case ["options", *options]:
                ndots = _ndots(options, ndots)
            case _:
                continue
    return Resolver(nameservers=tuple(nameservers[:_MOST]), search=search, ndots=ndots)


def _ndots(options: list[str], before: int) -> int:
    for option in options:
        word, colon, number = option.partition(":")
        if word == "ndots" and colon and number.isascii() and number.isdecimal():
            before = min(int(number[:4]), _MOST_DOTS)
    return before


def ask(resolver: Resolver, name: str) -> Evidence[tuple[str, ...]]:
    """Ask for a name as the C library of a container would, from the namespace of this thread.

    A server that fails, or does not answer within a second, leaves the answer Unknown: only
    *no such name* is an answer that says so. A name that ends with a dot is asked for as it is; one
    without an IPv4 address is asked for its IPv6 addresses.
    """
    import dns.exception
    import dns.name
    import dns.resolver

    asker = dns.resolver.Resolver(configure=False)
    try:
        asker.nameservers = [each.partition("%")[0] for each in resolver.nameservers]
        asker.search = [dns.name.from_text(domain) for domain in resolver.search]
        asker.ndots = resolver.ndots
    except (ValueError, dns.exception.DNSException):
        return Unknown(gap=Gap.UNSUPPORTED, detail="its resolv.conf cannot be used")
    if not asker.nameservers:
        return Known((), "its resolv.conf names no server")
    asker.lifetime = asker.timeout = _LIFETIME
    source = f"DNS server {', '.join(resolver.nameservers)}"
    try:
        found = _addresses(asker, name, "A") or _addresses(asker, name, "AAAA")
    except dns.resolver.NXDOMAIN:
        return Known((), source)
    except dns.exception.Timeout:
        return Unknown(gap=Gap.TIMED_OUT, detail=f"{source} did not answer within a second")
    except (dns.exception.DNSException, OSError):
        return Unknown(gap=Gap.UNSUPPORTED, detail=f"{source} gave no usable answer")
    return Known(found, source)


def _addresses(asker: dns.resolver.Resolver, name: str, kind: str) -> tuple[str, ...]:
    answer = asker.resolve(name, kind, search=True, raise_on_no_answer=False)
    return tuple(sorted(record.to_text() for record in answer))
