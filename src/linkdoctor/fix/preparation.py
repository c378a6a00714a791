"""What can be found out of a recreation before anything is changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from linkdoctor.collect.control import Control, Raw, Seen
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.carrying import LARGEST
from linkdoctor.fix.pinning import without_pins
from linkdoctor.fix.recovery import can_start
from linkdoctor.fix.recreation import (
    NEW_SUFFIX,
    Recreation,
    Surroundings,
    aside_name,
    is_aside,
    recreation,
    shared_by,
    unrepeatable,
)
from linkdoctor.fix.sharing import missing_owner
from linkdoctor.fix.step_run import Refused, live_sources
from linkdoctor.model.actions import Recreate
from linkdoctor.model.network_mode import Host, Shared, parse_network_mode

__all__ = ["Prepared", "dead_ends", "prepare", "refuse_too_large"]

_MOST_KEPT = 50


def dead_ends(control: Control, seen: Seen) -> Iterator[str]:
    """Yield the aliases of links with which the engine will not start a container again.

    They lead to a container that is gone, or that was replaced and is put aside.
    """
    for alias in seen.link_aliases:
        source = control.link(seen.name, alias)
        if source is None or is_aside(source.name):
            yield alias


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found out."""

    seen: Seen
    order: Recreation
    overlap: bool
    aside: str
    """The name under which the old container is put aside."""
    sources: tuple[str, ...]
    """The ids of what has to run for the new container to start, and for the old one."""
    unpinned: Recreation | None
    """The order without the host ports that are only kept if they are free; None without such."""
    starts: bool


def prepare(control: Control, action: Recreate, raw: Raw, seen: Seen) -> Prepared:
    """Find out beforehand all that can be found out; raises Refused."""
    if (why := unrepeatable(raw)) is not None:
        raise Refused(f"{seen.name} cannot be recreated: {why}")
    if is_aside(seen.name):
        raise Refused(
            f"{seen.name} was put aside when its replacement was created; use --resume or --undo"
        )
    aside = _free_name(control, seen.name)
    image = control.image_raw(raw["Image"])
    if image is None:
        raise Refused(f"{seen.name} cannot be recreated: its image is gone")
    by_name = control.image_raw(raw["Config"]["Image"])
    given = raw["HostConfig"].get("VolumesFrom") or ()
    lenders = {each.partition(":")[0] for each in given}
    around = Surroundings(
        api=control.api,
        host_name=control.host_name(),
        name_leads_to=None if by_name is None else by_name["Id"],
        image=image,
        gone=frozenset(each for each in lenders if control.find(each) is None),
    )
    try:
        order = recreation(raw, action, around)
        unpinned = recreation(raw, without_pins(action), around) if action.pinned else None
    except ValueError as error:
        raise Refused(f"{seen.name} cannot be recreated: {error}") from None
    starts = seen.wanted_up or not action.stays_down
    if starts and (why := missing_owner(control, shared_by(order.body))):
        raise Refused(f"{seen.name} cannot be recreated: {why}")
    owners = (control.find(reference) for _, reference in shared_by(order.body))
    sources = [each.id for each in owners if each is not None and each.running]
    for name in order.needs:
        source = control.find(name)
        if name == seen.name or (source is not None and source.id == seen.id):
            raise Refused(f"{seen.name} would be linked to itself")
        if source is None:
            raise Refused(f"there is no container {name} to link {seen.name} to")
        if starts and not source.running:
            raise Refused(f"{name} does not run, and {seen.name} cannot start without it; start it")
        sources.append(source.id)
    sources += live_sources(control, seen)
    # A container with a dead link could not be started again: it goes only when the new one runs.
    overlap = seen.running and not can_start(control, seen) and not _clashes(order)
    return Prepared(
        seen=seen,
        order=order,
        overlap=overlap,
        aside=aside,
        sources=tuple(dict.fromkeys(sources)),
        unpinned=unpinned,
        starts=starts,
    )


def _free_name(control: Control, name: str) -> str:
    """Find a name to put a container aside under; one that was kept earlier keeps its own."""
    if control.find(name + NEW_SUFFIX) is not None:
        raise Refused(
            f"{name}{NEW_SUFFIX} is there, from an earlier run: use --resume or --undo with its "
            "journal, or remove it"
        )
    for number in range(1, _MOST_KEPT + 1):
        aside = aside_name(name, number)
        kept = control.find(aside)
        if kept is None:
            return aside
        if kept.wanted_up or kept.restart_policy != "no":
            raise Refused(
                f"{aside} is there, from an earlier run that was interrupted: use --resume or "
                "--undo with its journal, or remove it"
            )
    raise Refused(f"{_MOST_KEPT} containers that {name} replaced are kept: remove some of them")


def refuse_too_large(control: Control, seen: Seen) -> None:
    """Raise Refused if a container wrote more than can be carried over."""
    size: int | None = None
    with contextlib.suppress(EngineError):  # copying has its own deadline
        size = control.size_written(seen.id)
    if size is not None and size > LARGEST:
        raise Refused(
            f"{seen.name} wrote {size >> 30} GiB outside volumes, which is too much to copy"
        )


def _clashes(order: Recreation) -> bool:
    """Whether two such containers get into each other's way when both run."""
    host = order.body["HostConfig"]
    own = order.body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    endpoints = [*own.values(), *(endpoint for _, endpoint in order.connect)]
    bindings = [each for found in host["PortBindings"].values() for each in found]
    return (
        isinstance(parse_network_mode(host["NetworkMode"]), Host | Shared)
        or bool(order.body.get("MacAddress"))
        or any(each.get("HostPort") not in ("", "0", None) for each in bindings)
        or any(each.get("IPAMConfig") or each.get("MacAddress") for each in endpoints)
        or any(not _read_only(each) for each in host["Binds"])
        or any(
            each.get("Type") in ("bind", "volume") and not each.get("ReadOnly")
            for each in host.get("Mounts") or ()
        )
        or bool(host["VolumesFrom"])
        or bool(host.get("Devices"))
    )


def _read_only(bind: str) -> bool:
    options = bind.split(":")[2:]
    return bool(options) and "ro" in options[0].split(",")
