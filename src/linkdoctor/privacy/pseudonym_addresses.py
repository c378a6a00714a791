"""Pseudonyms for addresses that keep who is on which network.

Two addresses share as many leading bits as their pseudonyms do, so each lies in the subnets in
which it lay, and in no other. The first and the last addresses of a subnet stay the first and the
last: rules take them for the gateway's, and for nobody's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from linkdoctor.privacy.pseudonyms import Pseudonyms

__all__ = ["Addresses"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_KEPT: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        # nobody's, loopback, link-local (cloud metadata), multicast and reserved
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
        *("::/64", "fe00::/16", "ff00::/8"),
    )
)
"""Addresses of which every machine has the same."""
_LINK_LOCAL = ipaddress.ip_network("fe80::/64")
"""Its beginning is kept; the rest may tell the hardware's address."""
_USUAL = {4: (16, 20), 6: (48, 64)}
"""Where subnets usually begin: there the first address stays the first on every host, whether or
not its subnets were seen."""
_BYTE_KEPT = {4: 24, 6: 128}
"""From this bit on nothing changes: the last byte of an IPv4 address stays."""
_ALWAYS_CHANGED = {4: (7, 15), 6: (15,)}
"""Bits that change in each address, so that none is its own pseudonym."""
_BITS = {4: 32, 6: 128}


class Addresses:
    """The pseudonyms of addresses that one key gives, where there are some subnets."""

    def __init__(self, pseudonyms: Pseudonyms, subnets: Iterable[str] = ()) -> None:
        """Take the source of pseudonyms, and the subnets that were seen."""
        self._pseudonyms = pseudonyms
        self._seen = {
            (subnet.version, subnet.prefixlen, _bits(int(subnet.network_address), subnet))
            for subnet in map(_network, subnets)
            if subnet is not None
        }
        self._lengths = {
            version: sorted({length for of, length, _ in self._seen if of == version})
            for version in _BITS
        }
        self._flips: dict[tuple[int, int, int], bool] = {}

    def address(self, text: str) -> str | None:
        """Return the pseudonym of an address or subnet (``10.0.0.5``, ``10.0.0.0/8``), or None."""
        plain, slash, length = text.partition("/")
        plain, percent, zone = plain.partition("%")
        try:
            parsed = ipaddress.ip_address(plain)
        except ValueError:
            return None
        if slash and _network(text) is None:
            return None
        zone = self._pseudonyms.name(zone)
        return f"{self._mapped(parsed)}{percent}{zone}{slash}{length}"

    def _mapped(
        self, address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        if isinstance(address, ipaddress.IPv4Address):
            if any(address in each for each in _KEPT):
                return address
            return ipaddress.IPv4Address(self._moved(int(address), 4, 0))
        if address.ipv4_mapped is not None:
            inner = self._mapped(address.ipv4_mapped)
            return ipaddress.IPv6Address(f"::ffff:{inner}")
        if any(address in each for each in _KEPT):
            return address
        first = _LINK_LOCAL.prefixlen if address in _LINK_LOCAL else 0
        return ipaddress.IPv6Address(self._moved(int(address), 6, first))

    def _moved(self, number: int, version: int, first: int) -> int:
        bits = _BITS[version]
        result = number
        for depth in range(first, _BYTE_KEPT[version]):
            if self._flip(version, depth, number >> (bits - depth)):
                result ^= 1 << (bits - depth - 1)
        return result

    def _flip(self, version: int, depth: int, before: int) -> bool:
        """Whether a bit changes, by all the bits before it."""
        key = (version, depth, before)
        found = self._flips.get(key)
        if found is None:
            found = self._flips[key] = self._decide(version, depth, before)
        return found

    def _decide(self, version: int, depth: int, before: int) -> bool:
        if _leads_to_kept(version, depth, before) or self._is_at_an_end(version, depth, before):
            return False
        if depth in _ALWAYS_CHANGED[version]:
            return True
        return self._pseudonyms.noise("bit", str(version), str(depth), str(before)) % 2 == 1

    def _is_at_an_end(self, version: int, depth: int, before: int) -> bool:
        """Whether all bits since the beginning of a subnet are 0, or all are 1."""
        for length in {*_USUAL[version], *self._lengths[version]}:
            if length > depth:
                continue
            usual = length in _USUAL[version]
            since = before & ((1 << (depth - length)) - 1)
            if since not in (0, (1 << (depth - length)) - 1):
                continue
            if usual or (version, length, before >> (depth - length)) in self._seen:
                return True
        return False


def _leads_to_kept(version: int, depth: int, before: int) -> bool:
    return any(
        network.version == version
        and depth < network.prefixlen
        and int(network.network_address) >> (_BITS[version] - depth) == before
        for network in (*_KEPT, _LINK_LOCAL)
    )


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _bits(number: int, subnet: _Network) -> int:
    return number >> (subnet.max_prefixlen - subnet.prefixlen)
