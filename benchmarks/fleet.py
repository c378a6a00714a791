"""Snapshots of many links, healthy but for a few, to apply rules to.

A block of a hundred links is written down with the rules' own model of an engine; hosts are made
of blocks whose names, ids and addresses differ.
"""

from __future__ import annotations

import msgspec

from linkdoctor.model.snapshot import Container, Snapshot
from linkdoctor.rulekit.world import World

__all__ = ["LINKS_OF_A_BLOCK", "fleet"]

LINKS_OF_A_BLOCK = 100

_SOURCES = 25
_TARGETS = 25
_LINKS_OF_A_TARGET = 4
_ON_A_NETWORK = 5
"""Every fifth target is on a user-defined network, with its sources."""
_MARK = "-x0"
_IDS = "0" * 24
_ALIASES = ("db", "cache", "queue", "api")
_PUBLISHED = 20000
_MOST_PUBLISHED = 40000


def fleet(links: int, *, links_of_a_host: int, faulty: bool = False) -> tuple[Snapshot, ...]:
    """Return hosts with so many links in all.

    Args:
        links: how many; a multiple of 100.
        links_of_a_host: how many of them a host has; likewise.
        faulty: every link is broken, and not only a few in a hundred.
    """
    block = _block(faulty)
    text = msgspec.json.encode(block.containers).decode()
    blocks = links_of_a_host // LINKS_OF_A_BLOCK
    return tuple(
        msgspec.structs.replace(
            block,
            host=f"host{number}",
            engine=msgspec.structs.replace(block.engine, name=f"host{number}"),
            host_addresses=msgspec.structs.replace(
                block.host_addresses, value=(f"10.77.{number // 250}.{number % 250 + 1}",)
            ),
            containers=tuple(
                container for each in range(blocks) for container in _copied(text, number, each)
            ),
        )
        for number in range(links // links_of_a_host)
    )


def _copied(text: str, host: int, block: int) -> tuple[Container, ...]:
    renamed = (
        text.replace(_MARK, f"-{host}x{block}")
        .replace(_IDS, f"{host:012x}{block:012x}")
        .replace('"172.17.0.', f'"172.{32 + block // 250}.{block % 250}.')
        .replace("//172.17.0.", f"//172.{32 + block // 250}.{block % 250}.")
        .replace('"172.18.0.', f'"172.{64 + block // 250}.{block % 250}.')
        .replace(f'"host_port":{_PUBLISHED}', f'"host_port":{_PUBLISHED + block % _MOST_PUBLISHED}')
    )
    return msgspec.json.decode(renamed, type=tuple[Container, ...])


def _block(faulty: bool) -> Snapshot:
    world = World().network("back", subnets=("172.18.0.0/16",))
    for number in range(_SOURCES):
        world.run(
            _source(number),
            expose=[5000, 9000],
            listen=[5000, 9000],
            env={"LANG": "C.UTF-8", "APP_ENV": "production", "MAX_CONNECTIONS": "100"},
            network="back" if number % _ON_A_NETWORK == 0 else None,
        )
    for number in range(_TARGETS):
        on_network = number % _ON_A_NETWORK == 0
        fellows = [each for each in range(_SOURCES) if (each % _ON_A_NETWORK == 0) == on_network]
        world.run(
            f"web{number}{_MARK}",
            link=[
                f"{_source(fellows[(number + each) % len(fellows)])}:{_ALIASES[each]}"
                for each in range(_LINKS_OF_A_TARGET)
            ],
            listen=[8080],
            publish={8080: _PUBLISHED} if number == 1 else None,
            env=_settings(),
            network="back" if on_network else None,
        )
    if faulty:
        for number in range(_SOURCES):
            world.move(_source(number)) if number % 2 else world.recreate(_source(number))
    else:
        world.move(_source(1))
    return world.snapshot()


def _source(number: int) -> str:
    return f"app{number}{_MARK}"


def _settings() -> dict[str, str]:
    return {
        "LANG": "C.UTF-8",
        "APP_ENV": "production",
        "LOG_LEVEL": "info",
        "SECRET_KEY": "not a real one",
        "DATABASE_URL": "postgres://web@db:5000/web",
        "REDIS_HOST": "cache",
        "REDIS_PORT": "5000",
        "API_URL": "http://api:9000/",
    }
