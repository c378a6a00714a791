"""A real engine full of linked containers, in a network namespace of its own."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clients import clients
from benchmarks.measuring import environment, linkdoctor, measured, side_by_side
from benchmarks.results import Row, ratio, told
from tests.lab import leftovers
from tests.lab.engine import Engine, unavailable
from tests.lab.situations import Lab

__all__ = ["TABLE", "linked_engine", "live"]

TABLE = "A real engine"
_AFAR = "127.0.0.1:2375"
"""The engine's second address, inside its namespace: asked there, no ``/proc`` is used."""
_PORT = 5000
_DUMP, _RUNBOOK, _SEQUENTIAL = 2.5, 1 / 20, 1 / 5
_HAND = """
for target in $(docker ps -q --filter name=web); do
    docker exec "$target" env > "$1/env"
    docker exec "$target" cat /etc/hosts > "$1/hosts"
    said=$(sed -n 's/^HELLOAPP_PORT_5000_TCP_ADDR=//p' "$1/env")
    leads=$(awk '$2 == "helloapp" { print $1 }' "$1/hosts")
    [ "$said" = "$leads" ] || echo "$target: $said is not $leads"
done
"""
"""The runbook: of each linked target compare what its variables say with where its alias leads."""


def live(quick: bool) -> Iterator[Row]:
    """Measure `check` against the dump and the runbook, and from afar against single calls."""
    if reason := unavailable():
        print(f"no real engine: {reason}", file=sys.stderr)
        return
    links = 4 if quick else 100
    with linked_engine(links) as engine:
        variables = environment(DOCKER_HOST=engine.url)
        others = clients()
        commands = (linkdoctor("check"), *(client.dump for client in others))
        check, *dumps = side_by_side(commands, variables, 1 if quick else 9)
        hand = measured(("sh", "-c", _HAND, "sh", str(engine.home)), variables)
        beside = ["nsenter", f"--net={leftovers.NAMESPACES / engine.namespace}", "--"]
        far = [*beside, *linkdoctor("check", "-H", f"tcp://{_AFAR}")]
        afar = side_by_side((far,), environment(), 1 if quick else 2)[0]
        sequential = _one_after_another(engine.socket)
        shown = f"check of {2 * links} containers, {links} links,"
        pairs = (
            *(
                (
                    f"{shown} against docker inspect of all ({client.version})",
                    check,
                    dump.seconds,
                    _DUMP,
                )
                for client, dump in zip(others, dumps, strict=True)
            ),
            (f"{shown} against the runbook by hand", check, hand.seconds, _RUNBOOK),
            (
                f"{links} targets from afar, against one call after another",
                afar,
                sequential,
                _SEQUENTIAL,
            ),
        )
        for what, ours, theirs, target in pairs:
            how = f"{ours.processor * 1000:.0f} ms of processor time"
            asked = None if quick else target
            yield ratio(TABLE, what, ours.seconds, theirs, asked, note=how)
        yield told(TABLE, f"peak memory, {2 * links} containers", check.peak / 1024, "MiB")


@contextmanager
def linked_engine(links: int) -> Iterator[Engine]:
    """Run an engine with twice as many containers as links: a source and a target for each."""
    engine = Engine("bench", tcp=_AFAR)
    engine.start()
    try:
        with Lab(engine) as lab:
            _fill(lab, links)
        yield engine
    finally:
        engine.stop()


def _fill(lab: Lab, links: int) -> None:
    sleeper = lab.image("shop/worker:2", command=["sleep", "100000"])

    def pair(number: int) -> None:
        app = f"app{number}"
        lab.run(app, listen=_PORT)
        lab.run(f"web{number}", image=sleeper, link=f"{app}:helloapp", command=[])

    pair(0)  # alone, so that the images are there for all others
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(pair, range(1, links)))


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


def _one_after_another(path: Path) -> float:
    """Return the seconds of one archive and one top call for each target, one after another."""
    connection = _Connection(path)

    def got(url: str) -> bytes:
        connection.request("GET", f"/v1.41{url}")
        return connection.getresponse().read()

    rows = json.loads(got("/containers/json?all=1"))
    targets = [str(row["Id"]) for row in rows if row["Names"][0].startswith("/web")]
    begun = time.perf_counter()
    for target in targets:
        got(f"/containers/{target}/archive?path=/etc/hosts")
        got(f"/containers/{target}/top?ps_args=eww%20-o%20pid,args")
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds
