"""Pages of `docs/` whose commands are typed and whose outputs are real.

A page holds blocks of ```` ```console ````: lines that begin with `$ ` are typed, what follows
them is what they print. A comment `<!-- lab` … `-->` holds commands that come before, such as
those that break something; their output is nobody's business. All of it happens on an engine of
the lab, in the order of the page. `python -m tests.lab.pages` writes the outputs anew.

What differs from run to run (ids, addresses, processes) is compared by its first occurrence: the
same id must stand in the same places. Times are not compared.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.deploy.programs import bin_with_linkdoctor

from .engine import Engine, join
from .situations import Lab

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = (DOCS / "tutorial.md", *sorted((DOCS / "runbooks").glob("[!R]*.md")))
IMAGE = "busybox"
AS_LONG_AS_A_COMMAND_MAY_TAKE = 60.0
ENGINE_RESTARTS = "systemctl restart docker"
ELSEWHERE = "tcp://host2:2376"
_HOME = "/run/root"
_APART = ("unshare", "--mount", "--propagation=private")
_WITH_SOCKET = """\
set -e
mount -t tmpfs tmpfs /run
touch /run/docker.sock
mount --bind "$1" /run/docker.sock
mkdir /run/root
mount --bind . /run/root
cd /run/root
exec sh -c "$2"
"""
_PART = re.compile(
    r"(?P<hidden><!-- lab\n(?P<setup>.*?)-->)|(?P<shown>```console\n(?P<session>.*?)```)", re.DOTALL
)
_VARYING = (
    ("id", r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b"),
    ("address", r"\b(?:172\.\d+|192\.168)\.\d+\.\d+\b"),
    ("process", r"/proc/\d+|\bpid \d+"),
    ("engine", r"\bDocker \d+[\w.+~]*"),
    ("journal", r"\bfix-\w+-\d+\b"),
)
_TIMES = (
    ("time", r"\b\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d\d:\d\d:\d\dZ"),
    ("ago", r"\b(?:Less than a second|About an? \w+|\d+ (?:seconds?|minutes?)) ago\b"),
)


class Step(NamedTuple):
    """What is typed, and what it printed; hidden commands have no output."""

    command: str
    output: str | None


def steps(page: str) -> Iterator[Step]:
    """Everything that is typed on a page."""
    for part in _PART.finditer(page):
        if part["hidden"]:
            yield from (Step(line, None) for line in part["setup"].splitlines() if line)
        else:
            yield from _session(part["session"])


def _session(text: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command += f"\n{more}"
        yield Step(command, output)


def comparable(text: str) -> str:
    """A text without what differs from run to run, and without how its lines are broken."""
    for kind, pattern in _VARYING:
        text = re.sub(pattern, _Numbering(kind), text)
    for kind, pattern in _TIMES:
        text = re.sub(pattern, f"<{kind}>", text)
    return " ".join(text.split())


class _Numbering:
    """Gives each text that differs a number, by its first occurrence."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._numbers: dict[str, int] = {}

    def __call__(self, found: re.Match[str]) -> str:
        return f"<{self._kind}{self._numbers.setdefault(found[0], len(self._numbers))}>"


class Terminal:
    """Types commands on a host of the lab, whose engine has its socket where engines have it.

    In a mount namespace of its own: what the machine has in /run is neither seen nor touched.
    """

    def __init__(self, lab: Lab, elsewhere: Lab | None, directory: Path) -> None:
        self._lab = lab
        self._elsewhere = elsewhere.url if elsewhere else ""
        self._directory = directory
        self._path = bin_with_linkdoctor(directory)

    def type(self, command: str) -> tuple[int, str]:
        """Type a command: (exit code, what it printed)."""
        if command == ENGINE_RESTARTS:
            self._lab.restart_engine()
            return 0, ""
        typed = command.replace(ELSEWHERE, self._elsewhere)
        done = subprocess.run(
            [*_APART, "sh", "-c", _WITH_SOCKET, "sh", str(self._lab.engine.socket), typed],
            env=self._environment(),
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=AS_LONG_AS_A_COMMAND_MAY_TAKE,
            check=False,
        )
        output = done.stdout.replace(_HOME, "/root")
        if self._elsewhere:
            output = output.replace(self._elsewhere, ELSEWHERE)
        return done.returncode, output

    def _environment(self) -> Mapping[str, str]:
        return {"PATH": self._path, "HOME": _HOME, "LC_ALL": "C.UTF-8"}


def play(page: str, terminal: Terminal) -> list[str]:
    """Type everything on a page; what each shown command printed.

    A hidden command that fails is an error.
    """
    printed = []
    for step in steps(page):
        code, output = terminal.type(step.command)
        if step.output is None:
            assert code == 0, f"{step.command}\n{output}"
        else:
            printed.append(output)
    return printed


def written(page: str, outputs: Sequence[str]) -> str:
    """A page with other outputs."""
    rest = iter(outputs)

    def again(part: re.Match[str]) -> str:
        if part["hidden"]:
            return part[0]
        session = [f"$ {each.command}\n{next(rest)}" for each in _session(part["session"])]
        return f"```console\n{''.join(_ended(each) for each in session)}```"

    return _PART.sub(again, page)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def prepare(lab: Lab) -> None:
    """Return a host the one image that the pages use."""
    lab.image(f"{IMAGE}:latest")


def needs_elsewhere(page: str) -> bool:
    """Whether a page speaks of a second host."""
    return any(ELSEWHERE in step.command for step in steps(page))


def main(names: Sequence[str]) -> int:
    """Write the outputs of pages, of all of them if none is named."""
    engines = (Engine("host1"), Engine("host2"))
    with ExitStack() as stack:
        for engine in engines:
            stack.callback(engine.stop)
            engine.start()
        join(*engines)
        lab, elsewhere = (stack.enter_context(Lab(engine)) for engine in engines)
        for path in PAGES if not names else map(Path, names):
            for each in (lab, elsewhere):
                each.clean()
                prepare(each)
            page = path.read_text(encoding="utf-8")
            with tempfile.TemporaryDirectory() as home:
                outputs = play(page, Terminal(lab, elsewhere, Path(home)))
            path.write_text(written(page, outputs), encoding="utf-8")
            print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
