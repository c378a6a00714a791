"""A container's resolver: what its ``resolv.conf`` says."""

from __future__ import annotations

from linkdoctor.model.snapshot import Resolver

__all__ = ["parse_resolver"]

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
