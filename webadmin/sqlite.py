"""SQLite for several processes that write: its write lock, waited for in order."""

import os
import time
from contextvars import ContextVar
from operator import methodcaller
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from webadmin import folding

try:
    import fcntl
except ImportError:  # no POSIX file locks: SQLite's own busy timeout stands alone
    fcntl = None  # type: ignore[assignment]

# Seconds that a transaction may wait for SQLite's write lock; None: it does not take it.
writers_patience: ContextVar[float | None] = ContextVar("writers_patience", default=None)


class SQLite:
    """The listeners that make SQLite safe for several processes that write.

    Args:
        file: The database, or None where it is no plain file.
        timeout: Seconds to wait for another writer.
    """

    def __init__(self, file: Path | None, timeout: float) -> None:
        self.lock_file = file.with_name(file.name + ".lock") if file else None
        self.timeout = timeout

    def listen(self, engine: Engine) -> None:
        """Serve the connections of an engine."""
        event.listen(engine, "connect", self.connected)
        event.listen(engine, "begin", self.begun)
        event.listen(engine, "checkin", self.released)
        event.listen(engine, "invalidate", self.invalidated)
        event.listen(engine, "close", self.released)

    def connected(self, connection: Any, record: Any) -> None:
        """Set up a new connection: durable, with foreign keys, in WAL mode."""
        connection.isolation_level = None  # webadmin begins transactions itself, in `begun`
        # What a program wrote in another encoding is shown as well as it can be; a field that
        # nobody changes is not written back.
        connection.text_factory = methodcaller("decode", "utf-8", "replace")
        connection.create_function(
            "webadmin_search_text", 1, folding.search_text, deterministic=True
        )
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        if self.lock_file and cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            # This statement ignores the busy timeout: first connections queue at the file lock.
            self.lock(record)
            try:
                cursor.execute("PRAGMA journal_mode = WAL")
            except connection.OperationalError:
                pass  # a read-only file is served in the mode it has
            finally:
                self.released(connection, record)
        cursor.close()

    def begun(self, connection: Connection) -> None:
        """Begin a transaction, with the write lock where it is to write.

        Raises:
            OperationalError: Another writer kept the lock for too long.
        """
        if writers_patience.get() is None:
            # Past SQLAlchemy, whose bookkeeping would take longer; this never waits or fails.
            connection.connection.dbapi_connection.execute("BEGIN")  # type: ignore[union-attr]
            return
        record = connection.connection
        patience = min(self.timeout, writers_patience.get() or 0)
        self.lock(record)
        try:
            if patience < self.timeout:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience * 1000)}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            self.released(None, record)
            raise
        finally:
            if patience < self.timeout:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")

    def lock(self, record: Any) -> None:
        """Take the file lock: unlike SQLite's busy timeout it lets nobody starve."""
        if fcntl is None or self.lock_file is None or "lock" in record.info:
            return
        try:
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o660)
        except OSError:
            return  # a folder that cannot be written: the busy timeout stands alone
        patience = writers_patience.get()
        deadline = time.monotonic() + min(
            self.timeout, self.timeout if patience is None else patience
        )
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise OperationalError(
                        "BEGIN IMMEDIATE", None, TimeoutError("database is locked")
                    ) from None
                time.sleep(0.001)
            else:
                record.info["lock"] = descriptor
                return

    def released(self, _connection: object, record: Any) -> None:
        """Give the file lock back, where it is held."""
        descriptor = record.info.pop("lock", None)
        if descriptor is not None:
            os.close(descriptor)  # closing the file gives the lock back

    def invalidated(self, connection: object, record: Any, _error: object) -> None:
        """Give the file lock of a broken connection back."""
        self.released(connection, record)
