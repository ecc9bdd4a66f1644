"""Making the indexes that a list needs while others go on writing, where the DBMS can do that."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from webadmin.config import ConfigError
from webadmin.database import db, dialect, writing
from webadmin.indexes import Need

# How far it is: a share from 0 to 1.
Report = Callable[[float], None]
INTERVAL = 0.5  # seconds between two looks at how far it is
STEPS = 100_000  # of SQLite's virtual machine, between two looks for Ctrl+C: some milliseconds
_POSTGRESQL_PROGRESS = """
    SELECT CASE WHEN blocks_total > 0 THEN blocks_done::float / blocks_total
    WHEN tuples_total > 0 THEN tuples_done::float / tuples_total END
    FROM pg_stat_progress_create_index WHERE pid = :id"""
_MARIADB_PROGRESS = """
    SELECT (stage - 1 + progress / 100) / max_stage FROM information_schema.processlist
    WHERE id = :id AND max_stage > 0"""


def make(need: Need, report: Report) -> None:
    """Make the index of a need; nothing of it stays where that fails or is stopped by Ctrl+C.

    Args:
        need: One that is missing.
        report: Is told from another thread how far it is, where the DBMS tells that.

    Raises:
        ConfigError: Another process is making it.
        KeyboardInterrupt: Ctrl+C.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    db.session.rollback()  # PostgreSQL waits for all who look at the table, oneself included
    makers = {"sqlite": _sqlite, "postgresql": _postgresql}
    makers.get(dialect(), _mariadb)(need, report)


def analyze(table: Table) -> None:
    """Let the DBMS look at a table, so that it knows what its new index is good for."""
    word = "ANALYZE TABLE" if dialect() in ("mysql", "mariadb") else "ANALYZE"
    with writing(), db.engine.begin() as connection:
        if dialect() == "sqlite":
            connection.execute(text("PRAGMA analysis_limit = 1000"))  # not the whole table
        name = db.engine.dialect.identifier_preparer.format_table(table)
        connection.execute(text(f"{word} {name}"))


def _quoted(name: str) -> str:
    return db.engine.dialect.identifier_preparer.quote(name)


def _table(need: Need) -> str:
    return db.engine.dialect.identifier_preparer.format_table(need.resource.table)


def _statement(need: Need, concurrently: str = "", options: str = "") -> Any:
    columns = ", ".join(map(_quoted, need.columns))
    name = _quoted(need.index_name)
    return text(f"CREATE INDEX {concurrently} {name} ON {_table(need)} ({columns}) {options}")


def _sqlite(need: Need, _report: Report) -> None:
    with writing(), db.engine.begin() as connection:
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(_go_on, STEPS)
        try:
            connection.execute(_statement(need))
        except OperationalError as error:
            if "interrupted" in str(error.orig):
                raise KeyboardInterrupt from None
            raise
        finally:
            raw.set_progress_handler(None, 0)


def _go_on() -> int:
    """Say that SQLite is to go on. Ctrl+C is seen while Python runs: here."""
    return 0


def _postgresql(need: Need, report: Report) -> None:
    concurrently(need.resource.table, need.index_name, _statement(need, "CONCURRENTLY"), report)


def concurrently(table: Table, name: str, statement: Any, report: Report) -> None:
    """Make an index on PostgreSQL while others go on writing.

    Args:
        table: Its table.
        name: Its name.
        statement: CREATE INDEX CONCURRENTLY.
        report: Is told from another thread how far it is.

    Raises:
        ConfigError: Another process is making it.
        KeyboardInterrupt: Ctrl+C.
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    preparer = db.engine.dialect.identifier_preparer
    index = f"{preparer.quote_schema(table.schema)}." if table.schema else ""
    index += _quoted(name)
    _refuse_second(index)
    _drop_invalid(index)  # left by one that failed
    try:
        with _autocommitting() as connection:
            own = connection.scalar(text("SELECT pg_backend_pid()"))
            with _watched(_POSTGRESQL_PROGRESS, own, report):
                connection.execute(statement)
    except (DBAPIError, KeyboardInterrupt):
        _drop_invalid(index)
        raise


def _drop_invalid(index: str) -> None:
    """Drop what a CREATE INDEX CONCURRENTLY leaves behind when it fails.

    That waits for transactions which have written to the table. Where nobody waits for it, what
    stays is used by nobody, and dropped by the next `make`.
    """
    invalid = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
    with _autocommitting() as connection:
        if connection.scalar(text(invalid), {"name": index}):
            connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {index}"))


def _refuse_second(index: str) -> None:
    at_work = "SELECT 1 FROM pg_stat_progress_create_index WHERE index_relid = to_regclass(:name)"
    with _autocommitting() as connection:
        if connection.scalar(text(at_work), {"name": index}):
            raise ConfigError(
                f"Another process is making the index {index}: wait until it is done."
            )


def _mariadb(need: Need, report: Report) -> None:
    try:
        with _autocommitting() as connection:
            own = connection.scalar(text("SELECT CONNECTION_ID()"))
            with _watched(_MARIADB_PROGRESS, own, report):
                try:
                    connection.execute(_statement(need, options="ALGORITHM=INPLACE LOCK=NONE"))
                except KeyboardInterrupt:
                    connection.invalidate()  # its answer is still to come
                    raise
    except KeyboardInterrupt:
        with _autocommitting() as other:
            other.execute(text(f"KILL {own}"))  # InnoDB takes back what it has made
        raise


@contextmanager
def _autocommitting() -> Iterator[Connection]:
    with db.engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def _watched(progress: str, connection_id: Any, report: Report) -> Iterator[None]:
    """Report how far another connection is while the block works."""
    done, engine = threading.Event(), db.engine

    def watch() -> None:
        # Without a connection to spare there is no progress to see, and the index is made.
        with suppress(SQLAlchemyError), engine.connect() as other:
            connection = other.execution_options(isolation_level="AUTOCOMMIT")
            while not done.wait(INTERVAL):
                share = connection.scalar(text(progress), {"id": connection_id})
                if share is not None:
                    report(min(1.0, float(share)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
