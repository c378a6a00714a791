"""What a run does that is interrupted, by Ctrl-C say, in the middle of a recreation."""

from __future__ import annotations

from linkdoctor.collect.control import Control
from linkdoctor.collect.engine import EngineError
from linkdoctor.fix.journal import Journal, JournalError
from linkdoctor.fix.proving import Patience
from linkdoctor.fix.recovery import Lost, resume_recreation, served_by

__all__ = ["come_to_an_end"]


def come_to_an_end(control: Control, journal: Journal, number: int, patience: Patience) -> str:
    """Bring an interrupted recreation to one of its ends; return which container serves.

    Interrupted once more, it leaves that to the guardian.
    """
    step = next(each for each in journal.steps() if each.number == number)
    name = step.before.name
    later = f"it is being finished in the background, or by --resume {journal.path}"
    try:
        ended = resume_recreation(control, journal, step, patience)
    except JournalError as error:
        return f"{name}: it was interrupted, and how it ended could not be recorded: {error}"
    except (EngineError, Lost) as error:
        return f"{name}: it was interrupted, and is not finished yet ({error}): {later}"
    except BaseException as again:
        again.add_note(f"{name}: interrupted again: {later}")
        raise
    return "; ".join((f"{name}: {served_by(ended)}", *ended.notes))
