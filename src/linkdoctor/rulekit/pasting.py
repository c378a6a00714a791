"""Commands that a person can paste to make a container again, without a secret in them.

What may hold a secret is fetched from the old container by ``docker inspect`` when the commands are
typed. Its template quotes each text for a POSIX shell, so that every value arrives as it is,
whatever it holds, lines and quotes included. Values of variables go from there into the environment
of the client (``--env NAME``): they are neither printed nor shown by ``ps``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from linkdoctor.model.setup import Part, Setup
from linkdoctor.rulekit.commands import inspect_format, shell
from linkdoctor.rulekit.run_words import connect_words, head_words

__all__ = ["can_be_pasted", "commands_to_make"]

_AN_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_EXPORTABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"[A-Za-z0-9_.-]+")
_OF_THE_CLIENT = re.compile(
    r"PATH|HOME|IFS|ENV|PWD|OLDPWD|SHELLOPTS|BASH.*|PPID|U?ID|EUID|USER|TMPDIR|CDPATH|OPTIND|PS[124]"
    r"|(DOCKER|BUILDKIT|LD|DYLD|GO|SSH|SSL|XDG|OTEL)[A-Z0-9]*(_.*)?|.*_proxy|.*_PROXY"
    # What bash, ksh or zsh sets itself: an assignment is dropped, changed or refused.
    r"|_|LINENO|SECONDS|S?RANDOM|SHLVL|GROUPS|DIRSTACK|FUNCNAME|PIPESTATUS|HISTCMD|EPOCH[A-Z]+"
    r"|COLUMNS|LINES|COMP_.*|COPROC|LC_.*|E?GID|USERNAME|ERRNO|TTYIDLE|ARGV0"
    r"|argv|status|pipestatus|signals|path|[cf]path|cdpath|options|aliases|commands|functions"
    r"|parameters|modules|history|widgets|keymaps|terminfo|termcap",
)
"""What the shell or the client reads or sets itself: it never gets into their environment."""
_QUOTED = r'{{printf "\x27%s\x27" (join (split WHAT "\x27") "\x27\\\x27\x27")}}'
_NAME_IS_ONE_OF = '(eq (index (split . "=") 0) NAMES)'


def can_be_pasted(setup: Setup) -> bool:
    """Whether commands can say all of it."""
    names = [name for each in setup.private for name in each.names]
    return not (
        setup.beyond
        or setup.refused
        or any(each.part is Part.OTHER for each in setup.private)
        or any(each.driver_options is None for each in setup.attachments)
        or not _AN_IMAGE.fullmatch(setup.image)
        or not all(_VARIABLE.fullmatch(name) for name in names)
    )


def commands_to_make(setup: Setup, name: str, old: str, *, start: bool = True) -> tuple[str, ...]:
    """Return the commands that make a container like an old one, under a name, and start it."""
    connects = [shell("docker", "network", "connect", *each) for each in connect_words(setup, name)]
    if start and not connects:
        return (_making(setup, name, old, "docker", "run", "--detach"),)
    # Without its input attached the client lets the input stay open, as `docker run --detach` does.
    attached = ("--attach", "stdout") if "--interactive" in setup.options else ()
    return (
        _making(setup, name, old, "docker", "create", *attached),
        *connects,
        *((shell("docker", "start", name),) if start else ()),
    )


def _making(setup: Setup, name: str, old: str, *verb: str) -> str:
    variables = [name for each in setup.private for name in each.names]
    exported = [each for each in variables if _goes_through_the_environment(each)]
    options = "".join(_fetched_options(setup, [each for each in variables if each not in exported]))
    command = any(each.part is Part.COMMAND for each in setup.private)
    words = [*verb, *head_words(setup, name)]
    words += [word for each in exported for word in ("--env", each)]
    before = list(_exports(exported, old))
    fetched = options + (f"{_image(setup)} " if options else "")
    fetched += f"{{{{range .Config.Cmd}}}}{_quoted('.')} {{{{end}}}}" if command else ""
    if fetched:
        before.append(f'eval "set -- $({inspect_format(fetched.rstrip(), old)})"')
    last = shell(*words) if options else shell(*words, setup.image)
    last += ' "$@"' if fetched else ""
    return f"({'; '.join([*before, last])})" if before else last


def _goes_through_the_environment(name: str) -> bool:
    return bool(_EXPORTABLE.fullmatch(name)) and not _OF_THE_CLIENT.fullmatch(name)


def _exports(names: list[str], old: str) -> Iterator[str]:
    if names:
        template = f"{{{{range .Config.Env}}}}{{{{if {_is_one_of(names)}}}}}export {_quoted('.')}; "
        yield f'eval "$({inspect_format(template + "{{end}}{{end}}", old)})"'


def _is_one_of(names: list[str]) -> str:
    return _NAME_IS_ONE_OF.replace("NAMES", " ".join(f'"{each}"' for each in dict.fromkeys(names)))


def _quoted(what: str) -> str:
    """Return a template that prints a text as one word of a shell."""
    return _QUOTED.replace("WHAT", what)


def _image(setup: Setup) -> str:
    return _quoted(f'"{setup.image}"')


def _fetched_options(setup: Setup, variables: list[str]) -> Iterator[str]:
    """Yield the templates that print the options that may hold a secret."""
    if variables:
        yield (
            f"{{{{range .Config.Env}}}}{{{{if {_is_one_of(variables)}}}}}--env {_quoted('.')} "
            "{{end}}{{end}}"
        )
    for each in setup.private:
        if each.part in _TEMPLATES:
            yield _TEMPLATES[each.part]


_PAIR = _quoted('(printf "%s=%s" $name $value)')
_TEMPLATES = {
    Part.LABELS: f"{{{{range $name, $value := .Config.Labels}}}}--label {_PAIR} {{{{end}}}}",
    Part.LOG_OPTIONS: (
        f"{{{{range $name, $value := .HostConfig.LogConfig.Config}}}}--log-opt {_PAIR} {{{{end}}}}"
    ),
    Part.HEALTH: f"--health-cmd {_quoted('(index .Config.Healthcheck.Test 1)')} ",
    Part.ENTRYPOINT: (
        f"--entrypoint {{{{if .Config.Entrypoint}}}}{_quoted('(index .Config.Entrypoint 0)')}"
        r'{{else}}{{"\x27\x27"}}{{end}} '
    ),
}
