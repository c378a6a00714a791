"""The docker CLI's contexts, read from its own directory.

The SDK's reader is not used: where the CLI has no ``config.json`` yet, docker 7.2 looks for
contexts in the working directory, which anyone may have filled (``docs/decisions/0006``).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from linkdoctor.given_files import read_regular

__all__ = ["DEFAULT", "Context", "UnknownContext", "current_context", "load_context"]

DEFAULT = "default"
"""The context that stands for this host's own socket, or ``DOCKER_HOST``."""


_LARGEST = 16 * 1024 * 1024


class UnknownContext(Exception):
    """A context does not exist or cannot be read; the message is one line."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where a context's engine is, and the TLS files for it."""

    url: str
    skip_verification: bool = False
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class _Endpoint(msgspec.Struct):
    Host: str = ""
    SkipTLSVerify: bool = False


class _Meta(msgspec.Struct):
    Name: str
    Endpoints: dict[str, _Endpoint] = {}


class _Configuration(msgspec.Struct):
    currentContext: str = DEFAULT  # noqa: N815 - the name in the file


def current_context(environment: Mapping[str, str]) -> str:
    """Return the name of the context that the docker CLI would use."""
    if name := environment.get("DOCKER_CONTEXT"):
        return name
    file = _directory(environment) / "config.json"
    try:
        return msgspec.json.decode(_content(file), type=_Configuration).currentContext or DEFAULT
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return DEFAULT


def load_context(name: str, environment: Mapping[str, str]) -> Context | None:
    """Read a context; None for the default one.

    Raises:
        UnknownContext: there is none of that name, or it cannot be read.
    """
    if name == DEFAULT:
        return None
    store = _directory(environment) / "contexts"
    identity = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    meta = _meta(store / "meta" / identity / "meta.json")
    endpoint = meta.Endpoints.get("docker") if meta is not None else None
    if endpoint is None or not endpoint.Host:
        known = ", ".join(sorted({DEFAULT, *_names(store)}))
        raise UnknownContext(f"no docker context is called {name!r}; there are: {known}")
    tls = store / "tls" / identity / "docker"
    return Context(
        url=endpoint.Host,
        skip_verification=endpoint.SkipTLSVerify,
        authority=_file(tls / "ca.pem"),
        certificate=_file(tls / "cert.pem"),
        key=_file(tls / "key.pem"),
    )


def _directory(environment: Mapping[str, str]) -> Path:
    if given := environment.get("DOCKER_CONFIG"):
        return Path(given)
    return Path(environment.get("HOME") or Path.home()) / ".docker"


def _content(file: Path) -> bytes:
    return read_regular(file, _LARGEST)


def _meta(file: Path) -> _Meta | None:
    try:
        return msgspec.json.decode(_content(file), type=_Meta)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _names(store: Path) -> list[str]:
    found = (_meta(file) for file in sorted(store.glob("meta/*/meta.json")))
    return [meta.Name for meta in found if meta is not None]


def _file(path: Path) -> Path | None:
    return path if path.is_file() else None
