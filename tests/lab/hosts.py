"""Hosts of engines: more interfaces, and engines of one test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .engine import Engine
from .situations import Lab


def link(lab: Lab, *words: str) -> None:
    """`ip …` in the engine's network namespace."""
    lab.engine.inside("ip", *words)


@contextmanager
def interface(lab: Lab, name: str, address: str, *, mtu: int = 1500) -> Iterator[None]:
    """One more interface of the host for a while; its cable leads to nobody."""
    far = f"{name}-far"
    ends = ("add", name, "mtu", str(mtu), "type", "veth", "peer", "name", far, "mtu", str(mtu))
    link(lab, "link", *ends)
    try:
        for end in (name, far):
            link(lab, "link", "set", end, "up")
        link(lab, "addr", "add", address, "dev", name)
        yield
    finally:
        link(lab, "link", "del", name)


@contextmanager
def started(engine: Engine) -> Iterator[Lab]:
    """An engine of one test's own."""
    engine.start()
    try:
        with Lab(engine) as lab:
            yield lab
    finally:
        engine.stop()
