"""What linkdoctor can see here, and how to let it see the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from linkdoctor.model.coverage import EngineSeen, EvidenceCoverage, SelfCheck
from linkdoctor.model.evidence import Gap, Need
from linkdoctor.render.layout import Style, TextStyle, listed, text_of

__all__ = ["render_self_check"]

_REMEDIES = {
    Gap.DENIED: "run linkdoctor as root on the engine's own machine",
    Gap.TIMED_OUT: "give it more time with --timeout",
}
_RULES_SHOWN = 8


def render_self_check(
    found: SelfCheck, readers: Mapping[Need, Sequence[str]], medium: TextStyle
) -> str:
    """Lay it out for a terminal.

    Args:
        found: what was tried.
        readers: for each kind of evidence the codes of the rules that read it.
        medium: what it is written on.
    """
    return text_of(_lines(found, readers, medium))


def _lines(
    found: SelfCheck, readers: Mapping[Need, Sequence[str]], medium: TextStyle
) -> Iterator[str]:
    who = "root" if found.user == 0 else f"user {found.user}"
    yield f"linkdoctor {found.tool.version} on Python {found.python}, as {who}"
    for engine in found.engines:
        yield ""
        yield from _engine(engine, readers, medium)
    for lost in found.silent:
        yield ""
        text = f"{lost.host} could not be asked: {lost.reason}"
        lines = list(medium.paragraph(text, hanging="  "))
        yield from (medium.paint(line, Style.ERROR) for line in lines)


def _engine(
    engine: EngineSeen, readers: Mapping[Need, Sequence[str]], medium: TextStyle
) -> Iterator[str]:
    what = engine.engine
    yield from medium.paragraph(
        f"{engine.host}: {what.product} {what.version}, API {what.api_version}, at "
        f"{engine.endpoint}, {engine.containers} containers",
        hanging="  ",
    )
    sights = sorted(engine.sights, key=lambda each: not each.of_host)
    width = max(len(_label(each)) for each in sights)
    for each in sights:
        yield from _coverage(each, readers, medium, width)
    if not engine.containers:
        yield from medium.paragraph(
            "there is no container to try it on, so nothing is known about containers",
            indent="  ",
            hanging="    ",
        )


def _label(sight: EvidenceCoverage) -> str:
    return f"{'host' if sight.of_host else 'container'}: {sight.what}"


def _coverage(
    sight: EvidenceCoverage, readers: Mapping[Need, Sequence[str]], medium: TextStyle, width: int
) -> Iterator[str]:
    yield f"  {_label(sight):<{width}}  {_state(sight, medium)}"
    for each in sight.hindrances:
        remedy = _REMEDIES.get(each.gap, "")
        advice = f"; {remedy}" if remedy and "root" not in each.reason else ""
        yield from medium.paragraph(f"{each.reason}{advice}", indent="      ", hanging="        ")
    codes = readers.get(sight.need, ()) if sight.need is not None else ()
    if sight.hindrances and codes:
        yield from medium.paragraph(
            f"without it, skipped: {listed(list(codes), _RULES_SHOWN)}",
            indent="      ",
            hanging="        ",
        )


def _state(sight: EvidenceCoverage, medium: TextStyle) -> str:
    if sight.option and not sight.had:
        return medium.paint(f"not asked for ({sight.option})", Style.FAINT)
    if not sight.of:
        return medium.paint("nothing to read", Style.FAINT)
    if sight.had == sight.of:
        return medium.paint("yes" if sight.of_host else f"{sight.had} of {sight.of}", Style.GOOD)
    words = "no" if sight.of_host else f"{sight.had} of {sight.of}"
    return medium.paint(words, Style.WARNING)
