"""Raw sockets: who listens in a network namespace, and which addresses it has.

``SOCK_DIAG`` with the state LISTEN asks the kernel for listening sockets alone, where
``/proc/net/tcp`` would walk its whole table of connections.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from linkdoctor.model.snapshot import Listener

__all__ = [
    "NamespaceDenied",
    "addresses_here",
    "in_namespace",
    "knock",
    "listeners_here",
    "peer_pid",
]

T = TypeVar("T")

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_TCP_LISTEN, _UNCONNECTED = 10, 7
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI48s")
_MOST_SOCKETS = 10_000
_CLONE_NEWNET = 0x40000000
_TIMEOUT = 5.0

_RTM_GETADDR, _RTM_NEWADDR = 22, 20
_IFA_ADDRESS, _IFA_LOCAL = 1, 2


class NamespaceDenied(Exception):
    """This process may not enter a network namespace."""


def in_namespace(namespace: Path, action: Callable[[], T]) -> T:
    """Run an action in another network namespace, in a thread that ends with it.

    Raises:
        NamespaceDenied: entering needs CAP_SYS_ADMIN, or the namespace is gone.
    """
    result: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            _enter(namespace)
            result.append(action())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work, name="linkdoctor-namespace", daemon=True)
    thread.start()
    thread.join(_TIMEOUT)
    if failure:
        raise failure[0]
    if not result:
        raise NamespaceDenied("the network namespace did not answer in time")
    return result[0]


def _enter(namespace: Path) -> None:
    try:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NamespaceDenied(_denial(error.errno or 0)) from None
    try:
        # os.setns exists from Python 3.12 on only.
        library = ctypes.CDLL(None, use_errno=True)
        if library.setns(descriptor, _CLONE_NEWNET) != 0:
            raise NamespaceDenied(_denial(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def _denial(number: int) -> str:
    return f"cannot enter its network namespace ({os.strerror(number)}); run as root"


def listeners_here() -> tuple[Listener, ...]:
    """Give the listening sockets of the namespace of this thread, sorted.

    Raises:
        OSError: the kernel does not answer.
    """
    found: set[Listener] = set()
    for protocol, number, state in (
        ("tcp", socket.IPPROTO_TCP, _TCP_LISTEN),
        ("udp", socket.IPPROTO_UDP, _UNCONNECTED),
    ):
        for family in (socket.AF_INET, socket.AF_INET6):
            request = _REQUEST.pack(family, number, 0, 0, 1 << state, b"")
            for payload in _dump(_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, request):
                if listener := _listener(payload, protocol):
                    found.add(listener)
    return tuple(sorted(found))


def _listener(payload: bytes, protocol: str) -> Listener | None:
    if len(payload) < 24:
        return None
    family = payload[0]
    port = int.from_bytes(payload[4:6], "big")
    raw = payload[8:12] if family == socket.AF_INET else payload[8:24]
    address = ipaddress.ip_address(raw)
    return Listener(address=str(address), port=port, protocol=protocol)


def addresses_here() -> tuple[str, ...]:
    """Give the addresses of the namespace of this thread, loopback left out, sorted.

    Raises:
        OSError: the kernel does not answer.
    """
    found: set[str] = set()
    request = struct.pack("=BBBBI", socket.AF_UNSPEC, 0, 0, 0, 0)
    for payload in _dump(socket.NETLINK_ROUTE, _RTM_GETADDR, request):
        found.update(
            str(address)
            for address in _interface_addresses(payload)
            if not address.is_loopback and not address.is_link_local
        )
    return tuple(sorted(found))


def _interface_addresses(
    payload: bytes,
) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    position = 8
    while position + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, position)
        if length < 4:
            return
        value = payload[position + 4 : position + length]
        if kind in (_IFA_ADDRESS, _IFA_LOCAL) and len(value) in (4, 16):
            yield ipaddress.ip_address(value)
        position += (length + 3) & ~3


def _dump(family: int, kind: int, request: bytes) -> Iterator[bytes]:
    """Send one netlink dump request and yield the payload of each answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, family) as link:
        link.settimeout(_TIMEOUT)
        flags = _NLM_F_REQUEST | _NLM_F_DUMP
        link.send(_HEADER.pack(_HEADER.size + len(request), kind, flags, 1, 0) + request)
        for _ in range(_MOST_SOCKETS):
            answer = link.recv(1 << 16)
            position = 0
            while position + _HEADER.size <= len(answer):
                length, answered, _, _, _ = _HEADER.unpack_from(answer, position)
                if answered == _NLMSG_DONE or length < _HEADER.size:
                    return
                if answered == _NLMSG_ERROR:
                    raise OSError("the kernel refused a netlink request")
                yield answer[position + _HEADER.size : position + length]
                position += (length + 3) & ~3


def knock(path: Path) -> None:
    """Connect to a unix socket and hang up.

    Raises:
        OSError: why nobody can be reached there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT)
        client.connect(str(path))


def peer_pid(path: Path) -> int | None:
    """Give the pid of the process that listens on a unix socket, or None.

    With socket activation that is the service manager, which lives in the host's namespaces too.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_TIMEOUT)
            client.connect(str(path))
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except OSError:
        return None
    pid: int = struct.unpack("=iII", credentials)[0]
    return pid or None
