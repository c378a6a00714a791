"""What several commands share: options, engines, configuration, rules and their names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from linkdoctor.cli import output
from linkdoctor.cli.errors import CliError, examples
from linkdoctor.config import LONGEST_TIMEOUT, Config, ConfigError, is_timeout, load_config
from linkdoctor.model.report import ExitCode, Severity
from linkdoctor.model.suppression import Suppression, code_meant, near, parse_token

if TYPE_CHECKING:
    from linkdoctor.api import ContextName, Override, Selection, Url
    from linkdoctor.model.examination import Examination, Joined
    from linkdoctor.model.snapshot import Container, Snapshot
    from linkdoctor.registry import LoadedRule

__all__ = [
    "DEFAULT_TIMEOUT",
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
    "build_selection",
    "check_not_negative",
    "check_timeout",
    "codes_meant",
    "configuration",
    "engines_named",
    "examine_or_fail",
    "examine_targets",
    "examples",
    "exit_of_a_view",
    "own_codes",
    "read_saved",
    "resolve_containers",
    "resolve_engines",
    "rule_names",
    "rules_of",
]

DEFAULT_TIMEOUT = 30.0
_SHORTEST_ID = 4


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"


def check_timeout(seconds: float | None) -> float | None:
    """Refuse a time that nobody waits for."""
    if seconds is not None and not is_timeout(seconds):
        raise typer.BadParameter(f"must be above 0 and at most {LONGEST_TIMEOUT:g} seconds")
    return seconds


def check_not_negative(number: float | None) -> float | None:
    """Refuse what is below zero, or no number."""
    if number is not None and not number >= 0:
        raise typer.BadParameter("must be 0 or more")
    return number


HostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        "-H",
        metavar="URL",
        help="An engine: unix:///path, tcp://host:port. Repeatable. "
        "Default: the one that the docker command would use.",
    ),
]
ContextOption = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="NAME", help="An engine, by its Docker context. Repeatable."),
]
SnapshotOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--snapshot",
        metavar="FILE",
        help="A file written by `linkdoctor snapshot`, instead of an engine. Repeatable.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help=f"Time limit for one engine. Default: {DEFAULT_TIMEOUT:g}.",
        callback=check_timeout,
    ),
]


FormatOption = Annotated[
    Format, typer.Option("--format", help="The format of the result.", case_sensitive=False)
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Show every proof, what was not seen and why, and where the evidence came from.",
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
        help="With --probe: also connect to aliases that lead outside the networks of the "
        "examined containers.",
    ),
]
FailOnOption = Annotated[
    Severity | None,
    typer.Option(help="The least severity that exits with 1. Default: error."),
]
RulesOption = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="DIR", help="A directory of additional rules. Repeatable."),
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
    """Return the codes of linkdoctor itself."""
    from linkdoctor.model.own_codes import OWN_NAMES

    return tuple(OwnCode(code=code, name=name) for name, code in OWN_NAMES.items())


def rules_of(directories: Sequence[Path] | None, config: Config) -> tuple[LoadedRule, ...]:
    """Load every rule: installed, configured and asked for; raises CliError."""
    from linkdoctor.registry import PackError, load_rules

    wanted = directories or [Path(each) for each in config.rules]
    try:
        return load_rules(wanted)
    except PackError as error:
        raise CliError(str(error)) from None


def rule_names(rules: Sequence[LoadedRule]) -> dict[str, str]:
    """Return the names of all rules and of linkdoctor's own codes, with the code of each."""
    names = {each.rule.name.lower(): each.rule.code for each in rules}
    return names | {each.name: each.code for each in own_codes()}


def codes_meant(
    words: Iterable[str], rules: Sequence[LoadedRule], *, beginnings: bool = True
) -> frozenset[str]:
    """Translate what the user calls rules into codes or beginnings of codes; raises CliError.

    Args:
        words: codes, beginnings of codes or names, several in one word separated by commas.
        rules: the rules that there are.
        beginnings: whether the beginning of a code will do.
    """
    names = rule_names(rules)
    return frozenset(_code_meant(each, names, beginnings) for each in _parted(words))


def _parted(words: Iterable[str]) -> Iterator[str]:
    return (part for word in words for each in word.split(",") if (part := each.strip()))


def _code_meant(word: str, names: dict[str, str], beginnings: bool) -> str:
    meant = code_meant(word, names, beginnings=beginnings)
    if meant is None:
        raise CliError(f"no rule is called {_quoted(word)}; {near(word, names)}")
    return meant


def build_selection(
    *,
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    fail_on: Severity | None,
    config: Config,
    rules: Sequence[LoadedRule],
    accept_missing: Sequence[str] | None = None,
) -> Selection:
    """Decide what is wanted and what is known: options first, then the configuration.

    What the configuration says of single findings holds whatever the options say.

    Raises:
        CliError: there is no such rule, or a word cannot be read.
    """
    from linkdoctor.api import Selection

    plain: list[str] = []
    tokens: list[Suppression] = []
    for word in _parted(ignore or config.ignored):
        try:
            token = parse_token(word)
        except ValueError as error:
            raise CliError(f"{_quoted(word)} is not a valid finding token: {error}") from None
        if token is None:
            plain.append(word)
        else:
            _code_meant(token.code, rule_names(rules), beginnings=True)
            tokens.append(token)
    return Selection(
        select=codes_meant(select or config.select, rules),
        ignore=codes_meant(plain, rules),
        accept_missing=_kinds_meant(accept_missing, config),
        fail_on=fail_on or config.fail_on or Severity.ERROR,
        suppressions=(*config.suppressions, *tokens),
        severities=_severities(config, rules),
    )


def _kinds_meant(given: Sequence[str] | None, config: Config) -> frozenset[str]:
    from linkdoctor.model.acceptance import kind_meant

    where = "--accept-missing" if given else "configuration, accept-missing:"
    found: set[str] = set()
    for word in _parted(given or config.accept_missing):
        try:
            found.add(kind_meant(word))
        except ValueError as hint:
            raise CliError(f"{where} {_quoted(word)}: {hint}") from None
    return frozenset(found)


def _severities(config: Config, rules: Sequence[LoadedRule]) -> tuple[Override, ...]:
    from linkdoctor.api import Override
    from linkdoctor.model.own_codes import UNREACHABLE_CODE

    names = rule_names(rules)
    found: dict[str, Severity] = {}
    for word, severity in config.severity.items():
        code = code_meant(word, names, beginnings=False)
        if code is None:
            raise CliError(
                f"configuration, [severity]: no rule is called {_quoted(word)}; {near(word, names)}"
            )
        if code == UNREACHABLE_CODE:
            raise CliError(
                f"configuration, [severity]: {code} is not a finding: an engine that cannot be "
                "asked always makes the report incomplete"
            )
        if found.setdefault(code, severity) is not severity:
            raise CliError(f"configuration, [severity]: {code} is given twice")
    return tuple(Override(code=code, severity=each) for code, each in sorted(found.items()))


# --- engines and containers ---------------------------------------------------------------------


class Engines(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask: engines by URL or context, and files."""

    hosts: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    snapshots: tuple[Path, ...] = ()
    default: bool = False
    """Ask the engine that the docker command would ask."""
    timeout: float = DEFAULT_TIMEOUT
    logs: bool = False
    probe: bool = False
    probe_external: bool = False


def resolve_engines(
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
        raise CliError("--probe-external needs --probe")
    if probe and snapshots and not (hosts or contexts):
        raise CliError("--probe needs a live engine, not a snapshot")
    named = bool(hosts or contexts or snapshots)
    return Engines(
        hosts=tuple(hosts or ()) if named else config.hosts,
        contexts=tuple(contexts or ()),
        snapshots=tuple(snapshots or ()),
        default=not named and not config.hosts,
        timeout=timeout or config.timeout or DEFAULT_TIMEOUT,
        logs=logs,
        probe=probe,
        probe_external=probe_external,
    )


def read_saved(engines: Engines) -> Mapping[Path, Snapshot]:
    """Read every snapshot file, each once; raises CliError for what cannot be used."""
    from linkdoctor import api

    try:
        return api.read_snapshots(engines.snapshots)
    except api.SnapshotError as error:
        raise CliError(str(error)) from None


def examine_targets(
    engines: Engines,
    progress: Callable[[str], None],
    *,
    saved: Mapping[Path, Snapshot] | None = None,
    keep_what_is_known: bool = False,
) -> Examination:
    """Ask every engine and add the files; raises CliError for what cannot be used.

    Args:
        engines: whom to ask.
        progress: is told what is being read.
        saved: the files, if they were read already; they are not read again.
        keep_what_is_known: let Ctrl-C end the reading, not the command.
    """
    from linkdoctor import api

    # Files first: one that is damaged should not cost the time of asking engines.
    saved = read_saved(engines) if saved is None else saved
    try:
        further = api.CollectOptions(
            logs=engines.logs, probe=engines.probe, probe_external=engines.probe_external
        )
        seen = api.examine(
            engines_named(engines),
            timeout=engines.timeout,
            further=further,
            progress=progress,
            keep_what_is_known=keep_what_is_known,
        )
        return api.add_read(seen, saved)
    except api.EndpointError as error:
        raise CliError(str(error)) from None


def examine_or_fail(engines: Engines) -> Examination:
    """Examine engines and files, with progress; raises CliError if nothing could be seen."""
    with output.ProgressLine() as progress:
        examination = examine_targets(engines, progress)
    if not examination.snapshots:
        reasons = "; ".join(each.reason for each in examination.unreachable)
        raise CliError(reasons, ExitCode.INCOMPLETE)
    return examination


def exit_of_a_view(examination: Examination) -> typer.Exit:
    """Return the exit of a command that shows and does not judge; tell whom it could not ask."""
    for lost in examination.unreachable:
        output.complain(f"{lost.host} could not be asked: {lost.reason}")
    return typer.Exit(ExitCode.INCOMPLETE if examination.unreachable else ExitCode.OK)


def engines_named(engines: Engines) -> list[Url | ContextName]:
    """Return the engines to ask as the use cases take them."""
    from linkdoctor import api

    named: list[api.Url | api.ContextName] = [api.Url(url) for url in engines.hosts]
    named += [api.ContextName(name) for name in engines.contexts]
    return named + ([api.Url()] if engines.default else [])


def resolve_containers(words: Sequence[str], joined: Joined) -> frozenset[str]:
    """Translate what the user calls containers, names or ids, into names; raises CliError."""
    if not words:
        return frozenset()
    topology = joined.topology
    there = [each for _, each in topology.containers()]
    # A source that is gone can still be asked about.
    names = {each.name for each in there} | {link.source_name for link in topology.links()}
    return frozenset(_container_meant(word, there, names, joined.examination) for word in words)


def _container_meant(
    word: str, there: Iterable[Container], names: Collection[str], examination: Examination
) -> str:
    asked = word.removeprefix("/")
    if asked in names:
        return asked
    if len(asked) >= _SHORTEST_ID:
        meant = sorted({each.name for each in there if each.id.startswith(asked.lower())})
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise CliError(f"several containers have ids like {_quoted(asked)}: {', '.join(meant)}")
    raise _unknown_container(asked, names, examination)


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
