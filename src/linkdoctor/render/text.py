"""The report for a person: the verdict first, then each fault with its proof and its fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from linkdoctor.model.evidence import Gap
from linkdoctor.model.examination import Diagnosis
from linkdoctor.model.report import (
    Finding,
    Fix,
    HostSummary,
    Proof,
    Report,
    Skipped,
    Verdict,
)
from linkdoctor.model.suppression import token
from linkdoctor.render.evidence_lines import EvidenceSummary, evidence_lines, evidence_summaries
from linkdoctor.render.layout import Style, TextStyle, counted, listed, text_of, width_of, wrapped
from linkdoctor.render.merged_fixes import also_needed, merged_fixes
from linkdoctor.render.once import ALL_IN_ORDER, Printed
from linkdoctor.render.phrases import SEVERITY_STYLES, UNREACHABLE, counts
from linkdoctor.render.renderer import RenderRequest
from linkdoctor.render.scope import elsewhere, label_of, left_open, so_far
from linkdoctor.render.suppressed import suppressed_lines

__all__ = ["render", "render_text", "verdict_lines"]

_DEFAULT_ENDPOINT = "unix:///var/run/docker.sock"
_LONGEST_VALUE = 200
_REASONS_SHOWN = 6


def render(diagnosis: Diagnosis, request: RenderRequest) -> str:
    """Lay out the report for a person."""
    style = request.style
    return render_text(
        diagnosis.report,
        width=style.width,
        colour=style.colour,
        verbose=request.verbose,
        quiet=request.quiet,
        note=request.note,
        ascii_only=style.ascii_only,
        names=dict(request.names),
        seen=evidence_summaries(diagnosis.examination.snapshots) if request.verbose else (),
        in_order=request.in_order,
    )


def render_text(
    report: Report,
    *,
    width: int,
    colour: bool,
    verbose: bool = False,
    quiet: bool = False,
    note: str = "",
    ascii_only: bool = False,
    names: Mapping[str, str] | None = None,
    seen: Sequence[EvidenceSummary] = (),
    in_order: Sequence[str] = (),
) -> str:
    """Lay out a report.

    Args:
        report: what is shown.
        width: of a line, in terminal cells; commands and the verdict are never broken.
        colour: paint with SGR sequences.
        verbose: all proofs, consequences, skipped checks, places of evidence, fingerprints.
        quiet: the verdict only, and nothing at all if it is `healthy`, and not only so far.
        note: stands above the verdict.
        ascii_only: use no sign beyond ASCII.
        names: of rules, by code, to be shown beside codes.
        seen: what `verbose` tells of the places of evidence.
        in_order: the commands of all findings, where they are not pasted as they stand.
    """
    if quiet and report.summary.verdict is Verdict.HEALTHY and not report.summary.too_early:
        return ""
    medium = TextStyle(width=width, colour=colour, ascii_only=ascii_only)
    lines = list(medium.paragraph(note)) if note else []
    lines.append(_verdict(report, medium))
    if not quiet:
        lines += _body(report, medium, verbose, names or {}, seen, in_order)
    return text_of(lines)


def _body(
    report: Report,
    medium: TextStyle,
    verbose: bool,
    names: Mapping[str, str],
    seen: Sequence[EvidenceSummary],
    in_order: Sequence[str],
) -> Iterator[str]:
    several = len(report.hosts) > 1
    printed = Printed()
    for cause in _causes(report.findings):
        fixes = printed.fresh(cause[0], merged_fixes(cause))
        yield ""
        yield from _cause(cause, fixes, medium, several, verbose, names)
    yield from _all_in_order(in_order, medium)
    yield from _where_to_type(report, medium)
    # Where the only engine could not be asked, the verdict has said why.
    told = not several and all(each.code == UNREACHABLE for each in report.skipped)
    wanted = verbose or report.summary.verdict is not Verdict.HEALTHY
    if report.skipped and wanted and not told:
        yield ""
        yield from _skips(report.skipped, medium, several, verbose)
    yield from suppressed_lines(report, medium, verbose=verbose)
    if report.summary.verdict is Verdict.INCOMPLETE:
        lacking = [each for each in report.skipped if each.is_lacking]
        yield from medium.paragraph(f"→ {_advice(lacking)}", hanging="  ")
    if verbose:
        yield ""
        yield from _background(report, medium, several, seen)


# --- the verdict ---------------------------------------------------------------------------


def verdict_lines(report: Report, medium: TextStyle) -> Iterator[str]:
    """Return how a report begins: the verdict, and each engine that could not be asked."""
    yield _verdict(report, medium)
    lost = [each for each in report.skipped if each.code == UNREACHABLE]
    if len(report.hosts) > 1:  # of a single one the verdict has said why
        yield from _skips(lost, medium, several=True, verbose=False)
    if report.summary.verdict is Verdict.INCOMPLETE:
        yield from medium.paragraph(f"→ {_advice(report.skipped)}", hanging="  ")


def _verdict(report: Report, medium: TextStyle) -> str:
    sign, style, words = _verdict_words(report, medium)
    return f"{medium.paint(medium.say(sign), style)} {words}"


def _verdict_words(report: Report, medium: TextStyle) -> tuple[str, Style, str]:
    summary = report.summary
    numbers = counts(report)
    reached = [host for host in report.hosts if host.engine]
    lost = len(report.hosts) - len(reached)
    where = f"on {_hosts_named(reached, medium)}" if reached else "nowhere"
    size = f"{_containers(reached)}, {_links(reached)} examined"
    missed = f"; {_lost(lost, len(report.hosts))}" if lost else ""
    kept = f"; {summary.suppressed} suppressed" if summary.suppressed else ""
    kept += "".join(f"; {medium.say(each)}" for each in left_open(report))
    label = medium.say(label_of(report))
    if label and reached:
        return _scoped_words(report, label, where, f"{missed}{kept}", medium)
    if summary.verdict is Verdict.INCOMPLETE:
        found = f"{numbers or 'nothing wrong'} found {where}: {size}"
        if not reached:
            why = f": {medium.say(_only_reason(report), _LONGEST_VALUE)}" if lost == 1 else ""
            return "?", Style.WARNING, f"incomplete: {_lost(lost, len(report.hosts))}{why}"
        gap = _lost(lost, len(report.hosts)) if lost else _lacking(report)
        return "?", Style.WARNING, f"incomplete: {gap}; {found}{kept}"
    if summary.error or summary.warning or summary.verdict is Verdict.UNHEALTHY:
        failed = summary.verdict is Verdict.UNHEALTHY
        style = Style.ERROR if summary.error else Style.WARNING
        return "✗" if failed else "!", style, f"{numbers} {where}: {size}{missed}{kept}"
    between = f"{_links(reached)} between" if _total_links(reached) else "no links among"
    remarks = f"; {numbers}" if numbers else ""
    return (
        "✓",
        Style.GOOD,
        f"healthy{so_far(report)}: {between} {_containers(reached)} {where}{remarks}"
        f"{_lesser(report)}{kept}",
    )


def _scoped_words(
    report: Report, label: str, where: str, kept: str, medium: TextStyle
) -> tuple[str, Style, str]:
    """Return the verdict on some containers or by some rules only, and what is known besides."""
    summary, numbers = report.summary, counts(report)
    links = counted(report.scope.links, "link")
    if not report.scope.containers:
        links += f" {where}"
    there = elsewhere(report, where)
    tail = f" ({links}){f'; {there}' if there else ''}{kept}"
    if summary.verdict is Verdict.INCOMPLETE:
        lost = sum(not host.engine for host in report.hosts)
        gap = _lost(lost, len(report.hosts)) if lost else _lacking(report)
        found = f"incomplete: {gap}; {numbers or 'nothing wrong'} found"
        return "?", Style.WARNING, f"{label}: {found}{tail}"
    if summary.error or summary.warning or summary.verdict is Verdict.UNHEALTHY:
        failed = summary.verdict is Verdict.UNHEALTHY
        style = Style.ERROR if summary.error else Style.WARNING
        return "✗" if failed else "!", style, f"{label}: {numbers}{tail}"
    fine = f"nothing wrong{so_far(report)}{f', {numbers}' if numbers else ''}"
    return "✓", Style.GOOD, f"{label}: {fine}{tail}{_lesser(report)}"


def _lesser(report: Report) -> str:
    """Return how many checks lacked evidence, none of which could have found what matters."""
    lacking = report.summary.lacking
    return f"; {counted(lacking, 'check')} skipped (-v tells why)" if lacking else ""


def _lost(lost: int, all_of_them: int) -> str:
    if lost == all_of_them:
        return "the engine could not be asked" if lost == 1 else "no engine could be asked"
    return f"{lost} of {all_of_them} engines could not be asked"


def _only_reason(report: Report) -> str:
    return next((each.reason for each in report.skipped if each.code == UNREACHABLE), "")


def _lacking(report: Report) -> str:
    return f"{counted(report.summary.lacking, 'check')} lacked evidence"


def _hosts_named(hosts: Sequence[HostSummary], medium: TextStyle) -> str:
    return medium.name(hosts[0].name) if len(hosts) == 1 else counted(len(hosts), "host")


def _containers(hosts: Sequence[HostSummary]) -> str:
    return counted(sum(host.containers for host in hosts), "container")


def _links(hosts: Sequence[HostSummary]) -> str:
    return counted(_total_links(hosts), "link")


def _total_links(hosts: Sequence[HostSummary]) -> int:
    return sum(host.links for host in hosts)


# --- one cause ------------------------------------------------------------------------------


def _causes(findings: Iterable[Finding]) -> list[tuple[Finding, ...]]:
    """Put together what one source does to many targets."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        # Without a source there is no common cause.
        apart = "" if finding.source else f"{finding.fingerprint} {finding.target}"
        key = (finding.code, finding.severity.value, finding.host, finding.source, apart)
        groups.setdefault(key, []).append(finding)
    return [tuple(group) for group in groups.values()]


def _all_in_order(commands: Sequence[str], medium: TextStyle) -> Iterator[str]:
    if commands:
        yield ""
        yield medium.paint(ALL_IN_ORDER, Style.STRONG)
        for command in commands:
            yield f"      {medium.command(command)}"


def _cause(
    cause: tuple[Finding, ...],
    fixes: Sequence[Fix],
    medium: TextStyle,
    several: bool,
    verbose: bool,
    names: Mapping[str, str],
) -> Iterator[str]:
    first = cause[0]
    yield from _header(cause, medium, several)
    yield from medium.paragraph(first.message, indent="  ")
    if len(cause) > 1 and any(each.message != first.message for each in cause):
        others = [_target_and_alias(each, cause, medium) for each in cause[1:]]
        shown = ", ".join(others) if verbose else listed(others, 12)
        yield from medium.paragraph(f"likewise: {shown}", indent="  ", limit=100_000)
    proofs = list(dict.fromkeys(proof for each in cause for proof in each.evidence))
    most = len(proofs) if verbose else len(set(first.evidence))
    for _, same_place in groupby(proofs[:most], key=lambda proof: proof.where):
        yield from _proofs(tuple(same_place), medium)
    if len(proofs) > most:
        more = f"and {counted(len(proofs) - most, 'proof')} for the others (-v shows them)"
        yield from medium.paragraph(more, indent="  ")
    codes = sorted({code for each in cause for code in each.consequences})
    if codes:
        explained = ", ".join(f"{code} {names[code]}" if code in names else code for code in codes)
        yield from medium.paragraph(f"also causes: {explained}", indent="  ", hanging="    ")
    yield from _fixes(fixes, medium, needed=also_needed(cause))
    yield from _tokens(cause, medium, several, verbose)
    if verbose:
        prints = " ".join(each.fingerprint for each in cause)
        text = f"fingerprint: {prints}; page: {first.docs}"
        yield from medium.paragraph(text, indent="  ", hanging="    ", limit=100_000)


def _tokens(
    cause: tuple[Finding, ...], medium: TextStyle, several: bool, verbose: bool
) -> Iterator[str]:
    """Yield the words by which `--ignore` would only count it."""
    tokens = list(dict.fromkeys(token(each, with_host=several) for each in cause))
    shown = tokens if verbose else tokens[:1]
    more = f" (-v: {len(tokens) - 1} more)" if len(tokens) > len(shown) else ""
    text = f"to ignore it: --ignore {','.join(shown)}{more}"
    limit = 100_000 if verbose else _LONGEST_VALUE
    for line in medium.paragraph(text, indent="  ", hanging="    ", limit=limit):
        yield medium.paint(line, Style.FAINT)


def _header(cause: tuple[Finding, ...], medium: TextStyle, several: bool) -> Iterator[str]:
    first = cause[0]
    severity = first.severity.value.upper()
    parts = [f"{medium.name(first.code)} {medium.name(first.name)}", _subject(cause, medium)]
    if several and first.host:
        parts.append(f"on {medium.name(first.host)}")
    lines = list(_side_by_side([f"{severity:<8}", *parts], medium.width))
    style = SEVERITY_STYLES[first.severity]
    yield medium.paint(severity, style) + lines[0].removeprefix(severity)
    yield from lines[1:]


def _side_by_side(parts: Sequence[str], width: int) -> Iterator[str]:
    """Set parts beside one another while they fit, the rest on lines of their own."""
    line = parts[0].rstrip() if len(parts) == 1 else f"{parts[0]}{parts[1]}"
    for part in parts[2:]:
        if width_of(line) + 3 + width_of(part) <= width:
            line = f"{line}   {part}"
            continue
        yield from wrapped(line, width, "", "  ") if width_of(line) > width else (line,)
        line = f"  {part}"
    if width_of(line) > width:
        yield from wrapped(line.strip(), width, line[: len(line) - len(line.lstrip())], "    ")
    else:
        yield line


def _subject(cause: tuple[Finding, ...], medium: TextStyle) -> str:
    first = cause[0]
    targets = list(dict.fromkeys(each.target for each in cause))
    aliases = list(dict.fromkeys(each.alias for each in cause if each.alias))
    # What is wrong with a host itself has no target.
    subject = first.target or f"host {first.host}"
    who = medium.name(subject) if len(targets) == 1 else counted(len(targets), "container")
    arrow = f" {medium.say('→')} {medium.name(first.source)}" if first.source else ""
    alias = ""
    if not first.target:
        return who
    if len(aliases) == 1 or (aliases and len(targets) == 1):
        alias = f" as {listed([medium.name(each) for each in aliases])}"
    return f"{who}{arrow}{alias}"


def _target_and_alias(finding: Finding, cause: tuple[Finding, ...], medium: TextStyle) -> str:
    name = medium.name(finding.target)
    same = all(each.alias == finding.alias for each in cause)
    return name if same or not finding.alias else f"{name} as {medium.name(finding.alias)}"


def _proofs(proofs: Sequence[Proof], medium: TextStyle) -> Iterator[str]:
    """Show proofs that were read in one place."""
    lines = [line for proof in proofs for line in _proof(proof, medium)]
    place = medium.say(proofs[0].where, _LONGEST_VALUE)
    if not place:
        yield from lines
        return
    where = f"({place})" if len(proofs) == 1 else f"(all from {place})"
    if len(proofs) == 1 and width_of(lines[-1]) + 2 + width_of(where) <= medium.width:
        *others, last = lines
        yield from others
        yield f"{last}  {medium.paint(where, Style.FAINT)}"
        return
    yield from lines
    for line in wrapped(where, medium.width, "    ", "     "):
        yield medium.paint(line, Style.FAINT)


def _proof(proof: Proof, medium: TextStyle) -> Iterator[str]:
    observed = medium.say(proof.observed, _LONGEST_VALUE) or "(empty)"
    if proof.expected and proof.expected != proof.observed:
        observed = f"observed {observed}, expected {medium.say(proof.expected, _LONGEST_VALUE)}"
    text = f"{medium.say(proof.what, _LONGEST_VALUE)}: {observed}"
    yield from wrapped(text, medium.width, "  ", "    ")


# --- fixes ------------------------------------------------------------------------------------


def _fixes(fixes: Sequence[Fix], medium: TextStyle, *, needed: frozenset[int]) -> Iterator[str]:
    for number, fix in enumerate(fixes):
        label = "fix:" if not number else "and:" if number in needed else "or: "
        text = f"{label} {medium.say(fix.title)} [{fix.safety.value}]"
        for line in wrapped(text, medium.width, "  ", "       "):
            yield line.replace(label, medium.paint(label, Style.GOOD), 1)
        for command in fix.commands:
            yield f"      {medium.command(command)}"


def _where_to_type(report: Report, medium: TextStyle) -> Iterator[str]:
    """Say for which engine the commands are, where `docker` alone might ask another one."""
    concerned = {
        finding.host for finding in report.findings for fix in finding.fixes if fix.commands
    }
    several = len(report.hosts) > 1
    lines: list[str] = []
    for host in report.hosts:
        if host.name in concerned and host.endpoint != _DEFAULT_ENDPOINT:
            on = f" for {medium.name(host.name)}" if several else ""
            text = f"The commands{on} are meant for the engine at {host.endpoint} (docker -H)."
            lines += medium.paragraph(text)
    if lines:
        yield ""
        yield from lines


# --- what was not seen ------------------------------------------------------------------------


def _skips(
    skipped: Sequence[Skipped], medium: TextStyle, several: bool, verbose: bool
) -> Iterator[str]:
    unreachable = [each for each in skipped if each.code == UNREACHABLE]
    others = [each for each in skipped if each.code != UNREACHABLE]
    for each in unreachable:
        host = "" if each.host in each.reason else f"{medium.name(each.host)}: "
        text = f"not asked: {host}{medium.say(each.reason)}"
        yield from wrapped(text, medium.width, "", "  ")
    kinds = (
        ("not seen ({} skipped):", [each for each in others if each.is_lacking]),
        ("too early to judge ({}):", [each for each in others if each.gap is Gap.TOO_EARLY]),
        ("missing, and accepted ({} skipped):", [each for each in others if each.accepted]),
    )
    for heading, some in kinds:
        if some:
            yield from medium.paragraph(heading.format(counted(len(some), "check")))
            yield from _reasons(some, medium, several, verbose)


def _reasons(
    lacking: Sequence[Skipped], medium: TextStyle, several: bool, verbose: bool
) -> Iterator[str]:
    if verbose:
        for each in lacking:
            on = f" on {each.host}" if several else ""
            text = f"{each.code} {each.subject}{on}: no {each.missing}: {each.reason}"
            yield from medium.paragraph(text, indent="  ", hanging="    ")
        return
    reasons = _by_reason(lacking, several)
    for reason, missing in list(reasons.items())[:_REASONS_SHOWN]:
        what = listed([medium.say(each, _LONGEST_VALUE) for each in missing], 3)
        text = f"{what}: {medium.say(reason, _LONGEST_VALUE)}"
        yield from wrapped(text, medium.width, "  ", "    ")
    if len(reasons) > _REASONS_SHOWN:
        more = f"and {len(reasons) - _REASONS_SHOWN} more reasons (-v shows them)"
        yield from medium.paragraph(more, indent="  ")


def _by_reason(skipped: Iterable[Skipped], several: bool) -> dict[str, list[str]]:
    reasons: dict[str, dict[str, None]] = {}
    for each in skipped:
        missing = f"{each.missing} on {each.host}" if several else each.missing
        reasons.setdefault(each.reason, {})[missing] = None
    return {reason: list(missing) for reason, missing in reasons.items()}


def _advice(skipped: Sequence[Skipped]) -> str:
    if any(each.code == UNREACHABLE for each in skipped):
        return "fix the connection to the engine, then check again; nothing could be checked there"
    if any("--timeout" in each.reason for each in skipped):
        return "give it more time with --timeout, then check again"
    if any(word in each.reason for each in skipped for word in ("root", "permi")):
        return (
            "run linkdoctor as root on the engine's own machine, or see `linkdoctor check -v`; "
            "without root access, --accept-missing root makes this a note"
        )
    if any(each.gap is Gap.CUT for each in skipped):
        return (
            "`linkdoctor check -v` shows what exceeded a limit; --accept-missing cut makes "
            "this a note"
        )
    return "check again; `linkdoctor check -v` shows what was not seen"


# --- verbose ----------------------------------------------------------------------------------


def _background(
    report: Report, medium: TextStyle, several: bool, seen: Sequence[EvidenceSummary]
) -> Iterator[str]:
    for host in report.hosts:
        engine = host.engine or "not reached"
        text = f"{host.name}: {engine} at {host.endpoint}; evidence {host.evidence.value}"
        yield from medium.paragraph(text, hanging="  ")
    yield from medium.paragraph(
        f"seen at {report.taken_at} by {report.tool.name} {report.tool.version}; "
        f"{counted(report.summary.suppressed, 'finding')} suppressed",
        hanging="  ",
    )
    yield from evidence_lines(seen, medium, several=several)
