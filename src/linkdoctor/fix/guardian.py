"""A second process that puts the old container back if the first one dies halfway.

Between the stop of the old container and the start of the new one neither runs. A kill in that
moment cannot be caught by whoever is killed; so a guardian in a session of its own waits at a pipe.
When the pipe closes, it reads the journal: if the step is still open, it brings it to an end.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from linkdoctor.collect.control import controlling
from linkdoctor.collect.engine import ContextName, EngineError, Url
from linkdoctor.fix.journal import Journal, JournalError
from linkdoctor.fix.lock import Lock, guarding
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.recovery import Lost, resume_recreation

__all__ = ["KEEPS_TRYING", "Guardian", "GuardianError", "main"]

KEEPS_TRYING = 120.0
"""Seconds for which a guardian asks an engine that does not answer."""

_READY = b"ready\n"
_READY_WITHIN = 30.0
_GONE_WITHIN = 30.0


class GuardianError(Exception):
    """No guardian can be had; the message is one line."""


class _Orders(msgspec.Struct, frozen=True):
    url: str | None
    context: str | None
    journal: str
    step: int
    patience: Patience


class Guardian:
    """A guardian at work, for one step. It goes when it is closed, after a look at the journal."""

    def __init__(
        self,
        where: Url | ContextName,
        journal: Path,
        step: int,
        *,
        environment: Mapping[str, str] | None = None,
        lock: Lock | None = None,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        """Start it, and wait until it has the engine's ear; raises GuardianError."""
        environment = os.environ if environment is None else environment
        orders = _Orders(
            url=where.url if isinstance(where, Url) else None,
            context=where.name if isinstance(where, ContextName) else None,
            journal=str(journal.absolute()),
            step=step,
            patience=patience,
        )
        paths = [os.path.abspath(each) for each in sys.path if each]
        if not sys.executable:
            raise GuardianError(
                "no guardian can be started: Python does not know its own executable"
            )
        try:
            # Our own program, fixed words, no shell.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "linkdoctor.fix.guardian"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
                start_new_session=True,
                pass_fds=() if lock is None else (lock.fileno(),),
            )
        except OSError as error:
            raise GuardianError(f"no guardian can be started: {error.strerror}") from None
        try:
            self._begin(msgspec.json.encode(orders) + b"\n")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the guardian itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it go."""
        self.close()

    def close(self, *, within: float = _GONE_WITHIN) -> None:
        """Let it go, and wait for what it may have to do; it is not ended if that takes longer."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within)

    def _begin(self, orders: bytes) -> None:
        asking, answering = self._process.stdin, self._process.stdout
        if asking is None or answering is None:
            raise GuardianError("no guardian can be started: it has no pipes")
        try:
            asking.write(orders)
            asking.flush()
        except OSError:
            raise GuardianError("the guardian ended at once") from None
        readable, _, _ = select.select([answering], [], [], _READY_WITHIN)
        if not readable or answering.readline() != _READY:
            raise GuardianError("the guardian cannot reach the engine")


def main() -> int:
    """Be the guardian: orders come from standard input."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # a service that is stopped must not stop this
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Orders)
    where = Url(orders.url) if orders.context is None else ContextName(orders.context)
    with controlling(where) as control:
        at = control.socket_path
    with guarding(at):
        sys.stdout.buffer.write(_READY)
        sys.stdout.buffer.flush()
        sys.stdin.buffer.read()
        return _recover(where, orders, time.monotonic() + KEEPS_TRYING)


def _recover(where: Url | ContextName, orders: _Orders, until: float) -> int:
    while True:
        try:
            with Journal(Path(orders.journal), continued=True) as journal:
                step = next(each for each in journal.steps() if each.number == orders.step)
                if not step.open:
                    return 0
                with controlling(where) as control:
                    resume_recreation(control, journal, step, orders.patience)
                return 0
        except JournalError:
            return 1  # all that could be done was done; it cannot be noted
        except (EngineError, Lost):
            if time.monotonic() > until:
                return 1
            time.sleep(1.0)


if __name__ == "__main__":
    sys.exit(main())
