"""A container's resolver: what its ``resolv.conf`` says and what it answers.

The only module that imports dnspython, and only when there is something to ask.
"""

from __future__ import annotations

from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.snapshot import Resolver

__all__ = ["ask", "parse_resolver"]

_LIFETIME = 1.0

_MOST = 8


def parse_resolver(text: str) -> Resolver:
    """Read a ``resolv.conf``; the last ``search`` line counts, as in every resolver."""
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        match words:
            case ["nameserver", address, *_]:
                nameservers.append(address)
            case ["search" | "domain", *domains]:
                search = tuple(domain for domain in domains[:_MOST] if domain != ".")
            case _:
                continue
    return Resolver(nameservers=tuple(nameservers[:_MOST]), search=search)


def ask(resolver: Resolver, name: str) -> Evidence[tuple[str, ...]]:
    """Ask for a name as the C library of a container would, from the namespace of this thread.

    A server that fails, or does not answer within a second, leaves the answer Unknown: only
    *no such name* is an answer that says so.
    """
    import dns.exception
    import dns.name
    import dns.resolver

    asker = dns.resolver.Resolver(configure=False)
    try:
        asker.nameservers = [each.partition("%")[0] for each in resolver.nameservers]
        asker.search = [dns.name.from_text(domain) for domain in resolver.search]
    except (ValueError, dns.exception.DNSException):
        return Unknown(gap=Gap.UNSUPPORTED, detail="its resolv.conf cannot be used")
    if not asker.nameservers:
        return Known((), "its resolv.conf names no server")
    asker.lifetime = asker.timeout = _LIFETIME
    source = f"DNS server {', '.join(resolver.nameservers)}"
    try:
        answer = asker.resolve(name, "A", search=True, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return Known((), source)
    except dns.exception.Timeout:
        return Unknown(gap=Gap.TIMED_OUT, detail=f"{source} did not answer within a second")
    except (dns.exception.DNSException, OSError):
        return Unknown(gap=Gap.UNSUPPORTED, detail=f"{source} gave no usable answer")
    return Known(tuple(sorted(record.to_text() for record in answer)), source)
