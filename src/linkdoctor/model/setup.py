"""How a container was made: what its successor is told, sorted by what an action may change.

:mod:`linkdoctor.rulekit.run_setup` reads it out of an inspect, :mod:`linkdoctor.rulekit.run_words`
changes it and says it in the words of ``docker run``. What may hold a secret stands in `private`:
a snapshot keeps of it only what it is, not what it says.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from linkdoctor.model.links import HostsLine, StoredLink

__all__ = ["Attachment", "Part", "Private", "Setup", "withheld"]


class Part(StrEnum):
    """What may hold a secret, and can be fetched from the old container when it is needed."""

    ENVIRONMENT = "environment"
    LABELS = "labels"
    LOG_OPTIONS = "log options"
    HEALTH = "health check"
    ENTRYPOINT = "entry point"
    COMMAND = "command"
    OTHER = "options of drivers"
    """What is too rare for a way of its own: a command with it is not printed."""


class Private(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Words that may hold a secret."""

    part: Part
    names: tuple[str, ...] = ()
    """Of variables, in their order."""
    words: tuple[str, ...] | None = None
    """None where they were withheld."""


class Attachment(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A place on a network, as it was asked for."""

    network: str
    aliases: tuple[str, ...] = ()
    links: tuple[StoredLink, ...] = ()
    options: tuple[str, ...] = ()
    """Its addresses, in the words that ``docker run`` and ``docker network connect`` share."""
    hardware_address: str = ""
    driver_options: tuple[str, ...] | None = ()
    """``name=value``; None where they were withheld."""


class Setup(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How a container was made, and what no command line can say of it."""

    image: str
    """Its name, or its id where the name leads to another one today."""
    options: tuple[str, ...] = ()
    """Words that hold no secret, and that no action changes."""
    private: tuple[Private, ...] = ()
    network_mode: str = "default"
    attachments: tuple[Attachment, ...] = ()
    """That of the network mode first; the others are connected before it starts."""
    links: tuple[StoredLink, ...] = ()
    """Those on the default bridge."""
    publish: tuple[str, ...] = ()
    publish_all: bool = False
    expose: tuple[str, ...] = ()
    extra_hosts: tuple[HostsLine, ...] = ()
    dns_search: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    """What no words say: a command without it would make another container."""
    refused: str = ""
    """Why it cannot be replaced without a loss at all, or by anyone but its owner."""


def withheld(setup: Setup) -> Setup:
    """Take out of a setup what may hold a secret."""
    return msgspec.structs.replace(
        setup,
        private=tuple(msgspec.structs.replace(each, words=None) for each in setup.private),
        attachments=tuple(
            msgspec.structs.replace(each, driver_options=None) if each.driver_options else each
            for each in setup.attachments
        ),
    )
