"""One run at a time on one engine. The lock goes with its holder, however that ends.

It is two names, and no file, so that neither HOME nor who the user is matters, and nothing is left
when its processes are gone. One is an abstract unix socket, made of the engine's id, data
directory and host name: everybody in this network namespace sees it. The other is the id of a
session at the engine itself: everybody sees it who asks this engine, from any namespace.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Generator
from pathlib import Path

from linkdoctor.collect import sockets
from linkdoctor.collect.session import EngineClaim, claim_at_engine, is_claimed_at_engine

__all__ = ["Lock", "LockError", "Locked", "guarding", "locked"]

_PAUSE = 0.1
_FORGOTTEN_WITHIN = 12.0
"""Seconds within which an engine notices that who held a session is gone."""
_KEPT_EVERY = 0.5
_MOST_REFUSALS = 2
_RUN, _GUARDIAN = "linkdoctor-run", "linkdoctor-guardian"


class LockError(Exception):
    """The lock cannot be had; the message is one line."""


class Locked(LockError):
    """Another run holds the lock."""

    def __init__(self, holder: int | None) -> None:
        if holder is not None and not _is_alive(holder):
            who = "the guardian of an interrupted run"
        else:
            who = f"process {holder}" if holder else "another process"
        super().__init__(f"{who} is fixing links on this engine; wait for it, or use --wait")
        self.holder = holder
        """The process that took it, if it is known; a guardian may hold it for one that died."""


class Lock:
    """A lock that is held. A child process that is given the descriptor holds it too."""

    def __init__(self, descriptor: int) -> None:
        """Take the descriptor of a socket that has the lock's name."""
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor


@contextlib.contextmanager
def locked(
    engine: str, *, at: Path | None = None, wait: float = 0.0
) -> Generator[Lock, None, None]:
    """Hold the lock of an engine.

    Args:
        engine: what tells it from all others (:meth:`Control.installation`).
        at: the engine's unix socket; without it only this network namespace is locked.
        wait: seconds to wait for another run.

    Raises:
        Locked: another run holds it still.
        LockError: it cannot be taken at all.
    """
    name = f"linkdoctor-{hashlib.sha256(engine.encode()).hexdigest()[:32]}"
    until = time.monotonic() + wait
    while True:
        try:
            held = sockets.claim(name)
        except OSError as error:
            raise LockError(f"the engine's lock cannot be taken: {error.strerror}") from None
        if held is not None:
            break
        if time.monotonic() >= until:
            raise Locked(sockets.claimant(name))
        time.sleep(_PAUSE)
    with held, _claimed(at, max(until, time.monotonic() + _FORGOTTEN_WITHIN)):
        yield Lock(held.fileno())


@contextlib.contextmanager
def _claimed(at: Path | None, until: float) -> Generator[None, None, None]:
    """Hold the session of a run, once no guardian has its own any more."""
    claim = None if at is None else _claim_run(at, until)
    if at is None or claim is None:
        yield
        return
    with _kept(at, _RUN, claim):
        while is_claimed_at_engine(at, _GUARDIAN):
            if time.monotonic() >= until:
                raise Locked(None)
            time.sleep(_PAUSE)
        yield


def _claim_run(at: Path, until: float) -> EngineClaim | None:
    """Take the session of a run; None where the engine does not offer such sessions."""
    refused = 0
    while refused < _MOST_REFUSALS:
        claim = claim_at_engine(at, _RUN)
        if claim is not None:
            return claim
        if not is_claimed_at_engine(at, _RUN):
            refused += 1  # not offered, or given up this very moment
        elif time.monotonic() >= until:
            raise Locked(None)
        else:
            time.sleep(_PAUSE)
    return None


@contextlib.contextmanager
def guarding(at: Path | None) -> Generator[None, None, None]:
    """Hold the session of a guardian as soon as an earlier one's is forgotten.

    It is not waited for: what is forgotten late keeps others out all the same.
    """
    if at is None:
        yield
        return
    with _kept(at, _GUARDIAN, None):
        yield


@contextlib.contextmanager
def _kept(at: Path, name: str, claim: EngineClaim | None) -> Generator[None, None, None]:
    """Keep a session, and take it again when it was lost: an engine may be restarted meanwhile."""
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(at, name, claim, done), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join(_FORGOTTEN_WITHIN)


def _keep(at: Path, name: str, claim: EngineClaim | None, done: threading.Event) -> None:
    while not done.wait(_KEPT_EVERY):
        if claim is not None and not claim.held:
            claim.close()
            claim = None
        if claim is None:
            claim = claim_at_engine(at, name)
    if claim is not None:
        claim.close()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True
