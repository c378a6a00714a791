"""The evidence of the engine's host, read on that host: from inside the engine's namespace.

Who answers on the socket is the engine itself, or with socket activation the service manager,
which lives in the host's namespace too. It may also be someone who passes requests on: then
this host is not the engine's, and nothing is read of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from linkdoctor.collect import procfs, sockets
from linkdoctor.collect.firewall import Unlisted, firewall_here
from linkdoctor.collect.nftables import nftables_here
from linkdoctor.collect.unknown_reasons import ONLY_NEAR
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.snapshot import Firewall, Interface, Listener, Network, Route
from linkdoctor.rulekit.variable_users import ESCAPE

__all__ = ["Host", "look_at_host"]

T = TypeVar("T")

_NOT_THE_ENGINE = Unknown(
    gap=Gap.UNSUPPORTED, detail="something other than the engine answers on the socket"
)
_WANTS_NONE = Unknown(
    gap=Gap.UNSUPPORTED,
    detail="the engine has no rules, and its settings, which may say so, could not be read",
)
_KEEPS_VARIABLES = ESCAPE.encode()
_ENGINE = "dockerd"
_SERVICE_MANAGER = 1
_LARGEST_FILE = 256 * 1024
_NO = ("false", "f", "0")


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of the engine's host, by the fields of the snapshot."""

    host_addresses: Evidence[tuple[str, ...]] = ONLY_NEAR
    host_listeners: Evidence[tuple[Listener, ...]] = ONLY_NEAR
    routes: Evidence[tuple[Route, ...]] = ONLY_NEAR
    interfaces: Evidence[tuple[Interface, ...]] = ONLY_NEAR
    firewall: Evidence[Firewall] = ONLY_NEAR
    keeps_link_variables: Evidence[bool] = ONLY_NEAR


def look_at_host(
    pid: int | None,
    networks: Evidence[tuple[Network, ...]],
    firewall_backend: str,
) -> Host:
    """Read what only the engine's own machine shows.

    Args:
        pid: of who answers on the engine's socket; None if it is asked from afar.
        networks: its networks, whose bridges tell its namespace from another.
        firewall_backend: what the engine says (28 and newer); '' if it says nothing.
    """
    if pid is None:
        return Host()
    is_engine = _command_name(pid) == _ENGINE
    where = f"network namespace of the engine (pid {pid})"
    read = partial(_read, Path(f"/proc/{pid}/ns/net"))
    interfaces = read(sockets.interfaces_here, where)
    bridges = tuple(
        each.bridge
        for each in (networks.value if isinstance(networks, Known) else ())
        if each.bridge
    )
    host = Host(
        host_addresses=read(sockets.addresses_here, where),
        host_listeners=read(sockets.listeners_here, where),
        interfaces=interfaces,
        keeps_link_variables=_keeps_link_variables(pid) if is_engine else _NOT_THE_ENGINE,
    )
    if not is_engine and not (pid == _SERVICE_MANAGER and _has_all(interfaces, bridges)):
        return msgspec.structs.replace(
            host, interfaces=_NOT_THE_ENGINE, routes=_NOT_THE_ENGINE, firewall=_NOT_THE_ENGINE
        )
    nftables = firewall_backend.startswith("nftables")
    firewall = read(
        nftables_here if nftables else lambda: firewall_here(bridges),
        f"firewall rules in the {where}",
    )
    if isinstance(firewall, Known):
        firewall = _explained(firewall, _manages_firewall(pid) if is_engine else None)
    return msgspec.structs.replace(host, routes=read(sockets.routes_here, where), firewall=firewall)


def _read(namespace: Path, action: Callable[[], T], source: str) -> Evidence[T]:
    try:
        return Known(sockets.in_namespace(namespace, action), source)
    except Unlisted as reason:
        return Unknown(gap=reason.gap, detail=str(reason))
    except sockets.TooMany as error:
        return Unknown(gap=Gap.CUT, detail=str(error))
    except sockets.NamespaceSilent as error:
        return Unknown(gap=Gap.TIMED_OUT, detail=str(error))
    except sockets.NamespaceDenied as error:
        return Unknown(gap=Gap.DENIED, detail=str(error))
    except OSError as error:
        # The kernel's own words, without the path: that is one of ours and says nothing.
        said = f"{error.strerror}; run as root" if error.strerror else str(error)
        return Unknown(gap=Gap.DENIED, detail=said)


def _explained(firewall: Known[Firewall], managed: bool | None) -> Evidence[Firewall]:
    """Say whether the engine wants to have rules: without any that decides what to think of it."""
    if managed is None:
        return firewall if firewall.value.chains else _WANTS_NONE
    return Known(msgspec.structs.replace(firewall.value, managed=managed), firewall.source)


def _has_all(interfaces: Evidence[tuple[Interface, ...]], bridges: Sequence[str]) -> bool:
    if isinstance(interfaces, Unknown):
        return True  # the reason why it could not be read is said
    return set(bridges) <= {each.name for each in interfaces.value}


def _command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return ""


def _keeps_link_variables(pid: int) -> Evidence[bool]:
    file = Path(f"/proc/{pid}/environ")
    try:
        entries = file.read_bytes().split(b"\0")
    except OSError as error:
        return Unknown(gap=Gap.DENIED, detail=f"{error.strerror}; run as root")
    return Known(_KEEPS_VARIABLES in entries, str(file))


def _manages_firewall(pid: int) -> bool | None:
    """Whether the engine manages the firewall, by its command line and its settings file."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
        settings = _settings(pid, words)
    except (OSError, ValueError, RecursionError):
        return None
    flags = [word for word in words if re.fullmatch(r"--iptables(=.*)?", word)]
    if flags:
        return flags[-1].partition("=")[2].lower() not in _NO
    return settings.get("iptables") is not False


def _settings(pid: int, words: Sequence[str]) -> dict[str, object]:
    """Read the settings file that the engine was started with; it may have none."""
    path, named = "/etc/docker/daemon.json", False
    for word, following in zip(words, (*words[1:], ""), strict=True):
        if word == "--config-file":
            path, named = following, True
        elif word.startswith("--config-file="):
            path, named = word.partition("=")[2], True
    if "--rootless" in words and not named:
        raise ValueError("a rootless engine keeps its settings elsewhere")
    descriptor = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        text = procfs.read_inside(procfs.Proc(pid, descriptor), path, _LARGEST_FILE)
    except FileNotFoundError:
        return {}
    finally:
        os.close(descriptor)
    settings = json.loads(text or b"{}")
    return settings if isinstance(settings, dict) else {}
