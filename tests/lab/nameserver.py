"""A DNS server of our own, on the loopback address of a container, where the lab's engines forward
what their embedded DNS does not know."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from linkdoctor.collect.sockets import in_namespace

from .situations import Lab

ANYTHING = "*"
"""Stands for every name."""


@contextmanager
def nameserver(lab: Lab, name: str, known: Mapping[str, str]) -> Iterator[list[str]]:
    """Answer a container's queries: no name exists but those known. Gives what is asked."""
    namespace = Path(f"/proc/{lab.pid(name)}/ns/net")
    server = in_namespace(namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server.bind(("127.0.0.1", 53))
    server.settimeout(20.0)
    asked: list[str] = []
    thread = threading.Thread(target=_answer, args=(server, known, asked))
    thread.start()
    try:
        yield asked
    finally:
        server.sendto(b"", server.getsockname())
        thread.join()
        server.close()


def _answer(server: socket.socket, known: Mapping[str, str], asked: list[str]) -> None:
    """Answer queries until an empty one comes."""
    while True:
        try:
            packet, sender = server.recvfrom(512)
        except TimeoutError:
            return
        if not packet:
            return
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        asked.append(name)
        reply = dns.message.make_response(query)
        address = known.get(name, known.get(ANYTHING))
        if address is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", address))
        server.sendto(reply.to_wire(), sender)
