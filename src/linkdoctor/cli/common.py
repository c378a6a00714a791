"""What several commands share: options, engines, configuration, rules and their names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from linkdoctor.cli.errors import CliError, examples
from linkdoctor.config import LONGEST_TIMEOUT, Config, ConfigError, is_timeout, load_config
from linkdoctor.model.report import ExitCode, Severity

if TYPE_CHECKING:
    from linkdoctor.api import Examination
    from linkdoctor.registry import LoadedRule

__all__ = [
    "CheckFormat",
    "CliError",
    "ConfigOption",
    "ContextOption",
    "Engines",
    "FailOnOption",
    "Format",
    "FormatOption",
    "HostOption",
    "LogsOption",
    "OwnCode",
    "ProbeExternalOption",
    "ProbeOption",
    "RulesOption",
    "SnapshotOption",
    "TimeoutOption",
    "VerboseOption",
    "codes_meant",
    "complete_code",
    "configuration",
    "containers_meant",
    "engines_meant",
    "examples",
    "look",
    "own_codes",
    "rules_of",
]

_DEFAULT_TIMEOUT = 30.0
_SHORTEST_ID = 4


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"


class CheckFormat(StrEnum):
    """How the report of `check` is written."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"
    GITHUB = "github"
    JUNIT = "junit"
    NAGIOS = "nagios"
    PROMETHEUS = "prometheus"
    SARIF = "sarif"


def _check_timeout(seconds: float | None) -> float | None:
    if seconds is not None and not is_timeout(seconds):
        raise typer.BadParameter(f"must be above 0 and at most {LONGEST_TIMEOUT:g} seconds")
    return seconds


HostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        "-H",
        metavar="URL",
        help="An engine: unix:///path, tcp://host:port. Repeatable. "
        "Default: the one that the docker command would ask.",
    ),
]
ContextOption = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="NAME", help="An engine, by its docker context. Repeatable."),
]
SnapshotOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--snapshot",
        metavar="FILE",
        help="A file of `linkdoctor snapshot`, in place of an engine. Repeatable.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help=f"How long one engine may take. Default: {_DEFAULT_TIMEOUT:g}.",
        callback=_check_timeout,
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="How to write the result.", case_sensitive=False)
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Show every proof, what was not seen and why, and where evidence was read.",
    ),
]
LogsOption = Annotated[
    bool,
    typer.Option(
        "--logs",
        help="Search the last lines of the logs of containers that have links, or settings that "
        "name hosts, for peers that they could not reach.",
    ),
]
ProbeOption = Annotated[
    bool,
    typer.Option(
        "--probe",
        help="Resolve each alias and connect to each port that a link promises, from inside the "
        "target's network namespace. Needs root on the engine's own machine.",
    ),
]
ProbeExternalOption = Annotated[
    bool,
    typer.Option(
        "--probe-external",
        help="With --probe: connect also where an alias leads outside the networks of the "
        "containers examined.",
    ),
]
FailOnOption = Annotated[
    Severity | None,
    typer.Option(help="The least severity that exits with 1. Default: error."),
]
RulesOption = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="DIR", help="A directory of further rules. Repeatable."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration file to read."),
]


def configuration(given: Path | None) -> Config:
    """Read the configuration; raises CliError."""
    try:
        return load_config(given)
    except ConfigError as error:
        raise CliError(str(error)) from None


# --- rules --------------------------------------------------------------------------------------


class OwnCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code of linkdoctor itself, which no rule stands behind."""

    code: str
    name: str


def own_codes() -> tuple[OwnCode, ...]:
    """Give the codes of linkdoctor itself."""
    from linkdoctor.diagnose import CRASH_CODE, UNREACHABLE_CODE

    return (
        OwnCode(code=CRASH_CODE, name="rule-crashed"),
        OwnCode(code=UNREACHABLE_CODE, name="engine-unreachable"),
    )


def rules_of(directories: Sequence[Path] | None, config: Config) -> tuple[LoadedRule, ...]:
    """Load every rule: installed, configured and asked for; raises CliError."""
    from linkdoctor.registry import PackError, load_rules

    wanted = directories or [Path(each) for each in config.rules]
    try:
        return load_rules(wanted)
    except PackError as error:
        raise CliError(str(error)) from None


def codes_meant(
    words: Iterable[str], rules: Sequence[LoadedRule], *, beginnings: bool = True
) -> frozenset[str]:
    """Translate what the user calls rules into codes or beginnings of codes; raises CliError.

    Args:
        words: codes, beginnings of codes or names, several in one word parted by commas.
        rules: the rules that there are.
        beginnings: whether the beginning of a code will do.
    """
    names = {each.rule.name.lower(): each.rule.code for each in rules}
    names |= {each.name: each.code for each in own_codes()}
    asked = [each.strip() for word in words for each in word.split(",")]
    return frozenset(_code_meant(each, names, beginnings) for each in asked if each)


def _code_meant(word: str, names: dict[str, str], beginnings: bool) -> str:
    upper, lower = word.upper(), word.lower()
    codes = set(names.values())
    if upper in codes or (beginnings and any(code.startswith(upper) for code in codes)):
        return upper
    if lower in names:
        return names[lower]
    by_code = {code: name for name, code in names.items()}
    if near := difflib.get_close_matches(lower, names, 1, 0.6):
        hint = f"did you mean {near[0]} ({names[near[0]]})?"
    elif near := difflib.get_close_matches(upper, codes, 1, 0.6):
        hint = f"did you mean {near[0]} ({by_code[near[0]]})?"
    else:
        hint = "`linkdoctor rules` lists them"
    raise CliError(f"no rule is called {_quoted(word)}; {hint}")


def complete_code(incomplete: str) -> list[tuple[str, str]]:
    """Complete a code or the name of a rule, for shells."""
    try:
        rules = rules_of(None, configuration(None))
    except CliError:
        return []
    known = [(each.rule.code, each.rule.name) for each in rules]
    known += [(each.code, each.name) for each in own_codes()]
    by_code = [pair for pair in known if pair[0].startswith(incomplete.upper())]
    by_name = [(name, code) for code, name in known if name.startswith(incomplete.lower())]
    return by_code or by_name


# --- engines and containers ---------------------------------------------------------------------


class Engines(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask: engines by URL or context, and files."""

    hosts: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    snapshots: tuple[Path, ...] = ()
    default: bool = False
    """Ask the engine that the docker command would ask."""
    timeout: float = _DEFAULT_TIMEOUT
    logs: bool = False
    probe: bool = False
    probe_external: bool = False


def engines_meant(
    hosts: Sequence[str] | None,
    contexts: Sequence[str] | None,
    snapshots: Sequence[Path] | None,
    timeout: float | None,
    config: Config,
    *,
    logs: bool = False,
    probe: bool = False,
    probe_external: bool = False,
) -> Engines:
    """Decide whom to ask: options first, then the configuration, then the usual engine."""
    for option, values in (("--host", hosts), ("--context", contexts)):
        if values and not all(value.strip() for value in values):
            raise CliError(f"{option} is empty")
    if probe_external and not probe:
        raise CliError("--probe-external widens --probe: give both")
    if probe and snapshots and not (hosts or contexts):
        raise CliError("--probe needs an engine: what is saved in a file cannot be probed any more")
    named = bool(hosts or contexts or snapshots)
    return Engines(
        hosts=tuple(hosts or ()) if named else config.hosts,
        contexts=tuple(contexts or ()),
        snapshots=tuple(snapshots or ()),
        default=not named and not config.hosts,
        timeout=timeout or config.timeout or _DEFAULT_TIMEOUT,
        logs=logs,
        probe=probe,
        probe_external=probe_external,
    )


def look(engines: Engines, progress: Callable[[str], None]) -> Examination:
    """Ask every engine and read every file; raises CliError for what cannot be used."""
    from linkdoctor import api

    asked: list[api.Url | api.ContextName] = [api.Url(url) for url in engines.hosts]
    asked += [api.ContextName(name) for name in engines.contexts]
    asked += [api.Url()] if engines.default else []
    try:
        # Files first: one that is damaged should not cost the time of asking engines.
        api.add_snapshots(api.Examination(), engines.snapshots)
        further = api.Further(
            logs=engines.logs, probe=engines.probe, probe_external=engines.probe_external
        )
        seen = api.examine(asked, timeout=engines.timeout, further=further, progress=progress)
        return api.add_snapshots(seen, engines.snapshots)
    except (api.SnapshotError, api.EndpointError) as error:
        raise CliError(str(error)) from None


def containers_meant(words: Iterable[str], examination: Examination) -> frozenset[str]:
    """Translate what the user calls containers, names or ids, into names; raises CliError."""
    return frozenset(_container_meant(word, examination) for word in words)


def _container_meant(word: str, examination: Examination) -> str:
    asked = word.removeprefix("/")
    there = [each for snapshot in examination.snapshots for each in snapshot.containers]
    names = {each.name for each in there} | _sources_of(examination)
    if asked in names:
        return asked
    if len(asked) >= _SHORTEST_ID:
        meant = sorted({each.name for each in there if each.id.startswith(asked.lower())})
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise CliError(f"several containers have ids like {_quoted(asked)}: {', '.join(meant)}")
    raise _unknown_container(asked, names, examination)


def _sources_of(examination: Examination) -> set[str]:
    """Give the names that links lead to: one that is gone can still be asked about."""
    from linkdoctor.model.topology import Topology

    return {link.source_name for link in Topology(examination.snapshots).links()}


def _unknown_container(asked: str, names: Iterable[str], examination: Examination) -> CliError:
    hosts = [snapshot.host for snapshot in examination.snapshots]
    near = difflib.get_close_matches(asked, sorted(names), 1, 0.5)
    where = f" on {hosts[0]}" if len(hosts) == 1 else f" on any of {len(hosts)} hosts"
    message = f"no container is called {_quoted(asked)}{where}"
    if examination.unreachable:
        lost = examination.unreachable[0]
        return CliError(
            f"{message}, but {lost.host} could not be asked: {lost.reason}", ExitCode.INCOMPLETE
        )
    return CliError(f"{message}; did you mean {_quoted(near[0])}?" if near else message)


def _quoted(text: str) -> str:
    return f"'{text[:80]}'"
