"""What the kernel answers over netlink, byte by byte: sockets, addresses, interfaces, routes.

Nothing is asked here: :mod:`.sockets` does that.
"""

from __future__ import annotations

import ipaddress
import struct
import sys
from collections.abc import Iterator, Mapping

from linkdoctor.model.snapshot import Interface, Listener, Route

__all__ = [
    "addresses",
    "attributes",
    "bound_interface",
    "inode",
    "interface_of_address",
    "listener",
    "numbered_interface",
    "routes",
]

_IPV4 = 2
"""``AF_INET``."""
_INODE_AT = 68
_INTERFACE_AT, _ATTRIBUTES_AT = 40, 72
_INET_DIAG_SKV6ONLY = 11
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_LINK, _ROUTE, _HOP = struct.Struct("=BxHiII"), struct.Struct("=BBBBBBBBI"), struct.Struct("=HBBi")
_IFLA_IFNAME, _IFLA_MTU, _IFF_UP = 3, 4, 1
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH, _RTA_TABLE = 1, 4, 5, 6, 9, 15
_RT_TABLE_MAIN, _RTN_UNICAST, _RTM_F_CLONED = 254, 1, 0x200


def inode(payload: bytes) -> int:
    """Return the inode of a socket, the last field of ``struct inet_diag_msg``; 0 without one."""
    end = _INODE_AT + 4
    return int.from_bytes(payload[_INODE_AT:end], sys.byteorder) if len(payload) >= end else 0


def listener(payload: bytes, protocol: str) -> Listener | None:
    """Return where a socket listens, from its ``struct inet_diag_msg``; None if that is cut off."""
    if len(payload) < 24:
        return None
    family = payload[0]
    port = int.from_bytes(payload[4:6], "big")
    raw = payload[8:12] if family == _IPV4 else payload[8:24]
    address = ipaddress.ip_address(raw)
    return Listener(
        address=str(address), port=port, protocol=protocol, ipv6_only=_is_ipv6_only(payload)
    )


def bound_interface(payload: bytes) -> int:
    """Return the number of the interface that a socket is bound to; 0 if it is to none."""
    return int.from_bytes(payload[_INTERFACE_AT : _INTERFACE_AT + 4], sys.byteorder)


def _is_ipv6_only(payload: bytes) -> bool:
    """Whether a socket takes no IPv4; kernels before 4.3 do not say so."""
    return any(
        kind == _INET_DIAG_SKV6ONLY and any(value)
        for kind, value in attributes(payload, _ATTRIBUTES_AT)
    )


def interface_of_address(payload: bytes) -> int:
    """Return the number of the interface that an address is on; 0 if that is cut off."""
    return int.from_bytes(payload[4:8], sys.byteorder) if len(payload) >= 8 else 0


def addresses(payload: bytes) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Yield the addresses in a ``struct ifaddrmsg``."""
    for kind, value in attributes(payload, 8):
        if kind in (_IFA_ADDRESS, _IFA_LOCAL) and len(value) in (4, 16):
            yield ipaddress.ip_address(value)


def attributes(payload: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield the attributes of a netlink answer, which begin at a position."""
    while position + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, position)
        if length < 4:
            return
        yield kind & 0x3FFF, payload[position + 4 : position + length]
        position += (length + 3) & ~3


def numbered_interface(payload: bytes) -> tuple[int, Interface] | None:
    """Return an interface and its number, from a ``struct ifinfomsg``; None if that is cut off."""
    if len(payload) < _LINK.size:
        return None
    _, _, number, flags, _ = _LINK.unpack_from(payload)
    found = dict(attributes(payload, _LINK.size))
    name = found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("utf-8", "replace")
    mtu = int.from_bytes(found.get(_IFLA_MTU, b""), sys.byteorder)
    return number, Interface(name=name, mtu=mtu, up=bool(flags & _IFF_UP))


def routes(payload: bytes, names: Mapping[int, str]) -> Iterator[Route]:
    """Yield the ways of a route, ``struct rtmsg``: those of the main table to other hosts.

    Args:
        payload: one answer.
        names: of the interfaces, by their numbers.
    """
    if len(payload) < _ROUTE.size:
        return
    family, length, _, _, table, _, _, kind, flags = _ROUTE.unpack_from(payload)
    found = dict(attributes(payload, _ROUTE.size))
    table = int.from_bytes(found.get(_RTA_TABLE, bytes([table])), sys.byteorder)
    if table != _RT_TABLE_MAIN or kind != _RTN_UNICAST or flags & _RTM_F_CLONED:
        return
    size = 4 if family == _IPV4 else 16
    destination = found.get(_RTA_DST, bytes(size))
    if len(destination) != size:
        return
    address = ipaddress.ip_address(destination)
    if address.is_link_local:
        return
    metric = int.from_bytes(found.get(_RTA_PRIORITY, b""), sys.byteorder)
    for number, gateway in _hops(found):
        yield Route(
            destination=f"{address}/{length}",
            interface=names.get(number, ""),
            gateway=str(ipaddress.ip_address(gateway)) if len(gateway) in (4, 16) else "",
            metric=metric,
        )


def _hops(found: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the interface and the gateway of each way that a route has."""
    if _RTA_OIF in found:
        number = int.from_bytes(found[_RTA_OIF], sys.byteorder)
        yield number, found.get(_RTA_GATEWAY, b"")
    several, position = found.get(_RTA_MULTIPATH, b""), 0
    while position + _HOP.size <= len(several):
        length, _, _, number = _HOP.unpack_from(several, position)
        if length < _HOP.size:
            return
        own = dict(attributes(several[position : position + length], _HOP.size))
        yield number, own.get(_RTA_GATEWAY, b"")
        position += (length + 3) & ~3
