"""Recreates or restarts one container, as a process of its own that can be killed.

`python -m tests.lab.kill_driver URL JOURNAL recreate|restart|undo CONTAINER [keep|carry|drop]`
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from linkdoctor.api import Url
from linkdoctor.collect.control import controlling
from linkdoctor.fix.journal import Journal
from linkdoctor.fix.lock import locked
from linkdoctor.fix.outcome import Result
from linkdoctor.fix.perform import perform
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.undo import undo
from linkdoctor.model.actions import Action, Recreate, Restart
from linkdoctor.model.plan import Files

INTERRUPTED = 130
PATIENCE = Patience(steady=0.3, health=10.0, glance=0.15)


def main(url: str, journal: str, what: str, container: str, files: str = "keep") -> int:
    """Do it; 0 when it is fixed."""
    if what == "undo":
        return _interruptible(partial(_take_back, url, journal))
    action: Action = Restart(container=container)
    if what == "recreate":
        action = Recreate(container=container)
    return _interruptible(partial(_carry_out, action, url, journal, Files(files)))


def _interruptible(work: Callable[[], int]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    try:
        return work()
    except KeyboardInterrupt as interrupt:
        print(*getattr(interrupt, "__notes__", ()), sep="\n", flush=True)
        return INTERRUPTED


def _take_back(url: str, journal: str) -> int:
    with (
        controlling(Url(url), os.environ) as control,
        locked(control.installation(), at=control.socket_path) as lock,
        Journal(Path(journal), continued=True) as written,
    ):
        done = undo(written, control, lock=lock, patience=PATIENCE)
    return 0 if all(each.result is Result.UNDONE for each in done) else 1


def _carry_out(action: Action, url: str, journal: str, files: Files) -> int:
    with (
        controlling(Url(url), os.environ) as control,
        locked(control.installation(), at=control.socket_path) as lock,
        Journal(Path(journal)) as written,
    ):
        outcome = perform(action, control, written, files=files, lock=lock, patience=PATIENCE)
    print(outcome.result, outcome.reason, *outcome.notes, flush=True)
    return 0 if outcome.result is Result.FIXED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
