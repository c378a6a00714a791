"""How each container was made, from its inspect and that of its image. Here secrets end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from linkdoctor.collect.answers import InfoAnswer, ListAnswer
from linkdoctor.collect.engine import EngineClient, EngineError, NotThere, segment
from linkdoctor.collect.unknown_reasons import internal_error
from linkdoctor.model.evidence import Evidence, Gap, Known, Unknown
from linkdoctor.model.setup import Setup, withheld
from linkdoctor.rulekit.run_options import Defaults
from linkdoctor.rulekit.run_setup import setup_of

__all__ = ["Inspected", "read_setups"]

_Raw: TypeAlias = dict[str, Any]
Inspected: TypeAlias = tuple[ListAnswer, msgspec.Raw]
"""A container of the list, and the engine's answer to its inspect as it came."""

_NOT_READ = Unknown(gap=Gap.UNSUPPORTED, detail="its image is gone")
_AN_ID = "sha256:"


def read_setups(
    client: EngineClient, inspected: Iterable[Inspected], info: InfoAnswer
) -> Mapping[str, Evidence[Setup]]:
    """Return, by their ids, how containers were made; each image is asked for once."""
    raws = [(listed, _object(raw)) for listed, raw in inspected]
    identities = sorted({str(raw.get("Image") or "") for _, raw in raws} - {""})
    paths = [f"/images/{segment(each)}/json" for each in identities]
    answers = client.get_each(paths, dict[str, Any])
    images = dict(zip(identities, answers, strict=True))
    names = {name.removeprefix("/") for listed, _ in raws for name in listed.Names or ()}
    known = names | {listed.Id for listed, _ in raws}
    defaults = Defaults(
        name=info.Name,
        log_driver=info.LoggingDriver,
        runtime=info.DefaultRuntime,
        cgroup_version=info.CgroupVersion,
    )
    return {
        listed.Id: _setup(listed, raw, images.get(str(raw.get("Image"))), defaults, known)
        for listed, raw in raws
    }


def _object(raw: msgspec.Raw) -> _Raw:
    try:
        answer: _Raw = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}  # what is no answer in all its parts tells nothing here
    return answer


def _setup(
    listed: ListAnswer,
    raw: _Raw,
    image: _Raw | NotThere | EngineError | None,
    defaults: Defaults,
    known: Collection[str],
) -> Evidence[Setup]:
    if not isinstance(image, dict):
        return _NOT_READ if image is None or isinstance(image, NotThere) else _failed(image)
    try:
        lenders = raw["HostConfig"].get("VolumesFrom") or ()
        gone = {name for each in lenders if (name := each.partition(":")[0]) not in known}
        # The list shows the id where the name leads to another image today.
        named = str(raw["Config"].get("Image") or "")
        same = bool(named) and not (listed.Image.startswith(_AN_ID) and listed.Image != named)
        setup = setup_of(
            raw, image, image_name=named if same else raw["Image"], defaults=defaults, gone=gone
        )
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        return Unknown(gap=Gap.UNSUPPORTED, detail=internal_error(error))
    return Known(withheld(setup), "inspect")


def _failed(error: EngineError) -> Unknown:
    return Unknown(gap=Gap.UNSUPPORTED, detail=str(error))
