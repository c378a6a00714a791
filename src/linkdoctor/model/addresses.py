"""Addresses and subnets in texts that anyone may have written."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

__all__ = ["Subnet", "subnets_in"]

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


def subnets_in(texts: Iterable[str]) -> Iterator[Subnet]:
    """Read subnets; a text that is none is left out."""
    for text in texts:
        try:
            yield ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
