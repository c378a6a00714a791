"""What stands between a client and an engine: the sockets and threads that every proxy has."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

GONE_WITHIN = 10.0


class Passing:
    """Accepts connections, each served in a thread of its own, until it is closed."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._open: set[socket.socket] = {listener}
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def close(self) -> None:
        """Cut every connection and wait for the threads."""
        for each in tuple(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(GONE_WITHIN)
            assert not thread.is_alive()
        for each in self._open:
            each.close()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(client)
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        """Begin to serve a client; what takes time goes into threads."""
        raise NotImplementedError
