"""What an error of a database means: it is not ready, cannot be used right now, has no room."""

import errno
from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


def is_table_missing(error: Exception) -> bool:
    """Return whether a statement names a table that is not there."""
    if not isinstance(error, OperationalError | ProgrammingError):
        return False
    original: Any = error.orig
    return (
        getattr(original, "sqlstate", None) == "42P01"
        or (bool(original.args) and original.args[0] == 1146)
        or "no such table" in str(original)
    )


# What passes: PostgreSQL's SQLSTATEs by their beginning, MariaDB's error numbers, SQLite's names.
_PASSING_STATES = ("08", "40", "53", "55P03", "57")
_PASSING_NUMBERS = {188, 1040, 1049, 1053, 1205, 1213, 1317, 1969, 2002, 2003, 2006, 2013}
_PASSING_NAMES = (
    "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL",
    "SQLITE_READONLY", "SQLITE_INTERRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT",
)  # fmt: skip


def is_unavailable(error: Exception) -> bool:
    """Return whether the database cannot be used right now; a wrong statement is our fault."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    original: Any = error.orig
    if error.connection_invalidated or isinstance(original, TimeoutError):
        return True
    name, state = getattr(original, "sqlite_errorname", None), getattr(original, "sqlstate", None)
    if name:
        return str(name).startswith(_PASSING_NAMES)
    number = original.args[0] if original.args else None
    if isinstance(number, int):
        return number in _PASSING_NUMBERS
    # Without a state PostgreSQL was never reached.
    if state:
        return str(state).startswith(_PASSING_STATES)
    return isinstance(error, OperationalError)


def is_pool_empty(error: Exception) -> bool:
    """Return whether a request has waited in vain for one of its worker's connections."""
    return isinstance(error, PoolTimeoutError)


def is_disk_full(error: BaseException) -> bool:
    """Return whether there was no room: for a file, or for what a database writes."""
    original = getattr(error, "orig", error)
    if isinstance(original, OSError):
        return original.errno in (errno.ENOSPC, errno.EDQUOT)
    number = original.args[0] if getattr(original, "args", ()) else None
    return (
        getattr(original, "sqlite_errorname", None) == "SQLITE_FULL"
        or getattr(original, "sqlstate", None) == "53100"
        or (isinstance(error, DBAPIError) and number in (1021, 1114))
    )
