"""Records the hosts that `linkdoctor demo` shows, from real engines with our own collector.

``python -m tests.lab.recording`` writes them into the package; a lab test makes the same
situation anew and finds the same faults.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

import linkdoctor
from linkdoctor.api import DEMO_FILES, Examination, Url, examine, snapshot_bytes
from linkdoctor.model.snapshot import Snapshot

from .engine import Engine, join
from .situations import Lab

DATA = Path(linkdoctor.__file__).parent / "data"
HELLO = "carinamarina/hello-world-web:latest"
DEMO = {
    ("alpha", "LD102", "report", "db"),
    ("alpha", "LD201", "web", "helloapp"),
    ("alpha", "LD301", "hello", "helloapp"),
    ("alpha", "LD302", "crawler", "queue"),
    ("alpha", "LD401", "portal", "billing"),
    ("beta", "LD505", "storefront", "10.77.0.1"),
}
"""The faults of the recording: host, code, target, alias."""


def make_situation(alpha: Lab, beta: Lab) -> None:
    """Make all five families of faults, and healthy links beside them, on two joined hosts."""
    sleeper = alpha.image("shop/worker:2", command=["sleep", "100000"])
    # healthy
    alpha.run("cache", listen=6379)
    alpha.run("api", image=sleeper, link="cache:redis", env={"REDIS_HOST": "redis"}, command=[])
    # a port that a container of the other host dials, and that is not published
    alpha.run("catalog", listen=8080)
    # the source came back elsewhere: stale variables
    alpha.run("app", listen=5000)
    alpha.run("web", image=sleeper, link="app:helloapp", listen=80, publish={80: 18080})
    # linked under the wrong alias
    hello = alpha.image(HELLO, command=["sleep", "100000"])
    alpha.run("hello", image=hello, link="app:app", command=[])
    # recreated: a ghost
    alpha.run("db", listen=5432)
    alpha.run("report", image=sleeper, link="db:db", command=[])
    alpha.recreate("db")
    # disconnected from the bridge and connected again with another address
    alpha.run("queue", listen=5672)
    alpha.run("crawler", image=sleeper, link="queue:queue", command=[])
    # the source of a link is on the other host
    alpha.network("back")
    alpha.run("portal", image=sleeper, network="back", link="billing:billing", command=[])
    beta.run("billing", listen=9000)
    storefront = beta.image("shop/storefront:7", command=["sleep", "100000"])
    beta.run(
        "storefront",
        image=storefront,
        env={"CATALOG_URL": "http://10.77.0.1:8080/items"},
        command=[],
    )
    alpha.move("app")
    alpha.restart("hello")
    alpha.disconnect("bridge", "queue")
    alpha.run("squatter")
    alpha.connect("bridge", "queue")
    alpha.remove("app-squatter1", "squatter")


def record() -> tuple[Snapshot, ...]:
    """Start two engines, make the situation, and see what there is."""
    engines = (Engine("alpha"), Engine("beta"))
    try:
        for engine in engines:
            engine.start()
        join(*engines)
        with Lab(engines[0]) as alpha, Lab(engines[1]) as beta:
            make_situation(alpha, beta)
            seen = examine([Url(alpha.url), Url(beta.url)])
    finally:
        for engine in engines:
            engine.stop()
    return settled(seen)


def settled(seen: Examination) -> tuple[Snapshot, ...]:
    """Return the snapshots as they would be an hour later, without a path of the lab."""
    assert not seen.unreachable, seen.unreachable
    return tuple(
        msgspec.structs.replace(each, endpoint="unix:///var/run/docker.sock")
        for each in seen.snapshots
    )


def main() -> None:
    """Write the recording into the package."""
    snapshots = record()
    assert [f"demo-{each.host}.json.gz" for each in snapshots] == list(DEMO_FILES)
    for snapshot in snapshots:
        (DATA / f"demo-{snapshot.host}.json.gz").write_bytes(snapshot_bytes(snapshot))


if __name__ == "__main__":
    main()
