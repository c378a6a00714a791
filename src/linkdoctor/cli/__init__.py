"""The command line: parse, call, render, exit code.

Nothing is imported before a command needs it: of the commands only the one that is called, and
neither the docker SDK nor rich for ``--version`` and ``explain``.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
import typer.core
from typer.main import get_command

from linkdoctor import __version__
from linkdoctor.cli.errors import CliError, examples, what_is_wrong
from linkdoctor.cli.output import complain, emit

__all__ = ["all_commands", "app", "main"]

_COMMANDS = {
    "check": "check",
    "fix": "fix",
    "show": "show",
    "graph": "graph",
    "rules": "rules",
    "explain": "explain",
    "demo": "demo",
    "snapshot": "snapshot",
    "diff": "diff",
    "config": "settings",
    "self-check": "self_check",
}
"""In the order of the help text, with the modules that hold them; each has `register`."""
_USAGE = 2
_INTERRUPTED = 130
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _without_types(command: Any) -> Any:
    """Leave the types of Python, such as ``<list[str]>``, out of a command's help."""
    for each in command.params:
        if each.param_type_name == "argument":
            each.display_type_rich = _no_type
    return command


def _no_type(ctx: Any) -> None:
    """Name no type: a name such as CONTAINER says enough."""


class _Group(typer.core.TyperGroup):
    """All commands, each imported when it is called, with one answer to Ctrl-C."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, and make them known."""
        for name in _COMMANDS:
            self.get_command(ctx, name)
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name, or None."""
        if cmd_name in _COMMANDS and cmd_name not in self.commands:
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            import_module(f"linkdoctor.cli.{_COMMANDS[cmd_name]}").register(alone)
            self.commands[cmd_name] = _without_types(get_command(alone))
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called; one that is not there is compared with all others."""
        if args and args[0] not in _COMMANDS:
            self.list_commands(ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an interrupt ends the process at once, whatever still waits."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = what_is_wrong(error)
            raise
        except KeyboardInterrupt as interrupt:
            complain("interrupted")
            for note in getattr(interrupt, "__notes__", ()):
                complain(note)  # what became of the step that was interrupted
            # Threads that wait for an engine would hold up an ordinary exit.
            os._exit(_INTERRUPTED)


app = typer.Typer(
    name="linkdoctor",
    cls=_Group,
    help="Find broken Docker links, prove each fault, and tell you how to fix it.",
    epilog=examples(
        "linkdoctor check                 examine this machine's engine",
        "linkdoctor check web             only what concerns the container web",
        "linkdoctor fix                   the plan that fixes it; --apply carries it out",
        "linkdoctor show web              what web is linked to, and what it really got",
        "linkdoctor graph                 draw the links, and what is wrong with them",
        "linkdoctor explain LD201         the page of a diagnosis",
        "linkdoctor demo                  a recorded example; needs no engine",
        more=(
            "Exit codes: 0 nothing found at the level of --fail-on (default: error); 1 something "
            "found; 2 wrong usage, configuration or an internal error; 3 incomplete: an engine did "
            "not answer or evidence is missing."
        ),
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        emit(f"linkdoctor {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        emit(f"{ctx.get_help()}\n")


def all_commands() -> dict[str, Any]:
    """Return every command by its name, as its pages need them."""
    group: Any = get_command(app)
    group.list_commands(None)
    return dict(group.commands)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; an error that was to be expected is one line, no more."""
    # Python would look for cycles in all that there is when the process ends anyway: 30 ms.
    atexit.register(gc.freeze)
    if sys.stdout is None:
        # The next file that is opened would become standard output.
        complain("standard output is closed; redirect it to /dev/null if you do not need it")
        sys.exit(_USAGE)
    try:
        get_command(app)(args=arguments, prog_name="linkdoctor")
    except CliError as error:
        complain(str(error))
        sys.exit(error.code)
    except Exception as error:  # the last resort
        _complain_of_ourselves(error)
    # Only an error comes here: the command itself always exits.
    sys.exit(_USAGE)


def _print_trace(error: BaseException) -> None:
    """Print where an exception and those behind it were raised, silently of their texts."""
    import traceback

    from linkdoctor.render.sanitize import sanitize

    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        seen.append(each)
        each = each.__cause__ or each.__context__
    for each in reversed(seen):
        frames = "".join(traceback.format_tb(each.__traceback__)).splitlines()
        for line in ("Traceback (most recent call last):", *frames, type(each).__name__):
            sys.stderr.write(f"{sanitize(line)}\n")


def _complain_of_ourselves(error: Exception) -> None:
    import traceback

    if os.environ.get("LINKDOCTOR_DEBUG") and sys.stderr is not None:
        _print_trace(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    place = (ours or frames)[-1]
    # Never the text of the exception: it may hold what must not be shown.
    complain(
        f"internal error: {type(error).__name__} in {os.path.basename(place.filename)}:"
        f"{place.lineno}; please report it with the output of linkdoctor --version"
    )
