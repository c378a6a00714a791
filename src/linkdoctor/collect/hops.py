"""Why a connection was not made: what the namespace of this thread knows of the way.

*No route to host* is what the kernel says for three different things: no route, a neighbour that
does not answer, and an ICMP message that someone on the way sent (a firewall's REJECT, a router).
"""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

from linkdoctor.collect.sockets import has_route
from linkdoctor.model.snapshot import ProbeCause

__all__ = ["cause_of_failure"]

_ARP, _ROUTES = Path("/proc/thread-self/net/arp"), Path("/proc/thread-self/net/route")
_MOST_READ = 1024 * 1024
_COMPLETE = 0x2
_UP, _VIA = 0x1, 0x2


def cause_of_failure(address: str, port: int, *, told: bool) -> ProbeCause:
    """Return why nothing came of a connection to an address, as far as the kernel shows it.

    Args:
        address: that was dialled from the network namespace of this thread.
        port: that was dialled.
        told: whether the kernel said that the peer cannot be reached; else nothing came back.
    """
    if not has_route(address, port):
        return ProbeCause.NO_ROUTE
    answers = _neighbour_answers(address)
    if answers is False:
        return ProbeCause.NO_NEIGHBOUR
    return ProbeCause.REJECTED if told and answers else ProbeCause.NOT_SHOWN


def _neighbour_answers(address: str) -> bool | None:
    """Whether the next hop has told its link address; None if that cannot be seen."""
    if ":" in address:
        return None
    hop = _next_hop(address)
    for line in _text(_ARP).splitlines()[1:]:
        words = line.split()
        if len(words) >= 3 and words[0] == hop:
            return bool(int(words[2], 16) & _COMPLETE)
    return None


def _next_hop(address: str) -> str:
    """Return the gateway to an address, or the address itself if it is on a network of ours."""
    wanted = int(ipaddress.IPv4Address(address))
    best, hop = -1, address
    for line in _text(_ROUTES).splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        destination, gateway, mask = (_number(words[index]) for index in (1, 2, 7))
        flags = int(words[3], 16)
        if flags & _UP and wanted & mask == destination and mask > best:
            best = mask
            hop = str(ipaddress.IPv4Address(gateway)) if flags & _VIA else address
    return hop


def _number(text: str) -> int:
    """Return an address of ``/proc/net/route``, which is printed in the machine's own order."""
    number: int = struct.unpack("!I", struct.pack("=I", int(text, 16)))[0]
    return number


def _text(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return file.read(_MOST_READ)
    except OSError:
        return ""
