"""``linkdoctor config``: the configuration that holds, and where it comes from."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    DEFAULT_TIMEOUT,
    CliError,
    ConfigOption,
    Format,
    FormatOption,
    RulesOption,
    build_selection,
    examples,
    rule_names,
    rules_of,
)
from linkdoctor.cli.writing import emit_result
from linkdoctor.config import (
    CONFIG_VARIABLE,
    ConfigError,
    Loaded,
    load_with_origin,
    usual_places,
)
from linkdoctor.model.report import Severity

if TYPE_CHECKING:
    from linkdoctor.render.settings import Setting

__all__ = ["config_command", "register"]


def config_command(
    format_: FormatOption = Format.TEXT, rules: RulesOption = None, config: ConfigOption = None
) -> None:
    """Show the configuration in effect, and where each setting comes from.

    The text is itself a configuration file. Options on the command line win.
    """
    from linkdoctor.model.suppression import remarks
    from linkdoctor.render.settings import SettingList, render_settings

    try:
        loaded = load_with_origin(config)
    except ConfigError as error:
        raise CliError(str(error)) from None
    there = rules_of(rules, loaded.config)
    build_selection(select=None, ignore=None, fail_on=None, config=loaded.config, rules=there)
    named = "--config" if config else f"${CONFIG_VARIABLE}"
    usual = tuple(map(str, usual_places(os.environ)))
    settings = SettingList(
        file=str(loaded.file or ""),
        named_by="" if loaded.file is None or str(loaded.file) in usual else named,
        looked_for=usual,
        settings=tuple(_setting(key, value, loaded) for key, value in _values(loaded).items()),
    )
    emit_result(settings, format_, partial(render_settings, settings))
    today = datetime.now(UTC).date()
    for note in remarks(loaded.config.suppressions, rule_names(there), today):
        output.complain(f"warning: {note}")


def _values(loaded: Loaded) -> dict[str, Any]:
    """Return every key with its value; what is not set is as it is by default."""
    plain: dict[str, Any] = msgspec.to_builtins(loaded.config, builtin_types=(date,))
    plain["fail-on"] = plain["fail-on"] or Severity.ERROR.value
    plain["timeout"] = plain["timeout"] or DEFAULT_TIMEOUT
    return plain


def _setting(key: str, value: Any, loaded: Loaded) -> Setting:
    from linkdoctor.api import EndpointError, default_engine
    from linkdoctor.render.settings import Setting

    if key == "hosts" and not value:
        try:
            endpoint, by = default_engine()
        except EndpointError as error:
            raise CliError(str(error)) from None
        origin = "default" if not by else "environment" if by.startswith("$") else "docker"
        return Setting(key=key, value=(endpoint,), origin=origin, where=by)
    if key in loaded.keys:
        return Setting(key=key, value=value, origin="file", where=str(loaded.file))
    return Setting(key=key, value=value, origin="default")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "config",
        short_help="Show the configuration and where it comes from.",
        epilog=examples(
            "linkdoctor config",
            "linkdoctor config --config ./config.toml     is this file right?",
            "linkdoctor config --format json",
        ),
    )(config_command)
