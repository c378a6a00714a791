"""Where results go: standard output or a file; and what is told on standard error."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from linkdoctor.cli.errors import CliError
from linkdoctor.render.sanitize import sanitize, to_ascii

if TYPE_CHECKING:
    from linkdoctor.render.layout import TextStyle

__all__ = [
    "ProgressLine",
    "complain",
    "emit",
    "emit_bytes",
    "is_terminal",
    "output_style",
    "reader_has_gone",
    "refuse_unwritable",
    "write_atomically",
]

_WIDTH_ELSEWHERE = 80
_NARROWEST, _WIDEST = 20, 120
_SIGNS = "✓✗→≠…"


def emit(text: str) -> None:
    """Write text to standard output, in whatever its encoding can show."""
    encoding = sys.stdout.encoding or "utf-8"
    emit_bytes(_fitting(text, encoding).encode(encoding, "backslashreplace"))


def emit_bytes(content: bytes) -> None:
    """Write to standard output; a reader who has gone away is no error."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Python flushes once more when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _gone.set()
    except OSError as error:
        raise CliError(f"standard output cannot be written: {error.strerror}") from None


_gone = threading.Event()


def reader_has_gone() -> bool:
    """Return whether whoever read standard output has closed it: what follows is for nobody."""
    return _gone.is_set()


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a standard stream is a terminal; one that was closed (``2>&-``) is None."""
    return stream is not None and stream.isatty()


def complain(text: str) -> None:
    """Say something on standard error, unless that is closed: one line, harmless."""
    if sys.stderr is None:
        return
    encoding = sys.stderr.encoding or "utf-8"
    line = _fitting(f"linkdoctor: {sanitize(text)}\n", encoding)
    with contextlib.suppress(OSError):
        sys.stderr.write(line)
        sys.stderr.flush()


def _fitting(text: str, encoding: str) -> str:
    return text if _knows_signs(encoding) else to_ascii(text)


def _knows_signs(encoding: str) -> bool:
    try:
        _SIGNS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def output_style(
    *, to_file: bool = False, environment: Mapping[str, str] | None = None
) -> TextStyle:
    """Return what a text is laid out for: standard output as it is, or a file."""
    from linkdoctor.render.layout import TextStyle

    environment = os.environ if environment is None else environment
    if to_file:
        return TextStyle(width=_WIDTH_ELSEWHERE)
    terminal = sys.stdout.isatty()
    width = _WIDTH_ELSEWHERE
    if terminal:
        width = shutil.get_terminal_size((_WIDTH_ELSEWHERE, 24)).columns
        width = min(max(width, _NARROWEST), _WIDEST)
    return TextStyle(
        width=width,
        colour=_colour(environment, terminal=terminal),
        ascii_only=not _knows_signs(sys.stdout.encoding or "utf-8"),
    )


def _colour(environment: Mapping[str, str], *, terminal: bool) -> bool:
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return terminal and environment.get("TERM") != "dumb"


def refuse_unwritable(path: Path) -> None:
    """Refuse a place where nothing can be written, before any work is done; raises CliError."""
    directory = _real(path).parent
    if path.is_dir():
        raise CliError(f"{path}: is a directory")
    if not directory.is_dir():
        raise CliError(f"{path}: there is no directory {directory}")
    if not os.access(directory, os.W_OK) and not _is_device(path):
        raise CliError(f"{path}: no write permission in {directory}")


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file, whole or not at all; raises CliError.

    A device or a pipe is written to, never replaced.

    Args:
        path: where; a symbolic link is followed.
        content: of the file.
        mode: who may read it; only its owner, by default.
    """
    try:
        if _is_device(path):
            with path.open("wb", buffering=0) as device:
                device.write(content)
            return
        _replace(_real(path), content, mode)
    except OSError as error:
        raise CliError(
            f"{path}: cannot be written: {error.strerror or type(error).__name__}"
        ) from None


def _real(path: Path) -> Path:
    # A symbolic link stays one: the file that it leads to is replaced.
    return Path(os.path.realpath(path))


def _is_device(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _replace(path: Path, content: bytes, mode: int) -> None:
    import tempfile

    # mkstemp gives the file mode 0600, whatever the umask.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".linkdoctor-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


class ProgressLine:
    """One line on a terminal that tells what is being done, if it takes more than a second."""

    PATIENCE = 1.0
    _PERIOD = 0.2

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        patience: float = PATIENCE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch; nothing is shown unless standard error is a terminal.

        Args:
            stream: where the line is shown; standard error by default.
            patience: seconds for which nothing is shown.
            now: the clock by which seconds are told.
        """
        self._stream: TextIO | None = sys.stderr if stream is None else stream
        self._patience = patience
        self._now = now
        self._doing = "asking the engine"
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, doing: str) -> None:
        """Take note of what is being done."""
        self._doing = doing

    def __enter__(self) -> ProgressLine:
        if self._stream is not None and is_terminal(self._stream):
            self._thread = threading.Thread(target=self._show, args=(self._stream,), daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self, stream: TextIO) -> None:
        started = self._now()
        if self._done.wait(self._patience):
            return
        try:
            for _ in self._periods():
                seconds = int(self._now() - started)
                width = shutil.get_terminal_size((_WIDTH_ELSEWHERE, 24)).columns
                line = f"{sanitize(self._doing)} ... {seconds} s"[: max(width - 1, 8)]
                stream.write(f"\r\x1b[K{line}")
                stream.flush()
            stream.write("\r\x1b[K")
            stream.flush()
        except OSError:  # the terminal has gone
            return

    def _periods(self) -> Iterator[None]:
        yield
        while not self._done.wait(self._PERIOD):
            yield
