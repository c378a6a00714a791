"""An inspect → how the container was made (:class:`linkdoctor.model.setup.Setup`).

Pure: what ``GET /containers/<id>/json`` and ``GET /images/<id>/json`` gave goes in. What the image
says itself is left out, and so is what the engine chose: names, addresses, ports.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from linkdoctor.model.links import HostsLine, StoredLink, parse_stored_link
from linkdoctor.model.network_mode import (
    Host,
    Own,
    Shared,
    is_default_bridge,
    parse_network_mode,
    shared_reference,
)
from linkdoctor.model.setup import Attachment, Part, Private, Setup
from linkdoctor.rulekit.mounts import mount_words
from linkdoctor.rulekit.owners import owner
from linkdoctor.rulekit.run_options import Defaults, beyond_options, plain_options

__all__ = ["setup_of"]

_Raw: TypeAlias = Mapping[str, Any]

_SHORT_ID = 12


def setup_of(
    raw: _Raw,
    image: _Raw,
    *,
    image_name: str,
    defaults: Defaults = Defaults(),  # noqa: B008 - frozen
    gone: Collection[str] = (),
) -> Setup:
    """Return how a container was made.

    Args:
        raw: the container's inspect.
        image: the inspect of the image that it was made of.
        image_name: what leads to that image today.
        defaults: what the engine gives a container that asks for nothing.
        gone: containers of ``--volumes-from`` that are gone.
    """
    host: _Raw = raw["HostConfig"]
    of_image: _Raw = image.get("Config") or {}
    mode = str(host.get("NetworkMode") or "default")
    mounts, unsaid = mount_words(raw, gone)
    entry, command, lacking = _program(raw["Config"], of_image)
    return Setup(
        image=image_name,
        options=(
            *_names(raw, mode, defaults.name),
            *plain_options(raw, of_image, defaults),
            *mounts,
        ),
        private=(
            *_environment(raw["Config"], of_image),
            *_labels(raw["Config"], of_image),
            *_log_options(host),
            *_health(raw["Config"], of_image),
            *_other(host),
            *entry,
            *command,
        ),
        network_mode=mode,
        attachments=tuple(_attachments(raw, mode)),
        links=tuple(_links(host.get("Links") or ())) if is_default_bridge(mode) else (),
        publish=tuple(_bindings(host)),
        publish_all=bool(host.get("PublishAllPorts")),
        expose=tuple(_exposed(raw["Config"], of_image, host, mode)),
        extra_hosts=tuple(_extra_hosts(host.get("ExtraHosts") or ())),
        dns_search=tuple(host.get("DnsSearch") or ()),
        beyond=(
            *_taken_away(raw["Config"]),
            *unsaid,
            *lacking,
            *beyond_options(raw, of_image),
            *_beyond_networks(raw, mode),
        ),
        refused=_refused(raw),
    )


def _refused(raw: _Raw) -> str:
    """Say why a container cannot be replaced without a loss, or but by its owner; '' if it can."""
    of = owner(raw)
    if of is not None:
        named = f" {of.project}" if of.project else ""
        return f"it belongs to {of.kind}{named}; recreate it with {of.kind}"
    if raw["HostConfig"].get("AutoRemove"):
        return "it is removed as soon as it stops (--rm), with its anonymous volumes"
    return ""


# --- names and programs ---------------------------------------------------------------------------


def _names(raw: _Raw, mode: str, engine_name: str) -> Iterator[str]:
    config: _Raw = raw["Config"]
    name = str(config.get("Hostname") or "")
    domain = str(config.get("Domainname") or "")
    parsed = parse_network_mode(mode)
    chosen = name == raw["Id"][:_SHORT_ID] or isinstance(parsed, Shared)
    if isinstance(parsed, Host):
        chosen = chosen or engine_name in (name, f"{name}.{domain}".rstrip("."))
    if name and not chosen and raw["HostConfig"].get("UTSMode") != "host":
        yield from ("--hostname", name)
    if domain and not isinstance(parsed, Host | Shared):
        yield from ("--domainname", domain)


def _program(
    config: _Raw, of_image: _Raw
) -> tuple[tuple[Private, ...], tuple[Private, ...], tuple[str, ...]]:
    """Return the words of the entry point and of the command, and what no words say of them."""
    entry, own_entry = (list(each.get("Entrypoint") or ()) for each in (config, of_image))
    command, own = (list(each.get("Cmd") or ()) for each in (config, of_image))
    if entry == own_entry:
        if command == own:
            return (), (), ()
        if command:
            return (), (_private(Part.COMMAND, command),), ()
        return (), (), ("an omitted command of the image",)
    said = tuple(_private(Part.COMMAND, command) for _ in command[:1])
    if not entry:  # `--entrypoint ""` is shown as null
        return (_private(Part.ENTRYPOINT, ("--entrypoint", "")),), said, ()
    if len(entry) > 1:
        return (), said, ("an entry point of several words",)
    return (_private(Part.ENTRYPOINT, ("--entrypoint", entry[0])),), said, ()


def _private(part: Part, words: Iterable[str], names: Iterable[str] = ()) -> Private:
    return Private(part=part, words=tuple(words), names=tuple(names))


def _environment(config: _Raw, of_image: _Raw) -> Iterator[Private]:
    of = set(of_image.get("Env") or ())
    said = [each for each in config.get("Env") or () if each not in of]
    if said:
        words = (word for each in said for word in ("--env", each))
        yield _private(Part.ENVIRONMENT, words, (each.partition("=")[0] for each in said))


def _taken_away(config: _Raw) -> Iterator[str]:
    if any("=" not in each for each in config.get("Env") or ()):
        yield "a removed variable of the image"


def _labels(config: _Raw, of_image: _Raw) -> Iterator[Private]:
    of = of_image.get("Labels") or {}
    said = {
        name: value
        for name, value in sorted((config.get("Labels") or {}).items())
        if of.get(name) != value
    }
    if said:
        words = (word for name, value in said.items() for word in ("--label", f"{name}={value}"))
        yield _private(Part.LABELS, words)


def _log_options(host: _Raw) -> Iterator[Private]:
    options = (host.get("LogConfig") or {}).get("Config") or {}
    if options:
        words = (word for each in sorted(options.items()) for word in ("--log-opt", "=".join(each)))
        yield _private(Part.LOG_OPTIONS, words)


def _health(config: _Raw, of_image: _Raw) -> Iterator[Private]:
    check, own = config.get("Healthcheck") or {}, of_image.get("Healthcheck") or {}
    test = check.get("Test") or []
    if check != own and test and test != (own.get("Test") or []) and test[0] == "CMD-SHELL":
        yield _private(Part.HEALTH, ("--health-cmd", test[1]))


def _other(host: _Raw) -> Iterator[Private]:
    stored = host.get("StorageOpt") or {}
    notes = host.get("Annotations") or {}
    words = [
        *(word for each in sorted(stored.items()) for word in ("--storage-opt", "=".join(each))),
        *(word for each in sorted(notes.items()) for word in ("--annotation", "=".join(each))),
    ]
    if words:
        yield _private(Part.OTHER, words)


# --- networks and ports ---------------------------------------------------------------------------


def _has_own_network(mode: str) -> bool:
    return isinstance(parse_network_mode(mode), Own)


def _attachments(raw: _Raw, mode: str) -> Iterator[Attachment]:
    """Yield the places on networks, that of the network mode first."""
    if not _has_own_network(mode):
        return
    present: Mapping[str, _Raw] = raw["NetworkSettings"].get("Networks") or {}
    first = _first(mode, present)
    for name in sorted(present, key=lambda each: (each != first, each)):
        yield _attachment(raw, name, present[name], primary=name == first)


def _first(mode: str, present: Mapping[str, _Raw]) -> str:
    if is_default_bridge(mode):
        return "bridge"
    if mode in present:
        return mode
    for name, place in present.items():
        if len(mode) >= _SHORT_ID and str(place.get("NetworkID") or "").startswith(mode):
            return name
    return ""


def _attachment(raw: _Raw, name: str, place: _Raw, *, primary: bool) -> Attachment:
    asked = place.get("IPAMConfig") or {}
    options: list[str] = []
    for key, option in (("IPv4Address", "--ip"), ("IPv6Address", "--ip6")):
        if asked.get(key):
            options += (option, asked[key])
    for address in asked.get("LinkLocalIPs") or ():
        options += ("--link-local-ip", address)
    user_defined = not is_default_bridge(name)
    aliases = place.get("Aliases") or ()
    return Attachment(
        network=name,
        aliases=tuple(each for each in aliases if each != raw["Id"][:_SHORT_ID])
        if user_defined
        else (),
        links=tuple(_links(place.get("Links") or ())) if user_defined else (),
        options=tuple(options),
        hardware_address=_asked_mac(raw, place, primary=primary),
        driver_options=tuple(
            f"{key}={value}" for key, value in sorted((place.get("DriverOpts") or {}).items())
        ),
    )


def _asked_mac(raw: _Raw, place: _Raw, *, primary: bool) -> str:
    """Return the hardware address that was asked for; one made of the address is the engine's."""
    if primary:
        return str(raw["Config"].get("MacAddress") or "")
    mac = str(place.get("MacAddress") or "")
    octets = str(place.get("IPAddress") or "").split(".")
    if len(octets) == 4 and mac == "02:42:" + ":".join(f"{int(each):02x}" for each in octets):
        return ""
    return mac


def _beyond_networks(raw: _Raw, mode: str) -> Iterator[str]:
    present: Mapping[str, _Raw] = raw["NetworkSettings"].get("Networks") or {}
    if any(place.get("GwPriority") for place in present.values()):
        yield "the priority of a gateway"
    if _has_own_network(mode) and _first(mode, present) not in present:
        yield "leaving the network that it was created on"
    if any(each.hardware_address for each in list(_attachments(raw, mode))[1:]):
        # Perhaps the engine chose it (28 and later): the two cannot be told apart.
        yield "a hardware address on a further network"


def _links(links: Iterable[str]) -> list[StoredLink]:
    return sorted({parse_stored_link(each) for each in links})


def _bindings(host: _Raw) -> Iterator[str]:
    for port, found in sorted((host.get("PortBindings") or {}).items()):
        for each in found or ():
            address, number = each.get("HostIp") or "", each.get("HostPort") or ""
            where = f"[{address}]" if ":" in address else address
            if number == "0":
                number = ""
            yield f"{where}:{number}:{port}" if where else f"{number}:{port}" if number else port


def _exposed(config: _Raw, of_image: _Raw, host: _Raw, mode: str) -> Iterator[str]:
    if shared_reference(mode) is not None:
        return  # only the image's are there, and giving them again is refused
    said = set(of_image.get("ExposedPorts") or ()) | set(host.get("PortBindings") or ())
    yield from sorted(set(config.get("ExposedPorts") or ()) - said)


def _extra_hosts(entries: Sequence[str]) -> Iterator[HostsLine]:
    for entry in entries:
        name, _, address = re.sub("=", ":", entry, count=1).partition(":")
        if name and address:
            yield HostsLine(address=address.strip("[]"), names=(name,))
