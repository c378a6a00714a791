"""A container's description turned into the order for one that is the same, but for an action.

Pure: what ``GET /containers/<id>/json`` gave goes in, the body of ``POST /containers/create`` comes
out. The engine's own words are carried over as they are; what stands here is where posting them
back would not give the same container (engine lab: ``test_recreate``).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from linkdoctor.fix.bindings import bindings_for, with_bindings
from linkdoctor.model.actions import Namespace, Recreate
from linkdoctor.model.links import StoredLink, parse_stored_link
from linkdoctor.model.network_mode import (
    Host,
    Own,
    Shared,
    is_default_bridge,
    mode_sharing,
    parse_network_mode,
    shared_reference,
)
from linkdoctor.rulekit.owners import Owner, owner

__all__ = [
    "NEW_SUFFIX",
    "OLD_SUFFIX",
    "UNDONE_SUFFIX",
    "Owner",
    "Raw",
    "Recreation",
    "Surroundings",
    "aside_name",
    "is_aside",
    "is_copy_of",
    "owner",
    "recreation",
    "shared_by",
    "unrepeatable",
]

Raw = dict[str, Any]
"""A part of an answer or body, as the engine has it."""

OLD_SUFFIX = "-linkdoctor-old"
"""Behind the name of the container that was replaced, while it is kept."""
NEW_SUFFIX = "-linkdoctor-new"
"""Behind the name of a replacement that had to make way."""

UNDONE_SUFFIX = "-linkdoctor-undone"
"""Behind the name of a replacement that was taken back, where it wrote something of its own."""

_ASIDE = re.compile(rf"({OLD_SUFFIX}|{UNDONE_SUFFIX})(-[0-9]+)?$")
_PER_ENDPOINT_MAC = (1, 44)
"""The first API that takes a MAC per network, and several networks at creation."""
_SHORT_ID = 12
_VOLUME_PATH = re.compile(r"/volumes/([^/]+)/_data/?$")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known besides the container itself."""

    api: tuple[int, ...]
    """The version of the API that is spoken."""
    host_name: str = ""
    """The engine's host name: what a container on the host's network is called."""
    name_leads_to: str | None = None
    """The id of the image that ``Config.Image`` leads to today; None if to none."""
    image: Raw = msgspec.field(default_factory=dict)
    """The image that the container was made of, by its id."""
    gone: frozenset[str] = frozenset()
    """The containers of ``HostConfig.VolumesFrom`` that are gone."""


class Recreation(msgspec.Struct, frozen=True, kw_only=True):
    """The order for the new container."""

    body: Raw
    """Of ``POST /containers/create``."""
    connect: tuple[tuple[str, Raw], ...] = ()
    """Networks and endpoint settings to connect it to afterwards, before it starts."""
    needs: tuple[str, ...] = ()
    """The containers that must run for it to start: sources of links on the default bridge."""


def aside_name(name: str, number: int = 1, suffix: str = OLD_SUFFIX) -> str:
    """Return the name under which a container is put aside; a number tells it from earlier ones."""
    return name + suffix + (f"-{number}" if number > 1 else "")


def is_aside(name: str) -> bool:
    """Whether a name is one under which a container was put aside, or that of a replacement."""
    return _ASIDE.search(name) is not None or name.endswith(NEW_SUFFIX)


def unrepeatable(raw: Raw) -> str | None:
    """Say why a container cannot be replaced without a loss; None if it can."""
    host = raw["HostConfig"]
    if host.get("AutoRemove"):
        return "it is removed as soon as it stops (--rm), and its anonymous volumes with it"
    state = raw["State"]
    if state.get("Paused"):
        return "it is paused; unpause it first"
    if state.get("Dead") or state.get("Status") == "removing":
        return "it is being removed"
    return None


def is_copy_of(candidate: Raw, old: Raw) -> bool:
    """Whether a container is set up just as another one, in all that no action changes."""
    same = ("Cmd", "Entrypoint", "Labels", "User", "WorkingDir")
    return (
        candidate.get("Image") == old.get("Image")
        and set(old["Config"].get("Env") or ()) <= set(candidate["Config"].get("Env") or ())
        and all(
            (candidate["Config"].get(each) or None) == (old["Config"].get(each) or None)
            for each in same
        )
    )


def recreation(raw: Raw, action: Recreate, around: Surroundings) -> Recreation:
    """Return the order for a container like the one described, changed as the action says."""
    mode, endpoints = _networks(raw, action, around)
    host = _host_config(raw, action, around, mode)
    config = _config(raw, action, around, mode)
    primary = _primary(mode, endpoints)
    links = host.get("Links") or []
    body = {**config, "HostConfig": host}
    if primary is not None and _says_anything(endpoints[primary]):
        body["NetworkingConfig"] = {"EndpointsConfig": {primary: endpoints[primary]}}
    further = sorted(name for name in endpoints if name != primary)
    return Recreation(
        body=body,
        connect=tuple((name, endpoints[name]) for name in further),
        needs=tuple(sorted({parse_stored_link(each).source for each in links})),
    )


def shared_by(body: Raw) -> tuple[tuple[str, str], ...]:
    """Return whose namespaces a container will share: the kind, and what refers to the owner."""
    host = body["HostConfig"]
    modes = (("network", "NetworkMode"), ("pid", "PidMode"), ("ipc", "IpcMode"))
    found = ((kind, shared_reference(str(host.get(key) or ""))) for kind, key in modes)
    return tuple((kind, owner) for kind, owner in found if owner is not None)


# Config


def _config(raw: Raw, action: Recreate, around: Surroundings, mode: str) -> Raw:
    config = {key: value for key, value in raw["Config"].items() if value is not None}
    same = around.name_leads_to is not None and around.name_leads_to == raw["Image"]
    config["Image"] = config["Image"] if same else raw["Image"]
    _clear_names(raw, config, around, mode)
    of_image = around.image.get("Config") or {}
    if not config.get("Entrypoint") and of_image.get("Entrypoint"):
        # `--entrypoint ""` is shown as null, and null would bring the image's own back.
        config["Entrypoint"] = [""]
    if around.api >= _PER_ENDPOINT_MAC or not _has_own_network(mode):
        config.pop("MacAddress", None)
    exposed = dict(config.get("ExposedPorts") or {})
    if shared_reference(mode) is not None:
        exposed = {}  # only the image's are there, and giving them again is refused
    published = (*(action.published or ()), *action.publish)
    for port in (*action.expose, *(each.port for each in published)):
        exposed[str(port)] = {}
    config["ExposedPorts"] = exposed
    added = {each.name: f"{each.name}={each.value}" for each in action.environment}
    if added:
        kept = [each for each in config.get("Env") or () if each.partition("=")[0] not in added]
        config["Env"] = [*kept, *added.values()]
    return config


def _clear_names(raw: Raw, config: Raw, around: Surroundings, mode: str) -> None:
    """Drop a host name that the engine chose: it would be wrong, or refused, in the new one."""
    name = config.get("Hostname", "")
    parsed = parse_network_mode(mode)
    chosen = name == raw["Id"][:_SHORT_ID] or isinstance(parsed, Shared)
    if isinstance(parsed, Host):
        full = f"{name}.{config.get('Domainname', '')}".rstrip(".")
        chosen = chosen or around.host_name in (name, full)
    if chosen or raw["HostConfig"].get("UTSMode") == "host":
        config.pop("Hostname", None)
        if isinstance(parsed, Host | Shared):
            config.pop("Domainname", None)


# HostConfig


def _host_config(raw: Raw, action: Recreate, around: Surroundings, mode: str) -> Raw:
    host = {key: value for key, value in raw["HostConfig"].items() if value is not None}
    host["NetworkMode"] = mode
    for each in action.joins:
        if each.namespace is not Namespace.NETWORK:
            host[_MODES[each.namespace]] = mode_sharing(each.container)
    host["Links"] = _legacy_links(raw, action) if is_default_bridge(mode) else []
    host["ExtraHosts"] = _extra_hosts(host.get("ExtraHosts") or (), action)
    bindings = host.get("PortBindings") or {}
    if action.published is not None:
        by_itself = bool(host.get("PublishAllPorts"))
        bindings = bindings_for(bindings, action.published, by_itself=by_itself)
    host["PortBindings"] = with_bindings(bindings, action.publish)
    if action.dns_search is not None:
        host["DnsSearch"] = list(action.dns_search)
    host["VolumesFrom"] = [
        each for each in host.get("VolumesFrom") or () if each.partition(":")[0] not in around.gone
    ]
    for unused in ("KernelMemory", "KernelMemoryTCP"):
        if not host.get(unused):
            host.pop(unused, None)  # newer engines know them no more
    _keep_volumes(raw, host)
    return host


_MODES = {Namespace.PID: "PidMode", Namespace.IPC: "IpcMode"}


def _keep_volumes(raw: Raw, host: Raw) -> None:
    """Name each anonymous volume, and each from another container, so that it is taken again."""
    mounted = {_clean(each["Destination"]): each for each in raw.get("Mounts") or ()}
    binds: list[str] = []
    taken: set[str] = set()
    for bind in host.get("Binds") or ():
        source, colon, rest = bind.partition(":")
        destination = _clean(rest.partition(":")[0] if colon else source)
        found = mounted.get(destination)
        taken.add(destination)
        binds.append(bind if colon or found is None else _bind(found, destination))
    mounts: list[Raw] = []
    for mount in host.get("Mounts") or ():
        destination = _clean(mount.get("Target", ""))
        found = mounted.get(destination)
        taken.add(destination)
        if mount.get("Type") == "volume" and not mount.get("Source") and found is not None:
            mounts.append({**mount, "Source": _volume(found)})
        else:
            mounts.append(mount)
    taken |= {_clean(each) for each in host.get("Tmpfs") or ()}
    for destination, found in sorted(mounted.items()):
        if destination not in taken and found.get("Type") in ("volume", "bind"):
            binds.append(_bind(found, destination))
    host["Binds"] = binds
    if mounts:
        host["Mounts"] = mounts


def _bind(mount: Raw, destination: str) -> str:
    # The image's files are not copied into it once more: an empty volume stays empty.
    options = [] if mount.get("RW", True) else ["ro"]
    if mount.get("Type") == "volume":
        options.append("nocopy")
        source = _volume(mount)
    else:
        source = mount["Source"]
        if mount.get("Propagation") not in ("", "rprivate", None):
            options.append(mount["Propagation"])
    kept = [each for each in mount.get("Mode", "").split(",") if each in ("z", "Z")]
    mode = ",".join(dict.fromkeys([*options, *kept]))
    return f"{source}:{destination}" + (f":{mode}" if mode else "")


def _volume(mount: Raw) -> str:
    """Return a volume's name; engine 28 leaves it out where ``Binds`` holds a mere destination."""
    if name := mount.get("Name"):
        return str(name)
    match = _VOLUME_PATH.search(mount.get("Source", ""))
    if match is None:
        raise ValueError(f"the volume at {mount['Destination']} has no name")
    return match[1]


def _clean(path: str) -> str:
    return posixpath.normpath(path or "/")


def _extra_hosts(present: Iterable[str], action: Recreate) -> list[str]:
    kept = [
        each
        for each in present
        if re.split("[:=]", each, maxsplit=1)[0] not in action.drop_extra_hosts
    ]
    added = [f"{name}:{line.address}" for line in action.extra_hosts for name in line.names]
    return list(dict.fromkeys([*kept, *added]))


# Links


def _legacy_links(raw: Raw, action: Recreate) -> list[str]:
    if action.links is None and action.network is None:
        return [
            f"{each.source}:{each.alias}"
            for each in sorted({_today(parse_stored_link(link)) for link in _own_links(raw)})
        ]
    links = _present_links(raw) if action.links is None else action.links
    return [f"{each.source}:{each.alias}" for each in links]


def _own_links(raw: Raw) -> list[str]:
    """Return the links on the default bridge, as inspect writes them."""
    return list(raw["HostConfig"].get("Links") or ())


def _present_links(raw: Raw) -> tuple[StoredLink, ...]:
    """Return all links of a container, by the names that their sources have today."""
    found = _own_links(raw)
    for endpoint in (raw["NetworkSettings"].get("Networks") or {}).values():
        found += endpoint.get("Links") or ()
    return tuple(sorted({_today(parse_stored_link(each)) for each in found}))


def _today(link: StoredLink) -> StoredLink:
    # Its source was just replaced: inspect shows the name under which the old one was put aside.
    return StoredLink(_ASIDE.sub("", link.source), link.alias)


# Networks


def _networks(raw: Raw, action: Recreate, around: Surroundings) -> tuple[str, dict[str, Raw]]:
    """Return the network mode of the new container, and its endpoints."""
    mode = str(raw["HostConfig"].get("NetworkMode") or "default")
    for each in action.joins:
        if each.namespace is Namespace.NETWORK:
            mode = mode_sharing(each.container)
    present: dict[str, Raw] = raw["NetworkSettings"].get("Networks") or {}
    if action.network is not None:
        mode = action.network
        names = {name for each in present.values() for name in _aliases(raw, each)}
        fresh: Raw = {"Aliases": sorted({*names, *action.aliases})}
        links = _present_links(raw) if action.links is None else action.links
        fresh["Links"] = [f"{each.source}:{each.alias}" for each in links]
        if around.api >= _PER_ENDPOINT_MAC and raw["Config"].get("MacAddress"):
            fresh["MacAddress"] = raw["Config"]["MacAddress"]
        if is_default_bridge(mode):
            fresh.pop("Links")
            fresh.pop("Aliases")
            mode = "bridge"
        return mode, {mode: fresh}
    if not _has_own_network(mode):
        return mode, {}
    first = _own(mode, present)
    endpoints = {
        name: _endpoint(raw, name, endpoint, around, primary=name == first)
        for name, endpoint in present.items()
    }
    if first is None:  # it was disconnected from the network that it was made on
        mode = min(endpoints, default="none")
    elif not is_default_bridge(mode):
        mode = first
    user_defined = [name for name in sorted(endpoints) if not is_default_bridge(name)]
    main = first if first in user_defined else next(iter(user_defined), None)
    if main is not None and action.aliases:
        aliases = endpoints[main].get("Aliases") or []
        endpoints[main]["Aliases"] = list(dict.fromkeys([*aliases, *action.aliases]))
    if main is not None and (action.links is not None or not is_default_bridge(mode)):
        _place_links(raw, action, endpoints, main, legacy=is_default_bridge(mode))
    return mode, endpoints


def _place_links(
    raw: Raw, action: Recreate, endpoints: dict[str, Raw], main: str, *, legacy: bool
) -> None:
    """Put each link where its alias was before; a new one on the main network."""
    if legacy or (action.links is None and not _own_links(raw)):
        return
    links = _present_links(raw) if action.links is None else action.links
    before: dict[str, set[str]] = {
        name: {parse_stored_link(each).alias for each in endpoint.get("Links") or ()}
        for name, endpoint in endpoints.items()
    }
    known = set[str]().union(*before.values())
    for name, endpoint in endpoints.items():
        here = [
            f"{each.source}:{each.alias}"
            for each in links
            if each.alias in before[name] or (name == main and each.alias not in known)
        ]
        if here or "Links" in endpoint:
            endpoint["Links"] = here


def _own(mode: str, present: Mapping[str, Raw]) -> str | None:
    """Find the network that a network mode names, by name or id."""
    if is_default_bridge(mode):
        return "bridge" if "bridge" in present else None
    if mode in present:
        return mode
    for name, endpoint in present.items():
        identity = endpoint.get("NetworkID") or ""
        if len(mode) >= _SHORT_ID and identity.startswith(mode):
            return name
    return None


def _primary(mode: str, endpoints: Mapping[str, Raw]) -> str | None:
    name = "bridge" if is_default_bridge(mode) else mode
    return name if name in endpoints else None


def _has_own_network(mode: str) -> bool:
    return isinstance(parse_network_mode(mode), Own)


def _endpoint(raw: Raw, name: str, present: Raw, around: Surroundings, *, primary: bool) -> Raw:
    """Keep what was asked for at an endpoint, not what the engine chose."""
    endpoint: Raw = {}
    if addresses := {
        key: value for key, value in (present.get("IPAMConfig") or {}).items() if value
    }:
        endpoint["IPAMConfig"] = addresses
    if not is_default_bridge(name):
        if aliases := _aliases(raw, present):
            endpoint["Aliases"] = aliases
        links = [_today(parse_stored_link(each)) for each in present.get("Links") or ()]
        if links:
            endpoint["Links"] = [f"{each.source}:{each.alias}" for each in links]
    for each in ("DriverOpts", "GwPriority"):
        if present.get(each):
            endpoint[each] = present[each]
    mac = _asked_mac(raw, present, primary=primary)
    if mac and around.api >= _PER_ENDPOINT_MAC:
        endpoint["MacAddress"] = mac
    return endpoint


def _aliases(raw: Raw, present: Raw) -> list[str]:
    """Return the aliases that were asked for; older engines add the short id."""
    return [each for each in present.get("Aliases") or () if each != raw["Id"][:_SHORT_ID]]


def _asked_mac(raw: Raw, present: Raw, *, primary: bool) -> str:
    """Return the MAC that was asked for at an endpoint, or ''.

    For the network mode's own network ``Config.MacAddress`` tells (20.10 to 28.5). For others only
    the address is shown: one that is made of the IPv4 address is the engine's own, any other is
    kept, since losing a chosen one is worse than keeping a random one.
    """
    if primary:
        return str(raw["Config"].get("MacAddress") or "")
    mac = str(present.get("MacAddress") or "")
    octets = (present.get("IPAddress") or "").split(".")
    if len(octets) == 4 and mac == "02:42:" + ":".join(f"{int(each):02x}" for each in octets):
        return ""
    return mac


def _says_anything(endpoint: Raw) -> bool:
    return any(endpoint.values())
