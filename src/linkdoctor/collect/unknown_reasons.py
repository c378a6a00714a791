"""The reasons, in words, for which evidence is missing in more than one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from linkdoctor.collect import engine_files, hostconfig, procfs, sockets
from linkdoctor.collect.engine import EngineError, NotThere, TooLarge
from linkdoctor.model.evidence import ONLY_NEAR, Evidence, Gap, Known, Unknown

__all__ = [
    "GONE",
    "LATE",
    "ONLY_NEAR",
    "collect_evidence",
    "failed",
    "internal_error",
    "unanswered",
]

T = TypeVar("T")

GONE = Unknown(gap=Gap.VANISHED, detail="it disappeared before it could be read")
LATE = Unknown(gap=Gap.TIMED_OUT, detail="no time was left (--timeout sets how long to wait)")
_BEING_STARTED = Unknown(
    gap=Gap.TOO_EARLY, detail="its process was only just being started: not judged yet"
)


def collect_evidence(read: Callable[[], T], source: str) -> Evidence[T]:
    """Read a piece of evidence, or return the reason why it cannot be read."""
    try:
        return Known(read(), source)
    except procfs.BeingStarted:
        return _BEING_STARTED
    except (procfs.NotProven, sockets.NamespaceDenied) as error:
        return Unknown(gap=Gap.DENIED, detail=str(error))
    except PermissionError:
        return Unknown(gap=Gap.DENIED, detail="no permission to read it; run as root")
    except NotThere:
        return GONE
    except (sockets.TooMany, hostconfig.Oversized) as error:
        return Unknown(gap=Gap.CUT, detail=str(error))
    except OSError as error:
        return Unknown(gap=Gap.VANISHED, detail=error.strerror or type(error).__name__)
    except (EngineError, engine_files.Unreadable, hostconfig.Damaged) as error:
        return unanswered(error)


def unanswered(error: Exception) -> Unknown:
    """Return the reason for an answer of the engine that could not be used."""
    return Unknown(
        gap=Gap.CUT if isinstance(error, TooLarge) else Gap.UNSUPPORTED, detail=str(error)
    )


def failed(error: Exception) -> Unknown:
    """Return the reason for evidence on which linkdoctor itself failed."""
    return Unknown(gap=Gap.UNSUPPORTED, detail=internal_error(error))


def internal_error(error: Exception) -> str:
    """Return the words for a failure of linkdoctor itself.

    They are without the error's text, which may hold anything.
    """
    return f"linkdoctor failed on it: {type(error).__name__}; please report it"
