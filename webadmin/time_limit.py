"""A time limit for statements that read, by what each DBMS has for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from webadmin import prepared
from webadmin.database import connection, dialect

# Steps of SQLite's virtual machine from one look at the clock to the next: about a millisecond.
STEPS = 10_000


class TookTooLongError(Exception):
    """A statement was stopped: it had not ended within its time."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stop a statement that reads, and is run and fetched inside, after some seconds.

    The session's transaction goes on afterwards. Blocks nest on MariaDB alone, where a search may
    have to ask its index something first.

    Args:
        seconds: More than 0; what is less than a millisecond counts as one.

    Raises:
        TookTooLongError: It was stopped.
    """
    limit = {"sqlite": _sqlite, "postgresql": _postgresql}.get(dialect(), _mariadb)
    try:
        with limit(connection(), max(seconds, 0.001)):
            yield
    except DBAPIError as error:
        if not _is_stopped(error):
            raise
        raise TookTooLongError(f"stopped after {seconds} seconds") from error


@contextmanager
def _sqlite(link: Connection, seconds: float) -> Iterator[None]:
    driver: Any = link.connection.driver_connection
    deadline = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _postgresql(link: Connection, seconds: float) -> Iterator[None]:
    """An error ends a transaction there: the statement has one, or a savepoint, of its own.

    SET LOCAL ends with it: a pool between here and the server keeps no limit for others.
    """
    driver: Any = link.connection.driver_connection
    begin, end = "SAVEPOINT limited", "ROLLBACK TO limited; RELEASE limited"
    if driver.autocommit:
        begin, end = "BEGIN", "ROLLBACK"
    prepared.tell(link, f"{begin}; SET LOCAL statement_timeout = {round(seconds * 1000)}")
    try:
        yield
    finally:
        if not link.invalidated:  # the server is gone: the error that says so goes on
            prepared.tell(link, end)


@contextmanager
def _mariadb(link: Connection, seconds: float) -> Iterator[None]:
    mariadb = getattr(link.dialect, "is_mariadb", False)
    name = "max_statement_time" if mariadb else "max_execution_time"  # MySQL counts milliseconds
    limit = seconds if mariadb else round(seconds * 1000)
    depth = link.info["webadmin_limits"] = link.info.get("webadmin_limits", 0) + 1
    prepared.tell(link, f"SET @unlimited{depth} = @@{name}, {name} = {limit}")
    try:
        yield
    finally:
        if not link.invalidated:
            link.info["webadmin_limits"] -= 1
            prepared.tell(link, f"SET {name} = @unlimited{depth}")


def _is_stopped(error: DBAPIError) -> bool:
    """Return whether a statement was interrupted.

    MariaDB's error is 1969, or 188 where it was looking through a FULLTEXT index (its `perror` says
    "interrupted by end user"); MySQL's is 3024.
    """
    original: Any = error.orig
    return (
        getattr(original, "sqlite_errorname", None) == "SQLITE_INTERRUPT"
        or getattr(original, "sqlstate", None) == "57014"
        or bool(original.args and original.args[0] in (188, 1969, 3024))
    )
