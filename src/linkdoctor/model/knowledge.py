"""What is known beforehand: which names images expect, and what the user declared."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Declaration", "ImageExpectation", "Knowledge", "Reading", "image_name"]


class Reading(StrEnum):
    """How an image finds its peer."""

    VARIABLES = "variables"
    NAME = "name"


class ImageExpectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One name that an image expects, unless a setting names another."""

    images: tuple[str, ...]
    """Repository names without registry and tag; official images without ``library/``."""
    reads: Reading
    names: tuple[str, ...]
    """The names that satisfy it: any one of them will do."""
    ports: tuple[int, ...] = ()
    """The ports at which the peer is dialled: they tell a peer under another name."""
    settings: tuple[str, ...] = ()
    """The variables of the image that replace the default."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user's configuration says of containers."""

    container: str
    """A container's name, or a glob over names."""
    expects: tuple[str, ...] = ()
    """Names that the container must be able to reach."""
    publishes: tuple[int, ...] = ()
    """TCP ports that must be reachable from outside the host."""


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known beforehand."""

    images: tuple[ImageExpectation, ...] = ()
    declarations: tuple[Declaration, ...] = ()

    def of_image(self, image: str) -> tuple[ImageExpectation, ...]:
        """Return what a container of this image expects."""
        name = image_name(image)
        return tuple(row for row in self.images if name in row.images)


def image_name(reference: str) -> str:
    """Reduce an image reference to its repository: registry, tag and digest go.

    ``docker.io/library/redis:7`` → ``redis``; ``registry:5000/team/web@sha256:…`` → ``team/web``.
    """
    name = reference.partition("@")[0]
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        name = rest
    directory, slash, last = name.rpartition("/")
    name = f"{directory}{slash}{last.partition(':')[0]}"
    return name.removeprefix("library/")
