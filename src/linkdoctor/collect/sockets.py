"""Raw sockets: who listens in a network namespace, which addresses it has, who answers there.

``SOCK_DIAG`` with the state LISTEN asks the kernel for listening sockets alone, where
``/proc/net/tcp`` would walk its whole table of connections.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from linkdoctor.collect import kernel, netlink_answers
from linkdoctor.model.snapshot import Interface, Listener, ProbeOutcome, Route

__all__ = [
    "Dialled",
    "NamespaceDenied",
    "NamespaceSilent",
    "Peeked",
    "Shut",
    "TooMany",
    "addresses_here",
    "claim",
    "claimant",
    "dial",
    "enter",
    "has_route",
    "in_namespace",
    "interfaces_here",
    "is_silent",
    "knock",
    "listeners_here",
    "peer_pid",
    "routes_here",
    "shut",
    "sockets_here",
    "unix_stream",
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
_TIMEOUT = 5.0

_RTM_GETADDR, _RTM_GETLINK, _RTM_GETROUTE = 22, 18, 26
_LINK, _ROUTE = struct.Struct("=BxHiII"), struct.Struct("=BBBBBBBBI")
_MOST_ROUTES = 10_000

_NO_ROUTE = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EACCES,  # a route of type prohibit
        errno.EPERM,
        errno.EINVAL,  # a route of type blackhole
    }
)
"""What the kernel says of a peer that it has no way to."""


class Shut(Protocol):
    """A stream that can be ended."""

    def shutdown(self, how: int, /) -> None:
        """As :meth:`socket.socket.shutdown`."""
        ...


class Peeked(Protocol):
    """A stream that can be looked into."""

    def settimeout(self, seconds: float, /) -> None:
        """As :meth:`socket.socket.settimeout`."""
        ...

    def recv(self, most: int, flags: int, /) -> bytes:
        """As :meth:`socket.socket.recv`."""
        ...


class TooMany(OSError):
    """The kernel tells of more than is read."""


class NamespaceDenied(Exception):
    """This process may not enter a network namespace."""


class NamespaceSilent(NamespaceDenied):
    """What was done in a network namespace did not end in time."""


def in_namespace(namespace: Path, action: Callable[[], T]) -> T:
    """Run an action in another network namespace, in a thread that ends with it.

    Raises:
        NamespaceSilent: it did not end in time.
        NamespaceDenied: entering needs CAP_SYS_ADMIN, or the namespace is gone.
    """
    result: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            enter(namespace)
            result.append(action())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work, name="linkdoctor-namespace", daemon=True)
    thread.start()
    thread.join(_TIMEOUT)
    if failure:
        raise failure[0]
    if not result:
        raise NamespaceSilent("the network namespace did not answer in time")
    return result[0]


def enter(namespace: Path) -> None:
    """Take this thread into another network namespace, for as long as it lives.

    Raises:
        NamespaceDenied: as :func:`in_namespace`.
    """
    try:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NamespaceDenied(_denial(error.errno or 0)) from None
    try:
        kernel.enter_network(descriptor)
    except OSError as error:
        raise NamespaceDenied(_denial(error.errno or 0)) from None
    finally:
        os.close(descriptor)


def _denial(number: int) -> str:
    return f"cannot enter its network namespace ({os.strerror(number)}); run as root"


def listeners_here() -> tuple[Listener, ...]:
    """Return the listening sockets of the namespace of this thread, sorted.

    Raises:
        OSError: the kernel does not answer.
    """
    return tuple(sorted({listener for listener, _ in sockets_here()}))


def sockets_here() -> tuple[tuple[Listener, int], ...]:
    """Return the listening sockets of the namespace of this thread, each with its inode, sorted.

    Several sockets may listen at one place (``SO_REUSEPORT``). A process that holds a socket has
    a descriptor that leads to its inode; no two sockets of this machine share one.

    Raises:
        OSError: the kernel does not answer.
    """
    bound: set[tuple[Listener, int, int]] = set()
    with _netlink(_NETLINK_SOCK_DIAG) as link:
        for protocol, number, state in (
            ("tcp", socket.IPPROTO_TCP, _TCP_LISTEN),
            ("udp", socket.IPPROTO_UDP, _UNCONNECTED),
        ):
            for family in (socket.AF_INET, socket.AF_INET6):
                request = _REQUEST.pack(family, number, 0, 0, 1 << state, b"")
                for payload in _answers(link, _SOCK_DIAG_BY_FAMILY, request):
                    if listener := netlink_answers.listener(payload, protocol):
                        inode = netlink_answers.inode(payload)
                        bound.add((listener, inode, netlink_answers.bound_interface(payload)))
    return tuple(sorted(_with_devices(bound)))


def _with_devices(
    bound: Collection[tuple[Listener, int, int]],
) -> Iterator[tuple[Listener, int]]:
    """Name the interfaces that listeners are bound to; hardly any is bound to one."""
    numbers = {number for _, _, number in bound if number}
    names = {number: each.name for number, each in _numbered_interfaces()} if numbers else {}
    addresses = _addresses_by_interface() if numbers else {}
    for listener, inode, number in bound:
        if number:
            listener = msgspec.structs.replace(
                listener,
                device=names.get(number, f"interface {number}"),
                device_addresses=tuple(sorted(addresses.get(number, ()))),
            )
        yield listener, inode


def addresses_here() -> tuple[str, ...]:
    """Return the addresses of the namespace of this thread, loopback left out, sorted.

    Raises:
        OSError: the kernel does not answer.
    """
    found: set[str] = set()
    request = struct.pack("=BBBBI", socket.AF_UNSPEC, 0, 0, 0, 0)
    for payload in _dump(socket.NETLINK_ROUTE, _RTM_GETADDR, request):
        found.update(
            str(address)
            for address in netlink_answers.addresses(payload)
            if not address.is_loopback and not address.is_link_local
        )
    return tuple(sorted(found))


def _addresses_by_interface() -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    request = struct.pack("=BBBBI", socket.AF_UNSPEC, 0, 0, 0, 0)
    for payload in _dump(socket.NETLINK_ROUTE, _RTM_GETADDR, request):
        if number := netlink_answers.interface_of_address(payload):
            found.setdefault(number, set()).update(map(str, netlink_answers.addresses(payload)))
    return found


def interfaces_here() -> tuple[Interface, ...]:
    """Return the interfaces of the namespace of this thread, sorted.

    Raises:
        OSError: the kernel does not answer.
    """
    return tuple(sorted(interface for _, interface in _numbered_interfaces()))


def _numbered_interfaces() -> Iterator[tuple[int, Interface]]:
    request = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    for payload in _dump(socket.NETLINK_ROUTE, _RTM_GETLINK, request):
        if (found := netlink_answers.numbered_interface(payload)) is not None:
            yield found


def routes_here() -> tuple[Route, ...]:
    """Return the routes of the main table of the namespace of this thread, sorted.

    Those of link-local addresses are left out: every interface has one.

    Raises:
        TooMany: there are more routes than are read.
        OSError: the kernel does not answer.
    """
    names = {number: interface.name for number, interface in _numbered_interfaces()}
    found: set[Route] = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        request = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        for payload in _dump(socket.NETLINK_ROUTE, _RTM_GETROUTE, request):
            found.update(netlink_answers.routes(payload, names))
            if len(found) > _MOST_ROUTES:
                raise TooMany("there are more routes than are read")
    return tuple(sorted(found))


def _netlink(family: int) -> socket.socket:
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, family)
    link.settimeout(_TIMEOUT)
    return link


def _dump(family: int, kind: int, request: bytes) -> Iterator[bytes]:
    """Send one netlink dump request on a socket of its own; yield the payload of each answer."""
    with _netlink(family) as link:
        yield from _answers(link, kind, request)


def _answers(link: socket.socket, kind: int, request: bytes) -> Iterator[bytes]:
    """Send one netlink dump request and yield the payload of each answer, all of them."""
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
    raise TooMany("the kernel lists more than is read")


def knock(path: Path) -> None:
    """Connect to a unix socket and hang up.

    Raises:
        OSError: why nobody can be reached there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT)
        client.connect(str(path))


def unix_stream(path: Path, timeout: float) -> socket.socket:
    """Connect to a unix socket and stay connected.

    Raises:
        OSError: why nobody can be reached there.
    """
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        client.settimeout(timeout)
        client.connect(str(path))
    except BaseException:
        client.close()
        raise
    return client


def shut(stream: Shut) -> None:
    """End a connection that another thread may be waiting on: it is told that nothing follows."""
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def is_silent(stream: Peeked) -> bool:
    """Whether the other side has neither said anything nor hung up.

    The stream does not wait any more, until it is given a time-out.
    """
    try:
        stream.settimeout(0)
        stream.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class Dialled(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt to connect."""

    outcome: ProbeOutcome
    seconds: float
    unreachable: bool = False
    """The kernel said that the host or its network cannot be reached."""


def dial(address: str, port: int, timeout: float) -> Dialled:
    """Connect by TCP from the namespace of this thread, and hang up at once. Nothing is sent.

    Args:
        address: an IPv4 or IPv6 address, never a name.
        port: the port.
        timeout: seconds to wait for an answer.

    Raises:
        OSError: this machine cannot try it (no descriptors left, for one).
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as client:
        client.settimeout(timeout)
        begun = time.monotonic()
        unreachable = False
        try:
            client.connect((address, port))
            outcome = ProbeOutcome.CONNECTED
        except TimeoutError:
            outcome = ProbeOutcome.TIMED_OUT
        except (ConnectionRefusedError, ConnectionResetError):
            outcome = ProbeOutcome.REFUSED
        except OSError as error:
            if error.errno not in _NO_ROUTE:
                raise
            outcome = ProbeOutcome.NO_ROUTE
            unreachable = error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
        seconds = time.monotonic() - begun
        return Dialled(outcome=outcome, seconds=seconds, unreachable=unreachable)


def has_route(address: str, port: int) -> bool:
    """Whether the routes of this thread's namespace know an address. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asked:
        try:
            asked.connect((address, port))
        except OSError:
            return False
    return True


def claim(name: str) -> socket.socket | None:
    """Take a name among the abstract unix sockets of this network namespace; None if it is taken.

    It is free again when the last process that holds the socket is gone. Raises OSError.
    """
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        held.bind(f"\0{name}")
        held.listen()
    except OSError as error:
        held.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return held


def claimant(name: str) -> int | None:
    """Return the pid of the process that took a name, or None if that cannot be told."""
    return _listener_pid(f"\0{name}")


def peer_pid(path: Path) -> int | None:
    """Return the pid of the process that listens on a unix socket, or None.

    With socket activation that is the service manager, which lives in the host's namespaces too.
    """
    return _listener_pid(str(path))


def _listener_pid(address: str) -> int | None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_TIMEOUT)
            client.connect(address)
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except OSError:
        return None
    pid: int = struct.unpack("=iII", credentials)[0]
    return pid or None
