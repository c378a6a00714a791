"""Recreates or restarts one container, as a process of its own that can be killed.

`python -m tests.lab.kill_driver URL JOURNAL LOCKS recreate|restart CONTAINER [keep|carry|drop]`
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from linkdoctor.api import Url
from linkdoctor.collect.control import controlling
from linkdoctor.fix.journal import Journal
from linkdoctor.fix.lock import locked
from linkdoctor.fix.outcome import Result
from linkdoctor.fix.perform import perform
from linkdoctor.fix.recovery import Patience
from linkdoctor.model.actions import Action, Recreate, Restart
from linkdoctor.model.plan import Files

PATIENCE = Patience(steady=0.3, health=10.0, glance=0.15)


def main(url: str, journal: str, locks: str, what: str, container: str, files: str = "keep") -> int:
    """Do it; 0 when it is fixed."""
    action: Action = Restart(container=container)
    if what == "recreate":
        action = Recreate(container=container)
    with (
        controlling(Url(url), os.environ) as control,
        locked(control.engine_id(), directory=Path(locks)) as lock,
        Journal(Path(journal)) as written,
    ):
        outcome = perform(
            action, control, written, files=Files(files), lock=lock, patience=PATIENCE
        )
    return 0 if outcome.result is Result.FIXED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
