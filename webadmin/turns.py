"""Turns: the requests of a process that works on SQLite are answered one after the other.

Python's driver lets go of the interpreter for every row that it reads, and each time wakes the
threads that wait for it: four at once give two thirds of the pages that one by one they do.
Nothing else is waited for there, unlike with a database server.
"""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

# Seconds to wait for a turn, far longer than a page takes: who waits in vain goes on without, so
# that a slow search or upload, or a writer who waits for another process, holds up nobody.
PATIENCE = 0.02


class Turns:
    """A WSGI application whose answers are made in turns; they are sent at the same time.

    Args:
        application: What answers.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self.turn = Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request."""
        mine = self.turn.acquire(timeout=PATIENCE)
        try:
            return self.application(environ, start_response)
        finally:
            if mine:
                self.turn.release()
