"""Prepared: statements that pages run again and again, compiled once and handed to the driver.

SQLAlchemy's own way from a compiled statement to rows takes ten times what SQLite takes to find
one record by its key.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Dialect, Insert, PoolProxiedConnection, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from webadmin.database import connection, refuse_writes, session_connection

T = TypeVar("T")
CURSOR = "webadmin_cursor"
Converter = Callable[[Any], Any]


@dataclass(frozen=True)
class _Asked:
    """What a statement depends on, and what makes it."""

    on: Hashable
    make: Callable[[], Any] = field(compare=False)


def kept(on: Hashable, make: Callable[[], Any]) -> Any:
    """Return the statement that a function makes: the same object each time.

    Args:
        on: All that it depends on, but for the values that it is run with.
        make: Makes it, where it is not kept.
    """
    return _kept(_Asked(on, make))


@lru_cache(maxsize=300)
def _kept(asked: _Asked) -> Any:
    return asked.make()


def rows(
    statement: Any, parameters: Mapping[str, Any], planned: bool = True
) -> Sequence[Sequence[Any]]:
    """Execute a SELECT of columns that is kept, and return its rows as tuples.

    Where something listens to statements SQLAlchemy executes it, so that it is heard.

    Args:
        statement: The same object each time; its values are bound by name.
        parameters: The values.
        planned: Whether PostgreSQL may keep one plan for all values (its manual, PREPARE).

    Raises:
        DBAPIError: As SQLAlchemy raises it.
    """
    link = connection()
    if _is_heard(link):
        return link.execute(statement, parameters).all()
    prepared = _prepared(statement, link.dialect)
    return _handed(link, prepared.sql, lambda cursor: prepared.select(cursor, parameters, planned))


def write(statement: Insert | Update, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """Execute an INSERT or UPDATE that is kept, in the session's transaction; see `rows`.

    Returns:
        What it returns: no rows without RETURNING.

    Raises:
        RuntimeError: The request's method is safe.
    """
    refuse_writes()
    link = session_connection()
    if _is_heard(link):
        result = link.execute(statement, parameters)
        return result.all() if result.returns_rows else ()
    prepared = _prepared(statement, link.dialect)
    act = prepared.select if prepared.types else prepared.run
    return _handed(link, prepared.sql, lambda cursor: act(cursor, parameters) or ())


def write_raw(sql: str, values: Sequence[tuple[Any, ...]]) -> None:
    """Execute a statement as the driver takes it, for each of some values; see `write`."""
    refuse_writes()
    link = session_connection()
    if len(values) > 1 or _is_heard(link):
        link.exec_driver_sql(sql, list(values))
    else:
        _handed(link, sql, lambda cursor: cursor.execute(sql, values[0]))


def tell(link: Connection, sql: str) -> None:
    """Execute a statement that has neither values nor rows, as the driver takes it; see `rows`."""
    if _is_heard(link):
        link.exec_driver_sql(sql)
    else:
        _handed(link, sql, lambda cursor: cursor.execute(sql))


def _is_heard(link: Connection) -> bool:
    """Return whether something listens to what SQLAlchemy executes."""
    heard, failed = link.engine.dispatch, link.dialect.dispatch
    return bool(
        heard.before_cursor_execute
        or heard.after_cursor_execute
        or heard.before_execute
        or heard.after_execute
        or failed.handle_error
    )


def _handed(link: Connection, sql: str, act: Callable[[Any], T]) -> T:
    """Return what comes of acting on a cursor, with errors as SQLAlchemy's."""
    driver, dbapi = link.connection, cast(Any, link.dialect.dbapi)
    try:
        return act(_cursor(driver))
    except dbapi.Error as error:
        driver.info.pop(CURSOR, None)
        lost = link.dialect.is_disconnect(error, driver, None)
        if lost:
            link.invalidate(error)
        raise DBAPIError.instance(
            sql,
            None,
            error,
            dbapi.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=link.dialect,
        ) from error


def _cursor(driver: PoolProxiedConnection) -> Any:
    """Return the cursor of a connection: to make one takes psycopg a quarter of a statement."""
    if CURSOR not in driver.info:
        driver.info[CURSOR] = driver.cursor()
    return driver.info[CURSOR]


@lru_cache(maxsize=300)
def _prepared(statement: Any, dialect: Dialect) -> "_Prepared":
    return _Prepared(statement, dialect)


class _Prepared:
    """A statement as a driver takes it: its text, and what turns values into its own and back."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for mypy  # nosec B101
        self.dialect = dialect
        # With the kinds of single table inheritance, which SQLAlchemy writes in when it executes.
        expanded = compiled.construct_expanded_state(compiled.params)
        self.sql = expanded.statement
        self.constants = dict(expanded.parameters)
        self.names = expanded.positiontup  # None: the driver takes values by name
        self.binders: dict[str, Converter] = dict(expanded.processors)
        for name, bound in compiled.binds.items():
            binder = bound.type.dialect_impl(dialect).bind_processor(dialect)
            if binder is not None and name in self.constants:
                self.binders[name] = binder
        self.types = [column.type for column in getattr(statement, "exported_columns", ())]
        self.unplanned = {"prepare": False} if dialect.driver == "psycopg" else {}
        self.converters: list[Converter | None] | None = None

    def run(self, cursor: Any, parameters: Mapping[str, Any], planned: bool = True) -> None:
        values = {**self.constants, **parameters}
        for name, bind in self.binders.items():
            values[name] = bind(values[name])
        given = values if self.names is None else [values[name] for name in self.names]
        cursor.execute(self.sql, given, **({} if planned else self.unplanned))

    def select(
        self, cursor: Any, parameters: Mapping[str, Any], planned: bool = True
    ) -> Sequence[Sequence[Any]]:
        self.run(cursor, parameters, planned)
        found: Sequence[Sequence[Any]] = cursor.fetchall()
        if self.converters is None:
            self.converters = self._converters(cursor)
        if not any(self.converters):
            return found
        return [
            tuple(
                value if convert is None else convert(value)
                for convert, value in zip(self.converters, row, strict=True)
            )
            for row in found
        ]

    def _converters(self, cursor: Any) -> list[Converter | None]:
        """Return what turns the driver's values into those of the columns' types."""
        if not self.types:  # an EXPLAIN, whose values are taken as the driver gives them
            return []
        return [
            type_.dialect_impl(self.dialect).result_processor(self.dialect, described[1])
            for type_, described in zip(self.types, cursor.description, strict=True)
        ]
